"""Reading Thought/Action text: the first complete step in all the spellings that models use.

Both families are read: ``Action: name`` with ``Action Input: {…}`` (LangChain's and LlamaIndex's wording) and ``Action 1: Search[entity]``
with ``Finish[answer]`` (Yao et al., 2022, arXiv 2210.03629), labels numbered or not, in any case, decorated or not, and the blob
``{"action": …, "action_input": …}``. What a label is depends on where it stands: at the start of a line, and not inside a fence, a
thinking block, a JSON string or a bracketed argument.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from pydantic import JsonValue

from react_agent.formats.arguments import Unreadable, place, read_arguments, read_value, strict_object, write_json
from react_agent.formats.scanner import Hidden, Step, fence_at, fence_content, next_fence, skip_space
from react_agent.formats.tools import Tools, find_tool, from_text, misfit, takes_nothing, unknown
from react_agent.messages import JsonObject, ToolCall, ToolSpec

_LABEL = re.compile(
    r"(?:^|\n)[ \t\r>#*_`]*+"
    r"(?:(?P<thought>thoughts?+)|(?P<input>action[ _]?+input)|(?P<action>action)|(?P<observation>observations?+)"
    r"|(?P<final>final[ _]?+answer)|(?P<answer>answer)|(?P<question>question))"
    r"[ \t]*+[0-9]*+[ \t]*+[*_`]*+[ \t]*+[:：][*_`]*+",
    re.IGNORECASE,
)
ANSWER_LABEL = re.compile(r"(?:^|\n)[ \t\r>#*_`]*+final[ _]?+answer[ \t]*+[*_`]*+[ \t]*+[:：]", re.IGNORECASE)
_INLINE_INPUT = re.compile(r"[,;|]?+[ \t]*+[*_`]*+action[ _]?+input[ \t]*+[0-9]*+[ \t]*+[*_`]*+[:：][*_`]*+", re.IGNORECASE)
_INLINE_STEP = re.compile(r"[.!?;:)][ \t]++[*_`]*+(?:(?P<action>action)|final[ _]?+answer)[ \t]*+[0-9]*+[ \t]*+[:：][*_`]*+", re.IGNORECASE)
_NAME = re.compile(r"[`*\"'“‘]*+(?P<name>final[ _]answer|[\w.\-]++)[`*\"'”’]*+", re.IGNORECASE)
_LINE_NAME = re.compile(r"[ \t]*+[\w.\-]++\[")
_BRACKET = re.compile(r"[\[\]\n]")

ANSWER_NAMES = frozenset({"finish", "final answer", "final_answer", "finalanswer"})
NAME_KEYS = ("action", "tool", "tool_name", "name", "function")
INPUT_KEYS = ("action_input", "tool_input", "input", "arguments", "parameters", "args")
_ANSWER_KEYS = ("answer", "final_answer", "output", "text", "result", "response")
_TRAILING = " \t\r*`_."
_ENDS_ANSWER = frozenset({"thought", "action", "input", "observation", "final"})


class _Label:
    """A label in the text: its kind, where its line begins, and where its content begins."""

    __slots__ = ("content", "kind", "start")

    def __init__(self, kind: str, start: int, content: int) -> None:
        self.kind = kind
        self.start = start
        self.content = content


class StepReader:
    """Reads one text. Tools are needed for bare arguments such as ``Search[entity]`` and for names in another case."""

    def __init__(self, text: str, tools: Tools, hidden: Sequence[tuple[int, int]] = ()) -> None:
        self.text = text
        self.tools = tools
        self.hidden = Hidden(list(hidden)) if hidden else None
        self.repairs: list[str] = []
        self.wrapped = False  # the whole reply stands in a fence, which is then no fence
        self._plain = self.hidden is None and "```" not in text and "~~~" not in text
        self._asked = len(text) + 1  # nothing was asked for yet
        self._found: _Label | None = None
        self._fence: tuple[int, int, int] | None = None
        self._fence_from = -1

    # ------------------------------------------------------------------------------------------------------------- labels

    def label(self, at: int) -> _Label | None:
        """The next label at or after `at` that is one. The last one found is remembered: the parts of a step ask for the same."""
        if self._asked <= at and (self._found is None or at <= self._found.start):
            return self._found
        self._asked, self._found = at, self._search(at)
        return self._found

    def _search(self, at: int) -> _Label | None:
        text = self.text
        while found := _LABEL.search(text, at):
            past = self._past(found.end() - 1)
            if past == found.end() - 1:
                return _Label(str(found.lastgroup), found.start(), found.end())
            at = past
        return None

    def _past(self, at: int) -> int:
        """The end of the fence or thinking block that holds `at`; else `at`."""
        if self._plain:
            return at
        if self.hidden is not None and (past := self.hidden.past(at)) != at:
            return past
        while True:
            fence = self._next_fence(at)
            if fence is None or fence[0] > at:
                return at
            if fence[2] < 0:
                return len(self.text)
            if at < fence[2]:
                return fence[2]
            self._fence_from = fence[2]
            self._fence = next_fence(self.text, fence[2])

    def _next_fence(self, at: int) -> tuple[int, int, int] | None:
        if self._fence_from < 0:
            start = 0
            if self.text.startswith("```", lead := skip_space(self.text, 0)):
                content = fence_content(self.text, lead)
                inner = _LABEL.match(self.text, content) if content < len(self.text) else None
                if inner is not None:
                    self.wrapped = True
                    self.repairs.append("code_fence")
                    start = content
            self._fence_from = start
            self._fence = next_fence(self.text, start)
        return self._fence

    # --------------------------------------------------------------------------------------------------------------- step

    def step(self) -> Step:
        """The first complete step, or what stands in its way."""
        text = self.text
        thoughts: list[str] = []
        at, made_up, garbage = 0, False, -1
        label = self.label(0)
        if label is None or text[: label.start].strip():
            bare = self._unlabelled(label.start if label else len(text))
            if bare is not None:
                return bare
        lead = text[: label.start] if label else text
        if self.wrapped:
            lead = ""
        if label is not None and lead.strip():
            thoughts.append(lead.strip())
        while label is not None:
            following: _Label | None
            if label.kind == "action":
                found = self._action(label)
                if found is not None:
                    found.start = _begin(text)
                    return self._with(found, thoughts, "made_up_observation" if made_up else None)
                garbage = label.start
            elif label.kind in ("answer", "final") and not made_up:
                answer = self._answer(label.content)
                answer.start = _begin(text)
                return self._with(answer, thoughts, None)
            elif label.kind in ("observation", "question"):
                if garbage >= 0:
                    break
                made_up = True
            at = label.content
            following = self.label(at)
            if label.kind == "thought":
                thoughts.append(text[at : following.start if following else len(text)].strip())
            label = following
        return self._inline(thoughts) or Step("malformed" if garbage >= 0 or made_up or thoughts else "none", thought="\n".join(thoughts).strip(), text=text.strip(), end=len(text), open=True)

    def _with(self, step: Step, thoughts: list[str], repair: str | None) -> Step:
        step.thought = "\n".join(thought for thought in thoughts if thought)
        step.repairs = (*dict.fromkeys((*self.repairs, *step.repairs, *((repair,) if repair else ()))),)
        return step

    def _unlabelled(self, end: int) -> Step | None:
        """``Search[entity]`` alone on the first line: the prompt ended with ``Action 1:``."""
        begin = skip_space(self.text, 0)
        if not _LINE_NAME.match(self.text, begin):
            return None
        found = self._named(begin, end, certain=False)
        if found is None or found.kind == "malformed" or self.text[found.end : end].strip():
            return None
        return self._with(found, [], "unlabelled_action")

    def _inline(self, thoughts: list[str]) -> Step | None:
        """``… . Action: name[…]`` on the line of the thought, when that is the only one and a sentence ended before it."""
        found = _INLINE_STEP.search(self.text)
        if found is None or self._past(found.start()) != found.start() or _INLINE_STEP.search(self.text, found.end()):
            return None
        step = self._action(_Label("action", found.start(), found.end()), certain=False) if found.group("action") else self._answer(found.end())
        if step is None or step.kind == "malformed":
            return None
        lead = self.text[: found.start() + 1]
        label = _LABEL.match(lead)
        return self._with(step, [lead[label.end() if label else 0 :].strip()], "inline_label")

    # ------------------------------------------------------------------------------------------------------------- answer

    def _answer(self, at: int) -> Step:
        """The answer's text goes to the next label that only a further step can have."""
        label = self.label(at)
        while label is not None and label.kind not in _ENDS_ANSWER:
            label = self.label(label.content)
        end = label.start if label is not None else len(self.text)
        words = self.text[at:end].strip()
        if self.wrapped:
            words = words.removesuffix("```").rstrip()
        return self._answered(words, end)

    def _answered(self, words: str, end: int) -> Step:
        finish, _ = find_tool(self.tools, "finish")
        if finish is not None:  # a typed answer: the reserved tool's arguments
            return self._call_from_text(finish, "finish", words, end)
        if not words:
            return Step("malformed", end=end, complaint="The answer is empty.", open=True)
        return Step("answer", end=end, text=words, open=True)

    # ------------------------------------------------------------------------------------------------------------- action

    def _action(self, label: _Label, *, certain: bool = True) -> Step | None:
        """The action after its label; None where the text there is prose."""
        at = skip_space(self.text, label.content)
        following = self.label(label.content)
        end = following.start if following is not None else len(self.text)
        if at >= end:
            return Step("malformed", end=end, complaint="The action has no tool name.", open=following is None)
        if self.text.startswith("```", at):
            self.repairs.append("code_fence")
            inner = skip_space(self.text, fence_content(self.text, at))
            if self.text.startswith(("{", "["), inner):
                return self._past_fence(self._blob(inner))
            close = self.text.find("```", inner)
            if close < 0:
                return Step("malformed", end=len(self.text), complaint="The fence after the action is never closed.", open=True)
            step = self._named(inner, close, certain=certain)
            return self._past_fence(step) if step is not None else None
        if self.text[at] in "{[":
            return self._blob(at)
        return self._named(at, end, certain=certain)

    def _past_fence(self, step: Step) -> Step:
        at = skip_space(self.text, step.end)
        if self.text.startswith("```", at):
            step.end = at + 3
            step.open = False
        return step

    def _named(self, at: int, end: int, *, certain: bool) -> Step | None:
        """An action that begins with a name. `end` is where the next label or the text ends."""
        text = self.text
        found = _NAME.match(text, at)
        if found is None:
            return None
        name = self._known_name(found.group("name"))
        if name is None and not certain:
            return None
        written = name or found.group("name")
        after = found.end()
        while after < end and text[after] in " \t\r":
            after += 1
        mark = text[after] if after < end else "\n"
        if mark == "[":
            return self._bracket(written, after, end)
        if mark == "{":
            return self._input(written, after)
        if inline := _INLINE_INPUT.match(text, after):
            return self._input(written, inline.end())
        if mark == "\n" or (mark == "(" and name is not None):
            return self._after_name(written, after, end, mark == "(", known=name is not None)
        if name is not None and name.casefold() not in ANSWER_NAMES:
            return Step("malformed", end=end, complaint=f"After the tool name {name} stands other text.", open=end == len(text))
        return None

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

    def _after_name(self, name: str, at: int, end: int, paren: bool, *, known: bool) -> Step:
        """The name's line is over, or a remark in parentheses follows: the input must come next."""
        text = self.text
        if paren:
            inner = skip_space(text, at + 1)
            if text.startswith("{", inner):
                return self._in_parentheses(name, inner)
            line = text.find("\n", at, end)
            if not text[at : line if line >= 0 else end].rstrip().endswith(")"):
                return Step("malformed", end=end, complaint=f"After the tool name {name} stands other text.", open=end == len(text))
            at = line if line >= 0 else end
        label = self.label(at)
        between = text[at : label.start if label else len(text)].strip()
        if label is not None and label.kind == "input" and not between:
            if paren:
                self.repairs.append("remark")
            return self._input(name, label.content)
        if known and not paren and between.startswith(("{", "```")):
            self.repairs.append("missing_label")
            return self._input(name, skip_space(text, at))
        tool, _ = find_tool(self.tools, name)
        if tool is not None and takes_nothing(tool) and not between and not paren:
            return Step("act", end=end, calls=(ToolCall(tool.name, {}),), repairs=("no_input",), open=end == len(text))
        return Step("malformed", end=end, complaint=f"The action {name[:80]} has no input.", open=label is None)

    def _in_parentheses(self, name: str, at: int) -> Step:
        step = self._object(name, at, ")")
        close = skip_space(self.text, step.end)
        if step.kind == "malformed" or step.calls[0].arguments is None:
            return step
        if not self.text.startswith(")", close):
            return self._refused(name, "the parenthesis is never closed", at, len(self.text))
        step.end = close + 1
        step.open = step.end == len(self.text)
        return step

    # -------------------------------------------------------------------------------------------------- Search[entity]

    def _bracket(self, name: str, at: int, end: int) -> Step:
        """``name[argument]``: the bracket that balances the first, with nothing but decoration after it on its line."""
        text, level, pos = self.text, 0, at
        close = -1
        while found := _BRACKET.search(text, pos, end):
            pos = found.end()
            if found.group() == "[":
                level += 1
            elif found.group() == "]":
                level -= 1
                if level == 0:
                    close = found.start()
                    break
        if close < 0:
            return self._refused(name, "the bracket is never closed", at, end)
        line = text.find("\n", close)
        line = line if line >= 0 else len(text)
        rest = text[close + 1 : min(line, end)].strip(_TRAILING)
        if rest and not _LABEL.match(rest):
            return self._refused(name, "text follows the closing bracket", close + 1, end)
        return self._call(name, text[at + 1 : close].strip(), close + 1)

    # ------------------------------------------------------------------------------------------------------ Action Input

    def _input(self, name: str, at: int) -> Step:
        """The input after its label: an object, a fence around one thing, or bare text up to the next label."""
        text = self.text
        begin = skip_space(text, at)
        label = self.label(at)
        if begin >= (label.start if label else len(text)):
            return self._call(name, "", label.start if label else len(text), empty=label is None)
        if text[begin] == "{":
            return self._object(name, begin)
        if text.startswith("```", begin):
            inner = skip_space(text, fence_content(text, begin))
            if text.startswith("{", inner):
                step = self._past_fence(self._object(name, inner))
                step.repairs = (*step.repairs, "code_fence")
                return step
            fence = fence_at(text, begin, "```")
            if fence[2] >= 0:
                after = self.label(fence[2])
                rest = text[fence[2] : after.start if after else len(text)]
                if not rest.strip():
                    content = text[fence[1] : text.rfind("```", fence[1], fence[2])].strip("\n")
                    step = self._call(name, content, fence[2])
                    step.repairs = (*step.repairs, "code_fence")
                    return step
        end = label.start if label else len(text)
        words = text[begin:end].strip().removesuffix("```" if self.wrapped else "").rstrip()
        if words.startswith('"') and (literal := _json_string(words)) is not None:
            words = literal
            self.repairs.append("json_string")
        step = self._call(name, words, end)
        step.open = label is None
        return step

    def _object(self, name: str, at: int, stray: str = "") -> Step:
        """An input that begins with a brace."""
        text = self.text
        try:
            value, end, repairs = read_value(text, at)
        except Unreadable:
            label = self.label(at)
            return self._refused(name, "", at, label.start if label else len(text))
        line = text.find("\n", end)
        rest = text[end : line if line >= 0 else len(text)]
        label_here = _LABEL.match(rest.lstrip())
        if rest.strip() and not label_here and not rest.lstrip().startswith(("```", stray or "```")):
            if any(mark in rest for mark in '{}[]"'):
                return self._refused(name, "more follows after the object", end, line if line >= 0 else len(text))
            repairs = (*repairs, "text_around")
        return self._calls_of(name, cast(JsonObject, value), text[at:end], end, repairs)

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
        return Step("act", end=end, calls=calls, repairs=made, open=end == len(text))

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
            return Step("act", end=end, calls=(ToolCall(name, None, unknown(self.tools, name), words),), open=end == len(self.text))
        step = self._call_from_text(tool, name, words, end)
        step.open = step.open or empty
        return step

    def _call_from_text(self, tool: ToolSpec, name: str, words: str, end: int) -> Step:
        is_open = end == len(self.text)
        if not words and takes_nothing(tool):
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
            return Step("act", end=end, calls=(ToolCall(tool.name, None, complaint, words),), open=is_open)
        return Step("act", end=end, calls=(ToolCall(tool.name, arguments, None, words),), open=is_open)

    def _refused(self, name: str, reason: str, at: int, end: int) -> Step:
        """A call that is certain in its name but not in its arguments: it carries the complaint and never runs."""
        raw = self.text[at:end].strip()
        if name.casefold() in ANSWER_NAMES and find_tool(self.tools, name)[0] is None:
            return Step("malformed", end=end, complaint=f"The answer cannot be read: {reason or 'its JSON is broken'}.", open=end == len(self.text))
        complaint = f"The input of {name[:80]} cannot be read: {reason} ({place(self.text, at)})." if reason else read_arguments(raw).complaint
        complaint = complaint or f"The input of {name[:80]} cannot be read."
        return Step("act", end=end, calls=(ToolCall(name, None, complaint, raw),), open=end == len(self.text))


def _json_string(words: str) -> str | None:
    """The text that a JSON string literal stands for, when `words` is exactly one."""
    try:
        value, end, repairs = read_value(words, 0)
    except Unreadable:
        return None
    return value if isinstance(value, str) and end == len(words) and not repairs else None


def _begin(text: str) -> int:
    return skip_space(text, 0)
