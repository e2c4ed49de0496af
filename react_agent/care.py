"""What a tool asks of those who run it, as data: how many at once, how often again, how much of a result, in which process.

A plain tool has none of it (``tool.care`` is None) and pays for none of it. How it is carried out is the concern of `keeping`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from msgspec.structs import replace
from pydantic_core import to_jsonable_python

from react_agent.errors import SchemaError, ToolDefinitionError
from react_agent.messages import JsonObject
from react_agent.policy import Policy, Rule
from react_agent.schema import InvalidArguments, RawArguments, check_schema

if TYPE_CHECKING:
    import asyncio

    from react_agent.processes import Workers

PROCESSES = min(8, os.cpu_count() or 2)  # of one tool at once, where it does not say how many
ASK_REASON = "the tool needs your answer: give it as the call's result"


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call that failed is tried again, and how long is waited before.

    Attributes:
        times: Further attempts after the first.
        wait: Seconds before the second attempt; twice as long before each further one.
        longest: Most seconds to wait.
        sleep: Waits for so many seconds; ``asyncio.sleep`` if left out.
    """

    times: int
    wait: float = 0.25
    longest: float = 8.0
    sleep: Callable[[float], Awaitable[object]] | None = None

    def pause(self, attempts: int) -> float:
        """Seconds to wait after so many attempts."""
        return min(self.longest, self.wait * 2.0 ** min(attempts - 1, 60))


@dataclass(frozen=True, slots=True)
class Address:
    """Where another interpreter finds a function.

    Attributes:
        module: What to import; None where it is the file of the main program.
        file: Path of the main program.
        qualname: The function's place in it.
        typed: Its arguments are checked by its hints, and made what they say; else they are passed on as JSON.
    """

    module: str | None
    file: str | None
    qualname: str
    typed: bool


class OutputCheck:
    """Holds results against an output schema; the schema is bounded as any from outside. Raises `SchemaError` for one that cannot be used."""

    __slots__ = ("_arguments",)

    def __init__(self, schema: JsonObject) -> None:
        check_schema(schema)
        self._arguments = RawArguments(schema)

    def complaint(self, value: object) -> str | None:
        """What is wrong with a result, or None."""
        try:
            data = to_jsonable_python(value)
        except ValueError as error:
            return f"it cannot be made JSON ({type(error).__name__})"
        try:
            self._arguments.check(cast("JsonObject", data))
        except InvalidArguments as error:
            return "; ".join(_said(problem.path, problem.reason) for problem in error.problems[:5]) or error.complaint
        return None


def _said(path: Sequence[str | int], reason: str) -> str:
    return f"{'.'.join(map(str, path)) or 'the result'} {reason}"


@dataclass(slots=True)
class Care:
    """What one tool asks for; shared by its copies (renamed, bound), so that a bound on concurrency holds for all of them.

    Attributes:
        concurrency: Most calls at once, in one event loop.
        retries: None for one attempt.
        max_result: Most characters of one result; below the run's own bound.
        cache: Results are kept for the length of a run.
        address: For a tool that runs in a process of its own.
        output: Checks results.
        reads_rest: It is `read_more`.
        gates: By event loop.
        workers: The processes, once there are some.
    """

    concurrency: int | None = None
    retries: Retries | None = None
    max_result: int | None = None
    cache: bool = False
    address: Address | None = None
    output: OutputCheck | None = None
    reads_rest: bool = False
    gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = field(default_factory=WeakKeyDictionary)
    workers: Workers | None = None


def care_of(
    name: str,
    *,
    repeatable: bool,
    read_only: bool,
    concurrency: int | None,
    retries: int | Retries,
    max_result: int | None,
    cache: bool,
    address: Address | None,
    output_schema: JsonObject | None,
) -> Care | None:
    """The care that these options ask for; None if they ask for none. Raises `ToolDefinitionError` for what cannot be, and `SchemaError`."""
    again = Retries(retries) if isinstance(retries, int) else retries
    _check_count(name, "concurrency", concurrency, 1)
    _check_count(name, "max_result", max_result, 100)
    if isinstance(retries, bool) or not 0 <= again.times <= 10 or again.wait < 0 or again.longest < 0:
        raise ToolDefinitionError(f"{name}: retries is {retries!r}; it is a number from 0 to 10, or Retries(times, wait=seconds)")
    if again.times and not repeatable:
        raise ToolDefinitionError(
            f"{name}: only what does no more when it runs twice may be tried again: say read_only=True or idempotent=True if it is so, or leave out retries"
        )
    if cache and not read_only:
        raise ToolDefinitionError(
            f"{name}: only results of a read_only tool may be kept: say read_only=True if it is so, or leave out cache"
        )
    try:
        output = None if output_schema is None else OutputCheck(output_schema)
    except SchemaError as error:
        raise SchemaError(f"{name}: its output_schema: {error}") from error
    if address is not None:
        concurrency = concurrency or PROCESSES
    care = Care(concurrency, again if again.times else None, max_result, cache, address, output)
    return None if (care.concurrency, care.retries, max_result, cache or None, address, output) == (None,) * 6 else care


def _check_count(name: str, option: str, value: object, least: int) -> None:
    if value is not None and not (isinstance(value, int) and not isinstance(value, bool) and value >= least):
        raise ToolDefinitionError(f"{name}: {option} is {value!r}; it is a whole number from {least}, or None")


def address_of(name: str, function: object, *, typed: bool) -> Address:
    """Where a worker process finds this function. Raises `ToolDefinitionError` where it could not."""
    module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    why = None
    if not isinstance(module, str) or not isinstance(qualname, str):
        why = "it has no name in a module"
    elif "<" in qualname:
        why = "it was made inside of another function"
    elif getattr(function, "__self__", None) is not None:
        why = "it is bound to an object"
    file = None
    if why is None and module == "__main__":
        file = getattr(sys.modules["__main__"], "__file__", None)
        if file is None:
            why = "the main program is no file"
    if why is not None:
        raise ToolDefinitionError(
            f"{name}: process=True needs a function that another interpreter can find by module and name, but {why}; define it at the top of a module"
        )
    return Address(None if file else cast("str", module), file, cast("str", qualname), typed)


def with_asking(policy: Policy, names: Sequence[str]) -> Policy:
    """The policy, but calls of these tools always wait for a person; only denials at its head come before."""
    rules = [rule for rule in (Rule("ask", tools=name, reason=ASK_REASON) for name in names) if rule not in policy.rules]
    if not rules:
        return policy
    denials = next((at for at, rule in enumerate(policy.rules) if rule.decision != "deny"), len(policy.rules))
    return replace(policy, rules=(*policy.rules[:denials], *rules, *policy.rules[denials:]))
