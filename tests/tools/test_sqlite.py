"""Questions to a database: what comes back, how mistakes are answered, and that nothing can be changed or kept busy."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from react_agent import Agent, ConfigError, MockBackend, ToolError, call
from react_agent_tools import sql
from tests.tools._hostile import SQL_ABUSES, SQL_ATTACKS


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sql") / "a shop? 100%.db"  # a name that means something in a URI
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("""
            CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT);
            INSERT INTO item VALUES (1, 'a | b'), (2, NULL);
            CREATE TABLE account (secret TEXT);
            INSERT INTO account VALUES ('hidden');
            CREATE VIEW sold AS SELECT name FROM item;
            CREATE TABLE number (n INTEGER);
            CREATE TABLE long (text TEXT, data BLOB);
            CREATE VIRTUAL TABLE page USING fts5(body);
            INSERT INTO page VALUES ('the quick brown fox');
        """)
        connection.executemany("INSERT INTO number VALUES (?)", [(n,) for n in range(1_000)])
        connection.execute("INSERT INTO long VALUES (?, ?)", ("x" * 3_000_000, b"\0" * 1_234))
        connection.execute("INSERT INTO long VALUES (CAST(x'ff41' AS TEXT), NULL)")
        connection.commit()
    return path


def ask(path: Path, query: str, **options: object) -> str:
    return str(sql(path, **options)["sql_query"](query=query))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT * FROM item ORDER BY id", 'id | name\n1 | "a | b"\n2 | NULL'),
        ("SELECT name FROM sold WHERE name IS NULL", "name\nNULL"),
        ("SELECT 1.5 AS x WHERE 0", "x\n[no rows]"),
        ("VALUES (1, 'x')", "column1 | column2\n1 | x"),
        ("SELECT body FROM page WHERE page MATCH 'fox'", "body\nthe quick brown fox"),
        ("SELECT value FROM json_each('[3]')", "value\n3"),
        ("SELECT name FROM pragma_table_info('item')", "name\nid\nname"),
        ("SELECT length(text), data FROM long LIMIT 1", "length(text) | data\n3000000 | <1,234 bytes>"),
        ("SELECT text FROM long LIMIT 1", "text\n" + "x" * 500 + "… [2,999,500 more characters]"),
        ("SELECT text FROM long LIMIT 1 OFFSET 1", "text\n\ufffdA"),
    ],
    ids=["rows", "view", "none", "values", "fulltext", "json", "columns", "blob", "long", "bad-utf8"],
)
def test_query(database: Path, query: str, text: str) -> None:
    assert ask(database, query) == text


def test_rows_are_bounded_in_number_and_length(database: Path) -> None:
    lines = ask(database, "SELECT n FROM number", max_rows=10).split("\n")
    assert len(lines) == 12
    assert "only the first 10 rows" in lines[-1]
    said = ask(database, "SELECT printf('%.400c', 'x') FROM number", max_rows=1_000)
    assert len(said) < 21_000
    assert "since they are long" in said


def test_schema(database: Path) -> None:
    assert sql(database, tables=["Item", "sold"])["sql_schema"]() == (
        "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT);\nCREATE VIEW sold AS SELECT name FROM item;"
    )
    everything = str(sql(database)["sql_schema"]()).splitlines()
    assert [line.split()[2] for line in everything if "VIRTUAL" not in line] == ["account", "item", "long", "number", "sold"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT * FROM nowhere", "no such table: nowhere; sql_schema"),
        ("SELECT nowhere FROM item", "no such column: nowhere; sql_schema"),
        ("SELEKT 1", "syntax error"),
        ("", "only SELECT"),
        ("-- nothing", "only SELECT"),
        ("SELECT ?", "write them into the query"),
        ("SELECT 'a\0'", "null character"),
        ("SELECT '\ud800'", "surrogates"),
        ("SELECT " + "1," * 30_000 + "1", "too long"),
    ],
    ids=["table", "column", "syntax", "empty", "comment", "binding", "nul", "surrogate", "long"],
)
def test_mistakes_are_told_clearly(database: Path, query: str, words: str) -> None:
    with pytest.raises(ToolError) as caught:
        ask(database, query)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("query", SQL_ATTACKS.values(), ids=SQL_ATTACKS)
def test_nothing_can_be_changed(database: Path, tmp_path: Path, query: str) -> None:
    before = database.read_bytes()
    outside = tmp_path / "outside.db"
    with pytest.raises(ToolError):
        ask(database, query.replace("OUTSIDE", str(outside)))
    assert database.read_bytes() == before
    assert list(database.parent.iterdir()) == [database]
    assert not outside.exists()


@pytest.mark.parametrize("query", SQL_ABUSES.values(), ids=SQL_ABUSES)
def test_nothing_keeps_it_busy(database: Path, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("react_agent_tools.sqlite._GRACE_SECONDS", 0.5)
    started = time.perf_counter()
    with pytest.raises(ToolError):
        ask(database, query, seconds=0.3)
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM account",
        "SELECT count(*) FROM account",
        "SELECT 1 FROM account",
        "SELECT (SELECT secret FROM account) FROM sold",
        "WITH sold AS (SELECT * FROM account) SELECT * FROM sold",
        "SELECT * FROM sold UNION SELECT secret FROM main.account",
        'SELECT * FROM "ACCOUNT"',
        "SELECT sql FROM sqlite_master",
        "SELECT sql FROM sqlite_schema",
        "SELECT * FROM pragma_table_info('account')",
        "PRAGMA table_info(account)",
        "SELECT * FROM dbstat",
        "SELECT sql FROM sqlite_stmt",
        "EXPLAIN SELECT * FROM account",
        "SELECT * FROM page",
        "SELECT * FROM (SELECT * FROM account) AS sold",
        "WITH item AS (SELECT secret AS name FROM account) SELECT * FROM item",
    ],
)
def test_only_the_tables_named_are_read(database: Path, query: str) -> None:
    with pytest.raises(ToolError) as caught:
        ask(database, query, tables=["sold", "item"])
    assert "hidden" not in str(caught.value)


def test_the_tables_named_can_be_read(database: Path) -> None:
    assert ask(database, "SELECT count(*) FROM SOLD", tables=["Sold", "item"]) == "count(*)\n2"
    assert ask(database, "SELECT body FROM page WHERE page MATCH 'quick'", tables=["page"]) == "body\nthe quick brown fox"


def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database at all, but a text of some length")
    for path, words in ((tmp_path / "missing.db", "no database"), (tmp_path, "no database"), (tmp_path / "text.db", "cannot be read")):
        with pytest.raises(ConfigError, match=words):
            sql(path)


def test_in_a_run(database: Path) -> None:
    agent = Agent(MockBackend([call("sql_query", query="SELECT count(*) FROM number"), "a thousand"]), tools=sql(database))
    result = agent.run_sync("How many?").steps[0].calls[0].result
    assert result is not None
    assert result.text == "count(*)\n1000"
