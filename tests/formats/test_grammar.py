from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from jsonschema import Draft202012Validator

from react_agent.formats import get_format
from react_agent.formats.grammar import Grammar
from react_agent.formats.step_grammar import json_step_grammar, react_grammar
from react_agent.formats.step_schema import THOUGHT_CHARS, step_schema
from react_agent.messages import Act, Answer, Head, JsonObject, ToolCall, ToolSpec

from ._engine import gbnf_accepts, regex_accepts, schema_accepts
from ._say import ADD, NOW, SEARCH, ask, read, tool

MODE: JsonObject = {
    "type": "object",
    "properties": {
        "mode": {"$ref": "#/$defs/Mode"},
        "n": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "opts": {"type": "object", "properties": {"deep": {"type": "boolean"}, "rate": {"type": "number"}}},
    },
    "required": ["mode"],
    "$defs": {"Mode": {"enum": ["a", 'b"', "ü"]}},
}
PICK = ToolSpec("pick", "", MODE)
TOOLS = (SEARCH, ADD, NOW, PICK)
HEAD = Head(TOOLS)
STEPS: dict[str, Act | Answer] = {
    "text": Act("I look.", (ToolCall("search", {"query": 'a "b" \\ é\n🙂 Action: x'}),)),
    "numbers": Act("x", (ToolCall("add", {"a": -12, "b": 0}),)),
    "nothing": Act("x", (ToolCall("now", {}),)),
    "required only": Act("x", (ToolCall("pick", {"mode": "ü"}),)),
    "all": Act("x", (ToolCall("pick", {"mode": 'b"', "n": None, "tags": ["x", "y"], "opts": {"deep": True, "rate": 1.5}}),)),
    "some": Act("x", (ToolCall("pick", {"mode": "a", "n": 3, "opts": {"rate": 1e-05}}),)),
    "answer": Answer("I know.", "42, and that is all"),
}
OTHERS: dict[str, Act | Answer] = {
    "unknown tool": Act("x", (ToolCall("nope", {}),)),
    "unknown key": Act("x", (ToolCall("search", {"query": "a", "x": 1}),)),
    "missing key": Act("x", (ToolCall("add", {"a": 1}),)),
    "wrong type": Act("x", (ToolCall("add", {"a": "1", "b": 2}),)),
    "wrong member": Act("x", (ToolCall("pick", {"mode": "c"}),)),
}


# ---------------------------------------------------------------------------------------------------------- JSON Schema


def accepts(text: str, schema: JsonObject) -> bool:
    """What a validator says of the value; an engine that holds a model to the schema must say the same."""
    Draft202012Validator.check_schema(schema)
    valid = bool(Draft202012Validator(schema).is_valid(json.loads(text)))
    assert schema_accepts(schema, text) is valid
    return valid


def held(grammar: Grammar, text: str) -> bool:
    """What the engine says of the grammar in GBNF, and as a regular expression where it is one."""
    accepted = gbnf_accepts(grammar, text)
    if (pattern := grammar.regex()) is not None:
        assert regex_accepts(grammar, text) is accepted
        assert (re.fullmatch(pattern, text) is not None) is accepted
    return accepted


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_the_schema_accepts_what_json_step_writes(step: Act | Answer) -> None:
    assert accepts(get_format("json_step").write(step), step_schema(HEAD))


@pytest.mark.parametrize("step", OTHERS.values(), ids=OTHERS.keys())
def test_the_schema_refuses_calls_that_would_not_pass(step: Act | Answer) -> None:
    assert not accepts(get_format("json_step").write(step), step_schema(HEAD))


def test_the_choice_of_tools_is_in_the_schema() -> None:
    form = get_format("json_step")
    act, answer = form.write(STEPS["numbers"]), form.write(STEPS["answer"])
    for schema, expected in (
        (step_schema(HEAD), (True, True)),
        (step_schema(HEAD, answer=False), (True, False)),
        (step_schema(HEAD, "required"), (True, False)),
        (step_schema(HEAD, "none"), (False, True)),
        (step_schema(HEAD, "add"), (True, False)),
        (step_schema(HEAD, "search"), (False, False)),
        (step_schema(Head((ADD, tool("finish")), output_schema={"type": "object"})), (True, False)),
    ):
        assert (accepts(act, schema), accepts(answer, schema)) == expected


# -------------------------------------------------------------------------------------------------------------- grammars

GRAMMARS = {"react_text": react_grammar(HEAD), "json_step": json_step_grammar(HEAD)}
BOTH = pytest.mark.parametrize("name", GRAMMARS)


@BOTH
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_the_grammar_accepts_what_the_format_writes(step: Act | Answer, name: str) -> None:
    assert held(GRAMMARS[name], get_format(name).write(step))


@BOTH
@pytest.mark.parametrize("step", OTHERS.values(), ids=OTHERS.keys())
def test_the_grammar_refuses_calls_that_would_not_pass(step: Act | Answer, name: str) -> None:
    assert not held(GRAMMARS[name], get_format(name).write(step))


ACCEPTED = {
    "react_text": [
        'Thought: x\nAction: add\nAction Input: {"a": 1, "b": 2}',
        "Thought: a b\nFinal Answer: Action: x",
        'Thought: x\nAction: search\nAction Input: {"query": "\\u0001\\n"}',
    ],
    "json_step": [
        '{"thought": "x", "action": "add", "action_input": {"a": 1, "b": 2}}',
        '{"thought": "", "answer": "Action: x\\n"}',
        '{"thought": "\\"", "action": "search", "action_input": {"query": "```"}}',
    ],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in ACCEPTED.items() for text in texts])
def test_what_the_grammar_accepts_is_read(name: str, text: str) -> None:
    assert held(GRAMMARS[name], text)
    reply = read(name, text, ask(TOOLS))
    assert reply.reading != "malformed"
    assert all(call.arguments is not None for call in reply.message.calls)


@pytest.mark.parametrize(
    "text", ["", "Thought: x", "Thought: \nFinal Answer: x", "Thought: x\nAction: add\nAction Input: {}", "Thought: x\nFinal Answer: "]
)
def test_the_grammar_refuses_what_is_no_step(text: str) -> None:
    assert not held(GRAMMARS["react_text"], text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"thought": "x"}',
        '{"thought": "x", "answer": ""}',
        '{"thought": "x", "answer": " "}',
        '{"answer": "x"}',
        '{"thought": "x",\n"answer": "x"}',
        '{"thought": "x", "action": "pick", "action_input": {"mode": "a", "n": 1, "n": 2}}',
        '{"thought": "x", "action": "add", "action_input": {"a": --1, "b": 2}}',
        '{"thought": "x", "action": "add", "action_input": {"a": 01, "b": 2}}',
        '{"thought": "x", "action": "search", "action_input": {"query": "\\u000A"}}',
    ],
)
def test_the_grammar_refuses_what_is_no_json_step(text: str) -> None:
    assert not held(GRAMMARS["json_step"], text)


UNWRITTEN = {
    "a thinking block": "Thought: x\nFinal Answer: a <think> b",
    "its end": "Thought: </think>\nFinal Answer: b",
    "in brackets": "Thought: x\nFinal Answer: [THINK]",
    "a line separator": "Thought: x\nFinal Answer: a\u2028b",
    "outer white space": "Thought: x\nFinal Answer: a\u00a0",
}
WRITTEN_TOO = ["a < b and c > d", "[1] <b>x</b> <table><tr> [Tokyo] </code>", "é 🙂 < 3", "Action: x"]


def test_no_mark_of_thinking_can_be_written_and_other_angles_and_brackets_can() -> None:
    for text in UNWRITTEN.values():
        assert not held(GRAMMARS["react_text"], text), text
    for words in WRITTEN_TOO:
        assert held(GRAMMARS["react_text"], f"Thought: {words}\nFinal Answer: {words}"), words


def test_a_value_of_any_kind_has_no_regular_expression() -> None:
    free = ToolSpec("free", "", {"type": "object", "properties": {"value": {}}})
    assert json_step_grammar(Head((free,))).regex() is None
    assert json_step_grammar(Head((SEARCH,))).regex() is not None
    assert react_grammar(Head(tuple(tool(f"search_{n}") for n in range(500)))).regex() is None, "too long"


@BOTH
def test_a_thought_is_bounded(name: str) -> None:
    def step(length: int) -> Answer:
        return Answer("x" * length, "y")

    assert held(GRAMMARS[name], get_format(name).write(step(THOUGHT_CHARS // 2)))
    assert not held(GRAMMARS[name], get_format(name).write(step(THOUGHT_CHARS + 2)))
    assert not accepts(get_format("json_step").write(step(THOUGHT_CHARS + 2)), step_schema(HEAD))


@pytest.mark.parametrize(("name", "make"), [("react_text", react_grammar), ("json_step", json_step_grammar)])
def test_the_choice_of_tools_is_in_the_grammar(name: str, make: Callable[..., Grammar]) -> None:
    form = get_format(name)
    act, answer = form.write(STEPS["numbers"]), form.write(STEPS["answer"])
    for grammar, expected in (
        (make(HEAD), (True, True)),
        (make(HEAD, answer=False), (True, False)),
        (make(HEAD, "required"), (True, False)),
        (make(HEAD, "none"), (False, True)),
        (make(HEAD, "search"), (False, False)),
    ):
        assert (held(grammar, act), held(grammar, answer)) == expected


def test_keywords_that_an_engine_may_not_know_are_left_to_the_validation() -> None:
    odd: JsonObject = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "pattern": r"\S", "format": "uri", "maxLength": 9},  # an argument may be called like a keyword
            "either": {"oneOf": [{"type": "integer", "exclusiveMinimum": 3}, {"$ref": "#/$defs/T"}]},
            "fixed": {"const": {"pattern": 1}},
        },
        "required": ["pattern"],
        "if": {"required": ["either"]},
        "$defs": {"T": {"enum": ["x"], "default": "x"}},
    }
    schema = step_schema(Head((ToolSpec("odd", "", odd),)), answer=False)
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert properties["action_input"] == {
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "maxLength": 9},
            "either": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/odd.T"}]},
            "fixed": {"const": {"pattern": 1}},
        },
        "required": ["pattern"],
        "additionalProperties": False,
    }
    assert schema["$defs"] == {"odd.T": {"enum": ["x"]}}


def _object(*required: str, **properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": dict(properties), "required": list(required)}


TEXT: JsonObject = {"type": "string"}
ODD = ["", " ", 'a"b', "\\", "\n", "\u2028", "🙂", "</think>", "[x]", "\x00", "{", "Action: x"]
A: JsonObject = _object("a", a=TEXT)
LINKED = {"v": "1", "next": {"v": "2", "next": {"v": "3", "next": {"v": "4", "next": {"v": "5", "next": {"v": "6"}}}}}}
AWKWARD: dict[str, tuple[JsonObject, list[JsonObject]]] = {
    "members that look like marks": (_object("e", e={"enum": ODD}), [{"e": word} for word in ODD]),
    "members of all kinds": (_object("e", e={"enum": [1, 1.5, True, None, {"a": 1}, [1, 2]]}), [{"e": 1.5}, {"e": None}, {"e": {"a": 1}}]),
    "some of two must be there": (
        {**_object(a=TEXT, b=TEXT), "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        [{"a": "1"}, {"b": "2"}],
    ),
    "one of two objects": ({"oneOf": [A, _object("b", b=TEXT)]}, [{"a": "1"}, {"b": "2"}]),
    "all of two objects": ({"allOf": [A, _object("b", b=TEXT)]}, [{"a": "1", "b": "2"}]),
    "a reference": ({"$ref": "#/$defs/P", "$defs": {"P": A}}, [{"a": "1"}]),
    "a reference with a slash": (_object("v", v={"$ref": "#/$defs/a~1b"}) | {"$defs": {"a/b": {"type": "integer"}}}, [{"v": 3}]),
    "a reference into a definition": (_object("v", v={"$ref": "#/$defs/P/properties/a"}) | {"$defs": {"P": A}}, [{"v": "3"}]),
    "within itself": (_object("v", v=TEXT, next={"$ref": "#"}), [LINKED]),
    "a definition within itself": (
        _object("n", n={"$ref": "#/$defs/N"}) | {"$defs": {"N": _object("v", v=TEXT, next={"$ref": "#/$defs/N"})}},
        [{"n": LINKED}],
    ),
    "keys that differ in case": (_object("a", "A", a={"enum": ["p"]}, A={"enum": ["q"]}), [{"a": "p", "A": "q"}]),
    "keys in any language": (_object("名", **{"名": TEXT, 'q"': TEXT}), [{"名": "x", 'q"': "y"}]),
}


@pytest.mark.parametrize(("schema", "given"), AWKWARD.values(), ids=AWKWARD.keys())
def test_awkward_schemas(schema: JsonObject, given: list[JsonObject]) -> None:
    head = Head((ToolSpec("pick", "", schema),))
    for arguments in given:
        step = Act("x", (ToolCall("pick", arguments),))
        assert gbnf_accepts(react_grammar(head), get_format("react_text").write(step))
        assert gbnf_accepts(json_step_grammar(head), get_format("json_step").write(step))
        assert schema_accepts(step_schema(head), get_format("json_step").write(step))
    for no_object in ("5", "null", "[]", '"a"'):
        text = f'{{"thought": "x", "action": "pick", "action_input": {no_object}}}'
        assert not gbnf_accepts(json_step_grammar(head), text)
        assert not schema_accepts(step_schema(head), text)


def test_a_delete_character_is_written_so_that_engines_take_it() -> None:
    head = Head((ToolSpec("pick", "", _object("e", e={"enum": ["\x7f"]})),))
    assert gbnf_accepts(json_step_grammar(head), '{"thought": "x", "action": "pick", "action_input": {"e": "\x7f"}}')


def test_a_schema_that_refers_to_itself_in_many_places_makes_a_small_grammar() -> None:
    node: JsonObject = {"type": "object", "properties": {f"d{index}": {"$ref": "#/$defs/N"} for index in range(12)}}
    grammar = json_step_grammar(Head((ToolSpec("pick", "", {**node, "$defs": {"N": node}}),)))
    assert len(grammar.gbnf()) < 10_000
    assert grammar.regex() is None


def test_definitions_that_double_each_other_have_no_regular_expression() -> None:
    chain: JsonObject = {f"N{level}": _object("a", "b", **{key: {"$ref": f"#/$defs/N{level + 1}"} for key in "ab"}) for level in range(40)}
    tool_ = ToolSpec("pick", "", {"$ref": "#/$defs/N0", "$defs": {**chain, "N40": TEXT}})
    assert json_step_grammar(Head((tool_,))).regex() is None
