"""The JSON Schema of one step, for the format ``json_step``: what servers take as ``response_format`` so that each reply can be read.

A thought has at most `THOUGHT_CHARS` characters: a small model under a grammar may never end its sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pydantic import JsonValue

from react_agent.formats.tools import Tools
from react_agent.messages import Head, JsonObject, ToolChoice

THOUGHT_CHARS = 240
PLAN_STEPS = 4


def step_schema(head: Head, tool_choice: ToolChoice = "auto", *, answer: bool = True, plan: bool = False) -> JsonObject:
    """The schema of one step: a thought, then one offered tool with its arguments, or the answer.

    Args:
        head: Has the tools. With an output schema the answer is a call of the reserved tool, which is among them.
        tool_choice: ``none`` leaves the answer only, ``required`` and a tool's name leave no answer.
        answer: Whether the model may answer now. Small models answer at once where they may, so leave it off before the first result.
        plan: A call has the list of tools before it that will be needed, itself the first.
    """
    tools, may_answer = choices(head, tool_choice, answer)
    definitions: JsonObject = {}
    options: list[JsonValue] = []
    for tool in tools:
        schema = _lifted(tool.name, tool.parameters, definitions)
        lead: JsonObject = {"plan": _plan_schema(tools)} if plan else {}
        options.append(
            _object(
                {**lead, "thought": {"type": "string", "maxLength": THOUGHT_CHARS}, "action": {"const": tool.name}, "action_input": schema}
            )
        )
    if may_answer:
        options.append(_object({"thought": {"type": "string", "maxLength": THOUGHT_CHARS}, "answer": {"type": "string", "minLength": 1}}))
    step: JsonObject = cast(JsonObject, options[0]) if len(options) == 1 else {"anyOf": options}
    return {**step, "$defs": definitions} if definitions else step


def choices(head: Head, tool_choice: ToolChoice, answer: bool) -> tuple[Tools, bool]:
    """The tools that may be called, and whether the model may answer."""
    if tool_choice == "none" or not head.tools:
        return (), True
    if tool_choice in ("auto", "required"):
        return head.tools, answer and tool_choice == "auto" and head.output_schema is None
    named = tuple(tool for tool in head.tools if tool.name == tool_choice)
    return named or head.tools, False


def _plan_schema(tools: Tools) -> JsonObject:
    return {"type": "array", "items": {"enum": [tool.name for tool in tools]}, "minItems": 1, "maxItems": PLAN_STEPS}


def _object(members: JsonObject) -> JsonObject:
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


# What servers' grammar engines know. The rest (a pattern, a format, if/then) is left to the tool's own validation: an engine that does not know a
# keyword refuses the whole schema.
_KNOWN = frozenset(
    {"type", "required", "additionalProperties", "items", "prefixItems", "anyOf", "allOf", "description", "title"}
) | frozenset({"minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum"})


def _lifted(name: str, schema: JsonObject, definitions: JsonObject) -> JsonObject:
    """The tool's schema as a part of a larger one: its definitions go to the top under names of their own, no unknown keys."""
    own = {kind: members for kind in ("$defs", "definitions") if isinstance(members := schema.get(kind), dict)}
    renamed = {f"#/{kind}/{_step(key)}": f"#/$defs/{_step(f'{name}.{key}')}" for kind, members in own.items() for key in members}
    if any(ref not in renamed for ref in _references(schema)):  # to itself, or to some other place in it
        definitions[name] = _plain(schema, renamed | {"#": f"#/$defs/{_step(name)}"})
        renamed["#"] = f"#/$defs/{_step(name)}"
    for members in own.values():
        for key, member in members.items():
            definitions[f"{name}.{key}"] = _plain(member, renamed)
    body = cast(JsonObject, _plain(schema, renamed))
    body.setdefault("type", "object")
    if "patternProperties" not in schema and not _COMBINED.intersection(schema):
        body.setdefault("additionalProperties", False)
    return body


_COMBINED = frozenset(("$ref", "allOf", "anyOf", "oneOf"))  # keys may be named there


def _step(key: str) -> str:
    """A key as a step of a JSON Pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def _references(schema: JsonValue) -> Iterator[str]:
    if isinstance(schema, list):
        for member in schema:
            yield from _references(member)
    elif isinstance(schema, dict):
        if isinstance(ref := schema.get("$ref"), str):
            yield ref
        for member in schema.values():
            yield from _references(member)


def _plain(schema: JsonValue, renamed: dict[str, str]) -> JsonValue:
    """The schema in keywords that every engine knows, its references to the new names."""
    if isinstance(schema, list):
        return [_plain(member, renamed) for member in schema]
    if not isinstance(schema, dict):
        return schema
    plain: JsonObject = {}
    for key, member in schema.items():
        if key in ("const", "enum"):
            plain[key] = member
        elif key == "$ref" and isinstance(member, str):
            base = "/".join(member.split("/")[:3])  # one of the definitions, or something within it
            base = base if base in renamed else "#"
            plain[key] = renamed.get(base, base) + member.removeprefix(base) if member.startswith("#") else member
        elif key == "properties" and isinstance(member, dict):
            plain[key] = {name: _plain(inner, renamed) for name, inner in member.items()}
        elif key == "oneOf" and "anyOf" not in schema:
            plain["anyOf"] = _plain(member, renamed)
        elif key in _KNOWN:
            plain[key] = _plain(member, renamed)
    return plain
