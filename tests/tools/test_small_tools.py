"""The tools of one page: clock, plan, ask-the-user, notes, pictures."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from react_agent import Agent, ConfigError, Image, MockBackend, Policy, Text, ToolError, call
from react_agent_tools import ask_user, asking, clock, images, notes, plan

# --------------------------------------------------------------------------------------------------------------- clock

NOON = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "2024-02-29T12:00:00+00:00 (Thursday, 29 February 2024, 12:00, UTC, week 9, day 60 of the year)"),
        ("Europe/Berlin", "2024-02-29T13:00:00+01:00 (Thursday, 29 February 2024, 13:00, Europe/Berlin, week 9, day 60 of the year)"),
        ("+05:30", "2024-02-29T17:30:00+05:30 (Thursday, 29 February 2024, 17:30, UTC+05:30, week 9, day 60 of the year)"),
        ("UTC-11", "2024-02-29T01:00:00-11:00 (Thursday, 29 February 2024, 01:00, UTC-11:00, week 9, day 60 of the year)"),
        ("Pacific/Auckland", "2024-03-01T01:00:00+13:00 (Friday, 1 March 2024, 01:00, Pacific/Auckland, week 9, day 61 of the year)"),
    ],
)
def test_clock(zone: str, text: str) -> None:
    assert clock(lambda: NOON)(timezone=zone) == text
    assert clock(lambda: NOON, default=zone)() == text


@pytest.mark.parametrize(
    ("zone", "words"),
    [("berlin", "did you mean Europe/Berlin"), ("new york", "America/New_York"), ("Europe", "there is no time zone"), ("+99:00", "there is no time zone"), ("PST", "IANA"),
     ("../../etc/passwd", "no time zone"), ("/etc/localtime", "no time zone"), ("x" * 500, "no time zone"), ("a\0b", "no time zone"), ("\ud800", "no time zone")],
    ids=range(10),
)  # fmt: skip
def test_clock_knows_no_such_zone(zone: str, words: str) -> None:
    with pytest.raises(ToolError, match=words) as caught:
        clock(lambda: NOON)(timezone=zone)
    assert len(str(caught.value)) < 300


# ---------------------------------------------------------------------------------------------------------------- plan


def test_plan() -> None:
    said = plan(
        steps=[{"step": "find\nit", "status": "done"}, {"step": "compare", "status": "open"}, {"step": "write", "status": "dropped"}]
    )
    assert said == "1. [x] find it\n2. [ ] compare\n3. [-] write\nNext: compare"
    assert plan(steps=[{"step": "find it", "status": "done"}]).endswith("Everything is done: give the answer.")


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], "1 to 50"),
        ([{"step": "a", "status": "open"}] * 51, "1 to 50"),
        ([{"step": "a", "status": "doing"}] * 2, "steps 1, 2 are all 'doing'"),
    ],
    ids=["none", "many", "two at once"],
)
def test_a_plan_that_is_none(steps: list, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        plan(steps=steps)


def test_a_plan_is_checked_by_its_schema() -> None:
    agent = Agent(MockBackend([call("plan", steps=[{"step": "", "status": "someday"}]), "ok"]), tools=[plan])
    result = agent.run_sync("Plan.").steps[0].calls[0].result
    assert result is not None
    assert result.status == "invalid"


# ------------------------------------------------------------------------------------------------------------ ask_user


def test_ask_user_pauses_and_takes_the_answer_as_its_result() -> None:
    agent = Agent(MockBackend([call("ask_user", question="For how many?"), "A table for four."]), tools=[ask_user])
    result = agent.run_sync("Book a table.")
    assert result.outcome.kind == "paused"
    [question] = result.pending
    assert question.arguments == {"question": "For how many?"}
    result = agent.resume_sync(result.trace, reviews=[question.give("four")])
    assert result.answer == "A table for four."
    assert [c.result.text for c in result.steps[0].calls if c.result] == ["four"]


def test_ask_user_by_a_function() -> None:
    asked: list[tuple[str, Sequence[str]]] = []

    async def answer(question: str, options: Sequence[str]) -> str:
        asked.append((question, options))
        return "blue"

    agent = Agent(MockBackend([call("ask_user", question="Which?", options=["red", "blue"]), "ok"]), tools=[asking(answer)])
    result = agent.run_sync("Paint it.").steps[0].calls[0].result
    assert result is not None
    assert result.text == "blue"
    assert asked == [("Which?", ["red", "blue"])]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"question": " "}, "a question has"),
        ({"question": "x" * 3_000}, "a question has"),
        ({"question": "?", "options": ["x"] * 21}, "a question has"),
    ],
    ids=["empty", "long", "options"],
)
def test_ask_user_refuses(arguments: dict, words: str) -> None:
    agent = Agent(MockBackend([call("ask_user", **arguments), "ok"]), tools=[asking(lambda question, options: "never")])
    result = agent.run_sync("Go.").steps[0].calls[0].result
    assert result is not None
    assert result.status == "error"
    assert words in result.text


def test_a_question_that_is_approved_instead_of_answered() -> None:
    agent = Agent(MockBackend([call("ask_user", question="Well?"), "ok"]), tools=[ask_user], policy=Policy(rules=()))
    paused = agent.run_sync("Go.")
    result = agent.resume_sync(paused.trace, reviews=[p.approve() for p in paused.pending]).steps[0].calls[0].result
    assert result is not None
    assert "nobody answered" in result.text


# --------------------------------------------------------------------------------------------------------------- notes


@pytest.mark.parametrize("kept", [True, False], ids=["file", "memory"])
def test_notes(tmp_path: Path, kept: bool) -> None:
    kit = notes(tmp_path / "notes.jsonl" if kept else None)
    assert kit["recall"]() == "there are no notes yet"
    first = str(kit["remember"](text="The user prefers metric units.", topic="preferences")).split()[-1]
    kit["remember"](text="Größe der Wohnung: 80 m²")
    assert str(kit["recall"](query="unit preference")).startswith(f"{first} (")
    assert "Wohnung" in str(kit["recall"](query="wohnung"))
    assert str(kit["recall"]()).splitlines()[0].endswith("80 m²")  # newest first
    assert kit["recall"](query="zebra") == "no note fits 'zebra' (2 notes in all)"
    kit["forget"](id=first)
    assert "metric" not in str(kit["recall"]())
    if kept:
        assert "80 m²" in str(notes(tmp_path / "notes.jsonl")["recall"]())
        assert (tmp_path / "notes.jsonl").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("remember", {"text": " "}, "1 to 4,000"),
        ("remember", {"text": "x" * 5_000}, "1 to 4,000"),
        ("remember", {"text": "x", "topic": "x" * 200}, "topic"),
        ("remember", {"text": "\ud800"}, "surrogate"),
        ("forget", {"id": "nothing"}, "there is no note"),
    ],
)
def test_notes_refuse(name: str, arguments: dict, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        notes()[name](**arguments)


def test_a_torn_or_strange_line_costs_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    kit = notes(path)
    kit["remember"](text="one")
    with path.open("ab") as file:
        file.write(b'[1]\n"x"\n{"forget": {"a": 1}}\n\xff\xfe\n' + b"[" * 100_000 + b'\n{"id": "torn", "te')
    kit["remember"](text="two")
    said = str(notes(path)["recall"]())
    assert [line.rsplit(" ", 1)[1] for line in said.splitlines()] == ["two", "one"]


def test_notes_of_many_threads_are_all_kept(tmp_path: Path) -> None:
    kits = [notes(tmp_path / "notes.jsonl") for _ in range(4)]
    threads = [threading.Thread(target=lambda kit=kit: [kit["remember"](text=f"word{i}") for i in range(25)]) for kit in kits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len((tmp_path / "notes.jsonl").read_text().splitlines()) == 100
    assert "100 notes in all" in str(kits[0]["recall"](query="zebra"))


def test_a_line_that_another_is_still_writing_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "notes.jsonl"
    path.write_bytes(b'{"id": "other1", "at": "2026-11-26T00:00:00Z", ')

    def the_other_ends(fd: int, how: int) -> None:
        with path.open("ab") as file:
            file.write(b'"topic": "", "text": "theirs"}\n')

    monkeypatch.setattr(fcntl, "flock", the_other_ends)
    notes(path)["remember"](text="ours")
    assert len(path.read_bytes().splitlines()) == 2
    assert [line.rsplit(" ", 1)[1] for line in str(notes(path)["recall"]()).splitlines()] == ["ours", "theirs"]


def test_no_two_notes_have_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = iter(["aaaaaa", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr("secrets.token_hex", lambda size: next(names))
    kit = notes(tmp_path / "notes.jsonl")
    assert [kit["remember"](text=text) for text in ("one", "two")] == ["noted as aaaaaa", "noted as bbbbbb"]


def test_a_note_that_was_written_in_part_is_told_and_costs_itself_only(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "notes.jsonl"
    kit = notes(path)
    kit["remember"](text="one")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, before[1]))
    try:
        with pytest.raises(ToolError, match="could not be written: No space left"):
            kit["remember"](text="two")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    kit["remember"](text="three")
    assert [line.rsplit(" ", 1)[1] for line in str(notes(path)["recall"]()).splitlines()] == ["three", "one"]


def test_notes_that_are_only_read_and_a_path_that_is_a_folder(tmp_path: Path) -> None:
    assert notes(writable=False).names == ("recall",)
    with pytest.raises(ConfigError, match="is a folder"):
        notes(tmp_path)


# -------------------------------------------------------------------------------------------------------------- images

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 30


def test_load_image(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(PNG)  # the bytes count, not the name
    assert images(tmp_path)(path="a.txt") == [Text("a.txt (image/png, 38 bytes)"), Image.from_bytes(PNG)]


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"), (b"GIF89a\x01", "image/gif"), (b"\xff\xd8\xff\xe0", "image/jpeg")],
    ids=["webp", "gif", "jpeg"],
)
def test_kinds_of_pictures(tmp_path: Path, data: bytes, kind: str) -> None:
    (tmp_path / "a").write_bytes(data)
    assert images(tmp_path)(path="a")[1] == Image.from_bytes(data, kind)


def test_pictures_that_are_hidden(tmp_path: Path) -> None:
    (tmp_path / "Private.png").write_bytes(PNG)
    with pytest.raises(ToolError, match="off limits"):
        images(tmp_path, hide=["private*"])(path="Private.png")


def test_load_image_refuses(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.png").write_bytes(PNG)
    (root / "link.png").symlink_to("../secret.png")
    (root / "fake.png").write_text("no picture")
    (root / "big.png").write_bytes(PNG * 10)
    load = images(root, max_bytes=100)
    for path, words in [
        ("../secret.png", "not followed"),
        ("link.png", "is a link"),
        ("fake.png", "no picture"),
        ("big.png", "at most 100"),
        ("none.png", "does not exist"),
    ]:
        with pytest.raises(ToolError, match=words):
            load(path=path)
