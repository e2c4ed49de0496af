"""gpt-oss: ``<|channel|>commentary to=functions.f <|constrain|>json<|message|>{…}<|call|>`` (OpenAI's harmony response format)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from react_agent.formats.dialects.base import Block, Dialect, arguments_of, named_json, turn_text
from react_agent.formats.lossless import write_json
from react_agent.formats.scanner import Step, cut_in, skip_space
from react_agent.formats.tools import Tools, find_tool, unknown
from react_agent.messages import Act, Answer, ToolCall

_TOKEN = re.compile(r"<\|(start|channel|constrain|message|end|call|return|eom|eot)\|>")
_TO = re.compile(r"\bto=([^\s<]++)")
_CHANNEL = re.compile(r"<\|channel\|>\s*+(\w++)")
_AFTER = ("<|call|>", "<|end|>", "<|return|>", "<|start|>")
_PEOPLE = ("assistant", "user", "self", "developer")  # recipients that are no tools
_HEADERS = ("<|channel|>", "<|start|>")
_NO_BODY = "A message's header has no end: <|message|> and what it says are missing."
_LOST = "Its arguments stand there, but no function: a call's header has to=functions and the name."
_ENDS = frozenset({"end", "call", "return", "start", "eom", "eot"})


class _Harmony(Dialect):
    """A reply is a run of messages, each with a channel and perhaps a recipient. ``analysis`` is thinking, ``final`` the answer."""

    name = "harmony"
    markers = ("<|channel|>", "<|start|>assistant", "<|message|>")

    @property
    def call_marks(self) -> tuple[str, ...]:
        """None: a message is a call by its header."""
        return ()

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        return None  # messages are read as a whole, by `step`

    def step(self, text: str, tools: Tools, hidden: Sequence[tuple[int, int]] = ()) -> Step:
        thoughts: list[str] = []
        if hidden:
            text, thoughts = _without_thinking(text, hidden)
        token = _TOKEN.search(text)
        if token is None:
            return Step("none", 0, len(text), "\n".join(thoughts), text=turn_text(text), open=True)
        said: list[str] = []
        calls: list[ToolCall] = []
        at = end = first = 0
        is_open, lost = True, False
        while at < len(text):
            header, body, stop, is_open = _message(text, at)
            to = _TO.search(header)
            name = to.group(1) if to is not None else ""
            if to is not None and name not in _PEOPLE:
                call, stop, is_open = self._call(text, name, body, stop, is_open, tools)
                if isinstance(call, str):
                    if calls:
                        break
                    return Step("malformed", 0, len(text), "\n".join(thoughts), complaint=call, open=is_open, dialect=self.name, at=at)
                first = first if calls else at + to.start()
                calls.append(call)
            elif calls:
                cut_header = not header and text.startswith(_HEADERS, at)
                is_open = cut_header or cut_in(text, at, _AFTER)
                break
            else:
                part = text[body:stop].strip()
                if not header and part.startswith(_HEADERS):
                    return Step("malformed", 0, len(text), complaint=_NO_BODY, open=is_open, dialect=self.name, at=at)
                kind = _kind(header, name, part, ended=text.startswith("<|end|>", stop))
                if kind == "thought":
                    thoughts.append(part)
                elif kind != "aside":
                    said.append(part)
                    lost = kind == "arguments"
                if kind == "final":
                    end = _past(text, stop)
                    break
            past = _past(text, stop)
            at = end = past if past > at else len(text)
        thought, words = "\n".join(filter(None, thoughts)), "\n".join(filter(None, said))
        if calls:
            return Step("act", 0, end, thought, tuple(calls), words, open=is_open, dialect=self.name, at=first)
        if words and not lost:
            return Step("answer", 0, end, thought, text=words, open=True, dialect=self.name, at=token.start())
        complaint = _LOST if lost else "The reply holds thoughts only."
        return Step("malformed", 0, end, thought, complaint=complaint, open=True, dialect=self.name, at=token.start())

    def _call(self, text: str, name: str, body: int, stop: int, is_open: bool, tools: Tools) -> tuple[ToolCall | str, int, bool]:
        """The call, or the complaint; and where its message ends."""
        bare = name.removeprefix("functions.")
        begin = skip_space(text, body)
        if not text.startswith("{", begin):
            tool, _ = find_tool(tools, bare)
            reason = f"The arguments of {bare[:80]} are not one JSON object." if tool is not None else unknown(tools, bare)
            return reason, stop, is_open
        block = named_json(text, bare, begin, tools)
        if block.complaint:
            return block.complaint, stop, block.open or is_open
        after = skip_space(text, block.end)
        token = _TOKEN.match(text, after)
        if after < len(text) and token is None and not cut_in(text, after, _AFTER):
            return f"After the arguments of {bare[:80]} stands other text.", stop, False
        return block.calls[0], after, token is None

    def render(self, reading: Act | Answer) -> str:
        lead = f"<|channel|>analysis<|message|>{reading.thought}<|end|><|start|>assistant" if reading.thought else ""
        if isinstance(reading, Answer):
            return f"{lead}<|channel|>final<|message|>{reading.text}<|return|>"
        return lead + self.write_calls(reading.calls)

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        one = "<|channel|>commentary to=functions.{} <|constrain|>json<|message|>{}<|call|>"
        return "<|start|>assistant".join(one.format(call.name, write_json(arguments_of(call))) for call in calls)


def _without_thinking(text: str, hidden: Sequence[tuple[int, int]]) -> tuple[str, list[str]]:
    """The text with the blocks of thinking before its first message blanked out, as far as they hold tokens; and what they say."""
    pieces: list[str] = []
    said: list[str] = []
    at = 0
    for start, end in sorted(hidden):
        start = max(start, at)
        token = _TOKEN.search(text, at)
        if token is None or token.start() < start:
            break
        if token.start() < end:
            pieces += (text[at:start], " " * (end - start))
            said.append(text[start:end].strip())
        else:
            pieces.append(text[at:end])
        at = max(at, end)
    return "".join([*pieces, text[at:]]), said


def _message(text: str, at: int) -> tuple[str, int, int, bool]:
    """Header, start and end of the body of the message at `at`; and whether only the text's end ends it."""
    found = _TOKEN.search(text, at)
    if (
        found is not None
        and found.group(1) in ("start", "channel")
        and _TO.search(lead := text[at : found.start()]) is None
        and lead.strip()
    ):
        return "", at, found.start(), False  # text before the first header
    if found is not None and found.group(1) == "start" and not text[at : found.start()].strip():
        found = _TOKEN.search(text, found.end())
    while found is not None and found.group(1) in ("channel", "constrain"):
        found = _TOKEN.search(text, found.end())
    if found is None or found.group(1) != "message":
        # the prompt held the header, and this is the rest of its body
        return "", at, found.start() if found else len(text), found is None
    body = found.end()
    closing = _TOKEN.search(text, body)
    while closing is not None and closing.group(1) not in _ENDS:
        closing = _TOKEN.search(text, closing.end())
    return text[at:body], body, closing.start() if closing else len(text), closing is None


def _kind(header: str, to: str, said: str, *, ended: bool) -> str:
    """What a message to nobody's tool is: a ``thought``, the ``final`` answer, ``arguments`` whose call has lost its name, other ``words``, or an
    ``aside``, which is passed over."""
    channel = _CHANNEL.findall(header)[-1:]
    if channel == ["analysis"] or to == "self" or (not header and ended):
        return "thought"
    if to == "developer":
        return "aside"
    if channel == ["commentary"] and said.startswith("{"):
        return "arguments"
    return "final" if channel == ["final"] else "words"


def _past(text: str, at: int) -> int:
    """After the token that ends a message; one that begins the next stays."""
    found = _TOKEN.match(text, at)
    return found.end() if found is not None and found.group(1) != "start" else at


DIALECT = _Harmony()
