"""Signatures, foreign schemas, and what is said when arguments fit neither."""

from __future__ import annotations

import datetime
import decimal
import enum
import functools
import gzip
import inspect
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Optional

import pydantic.dataclasses
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import TypedDict

from react_agent.errors import ConfigError, ReactAgentError, SchemaError, ToolDefinitionError
from react_agent.schema import InvalidArguments, RawArguments, check_schema
from react_agent.tooling import RunContext, Tool, tool


class Foreign:
    """Like another library's table or array."""


class Unit(enum.Enum):
    celsius = "c"
    fahrenheit = "f"


class Level(enum.IntEnum):
    low = 1
    high = 2


@dataclass
class Point:
    x: int
    y: int = 0


class Span(NamedTuple):
    start: int
    days: int = 1


class Route(TypedDict):
    stops: list[str]


class Person(BaseModel):
    name: str
    age: int | None = None


class Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str


@dataclass
class Readings:
    values: Iterable[int]
    next: Readings | None = None


class Track(TypedDict):
    type: Iterable[int]  # a field may be named like a part of pydantic's own schemas


class Basket(BaseModel):
    items: Iterable[int]


@pydantic.dataclasses.dataclass
class Strict:
    x: int = 0


@pydantic.dataclasses.dataclass(config=ConfigDict(extra="ignore"))
class Loose:
    x: int = 0


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    point: Point | None = None
    strict: Strict | None = None
    route: Route | None = None
    person: Person | None = None


class Published(BaseModel):
    model_config = ConfigDict(json_schema_extra={"additionalProperties": True})
    name: str = ""


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    strict: Strict | None = None
    opened: Open | None = None


class Holds(BaseModel):
    one: Readings
    two: Readings


class Cat(BaseModel):
    kind: Literal["cat"]
    a: int = 0


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    b: int = 0
    cat: dict[str, int] | None = None  # a key that is called like a tag


class Numbered(BaseModel):
    version: Literal[1]
    a: int


class Renumbered(BaseModel):
    version: Literal[2]
    b: int


Tagged: Any = Annotated[Cat | Dog, Field(discriminator="kind")]
Sorted: Any = Annotated[Annotated[Cat, Tag("meows")] | Annotated[Dog, Tag("barks")], Discriminator(lambda value: "meows")]
Version: Any = Annotated[Numbered | Renumbered, Field(discriminator="version")]


class Agenda(BaseModel):
    spans: list[Span]


def typed(hint: object) -> Tool:
    """A tool of one argument with this hint."""

    def probe(value: Any) -> object:
        return value

    probe.__annotations__ = {"value": hint}
    return tool(probe)


def raw(**schema: Any) -> Tool:
    """A tool of one argument with this schema."""
    return Tool.from_schema(
        name="probe", parameters={"type": "object", "properties": {"value": schema}, "required": ["value"]}, function=lambda value: value
    )


def checked(made: Tool, value: Any) -> object:
    return made.check({"value": value})["value"]


def fits(made: Tool | RawArguments, arguments: dict[str, Any]) -> bool:
    """Whether the arguments fit; a refusal has its reasons and stays within bounds."""
    try:
        made.check(arguments)
    except InvalidArguments as error:
        told = error
    else:
        return True
    assert told.problems
    assert len(told.complaint) <= 1_500
    return False


def complaint(made: Tool, arguments: dict[str, Any]) -> str:
    with pytest.raises(InvalidArguments) as caught:
        made.check(arguments)
    return str(caught.value)


# ---------------------------------------------------------------------------------------------------- from a signature

HINTS: list[tuple[object, dict[str, Any]]] = [
    (str, {"type": "string"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (bool, {"type": "boolean"}),
    (list[str], {"type": "array", "items": {"type": "string"}}),
    (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045 - both spellings are met
    (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    (Annotated[int, Field(ge=1, description="How many")], {"type": "integer", "minimum": 1, "description": "How many"}),
    (Annotated[str, "In English"], {"type": "string", "description": "In English"}),
    (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
    (datetime.date, {"type": "string", "format": "date"}),
    (uuid.UUID, {"type": "string", "format": "uuid"}),
    (tuple[int, str], {"type": "array", "minItems": 2, "maxItems": 2, "prefixItems": [{"type": "integer"}, {"type": "string"}]}),
    (Any, {}),
]


@pytest.mark.parametrize(("hint", "schema"), HINTS, ids=[str(hint) for hint, _ in HINTS])
def test_a_hint_becomes_a_schema(hint: object, schema: dict[str, Any]) -> None:
    parameters = typed(hint).spec.parameters
    assert parameters == {"type": "object", "properties": {"value": schema}, "required": ["value"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("hint", "name", "schema"),
    [
        (Unit, "Unit", {"type": "string", "enum": ["c", "f"]}),
        (
            Point,
            "Point",
            {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}}, "required": ["x"]},
        ),
        (
            Route,
            "Route",
            {"type": "object", "properties": {"stops": {"type": "array", "items": {"type": "string"}}}, "required": ["stops"]},
        ),
        (
            Person,
            "Person",
            {
                "type": "object",
                "properties": {"name": {"type": "string"}, "age": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}},
                "required": ["name"],
            },
        ),
    ],
    ids=["enum", "dataclass", "TypedDict", "model"],
)
def test_a_class_becomes_a_closed_definition_without_titles(hint: type, name: str, schema: dict[str, Any]) -> None:
    parameters: Any = typed(hint).spec.parameters
    assert parameters["properties"]["value"] == {"$ref": f"#/$defs/{name}"}
    if schema["type"] == "object":
        schema = {**schema, "additionalProperties": False}
    assert parameters["$defs"] == {name: schema}


hints = st.recursive(
    st.sampled_from([str, int, float, bool, Literal["a", "b"]]),
    lambda inner: inner.map(list.__class_getitem__) | inner.map(lambda h: h | None) | st.tuples(inner, inner).map(lambda hs: hs[0] | hs[1]),
    max_leaves=4,
)


@given(hints)
def test_the_short_way_to_a_schema_says_what_pydantic_says(hint: Any) -> None:
    assert typed(hint).spec.parameters == typed(Annotated[hint, Field()]).spec.parameters


def test_defaults_are_in_the_schema_and_left_to_the_function() -> None:
    secret = object()

    @tool
    def book(
        day: datetime.date,
        seats: int = 2,
        unit: Unit = Unit.celsius,
        marker: Any = secret,
        note: str | None = None,
        size: int = Field(3, ge=1),
    ) -> Any:
        return marker

    properties: Any = book.spec.parameters["properties"]
    assert {name: of.get("default", "nothing") for name, of in properties.items()} == {
        "day": "nothing", "seats": 2, "unit": "c", "marker": "nothing", "note": None, "size": 3,
    }  # fmt: skip
    assert book.spec.parameters["required"] == ["day"]
    arguments: Any = book.check({"day": "2026-01-31"})
    assert arguments == {"day": datetime.date(2026, 1, 31), "size": 3}
    assert book(**arguments) is secret


@pytest.mark.parametrize(
    "doc",
    [
        "Finds trains.\n\nOnly direct ones.\n\nArgs:\n    start: Where from,\n        in full.\n    end (str): Where to.\n\nReturns:\n    Trains.\n",
        "Finds trains.\n\nOnly direct ones.\n\nParameters\n----------\nstart : str\n    Where from,\n    in full.\nend : str\n    Where to.\n",
        "Finds trains.\n\nOnly direct ones.\n\n:param start: Where from,\n    in full.\n:param end: Where to.\n:returns: Trains.\n",
    ],
    ids=["Google", "NumPy", "reST"],
)
def test_docstrings_describe_the_tool_and_its_parameters(doc: str) -> None:
    def trains(start: str, end: Annotated[str, Field(description="The goal.")], via: Person | None = None) -> str:
        return start

    trains.__doc__ = doc
    spec = tool(trains).spec
    properties: Any = spec.parameters["properties"]
    assert spec.description == "Finds trains.\n\nOnly direct ones."
    assert properties["start"]["description"] == "Where from, in full."
    assert properties["end"]["description"] == "The goal."


@pytest.mark.parametrize(
    "doc", ["Args:\n        start: Where from.\n    ", "Args:\n        start: Where from.\n\n    Returns:\n        Trains.\n    "]
)
def test_a_docstring_may_begin_with_its_parameters(doc: str) -> None:
    def trains(start: str) -> str:
        return start

    trains.__doc__ = doc
    spec = tool(description="Finds trains.")(trains).spec
    properties: Any = spec.parameters["properties"]
    assert (spec.description, properties["start"]["description"]) == ("Finds trains.", "Where from.")


def test_parameters_that_are_described_together_are_each_described() -> None:
    @tool
    def move(x: int, y: int, speed: float = 1.0) -> int:
        """Moves.

        Parameters
        ----------
        x, y : int
            Where to,
            in metres.
        speed : float, optional
            In metres per second.
        """
        return x + y

    properties: Any = move.spec.parameters["properties"]
    assert [properties[name]["description"] for name in ("x", "y", "speed")] == ["Where to, in metres."] * 2 + ["In metres per second."]


def test_names_may_differ_and_parameters_may_be_kept_from_the_model() -> None:
    @tool
    def probe(
        start: Annotated[int, Field(alias="from")] = 1, _from: str = "", hidden: SkipJsonSchema[int] = 3, model_config: int = 0
    ) -> int:
        return start

    properties: Any = probe.spec.parameters["properties"]
    assert list(properties) == ["from", "_from", "model_config"]
    assert properties["from"] == {"type": "integer", "default": 1}
    assert probe.check({"from": 2, "_from": "a"}) == {"start": 2, "_from": "a"}


class Plain(BaseModel):
    n: int


class Asked:
    """Asks."""

    def __call__(self, n: int) -> int:
        return n


class Spoken(Asked):
    def __call__(self, n: int) -> int:
        """Speaks."""
        return n


@pytest.mark.parametrize(
    ("function", "said"),
    [(Plain, ""), (functools.partial(Plain), ""), (Asked(), "Asks."), (functools.partial(Asked(), n=1), "Asks."), (Spoken(), "Speaks.")],
)
def test_what_is_said_of_every_class_or_call_describes_no_tool(function: Callable[..., object], said: str) -> None:
    assert Tool.from_function(function, name="one").spec.description == said


def test_a_docstring_without_sections_is_the_description() -> None:
    def plain(x: int) -> int:
        """Counts: all of them.

        Note: slow.
        """
        return x

    assert tool(plain).spec.description == "Counts: all of them.\n\nNote: slow."


def test_types_of_the_calling_scope_are_found() -> None:
    class Local(BaseModel):
        n: int

    @tool
    def probe(value: Local, ctx: RunContext[Local]) -> int:
        return value.n

    assert checked(probe, {"n": 3}) == Local(n=3)
    assert probe.takes_context == "ctx"


class Labelled(BaseModel):
    label: str = Field(alias="Label")
    n: int = 1


class Taking(BaseModel):
    data: int  # as pydantic's own constructor names what it takes


class Placed(NamedTuple):
    x: int


def _rewritten() -> Callable[..., object]:
    """As by a decorator that keeps a parameter to itself and writes the signature that is left."""

    def wrapper(**arguments: object) -> object:
        return arguments

    wrapper.__signature__ = inspect.Signature([inspect.Parameter("n", inspect.Parameter.KEYWORD_ONLY, annotation="int")])  # type: ignore[attr-defined]
    return wrapper


def _retyped() -> Callable[..., object]:
    """As by a decorator that reads a parameter from another type."""

    def wrapper(n: str) -> object:
        return n

    wrapper.__signature__ = inspect.Signature([inspect.Parameter("n", inspect.Parameter.KEYWORD_ONLY, annotation=int)])  # type: ignore[attr-defined]
    return wrapper


@pytest.mark.parametrize(
    ("function", "arguments", "made"),
    [
        (Labelled, {"Label": "a"}, Labelled(Label="a")),
        (Taking, {"data": 3}, Taking(data=3)),
        (Placed, {"x": 3}, Placed(3)),
        (_rewritten(), {"n": 3}, {"n": 3}),
        (_retyped(), {"n": 3}, 3),
    ],
    ids=["model", "model with a name of its constructor", "named tuple", "decorator", "decorator of a type"],
)
def test_a_signature_that_is_not_that_of_the_code_is_taken_at_its_word(
    function: Callable[..., object], arguments: dict[str, Any], made: object
) -> None:
    one = Tool.from_function(function, name="one")
    assert one.function(**one.check(arguments)) == made
    assert not fits(one, {key: [] for key in arguments})
    assert not fits(one, {**arguments, "other": 1})


def _unannotated(value) -> None: ...  # type: ignore[no-untyped-def]
def _args(*values: int) -> None: ...
def _kwargs(**values: int) -> None: ...
def _positional(value: int, /) -> None: ...
def _unknown(value: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821 - that is the point
def _callback(value: int, then: Callable[[int], int]) -> None: ...
def _socket(value: Iterator[object], connection: object = None, file: type[Path] = Path) -> None: ...
def _decorated(*args: object, **kwargs: object) -> None: ...
def _of_a_class(cls, n: int) -> None: ...  # type: ignore[no-untyped-def]
def _foreign(value: Foreign) -> None: ...
def _two(a: RunContext[int], b: RunContext[int]) -> None: ...
def _generator(value: Generator[int, None, None]) -> None: ...
def _nested_iterator(value: list[Iterator[int] | None]) -> None: ...
def _iterable_in_a_model(count: int, value: dict[str, Basket]) -> None: ...
def _iterable_below_a_model(value: Holds) -> None: ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_unannotated, ["'value' has no type", "value: str"]),
        (_args, ["'*values'", "list"]),
        (_kwargs, ["'**values'", "dict"]),
        (_positional, ["'value' is positional-only", "'/'"]),
        (_unknown, ["'Nowhere'", "'value'", "TYPE_CHECKING"]),
        (_callback, ["'then'", "no JSON Schema"]),
        (_two, ["'a' and 'b'"]),
        (_generator, ["'value'", "Generator", "list[...] or Iterable[...]"]),
        (_nested_iterator, ["'value'", "Iterator", "list[...] or Iterable[...]"]),
        (_iterable_in_a_model, ["'value'", "Basket", "list[...]"]),
        (_iterable_below_a_model, ["'value'", "Holds", "list[...]"]),
        (print, ["'*args'"]),
        (_decorated, ["'*args'", "functools.wraps"]),
        (_of_a_class, ["tool(TheClass._of_a_class)"]),
        (_foreign, ["'value'", "no JSON Schema (Unable to generate pydantic-core schema for <class 'test_schema.Foreign'>)"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_no_schema_can_say_is_refused_by_name(function: Callable[..., object], words: list[str]) -> None:
    with pytest.raises(ToolDefinitionError) as caught:
        tool(function)
    assert str(caught.value).startswith(function.__name__)
    for word in words:
        assert word in str(caught.value)


# ----------------------------------------------------------------------------------- JSON's types, for both kinds of tools

STRICT: list[tuple[object, dict[str, Any], Any, Any]] = [
    (int, {"type": "integer"}, 5, 5),
    (int, {"type": "integer"}, 5.0, 5),
    (int, {"type": "integer"}, "5", None),
    (int, {"type": "integer"}, 5.5, None),
    (int, {"type": "integer"}, True, None),
    (int, {"type": "integer"}, 10**40, 10**40),
    (float, {"type": "number"}, 5, 5),
    (float, {"type": "number"}, "5", None),
    (float, {"type": "number"}, False, None),
    (float, {"type": "number"}, float("nan"), None),
    (float, {"type": "number"}, float("inf"), None),
    (str, {"type": "string"}, "5", "5"),
    (str, {"type": "string"}, 5, None),
    (str, {"type": "string"}, "\ud800", None),
    (bool, {"type": "boolean"}, True, True),
    (bool, {"type": "boolean"}, 1, None),
    (bool, {"type": "boolean"}, "true", None),
    (int | None, {"type": ["integer", "null"]}, None, ...),
    (int | None, {"type": ["integer", "null"]}, 7.0, 7),
    (int | None, {"type": ["integer", "null"]}, "", None),
    (Literal[1, 2], {"enum": [1, 2]}, 1, 1),
    (Literal[1, 2], {"enum": [1, 2]}, 1.0, 1),
    (Literal[1, 2], {"enum": [1, 2]}, True, None),
    (Literal[1, 2], {"enum": [1, 2]}, "1", None),
    (Literal[True], {"const": True}, 1, None),
    (Literal["1"], {"const": "1"}, 1, None),
    (list[int], {"type": "array", "items": {"type": "integer"}}, [1, 2.0], [1, 2]),
    (list[int], {"type": "array", "items": {"type": "integer"}}, {"0": 1}, None),
    (list[int], {"type": "array", "items": {"type": "integer"}}, "[1]", None),
    (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}, {"a": 3.0}, {"a": 3}),
    (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}, [["a", 1]], None),
    (Annotated[int, Field(ge=1, le=3)], {"type": "integer", "minimum": 1, "maximum": 3}, 3.0, 3),
    (Annotated[int, Field(ge=1, le=3)], {"type": "integer", "minimum": 1, "maximum": 3}, 4, None),
    (Annotated[str, Field(pattern="^a+$")], {"type": "string", "pattern": "^a+$"}, "aa", "aa"),
    (Annotated[str, Field(pattern="^a+$")], {"type": "string", "pattern": "^a+$"}, "aa\n", None),
    (Annotated[str, Field(max_length=2)], {"type": "string", "maxLength": 2}, "é😀", "é😀"),
    (Annotated[str, Field(max_length=2)], {"type": "string", "maxLength": 2}, "abc", None),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["typed", "raw"])
@pytest.mark.parametrize(("hint", "schema", "value", "expected"), STRICT, ids=[f"{hint}-{value!r}" for hint, _, value, _ in STRICT])
def test_json_has_its_own_types(kind: str, hint: object, schema: dict[str, Any], value: Any, expected: Any) -> None:
    made = typed(hint) if kind == "typed" else raw(**schema)
    if expected is None:
        complaint(made, {"value": value})
        return
    got = checked(made, value)
    assert got == (None if expected is ... else expected)
    if type(expected) is int and hint is not float:
        assert type(got) is int


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (datetime.datetime, "2026-01-31T10:00:00Z", datetime.datetime(2026, 1, 31, 10, tzinfo=datetime.UTC)),
        (decimal.Decimal, "1.10", decimal.Decimal("1.10")),
        (decimal.Decimal, 1.1, decimal.Decimal("1.1")),
        (uuid.UUID, "12345678-1234-5678-1234-567812345678", uuid.UUID(int=0x12345678123456781234567812345678)),
        (bytes, "abc", b"abc"),
        (Path, "/tmp/x", Path("/tmp/x")),
        (Unit, "f", Unit.fahrenheit),
        (Level, 2, Level.high),
        (Level, 2.0, Level.high),
        (set[int], [1, 2], {1, 2}),
        (frozenset[float], [], frozenset()),
        (set[tuple[int, ...]], [[1], [2], [1, 2]], {(1,), (2,), (1, 2)}),
        (Span, [1], Span(1)),
        (Span, [1.0, 2], Span(1, 2)),
        (Agenda, {"spans": [[1, 2], [3]]}, Agenda(spans=[Span(1, 2), Span(3)])),
        (Point, {"x": 1.0}, Point(1)),
        (Route, {"stops": []}, {"stops": []}),
        (list[Person], [{"name": "Ann", "age": 3}], [Person(name="Ann", age=3)]),
    ],
    ids=str,
)
def test_values_become_what_the_function_expects(hint: object, value: Any, expected: object) -> None:
    assert checked(typed(hint), value) == expected


@pytest.mark.parametrize(
    ("hint", "value"),
    [(datetime.date, 20260131), (Unit, "kelvin"), (Level, True), (Level, 3), (Point, [1, 2]), (Point, {"x": 1, "z": 2}), (Route, {"stops": [], "z": 1}), (Person, {"name": "A", "aeg": 3}), (list[Point | int], [{"x": True}]), (set[int], [1, 1]), (set[int], [1, 1.0]), (frozenset[str] | None, ["a", "b", "a"]), (set[tuple[int, ...]], [[1], [2], [1]]), (Span, {"start": 1}), (Span, {}), (Span | None, {"start": 1, "days": 2}), (Agenda, {"spans": [[1], {"start": 1}]})],
    ids=str,
)  # fmt: skip
def test_values_that_would_have_to_be_guessed_are_refused(hint: object, value: Any) -> None:
    complaint(typed(hint), {"value": value})


@pytest.mark.parametrize(
    ("hint", "value", "words", "not_said"),
    [
        (Span, {"start": 1, "zz": 3}, ['value: {"start": 1, "zz": 3} was given; should be of type array'], "zz:"),
        (Agenda, {"spans": [{}], "z": 1}, ["value.spans[0]: {} was given; should be of type array", "value.z: there is no such key"], "required"),
        (set[int], [1, 1], ["should hold each item once"], "no such key"),
        (set[int], [1, 1, "x"], ["should hold each item once", "value[2]"], "no such key"),
    ],
    ids=str,
)  # fmt: skip
def test_what_only_the_schema_refuses_is_complained_of(hint: object, value: Any, words: list[str], not_said: str) -> None:
    text = complaint(typed(hint), {"value": value})
    assert all(word in text for word in words)
    assert not_said not in text


def test_bounds_hold_where_floats_are_too_coarse() -> None:
    made = raw(type="number", maximum=2**53)
    assert checked(made, 2**53) == 2**53
    complaint(made, {"value": 2**53 + 1})


@pytest.mark.parametrize(
    ("hint", "good", "expected", "bad"),
    [
        (Iterable[int], [1, 2.0], [1, 2], [1, "x"]),
        (Iterable, [1, "x"], [1, "x"], "x"),
        (Optional[Iterable[int]], [1], [1], ["x"]),  # noqa: UP045 - as above
        (Annotated[Iterable[int], Field(min_length=1)], [1], [1], []),
        (list[Iterable[int]], [[1]], [[1]], [[1], ["x"]]),
        (dict[str, Iterable[int]], {"a": [1]}, {"a": [1]}, {"a": ["x"]}),
        (tuple[Iterable[int], str], [[1], ""], ([1], ""), [["x"], ""]),
        (Iterable[Person], [{"name": "A"}], [Person(name="A")], [{"name": "A", "aeg": 3}]),
        (Readings, {"values": [1], "next": {"values": [2]}}, Readings([1], Readings([2])), {"values": [1], "next": {"values": ["x"]}}),
        (Track, {"type": [1]}, {"type": [1]}, {"type": ["x"]}),
    ],
    ids=str,
)
def test_what_is_iterated_over_is_checked_before_and_is_a_list(hint: object, good: Any, expected: object, bad: Any) -> None:
    assert checked(typed(hint), good) == expected
    complaint(typed(hint), {"value": bad})


@pytest.mark.parametrize(
    ("hint", "value", "unknown"),
    [
        (Lenient, {"name": "A", "z": 1}, None),
        (Loose, {"z": 1}, None),
        (Published, {"z": 1}, None),
        (Strict, {"z": 1}, "value.z"),
        (list[Strict], [{}, {"z": 1}], "value[1].z"),
        (Closed, {"strict": {"z": 1}}, "value.strict.z"),
        (Closed, {"opened": {"z": 1}}, None),
        (Closed, {"z": 1}, "value.z"),
        (tuple[Lenient, Person], [{"name": "A", "z": 1}, {"name": "B"}], None),
        (tuple[Lenient, Person], [{"name": "A", "z": 1}, {"name": "B", "z": 1}], "value[1].z"),
        (tuple[Lenient, Person], [{"name": 5}, {"name": "B", "z": 1}], "value[1].z"),
        (tuple[Loose, Strict], [{"z": 1}, {}], None),
        (tuple[Loose, Strict], [{"z": 1}, {"z": 1}], "value[1].z"),
        (tuple[Published, Person], [{"z": 1}, {"name": "B", "z": 1}], "value[1].z"),
        (Open, {"z": 1}, None),
        (Open, {"point": {"x": 1, "z": 1}}, "value.point.z"),
        (Open, {"strict": {"z": 1}}, "value.strict.z"),
        (Open, {"route": {"stops": [], "z": 1}}, "value.route.z"),
        (Open, {"person": {"name": "A", "z": 1}}, "value.person.z"),
        (Open | Person, {"name": "A", "strict": {"z": 1}}, "value.strict.z"),
    ],
    ids=str,
)
def test_each_class_is_heard_alone_on_unknown_keys(hint: object, value: Any, unknown: str | None) -> None:
    made = typed(hint)
    if unknown is None:
        checked(made, value)
    else:
        assert f"{unknown}: there is no such key." in complaint(made, {"value": value})


def test_what_becomes_of_unknown_keys_is_in_the_schema() -> None:
    definitions: Any = typed(tuple[Open, Lenient, Loose, Published]).spec.parameters["$defs"]
    assert {name: of.get("additionalProperties", "nothing said") for name, of in definitions.items()} == {
        "Open": True, "Lenient": "nothing said", "Loose": "nothing said", "Published": True,
        "Point": False, "Strict": False, "Route": False, "Person": False,
    }  # fmt: skip


def test_whatever_a_users_validator_raises_is_a_complaint() -> None:
    def broken(value: int) -> int:
        raise KeyError("no such thing")

    assert "no such thing" in complaint(typed(Annotated[int, AfterValidator(broken)]), {"value": 1})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3, width=16) | st.sampled_from(["", "a", "5", "true", "aa"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "value", "Value"]), inner, max_size=3),
    max_leaves=5,
)


@given(
    hints
    | st.sampled_from(
        [Point, dict[str, int], Literal[1, "a"], Level, tuple[int, str], set[int], frozenset[float], set[bool | int], Span, Span | None]
    ),
    json_values,
)
@example(set[bool | int], [True, 1])
def test_both_kinds_agree_and_say_so_within_bounds(hint: Any, value: Any) -> None:
    one = typed(hint)
    other = Tool.from_schema(name="probe", parameters=one.spec.parameters, function=lambda **arguments: arguments)
    for arguments in ({"value": value}, {"Value": value}, {"value": value, "more": 1}):
        assert fits(one, arguments) == fits(other, arguments)


# ------------------------------------------------------------------------------------------------------- unknown keys

NAME = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "accepted"),
    [
        ({"properties": {"name": NAME}}, False),
        ({"type": "object"}, False),
        ({}, False),
        ({"properties": {"name": NAME}, "additionalProperties": True}, True),
        ({"properties": {"name": NAME}, "additionalProperties": {"type": "integer"}}, True),
        ({"properties": {"name": NAME}, "additionalProperties": {"type": "string"}}, False),
        ({"patternProperties": {"^z": {}}}, True),
        ({"allOf": [{"properties": {"name": NAME}}, {"properties": {"z": {}}}]}, True),
        ({"allOf": [{"properties": {"name": NAME}}]}, False),
        ({"oneOf": [{"properties": {"name": NAME}, "required": ["name"]}, {"properties": {"z": {}}, "required": ["z"]}]}, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"z": {}}}}}, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"name": NAME}}}}, False),
        ({"required": ["z"]}, True),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"name": NAME}}, False),
    ],
    ids=str,
)
def test_a_key_that_a_schema_does_not_name_is_refused(schema: dict[str, Any], accepted: bool) -> None:
    made = Tool.from_schema(name="probe", parameters=schema, function=lambda **arguments: arguments)
    if accepted:
        assert made.check({"z": 1}) == {"z": 1}
    else:
        assert "z" in complaint(made, {"z": 1})


QTY = {"properties": {"qty": {"type": "integer"}}}
NOTE = {"properties": {"note": {"type": "string"}}}
RATED = {"if": {"properties": {"qty": {"const": 1}}}, "then": {"properties": {"why": {"type": "string"}}}}
TREE = {"$defs": {"tree": {"properties": {"qty": {}, "under": {"items": {"$ref": "#/$defs/tree"}}}}}}
OTHER_BASE = {"$id": "https://example.com/a", "$defs": {"b": NOTE}, "properties": {"c": {"$ref": "#/$defs/b"}}}


@pytest.mark.parametrize("kind", ["object", "items", "prefixItems", "additionalProperties", "patternProperties", "$ref", "any of two"])
@pytest.mark.parametrize(
    ("schema", "known", "unknown"),
    [
        (QTY, {"qty": 1}, {"quantity": 50}),
        (QTY | {"type": "object"}, {}, {"quantity": 50}),
        (QTY | {"type": ["object", "null"]}, None, {"quantity": 50}),
        (QTY | {"required": ["note"]}, {"note": 1}, {"note": 1, "quantity": 50}),
        (QTY | {"additionalProperties": False}, {"qty": 1}, {"quantity": 50}),
        (QTY | {"unevaluatedProperties": False}, {"qty": 1}, {"quantity": 50}),
        (QTY | {"additionalProperties": True}, {"quantity": 50}, None),
        (QTY | {"additionalProperties": {"type": "integer"}}, {"quantity": 50}, None),
        (QTY | {"unevaluatedProperties": {"type": "integer"}}, {"quantity": 50}, None),
        (QTY | {"patternProperties": {"^qu": {}}}, {"quantity": 50}, None),
        ({}, {"quantity": 50}, None),
        ({"type": "object"}, {"quantity": 50}, None),
        ({"type": "object", "properties": {}}, {"quantity": 50}, None),
        ({"type": "object", "required": ["qty"]}, {"qty": 1, "quantity": 50}, None),
        ({"allOf": [QTY, NOTE]}, {"qty": 1, "note": ""}, {"qty": 1, "quantity": 50}),
        (QTY | {"allOf": [NOTE]}, {"qty": 1, "note": ""}, {"quantity": 50}),
        ({"allOf": [QTY, {"type": "object"}]}, {"qty": 1}, {"quantity": 50}),
        ({"allOf": [QTY, {"additionalProperties": True}]}, {"quantity": 50}, None),
        ({"anyOf": [QTY, NOTE]}, {"qty": 1, "note": ""}, {"quantity": 50}),
        ({"oneOf": [QTY | {"required": ["qty"]}, NOTE | {"required": ["note"]}]}, {"note": ""}, {"note": "", "quantity": 50}),
        ({"anyOf": [QTY, {"type": "string"}, {"enum": ["all"]}, False]}, "all", {"quantity": 50}),
        ({"anyOf": [QTY, {"type": "object"}]}, {"quantity": 50}, None),
        ({"anyOf": [QTY, {}]}, {"quantity": 50}, None),
        (QTY | {"anyOf": [{"required": ["a"]}, NOTE]}, {"qty": 1, "a": 1}, {"quantity": 50}),
        (QTY | RATED, {"qty": 1, "why": ""}, {"qty": 1, "quantity": 50}),
        (RATED, {"quantity": 50}, None),
        (QTY | {"dependentSchemas": {"qty": NOTE}}, {"qty": 1, "note": ""}, {"qty": 1, "quantity": 50}),
        (QTY | {"not": {"required": ["x"]}}, {"qty": 1}, {"quantity": 50}),
        ({"properties": {"inner": QTY}}, {"inner": {"qty": 1}}, {"inner": {"quantity": 50}}),
        ({"properties": {"inner": QTY}, "additionalProperties": True}, {"more": {"quantity": 50}}, {"inner": {"quantity": 50}}),
        ({"properties": {"inner": {}}, "additionalProperties": QTY}, {"inner": {"quantity": 50}}, {"other": {"quantity": 50}}),
        ({"unevaluatedProperties": QTY}, {"inner": {"qty": 1}}, {"inner": {"quantity": 50}}),
        ({"properties": {"inner": {}}, "unevaluatedProperties": QTY}, {"inner": {"quantity": 50}}, {"other": {"quantity": 50}}),
        ({"allOf": [{"properties": {"inner": QTY}}, {"properties": {"inner": NOTE}}]}, {"inner": {"qty": 1, "note": ""}}, {"inner": {"quantity": 50}}),
        ({"anyOf": [{"properties": {"inner": QTY}}, {"properties": {"inner": {}}}]}, {"inner": {"quantity": 50}}, None),
        ({"anyOf": [{"properties": {"inner": QTY}}, {"type": "object"}]}, {"inner": {"quantity": 50}}, None),
        ({"oneOf": [{"properties": {"inner": QTY}}, {"properties": {"outer": NOTE}, "required": ["outer"]}]}, {"inner": {"qty": 1}}, {"inner": {"quantity": 50}}),
        ({"properties": {"inner": {"type": "object"}}, "if": {"required": ["a"]}, "then": {"properties": {"inner": QTY}}}, {"inner": {"quantity": 50}}, None),
        ({"items": QTY}, [{"qty": 1}], [{"qty": 1}, {"quantity": 50}]),
        ({"prefixItems": [QTY], "items": NOTE}, [{"qty": 1}, {"note": ""}], [{"qty": 1}, {"qty": 50}]),
        ({"prefixItems": [QTY]}, [{}, {"quantity": 50}], [{"quantity": 50}]),
        ({"prefixItems": [QTY], "unevaluatedItems": NOTE}, [{"qty": 1}, {"note": ""}], [{"qty": 1}, {"quantity": 50}]),
        ({"anyOf": [{"type": "array", "items": QTY}, QTY]}, [{"qty": 1}], [{"quantity": 50}]),
        ({"anyOf": [{"type": "array", "items": QTY}, {"type": "array"}]}, [{"quantity": 50}], None),
        ({"contains": QTY | {"required": ["qty"]}}, [{"qty": 1}, {"quantity": 50}], None),
        ({"items": NOTE, "contains": QTY | {"required": ["qty"]}}, [{"qty": 1}, {"note": ""}], [{"qty": 1}, {"quantity": 50}]),
        ({"properties": {"inner": QTY, "base": OTHER_BASE}}, {"inner": {"quantity": 50}}, None),
        (QTY | {"$id": "https://example.com/a"}, {"qty": 1}, {"quantity": 50}),
        (QTY | {"$id": "#/properties/value"}, {"qty": 1}, {"quantity": 50}),
    ],
    ids=str,
)  # fmt: skip
def test_objects_within_are_closed_where_they_list_their_keys(kind: str, schema: dict[str, Any], known: Any, unknown: Any) -> None:
    outer: dict[str, dict[str, Any]] = {
        "object": {"value": schema},
        "items": {"value": {"items": schema}},
        "prefixItems": {"value": {"prefixItems": [schema]}},
        "additionalProperties": {"value": {"additionalProperties": schema}},
        "patternProperties": {"value": {"patternProperties": {"^k": schema}}},
        "$ref": {"value": {"$ref": "#/$defs/a%20b"}},
        "any of two": {"value": {"anyOf": [schema, {"type": "integer"}]}},
    }
    made = Tool.from_schema(
        name="probe", parameters={"properties": outer[kind], "$defs": {"a b": schema}}, function=lambda **arguments: arguments
    )

    def held(value: Any) -> dict[str, Any]:
        return {"value": [value] if kind in ("items", "prefixItems") else {"k": value} if kind.endswith("Properties") else value}

    assert made.check(held(known)) == held(known)
    if unknown is not None:
        assert "there is no such key" in complaint(made, held(unknown))


def test_an_unknown_key_within_is_named_with_its_place_the_known_keys_and_the_nearest() -> None:
    parameters = TREE | {"properties": {"value": {"$ref": "#/$defs/tree"}}, "required": ["value"]}
    made = Tool.from_schema(name="probe", parameters=parameters, function=lambda value: value)
    deep: dict[str, Any] = {"value": {"qty": 1, "under": [{}, {"under": [{"Qty": 50}]}]}}
    text = complaint(made, deep)
    assert 'value.under[1].under[0].Qty: there is no such key. Did you mean "qty"? The keys are ["qty", "under"].' in text
    assert text.endswith(json.dumps({"value": {"qty": 1, "under": [{}, {"under": [{"qty": 50}]}]}}))
    level: dict[str, Any] = {"quantity": 50}
    for _ in range(100):
        level = {"under": [level]}
    assert "there is no such key" in complaint(made, {"value": level})


@pytest.mark.parametrize(
    ("of", "value", "fits_it"),
    [
        (0.01, 19.99, True),
        (0.01, 0.29, True),
        (0.1, 0.3, True),
        (0.01, 19.995, False),
        (0.01, 7, True),
        (0.01, 1e300, True),
        (1e-9, 1.5e-9, False),
        (2.5, 10**40, True),
        (3, 10**40, False),
        (2, 3.0, False),
        (0.5, "text", True),
        (0.5, True, True),
    ],
)
def test_multiples_are_counted_as_the_numbers_are_written(of: float, value: Any, fits_it: bool) -> None:
    for keyword, draft in (
        ("multipleOf", "https://json-schema.org/draft/2020-12/schema"),
        ("divisibleBy", "http://json-schema.org/draft-03/schema#"),
    ):
        schema = {"$schema": draft, **of_value(**{keyword: of})}
        assert fits(RawArguments(schema), {"value": value}) is fits_it


def test_branches_that_come_again_at_each_level_do_not_multiply() -> None:
    branch = {"properties": {"c": {"$ref": "#/$defs/n"}, "when": {"format": "date", "minLength": 1}}}
    parameters = {"properties": {"value": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"anyOf": [branch, branch | {"minProperties": 2}]}}}
    made = Tool.from_schema(name="probe", parameters=parameters, function=lambda **arguments: arguments)
    value: dict[str, Any] = {"when": "now"}
    for _ in range(60):
        value = {"c": value}
    assert checked(made, value) == value


def test_a_search_for_unknown_keys_that_multiplies_is_given_up() -> None:
    either = {"anyOf": [{"properties": {"c": {"$ref": "#/$defs/n"}}}] * 2}
    parameters = {"properties": {"value": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"allOf": [either, either]}}}
    made = Tool.from_schema(name="probe", parameters=parameters, function=lambda **arguments: arguments)
    value: dict[str, Any] = {"quantity": 50}
    for _ in range(60):
        value = {"c": value}
    started = time.process_time()
    assert "too intricate" in complaint(made, {"value": value})
    assert time.process_time() - started < 5.0


# --------------------------------------------------------------------------------------------------------- complaints


@tool(examples=[{"city": "Paris", "days": 2}])
def weather(city: str, days: int = 1, unit: Literal["c", "f"] = "c", at: Point | None = None) -> str:
    """The weather.

    Args:
        city: Its name.
    """
    return city


weather_raw = Tool.from_schema(
    name="weather", parameters=weather.spec.parameters, function=lambda **arguments: "", examples=weather.spec.examples
)


@pytest.mark.parametrize("made", [weather, weather_raw], ids=["typed", "raw"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"citty": "Rome", "days": "5"}, ["city: is required", '"Its name."', 'days: "5" was given', 'Did you mean "city"?', 'Corrected arguments: {"city": "Rome", "days": 5}']),
        ({"City": "Rome"}, ['Corrected arguments: {"city": "Rome"}']),
        ({"city": 5}, ['Corrected arguments: {"city": "5"}']),
        ({"city": "Rome", "at": '{"x": 1}'}, ['Corrected arguments: {"city": "Rome", "at": {"x": 1}}']),
        ({"city": "Rome", "at": {"X": 1}}, ["at"]),
        ({"city": "Rome", "unit": "kelvin"}, ['unit: "kelvin" was given', '["c", "f"]', 'fit look like this: {"city": "Paris", "days": 2}']),
        ({}, ["city: is required", 'fit look like this: {"city": "Paris", "days": 2}']),
        ({"city": "Rome", "whatever": 1}, ["whatever: there is no such key", '["city", "days", "unit", "at"]']),
        ({"city": "Rome", "days": "many"}, ['"integer"', 'fit look like this']),
    ],
    ids=str,
)  # fmt: skip
def test_a_complaint_shows_what_would_fit(made: Tool, arguments: dict[str, Any], words: list[str]) -> None:
    text = complaint(made, arguments)
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    ("hint", "value", "said", "not_said"),
    [
        (Tagged, {"kind": "cat", "b": 1}, ['value.b: there is no such key. The keys are ["kind", "a"].'], ["dog"]),
        (Tagged | None, {"kind": "cat", "A": 1}, ['Did you mean "a"? The keys are ["kind", "a"].', 'Corrected arguments: {"value": {"kind": "cat", "a": 1}}'], []),
        (list[Tagged], [{"kind": "dog", "cat": {"b": 1}, "a": 1}], ['value[0].a: there is no such key. The keys are ["kind", "b", "cat"].'], []),
        (Tagged, {"kind": "cat", "cat": {"a": "x"}}, ['value.cat: there is no such key. The keys are ["kind", "a"].'], []),
        (Tagged, {"kind": "dog", "cat": {"a": "x"}}, ["value.cat.a: "], ["no such key"]),
        (Version, {"version": 1, "b": 1}, ['value.b: there is no such key. The keys are ["version", "a"].', "value.a: is required"], []),
        (Cat | Dog, {"kind": "cat", "b": 1}, ['value.b: there is no such key. The keys are ["kind", "a"].'], ["dog'"]),
        (Cat | Dog | int, {"kind": "dog", "B": 1}, ['Did you mean "b"?'], ["cat'", "integer"]),
        (Cat | Dog, {"a": 1, "b": 1}, ['value.a: there is no such key. The keys are ["kind", "b", "cat"].'], ['"a", "b"']),
        (list[Cat | Dog], [{"kind": "cat", "b": 1, "z": 1}, {"kind": "dog", "a": 1}], ["value[0].b: ", "value[0].z: ", "value[1].a: "], ["should be"]),
        (Point | Route, {"x": "1"}, ['value.x: "1" was given'], ["stops", "no such key"]),
        (Strict | Dog, {"z": 1}, ['The keys are ["x", "kind", "b", "cat"].'], []),
        (Sorted, {"kind": "cat", "b": 1}, ["value.b: there is no such key."], ['"b"?', '"a", "b"']),
        (list[int] | int, ["x"], ['value[0]: "x" was given; should be a valid integer.'], ["value: "]),
        (list[int] | dict[str, int], {"a": "x"}, ["value.a: "], ["valid array"]),
        (int | Literal["auto"], "x", ["should be a valid integer, or should be 'auto'"], []),
        (int | list[int], {"a": 1}, ["should be a valid integer, or should be a valid array"], []),
        (dict[int, str], {"x": "a"}, ['value: the key "x" should be a valid integer'], ["was given"]),
        (dict[int, str], {"x": 5, "y": ""}, ['- value: the key "x" should', '- value: the key "y" should', "value.x: 5 was given; should be a valid string"], []),
        (dict[Level, int], {"3": 1}, ['value: the key "3" should be'], ["was given"]),
        (dict[str, int], {"[key]": "x"}, ['value.[key]: "x" was given'], []),
    ],
    ids=str,
)  # fmt: skip
def test_a_complaint_speaks_of_what_was_meant(hint: object, value: Any, said: list[str], not_said: list[str]) -> None:
    text = complaint(typed(hint), {"value": value})
    assert [words for words in said if words not in text] == []
    without_schemas = [line.partition("Its schema")[0] for line in text.splitlines()]
    assert [words for words in not_said if any(words in line for line in without_schemas)] == []


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"properties": {"a": {}, "b": {}}, "dependentRequired": {"a": ["b"]}}, {"a": 1}, '- value.b: is required where "a" is given.'),
        ({"properties": {"a": False, "b": {}}}, {"a": 1}, "- value.a: 1 was given; may not be given."),
        ({"patternProperties": {"^x": False}}, {"x1": 1}, "- value.x1: 1 was given; may not be given."),
        ({"propertyNames": {"pattern": "^[a-z]+$"}}, {"A": 1}, 'has the key "A", which should match the pattern ^[a-z]+$.'),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, "has the key \"ab\", which 'ab' is too long."),
        ({"oneOf": [{"type": "integer"}, {"minimum": 1}]}, 2, "2 was given; fits more than one of the alternatives under oneOf, and must fit exactly one."),
        ({"oneOf": [{"properties": {"t": {"const": "a"}}}, {"properties": {"t": {"const": "b"}}}]}, {"t": "c"}, 'value.t should be "a", or value.t should be "b".'),
        ({"type": "object", "minProperties": 2}, {"a": 1}, "should have at least 2 keys."),
        ({"type": "object", "maxProperties": 1}, {"a": 1, "b": 2}, "should have at most 1 keys."),
        ({"type": "string"}, "\ud83d", "write the whole character, or leave it out"),
        ({"type": "number"}, float("inf"), "a number that is not finite"),
    ],
    ids=str,
)  # fmt: skip
def test_a_complaint_names_the_key_and_what_to_write(schema: dict[str, Any], value: Any, said: str) -> None:
    assert said in complaint(raw(**schema), {"value": value})


def test_a_complaint_is_bounded_and_counts_the_rest() -> None:
    text = complaint(weather, {f"key{i}": "x" * 1_000 for i in range(100)})
    assert len(text) <= 1_500
    wordy = Tool.from_schema(
        name="probe",
        parameters={"properties": {f"key{i}": {"type": "integer", "description": "word " * 40} for i in range(8)}},
        function=lambda **arguments: arguments,
        examples=[{"key0": 0}],
    )
    text = complaint(wordy, {f"key{i}": "word " * 40 for i in range(8)})
    assert len(text) <= 1_500
    assert text.endswith('Arguments that fit look like this: {"key0": 0}')
    text = complaint(raw(type="array", items={"type": "integer"}), {"value": [f"{i}a" for i in range(20)]})
    assert "value[0]" in text
    assert "and 12 more" in text


def test_arguments_that_are_nested_without_end_are_refused() -> None:
    deep: Any = 5.0
    for _ in range(3_000):
        deep = [deep]
    for made in (typed(Any), raw(), raw(type="array", uniqueItems=True)):
        complaint(made, {"value": deep})


# ------------------------------------------------------------------------------------------------- schemas from outside


def _multiplied() -> dict[str, Any]:
    definitions: dict[str, Any] = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 1}"}]} for i in range(40)}
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, "d40": {}}}


def _nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


def _shared(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"properties": {"a": schema, "b": schema}}
    return schema


def _endless() -> dict[str, Any]:
    schema: dict[str, Any] = {"properties": {}}
    schema["properties"]["a"] = schema
    return schema


def of_value(**schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"value": schema}}


REFUSED: dict[str, tuple[object, str]] = {
    "text": ("{}", "not str"),
    "list": ([], "not list"),
    "no object": ({"type": "array"}, 'not "array"'),
    "beside": ({"city": {"type": "string"}}, '"city" is no word of JSON Schema; describe the arguments under "properties"'),
    "beside a type": ({"type": "object", "city": {"type": "string"}, "required": ["city"]}, 'under "properties"'),
    "property": (of_value() | {"properties": {"a": 5}}, "#/properties/a is 5"),
    "type": (of_value(type="dict"), "write object"),
    "type without hint": (of_value(type="zzz"), "the types are"),
    "no type": (of_value(type=[]), "empty list"),
    "required": (of_value(required=True), "'required' is true"),
    "minimum": (of_value(minimum="1"), "must be a number"),
    "multipleOf": (of_value(multipleOf=0), "above 0"),
    "enum": (of_value(enum="a"), "must be a list"),
    "anyOf": (of_value(anyOf=[]), "not empty"),
    "items": ({"$schema": "https://json-schema.org/draft/2020-12/schema", **of_value(items=[{}])}, "prefixItems"),
    "remote": (of_value(**{"$ref": "https://example.com/x.json"}), "nothing is fetched"),
    "file": (of_value(**{"$ref": "file:///etc/passwd"}), "nothing is fetched"),
    "nowhere": (of_value(**{"$ref": "#/$defs/x"}), "points at nothing"),
    "hidden": ({"$ref": "#/x-shapes/a", "x-shapes": {"a": {"type": "dict"}}}, "write object"),
    "hidden remote": ({"$ref": "#/x-shapes/a", "x-shapes": {"a": {"$ref": "b.json"}}}, "nothing is fetched"),
    "no schema": (of_value(**{"$ref": "#/type"}), "no schema"),
    "loop": ({"$ref": "#"}, "refers to itself"),
    "long loop": (of_value(**{"$ref": "#/$defs/a"}) | {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}}, "refers to itself"),
    "multiplied": (_multiplied(), "flatten"),
    "deep": (_nested(100), "deep"),
    "very deep": (_nested(5_000), "deep"),
    "endless": (_endless(), "deep"),
    "shared": (_shared(40), "too large"),
    "large": (of_value(description="x" * 100_000), "too large"),
    "keys": ({1: 2}, "keys that are not text"),
    "NaN": (of_value(default=float("nan")), "nan"),
    "bytes": (of_value(default=b""), "no JSON"),
    "huge number": (of_value(maximum=10**5_000), "bits"),
    "surrogate": (of_value(description="\ud800"), "surrogate"),
    "pattern": (of_value(pattern="("), "cannot be read"),
    "backtracking": (of_value(pattern="(?=a)(a+)+$"), "may take for ever"),
    "choosing": (of_value(pattern="(?!x)(a|a)*$"), "may take for ever"),
    "optional": (of_value(pattern=r"(?=a)(a?){40}\1"), "may take for ever"),
    "large pattern": (of_value(pattern="((a{999}){999}){999}"), "too large"),
    "many patterns": (of_value(anyOf=[{"pattern": f"\\p{{L}}{{40}}{i}"} for i in range(400)]), "too large"),
    "backtracking keys": (of_value() | {"patternProperties": {"^(a+)+$": {}}, "unevaluatedProperties": False}, "may take for ever"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=list(REFUSED))
def test_a_schema_that_cannot_be_used_safely_is_refused_at_once(case: str) -> None:
    parameters, words = REFUSED[case]
    started = time.process_time()
    with pytest.raises(SchemaError) as caught:
        Tool.from_schema(name="probe", parameters=parameters, function=lambda **arguments: arguments)  # type: ignore[arg-type]
    assert time.process_time() - started < 2.0  # 0.1 s on a quiet machine; what is not bounded takes minutes
    assert words in str(caught.value)
    assert "probe" in str(caught.value)


COSTLY: dict[str, Any] = {
    "additionalProperties": True,
    "$ref": "#/$defs/n",
    "$defs": {"n": {"anyOf": [{"properties": {"c": {"$ref": "#/$defs/n"}}, "required": [name]} for name in "yz"]}},
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 50_000 + "b"),
        ({"pattern": "(?=a)a*a*a*$"}, "a" * 50_000 + "b"),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "pattern": "^(a|a)*$"}, "a" * 50 + "b"),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#", "patternProperties": {"^(a|a)*$": False}, "maxProperties": 0},
            {"a" * 50 + "b": 1},
        ),
        ({"not": {"patternProperties": {"^(a|a)*$": False}}}, {"a" * 50 + "b": 1}),
    ],
    ids=["linear", "degree", "nested $schema", "keys", "keys that pass"],
)
def test_no_pattern_takes_for_ever(schema: dict[str, Any], value: Any) -> None:
    started = time.process_time()
    complaint(raw(**schema), {"value": value})
    assert time.process_time() - started < 5.0


def test_a_check_that_multiplies_with_the_value_is_given_up() -> None:
    made = Tool.from_schema(name="probe", parameters=COSTLY, function=lambda **arguments: arguments)
    value: dict[str, Any] = {}
    for _ in range(40):
        value = {"c": value}
    assert "too intricate" in complaint(made, value)


@pytest.mark.parametrize(
    ("pattern", "matching", "failing"),
    [
        (r"^\d+$", "12", "٣"),
        (r"^\d+$", "12", "12\n"),
        (r"^[\w-.]+@[\w.]+$", "a-b.c@d.e", "a@ä"),
        (r"^[^\W_]+$", "ab", "a_b"),
        (r"\bis\b", "it is", "this"),
        (r"^(?=.*\d)(?=.*[a-z]).{4,8}$", "abc1", "abcd"),
        (r"^(?<year>\d{4})-(?!00)\d\d$", "2020-01", "2020-00"),
        (r"^(a|b)\1$", "aa", "ab"),
        (r"^\p{Lu}\p{L}*$", "Éa", "éa"),
        (r"^a\/b\-c\.$", "a/b-c.", "a/b-c!"),
        (r"^[--/]$", ".", "0"),
        (r"^[[&&]$", "&", "a"),
        (r"^\u00e9$", "é", "e"),
        (r"^$", "", "\n"),
        (r"^(?=a)a$", "a", "a\n"),
        (r"^(?=.)\d$", "1", "٣"),
    ],
)
def test_patterns_mean_what_ecma_262_means(pattern: str, matching: str, failing: str) -> None:
    made = raw(type="string", pattern=pattern)
    assert checked(made, matching) == matching
    complaint(made, {"value": failing})


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (None, {"type": "object", "properties": {}}),
        ({}, {"type": "object", "properties": {}}),
        ({"properties": {"a": {"type": "STRING"}}, "type": "OBJECT"}, {"type": "object", "properties": {"a": {"type": "string"}}}),
        (of_value(type="string", nullable=True, enum=["a"]), of_value(type=["string", "null"], enum=["a", None])),
        (of_value(type="array", items=[{}], additionalItems=False), of_value(type="array", prefixItems=[{}], items=False)),
        (of_value(type="number", minimum=0, exclusiveMinimum=True), of_value(type="number", exclusiveMinimum=0)),
        (
            of_value(dependencies={"a": ["b"], "c": {"required": ["d"]}}),
            of_value(dependentRequired={"a": ["b"]}, dependentSchemas={"c": {"required": ["d"]}}),
        ),
        (of_value(type="string", description=None), of_value(type="string")),
        (of_value(type="string", title="Value"), of_value(type="string", title="Value")),
    ],
    ids=str,
)
def test_other_spellings_are_written_as_the_draft_has_them(foreign: dict[str, Any] | None, ours: dict[str, Any]) -> None:
    before = json.dumps(foreign)
    assert Tool.from_schema(name="probe", parameters=foreign, function=lambda **arguments: arguments).spec.parameters == ours
    assert json.dumps(foreign) == before


def test_older_drafts_are_taken_at_their_word() -> None:
    made = Tool.from_schema(
        name="probe",
        parameters={
            "$schema": "http://json-schema.org/draft-04/schema#",
            "properties": {"value": {"minimum": 0, "exclusiveMinimum": True}},
        },
        function=lambda **arguments: arguments,
    )
    assert checked(made, 1) == 1
    complaint(made, {"value": 0})


# ------------------------------------------------------------------------------------------------------------- corpora


def rows(corpora: Path, name: str) -> list[dict[str, Any]]:
    with gzip.open(corpora / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_every_real_schema_becomes_a_tool(corpora: Path) -> None:
    refused = []
    for row in rows(corpora, "tool_schemas"):
        try:
            made = Tool.from_schema(
                name=row["name"], description=row["description"] or "", parameters=row["parameters"], function=lambda **arguments: arguments
            )
        except ConfigError as error:
            refused.append((row["name"], str(error)))
            continue
        fits(made, {"surely no key": 1})
    assert refused == []


def test_the_json_schema_test_suite_but_for_what_lies_outside(corpora: Path) -> None:
    outside, wrong = list[str](), []
    for row in rows(corpora, "jsts"):
        if isinstance(row["schema"], bool) or "metaschema" in str(row["schema"].get("$schema")):
            continue
        try:
            check_schema(row["schema"])
        except SchemaError as error:
            outside.append(str(error))
            continue
        if isinstance(row["data"], dict) and fits(RawArguments(row["schema"]), row["data"]) != row["valid"]:
            wrong.append((row["file"], row["case"], row["test"]))
    assert wrong == []
    assert len(outside) < 50
    assert all("nothing is fetched" in error for error in outside)


def test_the_quick_yes_is_never_wrong_and_closing_refuses_unknown_keys_only(corpora: Path) -> None:
    """Each value of the suite under a key, where plain schemas are judged without jsonschema; the suite knows the verdict."""
    wrong = []
    for row in rows(corpora, "jsts"):
        text = json.dumps(row["schema"])
        if "Ref" in text or '"$ref"' in text or '"$id"' in text or "metaschema" in text:
            continue
        schema, arguments = of_value() | {"properties": {"value": row["schema"]}}, {"value": row["data"]}
        try:
            check_schema(schema)
        except SchemaError:
            continue
        closed = RawArguments(schema, closed=True)
        problems = closed.problems(arguments)
        if (
            fits(RawArguments(schema), arguments) != row["valid"]
            or fits(closed, arguments) != (not problems)
            or (row["valid"] and any(problem.kind != "unknown" for problem in problems))
        ):
            wrong.append((row["file"], row["case"], row["test"]))
    assert wrong == []


# -------------------------------------------------------------------------------------------------------------- import


def test_heavy_modules_are_loaded_when_they_are_needed() -> None:
    program = """
import sys
from react_agent.tooling import Tool, tool
def heavy(): return sorted({name.partition(".")[0] for name in sys.modules} & {"asyncio", "httpx", "jsonschema", "docstring_parser", "tenacity"})
@tool
def plain(x: int) -> int:
    "Says x."
    return x
schema = {"properties": {"x": {"type": "integer", "minimum": 0}}, "required": ["x"]}
made = Tool.from_schema(name="raw", parameters=schema, function=lambda x: x)
plain.check({"x": 1}), made.check({"x": 1})
print(heavy())
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_every_error_is_one_of_ours() -> None:
    assert issubclass(InvalidArguments, ReactAgentError)
