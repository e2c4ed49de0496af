"""A function as an agent knows it, and the check that stands before it."""

from __future__ import annotations

import copy
import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, Unpack, cast, overload

from msgspec.structs import replace
from pydantic_core import to_jsonable_python

from react_agent.care import Care, address_of, care_of
from react_agent.errors import SchemaError, ToolDefinitionError
from react_agent.messages import JsonObject, ToolExample, ToolSpec, clean
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
from react_agent.tooling.context import RunContext
from react_agent.tooling.options import ToolOptions

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
Q = ParamSpec("Q")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")


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
        other_names: Those by which somebody may mean it: its function's, and its own before it was renamed or got a prefix.
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
        self.other_names: tuple[str, ...] = ()
        self._unbound = False

    @property
    def name(self) -> str:
        return self.spec.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # as the function has it; FunctionTool knows
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<tool {self.name!r}>"

    def renamed(self, name: str) -> Tool:
        """The same tool under another name."""
        _check_name(name)
        made = copy.copy(self)
        made.spec = replace(self.spec, name=name)
        made.other_names = (*self.other_names, self.name)
        made.__name__ = name
        return made

    @classmethod
    def from_function(cls, function: Callable[P, R], **options: Unpack[ToolOptions]) -> FunctionTool[P, R]:
        """A tool whose schema is read from a function's hints and docstring. Raises `ToolDefinitionError`."""
        _check_options(options)
        if isinstance(function, staticmethod):
            function = cast("Callable[P, R]", function.__func__)
        name = options.get("name") or name_of(function)
        _check_name(name)
        _check_callable(function, name)
        method = _is_method(function)
        signature = from_function(function, name=name, injected=RunContext, method=method)
        examples = _examples(name, options.get("examples", ()), signature.arguments)
        spec = _spec(name, options.get("description") or signature.description, signature.arguments.schema, examples, options)
        made = FunctionTool[P, R](spec, function, signature.arguments, signature.injected, options)
        made._unbound = method
        made.other_names = (name_of(function),)
        return made

    @classmethod
    def from_schema(cls, *, parameters: JsonObject | None, function: Callable[..., object], **options: Unpack[ToolOptions]) -> Tool:
        """A tool whose arguments are described by a JSON Schema; the function is called with them as keyword arguments.

        Args:
            parameters: Schema of an object; None for no arguments. A key that it does not name is refused, unless it says
                ``additionalProperties``, ``patternProperties`` or ``unevaluatedProperties``. The same goes for each object within
                that lists ``properties``; one that lists none takes any keys.
            function: Sync or async; may take a `RunContext` beside.
            options: See `ToolOptions`.

        Raises:
            SchemaError: The schema is invalid, or cannot be compiled and applied safely.
            ToolDefinitionError: Name, examples or function do not fit.
        """
        _check_options(options)
        name = options.get("name") or name_of(function)
        _check_name(name)
        _check_callable(function, name)
        try:
            schema = arguments_schema(parameters)
        except SchemaError as error:
            raise SchemaError(f"{name}: {error}") from error
        arguments = RawArguments(schema, closed=True)
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
    """Makes a tool of a function, plainly or with options, which ``react_agent.tooling.ToolOptions`` explains (``read_only``, ``destructive``,
    ``timeout``, ``retries``, ``cache``…)::

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
        raise ToolDefinitionError(f"{name}: a tool is made of a function, not of {type(function).__name__}{_hint(function)}")
    if gives_tools(function):
        raise ToolDefinitionError(
            f"{name}: it makes tools and is none; call it, as in tools=[{name}()], or tools=[*{name}()] where it makes several"
        )
    if _yields(function):
        raise ToolDefinitionError(
            f"{name}: it yields; a tool returns its result at once, so collect it into a list, and tell of progress by a RunContext's progress()"
        )


def _yields(function: Callable[..., object]) -> bool:
    """It gives a generator that nobody would iterate over, as far as can be told: what is wrapped may be collected by its wrapper."""
    while isinstance(function, functools.partial):
        function = function.func
    called = function if inspect.isroutine(function) or isinstance(function, type) else type(function).__call__
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(called):
        return True
    wraps = hasattr(called, "__wrapped__")  # then its hints are not its own
    return not wraps and _ASYNC_ITERATOR.search(_returned(called)) is not None


def _returned(function: object) -> str:
    """The hint of what it returns, as text."""
    return str(getattr(function, "__annotations__", {}).get("return", ""))


def gives_tools(function: Callable[..., object], unknown: bool = False) -> bool:
    """Its own hint says that it returns a tool or several; not something of the user's own that is called so too.

    Args:
        function: What may be a tool itself.
        unknown: The answer where the hint is only a word, as of what is imported for type checkers alone.
    """
    if not _TOOLS.search(_returned(function)):
        return False
    try:
        hint = typing.get_type_hints(function)["return"]
    except Exception:  # noqa: BLE001 - an annotation is code, and may raise anything
        return unknown
    kinds = [typing.get_origin(each) or each for each in (hint, *typing.get_args(hint))]
    return any(isinstance(kind, type) and kind.__module__.startswith(_HERE) and _TOOLS.fullmatch(kind.__name__) for kind in kinds)


_HERE = __name__.rpartition(".")[0]
_TOOLS = re.compile(r"\b(Tool|FunctionTool|ToolRegistry)\b")
_ASYNC_ITERATOR = re.compile(r"\bAsync(Iterator|Iterable|Generator)\b")


def _hint(given: object) -> str:
    """What to do with what is taken for a tool elsewhere."""
    if hasattr(given, "run"):  # an agent
        return "; write one that awaits its run()"
    if holds_tools(given):
        return "; give its tools, as in tools=[*server.tools]"
    if isinstance(given, dict):
        return "; a schema becomes a tool by Tool.from_schema(…)"
    if isinstance(given, str | types.ModuleType):
        return "; import the function and give that, as in tools=[search]"
    if isinstance(given, Iterable):
        return "; several are unpacked, as in tools=[search, *more]"
    return ""


def holds_tools(given: object) -> bool:
    """An MCP server or an agent, which has tools and is none. It is not asked for them: it may not know them yet."""
    return hasattr(type(given), "tools") or (not isinstance(given, type) and "tools" in getattr(given, "__dict__", {}))


def name_of(function: object) -> str:
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
            worked = replace(worked, arguments=to_jsonable_python(worked.arguments))
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
