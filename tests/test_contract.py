"""What happens when something goes wrong: a row for every row of the contract, in both core formats.

Each case is a script of replies and what must be seen from outside: the outcome, what the tools really got, and what the model was told.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from react_agent import (
    Agent,
    BackendError,
    Hang,
    Limits,
    MockBackend,
    Raw,
    Result,
    ToolError,
    Trace,
    Usage,
    call,
    tool,
)
from react_agent.backends.base import Listener
from react_agent.backends.mock import ScriptItem
from react_agent.errors import BackendRejected, BackendUnavailable
from react_agent.events import Called, Finished, Replied, Returned
from react_agent.loop import Finish, fold, next_effect
from react_agent.messages import ModelReply, ModelRequest

SECRET = "sk-0123456789abcdef"


@dataclass
class World:
    """Tools that remember what reached them.

    Attributes:
        seen: What reached them.
        ended: Tools that were stopped in the middle.
        leave: Lets a sync tool end that was left behind.
    """

    seen: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    leave: threading.Event = field(default_factory=threading.Event)

    def tools(self) -> list[Any]:
        seen = self.seen

        @tool(read_only=True)
        def lookup(key: str) -> str:
            """Look a key up.

            Args:
                key: The key.
            """
            seen.append(("lookup", {"key": key}))
            return f"value of {key}"

        @tool
        def clear(path: str = "/") -> str:
            """Empty a folder; everything when no path is given."""
            seen.append(("clear", {"path": path}))
            return "cleared"

        @tool(read_only=True)
        def add(a: int, b: int) -> int:
            """Add two whole numbers."""
            seen.append(("add", {"a": a, "b": b}))
            return a + b

        @tool(read_only=True)
        def boom(kind: str) -> str:
            """Fail."""
            seen.append(("boom", {"kind": kind}))
            if kind == "own words":
                raise ToolError("the shop is closed; try tomorrow")
            if kind == "exit":
                raise SystemExit(3)
            if kind == "secret":
                raise ValueError(f"the key is {SECRET}")
            if kind == "unprintable":
                raise Unprintable
            raise ValueError("broken in here")

        @tool(read_only=True)
        def big(size: int) -> str:
            """A long text."""
            return "a" * (size - 3) + "END"

        @tool(read_only=True)
        def odd(kind: str) -> object:
            """What JSON cannot say."""
            return {"object": object(), "bytes": b"\x00\x01", "nan": float("nan"), "surrogate": "\ud800x", "none": None}[kind]

        @tool(read_only=True, timeout=0.02)
        async def slow() -> str:
            """Takes for ever."""
            try:
                await asyncio.Event().wait()
            finally:
                self.ended.append("slow")
            return "never"

        @tool(read_only=True, timeout=0.02)
        def stuck() -> str:
            """Takes for ever, in a thread."""
            self.leave.wait(20)
            return "never"

        return [lookup, clear, add, boom, big, odd, slow, stuck]


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def native(name: str, arguments: str, **more: Any) -> Raw:
    return Raw(calls=((name, arguments),), **more)


def text(words: str, **more: Any) -> Raw:
    return Raw(words, **more)


def react(name: str, arguments: str, **more: Any) -> Raw:
    return Raw(f"Thought: I need {name}.\nAction: {name}\nAction Input: {arguments}", **more)


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        script: Replies, by format; one list serves both where the item knows no format.
        seen: What the tools got.
        told: Words that the model must have been told, each in some message.
        ended: Tools that were stopped in the middle.
        last: The last request let no tool be called.
        outcome: The kind of ending.
        events: A check on the trace.
    """

    native: Sequence[ScriptItem]
    react_text: Sequence[ScriptItem]
    seen: Sequence[tuple[str, dict[str, object]]] = ()
    told: Sequence[str] = ()
    outcome: str = "answered"
    answer: str | None = "done"
    limits: Limits | None = None
    ended: Sequence[str] = ()
    last: bool = False
    check: Callable[[Result], bool] | None = None


def both(*script: ScriptItem, **more: Any) -> Case:
    return Case(script, script, **more)


def said(first_native: ScriptItem, first_react: ScriptItem, *then: ScriptItem, **more: Any) -> Case:
    return Case([first_native, *then], [first_react, *then], **more)


LOOK = ("lookup", {"key": "a"})
OPEN_STEPS = (
    'Action: clear\nAction Input: {"path": "/tmp"}',
    'Action: clear\nAction Input: {"path": "/tmp"} ',
    "Action: clear[/tmp] ",
    'Action: [{"action": "clear", "action_input": {"path": "/tmp"}}, {"action": "lo',
    '<tool_call>{"name": "clear", "arguments": {"path": "/tmp"}}</tool_c',
    '<tool_call>{"name": "clear", "arguments": {"path": "/tmp"}}</tool_call>\n<tool_',
    '```json\n{"name": "clear", "arguments": {"path": "/tmp"}}\n``',
)

CASES = {
    "unknown tool": both(
        call("lokup", key="a"),
        "done",
        told=["no tool 'lokup'", "Did you mean 'lookup'?", "add, big, boom, clear"],
        check=lambda r: not any(isinstance(e, Called) for e in r.trace),
    ),
    "arguments are not JSON": said(
        native("lookup", '{"key": what}'),
        react("lookup", '{"key": what}'),
        "done",
        told=["what", "line 1, column "],
        check=lambda r: statuses(r) == ["invalid"] or r.steps[0].reply.reading == "malformed",
    ),
    "lossless repair: trailing comma and single quotes": said(
        native("lookup", "{'key': 'a',}"),
        react("lookup", "{'key': 'a',}"),
        "done",
        seen=[LOOK],
        check=lambda r: bool(first(r, Replied).reply.read_by.repairs),
    ),
    "lossless repair: a fence": said(
        native("lookup", '```json\n{"key": "a"}\n```'),
        react("lookup", '```json\n{"key": "a"}\n```'),
        "done",
        seen=[LOOK],
    ),
    "truncated arguments never run with a default": said(
        native("clear", '{"path": "/tmp/scra'), react("clear", '{"path": "/tmp/scra'), "done", seen=[], outcome="answered"
    ),
    "truncated by the token limit": said(
        native("clear", '{"path": "/tmp/scra', finish="length"),
        react("clear", '{"path": "/tmp/scra', finish="length"),
        "done",
        seen=[],
        told=["cut off because it reached the limit of tokens"],
    ),
    "whole arguments in a reply that was cut are no call in native": Case(
        [native("clear", '{"path": "/tmp"}', finish="length"), "done"],
        [react("clear", '{"path": "/tm', finish="length"), "done"],
        seen=[],
    ),
    "a whole call in text, with nothing after it, in a reply that was cut": Case(
        [*(Raw(step, finish="length") for step in OPEN_STEPS), "done"],
        [*(Raw(step, finish="length") for step in OPEN_STEPS), "done"],
        seen=[],
        limits=Limits(mistakes=10),
        told=["cut off because it reached the limit of tokens"],
    ),
    "a complete step counts, and what follows it may be cut": Case(
        [call("lookup", key="a"), "done"],
        [Raw('Action: lookup\nAction Input: {"key": "a"}\nObservation: value of', finish="length"), "done"],
        seen=[LOOK],
    ),
    "an answer cut by the token limit": said(
        text("The answer is 4", finish="length"), text("Thought: so\nFinal Answer: The answer is 4", finish="length"), "done", told=["cut"]
    ),
    "unknown key": both(call("clear", pth="/tmp"), "done", seen=[], told=["pth", "path"], check=lambda r: statuses(r) == ["invalid"]),
    "wrong type": both(call("add", a="1", b=2), "done", seen=[], told=["a", "integer"], check=lambda r: statuses(r) == ["invalid"]),
    "missing key": both(call("add", a=1), "done", seen=[], told=["b", "required"]),
    "each field that is wrong, with its schema": both(
        call("add", a="1", c=2),
        "done",
        seen=[],
        told=["- a: ", "- b: is required", "- c: there is no such key", 'Its schema: {"type": "integer"'],
    ),
    "null for a default": both(call("clear", path=None), "done", seen=[]),
    "a boolean is no number": both(call("add", a=True, b=2), "done", seen=[]),
    "a made-up observation is cut off": Case(
        [call("lookup", key="a"), "done"],
        [Raw('Thought: look\nAction: lookup\nAction Input: {"key": "a"}\nObservation: value of b\nThought: so\nFinal Answer: b'), "done"],
        seen=[LOOK],
        check=lambda r: first(r, Replied).reply.read_by.format == "native" or "value of b" in (first(r, Replied).reply.read_by.cut or ""),
    ),
    "empty reply": said(text(""), text(""), "done", check=lambda r: r.steps[0].reply.reading == "malformed"),
    "blank reply": said(text(" \n "), text(" \n "), "done", check=lambda r: r.steps[0].reply.reading == "malformed"),
    "only empty replies": both(*[Raw("")] * 3, outcome="malformed", answer=None),
    "thought without act or answer": Case(
        ["done"],
        [Raw("Thought: I should think about this more."), "done"],
        check=lambda r: len(r.steps) == 1 or r.steps[0].reply.reading == "malformed",
    ),
    "refusal": said(
        Raw(refusal="I cannot help with that.", finish="refused"),
        Raw(refusal="I cannot help with that.", finish="refused"),
        outcome="refused",
        answer=None,
        check=lambda r: "I cannot help with that." in r.outcome.detail,
    ),
    "tool raises": both(
        call("boom", kind="x"),
        "done",
        seen=[("boom", {"kind": "x"})],
        told=["ValueError: broken in here"],
        check=lambda r: "Traceback" not in r.trace.to_jsonl().decode() and ".py" not in r.trace.to_jsonl().decode(),
    ),
    "tool raises with a secret": both(
        call("boom", kind="secret"),
        "done",
        seen=[("boom", {"kind": "secret"})],
        told=["ValueError: the key is [secret]"],
        check=lambda r: SECRET not in r.trace.to_jsonl().decode(),
    ),
    "tool raises with its own words": both(
        call("boom", kind="own words"), "done", seen=[("boom", {"kind": "own words"})], told=["the shop is closed; try tomorrow"]
    ),
    "tool exits": both(call("boom", kind="exit"), "done", seen=[("boom", {"kind": "exit"})], told=["SystemExit"]),
    "tool raises what cannot be printed": both(
        call("boom", kind="unprintable"), "done", seen=[("boom", {"kind": "unprintable"})], told=["Unprintable"]
    ),
    "async tool runs too long": both(
        call("slow"),
        "done",
        told=["longer than 0.02 seconds"],
        ended=["slow"],
        check=lambda r: statuses(r) == ["timeout"] and not first(r, Returned).left_behind,
    ),
    "sync tool runs too long": both(
        call("stuck"),
        "done",
        told=["longer than 0.02 seconds", "could not be stopped"],
        check=lambda r: statuses(r) == ["timeout"] and first(r, Returned).left_behind,
    ),
    "tool returns too much": both(
        call("big", size=100_000),
        "done",
        told=["END", "68,000 of 100,000 characters are left out", "ask for a narrower part"],
        check=lambda r: longest(r) < 33_000,
    ),
    "tool returns an object": both(call("odd", kind="object"), "done", told=["object"]),
    "tool returns bytes": both(call("odd", kind="bytes"), "done", told=["2 bytes of binary data"]),
    "tool returns NaN": both(call("odd", kind="nan"), "done", told=["NaN"]),
    "tool returns a lone surrogate": both(call("odd", kind="surrogate"), "done", told=["�"]),
    "tool returns nothing": both(call("odd", kind="none"), "done", told=["done"]),
    "hundreds of calls": both(
        [call("add", a=n, b=1) for n in range(300)],
        "done",
        seen=[("add", {"a": n, "b": 1}) for n in range(32)],
        told=["at most 32 calls"],
        check=lambda r: len(statuses(r)) == 300,
    ),
    "same call, same result": both(
        call("lookup", key="a"),
        call("lookup", key="a"),
        "done",
        seen=[LOOK, LOOK],
        told=["you made this call before and this is the same result"],
    ),
    "same call for ever": both(
        *[call("lookup", key="a")] * 4,
        outcome="looped",
        answer=None,
        seen=[LOOK] * 3,
        told=["Answer the question now"],
        last=True,
        check=lambda r: "value of a" in r.partial or bool(r.steps[-1].thought),
    ),
    "repetition that ends in an answer": both(
        *[call("lookup", key="a")] * 3, "done", seen=[LOOK] * 3, told=["Answer the question now"], last=True
    ),
    "near a limit the model is told once": both(
        *[call("lookup", key=str(n)) for n in range(9)],
        "done",
        limits=Limits(steps=10),
        seen=[("lookup", {"key": str(n)}) for n in range(9)],
        told=["8 of at most 10 steps are used"],
        check=lambda r: str(fold(r.trace).view).count("of at most") == 1,
    ),
    "token limit": both(
        *[call("lookup", key=str(n)) for n in range(2)],
        "partly done",
        outcome="limit",
        answer=None,
        limits=Limits(tokens=200),
        seen=[("lookup", {"key": str(n)}) for n in range(2)],
        last=True,
        check=lambda r: "tokens" in r.outcome.detail and r.partial == "partly done",
    ),
    "cost limit": both(
        *[call("lookup", key=str(n)) for n in range(2)],
        "partly done",
        outcome="limit",
        answer=None,
        limits=Limits(cost=0.02),
        seen=[("lookup", {"key": str(n)}) for n in range(2)],
        last=True,
        check=lambda r: "dollars" in r.outcome.detail and r.partial == "partly done",
    ),
    "steps limit": both(
        *[call("lookup", key=str(n)) for n in range(3)],
        "partly done",
        outcome="limit",
        answer=None,
        limits=Limits(steps=3),
        seen=[("lookup", {"key": str(n)}) for n in range(3)],
        told=["Answer the question now"],
        last=True,
        check=lambda r: r.partial == "partly done" and "steps" in r.outcome.detail,
    ),
    "tool call limit": both(
        [call("lookup", key=str(n)) for n in range(3)],
        "partly done",
        outcome="limit",
        answer=None,
        limits=Limits(tool_calls=2),
        seen=[("lookup", {"key": str(n)}) for n in range(2)],
        told=["the limit of 2 tool calls is reached"],
        last=True,
    ),
    "mistakes limit": both(
        *[call("nope", n=n) for n in range(3)], outcome="malformed", answer=None, check=lambda r: "no tool 'nope'" in r.outcome.detail
    ),
    "server error": both(
        call("lookup", key="a"),
        BackendUnavailable("503 from the server", status=503),
        seen=[LOOK],
        outcome="failed",
        answer=None,
        check=lambda r: isinstance(r.error, BackendUnavailable) and bool(r.partial),
    ),
    "rejected": both(
        BackendRejected("no such model", status=404, request_id="req_1"),
        outcome="failed",
        answer=None,
        check=lambda r: r.outcome.error is not None and r.outcome.error.request_id == "req_1" and "no such model" in r.outcome.detail,
    ),
    "time is up while the model is silent": both(
        call("lookup", key="a"), Hang(), outcome="limit", answer=None, limits=Limits(seconds=0.05), seen=[LOOK]
    ),
}


class Priced(MockBackend):
    """Each of its replies costs a cent."""

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        return replace(await super().reply(request, listen=listen, timeout=timeout), cost=0.01)


def first(result: Result, kind: type[Any]) -> Any:
    return next(event for event in result.trace if isinstance(event, kind))


def statuses(result: Result) -> list[str]:
    return [event.result.status for event in result.trace if isinstance(event, Returned)]


def longest(result: Result) -> int:
    return max(len(event.result.text) for event in result.trace if isinstance(event, Returned))


def told(backend: MockBackend) -> str:
    words = []
    for message in backend.requests[-1].messages:
        words += [part.text for part in message.parts if hasattr(part, "text")]
    return "\n".join(words)


formats = pytest.mark.parametrize("format_name", ["native", "react_text"])


@formats
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_contract(case: Case, format_name: str) -> None:
    world = World()
    backend = Priced(getattr(case, format_name), format=format_name, usage=Usage(90, 10))
    result = Agent(backend, tools=world.tools(), limits=case.limits, secrets=[SECRET]).run_sync("Do it.")
    world.leave.set()

    assert result.outcome.kind == case.outcome, result.outcome
    assert result.answer == (case.answer if case.outcome == "answered" else None)
    assert sorted(world.seen, key=str) == sorted(case.seen, key=str)
    for words in case.told:
        assert words in told(backend)
    assert world.ended == list(case.ended)
    assert (backend.requests[-1].tool_choice == "none") == case.last
    if case.check is not None:
        assert case.check(result), list(result.trace)
    backend.check()
    result_is_whole(result)


def result_is_whole(result: Result) -> None:
    """Every run ends with its outcome written down, and its trace folds to that outcome."""
    again = Trace.from_jsonl(result.trace.to_jsonl())
    assert again == result.trace
    assert isinstance(again[-1], Finished)
    effect = next_effect(fold(again))
    assert isinstance(effect, Finish)
    assert effect.outcome == result.outcome


def test_a_foreign_error_of_a_backend_is_an_outcome() -> None:
    def broken(prompt: str) -> str:
        raise ZeroDivisionError("inside the model")

    result = Agent(broken).run_sync("Do it.")
    assert result.outcome.kind == "failed"
    assert isinstance(result.error, BackendError)
    assert "ZeroDivisionError" in result.outcome.detail
