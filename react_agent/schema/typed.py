"""Arguments of a function, checked by pydantic in its strict JSON mode: about a microsecond."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails, to_json

from react_agent.messages import JsonObject
from react_agent.schema.complaints import MISSING, ArgumentsValidator, Kind, Problem, short, unusable
from react_agent.schema.walk import (
    TYPES,
    Path,
    branches,
    child,
    children,
    constants,
    is_number,
    known_keys,
    listing,
    mapping,
    resolve,
    same,
    type_names,
)

_encode = msgspec.json.Encoder().encode
Validate = Callable[..., dict[str, object]]
_KINDS: dict[str, Kind] = {
    "missing": "missing",
    "missing_argument": "missing",
    "extra_forbidden": "unknown",
    "unexpected_keyword_argument": "unknown",
}


class TypedArguments(ArgumentsValidator):
    """Arguments that become Python values: dates, enums, dataclasses, models.

    Args:
        schema: What a model is told; written by pydantic, or as pydantic would.
        build: Makes pydantic's ``validate_json``; called when the first arguments come.
        looser: It lets through what the schema does not.
    """

    __slots__ = ("_build", "_looser", "_validate")

    def __init__(self, schema: JsonObject, build: Callable[[], Validate], *, looser: bool = False) -> None:
        super().__init__(schema)
        self._build = build
        self._validate: Validate = self._first
        self._looser = looser or _is_stricter(schema)

    def _first(self, data: bytes, *, strict: bool) -> dict[str, object]:
        self._validate = self._build()
        return self._validate(data, strict=strict)

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        """The keyword arguments to call with; what was not given is left to the function's defaults. Raises `InvalidArguments`."""
        try:
            checked = self._validate(_encode(arguments), strict=True)
            if not self._looser or not any(_misfits(arguments, self.schema, self.schema)):
                return checked
        except Exception:  # noqa: BLE001 - validators in annotations are the user's code; `problems` says what was raised
            pass
        return self._validate(to_json(self.judged(arguments)), strict=True)

    def problems(self, arguments: JsonObject) -> list[Problem]:
        """All that is wrong; nothing if the arguments fit."""
        found: list[Problem] = []
        try:
            self._validate(to_json(arguments), strict=True)
        except ValidationError as error:
            found = _problems(error, arguments, self.schema)
        except Exception as error:  # noqa: BLE001 - as in `check`
            return unusable(error)
        return _joined(found, list(_misfits(arguments, self.schema, self.schema))) if self._looser else found


class _Place(NamedTuple):
    """Where one of pydantic's errors lies. Its locations also name the members of unions, and a key that is wrong itself.

    Attributes:
        path: As it stands in the arguments.
        value: What is there.
        holder: What the schema says of what holds the value; of the members that are named, where there are unions.
        members: Those that an object or a list was taken for: where it stands, and pydantic's name of the member.
        key: The key that is wrong; then the rest is about what holds it.
    """

    path: Path
    value: object
    holder: JsonValue
    members: tuple[tuple[Path, str], ...]
    key: str | None = None


def _problems(error: ValidationError, arguments: JsonObject, schema: JsonObject) -> list[Problem]:
    """pydantic's errors, one per place: what a union's members say about the same value is joined."""
    errors = error.errors(include_url=False, include_context=False)
    places = [_place(e["loc"][:-1] if _KINDS.get(e["type"]) == "missing" else e["loc"], arguments, schema) for e in errors]
    found: dict[tuple[Path, Kind, str | None], list[Problem]] = {}
    for item, place in _meant(list(zip(errors, places, strict=True))):
        path, given, known = place.path, place.value, list[str]()
        kind, reason = _KINDS.get(item["type"], "value"), item["msg"].removeprefix("Input ").rstrip(".")
        if place.key is not None:
            reason, given = f"the key {short(place.key, 60)} {reason}", MISSING
        elif kind == "missing":
            path, reason, given = (*path, item["loc"][-1]), "is required", MISSING
        elif kind == "unknown":  # where it cannot be told which member of a union is meant, others may know it
            known = [key for key in known_keys(place.holder, schema) or () if key != path[-1]]
        found.setdefault((path, kind, place.key), []).append(Problem(path, reason, kind, given, known))
    return [_one(problems) for problems in found.values()]


def _one(problems: list[Problem]) -> Problem:
    reasons = dict.fromkeys(problem.reason for problem in problems)
    known = dict.fromkeys(key for problem in problems for key in problem.known)
    return dataclasses.replace(problems[0], reason=", or ".join(reasons), known=list(known))


def _place(loc: Sequence[str | int], arguments: JsonObject, schema: JsonObject) -> _Place:
    path: Path = ()
    value: JsonValue = arguments
    holder: JsonValue = True
    at: JsonValue = schema
    members: tuple[tuple[Path, str], ...] = ()
    for part in loc:
        tagged = _tagged(at, str(part), schema) if isinstance(value, dict) else None
        below = _below(value, part) if tagged is None else ()
        if below:
            path, value, holder, at = (*path, part), below[0], at, child(at, part, schema)
        elif part == "[key]" and path:
            return _Place(path[:-1], MISSING, True, members, str(path[-1]))
        elif isinstance(value, dict | list):
            members = (*members, (path, str(part)))
            at = tagged or next((s for s in _all(at, schema) if str(s.get("$ref")).endswith(f"/{part}")), at)
    return _Place(path, value, holder, members)


def _below(value: JsonValue, part: str | int) -> tuple[JsonValue, ...]:
    """What stands under a key or an index, if anything does."""
    if isinstance(value, dict):
        return (value[part],) if isinstance(part, str) and part in value else ()
    return (value[part],) if isinstance(value, list) and isinstance(part, int) and part < len(value) else ()


def _tagged(schema: JsonValue, tag: str, root: JsonObject) -> JsonValue:
    """The member of a union that goes by a tag; None if there is none. pydantic names it first, and a key may be named alike."""
    tags = (mapping(mapping(each, "discriminator"), "mapping") for each in _all(schema, root))
    return next((resolve(of[tag], root) for of in tags if tag in of), None)


def _all(schema: JsonValue, root: JsonObject, hops: int = 8) -> Iterator[JsonObject]:
    """A schema, and those that it refers to or combines; only words depend on how far they are followed."""
    if isinstance(schema, dict) and hops:
        yield schema
        for branch in branches(schema, root):
            yield from _all(branch, root, hops - 1)


def _meant(errors: list[tuple[ErrorDetails, _Place]]) -> list[tuple[ErrorDetails, _Place]]:
    """What was said of the members of unions that the value is nearest to: an object, for other constants, would have to be another."""
    for depth in range(max(len(place.members) for _, place in errors)):
        said: dict[tuple[tuple[Path, str], ...], list[tuple[ErrorDetails, _Place]]] = {}
        for item, place in errors:
            if len(place.members) > depth:
                said.setdefault(place.members[: depth + 1], []).append((item, place))
        distances = {member: _distance(of_member, member[-1][0]) for member, of_member in said.items()}
        far = {
            member
            for member, distance in distances.items()
            if any(other[:-1] == member[:-1] and other[-1][0] == member[-1][0] and distances[other] < distance for other in distances)
        }
        errors = [(item, place) for item, place in errors if place.members[: depth + 1] not in far]
    return errors


def _distance(errors: list[tuple[ErrorDetails, _Place]], union: Path) -> tuple[bool, int, int]:
    """Whether the value has another type, how many constants are others, and how much is wrong."""
    return (
        all(place.path == union and item["type"].endswith("_type") for item, place in errors),
        sum(item["type"] in ("literal_error", "enum") for item, _ in errors),
        len(errors),
    )


def _is_stricter(schema: JsonObject) -> bool:
    """Whether JSON's rules differ somewhere from Python's, and so from pydantic's: true is no 1, and no item of a set comes twice."""
    if schema.get("uniqueItems") or any(is_number(value) or isinstance(value, bool) for value in constants(schema)):
        return True
    return any(_is_stricter(held) for _, held, _ in children(schema) if isinstance(held, dict))


def _joined(found: list[Problem], misfits: list[Problem]) -> list[Problem]:
    """What pydantic found, and what else does not fit; it has nothing to say below an object where the schema has none."""
    told = {problem.path for problem in found}
    no_objects = [problem.path for problem in misfits if problem.kind == "value" and isinstance(problem.given, dict)]
    kept = [problem for problem in found if not any(problem.path[: len(path)] == path != problem.path for path in no_objects)]
    return kept + [problem for problem in misfits if problem.path not in told]


def _misfits(value: JsonValue, schema: JsonValue, root: JsonObject, path: Path = ()) -> Iterator[Problem]:
    """What does not fit of a value, though pydantic let it through. For schemas that pydantic made."""
    if not isinstance(schema, dict):
        return
    names, listed, properties = type_names(schema), constants(schema), mapping(schema, "properties")
    if names and not any(TYPES[name](value) for name in names):
        yield Problem(path, "should be of type " + " or ".join(names), given=value)
        return
    if listed and not any(same(value, constant) for constant in listed):
        yield Problem(path, "should be one of the listed values; true is not 1, and false is not 0", given=value)
    if isinstance(value, list) and schema.get("uniqueItems") and len(set(map(_as_counted, value))) < len(value):
        yield Problem(path, "should hold each item once", given=value)
    if "$ref" in schema:
        yield from _misfits(value, resolve(schema["$ref"], root), root, path)
    for keyword in ("anyOf", "oneOf"):
        of_each = [list(_misfits(value, branch, root, path)) for branch in listing(schema, keyword)]
        if of_each and all(of_each):  # what was meant is the one whose values fit best
            yield from min(of_each, key=lambda problems: (sum(problem.kind == "value" for problem in problems), len(problems)))
    if isinstance(value, dict):
        for key, item in value.items():
            if schema.get("additionalProperties") is False and key not in properties:
                yield Problem((*path, key), "unknown key", "unknown", item, list(properties))
            else:
                yield from _misfits(item, _own(schema, key, root), root, (*path, key))
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from _misfits(item, _own(schema, i, root), root, (*path, i))


def _as_counted(value: JsonValue) -> tuple[type, object]:
    """The same for values that are equal as JSON counts."""
    if isinstance(value, dict | list):
        return type(value), json.dumps(value, sort_keys=True)
    return (bool if isinstance(value, bool) else object), value


def _own(schema: JsonObject, key: str | int, root: JsonObject) -> JsonValue:
    """What a schema itself says of a key; what its branches say is asked of each branch."""
    return child(
        {keyword: schema[keyword] for keyword in ("properties", "additionalProperties", "prefixItems", "items") if keyword in schema},
        key,
        root,
    )
