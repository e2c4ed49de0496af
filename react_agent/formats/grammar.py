"""Grammars from the offered tools, so that a model under constrained decoding cannot write a step that would not be read.

``step_schema`` is a JSON Schema for the format ``json_step`` (the ``response_format`` of many servers), ``step_gbnf`` a GBNF grammar for it, and
``react_gbnf`` one for ``react_text`` (llama.cpp's ``grammar``). They say what those formats write: every text that they accept is read as the same
step again. GBNF fixes the white space too, so that a reply looks like the examples in the prompt.

A thought has at most `THOUGHT_CHARS` characters: a small model under a grammar may never end its sentence.
"""

from __future__ import annotations

import re
from typing import cast

from pydantic import JsonValue

from react_agent.formats.lossless import write_json
from react_agent.formats.tools import Tools
from react_agent.messages import Head, JsonObject, ToolChoice

THOUGHT_CHARS = 240
PLAN_STEPS = 4

# ------------------------------------------------------------------------------------------------------------- JSON Schema


def step_schema(head: Head, tool_choice: ToolChoice = "auto", *, answer: bool = True, plan: bool = False) -> JsonObject:
    """The schema of one step: a thought, then one offered tool with its arguments, or the answer.

    Args:
        head: Has the tools. With an output schema the answer is a call of the reserved tool, which is among them.
        tool_choice: ``none`` leaves the answer only, ``required`` and a tool's name leave no answer.
        answer: Whether the model may answer now. Small models answer at once where they may, so leave it off before the first result.
        plan: A call has the list of tools before it that will be needed, itself the first.
    """
    tools, may_answer = _choices(head, tool_choice, answer)
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


def _choices(head: Head, tool_choice: ToolChoice, answer: bool) -> tuple[Tools, bool]:
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
    renamed = {f"#/{kind}/{key}": f"#/$defs/{name}.{key}" for kind, members in own.items() for key in members}
    for members in own.values():
        for key, member in members.items():
            definitions[f"{name}.{key}"] = _plain(member, renamed)
    body = cast(JsonObject, _plain(schema, renamed))
    body.setdefault("type", "object")
    if "patternProperties" not in schema:
        body.setdefault("additionalProperties", False)
    return body


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
            plain[key] = renamed.get(member, member)
        elif key == "properties" and isinstance(member, dict):
            plain[key] = {name: _plain(inner, renamed) for name, inner in member.items()}
        elif key == "oneOf" and "anyOf" not in schema:
            plain["anyOf"] = _plain(member, renamed)
        elif key in _KNOWN:
            plain[key] = _plain(member, renamed)
    return plain


# -------------------------------------------------------------------------------------------------------------------- GBNF

_JSON_RULES = r"""
string ::= "\"" char* "\""
char ::= [^"\\\x00-\x1f] | "\\" ( ["\\bfnrt] | "u00" [01] [0-9a-f] )
integer ::= "-"? ( "0" | [1-9] [0-9]{0,15} )
number ::= integer ( "." [0-9]{1,16} )? ( "e" [-+] [0-9]{1,2} )?
boolean ::= "true" | "false"
null ::= "null"
value ::= string | number | boolean | null | array | object
array ::= "[" ( value ( ", " value )* )? "]"
object ::= "{" ( string ": " value ( ", " string ": " value )* )? "}"
"""
_TEXT_RULES = rf"""
mark ::= [^ \t\r\n\x00-\x1f\x7f]
line ::= mark ( [ ]* mark )*
thought ::= mark ( [ ]? mark ){{0,{THOUGHT_CHARS // 2}}}
"""
_STEP_RULES = rf"""
thought ::= "\"" char{{0,{THOUGHT_CHARS}}} "\""
answer ::= "\"" visible char* "\""
visible ::= [^"\\\x00-\x20\x7f] | "\\" ["\\]
"""


def react_gbnf(head: Head, tool_choice: ToolChoice = "auto", *, answer: bool = True) -> str:
    """The grammar of one Thought/Action step: a thought of one line, then an action with JSON arguments, or an answer of one line."""
    tools, may_answer = _choices(head, tool_choice, answer)
    rules = _Rules()
    options = []
    for tool in tools:
        arguments = rules.schema(tool.parameters, tool.parameters, f"{tool.name}-input")
        options.append(f"{_quoted(f'Action: {tool.name}' + chr(10) + 'Action Input: ')} {arguments}")
    if may_answer:
        options.append('"Final Answer: " line')
    root = f'root ::= "Thought: " thought "\\n" ( {" | ".join(options)} )'
    return "\n".join([root, *rules.lines]) + _TEXT_RULES + _JSON_RULES


def step_gbnf(head: Head, tool_choice: ToolChoice = "auto", *, answer: bool = True, plan: bool = False) -> str:
    """The grammar of one step as a JSON object, written as ``json_step`` writes it; with `plan` as ``json_plan`` begins."""
    tools, may_answer = _choices(head, tool_choice, answer)
    rules = _Rules()
    thought = '"\\"thought\\": " thought ", "'
    options = []
    for tool in tools:
        arguments = rules.schema(tool.parameters, tool.parameters, f"{tool.name}-input")
        name = write_json(tool.name)
        lead = f'{_quoted(chr(34) + "plan" + chr(34) + ": [" + name)} later{{0,{PLAN_STEPS - 1}}} "], " ' if plan else ""
        call = '"action": ' + name + ', "action_input": '
        options.append(f"{lead}{thought} {_quoted(call)} {arguments}")
    if may_answer:
        options.append(f'{thought} "\\"answer\\": " answer')
    root = f'root ::= "{{" ( {" | ".join(options)} ) "}}"'
    later = f"later ::= {' | '.join(_quoted(', ' + write_json(tool.name)) for tool in tools)}" if plan and tools else None
    return "\n".join([root, *([later] if later else []), *rules.lines]) + _STEP_RULES + _JSON_RULES


class _Rules:
    """Turns JSON Schemas into rules. What it cannot say exactly becomes the general rule of its type: the arguments are validated anyway."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, str] = {}

    def rule(self, name: str, body: str) -> str:
        name = re.sub(r"[^a-zA-Z0-9-]", "-", name)
        while name in self.names:
            name += "-"
        self.names[name] = body
        self.lines.append(f"{name} ::= {body}")
        return name

    def schema(self, schema: JsonValue, root: JsonObject, name: str, hops: int = 8) -> str:
        """The name of the rule for values of this schema."""
        if not isinstance(schema, dict) or hops == 0:
            return "value"
        if isinstance(members := schema.get("enum"), list) and members:
            return self.rule(name, " | ".join(_quoted(write_json(member)) for member in members))
        if "const" in schema:
            return self.rule(name, _quoted(write_json(schema["const"])))
        if isinstance(ref := schema.get("$ref"), str):
            return self.schema(_resolved(ref, root), root, name, hops - 1)
        if isinstance(options := schema.get("anyOf") or schema.get("oneOf"), list) and options:
            return self.rule(name, " | ".join(self.schema(option, root, f"{name}-{i}", hops - 1) for i, option in enumerate(options)))
        kind = schema.get("type")
        if isinstance(kind, list) and kind:
            return self.rule(name, " | ".join(self.schema({**schema, "type": one}, root, f"{name}-{one}", hops - 1) for one in kind))
        if kind == "array":
            item = self.schema(schema.get("items"), root, f"{name}-item", hops - 1)
            return self.rule(name, f'"[" ( {item} ( ", " {item} )* )? "]"')
        if kind == "object" or "properties" in schema or hops == 8:
            return self.object(schema, root, name, hops)
        return str(kind) if kind in ("string", "integer", "number", "boolean", "null") else "value"

    def object(self, schema: JsonObject, root: JsonObject, name: str, hops: int) -> str:
        """Named members in the schema's order, the required first; or, where none are named, any."""
        members = schema.get("properties")
        if not isinstance(members, dict) or not members:
            free = schema.get("additionalProperties", hops != 8)
            return "object" if free else self.rule(name, '"{}"')
        needed = schema.get("required")
        required = [key for key in members if isinstance(needed, list) and key in needed]
        optional = [key for key in members if key not in required]
        pairs = {key: f"{_quoted(write_json(key) + ': ')} {self.schema(members[key], root, f'{name}-{key}', hops - 1)}" for key in members}
        if required:
            body = ' ", " '.join(pairs[key] for key in required) + "".join(f' ( ", " {pairs[key]} )?' for key in optional)
            return self.rule(name, f'"{{" {body} "}}"')
        tails = [" ".join([pairs[key], *(f'( ", " {pairs[later]} )?' for later in optional[i + 1 :])]) for i, key in enumerate(optional)]
        return self.rule(name, f'"{{" ( {" | ".join(tails)} )? "}}"')


def _resolved(ref: str, root: JsonObject) -> JsonValue:
    here: JsonValue = root
    for step in ref.removeprefix("#/").split("/"):
        here = here.get(step) if isinstance(here, dict) else None
    return here


def _quoted(text: str) -> str:
    """Text as a GBNF literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
