"""Which schemas strict modes take as they are; any other is sent without ``strict`` rather than changed."""

from __future__ import annotations

import pytest

from react_agent.backends.wires.base import strict_ready
from react_agent.messages import JsonObject

TEXT: JsonObject = {"type": "string"}


def one(inner: JsonObject, **more: object) -> JsonObject:
    """An object with one property."""
    return {"type": "object", "properties": {"a": inner}, "required": ["a"], "additionalProperties": False, **more}  # type: ignore[dict-item]


def deep(levels: int) -> JsonObject:
    return {"type": "array", "items": deep(levels - 1)} if levels else TEXT


SCHEMAS: dict[str, tuple[object, bool]] = {
    "plain": (one(TEXT), True),
    "with words": (one({**TEXT, "description": "x"}, title="T"), True),
    "a choice": (one({"enum": ["a", "b"]}), True),
    "one or none": (one({"anyOf": [TEXT, {"type": "null"}]}), True),
    "an object within": (one(one(TEXT)), True),
    "a list within": (one(deep(3)), True),
    "open": (one(TEXT, additionalProperties=True), False),
    "open within": (one({"type": "object", "properties": {}}), False),
    "optional": (one(TEXT, required=[]), False),
    "required, but unknown": (one(TEXT, required=["a", "b"]), False),
    "another keyword": (one({**TEXT, "pattern": "x"}), False),
    "a list of anything": (one({"type": "array"}), False),
    "a type that is none": (one({"type": ["string", "null"]}), False),
    "no type": (one({}), False),
    "one of which is open": (one({"anyOf": [TEXT, {"type": "object"}]}), False),
    "no object": (TEXT, False),
    "a choice alone": ({"anyOf": [one(TEXT)]}, False),
    "too deep": (one(deep(8)), False),
    "no schema": (True, False),
}


@pytest.mark.parametrize(("schema", "expected"), SCHEMAS.values(), ids=SCHEMAS)
def test_strict_where_the_schema_qualifies(schema: object, expected: bool) -> None:
    assert strict_ready(schema) is expected
