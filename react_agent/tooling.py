"""What a tool is: a function, what a model is told of it, and the check that stands between the two.

``@tool`` makes one from a function, whose hints and docstring are all that a model needs; ``Tool.from_schema`` from a JSON Schema that
came from elsewhere. Both are held to their schema alike. How a call reaches the function is the dispatcher's concern.
"""

from __future__ import annotations

import copy
import dataclasses
import enum
import functools
import inspect
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Concatenate, Generic, ParamSpec, TypeAlias, TypedDict, TypeVar, Unpack, cast, overload

from pydantic_core import to_jsonable_python

from react_agent.care import Care, Retries, address_of, care_of
from react_agent.errors import ConfigError, SchemaError, ToolDefinitionError, ToolError
from react_agent.messages import Image, JsonObject, Text, ToolExample, ToolSpec, clean
from react_agent.rendering import render
from react_agent.schema import (
    ArgumentsValidator,
    InvalidArguments,
    RawArguments,
    TypedArguments,
    arguments_schema,
    check_accepts,
    from_function,
    nearest,
)
from react_agent.spec import FINISH_TOOL

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
Q = ParamSpec("Q")
Deps = TypeVar("Deps")

Verify: TypeAlias = Callable[[str], object]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")


class Verdict(enum.Enum):
    """What ``verify`` says when it has no result to give."""

    NOT_DONE = "not done"
    UNKNOWN = "unknown"


NOT_DONE = Verdict.NOT_DONE
"""The call surely did not happen; it may run."""
UNKNOWN = Verdict.UNKNOWN
"""Nobody can tell whether the call happened; a person is asked."""


class RunContext(Generic[Deps]):
    """What a tool is told of the run that it is called in; it asks for one by a parameter annotated ``RunContext[Deps]``.

    Attributes:
        deps: What the caller of the run handed over: connections, the user's identity, anything.
        key: The call's idempotency key, ``run_id/step.index``; the same when an interrupted call is run again.
        run_id, step, index: The call's place.
        tool_name: The name that the model called.
    """

    __slots__ = ("_cancelled", "_progress", "deps", "index", "key", "run_id", "step", "tool_name")

    def __init__(
        self,
        deps: Deps,
        key: str = "run/0.0",
        run_id: str = "run",
        step: int = 0,
        index: int = 0,
        tool_name: str = "",
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[str, float | None], None] | None = None,
    ) -> None:
        self.deps = deps
        self.key = key
        self.run_id = run_id
        self.step = step
        self.index = index
        self.tool_name = tool_name
        self._cancelled = cancelled
        self._progress = progress

    @property
    def cancelled(self) -> bool:
        """Nobody waits for the result any more. A sync tool cannot be stopped from outside; a long one looks here now and then."""
        return self._cancelled is not None and self._cancelled()

    def raise_if_cancelled(self) -> None:
        """Raises `ToolError` once nobody waits any more."""
        if self.cancelled:
            raise ToolError("the call was cancelled")

    def progress(self, message: str, fraction: float | None = None) -> None:
        """Tells those who watch the run how far the call is; `fraction` from 0 to 1."""
        if self._progress is not None:
            self._progress(message, fraction)


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


class Tool:
    """A function as an agent knows it. Made by `tool`, `Tool.from_function` or `Tool.from_schema`; calling it calls the function.

    Attributes:
        spec: What a model and a trace know.
        function: What is called, with keyword arguments.
        check: Takes a model's arguments, gives the keyword arguments to call with, or raises `InvalidArguments`.
        is_async: The function gives a coroutine.
        takes_context: Name of the parameter that gets a `RunContext`.
        timeout: Seconds that one call may take; None for the run's own bound.
        verify, ask: See `ToolOptions`.
        care: What it asks of those who run it; None for a plain tool.
    """

    def __init__(
        self,
        spec: ToolSpec,
        function: Callable[..., object],
        arguments: ArgumentsValidator,
        takes_context: str | None,
        options: ToolOptions,
    ) -> None:
        self.spec = spec
        self.function = function
        self.check: Callable[[JsonObject], Mapping[str, object]] = arguments.check
        self.is_async = _is_async(function)
        self.takes_context = takes_context
        self.timeout = options.get("timeout")
        self.verify = options.get("verify")
        self.ask = options.get("ask", False)
        self.care = _care(spec, function, takes_context, options, typed=isinstance(arguments, TypedArguments))
        self.__doc__ = spec.description
        self.__name__ = spec.name
        self.__wrapped__ = function
        self._unbound = False

    @property
    def name(self) -> str:
        return self.spec.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # as the function has it; FunctionTool knows
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<tool {self.name!r}>"

    def render(self, value: object) -> tuple[Text | Image, ...]:
        """What a model is shown of a result. Never raises; see `render`."""
        return render(value)

    def renamed(self, name: str) -> Tool:
        """The same tool under another name."""
        _check_name(name)
        made = copy.copy(self)
        made.spec = dataclasses.replace(self.spec, name=name)
        made.__name__ = name
        return made

    @classmethod
    def from_function(cls, function: Callable[P, R], **options: Unpack[ToolOptions]) -> FunctionTool[P, R]:
        """A tool whose schema is read from a function's hints and docstring. Raises `ToolDefinitionError`."""
        _check_options(options)
        if isinstance(function, staticmethod):
            function = cast("Callable[P, R]", function.__func__)
        name = options.get("name") or _name_of(function)
        _check_name(name)
        _check_callable(function, name)
        method = _is_method(function)
        signature = from_function(function, name=name, injected=RunContext, method=method)
        examples = _examples(name, options.get("examples", ()), signature.arguments)
        spec = _spec(name, options.get("description") or signature.description, signature.arguments.schema, examples, options)
        made = FunctionTool[P, R](spec, function, signature.arguments, signature.injected, options)
        made._unbound = method
        return made

    @classmethod
    def from_schema(cls, *, parameters: JsonObject | None, function: Callable[..., object], **options: Unpack[ToolOptions]) -> Tool:
        """A tool whose arguments are described by a JSON Schema; the function is called with them as keyword arguments.

        Args:
            parameters: Schema of an object; None for no arguments. A key that it does not name is refused, unless it says
                ``additionalProperties`` or ``patternProperties``.
            function: Sync or async; may take a `RunContext` beside.
            options: See `ToolOptions`.

        Raises:
            SchemaError: The schema is invalid, or cannot be compiled and applied safely.
            ToolDefinitionError: Name, examples or function do not fit.
        """
        _check_options(options)
        name = options.get("name") or _name_of(function)
        _check_name(name)
        _check_callable(function, name)
        try:
            schema = arguments_schema(parameters)
        except SchemaError as error:
            raise SchemaError(f"{name}: {error}") from error
        arguments = RawArguments(schema)
        context = check_accepts(function, name, RunContext, schema, arguments.known)
        examples = _examples(name, options.get("examples", ()), arguments)
        spec = _spec(name, options.get("description") or "", schema, examples, options)
        return cls(spec, function, arguments, context, options)


class FunctionTool(Tool, Generic[P, R]):
    """A tool that is called like the function it was made from. In a class it binds like a method: ``kit.search`` is a tool."""

    function: Callable[P, R]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    @overload
    def __get__(self, instance: None, owner: type) -> FunctionTool[P, R]: ...
    @overload
    def __get__(self: FunctionTool[Concatenate[S, Q], R], instance: S, owner: type | None = None) -> FunctionTool[Q, R]: ...
    def __get__(self, instance: object, owner: type | None = None) -> object:
        if instance is None or not self._unbound:
            return self
        made = copy.copy(self)
        made.function = types.MethodType(self.function, instance)
        made.__wrapped__ = made.function
        made._unbound = False
        return made


@overload
def tool(function: Callable[P, R], /) -> FunctionTool[P, R]: ...
@overload
def tool(function: None = None, /, **options: Unpack[ToolOptions]) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...
def tool(function: Callable[P, R] | None = None, /, **options: Unpack[ToolOptions]) -> object:
    """Makes a tool of a function, plainly or with `ToolOptions`::

        @tool(read_only=True)
        def population(city: str) -> int:
            '''How many people live in a city.'''

    Raises `ToolDefinitionError` where something in the function cannot be told to a model.
    """
    _check_options(options)
    if function is None:
        return lambda f: _reserved(Tool.from_function(f, **options))
    return _reserved(Tool.from_function(function, **options))


def _reserved(made: FunctionTool[P, R]) -> FunctionTool[P, R]:
    if made.name == FINISH_TOOL:
        raise ToolDefinitionError(f"the name {FINISH_TOOL!r} is reserved for typed answers; choose another")
    return made


# ------------------------------------------------------------------------------------------------------------- checks


def _check_options(options: ToolOptions) -> None:
    for option in options:
        if option not in ToolOptions.__annotations__:
            guess = nearest(option, ToolOptions.__annotations__)
            raise ToolDefinitionError(f"a tool has no option {option!r}" + (f"; did you mean {guess!r}?" if guess else ""))
    if options.get("read_only") and options.get("destructive"):
        raise ToolDefinitionError("a tool cannot be read_only and destructive at once")
    timeout = options.get("timeout")
    if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
        raise ToolDefinitionError(f"timeout is {timeout!r}; it is a number of seconds above 0, or None")


def _care(spec: ToolSpec, function: object, takes_context: str | None, options: ToolOptions, *, typed: bool) -> Care | None:
    address = None
    if options.get("process"):
        if takes_context is not None:
            raise ToolDefinitionError(f"{spec.name}: process=True and a RunContext do not go together: a context cannot leave this process")
        address = address_of(spec.name, function, typed=typed)
    return care_of(
        spec.name,
        repeatable=spec.repeatable,
        read_only=spec.read_only,
        concurrency=options.get("concurrency"),
        retries=options.get("retries", 0),
        max_result=options.get("max_result"),
        cache=options.get("cache", False),
        address=address,
        output_schema=spec.output_schema,
    )


def _check_name(name: str) -> None:
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise ToolDefinitionError(
            f"{str(name)[:140]!r} is no name for a tool; it begins with a letter or '_', goes on with letters, digits, '_', '-' or '.', "
            "and has at most 128 characters; give one as name="
        )


def _check_callable(function: object, name: str) -> None:
    if isinstance(function, classmethod):
        raise ToolDefinitionError(f"{name}: make a tool of the bound class method, outside of the class: tool(TheClass.{name})")
    if isinstance(function, Tool):
        raise ToolDefinitionError(f"{name} is a tool already; say what it is where it is made, or use renamed()")
    if not callable(function):
        raise ToolDefinitionError(f"{name}: a tool is made of a function, not of {type(function).__name__}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolDefinitionError(f"{name}: it yields; a tool returns its result at once, so collect it into a list")


def _name_of(function: object) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", None) or type(function).__name__)


def _is_async(function: object) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(type(function), "__call__", None))  # noqa: B004 - the method itself


def _is_method(function: object) -> bool:
    """A function that stands in a class body, and whose first parameter is the instance."""
    outer = getattr(function, "__qualname__", "").rpartition(".")[0]
    if not isinstance(function, types.FunctionType) or not outer or outer.endswith("<locals>"):
        return False
    first = next(iter(inspect.signature(function).parameters.values()), None)
    return first is not None and first.name == "self" and first.annotation is first.empty


def _examples(name: str, examples: Sequence[JsonObject | ToolExample], arguments: ArgumentsValidator) -> tuple[ToolExample, ...]:
    made = []
    for i, example in enumerate(examples):
        worked = example if isinstance(example, ToolExample) else ToolExample(example)
        try:
            worked = dataclasses.replace(worked, arguments=to_jsonable_python(worked.arguments))
            arguments.check(worked.arguments)
        except (InvalidArguments, ValueError) as error:
            raise ToolDefinitionError(f"{name}: example {i} does not fit the tool's own schema: {error}") from error
        made.append(worked)
    arguments.examples = tuple(worked.arguments for worked in made)
    return tuple(made)


def _spec(name: str, description: str, schema: JsonObject, examples: tuple[ToolExample, ...], options: ToolOptions) -> ToolSpec:
    return ToolSpec(
        name,
        clean(description),
        schema,
        options.get("output_schema"),
        read_only=options.get("read_only", False),
        idempotent=options.get("idempotent", False),
        destructive=options.get("destructive"),
        open_world=options.get("open_world", False),
        verifiable=options.get("verify") is not None,
        examples=examples,
    )


# ----------------------------------------------------------------------------------------------------------- registry


class ToolRegistry:
    """Tools by name, in the order in which they came.

    ::

        registry = ToolRegistry([population])
        registry.register(search, open_world=True)

        @registry.register
        def add(a: int, b: int) -> int: ...
    """

    __slots__ = ("_specs", "_tools")

    def __init__(self, tools: Iterable[Tool | Callable[..., object]] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        self._specs: tuple[ToolSpec, ...] | None = None
        for each in tools:
            self.register(each)

    @overload
    def register(self, function: Tool, /) -> Tool: ...  # type: ignore[overload-overlap]  # tools are callable too
    @overload
    def register(self, function: Callable[P, R], /, **options: Unpack[ToolOptions]) -> FunctionTool[P, R]: ...
    @overload
    def register(self, function: None = None, /, **options: Unpack[ToolOptions]) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...
    def register(self, function: Callable[..., object] | None = None, /, **options: Unpack[ToolOptions]) -> object:
        """Adds a tool, or a function as one; also a decorator, plain or with options.

        Raises:
            ConfigError: The name is taken.
            ToolDefinitionError: The function cannot be a tool, or its name is reserved.
        """
        if function is None:
            return lambda f: self.register(f, **options)
        if isinstance(function, Tool) and options:
            raise ToolDefinitionError(f"{function.name} is a tool already; give {', '.join(options)} where it is made")
        made = function if isinstance(function, Tool) else Tool.from_function(function, **options)
        if made.name == FINISH_TOOL:
            raise ToolDefinitionError(f"the name {FINISH_TOOL!r} is reserved for typed answers; choose another")
        if made._unbound:
            raise ToolDefinitionError(f"{made.name} is a method without its instance; register it from an instance: instance.{made.name}")
        taken = self._tools.get(made.name)
        if taken is not None:
            raise ConfigError(f"two tools are named {made.name!r}: {_origin(taken)} and {_origin(made)}; rename one, or use prefix()")
        self._tools[made.name] = made
        self._specs = None
        return made

    def get(self, name: str) -> Tool | None:
        return self._tools.get(name)

    def __getitem__(self, name: str) -> Tool:
        return self._tools[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def __repr__(self) -> str:
        return f"ToolRegistry({list(self._tools)})"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What a model is told; the same object until a tool is added."""
        if self._specs is None:
            self._specs = tuple(each.spec for each in self)
        return self._specs

    def filter(
        self,
        *wanted: str | Callable[[Tool], bool],
        read_only: bool | None = None,
        idempotent: bool | None = None,
        destructive: bool | None = None,
        open_world: bool | None = None,
    ) -> ToolRegistry:
        """A registry of those that meet any of `wanted` (shell-style patterns of names, or predicates) and all annotations given."""

        def keep(each: Tool) -> bool:
            spec = each.spec
            return (
                (not wanted or any(fnmatchcase(each.name, w) if isinstance(w, str) else w(each) for w in wanted))
                and read_only in (None, spec.read_only)
                and idempotent in (None, spec.idempotent)
                and destructive in (None, bool(spec.destructive))
                and open_world in (None, spec.open_world)
            )

        return ToolRegistry(each for each in self if keep(each))

    def prefix(self, prefix: str) -> ToolRegistry:
        """A registry of the same tools, each name with `prefix` before it."""
        return ToolRegistry(each.renamed(prefix + each.name) for each in self)

    def merge(self, *others: ToolRegistry) -> ToolRegistry:
        """A registry of all tools of these. Raises `ConfigError` where a name occurs twice."""
        return ToolRegistry(each for registry in (self, *others) for each in registry)

    def __or__(self, other: ToolRegistry) -> ToolRegistry:
        return self.merge(other) if isinstance(other, ToolRegistry) else NotImplemented

    def nearest(self, name: str) -> str | None:
        """The name that was probably meant, or None."""
        return nearest(name, self._tools)


def _origin(made: Tool) -> str:
    function = made.function
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', _name_of(function))}"
