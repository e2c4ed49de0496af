"""What to leave out when a conversation has become longer than the model's context: old observations first, then old questions, then old steps.

A pure rule, so that a replay shortens as the run did. Never left out: the system prompt, the present question, what a person said, and the last step.
A call and its results are shortened or left out together, and the turns of user and model still alternate, as many models' templates want
it. What was left out stands in a note where it was, for the model, and in the trace in full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from react_agent.messages import Image, Message, Text, Thinking, ToolCall, ToolResult

KEEP = 300  # characters that stay of an old observation
PICTURE = 4_000  # characters that a picture counts for


@dataclass(frozen=True, slots=True)
class Shortened:
    """Messages [start, end) become `messages`; `reason` says what was done."""

    start: int
    end: int
    messages: tuple[Message, ...]
    reason: str


def shorten(messages: Sequence[Message], began: int = 0, *, share: float = 0.5) -> tuple[Shortened, ...]:
    """What to replace so that the conversation shrinks to about `share` of its size, or as near to it as the rules allow; nothing if they allow nothing.

    At most two replacements, to be made in their order: one from `began` on, then one before it. So it stays plain where the question begins.

    Args:
        messages: The conversation; its first message is the system prompt.
        began: Where the present question begins.
        share: Of the characters, counted with the calls and a fixed number for each picture.
    """
    draft = _Draft(messages)
    goal = draft.size * share
    before = draft.size
    last = max((at for at, message in enumerate(messages) if message.role == "tool"), default=0)
    for at in range(1, last):
        if draft.size > goal and messages[at].role == "tool":
            draft.shorten_results(at, KEEP)
    if draft.size > goal:
        _drop_questions(draft, began, goal)
    if draft.size > goal:
        _drop_steps(draft, max(began, 1), last, goal)
    if draft.size > goal and last:
        draft.shorten_results(last, max(KEEP, int(draft.measure(last) * share)))
    return draft.result(before, began)


class _Draft:
    """Messages on their way to be shorter: what stands in each one's place, and how much that is."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = list(messages)
        self.now: list[Message | None] = list(messages)
        self.size = sum(map(_size, messages))
        self.done: Counter[str] = Counter()

    def measure(self, at: int) -> int:
        message = self.now[at]
        return _size(message) if message is not None else 0

    def put(self, at: int, message: Message | None) -> None:
        self.size += (_size(message) if message is not None else 0) - self.measure(at)
        self.now[at] = message

    def shorten_results(self, at: int, keep: int) -> None:
        message = self.now[at]
        if message is None:
            return
        parts = tuple([_shorter(part, keep) if type(part) is ToolResult else part for part in message.parts])
        changed = sum(a is not b for a, b in zip(parts, message.parts, strict=True))
        if changed:
            self.put(at, replace(message, parts=parts))
            self.done["observations shortened"] += changed

    def result(self, before: int, began: int) -> tuple[Shortened, ...]:
        changed = [at for at, message in enumerate(self.now) if message is not self.messages[at]]
        if self.size >= before:
            return ()
        what = ", ".join(f"{count} {words}" for words, count in self.done.items())
        reason = f"the conversation was longer than the model's context: {what} ({before:,} -> {self.size:,} characters)"
        sides = [at for at in changed if at >= began], [at for at in changed if at < began]
        return tuple([self._replacement(side[0], side[-1] + 1, reason) for side in sides if side])

    def _replacement(self, start: int, end: int, reason: str) -> Shortened:
        return Shortened(start, end, tuple([message for message in self.now[start:end] if message is not None]), reason)


def _drop_questions(draft: _Draft, began: int, goal: float) -> None:
    """Leave out the oldest exchanges before the present question, as few as will do; the next that stays says so."""
    messages = draft.messages
    starts = [
        at
        for at in range(2, min(began + 1, len(messages)))
        if messages[at].role == "user" and (at == began or messages[at - 1].role == "assistant")  # the last reply may have been empty
    ]
    stays = 0
    for at in starts:
        if draft.size <= goal:
            break
        for gone in range(max(stays, 1), at):
            draft.put(gone, None)
        stays = at
    if stays:
        draft.done["earlier messages left out"] += stays - 1
        words = Text(f"[Here {_some(stays - 1, 'earlier message')} left out: the conversation became too long.]\n\n")
        draft.put(stays, replace(messages[stays], parts=(words, *messages[stays].parts)))


def _drop_steps(draft: _Draft, first: int, last: int, goal: float) -> None:
    """Leave out the oldest steps of the present question, each a turn of the model with its results; the person's turn before them says so."""
    messages = draft.messages
    gone: list[int] = []
    for at in range(first, last - 1):
        calls, results = messages[at], messages[at + 1]
        alone = results.role == "tool" and messages[at + 2].role == "assistant"  # nobody spoke between it and the next step
        if draft.size > goal and calls.role == "assistant" and calls.calls and alone:
            draft.put(at, None)
            draft.put(at + 1, None)
            gone.append(at)
    if not gone:
        return
    draft.done["earlier steps left out"] += len(gone)
    names = Counter(call.name for at in gone for call in messages[at].calls)
    called = ", ".join(f"{name} ({times} times)" if times > 1 else name for name, times in names.items())
    words = f"[Here {_some(len(gone), 'earlier step')} left out: the conversation became too long. What was called: {called}.]"
    before = draft.now[gone[0] - 1]  # a person's turn: whatever else could stand there would have been left out with the rest
    if before is not None and before.role == "user":
        draft.put(gone[0] - 1, replace(before, parts=(*before.parts, Text(f"\n\n{words}"))))


def _some(count: int, what: str) -> str:
    return f"{count} {what} is" if count == 1 else f"{count} {what}s are"


def _shorter(result: ToolResult, keep: int) -> ToolResult:
    """The result with its beginning and end, and words for its pictures; the same one where that would be no shorter."""
    content: list[Text | Image] = []
    for part in result.content:
        if type(part) is Image:
            content.append(Text(f"[a picture, {part.media_type}, is left out: the conversation became too long]"))
        elif type(part) is Text and len(part.text) > keep + 200:  # less than that the note would take up again
            head, tail = keep * 2 // 3, keep - keep * 2 // 3
            left = f"\n[… {len(part.text) - keep:,} characters are left out: the conversation became too long; call the tool again if you need them …]\n"
            content.append(replace(part, text=part.text[:head] + left + part.text[-tail:]))
        else:
            content.append(part)
    shorter = replace(result, content=tuple(content))
    return shorter if _weight(shorter) < _weight(result) else result


def _size(message: Message) -> int:
    return sum(map(_weight, message.parts))


def _weight(part: object) -> int:
    match part:
        case Text() | Thinking():
            return len(part.text)
        case ToolCall():
            return len(part.name) + len(part.raw or "" if part.arguments is None else str(part.arguments))
        case ToolResult():
            return len(part.name) + sum(map(_weight, part.content))
        case _:
            return PICTURE
