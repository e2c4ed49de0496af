"""What a tool is: made, called, checked, shown; and kept in registries."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import datetime
import decimal
import enum
import functools
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, assert_type

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from react_agent.agent import Agent
from react_agent.calling import call_once
from react_agent.errors import ConfigError, SchemaError, ToolDefinitionError, ToolError
from react_agent.messages import Image, JsonObject, Text, ToolExample, clean
from react_agent.rendering import render
from react_agent.schema import InvalidArguments
from react_agent.tooling import NOT_DONE, UNKNOWN, RunContext, Tool, ToolRegistry, tool

NUMBER: JsonObject = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8


@tool
def population(city: str) -> int:
    """How many people live in a city."""
    return {"Paris": 2_102_650}[city]


@tool(read_only=True, open_world=True, timeout=5)
async def search(query: str, limit: int = 3) -> list[str]:
    """Searches."""
    return [query] * limit


class Kit:
    def __init__(self, base: int) -> None:
        self.base = base

    @tool(idempotent=True)
    def add(self, n: int) -> int:
        """Adds."""
        return self.base + n

    @tool
    @staticmethod
    def twice(n: int) -> int:
        return 2 * n

    def __call__(self, n: int) -> int:
        """Calls it."""
        return self.base * n


# -------------------------------------------------------------------------------------------------------------- making


def test_a_tool_is_called_like_its_function() -> None:
    assert population("Paris") == population(city="Paris") == 2_102_650
    assert asyncio.run(search("a", limit=2)) == ["a", "a"]
    assert_type(population("Paris"), int)
    assert_type(Kit(1).add(2), int)


def test_what_is_said_of_a_tool_is_in_its_spec() -> None:
    def verify(key: str) -> object:
        return NOT_DONE

    @tool(
        name="pay.invoice",
        description="Pays.",
        destructive=True,
        verify=verify,
        examples=[{"n": 1}, ToolExample({"n": 2}, question="two?")],
        output_schema={"type": "null"},
    )
    def pay(n: int) -> None:
        """Not this."""

    spec = pay.spec
    assert (spec.name, spec.description, spec.destructive, spec.verifiable, spec.read_only) == ("pay.invoice", "Pays.", True, True, False)
    assert spec.examples == (ToolExample({"n": 1}), ToolExample({"n": 2}, question="two?"))
    assert spec.output_schema == {"type": "null"}
    assert pay.verify is verify
    assert (search.spec.read_only, search.spec.open_world, search.timeout, population.timeout) == (True, True, 5, None)
    assert (population.name, population.__name__, population.spec.description) == (
        "population",
        "population",
        "How many people live in a city.",
    )


@pytest.mark.parametrize(
    ("function", "name", "is_async"),
    [
        (population.function, "population", False),
        (search.function, "search", True),
        (Kit(2), "Kit", False),
        (functools.partial(search.function, limit=1), "search", True),
        (Kit(3).add.function, "add", False),
    ],
    ids=["sync", "async", "callable object", "partial", "bound method"],
)
def test_whatever_can_be_called_can_be_a_tool(function: Callable[..., object], name: str, is_async: bool) -> None:
    made = Tool.from_function(function)
    assert (made.name, made.is_async) == (name, is_async)
    assert made.spec.description


def test_what_a_partial_has_bound_is_no_concern_of_the_model() -> None:
    made = Tool.from_function(functools.partial(search.function, limit=1))
    assert list(made.spec.parameters["properties"]) == ["query"]  # type: ignore[arg-type]
    with pytest.raises(InvalidArguments):
        made.check({"query": "a", "limit": 9})


def test_a_method_is_a_tool_of_its_instance() -> None:
    one, two = Kit(1), Kit(10)
    assert list(Kit.add.spec.parameters["properties"]) == ["n"]  # type: ignore[arg-type]
    assert [kit.add(n=5) for kit in (one, two)] == [6, 15]
    assert one.add.check({"n": 5}) == {"n": 5}
    assert one.add.spec.idempotent
    assert Kit.twice(n=2) == one.twice(n=2) == 4  # type: ignore[call-arg]  # a type checker takes it for a method
    assert [made.name for made in ToolRegistry([one.add, one.twice])] == ["add", "twice"]
    with pytest.raises(ToolDefinitionError, match=r"instance\.add"):
        ToolRegistry([Kit.add])


def test_a_parameter_for_the_context_is_found() -> None:
    @tool
    def first(ctx: RunContext[list[str]], path: str) -> str:
        return ctx.deps[0] + path

    @tool
    def last(path: str, context: RunContext | None = None) -> str:  # type: ignore[type-arg]
        return path

    assert (first.takes_context, last.takes_context, population.takes_context) == ("ctx", "context", None)
    assert first.spec.parameters == last.spec.parameters
    assert first(RunContext(["a"]), path="b") == "ab"
    with pytest.raises(InvalidArguments):
        first.check({"path": "b", "ctx": {}})


def test_a_context_tells_of_the_run() -> None:
    told: list[tuple[str, float | None]] = []
    stopped = False
    context = RunContext({"db": 1}, "r/2.0", "r", 2, 0, "t", lambda: stopped, lambda message, fraction: told.append((message, fraction)))
    context.progress("half", 0.5)
    context.progress("done")
    context.raise_if_cancelled()
    stopped = True
    assert (context.deps, context.key, context.run_id, context.step, context.index, context.tool_name) == (
        {"db": 1},
        "r/2.0",
        "r",
        2,
        0,
        "t",
    )
    assert told == [("half", 0.5), ("done", None)]
    assert context.cancelled
    with pytest.raises(ToolError):
        context.raise_if_cancelled()
    with pytest.raises(ToolError, match=r"needs the secret 'github', and the agent's is empty"):
        RunContext(None, secrets={"github": ""}).secret("github")
    RunContext(None).progress("nobody listens")
    assert not RunContext(None).cancelled


def _yields(n: int) -> Iterator[int]:
    yield n


async def _streams(n: int) -> AsyncIterator[int]:
    yield n


def test_what_is_called_a_tool_elsewhere_may_be_a_result() -> None:
    class Tool(BaseModel):  # of a toolbox
        name: str

    def find(name: str) -> Tool:
        """Find a tool."""
        return Tool(name=name)

    find.__annotations__["return"] = Tool
    assert ToolRegistry([find]).names == ("find",)


def _gives_a_stream(n: int) -> AsyncIterator[int]:
    return _streams(n)


class _Streamer:
    async def __call__(self) -> AsyncIterator[int]:
        yield 1


def _logged(function: Callable[[int], object]) -> Callable[[int], object]:
    @functools.wraps(function)
    def logged(n: int) -> object:
        return function(n)

    return logged


def _collected(function: Callable[[int], AsyncIterator[int]]) -> Callable[[int], object]:
    @functools.wraps(function)
    async def collected(n: int) -> list[int]:
        return [item async for item in function(n)]

    return collected


def _collected_in_a_loop(function: Callable[[int], AsyncIterator[int]]) -> Callable[[int], object]:
    @functools.wraps(function)
    def collected(n: int) -> object:
        return asyncio.run(_collected(function)(n))  # type: ignore[arg-type]

    return collected


def _plain(n: int) -> int:
    return n


async def _forgets_to_await(n: int) -> object:
    return asyncio.sleep(n)


@pytest.mark.parametrize(
    ("made", "status", "words"),
    [
        (Tool.from_function(_collected(_streams), name="t"), "ok", "[3]"),
        (Tool.from_function(_collected_in_a_loop(_streams), name="t"), "ok", "[3]"),
        (Tool.from_function(_logged(_streams), name="t"), "error", "has to collect them"),
        (Tool.from_function(_logged(_yields), name="t"), "ok", "[3]"),
        (Tool.from_schema(name="t", parameters=NUMBER, function=lambda n: _streams(n)), "error", "has to collect them"),
        (Tool.from_function(_forgets_to_await, name="t"), "error", "there is an 'await' missing in the tool"),
        (Tool.from_function(_forgets_to_await, name="t", timeout=60), "error", "there is an 'await' missing in the tool"),
    ],
    ids=[
        "collected by its decorator",
        "collected by it in a loop",
        "a stream that is only wrapped",
        "an iterator",
        "a hidden stream",
        "not awaited",
        "not awaited, with a bound",
    ],
)
def test_what_is_no_result_yet_is_collected_or_told(made: Tool, status: str, words: str) -> None:
    result = asyncio.run(call_once(ToolRegistry([made]), "t", {"n": 3}))
    assert (result.status, words in result.text) == (status, True), result.text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tool(_yields), "collect it into a list"),
        (lambda: tool(_streams), "collect it into a list"),
        (lambda: tool(functools.partial(_streams, n=1)), "collect it into a list"),
        (lambda: tool(_gives_a_stream), "collect it into a list"),
        (lambda: Tool.from_function(_Streamer()), "collect it into a list"),
        (lambda: Tool.from_schema(parameters=None, function=_Streamer()), "collect it into a list"),
        (lambda: tool(lambda n: n), "name="),
        (lambda: tool(name="a b")(_plain), "is no name"),
        (lambda: tool(name="1a")(_plain), "is no name"),
        (lambda: tool(name="a" * 129)(_plain), "is no name"),
        (lambda: tool(name="finish")(_plain), "reserved"),
        (lambda: ToolRegistry([Tool.from_function(_plain, name="finish")]), "reserved"),
        (lambda: tool(readonly=True)(_plain), "did you mean 'read_only'"),  # type: ignore[call-overload]
        (lambda: tool(read_only=True, destructive=True)(_plain), "at once"),
        (lambda: tool(timeout=0)(_plain), "above 0"),
        (lambda: tool(examples=[{"n": "1"}])(_plain), "example 0"),
        (lambda: tool(examples=[{"n": 1}, {"m": 1}])(_plain), "example 1"),
        (lambda: tool(5), "not of int"),  # type: ignore[call-overload]
        (lambda: ToolRegistry([population, ToolRegistry([_plain])]), "*more"),  # type: ignore[list-item]
        (lambda: ToolRegistry([{"type": "function"}]), "Tool.from_schema"),  # type: ignore[list-item]
        (lambda: ToolRegistry([Agent("completions:m")]), "awaits its run()"),  # type: ignore[list-item]
        (lambda: tool(population), "already"),
        (lambda: tool(classmethod(_plain)), "bound class method"),  # type: ignore[call-overload, arg-type]
        (lambda: ToolRegistry().register(population, timeout=3), "already"),
    ],
)
def test_a_tool_that_would_not_work_is_refused_where_it_is_made(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ToolDefinitionError) as caught:
        make()
    assert words in str(caught.value)


# -------------------------------------------------------------------------------------------------------- raw schemas

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def test_a_schema_is_enforced_like_a_signature() -> None:
    async def double(ctx: RunContext[int], n: int) -> int:
        return 2 * n

    made = Tool.from_schema(name="double", description="Doubles.", parameters=SCHEMA, function=double, read_only=True, examples=[{"n": 1}])
    assert (made.spec.parameters, made.spec.description, made.is_async, made.takes_context, made.spec.read_only) == (
        SCHEMA,
        "Doubles.",
        True,
        "ctx",
        True,
    )
    assert made.check({"n": 3.0}) == {"n": 3}
    broken: list[dict[str, Any]] = [{"n": "3"}, {"n": 3, "m": 1}, {"n": True}, {}]
    for arguments in broken:
        with pytest.raises(InvalidArguments):
            made.check(arguments)


def test_the_schema_given_may_change_afterwards() -> None:
    schema = json.loads(json.dumps(SCHEMA))
    made = Tool.from_schema(name="probe", parameters=schema, function=_plain)
    schema["properties"]["n"]["type"] = "string"
    assert made.check({"n": 1}) == {"n": 1}
    assert made.spec.parameters == SCHEMA


@pytest.mark.parametrize(
    ("function", "words"),
    [(lambda: 1, "'n'"), (lambda n, m: 1, "'m'"), (lambda m=0: 1, "'n'")],
    ids=["takes nothing", "needs more", "takes something else"],
)
def test_a_function_that_does_not_take_what_the_schema_has_is_refused(function: Callable[..., object], words: str) -> None:
    with pytest.raises(ToolDefinitionError, match=words):
        Tool.from_schema(name="probe", parameters=SCHEMA, function=function)


N: dict[str, Any] = {"n": {"type": "integer"}}
NEEDED = {"properties": N, "required": ["n"]}


def _rest(n: int, **rest: int) -> int:
    return n


@pytest.mark.parametrize(
    ("schema", "function", "accepted"),
    [
        ({"properties": N}, lambda n: n, False),
        ({"properties": N}, _rest, False),
        ({"properties": N, "additionalProperties": True}, _rest, False),
        ({"properties": N, "required": ["m"]}, lambda n, m=0: n, False),
        ({"properties": N, "allOf": [{"anyOf": [{"required": ["n"]}, {"required": ["m"]}]}]}, lambda n, m=0: n, False),
        ({"properties": N, "if": {}, "then": {"required": ["n"]}}, lambda n: n, False),
        ({"properties": N}, lambda n=0: n, True),
        ({"properties": N}, lambda **arguments: arguments, True),
        ({"properties": N}, lambda *n, **arguments: arguments, True),
        ({"properties": N}, functools.partial(_rest, n=1), True),
        (NEEDED, lambda n: n, True),
        (NEEDED, _rest, True),
        ({"allOf": [NEEDED]}, lambda n: n, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": NEEDED}}, lambda n: n, True),
        ({"$ref": "#a", "$defs": {"a": NEEDED | {"$anchor": "a"}}}, lambda n: n, True),
        ({"allOf": [{"$ref": "#a"}], "$defs": {"a": NEEDED | {"$anchor": "a"}}}, lambda n: n, True),
        ({"properties": N, "anyOf": [NEEDED, {"required": ["n", "m"]}]}, lambda n, m=0: n, True),
        ({"properties": N, "if": {}, "then": {"required": ["n"]}, "else": {"required": ["n"]}}, lambda n: n, True),
        ({"$schema": "http://json-schema.org/draft-03/schema#", "properties": {"n": {"required": True}}}, lambda n: n, True),
    ],
)
def test_what_a_function_needs_must_come_with_every_call(schema: dict[str, Any], function: Callable[..., object], accepted: bool) -> None:
    if accepted:
        made = Tool.from_schema(name="probe", parameters=schema, function=function)
        made.function(**made.check({"n": 1}))
    else:
        with pytest.raises(ToolDefinitionError, match=r"needs 'n'.*\"required\".*default"):
            Tool.from_schema(name="probe", parameters=schema, function=function)


def test_an_example_that_breaks_the_schema_is_refused() -> None:
    with pytest.raises(ToolDefinitionError, match="example 0"):
        Tool.from_schema(name="probe", parameters=SCHEMA, function=_plain, examples=[{"n": "1"}])
    with pytest.raises(SchemaError, match="probe"):
        Tool.from_schema(name="probe", parameters={"type": "array"}, function=_plain)


# ------------------------------------------------------------------------------------------------------------- results


class Color(enum.Enum):
    red = "r"


@dataclasses.dataclass
class Point:
    x: int


class Model(BaseModel):
    when: datetime.date


class Odd:
    def __repr__(self) -> str:
        return "<odd>"


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError


cyclic: list[object] = []
cyclic.append(cyclic)
picture = Image.from_bytes(PNG)
wrong = Model.model_construct(when=5)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "text"),
        ("", ""),
        ("a\ud800b", clean("a\ud800b")),
        (None, "done"),
        (Text("x"), "x"),
        (5, "5"),
        (True, "true"),
        (1.5, "1.5"),
        (float("nan"), "NaN"),
        (10**30, "1" + "0" * 30),
        ({"a": [1, None], "é": "ü"}, '{"a":[1,null],"é":"ü"}'),
        ({"a": float("inf")}, '{"a":"Infinity"}'),
        (["a", "b"], '["a","b"]'),
        ([], "[]"),
        ((1, 2), "[1,2]"),
        ({3}, "[3]"),
        (Color.red, "r"),
        (datetime.date(2026, 1, 31), "2026-01-31"),
        (decimal.Decimal("1.10"), "1.10"),
        (Point(1), '{"x":1}'),
        ([Model(when=datetime.date(2026, 1, 31))], '[{"when":"2026-01-31"}]'),
        (range(3), "[0,1,2]"),
        (map(str, [1, 2]), '["1","2"]'),
        ({"a": 1}.keys(), '["a"]'),
        ({"a": 1}.items(), '[["a",1]]'),
        ({"a": iter([{1}, (n for n in "ab")])}, '{"a":[[1],["a","b"]]}'),
        ({"a": "b\ud800"}, clean('{"a":"b\ud800"}')),
        (b"plain text\n", "plain text\n"),
        (b"\0\1\2", "[3 bytes of binary data, which cannot be shown]"),
        (bytearray(b"\xff\xfe\xfd"), "[3 bytes of binary data, which cannot be shown]"),
        (Odd(), "<odd>\n[shown as Python does, not as JSON: Odd]"),
        ({"a": Odd()}, '{"a":"<odd>"}\n[shown as Python does, not as JSON: Odd]'),
    ],
    ids=repr,
)
def test_a_result_is_shown_as_text(value: object, shown: str) -> None:
    assert render(value) == (Text(shown),)


@pytest.mark.parametrize(
    ("value", "words"),
    [(Broken(), "Broken"), (cyclic, "[[...]]"), (wrong, "5"), (itertools.count(), "999"), (ValueError("no"), "no"), ("x" * 9_999_999, "x")],
    ids=["no repr", "cyclic", "invalid model", "endless", "exception", "long"],
)
def test_whatever_a_tool_returns_can_be_shown(value: object, words: str) -> None:
    (part,) = render(value)
    assert isinstance(part, Text)
    assert words in part.text


@dataclasses.dataclass
class Page:
    items: object


class PageModel(BaseModel):
    items: object


MANY: dict[str, tuple[Callable[[], object], int, str]] = {
    "keys": (lambda: dict.fromkeys(range(3000)).keys(), 3000, ""),
    "values": (lambda: dict(enumerate(range(3000))).values(), 3000, ""),
    "range": (lambda: range(100_000), 100_000, ""),
    "large range": (lambda: range(10**12), 100_000, "100,000"),
    "range whose length is an error": (lambda: range(10**30), 100_000, "100,000"),
    "iterator": (lambda: iter(range(1000)), 1000, ""),
    "longer iterator": (lambda: iter(range(1001)), 1000, "1,000"),
    "filter": (lambda: filter(lambda n: n >= 0, range(3000)), 1000, "1,000"),
    "endless": (itertools.count, 1000, "1,000"),
    "endless generator": (lambda: (n for n in itertools.count()), 1000, "1,000"),
}


@pytest.mark.parametrize("what", MANY)
@pytest.mark.parametrize(
    ("around", "before", "behind"),
    [
        (lambda value: value, "", ""),
        (lambda value: {"a": (value, "b")}, '{"a":[', ',"b"]}'),
        (lambda value: iter([value, {1: 2}]), "[", ',{"1":2}]'),
        (lambda value: {"a": value, "b": "\ud800"}, '{"a":', ',"b":"�"}'),
        (lambda value: {"a": [Page(value)]}, '{"a":[{"items":', "}]}"),
        (lambda value: PageModel(items=value), '{"items":', "}"),
        (lambda value: deque([[value]]), "[[", "]]"),
    ],
    ids=["alone", "in a dict", "in an iterator", "beside what is no text", "in a dataclass", "in a model", "in a deque"],
)
def test_what_has_many_items_or_no_end_is_cut_with_a_note(what: str, around: Callable[[object], object], before: str, behind: str) -> None:
    made, length, most = MANY[what]
    (part,) = render(around(made()))
    shown = json.dumps(list(itertools.islice(made(), length)), separators=(",", ":"))  # type: ignore[call-overload]
    note = f"\n[only the first {most} items are shown, and there are more]" if most else ""
    assert isinstance(part, Text)
    assert part.text == before + shown + behind + note


@pytest.mark.parametrize(("size", "shown"), [(3000, "[7]"), (100_001, "<numbers>")])
def test_an_array_is_shown_whole_unless_it_is_large(size: int, shown: str) -> None:
    class Numbers:
        def __init__(self) -> None:
            self.size = size

        def tolist(self) -> list[int]:
            return [7]

        def __repr__(self) -> str:
            return "<numbers>"

    (part,) = render(Numbers())
    assert isinstance(part, Text)
    assert part.text.splitlines()[0] == shown


def test_of_several_that_are_cut_there_is_one_note() -> None:
    (part,) = render([itertools.count(), itertools.count(), Odd()])
    assert isinstance(part, Text)
    assert part.text.endswith(
        ',999],"<odd>"]\n[only the first 1,000 items are shown, and there are more]\n[shown as Python does, not as JSON: Odd]'
    )


@pytest.mark.parametrize(
    ("data", "media_type"),
    [(PNG, "image/png"), (b"\xff\xd8\xff\xe0", "image/jpeg"), (b"GIF89a\0", "image/gif"), (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp")],
    ids=["png", "jpeg", "gif", "webp"],
)
def test_bytes_of_a_picture_are_a_picture(data: bytes, media_type: str) -> None:
    assert render(data) == render(memoryview(data)) == (Image(media_type, base64.b64encode(data).decode()),)


def test_a_list_with_parts_in_it_is_its_parts() -> None:
    assert render(["see", picture, Text("there"), {"n": 1}, PNG]) == (Text("see"), picture, Text("there"), Text('{"n":1}'), picture)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_json_is_shown_as_itself(value: Any) -> None:
    (part,) = render([value])
    assert isinstance(part, Text)
    assert json.loads(part.text) == [value]
    (odd,) = render([value, float("nan"), float("-inf")])
    assert isinstance(odd, Text)
    assert json.loads(odd.text) == [value, "NaN", "-Infinity"]


# ------------------------------------------------------------------------------------------------------------ registry


@pytest.fixture
def registry() -> ToolRegistry:
    return ToolRegistry([population, search, Kit(1).add])


def test_a_registry_finds_and_lists_in_order(registry: ToolRegistry) -> None:
    assert registry["search"] is search
    assert registry.get("search") is search
    assert registry.get("nothing") is None
    assert "search" in registry
    assert "nothing" not in registry
    assert [each.name for each in registry] == list(registry.names) == ["population", "search", "add"]
    assert len(registry) == 3
    assert registry.specs == tuple(each.spec for each in registry)
    assert registry.specs is registry.specs


def test_functions_are_registered_as_tools(registry: ToolRegistry) -> None:
    specs = registry.specs

    @registry.register
    def one(n: int) -> int:
        return n

    @registry.register(read_only=True)
    def two(n: int) -> int:
        return n

    three = registry.register(_plain, name="three")
    assert one(1) == two(1) == three(1) == 1
    assert registry.names == ("population", "search", "add", "one", "two", "three")
    assert registry["two"].spec.read_only
    assert registry.specs != specs


def test_a_name_is_given_once(registry: ToolRegistry) -> None:
    with pytest.raises(ConfigError, match=r"'search'.*test_tooling\.search.*test_tooling\.search"):
        registry.register(search)
    with pytest.raises(ConfigError, match="'population'"):
        registry | ToolRegistry([population])
    assert len(registry) == 3


@pytest.mark.parametrize(
    ("choose", "names"),
    [
        (lambda r: r.filter("s*"), ["search"]),
        (lambda r: r.filter("s*", "add"), ["search", "add"]),
        (lambda r: r.filter(lambda each: each.is_async), ["search"]),
        (lambda r: r.filter(read_only=True), ["search"]),
        (lambda r: r.filter(read_only=False), ["population", "add"]),
        (lambda r: r.filter("*", idempotent=True), ["add"]),
        (lambda r: r.filter(destructive=False), ["population", "search", "add"]),
        (lambda r: r.prefix("x_"), ["x_population", "x_search", "x_add"]),
        (lambda r: r.filter("a*").merge(r.filter("p*")), ["add", "population"]),
        (lambda r: r.filter("a*") | r.prefix("x."), ["add", "x.population", "x.search", "x.add"]),
    ],
    ids=["pattern", "patterns", "predicate", "read-only", "writing", "both", "destructive", "prefix", "merge", "|"],
)
def test_registries_are_made_of_registries(
    registry: ToolRegistry, choose: Callable[[ToolRegistry], ToolRegistry], names: list[str]
) -> None:
    made = choose(registry)
    assert list(made.names) == names
    assert registry.names == ("population", "search", "add")


def test_a_prefix_leads_to_the_same_function(registry: ToolRegistry) -> None:
    made = registry.prefix("geo_")["geo_population"]
    assert made.function is population.function
    assert made.spec.name == made.name == "geo_population"
    assert made.check({"city": "Paris"}) == {"city": "Paris"}
    with pytest.raises(ToolDefinitionError):
        registry.prefix("a b")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("serach", "search"),
        ("Search", "search"),
        ("get_population", "population"),
        ("POPULATION", "population"),
        ("pop", "population"),
        ("xyz", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_found(registry: ToolRegistry, name: str, nearest: str | None) -> None:
    assert registry.nearest(name) == nearest


def test_the_two_verdicts_are_themselves() -> None:
    assert NOT_DONE is not UNKNOWN
    assert {NOT_DONE, UNKNOWN} == {NOT_DONE, UNKNOWN}
