from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

import pytest
from jsonschema import Draft202012Validator

from react_agent.formats import get_format
from react_agent.formats.grammar import THOUGHT_CHARS, react_gbnf, step_gbnf, step_schema
from react_agent.messages import Act, Answer, Head, JsonObject, ToolCall, ToolSpec

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
    Draft202012Validator.check_schema(schema)
    return bool(Draft202012Validator(schema).is_valid(json.loads(text)))


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


# ------------------------------------------------------------------------------------------------------------------ GBNF


class Gbnf:
    """A small recogniser of the parts of GBNF in use: literals, classes, groups, alternatives, ``? * + {m,n}``; all ends at once."""

    def __init__(self, grammar: str) -> None:
        self.rules: dict[str, object] = {}
        for line in grammar.splitlines():
            if "::=" in line:
                name, _, body = line.partition(" ::= ")
                self.source, self.at = body, 0
                self.rules[name] = self._alternatives()
                assert self.at == len(body), (line, self.at)

    def _blank(self) -> str:
        while self.source[self.at : self.at + 1] == " ":
            self.at += 1
        return self.source[self.at : self.at + 1]

    def _alternatives(self) -> object:
        options = [self._sequence()]
        while self._blank() == "|":
            self.at += 1
            options.append(self._sequence())
        return ("any", options)

    def _sequence(self) -> object:
        items = []
        while self._blank() not in ("", "|", ")"):
            items.append(self._repeated(self._item()))
        return ("all", items)

    def _item(self) -> object:
        mark = self.source[self.at]
        self.at += 1
        if mark == "(":
            inner = self._alternatives()
            assert self._blank() == ")"
            self.at += 1
            return inner
        if mark in '"[':
            begun, close = self.at, '"' if mark == '"' else "]"
            while self.source[self.at] != close:
                self.at += 2 if self.source[self.at] == "\\" else 1
            self.at += 1
            body = self.source[begun : self.at - 1]
            return ("text", _unescaped(body)) if mark == '"' else ("class", _members(body))
        begun = self.at - 1
        while self.source[self.at : self.at + 1].isalnum() or self.source[self.at : self.at + 1] == "-":
            self.at += 1
        return ("rule", self.source[begun : self.at])

    def _repeated(self, item: object) -> object:
        mark = self.source[self.at : self.at + 1]
        if mark and mark in "?*+":
            self.at += 1
            return ("times", item, 1 if mark == "+" else 0, 1 if mark == "?" else None)
        if mark == "{":
            end = self.source.index("}", self.at)
            low, high = self.source[self.at + 1 : end].split(",")
            self.at = end + 1
            return ("times", item, int(low), int(high))
        return item

    def accepts(self, text: str) -> bool:
        @cache
        def rule(name: str, at: int) -> frozenset[int]:
            return frozenset(ends(self.rules[name], at))

        def ends(node, at: int) -> set[int]:  # type: ignore[no-untyped-def]
            kind = node[0]
            if kind == "text":
                return {at + len(node[1])} if text.startswith(node[1], at) else set()
            if kind == "class":
                return {at + 1} if at < len(text) and node[1](text[at]) else set()
            if kind == "rule":
                return set(rule(node[1], at))
            if kind == "any":
                return {end for option in node[1] for end in ends(option, at)}
            if kind == "all":
                found = {at}
                for item in node[1]:
                    found = {end for here in found for end in ends(item, here)}
                return found
            _, item, low, high = node
            reached, front, times = {at} if low == 0 else set(), {at}, 0
            while front and (high is None or times < high):
                front = {end for here in front for end in ends(item, here)} - (reached if times >= low else set())
                times += 1
                if times >= low:
                    reached |= front
            return reached

        return len(text) in rule("root", 0)


def _unescaped(body: str) -> str:
    return body.replace("\\\\", "\0").replace('\\"', '"').replace("\\n", "\n").replace("\0", "\\")


def _members(body: str):  # type: ignore[no-untyped-def]
    marks: list[str] = []
    at = 0
    while at < len(body):
        if body[at] == "\\":
            if body[at + 1] == "x":
                marks.append(chr(int(body[at + 2 : at + 4], 16)))
                at += 4
                continue
            marks.append({"t": "\t", "r": "\r", "n": "\n"}.get(body[at + 1], body[at + 1]))
            at += 2
            continue
        marks.append(body[at] if body[at] != "-" or at in (0, len(body) - 1) else "RANGE")
        at += 1
    negated = marks[0] == "^"
    marks = marks[1:] if negated else marks
    pairs = []
    while marks:
        if (len(marks) > 2 and marks[1] == "RANGE") or (len(marks) > 2 and marks[1] == "-"):
            pairs.append((marks[0], marks[2]))
            marks = marks[3:]
        else:
            pairs.append((marks[0], marks[0]))
            marks = marks[1:]
    return lambda mark: any(low <= mark <= high for low, high in pairs) != negated


GRAMMARS = {"react_text": Gbnf(react_gbnf(HEAD)), "json_step": Gbnf(step_gbnf(HEAD))}
BOTH = pytest.mark.parametrize("name", GRAMMARS)


@BOTH
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_the_grammar_accepts_what_the_format_writes(step: Act | Answer, name: str) -> None:
    assert GRAMMARS[name].accepts(get_format(name).write(step))


@BOTH
@pytest.mark.parametrize("step", OTHERS.values(), ids=OTHERS.keys())
def test_the_grammar_refuses_calls_that_would_not_pass(step: Act | Answer, name: str) -> None:
    assert not GRAMMARS[name].accepts(get_format(name).write(step))


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
    assert GRAMMARS[name].accepts(text)
    reply = read(name, text, ask(TOOLS))
    assert reply.reading != "malformed"
    assert all(call.arguments is not None for call in reply.message.calls)


@pytest.mark.parametrize(
    "text", ["", "Thought: x", "Thought: \nFinal Answer: x", "Thought: x\nAction: add\nAction Input: {}", "Thought: x\nFinal Answer: "]
)
def test_the_grammar_refuses_what_is_no_step(text: str) -> None:
    assert not GRAMMARS["react_text"].accepts(text)


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
    ],
)
def test_the_grammar_refuses_what_is_no_json_step(text: str) -> None:
    assert not GRAMMARS["json_step"].accepts(text)


@BOTH
def test_a_thought_is_bounded(name: str) -> None:
    def step(length: int) -> Answer:
        return Answer("x" * length, "y")

    assert GRAMMARS[name].accepts(get_format(name).write(step(THOUGHT_CHARS // 2)))
    assert not GRAMMARS[name].accepts(get_format(name).write(step(THOUGHT_CHARS + 2)))
    assert not accepts(get_format("json_step").write(step(THOUGHT_CHARS + 2)), step_schema(HEAD))


@pytest.mark.parametrize(("name", "make"), [("react_text", react_gbnf), ("json_step", step_gbnf)])
def test_the_choice_of_tools_is_in_the_grammar(name: str, make: Callable[..., str]) -> None:
    form = get_format(name)
    act, answer = form.write(STEPS["numbers"]), form.write(STEPS["answer"])
    for grammar, expected in (
        (make(HEAD), (True, True)),
        (make(HEAD, answer=False), (True, False)),
        (make(HEAD, "required"), (True, False)),
        (make(HEAD, "none"), (False, True)),
        (make(HEAD, "search"), (False, False)),
    ):
        assert (Gbnf(grammar).accepts(act), Gbnf(grammar).accepts(answer)) == expected


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
