"""What can be said of a tool beside its function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypedDict

from react_agent.care import Retries
from react_agent.messages import JsonObject, ToolExample

Verify: TypeAlias = Callable[[str], object]


class ToolOptions(TypedDict, total=False):
    """What can be said of a tool beside its function.

    Attributes:
        name: For the model; the function's own if left out.
        description: For the model; the docstring without its sections if left out.
        read_only: It changes nothing; it may be run again, and ahead of time.
        idempotent: Running it again with the same arguments changes nothing more.
        destructive: It may destroy something; a policy asks first.
        open_world: Its results are other people's words, and untrusted.
        examples: Worked calls for prompts and complaints; each must fit the schema.
        timeout: Seconds that one call may take.
        verify: Given the key of a call that was interrupted, tells what became of it: its result, `NOT_DONE`, or `UNKNOWN`.
        output_schema: JSON Schema of the result, which is held to it; what does not fit is an error that the model is told.
        concurrency: Most calls of it at once, in one event loop; further ones wait. Of a process tool, as many as there are processors (at most 8)
            where nothing is said.
        retries: Further attempts, with growing pauses, when it raises anything but `ToolError`, takes too long or loses its process;
            for read_only and idempotent tools. A number, or `Retries`. All attempts of a call have its one key.
        max_result: Most characters of one result, where that is below the run's own bound.
        cache: Within a run, the same arguments give the same result without a second call; for read_only tools.
        process: Runs in a process of its own, which is killed with all that it started when the call takes too long or is cancelled. The
            function stands at the top of a module; arguments and result are JSON, and it takes no `RunContext`.
        ask: Each call waits for a person, who gives its result (``pending.give(…)``) or lets it run, whatever the policy allows.
    """

    name: str
    description: str
    read_only: bool
    idempotent: bool
    destructive: bool | None
    open_world: bool
    examples: Sequence[JsonObject | ToolExample]
    timeout: float | None
    verify: Verify | None
    output_schema: JsonObject | None
    concurrency: int | None
    retries: int | Retries
    max_result: int | None
    cache: bool
    process: bool
    ask: bool
