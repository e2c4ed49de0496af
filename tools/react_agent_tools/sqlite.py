"""`sql(path)`: questions to an SQLite database, and no way to change it.

Read-only is the engine's doing, four times over: the file is opened with ``mode=ro``, ``PRAGMA query_only`` is on, an authorizer lets nothing pass but reading,
and only one statement runs. Time is bounded by a progress handler, and lengths and depths by SQLite's own limits, after
https://sqlite.org/security.html; results by rows and characters. What a query sorts or gathers goes to temporary files, not to memory.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from react_agent import ConfigError, ToolError, ToolRegistry, tool

MAX_ROWS = 200
MAX_CELL = 1_000_000  # characters or bytes of one value, anywhere in a query
SECONDS = 5.0
_SHOWN_CHARS = 20_000
_SHOWN_CELL = 500
_STEPS = 1_000  # of the engine between two looks at the clock
_LIMITS = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 500,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 100_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 50,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 1,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_FUNCTION)
_PRAGMAS = ("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list")
_FUNCTIONS_DENIED = ("load_extension", "readfile", "writefile", "edit", "fts3_tokenizer")


def sql(path: str | Path, *, tables: Sequence[str] | None = None, seconds: float = SECONDS, max_rows: int = MAX_ROWS) -> ToolRegistry:
    """Tools to read an SQLite database: ``sql_query(query)`` and ``sql_schema()``.

    ::

        agent = Agent("openai:gpt-5", tools=sql("shop.db"))

    Args:
        path: The database; it has to exist.
        tables: Those that may be read, tables and views (a view shows what it selects from); None for all.
        seconds: That one query may take.
        max_rows: Shown of one result.

    Raises:
        ConfigError: There is no such database.
    """
    kit = _Sql(Path(path).expanduser().resolve(), tables, seconds, max_rows)
    kit.check()
    return ToolRegistry([kit.sql_query, kit.sql_schema])


class _Sql:
    def __init__(self, path: Path, tables: Sequence[str] | None, seconds: float, max_rows: int) -> None:
        self.uri = f"file:{quote(str(path))}?mode=ro"
        self.path = path
        self.tables = None if tables is None else {name.casefold() for name in tables}
        self.seconds = seconds
        self.max_rows = max_rows

    def check(self) -> None:
        if not self.path.is_file():
            raise ConfigError(f"there is no database at {self.path}")
        try:
            with closing(sqlite3.connect(self.uri, uri=True)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_schema")
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
        columns, rows, more = self._rows(query)
        return _table(
            columns, rows, f"only the first {self.max_rows} rows; narrow the query, or page with LIMIT and OFFSET" if more else ""
        )

    @tool(read_only=True, idempotent=True, examples=[{}])
    def sql_schema(self) -> str:
        """Show the tables and views of the database, with their columns."""
        made = "SELECT name, type, sql FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        with closing(self._connect(schema=True)) as connection:
            found = [row for row in connection.execute(made) if self.tables is None or str(row[0]).casefold() in self.tables]
        lines: list[str] = []
        for name, kind, text in found:
            lines.append(" ".join(str(text or f"{kind} {name}").split())[:2_000] + ";")
        text = "\n".join(lines)
        return text[:_SHOWN_CHARS] + ("\n[there are more]" if len(text) > _SHOWN_CHARS else "") if lines else "the database has no tables"

    # --------------------------------------------------------------------------------------------------------- engine

    def _rows(self, query: str) -> tuple[list[str], list[tuple[object, ...]], bool]:
        started = time.monotonic()
        with closing(self._connect()) as connection:
            connection.set_progress_handler(lambda: time.monotonic() - started > self.seconds, _STEPS)
            try:
                cursor = connection.execute(query)
                rows = cursor.fetchmany(self.max_rows + 1)
            except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:  # ValueError: NULs and lone surrogates
                if time.monotonic() - started > self.seconds:
                    raise ToolError(f"the query took longer than {self.seconds:g} seconds and was stopped; make it do less") from None
                raise ToolError(self._words(error, connection)) from None
            columns = [column[0] for column in cursor.description or ()]
        if not columns:
            raise ToolError("the query gives no rows; only SELECT is possible here")
        return columns, rows[: self.max_rows], len(rows) > self.max_rows

    def _connect(self, *, schema: bool = False) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.uri, uri=True, timeout=1.0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise ToolError(f"the database cannot be opened: {error}") from None
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        for pragma in ("query_only=ON", "trusted_schema=OFF", "temp_store=FILE", "cell_size_check=ON", "mmap_size=0"):
            connection.execute(f"PRAGMA {pragma}")
        for limit, most in _LIMITS.items():
            connection.setlimit(limit, most)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_CELL)
        connection.set_authorizer(lambda *asked: self._authorize(*asked, schema=schema))
        return connection

    def _authorize(self, action: int, what: str | None, more: str | None, database: str | None, via: str | None, *, schema: bool) -> int:
        """Allows reading and nothing else. `via` is the view that a table is read through."""
        if action == sqlite3.SQLITE_PRAGMA:
            return sqlite3.SQLITE_OK if (what or "").lower() in _PRAGMAS and self.tables is None else sqlite3.SQLITE_DENY
        if action not in _READING:
            return sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_FUNCTION and (more or "").lower() in _FUNCTIONS_DENIED:
            return sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_READ and self.tables is not None and not schema:
            names = {(what or "").casefold(), (via or "").casefold()}
            return sqlite3.SQLITE_OK if names & self.tables else sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    def _words(self, error: Exception, connection: sqlite3.Connection) -> str:
        said = str(error)
        if "not authorized" in said or "prohibited" in said or "readonly" in said or "read-only" in said:
            return f"not allowed ({said}): only SELECT on the database's own tables is possible; nothing can be changed, attached or loaded"
        if "one statement at a time" in said:
            return "only one statement at a time is possible"
        if "too big" in said:
            return f"a value would get longer than {MAX_CELL:,} characters; take less"
        hint = "; sql_schema shows the tables and columns" if said.startswith(("no such table", "no such column")) else ""
        return f"SQLite: {said[:500]}{hint}"


# ------------------------------------------------------------------------------------------------------------- showing


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]], note: str) -> str:
    lines = [" | ".join(_cell(column) for column in columns)]
    room = _SHOWN_CHARS
    for row in rows:
        line = " | ".join(map(_cell, row))
        room -= len(line) + 1
        if room < 0:
            note = f"only the first {len(lines) - 1} rows, since they are long; ask for fewer columns or rows"
            break
        lines.append(line)
    if not rows:
        note = "no rows"
    return "\n".join([*lines, f"[{note}]"] if note else lines)


def _cell(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"<{len(value):,} bytes>"
    text = str(value)
    if len(text) > _SHOWN_CELL:
        text = f"{text[:_SHOWN_CELL]}… [{len(text) - _SHOWN_CELL:,} more characters]"
    plain = isinstance(value, int | float) or not any(char in text for char in "|\n\r")
    return text if plain else json.dumps(text, ensure_ascii=False)
