"""Regular expressions of schemas from outside: read as ECMA-262 means them, and such that a match ends in time.

Rust's engine, which pydantic brings along, is linear in the text's length and reads nearly every pattern; look-around and
back-references need Python's, which backtracks.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from pydantic_core import SchemaError as CoreSchemaError
from pydantic_core import SchemaValidator, core_schema

from react_agent.errors import SchemaError

MAX_COST = 200_000  # of a schema's patterns; a unit is about 0.25 µs of compiling
READING = 8  # what a character costs before anything is compiled
_STEPS = 10_000_000  # of a backtracking engine on one text
_TOKEN = r"""(?xs)
    \\[pP]\{[^}]*\} | \\u\{[^}]*\} | \\.        # an escape
    | \[\^?\]?(?:\\.|[^\]\\])*\]                    # a class
    | \(\?<?[=!] | \(\?P?<(?=\w) | \( | \)          # a group: looking around, named, other
    | [*+?] | \{\d+(?:,\d*)?\} | \{,\d+\}           # a repetition
    | ."""
_ASCII = {r"\d": "[0-9]", r"\D": "[^0-9]", r"\w": "[A-Za-z0-9_]", r"\W": "[^A-Za-z0-9_]", r"\b": r"(?-u:\b)", r"\B": r"(?-u:\B)"}
_IN_CLASS = {**_ASCII, r"\d": "0-9", r"\w": "A-Za-z0-9_", r"\b": r"\x08"}
_SETS = {r"\d", r"\D", r"\w", r"\W", r"\s", r"\S"}
_PIECE = r"(?s)\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\u\{[^}]*\}|\\[pP]\{[^}]*\}|\\.|."


@functools.lru_cache(512)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Tells whether a text has a match.

    Where only Python's engine can read the pattern, a group that repeats or chooses may not itself be repeated, and a text that is so
    long that the check might take seconds does not match.

    Raises:
        SchemaError: The pattern cannot be read, is too large, or may take for ever.
    """
    try:
        return SchemaValidator(core_schema.str_schema(pattern=linear(pattern))).isinstance_python
    except CoreSchemaError as error:
        if "size limit" in str(error):
            raise SchemaError(f"the pattern {pattern[:80]!r} is too large; repeat less") from None
    compiled = backtracking(pattern)
    longest = int(_STEPS ** (1 / (_read(pattern).degree + 1)))
    return lambda text: len(text) <= longest and compiled.search(text) is not None


def backtracking(pattern: str) -> re.Pattern[str]:
    """The pattern for Python's engine. Raises `SchemaError` if it cannot be read there or may take for ever."""
    read = _read(pattern)
    try:
        compiled = re.compile("".join(read.python), re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise SchemaError(f"the pattern {pattern[:80]!r} cannot be read: {error}") from None
    if read.nested:
        raise SchemaError(
            f"the pattern {pattern[:80]!r} repeats a group that itself repeats or chooses, which may take for ever; write it without"
        )
    return compiled


def linear(pattern: str) -> str:
    """The pattern for Rust's engine."""
    return "".join(_read(pattern).rust)


def cost(pattern: str) -> int:
    """About what compiling it costs, in units of 0.25 µs."""
    return 400 + _read(pattern).groups[0].size


class _Group:
    """A group, or the whole: its size, that of its last item (which a repetition repeats), its repetitions in a row."""

    __slots__ = ("last", "looks", "repetitions", "size", "varies")

    def __init__(self, *, looks: bool = False) -> None:
        self.size = self.last = self.repetitions = 0
        self.varies = False  # it repeats or chooses
        self.looks = looks  # ahead or behind


class _Reading:
    """What one look at a pattern tells.

    Attributes:
        rust, python: Its pieces, for either engine.
        groups: Those that are open; at the end, the whole.
        degree: Most repetitions in one sequence: a bound on the exponent of the time that backtracking takes.
        nested: A group that varies is repeated; then that time may be exponential.
    """

    __slots__ = ("degree", "groups", "nested", "python", "rust")

    def __init__(self) -> None:
        self.rust: list[str] = []
        self.python: list[str] = []
        self.groups = [_Group()]
        self.degree = 0
        self.nested = False


@functools.lru_cache(512)
def _read(pattern: str) -> _Reading:
    reading = _Reading()
    closed: _Group | None = None  # by the token before
    for token in re.findall(_TOKEN, pattern):
        group = reading.groups[-1]
        rust, python, just_closed = token, token, None
        if token[0] == "(":
            reading.groups.append(_Group(looks=token in ("(?=", "(?!", "(?<=", "(?<!")))
            python = "(?P<" if token == "(?<" else token
        elif token == ")" and len(reading.groups) > 1:
            just_closed = _close(reading)
        elif token in ("*", "+", "?") or (token[0] == "{" and len(token) > 1):
            reading.nested |= token != "?" and closed is not None and closed.varies
            _repeat(group, token)
        elif token == "|":
            group.varies = True
        else:
            rust, python = _ASCII.get(token, token), r"\Z" if token == "$" else token
            if token[0] == "[":
                rust, python = _class(token)
            group.last = _weight(token)
            group.size += group.last
        closed = just_closed
        reading.rust.append(rust)
        reading.python.append(python)
    reading.degree = max(reading.degree, reading.groups[0].repetitions)
    return reading


def _close(reading: _Reading) -> _Group:
    inner = reading.groups.pop()
    outer = reading.groups[-1]
    reading.degree = max(reading.degree, inner.repetitions)
    outer.last = inner.size
    outer.size += inner.size
    if not inner.looks:
        outer.repetitions += inner.repetitions
        outer.varies |= inner.varies
    return inner


def _repeat(group: _Group, token: str) -> None:
    times = max((int(count) for count in re.findall(r"\d+", token)), default=1)
    group.size += group.last * max(times - 1, 0)
    group.last *= max(times, 1)
    group.repetitions += token != "?"
    group.varies = True


def _class(token: str) -> tuple[str, str]:
    """A character class for both engines: a hyphen beside ``\\w`` is itself, and signs that mean something to one engine only are escaped."""
    head = "[^" if token.startswith("[^") else "["
    pieces: list[str] = re.findall(_PIECE, token[len(head) : -1])
    rust, python, i = head, head, 0
    while i < len(pieces):
        span = pieces[i : i + 3]
        if len(span) == 3 and span[1] == "-" and not {span[0], span[2]} & _SETS:
            rust += f"{_sign(span[0])}-{_sign(span[2])}"
            python += f"{_sign(span[0])}-{_sign(span[2])}"
            i += 3
        else:
            rust += _IN_CLASS.get(span[0]) or _sign(span[0])
            python += _sign(span[0])
            i += 1
    return f"{rust}]", f"{python}]"


def _sign(piece: str) -> str:
    return f"\\{piece}" if piece in tuple("-[]&~|^") else piece


def _weight(token: str) -> int:
    if r"\p" in token or r"\P" in token:
        return 1_000
    if token in (".", r"\s", r"\S", r"\D", r"\W") or token.startswith("[^") or re.search(r"\\[SDW]", token):
        return 25
    return 1 if token.isascii() else 10
