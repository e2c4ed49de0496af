"""How the time for reading a reply grows with its length: every format on inputs made to be slow.

    python benchmarks/formats_linear.py                    # 250, 500 and 1,000 thousand characters of each kind, for each format
    python benchmarks/formats_linear.py --formats auto,react_text --list

Of each format and way (the whole text at once; ``stream``: in pieces of 64 characters, with a listener) the table names the slowest kind, its
CPU seconds at the three sizes, and the largest growth from a size to its double among all kinds that take long enough to be measured: 2 is linear,
4 is quadratic. Each figure is the least of three runs where a run is short, since the machine has other work.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
from collections.abc import Callable
from time import process_time

from react_agent.formats import FORMATS, get_format
from react_agent.formats.base import RawReply
from react_agent.formats.dialects import DIALECTS
from react_agent.formats.stream import StreamReader
from react_agent.messages import Delta, Head, MessageView, ModelRequest, Text, ToolSpec, user

SIZES = (250_000, 500_000, 1_000_000)
CAP = 20.0  # CPU seconds after which a reading is given up
MEASURABLE = 0.02  # seconds; the growth of less is noise
PIECE = 64

_TOOL = ToolSpec(
    "search", "", {"type": "object", "properties": {"query": {"type": "string"}, "n": {"type": "integer"}}, "required": ["query"]}
)
REQUEST = ModelRequest(MessageView().extend(user("q")), Head((_TOOL, ToolSpec("now", "", {"type": "object", "properties": {}}))))

# Repeated to the size.
_UNITS = (
    "\n", " ", "\t", "a", "a ", "{", "[", "(", '"', "'", "\\", "`", "*", "#", ">", "<", "|", "：", "-", "0", ",", ".", "é", "\x00", "�", "}", "]",
    "\r\n", "\n\n ", '{"a":', "[[", "[{", "{[", "'a', ", '"a", ', "a=1, ", "f(", "f(x=1), ", "//\n", "/* */", "/*", "\\u0041", "\\\\", '\\"', "```", "~~~", "```\n", "```json\n",
    '```json\n{"name": "x"}\n```\n', '```json\n{"name": "x"\n```\n', "```a```", "Action:", "\nAction:", "Action: x\n", "Action: search\n", "Action: search[\n", "Action: search[x] y\n",
    "Action: search(x\n", 'Action: search {"query": \n', "Action Input:", "\nAction Input: {", 'Action Input: {"a": "\n', "Action: search\nAction Input: ```\n", "x. Action: search[a]", "Action: {",
    "Thought:", "Thought: x\n", "Observation:", "\nObservation: x", "Question: x\n", "Answer: x\n", "Answer: x\nAction: y\n", "Final Answer:", "**Action**:", "Thought: Action: Observation: ",
    "<think>", "</think>", "<think></think>", "</think><think>", "<thinking>", "[THINK]", "<|channel>", "<thought>", "</thought>", "<tool_call>", "</tool_call>", "<tool_call>{", "<tool_call>\n",
    "<tool_call>x", "<tool_call>search\n<arg_key>", "<arg_key>a</arg_key><arg_value>", "<function=", "<function=search>", "<function=search>\n<parameter=", "<parameter=query>", "</parameter>",
    "<tool", "</tool_cal", "<function", "[TOOL_CALLS]", "[TOOL_CALL", "[ARGS]", "[TOOL_CALLS]search", "functools[", "functools", "<|python_tag|>", "<|python_start|>", "<|tool_call|>",
    "<|start|>", "<|channel|>", "<|message|>", "<|channel|>analysis<|message|>", "<|end|>", "<|start|>assistant<|channel|>commentary to=functions.search<|message|>", "<|", "｜", "<｜",
    "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁begin｜>search<｜tool▁sep｜>", "<｜DSML｜tool_calls>", '<｜DSML｜invoke name="search">', '<｜DSML｜parameter name="a">',
    "<|tool_calls_section_begin|>", "<|tool_call_begin|>", "<|tool_call_begin|>search<|tool_call_argument_begin|>", "<minimax:tool_call>", '<invoke name="', '<parameter name="a">', "<escape>",
    "<|tool_call>", "<|tool_call>call:search{", "<|tool_call>call:search{a:", "<start_function_call>", '<|"|>', "<|START_ACTION|>", "<|START_RESPONSE|>", "<|action_start|><|plugin|>", "<|action_start|>",
    "<|function_call|>", "<|message_sep|>", "<｜tool_calls_begin｜>", '<steptml:invoke name="', "<|tool_call_start|>", "<function_calls>", "<function_calls>[", "<action>", "<action>search</action>",
    "<action_input>", "<final_answer>", "<answer>", "<tool>search</tool><tool_input>", ">>>", ">>>all\n", ">>>search\n", ">>>search\n{", '{"name": ', '{"name": "x", ', '{"name": "search", "arguments": {}} ',
    '{"name": "nope", "arguments": {}} ', '{"type": "function", "function": ', '{"thought": "', '{"action": ', '"thought": "x", ', '{"thought": "x"} ', '{"plan": [', "search(query=", "[search(query=",
    "[search(query='a'), ", "search[a]\n", "The quick brown fox. ", "a < b and {c} or [d] (e): ", "<a>", "&lt;", "name: ", "to=", "=" , "call:",
)  # fmt: skip
# Beginnings, and what may end the text after all.
_AROUND = (
    ("<think>", ""), ("<think>", "</think>"), ("```json\n", "\n```"), ('{"name": "search", "arguments": {"query": "', '"}}'), ('Action: search\nAction Input: {"query": "', '"}'),
    ("Action: search[", "]"), ("<tool_call>", "</tool_call>"), ("<function=search>\n<parameter=query>\n", "\n</parameter>\n</function>"), ("[search(query='", "')]"),
    ("Thought: x\nFinal Answer: ", ""), ("[TOOL_CALLS][", "]"), ("<|tool_call_start|>[", "]<|tool_call_end|>"), ("<|channel|>final<|message|>", "<|return|>"),
)  # fmt: skip
# Whole steps of very many parts.
_WHOLE = (
    ("<tool_call>[", '{"name": "search", "arguments": {"query": "a"}}, ', '{"name": "now", "arguments": {}}]</tool_call>'), ("[TOOL_CALLS][", '{"name": "nope", "arguments": {}}, ', '{"name": "now", "arguments": {}}]'),
    ("[", "search(query='a'), ", "now()]"), ("[", "search(1, 2), ", "now()]"), ("<|tool_call_start|>[", "nope(1), ", "now()]<|tool_call_end|>"), ("[now(", "1, ", "1)]"),
    ("", '<tool_call>{"name": "search", "arguments": {"query": "a"}}</tool_call>\n', ""), ("", "<tool_call>\n<function=search>\n<parameter=query>\na\n</parameter>\n</function>\n</tool_call>\n", ""),
    ("<function=search>\n", "<parameter=query>\na\n</parameter>\n", "</function>"), ("<tool_call>search\n", "<arg_key>query</arg_key>\n<arg_value>a</arg_value>\n", "</tool_call>"),
    ("", '[TOOL_CALLS]search[ARGS]{"query": "a"}', ""), ("Action: [", '{"action": "search", "action_input": {"query": "a"}}, ', '{"action": "now"}]'), ("", '{"name": "search", "parameters": {"query": "a"}}; ', ""),
    ("", '<|start|>assistant<|channel|>commentary to=functions.search<|message|>{"query": "a"}<|call|>', ""), ('{"thought": "x", "actions": [', '{"action": "nope", "action_input": {}}, ', '{"action": "now"}]}'),
    ('{"name": "search", "arguments": {', '"query": 1, ', '"n": 1}}'), ('<tool_call>{"name": "search", "arguments": {"query": [', "1, ", "1]}}</tool_call>"), ("<think>", "x</think><think>", "</think>42"),
    ("", ">>>search\n{\"query\": \"a\"}", ""), ("", "<thought>x</thought><action>search</action><action_input>a</action_input>", ""), ("```tool_code\n", "search(query='a')\n", "```"),
)  # fmt: skip


Kind = tuple[str, str, str]  # what it begins with, what is repeated to the size, what it ends with


def kinds(more: bool) -> list[Kind]:
    marks = sorted({mark for dialect in DIALECTS.values() for mark in dialect.markers} - set(_UNITS))
    found: list[Kind] = [("", unit, "") for unit in (*_UNITS, *marks, *(mark[:-1] for mark in marks))]
    found += _WHOLE
    found += [
        ("", unit, "") for unit in (_bytes(100_000), _joined(_UNITS, 100_000), _joined(tuple(unit + "\n" for unit in _UNITS), 100_000))
    ]
    if more:
        found += [(opening, unit, closing) for opening, closing in _AROUND for unit in _UNITS]
    return found


def text_of(kind: Kind, size: int) -> str:
    opening, unit, closing = kind
    return opening + unit * ((size - len(opening) - len(closing)) // len(unit)) + closing


def _bytes(size: int) -> str:
    chance = random.Random(7)
    return bytes(chance.randrange(256) for _ in range(size)).decode("utf-8", "replace")


def _joined(units: tuple[str, ...], size: int) -> str:
    chance = random.Random(7)
    return "".join(chance.choice(units) for _ in range(size // 10))


def _name(kind: Kind) -> str:
    opening, unit, closing = kind
    return repr(f"{opening}({unit})…{closing}" if opening or closing else unit) if len(unit) < 1_000 else f"{unit[:20]!r}… (mixed)"


def whole(form: str, text: str) -> None:
    get_format(form).read(RawReply((Text(text),)), REQUEST)


def streamed(form: str, text: str) -> None:
    heard: list[Delta] = []
    reader = StreamReader(get_format(form), REQUEST, heard.append)
    for at in range(0, len(text), PIECE):
        reader.feed(text[at : at + PIECE])
    reader.finish()


WAYS: dict[str, Callable[[str, str], None]] = {"whole": whole, "stream": streamed}


class _GivenUp(Exception):
    pass


def _give_up(*_: object) -> None:
    raise _GivenUp


def seconds(way: str, form: str, text: str) -> float:
    """CPU seconds of one reading; the least of three where it is short; infinite beyond `CAP`."""
    best = float("inf")
    for _ in range(3):
        began = process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, CAP)
        try:
            WAYS[way](form, text)
        except _GivenUp:
            return best
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        best = min(best, process_time() - began)
        if best < MEASURABLE or best > 1:
            break
    return best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="three, each the double of the one before")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument(
        "--more", action="store_true", help="each unit also within a call, a fence, a thinking block… (hours for all formats)"
    )
    parser.add_argument("--list", action="store_true", help="list every kind that takes more than a second or grows by more than 2.6")
    options = parser.parse_args()
    signal.signal(signal.SIGVTALRM, _give_up)
    tried = kinds(options.more)
    sizes = [int(size) for size in options.sizes.split(",")]
    print(f"{len(tried)} kinds of text; CPU seconds at {', '.join(f'{size:,}' for size in sizes)} characters")
    print(f"{'format':16}{'way':8}{'slowest kind':44}{'quarter':>8}{'half':>8}{'whole':>8}{'growth':>8}  of kind")
    worst = 0.0
    slow = 0
    for form in options.formats.split(","):
        for way in options.ways.split(","):
            found: list[tuple[float, list[float], str]] = []
            growth, grown = 0.0, ""
            for kind in tried:
                name = _name(kind)
                last = seconds(way, form, text_of(kind, sizes[2]))
                if last < MEASURABLE:
                    found.append((last, [0.0, 0.0, last], name))
                    continue
                times = [*(seconds(way, form, text_of(kind, size)) for size in sizes[:2]), last]
                found.append((last, times, name))
                grows = times[2] / times[1]
                if grows > growth:
                    growth, grown = grows, name
                if options.list and (last > 1 or (grows > 2.6 and times[1] / times[0] > 2.6)):
                    slow += 1
                    print(f"    {form} {way} {name[:60]}: " + ", ".join(f"{t:.3f}" for t in times))
            last, times, name = max(found)
            worst = max(worst, last)
            print(f"{form:16}{way:8}{name[:42]:44}" + "".join(f"{t:>8.3f}" for t in times) + f"{growth:>8.1f}  {grown[:42]}", flush=True)
    print(f"slowest of all: {worst:.2f} s")
    return 1 if worst > 1 else 0


if __name__ == "__main__":
    sys.exit(main())
