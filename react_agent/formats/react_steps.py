"""Reading Thought/Action text: the first complete step in all the spellings that models use.

Both families are read: ``Action: name`` with ``Action Input: {…}`` (LangChain's and LlamaIndex's wording) and ``Action 1: Search[entity]``
with ``Finish[answer]`` (Yao et al., 2022, arXiv 2210.03629), labels numbered or not, in any case, decorated or not, and the blob
``{"action": …, "action_input": …}``. What a label is depends on where it stands: at the start of a line, and not inside a fence, a
thinking block, a JSON string or a bracketed argument.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, cast

from react_agent.formats.dialects.pythonic import PythonReader, python_call
from react_agent.formats.lossless import Unreadable, read_value
from react_agent.formats.react_calls import ANSWER_NAMES, CallReader
from react_agent.formats.react_labels import Label, Labels, leading_label
from react_agent.formats.scanner import Step, cut_in, fence_at, fence_content, skip_space, unended
from react_agent.formats.tools import Tools, find_tool, takes_nothing
from react_agent.messages import JsonObject, ToolCall

ANSWER_LABEL = re.compile(r"(?:^|\n)[ \t\r>#*_`]*+final[ _]?+answer[ \t]*+[*_`]*+[ \t]*+[:：]", re.IGNORECASE)
_INLINE_INPUT = re.compile(r"[,;|]?+[ \t]*+[*_`]*+action[ _]?+input[ \t]*+[0-9]*+[ \t]*+[*_`]*+[:：][*_`]*+", re.IGNORECASE)
_INLINE_STEP = re.compile(r"[.!?;:)][ \t]++[*_`]*+(?:(?P<action>action)|final[ _]?+answer)[ \t]*+[0-9]*+[ \t]*+[:：][*_`]*+", re.IGNORECASE)
_NAME = re.compile(r"[`*\"'“‘]*+(?P<name>final[ _]answer|[\w.\-]++)[`*\"'”’]*+", re.IGNORECASE)
_REPEATED = {
    "action": re.compile(r"[ \t*_`]*+action[ \t]*+[0-9]*+[ \t]*+[:：]", re.IGNORECASE),
    "input": re.compile(r"[ \t*_`]*+action[ _]?+input[ \t]*+[0-9]*+[ \t]*+[:：]", re.IGNORECASE),
}
_WRAPPED_NAME = re.compile(r"(?:\[([\w.\-]++)\]|<([\w.\-]++)>)[ \t\r]*+(?=\n|\Z)")
_NO_ACTION = frozenset({"none", "null", "n/a", "nothing"})
_LINE_NAME = re.compile(r"[ \t]*+[\w.\-]++\[")
_BRACKET = re.compile(r"[\[\]\n]")

_TRAILING = " \t\r*`_."
_ENDS_ANSWER = frozenset({"thought", "action", "input", "observation", "final"})


class StepReader(CallReader):
    """Reads one text. Tools are needed for bare arguments such as ``Search[entity]`` and for names in another case."""

    def __init__(self, text: str, tools: Tools, hidden: Sequence[tuple[int, int]] = ()) -> None:
        super().__init__(text, tools)
        self.labels = Labels(text, hidden)
        if self.labels.wrapped:
            self.repairs.append("code_fence")

    # --------------------------------------------------------------------------------------------------------------- step

    def step(self) -> Step:
        """The first complete step, or what stands in its way."""
        text = self.text
        label = self.labels.next(0)
        lead = text[: label.start if label else len(text)]
        if lead.strip() and (bare := self._unlabelled(len(lead))) is not None:
            return bare
        thoughts = [lead.strip()] if label is not None and not self.labels.wrapped else []
        stop = len(text)  # from where on the model goes on by itself: an observation, or another question
        garbage = False
        while label is not None:
            following = self.labels.next(label.content)
            if label.kind == "action":
                found = self._action(label)
                if found is not None:
                    found.at = label.start
                    return self._with(found, thoughts, "made_up_observation" if label.start > stop else None)
                garbage = True  # prose under the label; a step may still follow
            elif label.kind in ("answer", "final") and label.start < stop:
                return self._with(self._labelled_answer(label), thoughts, None)
            elif label.kind == "thought":
                thoughts.append(text[label.content : following.start if following else len(text)].strip())
            elif label.kind == "observation" or (label.kind == "question" and any(thoughts)):
                stop = min(stop, label.start)
                if garbage:
                    break
            label = following
        inline = self._inline(stop)
        if inline is not None:
            return inline
        kind: Literal["malformed", "none"] = "malformed" if garbage or stop < len(text) or any(thoughts) or len(thoughts) > 1 else "none"
        return Step(kind, thought="\n".join(filter(None, thoughts)), text=text.strip(), end=len(text), open=True)

    def _with(self, step: Step, thoughts: list[str], repair: str | None) -> Step:
        step.start = skip_space(self.text, 0)
        step.thought = "\n".join([thought for thought in thoughts if thought])
        if self.repairs or step.repairs or repair:
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

    def _inline(self, stop: int) -> Step | None:
        """``… . Action: name[…]`` on the line of the thought, when that is the only one before `stop` and a sentence ended before it."""
        found = _INLINE_STEP.search(self.text, 0, stop)
        if found is None or self.labels.past(found.start()) != found.start() or _INLINE_STEP.search(self.text, found.end(), stop):
            return None
        acts = found.group("action") is not None
        step = self._action(Label("action", found.start(), found.end()), certain=False) if acts else self._answer(found.end())
        if step is None or step.kind == "malformed":
            return None
        step.at = found.start() + 1  # behind the sentence's mark
        lead = self.text[: step.at]
        label = leading_label(lead)
        return self._with(step, [lead[label.content if label else 0 :].strip()], "inline_label")

    # ------------------------------------------------------------------------------------------------------------- answer

    def _labelled_answer(self, label: Label) -> Step:
        step = self._answer(label.content)
        step.at = label.start
        following = self.labels.next(label.content)
        if label.kind == "answer" and step.kind == "answer" and following is not None and following.kind == "action":
            # "Answer:" alone is said of thoughts too, and this model went on to act
            return Step("malformed", end=step.end, complaint="An answer and an action stand in one reply.")
        return step

    def _answer(self, at: int) -> Step:
        """The answer's text goes to the next label that only a further step can have, or to a question of the model's own before it."""
        label, asked = self.labels.next(at), -1
        while label is not None and label.kind not in _ENDS_ANSWER:
            asked = label.start if label.kind == "question" else -1
            label = self.labels.next(label.content)
        end = label.start if label is not None else len(self.text)
        if label is not None and self.text[at : max(at, asked)].strip():
            end = asked
        words = self.text[at:end].strip()
        if self.labels.wrapped:
            words = words.removesuffix("```").rstrip()
        return self._answered(words, end)

    # ------------------------------------------------------------------------------------------------------------- action

    def _action(self, label: Label, *, certain: bool = True) -> Step | None:
        """The action after its label; None where the text there is prose."""
        at = self._begin("action", label.content)
        following = self.labels.next(label.content)
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
        wrapped = _WRAPPED_NAME.match(self.text, at, end)
        if wrapped is not None and (known := self._known_name(wrapped.group(1) or wrapped.group(2))) is not None:
            self.repairs.append("wrapped_name")
            return self._after_name(known, wrapped.end(), end, known=True)
        if self.text[at] in "{[":
            return self._blob(at)
        return self._named(at, end, certain=certain)

    def _begin(self, kind: str, at: int) -> int:
        """Where what a label announces begins; small models write the label twice."""
        while (again := _REPEATED[kind].match(self.text, at)) is not None:
            self.repairs.append("repeated_label")
            at = again.end()
        return skip_space(self.text, at)

    def _past_fence(self, step: Step) -> Step:
        at = skip_space(self.text, step.end)
        if self.text.startswith("```", at):
            step.end = at + 3
            step.open = False
        elif cut_in(self.text, at, ("```",)):
            step.open = True
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
        if mark == "\n" and name is None and written.casefold() in _NO_ACTION:
            return None  # "Action: None": an answer may follow
        if mark == "\n":
            return self._after_name(written, after, end, known=name is not None)
        if mark == "(" and name is not None and name.casefold() not in ANSWER_NAMES:
            return self._parenthesis(name, after, end)
        if name is not None and name.casefold() not in ANSWER_NAMES:
            return Step("malformed", end=end, complaint=f"After the tool name {name} stands other text.", open=end == len(text))
        return None

    def _after_name(self, name: str, at: int, end: int, *, known: bool) -> Step:
        """The name's line is over: the input must come next."""
        text = self.text
        label = self.labels.next(at)
        between = text[at : label.start if label else len(text)].strip()
        if label is not None and label.kind == "input" and not between:
            return self._input(name, label.content)
        if known and between.startswith(("{", "```")):
            self.repairs.append("missing_label")
            return self._input(name, skip_space(text, at))
        tool, _ = find_tool(self.tools, name)
        if tool is not None and takes_nothing(tool) and not between:
            return Step("act", end=end, calls=(ToolCall(tool.name, {}),), repairs=("no_input",), open=end == len(text))
        return Step("malformed", end=end, complaint=f"The action {name[:80]} has no input.", open=label is None)

    def _parenthesis(self, name: str, at: int, end: int) -> Step:
        """``name({…})``, ``name(key=value)``, or a remark in parentheses before the input's own label."""
        text = self.text
        inner = skip_space(text, at + 1)
        if text.startswith("{", inner):
            return self._in_parentheses(name, inner)
        label = self.labels.next(at)
        given = label is not None and label.kind == "input"
        reader = PythonReader(text[:end], at)
        try:
            named, placed = reader.arguments()
        except Unreadable as error:
            line = text.find("\n", at, end)
            if given and text[at : line if line >= 0 else end].rstrip().endswith(")"):
                self.repairs.append("remark")
                return self._after_name(name, line if line >= 0 else end, end, known=True)
            return self._refused(name, error.reason, at, end)
        line = text.find("\n", reader.at)
        if text[reader.at : min(line if line >= 0 else end, end)].strip(_TRAILING):
            return self._refused(name, "text follows the closing parenthesis", reader.at, end)
        if given:
            if named or placed:
                return self._refused(name, "it is given twice", at, end)
            return self._after_name(name, reader.at, end, known=True)
        call = python_call(name, named, placed, text[at : reader.at], self.tools)
        return Step("act", end=reader.at, calls=(call,), repairs=("python_call", *reader.repairs), open=unended(text, reader.at))

    def _in_parentheses(self, name: str, at: int) -> Step:
        step = self._object(name, at, ")")
        close = skip_space(self.text, step.end)
        if step.kind != "act" or step.calls[0].arguments is None:
            return step
        if not self.text.startswith(")", close):
            return self._refused(name, "the parenthesis is never closed", at, len(self.text))
        step.end = close + 1
        step.open = unended(self.text, step.end)
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
        if rest and not leading_label(rest):
            return self._refused(name, "text follows the closing bracket", close + 1, end)
        label = self.labels.next(close)
        if label is not None and label.kind == "input" and not text[line : label.start].strip():
            return self._refused(name, "it is given twice, in brackets and under its own label", at, end)
        step = self._call(name, text[at + 1 : close].strip(), close + 1)
        step.open = step.open or (line == len(text) and not rest)  # more on the line would have been refused
        return step

    # ------------------------------------------------------------------------------------------------------ Action Input

    def _input(self, name: str, at: int) -> Step:
        """The input after its label: an object, a fence around one thing, or bare text up to the next label."""
        text = self.text
        begin = self._begin("input", at)
        label = self.labels.next(at)
        if begin >= (label.start if label else len(text)):
            return self._call(name, "", label.start if label else len(text), empty=label is None)
        if text[begin] == "{":
            return self._object(name, begin)
        if text.startswith("`{", begin):
            self.repairs.append("code_span")
            return self._object(name, begin + 1, "`")
        if text.startswith("```", begin):
            inner = skip_space(text, fence_content(text, begin))
            if text.startswith("{", inner):
                step = self._past_fence(self._object(name, inner))
                step.repairs = (*step.repairs, "code_fence")
                return step
            fence = fence_at(text, begin, "```")
            if fence[2] >= 0:
                after = self.labels.next(fence[2])
                rest = text[fence[2] : after.start if after else len(text)]
                if not rest.strip():
                    content = text[fence[1] : text.rfind("```", fence[1], fence[2])].strip("\n")
                    step = self._call(name, content, fence[2])
                    step.repairs = (*step.repairs, "code_fence")
                    return step
            else:
                return self._refused(name, "the fence around it is never closed", begin, label.start if label else len(text))
        end = label.start if label else len(text)
        words = text[begin:end].strip().removesuffix("```" if self.labels.wrapped else "").rstrip()
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
            label = self.labels.next(at)
            return self._refused(name, "", at, label.start if label else len(text))
        line = text.find("\n", end)
        rest = text[end : line if line >= 0 else len(text)]
        label_here = leading_label(rest.lstrip())
        if rest.strip() and not label_here and not rest.lstrip().startswith(("```", stray or "```")):
            if any(mark in rest for mark in '{}[]"'):
                return self._refused(name, "more follows after the object", end, line if line >= 0 else len(text))
            repairs = (*repairs, "text_around")
        step = self._calls_of(name, cast(JsonObject, value), text[at:end], end, repairs)
        step.open = step.open or (line < 0 and not label_here)  # what the line would have ended with may have been more of the input
        return step


def _json_string(words: str) -> str | None:
    """The text that a JSON string literal stands for, when `words` is exactly one."""
    try:
        value, end, repairs = read_value(words, 0)
    except Unreadable:
        return None
    return value if isinstance(value, str) and end == len(words) and not repairs else None
