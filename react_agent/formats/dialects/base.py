"""What a dialect is: the marks that open a call, how a block of calls is read, and how it is written.

A dialect is *strong* if its marks are never ordinary text (tags, control tokens): then a broken call is a mistake to complain about. It
is *weak* if ordinary prose or JSON could look the same: then only what is exactly a call of an offered tool is taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from pydantic import JsonValue

from react_agent.errors import FormatError
from react_agent.formats.arguments import read_arguments
from react_agent.formats.live import PLAIN, Shape
from react_agent.formats.lossless import Unreadable, place, read_value, strict_object, write_json
from react_agent.formats.scanner import Hidden, Step, any_of, cut_in, fence_at, skip_space, spoken_of, turn_end
from react_agent.formats.tools import Tools, accepted, coerce, find_tool, from_text, json_type, properties, takes_nothing, unknown
from react_agent.messages import Act, Answer, JsonObject, ToolCall, ToolSpec

NAME_KEYS = ("name", "tool_name", "function", "tool", "action", "recipient_name")
ARGUMENT_KEYS = ("arguments", "parameters", "args", "action_input", "tool_input", "tool_arguments", "input")
EXTRA_KEYS = frozenset({"id", "type", "tool_call_id", "call_id", "index", "thought"})


@dataclass(slots=True)
class Block:
    """Calls that stand together in a text, and where they end.

    Attributes:
        complaint: The marks are there but nothing can be read between them.
        open: Nothing after the block shows that it is whole.
    """

    end: int
    calls: tuple[ToolCall, ...] = ()
    complaint: str = ""
    repairs: tuple[str, ...] = ()
    open: bool = False


class Dialect:
    """One way of writing calls. Subclasses give `block` and `write_calls`."""

    name = ""
    markers: tuple[str, ...] = ()
    think = ("<think>\n", "\n</think>\n\n")
    shape: Shape = PLAIN

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        """The block whose marker stands at `at`; None if what follows is not this dialect's."""
        raise NotImplementedError

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        """Raises FormatError or ValueError for what has no text here."""
        raise NotImplementedError

    def write_answer(self, text: str) -> str:
        return text

    def step(self, text: str, tools: Tools, hidden: Sequence[tuple[int, int]] = ()) -> Step:
        """The first step of a text; kind ``none`` where there is none of this dialect. `hidden`: thinking blocks, in which nothing is a mark."""
        return first_step(text, tools, hidden, (self,), self._search)

    @property
    def call_marks(self) -> tuple[str, ...]:
        """After one of these, while a reply is still coming, stands a call."""
        return self.markers

    @cached_property
    def _search(self) -> re.Pattern[str]:
        return marker_search((self,))

    def render(self, reading: Act | Answer) -> str:
        """The text of one step, unchecked."""
        lead = f"{self.think[0]}{reading.thought}{self.think[1]}" if reading.thought else ""
        return lead + (self.write_answer(reading.text) if isinstance(reading, Answer) else self.write_calls(reading.calls))


# ------------------------------------------------------------------------------------------------------- finding the step


def marker_search(dialects: Iterable[Dialect]) -> re.Pattern[str]:
    """One search for the marks of all these dialects."""
    return any_of(mark for dialect in dialects for mark in dialect.markers)


def first_step(text: str, tools: Tools, hidden: Sequence[tuple[int, int]], dialects: Sequence[Dialect], search: re.Pattern[str]) -> Step:
    """The first block of calls in any of the dialects, with those that follow it directly; else the text as it is.

    `search` finds their marks: `marker_search(dialects)`, made once.
    """
    covered = Hidden(list(hidden)) if hidden else None
    found = search.search(text)
    while found is not None:
        at, mark = found.start(), found.group()
        if covered is not None and (past := covered.past(at)) != at:
            found = search.search(text, past)
            continue
        if (past := spoken_of(text, at, found.end())) > 0:
            found = search.search(text, past)
            continue
        for dialect in dialects:
            if mark in dialect.markers:
                block = dialect.block(text, at, tools)
                if block is not None:
                    return _step_of(text, at, block, dialect, tools)
        return Step("malformed", 0, len(text), text=text[:at].strip(), complaint=f"After {mark} no call can be read.", open=True, at=at)
    return Step("none", 0, len(text), text=turn_text(text), open=True)


def _step_of(text: str, at: int, block: Block, dialect: Dialect, tools: Tools) -> Step:
    calls, repairs = list(block.calls), list(block.repairs)
    following: Block | None = block
    while following is not None and not following.complaint:
        block = following
        begin = skip_space(text, block.end)
        following = None
        if any(text.startswith(mark, begin) for mark in dialect.markers):
            following = dialect.block(text, begin, tools)
            if following is not None and not following.complaint:
                calls.extend(following.calls)
                repairs.extend(following.repairs)
            elif following is None or following.open:
                block.open = True  # a further call was cut: the batch is not whole
        elif begin < len(text) and cut_in(text, begin, dialect.markers):
            block.open = True
    lead = text[:at].strip()
    if not calls:
        return Step(
            "malformed",
            skip_space(text, 0),
            block.end,
            text=lead,
            complaint=block.complaint or "The call is empty.",
            open=block.open,
            dialect=dialect.name,
            at=at,
        )
    return Step(
        "act", skip_space(text, 0), block.end, "", tuple(calls), lead, "", tuple(dict.fromkeys(repairs)), block.open, dialect.name, at
    )


def named_as_offered(step: Step, tools: Tools) -> Step:
    """The step with tools' names as they are offered, where the model wrote one in another case."""
    calls = []
    for call in step.calls:
        tool, repair = find_tool(tools, call.name)
        if tool is not None and repair is not None:
            call = ToolCall(tool.name, call.arguments, call.complaint, call.raw)
            step.repairs = (*step.repairs, *(() if repair in step.repairs else (repair,)))
        calls.append(call)
    step.calls = tuple(calls)
    return step


def turn_text(text: str) -> str:
    """An answer's text without the control tokens that ended the turn."""
    return text[: turn_end(text)].strip()


# --------------------------------------------------------------------------------------------------------------- JSON calls


def json_calls(text: str, at: int, tools: Tools, what: str) -> Block:
    """A call object, or a list of them, that begins at `at`."""
    if at >= len(text) or text[at] not in "{[":
        return Block(len(text), complaint=f"After {what} there is no JSON.", open=at >= len(text))
    try:
        value, end, repairs = read_value(text, at)
    except Unreadable as error:
        reason = f"The call after {what} cannot be read: {error.reason} ({place(text, error.at)})."
        return Block(len(text), complaint=reason, open=error.ended)
    items = value if isinstance(value, list) else [value]
    calls = [call_of(item, tools) for item in items]
    if not calls or not all(calls):
        return Block(end, complaint=f"The JSON after {what} is no call: it must have a name and its arguments.", open=end == len(text))
    return Block(end, tuple(call for call in calls if call), "", repairs, open=end == len(text))


def call_of(item: JsonValue, tools: Tools) -> ToolCall | None:
    """The call that a JSON object says; None if it is no call."""
    if not isinstance(item, dict):
        return None
    inner = item.get("function")
    if isinstance(inner, dict) and set(item) <= {"function", *EXTRA_KEYS}:
        item = inner
    names = [key for key in NAME_KEYS if isinstance(item.get(key), str)]
    inputs = [key for key in ARGUMENT_KEYS if key in item]
    if len(names) != 1 or len(inputs) > 1 or not item[names[0]] or set(item) - {*names, *inputs, *EXTRA_KEYS}:
        return None
    return call_with(str(item[names[0]]), item[inputs[0]] if inputs else None, tools)


def call_with(name: str, value: JsonValue, tools: Tools) -> ToolCall:
    """A call with the arguments' value as it stood in the JSON."""
    if isinstance(value, dict):
        return ToolCall(name, value)
    tool, _ = find_tool(tools, name)
    if isinstance(value, str):
        return _call_with_text(name, value, tool)
    if value is None and tool is not None and takes_nothing(tool):
        return ToolCall(name, {})
    what = "there are none" if value is None else f"they are {json_type(value)}"
    return ToolCall(name, None, f"The arguments of {name[:80]} are not one JSON object: {what}.", write_json(value))


def _call_with_text(name: str, value: str, tool: ToolSpec | None) -> ToolCall:
    """Arguments that are a string: JSON once more, or the text for the only parameter."""
    found = strict_object(value)
    if found is None and tool is not None and not value.lstrip().startswith("{"):
        try:
            return ToolCall(name, from_text(tool, value), None, value)
        except Unreadable as error:
            return ToolCall(name, None, f"The arguments of {name} cannot be read: {error.reason}.", value)
    return ToolCall(name, found, None if found is not None else read_arguments(value).complaint, value)


def named_json(text: str, name: str, at: int, tools: Tools) -> Block:
    """A call whose name stood before and whose arguments are the JSON object at `at`."""
    try:
        if at >= len(text) or text[at] != "{":
            raise Unreadable("there is no JSON object", at, ended=at >= len(text))
        value, end, repairs = read_value(text, at)
    except Unreadable as error:
        reason = f"The arguments of {name[:80]} are not one JSON object: {error.reason} ({place(text, error.at)})."
        return Block(len(text), complaint=reason, open=error.ended)
    return Block(end, (call_with(name, value, tools),), "", repairs, open=end == len(text))


def closed_by(text: str, block: Block, *closers: str, following: str = "") -> Block:
    """The block with the closing mark after it, if there is one. Without it, JSON that is whole is whole all the same.

    `following` is the mark of a further block, which may stand there too.
    """
    if block.complaint:
        return block
    at = skip_space(text, block.end)
    for closer in closers:
        if text.startswith(closer, at):
            block.end, block.open = at + len(closer), False
            return block
    block.open = block.open or cut_in(text, at, (*closers, following))
    if at < len(text) and text[at] in "{}[],;\"'" and not (following and text.startswith(following, at)):
        return Block(block.end, complaint=f"After the call stands {text[at : at + 20]!r}.", open=False)
    return block


class JsonTags(Dialect):
    """Calls as JSON between an opening mark and, mostly, a closing one."""

    def __init__(
        self, name: str, pairs: dict[str, str], *, keys: tuple[str, str] = ("name", "arguments"), as_list: bool = False, line: str = "\n"
    ) -> None:
        self.name = name
        self.pairs = pairs
        self.markers = tuple(pairs)
        self.keys = keys
        self.as_list = as_list
        self.line = line

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        mark = next(mark for mark in sorted(self.markers, key=len, reverse=True) if text.startswith(mark, at))
        begin = skip_space(text, at + len(mark))
        if begin < len(text) and text[begin] not in "{[":
            if not text.startswith("```", begin):
                return None
            return self._fenced(text, begin, tools, mark)
        return closed_by(text, json_calls(text, begin, tools, mark), *filter(None, (self.pairs[mark],)))

    def _fenced(self, text: str, at: int, tools: Tools, mark: str) -> Block:
        fence = fence_at(text, at, "```")
        begin = skip_space(text, at + 3 + len(text[at + 3 :].split("{", 1)[0].split("[", 1)[0]))
        block = closed_by(text, json_calls(text, begin, tools, mark), "```")
        if block.complaint or fence[2] < 0:
            return block
        block.repairs = (*block.repairs, "code_fence")
        return closed_by(text, block, *filter(None, (self.pairs[mark],)))

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        opening = self.markers[0]
        items = [cast(JsonValue, {self.keys[0]: call.name, self.keys[1]: arguments_of(call)}) for call in calls]
        if self.as_list:
            return f"{opening}{write_json(items)}{self.pairs[opening]}"
        return "\n".join(f"{opening}{self.line}{write_json(item)}{self.line}{self.pairs[opening]}" for item in items)


def arguments_of(call: ToolCall) -> JsonObject:
    if call.arguments is None:
        raise FormatError(f"the call of {call.name} has no readable arguments")
    return call.arguments


# ---------------------------------------------------------------------------------------------------------- untyped values


def typed_call(name: str, values: Sequence[tuple[str, str]], raw: str, tools: Tools) -> ToolCall:
    """A call from untyped texts, coerced by the tool's schema losslessly; else with the complaint."""
    tool, _ = find_tool(tools, name)
    if tool is None:
        return ToolCall(name, None, unknown(tools, name), raw)
    known = properties(tool)
    arguments: JsonObject = {}
    for key, value in values:
        if key in arguments:
            return ToolCall(name, None, f"The argument {key[:80]!r} stands there twice.", raw)
        try:
            types = accepted(known[key], tool.parameters) if key in known else frozenset({"string"})
            arguments[key] = coerce(value, types)
        except Unreadable as error:
            return ToolCall(name, None, f"The argument {key[:80]!r} cannot be read: {error.reason}.", raw)
    return ToolCall(name, arguments)


def unquoted_marks(*patterns: str) -> re.Pattern[str]:
    """Any of these marks, but not behind a quote."""
    return re.compile(rf"(?<![`\"'])(?:{'|'.join(patterns)})")


def not_closed(name: str, values: Iterable[tuple[str, str]], mark: re.Pattern[str], raw: str) -> ToolCall | None:
    """The call refused, where one of its texts holds the mark that opens an argument: the closing mark before it is missing or misspelt.

    To take all of it for the argument would be a guess. In quotes a mark is content, as it is in code.
    """
    for key, value in values:
        found = mark.search(value)
        if found is not None:
            return ToolCall(name, None, f"The argument {key[:80]!r} is not closed before {found.group()[:40]!r} begins another.", raw)
    return None


def plain_value(value: JsonValue) -> str:
    """A value as the text of an untyped dialect: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else write_json(value)
