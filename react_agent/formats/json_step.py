"""One JSON object for each step (`dialects.json_step`), prompted with worked examples: the format for small models under a JSON Schema.

A server that takes a schema (see `react_agent.backends.profiles`) is given one made of the offered tools, so that each reply can be read. Others are
only asked for the form.
"""

from __future__ import annotations

from react_agent.formats.base import RawReply
from react_agent.formats.constraint import FREE, Constraint, act_first
from react_agent.formats.dialect import DialectFormat
from react_agent.formats.dialects.base import named_as_offered
from react_agent.formats.live import Live
from react_agent.formats.live_json import StepLive
from react_agent.formats.lossless import write_json
from react_agent.formats.native import MALFORMED, malformed
from react_agent.formats.prompts import closing_thought, last_good_result, shown_tool, tool_list, trajectories, worked_tools
from react_agent.formats.reading import cut_reply, prose_answers, read_reply, refused, reply_text, scan, unquoted, was_cut
from react_agent.formats.step_grammar import json_step_grammar
from react_agent.formats.step_schema import step_schema
from react_agent.formats.tools import FINISH_TOOL, example_arguments
from react_agent.messages import Act, Answer, Head, Message, ModelReply, ModelRequest, Text, ToolCall, ToolChoice, ToolSpec


class JsonStepFormat(DialectFormat):
    """Steps as JSON objects: ``{"thought", "action", "action_input"}`` or ``{"thought", "answer"}``.

    Args:
        tool_first: Under a schema, no answer before a tool has given a good result. None: where all offered tools are read-only.
    """

    def __init__(self, *, tool_first: bool | None = None) -> None:
        super().__init__("json_step")
        self.tool_first = tool_first

    def stop(self, head: Head) -> tuple[str, ...]:
        """No JSON string holds a line break, so this can only follow a step."""
        return ("\nObservation",)

    # --------------------------------------------------------------------------------------------------------- constraint

    def constraint(self, head: Head, tool_choice: ToolChoice, phase: str) -> Constraint | None:
        if not head.tools:
            return None
        answer = phase == FREE
        return Constraint(json_step_grammar(head, tool_choice, answer=answer), step_schema(head, tool_choice, answer=answer))

    def phase(self, request: ModelRequest) -> str:
        return act_first(request, self.tool_first)

    # ------------------------------------------------------------------------------------------------------------- prompt

    def again(self, message: Message) -> str:
        """An answer keeps its thought: the model is to see its own turns as it wrote them."""
        if (
            message.calls
            or not message.text.strip()
            or any(type(part) is Text and part.provider_data == MALFORMED for part in message.parts)
        ):
            return super().again(message)
        return self._dialect.render(Answer(message.thought, message.text))

    def prompt(self, instructions: str, head: Head) -> str:
        """The instructions, the tools, the form of a step, and a worked example for each tool that has one."""
        if not head.tools:
            return instructions
        blocks = [instructions] if instructions.strip() else []
        blocks.append(tool_list(head.tools))
        blocks.append(
            f"Reply with one JSON object in each turn and nothing else. To use a tool:\n\n{self.form()}\n\nThe result then comes as an Observation."
        )
        if head.output_schema is None:
            blocks.append('When you know the answer:\n\n{"thought": "why you know it", "answer": "the answer to the question"}')
        else:
            blocks.append(f"When you know the answer, give it with the action {FINISH_TOOL}.")
        return "\n\n".join([*blocks, *self.shown(head)])

    def form(self) -> str:
        """A turn that calls a tool, described."""
        return '{"thought": "what to do next", "action": "the tool\'s name", "action_input": {its arguments}}'

    def shown(self, head: Head) -> list[str]:
        """The tools' worked examples, and the agent's own; without any, the form shown once with a real tool's name."""
        shown = worked_tools(head)
        blocks = [self._worked(tool, index, head) for index, tool in enumerate(shown)]
        blocks.extend(trajectories(head, self.again))
        tool_ = shown_tool(head)
        return blocks or ([self._sample(tool_, head)] if tool_ is not None else [])

    def _sample(self, tool: ToolSpec, head: Head) -> str:
        """A made-up run with a real tool: that the answer is what the tool gave is learnt from an example or not at all."""
        lines = ["Example:", "", self._example(tool)]
        if head.output_schema is None:
            lines += [f"Observation: {SAMPLE_RESULT}", self._dialect.render(Answer(closing_thought(0), SAMPLE_RESULT))]
        return "\n".join(lines)

    def _worked(self, tool: ToolSpec, index: int, head: Head) -> str:
        example = tool.examples[0]
        lines = [f"Question: {example.question}"] if example.question else []
        lines.append(self._example(tool))
        if example.result is not None:
            lines.append(f"Observation: {example.result}")
            if head.output_schema is None:
                lines.append(self._dialect.render(Answer(closing_thought(index), example.result)))
        return "Example:\n\n" + "\n".join(lines)

    def _example(self, tool: ToolSpec) -> str:
        thought = (tool.examples[0].thought if tool.examples else None) or f"I need the tool {tool.name} for this."
        return self._dialect.render(Act(thought, (ToolCall(tool.name, example_arguments(tool)),)))

    # --------------------------------------------------------------------------------------------------------------- read

    def live(self) -> Live:
        return StepLive()

    def read(self, reply: RawReply, request: ModelRequest) -> ModelReply:
        """The step. Prose is the answer only where nothing else can be expected."""
        if (no := refused(reply, self._read_by)) is not None:
            return no
        text = reply_text(reply)
        step, thoughts = scan(text, lambda body, hidden: self._step(body, request.tools, hidden))
        step = unquoted(step, text, request)
        if step.kind == "none" and prose_answers(step.text, request):
            step.kind, step.repairs = "answer", ("unmarked_answer",) if request.tools else ()
        if was_cut(reply, step):
            return cut_reply(reply, self._corrected(request), self._read_by)
        if step.kind in ("act", "answer"):
            return read_reply(reply, named_as_offered(step, request.tools), thoughts, text, self._read_by)
        what = step.complaint or (NO_OBJECT if step.text else NO_STEP if thoughts or step.thought else NOTHING)
        return malformed(reply, f"{what} Write the next turn exactly like this:\n\n{self._corrected(request)}", self._read_by)

    def _corrected(self, request: ModelRequest) -> str:
        """The turn as it should be: the answer, when there is a good result, since an example of a call would be parroted."""
        known = last_good_result(request)
        tool = shown_tool(request.head)
        if request.head.output_schema is None and (known is not None or tool is None or request.tool_choice == "none"):
            return self._dialect.render(Answer(closing_thought(0), known or "the answer in one sentence"))
        return self._example(tool) if tool is not None else write_json({"thought": "why you know it", "answer": "the answer"})


SAMPLE_RESULT = "17"
NO_OBJECT = "Your reply was no JSON object."
NO_STEP = "Your reply held thoughts only, no action and no answer."
NOTHING = "Your reply was empty."
