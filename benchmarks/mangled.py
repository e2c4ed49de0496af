"""A thousand mangled outputs in each of four spellings, read by ours and by the published parsers in one run.

    python -m venv PEERS && PEERS/bin/pip install langchain-classic llama-index-core smolagents qwen-agent soundfile
    python benchmarks/mangled.py --peers PEERS/bin/python [--count 1000] [--seed 1] [--list]

The outputs are made by `mangled_cases`: a call (or an answer) is written down in the usual wording and then spelled, wrapped or damaged as models do.
Three things can be right: the very call, the very answer, or, where the text was damaged so that the call is not certain, that nothing runs. A peer is
asked only for the spelling that its documentation teaches (`mangled_peers`); without ``--peers`` ours stand alone.

right       as expected
complained  an error or complaint where there was a call or an answer: safe, costs one more reply
unread      the right tool with its input as a text that is no object: the tool has to find out
WRONG       another call, other arguments, a call out of a damaged text, an answer that is none: silently
crashed     an exception that is not the parser's own
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mangled_cases import SPELLINGS, Case, Values, cases

from react_agent.formats import get_format
from react_agent.formats.base import RawReply
from react_agent.messages import Head, JsonObject, MessageView, ModelRequest, Text, ToolSpec, user

TEXT: JsonObject = {"type": "string"}
WHOLE: JsonObject = {"type": "integer"}
TOOLS = tuple(
    ToolSpec(name, "", {"type": "object", "properties": {**shape}, "required": [*shape], "additionalProperties": False})
    for name, shape in (("search", {"query": TEXT}), ("add", {"a": WHOLE, "b": WHOLE}), ("write_file", {"path": TEXT, "text": TEXT}))
)
OURS = {
    "Thought, Action, Action Input": ("react_text", "auto"),
    "a JSON blob behind Action:": ("react_text", "auto"),
    "one JSON object": ("json_step", "auto"),
    "<tool_call>": ("hermes", "auto"),
}
VERDICTS = ("right", "complained", "unread", "WRONG", "crashed")


def ours(name: str) -> Callable[[str], Values]:
    request = ModelRequest(MessageView().extend(user("question")), Head(TOOLS))
    format_ = get_format(name)

    def read(text: str) -> Values:
        reply = format_.read(RawReply((Text(text),)), request)
        calls = [call for call in reply.message.calls if call.arguments is not None]
        if reply.reading == "answer":
            return {"kind": "answer", "text": reply.message.text}
        return {"kind": "act", "name": calls[0].name, "input": calls[0].arguments} if calls else {"kind": "error"}

    return read


def judge(case: Case, found: Values) -> str:
    if found["kind"] == "crash":
        return "crashed"
    if found["kind"] == "error":
        return "complained" if case.call or case.answer is not None else "right"
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


def peers(python: str, texts: dict[str, list[str]]) -> dict[str, Any]:
    script = Path(__file__).with_name("mangled_peers.py")
    done = subprocess.run([python, str(script)], input=json.dumps(texts), capture_output=True, text=True, timeout=600, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measured(read: Callable[[str], Values], texts: list[str]) -> Values:
    began = time.process_time()
    found = [read(text) for text in texts]
    return {"found": found, "seconds": time.process_time() - began}


def table(spelling: str, made: Sequence[Case], results: dict[str, Values], *, every: bool) -> int:
    """Prints one spelling's rows; gives how often ours were silently wrong."""
    print(f"\n{spelling}: {len(made)} outputs\n{'parser':34}" + "".join(f"{verdict:>11}" for verdict in VERDICTS) + f"{'µs each':>9}")
    wrong = 0
    for name, result in results.items():
        verdicts = [judge(case, one) for case, one in zip(made, result["found"], strict=True)]
        count = Counter(verdicts)
        print(f"{name:34}" + "".join(f"{count[verdict]:>11}" for verdict in VERDICTS) + f"{1e6 * result['seconds'] / len(made):>9.0f}")
        wrong += count["WRONG"] if name.startswith("ours") else 0
        by_way = Counter((case.way, verdict) for case, verdict in zip(made, verdicts, strict=True) if verdict != "right")
        if name.startswith("ours"):
            for (way, verdict), times in by_way.most_common():
                print(f"    {verdict} {times:>4}: {way}")
        elif by_way:
            ways = ", ".join(f"{way} {times}" for (way, verdict), times in by_way.most_common() if verdict == "WRONG")
            print(f"    WRONG: {ways}" if ways else "    nothing silently wrong")
        if every and name.startswith("ours"):
            for case, verdict, one in zip(made, verdicts, result["found"], strict=True):
                if verdict != "right":
                    print(f"    {verdict} {case.way}: {case.text!r}\n        {one}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peers", help="the interpreter of a virtual environment with the published parsers")
    parser.add_argument("--list", action="store_true", help="show what ours refused or got wrong")
    options = parser.parse_args()
    made = {name: list(cases(options.count, options.seed, spelling)) for name, spelling in SPELLINGS.items()}
    texts = {name: [case.text for case in some] for name, some in made.items()}
    others = peers(options.peers, texts) if options.peers else {}
    wrong = 0
    for spelling, some in made.items():
        results = {f"ours, {name}": measured(ours(name), texts[spelling]) for name in OURS[spelling]}
        wrong += table(spelling, some, results | others.get(spelling, {}), every=options.list)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
