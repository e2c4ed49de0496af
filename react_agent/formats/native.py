"""Native function calling: the API has fields of its own for tools, calls and results, so nothing has to be read from text."""

from __future__ import annotations

from react_agent.errors import FormatError
from react_agent.formats.arguments import read_arguments
from react_agent.formats.base import RawReply
from react_agent.formats.lossless import strict_object
from react_agent.framing import framed_message
from react_agent.messages import (
    Answer,
    Finish,
    Head,
    JsonObject,
    Message,
    ModelReply,
    ModelRequest,
    Part,
    ReadBy,
    Reading,
    Text,
    ToolCall,
)

CUT = (
    "Your reply was cut off because it reached the limit of tokens for one reply, so none of it was used. Write a shorter reply: "
    "at most one short thought, then one complete step."
)
EMPTY = "Your reply was empty. Call one of the tools, or give your answer as text."
ONLY_THOUGHTS = "Your reply held thoughts only, no call and no answer. Call one of the tools, or give your answer as text."
LOST_CALL = "The server says that you called a tool, but no call came with your reply. Make the call again, or give your answer as text."

_READ_BY = ReadBy("native")


class NativeFormat:
    """Calls come as the API's own objects; their arguments are read here and nowhere else."""

    name = "native"
    version = 1
    native = True

    def stop(self, head: Head) -> tuple[str, ...]:
        return ()

    def lower(self, message: Message, before: Message | None, head: Head) -> tuple[Message, ...]:
        """The message itself, with untrusted results framed; a system message that says nothing is left out.

        Examples are turns of the conversation: they stand before the first question.
        """
        if message.role == "tool":
            return (framed_message(message),)
        if head.examples is not None and message.role == "user" and before is not None and before.role == "system":
            return (*(framed_message(said) for example in head.examples for said in example), message)
        return (message,) if message.parts or message.role != "system" else ()

    def write(self, reading: Reading) -> str:
        """An answer's text. Calls have no text here, so `FormatError` is raised for them."""
        if isinstance(reading, Answer) and reading.text.strip() and not reading.thought:
            return reading.text
        raise FormatError(f"native calls are written by the API, not as text: {type(reading).__name__} has no text form; use a text format")

    def read(self, reply: RawReply, request: ModelRequest) -> ModelReply:
        """Calls with their arguments read, or an answer. A call whose arguments are unreadable carries the complaint."""
        if reply.finish in ("length", "refused") or reply.refusal is not None:
            return _without_step(reply)
        parts: list[Part] = []
        repairs: tuple[str, ...] = ()
        acts = speaks = False
        for part in reply.parts:
            if type(part) is ToolCall:
                acts = True
                call, made = read_call(part)
                parts.append(call)
                if made:
                    repairs += made
            else:
                speaks = speaks or (type(part) is Text and bool(part.text.strip()))
                parts.append(part)
        if not acts and not speaks:
            return malformed(reply, ONLY_THOUGHTS if parts and any(type(part) is not Text for part in parts) else EMPTY, _READ_BY)
        if not acts and reply.finish == "tool_calls" and lost_call(request):
            return malformed(reply, LOST_CALL, _READ_BY)
        return ModelReply(
            Message("assistant", tuple(parts), reply.message_data),
            "act" if acts else "answer",
            None,
            reply.finish,
            ReadBy("native", repairs=repairs) if repairs else _READ_BY,
            reply.usage,
            reply.model,
            (),
            None,
            reply.request_id,
            reply.cost,
        )


def lost_call(request: ModelRequest) -> bool:
    """Whether text that ended for a call, of which there is none, only announces it. Said again after a complaint, it is the answer.

    So is such text from then on in that conversation: its server says so of any.
    """
    if not request.tools or request.tool_choice == "none":
        return False
    complained = False
    last: Message | None = None
    for message in request.messages:
        if message.role == "user":
            complained = complained or message.text.startswith(LOST_CALL)
        elif message.role == "assistant":
            if complained and not message.calls and not _is_malformed(message):
                return False
            last, complained = message, False
    return last is None or not _is_malformed(last)


def _is_malformed(message: Message) -> bool:
    return any(type(part) is Text and part.provider_data == MALFORMED for part in message.parts)


def read_call(call: ToolCall) -> tuple[ToolCall, tuple[str, ...]]:
    """The call with its ``raw`` arguments parsed, or with a complaint; and the repairs made.

    No text at all is an empty object: that is how the chat APIs write a call of a tool that takes nothing.
    """
    raw = call.raw
    if raw is None or not raw:
        return ToolCall(call.name, call.arguments or {}, call.complaint, None, call.provider_data), ()
    value = strict_object(raw)
    if value is not None:
        return ToolCall(call.name, value, None, None, call.provider_data), ()
    if not raw.strip():
        return ToolCall(call.name, {}, None, raw, call.provider_data), ()
    read = read_arguments(raw)
    return ToolCall(call.name, read.value, read.complaint, raw, call.provider_data), read.repairs


def malformed(
    reply: RawReply, complaint: str, read_by: ReadBy | None, *, finish: Finish | None = None, raw: str | None = None
) -> ModelReply:
    """A reply that nothing can be done with: its text and thinking stay, calls do not.

    The text is marked, so that a text format shows it again as it was written and not as an answer.
    """
    kept = tuple(Text(part.text, MALFORMED) if type(part) is Text else part for part in reply.parts if type(part) is not ToolCall)
    return ModelReply(
        Message("assistant", kept, reply.message_data),
        "malformed",
        complaint,
        finish or reply.finish,
        read_by,
        reply.usage,
        reply.model,
        raw=raw,
        request_id=reply.request_id,
        cost=reply.cost,
    )


MALFORMED: JsonObject = {"malformed": True}


def _without_step(reply: RawReply) -> ModelReply:
    """Refused by the provider, or cut by the token limit: neither is an answer, and no call of it is certain to be whole."""
    if reply.refusal is not None or reply.finish == "refused":
        words = reply.refusal or "".join(part.text for part in reply.parts if type(part) is Text)
        return malformed(reply, words or "The provider refused to answer and gave no reason.", _READ_BY, finish="refused")
    cut = [part for part in reply.parts if type(part) is ToolCall]
    raw = "\n".join(f"{call.name} {call.raw or ''}" for call in cut) if cut else None
    return malformed(reply, CUT, _READ_BY, raw=raw)
