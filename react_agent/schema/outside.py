"""Schemas that somebody else wrote: checked, and bounded before anything is compiled from them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import cast
from urllib.parse import unquote, urldefrag, urljoin

from pydantic import JsonValue

from react_agent.errors import SchemaError
from react_agent.messages import JsonObject, clean
from react_agent.schema.complaints import nearest, short
from react_agent.schema.patterns import MAX_COST, READING, backtracking, cost, matcher
from react_agent.schema.walk import LISTED, NAMED, SINGLE, TYPES, children, is_number, listing, mapping, pointed_at

MAX_BYTES = 64_000  # of a schema's JSON
MAX_DEPTH = 64
MAX_NODES = 8_000  # values in it
MAX_EXPANSION = 2_000  # subschemas that one value may be held against
DRAFTS = ("draft-03", "draft-04", "draft-06", "draft-07", "2019-09", "2020-12")
_OLD = ("draft-03", "draft-04")


def draft_of(schema: JsonObject) -> str:
    """Name of the draft that ``$schema`` asks for; 2020-12 where it asks for none that is known."""
    said = str(schema.get("$schema", ""))
    return next((draft for draft in DRAFTS if "json-schema.org" in said and draft in said), "2020-12")


def arguments_schema(parameters: JsonObject | None) -> JsonObject:
    """A tool's parameters as they came from outside, checked, as the schema of an object; a copy.

    Nothing at all means no arguments, and ``type: object`` is added where it is left out. Where no draft is named, what older drafts,
    OpenAPI and Gemini write otherwise is written as 2020-12 has it: upper-case type names, ``nullable``, ``items`` as a list,
    ``exclusiveMinimum`` as a flag, ``dependencies``, an empty description. Nothing else is changed.

    Raises:
        SchemaError: As `check_schema`, or the schema is not one of an object.
    """
    if parameters is None:
        parameters = {}
    _check_size(parameters)
    schema: JsonObject = json.loads(json.dumps(parameters))
    if "$schema" not in schema:
        _modernise(schema)
    schema.setdefault("type", "object")
    if schema["type"] != "object":
        raise SchemaError(
            f'arguments are an object, not {short(schema["type"], 60)}; set "type" to "object" and describe them under "properties"'
        )
    _check_place(schema)
    schema.setdefault("properties", {})
    check_schema(schema)
    return schema


def _check_place(schema: JsonObject) -> None:
    """JSON Schema reads over words that it does not know; so an argument that is described beside ``properties`` would be none."""
    if not schema.keys().isdisjoint(_HOLDING):
        return
    for key, held in schema.items():
        if isinstance(held, dict) and "type" in held and key not in ("const", "default", "example") and not key.startswith(("$", "x-")):
            raise SchemaError(f'{short(key, 60)} is no word of JSON Schema; describe the arguments under "properties"')


_HOLDING = SINGLE | LISTED | NAMED | {"$ref", "$dynamicRef"}


def _modernise(schema: JsonObject) -> None:
    for _, held, _ in children(schema):
        if isinstance(held, dict):
            _modernise(held)
    for keyword in ("title", "description"):
        if keyword in schema and schema[keyword] is None:
            del schema[keyword]
    said = schema.get("type")
    if isinstance(said, str) and said.isupper() and said.lower() in TYPES:
        schema["type"] = said = said.lower()
    if isinstance(said, str) and isinstance(schema.get("nullable"), bool) and said in TYPES and schema.pop("nullable"):
        schema["type"] = [said, "null"]
        if "enum" in schema and None not in listing(schema, "enum"):
            schema["enum"] = [*listing(schema, "enum"), None]
    if isinstance(schema.get("items"), list) and "prefixItems" not in schema:
        schema["prefixItems"] = schema.pop("items")
        if "additionalItems" in schema:
            schema["items"] = schema.pop("additionalItems")
    for key, held in mapping(schema, "dependencies").items():
        keyword = "dependentRequired" if isinstance(held, list) else "dependentSchemas"
        schema[keyword] = {key: held, **mapping(schema, keyword)}
    schema.pop("dependencies", None)
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(schema.get(exclusive), bool) and schema.pop(exclusive) and bound in schema:
            schema[exclusive] = schema.pop(bound)


def check_schema(schema: object) -> None:
    """Makes sure that a schema from outside is valid, and can be compiled and applied in bounded time.

    Raises:
        SchemaError: It is no object, too large or too deep, not a valid JSON Schema, refers to something outside itself, refers to
            itself without taking a step into the value, multiplies beyond bounds, or has a pattern that may take for ever.
    """
    _check_size(schema)
    root = cast("JsonObject", schema)
    draft = draft_of(root)
    nodes: list[tuple[str, JsonObject]] = []
    resources: dict[str, JsonObject] = {"": root}
    references: list[tuple[str, JsonObject, str, str]] = []
    seen: set[int] = set()
    targets: dict[int, list[JsonObject]] = {}
    pending: list[tuple[str, JsonValue, str]] = [("#", root, "")]
    while pending:
        while pending:
            where, node, base = pending.pop()
            if isinstance(node, bool):
                continue
            if not isinstance(node, dict):
                raise SchemaError(f"{where} is {short(node, 60)}; a schema is an object, or true or false")
            _check_keywords(where, node, draft)
            base = _register(node, base, draft, resources)
            references += [(where, node, str(node[keyword]), base) for keyword in ("$ref", "$dynamicRef") if keyword in node]
            nodes.append((where, node))
            seen.add(id(node))
            pending += [(f"{where}/{'/'.join(map(str, path))}", held, base) for path, held, _ in children(node)]
        while references:
            where, node, reference, base = references.pop()
            target = _target(reference, base, resources, where)
            if target is None:
                continue
            targets.setdefault(id(node), []).append(target)
            if id(target) not in seen:  # it stands where no schema is expected, but is used as one
                seen.add(id(target))
                pending.append((reference, target, base))
    _check_expansion(nodes, targets)
    _check_patterns(nodes)


def _check_size(schema: object) -> None:
    """Level by level, so that no depth is too deep to be looked at, and objects that hold themselves end like any others."""
    if not isinstance(schema, dict):
        raise SchemaError(f"a JSON Schema of arguments is an object, not {type(schema).__name__}")
    nodes = size = 0
    level: list[object] = [schema]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for value in level:
            nodes += 1
            size += _weigh(value, below)
            if nodes + len(below) > MAX_NODES or size > MAX_BYTES:
                raise SchemaError(
                    f"the schema is too large: more than {MAX_NODES:,} values or {MAX_BYTES:,} bytes; describe less, or in fewer words"
                )
        if not below:
            return
        level = below
    raise SchemaError(f"the schema is nested more than {MAX_DEPTH} deep; make it flatter, or use $ref")


def _weigh(value: object, below: list[object]) -> int:
    """About how many bytes of JSON a value is, without what it holds, which goes `below`."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise SchemaError("the schema is no JSON: it has keys that are not text")
        below += value.values()
        return sum(_weigh(key, below) + 2 for key in value) + 2
    if isinstance(value, list | tuple):
        below += value
        return len(value) + 2
    if isinstance(value, str):
        if clean(value) is not value and clean(value) != value:
            raise SchemaError(f"the schema is no Unicode: {value[:60]!r} has half of a surrogate pair")
        return len(value) + 2
    if value is None or isinstance(value, bool):
        return 5
    if isinstance(value, int) and value.bit_length() <= 1_024:
        return value.bit_length() // 3 + 1
    if isinstance(value, float) and math.isfinite(value):
        return 8
    said = f"a number of {value.bit_length():,} bits" if isinstance(value, int) else repr(value)[:60]
    raise SchemaError(f"the schema is no JSON that others could read: it holds {said}")


# ------------------------------------------------------------------------------------------------------------- keywords


def _is_count(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and value == int(value)


def _is_names(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_SHAPES: dict[str, tuple[Callable[[JsonValue], bool], str]] = {}
for _test, _said, _keywords in (
    (TYPES["string"], "text", "title description format pattern $ref $id $anchor $dynamicRef $dynamicAnchor $schema $comment contentEncoding contentMediaType"),
    (_is_count, "a whole number from 0", "minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains"),
    (is_number, "a number", "minimum maximum exclusiveMinimum exclusiveMaximum"),
    (TYPES["boolean"], "true or false", "uniqueItems deprecated readOnly writeOnly"),
    (lambda v: isinstance(v, list) and bool(v), "a list of schemas that is not empty", "allOf anyOf oneOf prefixItems"),
    (TYPES["object"], "an object", "properties patternProperties $defs definitions dependentSchemas dependencies"),
    (TYPES["array"], "a list", "enum examples"),
    (_is_names, "a list of names", "required"),
    (lambda v: is_number(v) and cast("float", v) > 0, "a number above 0", "multipleOf"),
    (lambda v: isinstance(v, dict) and all(map(_is_names, v.values())), "an object of lists of names", "dependentRequired"),
):  # fmt: skip
    _SHAPES |= dict.fromkeys(_keywords.split(), (_test, _said))

_INSTEAD = {
    "dict": "object", "map": "object", "struct": "object", "str": "string", "text": "string", "date": "string", "int": "integer", "long": "integer",
    "float": "number", "double": "number", "decimal": "number", "bool": "boolean", "list": "array", "tuple": "array", "none": "null", "any": "no type at all",
}  # fmt: skip


def _check_keywords(where: str, node: JsonObject, draft: str) -> None:
    for keyword, value in node.items():
        fits, said = _SHAPES.get(keyword, (None, ""))
        if fits is not None and not fits(value) and not (draft in _OLD and (isinstance(value, bool) or keyword == "dependencies")):
            raise SchemaError(f"{where}: {keyword!r} is {short(value, 60)}; it must be {said}")
    if isinstance(node.get("items"), list) and draft == "2020-12":
        raise SchemaError(f"{where}: 'items' is a list; in draft 2020-12 write 'prefixItems'")
    said_type = node.get("type")
    if said_type == []:
        raise SchemaError(f"{where}: 'type' is an empty list; name a type, or leave it out")
    for name in said_type if isinstance(said_type, list) else [said_type] if "type" in node else []:
        if not (isinstance(name, str) and (name in TYPES or draft == "draft-03")):
            instead = _INSTEAD.get(str(name).lower()) or nearest(str(name), TYPES)
            raise SchemaError(
                f"{where}: {short(name, 40)} is no JSON Schema type"
                + (f"; write {instead}" if instead else f"; the types are {', '.join(TYPES)}")
            )


def _check_patterns(nodes: list[tuple[str, JsonObject]]) -> None:
    """All that stand in a schema are measured before the first is compiled."""
    found = [
        (where, node, pattern)
        for where, node in nodes
        for pattern in [*([cast("str", node["pattern"])] if "pattern" in node else []), *mapping(node, "patternProperties")]
    ]
    left = MAX_COST - READING * sum(len(pattern) for _, _, pattern in found)
    for _, _, pattern in found:
        left -= cost(pattern) if left > 0 else 0
        if left <= 0:
            raise SchemaError("the schema's patterns are too large together; use fewer, or let them repeat less")
    leftover = any("unevaluatedProperties" in node for _, node in nodes)  # jsonschema judges those with Python's engine
    for where, node, pattern in found:
        try:
            matcher(pattern)
            if leftover and pattern in mapping(node, "patternProperties"):
                backtracking(pattern)
        except SchemaError as error:
            raise SchemaError(f"{where}: {error}") from None


# ----------------------------------------------------------------------------------------------------------- references


def _register(node: JsonObject, base: str, draft: str, resources: dict[str, JsonObject]) -> str:
    """Notes under which URIs a subschema can be referred to; gives the base URI for what it holds."""
    identity = node.get("id" if draft in _OLD else "$id")
    if isinstance(identity, str):
        if identity.startswith("#"):  # an anchor, as old drafts wrote it
            resources[urldefrag(base).url + identity] = node
        else:
            base = urldefrag(urljoin(base, identity)).url
            resources[base] = node
    for keyword in ("$anchor", "$dynamicAnchor"):
        if keyword in node:
            resources[f"{base}#{node[keyword]}"] = node
    return base


def _target(reference: str, base: str, resources: dict[str, JsonObject], where: str) -> JsonObject | None:
    """The subschema that is referred to; None where it is plainly true or false, or one of the published meta-schemas."""
    if reference.startswith("#"):
        url, fragment = base, reference[1:]
    else:
        url, fragment = urldefrag(urljoin(base, reference))
    if fragment and f"{url}#{fragment}" in resources:
        return resources[f"{url}#{fragment}"]
    if url not in resources:
        if url.startswith(("http://json-schema.org/", "https://json-schema.org/")):
            return None
        raise SchemaError(
            f'{where}: {reference!r} lies outside the schema, and nothing is fetched; copy it under "$defs" and refer to "#/$defs/…"'
        )
    at = pointed_at(resources[url], unquote(fragment)) if not fragment or fragment.startswith("/") else None
    if isinstance(at, bool):
        return None
    if not isinstance(at, dict):
        raise SchemaError(f"{where}: {reference!r} points at {'nothing' if at is None else short(at, 40) + ', which is no schema'}")
    return at


def _check_expansion(nodes: list[tuple[str, JsonObject]], targets: dict[int, list[JsonObject]]) -> None:
    """Bounds how many subschemas one value is held against, and finds references that lead back without a step into the value."""
    places = {id(node): where for where, node in nodes}
    weights: dict[int, int] = {}

    def weigh(node: JsonObject) -> int:
        key = id(node)
        if key in weights:
            if not weights[key]:
                raise SchemaError(f"{places.get(key, '#')} refers to itself without a step into the value, so that a check would never end")
            return weights[key]
        weights[key] = 0  # being weighed
        below = [held for _, held, in_place in children(node) if in_place and isinstance(held, dict)] + targets.get(key, [])
        weights[key] = 1 + sum(map(weigh, below))
        if weights[key] > MAX_EXPANSION:
            raise SchemaError(
                f"{places.get(key, '#')} holds one value against more than {MAX_EXPANSION:,} subschemas; flatten its allOf, anyOf, oneOf and $ref"
            )
        return weights[key]

    try:
        for _, node in nodes:
            weigh(node)
    except RecursionError:
        raise SchemaError("the schema's references form a chain that is too long; flatten it") from None
