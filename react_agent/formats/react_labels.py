"""Where the labels of Thought/Action text are: at the start of a line, and not in a fence or a thinking block."""

from __future__ import annotations

import re
from collections.abc import Sequence

from react_agent.formats.scanner import Hidden, fence_content, fence_spans, skip_space

_LABEL = re.compile(
    r"(?:^|\n)[ \t\r>#*_`]*+"
    r"(?:(?P<thought>thoughts?+)|(?P<input>action[ _]?+[0-9]*+[ _]?+input)|(?P<action>action)|(?P<observation>observations?+)"
    r"|(?P<final>final[ _]?+answer)|(?P<answer>answer)|(?P<question>question))"
    r"[ \t]*+[0-9]*+[ \t]*+[*_`]*+[ \t]*+[:：][*_`]*+",
    re.IGNORECASE,
)


class Label:
    """A label: its kind (the name of a group above), where its line begins, and where its content begins."""

    __slots__ = ("content", "kind", "start")

    def __init__(self, kind: str, start: int, content: int) -> None:
        self.kind = kind
        self.start = start
        self.content = content


def leading_label(text: str) -> Label | None:
    """The label with which a line begins."""
    found = _LABEL.match(text)
    return Label(str(found.lastgroup), found.start(), found.end()) if found is not None else None


class Labels:
    """Finds labels in one text.

    Attributes:
        wrapped: The whole reply stands in a fence, which therefore hides nothing.
    """

    __slots__ = ("_asked", "_found", "_hidden", "text", "wrapped")

    def __init__(self, text: str, hidden: Sequence[tuple[int, int]]) -> None:
        self.text = text
        self.wrapped = False
        self._asked = len(text) + 1  # nothing was asked for yet
        self._found: Label | None = None
        self._hidden: Hidden | None = None
        if hidden or "```" in text or "~~~" in text:
            self._hide(hidden)

    def _hide(self, hidden: Sequence[tuple[int, int]]) -> None:
        covered = Hidden(hidden)
        start = 0
        if self.text.startswith("```", lead := skip_space(self.text, 0)):
            content = fence_content(self.text, lead)
            self.wrapped = _LABEL.match(self.text, content) is not None
            start = content if self.wrapped else 0
        self._hidden = Hidden([*hidden, *fence_spans(self.text, start, covered)])

    def past(self, at: int) -> int:
        """The end of the fence or thinking block that holds `at`; else `at`."""
        return self._hidden.past(at) if self._hidden is not None else at

    def next(self, at: int) -> Label | None:
        """The next label at or after `at`. The last one found is remembered: the parts of a step ask for the same."""
        if self._asked <= at and (self._found is None or at <= self._found.start):
            return self._found
        self._asked, self._found = at, self._search(at)
        return self._found

    def _search(self, at: int) -> Label | None:
        while found := _LABEL.search(self.text, at):
            last = found.end() - 1
            past = self.past(last)
            if past == last:
                return Label(str(found.lastgroup), found.start(), found.end())
            at = past
        return None
