"""Which dialect a model speaks, told from what it wrote."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from react_agent.formats.leaks import leaked
from react_agent.formats.reading import scan
from react_agent.formats.tools import Tools

_LIST_OF_CALLS = re.compile(r"\[TOOL_CALLS\]\s*+[\[{]")
_STEP_KEY = re.compile(r"\"(?:action|action_input)\"\s*+:")


def detect(texts: Iterable[str], tools: Tools) -> str | None:
    """The name of the format whose calls most of the texts hold; None where none holds a call of an offered tool.

    Args:
        texts: Replies of one model, as it wrote them.
        tools: What it was offered. Without tools no JSON in a text can be told from an answer, so only dialects with marks of their own are found.

    Calls that came through the API's own fields are in no text: a model with such speaks ``native``. Of equally frequent ones the first counts.
    """
    found: Counter[str] = Counter()
    for text in texts:
        step, _ = scan(text, lambda body, hidden: leaked(body, tools, hidden))
        if step.kind == "act" and step.dialect is not None:
            found[_format(step.dialect, text)] += 1
    return found.most_common(1)[0][0] if found else None


def _format(dialect: str, text: str) -> str:
    """The format to ask for. Plain JSON is read in one place, whatever stands around it and however its keys are called."""
    if dialect == "tool_code":
        return "llama_pythonic"
    if dialect == "mistral" and _LIST_OF_CALLS.search(text) is not None:
        return "mistral_v3"
    if dialect == "deepseek_v3" and "```" not in text:
        return "deepseek_v31"
    if dialect not in ("json", "json_step", "json_fence"):
        return dialect
    if _STEP_KEY.search(text) is not None:
        return "json_step"
    return "json_fence" if "```" in text else "llama3_json"
