"""Frozen slotted dataclasses that are quick to make, for those that are made on every step of a run.

The ``__init__`` of a frozen dataclass sets each field through ``object.__setattr__``, which takes three to five times as long as plain
assignment. `quick` gives the class an ``__init__`` that lends the new instance a mutable twin of the same layout, assigns, and takes the twin
back. The class is the same in every other way, and as frozen as before for everybody who has an instance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def quick(cls: type[T]) -> type[T]:
    """The class itself, to decorate one below which ``@dataclass(frozen=True, slots=True)`` stands. Fields may not have factories."""
    twin = type(f"_{cls.__name__}Twin", (), {"__slots__": cls.__slots__})  # type: ignore[attr-defined]  # slots=True made them
    namespace: dict[str, object] = {"_lend": object.__setattr__, "_twin": twin, "_cls": cls}
    positional: list[str] = []
    keyword: list[str] = []
    made = dataclasses.fields(cls)  # type: ignore[arg-type]  # anything but a dataclass fails here, at import
    for field in made:
        parameter = field.name
        if field.default is not dataclasses.MISSING:
            namespace[f"_{field.name}"] = field.default
            parameter += f"=_{field.name}"
        (keyword if field.kw_only else positional).append(parameter)
    signature = ", ".join(["self", *positional, *(["*", *keyword] if keyword else [])])
    body = [f"    self.{field.name} = {field.name}" for field in made]
    source = "\n".join([f"def __init__({signature}):", "    _lend(self, '__class__', _twin)", *body, "    self.__class__ = _cls"])
    functions: dict[str, Callable[..., None]] = {}
    exec(source, namespace, functions)  # noqa: S102 - the way of dataclasses itself: the source holds field names only
    init = functions["__init__"]
    init.__qualname__, init.__annotations__ = f"{cls.__qualname__}.__init__", cls.__init__.__annotations__
    cls.__init__ = init  # type: ignore[method-assign]  # the same parameters
    return cls
