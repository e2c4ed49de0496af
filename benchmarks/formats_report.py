"""What share of real model output the formats read right, and that nothing is read silently wrong.

    python benchmarks/formats_report.py [--corpora ../shared/corpora] [--generated 100000] [--list]

Rows come from recordings and other projects' test cases (see the corpora's README). Each is judged:

right      the call or answer that the row expects
refused    a complaint where the row expects something: safe, costs one more reply; those in `DISPUTED` are listed with the reason
partial    the first of several steps or calls, the rest cut off
WRONG      a call that would run with another name or other arguments, or an answer that is not one: must not happen
left out   not a model's reply, or not decidable from the row; the reason is listed
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from react_agent.formats import FORMATS, get_format
from react_agent.formats.base import RawReply
from react_agent.messages import Head, JsonObject, Message, MessageView, ModelReply, ModelRequest, Text, ToolResult, ToolSpec, user

ROOT = Path(__file__).resolve().parent.parent
Row = dict[str, Any]
Verdict = tuple[str, str]  # right | refused | partial | WRONG | left out, and why

# Rows that are refused because any reading would be a guess, or against what another project's rows say.
DISPUTED = {
    "d2fb90fbf6d69618": "calls inside a thinking block that never ends: this project runs them, others take all of it for thinking; nothing in thinking runs",
    "aa401a7405cfd0db": "the same, and the marks of the calls are broken too",
    "04f8115c4d28df48": "the same in another project, whose reasoning parser ends the thinking where a call begins",
    "0d53e6142073cca4": "quotes inside a quoted text are not escaped: where the text ends is a guess",
    "43eb081164e822fc": "a list of a call and of something that is none; that project drops the second without a word",
    "e02de360e514dc8e": "two calls with a comma between: that project runs the first and drops the second, others run both",
    "a29c0fa083a4f1e3": "the same, the arguments first",
    "7e9af84bd45ced21": "the same, streamed",
    "88db64bb9ef2bf05": "the same, streamed, the arguments first",
}
JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def corpora_dir() -> Path:
    return Path(os.environ.get("REACT_AGENT_CORPORA") or ROOT.parent / "shared" / "corpora")


def rows(name: str, directory: Path | None = None) -> Iterator[Row]:
    with gzip.open((directory or corpora_dir()) / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def one_text(name: str, parameter: str = "entity") -> ToolSpec:
    return ToolSpec(name, "", {"type": "object", "properties": {parameter: {"type": "string"}}, "required": [parameter]})


def ask(tools: tuple[ToolSpec, ...], *, resulted: bool = False) -> ModelRequest:
    view = MessageView().extend(user("question"))
    if resulted:
        view = view.extend(Message("tool", (ToolResult("t", (Text("ok"),)),)))
    return ModelRequest(view, Head(tools))


def read(name: str, text: str, tools: tuple[ToolSpec, ...], *, finish: Any = "stop", resulted: bool = False) -> ModelReply:
    return get_format(name).read(RawReply((Text(text),), finish), ask(tools, resulted=resulted))


# ------------------------------------------------------------------------------------------------- Thought/Action text


def judge_react(text: str, expect: Row, tools: tuple[ToolSpec, ...]) -> Verdict:
    reply = read("react_text", text, tools)
    name, argument = expect.get("action_name"), (expect.get("action_arg") or "").strip()
    runnable = [call for call in reply.message.calls if call.arguments is not None]
    if reply.reading == "answer":
        if name and name.lower() == "finish" and reply.message.text == argument:
            return "right", ""
        return "WRONG", f"answer {reply.message.text!r}"
    if runnable:
        call = runnable[0]
        if name and call.name.lower() == name.lower() and list((call.arguments or {}).values()) == [argument]:
            same = not expect.get("thought") or reply.message.thought == expect["thought"].strip()
            return ("right", "") if same else ("refused", f"another thought: {reply.message.thought!r}")
        return "WRONG", f"{call.name} {call.arguments}"
    return ("right", "nothing to run") if not name else ("refused", str(reply.complaint or reply.message.calls[0].complaint))


def react_completions(directory: Path) -> Iterator[tuple[Row, Verdict]]:
    for row in rows("react_completions", directory):
        tools = tuple(one_text(name) for name in (("Search", "Lookup") if row["style"] == "paper-react" else ("search", "reflect")))
        yield row, judge_react(row["completion"], row["expect"], tools)


def react_trajectories(directory: Path) -> Iterator[tuple[Row, Verdict]]:
    tools = tuple(one_text(name) for name in ("search", "lookup", "reflect"))
    for row in rows("react_trajectories", directory):
        steps = [step for step in row["steps"] if step.get("action_name")]
        if not steps:
            yield row, ("left out", f"style {row['style']}: no Action lines in it")
        for step in steps:
            number = f" {step['n']}" if step.get("n") else ""
            thought = f"Thought{number}: {step['thought']}\n" if step.get("thought") else ""
            text = f"{thought}Action{number}: {step['action']}\nObservation{number}: {step.get('observation', '')}"
            yield row, judge_react(text, step, tools)


_PEER_TOOLS = ("foo", "Search", "search", "tool", "Python", "Terminal", "query_sql_db", "my_action", "evaluate_code")


def peer_cases(directory: Path) -> Iterator[tuple[Row, Verdict]]:
    """Against what the published parsers said, who are no truth: a reading that one of them has, or a refusal as by most of them."""
    two: JsonObject = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a", "b"]}
    loose = ToolSpec("tool", "", {"type": "object", "properties": {"pages": {}, "load_kwargs": {}, "query_str": {}}})
    tools = (
        *(one_text(name) for name in _PEER_TOOLS if name != "tool"),
        loose,
        *(ToolSpec(name, "", two) for name in ("add", "add2", "加法")),
    )
    for row in rows("peer_parser_cases", directory):
        found = Counter(_peer(result) for result in row["results"].values() if result.get("ok"))
        refusing = len(row["results"]) - found.total()
        reply = read("react_text", row["input"], tools)
        ours = (
            ("act", reply.message.calls[0].name)
            if reply.reading == "act"
            else (reply.reading, reply.message.text if reply.reading == "answer" else "")
        )
        if ours in found:
            yield row, ("right", "")
        elif reply.reading == "malformed" or all(call.arguments is None for call in reply.message.calls if reply.reading == "act"):
            agreed = refusing > found.total()
            yield row, ("right" if agreed else "refused", f"{refusing} parsers refuse it, the others said {found.most_common(2)}")
        else:
            yield row, ("partial", f"ours {ours}, the parsers {found.most_common(2)}")


def _peer(result: Row) -> tuple[str, str]:
    if result.get("type") == "action" or "action" in result:
        return "act", str(result.get("tool") or result.get("action"))
    return "answer", str(result.get("output") or result.get("response") or "").strip()


# ------------------------------------------------------------------------------------------------------------- dialects

_TEMPLATES = {
    "Qwen3.5": "qwen3_coder", "Ministral": "mistral", "Mistral-Small": "mistral", "Devstral": "mistral", "Mistral-Nemo": "mistral_v3", "Nemotron-3": "qwen3_coder",
    "command-r7b": "cohere", "Cohere2": "cohere", "command-r-plus": "react_text", "Hermes": "hermes", "granite-4": "hermes", "granite-3": "granite", "Seed-OSS": "qwen3_coder",
    "DeepSeek-V4": "deepseek_v32", "DeepSeek-V3": "deepseek_v31", "deepseek-r1": "deepseek_v3", "R1-Distill": "deepseek_v3", "Kimi": "kimi_k2", "LFM2": "lfm2",
    "Reka": "hermes", "MiniMax": "minimax", "Nemotron-Nano-v2": "hermes", "functionary-medium-v3.1": "functionary", "firefunction": "phi4mini",
    "Apriel": "hermes", "Llama-3": "llama3_json", "gpt-oss": "harmony", "muse": "harmony", "StepFun": "qwen3_coder", "GigaChat": "gigachat",
}  # fmt: skip
_PARSERS = {
    "deepseekv3": "deepseek_v3", "granite_20b_fc": "granite", "gigachat3": "gigachat", "hunyuan_a13b": "hermes", "internlm2": "internlm",
    "llama4_pythonic": "llama_pythonic", "longcat": "hermes", "pythonic": "llama_pythonic", "tool_calls": "mistral", "response_template": "gemma4", "utils": "llama_pythonic",
}  # fmt: skip


def as_arguments(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def tools_for(calls: list[tuple[str, Any]]) -> tuple[ToolSpec, ...]:
    """Tools with just the parameters that the expected calls use."""
    known: dict[str, Row] = {}
    for name, arguments in calls:
        shapes = known.setdefault(name, {})
        for key, value in (arguments if isinstance(arguments, dict) else {}).items():
            shapes[key] = {"type": JSON_TYPES.get(type(value), "null")}
    return tuple(ToolSpec(name, "", {"type": "object", "properties": shapes}) for name, shapes in known.items() if name)


def judge(name: str, text: str, tools: tuple[ToolSpec, ...], calls: list[tuple[str, Any]], content: str | None) -> Verdict:
    reply = read(name, text, tools)
    ours = [(call.name, call.arguments) for call in reply.message.calls]
    runnable = [call for call in ours if call[1] is not None]
    if reply.reading == "answer":
        if calls:
            return "WRONG", f"an answer where calls were written: {reply.message.text[:80]!r}"
        for closer in ("</think>", "[/THINK]"):  # rows whose request asked to keep the reasoning in the text
            content = content.rsplit(closer, 1)[-1] if content else content
        if content is None or _plain(reply.message.text) == _plain(content):
            return "right", ""
        return (
            ("right", "with marks")
            if _plain(content) in _plain(text) and _plain(reply.message.text) in _plain(text)
            else ("WRONG", f"answer {reply.message.text[:80]!r}")
        )
    if reply.reading == "malformed":
        return ("refused", str(reply.complaint)[:160]) if calls or content else ("right", "nothing to run")
    if runnable == calls:
        return "right", ""
    if all(call in calls for call in runnable):
        return (
            "partial" if runnable else "refused"
        ), f"{len(runnable)} of {len(calls)}: {[c.complaint for c in reply.message.calls if c.complaint][:1]}"
    return "WRONG", f"{ours} for {calls}"


def _plain(text: str) -> str:
    return "".join(text.split()).removeprefix("```json").removesuffix("```")


def dialect_llamacpp(directory: Path, name: str | None = None) -> Iterator[tuple[Row, Verdict]]:
    for row in rows("dialect_llamacpp", directory):
        expect, text = row["expect"], row["input"]
        dialect = next((mine for key, mine in _TEMPLATES.items() if key.lower() in row["template"].lower()), None)
        written = expect.get("tool_calls") or []
        content = expect.get("content") or None
        if "symbol" in expect or not ({"content", "tool_calls"} & set(expect)):
            yield row, ("left out", "the expectation is not in the row")
        elif dialect is None:
            yield row, ("left out", f"no marks of its own: {row['template']}")
        elif content and _plain(content).removeprefix("<think>") not in _plain(text):
            yield row, ("left out", "the reply continues a prefilled text that is not in the row")
        else:
            try:
                calls = [(call["name"], as_arguments(call["arguments"])) for call in written]
            except json.JSONDecodeError:
                verdict = judge(name or dialect, text, _specs(row["tools"]), [("cut", None)], None)
                yield row, (("right", "cut: nothing runs") if verdict[0] == "refused" else verdict)
                continue
            yield row, judge(name or dialect, text, _specs(row["tools"]) or tools_for(calls), calls, content if not calls else None)


def _specs(tools: list[Any]) -> tuple[ToolSpec, ...]:
    return tuple(
        ToolSpec(tool["name"], tool.get("description") or "", tool.get("parameters") or {"type": "object"})
        for tool in tools
        if isinstance(tool, dict)
    )


def dialect_vllm(directory: Path, name: str | None = None) -> Iterator[tuple[Row, Verdict]]:
    for row in rows("dialect_vllm", directory):
        yield row, _vllm(row, name)


def _vllm(row: Row, name: str | None) -> Verdict:
    expect, text = row["expect"] or {}, row["input"]
    if row["kind"].startswith("reasoning"):
        if not expect.get("content") or not isinstance(text, str) or not expect.get("reasoning") or text.startswith("Here is my thought"):
            return "left out", "tells only what is reasoning, or needs the request's flags"
        tools = _open_tools(text)
        if tools and read(name or "qwen3_coder", text, tools).message.calls:
            return "right", "the content is a call"
        return judge(name or "hermes", text, tools, [], expect["content"])
    dialect = _PARSERS.get(row["parser"], row["parser"])
    if not isinstance(text, str) or dialect not in FORMATS or "<MagicMock" in text:
        return "left out", f"no model's reply, or a parser for one model only: {row['parser']}"
    calls = _expected_calls(expect)
    if calls is None:
        if row["kind"] != "common" or "no_tool" in row["case"]:
            return "left out", "the expectation is not in the row"
        known = _open_tools(text) or tools_for([(call.name, call.arguments) for call in read(dialect, text, ()).message.calls])
        reply = read(name or dialect, text, known)
        if expect.get("names") and [call.name for call in reply.message.calls] != expect["names"]:
            return "partial", f"{[call.name for call in reply.message.calls]} of {expect['names']}"
        runs = reply.reading == "act" and all(call.arguments is not None for call in reply.message.calls)
        return ("right", "") if runs else ("refused", str(reply.complaint))
    if any(not called for called, _ in calls):
        verdict = judge(name or dialect, text, tools_for(calls), calls, None)
        return ("right", "a call without a name never runs") if verdict[0] in ("refused", "partial") else verdict
    return judge(name or dialect, text, tools_for(calls), calls, expect.get("content") or expect.get("expected_content") or None)


_NAMED = re.compile(r'"name"\s*:\s*"([\w.\-]+)"|invoke name="([\w.\-]+)"|<function=([\w.\-]+)')


def _open_tools(text: str) -> tuple[ToolSpec, ...]:
    """Tools of the names that a text speaks of, with any arguments: for rows that have neither tools nor expected arguments."""
    names = dict.fromkeys(name for found in _NAMED.findall(text) for name in found if name)
    return tuple(ToolSpec(name, "", {"type": "object", "additionalProperties": {}}) for name in names)


def _expected_calls(expect: Row) -> list[tuple[str, Any]] | None:
    if "expected_tool_calls" in expect or "tool_calls" in expect:
        found = expect.get("expected_tool_calls") or expect.get("tool_calls") or []
        return [((call.get("function") or call)["name"], as_arguments((call.get("function") or call)["arguments"])) for call in found]
    if "expected_args_list" in expect:
        return list(zip(expect["expected_names"], expect["expected_args_list"], strict=True))
    if "expected_names" in expect:
        return [
            (called, as_arguments(arguments)) for called, arguments in zip(expect["expected_names"], expect["expected_args"], strict=True)
        ]
    if isinstance(expect.get("expected"), list):
        return [(called, as_arguments(arguments)) for called, arguments in expect["expected"]]
    return None


def dialect_ollama(directory: Path, name: str | None = None) -> Iterator[tuple[Row, Verdict]]:
    for row in rows("dialect_ollama", directory):
        yield row, _ollama(row, name)


def _ollama(row: Row, name: str | None) -> Verdict:
    data, test = row["data"], row["test"]
    text = data.get("input") or "".join(data.get("chunks") or [])
    if test.startswith(("TestGemma4Parser", "TestOlmo3Parser")):
        dialect = "gemma4" if "Gemma" in test else "olmo3"
        calls = [_go_call(call) for call in data.get("expectedToolCalls") or data.get("expectedCalls") or []]
        if "Ignores" in test:
            calls = [("get_weather", {"location": "Paris"})]
        if not text or not isinstance(text, str):
            return "left out", "no text"
        return judge(name or dialect, text, tools_for(calls), calls, data.get("expectedContent") if not calls else None)
    if test == "TestParseOlmo3FunctionCalls" and data.get("expected"):
        calls = [_go_call(call) for call in data["expected"]]
        return judge(name or "olmo3", f"<function_calls>{text}</function_calls>", tools_for(calls), calls, None)
    if test == "TestQwenToolCallValueParsing":
        return _ollama_value(data, name)
    if test == "TestGemma4ArgsToJSON":
        calls = [("f", json.loads(data["expected"]))]
        return judge(name or "gemma4", f"<|tool_call>call:f{text}<tool_call|>", tools_for(calls), calls, None)
    if test.startswith("TestRepairGemma4") or "Repair" in test:
        return _repairs(data, name)
    return "left out", f"no model's reply: {test}"


def _repairs(data: Row, name: str | None) -> Verdict:
    """Broken Gemma calls which that project completes. We do not: what was open may have been cut."""
    content = data.get("content")
    text = content if isinstance(content, str) else data.get("input")
    if not isinstance(text, str):
        return "left out", "the text is not in the row"
    body = text if text.startswith("call:") else f"call:f{text}"
    reply = read(name or "gemma4", f"<|tool_call>{body}<tool_call|>", tools_for([("f", {})]))
    wanted = data.get("expected")
    changed = wanted is not None and wanted != text
    if reply.reading == "act" and changed and "'" not in text:
        return "WRONG", f"ran {reply.message.calls}"
    return "right", "completing it would be a guess" if changed else ""


def _ollama_value(data: Row, name: str | None) -> Verdict:
    kinds, raw, want = data["paramType"], data["raw"], _go(data["want"])
    if want == [] and "object" in kinds and raw.strip().startswith("{"):
        want = {}
    shape: JsonObject = {"type": kinds[0] if len(kinds) == 1 else kinds} if kinds else {"type": "string"}
    tool = ToolSpec("f", "", {"type": "object", "properties": {"a": shape}})
    text = f"<tool_call>\n<function=f>\n<parameter=a>{raw}</parameter>\n</function>\n</tool_call>"
    guess = "falls back" in data["desc"] or (want is None and "null" not in kinds)
    verdict = judge(name or "qwen3_coder", text, (tool,), [("f", {"a": want})], None)
    if guess and verdict[0] in ("refused", "WRONG"):
        reply = read(name or "qwen3_coder", text, (tool,))
        value = (reply.message.calls[0].arguments or {}).get("a") if reply.message.calls else None
        if value is None or value == raw:
            return "right", "a value of another type than the schema's would be a guess"
    return verdict


def _go_call(call: Row) -> tuple[str, Any]:
    function = call["Function"]
    arguments = _go(function["Arguments"])
    return function["Name"], arguments if arguments != [] else {}


def _go(value: Any) -> Any:
    """A value of a Go table as it was exported."""
    if isinstance(value, dict):
        if value.get("$call") == "int64":
            return value["args"][0]
        return {key: _go(member) for key, member in value.items() if key != "$type"}
    return [_go(member) for member in value] if isinstance(value, list) else value


# ------------------------------------------------------------------------------------------------------------ generated

_SEEDS = (
    'Thought: x\nAction: search\nAction Input: {"query": "a"}\nObservation: b',
    "Thought 1: x\nAction 1: Search[Paris [city]]\nObservation 1: y",
    "<think>hm</think>Final Answer: 42",
    '<tool_call>\n{"name": "search", "arguments": {"query": "a"}}\n</tool_call>',
    '```json\n{"name": "search", "arguments": {"query": "a"}}\n```',
    '[TOOL_CALLS]search[ARGS]{"query": "a"}',
    "[search(query='a', n=3)]",
    "<function=search>\n<parameter=query>\na\n</parameter>\n</function>",
    '<|channel|>commentary to=functions.search <|constrain|>json<|message|>{"query": "a"}<|call|>',
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>search<｜tool▁sep｜>{"query": "a"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    '<|tool_call>call:search{query:<|"|>a<|"|>}<tool_call|>',
    '{"thought": "t", "action": "search", "action_input": {"query": "a"}}',
    "<tool_call>search\n<arg_key>query</arg_key>\n<arg_value>a</arg_value>\n</tool_call>",
)
_BITS = ("{", "}", "[", "]", '"', "'", "\\", "\n", "```", "<think>", "</think>", "Action:", "Action Input:", "Observation:", "\ud800", "\x00", "：", "**", "<tool_call>", "🙂",
         "0", "-", ".", ",", ":", "null", "\\u12", "</tool_call>", "<|channel|>", "<|message|>", "(", ")", "=", "<parameter=", "```json\n")  # fmt: skip


def mangled(count: int, seed: int = 1) -> Iterator[str]:
    """Replies made from good ones: pieces cut, doubled, moved, spliced in."""
    chance = random.Random(seed)
    for _ in range(count):
        text = chance.choice(_SEEDS)
        for _ in range(chance.randrange(6)):
            at = chance.randrange(len(text) + 1)
            to = min(len(text), at + chance.randrange(12))
            way = chance.randrange(5)
            if way == 0:
                text = text[:at]
            elif way == 1:
                text = text[:at] + text[to:]
            elif way == 2:
                text = text[:at] + text[at:to] * 2 + text[to:]
            elif way == 3:
                text = text[:at] + chance.choice(_BITS) + text[at:]
            else:
                text = text + chance.choice(_SEEDS)
        yield text


_TOOL = ToolSpec(
    "search", "", {"type": "object", "properties": {"query": {"type": "string"}, "n": {"type": "integer"}}, "required": ["query"]}
)


def generated(count: int) -> tuple[Counter[str], list[str], float]:
    """Readings by kind over all formats in turn; exceptions of any kind; seconds."""
    kinds: Counter[str] = Counter()
    failed: list[str] = []
    request = ask((_TOOL, one_text("Search", "entity")), resulted=True)
    formats = [get_format(name) for name in FORMATS]
    started = time.perf_counter()
    for i, text in enumerate(mangled(count)):
        form = formats[i % len(formats)] if i % 2 else formats[1 + i // 2 % 2]
        try:
            kinds[form.read(RawReply((Text(text),), "length" if i % 7 == 0 else "stop"), request).reading] += 1
        except Exception as error:  # noqa: BLE001 - the report is about exceptions that should not be
            failed.append(f"{form.name}: {type(error).__name__}: {error}: {text!r}")
    return kinds, failed, time.perf_counter() - started


def large(size: int) -> list[tuple[str, str, float]]:
    """CPU seconds for a reply of `size` characters of one kind, by format."""
    chance = random.Random(2)
    kinds = {
        "random bytes": bytes(chance.randrange(256) for _ in range(size)).decode("utf-8", "replace"),
        "newlines": "\n" * size,
        "brackets": "[" * size,
        "braces": '{"a":' * (size // 5),
        "actions": "Action: x\n" * (size // 10),
        "searches": "Action: Search[\n" * (size // 16),
        "tags": "<tool_call>" * (size // 11),
        "closers": "</think>" * (size // 8),
        "openers": "<think>" * (size // 7),
        "fences": "```\n" * (size // 4),
        "json fences": '```json\n{"name": "x"}\n```\n' * (size // 25),
        "quotes": 'Action Input: {"a": "\n' * (size // 22),
        "names": '{"name": ' * (size // 9),
        "starts": "<|start|>" * (size // 9),
        "prose": "The quick brown fox. " * (size // 21),
    }
    times = []
    request = ask((_TOOL,))
    for kind, text in kinds.items():
        for name in ("react_text", "auto", "hermes", "json_step"):
            started = time.process_time()
            get_format(name).read(RawReply((Text(text),)), request)
            times.append((name, kind, time.process_time() - started))
    return times


# ----------------------------------------------------------------------------------------------------------------- main

JUDGES: dict[str, Callable[[Path], Iterable[tuple[Row, Verdict]]]] = {
    "react_completions": react_completions,
    "react_trajectories": react_trajectories,
    "peer_parser_cases": peer_cases,
    "dialect_llamacpp": dialect_llamacpp,
    "dialect_vllm": dialect_vllm,
    "dialect_ollama": dialect_ollama,
    "dialect_llamacpp as auto": lambda directory: dialect_llamacpp(directory, "auto"),
    "dialect_vllm as auto": lambda directory: dialect_vllm(directory, "auto"),
    "dialect_ollama as auto": lambda directory: dialect_ollama(directory, "auto"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, default=corpora_dir())
    parser.add_argument("--generated", type=int, default=100_000, help="how many mangled replies to read (1,000,000 takes minutes)")
    parser.add_argument("--list", action="store_true", help="list every row that is not right, with the reason")
    options = parser.parse_args()
    wrong = 0
    print(f"{'rows of':28}{'rows':>7}{'right':>7}{'refused':>9}{'partial':>9}{'WRONG':>7}{'left out':>10}{'share read right':>18}")
    for name, judged in JUDGES.items():
        if not options.corpora.is_dir():
            print(f"{name:28} skipped: no corpora at {options.corpora}")
            continue
        found = list(judged(options.corpora))
        count = Counter(verdict for _, (verdict, _) in found)
        judged_rows = len(found) - count["left out"]
        wrong += count["WRONG"]
        share = count["right"] / judged_rows if judged_rows else 0
        print(
            f"{name:28}{len(found):>7}{count['right']:>7}{count['refused']:>9}{count['partial']:>9}{count['WRONG']:>7}{count['left out']:>10}{share:>17.1%}"
        )
        reasons = Counter((verdict, reason) for _, (verdict, reason) in found if verdict == "left out")
        for (_, reason), times in reasons.most_common():
            print(f"    left out {times:>4}: {reason}")
        for row, (verdict, reason) in found:
            if verdict == "refused" and row["id"] in DISPUTED and not options.list:
                print(f"    refused {row['id']}: {DISPUTED[row['id']]}")
            elif verdict == "WRONG" or (options.list and verdict in ("refused", "partial")):
                text = row.get("input") or row.get("completion") or row.get("data")
                reason = DISPUTED.get(row["id"], reason)
                print(f"    {verdict} {row['id']}: {reason[:300]}\n        {json.dumps(text, ensure_ascii=False)[:400]}")
    kinds, failed, seconds = generated(options.generated)
    print(
        f"\n{options.generated} mangled replies in {seconds:.1f} s ({seconds / max(1, options.generated) * 1e6:.0f} us each): {dict(kinds)}; exceptions: {len(failed)}"
    )
    for line in failed[:10]:
        print("   ", line[:400])
    small, big = large(100_000), large(1_000_000)
    print(
        "\n1 MB of one kind, the slowest: "
        + ", ".join(f"{name} on {kind} {seconds:.2f} s" for name, kind, seconds in sorted(big, key=lambda x: -x[2])[:4])
    )
    ratios = [(b[2] / a[2], a[0], a[1]) for a, b in zip(small, big, strict=True) if b[2] > 0.02]
    print(
        "growth from 100 KB to 1 MB (10 is linear), the largest: "
        + ", ".join(f"{ratio:.0f} ({name}, {kind})" for ratio, name, kind in sorted(ratios, reverse=True)[:4])
    )
    return 1 if wrong or failed else 0


if __name__ == "__main__":
    sys.exit(main())
