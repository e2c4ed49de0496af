"""The shape of JSON values and of the schemas that speak of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias, cast
from urllib.parse import unquote

from pydantic import JsonValue

from react_agent.messages import JsonObject

Path: TypeAlias = tuple[str | int, ...]

SINGLE = frozenset(
    ("additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then",
     "unevaluatedItems", "unevaluatedProperties")
)  # fmt: skip
LISTED = frozenset(("allOf", "anyOf", "items", "oneOf", "prefixItems"))
NAMED = frozenset(("$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"))
IN_PLACE = frozenset(("allOf", "anyOf", "dependencies", "dependentSchemas", "else", "if", "not", "oneOf", "then"))
_OPENING = ("additionalProperties", "unevaluatedProperties", "$dynamicRef", "$recursiveRef")
_HOPS = 8  # references that are followed on the way to one subschema; only words depend on it


def children(schema: JsonObject) -> Iterator[tuple[Path, JsonValue, bool]]:
    """Where a schema holds others: the place, what stands there, and whether it speaks of the same value."""
    for keyword, value in schema.items():
        if keyword in LISTED and isinstance(value, list):
            for i, item in enumerate(value):
                yield (keyword, i), item, keyword in IN_PLACE
        elif keyword in SINGLE:
            yield (keyword,), value, keyword in IN_PLACE
        elif keyword in NAMED and isinstance(value, dict):
            for name, item in value.items():
                if not (keyword == "dependencies" and isinstance(item, list)):
                    yield (keyword, name), item, keyword in IN_PLACE


def refers_from_elsewhere(schema: JsonObject) -> bool:
    """Whether a reference in it is meant from a place within that has an identity of its own, and not from the root."""
    held = [subschema for _, subschema, _ in children(schema) if isinstance(subschema, dict)]
    return any((("$id" in each or "id" in each) and _refers(each)) or refers_from_elsewhere(each) for each in held)


def _refers(schema: JsonObject) -> bool:
    held = [subschema for _, subschema, _ in children(schema) if isinstance(subschema, dict)]
    return not schema.keys().isdisjoint(_REFERENCES) or any(map(_refers, held))


_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def listing(schema: JsonObject, keyword: str) -> list[JsonValue]:
    """A keyword's list, or an empty one."""
    value = schema.get(keyword)
    return value if isinstance(value, list) else []


def mapping(schema: JsonObject, keyword: str) -> JsonObject:
    """A keyword's object, or an empty one."""
    value = schema.get(keyword)
    return value if isinstance(value, dict) else {}


# -------------------------------------------------------------------------------------------------------- JSON's types


def _is_integer(value: object) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


TYPES: dict[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "number": is_number,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def type_names(schema: JsonObject) -> list[str]:
    """The types that a schema names itself; none where it leaves them open."""
    said = schema.get("type", [])
    return [said] if isinstance(said, str) else cast("list[str]", said)


def constants(schema: JsonObject) -> list[JsonValue]:
    """The values of ``const`` or ``enum``."""
    return [schema["const"]] if "const" in schema else listing(schema, "enum")


def same(a: JsonValue, b: JsonValue) -> bool:
    """Equal as JSON counts: true is not 1, and 1.0 is."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return isinstance(a, bool) == isinstance(b, bool) and a == b


# --------------------------------------------------------------------------------------------- what a schema says of a key


def resolve(reference: object, root: JsonObject) -> JsonValue | None:
    """What ``#`` or ``#/a/pointer`` points at; None where it is another kind of reference, or points at nothing."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return None
    return pointed_at(root, unquote(reference[1:]))


def pointed_at(at: JsonValue, pointer: str) -> JsonValue | None:
    """What a JSON Pointer (RFC 6901) points at, or None."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict) and name in at:
            at = at[name]
        elif isinstance(at, list) and name.isdigit() and int(name) < len(at):
            at = at[int(name)]
        else:
            return None
    return at


def child(schema: JsonValue, key: str | int, root: JsonObject, hops: int = _HOPS) -> JsonValue:
    """The subschema for one key or index, as far as it can be told plainly; True where it cannot."""
    if not isinstance(schema, dict) or hops == 0:
        return True
    if isinstance(key, str):
        if key in mapping(schema, "properties"):
            return mapping(schema, "properties")[key]
        if isinstance(schema.get("additionalProperties"), dict):
            return schema["additionalProperties"]
    else:
        if key < len(listing(schema, "prefixItems")):
            return listing(schema, "prefixItems")[key]
        if isinstance(schema.get("items"), dict):
            return schema["items"]
    found = [child(branch, key, root, hops - 1) for branch in branches(schema, root)]
    told = [subschema for subschema in found if subschema is not True]
    return {"anyOf": told} if len(told) > 1 else told[0] if told else True


def branches(schema: JsonObject, root: JsonObject) -> list[JsonValue]:
    """What a schema refers to or combines, for the same value."""
    found = [branch for keyword in ("anyOf", "oneOf", "allOf") for branch in listing(schema, keyword)]
    target = resolve(schema.get("$ref"), root)
    return found if target is None else [target, *found]


def subschema(schema: JsonObject, path: Path) -> JsonValue:
    """What a schema says of the value at a path, references followed; True where it cannot be told plainly."""
    at: JsonValue = schema
    for part in path:
        at = child(at, part, schema)
    for _ in range(_HOPS):
        target = resolve(at.get("$ref"), schema) if isinstance(at, dict) else None
        if target is None or not isinstance(at, dict):
            break
        said = {key: value for key, value in at.items() if key != "$ref"}
        at = {**target, **said} if isinstance(target, dict) else target
    return at


def wanted_types(schema: JsonValue, root: JsonObject, hops: int = _HOPS) -> set[str]:
    """Names of the types that a schema allows, as far as it says so plainly."""
    if not isinstance(schema, dict) or hops == 0:
        return set()
    names = set(type_names(schema))
    if not names and (listed := constants(schema)):
        names = {name for name in ("integer", "string") if all(map(TYPES[name], listed))}
    return names.union(*(wanted_types(branch, root, hops - 1) for branch in branches(schema, root)))


def is_open(schema: JsonObject) -> bool:
    """Whether a schema says itself that other keys may come than those it names, or that what it says of them is found elsewhere."""
    return any(schema.get(keyword, False) is not False for keyword in _OPENING) or bool(schema.get("patternProperties"))


def known_keys(schema: JsonValue, root: JsonObject) -> dict[str, None] | None:
    """The keys that an object of this schema may have, in order; None if the schema leaves that open on purpose, or it cannot be told."""
    known: dict[str, None] = {}
    seen: set[int] = set()
    pending = [schema]
    while pending:
        node = pending.pop(0)
        if not isinstance(node, dict) or id(node) in seen:
            continue
        seen.add(id(node))
        if is_open(node):
            return None
        known |= dict.fromkeys(mapping(node, "properties"))
        known |= dict.fromkeys(cast("list[str]", listing(node, "required")))
        pending += [held for _, held, in_place in children(node) if in_place]
        if "$ref" in node:
            target = resolve(node["$ref"], root)
            if target is None:
                return None
            pending.append(target)
    return known


def required_keys(schema: JsonValue, root: JsonObject, hops: int = _HOPS) -> set[str] | None:
    """The keys that every object of this schema has; None if it cannot be told."""
    if not isinstance(schema, dict):
        return set()
    target = resolve(schema["$ref"], root) if "$ref" in schema else True
    if target is None or hops == 0 or "$dynamicRef" in schema or "$recursiveRef" in schema:
        return None
    found = set(cast("list[str]", listing(schema, "required")))
    found |= {key for key, held in mapping(schema, "properties").items() if isinstance(held, dict) and held.get("required") is True}
    either: list[JsonValue] = [schema["then"], schema["else"]] if {"if", "then", "else"} <= schema.keys() else []
    always = [[part] for part in (target, *listing(schema, "allOf"))]
    for parts in (*always, listing(schema, "anyOf"), listing(schema, "oneOf"), either):
        of_each = [required_keys(part, root, hops - 1) for part in parts]
        told = [keys for keys in of_each if keys is not None]
        if len(told) < len(of_each):
            return None
        found |= set.intersection(*told) if told else set()
    return found


def integral(value: JsonValue, schema: JsonValue, root: JsonObject) -> JsonValue:
    """The value with whole floats as integers where the schema asks for integers; the same object where there is nothing to do."""
    if isinstance(value, float):
        if not value.is_integer():
            return value
        wanted = wanted_types(schema, root)
        return int(value) if "integer" in wanted and "number" not in wanted else value
    if isinstance(value, dict):
        made = {key: integral(item, child(schema, key, root), root) for key, item in value.items() if isinstance(item, float | dict | list)}
        return {**value, **made} if any(made[key] is not value[key] for key in made) else value
    if isinstance(value, list):
        items = [
            integral(item, child(schema, i, root), root) if isinstance(item, float | dict | list) else item for i, item in enumerate(value)
        ]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value
