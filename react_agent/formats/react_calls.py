"""From what stands after a label to a call or an answer: names as they are offered, objects, blobs, bare text for a single parameter."""

from __future__ import annotations

from pydantic import JsonValue

from react_agent.formats.arguments import read_arguments
from react_agent.formats.lossless import Unreadable, place, read_value, strict_object, write_json
from react_agent.formats.scanner import Step, unended
from react_agent.formats.tools import FINISH_TOOL, Tools, find_tool, from_text, misfit, takes_nothing, unknown
from react_agent.messages import JsonObject, ToolCall, ToolSpec

NOTHING = frozenset({"", "none", "null", "n/a", "[]", "()"})  # as the input of a tool that takes nothing
ANSWER_NAMES = frozenset({"finish", "final answer", "final_answer", "finalanswer"})
NAME_KEYS = ("action", "tool", "tool_name", "name", "function")
INPUT_KEYS = ("action_input", "tool_input", "tool_arguments", "input", "arguments", "parameters", "args")
_ANSWER_KEYS = ("answer", "final_answer", "output", "text", "result", "response")


class CallReader:
    """Makes steps of names and inputs that were found in `text`. The repairs that finding them took are collected in `repairs`."""

    def __init__(self, text: str, tools: Tools) -> None:
        self.text = text
        self.tools = tools
        self.repairs: list[str] = []

    def _known_name(self, name: str) -> str | None:
        """The offered tool's own name for what was written, or a name of the answer; None for neither."""
        tool, repair = find_tool(self.tools, name)
        if tool is None and name.endswith("."):
            name = name.rstrip(".")
            tool, repair = find_tool(self.tools, name)
        if tool is not None:
            if repair:
                self.repairs.append(repair)
            return tool.name
        return name if name.casefold() in ANSWER_NAMES else None

    def _answered(self, words: str, end: int) -> Step:
        finish, _ = find_tool(self.tools, FINISH_TOOL)
        if finish is not None:  # a typed answer: the reserved tool's arguments
            return self._call_from_text(finish, words, end)
        if not words:
            return Step("malformed", end=end, complaint="The answer is empty.", open=True)
        return Step("answer", end=end, text=words, open=True)

    # --------------------------------------------------------------------------------------------------------------- blob

    def _blob(self, at: int) -> Step:
        """``{"action": name, "action_input": …}``, or a list of such: several calls in one step."""
        text = self.text
        try:
            value, end, repairs = read_value(text, at)
        except Unreadable as error:
            where = place(text, error.at)
            return Step("malformed", end=len(text), complaint=f"The action's JSON cannot be read: {error.reason} ({where}).", open=True)
        items = value if isinstance(value, list) else [value]
        steps = [self._blob_item(item, end) for item in items]
        made = (*repairs, *(repair for step in steps for repair in step.repairs))
        wrong = next((step for step in steps if step.kind == "malformed"), None)
        if not steps or wrong is not None or (len(steps) > 1 and any(step.kind != "act" for step in steps)):
            return wrong or Step("malformed", end=end, complaint="The action's JSON names no call, or a call beside an answer.")
        if steps[0].kind == "answer":
            return steps[0]
        calls = tuple(call for step in steps for call in step.calls)
        return Step("act", end=end, calls=calls, repairs=made, open=unended(text, end))

    def _blob_item(self, item: JsonValue, end: int) -> Step:
        if not isinstance(item, dict):
            return Step("malformed", end=end, complaint="An action in JSON must be an object with the keys action and action_input.")
        names = [key for key in NAME_KEYS if isinstance(item.get(key), str)]
        inputs = [key for key in INPUT_KEYS if key in item]
        if len(names) != 1 or len(inputs) > 1 or set(item) - {*names, *inputs, "thought"}:
            return Step("malformed", end=end, complaint="An action in JSON must be an object with the keys action and action_input.")
        name = str(item[names[0]])
        written = self._known_name(name) or name
        value = item[inputs[0]] if inputs else None
        if isinstance(value, dict):
            return self._calls_of(written, value, write_json(value), end, ())
        if isinstance(value, str):
            return self._call(written, value, end)
        if value is None:
            return self._call(written, "", end)
        return self._call(written, write_json(value), end)

    # -------------------------------------------------------------------------------------------------------------- calls

    def _calls_of(self, name: str, arguments: JsonObject, raw: str, end: int, repairs: tuple[str, ...]) -> Step:
        """A call with an object as its arguments, or an answer that was written as an action."""
        tool, _ = find_tool(self.tools, name)
        if tool is None and name.casefold() in ANSWER_NAMES:
            only = next(iter(arguments.items()), ("", None))
            plain = len(arguments) == 1 and only[0].casefold() in _ANSWER_KEYS and isinstance(only[1], str)
            return self._answered(str(only[1]).strip() if plain else raw, end)
        call = ToolCall(tool.name if tool else name, arguments, None, raw if repairs else None)
        return Step("act", end=end, calls=(call,), repairs=repairs, open=end == len(self.text))

    def _call(self, name: str, words: str, end: int, *, empty: bool = False) -> Step:
        """A call with bare text as its input."""
        tool, _ = find_tool(self.tools, name)
        if tool is None and name.casefold() in ANSWER_NAMES:
            return self._answered(words, end)
        if tool is None:
            return Step(
                "act", end=end, calls=(ToolCall(name, None, unknown(self.tools, name), words),), open=end == len(self.text), bare=True
            )
        step = self._call_from_text(tool, words, end)
        step.open = step.open or empty
        return step

    def _call_from_text(self, tool: ToolSpec, words: str, end: int) -> Step:
        is_open = end == len(self.text)
        if takes_nothing(tool) and words.casefold() in NOTHING:
            return Step("act", end=end, calls=(ToolCall(tool.name, {}),), open=is_open)
        if words.startswith("{"):
            value = strict_object(words)
            if value is not None and misfit(tool, value) is None:
                return Step("act", end=end, calls=(ToolCall(tool.name, value, None, words),), repairs=("object_as_text",), open=is_open)
        try:
            if not words:
                raise Unreadable("there is no input", 0)
            arguments = from_text(tool, words)
        except Unreadable as error:
            read = read_arguments(words) if words.startswith("{") else None
            complaint = read.complaint if read and read.complaint else f"The input of {tool.name} cannot be read: {error.reason}."
            return Step("act", end=end, calls=(ToolCall(tool.name, None, complaint, words),), open=is_open, bare=True)
        return Step("act", end=end, calls=(ToolCall(tool.name, arguments, None, words),), open=is_open, bare=True)

    def _refused(self, name: str, reason: str, at: int, end: int) -> Step:
        """A call that is certain in its name but not in its arguments: it carries the complaint and never runs."""
        raw = self.text[at:end].strip()
        if name.casefold() in ANSWER_NAMES and find_tool(self.tools, name)[0] is None:
            return Step(
                "malformed", end=end, complaint=f"The answer cannot be read: {reason or 'its JSON is broken'}.", open=end == len(self.text)
            )
        complaint = (
            f"The input of {name[:80]} cannot be read: {reason} ({place(self.text, at)})." if reason else read_arguments(raw).complaint
        )
        complaint = complaint or f"The input of {name[:80]} cannot be read."
        return Step("act", end=end, calls=(ToolCall(name, None, complaint, raw),), open=end == len(self.text))
