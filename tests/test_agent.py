"""The front door: how an agent is put together, its limits and typed answers, streams, and agents beneath agents."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import pickle
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import msgspec
import pytest
from _laws import KINDS, check_law
from _stories import Answer, after, mock
from _world import World
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from react_agent import (
    Agent,
    BackendError,
    ConfigError,
    Delta,
    Diverged,
    Hang,
    Image,
    JsonlStore,
    Limits,
    MockBackend,
    Policy,
    Progress,
    Raw,
    Result,
    Rule,
    RunContext,
    RunFailed,
    Settings,
    Text,
    Tool,
    ToolRegistry,
    Trace,
    Usage,
    call,
    tool,
)
from react_agent.backends.mock import ScriptItem
from react_agent.errors import BackendRejected, BackendUnavailable
from react_agent.events import Called, Event, Finished, Parent, Replied, Returned, Reviewed, Started, Stopped, Told
from react_agent.messages import JsonObject, Message, ModelReply, ModelRequest, ReadBy, ToolCall, assistant

formats = pytest.mark.parametrize("format_name", ["native", "react_text"])


def texts(request: ModelRequest) -> list[str]:
    found: list[str] = []
    for message in request.messages:
        found += [result.text for result in message.results] or [message.text]
    return found


# ------------------------------------------------------------------------------------------------------ put together


def test_an_agent_says_what_it_is() -> None:
    agent = Agent(MockBackend([], name="tiny"), tools=World().tools()[:2], instructions="Be brief.", limits=Limits(steps=3), name="clerk")
    assert repr(agent) == "Agent(tiny, tools=[lookup, add])"
    assert (agent.spec.name, agent.spec.instructions, agent.spec.limits.steps) == ("clerk", "Be brief.", 3)
    assert [each.name for each in agent.spec.tools] == ["lookup", "add"]


def test_plain_functions_tools_and_registries_are_tools() -> None:
    def shout(text: str) -> str:
        """Say it loudly."""
        return text.upper()

    for tools in ([shout], (one for one in [shout]), ToolRegistry([shout]), [tool(shout)]):
        backend = MockBackend([call("shout", text="hey"), "done"])
        assert Agent(backend, tools=tools).run_sync("Go.").answer == "done"
        assert "HEY" in texts(backend.requests[-1])


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "no backend": ({"backend": 42}, "a backend is"),
    "two tools of one name": ({"tools": [World().tools()[0], World().tools()[0]]}, "lookup"),
    "the reserved name": ({"tools": [Tool.from_schema(name="finish", parameters=None, function=lambda: 1)]}, "reserved"),
    "a format that the backend does not speak": ({"format": "react_text"}, "speaks 'native'"),
    "no tool at all": ({"tools": [42]}, "int"),
    "a tool that stands alone": ({"tools": World().tools()[0]}, r"tools=\[search\]"),
    "no list of tools": ({"tools": None}, "as a list"),
    "None among the tools": ({"tools": [None]}, "None is no tool"),
    "the class of a backend": ({"backend": MockBackend}, r"Agent\(MockBackend\("),
    "limits that are no Limits": ({"limits": {"stpes": 3}}, r"limits=Limits\("),
    "settings that are no Settings": ({"settings": {"tempreature": 0}}, r"settings=Settings\("),
    "a policy that is a function": ({"policy": lambda call: "ask"}, r"policy=Policy\("),
    "a limit below nothing": ({"limits": Limits(steps=-1)}, r"limits\.steps is -1"),
    "no step at all": ({"limits": Limits(steps=0)}, r"limits\.steps is 0; it is 1 or more"),
    "a limit that is no number": ({"limits": Limits(seconds=float("nan"))}, r"limits\.seconds is nan"),
    "no mistake allowed, not the first either": ({"limits": Limits(mistakes=0)}, "1 or more"),
    "a store that is none": ({"store": 5}, "a folder or a Store"),
    "the class of a store": ({"store": JsonlStore}, r"store=JsonlStore\("),
    "half a store": ({"store": SimpleNamespace(create=print, load=print)}, r"no store without append\(run_id\), exists\(run_id\)"),
    "a reviewer that is none": ({"reviewer": "me"}, "a reviewer is a function"),
    "a secret that stands alone": ({"secrets": "sk-12345678"}, r"secrets=\[token\]"),
    "a secret that the environment does not have": ({"secrets": {"github": None}}, r"that of 'github' is NoneType.*environment"),
    "a secret in bytes": ({"secrets": [b"sk-12345678"]}, "a secret is a text"),
    "a secret that words hold": ({"secrets": ["the"]}, "cannot be masked"),
    "a secret in the settings": (
        {"secrets": ["sk-12345678"], "settings": Settings(extra={"key": "sk-12345678"})},
        r"settings\.extra holds a known secret",
    ),
    "a secret in the policy": (
        {"secrets": ["sk-12345678"], "policy": Policy((Rule("deny", reason="it is sk-12345678"),))},
        r"policy\.rules holds a known secret",
    ),
    "the name of an answer's type": ({"output": "Ticket"}, "output is a type.*not the text 'Ticket'"),
    "an answer's type that is nothing": ({"output": ""}, "output is a type"),
    "an answer of a foreign type": ({"output": SimpleNamespace}, r"SimpleNamespace'>\); use JSON's types"),
    "an example that is none": ({"examples": ["x"]}, "given as text must hold a line that begins with 'Question:'"),
    "an example that is no list": ({"examples": [5]}, "a list of Messages"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_together_is_said_before_anything_runs(what: str) -> None:
    more, words = WRONG[what]
    backend = more.pop("backend", MockBackend([])) if "backend" in more else MockBackend([])
    with pytest.raises(ConfigError, match=words):
        Agent(backend, **more)  # type: ignore[arg-type]  # wrong on purpose


class OwnBackend:
    """A backend of a user's own, with a `reply` as the test gives it."""

    name = "own"
    format_name = "native"

    def __init__(self, reply: object) -> None:
        self.reply = reply

    async def aclose(self) -> None:
        return None


DONE = MockBackend(["done"], repeat=True).reply


async def no_keywords(request: ModelRequest) -> ModelReply:
    return await DONE(request)


async def no_timeout(request: ModelRequest, listen: object = None) -> ModelReply:
    return await DONE(request)


async def one_more(request: ModelRequest, model: str, *, listen: object = None, timeout: float | None = None) -> ModelReply:
    return await DONE(request)


async def any_keywords(request: ModelRequest, **more: object) -> ModelReply:
    return await DONE(request)


async def in_their_places(request: ModelRequest, listen: object, timeout: float | None = None) -> ModelReply:
    return await DONE(request)


class NoSignature:
    """Stands for what is not written in Python."""

    __signature__ = "none"

    def __call__(self, request: ModelRequest, **more: object) -> object:
        return DONE(request)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            no_keywords,
            r"OwnBackend\.reply cannot be called .*'listen'; write it as async def reply\(self, request, \*, listen=None, timeout=None\)",
        ),
        (no_timeout, "'timeout'"),
        (one_more, "'model'"),
        (5, r"OwnBackend\.reply is no function; write it as async def reply"),
        (any_keywords, None),
        (in_their_places, None),
        (DONE, None),
        (NoSignature(), None),
    ],
    ids=["no keywords", "no timeout", "one more", "no function", "any keywords", "in their places", "ours", "no signature"],
)
def test_an_own_backend_is_looked_at_before_anything_runs(reply: object, words: str | None) -> None:
    own = OwnBackend(reply)
    if words is None:
        assert Agent(own).run_sync("Go.").answer == "done"  # type: ignore[arg-type]  # its reply is any object
        return
    with pytest.raises(ConfigError, match=words):
        Agent(own)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("name", ["name", "format_name", "aclose"])
def test_an_own_backend_without_a_part_is_told_which(name: str) -> None:
    parts = {part: getattr(MockBackend([]), part) for part in ("name", "format_name", "reply", "aclose") if part != name}
    with pytest.raises(ConfigError, match=rf"no backend without '{name}': a backend has .*async def reply\(self, request, \*,"):
        Agent(SimpleNamespace(**parts))  # type: ignore[arg-type]  # wrong on purpose


def test_any_function_from_text_to_text_is_a_backend() -> None:
    prompts: list[str] = []

    def model(prompt: str) -> str:
        prompts.append(prompt)
        if "Observation: 5" in prompt:
            return "Thought: I know.\nFinal Answer: five"
        return 'Thought: add.\nAction: add\nAction Input: {"a": 2, "b": 3}'

    async def async_model(prompt: str) -> str:
        return model(prompt)

    for backend in (model, async_model):
        result = Agent(backend, tools=World().tools()).run_sync("What is 2 + 3?")
        assert result.answer == "five"
        assert result.trace.started.backend == f"function:{backend.__name__}"
    assert prompts[1].startswith(prompts[0])


def test_a_function_that_does_not_return_text_is_a_lost_backend() -> None:
    result = Agent(lambda prompt: 42).run_sync("Go.")  # type: ignore[arg-type, return-value]  # wrong on purpose
    assert result.outcome.kind == "failed"
    assert "int" in result.outcome.detail


TASKS: dict[str, tuple[object, list[str]]] = {
    "text": ("Go.", ["Go."]),
    "texts and pictures": (["Look:", Image("image/png", url="http://x/y.png"), Text("Well?")], ["Look:", "Well?"]),
    "a message": (Message("user", (Text("Go."),)), ["Go."]),
    "a lone surrogate": ("a\ud800b", ["a\ufffdb"]),
    "a lone surrogate in a part": ([Text("a\ud800b")], ["a\ufffdb"]),
    "a lone surrogate in a message": (Message("user", (Text("a\ud800b"),)), ["a\ufffdb"]),
}


@pytest.mark.parametrize("what", TASKS)
def test_a_task_may_be_given_in_several_forms(what: str) -> None:
    task, words = TASKS[what]
    backend = MockBackend(["done"])
    result = Agent(backend).run_sync(task)  # type: ignore[arg-type]  # one of the forms
    assert result.answer == "done"
    assert [part.text for part in backend.requests[0].messages[1].parts if isinstance(part, Text)] == words
    check_law(result.trace, backend.requests)


def test_settings_and_instructions_reach_the_model() -> None:
    backend = MockBackend(["done"])
    result = Agent(backend, instructions="Be brief.", settings=Settings(temperature=0.0, seed=7, stop=("X",))).run_sync("Go.")
    request = backend.requests[0]
    assert request.settings == Settings(temperature=0, seed=7, stop=("X",))
    assert (request.messages[0].role, request.messages[0].text) == ("system", "Be brief.")
    check_law(result.trace, backend.requests)


def test_a_run_may_be_named_and_else_gets_a_name_of_its_own() -> None:
    agent = Agent(MockBackend(["a", "b", "c"]))
    assert agent.run_sync("Go.", run_id="mine").trace.run_id == "mine"
    assert agent.run_sync("Go.").trace.run_id != agent.run_sync("Go.").trace.run_id


def test_the_agent_holds_nothing_of_a_run() -> None:
    """Two runs of one agent at once: each has its own trace, its own limits and its own conversation."""
    world = World()

    def reply(request: ModelRequest) -> ScriptItem:
        words = request.messages[1].text
        return f"{words} has {len(request.messages)} messages" if len(request.messages) > 2 else call("lookup", key=words)

    async def main() -> list[Result]:
        agent = Agent(MockBackend([reply] * 20), tools=world.tools())
        return await asyncio.gather(*[agent.run(f"run {n}") for n in range(10)])

    results = asyncio.run(main())
    assert [result.answer for result in results] == [f"run {n} has 4 messages" for n in range(10)]
    assert len({result.trace.run_id for result in results}) == 10


def test_deps_reach_the_tools_of_their_run() -> None:
    @tool(read_only=True)
    def who(ctx: RunContext[str]) -> str:
        """Who asks."""
        return f"{ctx.deps} in {ctx.run_id} at {ctx.step}.{ctx.index}, {ctx.key}, {ctx.tool_name}"

    agent = Agent(MockBackend([[call("who"), call("who")], "done"]), tools=[who])
    result = agent.run_sync("Go.", deps="Ann", run_id="r")
    told = [record.result.text for record in result.steps[0].calls if record.result]
    assert told == ["Ann in r at 0.0, r/0.0, who", "Ann in r at 0.1, r/0.1, who"]
    cut = result.trace.cut(after(result.trace, Replied))
    again = Agent(MockBackend(["done"]), tools=[who]).resume_sync(cut, deps="Bob")
    assert [record.result.text[:3] for record in again.steps[0].calls if record.result] == ["Bob", "Bob"]


# -------------------------------------------------------------------------------------------------------------- results


def test_a_result_says_how_it_ended_and_what_there_is() -> None:
    result = Agent(mock([call("lookup", key="a"), "done"], "native"), tools=World().tools()).run_sync("Go.")
    assert result.raise_for_outcome() is result
    assert (result.usage, result.cost, result.error, result.output) == (Usage(20, 10), None, None, None)
    assert [step.index for step in result.steps] == [0, 1]
    assert result.events is result.trace
    assert repr(result) == "<Result answered: 'done', 2 replies>"
    assert repr(Agent(MockBackend(["done"])).run_sync("Go?")) == "<Result answered: 'done', 1 reply>"


def test_a_result_without_an_answer_raises_when_asked_to() -> None:
    lost = BackendUnavailable("busy", status=503)
    result = Agent(MockBackend([lost])).run_sync("Go.")
    assert (result.answer, result.error) == (None, lost)
    with pytest.raises(RunFailed, match=r"failed.*busy") as raised:
        result.raise_for_outcome()
    assert raised.value.outcome == result.outcome
    assert raised.value.__cause__ is lost


ENDINGS: dict[str, tuple[list[ScriptItem], Limits, str]] = {
    "answered": (["done"], Limits(), "answered"),
    "limit": ([call("lookup", key="a"), "part"], Limits(steps=1), "limit"),
    "refused": ([Raw(refusal="No.")], Limits(), "refused"),
    "malformed": ([Raw("")], Limits(mistakes=1), "malformed"),
    "looped": ([call("lookup", key="a")] * 3, Limits(repeats=1), "looped"),
    "failed": ([BackendRejected("no")], Limits(), "failed"),
    "paused": ([call("wipe", path="/")], Limits(), "paused"),
    "out of time": ([Hang()], Limits(seconds=0.01), "limit"),
}


@formats
@pytest.mark.parametrize("what", ENDINGS)
def test_every_ending_is_typed_with_a_partial_result_and_a_whole_trace(what: str, format_name: str) -> None:
    script, limits, kind = ENDINGS[what]
    result = Agent(MockBackend(script, format=format_name), tools=World().tools(), limits=limits).run_sync("Go.")
    assert result.outcome.kind == kind
    assert kind in KINDS
    assert isinstance(result.partial, str)
    assert isinstance(result.trace[-1], Finished)
    assert result.trace[-1].outcome == result.outcome
    check_law(result.trace)


def test_time_is_up_while_a_tool_runs_the_model_gets_one_last_word(clock: list[float]) -> None:
    class Thinking(MockBackend):
        async def reply(self, request: ModelRequest, **kwargs: object) -> object:  # type: ignore[override]  # passes on
            for _ in range(3 if request.tool_choice == "none" else 0):
                await asyncio.sleep(0)  # gives whoever would cut it off the chance to
            return await super().reply(request, **kwargs)  # type: ignore[arg-type]

    @tool(read_only=True)
    async def stuck() -> str:
        """Never ends."""
        clock[0] += 0.02
        await asyncio.Event().wait()
        return ""

    backend = Thinking([call("stuck"), "what I have"])
    result = Agent(backend, tools=[stuck], limits=Limits(seconds=0.02)).run_sync("Go.")
    assert result.outcome.kind == "limit"
    assert "seconds" in result.outcome.detail
    assert result.partial == "what I have"
    assert backend.requests[-1].tool_choice == "none"
    assert [record.result.status for record in result.steps[0].calls if record.result] == ["timeout"]


def test_cost_and_tokens_of_replies_are_counted() -> None:
    backend = MockBackend([call("lookup", key="a"), "part"], usage=Usage(30, 20))
    result = Agent(backend, tools=World().tools(), limits=Limits(tokens=50)).run_sync("Go.")
    assert (result.outcome.kind, result.usage) == ("limit", Usage(60, 40))
    assert backend.requests[-1].tool_choice == "none"


# ------------------------------------------------------------------------------------------------------- typed answers


@formats
def test_a_typed_answer_is_a_call_of_finish_checked_like_any(format_name: str) -> None:
    backend = mock([call("lookup", key="a"), call("finish", city="Paris", people=2)], format_name)
    result = Agent(backend, tools=World().tools(), output=Answer).run_sync("How many?")
    assert result.output == Answer(city="Paris", people=2)
    assert result.answer == '{"city":"Paris","people":2}'
    assert [each.name for each in backend.requests[0].tools][-1] == "finish"
    assert backend.requests[0].head.output_schema == Answer.model_json_schema()
    check_law(result.trace, backend.requests)


WRONG_ANSWERS: dict[str, tuple[ScriptItem, list[str]]] = {
    "a wrong type": (call("finish", city="Paris", people="many"), ["people"]),
    "a missing field": (call("finish", city="Paris"), ["people"]),
}


@formats
@pytest.mark.parametrize("what", WRONG_ANSWERS)
def test_a_wrong_typed_answer_is_complained_about(what: str, format_name: str) -> None:
    item, words = WRONG_ANSWERS[what]
    backend = mock([item, call("finish", city="Paris", people=2)], format_name)
    result = Agent(backend, output=Answer).run_sync("How many?")
    assert result.output == Answer(city="Paris", people=2)
    assert result.steps[0].calls[0].result is not None
    assert result.steps[0].calls[0].result.status == "invalid"
    assert all(word in texts(backend.requests[1])[-1] for word in words)


def test_a_plain_answer_is_no_typed_one() -> None:
    backend = mock(["2 million", call("finish", city="Paris", people=2)], "native")
    result = Agent(backend, output=Answer).run_sync("How many?")
    assert result.output == Answer(city="Paris", people=2)
    assert "finish" in texts(backend.requests[1])[-1]
    never = Agent(mock(["2 million"] * 3, "native"), output=Answer).run_sync("How many?")
    assert (never.outcome.kind, never.answer, never.output) == ("malformed", None, None)


def test_what_a_models_own_checks_refuse_is_complained_about_too() -> None:
    """Bounds that JSON Schema cannot say: a pydantic validator of the answer's own."""

    class Even(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def even(cls, value: int) -> int:
            if value % 2:
                raise ValueError("it has to be even")
            return value

    backend = mock([call("finish", number=3), call("finish", number=4)], "native")
    result = Agent(backend, output=Even).run_sync("An even number?")
    assert result.output == Even(number=4)
    assert "This answer was not accepted: number: Value error, it has to be even. Call 'finish' again" in texts(backend.requests[1])[-1]
    assert "finish" in texts(backend.requests[1])[-1]


class Selfish(BaseModel):
    own: int = Field(alias="self")


EXPRESSION: JsonObject = {
    "oneOf": [
        {"type": "integer"},
        {"type": "object", "properties": {"sum": {"type": "array", "items": {"$ref": "#"}}}, "required": ["sum"]},
    ]
}
IDENTIFIED: JsonObject = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "$id": "https://example.com/pair",
    "type": "array",
    "items": [{"$ref": "#/definitions/n"}, {"$ref": "#/definitions/s"}],
    "definitions": {"n": {"type": "integer"}, "s": {"type": "string"}},
}

OUTPUTS: dict[str, tuple[object, JsonObject, object, str]] = {
    "a number": (int, {"answer": 42}, 42, "42"),
    "a list": (list[str], {"answer": ["a", "b"]}, ["a", "b"], '["a","b"]'),
    "one of several": (Literal["yes", "no"], {"answer": "yes"}, "yes", "yes"),
    "a list of models": (list[Answer], {"answer": [{"city": "P", "people": 1}]}, [Answer(city="P", people=1)], '[{"city":"P","people":1}]'),
    "a JSON Schema": ({"type": "object", "properties": {"n": {"type": "integer"}}}, {"n": 1}, {"n": 1}, '{"n":1}'),
    "an object or nothing": (
        {"type": ["object", "null"], "properties": {"n": {"type": "integer"}}},
        {"answer": {"n": 1}},
        {"n": 1},
        '{"n":1}',
    ),
    "a schema that refers to itself": (
        EXPRESSION,
        {"answer": {"sum": [1, {"sum": [2]}]}},
        {"sum": [1, {"sum": [2]}]},
        '{"sum":[1,{"sum":[2]}]}',
    ),
    "a schema with an identity": (IDENTIFIED, {"answer": [1, "x"]}, [1, "x"], '[1,"x"]'),
    "a key named self": (Selfish, {"self": 1}, Selfish(self=1), '{"self":1}'),
}


@formats
@pytest.mark.parametrize("what", OUTPUTS)
def test_answers_of_any_type(what: str, format_name: str) -> None:
    output, arguments, value, words = OUTPUTS[what]
    backend = mock([call("finish", **arguments)], format_name)
    result = Agent(backend, output=output).run_sync("Well?")  # type: ignore[arg-type]  # a type or a schema
    assert (result.output, result.answer) == (value, words)
    check_law(result.trace)


def test_a_dataclass_may_be_the_answer() -> None:
    @dataclasses.dataclass
    class Point:
        x: int
        y: int = 0

    result = Agent(mock([call("finish", x=1)], "native"), output=Point).run_sync("Where?")
    assert result.output == Point(1, 0)


def test_the_last_request_asks_for_the_typed_answer() -> None:
    backend = mock([call("lookup", key="a"), call("finish", city="Paris", people=2)], "native")
    result = Agent(backend, tools=World().tools(), output=Answer, limits=Limits(steps=1)).run_sync("How many?")
    assert backend.requests[-1].tool_choice == "finish"
    assert "finish" in backend.requests[-1].messages[-1].text
    assert (result.outcome.kind, result.answer) == ("limit", None)
    assert result.output == Answer(city="Paris", people=2)
    assert result.partial == '{"city":"Paris","people":2}'


def test_a_typed_answer_survives_the_limit_of_tool_calls() -> None:
    backend = mock([call("lookup", key="a"), call("finish", city="Paris", people=2)], "native")
    result = Agent(backend, tools=World().tools(), output=Answer, limits=Limits(tool_calls=1)).run_sync("How many?")
    assert result.output == Answer(city="Paris", people=2)


def test_a_typed_answer_of_a_finished_trace_is_there_again() -> None:
    one = Agent(mock([call("finish", city="Paris", people=2)], "native"), output=Answer).run_sync("How many?")
    again = Agent(MockBackend([]), output=Answer).resume_sync(Trace.from_jsonl(one.trace.to_jsonl()))
    assert again.output == Answer(city="Paris", people=2)


def test_an_answer_of_another_type_is_not_taken_for_one_of_this() -> None:
    class Picky(BaseModel):
        city: str

        @field_validator("city")
        @classmethod
        def known(cls, value: str) -> str:
            raise RuntimeError(f"no list of cities to look {value} up in")

    one = Agent(mock([call("finish", city="Paris", people=2)], "native"), output=Answer).run_sync("How many?")
    for output in (int, list[Answer], Picky):
        other = Agent(MockBackend([]), output=output).resume_sync(one.trace, changes=True)
        assert (other.outcome.kind, other.answer, other.output) == ("answered", one.answer, None)


def test_the_output_of_the_last_question_is_not_that_of_the_next() -> None:
    one = Agent(mock([call("finish", city="Paris", people=2)], "native"), output=Answer).run_sync("How many?")
    two = Agent(MockBackend([BackendRejected("no")]), output=Answer).resume_sync(one.trace, "And Rome?")
    assert (two.outcome.kind, two.answer, two.output) == ("failed", None, None)


# -------------------------------------------------------------------------------------------------------------- streams


async def watched(agent: Agent, task: str = "Go.") -> tuple[list[Event | Delta | Progress], Result]:
    seen: list[Event | Delta | Progress] = []
    async with agent.stream(task) as run:
        async for event in run:
            seen.append(event)  # noqa: PERF401 - order is what is looked at
    return seen, run.result


@formats
def test_a_stream_tells_events_and_pieces_in_order(format_name: str) -> None:
    agent = Agent(mock([call("lookup", key="a", thought="Look it up."), "a long answer"], format_name), tools=World().tools())
    seen, result = asyncio.run(watched(agent))
    assert [event for event in seen if not isinstance(event, (Delta, Progress))] == list(result.trace)
    pieces = [at for at, event in enumerate(seen) if isinstance(event, Delta)]
    replies = [at for at, event in enumerate(seen) if isinstance(event, Replied)]
    assert pieces
    assert all(pieces[0] < replies[0] and not (replies[0] < at < replies[0] + 1) for at in pieces)
    between = [event for event in seen[replies[0] : replies[1]] if isinstance(event, Delta)]
    assert "a long answer" in "".join(piece.text for piece in between)
    assert all(event.first_token is not None and event.first_token <= event.seconds for event in result.trace if isinstance(event, Replied))
    assert result.answer == "a long answer"


def test_without_a_watcher_nothing_is_streamed() -> None:
    result = Agent(MockBackend(["done"])).run_sync("Go.")
    assert [event.first_token for event in result.trace if isinstance(event, Replied)] == [None]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_tool_tells_its_progress_before_its_result(kind: str) -> None:
    @tool(read_only=True, name="work")
    def sync_work(ctx: RunContext[None]) -> str:
        """Work."""
        ctx.progress("half", 0.5)
        ctx.progress("more")
        return "done"

    @tool(read_only=True, name="work")
    async def async_work(ctx: RunContext[None]) -> str:
        """Work."""
        ctx.progress("half", 0.5)
        ctx.progress("more")
        return "done"

    agent = Agent(MockBackend([call("work"), "done"]), tools=[sync_work if kind == "sync" else async_work])
    seen, _ = asyncio.run(watched(agent))
    progress = [event for event in seen if isinstance(event, Progress)]
    assert progress == [Progress(0, 0, "half", 0.5), Progress(0, 0, "more", None)]
    kinds = [event.kind for event in seen if not isinstance(event, Delta)]
    assert kinds[2:6] == ["called", "progress", "progress", "returned"]


def test_leaving_a_stream_cancels_the_run_and_its_trace_stays_whole() -> None:
    cleaned: list[str] = []

    @tool(read_only=True)
    async def wait() -> str:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("cleaned up")
        return ""

    async def main() -> Trace:
        async with Agent(MockBackend([call("wait")]), tools=[wait]).stream("Go.") as run:
            async for event in run:
                if isinstance(event, Called):
                    break
        assert (run.result.outcome.kind, run.result.answer) == ("cancelled", None)
        return run.trace

    trace = asyncio.run(main())
    assert cleaned == ["cleaned up"]
    assert [event.kind for event in trace] == ["started", "replied", "called", "stopped", "finished"]
    last = trace[-1]
    assert isinstance(last, Finished)
    assert last.outcome.kind == "cancelled"
    check_law(trace)


def test_an_error_in_the_watcher_cancels_the_run_and_goes_up() -> None:
    async def main() -> None:
        async with Agent(MockBackend([Hang()])).stream("Go.") as run:
            async for _ in run:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())


def test_an_error_in_the_run_goes_up_where_the_stream_is_left() -> None:
    from react_agent import ScriptError

    async def main() -> None:
        async with Agent(MockBackend([])).stream("Go.") as run:
            async for _ in run:
                pass

    with pytest.raises(ScriptError):
        asyncio.run(main())


def test_a_stream_that_nobody_reads_ends_when_it_is_left() -> None:
    async def main() -> Trace:
        async with Agent(MockBackend([Hang()])).stream("Go.") as run:
            pass
        return run.trace

    assert asyncio.run(main())[-1].kind == "finished"


def test_a_stream_that_was_read_to_its_end_has_nothing_more() -> None:
    async def main() -> int:
        async with Agent(MockBackend(["done"])).stream("Go.") as run:
            first = [event async for event in run]
            async with asyncio.timeout(5):
                second = [event async for event in run]
        assert second == []
        return len(first)

    assert asyncio.run(main()) > 2


def test_before_it_begins_and_before_it_ends_a_stream_has_no_result() -> None:
    async def main() -> None:
        run = Agent(MockBackend(["done"])).stream("Go.")
        for ask in (lambda: run.trace, lambda: run.result, lambda: run.tell("x")):
            with pytest.raises(ConfigError):
                ask()
        with pytest.raises(ConfigError, match="async with"):  # it would wait for ever
            _ = [event async for event in run]
        async with run:
            with pytest.raises(ConfigError, match="not over"):
                _ = run.result
            async for _ in run:
                pass
            assert run.result.answer == "done"

    asyncio.run(main())


def test_resuming_can_be_watched_too() -> None:
    async def main() -> tuple[Trace, list[str]]:
        one = await Agent(MockBackend(["done"])).run("Go.")
        async with Agent(MockBackend(["more"])).resume_stream(one.trace, "And?") as run:
            kinds = [event.kind async for event in run if not isinstance(event, Delta)]
        assert run.result.answer == "more"
        return run.trace, kinds

    trace, kinds = asyncio.run(main())
    assert kinds == [event.kind for event in trace]


# --------------------------------------------------------------------------------------------------------- cancellation


def test_cancellation_of_a_run_is_recorded_and_goes_through(tmp_path: Path) -> None:
    async def main() -> None:
        began = asyncio.Event()

        def reply(request: ModelRequest) -> ScriptItem:
            began.set()
            return Hang()

        task = asyncio.create_task(Agent(MockBackend([reply]), store=tmp_path).run("Go.", run_id="r"))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    trace = JsonlStore(tmp_path).load("r")
    assert [event.kind for event in trace] == ["started", "stopped", "finished"]
    assert [event.cause for event in trace if isinstance(event, Stopped)] == ["cancelled"]
    assert Agent(MockBackend(["done"])).resume_sync(trace).answer == "done"


def test_a_deadline_of_the_caller_is_the_callers() -> None:
    async def main() -> None:
        async with asyncio.timeout(0.01):
            await Agent(MockBackend([Hang()])).run("Go.")

    with pytest.raises(TimeoutError):
        asyncio.run(main())


def test_a_backend_that_cancels_itself_is_a_lost_backend() -> None:
    class Broken(MockBackend):
        async def reply(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]  # raises only
            raise asyncio.CancelledError

    for limits in (Limits(), Limits(seconds=1000)):
        result = Agent(Broken([]), limits=limits).run_sync("Go.")
        assert result.outcome.kind == "failed"
        assert "cancelled" in result.outcome.detail


def test_a_backend_that_gives_back_no_reply_is_a_lost_backend() -> None:
    class Broken(MockBackend):
        async def reply(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]  # wrong on purpose
            return "hello"

    result = Agent(Broken([])).run_sync("Go.")
    assert result.outcome.kind == "failed"
    assert "str, not a ModelReply" in result.outcome.detail


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (ModelReply(assistant("half a pair \ud800"), "answer"), "surrogates"),
        (ModelReply(Message("assistant", (Text(None),)), "answer"), "`$.reply.message.parts[0].text`"),  # type: ignore[arg-type]  # wrong on purpose, as below
        (ModelReply(Message("assistant", ("hello",)), "answer"), "Expected `object`"),  # type: ignore[arg-type]
        (ModelReply(assistant("hello"), "final"), "'final'"),  # type: ignore[arg-type]
        (ModelReply(assistant("hello"), "answer", usage="7 tokens"), "usage"),  # type: ignore[arg-type]
        (ModelReply(assistant(ToolCall("look", '{"at": 1}')), "act"), "arguments"),  # type: ignore[arg-type]
        (ModelReply(assistant(ToolCall("look", {"at": object()})), "act"), "object"),  # type: ignore[dict-item]
        (ModelReply(assistant("hello"), "answer", read_by=ReadBy("native"), cost=Decimal("0.1")), "cost"),  # type: ignore[arg-type]
    ],
)
def test_a_reply_that_no_trace_can_hold_is_a_lost_backend(reply: ModelReply, words: str, stored: bool, tmp_path: Path) -> None:
    class Own:
        name = "own"
        format_name = "native"

        async def reply(self, *args: object, **kwargs: object) -> ModelReply:
            return reply

        async def aclose(self) -> None: ...

    result = Agent(Own(), store=tmp_path if stored else None).run_sync("Go.", run_id="r")
    assert result.outcome.kind == "failed"
    assert words in result.outcome.detail
    assert Trace.from_jsonl(result.trace.to_jsonl()) == result.trace
    assert not stored or Trace.load(tmp_path / "r.jsonl") == result.trace


def test_a_timeout_that_the_backend_raises_itself_is_a_lost_backend() -> None:
    class Slow(MockBackend):
        async def reply(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]  # raises only
            raise TimeoutError("the socket was slow")

    for limits in (Limits(), Limits(seconds=1000)):
        result = Agent(Slow([]), limits=limits).run_sync("Go.")
        assert result.outcome.kind == "failed"
        assert "the socket was slow" in result.outcome.detail
        assert isinstance(result.error, BackendError)


# ----------------------------------------------------------------------------------------------- agents beneath agents


def sub_agent(script: Sequence[ScriptItem], store: Path | None = None, **options: bool) -> tuple[Tool, list[Result]]:
    """A tool that asks another agent."""
    results: list[Result] = []

    async def ask(question: str) -> str:
        """Ask the expert."""
        result = await Agent(mock(script, "native"), tools=World().tools(), store=store, name="expert").run(question)
        results.append(result)
        return result.answer or result.outcome.kind

    return tool(**options)(ask), results  # type: ignore[arg-type]  # options of a tool


def test_a_sub_agents_run_is_named_after_its_call_and_its_spend_counts() -> None:
    ask, results = sub_agent([call("lookup", key="a"), "deep answer"])
    backend = mock([call("ask", question="Deep?"), "done"], "native")
    result = Agent(backend, tools=[ask]).run_sync("Go.", run_id="parent")
    (child,) = results
    assert child.trace.run_id == "parent/0.0"
    assert child.trace.started.parent is not None
    assert (child.trace.started.parent.run_id, child.trace.started.parent.call) == ("parent", "parent/0.0")
    assert [event.usage for event in result.trace if isinstance(event, Returned)] == [Usage(20, 10)]
    assert result.usage == Usage(40, 20) == result.trace.usage()
    assert result.trace.started.parent is None


def test_beneath_a_call_that_a_fork_runs_again_the_parent_is_the_fork() -> None:
    ask, results = sub_agent(["deep"] * 2, idempotent=True)
    one = Agent(mock([call("ask", question="Deep?"), "done"], "native"), tools=[ask]).run_sync("Go.", run_id="parent")
    at = next(at for at, event in enumerate(one.trace, 1) if isinstance(event, Called))
    fork = Agent(mock(["done"], "native"), tools=[ask]).fork_sync(one.trace, at)
    started = results[-1].trace.started
    assert started.parent is not None
    assert (started.run_id, started.parent.call, started.parent.run_id) == (f"{fork.trace.run_id}/0.0", "parent/0.0", fork.trace.run_id)


def test_a_fork_and_its_sibling_each_go_on_with_a_child_of_their_own(tmp_path: Path) -> None:
    """Both were killed within the child's run, after its first step: neither does that again, and neither writes into the other's trace."""
    world, store = World(), JsonlStore(tmp_path)

    def parent(*script: ScriptItem, deep: Sequence[ScriptItem]) -> Agent:
        @tool(idempotent=True)
        async def ask(question: str) -> str:
            """Ask the expert."""
            return str((await Agent(mock(deep, "native"), tools=world.tools(), store=store).run(question)).answer)

        return Agent(mock(script, "native"), tools=[ask], store=store)

    whole = parent(call("ask", question="Deep?"), "done", deep=[call("lookup", key="a"), "deep"]).run_sync("Go.", run_id="p")
    for run_id, kind in (("p", Called), ("p/0.0", Returned)):
        trace = store.load(run_id)
        trace.cut(after(trace, kind)).save(store.path(run_id))
    before = store.path("p/0.0").read_bytes()
    fork = parent("forked", deep=["another answer"]).fork_sync(store.path("p"), after(whole.trace, Called))
    assert store.path("p/0.0").read_bytes() == before
    child = store.load(f"{fork.trace.run_id}/0.0")
    assert child.started.parent == Parent("p/0.0", at=len(store.load("p/0.0")), call="p/0.0")
    fork.trace.cut(after(fork.trace, Called)).save(store.path(fork.trace.run_id))
    again = parent("forked", deep=[]).resume_sync(store.path(fork.trace.run_id))
    resumed = parent("resumed", deep=["deep"]).resume_sync(store.path("p"))
    for result, answer, said in ((fork, "forked", "another answer"), (again, "forked", "another answer"), (resumed, "resumed", "deep")):
        assert result.answer == answer
        assert result.steps[0].calls[0].result.text == said  # type: ignore[union-attr]  # it has one
    assert world.names == ["lookup"]


def test_a_fork_of_a_fork_goes_on_with_its_parents_child(tmp_path: Path) -> None:
    """Each was killed within the child's run, a step further than the one before; what parts where the fork had not called goes on from the first."""
    world, store = World(), JsonlStore(tmp_path)

    def parent(*deep: ScriptItem) -> Agent:
        @tool(idempotent=True)
        async def ask(question: str) -> str:
            """Ask the expert."""
            return str((await Agent(mock(deep, "native"), tools=world.tools(), store=store).run(question)).answer)

        return Agent(mock(["done"], "native"), tools=[ask], store=store)

    def killed(run_id: str, at: int) -> None:
        for each, kind in ((run_id, Called), (f"{run_id}/0.0", Returned)):
            trace = store.load(each)
            trace.cut(after(trace, kind, at)).save(store.path(each))

    first = parent(call("lookup", key="a"), "deep")
    first.backend.script.insert(0, call("ask", question="Deep?"))  # type: ignore[attr-defined]  # a mock has one
    first.run_sync("Go.", run_id="p")
    killed("p", 1)
    fork = parent(call("lookup", key="b"), "deep").fork_sync(store.path("p"), len(store.load("p"))).trace.run_id
    killed(fork, 2)
    latest = parent("deep").fork_sync(store.path(fork), len(store.load(fork))).trace.run_id
    early = parent("deep").fork_sync(store.path(fork), len(store.load("p"))).trace.run_id
    for run_id, before, kept in ((latest, fork, 2), (early, "p", 1)):
        child = store.load(f"{run_id}/0.0")
        assert child.started.parent == Parent(f"{before}/0.0", at=len(store.load(f"{before}/0.0")), call="p/0.0")
        assert [event.kind for event in child].count("returned") == kept
        assert child[-1].outcome.kind == "answered"  # type: ignore[union-attr]
    assert world.names == ["lookup"] * 2


def test_runs_beneath_a_call_that_runs_again_are_found_in_whatever_order_they_begin(tmp_path: Path) -> None:
    world, store = World(), JsonlStore(tmp_path)

    def agent(order: str) -> Agent:
        @tool(idempotent=True)
        async def ask_both() -> list[str]:
            """Ask about both."""
            said = {
                key: Agent(mock([call("note", text=key), f"about {key}"], "native"), tools=world.tools(), store=store).run(key)
                for key in order
            }
            return [str(result.answer) for result in await asyncio.gather(*said.values())]

        return Agent(mock([call("ask_both"), "done"], "native"), tools=[ask_both], store=store)

    agent("ab").run_sync("Go.", run_id="p")
    trace = store.load("p")
    trace.cut(after(trace, Called)).save(store.path("p"))
    world.log.clear()
    again = agent("ba")
    again.backend = mock(["done"], "native")
    result = again.resume_sync(store.path("p"))
    assert result.steps[0].calls[0].result.text == '["about b","about a"]'  # type: ignore[union-attr]  # it has one
    assert world.log == []


def test_several_runs_beneath_one_call_have_names_of_their_own() -> None:
    names: list[str] = []

    @tool
    async def ask_twice() -> str:
        """Ask two."""
        names.extend([(await Agent(mock(["x"], "native")).run(f"{n}?")).trace.run_id for n in range(2)])
        named = await Agent(mock(["x"], "native")).run("Named?", run_id="own")
        names.append(named.trace.run_id)
        return "asked"

    result = Agent(mock([call("ask_twice"), "done"], "native"), tools=[ask_twice]).run_sync("Go.", run_id="p")
    assert names == ["p/0.0", "p/0.0+2", "own"]
    assert result.usage == Usage(50, 25)


@pytest.mark.parametrize("known", [True, False], ids=["with a price", "without"])
def test_a_resumed_parent_finds_its_child_and_counts_all_that_it_spent_once(known: bool, tmp_path: Path) -> None:
    """Killed after the child's first step: the child goes on where it stopped, and the parent is told of all its spend."""

    class Priced(MockBackend):
        async def reply(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]  # passes on
            reply = await super().reply(*args, **kwargs)  # type: ignore[arg-type]
            return msgspec.structs.replace(reply, cost=0.5) if known else reply

    asked: list[int] = []

    @tool(idempotent=True)
    async def ask(question: str) -> str:
        """Ask the expert."""
        script: list[ScriptItem] = ["deep answer"] if asked else [call("lookup", key="a"), "deep answer"]
        asked.append(len(script))
        result = await Agent(Priced(script, usage=Usage(10, 5, 1, 1, 1)), tools=World().tools(), store=tmp_path).run(question)
        return result.answer or result.outcome.kind

    whole = Agent(MockBackend([call("ask", question="Deep?"), "done"]), tools=[ask]).run_sync("Go.", run_id="p")
    child = JsonlStore(tmp_path).load("p/0.0")
    whole_usage, whole_cost = whole.usage, whole.cost
    child.cut(after(child, Returned)).save(JsonlStore(tmp_path).path("p/0.0"))
    result = Agent(MockBackend(["done"]), tools=[ask]).resume_sync(whole.trace.cut(after(whole.trace, Called)))
    assert asked == [2, 1]
    assert result.answer == "done"
    resumed = JsonlStore(tmp_path).load("p/0.0")
    assert [event.kind for event in resumed].count("started") == 1
    assert sum(isinstance(event, Replied) for event in resumed) == 2
    assert result.usage == whole_usage == Usage(20, 10, 2, 2, 2)
    assert result.cost == whole_cost


def test_a_child_that_was_asked_something_else_does_not_answer_for_this_one(tmp_path: Path) -> None:
    """Its call was interrupted, and a person let it run again with another question."""
    asked: list[str] = []

    @tool
    async def ask(question: str) -> str:
        """Ask the expert."""
        result = await Agent(mock([f"about {question}"], "native"), store=tmp_path, secrets=["hunter2"]).run(question)
        asked.append(result.trace.run_id)
        return result.answer or result.outcome.kind

    def parent() -> Agent:
        return Agent(MockBackend(["done"]), tools=[ask])

    whole = Agent(MockBackend([call("ask", question="cats hunter2"), "done"]), tools=[ask]).run_sync("Go.", run_id="p")
    paused = parent().resume_sync(whole.trace.cut(after(whole.trace, Called)))
    for question, child in (("cats hunter2", "p/0.0"), ("dogs", "p/0.0+2"), ("dogs", "p/0.0+2"), ("birds", "p/0.0+3")):
        result = parent().resume_sync(paused.trace, reviews=[paused.pending[0].change({"question": question})])
        assert asked[-1] == child
        assert f"about {question}".replace("hunter2", "[secret]") in result.steps[0].calls[0].result.text  # type: ignore[union-attr]  # it has one


def test_a_conversation_with_a_child_is_counted_turn_by_turn() -> None:
    """A tool that goes on with one child run over several calls: each call has its own share and no more."""
    history: list[Trace] = []

    @tool
    async def chat(words: str) -> str:
        """Go on with the expert."""
        agent = Agent(mock([f"re: {words}"], "native"))
        result = await (agent.resume(history[-1], words) if history else agent.run(words))
        history.append(result.trace)
        return result.answer or ""

    backend = mock([call("chat", words="one"), call("chat", words="two"), "done"], "native")
    result = Agent(backend, tools=[chat]).run_sync("Go.")
    assert [event.usage for event in result.trace if isinstance(event, Returned)] == [Usage(10, 5), Usage(10, 5)]
    assert result.usage == Usage(50, 25)


def test_what_a_child_spent_counts_though_its_call_took_too_long(time_is_up: Callable[[float, Callable[[], bool]], None]) -> None:
    expert = mock([call("lookup", key="a"), Hang()], "native")

    @tool(timeout=0.05)
    async def ask() -> str:
        """Ask the expert, who never answers."""
        await Agent(expert, tools=World().tools()).run("Deep?")
        return ""

    time_is_up(0.05, lambda: len(expert.requests) == 2)
    result = Agent(mock([call("ask"), "done"], "native"), tools=[ask]).run_sync("Go.")
    assert [record.result.status for record in result.steps[0].calls if record.result] == ["timeout"]
    assert [event.usage for event in result.trace if isinstance(event, Returned)] == [Usage(10, 5)]


def test_runs_outside_of_any_call_have_no_parent() -> None:
    ask, results = sub_agent(["deep"])
    Agent(mock([call("ask", question="?"), "done"], "native"), tools=[ask]).run_sync("Go.")
    assert results[0].trace.started.parent is not None
    assert Agent(mock(["x"], "native")).run_sync("Go.").trace.started.parent is None


# ------------------------------------------------------------------------------------------------------------- the rest


def test_what_a_person_says_is_in_the_trace_as_it_was_said() -> None:
    one = Agent(MockBackend(["done"])).run_sync("Go.")
    two = Agent(MockBackend(["done"])).resume_sync(one.trace, ["Look:", Image("image/png", data="AAAA")])
    (word,) = [event for event in two.trace if isinstance(event, Told)]
    assert word.message.parts == (Text("Look:"), Image("image/png", data="AAAA"))
    assert isinstance(two.trace[0], Started)


class Whole(BaseModel):
    x: int


class Partly(BaseModel):
    x: int
    note: str = ""


class Ignoring(BaseModel):
    model_config = ConfigDict(extra="ignore")
    x: int
    note: str = ""


class Forbidding(BaseModel):
    model_config = ConfigDict(extra="forbid")
    x: int


class Keeping(BaseModel):
    model_config = ConfigDict(extra="allow")
    x: int


class Holding(BaseModel):
    note: str = ""
    inner: Ignoring


class Other(BaseModel):
    x: int
    notes: str


@dataclasses.dataclass
class Plain:
    x: int


@pytest.mark.parametrize(
    ("output", "answer", "value"),
    [
        (Whole, {"x": 1, "y": 2}, Whole(x=1)),  # nothing that it could stand for
        (Plain, {"x": 1, "y": 2}, Plain(1)),
        (Partly, {"x": 1, "nte": "hm"}, None),  # it would become the default
        (Partly, {"x": 1, "note": "hm"}, Partly(x=1, note="hm")),
        (Ignoring, {"x": 1, "nte": "hm"}, Ignoring(x=1)),  # its own word
        (Forbidding, {"x": 1, "y": 2}, None),
        (Keeping, {"x": 1, "y": 2}, Keeping(x=1, y=2)),  # type: ignore[call-arg]
        (Holding, {"inner": {"x": 1, "y": 2}}, Holding(inner=Ignoring(x=1))),
        (Holding, {"inner": {"x": 1}, "y": 2}, None),
        (list[Whole], {"answer": [{"x": 1, "y": 2}]}, [Whole(x=1)]),
        (list[Whole], {"answer": [{"x": 1}], "y": 2}, None),
        (Whole | None, {"answer": {"x": 1, "y": 2}}, Whole(x=1)),
        (Whole | Other, {"answer": {"x": 1, "ntes": "hm"}}, None),  # it may be the other
        (Ignoring | Other, {"answer": {"x": 1, "y": 2}}, Ignoring(x=1)),
    ],
)
def test_keys_too_many_of_an_answer_are_dropped_where_its_class_says_so_or_they_can_mean_nothing(
    output: object, answer: dict[str, Any], value: object
) -> None:
    result = Agent(mock([call("finish", **answer), "It is what I said."], "native"), output=output, limits=Limits(mistakes=1)).run_sync(
        "Well?"
    )  # type: ignore[call-overload]
    assert result.output == value
    assert result.outcome.kind == ("answered" if value is not None else "malformed")
    spec = result.trace.started.spec
    assert "additionalProperties" not in json.dumps(spec.output_schema) or output in (Forbidding, Keeping), (
        "models are not invited to add any"
    )


def test_a_misspelt_key_of_an_answer_whose_other_keys_are_dropped_is_told_with_the_one_that_was_meant() -> None:
    result = Agent(
        mock([call("finish", notes="hm", X=1), "It is what I said."], "native"), output=Whole, limits=Limits(mistakes=1)
    ).run_sync("Well?")
    [said] = [event.result.text for event in result.trace if isinstance(event, Returned)]
    assert 'X: there is no such key. Did you mean "x"?' in said


# ---------------------------------------------------------------------------------------------------- what is handed in

CANNOT_BE_WRITTEN: dict[str, tuple[Callable[[], object], str]] = {
    "a limit that is text": (lambda: Agent(MockBackend([]), limits=Limits(steps="5")), "limits.steps"),  # type: ignore[arg-type]
    "stop sequences that are one text": (lambda: Agent(MockBackend([]), settings=Settings(stop="xyz")), "settings.stop"),  # type: ignore[arg-type]
    "a decision that is none": (lambda: Agent(MockBackend([]), policy=Policy((Rule("aks"),))), "aks"),  # type: ignore[arg-type]
    "instructions that are no text": (lambda: Agent(MockBackend([]), instructions=5), "instructions"),  # type: ignore[arg-type]
    "instructions with half of a surrogate pair": (lambda: Agent(MockBackend([]), instructions="\ud800"), "surrogates"),
    "settings with objects": (lambda: Agent(MockBackend([]), settings=Settings(extra={"a": object()})), "object"),  # type: ignore[dict-item]
    "an output that is no type for JSON": (lambda: Agent(MockBackend([]), output=Agent), "output="),
    "a task that is a number": (lambda: Agent(MockBackend(["x"])).run_sync(5), "a task is text"),  # type: ignore[arg-type]
    "a task that is nothing": (lambda: Agent(MockBackend(["x"])).run_sync(None), "a task is text"),  # type: ignore[arg-type]
    "a task that is an empty list": (lambda: Agent(MockBackend(["x"])).run_sync([]), "a task is text"),
    "a task of no words": (lambda: Agent(MockBackend(["x"])).run_sync(" \n"), "the task is empty"),
    "a task of several without a word": (lambda: Agent(MockBackend(["x"])).run_sync(["", " "]), "the task is empty"),
    "a next question without a word": (lambda: Agent(MockBackend(["x"])).resume_sync(Trace(()), ""), "the task is empty"),
    "a task that is a dictionary": (lambda: Agent(MockBackend(["x"])).run_sync({"a": "b"}), "a task is text"),  # type: ignore[arg-type]
    "a task that holds a number": (lambda: Agent(MockBackend(["x"])).run_sync(["a", 5]), "parts[1]"),  # type: ignore[list-item]
    "a message that holds a string": (lambda: Agent(MockBackend(["x"])).run_sync(Message("user", ("a",))), "parts[0]"),  # type: ignore[arg-type]
    "a message of the model": (lambda: Agent(MockBackend(["x"])).run_sync(Message("assistant", (Text("a"),))), "the role 'user'"),
    "a message with a call": (lambda: Agent(MockBackend(["x"])).run_sync(Message("user", (ToolCall("a", {}),))), "Text and Image"),
    "a run id that is a number": (lambda: Agent(MockBackend(["x"])).run_sync("Go.", run_id=7), "run_id"),  # type: ignore[arg-type]
    "a run id that is nothing": (lambda: Agent(MockBackend(["x"])).run_sync("Go.", run_id=""), "run_id"),
}


@pytest.mark.parametrize("what", CANNOT_BE_WRITTEN)
def test_what_could_not_be_written_and_read_again_is_refused_before_anything_runs(what: str) -> None:
    """Else there would be a trace that nobody can load."""
    make, words = CANNOT_BE_WRITTEN[what]
    with pytest.raises(ConfigError) as raised:
        make()
    assert words in str(raised.value)


def test_lists_where_the_nouns_have_tuples_make_no_other_agent(tmp_path: Path) -> None:
    """A trace gives tuples back, and the agent must not differ from itself then."""

    def agent() -> Agent:
        policy = Policy(rules=[Rule("ask", tools="x")])  # type: ignore[arg-type]
        settings = Settings(stop=["END"], extra={"sizes": (1, 2)})  # type: ignore[arg-type,dict-item]
        return Agent(MockBackend(["first", "second"]), policy=policy, settings=settings, store=tmp_path)

    result = agent().run_sync("Go.", run_id="r")
    assert agent().resume_sync(tmp_path / "r.jsonl", "And then?").answer == "first"
    assert agent().resume_sync(Trace.load(tmp_path / "r.jsonl"), "And then?").answer == "first"
    assert Trace.from_jsonl(result.trace.to_jsonl()) == result.trace


def test_a_bad_task_for_a_trace_leaves_its_file_free(tmp_path: Path) -> None:
    agent = Agent(MockBackend(["first", "second"]), store=tmp_path)
    agent.run_sync("Go.", run_id="r")
    for _ in range(2):
        with pytest.raises(ConfigError):
            agent.resume_sync(tmp_path / "r.jsonl", 5)  # type: ignore[arg-type]
    assert agent.resume_sync(tmp_path / "r.jsonl", "And then?").answer == "second"


@pytest.mark.parametrize("output", [Any, {}], ids=["Any", "an empty schema"])
def test_an_answer_of_any_type_at_all_is_asked_for(output: Any) -> None:
    backend = MockBackend([call("finish", answer=[1])])
    assert Agent(backend, output=output).run_sync("Go.").output == [1]
    assert [spec.name for spec in backend.requests[0].tools] == ["finish"]


def test_null_is_an_answer() -> None:
    result = Agent(MockBackend([call("finish", answer=None)]), output=int | None).run_sync("Go.")
    assert (result.outcome.kind, result.answer, result.output) == ("answered", "null", None)


def test_who_changes_a_typed_answer_does_not_change_the_trace() -> None:
    schema: JsonObject = {"type": "object", "properties": {"x": {"type": "array"}}}
    result = Agent(MockBackend([call("finish", x=[1])]), output=schema).run_sync("Go.")
    assert isinstance(result.output, dict)
    result.output["x"].append(2)
    assert result.steps[0].calls[0].arguments == {"x": [1]}


def test_a_tool_that_changes_its_arguments_does_not_change_the_trace() -> None:
    def grow(items: list[int], more: object = None) -> int:
        items.append(99)
        return len(items)

    parameters: JsonObject = {"type": "object", "properties": {"items": {"type": "array"}, "more": {}}, "required": ["items"]}
    it = Tool.from_schema(name="grow", parameters=parameters, function=grow, read_only=True)
    result = Agent(MockBackend([call("grow", items=[1], more={"a": [{}]}), "done"]), tools=[it]).run_sync("Go.")
    assert result.steps[0].calls[0].arguments == {"items": [1], "more": {"a": [{}]}}


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (True, "no review"),
        (Reviewed(0.0, 9, 9, "approve"), "decided on 9.9"),
        (Reviewed(0.0, 0, 0, "aprove"), "aprove"),  # type: ignore[arg-type]
        (Reviewed(0.0, 0, 0, "change", arguments={"x": object()}), "cannot be written"),  # type: ignore[dict-item]
    ],
    ids=["no review", "of another call", "no decision", "cannot be written"],
)
def test_what_is_no_review_of_the_call_is_said(decision: Any, words: str) -> None:
    """A review of another call would be passed over and asked for again, for ever."""

    @tool(destructive=True)
    def wipe() -> str:
        """Wipe."""
        return "wiped"

    with pytest.raises(ConfigError) as raised:
        Agent(MockBackend([call("wipe"), "done"]), tools=[wipe], reviewer=lambda pending: decision).run_sync("Go.")
    assert words in str(raised.value)
    paused = Agent(MockBackend([call("wipe")]), tools=[wipe]).run_sync("Go.")
    with pytest.raises(ConfigError):
        Agent(MockBackend(["done"]), tools=[wipe]).resume_sync(paused.trace, reviews=[decision])


def test_a_stream_is_used_once() -> None:
    async def main() -> None:
        stream = Agent(MockBackend(["done"])).stream("Go.")
        async with stream:
            pass
        with pytest.raises(ConfigError, match="another"):
            async with stream:
                pass

    asyncio.run(main())


def test_results_and_errors_can_be_copied_and_pickled() -> None:
    result = Agent(MockBackend([BackendError("lost", status=500)])).run_sync("Go.")
    again = pickle.loads(pickle.dumps(result))
    assert (again.trace, again.outcome, again.error.status) == (result.trace, result.outcome, 500)
    assert copy.deepcopy(result).trace == result.trace
    for error in (RunFailed(result.outcome), Diverged("it asks for more", step=3, difference="- a")):
        other = pickle.loads(pickle.dumps(error))
        assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))


def test_pydantic_models_may_hold_our_nouns() -> None:
    class Reply(BaseModel):
        usage: Usage
        parts: list[Text | Image] = []

    made = Reply(usage=Usage(1, 2), parts=[Text("a"), Image("image/png", "AAAA")])
    assert Reply.model_validate_json(made.model_dump_json()) == made
    assert made.model_dump()["usage"] == {"input_tokens": 1, "output_tokens": 2}
    for wrong in ({"usage": {"input_tokens": "many"}}, {"usage": 5}):
        with pytest.raises(ValidationError):
            Reply.model_validate(wrong)
