"""The default format of a leaf: native calls where the API gives them, and calls that leaked into the text in any dialect."""

from __future__ import annotations

from react_agent.errors import FormatError
from react_agent.formats.base import RawReply
from react_agent.formats.dialects import STRONG_MARKS
from react_agent.formats.dialects.base import turn_text
from react_agent.formats.leaks import leaked, looks_like_call
from react_agent.formats.live import Live, TagLive
from react_agent.formats.native import EMPTY, LOST_CALL, ONLY_THOUGHTS, NativeFormat, lost_call, malformed
from react_agent.formats.prompts import call_example
from react_agent.formats.reading import cut_reply, is_noted, read_reply, reply_text, scan, spoken_text, unquoted, was_cut
from react_agent.formats.scanner import Step, find_thoughts
from react_agent.messages import Head, Message, ModelReply, ModelRequest, ReadBy, Reading, Thinking, ToolCall

_READ_BY = ReadBy("auto")


class AutoFormat:
    """Asks natively and reads everything."""

    name = "auto"
    version = 1
    native = True

    def __init__(self) -> None:
        self._native = NativeFormat()

    def stop(self, head: Head) -> tuple[str, ...]:
        return ()

    def lower(self, message: Message, before: Message | None, head: Head) -> tuple[Message, ...]:
        return self._native.lower(message, before, head)

    def write(self, reading: Reading) -> str:
        """An answer's text; `FormatError` for calls, and for text that would be taken for one."""
        text = self._native.write(reading)
        found = find_thoughts(text)
        if text != turn_text(text) or looks_like_call(text) or found.blocks or found.orphans or is_noted(text):
            raise FormatError("this answer would be read back as a call or as thinking")
        return text

    def live(self) -> Live:
        return TagLive(STRONG_MARKS)

    def read(self, reply: RawReply, request: ModelRequest) -> ModelReply:
        """Native calls first; without any, the text is searched for a call of an offered tool. Otherwise the text is the answer."""
        if reply.finish == "refused" or reply.refusal is not None or any(type(part) is ToolCall for part in reply.parts):
            return self._native.read(reply, request)
        text = reply_text(reply)
        step, thoughts = scan(text, lambda body, hidden: leaked(body, request.tools, hidden))
        if step.kind == "act":
            said = turn_text(spoken_text(text))
            # A model that makes its calls as the API has it, and puts words around one in its text, quotes it in an answer.
            quotes = _calls_natively(request) and said.replace(text[step.at : step.end].strip(), "", 1).strip() != ""
            own = unquoted(step, text, request, trusted=quotes)
            if own is not step:
                step = Step("answer", 0, len(text), text=said, open=True) if quotes else own
        if step.kind == "none" and step.text:
            step.kind = "answer"
        if was_cut(reply, step):
            return cut_reply(reply, "", _READ_BY)
        if step.kind == "answer" and step.dialect is None and reply.finish == "tool_calls" and lost_call(request):
            return malformed(reply, f"{LOST_CALL} {call_example(request)}".rstrip(), _READ_BY)
        if step.kind in ("act", "answer"):
            if step.dialect is None and not thoughts and not step.repairs and step.text == text.strip():
                return self._native.read(reply, request)
            return read_reply(reply, step, thoughts, text, _READ_BY)
        if step.complaint:
            return malformed(reply, f"{step.complaint} {call_example(request)}".rstrip(), _READ_BY)
        thinks = bool(thoughts) or any(type(part) is Thinking for part in reply.parts)
        return malformed(reply, ONLY_THOUGHTS if thinks else EMPTY, _READ_BY)


def _calls_natively(request: ModelRequest) -> bool:
    """Whether the latest calls came in the API's own fields, of which they keep data; those of a small model may all stand in its text."""
    for message in reversed(request.messages):
        if message.role == "assistant" and message.calls:
            return message.calls[0].provider_data is not None
    return False
