"""Laws of the grammars, in both directions: a format's steps are accepted by a real engine, and what a grammar accepts is read as it was meant."""

from __future__ import annotations

import json

import pytest
from formats._engine import gbnf_accepts, schema_accepts
from formats._say import ADD, NOW, SEARCH, ask, read
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from react_agent.errors import FormatError
from react_agent.formats import get_format
from react_agent.formats.grammar import Alt, Chars, Grammar, Lit, Node, Rep, Rule, Seq
from react_agent.formats.step_grammar import json_step_grammar, react_grammar
from react_agent.formats.step_schema import THOUGHT_CHARS, step_schema
from react_agent.messages import Act, Answer, Head, JsonObject, ToolCall, ToolSpec

ALL = ToolSpec(
    "all_kinds",
    "",
    {
        "type": "object",
        "properties": {
            "mode": {"$ref": "#/$defs/Mode"},
            "text": {"type": "string"},
            "count": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "opts": {"type": "object", "properties": {"deep": {"type": "boolean"}, "rate": {"type": "number"}}},
            "any": {},
        },
        "required": ["mode", "text"],
        "$defs": {"Mode": {"enum": ["a", 'b"', "ü", "</think>"]}},
    },
)
TOOLS = (SEARCH, ADD, NOW, ALL)
HEAD = Head(TOOLS)
GRAMMARS = {"react_text": react_grammar(HEAD), "json_step": json_step_grammar(HEAD)}
MODEST = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
BOTH = pytest.mark.parametrize("name", GRAMMARS)

MARKS = [
    "Action:",
    "Final Answer: ",
    "Observation: x",
    "<tool_call>",
    "</tool_call>",
    "```",
    "[TOOL_CALLS]",
    "{",
    "}",
    "'",
    "</s>",
    ">>>search",
    "：",
    "**",
    "null",
    "🙂",
    "\u2028",
]
HIDING = ["<think>", "</think>", "[THINK]", "[/THINK]", "<|channel|>", "<|message|>", "<|channel>", "◁/think▷"]  # fmt: skip
words = st.lists(st.one_of(st.text(st.characters(codec="utf-8"), max_size=6), st.sampled_from(MARKS + HIDING)), max_size=5).map("".join)
integers = st.integers(-(10**16) + 1, 10**16 - 1)
floats = st.floats(-1e299, 1e299)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), integers, floats, words),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
options = st.fixed_dictionaries({}, optional={"deep": st.booleans(), "rate": st.one_of(floats, integers)})
kinds = st.fixed_dictionaries(
    {"mode": st.sampled_from(["a", 'b"', "ü", "</think>"]), "text": words},
    optional={"count": st.one_of(st.none(), integers), "tags": st.lists(words, max_size=3), "opts": options, "any": anything},
)
calls = st.one_of(
    st.builds(ToolCall, st.just("search"), st.fixed_dictionaries({"query": words})),
    st.builds(ToolCall, st.just("add"), st.fixed_dictionaries({"a": integers, "b": integers})),
    st.just(ToolCall("now", {})),
    st.builds(ToolCall, st.just("all_kinds"), kinds),
)


def in_order(schema: JsonObject, value: JsonObject) -> JsonObject:
    """As the schema lists them, the required first."""
    known = list(schema.get("properties") or {})  # type: ignore[arg-type]
    needed = schema.get("required") or []
    ordered = sorted(value, key=lambda key: (key not in needed, known.index(key)))  # type: ignore[operator]
    shapes = schema.get("properties") or {}
    return {key: in_order(shapes[key], value[key]) if key == "opts" else value[key] for key in ordered}  # type: ignore[arg-type,index,call-overload]


def ordered(call: ToolCall) -> ToolCall:
    tool = next(tool for tool in TOOLS if tool.name == call.name)
    return ToolCall(call.name, in_order(tool.parameters, call.arguments or {}))


json_steps = st.one_of(
    st.builds(lambda thought, call: Act(thought, (ordered(call),)), words, calls),
    st.builds(Answer, words, words),
)
lines = st.lists(st.text("ab<[é.:*`", min_size=1, max_size=5), min_size=1, max_size=4).map(" ".join)
text_steps = st.one_of(st.builds(lambda thought, call: Act(thought, (ordered(call),)), lines, calls), st.builds(Answer, lines, lines))
STEPS = {"react_text": text_steps, "json_step": json_steps}


@BOTH
def test_what_a_format_writes_is_accepted(name: str) -> None:
    @MODEST
    @given(STEPS[name])
    def law(step: Act | Answer) -> None:
        assume(len(json.dumps(step.thought, ensure_ascii=False)) < THOUGHT_CHARS)
        try:
            text = get_format(name).write(step)
        except FormatError:
            assume(False)
        assume("\x7f" not in text)  # the engine's own JSON has no place for it
        if name == "json_step":
            assert schema_accepts(step_schema(HEAD), text), text
            assume(isinstance(step, Act) or step.text[0].isprintable())  # an answer begins with something to be seen
        elif isinstance(step, Answer):
            assume("<" not in step.text and "[" not in step.text)  # some that could begin a mark are not accepted
        if name == "react_text":
            assume("<" not in step.thought and "[" not in step.thought)
        assert gbnf_accepts(GRAMMARS[name], text), text

    law()


def texts(grammar: Grammar) -> st.SearchStrategy[str]:
    """Any text of a grammar, with marks of other formats wherever a character may stand."""
    rules: dict[str, st.SearchStrategy[str]] = {}

    def made(node: Node) -> st.SearchStrategy[str]:
        match node:
            case Lit():
                return st.just(node.text)
            case Chars():
                return st.from_regex(f"[{node.body}]", fullmatch=True)
            case Seq():
                return st.tuples(*map(made, node.items)).map("".join)
            case Alt():
                return st.one_of(*map(made, node.options))
            case Rep():
                return st.lists(made(node.item), min_size=node.least, max_size=min(node.most or 20, node.least + 3)).map("".join)
            case Rule():
                return st.deferred(lambda: rules[node.name])

    for name, node in grammar.rules.items():
        rules[name] = made(node)
    if "char" in rules:
        rules["char"] = st.one_of(rules["char"], st.sampled_from(MARKS + HIDING))
    if "mark" in rules:
        rules["mark"] = st.one_of(rules["mark"], st.sampled_from(["Action:x", "Observation:", "```", "**", "：", "{}", "Final"]))
    return made(grammar.root)


@BOTH
def test_what_a_grammar_accepts_is_read_and_written_the_same(name: str) -> None:
    form = get_format(name)

    @MODEST
    @given(texts(GRAMMARS[name]))
    def law(text: str) -> None:
        assert gbnf_accepts(GRAMMARS[name], text), text
        reply = read(name, text, ask(TOOLS))
        if _twice(text):
            assert all(call.arguments is None for call in reply.message.calls)
            return  # no grammar can keep a key of a free object from being written twice
        assert reply.reading in ("act", "answer"), (reply.complaint, text)
        assert reply.read_by is not None
        assert reply.read_by.repairs == ()
        assert reply.read_by.cut is None
        assert all(call.arguments is not None for call in reply.message.calls)
        found = reply.read()
        assert isinstance(found, Act | Answer)
        again = form.write(found)
        assert again == text or _numbers(text) or _spaced(text), (again, text)
        assert read(name, again, ask(TOOLS)).read() == found

    law()


def _numbers(text: str) -> bool:
    """It may hold a number that is written in another way again, as 1.50 is 1.5."""
    return any(f"{digit}{mark}" in text for digit in "0123456789" for mark in ".e")


def _spaced(text: str) -> bool:
    """The thought or the answer of a JSON step has outer white space, which is not kept."""
    step = json.loads(text) if text.startswith("{") else {}
    return any(step.get(key, "") != step.get(key, "").strip() for key in ("thought", "answer"))


def _twice(text: str) -> bool:
    """Some object in it has a key twice."""
    found: list[int] = []

    def pairs(members: list[tuple[str, object]]) -> dict[str, object]:
        found.append(len(members) - len(dict(members)))
        return dict(members)

    step = text if text.startswith("{") else text.partition("\nAction Input: ")[2]
    if step:
        json.loads(step, object_pairs_hook=pairs)
    return any(found)
