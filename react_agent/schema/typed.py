"""Arguments of a function, checked by pydantic in its strict JSON mode: about a microsecond."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
from pydantic import JsonValue, ValidationError
from pydantic_core import to_json

from react_agent.messages import JsonObject
from react_agent.schema.complaints import MISSING, ArgumentsValidator, Kind, Problem, unusable
from react_agent.schema.walk import (
    TYPES,
    Path,
    child,
    children,
    constants,
    is_number,
    known_keys,
    listing,
    mapping,
    resolve,
    same,
    subschema,
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


def _problems(error: ValidationError, arguments: JsonObject, schema: JsonObject) -> list[Problem]:
    """pydantic's errors, one per place: what a union's members say about the same value is joined."""
    at: dict[tuple[Path, Kind], list[str]] = {}
    given: dict[Path, object] = {}
    for item in error.errors(include_url=False, include_context=False):
        path, value = _place(item["loc"], arguments)
        kind = _KINDS.get(item["type"], "value")
        if kind == "missing":
            path, value = (*path, item["loc"][-1]), MISSING
        given[path] = value
        reason = "is required" if kind == "missing" else item["msg"].removeprefix("Input ").rstrip(".")
        reasons = at.setdefault((path, kind), [])
        if reason not in reasons:
            reasons.append(reason)
    return [
        Problem(path, ", or ".join(reasons), kind, given[path], _known(schema, path[:-1]) if kind == "unknown" else ())
        for (path, kind), reasons in at.items()
    ]


def _known(schema: JsonObject, path: Path) -> Sequence[str]:
    return list(known_keys(subschema(schema, path), schema) or ())


def _place(loc: Sequence[str | int], arguments: JsonValue) -> tuple[Path, object]:
    """The place as it stands in the arguments: pydantic's locations also name a union's members."""
    path: list[str | int] = []
    value = arguments
    for part in loc:
        if isinstance(value, dict) and isinstance(part, str) and part in value:  # noqa: SIM114 - for the type checker
            value = value[part]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            continue
        path.append(part)
    return tuple(path), value


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
