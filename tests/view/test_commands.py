"""``trace html`` and ``trace test``."""

from __future__ import annotations

import runpy
import socket
from pathlib import Path

import pytest
from _stories import tell
from typer.testing import CliRunner, Result

from react_agent.cli.app import app

from .test_html import data_of


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tell("one_call", "native").trace.save("runs/x.jsonl")


def cli(*words: object) -> Result:
    return CliRunner().invoke(app, ["trace", *map(str, words)])


def test_html(file: Path) -> None:
    result = cli("html", file, "-o", "out.html")
    assert (result.exit_code, result.stderr) == (0, "written to out.html\n")
    assert "value of a" in Path("out.html").read_text("utf-8")
    assert cli("html", file).exit_code == 0
    assert Path("x.html").read_bytes() == Path("out.html").read_bytes()


def test_an_agent_that_a_test_cannot_try_is_named(file: Path) -> None:
    tell("told", "native").trace.save("runs/told.jsonl")
    result = cli("test", "runs/told.jsonl", "--agent", "app:agent", "-o", "tests_told.py")
    assert (result.exit_code, "app:agent is left out" in result.stderr) == (0, True)
    assert "Path(__file__).parent / 'runs/told.jsonl'" in Path("tests_told.py").read_text("utf-8")
    assert "left out" not in cli("test", file, "--agent", "app:agent").stderr


@pytest.mark.parametrize("words", ["html", "export", "test"])
def test_a_dash_is_standard_output(file: Path, words: str) -> None:
    result = cli(words, file, "-o", "-")
    assert (result.exit_code, Path("-").exists()) == (0, False)
    assert "The question?" in result.stdout


def test_html_redacted(file: Path) -> None:
    assert cli("html", file, "-o", "out.html", "--redact", "do*", "--redact-field", "key").exit_code == 0
    text = str(data_of(Path("out.html").read_text("utf-8")))
    assert "done" not in text
    assert "['key', '[redacted]']" in text


@pytest.mark.parametrize(
    ("damage", "words", "items"),
    [
        (lambda lines: [*lines[:3], lines[3][:20]], "last line is cut off", 3),
        (lambda lines: [*lines[:2], b"{edited", *lines[2:]], "line 3: it is not JSON", 2),
        (lambda lines: [lines[0].replace(b'"schema_version":1', b'"schema_version":99'), *lines[1:]], "schema version 99", 6),
        (lambda lines: [lines[0], lines[3]], "does not fit", 2),
    ],
    ids=["cut", "edited", "newer", "lines missing"],
)
def test_html_of_a_damaged_file(file: Path, damage: object, words: str, items: int) -> None:
    file.write_bytes(b"\n".join(damage(file.read_bytes().split(b"\n"))))  # type: ignore[operator]
    result = cli("html", file, "-o", "out.html")
    assert result.exit_code == 1
    assert words in result.stderr
    data = data_of(Path("out.html").read_text("utf-8"))
    assert words in data["summary"]["problem"]  # type: ignore[index]
    assert len(data["items"]) == items  # type: ignore[arg-type]


def test_html_of_another_program_s_file(file: Path) -> None:
    file.write_text('{"level": "info"}\n')
    result = cli("html", file, "-o", "out.html")
    assert result.exit_code == 1
    assert "not an event of a react_agent trace" in result.stderr
    assert not Path("out.html").exists()


def test_a_replay_is_written_and_passes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Path("tests/test_made.py")
    made.parent.mkdir()
    assert cli("test", file, "-o", made).exit_code == 0
    made = made.resolve()
    monkeypatch.chdir("/")  # wherever it is run
    runpy.run_path(str(made))["test_the_question"]()
    again = cli("test", made.parents[1] / file, "-o", made)
    assert (again.exit_code, "exists" in again.stderr) == (2, True)


def test_a_test_of_an_agent(file: Path) -> None:
    text = cli("test", file, "--agent", "shop.agents:helper").stdout
    assert "from shop.agents import helper" in text
    assert "scripted(helper, script)" in text


@pytest.mark.parametrize("agent", ["shop", "shop:", ":x", "shop:x y", "os;import sys:x"])
def test_an_agent_that_is_none(file: Path, agent: str) -> None:
    result = cli("test", file, "--agent", agent)
    assert result.exit_code == 2
    assert "--agent takes MODULE:NAME" in result.stderr


def test_serve_answers_others_only_with_a_token(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uvicorn = pytest.importorskip("uvicorn")
    served: list[str] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: served.append("http://{}:{}/".format(*sockets[0].getsockname())))
    monkeypatch.delenv("REACT_AGENT_TOKEN", raising=False)
    words = ["serve", "runs", "--port", "0", "--host", "127.1"]  # loopback in fact, and none by its name
    refused = CliRunner().invoke(app, words)
    assert (refused.exit_code, served) == (2, [])
    assert "REACT_AGENT_TOKEN" in refused.stderr
    here = CliRunner().invoke(app, words[:4])
    assert here.exit_code == 0
    assert served[0].replace("127.0.0.1", "localhost") in here.stderr  # the port that was found, not 0
    monkeypatch.setenv("REACT_AGENT_TOKEN", "long-random-word")
    assert CliRunner().invoke(app, words).exit_code == 0
    assert [url.rpartition(":")[0] for url in served] == ["http://127.0.0.1"] * 2


def test_serve_says_why_it_cannot(file: Path) -> None:
    pytest.importorskip("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(app, ["serve", "runs", "--port", str(taken.getsockname()[1])])
    assert (result.exit_code, "cannot be listened on" in result.stderr, "http://" in result.stderr) == (2, True, False)
    result = CliRunner().invoke(app, ["serve", str(file)])
    assert (result.exit_code, "takes its folder" in result.stderr) == (2, True)


def test_serve_of_a_folder_that_is_not_there_yet(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uvicorn = pytest.importorskip("uvicorn")
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    assert "there is no folder rnus yet" in CliRunner().invoke(app, ["serve", "rnus", "--port", "0"]).stderr
    assert "no folder" not in CliRunner().invoke(app, ["serve", "runs", "--port", "0"]).stderr


def test_serve_without_its_extra(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    result = CliRunner().invoke(app, ["serve"])
    assert (result.exit_code, "react_agent[serve]" in result.stderr) == (2, True)


def test_html_of_two_runs(file: Path) -> None:
    tell("malformed", "native").trace.save("runs/y.jsonl")
    assert cli("html", file, "runs/y.jsonl", "--redact", "don*").exit_code == 0
    data = data_of(Path("x-y.html").read_text("utf-8"))
    assert [run["outcome"] for run in data["runs"]] == ["answered", "answered"]  # type: ignore[attr-defined]
    assert data["comparison"]["steps"][1]["gist"] == 'lookup(key="a")'  # type: ignore[index]
    assert "[redacted]" in str(data)
    assert "done" not in str(data)


def test_html_of_two_runs_says_what_is_wrong_with_either(file: Path) -> None:
    Path("runs/y.jsonl").write_bytes(file.read_bytes()[:-30])
    result = cli("html", file, "runs/y.jsonl")
    assert (result.exit_code, "last line is cut off" in result.stderr) == (1, True)
    assert "last line is cut off" in str(data_of(Path("x-y.html").read_text("utf-8"))["problems"])
