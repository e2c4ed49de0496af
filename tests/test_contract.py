"""What happens when something goes wrong: a row for every row of the contract, in both core formats.

Each case is a script of replies and what must be seen from outside: the outcome, what the tools really got, and what the model was told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from react_agent import Agent, BackendError, Hang, Limits, MockBackend, Raw, Result, ToolError, call, tool
from react_agent.backends.mock import ScriptItem
from react_agent.errors import BackendRejected, BackendUnavailable
from react_agent.events import Called, Replied, Returned


@dataclass
class World:
    """Tools that remember what reached them."""

    seen: list[tuple[str, dict[str, object]]] = field(default_factory=list)

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
            await asyncio.Event().wait()
            return "never"

        return [lookup, clear, add, boom, big, odd, slow]


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
    check: Callable[[Result], bool] | None = None


def both(*script: ScriptItem, **more: Any) -> Case:
    return Case(script, script, **more)


def said(first_native: ScriptItem, first_react: ScriptItem, *then: ScriptItem, **more: Any) -> Case:
    return Case([first_native, *then], [first_react, *then], **more)


LOOK = ("lookup", {"key": "a"})

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
        told=["what"],
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
        told=["cut"],
    ),
    "whole arguments in a reply that was cut are no call in native": Case(
        [native("clear", '{"path": "/tmp"}', finish="length"), "done"],
        [react("clear", '{"path": "/tm', finish="length"), "done"],
        seen=[],
    ),
    "an answer cut by the token limit": said(
        text("The answer is 4", finish="length"), text("Thought: so\nFinal Answer: The answer is 4", finish="length"), "done", told=["cut"]
    ),
    "unknown key": both(call("clear", pth="/tmp"), "done", seen=[], told=["pth", "path"], check=lambda r: statuses(r) == ["invalid"]),
    "wrong type": both(call("add", a="1", b=2), "done", seen=[], told=["a", "integer"], check=lambda r: statuses(r) == ["invalid"]),
    "missing key": both(call("add", a=1), "done", seen=[], told=["b", "required"]),
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
    "tool raises": both(call("boom", kind="x"), "done", seen=[("boom", {"kind": "x"})], told=["ValueError: broken in here"]),
    "tool raises with its own words": both(
        call("boom", kind="own words"), "done", seen=[("boom", {"kind": "own words"})], told=["the shop is closed; try tomorrow"]
    ),
    "tool exits": both(call("boom", kind="exit"), "done", seen=[("boom", {"kind": "exit"})], told=["SystemExit"]),
    "tool raises what cannot be printed": both(
        call("boom", kind="unprintable"), "done", seen=[("boom", {"kind": "unprintable"})], told=["Unprintable"]
    ),
    "tool runs too long": both(call("slow"), "done", told=["longer than 0.02 seconds"], check=lambda r: statuses(r) == ["timeout"]),
    "tool returns too much": both(
        call("big", size=100_000), "done", told=["END", "68,000 of 100,000 characters are left out"], check=lambda r: longest(r) < 33_000
    ),
    "tool returns an object": both(call("odd", kind="object"), "done", told=["object"]),
    "tool returns bytes": both(call("odd", kind="bytes"), "done", told=["2"]),
    "tool returns NaN": both(call("odd", kind="nan"), "done"),
    "tool returns a lone surrogate": both(call("odd", kind="surrogate"), "done", told=["�"]),
    "tool returns nothing": both(call("odd", kind="none"), "done"),
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
        check=lambda r: r.partial == "value of a" or "value of a" in r.partial or bool(r.partial),
    ),
    "repetition that ends in an answer": both(*[call("lookup", key="a")] * 3, "done", seen=[LOOK] * 3),
    "steps limit": both(
        *[call("lookup", key=str(n)) for n in range(3)],
        "partly done",
        outcome="limit",
        answer=None,
        limits=Limits(steps=3),
        seen=[("lookup", {"key": str(n)}) for n in range(3)],
        told=["Answer the question now"],
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


@pytest.mark.parametrize("format_name", ["native", "react_text"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_contract(case: Case, format_name: str) -> None:
    world = World()
    backend = MockBackend(getattr(case, format_name), format=format_name)
    result = Agent(backend, tools=world.tools(), limits=case.limits).run_sync("Do it.")

    assert result.outcome.kind == case.outcome, result.outcome
    assert result.answer == (case.answer if case.outcome == "answered" else None)
    assert sorted(world.seen, key=str) == sorted(case.seen, key=str)
    for words in case.told:
        assert words in told(backend)
    if case.check is not None:
        assert case.check(result), list(result.trace)
    backend.check()
    result_is_whole(result)


def result_is_whole(result: Result) -> None:
    """Every run ends with its outcome written down, and its trace folds to that outcome."""
    from react_agent.events import Finished
    from react_agent.loop import Finish, fold, next_effect
    from react_agent.trace import Trace

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
