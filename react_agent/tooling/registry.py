"""Tools by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import ParamSpec, TypeVar, Unpack, overload

from react_agent.errors import ConfigError, ToolDefinitionError
from react_agent.messages import ToolSpec
from react_agent.schema import nearest
from react_agent.spec import FINISH_TOOL
from react_agent.tooling.definition import FunctionTool, Tool, holds_tools, name_of
from react_agent.tooling.options import ToolOptions

P = ParamSpec("P")
R = TypeVar("R")


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
        try:
            given = iter(tools)
        except TypeError:
            hint = "; give its tools, as in tools=server.tools" if holds_tools(tools) else ""
            if callable(tools) and not isinstance(tools, Tool | type):
                hint = f"; put it into one, or call it where it makes tools: tools={name_of(tools)}()"
            raise ToolDefinitionError(f"tools come as a list, as in tools=[search]; not as {tools!r}{hint}") from None
        for each in given:
            if each is None:  # `register` would take it for the use as a decorator
                raise ToolDefinitionError("None is no tool; is there a function that returns none where it should return one?")
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
        """The name that was probably meant, or None: the only one that goes on where this one ends, or one that is spelt much like it."""
        longer = [known for known in self._tools if len(name) > 2 and known.lower().startswith(name.lower())]
        return longer[0] if len(longer) == 1 else nearest(name, self._tools)


def _origin(made: Tool) -> str:
    function = made.function
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', name_of(function))}"
