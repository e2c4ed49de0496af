"""`python()`: Python code in a sandbox, with bounds of time, memory and output.

The sandbox is Monty (``pip install "react_agent[python]"``): an interpreter of its own for a large part of Python, without files, network,
processes or the host's modules, in a worker process that is made for the call and ended after it. What comes back is data, and is written out here within a bound of
characters, since a value of a few bytes can be endless when it is written out.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import importlib.util
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from react_agent import ConfigError, Tool, ToolError
from react_agent import tool as make_tool

if TYPE_CHECKING:
    from pydantic_monty import MontyError

SECONDS = 5.0
MAX_MEMORY = 128 * 2**20
MAX_CODE = 50_000
_SHOWN_CHARS = 16_000
_MAX_DEPTH = 50
_GRACE_SECONDS = 2.0
_BRACKETS: dict[type, tuple[str, str]] = {list: ("[", "]"), tuple: ("(", ")"), set: ("{", "}"), frozenset: ("frozenset({", "})")}
_WRITTEN = (
    int,
    float,
    complex,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.tzinfo,
    decimal.Decimal,
    fractions.Fraction,
    PurePath,
    range,
)


def python(*, seconds: float = SECONDS, max_memory: int = MAX_MEMORY) -> Tool:
    """The tool ``python``.

    Args:
        seconds: That the code of one call may run.
        max_memory: Bytes that it may use.

    Raises:
        ConfigError: The sandbox is not installed.
    """
    if importlib.util.find_spec("pydantic_monty") is None:
        raise ConfigError('the Python sandbox is not installed; install it with: pip install "react_agent[python]"')

    @make_tool(
        name="python",
        read_only=True,
        idempotent=True,
        timeout=seconds + 10,
        examples=[{"code": "values = [3, 1, 2]\nprint(sorted(values))\nsum(values) / len(values)"}],
    )
    def run(code: str) -> str:
        """Run Python code and see what it prints, and the value of its last line if that is an expression.

        The code has no files, no network and no third-party modules. Of the standard library there are math, re, json, datetime, time, random, decimal, collections,
        itertools, functools, bisect, copy, csv, dataclasses, base64 and hashlib. Functions, classes and comprehensions work; inheritance, yield and del do not.
        Nothing is kept from one call to the next.

        Args:
            code: A whole program.
        """
        if not code.strip() or len(code) > MAX_CODE:
            raise ToolError(f"code has 1 to {MAX_CODE:,} characters")
        return _run(code, seconds, max_memory)

    return run


class _Printed:
    """What was printed, as far as there is room."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.room = _SHOWN_CHARS
        self.cut = 0

    def __call__(self, stream: Literal["stdout", "stderr"], text: str) -> None:
        if self.room:
            self.pieces.append(text[: self.room])
        self.cut += max(0, len(text) - self.room)
        self.room = max(0, self.room - len(text))

    def lines(self) -> list[str]:
        text = "".join(self.pieces).rstrip("\n")
        return [text] * bool(text) + [f"[… {self.cut:,} more characters were printed]"] * bool(self.cut)


def _run(code: str, seconds: float, max_memory: int) -> str:
    from pydantic_monty import Monty, MontyError

    printed = _Printed()
    try:
        with (
            Monty(min_processes=1, max_processes=1, checkout_timeout=10.0, request_timeout=seconds + _GRACE_SECONDS) as pool,
            pool.checkout(
                limits={"max_feed_duration_secs": seconds, "max_memory": max_memory, "max_suspensions": 100, "max_recursion_depth": 500},
                os_policy={"sleep": "zero"},
            ) as session,
        ):
            value = session.feed_run(code, print_callback=printed)
    except MontyError as error:
        raise ToolError("\n".join([*printed.lines(), _words(error)])) from None
    except (TimeoutError, OSError, RuntimeError, ValueError) as error:  # no worker, or a value that cannot leave the sandbox
        raise ToolError("\n".join([*printed.lines(), f"the code could not be run: {str(error)[:500]}"])) from None
    result = [] if value is None else [written(value)]
    return "\n".join([*printed.lines(), *result]) or "[it printed nothing, and its last line is no value]"


def _words(error: MontyError) -> str:
    """The traceback, if there is one; else what was wrong."""
    display = getattr(error, "display", None)
    text = str(display() if callable(display) else error)
    return text if len(text) <= 4_000 else f"{text[:1_000]}\n[…]\n{text[-3_000:]}"


# ------------------------------------------------------------------------------------------------------------- results


def written(value: object) -> str:
    """A value as Python would write it, up to a length: nothing is walked that is not shown."""
    pieces: list[str] = []
    size = 0
    for piece in _pieces(value, 0):
        pieces.append(piece)
        size += len(piece)
        if size > _SHOWN_CHARS:
            return "".join(pieces)[:_SHOWN_CHARS] + "… [the value goes on]"
    return "".join(pieces)


def _pieces(value: object, depth: int) -> Iterator[str]:
    kind = type(value)
    if depth > _MAX_DEPTH:
        yield "…"
    elif kind is dict and isinstance(value, dict):
        yield "{"
        for number, (key, item) in enumerate(value.items()):
            yield ", " if number else ""
            yield from _pieces(key, depth + 1)
            yield ": "
            yield from _pieces(item, depth + 1)
        yield "}"
    elif kind in _BRACKETS and isinstance(value, list | tuple | set | frozenset):
        opening, closing = _BRACKETS[kind]
        yield opening if value or kind in (list, tuple) else f"{kind.__name__}("
        for number, item in enumerate(value):
            yield ", " if number else ""
            yield from _pieces(item, depth + 1)
        yield (",)" if kind is tuple and len(value) == 1 else closing) if value or kind in (list, tuple) else ")"
    elif isinstance(value, str | bytes):
        yield repr(value[: _SHOWN_CHARS + 1])
    elif isinstance(value, int) and value.bit_length() > 10_000:
        yield f"<an integer of {value.bit_length():,} bits>"
    elif value is None or isinstance(value, _WRITTEN):
        yield repr(value)
    else:
        yield f"<{getattr(value, 'name', None) or kind.__name__}>"[:200]
