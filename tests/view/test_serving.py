"""The pages, served: who may come in, what is shown, a run that goes on, a review."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from _stories import tell
from _world import World
from msgspec.structs import replace

from react_agent import Agent, JsonlStore, MockBackend, Trace, call, tool
from react_agent.events import Parent, Reviewed
from react_agent.stores.jsonl import append_to
from react_agent.trace import encode_event
from react_agent.view.redact import Redactor

from .test_html import data_of
from .test_kin import family

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from starlette.testclient import TestClient

pytest.importorskip("starlette", reason="starlette is not installed: pip install 'react_agent[serve]'")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    runs = tmp_path / "runs"
    with ThreadPoolExecutor(1) as apart:  # where no event loop runs yet
        apart.submit(tell, "one_call", "native").result().trace.save(runs / "one.jsonl")
    Agent(MockBackend([call("wipe", path="x")]), tools=World().tools()).run_sync("Wipe?").trace.save(runs / "wait~1.jsonl")
    (runs / "other.jsonl").write_text('{"level": "info"}\n')
    return runs


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    yield from visit(folder)


def visit(folder: Path, base: str = "http://127.0.0.1:8321", **options: object) -> Iterator[TestClient]:
    from starlette.testclient import TestClient

    from react_agent.serving import application

    with TestClient(application(folder, **options), base_url=base) as client:  # type: ignore[arg-type]
        yield client


def test_the_list(client: TestClient) -> None:
    runs = {run["name"]: run for run in client.get("/api/runs").json()["runs"]}
    assert {name: run["outcome"] for name, run in runs.items()} == {"one": "answered", "wait~1": "paused", "other": "unreadable"}
    assert runs["one"]["steps"] == 2
    assert data_of(client.get("/").text)["runs"] == client.get("/api/runs").json()["runs"]


def test_a_name_that_has_no_address_does_not_hide_the_others(client: TestClient, folder: Path) -> None:
    strange = folder / os.fsdecode(b"b\xff.jsonl")
    try:
        strange.write_bytes((folder / "one.jsonl").read_bytes())
    except OSError:
        pytest.skip("this file system takes no such name")
    assert client.get("/").status_code == 200
    runs = {run["name"]: run for run in client.get("/api/runs").json()["runs"]}
    [other] = set(runs) - {"one", "wait~1", "other"}
    assert (runs[other]["outcome"], "rename it" in runs[other]["question"]) == ("unreadable", True)


def test_a_run(client: TestClient, folder: Path) -> None:
    page = client.get("/run/one")
    data = data_of(page.text)
    assert data["live"] == "../api/run/one"
    assert "connect-src 'self'" in page.text
    whole = client.get("/api/run/one").json()
    assert whole["items"] == data["items"]
    rest = client.get("/api/run/one?from=3").json()
    assert rest["items"] == whole["items"][3:]
    assert client.get("/api/run/one?from=999").json()["items"] == []
    assert client.get("/api/run/one?from=x").json()["items"] == whole["items"]


def test_two_runs(client: TestClient) -> None:
    data = data_of(client.get("/compare/one/wait~1").text)
    assert [run["outcome"] for run in data["runs"]] == ["answered", "paused"]  # type: ignore[attr-defined]
    assert data["links"] == ["../../run/one", "../../run/wait~1"]
    assert client.get("/compare/one/other").status_code == 422


@pytest.mark.parametrize(
    "path",
    ["/compare/one/nothing", "/compare/..%2Fone/one", "/run/nothing", "/run/..%2Fone", "/run/%2e%2e", "/api/run/nothing", "/nothing"],
)
def test_what_is_not_there(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_file_of_another_program(client: TestClient) -> None:
    assert client.get("/run/other").status_code == 422


def test_a_damaged_file(client: TestClient, folder: Path) -> None:
    lines = (folder / "one.jsonl").read_bytes().split(b"\n")
    (folder / "one.jsonl").write_bytes(b"\n".join([*lines[:2], b"{edited", *lines[2:]]))
    runs = {run["name"]: run["outcome"] for run in client.get("/api/runs").json()["runs"]}
    assert runs["one"] == "damaged"
    told = client.get("/api/run/one").json()
    assert len(told["items"]) == 2
    assert "line 3: it is not JSON" in told["summary"]["problem"]
    assert "5 lines from there on are left out" in told["summary"]["problem"]


def test_a_run_that_goes_on(client: TestClient, folder: Path) -> None:
    trace = tell("one_call", "native").trace
    path = folder / "live.jsonl"
    path.write_bytes(b"".join(encode_event(event) + b"\n" for event in trace[:3]))
    assert client.get("/api/run/live").json()["summary"]["outcome"] == "unfinished"
    with path.open("ab") as file:
        file.write(encode_event(trace[3])[:20])
    assert len(client.get("/api/run/live").json()["items"]) == 3
    with path.open("ab") as file:
        file.write(encode_event(trace[3])[20:] + b"\n" + b"".join(encode_event(event) + b"\n" for event in trace[4:]))
    news = client.get("/api/run/live?from=3").json()
    assert (len(news["items"]), news["summary"]["outcome"]) == (len(trace) - 3, "answered")


def test_redaction(folder: Path) -> None:
    [client] = visit(folder, redactor=Redactor(["do*"], ["key"]))
    assert "done" not in client.get("/api/run/one").text


# ----------------------------------------------------------------------------------------------------------- reviews


@pytest.mark.parametrize(
    ("sent", "decision"),
    [
        ({"decision": "approve"}, "approve"),
        ({"decision": "deny", "text": "no"}, "deny"),
        ({"decision": "change", "text": '{"path": "y"}'}, "change"),
        ({"decision": "result", "text": "was empty"}, "result"),
    ],
    ids=["approve", "deny", "change", "result"],
)
def test_a_review(client: TestClient, folder: Path, sent: dict[str, str], decision: str) -> None:
    url = "/api/run/wait~1/review"
    assert client.post(url, json={"step": 0, "index": 0, **sent}).status_code == 200
    trace = Trace.load(folder / "wait~1.jsonl")
    assert isinstance(trace[-1], Reviewed)
    assert trace[-1].decision == decision
    assert client.post(url, json={"step": 0, "index": 0, **sent}).status_code == 409
    result = Agent(MockBackend(["done"]), tools=World().tools()).resume_sync(folder / "wait~1.jsonl", changes=True)
    assert result.answer == "done"
    wanted = {"approve": "wiped x", "change": "wiped y", "deny": "no", "result": "was empty"}[decision]
    assert wanted in str([call.result for step in result.steps for call in step.calls])


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {"step": 0, "index": 7, "decision": "approve"}}, 409),
        ({"json": {"step": 0, "index": 0, "decision": "rm -rf"}}, 400),
        ({"json": ["no"]}, 400),
        ({"json": {"step": 0, "index": 0, "decision": "change", "text": "x"}}, 400),
        ({"json": {"step": 0, "index": 0, "decision": "change", "text": "[]"}}, 400),
        ({"json": {"step": 0, "index": 0, "decision": "change", "text": '{"path": "[redacted]"}'}}, 400),
        ({"json": {}}, 400),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"{}"}, 415),
        ({"json": {"text": "x" * 200_000}}, 413),
    ],
    ids=[
        "no such call",
        "no such decision",
        "a list",
        "no arguments",
        "a list of arguments",
        "masked arguments",
        "nothing",
        "no json",
        "a form",
        "too long",
    ],
)
def test_what_is_no_review(client: TestClient, folder: Path, sent: dict[str, object], status: int) -> None:
    before = (folder / "wait~1.jsonl").read_bytes()
    assert client.post("/api/run/wait~1/review", **sent).status_code == status  # type: ignore[arg-type]
    assert (folder / "wait~1.jsonl").read_bytes() == before


def test_a_run_that_is_being_written_takes_no_review(client: TestClient, folder: Path) -> None:
    writer = append_to(folder / "wait~1.jsonl")
    try:
        answer = client.post("/api/run/wait~1/review", json={"step": 0, "index": 0, "decision": "approve"})
    finally:
        writer.close()
    assert (answer.status_code, "being written" in answer.text) == (409, True)


# ---------------------------------------------------------------------------------------------------------- the gate


def test_a_name_that_points_to_loopback_is_not_answered(folder: Path) -> None:
    [client] = visit(folder, "http://evil.example:8321")
    assert client.get("/").status_code == 403


def test_another_page_decides_nothing(client: TestClient) -> None:
    review = {"step": 0, "index": 0, "decision": "approve"}
    answer = client.post("/api/run/wait~1/review", json=review, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


def test_a_token(folder: Path) -> None:
    [client] = visit(folder, "http://traces.example", token="long-random-word")
    assert client.get("/api/runs").status_code == 401
    assert client.get("/api/runs", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/api/runs", headers={"Authorization": "Bearer long-random-word"}).status_code == 200
    entered = client.get("/?token=long-random-word", follow_redirects=False)
    assert entered.status_code == 303
    assert "token=" not in entered.headers["location"]
    assert client.get("/api/runs").status_code == 200  # by its cookie


# --------------------------------------------------------------------------------------------------------- its kin


def test_the_pages_of_related_runs(client: TestClient, folder: Path) -> None:
    with ThreadPoolExecutor(1) as apart:
        store = apart.submit(family, folder).result()
    data = data_of(client.get("/run/p").text)
    [one] = data["beneath"]["0.0"]  # type: ignore[index]
    assert one == {"run": "p/0.0", "there": True, "name": "p~0.0", "agent": "librarian", "outcome": "answered", "steps": 2}
    assert [each["name"] for each in data["beneath"]["1.0"]] == ["p~1.0", "p~1.0%2B2"]  # type: ignore[index]
    assert data_of(client.get("/run/p~0.0").text)["above"] == {"run": "p", "step": 0, "call": "p/0.0", "name": "p"}
    assert data_of(client.get("/run/g").text)["parted"] == {"run": "f", "step": 1, "at": 6, "name": "f"}
    store.path("f").unlink()
    assert "name" not in data_of(client.get("/run/g").text)["parted"]  # type: ignore[operator]
    store.path("p/0.0").unlink()
    assert client.get("/api/run/p").json()["beneath"]["0.0"] == [{"run": "p/0.0"}]
    assert client.get("/api/run/p?from=999").json()["beneath"] == {}
    store.path("p/0.0").write_text("{}\n")
    assert client.get("/api/run/p").json()["beneath"]["0.0"][0]["outcome"] == "unreadable"


def test_what_the_loop_said_is_told_with_what_is_new(client: TestClient, folder: Path) -> None:
    script = [call("lookup", key="a")] * 8
    trace = Agent(MockBackend(script), tools=World().tools()).run_sync("Again?").trace
    trace.save(folder / "loop.jsonl")
    whole = client.get("/api/run/loop").json()["items"]
    assert sum("notes" in item for item in whole) == 2
    assert client.get("/api/run/loop?from=5").json()["items"] == whole[5:]


# --------------------------------------------------------------------------------------------------------- in a browser


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """Where the folder is served."""
    import threading

    import uvicorn

    from react_agent.serving import application

    server = uvicorn.Server(uvicorn.Config(application(folder), host="127.0.0.1", port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    up = threading.Event()
    begin = server.startup

    async def startup(*args: object, **more: object) -> None:
        await begin(*args, **more)  # type: ignore[arg-type]
        up.set()

    server.startup = startup  # type: ignore[method-assign]
    thread.start()
    assert up.wait(30)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


def test_a_way_up_to_a_run_whose_id_is_not_shown_as_it_is(folder: Path, address: str) -> None:
    trace, run_id = tell("one_call", "native").trace, "a\u202eb"
    store = JsonlStore(folder)
    Trace([replace(trace.started, run_id=run_id), *trace[1:]]).save(store.path(run_id))
    child = f"{run_id}/0.0"
    Trace([replace(trace.started, run_id=child, parent=Parent(run_id, call=child)), *trace[1:]]).save(store.path(child))
    page = httpx.get(f"{address}run/{quote(store.path(child).stem)}")
    assert data_of(page.text)["above"] == {"run": "ab", "step": 0, "call": "ab/0.0", "name": "a%E2%80%AEb"}


@pytest.mark.browser
def test_a_run_is_followed_to_its_end_unless_one_goes_up(browser: Browser, folder: Path, address: str) -> None:
    from playwright.sync_api import expect

    @tool(read_only=True)
    def look(n: int) -> str:
        """Look."""
        return "\n".join(f"line {line} of {n}" for line in range(30))

    trace = Agent(MockBackend([*[call("look", n=n) for n in range(8)], "done"]), tools=[look]).run_sync("How many?").trace
    lines = trace.to_jsonl().splitlines(keepends=True)
    path = folder / "live.jsonl"
    path.write_bytes(b"".join(lines[:2]))
    tab = browser.new_page(viewport={"width": 900, "height": 600})
    try:
        tab.goto(f"{address}run/live")
        expect(tab.locator("#age")).to_contain_text(re.compile("It is going on|Nothing was written for"))
        for at in (4, 10, 16):
            path.write_bytes(b"".join(lines[:at]))
            expect(tab.locator("#tail")).to_contain_text(f"{at} events")
            expect(tab.locator("#tail")).to_be_in_viewport()
        tab.mouse.wheel(0, -5000)
        expect(tab.locator("h1")).to_be_in_viewport()
        path.write_bytes(b"".join(lines))
        expect(tab.locator("#pill")).to_have_text("answered")
        expect(tab.locator("h1")).to_be_in_viewport()
    finally:
        tab.close()


@pytest.mark.browser
def test_a_live_page_and_a_review_in_a_browser(browser: Browser, folder: Path, address: str) -> None:
    from playwright.sync_api import expect

    tab = browser.new_page()
    try:
        tab.goto(address)
        expect(tab.locator("#runs tbody tr")).to_have_count(3)
        for row in (0, 1):
            tab.locator("#runs input:not([disabled])").nth(row).click()
        tab.keyboard.press("c")
        expect(tab.locator(".pair")).not_to_have_count(0)
        tab.locator("#back").click()
        expect(tab.locator("#runs tbody tr")).to_have_count(3)
        tab.locator("#outcome").select_option("paused")
        expect(tab.locator("#runs tbody tr")).to_have_count(1)
        tab.locator("#runs a").click()
        expect(tab.locator("#pill")).to_have_text("paused")
        tab.locator(".review summary").click()
        arguments = tab.get_by_label("Other arguments, as JSON")
        assert json.loads(arguments.input_value()) == {"path": "x"}
        arguments.fill("[")
        tab.get_by_role("button", name="Run with these").click()
        expect(tab.locator(".review")).to_contain_text("That is no review")
        tab.get_by_role("button", name="Approve").click()
        expect(tab.locator("#pill")).to_have_text("unfinished")
        expect(tab.locator("#age")).to_contain_text("It was decided on; react-agent resume")  # nobody is at it
        assert isinstance(Trace.load(folder / "wait~1.jsonl")[-1], Reviewed)
        Agent(MockBackend(["gone"]), tools=World().tools()).resume_sync(folder / "wait~1.jsonl", changes=True)
        expect(tab.locator("#pill")).to_have_text("answered")
        expect(tab.locator("#step-1")).to_contain_text("gone")
        expect(tab.locator("#step-0")).to_contain_text("wiped x")
    finally:
        tab.close()


@pytest.mark.browser
def test_a_file_that_becomes_shorter_or_goes_away(browser: Browser, folder: Path, address: str) -> None:
    from playwright.sync_api import expect

    lines = Agent(MockBackend([call("lookup", key=key) for key in "abcd"] + ["done"]), tools=World().tools()).run_sync("Which?")
    bytes_ = lines.trace.to_jsonl().splitlines(keepends=True)
    path = folder / "live.jsonl"
    path.write_bytes(b"".join(bytes_[:9]))
    tab = browser.new_page()
    try:
        tab.goto(f"{address}run/live")
        expect(tab.locator("#tail")).to_contain_text("9 events")
        path.write_bytes(b"".join(bytes_[:4]))
        expect(tab.locator("#tail")).to_contain_text("4 events")
        path.write_bytes(b"")
        expect(tab.locator("#problem")).to_contain_text("no event in it")
        path.unlink()
        expect(tab.locator("#problem")).to_contain_text("There is no such run.")
        path.write_bytes(b"".join(bytes_))
        expect(tab.locator("#pill")).to_have_text("answered")
        expect(tab.locator("#problem")).to_be_hidden()
    finally:
        tab.close()


@pytest.mark.browser
def test_a_sub_agent_is_followed_while_it_runs(browser: Browser, folder: Path, address: str) -> None:
    from playwright.sync_api import expect

    with ThreadPoolExecutor(1) as apart:
        store = apart.submit(family, folder).result()
    parent, child = (store.path(run).read_bytes().splitlines(keepends=True) for run in ("p", "p/0.0"))
    store.path("p/0.0").unlink()
    store.path("p").write_bytes(b"".join(parent[:3]))
    tab = browser.new_page()
    try:
        tab.goto(f"{address}run/p")
        expect(tab.locator("#step-0 .call")).to_contain_text("called, no result yet")
        expect(tab.locator(".way")).to_have_count(0)
        store.path("p/0.0").write_bytes(b"".join(child[:2]))
        expect(tab.locator("#step-0 .way")).to_have_text("librarian · unfinished · 1 step")
        store.path("p/0.0").write_bytes(b"".join(child))
        expect(tab.locator("#step-0 .way")).to_have_text("librarian · answered · 2 steps")
        tab.locator("#step-0 .way").click()
        expect(tab.locator("h1")).to_have_text("bees?")
        tab.locator("#head .way").click()
        expect(tab.locator("h1")).to_have_text("Which?")
        expect(tab.locator(".block.current .no")).to_have_text("0")
        store.path("p").write_bytes(b"".join(parent))
        tab.locator("#step-1 .way").nth(1).click()  # whose file has a sign in its name that addresses have a use for
        expect(tab.locator("h1")).to_have_text("a")
        expect(tab.locator("#head .kin")).to_contain_text("beneath p, call p/1.0")
    finally:
        tab.close()
