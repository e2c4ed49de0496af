"""Thought/Action/Observation text (Yao et al., 2022, arXiv 2210.03629), for any model that can continue a text.

What is written is ``Thought: …``, ``Action: name``, ``Action Input: {…}``, and ``Final Answer: …``; several calls of one step are one JSON
list after ``Action:``. What is read is all of that in many spellings, and the paper's own; see `react_steps`.
"""

from __future__ import annotations

import re

from pydantic import JsonValue

from react_agent.errors import FormatError
from react_agent.formats.base import RawReply
from react_agent.formats.constraint import FREE, Constraint, act_first
from react_agent.formats.leaks import around, leaked
from react_agent.formats.live import Live
from react_agent.formats.live_labels import LabelLive
from react_agent.formats.lossless import write_json
from react_agent.formats.native import MALFORMED, malformed
from react_agent.formats.prompts import (
    closing_thought,
    example_input,
    last_good_result,
    observation,
    shown_tool,
    tool_list,
    trajectories,
    worked_tools,
)
from react_agent.formats.react_steps import StepReader
from react_agent.formats.reading import (
    Spans,
    cut_reply,
    prose_answers,
    pseudo_tools,
    read_reply,
    refused,
    reply_text,
    same_step,
    scan,
    unquoted,
    was_cut,
)
from react_agent.formats.scanner import Step, turn_end
from react_agent.formats.step_grammar import react_grammar
from react_agent.formats.tools import FINISH_TOOL, Tools, example_arguments
from react_agent.messages import (
    Answer,
    Head,
    Malformed,
    Message,
    ModelReply,
    ModelRequest,
    ReadBy,
    Reading,
    Text,
    ToolCall,
    ToolChoice,
)

_THOUGHT_LABEL = re.compile(r"^[*_`]*+thought[ \t]*+[0-9]*+[*_`]*+[:：][*_`]*+\s*+", re.IGNORECASE)


class ReactTextFormat:
    """Steps as labelled text.

    Args:
        tool_first: Under a grammar, no answer before a tool has given a good result. None: where all offered tools are read-only.
    """

    name = "react_text"
    version = 1
    native = False

    def __init__(self, *, tool_first: bool | None = None) -> None:
        self.tool_first = tool_first
        self._read_by = ReadBy(self.name)

    def constraint(self, head: Head, tool_choice: ToolChoice, phase: str) -> Constraint | None:
        return Constraint(react_grammar(head, tool_choice, answer=phase == FREE)) if head.tools else None

    def phase(self, request: ModelRequest) -> str:
        return act_first(request, self.tool_first)

    def stop(self, head: Head) -> tuple[str, ...]:
        """At the start of a line only: the word may stand in an argument."""
        return ("\nObservation",)

    # -------------------------------------------------------------------------------------------------------------- write

    def lower(self, message: Message, before: Message | None, head: Head) -> tuple[Message, ...]:
        if message.role == "system":
            prompt = self.prompt(message.text, head)
            return (Message("system", (Text(prompt),)),) if prompt else ()
        if message.role == "tool":
            return (observation(message),)
        if message.role == "assistant":
            return (Message("assistant", (Text(self.again(message, head.tools)),)),)
        return (message,)

    def again(self, message: Message, tools: Tools = ()) -> str:
        """An assistant message as the text of a step; a reply that could not be read stands there as it was written."""
        if any(type(part) is Text and part.provider_data == MALFORMED for part in message.parts):
            return message.text
        calls = message.calls
        if not calls and not message.text.strip():  # it only thought: no answer of its, not even an empty one
            return f"Thought: {message.thought}" if message.thought else ""
        if not calls:
            return self.render(message.thought, None, message.text, tools)
        return self.render("\n".join(filter(None, (message.thought, message.text.strip()))), calls, "", tools)

    def render(self, thought: str, calls: tuple[ToolCall, ...] | None, answer: str, tools: Tools = ()) -> str:
        """The text of one step, unchecked. `tools`: those that are offered, where they are known."""
        lead = f"Thought: {thought}\n" if thought else ""
        if calls is None:
            return f"{lead}Final Answer: {answer}"
        if len(calls) == 1:
            return f"{lead}Action: {calls[0].name}\nAction Input: {_input(calls[0])}"
        items: list[JsonValue] = [{"action": call.name, "action_input": _as_json(call)} for call in calls]
        return f"{lead}Action: {write_json(items)}"

    def write(self, reading: Reading) -> str:
        """The text of one step, read back once to be sure.

        Raises:
            FormatError: it would be read as something else, for instance because a thought holds a line ``Action: …``.
        """
        if isinstance(reading, Malformed):
            raise FormatError("a malformed reading has no text of its own; its reply's text was kept")
        calls = None if isinstance(reading, Answer) else reading.calls
        if any(call.arguments is None for call in calls or ()):
            raise FormatError("a call whose arguments could not be read cannot be written")
        try:
            text = self.render(reading.thought, calls, reading.text if isinstance(reading, Answer) else "")
            step, more = read_text(text, pseudo_tools(reading))
        except (ValueError, TypeError, RecursionError) as error:
            raise FormatError(f"react_text cannot write this step: {error}") from None
        if not same_step(step, more, reading) or text[step.end :].strip():
            raise FormatError(
                "react_text cannot write this step such that it would be read back as the same: a line of its text looks like a label "
                "(Thought:, Action:, Observation:, Final Answer:), or it has outer white space, or its arguments are not JSON"
            )
        return text

    def prompt(self, instructions: str, head: Head) -> str:
        """The system message: the instructions, the tools, the form of a step, worked examples."""
        if not head.tools:
            return instructions
        names = ", ".join(tool.name for tool in head.tools)
        blocks = [instructions] if instructions.strip() else []
        blocks.append(tool_list(head.tools))
        blocks.append(
            "Answer step by step. In each step write one thought and one action, in exactly this form, and then stop:\n\n"
            f"Thought: what you know and what to do next\nAction: one of {names}\nAction Input: the arguments as one JSON object\n\n"
            "The result then comes as a line that begins with Observation. Never write that line yourself."
        )
        if head.output_schema is None:
            blocks.append("When you know the answer, write:\n\nThought: why you know it\nFinal Answer: the answer to the question")
        else:
            blocks.append(f"When you know the answer, give it with the action {FINISH_TOOL}.")
        blocks.extend(self.examples(head))
        return "\n\n".join(blocks)

    def examples(self, head: Head) -> list[str]:
        """One worked example for each tool that has one, and the agent's own; without any, the form shown once with a real tool's name."""
        blocks = []
        shown = worked_tools(head)
        for index, tool in enumerate(shown):
            example = tool.examples[0]
            lines = [f"Question: {example.question}"] if example.question else []
            thought = example.thought or f"I need the tool {tool.name} for this."
            lines.append(self.render(thought, (ToolCall(tool.name, example.arguments),), "", head.tools))
            if example.result is not None:
                lines.append(f"Observation: {example.result}")
                if head.output_schema is None:
                    lines.append(self.render(closing_thought(index), None, example.result, head.tools))
            blocks.append("Example:\n\n" + "\n".join(lines))
        blocks.extend(trajectories(head, lambda message: self.again(message, head.tools)))
        tool_ = shown_tool(head)
        if not blocks and tool_ is not None:
            call = ToolCall(tool_.name, example_arguments(tool_))
            blocks.append("Example of a step:\n\n" + self.render(f"I need the tool {tool_.name} for this.", (call,), "", head.tools))
        return blocks

    # --------------------------------------------------------------------------------------------------------------- read

    def live(self) -> Live:
        return LabelLive()

    def read(self, reply: RawReply, request: ModelRequest) -> ModelReply:
        """The first complete step of the text. What follows it is cut off and recorded."""
        if (no := refused(reply, self._read_by)) is not None:
            return no
        written = reply_text(reply)
        text, echoed = _without_echo(written, request)
        step, thoughts = read_text(text, request.tools)
        step = unquoted(step, text, request)
        if echoed and step.kind in ("act", "answer"):
            step.repairs = ("echoed_observation", *step.repairs)
        if step.kind == "none" and prose_answers(step.text, request):
            step.kind, step.repairs = "answer", ("unmarked_answer",)
        if was_cut(reply, step):
            return cut_reply(reply, _example(request), self._read_by)
        if step.kind not in ("act", "answer"):
            return malformed(reply, _complaint(step, request, thinks=bool(thoughts)), self._read_by)
        return read_reply(reply, step, thoughts, written, self._read_by)


def _without_echo(text: str, request: ModelRequest) -> tuple[str, bool]:
    """The text with an observation blanked out that the model only says again before it goes on: small ones begin so.

    Only one that it was really shown last, to the letter; anything else called an observation is made up.
    """
    if not text.lstrip().startswith("Observation"):
        return text, False
    shown = next((message for message in reversed(request.messages) if message.role == "tool"), None)
    if shown is None:
        return text, False
    said = observation(shown).text
    start = len(text) - len(text.lstrip())
    for echo in (said, said.split("\nNote:", 1)[0]):  # with or without the advice that came with it
        end = start + len(echo)
        if text.startswith(echo, start) and (end == len(text) or text[end] == "\n"):
            return " " * end + text[end:], True
    return text, False


def read_text(text: str, tools: Tools) -> tuple[Step, list[str]]:
    """The step in a Thought/Action text, and the thinking blocks before it."""

    def read(body: str, hidden: Spans) -> Step:
        step = StepReader(body, tools, hidden).step()
        if step.kind in ("act", "answer"):
            other = around(body, tools, hidden, step.at, labels=False)
            return _as_ours(other) if other is not None else step
        if step.kind == "none" or not step.complaint:
            other = leaked(body, tools, hidden, labels=False)  # a model may fall back into the dialect it was trained on
            if other.kind in ("act", "answer") and other.dialect is not None:
                return _as_ours(other)
        return step

    return scan(text[: turn_end(text)], read)


def _as_ours(step: Step) -> Step:
    """A step of another dialect: what stands before its calls is a thought here."""
    if step.kind == "act":
        step.thought, step.text = step.thought or _THOUGHT_LABEL.sub("", step.text, count=1), ""
    return step


# ------------------------------------------------------------------------------------------------------------------- prompts


def _input(call: ToolCall) -> str:
    return write_json(call.arguments) if call.arguments is not None else call.raw or ""


def _as_json(call: ToolCall) -> JsonValue:
    return call.arguments if call.arguments is not None else call.raw or ""


def _example(request: ModelRequest) -> str:
    tool = shown_tool(request.head)
    if tool is None or request.tool_choice == "none":
        return "Final Answer: the answer in one sentence"
    known = last_good_result(request)
    if known is not None and request.head.output_schema is None:  # an example call would be parroted, and run
        return f"Thought: {closing_thought(0)}\nFinal Answer: {known}"
    step = f"Thought: I need the tool {tool.name} for this.\nAction: {tool.name}\nAction Input: {example_input(tool)}"
    return (
        f"{step}\n\nor, if you know the answer:\n\nFinal Answer: the answer in one sentence" if request.head.output_schema is None else step
    )


def _complaint(step: Step, request: ModelRequest, *, thinks: bool) -> str:
    """What is wrong, and the reply as it should be: small models follow an example where they parrot a description."""
    if step.complaint:
        what = step.complaint
    elif step.kind == "none" and not step.text:
        what = "Your reply held thoughts only, no action and no final answer." if thinks else "Your reply was empty."
    else:
        what = "Your reply held no action and no final answer."
    return f"{what} Write the next step exactly like this:\n\n{_example(request)}"
