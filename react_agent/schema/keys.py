"""Keys that a schema does not know, at any depth of the arguments.

JSON Schema lets an object have more keys than its schema lists, and hardly anybody who lists them means that: the misspelt key of a
model would go through, and a default would be used in its stead. So an object whose schema lists ``properties``, and says nothing of
other keys, is closed. Where schemas are combined, a key is known if any of those that speak of the same object names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

from pydantic import JsonValue

from react_agent.messages import JsonObject
from react_agent.schema.complaints import Problem
from react_agent.schema.patterns import matcher
from react_agent.schema.walk import Path, children, constants, is_open, listing, mapping, resolve, type_names


class TooCostlyError(Exception):
    """The budget of one check is spent."""


class _Said(NamedTuple):
    """What a schema says of an object's keys.

    Attributes:
        known: Those that it names.
        lists: There are ``properties`` that hold for every such object, or in one of its alternatives.
        open: Others may come: on purpose, or because one alternative lists none, or because it cannot be told.
    """

    known: dict[str, None]
    lists: bool
    open: bool


class UnknownKeys:
    """One search.

    Args:
        root: The whole schema; it has passed `check_schema`.
        left: How many subschemas may be looked at.
    """

    def __init__(self, root: JsonObject, left: int) -> None:
        self.root = root
        self.left = left
        # the same parts come again at each level of a recursive schema; they are worked out once, and are then the same objects
        self.said: dict[int, _Said | None] = {}
        self.held: dict[tuple[int, str | int], JsonValue | None] = {}
        self.joined: dict[tuple[str, tuple[int, ...]], JsonValue] = {}

    def below(self, value: JsonValue, schema: JsonValue, path: Path = ()) -> Iterator[Problem]:
        """Those in the objects that a value holds. Raises `TooCostlyError`."""
        for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
            if isinstance(item, dict | list) and (held := self._held(schema, key)) is not None:
                place = (*path, key)
                if isinstance(item, dict) and (said := self._said(held)) is not None and said.lists and not said.open:
                    yield from unknown(item, list(said.known), place)
                yield from self.below(item, held, place)

    def _spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooCostlyError

    def _said(self, schema: JsonValue) -> _Said | None:
        """None if no object can be meant."""
        if id(schema) not in self.said:
            self._spend()
            self.said[id(schema)] = self._say(schema)
        return self.said[id(schema)]

    def _say(self, schema: JsonValue) -> _Said | None:
        if not isinstance(schema, dict):
            return None if schema is False else _Said({}, lists=False, open=False)
        names, listed = type_names(schema), constants(schema)
        if (names and "object" not in names) or (listed and not any(isinstance(value, dict) for value in listed)):
            return None
        properties = mapping(schema, "properties")
        known = dict.fromkeys([*properties, *cast("list[str]", listing(schema, "required"))])
        lists, opened = bool(properties), is_open(schema)
        for said in map(self._said, self._parts(schema)):
            if said is not None:
                known, lists, opened = known | said.known, lists or said.lists, opened or said.open
        for said in map(self._said, _conditions(schema)):
            if said is not None:
                known, opened = known | said.known, opened or said.open
        always = lists
        for branches in _alternatives(schema):
            several = [said for said in map(self._said, branches) if said is not None]
            for said in several:
                known, lists, opened = known | said.known, lists or said.lists, opened or said.open
            # beside properties that always hold, a branch without any is a condition; beside other branches only, it is for any object
            opened |= not always and len({said.lists for said in several}) > 1
        return _Said(known, lists, opened)

    def _parts(self, schema: JsonObject) -> list[JsonValue]:
        """What holds for the same value in any case."""
        found = listing(schema, "allOf")
        if "$ref" in schema:
            target = resolve(schema["$ref"], self.root)
            found = [_OPEN if target is None else target, *found]
        return found

    def _held(self, schema: JsonValue, key: str | int) -> JsonValue | None:
        """All that is said of what stands under a key, as one schema; None where nothing is said."""
        at = (id(schema), key)
        if at not in self.held:
            self._spend()
            self.held[at] = self._hold(schema, key)
        return self.held[at]

    def _hold(self, schema: JsonValue, key: str | int) -> JsonValue | None:
        if not isinstance(schema, dict):
            return None
        found, maybe = _own(schema, key)
        maybe += [held for branch in _conditions(schema) if (held := self._held(branch, key)) is not None]
        found += [held for part in self._parts(schema) if (held := self._held(part, key)) is not None]
        found += [self.joined.setdefault(("if", (id(held),)), {"if": held}) for held in maybe]
        for branches in _alternatives(schema):
            several = [(branch, self._held(branch, key)) for branch in branches]
            if any(held is not None for _, held in several):
                told: list[JsonValue] = [
                    True if held is None else held for branch, held in several if held is not None or self._admits(branch, key)
                ]
                found.append(self._joined("anyOf", told))
        if not found:
            rest = schema.get("unevaluatedProperties" if isinstance(key, str) else "unevaluatedItems")
            return rest if isinstance(rest, dict) else None
        return self._joined("allOf", found)

    def _joined(self, keyword: str, schemas: list[JsonValue]) -> JsonValue:
        """One schema of several; what was joined in the same way is taken apart, so that nothing multiplies on the way down."""
        flat: dict[int, JsonValue] = {}
        for schema in schemas:
            parts = listing(schema, keyword) if isinstance(schema, dict) and schema.keys() == {keyword} else [schema]
            flat |= {id(part): part for part in parts}
        if len(flat) == 1:
            return next(iter(flat.values()))
        return self.joined.setdefault((keyword, tuple(flat)), {keyword: list(flat.values())})

    def _admits(self, branch: JsonValue, key: str | int) -> bool:
        """Whether an alternative that says nothing of a key lets anything stand there."""
        names = type_names(branch) if isinstance(branch, dict) else []
        if isinstance(key, int) and names:
            return "array" in names
        said = self._said(branch)
        return said is not None and (said.open or not said.lists)


_OPEN: JsonObject = {"additionalProperties": True}


def unknown(value: JsonObject, known: Sequence[str], path: Path) -> Iterator[Problem]:
    """The keys of an object that are not among those known."""
    names = set(known)
    for key in value:
        if key not in names:
            yield Problem((*path, key), "unknown key", "unknown", value[key], known)


def _alternatives(schema: JsonObject) -> list[list[JsonValue]]:
    return [branches for keyword in ("anyOf", "oneOf") if (branches := listing(schema, keyword))]


def _conditions(schema: JsonObject) -> list[JsonValue]:
    """What speaks of the same value, but need not hold."""
    return [held for path, held, in_place in children(schema) if in_place and path[0] not in ("allOf", "anyOf", "oneOf")]


def _own(schema: JsonObject, key: str | int) -> tuple[list[JsonValue], list[JsonValue]]:
    """What a schema itself says of what stands under a key, and what it asks of some items."""
    if isinstance(key, str):
        found = [mapping(schema, "properties")[key]] if key in mapping(schema, "properties") else []
        found += [held for pattern, held in mapping(schema, "patternProperties").items() if matcher(pattern)(key)]
        rest = schema.get("additionalProperties")
        return found or ([rest] if isinstance(rest, dict) else []), []
    items = schema.get("items")
    first = items if isinstance(items, list) else listing(schema, "prefixItems")
    rest = schema.get("additionalItems") if isinstance(items, list) else items
    found = [first[key]] if key < len(first) else [rest] if isinstance(rest, dict) else []
    return found, [schema["contains"]] if "contains" in schema else []
