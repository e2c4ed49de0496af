"""The loops that a good engineer would write by hand, to measure ours beside: the honest minimum, and one with a framework's duties.

Each takes the model's turns (the arguments of one call each; the answer follows), and marks the time at which each request is made.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count

from pydantic import ConfigDict, ValidationError, create_model

PROMPT = "Look the things up and then answer."
FINAL = "The answer is 42."
TOOL = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "query": {"type": "string"}, "limit": {"type": "integer", "default": 10}},
    "required": ["x", "query"],
    "additionalProperties": False,
}
Loop = Callable[[list[str], list[int]], Awaitable[object]]
encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


async def lookup(x: int, query: str, limit: int = 10) -> str:
    """Look one thing up."""
    return f"{x}:{query}:{limit} RSLT#"


async def bare(turns: list[str], marks: list[int]) -> list[dict[str, object]]:
    """Checks nothing, records nothing."""
    messages: list[dict[str, object]] = [{"role": "user", "content": PROMPT}]
    for i in range(len(turns) + 1):
        marks.append(time.process_time_ns())
        if i == len(turns):
            break
        call = {"id": f"c{i}", "type": "function", "function": {"name": "lookup", "arguments": turns[i]}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        result = await lookup(**json.loads(turns[i]))
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
    return messages


def bare_with_file(folder: str) -> Loop:
    """The same, and what was said goes to a new file: before the first request, and at the end."""
    names = (os.path.join(folder, f"bare-{i}.jsonl") for i in count())

    async def run(turns: list[str], marks: list[int]) -> None:
        with open(next(names), "xb", buffering=0) as file:  # noqa: ASYNC230 - as ours does: it takes less than a thread
            file.write(json.dumps({"prompt": PROMPT, "tool": TOOL}).encode() + b"\n")
            messages = await bare(turns, marks)
            file.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    return run


# -------------------------------------------------------------------------------------------------- with the duties


@dataclass(slots=True)
class Observation:
    call_id: str
    text: str
    ok: bool
    seconds: float


@dataclass(slots=True)
class Step:
    index: int
    arguments: str
    observations: list[Observation] = field(default_factory=list)


def complete(folder: str | None) -> Loop:
    """Arguments are checked by pydantic, errors become observations, each step is a typed record, and each event a line of JSON.

    With a folder the lines are handed to the system in a new file: what the model said before its call runs, and what came of it. Without one they
    stay in memory.
    """
    names = count()
    check = create_model(
        "lookup", __config__=ConfigDict(extra="forbid"), x=(int, ...), query=(str, ...), limit=(int, 10)
    ).__pydantic_validator__.validate_json

    async def run(turns: list[str], marks: list[int]) -> tuple[str, list[Step]]:
        lines: list[str] = []
        with ExitStack() as stack:
            path = None if folder is None else os.path.join(folder, f"complete-{next(names)}.jsonl")
            file = None if path is None else stack.enter_context(open(path, "xb", buffering=0))  # noqa: ASYNC230 - as above

            def hand_over() -> None:
                if file is not None and lines:
                    file.write(("\n".join(lines) + "\n").encode())
                    lines.clear()

            messages = [encode({"role": "user", "content": PROMPT})]
            steps: list[Step] = []
            lines.append(encode({"event": "start", "prompt": PROMPT, "tools": [TOOL], "at": time.time()}))
            hand_over()
            for i in range(len(turns) + 1):
                marks.append(time.process_time_ns())
                if i == len(turns):
                    break
                call = {"id": f"c{i}", "type": "function", "function": {"name": "lookup", "arguments": turns[i]}}
                messages.append(encode({"role": "assistant", "content": None, "tool_calls": [call]}))
                steps.append(step := Step(i, turns[i]))
                lines.append(encode({"event": "reply", "step": i, "call": call, "at": time.time()}))
                hand_over()
                began = time.perf_counter()
                try:
                    text, ok = await lookup(**check(turns[i]).__dict__), True
                except ValidationError as error:
                    text, ok = str(error), False
                except Exception as error:  # noqa: BLE001 - whatever a tool raises is told to the model
                    text, ok = f"{type(error).__name__}: {error}", False
                step.observations.append(Observation(f"c{i}", text, ok, seconds := time.perf_counter() - began))
                lines.append(
                    encode({"event": "result", "step": i, "id": f"c{i}", "ok": ok, "text": text, "seconds": seconds, "at": time.time()})
                )
                hand_over()
                messages.append(encode({"role": "tool", "tool_call_id": f"c{i}", "content": text}))
            lines.append(encode({"event": "end", "answer": FINAL, "at": time.time()}))
            hand_over()
        return FINAL, steps

    return run
