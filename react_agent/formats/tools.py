"""What reading and prompting need to know of the offered tools: names, single texts for single parameters, a light check, examples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import cast

from pydantic import JsonValue

from react_agent.formats.lossless import Unreadable, read_value, write_json
from react_agent.formats.schemas import flat, inlined, resolved
from react_agent.messages import JsonObject, ToolSpec

FINISH_TOOL = "finish"  # the reserved tool whose call is a typed answer; the same name as `spec.FINISH_TOOL`, which formats do not import
Tools = Sequence[ToolSpec]
_JSON_TYPES: dict[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
_ANY = frozenset({"string", "integer", "number", "boolean", "null", "array", "object"})
_REF_HOPS = 8


def find_tool(tools: Tools, name: str) -> tuple[ToolSpec | None, str | None]:
    """The tool of that name, exactly or, where only one differs in case or by a namespace before it, that one; and the repair's name."""
    exact, folded = _by_name(tools)
    if (tool := exact.get(name)) is not None:
        return tool, None
    alike = folded.get(name.casefold(), ())
    bare = name.removeprefix("functions.").removeprefix("default_api.")  # as OpenAI's and Google's models were taught
    if (tool := exact.get(bare)) is not None:
        return tool, "name_prefix"
    return (alike[0], "name_case") if len(alike) == 1 else (None, None)


_Index = tuple[dict[str, ToolSpec], dict[str, list[ToolSpec]]]


def _by_name(tools: Tools) -> _Index:
    """The tools by name and by name in lower case. Those of one request are asked for again and again, so the last ones are kept."""
    global _last
    known, index = _last
    if known is not tools:
        index = {}, {}
        for tool in tools:
            index[0].setdefault(tool.name, tool)
            index[1].setdefault(tool.name.casefold(), []).append(tool)
        if type(tools) is tuple:  # what may change is not kept
            _last = tools, index
    return index


_last: tuple[Tools, _Index] = ((), ({}, {}))


def unknown(tools: Tools, name: str) -> str:
    """The complaint about a tool that is not offered."""
    return _unknown(tuple([tool.name for tool in tools]), name[:128])


@lru_cache(256)
def _unknown(names: tuple[str, ...], name: str) -> str:
    near = get_close_matches(name, names, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"There is no tool named {name!r}.{hint} The tools are: {', '.join(names) or 'none'}."


# ------------------------------------------------------------------------------------------------------------------ schemas


def properties(tool: ToolSpec) -> dict[str, JsonValue]:
    """The arguments that there are, in any of the schema's alternatives."""
    found = flat(tool.parameters).get("properties")
    return found if isinstance(found, dict) else {}


def required(tool: ToolSpec) -> list[str]:
    """The arguments that every call needs."""
    found = flat(tool.parameters).get("required")
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def takes_nothing(tool: ToolSpec) -> bool:
    """Has no parameters at all, so that no text is its whole input."""
    return not properties(tool) and not required(tool) and closed(tool.parameters)


def closed(schema: JsonObject) -> bool:
    """Other keys than the named ones have no meaning here."""
    return not isinstance(schema.get("additionalProperties"), dict) and "patternProperties" not in schema


def json_type(value: JsonValue) -> str:
    return _JSON_TYPES.get(type(value), "null")


def accepted(schema: JsonValue, root: JsonObject) -> frozenset[str]:
    """Names of the JSON types that a schema lets through, as far as that is plain; all of them where it says nothing."""
    return frozenset(_types(schema, root, _REF_HOPS))


def _types(schema: JsonValue, root: JsonObject, hops: int) -> Iterator[str]:
    if not isinstance(schema, dict) or hops == 0:
        yield from _ANY
        return
    kind = schema.get("type")
    if isinstance(kind, str):
        yield kind
    elif isinstance(kind, list):
        yield from (name for name in kind if isinstance(name, str))
    elif "const" in schema:
        yield json_type(schema["const"])
    elif isinstance(members := schema.get("enum"), list):
        yield from (json_type(member) for member in members)
    elif isinstance(ref := schema.get("$ref"), str):
        yield from _types(resolved(ref, root), root, hops - 1)
    elif isinstance(options := schema.get("anyOf") or schema.get("oneOf"), list):
        for option in options:
            yield from _types(option, root, hops - 1)
    elif isinstance(parts := schema.get("allOf"), list) and len(parts) == 1:
        yield from _types(parts[0], root, hops - 1)
    else:
        yield from _ANY


def coerce(text: str, types: frozenset[str]) -> JsonValue:
    """The value that an untyped text is by the schema's types, losslessly.

    Where text and something else are both accepted, text that is exactly the JSON of the other is that: a model that can write only
    text means the number by ``42.5``, and nothing is lost by it; ``007`` stays text.

    Raises:
        Unreadable: the text is no literal of an accepted type.
    """
    bare = text.strip()
    if types == {"string"}:
        return text
    try:
        value = _literal(bare, types)
    except Unreadable:
        if "string" in types:
            return text
        raise
    if "string" in types and not isinstance(value, (dict, list)) and value is not None and write_json(value) != bare:
        return text
    return value


def _literal(bare: str, types: frozenset[str]) -> JsonValue:
    word = bare.lower()
    if "null" in types and word in ("null", "none"):
        return None
    if "boolean" in types and word in ("true", "false"):
        return word == "true"
    digits = bare.lstrip("-")
    if digits.isascii() and digits.isdigit() and len(bare) - len(digits) <= 1 and len(digits) < 4_000 and types & {"integer", "number"}:
        return int(bare)  # also 007, which JSON has no place for
    if not bare:
        raise Unreadable(f"there is no text for a value of the type {' or '.join(sorted(types))}", 0)
    try:
        value, end, repairs = read_value(bare, 0)
    except Unreadable as error:
        if bare[0] in "{[":
            raise
        raise Unreadable(f"{bare[:80]!r} is no {' or '.join(sorted(types))}", 0, ended=error.ended) from None
    kind = json_type(value)
    if end != len(bare) or (repairs and "string" in types) or (kind == "string" and "string" in types):
        raise Unreadable(f"{bare[:80]!r} is no {' or '.join(sorted(types))}", 0)
    if kind in types or (kind == "integer" and "number" in types):
        return value
    if kind == "number" and "integer" in types and isinstance(value, float) and value.is_integer():
        return int(value)
    raise Unreadable(f"{bare[:80]!r} is of the type {kind}, not {' or '.join(sorted(types))}", 0)


def single_parameter(tool: ToolSpec) -> str | None:
    """The one parameter that a bare text can only mean: the one required, or the only one."""
    needed, known = required(tool), properties(tool)
    if len(needed) == 1:
        return needed[0] if needed[0] in known else None
    return next(iter(known)) if len(known) == 1 else None


def from_text(tool: ToolSpec, text: str) -> JsonObject:
    """Arguments from a bare text such as the paper's ``Search[entity]``.

    Raises:
        Unreadable: there is not exactly one parameter that the text can mean, or it does not accept it, or the text names one itself.
    """
    name = single_parameter(tool)
    if name is None:
        if takes_nothing(tool):
            raise Unreadable(f"the tool {tool.name} takes no arguments, so they have to be {{}}", 0)
        raise Unreadable(f"the tool {tool.name} takes {_listed(tool)}, so they have to be one JSON object", 0)
    found = _NAMED.match(text)
    if found is not None and found["name"] in properties(tool):  # is it a value that begins like this, or the name beside its value?
        raise Unreadable(f'it names {found["name"]}, so the arguments have to be one JSON object, such as {{"{found["name"]}": …}}', 0)
    try:
        return {name: coerce(text, accepted(properties(tool)[name], tool.parameters))}
    except Unreadable as error:
        raise Unreadable(f"{name}: {error.reason}", 0) from None


_NAMED = re.compile(r"""\s*["'`]?(?P<name>[^\W\d][\w.\-]*)["'`]?\s*[:=](?!=)""")


def _listed(tool: ToolSpec) -> str:
    names = list(properties(tool))
    return f"the arguments {', '.join(names)}" if names else "no arguments"


def misfit(tool: ToolSpec, arguments: JsonObject) -> str | None:
    """What is plainly wrong with the arguments: unknown key, missing key, wrong type at the top. None where nothing is.

    The tool's own validation is complete; this decides only whether a text may be taken for a call of this tool at all.
    """
    known = properties(tool)
    if closed(tool.parameters):
        for key in arguments:
            if key not in known:
                return f"{tool.name} has no argument {key[:80]!r}"
    for key in required(tool):
        if key not in arguments:
            return f"{tool.name} needs the argument {key!r}"
    for key, value in arguments.items():
        types = accepted(known.get(key), tool.parameters)
        kind = json_type(value)
        if kind not in types and not (kind == "integer" and "number" in types):
            return f"{tool.name}: {key} must be {' or '.join(sorted(types))}, not {kind}"
    return None


# ----------------------------------------------------------------------------------------------------------------- examples

_SAMPLES: dict[str, JsonValue] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None, "array": [], "object": {}}
_SAMPLE_DEPTH = 6
_SCHEMA_CHARS = 5_000  # of one argument, with what its references stand for


def example_arguments(tool: ToolSpec) -> JsonObject:
    """Arguments to show: the tool's own example, else made from its schema (its examples, defaults, members), else plain samples."""
    if tool.examples:
        return tool.examples[0].arguments
    known = _shapes(tool)
    names = required(tool) or list(known)[:1]
    return {name: _sample(known.get(name), _SAMPLE_DEPTH) for name in names}


def _shapes(tool: ToolSpec) -> dict[str, JsonValue]:
    """The schema of each argument, without references: a model is not shown what they refer to."""
    found = flat(inlined(tool.parameters)).get("properties")
    return found if isinstance(found, dict) else {}


def _sample(schema: JsonValue, depth: int) -> JsonValue:
    if not isinstance(schema, dict) or depth == 0:
        return "text"
    for key in ("examples", "enum"):
        if isinstance(found := schema.get(key), list) and found:
            return found[0]
    for key in ("const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    for key in ("anyOf", "oneOf", "allOf"):
        if isinstance(options := schema.get(key), list) and options:
            return next((made for option in options if (made := _sample(option, depth - 1)) is not None), None)
    types = accepted(schema, {})
    kind = next((kind for kind in _SAMPLES if kind in types), "string")
    if kind == "object" and isinstance(needed := schema.get("required"), list):
        found = schema.get("properties")
        members = found if isinstance(found, dict) else {}
        return {name: _sample(members.get(name, {}), depth - 1) for name in needed if isinstance(name, str)}
    if kind == "array":
        first = schema.get("prefixItems")
        made = [_sample(item, depth - 1) for item in first] if isinstance(first, list) else []
        fewest = schema.get("minItems")
        return made + [_sample(schema.get("items", {}), depth - 1)] * (min(fewest, 3) - len(made) if isinstance(fewest, int) else 0)
    return _within(_SAMPLES[kind], schema) if kind in ("integer", "number") else _SAMPLES[kind]


def _within(value: JsonValue, schema: JsonObject) -> JsonValue:
    """A number that the bounds let through, as far as these are plain."""
    low, high = schema.get("minimum"), schema.get("maximum")
    for bound, best in ((low, max), (high, min)):
        if isinstance(bound, int | float) and isinstance(value, int | float):
            value = best(value, bound)
    return value


def describe(tool: ToolSpec) -> str:
    """A tool in a prompt: its signature, what it does, and a line for each argument."""
    known, written, needed = _shapes(tool), properties(tool), required(tool)
    signature = ", ".join(f"{name}: {_type_name(schema)}{'' if name in needed else ' (optional)'}" for name, schema in known.items())
    lines = [f"{tool.name}({signature})"]
    if tool.description.strip():
        lines.append("  " + " ".join(tool.description.split()))
    for name, schema in known.items():
        note = _note(schema, written.get(name))
        if note:
            lines.append(f"  - {name}: {note}")
    return "\n".join(lines)


def _type_name(schema: JsonValue) -> str:
    types = accepted(schema, {})
    return "any" if types >= _ANY else " or ".join(kind for kind in _SAMPLES if kind in types)


def _note(schema: JsonValue, written: JsonValue) -> str:
    """What there is to say of an argument. `written`: its schema with references, for one that is too long without."""
    if not isinstance(schema, dict):
        return ""
    said = schema.get("description")
    note = " ".join(said.split()) if isinstance(said, str) else ""
    members = schema.get("enum")
    if isinstance(members, list):
        note = f"{note} One of {write_json(cast(JsonValue, members))}.".strip()
    if _has_parts(schema):
        shown = write_json({key: value for key, value in schema.items() if key != "description"})
        if len(shown) > _SCHEMA_CHARS:
            shown = write_json(written) if _has_parts(written) else ""
        note = f"{note} Schema: {shown}".strip() if shown else note
    return note


def _has_parts(schema: JsonValue) -> bool:
    """There is more to it, or to one that it may be, than the name of a type tells."""
    if not isinstance(schema, dict):
        return False
    options = [option for key in ("anyOf", "oneOf", "allOf") if isinstance(found := schema.get(key), list) for option in found]
    return any(isinstance(schema.get(key), dict | list) and schema[key] for key in ("properties", "items", "prefixItems")) or any(
        map(_has_parts, options)
    )
