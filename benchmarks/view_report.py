"""What traces cost and how quick their views are: writing, loading, pages, comparisons, and the replay of every example's runs.

python benchmarks/view_report.py                 # with Chromium and Playwright also the times in the browser
python benchmarks/view_report.py --mb 20         # a smaller large trace
python benchmarks/view_report.py writing pages   # some of: writing, loading, pages, comparing, examples

CPU times are of this process; each is the least of several rounds, in which what is compared takes turns.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import runpy
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from react_agent import Agent, Diverged, JsonlStore, Limits, MockBackend, Trace, Usage, call, replay, tool
from react_agent.backends.base import Listener
from react_agent.backends.mock import ScriptItem
from react_agent.host import Run
from react_agent.messages import ModelReply, ModelRequest
from react_agent.view.difference import compare
from react_agent.view.html import compare_page, page
from react_agent.view.table import step_table

if TYPE_CHECKING:
    from react_agent.stores.jsonl import Store

ROUNDS = 5
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
WAIT = 0.05  # seconds for a reply: less than most models take


@tool(read_only=True)
def search(query: str) -> str:
    """Search."""
    return "\n".join(f"{n}. {query}: a line of some length, as a result of a search has them" for n in range(12))


@tool
def note(text: str) -> str:
    """Write something down: not read-only, so that its call has to be on the disk before it runs."""
    return f"noted: {text}"


class Slow(MockBackend):
    """A scripted model that takes a while."""

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        await asyncio.sleep(WAIT)
        return await super().reply(request, listen=listen, timeout=timeout)


def run(steps: int, store: Store | Path | None = None, kind: type[MockBackend] = MockBackend, name: str = "search") -> Trace:
    """A run with a thought of one sentence and a result of about 800 characters in each step."""
    field = {"search": "query", "note": "text"}[name]
    script: list[ScriptItem] = [
        *[call(name, thought=f"I look for words {n}, since the last did not help.", **{field: f"words {n}"}) for n in range(steps - 1)],
        "done",
    ]
    agent = Agent(kind(script, usage=Usage(1_000, 30)), tools=[search, note], limits=Limits(steps=None), store=store)
    return agent.run_sync("Which words are there?").trace


def run_with(store: Callable[[], Store | Path | None], steps: int, kind: type[MockBackend] = MockBackend, name: str = "search") -> Trace:
    """The same with a new store."""
    return run(steps, store(), kind, name)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def least(clock: Callable[[Callable[[], object]], float], rounds: int, **ways: Callable[[], object]) -> dict[str, float]:
    """The least time of each way, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for work in ways.values():
        work()  # warm
    for _ in range(rounds):
        for name, work in ways.items():
            times[name].append(clock(work))
    return {name: min(some) for name, some in times.items()}


# ------------------------------------------------------------------------------------------------------------- writing


def writing(folder: Path, _megabytes: int) -> None:
    """The same run in memory, with a store, and with spans of OpenTelemetry."""
    ways: dict[str, Callable[[], Store | Path | None]] = {"in memory": lambda: None, "JSON Lines": lambda: folder / "runs"}
    with contextlib.suppress(ImportError):
        from opentelemetry.sdk.trace import TracerProvider

        from react_agent.telemetry import TelemetryStore

        provider = TracerProvider()
        ways["JSON Lines + spans"] = lambda: TelemetryStore(JsonlStore(folder / "runs"), tracer_provider=provider)
    steps = 200
    for title, tool_name in (("a read-only tool", "search"), ("a tool with a side effect", "note")):
        events = len(run(steps, name=tool_name))
        made = {name: partial(run_with, store, steps, name=tool_name) for name, store in ways.items()}
        times = least(cpu, 2 * ROUNDS, **made)
        print(f"\n{steps} steps in process, {title}, {events} events: CPU ms of the run, ratio, and µs for each event written")
        base = times["in memory"]
        for name, took in times.items():
            print(f"  {name:20}{took * 1000:8.1f}{took / base:8.2f}x{(took - base) / events * 1e6:10.1f}")
    steps = 20
    made = {name: partial(run_with, store, steps, Slow) for name, store in ways.items()}
    for what, clock in (("time", seconds), ("CPU", cpu)):
        times = least(clock, ROUNDS, **made)
        print(f"\n{steps} steps with a model that takes {WAIT * 1000:.0f} ms: {what} in ms, and ratio")
        for name, took in times.items():
            print(f"  {name:20}{took * 1000:8.1f}{took / times['in memory']:8.3f}x")


# ------------------------------------------------------------------------------------------------------------- loading


def large(megabytes: int) -> Trace:
    """Results of 100 kB each."""
    text = "".join(f"{n} some words of a page that was read\n" for n in range(2_500))[:100_000]

    @tool(read_only=True)
    def read(n: int) -> str:
        """Read."""
        return f"{n}\n{text}"

    script: list[ScriptItem] = [*[call("read", n=n) for n in range(megabytes * 10)], "done"]
    limits = Limits(steps=None, result_chars=200_000)
    return Agent(MockBackend(script), tools=[read], limits=limits).run_sync("Read it all?").trace


def loading(folder: Path, megabytes: int) -> None:
    """A few large events, and many small ones."""
    small = run(1_000)
    per_run = len(small.to_jsonl())
    many = run(max(2, megabytes * 1_000_000 // (per_run // 1_000)))
    for title, trace in (("results of 100 kB", large(megabytes)), ("results of 800 characters", many)):
        path = trace.save(folder / "large.jsonl")
        size = path.stat().st_size / 1e6
        took = least(
            cpu,
            3,
            load=partial(Trace.load, path),
            table=partial(step_table, trace),
            page=partial(page, trace),
        )
        wall = min(seconds(partial(Trace.load, path)) for _ in range(3))
        print(
            f"\ntrace of {size:.0f} MB, {len(trace):,} events, {title}: loaded in {wall:.2f} s, CPU {took['load']:.2f} s ({size / took['load']:.0f} MB/s)",
            end="",
        )
        print(f"; CPU for the step table {took['table']:.2f} s, the page {took['page']:.2f} s")


# --------------------------------------------------------------------------------------------------------------- pages


def painted(paths: list[Path]) -> list[tuple[float, float]]:
    """For each page: milliseconds to the first contentful paint, and until all steps are drawn; medians of new tabs."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("REACT_AGENT_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    made = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        for path in paths:
            rounds = []
            for _ in range(ROUNDS):
                tab = browser.new_page()
                tab.goto(path.as_uri())
                tab.wait_for_selector("html[data-drawn]")
                drawn = tab.evaluate("performance.now()")
                first = tab.evaluate("performance.getEntriesByType('paint').find(p => p.name === 'first-contentful-paint').startTime")
                rounds.append((first, drawn))
                tab.close()
            made.append((statistics.median(one[0] for one in rounds), statistics.median(one[1] for one in rounds)))
        browser.close()
    return made


def pages(folder: Path, _megabytes: int) -> None:
    """Size and time of a run's page."""
    bare = len(page(Agent(MockBackend(["!"])).run_sync("?").trace).encode())
    both = len(compare_page(*[Agent(MockBackend(["!"])).run_sync("?").trace] * 2).encode())
    print(f"\npage with next to no data: {bare / 1000:.1f} kB; of two runs: {both / 1000:.1f} kB")
    rows: list[tuple[str, int, int, float]] = []
    paths: list[Path] = []
    for steps in (10, 100, 1_000):
        trace = run(steps)
        took = least(cpu, ROUNDS, page=partial(page, trace))["page"]
        path = folder / f"{steps}.html"
        path.write_text(page(trace), encoding="utf-8")
        paths.append(path)
        rows.append((str(steps), len(trace.to_jsonl()), path.stat().st_size, took))
    first, second = run(1_000), run(1_000, name="note")
    path = folder / "two.html"
    path.write_text(compare_page(first, second), encoding="utf-8")
    paths.append(path)
    took = least(cpu, 2, page=partial(compare_page, first, second))["page"]
    rows.append(("2x1000", len(first.to_jsonl()) + len(second.to_jsonl()), path.stat().st_size, took))
    try:
        times: list[tuple[float, float] | None] = list(painted(paths))
    except ImportError:
        times = [None] * len(paths)
    print("steps   trace kB   page kB   made in CPU ms   first paint ms   all drawn ms")
    for (label, trace_bytes, page_bytes, took), shown in zip(rows, times, strict=True):
        browser = f"{shown[0]:17.0f}{shown[1]:15.0f}" if shown else "   (no browser)"
        print(f"{label:>6}{trace_bytes / 1000:10.1f}{page_bytes / 1000:10.1f}{took * 1000:17.1f}{browser}")


def comparing(_folder: Path, _megabytes: int) -> None:
    """Two runs that share every other step."""
    print("\ncomparing two runs of so many steps, half of them the same: CPU ms")
    for steps in (10, 100, 1_000):
        first, second = run(steps), run(steps + steps // 10)
        took = least(cpu, 2, compare=partial(compare, first, second))["compare"]
        print(f"{steps:5}{took * 1000:12.1f}")


# ------------------------------------------------------------------------------------------------------------ examples


def examples(folder: Path, _megabytes: int) -> None:
    """Every example is run; each run that it made is saved, loaded and replayed."""
    print("\nreplay of every run of every example")
    total = 0
    for path in sorted(EXAMPLES.glob("*.py")):
        runs: list[Run] = []
        begin = Run.__init__

        def remember(self: Run, *args: object, _begin: Callable[..., None] = begin, _runs: list[Run] = runs, **more: object) -> None:
            _begin(self, *args, **more)
            _runs.append(self)

        said = io.StringIO()
        with (
            patch.object(Run, "__init__", remember),
            patch.object(sys, "argv", [str(path)]),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            runpy.run_path(str(path), run_name="__main__")
        told = []
        for number, one in enumerate(each for each in runs if len(each.trace)):
            saved = one.trace.save(folder / f"{path.stem}-{number}.jsonl")
            try:
                state = replay(Trace.load(saved))
                told.append(f"{state.steps}")
            except Diverged as error:
                told.append(f"DIVERGED ({str(error).splitlines()[0]})")
        total += len(told)
        print(f"  {path.stem:24}{f'{len(told)} runs, of steps ' + ', '.join(told) if told else 'no run of an agent'}")
    print(f"  {total} runs in all")


PARTS: dict[str, Callable[[Path, int], None]] = {each.__name__: each for each in (writing, loading, pages, comparing, examples)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all of them by default")
    parser.add_argument("--mb", type=int, default=100, help="size of the large trace")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as name:
        for part in given.parts or PARTS:
            PARTS[part](Path(name), given.mb)


if __name__ == "__main__":
    main()
