"""How heavy and how quick the views of a trace are: the page's size and time to first paint, and loading of a large trace.

python benchmarks/view_report.py            # with Chromium and Playwright also the times in the browser
python benchmarks/view_report.py --mb 20    # a smaller large trace
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from react_agent import Agent, Limits, MockBackend, Trace, Usage, call, tool
from react_agent.view.html import page
from react_agent.view.table import step_table

ROUNDS = 5


@tool(read_only=True)
def search(query: str) -> str:
    """Search."""
    return "\n".join(f"{n}. {query}: a line of some length, as a result of a search has them" for n in range(12))


def run(steps: int) -> Trace:
    """A run with a thought of one sentence and a result of about 800 characters in each step."""
    script = [
        *[call("search", query=f"words {n}", thought=f"I look for words {n}, since the last did not help.") for n in range(steps - 1)],
        "done",
    ]
    agent = Agent(MockBackend(script, usage=Usage(1_000, 30)), tools=[search], limits=Limits(steps=None))
    return agent.run_sync("Which words are there?").trace


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def large(megabytes: int) -> Trace:
    """Results of 100 kB each."""
    text = "".join(f"{n} some words of a page that was read\n" for n in range(2_500))[:100_000]

    @tool(read_only=True)
    def read(n: int) -> str:
        """Read."""
        return f"{n}\n{text}"

    script = [*[call("read", n=n) for n in range(megabytes * 10)], "done"]
    limits = Limits(steps=None, result_chars=200_000)
    return Agent(MockBackend(script), tools=[read], limits=limits).run_sync("Read it all?").trace


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=100, help="size of the large trace")
    megabytes = parser.parse_args().mb
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = len(page(Agent(MockBackend(["!"])).run_sync("?").trace).encode())
        print(f"page with next to no data: {bare / 1000:.1f} kB\n")
        rows, paths = [], []
        for steps in (10, 100, 1_000):
            trace = run(steps)
            took = statistics.median(seconds(lambda trace=trace: page(trace)) for _ in range(ROUNDS))  # type: ignore[misc]
            path = folder / f"{steps}.html"
            path.write_text(page(trace), encoding="utf-8")
            paths.append(path)
            rows.append((steps, len(trace.to_jsonl()), path.stat().st_size, took))
        try:
            times: list[tuple[float, float] | None] = list(painted(paths))
        except ImportError:
            times = [None] * len(paths)
        print("steps   trace kB   page kB   made in ms   first paint ms   all drawn ms")
        for (steps, trace_bytes, page_bytes, took), shown in zip(rows, times, strict=True):
            browser = f"{shown[0]:17.0f}{shown[1]:15.0f}" if shown else "   (no browser)"
            print(f"{steps:5}{trace_bytes / 1000:11.1f}{page_bytes / 1000:10.1f}{took * 1000:13.1f}{browser}")
        path = large(megabytes).save(folder / "large.jsonl")
        size = path.stat().st_size / 1e6
        load = min(seconds(lambda: Trace.load(path)) for _ in range(3))
        trace = Trace.load(path)
        print(f"\ntrace of {size:.0f} MB, {len(trace)} events: loaded in {load:.2f} s ({size / load:.0f} MB/s)", end=", ")
        print(f"step table in {seconds(lambda: step_table(trace)):.2f} s, page in {seconds(lambda: page(trace)):.2f} s")


if __name__ == "__main__":
    main()
