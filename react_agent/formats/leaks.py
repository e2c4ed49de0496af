"""Calls that stand in the text of a reply although the API has fields for them, in whichever dialect the model learnt.

Understood only for an offered tool whose schema the arguments pass, as far as `tools.misfit` tells; the tool's own validation follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from react_agent.formats.dialects import HARMONY, STRONG
from react_agent.formats.dialects.base import Block, first_step, marker_search, named_as_offered, turn_text
from react_agent.formats.dialects.cohere import ANSWER_MARKS
from react_agent.formats.dialects.cohere import DIALECT as COHERE
from react_agent.formats.dialects.functionary import RECIPIENTS
from react_agent.formats.dialects.json_step import DIALECT as JSON_STEP
from react_agent.formats.dialects.json_text import block_step, fenced_json, inline_json, whole_json
from react_agent.formats.dialects.llama_pythonic import DIALECT as PYTHONIC
from react_agent.formats.dialects.pythonic import inline_list, listed
from react_agent.formats.dialects.xml_react import DIALECT as XML_REACT
from react_agent.formats.react_steps import ANSWER_LABEL, StepReader
from react_agent.formats.scanner import (
    Hidden,
    Step,
    any_of,
    fence_content,
    fence_spans,
    find_thoughts,
    next_fence,
    skip_space,
    turn_end,
)
from react_agent.formats.tools import Tools, find_tool, misfit, unknown
from react_agent.messages import ToolCall

_STRONG = marker_search(STRONG)
_HARMONY = marker_search([HARMONY])
_HEADER = re.compile(
    r"<\|channel\|>\s*+(?:analysis|commentary|final)\b|\bto=functions\.|<\|(?:call|end|return)\|>"
)  # not a mark spoken of in prose
_ANSWER_ALONE = re.compile(r'(?:```\w*+)?+\s*+\{\s*+"(?:answer|final[ _]answer)"', re.IGNORECASE)
_LABEL_WORD = re.compile(r"action[ \t*_`0-9]*+[:：]", re.IGNORECASE)
_THOUGHT = re.compile(r"\s*+[*_`]*+thought[ \t]*+[0-9]*+[ \t]*+[*_`]*+[:：]", re.IGNORECASE)
_BRACKETED = re.compile(r"\s*+[\w.\-]++\[")
_CALLED = re.compile(r"([^\W\d][\w.\-]*+)\(")
_NAME_LINE = re.compile(r"\s*+[\w.\-]++[ \t\r]*+\n\s*+\{")
_INPUT = re.compile(r"(?:^|\n)[ \t\r>#*_`]*+action[ _]?+input[ \t]*+[0-9]*+[*_`]*+[:：]", re.IGNORECASE)
# No ordinary text, and no call by themselves: what is left of one whose beginning the model or the server lost.
_TO = "to=functions."
_REMAINS = any_of(
    ("<arg_key>", "<arg_value>", "<parameter=", ":invoke name=\"", "｜DSML｜", "<|DSML|", '<|"|>', "<tool_call|>", "<|tool_calls|>", "]<]minimax[>[",
     "<|tool_call_argument_begin|>", "<|tool_call_end|>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "✿FUNCTION✿", "✿ARGS✿", _TO)
)  # fmt: skip
# Words between angle brackets stand in prose too: what is left of a call has the end that goes with them.
_CLOSED = {"<arg_key>": "</arg_key>", "<arg_value>": "</arg_value>", "<parameter=": "</parameter>", ':invoke name="': ":invoke>"}
_TO_TOOL = re.compile(r"([\w.\-]++)[^{`]{0,80}+\{")  # the recipient in a call's header, and the arguments
_QUOTES = ("`", '"', "'")  # before a mark: it is only spoken of
_OPENING = re.compile(r"[{<\[`>]")  # what a step of other dialects than Thought/Action text begins with
_HINT = re.compile(r"[{<\[`：(✿｜]|>>>|action|answer|thought", re.IGNORECASE)

Spans = Sequence[tuple[int, int]]


def leaked(text: str, tools: Tools, hidden: Spans = (), *, labels: bool = True) -> Step:
    """The first step that is certain; kind ``none`` where the text is just text. `labels`: look for Thought/Action text too."""
    if _HINT.search(text) is None:
        return Step("none", 0, len(text), text=turn_text(text), open=True)
    mark = _HARMONY.search(text)
    if mark is not None and (text.lstrip().startswith("<|") or _HEADER.search(text) is not None):
        outer = around(text, tools, hidden, mark.start(), labels=labels)
        return outer or _fitting(HARMONY.step(text, tools, hidden), tools, strong=True)
    found = first_step(text, tools, hidden, STRONG, _STRONG)
    if found.kind != "none":
        return _weak_around(text, tools, hidden, found.at, labels) or _fitting(found, tools, strong=True)
    return next(_weak(text, tools, hidden, labels), None) or _remains(text, tools, hidden) or found


def _remains(text: str, tools: Tools, hidden: Spans) -> Step | None:
    """A mistake where marks stand that only a call has, but no call. Code that shows them is none."""
    mark = _REMAINS.search(text)
    if mark is None:
        return None
    covered = Hidden([*hidden, *fence_spans(text)])
    ends = {word: text.rfind(closer) for word, closer in _CLOSED.items()}
    while mark is not None:
        at = mark.start()
        past = covered.past(at)
        used = _calls(text, mark.end(), tools) if mark.group() == _TO else ends.get(mark.group(), at) >= at
        if past == at and text[at - 1 : at] not in _QUOTES and used:
            complaint = f"{mark.group()} belongs to a call, but there is no whole call."
            return Step("malformed", 0, len(text), text=text[:at].strip(), complaint=complaint, open=True, at=at)
        mark = _REMAINS.search(text, max(past, mark.end()))
    return None


def _calls(text: str, at: int, tools: Tools) -> bool:
    to = _TO_TOOL.match(text, at)
    return to is not None and (not tools or find_tool(tools, to.group(1))[0] is not None)


def around(text: str, tools: Tools, hidden: Spans, at: int, *, labels: bool = True) -> Step | None:
    """The step of another dialect that holds what stands at `at` between its own marks, quotes or brackets: there it is content, whatever it looks like."""
    if _OPENING.search(text, 0, at) is None:
        return None
    found = first_step(text, tools, hidden, STRONG, _STRONG) if _STRONG.search(text, 0, at) is not None else None
    if found is not None and _holds(found, at):
        return _weak_around(text, tools, hidden, found.at, labels) or _fitting(found, tools, strong=True)
    if _HARMONY.search(text, 0, at) is not None and _HEADER.search(text) is not None:
        found = HARMONY.step(text, tools, hidden)
        if _holds(found, at):
            return _fitting(found, tools, strong=True)
    return _weak_around(text, tools, hidden, at, labels)


def _weak_around(text: str, tools: Tools, hidden: Spans, at: int, labels: bool) -> Step | None:
    if _OPENING.search(text, 0, at) is None:
        return None
    return next((step for step in _weak(text, tools, hidden, labels) if _holds(step, at)), None)


def _holds(step: Step, at: int) -> bool:
    """Whether `at` stands within the step's calls, or in an answer that is enclosed. Bare text encloses nothing."""
    enclosed = step.kind != "none" and not step.bare and not (step.kind == "answer" and step.open)
    return enclosed and step.dialect is not None and step.at < at < step.end


def _weak(text: str, tools: Tools, hidden: Spans, labels: bool) -> Iterator[Step]:
    """What the readers find whose marks prove little, the more certain first."""
    for read in (_between_marks, _as_json, _as_elements, _to_recipients, *((_as_text,) if labels else ())):
        step = read(text, tools, hidden)
        if step is not None:
            yield step


def looks_like_call(text: str) -> bool:
    """Whether some tool could make a call of what stands in this text; an answer that does cannot be written."""
    found = find_thoughts(text)
    hidden: Spans = [*((start, end) for start, end, _, _ in found.blocks), *found.pads]
    covered = Hidden(list(hidden)) if hidden else None
    return (
        leaked(text, (), hidden).kind != "none"
        or whole_json(text, ()) is not None
        or _call_alone(text, ()) is not None
        or any(find(text, (), covered) is not None for find in (fenced_json, _tool_code, inline_list, inline_json))
        or any(dialect.step(text, (), hidden).kind != "none" for dialect in (JSON_STEP, PYTHONIC, XML_REACT, RECIPIENTS))
        or StepReader(text, (), hidden).step().kind in ("act", "answer")
        or _LABEL_WORD.search(text) is not None
        or _BRACKETED.match(text) is not None  # "search[…": of a tool of that name
    )


def _as_json(text: str, tools: Tools, hidden: Spans) -> Step | None:
    """JSON or Python that is exactly calls of offered tools."""
    whole = whole_json(text, tools)
    if whole is not None and whole.complaint:  # then neither is it a step
        return block_step(text, 0, whole, "json")
    step = JSON_STEP.step(text, tools, hidden)
    if step.kind == "answer" and (
        step.thought or _ANSWER_ALONE.match(text.lstrip()) is None
    ):  # also one that is written as a call of what is no tool
        return step  # but JSON with nothing but an answer may be what was asked for
    if whole is not None:  # nothing but a call: never an answer
        return _fitting(block_step(text, 0, whole, "json"), tools, strong=True)
    if '"' not in text and "'" not in text and "(" not in text:
        return None
    if step.kind == "act":
        return _fitting(step, tools, strong=True)
    step = PYTHONIC.step(text, tools, hidden)
    if step.kind == "malformed":
        return step
    if step.kind == "act":
        step = _fitting(step, tools, strong=False)
        if step.kind != "none":
            return step
    if (alone := _call_alone(text, tools)) is not None:
        return _fitting(block_step(text, 0, alone, "llama_pythonic"), tools, strong=True)
    covered = Hidden(list(hidden)) if hidden else None
    for find, name in ((fenced_json, "json_fence"), (_tool_code, "tool_code"), (inline_list, "llama_pythonic"), (inline_json, "json")):
        found = find(text, tools, covered)
        if found is not None:
            step = _fitting(block_step(text, found[0], found[1], name), tools, strong=False)
            if step.kind != "none":
                return step
    return None


def _call_alone(text: str, tools: Tools) -> Block | None:
    """``search(query='x')`` as the whole reply, for an offered tool: small models leave the brackets out."""
    begin = skip_space(text, 0)
    name = _CALLED.match(text, begin)
    if name is None or (tools and find_tool(tools, name.group(1))[0] is None):
        return None
    end = turn_end(text)
    block = listed(text[:end], begin, tools, ())
    if block.complaint:
        return None  # prose or code that begins like a call
    block.end = end
    return block


def _tool_code(text: str, tools: Tools, hidden: Hidden | None = None) -> tuple[int, Block] | None:
    """Gemma 3's and Gemini's fence of Python calls; without the fence, where they are the whole reply."""
    begin = skip_space(text, 0)
    if text.startswith("tool_code\n", begin):
        block = _printed(text[begin + len("tool_code") : turn_end(text)].strip(), tools)
        block.end, block.open = len(text), True
        return (begin, block) if not block.complaint else None
    fence = next_fence(text, 0) if "```tool_code" in text else None
    while fence is not None and fence[2] >= 0:
        if text.startswith("tool_code", fence[0] + 3) and (hidden is None or hidden.past(fence[0]) == fence[0]):
            begin = fence_content(text, fence[0])
            block = _printed(text[begin : text.rfind("```", begin, fence[2])].strip(), tools)
            block.end, block.open = fence[2], False
            return fence[0], block
        fence = next_fence(text, fence[2])
    return None


def _printed(code: str, tools: Tools) -> Block:
    """A call that the code is, perhaps within a ``print``."""
    return listed(code.removeprefix("print(").removesuffix(")") if code.startswith("print(") else code, 0, tools, ())


def _between_marks(text: str, tools: Tools, hidden: Spans) -> Step | None:
    """An answer between Cohere's marks of one."""
    if not text.lstrip().startswith(ANSWER_MARKS):
        return None
    step = COHERE.step(text, tools, hidden)
    if step.kind != "none" or not step.text:
        return None
    step.kind, step.dialect = "answer", COHERE.name
    return step


def _as_elements(text: str, tools: Tools, hidden: Spans) -> Step | None:
    step = XML_REACT.step(text, tools, hidden)
    if step.kind == "act" or (step.kind == "answer" and text.lstrip().startswith(("<thought>", "<final_answer>"))):
        return _fitting(step, tools, strong=True)
    return None


def _to_recipients(text: str, tools: Tools, hidden: Spans) -> Step | None:
    marked = ">>>" in text
    if not marked and _NAME_LINE.match(text) is None:
        return None
    step = RECIPIENTS.step(text, tools, hidden)
    if not marked:  # a tool's name on a line, then its arguments: a call only if nothing else is there
        return _fitting(step, tools, strong=True) if step.kind in ("act", "malformed") and not turn_text(text[step.end :]) else None
    if step.kind == "act":
        step = _fitting(step, tools, strong=False)
    return step if step.kind == "act" or (step.kind == "answer" and text.lstrip().startswith(">>>all")) else None


def _as_text(text: str, tools: Tools, hidden: Spans) -> Step | None:
    """Thought/Action text. Prose may have such labels too, so only certain calls, and an answer with its full label, count."""
    step = StepReader(text[: turn_end(text)], tools, hidden).step()
    if step.kind == "act":
        step.dialect = "react_text"
        return _fitting(step, tools, strong=True)
    if step.kind == "answer" and (ANSWER_LABEL.search(text) is not None or _THOUGHT.match(text) is not None):
        step.dialect = "react_text"
        return step
    thinks = _THOUGHT.match(text) is not None
    if step.kind == "malformed" and (
        thinks or _INPUT.search(text) is not None
    ):  # a thought or an input by its own label, and nothing that can be used
        step.complaint = step.complaint or f"Your reply held {'a thought only, ' if thinks else ''}no call and no answer."
        step.at = step.end  # no call begins anywhere
        return step
    return None


def _fitting(step: Step, tools: Tools, *, strong: bool) -> Step:
    """The step with only those calls able to run that fit. None of them does: a mistake, or, where the marks prove nothing, no call at all."""
    if step.kind != "act":
        return step
    step = named_as_offered(step, tools)
    calls = tuple(_checked(call, tools) for call in step.calls)
    if any(call.arguments is not None for call in calls):
        step.calls = calls
        return step
    if not strong:
        return Step("none", 0, step.end, text=step.text, open=True)
    step.kind, step.calls, step.complaint = "malformed", (), " ".join(call.complaint or "" for call in calls[:3])
    return step


def _checked(call: ToolCall, tools: Tools) -> ToolCall:
    tool, _ = find_tool(tools, call.name)
    if tool is None:
        return ToolCall(call.name, None, unknown(tools, call.name), call.raw)
    if call.arguments is None:
        return call
    wrong = misfit(tool, call.arguments)
    return call if wrong is None else ToolCall(call.name, None, f"{wrong}.", call.raw)
