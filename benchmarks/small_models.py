"""What share of simple tasks a small local model solves through this library.

    python benchmarks/small_models.py http://127.0.0.1:8091/v1 --formats auto,react_text --tasks PATH/small_tasks.py

The tasks (40: one tool; choose among five; chains of two) and the judgement come from the file given, so that the figures stand beside those of the
plain loop in it. A task passes when every needed tool result was really obtained by a call and the final answer states the expected value.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from react_agent import Agent, Limits, OpenAIChatBackend, Result, Settings, Tool
from react_agent.messages import ToolExample

INSTRUCTIONS = "Answer the question by using the tools."


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("small_tasks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    return module


def as_tool(name: str, entry: dict[str, Any], examples: bool) -> Tool:
    question, thought, arguments, result = entry["example"]
    worked = [ToolExample(arguments, question, thought, result)] if examples else []
    return Tool.from_schema(
        name=name, description=entry["desc"], parameters=entry["schema"], function=entry["fn"], read_only=True, examples=worked
    )


def judge(tasks: ModuleType, task: dict[str, Any], result: Result) -> bool:
    got = [(call.name, call.result.text) for step in result.steps for call in step.calls if call.result is not None]
    needed = [(name, tasks.execute(name, arguments, tasks.TOOLS)) for name, arguments in task["need"]]
    said = result.answer if result.answer is not None else result.partial
    return all(any(name == n and text.startswith(r) for n, text in got) for name, r in needed) and tasks.says(said, task["expect"])


async def measure(tasks: ModuleType, url: str, format_name: str, options: argparse.Namespace) -> None:
    backend = OpenAIChatBackend(options.model, base_url=url, api_key="none", format=format_name, profile=options.profile)
    solved: dict[str, list[bool]] = {"A": [], "B": [], "C": []}
    kinds: dict[str, int] = {}
    started = time.perf_counter()
    for task in [task for task in tasks.TASKS if task["cat"] in options.cats][: options.limit]:
        tools = [as_tool(name, tasks.TOOLS[name], not options.no_examples) for name in task["tools"]]
        agent = Agent(
            backend,
            tools=tools,
            instructions=INSTRUCTIONS,
            settings=Settings(temperature=0, seed=42, max_tokens=150),
            limits=Limits(steps=5),
        )
        result = await agent.run(task["q"])
        ok = judge(tasks, task, result)
        solved[task["cat"]].append(ok)
        kinds[result.outcome.kind] = kinds.get(result.outcome.kind, 0) + 1
        if options.verbose and not ok:
            show(task, result)
    every = [ok for cat in solved.values() for ok in cat]
    parts = " + ".join(f"{sum(cat)} of {len(cat)}" for cat in solved.values())
    print(f"{format_name:12s} {sum(every)} of {len(every)} = {parts}; outcomes {kinds}; {time.perf_counter() - started:.0f} s", flush=True)


def show(task: dict[str, Any], result: Result) -> None:
    print(f"--- {task['cat']} {task['q']} (expected {task['expect']}) -> {result.outcome.kind} {result.answer or result.partial!r}")
    for step in result.steps:
        calls = [(call.name, call.arguments, call.result and call.result.text[:120]) for call in step.calls]
        said = step.reply.raw or f"{step.reply.message.thought} {step.reply.message.text}"
        print("    ", step.reply.reading, repr(said)[:240], calls)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--tasks", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "models" / "small_tasks.py")
    parser.add_argument("--formats", default="auto,react_text")
    parser.add_argument("--model", default="model")
    parser.add_argument("--profile", help="the server's row in react_agent.backends.profiles; llamacpp for grammars of text")
    parser.add_argument("--cats", default="ABC", help="which kinds of tasks: A one tool, B choose among five, C chains")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--no-examples", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    tasks = load(options.tasks)
    for format_name in options.formats.split(","):
        asyncio.run(measure(tasks, options.url, format_name, options))


if __name__ == "__main__":
    main()
