"""What the framework itself costs, beside the loop that a good engineer would write by hand, in one run.

    python benchmarks/overhead.py [inprocess] [http] [import] [memory]

All times are CPU time of the process. By hand (`by_hand.py`) there are two loops: `bare` checks and records nothing; `complete` checks arguments, takes in
errors and records each event. Ours does that for any model and tool, and digests every request. With `file`, what happened is written to a new file for each
run (unsynced). Rounds are interleaved. ext4 passes over what was deleted within the last five minutes before it makes a new file, so wait as long between
two runs of this on it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise

from by_hand import FINAL, PROMPT, TOOL, Loop, bare, bare_with_file, complete, lookup

ROUNDS = 15


def script(steps: int) -> list[str]:
    return [json.dumps({"x": i, "query": "alpha beta", "limit": 5}) for i in range(steps)]


# --------------------------------------------------------------------------------------------------------------- ours


def ours(store: str | None) -> Loop:
    from react_agent import Agent, Limits
    from react_agent.formats import RawReply, get_format
    from react_agent.messages import ModelReply, ModelRequest, Text, ToolCall

    class Scripted:
        name, format_name = "scripted", "native"
        format = get_format("native")

        async def reply(self, request: ModelRequest, *, listen: object = None, timeout: float | None = None) -> ModelReply:
            i = len(self.marks)
            self.marks.append(time.process_time_ns())
            if i == len(self.turns):
                return self.format.read(RawReply((Text(FINAL),)), request)
            call = ToolCall("lookup", raw=self.turns[i], provider_data={"api": "scripted", "id": f"c{i}"})
            return self.format.read(RawReply((call,), "tool_calls"), request)

        async def aclose(self) -> None: ...

        turns: list[str]
        marks: list[int]

    backend = Scripted()
    agent = Agent(backend, tools=[lookup], limits=Limits(steps=None), store=store, secrets=["sk-a-key-of-a-provider"])

    async def run(turns: list[str], marks: list[int]) -> None:
        backend.turns, backend.marks = turns, marks
        result = await agent.run(PROMPT)
        assert result.answer == FINAL, result

    return run


async def per_step(run: Loop, steps: int, runs: int = 1) -> tuple[float, float]:
    """Microseconds of CPU per step of so many runs, one after the other behind one collection of garbage, which leaves the processor's caches cold;
    and what a step of the last run's last eighth costs against one of its first."""
    turns = script(steps)
    marks: list[int] = []
    gc.collect()
    before = time.process_time_ns()
    for _ in range(runs):
        marks.clear()
        await run(turns, marks)
    total = (time.process_time_ns() - before) / steps / runs / 1e3
    gaps = [b - a for a, b in pairwise(marks)]
    eighth = max(1, steps // 8)
    return total, statistics.median(gaps[-eighth:]) / statistics.median(gaps[1 : eighth + 1])


def in_process() -> None:
    asyncio.run(side_by_side())


async def side_by_side() -> None:
    print("CPU per tool step, in process, scripted model (µs; lowest and median of rounds)")
    with tempfile.TemporaryDirectory() as folder:
        in_memory = {"bare": bare, "complete": complete(None), "ours": ours(None)}
        kinds = in_memory | {"bare+file": bare_with_file(folder), "complete+file": complete(folder), "ours+file": ours(folder)}
        for steps, runs in ((10, 1), (10, 20), (50, 4), (200, 1), (1000, 1)):
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
            for _ in range(ROUNDS * 4 if steps < 1000 else 5):
                for name, run in kinds.items():
                    found[name].append(await per_step(run, steps, runs))
            for name, values in found.items():
                times = sorted(value for value, _ in values)
                growth = statistics.median(grown for _, grown in values)
                ratio = statistics.median(times) / statistics.median(value for value, _ in found["bare"])
                print(
                    f"  {steps:5d} steps x {runs:2d}  {name:13s} {times[0]:6.1f} {statistics.median(times):6.1f}   x{ratio:4.1f}   last/first eighth {growth:.2f}"
                )


# --------------------------------------------------------------------------------------------------------------- HTTP

SERVER = r"""
import asyncio, json, sys
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(next(l.split(b":")[1] for l in head.lower().split(b"\r\n") if l.startswith(b"content-length")))
            body = await reader.readexactly(size)
            n = body.count(b"RSLT#")
            if n < 10:
                m = {"role": "assistant", "content": None, "tool_calls": [{"id": f"c{n}", "type": "function", "function": {
                    "name": "lookup", "arguments": json.dumps({"x": n, "query": "alpha beta", "limit": 5})}}]}
                why = "tool_calls"
            else:
                m, why = {"role": "assistant", "content": "The answer is 42."}, "stop"
            out = json.dumps({"id": "r", "object": "chat.completion", "model": "m", "choices": [{"index": 0, "message": m, "finish_reason": why}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(out) + out)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()
asyncio.run(main())
"""


def over_http() -> None:
    import httpx

    from react_agent import Agent, OpenAIChatBackend, tool

    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
    agent = Agent(OpenAIChatBackend("m", base_url=url, api_key="none", format="native"), tools=[tool(read_only=True)(lookup)])
    tools = [{"type": "function", "function": {"name": "lookup", "description": "Look one thing up.", "parameters": TOOL}}]

    async def by_hand(client: httpx.AsyncClient) -> None:
        messages: list[dict[str, object]] = [{"role": "user", "content": PROMPT}]
        while True:
            reply = await client.post(url + "/chat/completions", json={"model": "m", "messages": messages, "tools": tools})
            message = json.loads(reply.content)["choices"][0]["message"]
            messages.append(message)
            if not message.get("tool_calls"):
                return
            for call in message["tool_calls"]:
                result = await lookup(**json.loads(call["function"]["arguments"]))
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})

    async def measure() -> None:
        ratios, times = [], []
        async with httpx.AsyncClient(timeout=60) as client:
            for _ in range(ROUNDS * 2):
                pair = []
                for work in (lambda: by_hand(client), lambda: agent.run(PROMPT)):
                    await work()
                    gc.collect()
                    before = time.process_time_ns()
                    for _ in range(3):
                        await work()
                    pair.append((time.process_time_ns() - before) / 33 / 1e3)
                times.append(pair)
                ratios.append(pair[1] / pair[0])
        print("CPU per request over loopback HTTP, 10 tool steps (µs, medians)")
        print(
            f"  bare httpx loop {statistics.median(t[0] for t in times):.0f}, ours {statistics.median(t[1] for t in times):.0f}, "
            f"ratio {statistics.median(ratios):.2f} (lowest {min(ratios):.2f}, highest {max(ratios):.2f})"
        )
        await agent.backend.aclose()

    try:
        asyncio.run(measure())
    finally:
        server.stdin.close()
        server.wait(10)


# ----------------------------------------------------------------------------------------------------- import, memory


def fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}).stdout.strip()


def importing() -> None:
    line = (
        "import sys, time; import pydantic; from pydantic import BaseModel, TypeAdapter; t = time.process_time(); {}; "
        "print(round((time.process_time() - t) * 1e3, 1), *[m for m in ('asyncio', 'httpx', 'jsonschema', 'tenacity') if m in sys.modules])"
    )
    print("CPU to import, beyond pydantic (ms, median of 7; then what heavy modules it brought)")
    for code in (
        "import react_agent",
        "from react_agent import tool, Tool, ToolRegistry, Trace",
        "from react_agent import Agent, MockBackend, tool",
    ):
        runs = [fresh(line.format(code)) for _ in range(7)]
        times = sorted(float(run.split()[0]) for run in runs)
        print(f"  {code:60s} {times[3]:5.1f}  {' '.join(runs[0].split()[1:]) or '-'}")


def memory() -> None:
    code = """
import asyncio, resource
from react_agent import Agent, Limits, MockBackend, call, tool
@tool(read_only=True)
async def fetch(x: int) -> str:
    "Fetch a kilobyte."
    return str(x).rjust(1024, "x")
def rss():
    with open("/proc/self/statm") as f: return int(f.read().split()[1]) * resource.getpagesize()
async def go(n):
    return await Agent(MockBackend([*[call("fetch", x=i) for i in range(n)], "done"]), tools=[fetch], limits=Limits(steps=None)).run("Go.")
asyncio.run(go(3))
before = rss(); kept = asyncio.run(go(1000)); print(round((rss() - before) / 1e6, 1))
"""
    runs = sorted(float(fresh(code)) for _ in range(3))
    print(f"Memory of a run of 1,000 steps of 1 KB, kept whole: {runs[1]} MB")


if __name__ == "__main__":
    parts = {"inprocess": in_process, "http": over_http, "import": importing, "memory": memory}
    for name in sys.argv[1:] or parts:
        parts[name]()
