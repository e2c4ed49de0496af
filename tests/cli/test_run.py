"""``run``, ``resume`` and ``trace fork``: what a person types, what comes out, and with which code."""

from __future__ import annotations

import io
import json
import shlex
import sys
from pathlib import Path

import pytest

from react_agent import ConfigError, Trace
from react_agent.cli.edits import typed_edits
from react_agent.events import Changed, Resumed, Reviewed, Started, Told

from .conftest import CHATTY, Cli, run_files


def test_answered(cli: Cli, home: Path) -> None:
    result = cli("run", "How many?", "-m", "kit:asks", "-t", "kit:population")
    assert result.exit_code == 0
    for words in ("How many?", "I look it up.", 'population(city="Paris")', "2102650", "2.1 million", "answered", "200 → 40 tokens"):
        assert words in result.stdout
    (path,) = run_files(home)
    assert str(path.relative_to(home)) in result.stdout
    assert Trace.load(path).steps()[0].calls[0].name == "population"


@pytest.mark.parametrize(
    ("display", "expected"),
    [("quiet", "2.1 million\n"), ("live", None), ("plain", None)],
    ids=str,
)
def test_displays(cli: Cli, display: str, expected: str | None) -> None:
    result = cli("run", "How many?", "-m", "kit:asks", "-t", "kit", "--display", display)
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    if expected is not None:
        assert result.stdout == expected


def test_json_is_the_trace_line_by_line(cli: Cli, home: Path) -> None:
    result = cli("run", "How many?", "-m", "kit:asks", "-t", "kit", "--display", "json")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        json.loads(line) for line in run_files(home)[0].read_text().splitlines()
    ]


@pytest.mark.parametrize("display", ["json", "quiet"])
def test_what_tools_and_modules_print_is_not_in_what_programs_read(cli: Cli, home: Path, display: str) -> None:
    (home / "chatty.py").write_text(CHATTY)
    result = cli("run", "So?", "-m", "chatty.py:model", "-t", "chatty.py", "--display", display)
    assert "a word of the module" in result.stderr
    assert "a word of the tool" in result.stderr
    assert "a word of the" not in result.stdout
    assert result.stdout == "indeed\n" or all(json.loads(line)["kind"] for line in result.stdout.splitlines())


def test_a_question_from_standard_input(cli: Cli, home: Path) -> None:
    assert cli("run", "-", "-m", "kit:answers", stdin="From a pipe?\n").exit_code == 0
    assert Trace.load(run_files(home)[0]).started.task.text == "From a pipe?"


@pytest.mark.parametrize("question", ["", "  ", "-"])
def test_a_question_that_asks_nothing(cli: Cli, question: str) -> None:
    result = cli("run", question, stdin=" \n")
    assert (result.exit_code, "the question is empty" in result.stderr) == (2, True)


def test_instructions_steps_and_store(cli: Cli, home: Path) -> None:
    (home / "words.txt").write_text("Be brief.")
    options = ("--instructions", "@words.txt", "--steps", "3", "--seconds", "9", "--temperature", "0", "--store", "elsewhere")
    result = cli("run", "How many?", "-m", "kit:loops", "-t", "kit", *options)
    (path,) = (home / "elsewhere").glob("*.jsonl")
    spec = Trace.load(path).started.spec
    assert (spec.instructions, spec.limits.steps, spec.limits.seconds, spec.settings.temperature) == ("Be brief.", 3, 9.0, 0.0)
    assert result.exit_code == 1  # it repeated itself: another outcome
    assert "looped" in result.stdout or "limit" in result.stdout


def test_the_environment_names_model_and_folder(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACT_AGENT_MODEL", "kit:answers")
    monkeypatch.setenv("REACT_AGENT_RUNS", str(home / "kept"))
    assert cli("run", "Well?").exit_code == 0
    assert len(list((home / "kept").glob("*.jsonl"))) == 1


def test_without_a_model_it_says_how_to_get_one(cli: Cli) -> None:
    result = cli("run", "Well?")
    assert result.exit_code == 2
    assert result.stdout == ""
    for words in (
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "ollama:MODEL",
        "http://localhost:8080/v1#MODEL",
        "lmstudio:",
        "vllm:",
        "react-agent demo",
    ):
        assert words in result.stderr


def test_without_a_model_it_sees_the_keys_that_there_are(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk-not-to-be-shown")
    result = cli("run", "Well?")
    assert "key for groq" in result.stderr
    assert "not-to-be-shown" not in result.output


# ---------------------------------------------------------------------------------------------- models and tools by name


@pytest.mark.parametrize("model", ["kit:answers", "kit.py:answers", "./kit.py:answers", "kit:echo"])
def test_models_of_ones_own(cli: Cli, model: str) -> None:
    assert cli("run", "Well?", "-m", model).exit_code == 0


@pytest.mark.parametrize(
    ("names", "tools"),
    [
        (["kit:population"], ["population"]),
        (["kit"], ["population", "remove", "wait_for", "plain"]),
        (["kit.py:plain"], ["plain"]),
        (["kit:more", "kit:remove"], ["plain", "remove"]),
        (["kit", "kit:population"], ["population", "remove", "wait_for", "plain"]),
        (["math:sqrt"], None),
    ],
    ids=lambda value: " ".join(value or ["none"]),
)
def test_tools_by_name(cli: Cli, home: Path, names: list[str], tools: list[str] | None) -> None:
    result = cli("run", "Well?", "-m", "kit:answers", *(word for name in names for word in ("-t", name)))
    if tools is None:
        assert result.exit_code == 2
        return
    assert result.exit_code == 0
    assert [spec.name for spec in Trace.load(run_files(home)[0]).started.spec.tools] == tools


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-m", "kit:answer"], "did you mean 'answers'"),
        (["-m", "kit:number"], "not int"),
        (["-m", "kit:__doc__"], "is a text"),
        (["-m", "opnai:gpt-5"], "did you mean 'openai'"),
        (["-m", "openai:gpt-5"], "OPENAI_API_KEY"),
        (["-m", "nowhere"], "provider:model"),
        (["-m", "nothere.py:model"], "no file"),
        (["-m", "kit:answers", "-t", "kot"], "no module 'kot'"),
        (["-m", "kit:answers", "-t", "standrad"], "did you mean 'standard'"),
        (["-m", "kit:answers", "-t", "python server.py"], "mcp:"),
        (["-m", "kit:answers", "-t", "http://localhost:8000/mcp"], "mcp:"),
        (["-m", "localhost:8096"], "did you mean the server http://localhost:8096/v1#model"),
        (["-m", "kit:answers", "-t", "kit:populatoin"], "did you mean 'population'"),
        (["-m", "kit:answers", "-t", "json"], "no tool in 'json'"),
        (["-m", "kit:answers", "-t", "kit:number"], "no tools but int"),
        (["-m", "kit:answers", "-t", "broken"], "NameError: name 'nonsense' is not defined"),
        (["-m", "kit:answers", "-t", "broken.py"], "line 2"),
        (["-m", "kit:answers", "-t", "leaves.py"], "SystemExit"),
        (["-m", "kit:answers", "--format", "nope"], "speaks 'native'"),
        (["-m", "kit:answers", "--instructions", "@missing.txt"], "missing.txt"),
        (["-m", "kit:answers", "--instructions", "@latin.txt"], "latin.txt is no text in UTF-8"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_wrong_names_are_told_without_a_traceback(cli: Cli, home: Path, options: list[str], words: str) -> None:
    (home / "broken.py").write_text("import json\nnonsense\n")
    (home / "leaves.py").write_text("raise SystemExit(0)\n")
    (home / "latin.txt").write_bytes("Sei höflich.".encode("latin-1"))
    result = cli("run", "Well?", *options)
    assert result.exit_code in (1, 2)
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert not run_files(home)


def test_hostile_text_is_only_text(cli: Cli) -> None:
    result = cli("run", "[bold]Well[/bold]?", "-m", "kit:nasty", "-t", "kit:plain")
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "\u202e" not in result.output
    for words in ("[bold]Well[/bold]?", "[red]x[/red]", "RED [BOLD]B[/BOLD]", "[link=x]end"):
        assert words in result.stdout


# ------------------------------------------------------------------------------------------------------ pause and resume


@pytest.fixture
def paused(cli: Cli, home: Path) -> Path:
    result = cli("run", "Tidy up.", "-m", "kit:removes", "-t", "kit:remove")
    assert result.exit_code == 3
    (path,) = run_files(home)
    name = path.relative_to(home)
    for words in ("waits", 'remove(path="/tmp/x")', f"react-agent resume {name} -m kit:removes -t kit:remove --approve 0.0", "--deny 0.0"):
        assert words in result.stderr
    return path


@pytest.mark.parametrize(
    ("decision", "status", "text"),
    [
        (["--approve", "0.0"], "ok", "removed /tmp/x"),
        (["--approve", "all"], "ok", "removed /tmp/x"),
        (["--deny", "0.0", "not that one"], "refused", "not that one"),
        (["--change", "0.0", '{"path": "/tmp/y"}'], "ok", "removed /tmp/y"),
        (["--give", "0.0", "it was gone before"], "ok", "it was gone before"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_decisions(cli: Cli, paused: Path, decision: list[str], status: str, text: str) -> None:
    result = cli("resume", paused, *decision, "-m", "kit:removes", "-t", "kit")  # the script goes on behind its first reply
    assert result.exit_code == 0, result.output
    trace = Trace.load(paused)
    (call,) = trace.steps()[0].calls
    assert call.result is not None
    assert (call.result.status, text in call.result.text) == (status, True)
    assert next(event for event in trace if isinstance(event, Reviewed)).by
    assert "Tidy up." not in result.stdout  # what was shown before is not shown again
    assert "  1 answer" in result.stdout


def test_several_calls_are_decided_at_once(cli: Cli, home: Path) -> None:
    assert cli("run", "Tidy up.", "-m", "kit:removes_two", "-t", "kit:remove").exit_code == 3
    assert cli("resume", "last", "--approve", "0.0, 0.1", "-m", "kit:removes_two", "-t", "kit:remove").exit_code == 0
    [path] = run_files(home)
    assert [call.result.text for call in Trace.load(path).steps()[0].calls if call.result] == ["removed /tmp/x", "removed /tmp/y"]


def test_how_to_go_on_can_be_pasted(cli: Cli, home: Path) -> None:
    (home / "my kit.py").write_text((home / "kit.py").read_text())
    result = cli("run", "Tidy up.", "-m", "kit:removes", "-t", "my kit.py:remove")
    [line] = [line for line in result.stderr.splitlines() if "--approve" in line]
    assert shlex.split(line)[4:] == ["kit:removes", "-t", "my kit.py:remove", "--approve", "0.0"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 3, "--approve 0.0"),
        (["--approve", "1.0"], 2, "those that do are 0.0"),
        (["--change", "0.0", "{"], 2, "as JSON"),
        (["--change", "0.0", "[]"], 2, "one JSON object"),
        (["--approve", "0.0", "--format", "nope"], 2, "speaks"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_undecided_pause_stays_as_it_is(cli: Cli, paused: Path, options: list[str], code: int, words: str) -> None:
    before = paused.read_bytes()
    result = cli("resume", paused, *options, "-m", "kit:removes", "-t", "kit")
    assert (result.exit_code, words in result.stderr) == (code, True), result.stderr
    assert paused.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-m", "kit:answers"], "-t"),
        (["-m", "kit:answers", "-t", "kit:plain"], "the tools remove too"),
        (["-t", "kit"], "Name a model with -m"),
    ],
    ids=["no tools", "other tools", "no model"],
)
def test_what_resume_needs(cli: Cli, paused: Path, options: list[str], words: str) -> None:
    result = cli("resume", paused, "--approve", "0.0", *options)
    assert (result.exit_code, words in result.stderr) == (2, True), result.stderr


def test_a_model_that_cannot_be_had_again_is_that_of_the_environment(cli: Cli, paused: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACT_AGENT_MODEL", "kit:answers")
    result = cli("resume", paused, "--deny", "0.0", "no", "-t", "kit:remove")
    assert (result.exit_code, "yes" in result.stdout) == (0, True), result.stderr


def test_other_tools_with_changes(cli: Cli, paused: Path) -> None:
    result = cli("resume", paused, "--deny", "0.0", "no", "-m", "kit:answers", "-t", "kit:plain", "--changes")
    assert result.exit_code == 0, result.stderr
    assert any(isinstance(event, Changed) for event in Trace.load(paused))


def test_the_next_question(cli: Cli, answered: Path) -> None:
    over = cli("resume", "answered", "-m", "kit:answers", "-t", "kit")
    assert (over.exit_code, "the run is over (answered)" in over.stderr) == (2, True)
    result = cli("resume", "answered", "And now?", "-m", "kit:answers", "-t", "kit")
    assert result.exit_code == 0, result.stderr
    trace = Trace.load(answered)
    assert [event.message.text for event in trace if isinstance(event, Told)] == ["And now?"]
    assert trace.steps()[-1].reply.message.text == "yes"


def test_more_steps_after_a_limit(cli: Cli, home: Path) -> None:
    first = cli("run", "How many?", "-m", "kit:asks", "-t", "kit:population", "--steps", "1")
    assert (first.exit_code, "limit" in first.stdout) == (1, True)
    over = cli("resume", "last", "-m", "kit:answers", "-t", "kit")
    assert (over.exit_code, "--steps" in over.stderr) == (2, True)
    again = cli("resume", "last", "-m", "kit:answers", "-t", "kit", "--steps", "5")
    assert again.exit_code == 0, again.stderr


def test_a_run_that_had_no_more_time_goes_on_as_it_is(cli: Cli, home: Path) -> None:
    first = cli("run", "How many?", "-m", "kit:asks", "-t", "kit:population", "--seconds", "0.001")
    assert (first.exit_code, "seconds" in first.stdout) == (1, True)
    again = cli("resume", "last", "-m", "kit:answers", "-t", "kit:population")
    assert "the run is over" not in again.stderr
    [path] = run_files(home)
    assert any(isinstance(event, Resumed) for event in Trace.load(path))


def test_fork_leaves_the_old_run_alone(cli: Cli, answered: Path, home: Path) -> None:
    before = answered.read_bytes()
    result = cli("trace", "fork", "answered", "--at", "1", "-m", "kit:answers", "-t", "kit:population")
    assert result.exit_code == 0, result.stderr
    assert answered.read_bytes() == before
    (made,) = [path for path in run_files(home) if path.name != answered.name]
    forked = Trace.load(made)
    assert isinstance(forked[0], Started)
    assert forked[0].parent is not None
    assert forked[0].parent.run_id == "answered"
    assert [step.reply.message.text for step in forked.steps()] == ["", "yes"]
    assert any(isinstance(event, Resumed) for event in forked)
    assert cli("trace", "fork", "answered", "--at", "9", "-m", "kit:answers", "-t", "kit").exit_code == 1


# ---------------------------------------------------------------------------------------------------------- fork --edit


@pytest.fixture
def lyon(cli: Cli, home: Path) -> Path:
    assert cli("run", "How many?", "-m", "kit:asks", "-t", "kit:population").exit_code == 0
    return run_files(home)[0]


def forked(home: Path, old: Path) -> Trace:
    [new] = [path for path in run_files(home) if path != old]
    return Trace.load(new)


@pytest.mark.parametrize("word", ["observation=three people", "observation=@new.txt"])
def test_an_observation_is_edited(cli: Cli, home: Path, lyon: Path, word: str) -> None:
    before = lyon.read_bytes()
    (home / "new.txt").write_text("three people")
    result = cli("trace", "fork", lyon, "--at", "1", "--edit", word, "-m", "kit:answers", "-t", "kit:population")
    assert (result.exit_code, "edited: observation" in result.stdout) == (0, True)
    assert lyon.read_bytes() == before
    trace = forked(home, lyon)
    assert trace.steps()[0].calls[0].result.text == "three people"  # type: ignore[union-attr]
    shown = cli("trace", "show", trace.run_id).stdout
    for words in ("three people", "it was: 2102650", "its first 4 events"):
        assert words in shown
    assert cli("trace", "replay", trace.run_id).exit_code == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("f.write_text(f.read_text().replace('2102650', 'three') + '\\n')", {"observation": "three"}),
        ("pass", "the text is as it was"),
        ("sys.exit(3)", "ended with 3"),
    ],
    ids=["edited", "left", "given up"],
)
def test_an_editor(home: Path, lyon: Path, line: str, made: object, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "my editor.py").write_text(f"import pathlib, sys\nf = pathlib.Path(sys.argv[1])\n{line}\n")
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} '{home / 'my editor.py'}'")
    kept = Trace.load(lyon).cut(4)
    if isinstance(made, dict):
        assert typed_edits(["observation"], kept) == made
    else:
        with pytest.raises(ConfigError, match=str(made)):
            typed_edits(["observation"], kept)


def test_question_and_instructions_are_edited(cli: Cli, home: Path, lyon: Path) -> None:
    words = ("--edit", "question=How few?", "--edit", "instructions=Be brief.")
    assert cli("trace", "fork", lyon, "--at", "0", *words, "-m", "kit:answers", "-t", "kit:population").exit_code == 0
    trace = forked(home, lyon)
    assert trace.started.task.text == "How few?"
    sent = cli("trace", "prompt", trace.run_id).stdout
    assert "How few?" in sent
    assert "Be brief." in sent


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("question=Why?", "one can edit observation, instructions"),
        ("thought=Why?", "one can edit observation, instructions"),
        ("observation=2102650", "the text is as it was"),
        ("observation", "needs a terminal and $EDITOR"),
        ("observation=@nowhere.txt", "nowhere.txt"),
        ("observation=@latin.txt", "latin.txt is no text in UTF-8"),
    ],
)
def test_what_cannot_be_edited(cli: Cli, home: Path, lyon: Path, word: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    (home / "latin.txt").write_bytes("höflich".encode("latin-1"))
    result = cli("trace", "fork", lyon, "--at", "1", "--edit", word, "-m", "kit:answers", "-t", "kit:population")
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert run_files(home) == [lyon]


@pytest.mark.parametrize("display", ["plain", "live", "json", "quiet"])
def test_a_run_is_shown_masked_and_recorded_as_it_was(cli: Cli, home: Path, display: str) -> None:
    words = ["--redact", "2.1*", "--redact", "210*", "--redact-field", "city", "--display", display]
    result = cli("run", "How many?", "-m", "kit:asks", "-t", "kit:population", *words)
    assert result.exit_code == 0
    assert not any(said in result.stdout for said in ("Paris", "2102650", "2.1 million"))
    assert "[redacted]" in result.stdout
    assert Trace.load(run_files(home)[0]).steps()[0].calls[0].arguments == {"city": "Paris"}


def test_a_pause_is_shown_masked_and_decided_on_as_it_was(cli: Cli, home: Path) -> None:
    result = cli("run", "Tidy", "-m", "kit:removes", "-t", "kit:remove", "--redact", "/tmp/*")
    assert (result.exit_code, "/tmp/x" in result.stdout + result.stderr) == (3, False)
    [path] = run_files(home)
    again = cli("resume", path, "-m", "kit:removes", "-t", "kit:remove", "--redact", "/tmp/*")
    assert (again.exit_code, "/tmp/x" in again.stdout + again.stderr) == (3, False)
    done = cli("resume", path, "-m", "kit:removes", "-t", "kit:remove", "--redact", "/tmp/*", "--approve", "0.0")
    assert (done.exit_code, "/tmp/x" in done.stdout) == (0, False)
    assert "removed /tmp/x" in path.read_text()


def test_a_budget_of_tokens(cli: Cli, home: Path) -> None:
    result = cli("run", "How many?", "-m", "kit:loops", "-t", "kit:population", "--tokens", "100", "--cost", "2")
    assert (result.exit_code, "limit" in result.stdout) == (1, True)
    [path] = run_files(home)
    assert (Trace.load(path).started.spec.limits.tokens, Trace.load(path).started.spec.limits.cost) == (100, 2.0)
    assert cli("resume", path, "-m", "kit:answers", "-t", "kit:population", "--tokens", "9000").exit_code == 0


@pytest.mark.parametrize("mode", ["plain", "json", "quiet"])
def test_a_run_that_failed_says_how_to_go_on(cli: Cli, home: Path, mode: str) -> None:
    result = cli("run", "Go?", "-m", "kit:lost", "-t", "kit:population", "--display", mode)
    assert result.exit_code == 1
    [path] = [path for path in run_files(home) if path.name != "answered.jsonl"]
    assert f"To go on:  react-agent resume {path.relative_to(home)} -m kit:lost -t kit:population" in result.stderr


def test_a_run_that_waits_says_how_to_decide(cli: Cli, home: Path) -> None:
    cli("run", "Go?", "-m", "kit:removes", "-t", "kit:remove")
    assert "`react-agent resume` tells how to decide" in cli("trace", "show").stdout
