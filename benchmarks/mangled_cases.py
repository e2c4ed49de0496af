"""What `mangled` reads: steps in four spellings, each spelled, wrapped or damaged as models do, with what it certainly says.

Nothing here knows a parser. A step is written down first and then changed in a way that keeps its meaning (`KEPT`), or that takes away what would make
it certain (`LOST`); the truth is known because it was there before the text.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Values = dict[str, Any]
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
    "</tool_call>",
)
THOUGHTS = (
    "I need a tool for this.",
    "First I look it up.",
    "The user asks for a number; the tool knows it.",
    "Let me see: what is known so far?",
)
ANSWER_WORDS = ("42", "Paris, the capital.", "It is\ntwo lines.", 'She said "no".', "{}", "a: b")


@dataclass(frozen=True)
class Case:
    """A text, how it was made, and what it says: a call, an answer, or None where nothing may run."""

    way: str
    text: str
    call: tuple[str, Values] | None = None
    answer: str | None = None


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


Way = Callable[[Step], str]
AnswerWay = Callable[[str, str], str]


@dataclass(frozen=True)
class Spelling:
    """One way to write steps down, and what may happen to them: ways that keep the meaning, ways that lose it, and answers."""

    kept: dict[str, Way]
    lost: dict[str, Way]
    answers: dict[str, AnswerWay]


# -------------------------------------------------------------------------------------------------- Thought, Action, Action Input


def _second(step: Step) -> str:
    other = json.dumps({"query": "something else"})
    return f"{step.plain()}\nObservation: It is 42.\nThought: Now the next.\nAction: search\nAction Input: {other}"


def _decoy(step: Step) -> str:
    return '<think>Maybe\nAction: search\nAction Input: {"query": "decoy"}\nor not.</think>\n' + step.plain()


def _blob(step: Step) -> str:
    return f"Thought: {step.thought}\nAction:\n```json\n{json.dumps({'action': step.name, 'action_input': step.arguments}, ensure_ascii=False)}\n```"


LABELS = Spelling(
    kept={
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
    },
    lost={
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
    },
    answers={
        "an answer": lambda t, a: f"Thought: {t}\nFinal Answer: {a}",
        "an answer in bold": lambda t, a: f"**Thought:** {t}\n**Final Answer:** {a}",
        "an answer in lower case": lambda t, a: f"thought: {t}\nfinal answer: {a}",
        "an answer without a thought": lambda t, a: f"Final Answer: {a}",
        "an answer that speaks of actions": lambda t, a: f"Thought: {t}\nFinal Answer: {a} (no action was needed)",
    },
)

# ------------------------------------------------------------------------------------------------------------- JSON objects


def _object(step: Step, keys: tuple[str, str], *, name: str | None = None, **how: Any) -> str:
    return json.dumps({keys[0]: name or step.name, keys[1]: step.arguments}, **{"ensure_ascii": False, **how})


def _json_spelling(keys: tuple[str, str], frame: Callable[[Step, str], str], answers: dict[str, AnswerWay]) -> Spelling:
    """Steps whose call is one JSON object with these two keys, in a frame of text."""
    name, values = keys

    def raw(step: Step, arguments: str) -> str:
        return frame(step, f'{{"{name}": {json.dumps(step.name)}, "{values}": {arguments}}}')

    return Spelling(
        kept={
            "as it should be": lambda s: frame(s, _object(s, keys)),
            "a space at each end": lambda s: "\n " + frame(s, _object(s, keys)) + " \n\n",
            "on several lines": lambda s: frame(s, _object(s, keys, indent=2)),
            "no spaces": lambda s: frame(s, _object(s, keys, separators=(",", ":"))),
            "letters escaped": lambda s: frame(s, _object(s, keys, ensure_ascii=True)),
            "the arguments first": lambda s: frame(s, json.dumps({values: s.arguments, name: s.name}, ensure_ascii=False)),
            "Windows line ends": lambda s: frame(s, _object(s, keys, indent=1)).replace("\n", "\r\n"),
            "the name in another case": lambda s: frame(s, _object(s, keys, name=s.name.upper())),
            "a Python literal": lambda s: frame(s, repr({name: s.name, values: s.arguments})),
            "a comma too many": lambda s: frame(s, _object(s, keys)[:-1] + ",}"),
            "a comma too many in the arguments": lambda s: raw(s, s.input[:-1] + ",}"),
            "the arguments as text": lambda s: raw(s, json.dumps(s.input, ensure_ascii=False)),
            "a decoy in a thinking block": lambda s: (
                "<think>Maybe " + frame(s, f'{{"{name}": "search", "{values}": {{"query": "decoy"}}}}') + " or not.</think>\n" + frame(s, _object(s, keys))
            ),
        },
        lost={
            "cut in the arguments": lambda s: (text := frame(s, _object(s, keys)))[: text.index(s.input) + s.chance.randrange(1, len(s.input))],
            "the closing braces are missing": lambda s: frame(s, _object(s, keys)[:-2]),
            "a string that never ends": lambda s: frame(s, _object(s, keys)[: -len(s.input)] + f'{{"{next(iter(s.arguments))}": "x'),
            "a key twice": lambda s: raw(s, '{"a": 1, "a": 2, "b": 3}' if s.name == "add" else '{"query": "a", "query": "b"}'),
            "not a number": lambda s: frame(s, f'{{"{name}": "add", "{values}": {{"a": NaN, "b": 2}}}}'),
            "arguments in prose": lambda s: frame(s, f'{{"{name}": "add", "{values}": "two and three"}}'),
            "an unclosed thinking block": lambda s: "<think>" + frame(s, _object(s, keys)),
        },
        answers=answers,
    )  # fmt: skip


def _said(answer: str) -> str:
    return json.dumps({"action": "Final Answer", "action_input": answer}, ensure_ascii=False)


BLOBS = _json_spelling(
    ("action", "action_input"),
    lambda s, body: f"Thought: {s.thought}\nAction:\n```json\n{body}\n```",
    {
        "an answer": lambda t, a: f"Thought: {t}\nFinal Answer: {a}",
        "an answer as a call": lambda t, a: f"Thought: {t}\nAction:\n```json\n{_said(a)}\n```",
    },
)
OBJECTS = _json_spelling(
    ("action", "action_input"),
    lambda s, body: body,
    {
        "an answer as a call": lambda t, a: _said(a),
        "an answer as a call in a fence": lambda t, a: f"```json\n{_said(a)}\n```",
    },
)
TAGS = _json_spelling(
    ("name", "arguments"),
    lambda s, body: f"{s.thought}\n<tool_call>\n{body}\n</tool_call>",
    {"an answer": lambda t, a: a, "an answer after thinking": lambda t, a: f"<think>\n{t}\n</think>\n\n{a}"},
)
SPELLINGS = {"Thought, Action, Action Input": LABELS, "a JSON blob behind Action:": BLOBS, "one JSON object": OBJECTS, "<tool_call>": TAGS}


def cases(count: int, seed: int, spelling: Spelling = LABELS) -> Iterator[Case]:
    """The outputs; the same for the same seed."""
    chance = random.Random(seed)
    ways: Sequence[str] = [*spelling.kept, *spelling.lost, *spelling.answers]
    for number in range(count):
        way = ways[number % len(ways)]
        name = chance.choice(("search", "search", "add", "write_file"))
        arguments: Values = {"a": chance.randrange(-99, 99), "b": chance.randrange(10**6)}
        if name != "add":
            arguments = {key: chance.choice(WORDS) for key in (("query",) if name == "search" else ("path", "text"))}
        step = Step(chance.choice(THOUGHTS), name, arguments, chance)
        if way in spelling.kept:
            yield Case(way, spelling.kept[way](step), (name, arguments))
        elif way in spelling.lost:
            yield Case(way, spelling.lost[way](step))
        else:
            answer = chance.choice(ANSWER_WORDS)
            said = f"{answer} (no action was needed)" if "speaks" in way else answer
            yield Case(way, spelling.answers[way](step.thought, answer), None, said)
