"""Thought/Action text while it is still coming: what stands under each label, told as thinking, as a call, or as the answer."""

from __future__ import annotations

import re
from typing import Literal

from react_agent.formats.live import TagLive, Voice
from react_agent.formats.react_labels import Label, leading_label

LINE_CHARS = 120  # of a line's beginning, in which a label can stand
_WORDS = ("thought", "thoughts", "action", "observation", "observations", "final", "answer", "question")
_BEGUN = re.compile(r"[ \t\r>#*_`]*+([a-z]*+)([ \t_0-9*`]*+(?:[a-z]++[ \t_0-9*`]*+)?+)", re.IGNORECASE)
_PLAIN = re.compile(  # whole lines that no label begins
    r"(?:[ \t\r>#*_`]*+(?:(?!thought|action|observation|final|answer|question)[^\n]++)?+\n)++", re.IGNORECASE
)
_FINISH = "finish["


class LabelLive(TagLive):
    """Text without a label is thinking; what follows the first complete step is not told."""

    def __init__(self) -> None:
        super().__init__()
        self._part: Literal["thinking", "call", "text", "name", "left out", "over"] = "thinking"
        self._fresh = True  # at the start of a line
        self._line = ""
        self._name = ""

    def _text(self, piece: str, voice: Voice) -> None:
        text, self._line = self._line + piece, ""
        at = 0
        while at < len(text):
            if self._fresh and (plain := _PLAIN.match(text, at)) is not None:
                self._body(plain.group(), voice)
                at = plain.end()
                continue
            if self._fresh:
                window = text[at : at + LINE_CHARS]
                label = leading_label(window)
                if len(window) < LINE_CHARS and _may_grow(window, label):
                    self._line = text[at:]
                    return
                self._fresh = False
                if label is not None:
                    self._turn(label, window[: label.content], voice)
                    at += label.content
                    continue
            end = text.find("\n", at) + 1
            self._fresh = end > 0
            self._body(text[at : end or len(text)], voice)
            at = end or len(text)

    def _turn(self, label: Label, written: str, voice: Voice) -> None:
        """Another part begins."""
        acted, answered = self._part in ("call", "name"), self._part == "text"
        if answered and label.kind in ("question", "answer"):
            self._body(written, voice)  # part of the answer
        elif self._part == "over" or answered or (acted and label.kind != "input"):
            self._part = "over"
        elif label.kind == "thought":
            voice.next_thought()
            self._part = "thinking"
        elif label.kind == "action":
            self._part, self._name = "name", ""
        elif label.kind == "input":
            self._body(" ", voice)
            self._part = "call" if acted else "left out"
        else:
            self._part = "text" if label.kind in ("final", "answer") else "left out"

    def _body(self, piece: str, voice: Voice) -> None:
        if self._part == "name":
            self._name = (self._name + piece).lstrip()
            if _FINISH.startswith(self._name.lower()):
                return
            # what the paper's last action holds is the answer, which the reading has
            self._part = "left out" if self._name[: len(_FINISH)].lower() == _FINISH else "call"
            piece = self._name
        if self._part in ("thinking", "call", "text"):
            voice.say(self._part, piece)

    def _opened_before(self, voice: Voice) -> None:
        self._part, self._fresh, self._line = "thinking", True, ""
        voice.all_thinking()

    def close(self, voice: Voice) -> None:
        super().close(voice)
        line, self._line = self._line, ""
        label = leading_label(line)
        if label is not None:
            self._turn(label, line, voice)
        else:
            self._body(line, voice)


def _may_grow(window: str, label: Label | None) -> bool:
    """Whether the beginning of a line may become a label, or more of one."""
    if label is not None:
        return label.content == len(window)
    found = _BEGUN.match(window)
    if found is None or found.end() < len(window):
        return False
    word = found.group(1).lower()
    return word in _WORDS if found.group(2) else any(known.startswith(word) for known in _WORDS)
