"""Files beneath a root: what the tools do, how they answer mistakes, and that no path, link or race leads out."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from _left import descriptors, needs_proc

from react_agent import Agent, ConfigError, MockBackend, ToolError, ToolRegistry, call
from react_agent_tools import files
from tests.tools._hostile import PATHS

SECRET = "the secret outside"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    (tmp_path / "root-of-another").mkdir()
    (tmp_path / "root-of-another" / "secret.txt").write_text(SECRET)
    root = tmp_path / "root"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "README.md").write_text("# Title\n\nfirst\nsecond\nthird\n")
    (root / "src" / "main.py").write_text("import json\n\ndef main():\n    retries = 3\n    return json\n")
    (root / "src" / "deep" / "other.py").write_bytes(b"import re\r\nx = 1\r\nx = 1\r\n")
    (root / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (root / "latin.txt").write_bytes("caf\xe9\n".encode("latin-1"))
    (root / "empty.txt").write_text("")
    (root / ".env").write_text(SECRET)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text(SECRET)
    (root / "link.txt").symlink_to("../outside/secret.txt")
    (root / "absolute.txt").symlink_to(outside / "secret.txt")
    (root / "inner.txt").symlink_to("README.md")
    (root / "way").symlink_to("../outside")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def kit(root: Path) -> ToolRegistry:
    return files(root)


def run(kit: ToolRegistry, name: str, **arguments: object) -> str:
    return str(kit[name](**arguments))


# ------------------------------------------------------------------------------------------------------------ what works


def test_annotations(root: Path) -> None:
    told = {t.name: (t.spec.read_only, bool(t.spec.destructive)) for t in files(root)}
    assert told == {
        "read_file": (True, False),
        "list_files": (True, False),
        "search_files": (True, False),
        "write_file": (False, True),
        "edit_file": (False, True),
    }
    assert files(root, writable=False).names == ("read_file", "list_files", "search_files")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"path": "README.md"}, "# Title\n\nfirst\nsecond\nthird"),
        ({"path": "./README.md"}, "# Title\n\nfirst\nsecond\nthird"),
        ({"path": "README.md", "offset": 3, "limit": 2}, "first\nsecond\n[lines 3 to 4 of 5; go on with offset=5]"),
        ({"path": "README.md", "offset": 5}, "third\n[lines 5 to 5 of 5]"),
        ({"path": "src//deep/other.py"}, "import re\nx = 1\nx = 1"),
        ({"path": "empty.txt"}, "[the file is empty]"),
        ({"path": "latin.txt"}, "caf\ufffd\n[the file is not UTF-8: what could not be read is shown as \ufffd]"),
    ],
    ids=["whole", "dot", "part", "end", "crlf", "empty", "latin"],
)
def test_read(kit: ToolRegistry, arguments: dict[str, object], text: str) -> None:
    assert run(kit, "read_file", **arguments) == text


def test_a_long_file_is_read_in_parts(root: Path, kit: ToolRegistry) -> None:
    lines = [f"line {i} " + "x" * 90 for i in range(1, 2_001)]
    (root / "long.txt").write_text("\n".join(lines))
    got: list[str] = []
    offset = 1
    while True:
        *part, last = run(kit, "read_file", path="long.txt", offset=offset).split("\n")
        got += part
        if "go on with offset=" not in last:
            break
        offset = int(last.rsplit("=", 1)[1].rstrip("]"))
    assert got == lines


def test_a_long_line_is_cut_and_says_so(root: Path, kit: ToolRegistry) -> None:
    (root / "min.js").write_text("a" * 100_000)
    assert run(kit, "read_file", path="min.js").endswith(
        "[… 98,000 more characters in this line; search_files shows what stands around a text in it]"
    )


def test_write_makes_folders_and_tells_what_it_replaced(root: Path, kit: ToolRegistry) -> None:
    assert run(kit, "write_file", path="a/b/c.txt", content="é\n") == "wrote a/b/c.txt (3 bytes, new)"
    (root / "a/b/c.txt").chmod(0o640)
    assert run(kit, "write_file", path="a/b/c.txt", content="x") == "wrote a/b/c.txt (1 bytes, replacing 3 bytes)"
    assert stat.S_IMODE((root / "a/b/c.txt").stat().st_mode) == 0o640
    assert os.listdir(root / "a/b") == ["c.txt"]


def test_edit_replaces_what_is_there_exactly_once(root: Path, kit: ToolRegistry) -> None:
    said = run(kit, "edit_file", path="src/main.py", old_text="    retries = 3\n", new_text="    retries = 5\n")
    assert said == "edited src/main.py: 1 replacement, the first in line 4"
    assert "retries = 5" in (root / "src/main.py").read_text()


def test_edit_keeps_a_files_line_ends(root: Path, kit: ToolRegistry) -> None:
    run(kit, "edit_file", path="src/deep/other.py", old_text="import re\nx = 1\nx", new_text="import re\ny = 2\nx")
    assert (root / "src/deep/other.py").read_bytes() == b"import re\r\ny = 2\r\nx = 1\r\n"


def test_an_edit_over_line_ends_of_both_kinds_says_what_stands_in_its_way(root: Path, kit: ToolRegistry) -> None:
    (root / "both.txt").write_bytes(b"one\r\ntwo\nthree\r\n")
    with pytest.raises(ToolError, match=r"some of the file's lines end with \\r\\n and some with \\n: edit within one line"):
        run(kit, "edit_file", path="both.txt", old_text="one\ntwo", new_text="2")
    run(kit, "edit_file", path="both.txt", old_text="one", new_text="1")
    assert (root / "both.txt").read_bytes() == b"1\r\ntwo\nthree\r\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"old_text": "nowhere", "new_text": ""}, "does not occur"),
        ({"old_text": "x = 1", "new_text": "x = 2"}, "occurs 2 times in src/deep/other.py (lines 2, 3)"),
        ({"old_text": "x  =  1", "new_text": "x = 2"}, "Line 2 differs in white space"),
        ({"old_text": "impart re", "new_text": ""}, "Is it this line? 'import re'"),
        ({"old_text": "", "new_text": "x"}, "old_text is empty"),
        ({"old_text": "x", "new_text": "x"}, "nothing would change"),
    ],
    ids=["missing", "twice", "space", "near", "empty", "same"],
)
def test_an_edit_that_does_not_fit_changes_nothing(root: Path, kit: ToolRegistry, arguments: dict[str, object], words: str) -> None:
    before = (root / "src/deep/other.py").read_bytes()
    with pytest.raises(ToolError) as caught:
        run(kit, "edit_file", path="src/deep/other.py", **arguments)
    assert words in str(caught.value)
    assert (root / "src/deep/other.py").read_bytes() == before


def test_list(kit: ToolRegistry) -> None:
    assert run(kit, "list_files").split("\n") == [
        "README.md (28 bytes)",
        "absolute.txt (link, not followed)",
        "empty.txt (0 bytes)",
        "inner.txt (link, not followed)",
        "latin.txt (5 bytes)",
        "link.txt (link, not followed)",
        "loop (link, not followed)",
        "picture.png (10 bytes)",
        "pipe (other, not followed)",
        "src/",
        "way (link, not followed)",
    ]
    assert run(kit, "list_files", path="src", pattern="*.py", recursive=True) == "src/deep/other.py (25 bytes)\nsrc/main.py (57 bytes)"
    assert run(kit, "list_files", pattern="*.rs", recursive=True) == "nothing that matches '*.rs'"
    assert "with recursive" in run(kit, "list_files", pattern="**/*.py")


def test_a_name_takes_one_line_whatever_it_holds(root: Path, kit: ToolRegistry) -> None:
    (root / "deep\n[the end]").write_text("first")
    (root / "é\u202f1.png").write_text("")  # as screenshots are named
    assert "é\u202f1.png (0 bytes)" in run(kit, "list_files")
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9")).write_text("first")
    assert "caf\\udce9 (5 bytes)\ndeep\\n[the end] (5 bytes)\n" in run(kit, "list_files")
    assert (
        run(kit, "search_files", text="first")
        == "README.md:3: first\ncaf\\udce9:1: first\ndeep\\n[the end]:1: first\n[1 files were left out: no text, too large or unreadable]"
    )


def test_what_is_hidden_can_be_said(root: Path) -> None:
    kit = files(root, hide=["*.MD", "src"])
    assert run(kit, "read_file", path=".env") == SECRET
    assert "README" not in run(kit, "list_files")
    for path in ("README.md", "src/main.py"):
        with pytest.raises(ToolError, match="off limits"):
            run(kit, "read_file", path=path)


def test_list_is_bounded(root: Path, kit: ToolRegistry) -> None:
    for i in range(600):
        (root / "src" / f"{i:03}.txt").touch()
    said = run(kit, "list_files", path="src").split("\n")
    assert len(said) == 501
    assert "only the first 500" in said[-1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"text": "import"}, "src/deep/other.py:1: import re\nsrc/main.py:1: import json"),
        ({"text": "IMPORT", "ignore_case": True, "path": "src/deep"}, "src/deep/other.py:1: import re"),
        ({"text": r"^import (json|xml)$", "regex": True}, "src/main.py:1: import json"),
        ({"text": "FIRST", "regex": True, "ignore_case": True}, "README.md:3: first"),
        ({"text": "first", "files": "*.py"}, "no line with 'first' in 2 files"),
        ({"text": SECRET}, f"no line with '{SECRET}' in 5 files"),
    ],
    ids=["plain", "case", "regex", "regex-case", "files", "secret"],
)
def test_search(kit: ToolRegistry, arguments: dict[str, object], text: str) -> None:
    assert run(kit, "search_files", **arguments).split("\n[")[0] == text


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "no regular expression"),
        (r"(a)\1", "no regular expression"),
        ("(?=a)", "no regular expression"),
        ("", "is empty"),
        ("a\nb", "no line break"),
        ("(a{999}){999}", "no regular"),
    ],
)
def test_a_pattern_that_cannot_be_used(kit: ToolRegistry, pattern: str, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        run(kit, "search_files", text=pattern, regex=True)


@pytest.mark.parametrize("ignore_case", [False, True])
def test_of_a_long_line_the_match_is_shown(root: Path, kit: ToolRegistry, ignore_case: bool) -> None:
    (root / "min.js").write_text("a" * 50_000 + "needle" + "b" * 50_000)
    said = run(kit, "search_files", text="needle", files="min.js", ignore_case=ignore_case)
    assert said == f"min.js:1: …{'a' * 100}needle{'b' * 94}…"


def test_a_pattern_that_would_backtrack_for_ever_does_not(root: Path, kit: ToolRegistry) -> None:
    (root / "trap.txt").write_text("a" * 50_000 + "!\n")
    assert run(kit, "search_files", text="^(a+)+$", regex=True, files="trap.txt").startswith("no line")


# ------------------------------------------------------------------------------------------------------- what does not


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_no_path_reads_what_lies_outside(kit: ToolRegistry, path: str) -> None:
    with pytest.raises(ToolError) as caught:
        run(kit, "read_file", path=path)
    assert SECRET not in str(caught.value)
    assert len(str(caught.value)) < 500


WRITES = tuple(
    p for p in PATHS if p.startswith((".", "/", "~", "way", "link", "absolute", "loop", "src/..", "README.md/")) and p[:4] != "...."
)


@pytest.mark.parametrize("path", WRITES, ids=range(len(WRITES)))
def test_no_path_writes_outside(root: Path, kit: ToolRegistry, path: str) -> None:
    before = _tree(root.parent)
    with pytest.raises(ToolError):
        run(kit, "write_file", path=path, content="broken in")
    with pytest.raises(ToolError):
        run(kit, "edit_file", path=path, old_text=SECRET, new_text="broken in")
    assert _tree(root.parent) == before


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("path", ["..", "way", "loop", "/", "/etc", ".git", "README.md", "no such", "src/../.."])
def test_no_path_lists_or_searches_outside(kit: ToolRegistry, path: str) -> None:
    for name, more in (("list_files", {}), ("search_files", {"text": "secret"})):
        with pytest.raises(ToolError):
            run(kit, name, path=path, **more)


def test_an_absolute_path_beneath_the_root_is_answered_with_the_relative_one(root: Path, kit: ToolRegistry) -> None:
    with pytest.raises(ToolError, match=r"write 'src/main.py'"):
        run(kit, "read_file", path=f"{root}/src/main.py")


def test_binary_large_and_protected_files(root: Path) -> None:
    kit = files(root, max_bytes=100)
    (root / "big.txt").write_text("x" * 101)
    (root / "fixed.txt").write_text("x")
    (root / "fixed.txt").chmod(0o444)
    cases = [("read_file", {"path": "picture.png"}, "binary"), ("read_file", {"path": "src"}, "is a folder, no file; list_files shows"), ("read_file", {"path": "big.txt"}, "at most 100"),
             ("write_file", {"path": "n", "content": "x" * 101}, "at most 100"), ("write_file", {"path": "n", "content": "\ud800"}, "surrogate"),
             ("write_file", {"path": "fixed.txt", "content": "y"}, "write-protected"), ("write_file", {"path": "src/", "content": "y"}, "folder"),
             ("edit_file", {"path": "latin.txt", "old_text": "c", "new_text": "d"}, "not UTF-8"), ("read_file", {"path": "README.md", "offset": 99}, "has 5 lines"),
             ("read_file", {"path": "README.md", "offset": 0}, "from 1")]  # fmt: skip
    for name, arguments, words in cases:
        with pytest.raises(ToolError, match=words):
            run(kit, name, **arguments)
    assert (root / "fixed.txt").read_text() == "x"


def test_a_failed_write_leaves_everything_as_it_was(root: Path, kit: ToolRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = _tree(root)
    with pytest.raises(ToolError, match="No space left"):
        run(kit, "write_file", path="README.md", content="new")
    assert _tree(root) == before


def test_a_root_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        files(tmp_path / "missing")


# ---------------------------------------------------------------------------------------------------------------- races


@pytest.fixture
def swapping(root: Path) -> Iterator[Path]:
    """A folder that another process makes a link to the one outside, and a folder again, as fast as it can."""
    real = root / "swap"
    real.mkdir()
    (real / "secret.txt").write_text("harmless")
    (root / "other").symlink_to("../outside")
    command = [sys.executable, str(Path(__file__).with_name("_swap.py")), str(real), str(root / "other")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as swapper:
        assert swapper.stdout is not None
        assert swapper.stdout.readline() == "ready\n"
        yield real
        said, _ = swapper.communicate(timeout=10)
    assert int(said) > 1_000


def test_no_race_leads_out(root: Path, kit: ToolRegistry, swapping: Path) -> None:
    outside = root.parent / "outside"
    before = _tree(outside)
    calls = [
        ("read_file", {"path": "swap/secret.txt"}),
        ("write_file", {"path": "swap/new.txt", "content": "broken in"}),
        ("write_file", {"path": "swap/a/b.txt", "content": "broken in"}),
        ("edit_file", {"path": "swap/secret.txt", "old_text": "secret", "new_text": "broken in"}),
        ("list_files", {"path": "swap"}),
        ("search_files", {"text": "secret outside"}),
    ]
    through: list[str] = []
    reads = 0
    started = time.monotonic()
    while time.monotonic() - started < 1.5:
        for name, arguments in calls:
            try:
                said = run(kit, name, **arguments)
            except ToolError as error:
                said = str(error)
            else:
                reads += name == "read_file"
            if SECRET in said:
                through.append(f"{name}: {said}")
    assert through == []
    assert _tree(outside) == before
    assert reads > 0  # the folder was met as a folder, too


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("edit_file", {"old_text": "first", "new_text": "FIRST"}), ("write_file", {"content": "second, FIRST"})],
    ids=["edit", "write"],
)
def test_of_two_changes_side_by_side_none_is_lost(
    root: Path, kit: ToolRegistry, name: str, arguments: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    locks = []

    def the_other_is_first(descriptor: int, how: int) -> None:
        locks.append(how)
        if len(locks) == 1:
            run(files(root), "edit_file", path="README.md", old_text="second", new_text="SECOND")

    monkeypatch.setattr(fcntl, "flock", the_other_is_first)
    run(kit, name, path="README.md", **arguments)
    assert len(locks) == 2
    text = (root / "README.md").read_text()
    assert "FIRST" in text
    assert ("SECOND" in text) == (name == "edit_file")


@needs_proc
def test_no_descriptor_is_left_open(kit: ToolRegistry) -> None:
    before = descriptors()
    for _ in range(50):
        for name, arguments in [("read_file", {"path": "way/x"}), ("read_file", {"path": "README.md"}), ("list_files", {"recursive": True}), ("search_files", {"text": "import"}),
                                ("write_file", {"path": "loop/x", "content": ""}), ("read_file", {"path": "pipe"}), ("read_file", {"path": "src"})]:  # fmt: skip
            try:
                run(kit, name, **arguments)
            except ToolError:
                continue
    assert descriptors() <= before


def test_in_a_run_a_write_is_asked_for(root: Path) -> None:
    agent = Agent(MockBackend([call("write_file", path="x.txt", content="hi"), "done"]), tools=files(root))
    result = agent.run_sync("Write it down.")
    assert result.outcome.kind == "paused"
    assert not (root / "x.txt").exists()
    result = agent.resume_sync(result.trace, reviews=[p.approve() for p in result.pending])
    assert result.answer == "done"
    assert (root / "x.txt").read_text() == "hi"
