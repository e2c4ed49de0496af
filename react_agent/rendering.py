"""What a model is shown of a tool's result. NOTHING ESCAPES: whatever a tool returns can be shown somehow."""

from __future__ import annotations

import enum
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Coroutine, ItemsView, Iterator, KeysView, ValuesView
from dataclasses import fields, is_dataclass
from itertools import islice
from operator import is_

import msgspec
from msgspec.structs import replace
from pydantic import BaseModel
from pydantic_core import to_json

from react_agent.errors import ToolError
from react_agent.messages import Image, Text, clean

_encode = msgspec.json.Encoder().encode
_PLAIN = frozenset({dict, list, tuple, int, float, bool, str, type(None)})
_PARTS = frozenset({Text, Image, bytes, bytearray})
_REPR_CHARS = 2_000
_ITEMS = 1_000  # of an iterator, which may have no end
_MANY = 100_000  # of what knows how long it is, such as a range
_SAID = 8  # exceptions of a group
_NO_RESULT = "There is no result, since the tool is written wrongly. What it gave back"
_SIZED = (KeysView, ValuesView, ItemsView, range)
_SCALARS = frozenset((str, int, float, bool, type(None)))
_MAGIC = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"))


def render(value: object) -> tuple[Text | Image, ...]:
    """What a model is shown of a tool's result. Never raises.

    Text stays as it is, None is "done", pictures (`Image`, or the bytes of a PNG, JPEG, GIF or WebP) are pictures, a list with parts
    in it is its parts, and everything else is compact JSON; what JSON cannot say is shown as Python would, and a note says so.
    """
    if type(value) is str:
        return (Text(value if value.isascii() else clean(value)),)
    if value is None:
        return (Text("done"),)
    if type(value) is Text and type(value.text) is str and value.text.isascii():
        return (value,)
    try:
        return _render(value)
    except Exception as error:  # noqa: BLE001 - objects bring their own code; a result that cannot be shown is still a result
        return (Text(clean(f"{_bounded_repr(value)}\n[shown as Python does: it could not be made JSON ({type(error).__name__})]")),)


def read(value: object) -> object:
    """What a tool gave back; of an iterator, what will be shown. Read while the tool counts as running: what the iterator raises, the tool raises."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Iterator):
        return iter(list(islice(value, _ITEMS + 1)))
    if isinstance(value, AsyncIterator):
        raise ToolError(f"{_NO_RESULT} ({type(value).__name__}) gives its items to 'async for' alone: the tool has to collect them")
    return value


def read_awaited(value: object) -> object:
    """The same of what a tool gave back when it was awaited."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Awaitable):
        if isinstance(value, Coroutine):
            value.close()  # else Python warns that it was never awaited, which is said here
        raise ToolError(f"{_NO_RESULT} ({type(value).__name__}) was not awaited: there is an 'await' missing in the tool")
    return read(value)


def said(error: BaseException) -> str:
    """What an exception says of itself, and a group of them what each says."""
    try:
        text = str(error)
        if isinstance(error, BaseExceptionGroup):
            text += ": " + "; ".join(f"{type(each).__name__}: {said(each)}" for each in error.exceptions[:_SAID])
    except Exception:  # noqa: BLE001 - an exception whose own text fails has none
        text = ""
    return text


def twice(value: object) -> tuple[object, object]:
    """The value to show and the value to check: what an iterator gives, wherever it stands in it, is there once only. Raises what an iterator raises."""
    cut: list[int] = []
    value = _ended(value, cut)
    return (*render(value), Text(_more(cut))) if cut else value, value


def _as_json(value: object) -> bytes | None:
    """What JSON can say as it stands, by the writer that is many times as fast; None for all else, such as iterators."""
    try:
        return _encode(value)
    except Exception:  # noqa: BLE001 - as above
        return None


def _render(value: object) -> tuple[Text | Image, ...]:
    line: bytes | None = None
    if type(value) in _PLAIN and not (isinstance(value, list | tuple) and not _PARTS.isdisjoint(map(type, value))):
        line = _as_json(value)
        if line is not None and b"null" not in line:  # NaN becomes null there
            return (Text(line.decode()),)
    if isinstance(value, Text):
        return (replace(value, text=clean(value.text)),)
    if isinstance(value, Image):
        msgspec.convert(msgspec.to_builtins(value), Image)  # raises for what could not be read again
        return (value,)
    if isinstance(value, enum.Enum):
        return render(value.value)
    if isinstance(value, str):
        return (Text(clean(str(value))),)
    if isinstance(value, bytes | bytearray | memoryview):
        return (_binary(bytes(value)),)
    if isinstance(value, list | tuple) and any(isinstance(item, Text | Image | bytes | bytearray) for item in value):
        return tuple(part for item in value for part in render(item))
    odd: list[str] = []
    cut: list[int] = []

    def fallback(item: object) -> object:
        if isinstance(item, _SIZED):  # inside of an object that only JSON's writer looks into
            return _ended(item, cut)
        if isinstance(item, msgspec.Struct):  # our own nouns among them
            return msgspec.to_builtins(item)
        plain = getattr(item, "tolist", None)  # numpy's numbers and arrays
        if callable(plain) and getattr(item, "size", 0) <= _MANY:
            return plain()
        odd.append(type(item).__name__)
        return _bounded_repr(item)

    if line is None:
        value = _ended(value, cut)
    try:
        text = to_json(value, inf_nan_mode="strings", bytes_mode="base64", fallback=fallback).decode()
    except ValueError:  # a lone surrogate somewhere inside
        odd.clear()
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=fallback)
    if text.startswith('"'):
        text = json.loads(text)
    if cut:
        text += f"\n{_more(cut)}"
    if odd:
        text += f"\n[shown as Python does, not as JSON: {', '.join(dict.fromkeys(odd[:5]))}]"
    return (Text(clean(text)),)


def _ended(value: object, cut: list[int]) -> object:
    """With a list for each iterator in it: what writes JSON would follow one without end until there is no memory left. The same object where there is
    none. `cut` takes the bounds that were reached."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, dict):
        pairs = {key: _ended(item, cut) for key, item in value.items()}
        return value if all(map(is_, pairs.values(), value.values())) else pairs
    if isinstance(value, list | tuple | set | frozenset | deque):
        items = [_ended(item, cut) for item in value]
        return value if all(map(is_, items, value)) else items
    if isinstance(value, (Iterator, *_SIZED)):
        most = _ITEMS if isinstance(value, Iterator) else _MANY
        items = list(islice(value, most + 1))
        if len(items) > most:
            cut.append(most)
            del items[most:]
        return [_ended(item, cut) for item in items]
    if is_dataclass(value) and not isinstance(value, type):
        held = {field.name: getattr(value, field.name) for field in fields(value)}
    elif isinstance(value, BaseModel):
        held = dict(value)
    else:
        return value
    ended = {name: _ended(item, cut) for name, item in held.items()}
    return value if all(map(is_, ended.values(), held.values())) else ended


def _more(cut: list[int]) -> str:
    return "\n".join([f"[only the first {most:,} items are shown, and there are more]" for most in dict.fromkeys(cut)])


def picture(data: bytes) -> Image | None:
    """A picture of a kind that models are shown, by its first bytes: what is none would have the whole conversation refused."""
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return Image.from_bytes(data, media_type)
    return Image.from_bytes(data, "image/webp") if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _binary(data: bytes) -> Text | Image:
    if (shown := picture(data)) is not None:
        return shown
    if b"\0" not in data:
        try:
            return Text(data.decode())
        except UnicodeDecodeError:
            pass
    return Text(f"[{len(data):,} bytes of binary data, which cannot be shown]")


def _bounded_repr(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - as above
        text = object.__repr__(value)
    return text if len(text) <= _REPR_CHARS else f"{text[:_REPR_CHARS]}…"
