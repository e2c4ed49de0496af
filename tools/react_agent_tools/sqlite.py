"""`sql(path)`: questions to an SQLite database, and no way to change it.

Each query runs in a process of its own, which costs some hundredths of a second and can be killed: a single call of ``instr`` or ``trim`` on long text can keep
SQLite busy for minutes, where no clock within it is looked at. How nothing but reading is possible there is told in `sqlite_worker`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from react_agent import ConfigError, ToolError, ToolRegistry, tool

MAX_ROWS = 200
SECONDS = 5.0
_GRACE_SECONDS = 2.0  # to start, and to say that the time is up
_SHOWN_CHARS = 20_000
_WORKER = Path(__file__).with_name("sqlite_worker.py")
_KEPT = ("SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "SQLITE_TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def sql(path: str | Path, *, tables: Sequence[str] | None = None, seconds: float = SECONDS, max_rows: int = MAX_ROWS) -> ToolRegistry:
    """Tools to read an SQLite database: ``sql_query(query)`` and ``sql_schema()``.

    ::

        agent = Agent("openai:gpt-5", tools=sql("shop.db"))

    Args:
        path: The database; it has to exist.
        tables: Those that may be read; None for all. A view can be read where all tables are named that it selects from, and the view itself.
        seconds: That one query may take. It may use 512 MB of memory and 256 MB of temporary files.
        max_rows: Shown of one result.

    Raises:
        ConfigError: There is no such database, or no Python to run queries with.
    """
    if isinstance(tables, str):
        raise ConfigError(f"tables is a list of names, as in tables=[{tables!r}]; not one text")
    kit = _Sql(Path(path).expanduser().resolve(), tables, seconds, max_rows)
    kit.check()
    return ToolRegistry([kit.sql_query, kit.sql_schema])


class _Sql:
    def __init__(self, path: Path, tables: Sequence[str] | None, seconds: float, max_rows: int) -> None:
        self.uri = f"file:{quote(str(path))}?mode=ro"
        self.path = path
        self.tables = None if tables is None else list(tables)
        self.seconds = seconds
        self.max_rows = max_rows

    def check(self) -> None:
        if not self.path.is_file():
            raise ConfigError(f"there is no database at {self.path}")
        if not sys.executable or getattr(sys, "frozen", False):
            raise ConfigError("queries run in a Python process of their own, and this program has no Python to start one with")
        try:
            self._schema()
        except sqlite3.Error as error:
            raise ConfigError(f"{self.path} cannot be read as an SQLite database: {error}") from None

    @tool(
        read_only=True,
        idempotent=True,
        examples=[{"query": "SELECT country, count(*) AS customers FROM customer GROUP BY country ORDER BY 2 DESC LIMIT 10"}],
    )
    def sql_query(self, query: str) -> str:
        """Run one SELECT on the database (SQLite). Nothing can be changed.

        Args:
            query: One statement in SQLite's dialect. Ask for what you need: use LIMIT, aggregates, and substr() for long text.
        """
        asked = {"uri": self.uri, "query": query, "tables": self.tables, "seconds": self.seconds, "rows": self.max_rows}
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", str(_WORKER)],
                input=json.dumps(asked).encode(),
                capture_output=True,
                timeout=self.seconds + _GRACE_SECONDS,
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
                check=False,
            )
            said: dict[str, str] = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            raise ToolError(f"the query took longer than {self.seconds:g} seconds and was stopped; make it do less") from None
        except ValueError:  # killed by the system's limits before it could say so
            raise ToolError("the query was stopped: it took too much time or memory; make it do less") from None
        except OSError as error:
            raise ToolError(f"the query could not be run: {error.strerror}") from None
        if "error" in said:
            raise ToolError(said["error"])
        return said["text"]

    @tool(read_only=True, idempotent=True, examples=[{}])
    def sql_schema(self) -> str:
        """Show the tables and views of the database, with their columns."""
        try:
            found = self._schema()
        except sqlite3.Error as error:
            raise ToolError(f"the schema cannot be read: {error}") from None
        allowed = None if self.tables is None else {name.casefold() for name in self.tables}
        lines = [f"{' '.join(text.split())[:2_000]};" for name, text in found if allowed is None or name.casefold() in allowed]
        text = "\n".join(lines) or "the database has no tables"
        return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}\n[there is more: ask sqlite_schema for the rest]"

    def _schema(self) -> list[tuple[str, str]]:
        """Names and definitions of tables and views; full-text tables without the tables that they are kept in."""
        query = "SELECT name, sql FROM sqlite_schema WHERE type IN ('table', 'view') AND sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        with closing(sqlite3.connect(self.uri, uri=True, timeout=1.0)) as connection:
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            found: list[tuple[str, str]] = connection.execute(query).fetchall()
        virtual = tuple(f"{name}_" for name, text in found if text.upper().startswith("CREATE VIRTUAL"))
        return [(name, text) for name, text in found if not (virtual and name.startswith(virtual) and text.startswith("CREATE TABLE '"))]
