"""A small world for scripted runs: tools of each kind, which remember what really reached them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from react_agent import NOT_DONE, UNKNOWN, RunContext, Tool, ToolError, tool


@dataclass
class World:
    """Tools and their memory.

    Attributes:
        log: (tool, arguments, idempotency key) of each call that reached a function.
        shipped: What ``ship`` says became of an interrupted call.
    """

    log: list[tuple[str, dict[str, object], str]] = field(default_factory=list)
    shipped: object = UNKNOWN

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.log]

    def tools(self) -> list[Tool]:
        log = self.log

        @tool(read_only=True)
        def lookup(ctx: RunContext[object], key: str) -> str:
            """Look a key up."""
            log.append(("lookup", {"key": key}, ctx.key))
            return f"value of {key}"

        @tool(read_only=True)
        def add(a: int, b: int) -> int:
            """Add two whole numbers."""
            log.append(("add", {"a": a, "b": b}, ""))
            return a + b

        @tool
        def note(ctx: RunContext[object], text: str) -> str:
            """Write a note down."""
            log.append(("note", {"text": text}, ctx.key))
            return f"noted {text}"

        @tool(idempotent=True)
        def put(ctx: RunContext[object], key: str, value: str = "") -> str:
            """Set a key."""
            log.append(("put", {"key": key, "value": value}, ctx.key))
            return f"{key} is set"

        @tool(verify=lambda key: self.shipped)
        def ship(ctx: RunContext[object], order: str) -> str:
            """Ship an order."""
            log.append(("ship", {"order": order}, ctx.key))
            return f"shipped {order}"

        @tool(destructive=True)
        def wipe(ctx: RunContext[object], path: str) -> str:
            """Empty a folder."""
            log.append(("wipe", {"path": path}, ctx.key))
            return f"wiped {path}"

        @tool(read_only=True, open_world=True)
        def web(url: str) -> str:
            """Read a page."""
            log.append(("web", {"url": url}, ""))
            return f"page at {url}"

        @tool(read_only=True)
        def boom(why: str = "x") -> str:
            """Fail."""
            log.append(("boom", {"why": why}, ""))
            raise ToolError(why)

        @tool(read_only=True, timeout=0.01)
        async def slow() -> str:
            """Take for ever."""
            await asyncio.Event().wait()
            return "never"

        return [lookup, add, note, put, ship, wipe, web, boom, slow]


class Order:
    """Two tools that finish in the opposite order to their calls, whatever the machine's mood."""

    def __init__(self) -> None:
        self.finished: list[str] = []

    def tools(self) -> list[Tool]:
        second_done = asyncio.Event()
        first_began = asyncio.Event()

        @tool(read_only=True)
        async def first() -> str:
            """Ends after the second."""
            first_began.set()
            await second_done.wait()
            self.finished.append("first")
            return "result of first"

        @tool(read_only=True)
        async def second() -> str:
            """Ends before the first, which has begun by then."""
            await first_began.wait()
            self.finished.append("second")
            second_done.set()
            return "result of second"

        return [first, second]


__all__ = ["NOT_DONE", "UNKNOWN", "Order", "World"]
