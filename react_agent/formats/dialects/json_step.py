"""One JSON object for each step: ``{"thought", "action", "action_input"}`` or ``{"thought", "answer"}``.

The form for models under a grammar: see `step_schema`. Several calls of one step are ``{"thought", "actions": [{"action", "action_input"}, …]}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pydantic import JsonValue

from react_agent.formats.arguments import unfence
from react_agent.formats.dialects.base import Dialect, arguments_of, call_of, turn_text
from react_agent.formats.lossless import Unreadable, place, read_value, write_json
from react_agent.formats.scanner import Step, skip_space
from react_agent.formats.tools import Tools
from react_agent.messages import Act, Answer, JsonObject, ToolCall

_THOUGHT_KEYS = ("thought", "reasoning", "thoughts")
_ANSWER_KEYS = ("answer", "final_answer", "final answer")
_NESTED = frozenset({"actions", "action", "tool_calls", "tool_call", "function_call", "tool_uses"})  # the calls as objects of their own
_CALL_KEYS = frozenset(
    {"action", "action_input", "tool", "tool_name", "tool_input", "tool_arguments", "name", "arguments", "parameters", "args", "input"}
)


class JsonStep(Dialect):
    name = "json_step"

    def step(self, text: str, tools: Tools, hidden: Sequence[tuple[int, int]] = ()) -> Step:
        begin, limit, repairs = unfence(text)
        at = skip_space(text, begin)
        if not text.startswith("{", at):
            return Step("none", 0, len(text), text=turn_text(text), open=True)
        try:
            value, end, made = read_value(text[:limit], at)
        except Unreadable as error:
            reason = f"The step's JSON cannot be read: {error.reason} ({place(text, error.at)})."
            return Step("malformed", at, len(text), complaint=reason, open=error.ended, dialect=self.name)
        if repairs and not text[end:limit].strip():
            end = len(text)
        step = self.of(cast(JsonObject, value), tools)
        if step is None:
            what = "The step must be one JSON object with the keys thought, action and action_input, or thought and answer."
            return Step("malformed", at, end, complaint=what, open=False, dialect=self.name)
        # the object is closed, and it is the whole step: nothing can be missing
        step.start, step.end, step.repairs, step.open, step.at = at, end, (*repairs, *made), False, at
        return step

    def of(self, value: JsonObject, tools: Tools) -> Step | None:
        """The step that an object says; None if it is none."""
        thoughts = [key for key in _THOUGHT_KEYS if isinstance(value.get(key), str)]
        thought = str(value[thoughts[0]]).strip() if thoughts else ""
        rest = {key: member for key, member in value.items() if key not in thoughts}
        answers = [key for key in rest if key.casefold() in _ANSWER_KEYS]
        if len(rest) == 1 and answers:
            answer = rest[answers[0]]
            words = answer if isinstance(answer, str) else write_json(answer)
            return Step("answer", thought=thought, text=words.strip(), dialect=self.name) if words.strip() else None
        items: list[JsonValue] = [rest]
        nested = next(iter(rest.values())) if len(rest) == 1 and _NESTED.issuperset(rest) else None
        if isinstance(nested, list | dict):
            items = nested if isinstance(nested, list) else [nested]
        elif not set(rest) <= _CALL_KEYS:
            return None
        calls = [call_of(item, tools) for item in items]
        if not calls or not all(calls):
            return None
        only = calls[0]
        if (
            len(calls) == 1
            and only is not None
            and only.name.casefold() in ("final answer", "final_answer", "finish")
            and not any(t.name == only.name for t in tools)
        ):
            return _answer_as_call(only, rest, thought)
        return Step("act", thought=thought, calls=tuple(call for call in calls if call), dialect=self.name)

    def render(self, reading: Act | Answer) -> str:
        lead: JsonObject = {"thought": reading.thought}
        if isinstance(reading, Answer):
            return write_json({**lead, "answer": reading.text})
        items: list[JsonValue] = [{"action": call.name, "action_input": arguments_of(call)} for call in reading.calls]
        return write_json({**lead, **cast(JsonObject, items[0])} if len(items) == 1 else {**lead, "actions": items})

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        return self.render(Act("", tuple(calls)))


def _answer_as_call(call: ToolCall, said: JsonObject, thought: str) -> Step | None:
    """``{"action": "Final Answer", "action_input": "…"}``: the words as they stand there, whatever they may be JSON of."""
    texts: list[JsonValue] = [member for key, member in said.items() if key in ("action_input", "input") and isinstance(member, str)]
    values = texts or list((call.arguments or {}).values())
    words = values[0] if len(values) == 1 else call.raw if call.arguments is None else None
    if not isinstance(words, str) or not words.strip():
        return None
    return Step("answer", thought=thought, text=words.strip(), dialect="json_step")


DIALECT = JsonStep()
