"""What an agent is, as data: no functions, no connections. It is written whole into the trace's first event."""

from __future__ import annotations

from typing import Literal, cast

import msgspec
from msgspec.structs import fields
from pydantic import JsonValue

from react_agent.errors import ConfigError
from react_agent.messages import Head, JsonObject, Message, Noun, Settings, ToolSpec
from react_agent.policy import Policy

FINISH_TOOL = "finish"  # the paper's Finish[…]: reserved for typed answers


class Limits(Noun, frozen=True, omit_defaults=False):
    """Where a question ends at the latest. None is no limit. Counted anew for each question of a trace.

    ``msgspec.structs.replace(limits, steps=9)`` gives a copy with another value.

    Attributes:
        steps: Replies that ask for tools or are malformed.
        tool_calls: Calls that ran.
        tokens: Input and output together, as the server counts them.
        cost: US dollars, as far as prices are known.
        seconds: Of activity; pauses do not count.
        mistakes: Replies in a row that nothing could be done with (unreadable, or every call invalid or unknown); at this many the run
            ends as ``malformed``.
        repeats: Steps in a row that brought nothing but what was known (same calls, same results). At the first the model is advised,
            at this many it is asked for its answer one last time.
        calls_per_step: Calls of one reply that are looked at; the rest are refused, each with an observation.
        result_chars: Characters of one result that the model is shown; what is longer is cut in its middle, with a note.
    """

    steps: int | None = 50
    tool_calls: int | None = None
    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None
    mistakes: int = 3
    repeats: int = 2
    calls_per_step: int = 32
    result_chars: int = 32_000


class AgentSpec(Noun, frozen=True, omit_defaults=False):
    """Instructions, tools, limits, policy and settings of an agent.

    Attributes:
        instructions: The system prompt; formats add what their dialect needs.
        tools: What may be called.
        output_schema: JSON Schema of a typed answer; then the answer is a call of the reserved tool ``finish``.
        examples: Trajectories to learn from (few-shot): each the messages of a run, from its question to its answer. Formats write them in their dialect.
        strategy: ``react`` is the loop of Yao et al., 2022 (arXiv 2210.03629).
    """

    instructions: str = ""
    tools: tuple[ToolSpec, ...] = ()
    limits: Limits = Limits()
    settings: Settings = Settings()
    policy: Policy = Policy()
    output_schema: JsonObject | None = None
    strategy: Literal["react"] = "react"
    name: str = "agent"
    examples: tuple[tuple[Message, ...], ...] = ()

    def tool(self, name: str) -> ToolSpec | None:
        for spec in self.tools:
            if spec.name == name:
                return spec
        return None

    def head(self) -> Head:
        """What the model is told beside the messages; with a typed answer the reserved tool stands last."""
        tools = (*self.tools, finish_spec(self.output_schema)) if self.output_schema is not None else self.tools
        return Head(tools, self.settings, self.output_schema, self.examples or None)

    __hash__ = object.__hash__  # what was derived for one spec is looked up under the spec itself; compared by content


def finish_spec(schema: JsonObject) -> ToolSpec:
    """The reserved tool whose arguments are a typed answer; a schema that is no object is wrapped as ``{"answer": …}``."""
    parameters: JsonObject = schema
    if schema.get("type") != "object" and ("properties" not in schema or isinstance(schema.get("type"), list)):
        moved = cast("JsonObject", _moved(schema))
        of_root: JsonObject = {key: moved.pop(key) for key in ("$schema", "$id", "$defs", "definitions") if key in schema}
        parameters = {
            "type": "object",
            "properties": {"answer": moved},
            "required": ["answer"],
            "additionalProperties": False,
            **of_root,
        }
    return ToolSpec(FINISH_TOOL, "Give the final answer to the question. Call it when you are done.", parameters, read_only=True)


def _moved(part: JsonValue) -> JsonValue:
    """A copy of a schema for a place below ``answer``: references from its root lead there, and those to definitions stay."""
    if isinstance(part, list):
        return [_moved(item) for item in part]
    if not isinstance(part, dict):
        return part
    made = {key: _moved(value) for key, value in part.items()}
    if (
        isinstance(ref := part.get("$ref"), str)
        and (ref == "#" or ref.startswith("#/"))
        and not ref.startswith(("#/$defs/", "#/definitions/"))
    ):
        made["$ref"] = f"#/properties/answer{ref[1:]}"
    return made


def as_written(spec: AgentSpec) -> AgentSpec:
    """The spec as it is read again from a trace: what it says is of the right types, and a resumed run finds no difference that is none. Raises `ConfigError`."""
    for name, kind in (("limits", Limits), ("settings", Settings), ("policy", Policy)):
        if not isinstance(getattr(spec, name), kind):  # a dict would be read, and a misspelt key in it passed over
            raise ConfigError(f"{name} is a {kind.__name__}, as in {name}={kind.__name__}(…); not {type(getattr(spec, name)).__name__}")
    try:
        written = msgspec.json.decode(msgspec.json.encode(spec), type=AgentSpec)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(f"what the agent was given cannot be written into a trace and read again: {error}") from error
    for one in fields(Limits):
        given = getattr(spec.limits, one.name)
        least = 1 if one.name in _AT_LEAST_ONE else 0
        if given is not None and not given >= least:  # what is no number at all is no limit either
            raise ConfigError(f"limits.{one.name} is {given}; it is {least} or more" + ("" if least else ", or None for no limit"))
    return written


_AT_LEAST_ONE = ("steps", "mistakes", "repeats", "calls_per_step", "result_chars")


def differences(recorded: AgentSpec, now: AgentSpec) -> list[str]:
    """What is another in the second, in words: ``limits.steps (50 -> 9)``."""
    found = []
    for one in fields(AgentSpec):
        before, after = getattr(recorded, one.name), getattr(now, one.name)
        if before == after:
            continue
        if one.name == "tools":
            old, new = {tool.name: tool for tool in before}, {tool.name: tool for tool in after}
            gone, added = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
            changed = sorted(name for name in old.keys() & new.keys() if old[name] != new[name])
            words = [
                f"{what} {', '.join(names)}" for what, names in (("without", gone), ("with new", added), ("with changed", changed)) if names
            ]
            found.append(f"tools ({'; '.join(words) or 'in another order'})")
        elif isinstance(before, Limits | Settings | Policy):
            parts = [(part.name, getattr(before, part.name), getattr(after, part.name)) for part in fields(before)]
            found += [f"{one.name}.{name} ({_change(old, new)})" for name, old, new in parts if old != new]
        else:
            found.append(f"{one.name} ({_change(before, after)})")
    return found


_SHOWN = 80  # characters of a value
_LEAD = 20  # of them before the place where it differs


def _change(before: object, after: object) -> str:
    """Both values, of long ones what is around the first place where they differ."""
    old, new = repr(before), repr(after)
    same = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), min(len(old), len(new)))
    start = max(0, same - _LEAD) if max(len(old), len(new)) > _SHOWN else 0
    return " -> ".join(
        ("…" if start else "") + text[start : start + _SHOWN] + ("…" if len(text) > start + _SHOWN else "") for text in (old, new)
    )
