"""What is wrong with arguments, in words that a model can act on, and what would be right.

Small models parrot an error's text; so a complaint ends, wherever that can be had without guessing, with arguments that do fit.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from pydantic import JsonValue

from react_agent.errors import ReactAgentError
from react_agent.messages import JsonObject
from react_agent.schema.walk import TYPES, Path, integral, subschema, wanted_types

MAX_PROBLEMS = 8  # shown in one complaint
MAX_CHARS = 1_500  # of one complaint
MISSING = object()
Kind: TypeAlias = Literal["value", "missing", "unknown"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the arguments.

    Attributes:
        path: Keys and indexes from the arguments to the value.
        reason: What the value must be, or why there may be none.
        kind: ``missing`` and ``unknown`` speak of a key, ``value`` of what stands under it.
        given: The value.
        known: The keys that there are, where the key is unknown.
    """

    path: Path
    reason: str
    kind: Kind = "value"
    given: object = MISSING
    known: Sequence[str] = ()


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


class ArgumentsValidator:
    """Holds arguments against one schema. Made of two kinds, which share how they complain.

    Attributes:
        schema: JSON Schema of an object.
        examples: Arguments that fit, to be shown in complaints.
    """

    __slots__ = ("examples", "schema")

    def __init__(self, schema: JsonObject) -> None:
        self.schema = schema
        self.examples: tuple[JsonObject, ...] = ()

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        """The keyword arguments to call with. Raises `InvalidArguments`."""
        raise NotImplementedError

    def problems(self, arguments: JsonObject) -> list[Problem]:
        """All that is wrong; nothing if the arguments fit."""
        raise NotImplementedError

    def judged(self, arguments: JsonObject) -> JsonObject:
        """The arguments, whole floats made integers where the schema asks for such. Raises `InvalidArguments`."""
        try:
            arguments = cast("JsonObject", integral(arguments, self.schema, self.schema))
            problems = self.problems(arguments)
            if not problems:
                return arguments
            error = self._error(arguments, problems)
        except RecursionError:
            error = self._error({}, [Problem((), "are nested too deeply; send flatter data")])
        raise error

    def _error(self, arguments: JsonObject, problems: list[Problem]) -> InvalidArguments:
        corrected = _corrected(arguments, problems, self.schema)
        if corrected is not None and self.problems(corrected):
            corrected = None
        return InvalidArguments(_words(problems, self.schema, corrected, self.examples), problems)


# --------------------------------------------------------------------------------------------------------------- words


def dotted(path: Path) -> str:
    """A path as people write it: ``a.b[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "arguments"


def short(value: object, limit: int) -> str:
    """A value as JSON, at most so many characters."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = object.__repr__(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def nearest(name: str, names: Iterable[str], likeness: float = 0.6) -> str | None:
    """The name that was probably meant, or None. Case, ``_`` and ``-`` count for nothing; `likeness` goes from 0 to 1, for the same."""
    folded = {_folded(known): known for known in names}
    found = difflib.get_close_matches(_folded(name), folded, 1, likeness)
    return folded[found[0]] if found else None


def _folded(name: str) -> str:
    return name[:200].lower().replace("-", "").replace("_", "")


def unusable(error: Exception) -> list[Problem]:
    """For arguments on which the check itself failed: they are no JSON, or code of the tool's own types raised."""
    said = str(error)
    if "surrogates not allowed" in said:
        return [Problem((), "hold half of a character (a lone surrogate, \\ud800 to \\udfff); write the whole character, or leave it out")]
    if "JSON compliant" in said:
        return [Problem((), "hold a number that is not finite, which JSON has not; write another")]
    return [Problem((), f"cannot be checked ({type(error).__name__}: {said[:200]})")]


def _words(problems: list[Problem], schema: JsonObject, corrected: JsonObject | None, examples: Sequence[JsonObject]) -> str:
    lines = ["The arguments do not fit the tool's schema; it was not run."]
    lines += [_line(problem, schema) for problem in problems[:MAX_PROBLEMS]]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"- and {len(problems) - MAX_PROBLEMS} more")
    end = ""
    if corrected is not None:
        end = f"\nCorrected arguments: {short(corrected, 600)}"
    elif examples:
        end = f"\nArguments that fit look like this: {short(examples[0], 600)}"
    text = "\n".join(lines)
    room = MAX_CHARS - len(end)
    return (text if len(text) <= room else f"{text[: room - 1]}…") + end


def _line(problem: Problem, schema: JsonObject) -> str:
    where = dotted(problem.path)[:120]
    if problem.kind == "unknown":
        known = list(problem.known)
        guess = nearest(str(problem.path[-1]), known)
        meant = f' Did you mean "{guess}"?' if guess else ""
        return f"- {where}: there is no such key.{meant} " + (
            f"The keys are {short(known, 160)}." if known else "There are no keys at all."
        )
    given = "" if problem.given is MISSING or not problem.path else f"{short(problem.given, 60)} was given; "
    excerpt = subschema(schema, problem.path) if problem.path else True
    return f"- {where}: {given}{problem.reason[:240]}." + ("" if excerpt is True else f" Its schema: {short(excerpt, 160)}")


# ---------------------------------------------------------------------------------------------------------- correction


def _corrected(arguments: JsonObject, problems: list[Problem], schema: JsonObject) -> JsonObject | None:
    """The arguments as they were meant, where that can be told without loss: a key's spelling, a value in the wrong JSON type."""
    if any(not problem.path for problem in problems):
        return None
    try:
        corrected = json.loads(json.dumps(arguments, allow_nan=False))
    except (ValueError, RecursionError):
        return None
    for problem in sorted(problems, key=lambda p: p.kind == "unknown"):  # values first: renaming moves them
        if problem.kind == "missing":
            continue
        holder = corrected
        for part in problem.path[:-1]:
            holder = holder[part]
        if problem.kind == "unknown":
            guess = nearest(str(problem.path[-1]), [key for key in problem.known if key not in holder])
            if guess is None:
                return None
            renamed = {guess if key == problem.path[-1] else key: value for key, value in holder.items()}
            holder.clear()
            holder.update(renamed)
            problem = dataclasses.replace(problem, path=(*problem.path[:-1], guess))
        last = problem.path[-1]
        holder[last] = _retyped(holder[last], wanted_types(subschema(schema, problem.path), schema))
    return cast("JsonObject", corrected)


def _retyped(value: JsonValue, wanted: set[str]) -> JsonValue:
    """The same value in a JSON type that is wanted, or as it is."""
    if any(TYPES[name](value) for name in wanted):
        return value
    if isinstance(value, str):
        try:
            read = json.loads({"True": "true", "False": "false", "None": "null"}.get(value, value))
        except (ValueError, RecursionError):
            return value
        return cast("JsonValue", read) if any(TYPES[name](read) for name in wanted) else value
    if "string" in wanted and isinstance(value, int | float):
        return json.dumps(value)
    return value
