"""Two runs side by side: which steps belong together, and what is different in them, word by word. Pure; `trace diff` prints it and a page draws it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from react_agent.events import Changed, Started, Told
from react_agent.messages import Settings, ToolSpec
from react_agent.trace import Step, Trace
from react_agent.view import words
from react_agent.view.standing import Standing, agents, standing

Piece: TypeAlias = "tuple[Literal['same', 'gone', 'new'], str]"
"""A stretch of two texts: in both, only in the first, only in the second."""

_WORDS = re.compile(r"\s+|\d+(?:[.,]\d+)+|\w+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_MOST = 4_000  # words, or else lines, of one text; difflib takes time in proportion to the square
_MOST_PAIRS = 250_000  # of steps that are weighed


@dataclass(frozen=True, slots=True)
class Difference:
    """One text of both runs.

    Attributes:
        label: What it is: ``thought``, ``observation``, ``tokens``…
        pieces: Both texts in one; a single ``same`` where they do not differ.
    """

    label: str
    pieces: tuple[Piece, ...]

    @property
    def differs(self) -> bool:
        return any(kind != "same" for kind, _ in self.pieces)


@dataclass(frozen=True, slots=True)
class StepPair:
    """Two steps that belong together, or one that the other run has not.

    Attributes:
        first, second: Their numbers; None where that run has no such step.
        gist: What was done in it, on one line.
        texts: Thought, text, calls with their results; of a step without a fellow, that step's.
    """

    first: int | None
    second: int | None
    gist: str
    texts: tuple[Difference, ...]

    @property
    def differs(self) -> bool:
        return self.first is None or self.second is None or any(text.differs for text in self.texts)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs.

    Attributes:
        heads: Question, what was told later, model, format, instructions, tools, settings.
        steps: In the order of both.
        outcome: With the answer.
        figures: Steps, tokens, cost, time; each may be empty.
    """

    heads: tuple[Difference, ...]
    steps: tuple[StepPair, ...]
    outcome: tuple[Difference, ...]
    figures: tuple[tuple[str, str, str], ...]

    @property
    def differs(self) -> bool:
        """Whether what was said and done is different; the figures may be either way."""
        return any(pair.differs for pair in self.steps) or any(text.differs for text in (*self.heads, *self.outcome))


def compare(first: Trace, second: Trace) -> Comparison:
    """Compare two runs."""
    ends = [standing(trace) for trace in (first, second)]
    return Comparison(
        tuple([_difference(*texts) for texts in _heads(first, second)]),
        tuple([_pair(one, other) for one, other in aligned(first.steps(), second.steps())]),
        tuple([_difference(*texts) for texts in _ending(*ends)]),
        tuple(zip(("steps", "tokens", "cost", "time"), _figures(ends[0]), _figures(ends[1]), strict=True)),
    )


def aligned(first: Sequence[Step], second: Sequence[Step]) -> Iterator[tuple[Step | None, Step | None]]:
    """Pairs of steps that belong together, in order; None where one run has no such step.

    Only steps that call the same tools (or are read the same way) belong together; of several ways to pair them, the one that has most in common.
    """
    one = other = 0
    for a, b in _places([_Seen(step) for step in first], [_Seen(step) for step in second]):
        yield from ((step, None) for step in first[one:a])
        yield from ((None, step) for step in second[other:b])
        yield first[a], second[b]
        one, other = a + 1, b + 1
    yield from ((step, None) for step in first[one:])
    yield from ((None, step) for step in second[other:])


class _Seen:
    """What a step is aligned by."""

    __slots__ = ("kind", "texts")

    def __init__(self, step: Step) -> None:
        self.kind = (step.reply.reading, *[call.name for call in step.calls])
        self.texts = [text for _, text in _texts(step)]

    def likeness(self, other: _Seen) -> int:
        """Nought where the two do not belong together."""
        return 1 + sum(a == b for a, b in zip(self.texts, other.texts, strict=True) if a) if self.kind == other.kind else 0


def _places(ones: list[_Seen], others: list[_Seen]) -> list[tuple[int, int]]:
    """The pairs, by number. What both runs begin and end with goes together; between that, the pairing with the greatest likeness."""
    least = min(len(ones), len(others))
    begin = next((at for at in range(least) if not _same(ones[at], others[at])), least)
    end = next((at for at in range(least - begin) if not _same(ones[-1 - at], others[-1 - at])), least - begin)
    middle = ones[begin : len(ones) - end], others[begin : len(others) - end]
    between = _by_likeness(*middle) if len(middle[0]) * len(middle[1]) <= _MOST_PAIRS else _by_kind(*middle)
    tail = [(len(ones) - at, len(others) - at) for at in range(end, 0, -1)]
    return [*zip(range(begin), range(begin), strict=True), *[(begin + a, begin + b) for a, b in between], *tail]


def _same(one: _Seen, other: _Seen) -> bool:
    return one.kind == other.kind and one.texts == other.texts


def _by_likeness(ones: list[_Seen], others: list[_Seen]) -> Iterator[tuple[int, int]]:
    """The textbook alignment: for each two beginnings that are left, the most that can be had from there on."""
    likeness = [[one.likeness(other) for other in others] for one in ones]
    best = [[0] * (len(others) + 1) for _ in range(len(ones) + 1)]
    for a in range(len(ones) - 1, -1, -1):
        for b in range(len(others) - 1, -1, -1):
            pair = likeness[a][b]
            best[a][b] = max(best[a + 1][b], best[a][b + 1], pair + best[a + 1][b + 1] if pair else 0)
    a = b = 0
    while a < len(ones) and b < len(others):
        if likeness[a][b] and best[a][b] == likeness[a][b] + best[a + 1][b + 1]:
            yield a, b
            a, b = a + 1, b + 1
        elif best[a][b] == best[a + 1][b]:
            a += 1
        else:
            b += 1


def _by_kind(ones: list[_Seen], others: list[_Seen]) -> Iterator[tuple[int, int]]:
    """For runs too long for that."""
    matcher = difflib.SequenceMatcher(None, [one.kind for one in ones], [other.kind for other in others], autojunk=False)
    for block in matcher.get_matching_blocks():
        yield from ((block.a + at, block.b + at) for at in range(block.size))


def pieces(before: str, after: str) -> tuple[Piece, ...]:
    """Both texts in one, word by word; very long ones line by line."""
    if before == after:
        return (("same", before),)
    ones, others = _units(before, after)
    made: list[Piece] = []
    gone = new = ""

    def settle() -> None:
        nonlocal gone, new
        if gone:
            made.append(("gone", gone))
        if new:
            made.append(("new", new))
        gone = new = ""

    for what, a, b, c, d in difflib.SequenceMatcher(None, ones, others, autojunk=False).get_opcodes():
        same = "".join(ones[a:b])
        if what != "equal" or (same.isspace() and (gone or new) and b < len(ones)):  # a lone space between two changes belongs to them
            gone, new = gone + same, new + "".join(others[c:d])
        else:
            settle()
            made.append(("same", same))
    settle()
    return tuple(made)


def _units(before: str, after: str) -> tuple[Sequence[str], Sequence[str]]:
    """What is compared: words; where those are too many lines; where those are too, the whole."""
    for pattern in (_WORDS, _LINES):
        ones, others = pattern.findall(before), pattern.findall(after)
        if max(len(ones), len(others)) <= _MOST:
            return ones, others
    return [before], [after]


def _difference(label: str, before: str, after: str) -> Difference:
    return Difference(label, pieces(before, after))


def _heads(first: Trace, second: Trace) -> Iterator[tuple[str, str, str]]:
    yield "question", words.distinct(first.started.task.parts), words.distinct(second.started.task.parts)
    yield "told", _told(first), _told(second)
    ones, others = agents(first), agents(second)
    for label, of in _OF_AN_AGENT.items():
        yield label, words.successive(map(of, ones)), words.successive(map(of, others))
    before, after = ({tool.name: tool for agent in some for tool in agent.spec.tools} for some in (ones, others))
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            yield "tool", _definition(before[name]), _definition(after[name])


def _told(trace: Trace) -> str:
    return "\n".join(words.distinct(event.message.parts) for event in trace if isinstance(event, Told))


def _definition(tool: ToolSpec) -> str:
    """What the model is told of it."""
    return f"{words.plain(tool.name)}: {words.plain(tool.description)}\n{words.value(tool.parameters)}"


def _settings(settings: Settings) -> str:
    given = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return ", ".join(f"{name} {words.value(value)}" for name, value in given.items() if value not in (None, ()))


_OF_AN_AGENT: dict[str, Callable[[Started | Changed], str]] = {
    "model": lambda agent: agent.backend,
    "format": lambda agent: agent.format,
    "instructions": lambda agent: agent.spec.instructions,
    "tools": lambda agent: ", ".join(tool.name for tool in agent.spec.tools),
    "settings": lambda agent: _settings(agent.spec.settings),
}


def _pair(one: Step | None, other: Step | None) -> StepPair:
    step = one or other
    assert step is not None
    if one is None or other is None:
        kind: Literal["gone", "new"] = "gone" if other is None else "new"
        texts = [Difference(label, ((kind, text),)) for label, text in _texts(step)]
    else:
        texts = [_difference(label, before, after) for (label, before), (_, after) in zip(_texts(one), _texts(other), strict=True)]
    worth_telling = tuple([text for text in texts if not _goes_without_saying(text)])
    return StepPair(one.index if one else None, other.index if other else None, _gist(step), worth_telling)


def _goes_without_saying(text: Difference) -> bool:
    said = [piece for _, piece in text.pieces if piece]
    return not said or (text.label == "status" and said == ["ok"])


def _gist(step: Step) -> str:
    calls = ", ".join(words.call(call.name, call.arguments, most=40) for call in step.calls)
    return words.plain_line(calls or f"{step.reply.reading}: {step.reply.message.text}", 100)


def _texts(step: Step) -> Iterator[tuple[str, str]]:
    """What a step is compared by; the same labels for steps that belong together."""
    yield "thought", words.plain(step.thought)
    reply = step.reply
    if reply.reading == "malformed":
        yield "wrote", words.plain(reply.raw or reply.message.text or reply.complaint or "")
    else:
        yield "answer" if reply.reading == "answer" else "text", words.plain(reply.message.text)
    for call, written in zip(step.calls, reply.message.calls, strict=True):
        yield "action", words.call(call.name, call.arguments, written.raw)
        yield "status", call.result.status if call.result else "open"
        yield "observation", words.distinct(call.result.content) if call.result else ""


def _ending(one: Standing, other: Standing) -> Iterator[tuple[str, str, str]]:
    outcomes = [f"{end.kind} {words.plain(end.outcome.detail) if end.outcome else ''}".strip() for end in (one, other)]
    yield "outcome", outcomes[0], outcomes[1]
    yield "answer", words.plain(one.state.answer or ""), words.plain(other.state.answer or "")


def _figures(end: Standing) -> tuple[str, str, str, str]:
    state = end.state
    counted = words.tokens(state.usage).removesuffix(" tokens") if state.usage.total_tokens else ""
    return (
        str(state.steps),
        counted.replace(" → ", " in, ") + (" out" if counted else ""),
        words.cost(state.known_cost),
        words.seconds(state.seconds),
    )
