"""Iterables are read, and so checked, before the function is called.

For an ``Iterable`` pydantic hands over an iterator that checks each item when it is asked for: by then the tool runs. Here it is a list.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from typing import cast, get_args, get_origin

from pydantic_core import CoreSchema

_NOT_SCHEMAS = frozenset(("cls", "config", "default", "expected", "members", "metadata", "serialization"))
_STEPWISE = (Iterator, AsyncIterator, AsyncIterable)


class LazyError(Exception):
    """Items cannot be checked in time; the message goes on from the parameter's name."""


def check_stepwise(hint: object) -> None:
    """Raises `LazyError` for what is asked for one item after the other: a list has no ``next``."""
    kind = get_origin(hint) or hint
    if isinstance(kind, type) and issubclass(kind, _STEPWISE) and kind.__module__ in ("collections.abc", "typing"):
        raise LazyError(f"is an iterator ({kind.__name__}), and a model sends all items at once; write list[...] or Iterable[...]")
    for part in get_args(hint):
        check_stepwise(part)


def eager(schema: CoreSchema) -> CoreSchema:
    """The same with lists for iterables. Raises `LazyError` where a class has its own validator, which would not know of that."""
    definitions = {each["ref"]: each for each in schema["definitions"]} if schema["type"] == "definitions" else {}
    return cast("CoreSchema", _Eager(cast("Mapping[str, object]", definitions)).made(schema, None))


class _Eager:
    def __init__(self, definitions: Mapping[str, object]) -> None:
        self.definitions = definitions
        self.seen: set[tuple[type | None, str]] = set()

    def made(self, part: object, holder: type | None) -> object:
        """A copy of a part of a schema; the holder is the class with a validator of its own that it belongs to."""
        if isinstance(part, list | tuple):
            return type(part)([self.made(item, holder) for item in part])
        if not isinstance(part, dict):
            return part
        kind = part.get("type")
        if not isinstance(kind, str):  # named fields, or branches by their tags
            return {key: self.made(item, holder) for key, item in part.items()}
        cls = part.get("cls")
        if isinstance(cls, type) and "__pydantic_complete__" in vars(cls):
            holder = cls
        if kind == "generator":
            if holder is not None:
                raise LazyError(
                    f"holds an Iterable (in {holder.__name__}), whose items would not be checked before they are used; write list[...] there"
                )
            kind = "list"
        elif kind == "definition-ref" and (at := (holder, part["schema_ref"])) not in self.seen:
            self.seen.add(at)
            self.made(self.definitions.get(part["schema_ref"]), holder)
        return {key: item if key in _NOT_SCHEMAS else self.made(item, holder) for key, item in part.items()} | {"type": kind}
