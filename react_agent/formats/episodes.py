"""Whole runs as Thought/Action/Observation text, such as the prompts of the paper (Yao et al., 2022, arXiv 2210.03629, appendix C), as messages."""

from __future__ import annotations

import re

from react_agent.errors import ConfigError
from react_agent.formats.react_labels import Labels
from react_agent.formats.react_text import read_text
from react_agent.formats.tools import Tools
from react_agent.messages import Message, Part, Text, Thinking, ToolResult, user

_QUESTION = re.compile(r"(?:^|\n)[ \t]*+(?:question|claim)[ \t]*+[:：]", re.IGNORECASE)


def read_episodes(text: str, tools: Tools) -> list[tuple[Message, ...]]:
    """The runs in a text, each from its ``Question:`` (or ``Claim:``) on; what stands before the first is no part of one.

    Raises:
        ConfigError: no question, or a step that is neither one call of these tools with readable arguments nor an answer.
    """
    marks = list(_QUESTION.finditer(text))
    if not marks:
        raise ConfigError(
            "an example given as text must hold a line that begins with 'Question:', then Thought, Action and Observation lines"
        )
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    return [_episode(text[mark.end() : end], tools) for mark, end in zip(marks, ends, strict=True)]


def _episode(text: str, tools: Tools) -> tuple[Message, ...]:
    labels = Labels(text, ())
    label = labels.next(0)
    question = text[: label.start if label is not None else len(text)].strip()
    said = [user(question)]
    while label is not None:
        begun = label.start
        while label is not None and label.kind != "observation":
            label = labels.next(label.content)
        written = text[begun : label.start if label is not None else len(text)]
        step, _ = read_text(written, tools)
        thought: tuple[Part, ...] = (Thinking(step.thought),) if step.thought else ()
        if step.kind == "answer":
            said.append(Message("assistant", (*thought, Text(step.text))))
            break
        if step.kind != "act" or len(step.calls) != 1 or step.calls[0].arguments is None:
            why = (
                step.complaint or " ".join(call.complaint or "" for call in step.calls).strip() or "it holds no single call, and no answer"
            )
            raise ConfigError(
                f"a step of the example {question[:80]!r} cannot be read: {why.rstrip('.')}: {' '.join(written.split())[:200]!r}"
            )
        said.append(Message("assistant", (*thought, *step.calls)))
        if label is not None:
            begun, label = label.content, labels.next(label.content)
            seen = text[begun : label.start if label is not None else len(text)].strip()
            said.append(Message("tool", (ToolResult(step.calls[0].name, (Text(seen),)),)))
    return tuple(said)
