"""``trace …``: what each command shows of a trace, and what it says of a file that is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from react_agent import Trace

from .conftest import Cli, run_files


@pytest.fixture
def text_run(cli: Cli, home: Path) -> Path:
    """A text model whose first reply needed a repair and made an observation up."""
    assert cli("run", "How many?", "-m", "kit:text", "-t", "kit:population").exit_code == 0
    return next(path for path in run_files(home) if path.name != "answered.jsonl")


def test_show(cli: Cli, text_run: Path) -> None:
    result = cli("trace", "show", text_run)
    assert result.exit_code == 0
    for words in (
        "How many?",
        "population",
        "trailing_comma",
        "cut off",
        "Observation: 5",
        "2102650",
        "2 million",
        "answered",
        "2 steps",
        "react_text",
    ):
        assert words in result.stdout


def test_show_folds_unless_full(cli: Cli, home: Path) -> None:
    (home / "long.py").write_text("from react_agent import MockBackend\nmodel = MockBackend(['\\n'.join(f'line {n}' for n in range(99))])")
    cli("run", "Much?", "-m", "long.py:model")
    assert "more lines" in cli("trace", "show").stdout
    assert "line 98" not in cli("trace", "show").stdout
    assert "line 98" in cli("trace", "show", "--full").stdout


@pytest.mark.parametrize("name", [None, "last", "answered", "answ", "runs/answered.jsonl"])
def test_a_trace_by_path_by_name_or_the_newest(cli: Cli, answered: Path, name: str | None) -> None:
    result = cli("trace", "show", *([name] if name else []))
    assert (result.exit_code, "2.1 million" in result.stdout) == (0, True)


def test_list(cli: Cli, answered: Path, text_run: Path, home: Path) -> None:
    (home / "runs" / "other.jsonl").write_text('{"kind": "something"}\n')
    result = cli("trace", "list")
    assert result.exit_code == 0
    assert "answered" in result.stdout
    assert "unreadable" in result.stdout
    assert len(cli("trace", "list", "-n", "1").stdout.splitlines()) == 2
    assert cli("trace", "list", "runs").stdout == result.stdout


def test_steps(cli: Cli, answered: Path) -> None:
    lines = cli("trace", "steps").stdout.splitlines()
    assert len(lines) == 3
    assert "I look it up." in lines[1]
    assert 'population(city="Paris")' in lines[1]
    assert "2.1 million" in lines[2]


def test_prompt_of_a_native_model(cli: Cli, answered: Path) -> None:
    last = cli("trace", "prompt").stdout
    for words in (
        "Be brief.",
        "How many?",
        'assistant calls population {"city": "Paris"}',
        "tool population [ok]: 2102650",
        "tool: population",
    ):
        assert words in last
    first = cli("trace", "prompt", "--step", "0").stdout
    assert "2102650" not in first
    assert cli("trace", "prompt", "--step", "7").exit_code == 2


def test_prompt_of_a_text_model(cli: Cli, text_run: Path) -> None:
    sent = cli("trace", "prompt", text_run).stdout
    for words in ("Action Input:", "Observation: 2102650", 'stop at: ["\\nObservation"]'):
        assert words in sent
    neutral = cli("trace", "prompt", text_run, "--neutral").stdout
    assert "tool population [ok]: 2102650" in neutral


def test_raw(cli: Cli, text_run: Path) -> None:
    assert [json.loads(line) for line in cli("trace", "raw", text_run).stdout.splitlines()] == [
        json.loads(line) for line in text_run.read_text().splitlines()
    ]
    assert cli("trace", "raw", text_run, "--step", "0").stdout.endswith("Observation: 5\n")
    assert cli("trace", "raw", text_run, "--step", "9").exit_code == 2


def test_replay(cli: Cli, answered: Path) -> None:
    result = cli("trace", "replay", answered)
    assert (result.exit_code, "the same, 2 steps" in result.stdout) == (0, True)
    answered.write_text(answered.read_text().replace('"Be brief."', '"Be long."'))
    result = cli("trace", "replay", answered)
    assert result.exit_code == 1
    assert "step 0" in result.stderr


def test_replay_shows_where_a_text_is_read_differently(cli: Cli, text_run: Path) -> None:
    text_run.write_text(text_run.read_text().replace('"arguments":{"city":"Paris"}', '"arguments":{"city":"Lyon"}'))
    result = cli("trace", "replay", text_run)
    assert result.exit_code == 1
    assert '-call: population {"city": "Lyon"}' in result.stdout
    assert '+call: population {"city": "Paris"}' in result.stdout


@pytest.mark.parametrize(
    ("words", "code", "found"),
    [
        (["2102650"], 0, True),
        (["MILLION"], 1, False),
        (["-i", "MILLION"], 0, True),
        ([".*"], 1, False),
        (["How", "runs/answered.jsonl"], 0, True),
    ],
    ids=str,
)
def test_grep(cli: Cli, answered: Path, words: list[str], code: int, found: bool) -> None:
    result = cli("trace", "grep", *words)
    assert (result.exit_code, "answered.jsonl:" in result.stdout) == (code, found)


def test_stats(cli: Cli, answered: Path, text_run: Path) -> None:
    lines = cli("trace", "stats", answered, text_run).stdout.splitlines()
    assert len(lines) == 3
    assert lines[1].split()[:6] == ["answered", "answered", "2", "1", "0", "0"]


def test_diff(cli: Cli, answered: Path, text_run: Path) -> None:
    assert cli("trace", "diff", "answered", "answered").exit_code == 0
    result = cli("trace", "diff", "answered", text_run)
    assert result.exit_code == 1
    for words in ("[-I look it up.-]{+hm+}", "[-native-]{+react_text+}", "[-2.1-]{+2+} million"):
        assert words in result.stdout


def test_diff_aligns_steps_by_their_calls(cli: Cli, answered: Path, home: Path) -> None:
    cli("run", "How many?", "-m", "kit:answers")
    result = cli("trace", "diff", "answered", "last")
    assert "- population(" in result.stdout
    assert "1 → 0" in result.stdout


@pytest.mark.parametrize("kind", ["json", "openai-messages", "markdown"])
def test_export(cli: Cli, answered: Path, home: Path, kind: str) -> None:
    text = cli("trace", "export", "--format", kind).stdout
    assert cli("trace", "export", "--format", kind, "-o", "out.txt").exit_code == 0
    assert (home / "out.txt").read_text() == text
    assert "2.1 million" in text
    if kind == "json":
        data = json.loads(text)
        assert data["outcome"]["kind"] == "answered"
        assert data["steps"][0]["calls"][0]["result"] == "2102650"
    if kind == "openai-messages":
        roles = [message["role"] for message in json.loads(text)]
        assert roles == ["system", "user", "assistant", "tool", "assistant"]
        call = json.loads(text)[2]["tool_calls"][0]
        assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}
        assert json.loads(text)[3]["tool_call_id"] == call["id"]


def test_export_keeps_foreign_fences_inside(cli: Cli, home: Path) -> None:
    (home / "fence.py").write_text("from react_agent import MockBackend\nmodel = MockBackend(['```\\n# not a heading\\n```'])")
    cli("run", "Well?", "-m", "fence.py:model")
    assert "````\n```\n# not a heading\n```\n````" in cli("trace", "export", "--format", "markdown").stdout


@pytest.mark.parametrize(
    "command", ["show", "steps", "prompt", "raw", "export", "raw --step 0", "export --format markdown", "diff answered"]
)
def test_redaction(cli: Cli, answered: Path, command: str) -> None:
    words = ["trace", *command.split(), *(["answered"] if "diff" in command else []), "--redact-field", "city", "--redact", "210*"]
    result = cli(*words)
    assert result.exit_code == 0
    assert "Paris" not in result.stdout
    assert "2102650" not in result.stdout
    if command != "diff answered":
        assert "[redacted]" in result.stdout
    assert "Paris" in answered.read_text()


@pytest.mark.parametrize("pattern", ["*", "", "a b", "***"])
def test_a_pattern_that_is_none(cli: Cli, answered: Path, pattern: str) -> None:
    result = cli("trace", "show", "--redact", pattern)
    assert (result.exit_code, "no pattern" in result.stderr) == (2, True)


# ---------------------------------------------------------------------------------------------------------- wrong files


def _cut_line(data: bytes) -> bytes:
    return data[: data.rindex(b"\n", 0, -1) + 30]


def _edited(data: bytes) -> bytes:
    lines = data.split(b"\n")
    lines[2] = lines[2].replace(b'"step"', b'"stop"')
    return b"\n".join(lines)


def _moved(data: bytes) -> bytes:
    return data.replace(b'"index":0', b'"index":5')


WRONG: dict[str, tuple[Callable[[bytes], bytes], str, bool]] = {
    "empty": (lambda data: b"", "no event in it", False),
    "cut in its first line": (lambda data: data[:50], "torn line", False),
    "cut in its last line": (_cut_line, "last line is cut off", True),
    "a line edited by hand": (_edited, "line 3: event 'called' is not as expected: Object missing required field `step`", True),
    "an event that does not fit": (_moved, "event 3 ('called') does not fit what comes before it", True),
    "a line is missing": (lambda data: b"\n".join(data.split(b"\n")[:1] + data.split(b"\n")[2:]), "event 2 ('called') does not fit", True),
    "another program's": (lambda data: b'{"level": "info", "msg": "hello"}\n', "not an event of a react_agent trace", False),
    "no JSON": (lambda data: b"\x89PNG\r\n\x1a\n\x00\xff\xfe\n", "it is not JSON", False),
    "begins in the middle": (lambda data: b"\n".join(data.split(b"\n")[1:]), "begins with 'started'", False),
    "a newer version": (lambda data: data.replace(b'"schema_version":1', b'"schema_version":99'), "install a newer one", True),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("command", ["show", "steps", "export", "stats"])
def test_a_wrong_file_is_told_and_what_can_be_shown_is(cli: Cli, answered: Path, case: str, command: str) -> None:
    change, words, shown = WRONG[case]
    answered.write_bytes(change(answered.read_bytes()))
    result = cli("trace", command, answered)
    assert result.exit_code == 1
    assert words in result.stderr
    assert any(some in result.stdout for some in ("answered", "How many?", "I look it up.", "2.1 million")) == shown


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize(
    "words",
    [
        "trace prompt",
        "trace raw",
        "trace replay",
        "trace list",
        "trace grep How",
        "trace diff answered",
        "trace fork --at 0 -m kit:answers",
        "resume",
    ],
)
def test_no_command_stumbles_over_a_wrong_file(cli: Cli, answered: Path, case: str, words: str) -> None:
    answered.write_bytes(WRONG[case][0](answered.read_bytes()))
    file = ["runs"] if words == "trace list" else [answered]
    assert cli(*words.split(), *file).exit_code in (0, 1, 2)


def test_every_cut_shows_something_or_says_why_not(cli: Cli, answered: Path) -> None:
    data = answered.read_bytes()
    for at in range(0, len(data), 97):
        answered.write_bytes(data[:at])
        result = cli("trace", "show", answered)
        assert result.exit_code in (0, 1)
        assert result.exit_code == 0 or result.stderr
        assert at < data.index(b"\n") or "How many?" in result.stdout


@pytest.mark.parametrize("name", ["missing.jsonl", "sub/missing.jsonl", "runs", "nobody"])
def test_a_missing_file(cli: Cli, answered: Path, name: str) -> None:
    result = cli("trace", "show", name)
    assert (result.exit_code, result.stdout) == (1, "")
    assert name in result.stderr


def test_no_traces_at_all(cli: Cli) -> None:
    for command in ("show", "list"):
        result = cli("trace", command)
        assert (result.exit_code, "react-agent demo" in result.stderr) == (1, True)


def test_a_name_that_several_runs_begin_with(cli: Cli, home: Path) -> None:
    for _ in range(2):
        cli("run", "Well?", "-m", "kit:echo")
    beginning = run_files(home)[0].stem[:3]
    result = cli("trace", "show", beginning)
    assert (result.exit_code, "2 runs" in result.stderr) == (2, True)


def test_an_interrupted_trace_shows_what_was_open(cli: Cli, answered: Path) -> None:
    trace = Trace.load(answered)
    trace.cut(3).save(answered)
    result = cli("trace", "show", answered)
    assert result.exit_code == 0
    for words in ("unfinished", "react-agent resume", "population was called"):
        assert words in result.stdout
