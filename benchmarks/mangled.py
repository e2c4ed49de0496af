"""A thousand mangled Thought/Action outputs, each with what it certainly says, read by ours and by the published parsers in one run.

    python benchmarks/mangled.py [--count 1000] [--seed 1] [--peers OTHER_VENV/bin/python] [--list]

The outputs are made here: a call (or an answer) is written down in the usual wording and then spelled, wrapped or damaged as models do, by one of the
ways in `WAYS`. Three things can be right: the very call, the very answer, or, where the text was damaged so that the call is not certain, that nothing
runs. The other interpreter needs ``langchain-classic`` and may have ``llama-index-core``; what it lacks is left out.

right    as expected
refused  an error or complaint where there was a call or an answer: safe, costs one more reply
unread   the right tool with its input as a text that is no object: the tool has to find out
WRONG    another call, other arguments, a call out of a damaged text, an answer that is none: silently
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from react_agent.formats import get_format
from react_agent.formats.base import RawReply
from react_agent.messages import Head, MessageView, ModelRequest, Text, ToolSpec, user

Values = dict[str, Any]
TEXT: Values = {"type": "string"}
WHOLE: Values = {"type": "integer"}
TOOLS = (
    ToolSpec("search", "", {"type": "object", "properties": {"query": TEXT}, "required": ["query"], "additionalProperties": False}),
    ToolSpec("add", "", {"type": "object", "properties": {"a": WHOLE, "b": WHOLE}, "required": ["a", "b"], "additionalProperties": False}),
    ToolSpec(
        "write_file",
        "",
        {"type": "object", "properties": {"path": TEXT, "text": TEXT}, "required": ["path", "text"], "additionalProperties": False},
    ),
)
WORDS = (
    "Paris",
    "the city's name",
    'a "quoted" word',
    "x [y] z",
    "price: 3 {EUR}",
    "naïve 東京 🙂",
    "Action: stop",
    "line one\nline two",
    "C:\\temp",
    "50% off, today",
    "Final Answer: 7",
    "```",
)
THOUGHTS = (
    "I need a tool for this.",
    "First I look it up.",
    "The user asks for a number; the tool knows it.",
    "Let me see: what is known so far?",
)


@dataclass(frozen=True)
class Case:
    """A text, how it was made, and what it says: a call, an answer, or None where nothing may run."""

    way: str
    text: str
    call: tuple[str, Values] | None = None
    answer: str | None = None


# ---------------------------------------------------------------------------------------------------------------- ways


@dataclass(frozen=True)
class Step:
    """What a way has to write."""

    thought: str
    name: str
    arguments: Values
    chance: random.Random

    @property
    def input(self) -> str:
        return json.dumps(self.arguments, ensure_ascii=False)

    def plain(self, *, name: str | None = None, input: str | None = None, thought: str | None = None) -> str:  # noqa: A002
        return f"Thought: {thought or self.thought}\nAction: {name or self.name}\nAction Input: {self.input if input is None else input}"

    def labels(self, change: Callable[[str], str]) -> str:
        return f"{change('Thought')} {self.thought}\n{change('Action')} {self.name}\n{change('Action Input')} {self.input}"


def _second(step: Step) -> str:
    other = json.dumps({"query": "something else"})
    return f"{step.plain()}\nObservation: It is 42.\nThought: Now the next.\nAction: search\nAction Input: {other}"


def _decoy(step: Step) -> str:
    return '<think>Maybe\nAction: search\nAction Input: {"query": "decoy"}\nor not.</think>\n' + step.plain()


def _blob(step: Step) -> str:
    return f"Thought: {step.thought}\nAction:\n```json\n{json.dumps({'action': step.name, 'action_input': step.arguments}, ensure_ascii=False)}\n```"


KEPT: dict[str, Callable[[Step], str]] = {
    "as it should be": lambda s: s.plain(),
    "a space at each end": lambda s: "\n " + s.plain() + " \n\n",
    "bold labels": lambda s: s.labels(lambda label: f"**{label}:**"),
    "numbered labels": lambda s: s.labels(lambda label: f"{label} 1:"),
    "labels in lower case": lambda s: s.labels(lambda label: f"{label.lower()}:"),
    "labels in upper case": lambda s: s.labels(lambda label: f"{label.upper()}:"),
    "a space before the colon": lambda s: s.labels(lambda label: f"{label} :"),
    "a full-width colon": lambda s: s.labels(lambda label: f"{label}："),
    "Windows line ends": lambda s: s.plain().replace("\n", "\r\n"),
    "no thought": lambda s: s.plain().split("\n", 1)[1],
    "prose before": lambda s: "Sure, I can help with that!\n\n" + s.plain(),
    "a fence around all": lambda s: f"```\n{s.plain()}\n```",
    "a fence around the input": lambda s: s.plain(input=f"```json\n{s.input}\n```"),
    "the name in backticks": lambda s: s.plain(name=f"`{s.name}`"),
    "the name in another case": lambda s: s.plain(name=s.name.upper()),
    "a Python literal": lambda s: s.plain(input=repr(s.arguments)),
    "a comma too many": lambda s: s.plain(input=s.input[:-1] + ",}"),
    "the input on several lines": lambda s: s.plain(input=json.dumps(s.arguments, ensure_ascii=False, indent=2)),
    "a made-up observation": lambda s: s.plain() + "\nObservation: It is 42.\nThought: I know.\nFinal Answer: 42",
    "a second step after a made-up observation": _second,
    "a decoy in a thinking block": _decoy,
    "a JSON blob": _blob,
    "a remark after the input": lambda s: s.plain() + "\n\nI will wait for the result.",
}
LOST: dict[str, Callable[[Step], str]] = {
    "cut in the input": lambda s: s.plain(input=s.input[: s.chance.randrange(1, len(s.input))]),
    "the closing brace is missing": lambda s: s.plain(input=s.input[:-1]),
    "a string that never ends": lambda s: s.plain(input=json.dumps({next(iter(s.arguments)): "x"})[:-2]),
    "two objects": lambda s: s.plain(input=f"{s.input} {json.dumps({'query': 'b'})}"),
    "a key twice": lambda s: s.plain(input='{"a": 1, "a": 2, "b": 3}' if s.name == "add" else '{"query": "a", "query": "b"}'),
    "not a number": lambda s: s.plain(name="add", input='{"a": NaN, "b": 2}'),
    "an input in prose": lambda s: s.plain(name="add", input="two and three"),
    "no input": lambda s: f"Thought: {s.thought}\nAction: {s.name}",
    "an unclosed thinking block": lambda s: "<think>" + s.plain(),
    "a thought and nothing else": lambda s: f"Thought: {s.thought}",
}
ANSWERS: dict[str, Callable[[str, str], str]] = {
    "an answer": lambda t, a: f"Thought: {t}\nFinal Answer: {a}",
    "an answer in bold": lambda t, a: f"**Thought:** {t}\n**Final Answer:** {a}",
    "an answer in lower case": lambda t, a: f"thought: {t}\nfinal answer: {a}",
    "an answer without a thought": lambda t, a: f"Final Answer: {a}",
    "an answer that speaks of actions": lambda t, a: f"Thought: {t}\nFinal Answer: {a} (no action was needed)",
}
ANSWER_WORDS = ("42", "Paris, the capital.", "It is\ntwo lines.", 'She said "no".', "{}", "a: b")


def cases(count: int, seed: int) -> Iterator[Case]:
    """The outputs; the same for the same seed."""
    chance = random.Random(seed)
    ways = [*KEPT, *LOST, *ANSWERS]
    for number in range(count):
        way = ways[number % len(ways)]
        name = chance.choice(("search", "search", "add", "write_file"))
        arguments: Values = {"a": chance.randrange(-99, 99), "b": chance.randrange(10**6)}
        if name != "add":
            arguments = {key: chance.choice(WORDS) for key in (("query",) if name == "search" else ("path", "text"))}
        step = Step(chance.choice(THOUGHTS), name, arguments, chance)
        if way in KEPT:
            yield Case(way, KEPT[way](step), (name, arguments))
        elif way in LOST:
            yield Case(way, LOST[way](step))
        else:
            answer = chance.choice(ANSWER_WORDS)
            said = f"{answer} (no action was needed)" if "speaks" in way else answer
            yield Case(way, ANSWERS[way](step.thought, answer), None, said)


# -------------------------------------------------------------------------------------------------------------- judging


def ours(name: str) -> Callable[[str], Values]:
    request = ModelRequest(MessageView().extend(user("question")), Head(TOOLS))

    def read(text: str) -> Values:
        reply = get_format(name).read(RawReply((Text(text),)), request)
        calls = [call for call in reply.message.calls if call.arguments is not None]
        if reply.reading == "answer":
            return {"kind": "answer", "text": reply.message.text}
        return {"kind": "act", "name": calls[0].name, "input": calls[0].arguments} if calls else {"kind": "error"}

    return read


def judge(case: Case, found: Values) -> str:
    if found["kind"] == "error":
        return "refused" if case.call or case.answer is not None else "right"
    if found["kind"] == "answer":
        return "right" if case.answer is not None and str(found["text"]).strip() == case.answer else "WRONG"
    if case.answer is not None:
        return "WRONG"
    values = as_values(found["input"])
    return "right" if (found["name"], values) == case.call else _text_or_wrong(case, found["name"], values)


def _text_or_wrong(case: Case, name: str, values: Any) -> str:
    return "unread" if isinstance(values, str) and (case.call is None or case.call[0] == name) else "WRONG"


def as_values(value: Any) -> Any:
    """What a parser gave as the input; some give text, which a tool would read as JSON or as Python."""
    if not isinstance(value, str):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            return read(value.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return value


PEERS = r"""
import json, sys, warnings
warnings.simplefilter("ignore")
parsers = {}
def langchain(cls, **more):
    def read(text, parser=cls(**more)):
        found = parser.parse(text)
        if hasattr(found, "return_values"):
            return {"kind": "answer", "text": found.return_values.get("output")}
        return {"kind": "act", "name": found.tool, "input": found.tool_input}
    return read
try:
    from langchain_classic.agents.output_parsers import ReActSingleInputOutputParser
    parsers["langchain ReActSingleInput"] = langchain(ReActSingleInputOutputParser)
except ImportError:
    pass
try:
    from llama_index.core.agent.react.output_parser import ReActOutputParser
    def llama(text, parser=ReActOutputParser()):
        found = parser.parse(text)
        if hasattr(found, "action_input"):
            return {"kind": "act", "name": found.action, "input": found.action_input}
        return {"kind": "answer", "text": found.response}
    parsers["llama-index ReActOutputParser"] = llama
except ImportError:
    pass
texts = json.load(sys.stdin)
found = {}
for name, read in parsers.items():
    rows = found[name] = []
    for text in texts:
        try:
            rows.append(read(text))
        except Exception as error:
            rows.append({"kind": "error", "error": type(error).__name__})
json.dump(found, sys.stdout, default=str)
"""


def peers(python: str, texts: list[str]) -> dict[str, list[Values]]:
    done = subprocess.run([python, "-c", PEERS], input=json.dumps(texts), capture_output=True, text=True, timeout=600, check=True)
    found: dict[str, list[Values]] = json.loads(done.stdout)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peers", help="the interpreter of a virtual environment with the published parsers")
    parser.add_argument("--list", action="store_true", help="show what ours refused or got wrong")
    options = parser.parse_args()
    made = list(cases(options.count, options.seed))
    results = {f"ours, {name}": [ours(name)(case.text) for case in made] for name in ("react_text", "auto")}
    if options.peers:
        results |= peers(options.peers, [case.text for case in made])
    print(f"{len(made)} mangled outputs, seed {options.seed}\n{'parser':32}{'right':>7}{'refused':>9}{'unread':>8}{'WRONG':>7}")
    wrong = 0
    for name, found in results.items():
        verdicts = [judge(case, one) for case, one in zip(made, found, strict=True)]
        count = Counter(verdicts)
        print(f"{name:32}{count['right']:>7}{count['refused']:>9}{count['unread']:>8}{count['WRONG']:>7}")
        if name.startswith("ours"):
            wrong += count["WRONG"]
            by_way = Counter((case.way, verdict) for case, verdict in zip(made, verdicts, strict=True) if verdict != "right")
            for (way, verdict), times in by_way.most_common():
                print(f"    {verdict} {times:>4}: {way}")
            if options.list:
                for case, verdict, one in zip(made, verdicts, found, strict=True):
                    if verdict != "right":
                        print(f"    {verdict} {case.way}: {case.text!r}\n        {one}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
