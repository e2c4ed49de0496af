"""A trace as one page that stands alone: no network, no other file, and nothing that the trace holds can run in it.

The trace goes in as data that the page's script turns into text nodes. The policy in the page's head allows this one script and this one style sheet, by
their hashes, and pictures from the data; all else is refused by the browser.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

from pydantic_core import to_json

from react_agent.trace import Trace
from react_agent.view import items, kin, words
from react_agent.view.as_test import as_test
from react_agent.view.difference import compare
from react_agent.view.standing import agents

_HERE = Path(__file__).parent
Kind: TypeAlias = Literal["page", "list", "compare"]
_SCRIPTS: dict[Kind, tuple[str, ...]] = {
    "page": ("base.js", "timeline.js", "finding.js", "review.js", "page.js"),
    "list": ("base.js", "list.js"),
    "compare": ("base.js", "compare.js"),
}
# Of JSON, only strings can hold these; written as escapes they cannot end the element that the data stands in.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def page(trace: Trace, *, problem: str = "", file: str | None = None, beneath: Mapping[str, kin.Found] = MappingProxyType({})) -> str:
    """The whole page.

    Args:
        trace: As far as it could be read.
        problem: What is wrong with its file, shown at the top.
        file: Where the trace lies, for the test that can be copied from the page.
        beneath: The runs of its sub-agents, and of theirs, which the page holds too; `kin.descendants` finds them.
    """
    first = kin.Found(trace, problem, file)
    all_ = {**beneath, trace.run_id: first}
    below = {words.plain(run_id): _run(found, all_) for run_id, found in beneath.items()}
    return document(trace_title(trace), {**_run(first, all_), "runs": below})


def _run(found: kin.Found, all_: Mapping[str, kin.Found]) -> dict[str, object]:
    """One of the runs of a page, with the ways from it to the others."""
    trace = found.trace
    children = kin.beneath(trace, all_.__contains__)
    return {
        **items.run(trace, found.problem),
        "test": as_test(trace, found.file),
        "beneath": {f"{step}.{index}": [_child(child, all_) for child in some] for (step, index), some in children.items()},
    }


def _child(child: kin.Child, all_: Mapping[str, kin.Found]) -> items.Item:
    found = all_.get(child.run_id)
    return items.child(child.run_id, found.trace if found else None)


def compare_page(first: Trace, second: Trace, *, problems: Sequence[str] = (), links: Sequence[str] = ()) -> str:
    """Two runs side by side: steps aligned, what is different marked word by word.

    Args:
        first: As far as it could be read.
        second: The same.
        problems: What is wrong with their files, shown at the top.
        links: Where their own pages are; nowhere, for a page that is a file.
    """
    ends = [
        {**items.summary(trace), "backend": words.successive(agent.backend for agent in agents(trace)), "at": trace.started.at}
        for trace in (first, second)
    ]
    data = {"comparison": compare(first, second), "runs": ends, "problems": problems, "links": links}
    return document(words.plain_line(f"{trace_title(first)} · compared", 80), data, kind="compare")


def trace_title(trace: Trace) -> str:
    """A run's question on one line; where it has no words, its id."""
    return words.plain_line(words.said(trace.started.task), 80) or words.plain(trace.run_id)


def document(title: str, data: dict[str, object], *, kind: Kind = "page", connect: str = "'none'") -> str:
    """The page around its data.

    Args:
        title: Of the window.
        data: What the page's script shows.
        kind: A run, a list of runs, or two runs compared.
        connect: What its script may ask, as in a content security policy; nothing, for a page that is a file.
    """
    fill = {
        "script": "".join(map(_read, _SCRIPTS[kind])),
        "style": _read("page.css"),
        "title": html.escape(title),
        "data": as_data(data),
    }
    fill["policy"] = _policy(fill["script"], fill["style"], connect)
    return re.sub(r"\{\{(\w+)\}\}", lambda found: fill[found[1]], _read(f"{kind}.html"))


def as_data(data: object) -> str:
    """JSON that can stand inside of a script element."""
    text = to_json(data, inf_nan_mode="null").decode()
    for char, escape in _UNSAFE.items():
        text = text.replace(char, escape)
    return text


@cache
def _read(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


def _policy(script: str, style: str, connect: str) -> str:
    rules = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "img-src": "data:",
        "connect-src": connect,
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
