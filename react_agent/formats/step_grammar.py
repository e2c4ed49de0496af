"""The grammar of one step from the offered tools, so that a model under constrained decoding cannot write a step that would not be read.

`json_step_grammar` is for ``json_step`` and ``json_plan``, `react_grammar` for ``react_text``. They say what those formats write, white space too, so
that a reply looks like the examples in the prompt: every text that they accept is read as the same step again, without repairs. Members of an
object come in the order of the schema, the required first; whole numbers have at most 16 digits. The server's own engine need not know the tools'
schemas: what a grammar cannot say exactly (a pattern, a bound) becomes the general rule of its type, and the arguments are validated anyway. Nor can
it keep a key from being written twice where any keys may stand: such a step is complained about.
"""

from __future__ import annotations

import re

from pydantic import JsonValue

from react_agent.formats.grammar import Alt, Chars, Grammar, Lit, Node, Rep, Rule, Seq, alt, maybe, seq
from react_agent.formats.lossless import write_json
from react_agent.formats.schemas import resolved
from react_agent.formats.step_schema import PLAN_STEPS, THOUGHT_CHARS, choices
from react_agent.messages import Head, JsonObject, ToolChoice

_HEX = Chars("0-9a-f")
_DIGIT = Chars("0-9")
_ONE = seq(maybe("-"), Chars("1-9"))  # before an exponent
_FRACTION = seq(".", Rep(_DIGIT, 1, 20))

# As Python's own encoder writes JSON: every control character in its one form, exponents with a sign, nothing that would overflow.
JSON_RULES: dict[str, Node] = {
    "string": seq('"', Rep(Rule("char")), '"'),
    "char": alt(
        Chars(r'^"\\\x00-\x1f'),
        seq("\\", alt(Chars(r'"\\bfnrt'), seq("u000", Chars("0-7bef")), seq("u001", _HEX))),
    ),
    "integer": alt("0", seq(maybe("-"), Chars("1-9"), Rep(_DIGIT, 0, 15))),
    "number": alt(
        Rule("integer"),
        seq(maybe("-"), alt("0", seq(Chars("1-9"), Rep(_DIGIT, 0, 15))), _FRACTION),
        seq(
            _ONE,
            Rep(_FRACTION, 0, 1),
            "e",
            alt(seq("-", Rep(_DIGIT, 2, 3)), seq("+", alt(Rep(_DIGIT, 2, 2), seq(Chars("12"), _DIGIT, _DIGIT)))),
        ),
    ),
    "boolean": alt("true", "false"),
    "null": Lit("null"),
    "value": alt(*map(Rule, ("string", "number", "boolean", "null", "array", "object"))),
    "array": seq("[", maybe(Rule("value"), Rep(seq(", ", Rule("value")))), "]"),
    "object": seq("{", maybe(Rule("pair"), Rep(seq(", ", Rule("pair")))), "}"),
    "pair": seq(Rule("string"), ": ", Rule("value")),
}
# A line of text without outer white space. Marks of thinking blocks cannot be written: `<` may begin no word that could become one, nor `[`.
_NO_BLANK = r"\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_PLAIN = rf"^<\x5b◁{_NO_BLANK}"
TEXT_RULES: dict[str, Node] = {
    "line": seq(Rule("mark"), Rep(seq(Rep(Lit(" ")), Rule("mark")))),
    "mark": alt(
        Chars(_PLAIN), seq("<", Rule("after")), seq("[", alt(Chars(_PLAIN + "T"), seq(" ", Chars(_PLAIN)), seq("T", Chars(_PLAIN + "H"))))
    ),
    "after": alt(
        Chars(_PLAIN + "/|trsc"),
        seq(" ", Chars(_PLAIN)),
        seq("c", Chars(_PLAIN + "h")),
        seq(maybe("/"), alt(seq("t", Chars(_PLAIN + "h")), seq("r", Chars(_PLAIN + "e")), seq("s", Chars(_PLAIN + "e")))),
        seq("/", Chars(_PLAIN + "trs")),
    ),
    "thought": seq(Rule("mark"), Rep(seq(maybe(" "), Rule("mark")), 0, THOUGHT_CHARS // 2)),
}
STEP_RULES: dict[str, Node] = {
    "thought": seq('"', Rep(Rule("char"), 0, THOUGHT_CHARS), '"'),
    "answer": seq('"', Rule("visible"), Rep(Rule("char")), '"'),
    "visible": alt(Chars(rf'^"\\{_NO_BLANK}'), seq("\\", Chars(r'"\\'))),
}


def react_grammar(head: Head, tool_choice: ToolChoice = "auto", *, answer: bool = True) -> Grammar:
    """One Thought/Action step: a thought of one line, then an action with JSON arguments, or an answer of one line."""
    tools, may_answer = choices(head, tool_choice, answer)
    rules = _Rules()
    options = [seq(f"Action: {tool.name}\nAction Input: ", rules.arguments(tool.parameters, tool.name)) for tool in tools]
    if may_answer:
        options.append(seq("Final Answer: ", Rule("line")))
    return rules.grammar(seq("Thought: ", Rule("thought"), "\n", alt(*options)), TEXT_RULES)


def json_step_grammar(head: Head, tool_choice: ToolChoice = "auto", *, answer: bool = True, plan: bool = False) -> Grammar:
    """One step as a JSON object, written as ``json_step`` writes it; with `plan` as ``json_plan`` begins."""
    tools, may_answer = choices(head, tool_choice, answer)
    rules = _Rules()
    thought = seq('"thought": ', Rule("thought"), ", ")
    options: list[Node] = []
    for tool in tools:
        name = write_json(tool.name)
        lead = seq(f'"plan": [{name}', Rep(Rule("later"), 0, PLAN_STEPS - 1), "], ") if plan else Lit("")
        options.append(seq(lead, thought, f'"action": {name}, "action_input": ', rules.arguments(tool.parameters, tool.name)))
    if may_answer:
        options.append(seq(thought, '"answer": ', Rule("answer")))
    if plan and tools:
        rules.made["later"] = alt(*(f", {write_json(tool.name)}" for tool in tools))
    return rules.grammar(seq("{", alt(*options), "}"), STEP_RULES)


_ROOT = 8  # levels of a schema that are told exactly; the arguments themselves are the first


def _both(schema: JsonObject, part: JsonValue, root: JsonObject) -> JsonObject:
    """The schema with what a member of its ``allOf`` or ``anyOf`` adds to it."""
    if isinstance(part, dict) and isinstance(ref := part.get("$ref"), str):
        part = resolved(ref, root)
    if not isinstance(part, dict):
        return schema
    made: JsonObject = {**schema, **part}
    shapes, more = schema.get("properties"), part.get("properties")
    if isinstance(shapes, dict) and isinstance(more, dict):
        made["properties"] = {**shapes, **more}
    needed, further = schema.get("required"), part.get("required")
    if isinstance(needed, list) and isinstance(further, list):
        made["required"] = [*needed, *further]
    return made


class _Rules:
    """Turns JSON Schemas into rules."""

    def __init__(self) -> None:
        self.made: dict[str, Node] = {}
        self._taken = {
            name.casefold() for name in (*JSON_RULES, *TEXT_RULES, *STEP_RULES)
        }  # there are engines that do not tell cases apart
        self._referred: dict[tuple[int, str], Rule] = {}

    def grammar(self, root: Node, more: dict[str, Node]) -> Grammar:
        """With those of the general rules that are needed."""
        known = {**JSON_RULES, **more, **self.made}
        needed: dict[str, Node] = {}
        waiting = [root]
        while waiting:
            for name in _names(waiting.pop()):
                if name not in needed:
                    needed[name] = known[name]
                    waiting.append(known[name])
        return Grammar(root, needed)

    def arguments(self, schema: JsonObject, name: str) -> Node:
        return self.schema(schema, schema, f"{name}-input")

    def rule(self, name: str, body: Node) -> Rule:
        name = re.sub(r"[^a-zA-Z0-9-]", "-", name)
        while name.casefold() in self._taken:
            name += "-"
        self._taken.add(name.casefold())
        self.made[name] = body
        return Rule(name)

    def reference(self, ref: str, root: JsonObject, name: str, hops: int) -> Rule:
        """The rule for what a reference names: one for all that refer to it, also from within."""
        key = (id(root), ref)
        if key not in self._referred:
            target, seen = resolved(ref, root), {ref}
            while isinstance(target, dict) and isinstance(further := target.get("$ref"), str):
                target = None if further in seen else resolved(further, root)
                seen.add(further)
            made = self._referred[key] = self.rule(name, Rule("value"))
            self.made[made.name] = self.schema(target, root, name, hops)
        return self._referred[key]

    def schema(self, schema: JsonValue, root: JsonObject, name: str, hops: int = _ROOT) -> Rule:
        """The rule for values of this schema."""
        if not isinstance(schema, dict) or hops == 0:
            return Rule("value")
        if isinstance(members := schema.get("enum"), list) and members:
            return self.rule(name, alt(*(write_json(member) for member in members)))
        if "const" in schema:
            return self.rule(name, Lit(write_json(schema["const"])))
        if isinstance(ref := schema.get("$ref"), str):
            return self.reference(ref, root, name, hops)
        if isinstance(parts := schema.get("allOf"), list) and parts:
            rest = {key: value for key, value in schema.items() if key != "allOf"}
            for part in parts:
                rest = _both(rest, part, root)
            return self.schema(rest, root, name, hops)
        if isinstance(options := schema.get("anyOf") or schema.get("oneOf"), list) and options:
            rest = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
            each = [_both(rest, option, root) if "properties" in rest else option for option in options]
            lower = hops if hops == _ROOT and "properties" in rest else hops - 1
            return self.rule(name, alt(*(self.schema(option, root, f"{name}-{i}", lower) for i, option in enumerate(each))))
        kind = schema.get("type")
        if isinstance(kind, list) and kind:
            return self.rule(name, alt(*(self.schema({**schema, "type": one}, root, f"{name}-{one}", hops - 1) for one in kind)))
        if kind == "array":
            item = self.schema(schema.get("items"), root, f"{name}-item", hops - 1)
            return self.rule(name, seq("[", maybe(item, Rep(seq(", ", item))), "]"))
        if kind == "object" or "properties" in schema or hops == _ROOT:
            return self.object(schema, root, name, hops)
        return Rule(str(kind) if kind in ("string", "integer", "number", "boolean", "null") else "value")

    def object(self, schema: JsonObject, root: JsonObject, name: str, hops: int) -> Rule:
        """Named members in the schema's order, the required first; or, where none are named, any."""
        members = schema.get("properties")
        if not isinstance(members, dict) or not members:
            free = schema.get("additionalProperties", hops != _ROOT)
            return Rule("object") if free else self.rule(name, Lit("{}"))
        needed = schema.get("required")
        required = [key for key in members if isinstance(needed, list) and key in needed]
        optional = [key for key in members if key not in required]
        pairs = {key: seq(f"{write_json(key)}: ", self.schema(members[key], root, f"{name}-{key}", hops - 1)) for key in members}
        later = [maybe(", ", pairs[key]) for key in optional]
        if required:
            parts: list[Node | str] = [pairs[required[0]]]
            for key in required[1:]:
                parts += [", ", pairs[key]]
            return self.rule(name, seq("{", *parts, *later, "}"))
        firsts = [seq(pairs[key], *later[at + 1 :]) for at, key in enumerate(optional)]
        return self.rule(name, seq("{", maybe(alt(*firsts)), "}"))


def _names(node: Node) -> list[str]:
    """Names of the rules that a node asks for."""
    match node:
        case Rule():
            return [node.name]
        case Seq():
            return [name for item in node.items for name in _names(item)]
        case Alt():
            return [name for option in node.options for name in _names(option)]
        case Rep():
            return _names(node.item)
        case _:
            return []
