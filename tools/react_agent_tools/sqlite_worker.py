"""Run as a program by `sqlite`: one query, read from standard input as JSON, answered on standard output as JSON, and gone.

Imports nothing of this package, so that it starts in hundredths of a second. Read-only is the engine's doing, four times over: the file is opened with
``mode=ro``, ``PRAGMA query_only`` is on, an authorizer lets nothing pass but reading, and only one statement runs. The limits are those of
https://sqlite.org/security.html, a little wider; time, memory and temporary files are bounded by the system where it can (setrlimit).
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from contextlib import closing, suppress

MAX_CELL = 10_000_000  # characters or bytes of one value, anywhere in a query
MAX_MEMORY = 512 * 2**20
MAX_TEMPORARY = 256 * 2**20
SHOWN_CHARS = 20_000
SHOWN_CELL = 500
STEPS = 1_000  # of the engine between two looks at the clock
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_CELL,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 500,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 100_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 50,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 100,  # full-text tables need some
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_FUNCTION)
PRAGMAS = ("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list", "data_version")
FUNCTIONS_DENIED = ("load_extension", "readfile", "writefile", "edit", "fts3_tokenizer")
SHADOWS = ("", "_config", "_content", "_data", "_docsize", "_idx")  # of a full-text table


def authorize(action: int, what: str | None, more: str | None, database: str | None, tables: frozenset[str] | None) -> int:
    """Allows reading and nothing else. `tables` are those that may be read, None for all.

    The engine also tells the view that a table is read through; but a WITH clause of the query may take the name of a view, and looks the same.
    """
    name = (what or "").casefold()
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if name == "data_version" or (name in PRAGMAS and tables is None) else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_UPDATE and name == "sqlite_master" and database == "main":
        return sqlite3.SQLITE_OK  # what declaring a virtual table looks like; a real update of that table is refused by the engine
    if action not in READING:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (more or "").casefold() in FUNCTIONS_DENIED:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_READ and tables is not None and name not in tables:
        declaring = name == "sqlite_master" and more == "ROWID"
        return sqlite3.SQLITE_OK if declaring else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def connect(uri: str, tables: list[str] | None) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=1.0, isolation_level=None)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    for pragma in ("query_only=ON", "trusted_schema=OFF", "temp_store=FILE", "cell_size_check=ON", "mmap_size=0"):
        connection.execute(f"PRAGMA {pragma}")
    for limit, most in LIMITS.items():
        connection.setlimit(limit, most)
    allowed = None if tables is None else frozenset(table.casefold() + shadow for table in tables for shadow in SHADOWS)
    connection.set_authorizer(lambda action, what, more, database, _: authorize(action, what, more, database, allowed))
    return connection


def answer(uri: str, query: str, tables: list[str] | None, seconds: float, most: int) -> str:
    """The result as text. Raises `sqlite3.Error` and others."""
    until = time.monotonic() + seconds
    with closing(connect(uri, tables)) as connection:
        connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
        cursor = connection.execute(query)
        columns = [column[0] for column in cursor.description or ()]
        if not columns:
            raise ValueError("the query gives no rows; only SELECT is possible here")
        lines = [" | ".join(map(cell, columns))]
        room = SHOWN_CHARS
        for row in cursor:
            if len(lines) > most:
                return "\n".join([*lines, f"[only the first {most} rows; narrow the query, or page with LIMIT and OFFSET]"])
            line = " | ".join(map(cell, row))
            room -= len(line) + 1
            if room < 0:
                return "\n".join([*lines, f"[only the first {len(lines) - 1} rows, since they are long; ask for fewer columns or rows]"])
            lines.append(line)
        return "\n".join(lines if len(lines) > 1 else [*lines, "[no rows]"])


def cell(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"<{len(value):,} bytes>"
    text = str(value)
    if len(text) > SHOWN_CELL:
        text = f"{text[:SHOWN_CELL]}… [{len(text) - SHOWN_CELL:,} more characters]"
    plain = isinstance(value, int | float) or not any(char in text for char in "|\n\r")
    return text if plain else json.dumps(text, ensure_ascii=False)


def words(error: Exception, seconds: float) -> str:
    """What went wrong, for whoever wrote the query."""
    said = str(error)
    if said == "interrupted":
        return f"the query took longer than {seconds:g} seconds and was stopped; make it do less"
    if isinstance(error, MemoryError) or "out of memory" in said or "disk" in said:
        return "the query needs too much memory or temporary space; make it do less"
    if any(word in said for word in ("authoriz", "prohibited", "readonly", "read-only", "may not be modified")):
        return f"not allowed ({said}): only SELECT is possible, on the tables that may be read; nothing can be changed, attached or loaded"
    if "bindings supplied" in said:
        return "no values can be bound to ? or :name here; write them into the query"
    if "one statement at a time" in said:
        return "only one statement at a time is possible"
    if "too big" in said or "too large" in said:
        return f"too long: a query may have {LIMITS[sqlite3.SQLITE_LIMIT_SQL_LENGTH]:,} characters, and a value {MAX_CELL:,}"
    if not isinstance(error, sqlite3.Error):
        return said[:500]
    hint = "; sql_schema shows the tables and columns" if said.startswith(("no such table", "no such column")) else ""
    return f"SQLite: {said[:500]}{hint}"


def bound(seconds: float) -> None:
    with suppress(ImportError, ValueError, OSError):  # not every system has them
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 3, int(seconds) + 3))
        resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_TEMPORARY, MAX_TEMPORARY))
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


def main() -> None:
    asked = json.load(sys.stdin)
    bound(asked["seconds"])
    try:
        said = {"text": answer(asked["uri"], asked["query"], asked["tables"], asked["seconds"], asked["rows"])}
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, MemoryError, RecursionError) as error:
        said = {"error": words(error, asked["seconds"])}
    sys.stdout.buffer.write(json.dumps(said).encode())


if __name__ == "__main__":
    main()
