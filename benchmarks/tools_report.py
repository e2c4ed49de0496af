"""What the ready-made tools keep out, and what a call of one costs.

    pip install "react_agent[python]"
    python benchmarks/tools_report.py [--rows] [--only python|web|files|sql|cost]

The attacks are those of the tests (tests/tools/_hostile.py). "Through" counts what reached something it should not have: a file, a variable, a process, an address, a
table, a row. Each attack also has a time to end in. `--rows` shows every one. Nothing here needs a network: names are resolved by a table and servers listen on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from react_agent import Agent, Limits, MockBackend, Tool, ToolError, call, tool  # noqa: E402
from react_agent.messages import JsonObject  # noqa: E402
from react_agent.rendering import render  # noqa: E402
from react_agent_tools import calculator, files, python, shell, sql, web_pages  # noqa: E402
from tests.tools._hostile import (  # noqa: E402
    NAMES,
    PATHS,
    PYTHON_ABUSES,
    PYTHON_ESCAPES,
    PYTHON_LARGE_RESULTS,
    REDIRECTS,
    SQL_ABUSES,
    SQL_ATTACKS,
    SSRF,
)

SECRET = "the secret of the host"
Through = Callable[[str], bool]


@dataclass
class Table:
    """One kind of attack."""

    title: str
    limit: float  # seconds that each may take
    brief: bool = False  # never every row
    rows: list[tuple[str, str, float, bool]] = field(default_factory=list)

    def try_(self, name: str, attack: Callable[[], object], through: Through, *, may_answer: bool = False) -> None:
        """Runs one attack. It is through if it reached what it should not, or if it was answered and must not be."""
        started = time.perf_counter()
        try:
            said, answered = str(attack()), True
        except ToolError as error:
            said, answered = str(error), False
        seconds = time.perf_counter() - started
        self.rows.append((name, " ".join(said.split()) or "-", seconds, through(said) or (answered and not may_answer)))

    def show(self, rows: bool) -> bool:
        count = sum(row[3] for row in self.rows)
        slow = [row for row in self.rows if row[2] > self.limit]
        longest = max(row[2] for row in self.rows)
        held = not count and not slow
        print(
            f"{'ok  ' if held else 'FAIL'} {self.title:46} {len(self.rows):4} tried {count:3} through {longest:7.3f} s longest (limit {self.limit:g} s)"
        )
        for name, said, seconds, through in self.rows:
            if (rows and not self.brief) or through or seconds > self.limit:
                print(f"       {'THROUGH ' if through else ''}{name[:44]:46} {seconds * 1e3:8.1f} ms  {said[-90:]}")
        return held


# -------------------------------------------------------------------------------------------------------------- python


def python_tables(folder: Path) -> list[Table]:
    secret, output = folder / "secret.txt", folder / "output"
    secret.write_text(SECRET)
    os.environ["TOOLS_TEST_SECRET"] = SECRET
    run = python(seconds=0.5, max_memory=64 * 2**20)
    escapes, abuses, results = (
        Table("Python sandbox: escapes", 4.0),
        Table("Python sandbox: abuse", 4.0),
        Table("Python sandbox: large results", 4.0),
    )
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)

        def through(said: str) -> bool:
            try:
                server.accept()[0].close()
            except BlockingIOError:
                return SECRET in said or output.exists()
            return True

        for name, code in PYTHON_ESCAPES.items():
            real = (
                code.replace("SECRET_FILE", str(secret)).replace("OUTPUT_FILE", str(output)).replace("PORT", str(server.getsockname()[1]))
            )
            escapes.try_(name, partial(run, code=real), through)
        for name, code in PYTHON_ABUSES.items():
            abuses.try_(name, partial(run, code=code), through)
        for name, code in PYTHON_LARGE_RESULTS.items():
            results.try_(name, partial(run, code=code), lambda said: len(said) > 20_000, may_answer=True)
    return [escapes, abuses, results]


# ----------------------------------------------------------------------------------------------------------------- web


def web_tables(_: Path) -> list[Table]:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        if host not in NAMES:
            raise OSError
        return NAMES[host]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(200, text="reached")

    def get(fetch: Tool, url: str) -> object:
        return asyncio.run(fetch(url=url))

    fetch = web_pages(transport=httpx.MockTransport(answer), resolve=resolve)
    addresses, redirects = Table("Web: addresses of the inside", 1.0), Table("Web: redirects to the inside", 1.0)
    for url in SSRF:
        asked.clear()
        addresses.try_(url or "(empty)", partial(get, fetch, url), lambda _: bool(asked))
    for location in REDIRECTS:
        asked.clear()

        def lead(request: httpx.Request, location: str = location) -> httpx.Response:
            asked.append(request.url.host)
            return httpx.Response(302, headers={"location": location}) if len(asked) == 1 else httpx.Response(200, text="reached")

        led = web_pages(transport=httpx.MockTransport(lead), resolve=resolve)
        redirects.try_(location, partial(get, led, "http://good.example/"), lambda _: len(asked) > 1)
    return [addresses, redirects]


# --------------------------------------------------------------------------------------------------------------- files


def files_tables(folder: Path) -> list[Table]:
    root, outside = _tree(folder)
    kit = files(root)
    before = {path: path.read_bytes() for path in outside.rglob("*")}

    def through(said: str) -> bool:
        return SECRET in said or {path: path.read_bytes() for path in outside.rglob("*")} != before

    paths = Table("Files: paths that lead out", 1.0)
    for path in PATHS:
        for name, more in (
            ("read_file", {}),
            ("write_file", {"content": "broken in"}),
            ("list_files", {}),
            ("search_files", {"text": "secret"}),
        ):
            paths.try_(f"{name} {path!r}", partial(kit[name], path=path, **more), through, may_answer=True)
    race = Table("Files: races", 2.0, brief=True)
    calls = (("read_file", {"path": "swap/secret.txt"}), ("write_file", {"path": "swap/new.txt", "content": "x"}), ("write_file", {"path": "swap/a/b.txt", "content": "x"}),
             ("edit_file", {"path": "swap/secret.txt", "old_text": "secret", "new_text": "x"}), ("list_files", {"path": "swap"}), ("search_files", {"text": "secret of"}))  # fmt: skip
    command = [sys.executable, str(ROOT / "tests/tools/_swap.py"), str(root / "swap"), str(root / "other")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as swapper:
        assert swapper.stdout is not None
        swapper.stdout.readline()
        until = time.monotonic() + 5
        while time.monotonic() < until:
            for name, arguments in calls:
                race.try_(name, partial(kit[name], **arguments), lambda said: SECRET in said, may_answer=True)
        swaps = int(swapper.communicate(timeout=10)[0])
    race.title += f" ({swaps:,} swaps of a folder for a link)"
    race.try_("outside unchanged", lambda: "", through, may_answer=True)
    return [paths, race]


def _tree(folder: Path) -> tuple[Path, Path]:
    outside, root = folder / "outside", folder / "root"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    (root / "swap").mkdir(parents=True)
    (root / "swap" / "secret.txt").write_text("harmless")
    (root / "other").symlink_to("../outside")
    (root / "way").symlink_to("../outside")
    (root / "link.txt").symlink_to("../outside/secret.txt")
    (root / "absolute.txt").symlink_to(outside / "secret.txt")
    (root / "loop").symlink_to("loop")
    (root / ".git").mkdir()
    return root, outside


# ----------------------------------------------------------------------------------------------------------------- sql


def sql_tables(folder: Path) -> list[Table]:
    path, outside = folder / "shop.db", folder / "outside.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE item (id, name); INSERT INTO item VALUES (1, 'x'); CREATE TABLE number (n); CREATE VIRTUAL TABLE page USING fts5(body);"
        )
        connection.executemany("INSERT INTO number VALUES (?)", [(n,) for n in range(1_000)])
        connection.commit()
    before = path.read_bytes()
    query = sql(path, seconds=0.5)["sql_query"]

    def through(_: str) -> bool:
        return path.read_bytes() != before or outside.exists()

    attacks, abuses = Table("SQL: attacks", 2.5), Table("SQL: abuse", 4.0)
    for name, text in SQL_ATTACKS.items():
        attacks.try_(name, partial(query, query=text.replace("OUTSIDE", str(outside))), through)
    for name, text in SQL_ABUSES.items():
        abuses.try_(name, partial(query, query=text), through)
    return [attacks, abuses]


# ---------------------------------------------------------------------------------------------------------------- cost


def microseconds(function: Callable[[], object], times: int, repeats: int = 5) -> float:
    """The best mean of some rounds."""
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        for _ in range(times):
            function()
        best = min(best, time.perf_counter() - started)
    return best / times * 1e6


def cost(folder: Path) -> None:
    def bare(a: int, b: int) -> int:
        """Add."""
        return a + b

    made = tool(read_only=True)(bare)
    function: Callable[..., object] = made.function

    @tool(read_only=True)
    async def added(a: int, b: int) -> int:
        """Add."""
        return a + b

    arguments: JsonObject = {"a": 1, "b": 2}
    print("\nWhat a call costs, in microseconds")
    rows = [
        ("a bare function", microseconds(lambda: bare(1, 2), 20_000)),
        ("the tool, called like the function", microseconds(lambda: made(1, 2), 20_000)),
        (
            "arguments checked, function called, result shown",
            microseconds(lambda: render(function(**made.check(arguments))), 20_000),
        ),
    ]
    for name, each in (("async", added), ("sync, in a thread", made)):
        rows.append((f"a whole step of a run on a mock, {name}", _step(each)))
    for name, value in rows:
        print(f"  {name:52} {value:10.2f}")
    (folder / "text.txt").write_text("line\n" * 1_000)
    with closing(sqlite3.connect(folder / "cost.db")) as connection:
        connection.execute("CREATE TABLE item (id)")
        connection.commit()
    kit = files(folder)
    page = web_pages(transport=httpx.MockTransport(lambda _: httpx.Response(200, html="<p>hello</p>" * 1_000)), resolve=_public)
    print("\nWhat the tools take, in milliseconds (median of 15, called as functions)")
    for name, function in (
        ("calculator: (17.5 - 3) * 12 / 100", lambda: calculator("(17.5 - 3) * 12 / 100")),
        ("calculator: sin(pi/6) + sqrt(2)", lambda: calculator("sin(pi/6) + sqrt(2)")),
        ("read_file, 5 kB", lambda: kit["read_file"](path="text.txt")),
        ("write_file, with fsync", lambda: kit["write_file"](path="new.txt", content="x")),
        ("search_files", lambda: kit["search_files"](text="needle", files="*.txt")),
        ("sql_query, a process each", lambda: sql(folder / "cost.db")["sql_query"](query="SELECT 1")),
        ("python, a sandbox each", lambda: python()(code="1 + 1")),
        ("shell: true", lambda: shell(folder)(command="true")),
        ("fetch_url, 13 kB of HTML, without the network", lambda: asyncio.run(page(url="http://good.example/"))),
    ):
        print(f"  {name:52} {_median(function):10.2f}")


async def _public(host: str, port: int) -> Sequence[str]:
    return ["93.184.215.14"]


def _median(function: Callable[[], object]) -> float:
    function()
    times: list[float] = []
    for _ in range(15):
        started = time.perf_counter()
        function()
        times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times)


def _step(each: object, steps: int = 200) -> float:
    """One step of a run: a reply is taken in, a call checked, carried out and written down, the next request made."""
    best = float("inf")
    for _ in range(5):
        agent = Agent(MockBackend([*(call(each.name, a=i, b=2) for i in range(steps)), "done"]), tools=[each], limits=Limits(steps=None))  # type: ignore[attr-defined, list-item]
        started = time.perf_counter()
        assert agent.run_sync("Go.").answer == "done"
        best = min(best, time.perf_counter() - started)
    return best / steps * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", action="store_true", help="show every attack")
    kinds: dict[str, Callable[[Path], list[Table]]] = {"python": python_tables, "web": web_tables, "files": files_tables, "sql": sql_tables}
    parser.add_argument("--only", choices=[*kinds, "cost"])
    options = parser.parse_args()
    held = True
    for kind, make in kinds.items():
        if options.only in (None, kind):
            with tempfile.TemporaryDirectory() as folder:
                for table in make(Path(folder).resolve()):
                    held = table.show(options.rows) and held
    if options.only in (None, "cost"):
        with tempfile.TemporaryDirectory() as folder:
            cost(Path(folder).resolve())
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
