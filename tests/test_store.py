"""Traces in files: what has reached the operating system when, torn and locked files, pictures beside them, and real kills."""

from __future__ import annotations

import asyncio
import base64
import errno
import gc
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from _laws import check_law
from _stories import STORIES, mock, tell
from _victim import RUN_ID, tools
from _world import World
from msgspec.structs import replace

from react_agent import Agent, ConfigError, Image, JsonlStore, MockBackend, Result, Text, Trace, TraceError, call, pending, replay, tool
from react_agent.backends.mock import ScriptItem
from react_agent.errors import Diverged
from react_agent.events import Called, Event, Replied, Resumed, Returned, Started, Told
from react_agent.messages import ModelRequest, user
from react_agent.spec import AgentSpec
from react_agent.stores.jsonl import JsonlWriter, append_to, load_trace
from react_agent.stores.pictures import IMAGE_BYTES_INLINE

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}


def run(folder: Path, script: list[ScriptItem] | None = None, run_id: str = "r") -> Result:
    return Agent(MockBackend(script or ["done"]), tools=World().tools(), store=folder).run_sync("Go.", run_id=run_id)


def kinds(path: Path) -> list[str]:
    return [event.kind for event in load_trace(path)]


def begun(run_id: str = "r") -> list[Event]:
    return [Started(1.0, run_id, user("Go."), AgentSpec(), "mock", "native"), Told(2.0, user("Hello"))]


# ---------------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("name", STORIES)
def test_what_is_written_event_by_event_is_what_was_there(name: str, tmp_path: Path) -> None:
    trace = tell(name, "native").trace
    store = JsonlStore(tmp_path)
    writer = store.create(trace.run_id)
    for event in trace:
        writer.write(event)
    writer.close()
    assert store.load(trace.run_id) == trace
    check_law(store.load(trace.run_id), tell(name, "native").requests)


def test_a_store_is_a_folder_with_a_file_for_each_run(tmp_path: Path) -> None:
    store = JsonlStore(tmp_path / "traces")
    assert store.runs() == []
    assert not store.exists("a")
    result = run(tmp_path / "traces", run_id="a")
    run(tmp_path / "traces", run_id="parent/0.1")
    assert store.exists("a")
    assert store.path("a") == tmp_path / "traces" / "a.jsonl"
    assert store.path("parent/0.1") == tmp_path / "traces" / "parent~0.1.jsonl"
    assert store.load("a") == result.trace
    os.utime(store.path("a"), (1, 1))
    assert store.runs() == [store.path("parent/0.1"), store.path("a")]
    assert repr(store) == f"JsonlStore({str(tmp_path / 'traces')!r})"


@pytest.mark.parametrize("run_id", ["../escape", "/etc/passwd", "..", "a/../../b", "c:\\x", "nul\x00", "é"])
def test_no_run_id_leads_out_of_the_folder(run_id: str, tmp_path: Path) -> None:
    folder = tmp_path / "traces"
    result = run(folder, run_id=run_id)
    assert result.answer == "done"
    assert [path.parent for path in folder.iterdir()] == [folder]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_run_is_never_written_over_another(tmp_path: Path) -> None:
    kept = run(tmp_path).trace
    with pytest.raises(TraceError, match="exists"):
        run(tmp_path)
    assert JsonlStore(tmp_path).load("r") == kept


def test_a_file_is_never_taken_for_the_trace_of_another_run(tmp_path: Path) -> None:
    """Each id has a file of its own, whatever characters had to be replaced in its name."""
    names = ["ä", "ö", "a/b", "a~b", "a%2Fb", "a b", "a_b", "a%7Eb"]
    assert len({JsonlStore(tmp_path).path(name) for name in names}) == len(names)
    run(tmp_path, run_id="ä")
    with pytest.raises(FileNotFoundError):
        JsonlStore(tmp_path).load("ö")


@pytest.mark.parametrize("left", [b"", b'{"ki', b'{"kind":"started","at":179'], ids=["nothing", "a few bytes", "half a line"])
def test_a_run_that_was_killed_before_its_first_line_was_whole_can_begin_again(left: bytes, tmp_path: Path) -> None:
    store = JsonlStore(tmp_path)
    (tmp_path / "r.jsonl").write_bytes(left)
    assert not store.exists("r")
    result = run(tmp_path)
    assert result.answer == "done"
    assert store.load("r") == result.trace


@pytest.mark.parametrize("data", [b"Hello", b'{"kind":"told"', b"\n"])
def test_a_file_that_is_not_ours_is_not_written_over(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(data)
    with pytest.raises(TraceError, match="exists"):
        run(tmp_path)
    assert path.read_bytes() == data
    append_to_is_free(path)


def test_a_store_may_be_of_ones_own() -> None:
    class Memory:
        def __init__(self) -> None:
            self.written: dict[str, list[Event]] = {}

        def create(self, run_id: str) -> MemoryWriter:
            self.written[run_id] = []
            return MemoryWriter(self.written[run_id])

        def append(self, run_id: str) -> MemoryWriter:
            return MemoryWriter(self.written[run_id])

        def load(self, run_id: str) -> Trace:
            return Trace(self.written[run_id])

        def exists(self, run_id: str) -> bool:
            return run_id in self.written

    class MemoryWriter:
        def __init__(self, events: list[Event]) -> None:
            self.events = events

        def write(self, event: Event, line: bytes | None = None) -> None:
            self.events.append(event)

        def flush(self) -> None: ...
        def checkpoint(self, now: float) -> None: ...
        def close(self) -> None: ...

    store = Memory()
    agent = Agent(MockBackend(["one", "two"]), store=store)
    first = agent.run_sync("Go.", run_id="m")
    second = agent.resume_sync(first.trace, "And?")
    assert store.load("m") == second.trace


# ------------------------------------------------------------------------------------------- what is on the disk when


def test_a_call_is_on_the_disk_before_a_tool_that_is_not_read_only_starts(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    @tool
    def act() -> str:
        """Act."""
        seen.append(kinds(tmp_path / "r.jsonl"))
        return "acted"

    Agent(MockBackend([call("act"), "done"]), tools=[act], store=tmp_path).run_sync("Go.", run_id="r")
    assert seen == [["started", "replied", "called"]]


def test_what_took_the_model_its_time_is_on_the_disk_before_any_tool_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be asked once more after a kill, and answer otherwise."""
    now = iter(range(1, 1000))
    for room in ("host", "dispatch"):
        monkeypatch.setattr(f"react_agent.{room}.perf_counter", lambda: float(next(now)))
    seen: list[list[str]] = []

    @tool(read_only=True)
    def look() -> str:
        """Look."""
        seen.append(kinds(tmp_path / "r.jsonl"))
        return "seen"

    Agent(MockBackend([call("look"), "done"]), tools=[look], store=tmp_path).run_sync("Go.", run_id="r")
    assert seen == [["started", "replied", "called"]]


def test_what_a_tool_did_is_on_the_disk_before_the_model_is_asked_again(tmp_path: Path) -> None:
    """However fast all was: a process that is killed while the model thinks must know that the tool had run."""
    seen: list[list[str]] = []

    def reply(request: ModelRequest) -> ScriptItem:
        seen.append(kinds(tmp_path / "r.jsonl"))
        return "done"

    Agent(MockBackend([call("note", text="n"), reply]), tools=World().tools(), store=tmp_path).run_sync("Go.", run_id="r")
    assert seen == [["started", "replied", "called", "returned"]]


def test_what_a_tool_did_is_on_the_disk_while_another_call_of_its_step_still_runs(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    async def main() -> None:
        returned = asyncio.Event()

        @tool
        async def fast() -> str:
            """Act."""
            return "acted"

        @tool
        async def slow() -> str:
            """Act after the other."""
            await returned.wait()
            seen.append(kinds(tmp_path / "r.jsonl"))
            return "acted"

        agent = Agent(MockBackend([[call("slow"), call("fast")], "done"]), tools=[fast, slow], store=tmp_path)
        async with agent.stream("Go.", run_id="r") as stream:
            async for event in stream:
                if isinstance(event, Returned):
                    returned.set()

    asyncio.run(main())
    assert seen == [["started", "replied", "called", "called", "returned"]]


def test_a_persons_word_is_on_the_disk_at_once(tmp_path: Path) -> None:
    """Nobody can say again what a person said."""
    seen: list[list[str]] = []

    async def main() -> None:
        def reply(request: ModelRequest) -> ScriptItem:
            stream.tell("Also this.")
            seen.append(kinds(tmp_path / "r.jsonl"))
            return "first"

        async with Agent(MockBackend([reply, "done"]), store=tmp_path).stream("Go.", run_id="r") as stream:
            async for _ in stream:
                pass

    asyncio.run(main())
    assert seen == [["started", "told"]]


def test_the_whole_trace_is_on_the_disk_when_a_run_ends_in_any_way(tmp_path: Path) -> None:
    result = run(tmp_path, [call("wipe", path="/")], "paused")
    assert result.outcome.kind == "paused"
    assert JsonlStore(tmp_path).load("paused") == result.trace

    async def leave() -> Trace:
        began = asyncio.Event()

        @tool
        async def wait() -> str:
            """Wait."""
            began.set()
            await asyncio.Event().wait()
            return ""

        async with Agent(MockBackend([call("wait")]), tools=[wait], store=tmp_path).stream("Go.", run_id="left") as stream:
            await began.wait()
        return stream.trace

    left = asyncio.run(leave())
    assert [event.kind for event in left][-2:] == ["stopped", "finished"]
    assert JsonlStore(tmp_path).load("left") == left


# -------------------------------------------------------------------------------------------------------------- resuming


def test_resuming_a_file_writes_on_in_that_file(tmp_path: Path) -> None:
    run(tmp_path)
    path = tmp_path / "r.jsonl"
    before = path.read_bytes()
    result = Agent(MockBackend(["more"]), tools=World().tools()).resume_sync(path, "And?")
    assert result.answer == "more"
    assert path.read_bytes().startswith(before)
    assert load_trace(path) == result.trace
    again = Agent(MockBackend(["even more"]), tools=World().tools()).resume_sync(str(path), "And?")
    assert [event.epoch for event in load_trace(path) if isinstance(event, Resumed)] == [1, 2]
    assert again.trace.run_id == "r"


def test_resuming_a_trace_writes_on_in_the_store(tmp_path: Path) -> None:
    agent = Agent(MockBackend(["one", "two", "three"]), store=tmp_path)
    first = agent.run_sync("Go.", run_id="r")
    second = agent.resume_sync(first.trace, "And?")
    third = agent.resume_sync(second.trace, "And?")
    assert JsonlStore(tmp_path).load("r") == third.trace


def test_resuming_a_trace_that_the_store_does_not_have_writes_it_whole(tmp_path: Path) -> None:
    first = Agent(MockBackend(["one"])).run_sync("Go.", run_id="r")
    second = Agent(MockBackend(["two"]), store=tmp_path).resume_sync(first.trace, "And?")
    assert JsonlStore(tmp_path).load("r") == second.trace


def test_an_older_trace_than_the_file_is_not_written_on_in_the_file(tmp_path: Path) -> None:
    """What was appended meanwhile would stand between: neither memory nor file would be what happened."""
    agent = Agent(MockBackend(["one", "two", "three"]), store=tmp_path)
    first = agent.run_sync("Go.", run_id="r")
    second = agent.resume_sync(first.trace, "And?")
    with pytest.raises(TraceError, match="fork"):
        agent.resume_sync(first.trace, "Or else?")
    assert JsonlStore(tmp_path).load("r") == second.trace


def test_a_fork_is_a_file_of_its_own(tmp_path: Path) -> None:
    parent = run(tmp_path, [call("lookup", key="a"), "done"])
    before = (tmp_path / "r.jsonl").read_bytes()
    fork = Agent(MockBackend(["other"]), tools=World().tools(), store=tmp_path).fork_sync(tmp_path / "r.jsonl", parent.trace.after_step(1))
    assert (tmp_path / "r.jsonl").read_bytes() == before
    assert JsonlStore(tmp_path).load(fork.trace.run_id) == fork.trace


@pytest.mark.parametrize("torn", [b'{"kind":"told","at":', b'{"kind":"told"}', b"\xff", b'{"kind'], ids=range(4))
def test_a_torn_last_line_is_cut_off_before_the_file_goes_on(torn: bytes, tmp_path: Path) -> None:
    run(tmp_path)
    path = tmp_path / "r.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert load_trace(path).torn == torn.decode("utf-8", "replace")
    result = Agent(MockBackend(["more"]), tools=World().tools()).resume_sync(path, "And?")
    assert path.read_bytes().startswith(whole + b'{"kind":"resumed"')
    assert load_trace(path) == result.trace


def test_a_whole_last_line_without_its_end_is_kept(tmp_path: Path) -> None:
    run(tmp_path)
    path = tmp_path / "r.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    Agent(MockBackend(["more"]), tools=World().tools()).resume_sync(path, "And?")
    assert path.read_bytes().startswith(whole)
    assert kinds(path)[:4] == ["started", "replied", "finished", "resumed"]


@pytest.mark.parametrize(
    "data", [b"", b"Hello\n", b'{"kind":"told"}\n{"kind":"told"}\n', b'{"kind":"sta'], ids=["empty", "words", "foreign", "torn only"]
)
def test_a_file_that_is_no_trace_is_left_as_it_is(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(data)
    with pytest.raises(TraceError, match=r"r\.jsonl"):
        Agent(MockBackend([])).resume_sync(path)
    assert path.read_bytes() == data
    append_to_is_free(path)


def append_to_is_free(path: Path) -> None:
    """Nobody holds the file any more; a file object that was forgotten would also warn here."""
    gc.collect()
    import fcntl

    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_review_that_nothing_waits_for_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    paused = run(tmp_path, [call("wipe", path="/")])
    path = tmp_path / "r.jsonl"
    before = path.read_bytes()
    wrong = msgspec.structs.replace(paused.pending[0].approve(), index=1)
    with pytest.raises(ConfigError, match=r"no call 0\.1 waits.*0\.0 \(wipe\)"):
        Agent(MockBackend([]), tools=World().tools()).resume_sync(path, reviews=[paused.pending[0].approve(), wrong])
    append_to_is_free(path)
    assert path.read_bytes() == before


def test_a_file_of_another_agent_is_left_as_it_is(tmp_path: Path) -> None:
    run(tmp_path)
    path = tmp_path / "r.jsonl"
    before = path.read_bytes()
    with pytest.raises(Exception, match="changes=True"):
        Agent(MockBackend([])).resume_sync(path)
    assert path.read_bytes() == before
    append_to_is_free(path)


# --------------------------------------------------------------------------------------------------------- two writers


def test_two_writers_of_one_file_are_one_too_many(tmp_path: Path) -> None:
    run(tmp_path)
    path = tmp_path / "r.jsonl"
    first = append_to(path)
    with pytest.raises(TraceError, match="being written"):
        append_to(path)
    with pytest.raises(TraceError, match="being written"):
        Agent(MockBackend([]), tools=World().tools()).resume_sync(path)
    first.close()
    append_to(path).close()


def test_where_there_are_no_locks_a_run_is_written_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    result = run(tmp_path)
    assert JsonlStore(tmp_path).load("r") == result.trace


def test_a_running_run_holds_its_file_and_frees_it_at_its_end(tmp_path: Path) -> None:
    def reply(request: ModelRequest) -> ScriptItem:
        with pytest.raises(TraceError, match="being written"):
            append_to(tmp_path / "r.jsonl")
        return "done"

    run(tmp_path, [reply])
    append_to(tmp_path / "r.jsonl").close()


def test_a_test_that_is_wrong_frees_the_file_too(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="script"):
        run(tmp_path, [call("lookup", key="a")])
    assert kinds(tmp_path / "r.jsonl") == ["started", "replied", "called", "returned"]
    append_to_is_free(tmp_path / "r.jsonl")


def test_a_process_that_is_just_being_started_holds_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it runs its program it has copies of all that is open here."""
    opened, copies = os.open, []

    def copied(*given: Any) -> int:
        copies.append(opened(*given))
        return os.dup(copies[-1])

    monkeypatch.setattr(os, "open", copied)
    writer = JsonlStore(tmp_path).create("r")
    monkeypatch.undo()
    writer.close()
    try:
        append_to(tmp_path / "r.jsonl").close()
    finally:
        os.close(copies[0])


def test_a_trace_that_goes_away_while_they_are_listed_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, run_id="a")
    run(tmp_path, run_id="b")
    listed = Path.glob

    def then_one_goes(folder: Path, pattern: str) -> list[Path]:
        found = list(listed(folder, pattern))
        (tmp_path / "b.jsonl").unlink()
        return found

    monkeypatch.setattr(Path, "glob", then_one_goes)
    assert JsonlStore(tmp_path).runs() == [tmp_path / "a.jsonl"]


def test_of_two_who_save_at_once_each_writes_its_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second saves between the first's last byte and its name."""
    one, two = (Trace([*begun(run_id), Told(3.0, user(Image.from_bytes(picture(100_000))))]) for run_id in ("one", "two"))
    path, named = tmp_path / "r.jsonl", os.replace

    def meanwhile(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "replace", named)
        two.save(path)
        assert load_trace(path) == two
        named(source, target)

    monkeypatch.setattr(os, "replace", meanwhile)  # at the picture
    assert load_trace(one.save(path)) == one
    monkeypatch.setattr(os, "replace", meanwhile)  # at the lines
    assert load_trace(one.save(path)) == one
    assert sorted(each.name for each in tmp_path.iterdir()) == ["images", "r.jsonl"]


# ------------------------------------------------------------------------------------------------------------- pictures


def picture(size: int) -> bytes:
    return (b"\x89PNG\r\n\x1a\n" + str(size).encode() * size)[:size]


def test_large_pictures_lie_beside_the_trace_under_their_sha_256(tmp_path: Path) -> None:
    small, large, told = picture(IMAGE_BYTES_INLINE - 2), picture(IMAGE_BYTES_INLINE + 1), picture(100_000)

    @tool(read_only=True)
    def photo() -> list[object]:
        """Two pictures."""
        return [Text("look"), Image.from_bytes(small), Image.from_bytes(large)]

    agent = Agent(MockBackend([call("photo"), "seen", "seen again"]), tools=[photo], store=tmp_path)
    result = agent.run_sync(["What is this?", Image.from_bytes(large, "image/jpeg")], run_id="r")
    result = agent.resume_sync(result.trace, [Image.from_bytes(told), "And this?"])
    path = tmp_path / "r.jsonl"
    names = {hashlib.sha256(data).hexdigest() for data in (large, told)}
    assert {file.name for file in (tmp_path / "images").iterdir()} == names
    assert all(hashlib.sha256(file.read_bytes()).hexdigest() == file.name for file in (tmp_path / "images").iterdir())
    text = path.read_bytes()
    assert base64.b64encode(small) in text
    assert base64.b64encode(large)[:100] not in text
    assert all(name.encode() in text for name in names)
    assert load_trace(path) == result.trace
    replay(load_trace(path))
    elsewhere = load_trace(path).save(tmp_path / "other" / "copy.jsonl")
    assert load_trace(elsewhere) == result.trace


def moved(tmp_path: Path, pictures: int = 1) -> tuple[Trace, Path, list[str]]:
    """A run that saw pictures, its file without the folder of them, and their names."""

    @tool(read_only=True)
    def photo() -> list[object]:
        """Pictures."""
        return [Text("look"), *[Image.from_bytes(picture(100_000 + n)) for n in range(pictures)]]

    trace = Agent(MockBackend([call("photo"), "seen"]), tools=[photo]).run_sync("What is there?", run_id="r").trace
    there = trace.save(tmp_path / "r.jsonl")
    (tmp_path / "new").mkdir()
    path = there.rename(tmp_path / "new" / "r.jsonl")
    return trace, path, [hashlib.sha256(picture(100_000 + n)).hexdigest() for n in range(pictures)]


def test_a_picture_whose_file_is_gone_stays_a_reference_and_is_told(tmp_path: Path) -> None:
    whole, path, (name,) = moved(tmp_path)
    with pytest.warns(UserWarning, match=name) as warned:
        trace = Trace.load(path)
    assert warned[0].filename == __file__
    assert f"looked for at {tmp_path / 'new' / 'images' / name})" in str(warned[0].message)
    event = trace[-3]
    assert isinstance(event, Returned)
    assert event.result.content == (Text("look"), Image("image/png", sha256=name))
    assert trace[:-3] == whole[:-3]
    (tmp_path / "images").rename(tmp_path / "new" / "images")
    assert Trace.load(path) == whole
    assert replay(path).answer == "seen"


def test_of_several_pictures_that_are_gone_the_first_is_named(tmp_path: Path) -> None:
    _, path, names = moved(tmp_path, 3)
    told: list[str] = []
    load_trace(path, told.append)
    assert len(told) == 1
    assert f"{names[0]}, and 2 more)" in told[0]
    (tmp_path / "new" / "images").mkdir()
    for name in names[:2]:
        (tmp_path / "images" / name).rename(tmp_path / "new" / "images" / name)
    with pytest.raises(TraceError, match=rf"the picture {names[2]} is not beside it \(looked for at [^,]*\)"):
        load_trace(path)


def test_nothing_goes_on_from_a_file_whose_picture_is_gone(tmp_path: Path) -> None:
    """The model would be asked without it; a person may load the trace and say that this is wanted."""
    _, path, (name,) = moved(tmp_path)
    before = path.read_bytes()
    backend = MockBackend(["more"])
    agent = Agent(backend, store=path.parent)
    with pytest.raises(TraceError, match=f"the picture {name} is not beside it"):
        agent.resume_sync(path, "And?", changes=True)
    with pytest.raises(TraceError, match=f"the picture {name} is not beside it"):
        agent.fork_sync(path, 1)
    with pytest.warns(UserWarning, match=name):
        trace = Trace.load(path)
    with pytest.raises(TraceError, match=f"the picture {name} is not beside it"):
        agent.resume_sync(trace, "And?", changes=True)
    assert (path.read_bytes(), backend.requests) == (before, [])
    assert Agent(backend).resume_sync(trace, "And?", changes=True).answer == "more"
    append_to(path).close()  # nobody holds it


def test_a_replay_names_the_picture_that_is_gone(tmp_path: Path) -> None:
    _, path, (name,) = moved(tmp_path)
    with pytest.warns(UserWarning, match=name), pytest.raises(TraceError, match=f"step 1: the model was shown the picture {name}"):
        replay(path)
    with pytest.raises(TraceError, match=f"'images/{name}' was looked for"):
        replay(Trace.from_jsonl(path.read_bytes()))
    trace = Trace.from_jsonl(path.read_bytes())
    assert replay(trace.cut(trace.after_step(1))).steps == 1  # it was not shown yet


def test_a_question_whose_picture_is_gone(tmp_path: Path) -> None:
    trace = Agent(MockBackend(["seen"])).run_sync([Image.from_bytes(picture(100_000)), "What is it?"]).trace
    path = trace.save(tmp_path / "r.jsonl")
    (file,) = (tmp_path / "images").iterdir()
    file.unlink()
    with pytest.raises(TraceError, match=f"step 0: the model was shown the picture {file.name}"):
        replay(Trace.from_jsonl(path.read_bytes()))


@pytest.mark.parametrize(
    "picture", [Image("image/png", url="https://example.org/a.png", sha256="a" * 64), Image("image/png")], ids=["url", "nothing"]
)
def test_a_picture_that_never_lay_beside_the_trace_is_not_missed(picture: Image) -> None:
    trace = Agent(MockBackend(["seen"])).run_sync([picture, "What is it?"]).trace
    assert replay(trace).answer == "seen"
    with pytest.raises(Diverged, match="something else than was recorded"):
        replay(Trace([replace(trace.started, task=user(picture, "And now?")), *trace[1:]]))


def test_a_picture_at_an_address_is_not_looked_for(tmp_path: Path) -> None:
    picture = Image("image/png", url="https://example.org/a.png", sha256="a" * 64)
    trace = Trace([*begun(), Told(3.0, user(picture))])
    assert load_trace(trace.save(tmp_path / "r.jsonl")) == trace


def test_a_picture_whose_file_is_damaged_is_not_taken_for_it(tmp_path: Path) -> None:
    trace = Trace([*begun(), Told(3.0, user(Image.from_bytes(picture(100_000))))])
    path = trace.save(tmp_path / "r.jsonl")
    (file,) = (tmp_path / "images").iterdir()
    file.write_bytes(picture(70_000))
    with pytest.raises(TraceError, match=file.name):
        load_trace(path)
    trace.save(path)  # whoever has the picture heals the file
    assert load_trace(path) == trace


@pytest.mark.parametrize("name", ["../../secret", "..", "A" * 64, ""])
def test_a_reference_leads_to_no_other_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    trace = Trace([*begun(), Told(3.0, user(Image("image/png", sha256=name)))])
    path = trace.save(tmp_path / "traces" / "r.jsonl")
    (tmp_path / "traces" / "images").mkdir()
    assert load_trace(path) == trace


def test_a_picture_in_another_spelling_of_base64_comes_back_as_it_was(tmp_path: Path) -> None:
    data = picture(100_000)
    lines = base64.encodebytes(data).decode()
    loose = base64.b64encode(data).decode().replace("==", "") + "=="  # the last bits, which nobody reads, may be anything
    loose = loose[:-3] + chr(ord(loose[-3]) + 1) + "=="
    assert base64.b64decode(loose) == data
    trace = Trace([*begun(), Told(3.0, user(Image("image/png", data=lines), Image("image/png", data=loose)))])
    assert load_trace(trace.save(tmp_path / "r.jsonl")) == trace


def test_a_picture_that_is_no_base64_does_not_end_the_run(tmp_path: Path) -> None:
    @tool(read_only=True)
    def photo() -> Image:
        """No picture at all."""
        return Image("image/png", data="%" * 100_001)

    agent = Agent(MockBackend([call("photo"), "done"]), tools=[photo], store=tmp_path)
    result = agent.run_sync("Go.", run_id="r")
    assert result.answer == "done"
    assert JsonlStore(tmp_path).load("r") == result.trace


# ----------------------------------------------------------------------------------------------------------- real kills


def kill(folder: Path, what: str) -> list[str]:
    """Run the victim until it dies in the tool `what`; what its tools had done by then."""
    victim = subprocess.run(
        [sys.executable, "-m", "_victim", str(folder), what], cwd=ROOT, env=ENVIRONMENT, capture_output=True, timeout=60, check=False
    )
    assert victim.returncode == 9, victim.stderr.decode()
    file = folder / "effects.txt"
    return file.read_text().splitlines() if file.exists() else []


KILLED: dict[str, tuple[str, list[str]]] = {
    "look": ("done", ["look victim/1.0"]),
    "put": ("done", ["put victim/1.0"]),
    "ship": ("done", []),
    "pay": ("paused", []),
}


@pytest.mark.parametrize("what", KILLED)
def test_a_process_killed_inside_a_tool_goes_on_in_another(what: str, tmp_path: Path) -> None:
    before = kill(tmp_path, what)
    assert before == ["quick victim/0.0", f"{what} victim/1.0"]

    def reply(request: ModelRequest) -> ScriptItem:
        """The read-only call and the reply that held it may be lost with the process: both can be had again."""
        return call("look") if what == "look" and "look done" not in str(list(request.messages)) else "done"

    backend = MockBackend([reply] * 2)
    result = Agent(backend, tools=tools(tmp_path, deadly=False)).resume_sync(tmp_path / f"{RUN_ID}.jsonl")
    answer, again = KILLED[what]
    assert (result.answer or result.outcome.kind) == answer
    after = (tmp_path / "effects.txt").read_text().splitlines()[len(before) :]
    assert [line for line in after if not line.startswith("quick")] == again
    assert sum(line.startswith("quick") for line in (*before, *after)) == 1, "a side effect was repeated"
    assert load_trace(tmp_path / f"{RUN_ID}.jsonl") == result.trace
    if what == "ship":
        assert "it was shipped" in str(list(backend.requests[0].messages))
    check_law(result.trace)


def test_what_had_returned_before_the_kill_is_no_orphan(tmp_path: Path) -> None:
    assert kill(tmp_path, "beside") == ["quick victim/0.1"]
    result = Agent(MockBackend([]), tools=tools(tmp_path, deadly=False)).resume_sync(tmp_path / f"{RUN_ID}.jsonl")
    assert result.outcome.kind == "paused"
    assert [waiting.name for waiting in result.pending] == ["pay"]


REVIEW = """
import sys
from pathlib import Path
from _victim import RUN_ID, tools
from react_agent import Agent, MockBackend, Trace, pending
folder = Path(sys.argv[1])
path = folder / f"{RUN_ID}.jsonl"
(waiting,) = pending(Trace.load(path))
result = Agent(MockBackend(["paid"]), tools=tools(folder, deadly=False)).resume_sync(path, reviews=[waiting.approve(by="ann")])
print(result.answer)
"""


def test_paused_in_one_process_reviewed_and_gone_on_in_another(tmp_path: Path) -> None:
    kill(tmp_path, "pay")
    path = tmp_path / f"{RUN_ID}.jsonl"
    Agent(MockBackend([]), tools=tools(tmp_path, deadly=False)).resume_sync(path)
    (waiting,) = pending(Trace.load(path))
    assert (waiting.name, waiting.step, waiting.index) == ("pay", 1, 0)
    other = subprocess.run(
        [sys.executable, "-c", REVIEW, str(tmp_path)],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert other.stdout.decode().strip() == "paid", other.stderr.decode()
    assert (tmp_path / "effects.txt").read_text().splitlines() == ["quick victim/0.0", "pay victim/1.0", "pay victim/1.0"]
    trace = load_trace(path)
    assert [event.key for event in trace if isinstance(event, Called)] == ["victim/0.0", "victim/1.0", "victim/1.0"]
    assert sum(isinstance(event, Replied) for event in trace) == 3
    assert pending(trace) == ()
    check_law(trace)


def test_the_mock_of_a_format_makes_no_difference_to_the_file(tmp_path: Path) -> None:
    for format_name in ("native", "react_text"):
        backend = mock([call("lookup", key="a"), "done"], format_name)
        result = Agent(backend, tools=World().tools(), store=tmp_path).run_sync("Go.", run_id=format_name)
        assert JsonlStore(tmp_path).load(format_name) == result.trace


# ------------------------------------------------------------------------------------------------- what cannot be written


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(TraceError, match="cannot be written"):
            run(folder)
    with pytest.raises(TraceError, match="cannot be written"):
        run(tmp_path, run_id="x" * 400)
    with pytest.raises(TraceError, match="cannot be written"):
        Agent(MockBackend(["done"])).run_sync("Go.").trace.save(tmp_path / "file" / "below")


@pytest.mark.skipif(os.name == "nt", reason="a file that is being written cannot be removed there")
def test_a_folder_that_goes_away_under_a_run_is_said_at_its_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    @tool
    def tidy() -> str:
        """Remove too much."""
        shutil.rmtree(tmp_path / "runs")
        return "gone"

    agent = Agent(MockBackend([call("tidy"), "done", "again"]), tools=[tidy], store=tmp_path / "runs")
    result = agent.run_sync("Go.", run_id="r")
    assert (result.answer, len(result.trace)) == ("done", 6)
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{tmp_path / 'runs' / 'r.jsonl'} was removed while a run was writing it")
    assert agent.run_sync("Go.", run_id="r").answer == "again"
    assert len(caplog.records) == 1


@pytest.mark.parametrize("written", [0, 7], ids=["nothing", "a part"])
def test_a_full_disk_is_said_before_the_tool_runs_and_what_was_kept_back_is_not_lost(
    written: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, write, room = World(), os.write, [10_000_000]

    def full(file: int, data: bytes) -> int:
        if room[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = write(file, data[: room[0]])
        room[0] -= taken
        return taken

    def ask(request: object) -> ScriptItem:
        room[0] = written
        return call("put", key="a")

    monkeypatch.setattr(os, "write", full)
    agent = Agent(MockBackend([ask, "done"]), tools=world.tools(), store=tmp_path)
    with pytest.raises(TraceError, match="No space left"):
        agent.run_sync("Go.", run_id="r")
    assert world.log == []

    writer = JsonlWriter(tmp_path / "other.jsonl")
    trace = Agent(MockBackend(["done"])).run_sync("Go.").trace
    room[0] = written
    for event in trace:
        writer.write(event)
    with pytest.raises(TraceError):
        writer.flush()
    room[0] = 10_000_000
    writer.close()
    assert Trace.load(tmp_path / "other.jsonl") == trace
    assert Trace.load(tmp_path / "r.jsonl").run_id == "r"


def test_a_trace_that_cannot_be_saved_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = Agent(MockBackend(["done"])).run_sync("Go.").trace
    path = trace.save(tmp_path / "run.jsonl")
    before = path.read_bytes()

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(TraceError, match="No space left"):
        trace.save(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["run.jsonl"]


def test_a_trace_is_not_saved_over_one_that_is_being_written(tmp_path: Path) -> None:
    trace = Agent(MockBackend(["done"])).run_sync("Go.").trace

    def over(request: object) -> ScriptItem:
        with pytest.raises(TraceError, match="is being written by another run"):
            trace.save(tmp_path / "r.jsonl")
        return "went on"

    result = Agent(MockBackend([over]), store=tmp_path).run_sync("Go.", run_id="r")
    assert Trace.load(tmp_path / "r.jsonl") == result.trace


def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no trace at .*gone\.jsonl"):
        Trace.load(tmp_path / "gone.jsonl")
    with pytest.raises(TraceError, match="cannot be read"):
        Trace.load(tmp_path)
