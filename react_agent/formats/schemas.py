"""Tools' schemas made plainer: for prompts, and for APIs that do not take all of JSON Schema.

What is left out here is enforced all the same: arguments are held against the tool's own schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from pydantic import JsonValue

from react_agent.messages import JsonObject

# Schemas come from outside, and their parts may refer to each other over and over.
_MOST_PARTS = 50
_MOST_REFERENCES = 500
_NOT_AT_ROOT = frozenset(("$ref", "allOf", "anyOf", "oneOf", "not", "enum", "const"))


def resolved(ref: str, root: JsonObject) -> JsonValue:
    """The schema that a local reference names, or None, which accepts anything."""
    here: JsonValue = root
    for step in ref.removeprefix("#").split("/")[1:]:
        here = here.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(here, dict) else None
    return here if ref.startswith("#") else None


def flat(schema: JsonObject) -> JsonObject:
    """The schema as one object at its root, which Claude and OpenAI insist on: one tool with alternatives there has every request refused.

    The arguments of all alternatives are named, those that all of them need are required, and which belong together is told in words.
    """
    return _flat(schema, schema, iter(range(_MOST_PARTS))) if _NOT_AT_ROOT.intersection(schema) else schema


def _flat(schema: JsonObject, root: JsonObject, left: Iterator[int]) -> JsonObject:
    made = {key: value for key, value in schema.items() if key not in _NOT_AT_ROOT}
    if next(left, None) is None:
        return made
    target = resolved(ref, root) if isinstance(ref := schema.get("$ref"), str) else None
    for part in [*([target] if isinstance(target, dict) else []), *_objects(schema.get("allOf"))]:
        _add(made, [_flat(part, root, left)])
    for word in ("anyOf", "oneOf"):
        options = [_flat(option, root, left) for option in _objects(schema.get(word))]
        if options:
            _add(made, options)
            needs = [" and ".join(map(repr, names)) for option in options if (names := _required(option))]
            if len(set(needs)) > 1:
                made["description"] = f"{made.get('description') or ''} Give {', or '.join(dict.fromkeys(needs))}.".strip()
    return made


def _add(made: JsonObject, options: list[JsonObject]) -> None:
    """What every one of these asks for, and the arguments of any."""
    shapes = dict(_mapping(made.get("properties")))
    for key in dict.fromkeys(key for option in options for key in _mapping(option.get("properties"))):
        if key not in shapes:
            kinds = _distinct(found[key] for option in options if key in (found := _mapping(option.get("properties"))))
            shapes[key] = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if shapes:
        made["properties"] = shapes
    common = [name for name in _required(options[0]) if all(name in _required(option) for option in options)]
    if names := [*dict.fromkeys([*_required(made), *common])]:
        made["required"] = cast("JsonValue", names)
    made.setdefault("type", "object")
    for option in options:
        for word in ("$defs", "definitions"):
            if inner := _mapping(option.get(word)):
                made[word] = {**inner, **_mapping(made.get(word))}


def _mapping(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _objects(value: JsonValue) -> list[JsonObject]:
    return [member for member in value if isinstance(member, dict)] if isinstance(value, list) else []


def _required(schema: JsonObject) -> list[str]:
    names = schema.get("required")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _distinct(values: Iterable[JsonValue]) -> list[JsonValue]:
    kept: list[JsonValue] = []
    for value in values:
        if value not in kept:
            kept.append(value)
    return kept


def inlined(schema: JsonObject) -> JsonObject:
    """The schema without references, for servers that know none; one to itself becomes anything at all."""
    return cast(JsonObject, _inlined(schema, schema, (), iter(range(_MOST_REFERENCES))))


def _inlined(value: JsonValue, root: JsonObject, within: tuple[str, ...], left: Iterator[int]) -> JsonValue:
    if isinstance(value, list):
        return [_inlined(member, root, within, left) for member in value]
    if not isinstance(value, dict):
        return value
    ref = value.get("$ref")
    if isinstance(ref, str):
        rest = {key: member for key, member in value.items() if key != "$ref"}
        again = ref in within or next(left, None) is None
        target = None if again else _inlined(resolved(ref, root), root, (*within, ref), left)
        return {**(target if isinstance(target, dict) else {}), **cast(JsonObject, _inlined(rest, root, within, left))}
    top = value is root
    return {key: _inlined(member, root, within, left) for key, member in value.items() if not (top and key in ("$defs", "definitions"))}
