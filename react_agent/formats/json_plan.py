"""JSON steps whose first one names the tools that will be needed, and which are then held to that plan.

For models too small to remember, after a good result, that something is left to do: of ten chains of two tools one of half a billion parameters solved
none step by step, and eight with a plan; of 18 questions for one of five tools 16 step by step, and 14 with a plan, for it plans more than is needed. So
a larger model is better off with `json_step`. (`benchmarks/small_models.py`)
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import cast

from react_agent.formats.constraint import ACT, FREE, HOPELESS, Constraint, act_first
from react_agent.formats.dialects.json_step import JsonStep
from react_agent.formats.json_step import JsonStepFormat
from react_agent.formats.native import MALFORMED
from react_agent.formats.prompts import chained_examples, closing_thought, trajectories
from react_agent.formats.scanner import Step
from react_agent.formats.step_grammar import json_step_grammar
from react_agent.formats.step_schema import step_schema
from react_agent.formats.tools import FINISH_TOOL, Tools, example_arguments
from react_agent.messages import Act, Answer, Head, JsonObject, Message, ModelRequest, Text, ToolCall, ToolChoice, ToolSpec

_PLAN = re.compile(r"Plan: ([\w.\-]++(?:, [\w.\-]++)*+)(?:\n|\Z)")
_DONE = "done"
MOST_CHAINS = 6


class _JsonPlan(JsonStep):
    """``{"plan": ["look", "add"], "thought": …}``. In neutral messages the plan is the thought's first line, ``Plan: look, add``."""

    name = "json_plan"

    def of(self, value: JsonObject, tools: Tools) -> Step | None:
        plan = value.get("plan")
        if not isinstance(plan, list) or not plan or not all(isinstance(name, str) for name in plan):
            return super().of(value, tools)
        step = super().of({key: member for key, member in value.items() if key != "plan"}, tools)
        if step is not None:
            step.thought = "\n".join(filter(None, (f"Plan: {', '.join(cast('list[str]', plan))}", step.thought)))
        return step

    def render(self, reading: Act | Answer) -> str:
        found = _PLAN.match(reading.thought)
        if found is None:
            return super().render(reading)
        thought = reading.thought[found.end() :]
        rest = super().render(Answer(thought, reading.text) if isinstance(reading, Answer) else Act(thought, reading.calls))
        names = ", ".join(f'"{name}"' for name in found.group(1).split(", "))
        return f'{{"plan": [{names}], {rest[1:]}'


class JsonPlanFormat(JsonStepFormat):
    """`JsonStepFormat` with a plan. Under a grammar each later step calls the plan's next tool, and the answer follows its last."""

    def __init__(self) -> None:
        super().__init__(tool_first=None)
        self.name = "json_plan"
        self._take(_JsonPlan())

    def phase(self, request: ModelRequest) -> str:
        """``plan`` and what may come before there is one, then the ``tool`` that is next, and at last ``done``.

        A step that failed is planned anew; what failed twice in a row is left out of that plan.
        """
        left, failed = _left(request)
        if left is None:
            return f"plan {act_first(request, self.tool_first)}"
        if len(failed) >= HOPELESS:
            return FREE
        if failed:
            may = ACT if all(tool.read_only for tool in request.head.tools) else FREE
            return f"plan {may} {failed[0] if failed[0] in failed[1:] else ''}".rstrip()
        return f"tool {left[0]}" if left else _DONE

    def constraint(self, head: Head, tool_choice: ToolChoice, phase: str) -> Constraint | None:
        if not head.tools:
            return None
        word, _, rest = phase.partition(" ")
        if tool_choice == "auto" and word == "tool":
            tool_choice = rest
        elif tool_choice == "auto" and phase == _DONE:
            tool_choice = "none" if head.output_schema is None else FINISH_TOOL
        plan = word == "plan" and tool_choice == "auto"
        may, _, left_out = rest.partition(" ") if plan else (rest, "", "")
        head, answer = _without(head, left_out), may != ACT
        grammar = json_step_grammar(head, tool_choice, answer=answer, plan=plan)
        return Constraint(grammar, step_schema(head, tool_choice, answer=answer, plan=plan))

    # ------------------------------------------------------------------------------------------------------------- prompt

    def form(self) -> str:
        form = super().form().replace("{", '{"plan": ["tool", "next tool"], ', 1)
        return f"{form}\n\nThe plan stands in the first turn only: the tools that the question needs, in order, as few as possible."

    def shown(self, head: Head) -> list[str]:
        blocks = super().shown(head)
        chains = trajectories(Head(examples=chained_examples(head, MOST_CHAINS)), self.again)
        # In turns: after several examples of one kind a small model plans that kind whatever is asked.
        return [block for pair in zip_longest(blocks, chains) for block in pair if block is not None]

    def _example(self, tool: ToolSpec) -> str:
        thought = (tool.examples[0].thought if tool.examples else None) or closing_thought(1)
        return self._dialect.render(Act(f"Plan: {tool.name}\n{thought}", (ToolCall(tool.name, example_arguments(tool)),)))


def _without(head: Head, name: str) -> Head:
    """The head without the tool of that name, as long as there is another."""
    tools = tuple(tool for tool in head.tools if tool.name != name)
    return head if len(tools) == len(head.tools) or not tools else Head(tools, head.settings, head.output_schema, head.examples)


def _left(request: ModelRequest) -> tuple[list[str] | None, list[str]]:
    """What is left of the plan for the present question, None where there is none; and the tools of the last steps without a good result."""
    done: list[str] = []
    failed: list[str] = []
    left: list[str] | None = None
    known = {tool.name for tool in request.head.tools}
    for message in reversed(request.messages):
        if message.role == "tool":
            done.extend([result.name for result in message.results if result.ok])
            if not done:
                failed.append(message.results[0].name)
        elif message.role == "assistant":
            if left is None and message.calls and (found := _PLAN.match(message.thought)) is not None:
                left = [name for name in found.group(1).split(", ") if name in known]
                for name in done:
                    if name in left:
                        left.remove(name)
            if _answers(message) or (left is not None and done):
                break
    return left, failed


def _answers(message: Message) -> bool:
    """An earlier question ended here."""
    return not message.calls and any(type(part) is Text and part.provider_data != MALFORMED for part in message.parts)
