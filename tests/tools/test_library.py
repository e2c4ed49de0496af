"""Local documents: found by words, kept up to date, confined."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from react_agent import ConfigError, ToolError, ToolRegistry
from react_agent_tools import documents
from react_agent_tools.library import passages

HANDBOOK = """# Handbook

Welcome to the company.

## Holidays

Everyone has thirty days of holiday. Up to five unused days carry over
into the next year.

## Notice

The notice period is three months.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    (root / "deep").mkdir(parents=True)
    (root / "handbook.md").write_text(HANDBOOK)
    (root / "deep" / "page.HTML").write_text("<title>x</title><script>holiday</script><h1>Parking</h1><p>Cars &amp; bicycles.</p>")
    (root / "café.txt").write_text("Das Café öffnet um neun.\n\nPeriod of notice: none.")
    (root / "binary.txt").write_bytes(b"\0holiday")
    (root / "code.py").write_text("holiday = 3")
    (tmp_path / "outside.md").write_text("secret holiday")
    (root / "link.md").symlink_to("../outside.md")
    (root / ".env").write_text("holiday=secret")
    return root


@pytest.fixture
def kit(folder: Path) -> ToolRegistry:
    return documents(folder)


def search(kit: ToolRegistry, query: str, **arguments: object) -> str:
    return str(kit["search_documents"](query=query, **arguments))


def test_passages_are_found_with_their_place(kit: ToolRegistry) -> None:
    assert search(kit, "unused holidays", limit=1).split("\n\n[")[0] == (
        "handbook.md:5 (Holidays)\n## Holidays\n\nEveryone has thirty days of holiday. Up to five unused days carry over\ninto the next year."
    )
    assert "1 files are not in the index" in search(kit, "holiday")
    assert search(kit, "CAFE offnet").startswith("café.txt:1")
    assert search(kit, "bicycle").startswith("deep/page.HTML:1 (Parking)\n# Parking\n\nCars & bicycles.")
    assert search(kit, '"notice period"').startswith("handbook.md:10")
    assert "café.txt" not in search(kit, '"notice period"')
    assert "secret" not in search(kit, "holiday secret outside", limit=20)
    assert search(kit, "zebra").startswith("no passage holds any of these words (3 documents)")


def test_documents_are_read_on_from_a_line(kit: ToolRegistry, folder: Path) -> None:
    assert kit["read_document"](path="handbook.md", line=10) == "## Notice\n\nThe notice period is three months.\n"
    (folder / "long.txt").write_text("\n".join(f"line {i}" for i in range(1, 5_001)))
    said = str(kit["read_document"](path="long.txt", line=10))
    assert said.startswith("line 10\n")
    following = int(said.rsplit("line=", 1)[1].rstrip("]"))
    assert said.split("\n")[-2] == f"line {following - 1}"


@pytest.mark.parametrize("path", ["../outside.md", "link.md", "/etc/passwd", "code.py", ".env", "missing.md", "deep"])
def test_nothing_else_is_read(kit: ToolRegistry, path: str) -> None:
    with pytest.raises(ToolError) as caught:
        kit["read_document"](path=path)
    assert "secret" not in str(caught.value)


def test_which_files_are_documents_and_which_are_hidden(folder: Path) -> None:
    (folder / "private.py").write_text("holiday = 4")
    kit = documents(folder, patterns=["*.PY"], hide=["Private*"])
    assert search(kit, "holiday") == "code.py:1\nholiday = 3"
    assert kit["read_document"](path="code.py") == "holiday = 3"
    for path in ("handbook.md", "private.py"):
        with pytest.raises(ToolError):
            kit["read_document"](path=path)


@pytest.mark.parametrize(("limit", "shown"), [(-1, 1), (0, 1), (2, 2), (99, 20)])
def test_passages_are_so_many(folder: Path, limit: int, shown: int) -> None:
    (folder / "many.md").write_text("\n\n".join(f"# {n}\n\nzebra" for n in range(30)))
    assert search(documents(folder), "zebra", limit=limit).count("many.md:") == shown


def test_what_changes_is_seen(kit: ToolRegistry, folder: Path) -> None:
    assert "thirty" in search(kit, "holiday")
    (folder / "handbook.md").write_text("# Handbook\n\nEveryone has forty days of holiday.")
    os.utime(folder / "handbook.md", ns=(1, 1))
    (folder / "new.md").write_text("A zebra.")
    (folder / "café.txt").unlink()
    assert "forty" in search(kit, "holiday")
    assert "thirty" not in search(kit, "holiday")
    assert search(kit, "zebra").startswith("new.md:1")
    assert search(kit, "café").startswith("no passage")


@pytest.mark.parametrize(
    "query",
    [
        '"',
        "*",
        "a* OR b",
        "NEAR(a b)",
        "path: x",
        "-x",
        "^x",
        "{a b}: c",
        "'; DROP TABLE passage; --",
        "a AND",
        "(",
        "col:",
        "\0x",
        "\ud800x",
        '"a',
        "x" * 999,
    ],
)
def test_nothing_of_a_query_is_syntax(kit: ToolRegistry, query: str) -> None:
    with contextlib.suppress(ToolError):  # "holds no words"; never an error of the engine
        search(kit, query)
    assert "thirty" in search(kit, "holiday")


def test_queries_that_are_none(kit: ToolRegistry) -> None:
    for query, words in (("", "no words"), ("?!", "no words"), ("x" * 2_000, "1,000 characters")):
        with pytest.raises(ToolError, match=words):
            search(kit, query)


def test_a_file_whose_name_is_no_text_costs_no_other_its_place(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.md")).write_text("holiday")
    said = search(documents(folder), "holiday")
    assert "handbook.md:5" in said
    assert "2 files are not in the index" in said


def test_large_and_many_files_are_left_out(folder: Path) -> None:
    (folder / "big.txt").write_bytes(b"holiday " * (1 << 20) + b"more")
    kit = documents(folder, max_files=2)
    assert "2 files are not in the index" in search(kit, "holiday") or "3 files are not in the index" in search(kit, "holiday")


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        documents(tmp_path / "missing")


def test_one_long_line_is_cut_in_time(tmp_path: Path) -> None:
    started = time.process_time()
    made = list(passages("word " * 500_000 + "x" * 500_000))
    assert time.process_time() - started < 3
    assert max(len(text) for _, text, _ in made) <= 2_000


@given(st.text("ab #\n", max_size=300))
def test_law_passages_hold_all_words_and_know_their_line(text: str) -> None:
    lines = text.split("\n")
    made = list(passages(text))
    assert "".join("".join(body.split()) for _, body, _ in made) == "".join(text.split())
    for _, body, line in made:
        assert body.split("\n")[0].strip() in lines[line - 1]
