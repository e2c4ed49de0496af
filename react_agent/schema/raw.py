"""Arguments of a schema from outside, checked by JSON Schema's rules.

Most arguments fit, and most schemas are plain. So for plain schemas pydantic's core says yes first, in about a microsecond; whatever it
does not surely accept is judged by jsonschema, which costs twenty times that (and 70 ms to import, which is then not needed at all).
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import islice
from typing import Any, cast

from pydantic import JsonValue
from pydantic_core import CoreSchema, SchemaValidator, to_json
from pydantic_core import SchemaError as CoreSchemaError
from pydantic_core import core_schema as core

from react_agent.messages import JsonObject
from react_agent.schema.complaints import MAX_PROBLEMS, ArgumentsValidator, Problem, dotted, short, unusable
from react_agent.schema.keys import TooCostlyError, UnknownKeys, unknown
from react_agent.schema.outside import MAX_EXPANSION, draft_of
from react_agent.schema.patterns import linear, matcher
from react_agent.schema.walk import (
    TYPES,
    Path,
    constants,
    known_keys,
    listing,
    mapping,
    refers_from_elsewhere,
    resolve,
    type_names,
)

LOOKS = 100_000  # at subschemas, in one search for unknown keys; and more for long arguments


class RawArguments(ArgumentsValidator):
    """Arguments that stay JSON.

    Args:
        schema: It must have passed `check_schema`.
        closed: Keys that it does not know are refused, also in the objects within; else it means what JSON Schema says.

    Attributes:
        known: The keys that the arguments may have; None if others may come.
    """

    __slots__ = ("_accept", "_closed", "_validator", "known")

    def __init__(self, schema: JsonObject, *, closed: bool = False) -> None:
        super().__init__(schema)
        self.known = known_keys(schema, schema) if closed else None
        # a reference below another base is not followed to the right place: what such schemas list is not known
        self._closed = closed and not refers_from_elsewhere(schema)
        self._accept: Callable[[bytes], object] = self._first
        self._validator: Any = None  # jsonschema's; without published types

    def _first(self, data: bytes) -> object:
        self._accept = _quick(self.schema, top=self.known is not None, within=self._closed)
        return self._accept(data)

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        """A copy of the arguments, whole floats made integers where the schema asks for such. Raises `InvalidArguments`."""
        try:
            encoded = to_json(arguments)
            self._accept(encoded)
            if b"NaN" not in encoded and b"Infinity" not in encoded:
                return cast("JsonObject", _copied(arguments))
        except ValueError:
            pass  # not surely right, or no JSON; judged below
        return cast("JsonObject", _copied(self.judged(arguments)))  # results are held to a schema too, and may be anything

    def problems(self, arguments: JsonObject) -> list[Problem]:
        """All that is wrong; nothing if the arguments fit."""
        if self._validator is None:
            self._validator = _dialect(draft_of(self.schema))(self.schema, registry=_registry())
        try:
            encoded = to_json(arguments)
            if b"NaN" in encoded or b"Infinity" in encoded:
                json.dumps(arguments, allow_nan=False)
            unknowns = list(self._unknown(arguments, len(encoded)))
            _budget.left = MAX_EXPANSION + 4 * len(encoded)
            errors = list(islice(self._validator.iter_errors(arguments), 4 * MAX_PROBLEMS))
        except RecursionError:
            raise  # said by `judged`
        except TooCostlyError:
            return [Problem((), "are too intricate to be held against this schema; send less, or flatter, data")]
        except Exception as error:  # noqa: BLE001 - a foreign schema may find a hole in the validator; then the call is not run
            return unusable(error)
        found: dict[tuple[Path, str], Problem] = {}
        for problem in [*unknowns, *(problem for each in errors for problem in _problems(each))]:
            found.setdefault((problem.path, problem.kind if problem.kind == "unknown" else problem.reason), problem)
        return list(found.values())

    def _unknown(self, arguments: JsonObject, size: int) -> Iterator[Problem]:
        if self.known is not None:
            yield from unknown(arguments, list(self.known), ())
        if self._closed:
            yield from UnknownKeys(self.schema, LOOKS + 16 * size).below(arguments, self.schema)


def _own(arguments: JsonObject) -> JsonObject:
    """Arguments for the function to keep and to change: the trace holds those that were given."""
    return {key: _copied(value) if type(value) in _HOLDING else value for key, value in arguments.items()}


_HOLDING = (dict, list)


def _copied(value: JsonValue) -> JsonValue:
    if type(value) is dict:
        return _own(value)
    if type(value) is list:
        return [_copied(item) for item in value]
    return value


def _problems(error: Any) -> Iterator[Problem]:
    """One of jsonschema's errors, in our words."""
    path = cast("Path", tuple(error.absolute_path))
    wanted, given = error.validator_value, error.instance
    match error.validator:
        case "required":
            for key in wanted:
                if key not in given:
                    yield Problem((*path, key), "is required", "missing")
        case "additionalProperties" if wanted is False:
            for key in _additional(given, error.schema):
                yield Problem((*path, key), "unknown key", "unknown", given[key], list(mapping(error.schema, "properties")))
        case "type":
            names = wanted if isinstance(wanted, list) else [wanted]
            yield Problem(path, "should be of type " + " or ".join(map(str, names)), given=given)
        case "enum":
            yield Problem(path, "should be one of the listed values", given=given)
        case "const":
            yield Problem(path, f"should be {short(wanted, 60)}", given=given)
        case "anyOf" | "oneOf" if error.context:
            reasons = [
                p.reason if len(p.path) == len(path) else f"{dotted(p.path)} {p.reason}" for e in error.context[:8] for p in _problems(e)
            ]
            yield Problem(path, ", or ".join(dict.fromkeys(reasons)), given=given)
        case "oneOf":
            yield Problem(path, "fits more than one of the alternatives under oneOf, and must fit exactly one", given=given)
        case "dependentRequired" | "dependencies":
            lists = [(key, names) for key, names in wanted.items() if key in given and isinstance(names, list)]
            missing = {name: key for key, names in lists for name in names if name not in given}
            yield from (Problem((*path, name), f'is required where "{key}" is given', "missing") for name, key in missing.items())
        case "minProperties":
            yield Problem(path, f"should have at least {wanted} keys", given=given)
        case "maxProperties":
            yield Problem(path, f"should have at most {wanted} keys", given=given)
        case _:
            yield Problem(path, error.message[-200:], given=given)


def _additional(instance: JsonObject, schema: JsonObject) -> list[str]:
    """The keys that ``additionalProperties`` speaks of."""
    named, patterns = mapping(schema, "properties"), mapping(schema, "patternProperties")
    return [key for key in instance if key not in named and not any(matcher(wanted)(key) for wanted in patterns)]


# ---------------------------------------------------------------------------------------------------------- jsonschema


class _Budget(threading.local):
    """How often the check that runs in this thread may still branch: schemas may multiply with every level of the value."""

    left = MAX_EXPANSION


_budget = _Budget()
_BRANCHING = ("$dynamicRef", "$recursiveRef", "$ref", "allOf", "anyOf", "dependencies", "dependentSchemas", "if", "not", "oneOf")


@functools.cache
def _registry() -> Any:
    """Holds the published meta-schemas, and never fetches."""
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped,unused-ignore]

    return REGISTRY


@functools.cache
def _dialect(draft: str) -> Any:
    """jsonschema's validator of a draft, with patterns that end in time, multiples of decimal numbers and a bound on how much one check may branch."""
    import attrs
    import jsonschema  # type: ignore[import-untyped,unused-ignore]
    from jsonschema.validators import extend  # type: ignore[import-untyped,unused-ignore]

    base = getattr(jsonschema, f"Draft{draft.removeprefix('draft-').lstrip('0').replace('-', '')}Validator")

    def bounded(keyword: str) -> Callable[..., object]:
        rule = base.VALIDATORS[keyword]

        def check(validator: Any, value: object, instance: object, schema: object) -> object:
            _budget.left -= 1
            if _budget.left < 0:
                raise TooCostlyError
            return rule(validator, value, instance, schema)

        return check

    rules = {keyword: bounded(keyword) for keyword in _BRANCHING if keyword in base.VALIDATORS}
    own = {keyword: rule for keyword, rule in _own_rules(jsonschema.ValidationError).items() if keyword in base.VALIDATORS}
    if draft == "draft-03":
        del own["properties"]  # there it also says which are required
    made = extend(base, {**rules, **own})
    made.evolve = attrs.evolve  # its own would leave these rules behind at a nested "$schema"
    return made


def _own_rules(error: Callable[..., object]) -> dict[str, Callable[..., Iterator[object]]]:
    """Keywords that are judged here; `error` makes jsonschema's errors."""

    def below(validator: Any, held: JsonValue, value: object, key: str, where: str) -> Iterator[object]:
        if held is False:  # of which jsonschema would not tell the place
            yield error("may not be given", path=[key], instance=value)
        else:
            yield from validator.descend(value, held, path=key, schema_path=where)

    def properties(validator: Any, named: JsonObject, instance: object, schema: object) -> Iterator[object]:
        if isinstance(instance, dict):
            for key, held in named.items():
                if key in instance:
                    yield from below(validator, held, instance[key], key, key)

    def property_names(validator: Any, held: JsonValue, instance: object, schema: object) -> Iterator[object]:
        for key in instance if isinstance(instance, dict) else ():
            for wrong in validator.descend(key, held):
                yield from (error(f"has the key {short(key, 60)}, which {problem.reason}") for problem in _problems(wrong))

    def pattern(validator: Any, wanted: str, instance: object, schema: object) -> Iterator[object]:
        if isinstance(instance, str) and not matcher(wanted)(instance):
            yield error(f"should match the pattern {wanted}")

    def pattern_properties(validator: Any, patterns: JsonObject, instance: object, schema: object) -> Iterator[object]:
        if isinstance(instance, dict):
            for wanted, held in patterns.items():
                for key in filter(matcher(wanted), instance):
                    yield from below(validator, held, instance[key], key, wanted)

    def additional_properties(validator: Any, held: JsonValue, instance: object, schema: JsonObject) -> Iterator[object]:
        if not isinstance(instance, dict):
            return
        extra = _additional(instance, schema)
        if held is False and extra:
            yield error(f"has keys that it may not have: {', '.join(extra[:8])}")
        elif isinstance(held, dict):
            for key in extra:
                yield from validator.descend(instance[key], held, path=key)

    def multiple_of(validator: Any, wanted: float, instance: Any, schema: object) -> Iterator[object]:
        if validator.is_type(instance, "number") and (_exact(instance) / _exact(wanted)).denominator != 1:
            yield error(f"{instance!r} is not a multiple of {wanted}")

    return {
        "additionalProperties": additional_properties, "divisibleBy": multiple_of, "multipleOf": multiple_of, "pattern": pattern,
        "patternProperties": pattern_properties, "properties": properties, "propertyNames": property_names,
    }  # fmt: skip


def _exact(number: float) -> Fraction:
    """The number as JSON writes it: 19.99 is 1,999 times 0.01, which no division of floats finds."""
    return Fraction(repr(number) if isinstance(number, float) else number)


# ---------------------------------------------------------------------------------------------------------- quick yes

_RULES = frozenset((
    "$dynamicRef", "$recursiveRef", "$ref", "additionalItems", "additionalProperties", "allOf", "anyOf", "const", "contains",
    "dependencies", "dependentRequired", "dependentSchemas", "disallow", "divisibleBy", "else", "enum", "exclusiveMaximum",
    "exclusiveMinimum", "extends", "if", "items", "maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains",
    "minItems", "minLength", "minProperties", "minimum", "multipleOf", "not", "oneOf", "pattern", "patternProperties", "prefixItems",
    "properties", "propertyNames", "required", "then", "type", "unevaluatedItems", "unevaluatedProperties", "uniqueItems",
))  # fmt: skip
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_RULES_OF = {
    "string": {"minLength", "maxLength", "pattern"},
    "integer": set(_BOUNDS),
    "number": set(_BOUNDS),
    "boolean": set[str](),
    "null": set[str](),
    "array": {"items", "minItems", "maxItems"},
    "object": {"properties", "required", "additionalProperties"},
}
_EXACT = 2**53  # up to here integers and floats compare alike


class _NotPlainError(Exception):
    """Leave it to jsonschema."""


def _quick(schema: JsonObject, *, top: bool, within: bool) -> Callable[[bytes], object]:
    """Takes JSON text, and raises `ValueError` unless jsonschema would find no error and no key is unknown; it may do so without need."""
    if draft_of(schema) in ("draft-03", "draft-04") or refers_from_elsewhere(schema):
        return _never
    try:
        made = _Plain(schema, closed=within).said({**schema, "additionalProperties": False} if top else schema, 0)
        return SchemaValidator(made).validate_json
    except (_NotPlainError, CoreSchemaError):
        return _never


def _never(data: bytes) -> object:
    raise ValueError


class _Plain:
    """Says a schema to pydantic's core. Raises `_NotPlainError` where that cannot be done exactly."""

    def __init__(self, root: JsonObject, *, closed: bool) -> None:
        self.root = root
        self.closed = closed  # objects that list their keys; some are open for what is said elsewhere, and then this is no yes
        self.left = 400  # subschemas

    def said(self, schema: JsonValue, depth: int) -> CoreSchema:
        self.left -= 1
        if schema is True:
            return core.any_schema()
        if not isinstance(schema, dict) or self.left < 0 or depth > 24:
            raise _NotPlainError
        rules = schema.keys() & _RULES
        if rules == {"$ref"}:
            return self.said(resolve(schema["$ref"], self.root), depth + 1)
        if rules == {"anyOf"}:
            return _union([self.said(branch, depth + 1) for branch in listing(schema, "anyOf")])
        names = type_names(schema)
        if rules <= {"type", "enum", "const"} and ("enum" in rules) != ("const" in rules):
            listed = constants(schema)
            if not all(isinstance(value, str) for value in listed) or (names and "string" not in names):
                raise _NotPlainError
            return core.literal_schema(listed)
        if not rules <= {"type"}.union(*(_RULES_OF.get(name, ()) for name in names)):
            raise _NotPlainError
        return _union([self.typed(name, schema, depth) for name in names]) if names else core.any_schema()

    def typed(self, name: str, schema: JsonObject, depth: int) -> CoreSchema:
        """For one of a schema's types; the rules for its other types do not bear on it."""
        match name:
            case "string":
                pattern = linear(cast("str", schema["pattern"])) if "pattern" in schema else None
                return core.str_schema(
                    strict=True, min_length=_count(schema, "minLength"), max_length=_count(schema, "maxLength"), pattern=pattern
                )
            case "integer":
                ge, le, gt, lt = (cast("int | None", _bound(schema, keyword, int)) for keyword in _BOUNDS)
                return core.int_schema(strict=True, ge=ge, le=le, gt=gt, lt=lt)
            case "number":
                low, high, above, below = (_bound(schema, keyword, int | float) for keyword in _BOUNDS)
                return core.float_schema(strict=True, allow_inf_nan=False, ge=low, le=high, gt=above, lt=below)
            case "boolean":
                return core.bool_schema(strict=True)
            case "null":
                return core.none_schema()
            case "array":
                items = self.said(schema.get("items", True), depth + 1)
                return core.list_schema(items, strict=True, min_length=_count(schema, "minItems"), max_length=_count(schema, "maxItems"))
            case "object":
                return self.object(schema, depth)
            case _:
                raise _NotPlainError

    def object(self, schema: JsonObject, depth: int) -> CoreSchema:
        properties, required = mapping(schema, "properties"), listing(schema, "required")
        extra = schema.get("additionalProperties", not (self.closed and properties))
        if not properties and not required and extra is not False:
            return core.dict_schema(core.str_schema(), self.said(extra, depth + 1), strict=True)
        if not properties.keys() >= set(cast("list[str]", required)) or not isinstance(extra, bool):
            raise _NotPlainError
        fields = {key: core.typed_dict_field(self.said(held, depth + 1), required=key in required) for key, held in properties.items()}
        return core.typed_dict_schema(fields, strict=True, extra_behavior="ignore" if extra else "forbid")


def _union(members: list[CoreSchema]) -> CoreSchema:
    return (
        members[0]
        if len(members) == 1
        else core.union_schema(cast("list[CoreSchema | tuple[CoreSchema, str]]", members), mode="left_to_right")
    )


def _count(schema: JsonObject, keyword: str) -> int | None:
    return int(cast("float", schema[keyword])) if keyword in schema else None


def _bound(schema: JsonObject, keyword: str, kind: Any) -> float | None:
    value = schema.get(keyword)
    if value is None:
        return None
    if not isinstance(value, kind) or not TYPES["number"](value) or abs(cast("float", value)) >= _EXACT:
        raise _NotPlainError
    return cast("float", value)
