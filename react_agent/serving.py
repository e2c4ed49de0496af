"""The pages of a folder of traces, served: a list with filters, runs followed while they go on, reviews of calls that wait.

It reads the files and writes one kind of thing: a `Reviewed` at the end of a trace that waits for it. Without a token it answers on loopback only, and only to
browsers that asked for a loopback name, so that no page from elsewhere can reach it through a name that it points there. Needs the extra ``serve``
(starlette, uvicorn).
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from react_agent.errors import TraceError
from react_agent.events import Reviewed
from react_agent.messages import JsonObject, clean
from react_agent.result import Pending, pending
from react_agent.stores.jsonl import JsonlStore, append_to
from react_agent.trace import Trace
from react_agent.view import items, kin, words
from react_agent.view.as_test import as_test
from react_agent.view.html import as_data, compare_page, document, trace_title
from react_agent.view.notes import notes
from react_agent.view.reading import read_far
from react_agent.view.redact import REDACTED, Redactor
from react_agent.view.standing import agents

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_COOKIE = "react_agent_token"
_MOST_BYTES = 100_000  # of a review
Next: TypeAlias = Callable[[Request], Awaitable[Response]]


def application(folder: Path, *, token: str | None = None, redactor: Redactor | None = None) -> Starlette:
    """The pages of a folder, as an ASGI application.

    Args:
        folder: Of trace files.
        token: Asked for on every request, as ``Authorization: Bearer …`` or once as ``?token=…``. Without one, only loopback is answered.
        redactor: Masks what is shown.
    """
    rooms = _Rooms(folder, redactor or Redactor())
    routes = [
        Route("/", rooms.list_page),
        Route("/api/runs", rooms.list_data),
        Route("/run/{name}", rooms.run_page),
        Route("/compare/{name}/{other}", rooms.compare_page),
        Route("/api/run/{name}", rooms.run_data),
        Route("/api/run/{name}/review", rooms.review, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(_Gate, token=token)])


class _Gate(BaseHTTPMiddleware):
    """Who may come in, and what the pages may do."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        super().__init__(app)
        self._token = token

    async def dispatch(self, request: Request, call_next: Next) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        if self._token and request.query_params.get("token"):
            entered = RedirectResponse(request.url.path, 303)
            entered.set_cookie(_COOKIE, self._token, httponly=True, samesite="strict", secure=request.url.scheme == "https")
            return entered
        response = await call_next(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
        return response

    def _refused(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        name = urlsplit(f"//{host}").hostname
        if self._token is None:
            if name not in LOOPBACK:
                return PlainTextResponse("Without a token, only loopback is answered.", 403)
        elif not self._knows(request):
            return PlainTextResponse("Add ?token=… to the address.", 401)
        origin = request.headers.get("origin")
        if request.method != "GET" and origin is not None and urlsplit(origin).netloc != host:
            return PlainTextResponse("Pages from elsewhere decide nothing here.", 403)
        return None

    def _knows(self, request: Request) -> bool:
        given = (
            request.query_params.get("token")
            or request.cookies.get(_COOKIE)
            or request.headers.get("authorization", "").removeprefix("Bearer ")
        )
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())


class _Rooms:
    """The pages and what they ask. Those that only read are plain functions: starlette runs them in threads."""

    def __init__(self, folder: Path, redactor: Redactor) -> None:
        self._folder = folder
        self._store = JsonlStore(folder)
        self._redactor = redactor

    def list_page(self, request: Request) -> Response:
        return HTMLResponse(document("Runs", {"runs": self._runs()}, kind="list", connect="'self'"))

    def list_data(self, request: Request) -> Response:
        return _answer({"runs": self._runs()})

    def _runs(self) -> list[items.Item]:
        made = []
        for path in self._store.runs() if self._folder.is_dir() else ():
            try:
                told = path.stat()
                made.append({"name": clean(path.stem), **self._row(path, told.st_mtime_ns, told.st_size)})
            except OSError:
                continue  # it went away meanwhile
        return made

    @lru_cache(maxsize=4096)  # noqa: B019 - there is one of this for the life of a server
    def _row(self, path: Path, changed: int, _size: int) -> items.Item:
        trace, problem, left = read_far(path)
        if clean(path.stem) != path.stem:
            trace, problem = Trace(), f"{path}: no address can name this file, for its name is no UTF-8; rename it"
        if not len(trace):
            return {"outcome": "unreadable", "question": words.plain_line(problem, 200), "model": "", "at": changed / 1e9}
        trace = self._redactor.trace(trace)
        told, started = items.summary(trace), trace.started
        return {
            "outcome": "damaged" if left else told["outcome"],
            "question": words.plain_line(words.said(started.task), 200),
            "model": words.plain_line(words.successive(agent.backend for agent in agents(trace))),
            "agent": words.plain_line(started.spec.name),
            "steps": told["steps"],
            "tokens": trace.usage().total_tokens,
            "at": started.at,
        }

    def _find(self, request: Request, parameter: str = "name") -> Path | None:
        path = self._folder / f"{request.path_params[parameter]}.jsonl"
        return path if path.parent == self._folder and path.is_file() else None

    def run_page(self, request: Request) -> Response:
        path = self._find(request)
        if path is None:
            return PlainTextResponse("There is no such run.", 404)
        shown, summary = self._shown(path)
        if not len(shown):
            return PlainTextResponse(str(summary["problem"]), 422)
        data: dict[str, object] = {
            **self._forebears(shown, path),
            "items": list(items.items(shown, said=notes(shown))),
            "summary": summary,
            "beneath": self._beneath(shown, path),
            "test": as_test(shown, str(path)),
            "live": f"../api/run/{quote(path.stem, safe='')}",
        }
        return HTMLResponse(document(trace_title(shown), data, connect="'self'"))

    def compare_page(self, request: Request) -> Response:
        paths = [self._find(request, parameter) for parameter in ("name", "other")]
        read = [read_far(path) for path in paths if path is not None]
        if len(read) < 2:
            return PlainTextResponse("There is no such run.", 404)
        problems = [one.problem for one in read if one.problem]
        if not all(len(one.trace) for one in read):
            return PlainTextResponse("\n".join(problems), 422)
        links = [f"../../run/{quote(path.stem, safe='')}" for path in paths if path is not None]
        first, second = (self._redactor.trace(one.trace) for one in read)
        return HTMLResponse(compare_page(first, second, problems=problems, links=links))

    def run_data(self, request: Request) -> Response:
        path = self._find(request)
        if path is None:
            return PlainTextResponse("There is no such run.", 404)
        shown, summary = self._shown(path)
        if not len(shown):
            return PlainTextResponse(str(summary["problem"]), 422)
        first = request.query_params.get("from", "0")
        at = min(int(first), len(shown)) if first.isdecimal() else 0
        steps = sum(event.kind == "replied" for event in shown[:at])
        news = list(items.items(shown[at:], steps, notes(shown) if at < len(shown) else {}, at))
        return _answer({"items": news, "events": len(shown), "summary": summary, "beneath": self._beneath(shown, path, at)})

    def _beneath(self, trace: Trace, path: Path, start: int = 0) -> items.Item:
        """The runs beneath the calls, of those that may have changed since the event `start`."""
        found = kin.beneath(trace, lambda run_id: kin.is_file(kin.file_of(run_id, path)), start)
        return {f"{step}.{index}": [self._child(child, path) for child in children] for (step, index), children in found.items()}

    def _child(self, child: kin.Child, path: Path) -> items.Item:
        made: items.Item = {"run": words.plain(child.run_id)}
        file = kin.file_of(child.run_id, path)
        try:
            told = file.stat()
            row = self._row(file, told.st_mtime_ns, told.st_size)
        except (OSError, ValueError):
            return made  # there is none, or no longer
        return made | {
            "there": True,
            "name": file.stem,
            "agent": row.get("agent", ""),
            "outcome": row["outcome"],
            "steps": row.get("steps", 0),
        }

    def _forebears(self, trace: Trace, path: Path) -> items.Item:
        """Where a run came from, with the names of those that have a page here."""
        made = items.forebears(trace)
        for how, relative in (("above", kin.above(trace)), ("parted", kin.parted(trace))):
            told = made.get(how)
            if isinstance(told, dict) and relative is not None and kin.is_file(file := kin.file_of(relative.run_id, path)):
                told["name"] = file.stem
        return made

    def _shown(self, path: Path) -> tuple[Trace, items.Item]:
        """A trace as it may be shown, and how it stands; a page asks often, and mostly nothing is new."""
        told = path.stat()
        return self._mask_and_fold(path, told.st_mtime_ns, told.st_size)

    @lru_cache(maxsize=4)  # noqa: B019 - as above
    def _mask_and_fold(self, path: Path, _changed: int, _size: int) -> tuple[Trace, items.Item]:
        trace, problem, _ = read_far(path)
        if not len(trace):
            return trace, {"problem": problem}
        shown = self._redactor.trace(trace)
        return shown, items.summary(shown, problem)

    async def review(self, request: Request) -> Response:
        """Take a decision on a call that waits: ``{"step": 0, "index": 0, "decision": "approve" | "deny" | "change" | "result", "text": "…"}``.

        The text is the reason, the arguments as JSON, or the result.
        """
        path = self._find(request)
        if path is None:
            return PlainTextResponse("There is no such run.", 404)
        if not request.headers.get("content-type", "").startswith("application/json"):
            return PlainTextResponse("A review is JSON.", 415)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_BYTES:
                return PlainTextResponse("A review is shorter than this.", 413)
        try:
            await run_in_threadpool(_decide, path, json.loads(body))
        except (ValueError, KeyError, TypeError) as error:
            return PlainTextResponse(f"That is no review: {error}", 400)
        except TraceError as error:
            return PlainTextResponse(str(error), 409)
        return JSONResponse({"ok": True})


def _decide(path: Path, data: dict[str, object]) -> None:
    """Write a decision at the end of a trace. Raises `TraceError` when no such call waits, or another writer has the file."""
    writer = append_to(path)
    try:
        trace = Trace.load(path)
        waits = next((one for one in pending(trace) if (one.step, one.index) == (data["step"], data["index"])), None)
        if waits is None:
            raise TraceError(f"no call {data['step']}.{data['index']} waits for a review")
        writer.write(replace(_reviewed(waits, str(data["decision"]), str(data.get("text") or "")), at=time.time()))
    finally:
        writer.close()


def _reviewed(waits: Pending, decision: str, text: str) -> Reviewed:
    match decision:
        case "approve":
            return waits.approve(by="page")
        case "deny":
            return waits.deny(text or "It was not allowed.", by="page")
        case "change":
            return waits.change(_arguments(text), by="page")
        case "result":
            return waits.give(text, by="page")
        case _:
            raise ValueError(f"a decision is approve, deny, change or result, not '{decision}'")


def _arguments(text: str) -> JsonObject:
    if REDACTED in text:
        raise ValueError(f"the arguments hold {REDACTED}, which stands for what this page may not show; write them out")
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("the arguments are a JSON object")
    return data


def _answer(data: object) -> Response:
    return Response(as_data(data), media_type="application/json")
