"""A native tool-call dialect as a format of its own: for servers that give the model's text as it is."""

from __future__ import annotations

from react_agent.errors import FormatError
from react_agent.formats.base import RawReply
from react_agent.formats.dialects import DIALECTS, STRONG_MARKS
from react_agent.formats.dialects.base import Dialect, named_as_offered
from react_agent.formats.leaks import around, leaked, looks_like_call
from react_agent.formats.live import Live, TagLive
from react_agent.formats.native import EMPTY, MALFORMED, ONLY_THOUGHTS, malformed
from react_agent.formats.prompts import call_example, example_input, observation, shown_tool, tool_list, trajectories, worked_tools
from react_agent.formats.reading import Spans, cut_reply, pseudo_tools, read_reply, refused, reply_text, same_step, scan, unquoted, was_cut
from react_agent.formats.scanner import Step
from react_agent.formats.tools import FINISH_TOOL, Tools, example_arguments
from react_agent.messages import Act, Answer, Head, Malformed, Message, ModelReply, ModelRequest, ReadBy, Reading, Text, ToolCall, ToolSpec


class DialectFormat:
    """Writes and reads one dialect. An answer is the text without a call."""

    version = 1
    native = False

    def __init__(self, name: str) -> None:
        self.name = name
        self._take(DIALECTS[name])

    def _take(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._read_by = ReadBy(self.name)

    def stop(self, head: Head) -> tuple[str, ...]:
        """None: several calls may stand in one reply, and the server ends the turn."""
        return ()

    def lower(self, message: Message, before: Message | None, head: Head) -> tuple[Message, ...]:
        if message.role == "system":
            prompt = self.prompt(message.text, head)
            return (Message("system", (Text(prompt),)),) if prompt else ()
        if message.role == "tool":
            return (observation(message),)
        if message.role == "assistant":
            return (Message("assistant", (Text(self.again(message)),)),)
        return (message,)

    def again(self, message: Message) -> str:
        """An assistant's message as text: a step in this dialect where it can be one."""
        if any(type(part) is Text and part.provider_data == MALFORMED for part in message.parts):
            return message.text
        calls = tuple(call for call in message.calls if call.arguments is not None)
        if not message.calls and not message.text.strip():  # it only thought: no answer of its, not even an empty one
            return ""
        try:
            if calls:
                return self._dialect.render(Act("\n".join(filter(None, (message.thought, message.text.strip()))), calls))
            return self._dialect.render(Answer("", message.text or " ".join(f"{call.name} {call.raw or ''}" for call in message.calls)))
        except (FormatError, ValueError):
            return message.text

    def write(self, reading: Reading) -> str:
        """The text of one step, read back once to be sure.

        Raises:
            FormatError: it could not be read back as the same, for instance because an answer holds a mark of a call.
        """
        if isinstance(reading, Malformed):
            raise FormatError("a malformed reading has no text of its own; its reply's text was kept")
        try:
            text = self._dialect.render(reading)
            text.encode()  # half of a surrogate pair would come back as another character
            tools = pseudo_tools(reading)
            step, thoughts = scan(text, lambda body, hidden: self._step(body, tools, hidden))
        except (ValueError, TypeError, RecursionError) as error:
            raise FormatError(f"{self.name} cannot write this step: {error}") from None
        unmarked = isinstance(reading, Answer) and step.kind == "none"  # then whatever tools there are must not find a call in it
        if not same_step(step, thoughts, reading) or text[step.end :].strip() or (unmarked and looks_like_call(step.text)):
            raise FormatError(
                f"{self.name} cannot write this step such that it would be read back as the same: a part of it looks like a mark of a call"
            )
        return text

    def prompt(self, instructions: str, head: Head) -> str:
        """The instructions, the tools, and the call of one of them in this dialect."""
        if not head.tools:
            return instructions
        blocks = [instructions] if instructions.strip() else []
        blocks.append(tool_list(head.tools))
        end = "answer in plain words" if head.output_schema is None else f"call {FINISH_TOOL} with it"
        blocks.append(
            f"Call a tool when you need it, in exactly the form of the example, and then stop: the result follows. When you know the answer, {end}."
        )
        shown = worked_tools(head) or [tool for tool in (shown_tool(head),) if tool and not head.examples]
        blocks.extend(self._example(tool) for tool in shown)
        blocks.extend(trajectories(head, self.again))
        return "\n\n".join(blocks)

    def _example(self, tool: ToolSpec) -> str:
        question = tool.examples[0].question if tool.examples else None
        try:
            call = self._dialect.render(Act("", (ToolCall(tool.name, example_arguments(tool)),)))
        except (FormatError, ValueError):
            call = f"{tool.name} {example_input(tool)}"
        return f"Example:\n\n{f'Question: {question}' + chr(10) if question else ''}{call}"

    def live(self) -> Live:
        return TagLive((*STRONG_MARKS, *self._dialect.call_marks), self._dialect.shape)

    def _step(self, text: str, tools: Tools, hidden: Spans) -> Step:
        step = self._dialect.step(text, tools, hidden)
        if step.kind != "none" and step.dialect is not None:
            outer = around(text, tools, hidden, step.at)
            if outer is not None and outer.dialect != self.name:
                return outer
            if step.kind == "malformed":  # two dialects may share a mark
                other = leaked(text, tools, hidden)
                if other.kind == "act" and other.at == step.at:
                    return other
            step.dialect = None  # the format's own
            return step
        other = leaked(text, tools, hidden)  # a call in another dialect is no answer either
        return other if other.kind == "act" or (step.kind == "none" and other.kind != "none") else step

    def read(self, reply: RawReply, request: ModelRequest) -> ModelReply:
        if (no := refused(reply, self._read_by)) is not None:
            return no
        text = reply_text(reply)
        step, thoughts = scan(text, lambda body, hidden: self._step(body, request.tools, hidden))
        step = unquoted(step, text, request)
        if step.kind == "none" and step.text:
            step.kind = "answer"
        if was_cut(reply, step):
            tool = shown_tool(request.head)
            return cut_reply(reply, self._example(tool) if tool is not None else "", self._read_by)
        if step.kind in ("act", "answer"):
            return read_reply(reply, named_as_offered(step, request.tools), thoughts, text, self._read_by)
        if step.complaint:
            return malformed(reply, f"{step.complaint} {call_example(request, self._example)}".rstrip(), self._read_by)
        what = ONLY_THOUGHTS if thoughts or step.thought else EMPTY
        return malformed(reply, f"{what} {call_example(request, self._example)}".rstrip(), self._read_by)
