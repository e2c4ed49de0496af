"""From a signature to JSON Schema, from a schema to a validator, from a mistake to a complaint that a model can act on.

Two kinds of tools, one rule for both: arguments are held to JSON's own types (``"5"`` is no integer, ``true`` is no 1, ``5.0`` is
one), and a key that the tool does not know is refused. Functions are checked by pydantic, schemas from outside by jsonschema; either
validator is compiled once, when it is first needed. What comes from outside is bounded before anything is compiled from it.

JSON Schema: draft 2020-12 (https://json-schema.org/draft/2020-12); raw schemas may name an older draft in ``$schema``.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
import json
import re
import threading
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Literal, NotRequired, Protocol, TypeAlias, cast, get_args, get_origin
from urllib.parse import urldefrag, urljoin

from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import SchemaError as CoreSchemaError
from pydantic_core import SchemaValidator, core_schema, to_json, to_jsonable_python
from typing_extensions import TypedDict

from react_agent.errors import ReactAgentError, SchemaError, ToolDefinitionError
from react_agent.messages import JsonObject

if typing.TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError as JsonSchemaError
    from jsonschema.protocols import Validator

Path: TypeAlias = tuple[str | int, ...]

MAX_BYTES = 64_000  # of a schema's JSON
MAX_DEPTH = 64
MAX_NODES = 8_000
MAX_EXPANSION = 2_000  # subschemas that one value may be held against
MAX_PROBLEMS = 8  # shown in one complaint
MAX_COMPLAINT = 1_500  # characters
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the arguments.

    Attributes:
        path: Keys and indexes from the arguments to the value.
        reason: What the value must be, or why there may be none.
        kind: ``missing`` and ``unknown`` speak of a key, ``value`` of what stands under it.
        given: The value.
    """

    path: Path
    reason: str
    kind: Literal["value", "missing", "unknown"] = "value"
    given: object = _MISSING


class InvalidArguments(ReactAgentError):
    """A model's arguments break the tool's schema.

    Attributes:
        complaint: What is wrong and what would be right, for the model; at most about 1,500 characters.
        problems: The same as data.
    """

    def __init__(self, complaint: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(complaint)
        self.complaint = complaint
        self.problems = tuple(problems)


class ArgumentsValidator(Protocol):
    """Holds arguments against one schema."""

    schema: JsonObject
    examples: tuple[JsonObject, ...]

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        """The keyword arguments to call with. Raises `InvalidArguments`."""
        ...


# ---------------------------------------------------------------------------------------------------- from a signature


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function says about itself: its first paragraphs, the schema of its arguments, the parameter that is filled in for it."""

    description: str
    arguments: TypedArguments
    injected: str | None


def from_function(function: Callable[..., object], *, name: str, injected: type | None = None, method: bool = False) -> Signature:
    """Reads a function's hints, defaults and docstring (Google, NumPy or reST).

    Args:
        function: Sync or async.
        name: For error messages.
        injected: A class; the parameter annotated with it is filled in by the caller and is not in the schema.
        method: The first parameter is the instance.

    Raises:
        ToolDefinitionError: Something in the signature has no JSON Schema; the message names it and says what to write.
    """
    parameters = _parameters(function, name, method)
    hints = _hints(function, name, [p.name for p in parameters])
    context = [p.name for p in parameters if injected is not None and _mentions(hints[p.name], injected)]
    if len(context) > 1:
        raise ToolDefinitionError(f"{name}: {context[0]!r} and {context[1]!r} are both contexts; keep one")
    described = [p for p in parameters if p.name not in context]
    description, notes = _docstring(inspect.getdoc(function) or "")
    fields = {p.name: _field(p, hints[p.name], notes.get(p.name)) for p in described}
    adapter, schema = _adapter(name, fields)
    properties = cast("dict[str, JsonObject]", schema["properties"])
    for parameter, of in zip(described, properties.values(), strict=True):
        if not isinstance(parameter.default, FieldInfo) and parameter.default is not parameter.empty and "default" not in of:
            try:
                of["default"] = to_jsonable_python(parameter.default)
            except ValueError:  # a default that JSON cannot say is the function's own business
                continue
    return Signature(description, TypedArguments(schema, adapter), context[0] if context else None)


def _parameters(function: Callable[..., object], name: str, method: bool) -> list[inspect.Parameter]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise ToolDefinitionError(f"{name}: its signature cannot be read ({error}); wrap it in a function with annotated parameters") from error
    if method:
        parameters = parameters[1:]
    if isinstance(function, functools.partial):  # what is bound is decided, and no concern of the model
        parameters = [p for p in parameters if p.name not in function.keywords]
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ToolDefinitionError(f"{name}: '{parameter}' cannot be told to a model; name each parameter, or take one list or dict")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise ToolDefinitionError(f"{name}: {parameter.name!r} is positional-only, and tools are called by keyword; leave out the '/'")
        if parameter.annotation is parameter.empty:
            raise ToolDefinitionError(f"{name}: parameter {parameter.name!r} has no type; write for instance '{parameter.name}: str'")
    return parameters


def _hints(function: Callable[..., object], name: str, wanted: Sequence[str]) -> dict[str, object]:
    """The resolved annotations. Local types are looked up where the definition is being made."""
    target: object = function
    while isinstance(target, functools.partial):
        target = target.func
    if not inspect.isroutine(target) and not isinstance(target, type):
        target = type(target).__call__
    elif isinstance(target, type):
        target = target.__init__
    try:
        return typing.get_type_hints(target, include_extras=True)
    except Exception:  # noqa: BLE001 - an annotation is code, and may raise anything; below it is found which one
        pass
    plain = inspect.unwrap(cast("Callable[..., object]", target))
    annotations = getattr(plain, "__annotations__", {})
    names = getattr(plain, "__globals__", {})
    nearby = _nearby(names)
    hints: dict[str, object] = {}
    for parameter in wanted:
        stub = types.SimpleNamespace(__annotations__={parameter: annotations[parameter]})
        try:
            hints |= typing.get_type_hints(stub, names, nearby, include_extras=True)
        except Exception as error:
            raise ToolDefinitionError(
                f"{name}: the annotation {annotations[parameter]!r} of parameter {parameter!r} cannot be resolved ({error}); "
                "import or define the type at the top of the module, not under TYPE_CHECKING"
            ) from error
    return hints


def _nearby(names: dict[str, object]) -> dict[str, object]:
    """Local names of the callers within the module whose globals these are, nearest first."""
    found: dict[str, object] = {}
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals is names:
            found = {**frame.f_locals, **found}
        frame = frame.f_back
    return found


def check_accepts(function: Callable[..., object], name: str, injected: type, known: frozenset[str] | None) -> str | None:
    """Makes sure that a function takes the keys of a schema from outside (None: any). Gives the name of its injected parameter.

    Raises:
        ToolDefinitionError: It does not take one of the keys, or wants something that the schema does not have.
    """
    try:
        parameters = inspect.signature(function).parameters
        hints = _hints(function, name, [p.name for p in parameters.values() if p.annotation is not p.empty])
    except (TypeError, ValueError, ToolDefinitionError):  # it cannot be told; the call will show
        return None
    context = next((p for p in parameters if p in hints and _mentions(hints[p], injected)), None)
    if known is None or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return context
    for key in sorted(known - parameters.keys()):
        raise ToolDefinitionError(f"{name}: the schema has {key!r}, but the function takes no such argument; add it, or take **arguments")
    for p in parameters.values():
        if p.name not in known and p.name != context and p.default is p.empty and p.kind is not p.VAR_POSITIONAL:
            raise ToolDefinitionError(f"{name}: the function needs {p.name!r}, but the schema does not have it")
    return context


def _mentions(hint: object, wanted: type) -> bool:
    if hint is wanted or get_origin(hint) is wanted:
        return True
    if get_origin(hint) in (typing.Union, types.UnionType, Annotated):
        return any(_mentions(arg, wanted) for arg in get_args(hint))
    return False


def _field(parameter: inspect.Parameter, hint: object, note: str | None) -> object:
    """The hint as a field of a TypedDict: with its description, and not required where the function has a default."""
    metadata = list(getattr(hint, "__metadata__", ()))
    if isinstance(parameter.default, FieldInfo):
        metadata.append(parameter.default)
        hint = Annotated[hint, parameter.default]
    if not any(isinstance(m, FieldInfo) and m.description for m in metadata):
        said = next((m if isinstance(m, str) else m.documentation for m in metadata if isinstance(m, str) or hasattr(m, "documentation")), note)
        if said:
            hint = Annotated[hint, FieldInfo(description=said)]
    defaults = parameter.default is not parameter.empty and not isinstance(parameter.default, FieldInfo)
    return NotRequired[hint] if defaults else hint



def _adapter(name: str, fields: dict[str, object]) -> tuple[TypeAdapter[dict[str, object]], JsonObject]:
    def build(some: dict[str, object]) -> tuple[TypeAdapter[dict[str, object]], JsonObject]:
        # A TypedDict, since its fields may have any name and what was not given stays away, so that the function's defaults apply.
        arguments = TypedDict("Arguments", some)  # type: ignore[operator]
        arguments.__pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
        adapter: TypeAdapter[dict[str, object]] = TypeAdapter(arguments)
        schema = adapter.json_schema()
        _drop_titles(schema)
        schema.setdefault("properties", {})
        return adapter, {"type": "object", **schema}

    try:
        return build(fields)
    except Exception as whole:
        for parameter, hint in fields.items():
            try:
                build({parameter: hint})
            except Exception as error:
                raise ToolDefinitionError(
                    f"{name}: parameter {parameter!r} has a type that has no JSON Schema ({str(error).splitlines()[0]}); "
                    "use JSON's types, dataclasses, TypedDicts or pydantic models"
                ) from error
        raise ToolDefinitionError(f"{name}: its arguments have no JSON Schema ({whole})") from whole


def _drop_titles(schema: JsonObject) -> None:
    """pydantic names every field and class again in ``title``: a third of a schema's bytes and nothing new."""
    schema.pop("title", None)
    for _, child, _ in _children(schema):
        if isinstance(child, dict):
            _drop_titles(child)


_SECTIONS = re.compile(r"^\s*(Args|Arguments|Parameters|Params|Returns|Raises|Yields|Examples?|Attributes)\s*:?\s*$|^\s*:\w+.*:", re.MULTILINE)


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """What the function does, and what each parameter means."""
    if not _SECTIONS.search(text):
        return text.strip(), {}
    import docstring_parser

    try:
        parsed = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return text.strip(), {}
    notes = {p.arg_name.lstrip("*"): " ".join(p.description.split()) for p in parsed.params if p.description}
    return (parsed.description or "").strip(), notes


# --------------------------------------------------------------------------------------------------------- validators


class _Arguments:
    """What both kinds of validators share: the words."""

    __slots__ = ("examples", "schema")

    def __init__(self, schema: JsonObject, examples: Sequence[JsonObject] = ()) -> None:
        self.schema = schema
        self.examples = tuple(examples)

    def problems(self, arguments: JsonObject) -> list[Problem]:
        raise NotImplementedError

    def complaint(self, arguments: JsonObject, problems: list[Problem]) -> InvalidArguments:
        corrected = _correct(arguments, problems, self.schema)
        if corrected is not None and self.problems(corrected):
            corrected = None
        return InvalidArguments(_words(problems, self.schema, corrected, self.examples), problems)


class TypedArguments(_Arguments):
    """Arguments of a function, checked by pydantic in its strict JSON mode: about 1 µs."""

    __slots__ = ("_adapter", "_exact", "_validate")

    def __init__(self, schema: JsonObject, adapter: TypeAdapter[dict[str, object]], examples: Sequence[JsonObject] = ()) -> None:
        super().__init__(schema, examples)
        self._adapter = adapter
        self._validate: Callable[..., dict[str, object]] = adapter.validator.validate_json
        self._exact = _has_plain_constants(schema)

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        """The keyword arguments to call with; what was not given is left to the function's defaults. Raises `InvalidArguments`."""
        try:
            checked = self._validate(to_json(arguments), strict=True)
        except Exception:  # noqa: BLE001 - validators in annotations are the user's code; whatever they raise is told to the model
            arguments = _integral(arguments, self.schema, self.schema)
        else:
            if not self._exact or _exact(arguments, self.schema, self.schema):
                return checked
        problems = self.problems(arguments)
        if problems:
            raise self.complaint(arguments, problems)
        return self._validate(to_json(arguments), strict=True)

    def problems(self, arguments: JsonObject) -> list[Problem]:
        try:
            self._validate(to_json(arguments), strict=True)
        except ValidationError as error:
            return _from_pydantic(error, arguments)
        except Exception as error:  # noqa: BLE001 - as in `check`
            return [Problem((), _not_json(error))]
        if self._exact and not _exact(arguments, self.schema, self.schema):
            return [Problem((), "true and false are not 1 and 0; use the values that the schema lists")]
        return []


class RawArguments(_Arguments):
    """Arguments of a schema from outside, checked by jsonschema."""

    __slots__ = ("_validator", "known")

    def __init__(self, schema: JsonObject, examples: Sequence[JsonObject] = ()) -> None:
        super().__init__(schema, examples)
        self._validator: Validator | None = None
        self.known = _known_keys(schema)

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        """The arguments, whole floats made integers where the schema asks for such. Raises `InvalidArguments`."""
        problems = self.problems(arguments)
        if problems:
            raise self.complaint(arguments, problems)
        return _integral(arguments, self.schema, self.schema)

    def problems(self, arguments: JsonObject) -> list[Problem]:
        if self._validator is None:
            self._validator = _compile(self.schema)
        try:
            encoded = to_json(arguments)
            if b"NaN" in encoded or b"Infinity" in encoded:
                json.dumps(arguments, allow_nan=False)
            _budget.left = MAX_EXPANSION + 4 * len(encoded)
            found = list(islice(self._validator.iter_errors(arguments), 4 * MAX_PROBLEMS))
        except RecursionError:
            return [Problem((), "nested too deeply")]
        except _TooCostlyError:
            return [Problem((), "too intricate to be checked against this tool's schema; send less, or less nested, data")]
        except Exception as error:  # noqa: BLE001 - a foreign schema may find a hole in the validator; the call is not run
            return [Problem((), _not_json(error))]
        problems: list[Problem] = []
        if self.known is not None:
            problems += [Problem((key,), "unknown key", "unknown", arguments[key]) for key in arguments if key not in self.known]
        for error in found:
            problems += _from_jsonschema(error)
        return list(dict.fromkeys(problems)) if len(problems) > 1 and all(_hashable(p) for p in problems) else problems


def _hashable(problem: Problem) -> bool:
    return not isinstance(problem.given, dict | list)


def _not_json(error: Exception) -> str:
    return f"the arguments cannot be used: {type(error).__name__}: {str(error)[:200]}"


def _from_pydantic(error: ValidationError, arguments: JsonObject) -> list[Problem]:
    """pydantic's errors, one per place: what a union's members say about the same value is joined."""
    at: dict[tuple[Path, str], list[str]] = {}
    given: dict[Path, object] = {}
    for item in error.errors(include_url=False, include_context=False):
        path, value = _walk(item["loc"], arguments)
        kind = {"missing": "missing", "missing_argument": "missing", "extra_forbidden": "unknown", "unexpected_keyword_argument": "unknown"}.get(item["type"], "value")
        if kind == "missing" and item["loc"]:
            path = (*path, item["loc"][-1])
        reason = {"missing": "is required", "unknown": "unknown key"}.get(kind) or item["msg"].removeprefix("Input ")
        given[path] = value
        reasons = at.setdefault((path, kind), [])
        if reason not in reasons:
            reasons.append(reason)
    return [
        Problem(path, ", or ".join(reasons), cast("Literal['value', 'missing', 'unknown']", kind), _MISSING if kind == "missing" else given[path])
        for (path, kind), reasons in at.items()
    ]


def _walk(loc: Sequence[str | int], arguments: JsonValue) -> tuple[Path, object]:
    """The place as it stands in the arguments: pydantic's locations also name a union's members."""
    path: list[str | int] = []
    value = arguments
    for part in loc:
        if isinstance(value, dict) and part in value:
            value = value[cast("str", part)]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            continue
        path.append(part)
    return tuple(path), value


def _from_jsonschema(error: JsonSchemaError) -> Iterator[Problem]:
    path = cast("Path", tuple(error.absolute_path))
    wanted, given = error.validator_value, error.instance
    match error.validator:
        case "required":
            missing = re.match(r"'(.*)' is a required property$", error.message)
            yield Problem((*path, missing[1] if missing else ""), "is required", "missing")
        case "additionalProperties" | "unevaluatedProperties" if wanted is False and isinstance(given, dict):
            known = error.schema.get("properties", {})
            for key in given:
                if key not in known:
                    yield Problem((*path, key), "unknown key", "unknown", given[key])
        case "type":
            yield Problem(path, "must be " + (" or ".join(wanted) if isinstance(wanted, list) else f"{wanted}"), given=given)
        case "enum":
            yield Problem(path, "must be one of the listed values", given=given)
        case "anyOf" | "oneOf" if error.context:
            reasons = [p.reason if len(p.path) == len(path) else f"{_dotted(p.path)} {p.reason}" for e in error.context for p in _from_jsonschema(e)]
            yield Problem(path, ", or ".join(dict.fromkeys(reasons[:6])), given=given)
        case _:
            yield Problem(path, error.message[:300], given=given)


# -------------------------------------------------------------------------------------------------------- JSON's types


def _same(a: JsonValue, b: JsonValue) -> bool:
    """Equal as JSON: true is not 1, and 1.0 is."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return isinstance(a, bool) == isinstance(b, bool) and a == b


_TYPES: dict[str, Callable[[JsonValue], bool]] = {
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: (isinstance(v, int) and not isinstance(v, bool)) or (isinstance(v, float) and v.is_integer()),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
}


def _type_names(schema: JsonObject) -> list[str]:
    wanted = schema.get("type", [])
    return [wanted] if isinstance(wanted, str) else cast("list[str]", wanted)


def _has_plain_constants(schema: JsonObject) -> bool:
    """Whether a number or a truth value is listed somewhere: Python, and so pydantic, takes true for 1 there."""
    listed = [schema["const"]] if "const" in schema else schema.get("enum", [])
    if any(isinstance(v, int | float) for v in cast("list[JsonValue]", listed)):
        return True
    return any(_has_plain_constants(child) for _, child, _ in _children(schema) if isinstance(child, dict))


def _exact(value: JsonValue, schema: JsonValue, root: JsonObject) -> bool:
    """Whether the listed constants are met as JSON counts, in a schema that pydantic made and a value that it let through."""
    if not isinstance(schema, dict):
        return schema is not False
    if "$ref" in schema and not _exact(value, _resolve(schema, root), root):
        return False
    names = _type_names(schema)
    if names and not any(_TYPES[name](value) for name in names):
        return False
    if "const" in schema and not _same(value, schema["const"]):
        return False
    if "enum" in schema and not any(_same(value, v) for v in cast("list[JsonValue]", schema["enum"])):
        return False
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema and not any(_exact(value, branch, root) for branch in cast("list[JsonValue]", schema[keyword])):
            return False
    if isinstance(value, dict):
        return all(_exact(value[key], _child_at(schema, key, root), root) for key in value)
    if isinstance(value, list):
        return all(_exact(item, _child_at(schema, i, root), root) for i, item in enumerate(value))
    return True


def _integral(value: Any, schema: JsonValue, root: JsonObject) -> Any:
    """The value with whole floats as integers where the schema asks for an integer; the same object where there is nothing to do."""
    if isinstance(value, float):
        if not value.is_integer() or not isinstance(schema, dict):
            return value
        return int(value) if "integer" in _wanted(schema, root) and "number" not in _wanted(schema, root) else value
    if isinstance(value, dict):
        made = {key: _integral(item, _child_at(schema, key, root), root) for key, item in value.items()}
        return made if any(made[key] is not value[key] for key in made) else value
    if isinstance(value, list):
        items = [_integral(item, _child_at(schema, i, root), root) for i, item in enumerate(value)]
        return items if any(map(lambda a, b: a is not b, items, value)) else value
    return value


def _wanted(schema: JsonValue, root: JsonObject, depth: int = 8) -> set[str]:
    """Names of the types that a schema allows, as far as it says so plainly."""
    if not isinstance(schema, dict) or depth == 0:
        return set()
    wanted = set(_type_names(schema))
    if "$ref" in schema:
        wanted |= _wanted(_resolve(schema, root), root, depth - 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        for branch in cast("list[JsonValue]", schema.get(keyword, [])):
            wanted |= _wanted(branch, root, depth - 1)
    listed = [schema["const"]] if "const" in schema else cast("list[JsonValue]", schema.get("enum", []))
    return wanted | {name for name in ("integer", "string") if name not in wanted and listed and all(_TYPES[name](v) for v in listed)}


def _resolve(schema: JsonObject, root: JsonObject) -> JsonValue:
    """What a ``$ref`` within the document points at; True where it cannot be told here."""
    target: Any = root
    reference = str(schema["$ref"])
    if reference != "#" and not reference.startswith("#/"):
        return True
    for part in reference[2:].split("/") if len(reference) > 1 else ():
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            target = target[int(name)] if isinstance(target, list) else target[name]
        except (LookupError, TypeError, ValueError):
            return True
    return cast("JsonValue", target)


def _child_at(schema: JsonValue, key: str | int, root: JsonObject, depth: int = 8) -> JsonValue:
    """The subschema for one key or index; True where it cannot be told plainly."""
    if not isinstance(schema, dict) or depth == 0:
        return True
    if isinstance(key, str):
        named: Any = schema.get("properties", {})
        if key in named:
            return cast("JsonValue", named[key])
        if isinstance(schema.get("additionalProperties"), dict):
            return schema["additionalProperties"]
    else:
        prefix: Any = schema.get("prefixItems", [])
        if key < len(prefix):
            return cast("JsonValue", prefix[key])
        if isinstance(schema.get("items"), dict):
            return schema["items"]
    if "$ref" in schema:
        return _child_at(_resolve(schema, root), key, root, depth - 1)
    found: list[JsonValue] = []
    for keyword in ("anyOf", "oneOf", "allOf"):
        for branch in cast("list[JsonValue]", schema.get(keyword, [])):
            child = _child_at(branch, key, root, depth - 1)
            if child is not True:
                found.append(child)
    if not found:
        return True
    return found[0] if len(found) == 1 else {"anyOf": found}


# ----------------------------------------------------------------------------------------------------------- complaints


def _dotted(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the arguments"


def _short(value: object, limit: int) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = object.__repr__(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _subschema(schema: JsonObject, path: Path) -> JsonValue:
    at: JsonValue = schema
    for part in path:
        at = _child_at(at, part, schema)
    for _ in range(8):
        if not (isinstance(at, dict) and "$ref" in at and _resolve(at, schema) is not True):
            break
        said = {key: value for key, value in at.items() if key != "$ref"}
        target = _resolve(at, schema)
        at = {**target, **said} if isinstance(target, dict) else target
    return at


def _keys(schema: JsonValue, root: JsonObject) -> list[str]:
    known = _known_keys(schema, root) if isinstance(schema, dict) else None
    return list(known or ())


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant, or None."""
    lowered = {_folded(n): n for n in names}
    found = difflib.get_close_matches(_folded(name), lowered, 1, 0.6)
    return lowered[found[0]] if found else None


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")


def _words(problems: list[Problem], schema: JsonObject, corrected: JsonObject | None, examples: Sequence[JsonObject]) -> str:
    lines = ["The arguments do not fit the tool's schema; it was not run."]
    for problem in problems[:MAX_PROBLEMS]:
        where = _dotted(problem.path)
        if problem.kind == "unknown":
            known = _keys(_subschema(schema, problem.path[:-1]), schema)
            guess = nearest(str(problem.path[-1]), known)
            meant = f'; did you mean "{guess}"?' if guess else ""
            lines.append(f"- {where}: unknown key{meant} Known keys: {_short(known, 160)}")
            continue
        line = f"- {where}: {problem.reason}" if problem.given is _MISSING else f"- {where}: {_short(problem.given, 60)} given; {problem.reason[:240]}"
        excerpt = _subschema(schema, problem.path) if problem.path else True
        lines.append(line if excerpt is True else f"{line}. Schema: {_short(excerpt, 160)}")
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"- and {len(problems) - MAX_PROBLEMS} more")
    end = ""
    if corrected is not None:
        end = f"\nCorrected arguments: {_short(corrected, 600)}"
    elif examples:
        end = f"\nArguments that fit look like this: {_short(examples[0], 600)}"
    text = "\n".join(lines)
    room = MAX_COMPLAINT - len(end)
    return (text if len(text) <= room else f"{text[: room - 1]}…") + end


def _correct(arguments: JsonObject, problems: list[Problem], schema: JsonObject) -> JsonObject | None:
    """The arguments as they were meant, where that can be told without loss: a key's spelling, a value in the wrong JSON type."""
    try:
        corrected = json.loads(json.dumps(arguments))
    except (ValueError, RecursionError):
        return None
    for problem in sorted(problems, key=lambda p: p.kind != "value"):  # values first: renaming moves them
        if problem.kind == "missing" or not problem.path:
            continue
        holder = corrected
        for part in problem.path[:-1]:
            holder = holder[part]
        last = problem.path[-1]
        if problem.kind == "unknown":
            known = [key for key in _keys(_subschema(schema, problem.path[:-1]), schema) if key not in holder]
            guess = nearest(str(last), known)
            if guess is None:
                return None
            renamed = {guess if key == last else key: value for key, value in holder.items()}
            holder.clear()
            holder.update(renamed)
            last = guess
            problem = dataclasses.replace(problem, path=(*problem.path[:-1], guess))
        wanted = _wanted(_subschema(schema, problem.path), schema)
        holder[last] = _retyped(holder[last], wanted)
    return cast("JsonObject", corrected)


def _retyped(value: JsonValue, wanted: set[str]) -> JsonValue:
    """The same value in a JSON type that is wanted, or as it is."""
    if any(_TYPES[name](value) for name in wanted):
        return value
    if isinstance(value, str):
        try:
            read = json.loads(value if value not in ("True", "False", "None") else {"True": "true", "False": "false", "None": "null"}[value])
        except (ValueError, RecursionError):
            return value
        return cast("JsonValue", read) if any(_TYPES[name](read) for name in wanted) else value
    if "string" in wanted and isinstance(value, int | float):
        return json.dumps(value)
    return value


# ---------------------------------------------------------------------------------------------- schemas from outside

_ONE = frozenset({"additionalProperties", "items", "contains", "propertyNames", "not", "if", "then", "else", "unevaluatedProperties", "unevaluatedItems", "additionalItems", "contentSchema"})  # fmt: skip
_MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})
_IN_PLACE = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"})


def _children(schema: JsonObject) -> Iterator[tuple[Path, JsonValue, bool]]:
    """Where a schema holds others: place, subschema, and whether that speaks of the same value."""
    for keyword, value in schema.items():
        if keyword in _MANY and isinstance(value, list):
            for i, item in enumerate(value):
                yield (keyword, i), item, keyword in _IN_PLACE
        elif keyword in _ONE:
            yield (keyword,), value, keyword in _IN_PLACE
        elif keyword in _NAMED and isinstance(value, dict):
            for name, item in value.items():
                if not (keyword == "dependencies" and isinstance(item, list)):
                    yield (keyword, name), item, keyword in _IN_PLACE


def _count(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and value == int(value)


def _number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _strings(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _object(value: JsonValue) -> bool:
    return isinstance(value, dict)


def _text(value: JsonValue) -> bool:
    return isinstance(value, str)


def _flag(value: JsonValue) -> bool:
    return isinstance(value, bool)


def _some(value: JsonValue) -> bool:
    return isinstance(value, list) and bool(value)


_SHAPES: dict[str, tuple[Callable[[JsonValue], bool], str]] = {
    **dict.fromkeys(("title", "description", "format", "$ref", "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$schema", "$comment", "pattern", "contentEncoding", "contentMediaType"), (_text, "a string")),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"), (_count, "a whole number from 0")),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), (_number, "a number")),
    **dict.fromkeys(("uniqueItems", "deprecated", "readOnly", "writeOnly"), (_flag, "true or false")),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), (_some, "a list of schemas that is not empty")),
    **dict.fromkeys(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"), (_object, "an object")),
    "required": (_strings, "a list of names"),
    "multipleOf": (lambda v: _number(v) and cast("float", v) > 0, "a number above 0"),
    "enum": (lambda v: isinstance(v, list), "a list"),
    "examples": (lambda v: isinstance(v, list), "a list"),
    "dependentRequired": (lambda v: isinstance(v, dict) and all(map(_strings, v.values())), "an object of lists of names"),
}  # fmt: skip
_INSTEAD = {"dict": "object", "map": "object", "struct": "object", "str": "string", "text": "string", "int": "integer", "long": "integer", "float": "number", "double": "number", "bool": "boolean", "list": "array", "tuple": "array", "none": "null", "any": "no type at all"}  # fmt: skip
_DRAFTS = {
    "draft-03": "Draft3Validator",
    "draft-04": "Draft4Validator",
    "draft-06": "Draft6Validator",
    "draft-07": "Draft7Validator",
    "2019-09": "Draft201909Validator",
    "2020-12": "Draft202012Validator",
}


def _draft(schema: JsonObject) -> str:
    """Name of the draft that ``$schema`` asks for; 2020-12 where it asks for none that is known."""
    said = str(schema.get("$schema", ""))
    return next((draft for draft in _DRAFTS if "json-schema.org" in said and draft in said), "2020-12")


def arguments_schema(parameters: JsonObject | None) -> JsonObject:
    """A tool's parameters as they came from outside, checked, as the schema of an object.

    Nothing at all means no arguments; ``type: object`` is added where it is left out; the upper-case type names and ``nullable`` of
    OpenAPI and Gemini become JSON Schema's. Nothing else is changed.

    Raises:
        SchemaError: As `check_schema`, or the schema is not one of an object.
    """
    if not parameters:
        return {"type": "object", "properties": {}}
    _check_size(parameters)
    schema = cast("JsonObject", _normal(parameters))
    schema = {"type": "object", **schema}
    if schema["type"] != "object":
        raise SchemaError(f"the arguments of a tool are an object, not {_short(schema['type'], 60)}; set \"type\" to \"object\" and describe them under \"properties\"")
    check_schema(schema)
    return schema


def _normal(schema: JsonValue) -> JsonValue:
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    for path, child, _ in _children(schema):
        if len(path) == 1:
            made[str(path[0])] = _normal(child)
            continue
        keyword, at = path
        if made[str(keyword)] is schema[str(keyword)]:
            made[str(keyword)] = dict(cast("JsonObject", schema[str(keyword)])) if isinstance(schema[str(keyword)], dict) else list(cast("list[JsonValue]", schema[str(keyword)]))
        cast("dict[str | int, JsonValue]", made[str(keyword)])[at] = _normal(child)
    said = made.get("type")
    if isinstance(said, str) and said.isupper() and said.lower() in _TYPES:
        made["type"] = said = said.lower()
    if made.get("nullable") is True and isinstance(said, str) and said in _TYPES:
        del made["nullable"]
        made["type"] = [said, "null"]
    return made


def check_schema(schema: object) -> None:
    """Makes sure that a schema from outside is valid and can be compiled and applied in bounded time.

    Raises:
        SchemaError: It is no object, too large or too deep, not a valid JSON Schema, refers to something outside itself, refers to
            itself without taking a step into the value, multiplies beyond bounds, or has a pattern that may take for ever.
    """
    _check_size(schema)
    root = cast("JsonObject", schema)
    draft = _draft(root)
    nodes: dict[int, tuple[str, JsonObject]] = {}
    resources: dict[str, JsonObject] = {"": root}
    references: list[tuple[JsonObject, str, str]] = []
    pending: list[tuple[str, JsonValue, str]] = [("#", root, "")]
    while pending:
        where, node, base = pending.pop()
        if not isinstance(node, dict):
            if not isinstance(node, bool):
                raise SchemaError(f"{where} is {_short(node, 60)}; a schema is an object, true or false")
            continue
        _check_keywords(where, node, draft)
        identity = node.get("$id") or (node.get("id") if draft in ("draft-03", "draft-04") and isinstance(node.get("id"), str) else None)
        if identity:
            base = urljoin(base, str(identity))
            resources[urldefrag(base).url] = resources.get(urldefrag(base).url, node) if str(identity).startswith("#") else node
            resources[base] = node
        for keyword in ("$anchor", "$dynamicAnchor"):
            if keyword in node:
                resources[f"{urldefrag(base).url}#{node[keyword]}"] = node
        references += [(node, keyword, base) for keyword in ("$ref", "$dynamicRef") if keyword in node]
        nodes[id(node)] = (where, node)
        pending += [(f"{where}/{'/'.join(map(str, path))}", child, base) for path, child, _ in _children(node)]
    targets = {}
    for node, keyword, base in references:
        targets.setdefault(id(node), []).append(_target(str(node[keyword]), base, resources, nodes[id(node)][0]))
    _check_expansion(nodes, targets)


def _check_size(schema: object) -> None:
    if not isinstance(schema, dict):
        raise SchemaError(f"a JSON Schema of arguments is an object, not {type(schema).__name__}")
    nodes, size = 0, 0
    level: list[object] = [schema]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                if not all(isinstance(key, str) for key in value):
                    raise SchemaError("a JSON Schema has text for keys")
                size += sum(len(key) + 4 for key in value)
                below += value.values()
            elif isinstance(value, list):
                below += value
                size += 2 * len(value)
            elif isinstance(value, str):
                size += len(value) + 2
            elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
                raise SchemaError(f"{value} is not JSON")
            elif value is not None and not isinstance(value, int | float):
                raise SchemaError(f"a JSON Schema holds JSON only, not {type(value).__name__}")
            else:
                size += 5
        nodes += len(level)
        if nodes > MAX_NODES or size > MAX_BYTES:
            raise SchemaError(f"the schema is too large: more than {MAX_NODES:,} values or {MAX_BYTES:,} bytes; describe less, or in fewer words")
        if not below:
            return
        level = below
    raise SchemaError(f"the schema is nested more than {MAX_DEPTH} deep; make it flatter, or use $ref")


def _check_keywords(where: str, node: JsonObject, draft: str) -> None:
    for keyword, value in node.items():
        shape = _SHAPES.get(keyword)
        if shape is None:
            continue
        old = draft in ("draft-03", "draft-04") and (isinstance(value, bool) or keyword in ("dependencies", "required"))
        if not shape[0](value) and not old:
            raise SchemaError(f"{where}: {keyword!r} is {_short(value, 60)}; it must be {shape[1]}")
        if keyword == "pattern":
            _matcher(str(value), where)
    for pattern in cast("JsonObject", node.get("patternProperties", {})):
        _check_backtracking(pattern, where)
    wanted = node.get("type", [])
    for name in wanted if isinstance(wanted, list) else [wanted]:
        if not (isinstance(name, str) and name in _TYPES) and not draft == "draft-03":
            instead = _INSTEAD.get(str(name).lower()) or nearest(str(name), _TYPES)
            raise SchemaError(f"{where}: {_short(name, 40)} is no JSON Schema type" + (f"; write {instead}" if instead else f"; the types are {', '.join(_TYPES)}"))


def _target(reference: str, base: str, resources: dict[str, JsonObject], where: str) -> JsonObject | None:
    """The subschema that is referred to; None where it is one of the published meta-schemas, or a plain true or false."""
    url = urljoin(base, reference) if base or not reference.startswith("#") else reference
    url, fragment = urldefrag(url)
    if f"{url}#{fragment}" in resources and fragment:
        return resources[f"{url}#{fragment}"]
    at: JsonValue = resources.get(url)
    if at is None:
        if url.startswith(("http://json-schema.org/", "https://json-schema.org/")):
            return None
        raise SchemaError(f"{where}: {reference!r} lies outside the schema, and nothing is fetched; copy it under \"$defs\" and refer to \"#/$defs/…\"")
    if fragment and not fragment.startswith("/"):
        raise SchemaError(f"{where}: {reference!r} points at nothing")
    from urllib.parse import unquote

    for part in unquote(fragment).split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict) and name in at:
            at = at[name]
        elif isinstance(at, list) and name.isdigit() and int(name) < len(at):
            at = at[int(name)]
        else:
            raise SchemaError(f"{where}: {reference!r} points at nothing")
    if isinstance(at, bool):
        return None
    if not isinstance(at, dict):
        raise SchemaError(f"{where}: {reference!r} points at {_short(at, 40)}, which is no schema")
    return at


def _check_expansion(nodes: dict[int, tuple[str, JsonObject]], targets: dict[int, list[JsonObject | None]]) -> None:
    """Bounds how many subschemas one value is held against, and finds references that lead back without a step into the value."""
    weights: dict[int, int] = {}
    open_: set[int] = set()

    def weigh(node: JsonObject) -> int:
        key = id(node)
        if key in weights:
            return weights[key]
        where = nodes[key][0] if key in nodes else "#"
        if key in open_:
            raise SchemaError(f"{where} refers to itself without a step into the value, so that checking it would never end")
        open_.add(key)
        below = [child for _, child, in_place in _children(node) if in_place and isinstance(child, dict)]
        below += [target for target in targets.get(key, ()) if target is not None]
        weight = 1 + sum(map(weigh, below))
        if weight > MAX_EXPANSION:
            raise SchemaError(f"{where} holds one value against more than {MAX_EXPANSION:,} subschemas; flatten its allOf, anyOf, oneOf and $ref")
        open_.discard(key)
        weights[key] = weight
        return weight

    try:
        for _, node in nodes.values():
            weigh(node)
    except RecursionError:
        raise SchemaError("the schema's references form a chain that is too long") from None


def _known_keys(schema: JsonObject, root: JsonObject | None = None) -> frozenset[str] | None:
    """The keys that an object of this schema may have, in order; None if the schema leaves that open on purpose."""
    root = schema if root is None else root
    known: dict[str, None] = {}
    seen: set[int] = set()
    pending: list[JsonValue] = [schema]
    while pending:
        node = pending.pop()
        if not isinstance(node, dict) or id(node) in seen:
            continue
        seen.add(id(node))
        if any(node.get(k, False) is not False for k in ("additionalProperties", "unevaluatedProperties")) or node.get("patternProperties"):
            return None
        required = node.get("required", [])
        known |= dict.fromkeys(cast("JsonObject", node.get("properties", {})))
        known |= dict.fromkeys(cast("list[str]", required) if isinstance(required, list) else [])
        pending += [child for _, child, in_place in _children(node) if in_place]
        if "$ref" in node:
            pending.append(_resolve(node, root))
    return frozenset(known)


# ------------------------------------------------------------------------------------------------------------ patterns


@functools.lru_cache(512)
def _matcher(pattern: str, where: str = "#") -> Callable[[str], bool]:
    """Whether text matches, in time linear in its length where the pattern allows: Rust's engine does not backtrack."""
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern)).isinstance_python
    except CoreSchemaError as error:
        if "size limit" in str(error):
            raise SchemaError(f"{where}: the pattern {_short(pattern, 80)} is too large; repeat less") from None
    compiled = _check_backtracking(pattern, where)
    return lambda text: len(text) <= 2_000 and compiled.search(text) is not None


def _check_backtracking(pattern: str, where: str) -> re.Pattern[str]:
    """For what only Python's engine can read: look-around, back-references, and the names of properties."""
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise SchemaError(f"{where}: the pattern {_short(pattern, 80)} cannot be read: {error}") from None
    if _NESTED.search(_bare(pattern)):
        raise SchemaError(f"{where}: the pattern {_short(pattern, 80)} repeats a group that repeats or chooses, which may take for ever; write it without")
    return compiled


def _bare(pattern: str) -> str:
    """The pattern with escapes and character classes as ``x``, and groups that neither repeat nor choose taken out."""
    text = re.sub(r"\\.", "x", pattern, flags=re.DOTALL)
    text = re.sub(r"\[\^?\]?[^\]]*\]", "x", text)
    before = ""
    while before != text:
        before, text = text, re.sub(r"\((?:\?[^()]*?[:=!>])?[^()*+{|]*\)(?![*+{])", "x", text)
        text = re.sub(r"\((?:\?[^()]*?[:=!>])?[^()*+{|]*\)", "x", text)
    return text


_NESTED = re.compile(r"[*+{|][^()]*\)(?:[*+]|\{\d*,?\d*\})")


class _TooCostlyError(Exception):
    """The budget of one check is spent."""


class _Budget(threading.local):
    left = MAX_EXPANSION


_budget = _Budget()


def _compile(schema: JsonObject) -> Validator:
    return cast("Validator", _dialect(_draft(schema))(schema, registry=_registry()))


@functools.cache
def _registry() -> Any:
    """Holds the published meta-schemas, and never fetches."""
    from jsonschema_specifications import REGISTRY

    return REGISTRY


@functools.cache
def _dialect(draft: str) -> Any:
    """jsonschema's validator of a draft, with patterns that end in time and a bound on how much one check may branch."""
    import jsonschema
    from jsonschema.validators import extend

    base = getattr(jsonschema, _DRAFTS[draft])

    def counted(keyword: str) -> Callable[..., object]:
        rule = base.VALIDATORS[keyword]

        def check(validator: Validator, value: object, instance: object, schema: object) -> object:
            _budget.left -= 1
            if _budget.left < 0:
                raise _TooCostlyError
            return rule(validator, value, instance, schema)

        return check

    def pattern(validator: Validator, value: str, instance: object, schema: object) -> Iterator[object]:
        if isinstance(instance, str) and not _matcher(value)(instance):
            yield jsonschema.ValidationError(f"does not match the pattern {value!r}")

    bounded = ("$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "dependencies")
    return extend(base, {**{k: counted(k) for k in bounded if k in base.VALIDATORS}, "pattern": pattern})
