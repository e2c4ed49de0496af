"""What a model is shown of a tool's result. NOTHING ESCAPES: whatever a tool returns can be shown somehow."""

from __future__ import annotations

import enum
import json
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from itertools import islice

import msgspec
from msgspec.structs import replace
from pydantic_core import to_json

from react_agent.messages import Image, Text, clean

_encode = msgspec.json.Encoder().encode
_PLAIN = frozenset({dict, list, tuple, int, float, bool})
_PARTS = frozenset({Text, Image, bytes, bytearray})
_REPR_CHARS = 2_000
_ITEMS = 1_000  # of an iterator, which may have no end
_MANY = 100_000  # of what knows how long it is, such as a range
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
    if type(value) in _PLAIN and (text := _as_json(value)) is not None:
        return (Text(text),)
    try:
        return _render(value)
    except Exception as error:  # noqa: BLE001 - objects bring their own code; a result that cannot be shown is still a result
        return (Text(clean(f"{_bounded_repr(value)}\n[shown as Python does: it could not be made JSON ({type(error).__name__})]")),)


def _as_json(value: object) -> str | None:
    """What JSON can say as it stands, by the writer that is many times as fast; None for all else."""
    if isinstance(value, list | tuple) and not _PARTS.isdisjoint(map(type, value)):
        return None
    try:
        line = _encode(value)
    except Exception:  # noqa: BLE001 - as below
        return None
    return None if b"null" in line else line.decode()  # it writes NaN so


def _render(value: object) -> tuple[Text | Image, ...]:
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

    value = _ended(value, cut)
    try:
        text = to_json(value, inf_nan_mode="strings", bytes_mode="base64", fallback=fallback).decode()
    except ValueError:  # a lone surrogate somewhere inside
        odd.clear()
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=fallback)
    if text.startswith('"'):
        text = json.loads(text)
    for most in dict.fromkeys(cut):
        text += f"\n[only the first {most:,} items are shown, and there are more]"
    if odd:
        text += f"\n[shown as Python does, not as JSON: {', '.join(dict.fromkeys(odd[:5]))}]"
    return (Text(clean(text)),)


def _ended(value: object, cut: list[int]) -> object:
    """With a list for each iterator in it: what writes JSON would follow one without end until there is no memory left. `cut` takes the bounds that were reached."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, dict):
        return {key: _ended(item, cut) for key, item in value.items()}
    if not isinstance(value, list | tuple):
        if isinstance(value, Iterator):
            most = _ITEMS
        elif isinstance(value, _SIZED):
            most = _MANY
        else:
            return value
        value = list(islice(value, most + 1))
        if len(value) > most:
            cut.append(most)
            del value[most:]
    return [_ended(item, cut) for item in value]


def _binary(data: bytes) -> Text | Image:
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return Image.from_bytes(data, media_type)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Image.from_bytes(data, "image/webp")
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
