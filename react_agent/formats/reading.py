"""From a step that a reader found to the reply that the loop gets: the same for all text formats."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pydantic import JsonValue

from react_agent.formats.base import RawReply
from react_agent.formats.native import CUT, malformed
from react_agent.formats.scanner import NO_THOUGHTS, WORKS, Step, bounded, find_thoughts, scratchpad, skip_space, unthink
from react_agent.formats.tools import json_type
from react_agent.messages import Act, Answer, Message, ModelReply, ModelRequest, Part, ReadBy, Reading, Text, Thinking, ToolResult, ToolSpec

Spans = Sequence[tuple[int, int]]
LOOKED_BACK, LOOKED_THROUGH = 100, 1_000_000  # messages, and characters of results in them
_WORD = re.compile(r"\w+")
ReadStep = Callable[[str, Spans], Step]  # the text, and the spans in it that are thinking


def reply_text(reply: RawReply) -> str:
    texts = [part.text for part in reply.parts if type(part) is Text]
    return texts[0] if len(texts) == 1 else "".join(texts)


def refused(reply: RawReply, read_by: ReadBy) -> ModelReply | None:
    """The reply of a provider that refused; None for any other."""
    if reply.refusal is None and reply.finish != "refused":
        return None
    words = reply.refusal or reply_text(reply) or "The provider refused to answer and gave no reason."
    return malformed(reply, words, read_by, finish="refused")


def was_cut(reply: RawReply, step: Step) -> bool:
    """The token limit ended the reply before its step was certainly whole. An answer never is: nothing marks its end."""
    return reply.finish == "length" and (step.open or step.kind != "act")


def read_reply(reply: RawReply, step: Step, thoughts: list[str], text: str, read_by: ReadBy) -> ModelReply:
    """The reply for a step that is an act or an answer. `read_by` gives the format's name and version."""
    parts: list[Part] = [part for part in reply.parts if type(part) is Thinking]
    parts.extend([Thinking(thought) for thought in thoughts])
    if step.thought:
        parts.append(Thinking(step.thought))
    cut = bounded(text[step.end :]) if step.end < len(text) else None
    if step.text:
        parts.append(Text(step.text))
    if step.kind == "act":
        parts.extend(step.calls)
    return ModelReply(
        Message("assistant", tuple(parts), reply.message_data),
        "act" if step.kind == "act" else "answer",
        None,
        reply.finish,
        ReadBy(read_by.format, read_by.version, step.dialect, (step.start, step.end), step.repairs, cut),
        reply.usage,
        reply.model,
        (),
        text if cut is not None or step.repairs or step.dialect else None,
        reply.request_id,
        reply.cost,
    )


def cut_reply(reply: RawReply, example: str, read_by: ReadBy) -> ModelReply:
    return malformed(reply, f"{CUT} Like this:\n\n{example}" if example else CUT, read_by)


def scan(text: str, read: ReadStep) -> tuple[Step, list[str]]:
    """The step in a text, and the thinking before it. Nothing in a thinking block is a step.

    A closing tag that nothing opened means that the prompt's template opened the block: all before it is thinking, unless the tag stands
    inside a complete step.
    """
    found = find_thoughts(text)
    if found is NO_THOUGHTS:
        step, said = _past_scratchpads(text, (), read)
        return step, [thought for thought in said if thought]
    begin = 0
    if found.orphans:
        step = read(text, [*(block[:2] for block in found.blocks), *found.pads])
        thinking = [end for at, end in found.orphans if not (_whole(step) and at > step.at and found.orphans[-1][0] < step.end)]
        begin = thinking[-1] if thinking else 0
    said = [unthink(text[:begin])] if begin else []
    rest = [block for block in found.blocks if block[0] >= begin]
    pads = [pad for pad in found.pads if pad[0] >= begin]
    leading = 0
    for start, end, inner, close in rest:
        if text[begin:start].strip():
            break
        said.append(unthink(text[inner:close]))
        begin, leading = end, leading + 1
    del rest[:leading]
    hidden = [(start - begin, end - begin) for start, end in (*(block[:2] for block in rest), *pads)]
    step, noted = _past_scratchpads(text[begin:], hidden, read)
    said.extend(noted)
    step.start += begin
    step.end += begin
    step.at += begin
    if step.kind != "malformed" and step.text and rest and (step.kind == "act" or step.open):
        step.text, more = find_thoughts(step.text).split(step.text)
        said.extend(more)
    if step.kind == "answer" and not step.text:
        step.kind = "malformed"
    return step, [thought for thought in said if thought]


def spoken_text(text: str) -> str:
    """The text without its thinking blocks."""
    found = find_thoughts(text)
    begin = found.orphans[-1][1] if found.orphans else 0
    return find_thoughts(text[begin:]).split(text[begin:])[0]


def _past_scratchpads(text: str, hidden: Spans, read: ReadStep) -> tuple[Step, list[str]]:
    """The step in a text after the scratchpads with which it begins, and what stands in these. Nothing in one is a step.

    One that is all there is, or that an element follows, may be the form that was asked for: then it is part of the text. So is what begins
    with an analysis and goes on with prose, for it may be half of the answer.
    """
    past, said, work = 0, list[str](), False
    while (pad := scratchpad(text, past)) is not None:
        begin, stop, end = pad
        work = work or (not said and text[skip_space(text, past) : begin] in WORKS)
        past = end
        said.append(text[begin:stop].strip())
        if past == stop:  # never closed: the model was still thinking
            return Step("malformed", end=past, open=True), said
    if not past:
        return read(text, hidden), []
    step = read(text[past:], [(start - past, end - past) for start, end in hidden if end > past])
    if step.kind == "none" and (work or not step.text or step.text.startswith("<")):
        return read(text, [*hidden, (0, past)]), []
    step.start += past
    step.end += past
    step.at += past
    return step, said


def is_noted(text: str) -> bool:
    """Whether a part of an answer with this text would be taken for a scratchpad."""
    step, said = _past_scratchpads(text, (), lambda body, hidden: Step("none", 0, len(body), text=body.strip()))
    return bool(said) or step.kind == "malformed"


def unquoted(step: Step, text: str, request: ModelRequest, *, trusted: bool = False) -> Step:
    """The step; a mistake where its calls stand word for word in what came from an open world.

    A model that only says what a page says has not decided to call anything: else whoever wrote the page could have calls made by whoever reads from it.
    `trusted`: what other tools said counts too, such as the text of a file.
    """
    name = _source(step, text, request, trusted) if step.kind == "act" and not _is_named(step, text, request) else None
    if name is None:
        return step
    complaint = (
        f"The call in your reply stands word for word in the untrusted text from {name}, so it was not run. To tell what stands there, leave it out; "
        "to call a tool, write a call of your own."
    )
    return Step("malformed", step.start, len(text), text=text[: step.at].strip(), complaint=complaint, at=step.at)


def _is_named(step: Step, text: str, request: ModelRequest) -> bool:
    """A call of a tool that only reads, without the marks of a dialect, such as ``read_more(ref="0.0")``: so hints and documents name the next one."""
    name = step.calls[0].name
    if text[step.at : step.at + len(name)].casefold() != name.casefold():
        return False
    reading = {tool.name for tool in request.tools if tool.read_only}
    return all(call.name in reading for call in step.calls)


def _source(step: Step, text: str, request: ModelRequest, trusted: bool) -> str | None:
    """The tool whose text, as far as it counts, among the latest, holds the step's calls, white space aside."""
    call, left = text[step.at : step.end], LOOKED_THROUGH
    words: list[str] | None = None
    for message in reversed(request.messages[-LOOKED_BACK:]):
        if message.role != "tool":
            continue
        for result in message.parts:
            if type(result) is not ToolResult or not (result.untrusted or trusted) or left <= 0:
                continue
            said = result.text
            left -= len(said)
            if words is None:  # a call's own marks, with which it begins, stand in few pages
                words = _WORD.findall(call)
            if words and words[0] in said and all(word in said for word in words) and "".join(call.split()) in "".join(said.split()):
                return result.name
    return None


def _whole(step: Step) -> bool:
    """It is complete, and what it says is enclosed on all sides, so that a mark in it is content."""
    if step.kind == "act":
        return not step.bare and (not step.open or all(call.arguments is not None for call in step.calls))
    return step.kind == "answer" and not step.open


def prose_answers(text: str, request: ModelRequest) -> bool:
    """Prose without a label is the answer only where nothing else can be expected: no tools, or a good result is there already."""
    if not text.strip():
        return False
    if not request.tools or request.tool_choice == "none":
        return True
    if request.head.output_schema is not None or _notes_alone(text):
        return False
    return any(result.ok for message in reversed(request.messages) for result in message.results)


def _notes_alone(text: str) -> bool:
    """Nothing but scratchpads, or elements behind them."""
    past = 0
    while (pad := scratchpad(text, past)) is not None:
        past = pad[2]
    return past > 0 and text[skip_space(text, past) :][:1] in ("", "<")


def same_step(step: Step, thoughts: list[str], reading: Act | Answer) -> bool:
    """Whether a step that was read back is the reading that was written."""
    if "\n".join(filter(None, [*thoughts, step.thought])) != reading.thought:
        return False
    if isinstance(reading, Answer):
        return step.kind in ("answer", "none") and bool(step.text) and step.text == reading.text
    ours = [(call.name, call.arguments) for call in step.calls]
    return step.kind == "act" and not step.text and ours == [(call.name, call.arguments) for call in reading.calls]


def pseudo_tools(reading: Reading) -> tuple[ToolSpec, ...]:
    """Tools that have just the parameters which the calls use, so that a written step can be read back."""
    known: dict[str, dict[str, JsonValue]] = {}
    for call in reading.calls if isinstance(reading, Act) else ():
        shapes = known.setdefault(call.name, {})
        for key, value in (call.arguments or {}).items():
            shapes[key] = {"type": json_type(value)}
    return tuple(ToolSpec(name, "", {"type": "object", "properties": dict(shapes)}) for name, shapes in known.items())
