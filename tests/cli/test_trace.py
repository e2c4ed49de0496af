"""``trace …``: what each command shows of a trace, and what it says of a file that is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from react_agent import Agent, Image, MockBackend, Raw, Trace
from react_agent.cli.files import requests
from react_agent.errors import BackendRejected
from react_agent.view.items import items
from react_agent.view.reading import read_far
from react_agent.view.standing import standing
from react_agent.view.terminal import transcript

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


@pytest.mark.parametrize("width", [40, 60, 80, 160])
def test_a_list_in_a_narrow_window_keeps_what_a_run_is_called_by(
    cli: Cli, answered: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered.rename(answered.with_name("20261126-075016-bcc61c1f.jsonl"))
    monkeypatch.setenv("COLUMNS", str(width))
    head, line = cli("trace", "list").stdout.splitlines()
    assert line.split()[0] == "20261126-075016-bcc61c1f"
    assert "answered" in line
    assert "How" in line
    assert ("tokens" in head) == (width == 160)


def test_steps(cli: Cli, answered: Path) -> None:
    lines = cli("trace", "steps").stdout.splitlines()
    assert len(lines) == 3
    assert "I look it up." in lines[1]
    assert 'population(city="Paris")' in lines[1]
    assert "2.1 million" in lines[2]


def test_steps_in_a_narrow_window(cli: Cli, answered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    lines = cli("trace", "steps").stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("  0 thought      I look it up.   ")
    assert lines[1:3] == ['    action       population(city="Paris")', "    ok           2102650"]
    assert "2.1 million" in lines[3]


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [(Raw("Thought: hm"), "malformed", "Thought: hm"), (Raw(finish="refused", refusal="I cannot."), "refused", "I cannot.")],
)
@pytest.mark.parametrize("width", ["50", "160"])
def test_steps_that_came_to_nothing(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch, reply: Raw, status: str, words: str, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    Agent(MockBackend([reply], format="react_text", repeat=True)).run_sync("Which?").trace.save("x.jsonl")
    shown = cli("trace", "steps", "x.jsonl").stdout
    assert status in shown
    assert words in shown


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


@pytest.mark.parametrize("torn", [False, True], ids=["whole", "torn"])
def test_a_trace_without_its_pictures_is_shown_and_not_gone_on_with(cli: Cli, home: Path, torn: bool) -> None:
    picture = Image.from_bytes(b"\x89PNG" + b"x" * 100_000)
    path = Agent(MockBackend(["seen"])).run_sync([picture, "What is it?"]).trace.save(home / "r.jsonl")
    (file,) = (home / "images").iterdir()
    file.unlink()
    if torn:
        path.write_bytes(path.read_bytes() + b'{"kind"')
    before = path.read_bytes()
    shown = cli("trace", "show", path)
    assert "What is it?" in shown.stdout
    for result in (
        shown,
        cli("trace", "replay", path),
        cli("resume", path, "And?", "-m", "kit:answers"),
        cli("trace", "fork", path, "--at", "1", "-m", "kit:answers"),
    ):
        assert result.exit_code == 1
        assert f"the picture {file.name} is not beside it" in result.stderr
        assert "looked for at" in result.stderr
    assert path.read_bytes() == before
    assert run_files(home) == []


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
        (["How", "answered"], 0, True),
    ],
    ids=str,
)
def test_grep(cli: Cli, answered: Path, words: list[str], code: int, found: bool) -> None:
    result = cli("trace", "grep", *words)
    assert (result.exit_code, "answered.jsonl:" in result.stdout) == (code, found)


def test_grep_tells_no_step_of_what_comes_before_the_first(cli: Cli, home: Path) -> None:
    Agent(MockBackend([BackendRejected("no such key")])).run_sync("How?").trace.save(home / "runs" / "lost.jsonl")
    assert "lost.jsonl:stopped: failed" in cli("trace", "grep", "no such key").stdout


def test_grep_says_what_is_not_there(cli: Cli, answered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = cli("trace", "grep", "How", "runs/answred.jsonl")
    assert (result.exit_code, "there is no file" in result.stderr) == (1, True)
    monkeypatch.setenv("REACT_AGENT_RUNS", str(tmp_path / "nowhere"))
    assert "there are no traces" in cli("trace", "grep", "How").stderr


def test_stats(cli: Cli, answered: Path, text_run: Path) -> None:
    lines = cli("trace", "stats", answered, text_run).stdout.splitlines()
    assert len(lines) == 3
    assert lines[1].split()[:6] == ["answered", "answered", "2", "1", "0", "0"]


@pytest.mark.parametrize("width", [10, 30, 80])
def test_stats_in_a_narrow_window_are_whole(cli: Cli, answered: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    name = answered.with_stem("20261126-153010-2edc6d04ad45")
    name.write_bytes(answered.read_bytes())
    monkeypatch.setenv("COLUMNS", str(width))
    lines = cli("trace", "stats", name, answered).stdout.splitlines()
    assert len(lines) == 24
    assert [line.split()[-1] for line in lines[:6]] == ["20261126-153010-2edc6d04ad45", "answered", "2", "1", "0", "0"]


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


def test_markdown_draws_nothing_that_a_model_wrote(cli: Cli, home: Path) -> None:
    (home / "draw.py").write_text(
        "from react_agent import MockBackend, call\n"
        "said = '<img src=x> ![x](http://192.0.2.1/t.png)\\n## Step 9\\n> [a](javascript:b) `c` &lt;\\\\<b>'\n"
        "model = MockBackend([call('plain', word='a', thought=said), 'so'])"
    )
    cli("run", "<h1>Well?</h1>", "-m", "draw.py:model", "-t", "kit:plain")
    text = cli("trace", "export", "--format", "markdown").stdout
    assert text.startswith("# \\<h1\\>Well?\\</h1\\>\n")
    assert [line for line in text.splitlines() if line.startswith("> ")] == [
        r"> \<img src=x\> !\[x\](http://192.0.2.1/t.png)",
        r"> \## Step 9",
        r"> \> \[a\](javascript:b) \`c\` \&lt;\\\<b\>",
    ]
    assert text.count("\n## Step") == 2


def test_markdown_tells_of_reviews_and_of_what_the_loop_said(cli: Cli, home: Path) -> None:
    cli("run", "Remove it.", "-m", "kit:removes", "-t", "kit:remove")
    cli("resume", "last", "-m", "kit:answers", "--change", "0.0", '{"path": "other"}', "-t", "kit:remove")
    lines = cli("trace", "export", "--format", "markdown").stdout.splitlines()
    told = [line for line in lines if line.startswith("*")]
    assert told[:3] == ["**Action 0.0**", "*asks:* may 0.0 run? the tool can destroy something", "*resumed:* taken up again (writer 2)"]
    assert told[3].startswith('*review:* 0.0 approved with {"path": "other"} by ')
    assert '*to the model:* Note: this call was changed in review; it was made with the arguments {"path":"other"}.' in told


@pytest.mark.parametrize(("term", "no_color", "marked"), [("xterm-256color", "", False), ("xterm-256color", "1", True), ("dumb", "", True)])
def test_a_difference_is_seen_without_colours(answered: Path, text_run: Path, term: str, no_color: str, marked: bool) -> None:
    """On a terminal too, where both texts would run into one another."""
    pty = pytest.importorskip("pty")
    told = {**os.environ, "TERM": term, "NO_COLOR": no_color, "COLUMNS": "100"}
    shown = b""
    words = [sys.executable, "-m", "react_agent", "trace", "diff", str(answered), str(text_run)]
    leader, follower = pty.openpty()
    with subprocess.Popen(words, stdout=follower, stdin=follower, env=told) as process:
        os.close(follower)
        while True:
            try:
                data = os.read(leader, 4096)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            shown += data
        process.wait()
    os.close(leader)
    assert (b"{+hm+}" in shown) == marked


DOORS = [
    "show",
    "show --full",
    "steps",
    "prompt",
    "prompt --neutral",
    "raw",
    "raw --step 0",
    "raw --step 1",
    "export",
    "export --format markdown",
    "export --format openai-messages",
    "diff answered",
    "list runs",
    "grep a",
    "stats",
    "replay",
    "html answered -o page.html",
    "html answered answered -o page.html",
    "test answered",
    "test answered --agent shop:agent",
]


@pytest.mark.parametrize("by", ["options", "environment"])
@pytest.mark.parametrize("command", DOORS)
def test_redaction_in_every_door(cli: Cli, answered: Path, command: str, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["trace", *command.split(), *(["answered"] if command.startswith("diff") else [])]
    if by == "options":
        words += [] if command == "stats" else ["--redact-field", "city", "--redact", "210*", "--redact", "*any?"]
    else:
        monkeypatch.setenv("REACT_AGENT_REDACT", "210* *any?")
        monkeypatch.setenv("REACT_AGENT_REDACT_FIELDS", "city")
    result = cli(*words)
    assert result.exit_code == 0
    page = Path("page.html").read_text("utf-8") if "html" in command else ""
    assert not any(said in result.stdout + page for said in ("Paris", "2102650", "any?"))
    if command.split()[0] not in ("diff", "stats", "replay", "test") and command != "raw --step 1":  # nothing in it to mask
        assert "[redacted]" in result.stdout + page
    assert "Paris" in answered.read_text()


def test_redaction_of_a_difference_between_a_record_and_its_replay(cli: Cli, answered: Path) -> None:
    answered.write_text(answered.read_text().replace('"Be brief."', '"Be Parisian."'))
    result = cli("trace", "replay", answered, "--redact", "Paris*")
    assert (result.exit_code, "Parisian" in result.stdout + result.stderr) == (1, False)


def test_a_test_of_a_masked_run_passes(cli: Cli, answered: Path) -> None:
    text = cli("trace", "test", "answered", "--redact-field", "city", "--redact", "2.1*").stdout
    room: dict[str, object] = {}
    exec(text, room)
    room["test_how_many"]()  # type: ignore[operator]


@pytest.mark.parametrize("pattern", ["*", "", "a b", "***"])
def test_a_pattern_that_is_none(cli: Cli, answered: Path, pattern: str) -> None:
    result = cli("trace", "show", "--redact", pattern)
    assert (result.exit_code, "no pattern" in result.stderr) == (2, True)


@pytest.mark.parametrize("command", DOORS)
def test_no_door_lets_a_terminal_be_commanded(cli: Cli, home: Path, command: str) -> None:
    assert cli("run", "Nasty\x1b]0;t\x07\u202e?", "-m", "kit:nasty", "-t", "kit:plain").exit_code == 0
    [path] = run_files(home)
    path.rename("runs/answered.jsonl")
    result = cli("trace", *command.split(), *(["answered"] if command.startswith("diff") else []))
    assert result.exit_code == 0
    assert set(result.stdout + result.stderr) & {chr(code) for code in (*range(10), *range(11, 32), 127, *range(128, 160), 0x202E)} == set()


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
@pytest.mark.parametrize("command", ["show", "steps", "export", "stats", "prompt", "list", "grep -i M"])
def test_a_wrong_file_is_told_and_what_can_be_shown_is(cli: Cli, answered: Path, case: str, command: str) -> None:
    change, words, shown = WRONG[case]
    answered.write_bytes(change(answered.read_bytes()))
    result = cli("trace", *command.split(), "runs" if command == "list" else answered)
    if command == "list":
        assert any(word in result.stdout for word in ("damaged", "unreadable", "answered  "))
    else:
        assert (result.exit_code == 1) or command.startswith("grep")
        assert words in result.stderr or (command.startswith("grep") and "does not fit" in words)
    assert (
        any(some in result.stdout.replace("runs/answered", "") for some in ("How many?", "I look it up.", "2.1 million", "1    ")) == shown
    )


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
        "trace html",
        "trace html answered",
        "trace test",
        "trace test --agent shop:agent",
        "trace fork --at 0 -m kit:answers",
        "resume",
    ],
)
def test_no_command_stumbles_over_a_wrong_file(cli: Cli, answered: Path, case: str, words: str) -> None:
    answered.write_bytes(WRONG[case][0](answered.read_bytes()))
    file = ["runs"] if words == "trace list" else [answered]
    assert cli(*words.split(), *file).exit_code in (0, 1, 2)


def test_a_file_cut_at_any_byte(answered: Path) -> None:
    """What every command shows a trace with, tried at each place where a file can end."""
    data = answered.read_bytes()
    first = data.index(b"\n")
    for at in range(len(data)):
        answered.write_bytes(data[:at])
        trace, problem, left = read_far(answered)
        assert not left or not len(trace)
        assert problem or data[at - 1 : at + 1] == b"}\n" or data[at - 1 : at] == b"\n"
        assert bool(len(trace)) == (at >= first)
        if len(trace):
            stands = standing(trace)
            assert stands.kind in ("unfinished", "answered")
            assert list(transcript(trace))
            assert list(items(trace))
            assert len(requests(trace)) <= 2


@given(data=st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@pytest.mark.parametrize("command", [*DOORS, "fork --at 0 -m kit:answers -t kit:population"])
def test_a_cut_file_through_every_command(cli: Cli, answered: Path, whole: bytes, command: str, data: st.DataObject) -> None:
    ends = [at for at in range(1, len(whole) + 1) if whole[at - 1] == ord("\n")]
    answered.write_bytes(whole[: data.draw(st.sampled_from([0, *ends, *(at - 1 for at in ends)]) | st.integers(0, len(whole)))])
    name, *rest = command.split()
    words = [word for word in rest if word != "answered"]
    if name in ("diff", "html"):
        words = ["answered", *(["answered"] if "answered answered" in command or name == "diff" else []), *words]
    elif name not in ("list", "grep"):
        words = ["answered", *words]
    result = cli("trace", name, *words)
    assert result.exit_code in (0, 1, 2)
    assert result.exit_code == 0 or result.stderr or name in ("grep", "diff")


@pytest.fixture
def whole(answered: Path) -> bytes:
    return answered.read_bytes()


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
    whole = run_files(home)[0]
    whole.with_name(f"{whole.stem}-2.jsonl").write_bytes(whole.read_bytes())
    assert cli("trace", "show", whole.stem).exit_code == 0  # its whole name is no beginning of another's


def test_an_interrupted_trace_shows_what_was_open(cli: Cli, answered: Path) -> None:
    trace = Trace.load(answered)
    trace.cut(3).save(answered)
    result = cli("trace", "show", answered)
    assert result.exit_code == 0
    for words in ("unfinished", "react-agent resume", "population was called"):
        assert words in result.stdout


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=2)
    | st.just({})
    | st.just("x" * 300)
)


def _leaves(data: object, at: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [at, *[leaf for key, value in inside for leaf in _leaves(value, (*at, key))]]


def _replaced(data: object, at: tuple[object, ...], value: object) -> object:
    if not at:
        return value
    data[at[0]] = _replaced(data[at[0]], at[1:], value)  # type: ignore[index]
    return data


@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@pytest.mark.parametrize(
    "command",
    ["show", "steps", "prompt", "export", "export --format markdown", "export --format openai-messages", "stats", "html", "test", "replay"],
)
def test_a_value_edited_by_hand(cli: Cli, answered: Path, whole: bytes, command: str, data: st.DataObject) -> None:
    lines = [json.loads(line) for line in whole.splitlines()]
    number = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.sampled_from(_leaves(lines[number])))
    lines[number] = _replaced(lines[number], place, data.draw(VALUES))
    answered.write_text("".join(json.dumps(line) + "\n" for line in lines))
    name, *rest = command.split()
    result = cli("trace", name, "answered", *rest)
    assert result.exit_code in (0, 1, 2)
    assert result.exit_code == 0 or result.stderr
