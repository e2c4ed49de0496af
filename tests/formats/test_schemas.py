from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator
from pydantic import JsonValue

from react_agent.backends.profiles import PROFILES
from react_agent.backends.wires.anthropic import Anthropic
from react_agent.backends.wires.base import Wire
from react_agent.backends.wires.gemini import Gemini
from react_agent.backends.wires.openai_chat import OpenAIChat
from react_agent.backends.wires.openai_responses import OpenAIResponses
from react_agent.formats.lossless import write_json
from react_agent.formats.schemas import flat, inlined
from react_agent.formats.tools import describe, example_arguments
from react_agent.messages import Head, JsonObject, ToolSpec

from ._say import ask, read

TEXT: JsonObject = {"type": "string"}
A: JsonObject = {"type": "object", "properties": {"a": TEXT}, "required": ["a"]}
B: JsonObject = {"type": "object", "properties": {"a": {"type": "integer"}, "b": TEXT}, "required": ["b"]}
BOTH: JsonObject = {"type": "object", "properties": {"a": {"anyOf": [TEXT, {"type": "integer"}]}, "b": TEXT}}
FLAT: dict[str, tuple[JsonObject, JsonObject]] = {
    "plain": (A, A),
    "alternatives": ({"oneOf": [A, B]}, {**BOTH, "description": "Give 'a', or 'b'."}),
    "alternatives beside an empty object": ({"type": "object", "properties": {}, "anyOf": [A, B]}, {**BOTH, "description": "Give 'a', or 'b'."}),
    "alternatives of what is needed": (
        {"type": "object", "properties": {"a": TEXT, "b": TEXT}, "description": "D.", "anyOf": [{"required": ["a"]}, {"required": ["a", "b"]}]},
        {"type": "object", "properties": {"a": TEXT, "b": TEXT}, "description": "D. Give 'a', or 'a' and 'b'.", "required": ["a"]},
    ),
    "all of them": ({"allOf": [A, {"properties": {"c": TEXT}}]}, {"type": "object", "properties": {"a": TEXT, "c": TEXT}, "required": ["a"]}),
    "a reference": ({"$ref": "#/$defs/A", "$defs": {"A": A}}, {"$defs": {"A": A}, **A}),
    "a reference to itself": ({"$ref": "#"}, {"type": "object"}),
    "nonsense": ({"oneOf": 3, "allOf": [None], "not": {}}, {}),
}  # fmt: skip


@pytest.mark.parametrize(("schema", "plain"), FLAT.values(), ids=FLAT)
def test_one_object_at_the_root(schema: JsonObject, plain: JsonObject) -> None:
    assert flat(schema) == plain


def test_references_are_written_out() -> None:
    node: JsonObject = {"type": "object", "properties": {"v": {"$ref": "#/$defs/V", "description": "D."}, "next": {"$ref": "#/$defs/N"}}}
    schema: JsonObject = {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}, "$defs": {"N": node, "V": TEXT}}
    shown = {"type": "object", "properties": {"v": {"type": "string", "description": "D."}, "next": {}}}
    assert inlined(schema) == {"type": "object", "properties": {"n": shown}}


EITHER = ToolSpec("either", "", {"type": "object", "properties": {}, "oneOf": [A, B]})
TAKES: dict[str, tuple[Wire, bool]] = {
    "anthropic": (Anthropic("m"), False),
    "gemini": (Gemini("m"), False),
    "openai-responses": (OpenAIResponses("m"), False),
    "openai": (OpenAIChat("m", PROFILES["openai"]), False),
    "llamacpp": (OpenAIChat("m", PROFILES["llamacpp"]), True),
}


@pytest.mark.parametrize(("wire", "alternatives"), TAKES.values(), ids=TAKES)
def test_a_provider_that_refuses_alternatives_gets_none(wire: Wire, alternatives: bool) -> None:
    sent = str(wire.options(Head((EITHER,)), (), "auto", native=True, stream=False)["tools"])
    assert ("oneOf" in sent) is alternatives
    assert "'b': {'type': 'string'}" in sent


def test_a_server_without_references_gets_none() -> None:
    spec = ToolSpec("pick", "", {"$ref": "#/$defs/A", "$defs": {"A": A}})
    [made] = OpenAIChat("m", PROFILES["dashscope"]).options(Head((spec,)), (), "auto", native=True, stream=False)["tools"]  # type: ignore[misc]
    assert made["function"]["parameters"] == A  # type: ignore[call-overload,index]


def test_arguments_of_alternatives_are_told_and_read() -> None:
    assert describe(EITHER).startswith("either(a: string or integer (optional), b: string (optional))")
    reply = read("auto", '<tool_call>{"name": "either", "arguments": {"b": "x"}}</tool_call>', ask((EITHER,)))
    assert [call.arguments for call in reply.message.calls] == [{"b": "x"}]


PERSON: JsonObject = {
    "type": "object",
    "properties": {"name": TEXT, "age": {"type": "integer", "minimum": 18}, "note": TEXT},
    "required": ["name", "age"],
}
REFERS: JsonObject = {"$ref": "#/$defs/Person"}
SHOWN: dict[str, tuple[JsonObject, str, JsonValue]] = {
    "text": (TEXT, "x(a: string)", "text"),
    "members": ({"$ref": "#/$defs/Kind"}, 'x(a: string)\n  - a: One of ["k", "l"].', "k"),
    "an object": (
        {**REFERS, "description": "Who."},
        f"x(a: object)\n  - a: Who. Schema: {write_json(PERSON)}",
        {"name": "text", "age": 18},
    ),
    "a list of objects": (
        {"type": "array", "items": REFERS, "minItems": 1},
        f'x(a: array)\n  - a: Schema: {{"type": "array", "items": {write_json(PERSON)}, "minItems": 1}}',
        [{"name": "text", "age": 18}],
    ),
    "an object or nothing": (
        {"anyOf": [{"type": "null"}, REFERS]},
        f'x(a: null or object)\n  - a: Schema: {{"anyOf": [{{"type": "null"}}, {write_json(PERSON)}]}}',
        {"name": "text", "age": 18},
    ),
    "a pair": (
        {"type": "array", "prefixItems": [TEXT, {"type": "integer"}], "minItems": 2},
        'x(a: array)\n  - a: Schema: {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2}',
        ["text", 1],
    ),
    "a list that may be empty": ({"type": "array"}, "x(a: array)", []),
    "a number within bounds": ({"type": "number", "maximum": 0.5}, "x(a: number)", 0.5),
    "itself": ({"$ref": "#/properties/a"}, "x(a: any)", "text"),
}


@pytest.mark.parametrize(("schema", "told", "example"), SHOWN.values(), ids=SHOWN)
def test_a_model_is_shown_what_an_argument_is_made_of_and_an_example_that_passes(schema: JsonObject, told: str, example: JsonValue) -> None:
    parameters: JsonObject = {
        "type": "object", "properties": {"a": schema}, "required": ["a"], "$defs": {"Person": PERSON, "Kind": {"enum": ["k", "l"]}}
    }  # fmt: skip
    spec = ToolSpec("x", "", parameters)
    assert describe(spec) == told
    assert example_arguments(spec) == {"a": example}
    if told != "x(a: any)":  # which a validator would follow for ever
        Draft202012Validator(parameters).validate(example_arguments(spec))


def test_schemas_that_refer_to_each_other_everywhere_stay_small() -> None:
    refs: list[JsonObject] = [{"$ref": f"#/$defs/N{index}"} for index in range(8)]
    wide: JsonObject = {"allOf": list(refs), "properties": {f"p{index}": ref for index, ref in enumerate(refs)}}
    schema: JsonObject = {**wide, "$defs": {f"N{index}": wide for index in range(8)}}
    assert list(flat(schema)["properties"]) == [f"p{index}" for index in range(8)]  # type: ignore[arg-type]
    assert len(str(inlined({"type": "object", **schema}))) < 100_000
    assert len(describe(ToolSpec("x", "", {"type": "object", "properties": {"a": wide}, "$defs": schema["$defs"]}))) < 2_000
    long: JsonObject = {"type": "object", "properties": {f"p{index}": {"description": "x" * 100} for index in range(99)}}
    named = ToolSpec("x", "", {"type": "object", "properties": {"a": {"$ref": "#/$defs/Long"}}, "$defs": {"Long": long}})
    assert describe(named) == "x(a: object (optional))", "a reference to what is not shown tells nothing"
