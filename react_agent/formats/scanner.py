"""The one scanner that all text formats share: where thinking blocks, fences and strings begin and end, so that a marker inside is content.

Everything here is one pass over the text. The regular expressions are searches for literals and character classes with possessive
quantifiers; none can backtrack. Positions are indices into the raw text, so a reading can say which span it was taken from.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Literal

from react_agent.messages import ToolCall

CUT_CHARS = 2_000  # of what was thrown away, as kept in the trace


def any_of(marks: Iterable[str]) -> re.Pattern[str]:
    """Finds the first of these marks, the longest where one begins another. As a tree, so that a character is looked at once and not for each mark."""
    return re.compile(_tree(sorted(set(marks))) or r"(?!)")


def _tree(marks: list[str]) -> str:
    branches = [re.escape(first) + _tree([mark[1:] for mark in rest]) for first, rest in groupby(filter(None, marks), key=itemgetter(0))]
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)}){'?' if '' in marks else ''}"


# Control tokens with which servers that do not strip them end a turn; they are no part of an answer.
TURN_ENDS = ("</s>", "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<|end_of_text|>", "<|endoftext|>", "<end_of_turn>", "<turn|>", "<|eot|>",
             "<|return|>", "<|END_OF_TURN_TOKEN|>", "<｜end▁of▁sentence｜>")  # fmt: skip
_TURN_ENDS = frozenset(TURN_ENDS)
_LONGEST_END = max(map(len, TURN_ENDS))


def turn_end(text: str) -> int:
    """Where the turn ends: before the control tokens at the end of the text, if there are any."""
    end = len(text)
    while True:
        shown = end if end and not text[end - 1].isspace() else len(text[max(0, end - 100) : end].rstrip()) + max(0, end - 100)
        begin = text.rfind("<", max(0, shown - _LONGEST_END), shown)
        if begin < 0 or text[begin:shown] not in _TURN_ENDS:
            return end
        end = begin


THINK_PAIRS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<reasoning>": "</reasoning>",
    "<seed:think>": "</seed:think>",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
    "<|channel>": "<channel|>",
    "<|inner_prefix|>": "<|inner_suffix|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
}
THINK_PAIRS |= {  # as models write them that were only told to think
    f"<{name}>": f"</{name}>" for word in ("think", "thinking", "reasoning") for name in (word.upper(), word.capitalize())
}
# Elements for thinking that an answer may hold too, as text or code: they are thinking only where a reply begins with one. But nothing in one is a step.
SCRATCHPADS = {
    f"<{name}>": f"</{name}>"
    for word in ("scratchpad", "analysis", "reflection", "thought", "thoughts", "inner_monologue", "chain_of_thought")
    for name in (word, word.upper(), word.capitalize())
}
# Of these, what may be (part of) what was asked for: "analyse this". No model is known that was taught to think in them, as Gemma is in <thought>.
WORKS = frozenset(f"<{name}>" for word in ("analysis", "reflection") for name in (word, word.upper(), word.capitalize()))
_SCRATCHPAD = any_of(SCRATCHPADS)
_THINK_CLOSERS = frozenset(THINK_PAIRS.values())
_THINK_MARK = any_of([*SCRATCHPADS, *(mark for pair in THINK_PAIRS.items() for mark in pair)])


_ALONE = re.compile(r"(?:[\w.\-]{1,30}+\"?+>|(?:\.\.\.|…)?+(?:</[\w:|.\-]{1,30}+>)?+)([`\"'])(?![\w`\"'])(?!\s?+[{<\[])")
SPOKEN_CHARS = 48  # after a mark, by which `spoken_of` is certain


def spoken_of(text: str, start: int, end: int) -> int:
    """Where the words end that only speak of the mark at `start`: it stands in backticks or quotes, alone or with its name or its closing tag. 0 for one that is used.

    No call begins so, not even a broken one: a quote follows where its name or its JSON should stand.
    """
    quote = text[start - 1 : start]
    if quote not in ("`", '"', "'") or text[start - 2 : start - 1].isalnum() or text[start - 2 : start - 1] in ("`", '"', "'", "\\"):
        return 0
    found = _ALONE.match(text, end)
    return found.end(1) if found is not None and found.group(1) == quote else 0


@dataclass(slots=True)
class Step:
    """What a reader found in a text: the first complete step.

    Attributes:
        kind: ``act``, ``answer``, ``malformed`` (there is something, but it cannot be told what), or ``none``: no sign of a step.
        start, end: Characters of the text it was taken from.
        open: Nothing after it shows that it is whole; if the reply was cut by the token limit, this may be cut too.
        at: Where its calls begin; before them may stand text.
        bare: A call's input is plain text without quotes or brackets, which only a label or the end of the text ends.
    """

    kind: Literal["act", "answer", "malformed", "none"]
    start: int = 0
    end: int = 0
    thought: str = ""
    calls: tuple[ToolCall, ...] = ()
    text: str = ""
    complaint: str = ""
    repairs: tuple[str, ...] = ()
    open: bool = False
    dialect: str | None = None
    at: int = 0
    bare: bool = False


@dataclass(slots=True)
class Thoughts:
    """Where the thinking blocks of a text are.

    Attributes:
        blocks: (start, end, start of the content, end of the content) of each, in order.
        orphans: Ends of closing tags that nothing opened: the prompt's template opened that block.
        pads: Where whole scratchpads are, with what stands in them.
    """

    blocks: list[tuple[int, int, int, int]]
    orphans: list[tuple[int, int]]
    pads: Sequence[tuple[int, int]] = ()

    def split(self, text: str) -> tuple[str, list[str]]:
        """The text without its thinking blocks, and what stands in them."""
        at, kept, said = 0, [], []
        for start, end, begin, stop in self.blocks:
            kept.append(text[at:start])
            said.append(unthink(text[begin:stop]))
            at = end
        return "".join([*kept, text[at:]]).strip(), said


NO_THOUGHTS = Thoughts([], [])


def unthink(block: str) -> str:
    """What a thinking block says, without a closing tag and without the channel's name."""
    for closer in _THINK_CLOSERS:
        block = block.removesuffix(closer)
    return block.strip().removeprefix("thought\n").strip()


def find_thoughts(text: str) -> Thoughts:
    """The thinking blocks. A block ends at the first closing tag of its own kind. Marks that are only spoken of are none."""
    found = _THINK_MARK.search(text)
    if found is None:
        return NO_THOUGHTS
    blocks: list[tuple[int, int, int, int]] = []
    orphans: list[tuple[int, int]] = []
    pads: list[tuple[int, int]] = []
    missing: set[str] = set()  # closing tags that do not come any more
    while found is not None:
        mark, at = found.group(), found.end()
        if (past := spoken_of(text, found.start(), at)) > 0:
            at = past
        elif mark in SCRATCHPADS:
            closer = SCRATCHPADS[mark]
            end = text.find(closer, at) if closer not in missing else -1
            if end >= 0:
                at = end + len(closer)
                pads.append((found.start(), at))
            else:
                missing.add(closer)
        elif mark in _THINK_CLOSERS:
            orphans.append((found.start(), at))
        else:
            closer = THINK_PAIRS[mark]
            end = text.find(closer, at)
            while end >= 0 and (past := spoken_of(text, end, end + len(closer))) > 0:
                end = text.find(closer, past)
            if end < 0:
                blocks.append((found.start(), len(text), at, len(text)))
                return Thoughts(blocks, orphans, pads)
            blocks.append((found.start(), end + len(closer), at, end))
            at = end + len(closer)
        found = _THINK_MARK.search(text, at)
    return Thoughts(blocks, orphans, pads)


def scratchpad(text: str, at: int = 0) -> tuple[int, int, int] | None:
    """The scratchpad that comes next at `at`: where its content begins and ends, and its own end. One that is never closed goes to the text's end."""
    found = _SCRATCHPAD.match(text, skip_space(text, at))
    if found is None:
        return None
    closer = SCRATCHPADS[found.group()]
    end = text.find(closer, found.end())
    return (found.end(), end, end + len(closer)) if end >= 0 else (found.end(), len(text), len(text))


class Hidden:
    """Spans in which nothing is a marker; asked for positions, in logarithmic time. Spans may overlap and come in any order."""

    __slots__ = ("ends", "starts")

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        for start, end in sorted(spans):
            if self.ends and start <= self.ends[-1]:
                self.ends[-1] = max(self.ends[-1], end)
            else:
                self.starts.append(start)
                self.ends.append(end)

    def past(self, at: int) -> int:
        """The end of the span that holds `at`; else `at` itself."""
        i = bisect_right(self.starts, at) - 1
        return self.ends[i] if i >= 0 and at < self.ends[i] else at


# ------------------------------------------------------------------------------------------------------------------- fences

_FENCE = re.compile(r"(?:^|\n)[ \t]*+(```|~~~)")
_LABELLED_FENCE = re.compile(  # "Final Answer: ```": one that opens behind the label of its line
    r"(?:^|\n)[ \t]*+(?P<label>[\r>#*_]*+(?:thoughts?+|action(?:[ _]?+input)?+|final[ _]?+answer|answer)[ \t0-9*_]*+[:：][*_]*+[ \t]++)?+(?P<mark>```|~~~)",
    re.IGNORECASE,
)


def next_fence(text: str, at: int) -> tuple[int, int, int] | None:
    """The next fence that opens a line at or after `at`: (start of its marks, start of its content's line, end after its close).

    The end is -1 where it is never closed. A fence that opens and closes on one line counts too.
    """
    found = _FENCE.search(text, at)
    if found is None:
        return None
    return fence_at(text, found.start(1), found.group(1))


def fence_at(text: str, start: int, mark: str) -> tuple[int, int, int]:
    """The fence whose marks stand at `start`, as `next_fence` tells it."""
    line = text.find("\n", start)
    same = text.find(mark, start + 3, line if line >= 0 else len(text))
    if same >= 0:
        return start, start + 3, same + 3
    if line < 0:
        return start, len(text), -1
    close = _FENCE.search(text, line)
    while close is not None and close.group(1) != mark:
        close = _FENCE.search(text, close.end())
    return start, line + 1, close.end() if close is not None else -1


def fence_spans(text: str, at: int = 0, hidden: Hidden | None = None) -> list[tuple[int, int]]:
    """The fences from `at` on; one that is never closed goes to the end, but not from behind a label. Marks in hidden spans are none."""
    spans: list[tuple[int, int]] = []
    start, mark, past = -1, "", at  # the fence that is open, and where the last one ended
    labelled = False
    for found in _LABELLED_FENCE.finditer(text, at):
        begun = found.start("mark")
        if start >= 0:
            if found.group("mark") == mark and found.group("label") is None:
                spans.append((start, found.end()))
                start, past = -1, found.end()
        elif begun >= past and (hidden is None or hidden.past(begun) == begun):
            mark, labelled = found.group("mark"), found.group("label") is not None
            line = text.find("\n", begun)
            same = text.find(mark, begun + 3, line if line >= 0 else len(text))
            if same >= 0:
                past = same + 3
                spans.append((begun, past))
            else:
                start = begun
    if start >= 0 and not labelled:
        spans.append((start, len(text)))
    return spans


def fence_content(text: str, at: int) -> int:
    """Index of the content of the fence whose marks stand at `at`, after the marks and the language."""
    at += 3
    while at < len(text) and (text[at].isalnum() or text[at] in "_+-"):
        at += 1
    return at


def skip_space(text: str, at: int) -> int:
    """The first index at or after `at` that is no white space."""
    if at < len(text) and not text[at].isspace():
        return at
    found = _NOT_SPACE.search(text, at)
    return found.start() if found else len(text)


_NOT_SPACE = re.compile(r"\S")


def cut_in(text: str, at: int, marks: Iterable[str]) -> bool:
    """Nothing follows at `at`, or only the beginning of one of these marks: the text may have been cut here."""
    return at >= len(text) or any(len(text) - at < len(mark) and mark.startswith(text[at:]) for mark in marks)


def unended(text: str, at: int) -> bool:
    """Nothing but blanks follows on the line, and the line has no end either."""
    after = skip_space(text, at)
    return after >= len(text) and text.find("\n", at) < 0


def bounded(text: str) -> str | None:
    """What was thrown away, at most `CUT_CHARS` of it; None for nothing but white space."""
    if not text or text.isspace():
        return None
    return text if len(text) <= CUT_CHARS else f"{text[:CUT_CHARS]}… ({len(text) - CUT_CHARS} more characters)"
