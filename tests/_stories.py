"""Runs told from beginning to end, each through the public door. Laws, replays and files are tried on all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from _world import Order, World
from pydantic import BaseModel

from react_agent import Agent, Hang, Limits, MockBackend, Raw, Result, Settings, Trace, Usage, call, tool
from react_agent.backends.mock import ScriptItem
from react_agent.errors import BackendUnavailable
from react_agent.events import Called, Returned, Told
from react_agent.messages import Image, ModelRequest
from react_agent.streaming import RunStream


@dataclass
class Story:
    """What a run left: its trace, and what the models were really asked, in order."""

    trace: Trace
    requests: Sequence[ModelRequest]
    result: Result


def mock(script: Sequence[ScriptItem], format_name: str) -> MockBackend:
    return MockBackend(script, format=format_name, usage=Usage(10, 5))


async def plain(format_name: str, script: Sequence[ScriptItem], limits: Limits | None = None, world: World | None = None) -> Story:
    backend = mock(script, format_name)
    result = await Agent(backend, tools=(world or World()).tools(), limits=limits, instructions="Be brief.").run("The question?")
    backend.check()
    return Story(result.trace, backend.requests, result)


def after(trace: Trace, kind: type, number: int = 1) -> int:
    """How many events there are up to and with the number-th of this kind."""
    seen = 0
    for at, event in enumerate(trace, 1):
        seen += isinstance(event, kind)
        if seen == number:
            return at
    raise AssertionError(f"no {kind.__name__} number {number} in {[event.kind for event in trace]}")


# --------------------------------------------------------------------------------------------------------------- stories


async def answer(format_name: str) -> Story:
    return await plain(format_name, ["42"])


async def one_call(format_name: str) -> Story:
    return await plain(format_name, [call("lookup", key="a", thought="Look."), "done"])


async def parallel(format_name: str) -> Story:
    backend = mock([[call("first"), call("second")], "done"], format_name)
    result = await Agent(backend, tools=Order().tools()).run("Both?")
    return Story(result.trace, backend.requests, result)


async def mixed_batch(format_name: str) -> Story:
    calls = [call("add", a=1, b=1), call("nope"), call("add", a="x", b=1), call("add", a=2, b=2, c=3), call("boom"), call("slow")]
    return await plain(format_name, [calls, "done"])


async def malformed(format_name: str) -> Story:
    return await plain(format_name, [Raw(""), call("lookup", key="a"), Raw("Thought: hm", finish="length"), "done"])


async def only_malformed(format_name: str) -> Story:
    return await plain(format_name, [Raw("")] * 3)


async def refused(format_name: str) -> Story:
    return await plain(format_name, [call("lookup", key="a"), Raw(finish="refused", refusal="I will not.")])


async def repeats(format_name: str) -> Story:
    return await plain(format_name, [call("lookup", key="a")] * 3 + ["done"])


async def looped(format_name: str) -> Story:
    return await plain(format_name, [call("lookup", key="a")] * 4)


async def limit(format_name: str) -> Story:
    script = [*[call("lookup", key=str(n)) for n in range(4)], "what I have"]
    return await plain(format_name, script, Limits(steps=4, tokens=10_000, cost=3.0))


async def settled(format_name: str) -> Story:
    """Settings given as whole numbers, which a file gives back as others."""
    backend = mock([call("lookup", key="a"), "done"], format_name)
    settings = Settings(temperature=0, top_p=1, max_tokens=100, stop=("X", "Y"), extra={"top_k": 40, "none": None})
    result = await Agent(backend, tools=World().tools(), settings=settings).run("The question?")
    return Story(result.trace, backend.requests, result)


async def no_limits(format_name: str) -> Story:
    return await plain(format_name, [call("lookup", key="a"), "done"], Limits(steps=None))


class Answer(BaseModel):
    city: str
    people: int


async def typed(format_name: str) -> Story:
    script = ["plain words", call("finish", city="Paris", people="many"), call("finish", city="Paris", people=2)]
    backend = mock(script, format_name)
    result = await Agent(backend, tools=World().tools(), output=Answer).run("How many?")
    return Story(result.trace, backend.requests, result)


async def told(format_name: str) -> Story:
    """A person speaks during a request, in the middle of a batch, and just before the answer."""
    stream: list[RunStream] = []

    def speaking(words: str, item: ScriptItem) -> ScriptItem:
        def reply(request: ModelRequest) -> ScriptItem:
            stream[0].tell(words)
            return item

        return reply

    @tool(read_only=True)
    async def talkative() -> str:
        """During this call the person speaks."""
        stream[0].tell("in the batch")
        return "talked"

    backend = mock(
        [speaking("in the request", [call("talkative"), call("talkative")]), speaking("late", "done"), "really done"], format_name
    )
    agent = Agent(backend, tools=[talkative])
    async with agent.stream("Listen?") as run:
        stream.append(run)
        async for _ in run:
            pass
    assert sum(isinstance(event, Told) for event in run.trace) == 4
    return Story(run.trace, backend.requests, run.result)


async def paused(format_name: str) -> Story:
    """Four calls wait for a review beside one that runs; each is decided in another way."""
    world = World()
    first = mock([[call("wipe", path=p) for p in "abcd"] + [call("lookup", key="k")]], format_name)
    rest = await Agent(first, tools=world.tools()).run("Wipe?")
    assert rest.outcome.kind == "paused"
    a, b, c, d = rest.pending
    second = mock(["done"], format_name)
    reviews = [a.approve(by="ann"), b.deny("keep it"), c.change({"path": "z"}), d.give("was empty")]
    result = await Agent(second, tools=world.tools()).resume(rest.trace, reviews=reviews)
    return Story(result.trace, [*first.requests, *second.requests], result)


async def orphans(format_name: str) -> Story:
    """Cut right after all calls were written down: one of each kind of tool."""
    world = World()
    calls = [call("lookup", key="k"), call("put", key="k"), call("ship", order="o"), call("note", text="n")]
    first = mock([calls, "done"], format_name)
    whole = await Agent(first, tools=world.tools()).run("Go?")
    cut = whole.trace.cut(after(whole.trace, Called, 4))
    world.shipped = "shipped already"
    rest = await Agent(mock([], format_name), tools=world.tools()).resume(cut)
    assert [call.name for call in rest.pending] == ["note"]
    second = mock(["done"], format_name)
    result = await Agent(second, tools=world.tools()).resume(rest.trace, reviews=[rest.pending[0].approve()])
    return Story(result.trace, [first.requests[0], *second.requests], result)


async def failed(format_name: str) -> Story:
    world = World()
    first = mock([call("lookup", key="a"), BackendUnavailable("busy", status=503)], format_name)
    lost = await Agent(first, tools=world.tools()).run("Go?")
    assert lost.outcome.kind == "failed"
    second = mock(["done"], format_name)
    result = await Agent(second, tools=world.tools()).resume(lost.trace)
    return Story(result.trace, [first.requests[0], *second.requests], result)


async def cancelled(format_name: str) -> Story:
    """Cancelled while a tool runs, then resumed with the other format."""
    began = asyncio.Event()

    @tool(idempotent=True)
    async def wait(long: bool) -> str:
        """Wait."""
        if long and not began.is_set():
            began.set()
            await asyncio.Event().wait()
        return "waited"

    first = mock([[call("wait", long=True), call("wait", long=False)]], format_name)
    stream = Agent(first, tools=[wait]).stream("Go?")
    async with stream as run:
        await began.wait()
        async for event in run:
            if isinstance(event, Returned):
                break
    other = "react_text" if format_name == "native" else "native"
    second = mock(["done"], other)
    result = await Agent(second, tools=[wait]).resume(run.trace)
    return Story(result.trace, [*first.requests, *second.requests], result)


async def follow_up(format_name: str) -> Story:
    world = World()
    limits = Limits(steps=2)
    first = mock([call("lookup", key="a"), call("lookup", key="b"), "part"], format_name)
    one = await Agent(first, tools=world.tools(), limits=limits).run("First?")
    assert one.outcome.kind == "limit"
    second = mock([call("lookup", key="c"), "done"], format_name)
    result = await Agent(second, tools=world.tools(), limits=limits).resume(one.trace, "And then?")
    return Story(result.trace, [*first.requests, *second.requests], result)


async def changed(format_name: str) -> Story:
    """Out of time at the first request, then taken up by an agent with other tools and limits."""
    world = World()
    first = mock([Hang()], format_name)
    one = await Agent(first, tools=world.tools()[:1], limits=Limits(seconds=0.01)).run("First?")
    assert one.outcome.kind == "limit"
    second = mock([call("add", a=1, b=2), "done"], format_name)
    result = await Agent(second, tools=world.tools()).resume(one.trace, changes=True)
    return Story(result.trace, second.requests, result)


async def pictures(format_name: str) -> Story:
    image = Image.from_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 400)

    @tool(read_only=True, open_world=True)
    def photo() -> list[object]:
        """A picture and words, with a secret in them."""
        return ["a photo of s3cr3t-w0rd", image]

    backend = mock([call("photo"), "seen"], format_name)
    agent = Agent(backend, tools=[photo], secrets=["s3cr3t-w0rd"])
    result = await agent.run(["What is this? Not s3cr3t-w0rd.", image])
    return Story(result.trace, backend.requests, result)


async def forked(format_name: str) -> Story:
    """Another way from behind the first step; the call that was open keeps the parent's key."""
    world = World()
    first = mock([call("put", key="a"), call("put", key="b"), "done"], format_name)
    parent = await Agent(first, tools=world.tools()).run("Go?")
    second = mock([call("lookup", key="c"), "other"], format_name)
    agent = Agent(second, tools=world.tools())
    result = await agent.fork(parent.trace, after(parent.trace, Called, 2), "Rather look c up.")
    return Story(result.trace, [*first.requests[:2], *second.requests], result)


STORIES: dict[str, Callable[[str], Awaitable[Story]]] = {
    story.__name__: story
    for story in (
        answer,
        one_call,
        parallel,
        mixed_batch,
        malformed,
        only_malformed,
        refused,
        repeats,
        looped,
        limit,
        settled,
        no_limits,
        typed,
        told,
        paused,
        orphans,
        failed,
        cancelled,
        follow_up,
        changed,
        pictures,
        forked,
    )
}

_told: dict[tuple[str, str], Story] = {}


def tell(name: str, format_name: str) -> Story:
    """A story, told once and remembered: its trace is data and nobody changes it."""
    if (name, format_name) not in _told:
        _told[name, format_name] = asyncio.run(STORIES[name](format_name))  # type: ignore[arg-type]  # each is a coroutine function
    return _told[name, format_name]
