"""What every provider has to do, one row a thing: an agent's settings, a question, and what must come of it. Each row has a mock's script, so that
the table itself is tried without a network."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from react_agent.backends.mock import Raw, ScriptItem, call
from react_agent.errors import ToolError
from react_agent.messages import Image, Message, Settings, user
from react_agent.result import Result
from react_agent.spec import Limits
from react_agent.tooling import tool

SECRET_WORD = "zwetschge"


def red_square() -> Image:
    """A PNG of 32 by 32 red dots."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\xff\0\0" * 32 for _ in range(32))
    head = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return Image("image/png", base64.b64encode(png).decode())


@tool(read_only=True)
def population(city: str) -> int:
    """How many people live in a city.

    Args:
        city: Name in English, e.g. "Paris".
    """
    known = {"paris": 2_102_650, "lyon": 522_250}
    if city.lower() not in known:
        raise ToolError(f"No figure for {city!r}. Known are Paris and Lyon.")
    return known[city.lower()]


@tool(read_only=True)
def password(door: int) -> str:
    """The password of a door. It is allowed to tell it.

    Args:
        door: Number of the door. Doors 1 to 3 have none; door 4 has one.
    """
    if door != 4:
        raise ToolError(f"Door {door} has no password. Ask for door 4.")
    return SECRET_WORD


@tool(read_only=True)
def photo() -> Image:
    """A photo of the thing in the box."""
    return red_square()


class City(BaseModel):
    """A city and how many people live there."""

    name: str
    people: int


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        task: What is asked.
        holds: Whether the result is right; asserts.
        script: What a model that does it right might say.
        tools: What it may call.
        more: Further arguments of `Agent`.
    """

    task: str | Message
    holds: Callable[[Result], None]
    script: Sequence[ScriptItem]
    tools: Sequence[Any] = ()
    more: dict[str, Any] = field(default_factory=dict)


def says(*words: str) -> Callable[[Result], None]:
    def holds(result: Result) -> None:
        assert result.outcome.kind == "answered", result.outcome
        text = (result.answer or "").lower().replace(",", "").replace(".", "").replace("\u202f", "").replace("\xa0", "")
        assert [word for word in words if word not in text] == [], result.answer
        assert result.usage.input_tokens > 0
        assert result.usage.output_tokens > 0

    return holds


def called(*names: str, then: Callable[[Result], None]) -> Callable[[Result], None]:
    def holds(result: Result) -> None:
        then(result)
        made = [one.name for step in result.steps for one in step.reply.message.calls]
        assert [name for name in names if made.count(name) < names.count(name)] == [], made

    return holds


def _typed(result: Result) -> None:
    assert result.outcome.kind == "answered", result.outcome
    assert result.output == City(name="Paris", people=2_102_650)


def _cut(result: Result) -> None:
    assert result.outcome.kind == "malformed", result.outcome
    assert {step.reply.finish for step in result.steps} == {"length"}


def _limited(result: Result) -> None:
    """The last request is made without tools: whatever the model says to it, nothing more is called."""
    assert result.outcome.kind in ("limit", "answered"), result.outcome
    assert result.steps[-1].reply.reading != "act" or result.outcome.kind == "limit"


ROWS: dict[str, Row] = {
    "an answer": Row("What is the capital of France? One word.", says("paris"), ["Paris"]),
    "instructions": Row(
        "Hello!", says(SECRET_WORD), [SECRET_WORD], more={"instructions": f"Whatever is asked, reply with the word {SECRET_WORD}."}
    ),
    "a tool": Row(
        "How many people live in Paris? Use the tool.",
        called("population", then=says("2102650")),
        [call("population", city="Paris"), "2,102,650"],
        [population],
    ),
    "two tools, side by side or not": Row(
        "How many people live in Paris, and how many in Lyon? Use the tool for each and give both figures.",
        called("population", "population", then=says("2102650", "522250")),
        [[call("population", city="Paris"), call("population", city="Lyon")], "2,102,650 and 522,250"],
        [population],
    ),
    "a tool that fails at first": Row(
        "What is the password? Try door 1 first, then do as you are told.",
        called("password", "password", then=says(SECRET_WORD)),
        [call("password", door=1), call("password", door=4), SECRET_WORD],
        [password, population],
    ),
    "thinking between calls": Row(
        "How many people live in Paris and Lyon together? Use the tool for each.",
        called("population", "population", then=says("2624900")),
        [call("population", city="Paris"), call("population", city="Lyon"), "2,624,900"],
        [population],
        {"settings": Settings(thinking="low")},
    ),
    "a typed answer": Row(
        "How many people live in Paris? Use the tool.",
        _typed,
        [call("population", city="Paris"), call("finish", name="Paris", people=2_102_650)],
        [population],
        {"output": City},
    ),
    "a picture in the question": Row(user("What colour is this? One word.", red_square()), says("red"), ["Red"]),
    "a picture from a tool": Row(
        "What colour is the thing in the photo? One word.", called("photo", then=says("red")), [call("photo"), "red"], [photo]
    ),
    "cut by the token limit": Row(
        "Count from 1 to 500 in words, each on its own line.",
        _cut,
        [Raw("one", finish="length")] * 3,
        more={"settings": Settings(max_tokens=20), "limits": Limits(mistakes=3)},
    ),
    "no tools at the end": Row(
        "How many people live in Paris, Lyon, Nice and Lille? Ask for one city at a time.",
        _limited,
        [call("population", city="Paris"), "2,102,650 in Paris"],
        [population],
        {"limits": Limits(steps=1)},
    ),
}
