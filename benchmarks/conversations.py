"""Recorded conversations of several turns, replayed through the whole loop: an agent is asked what was asked, its server gives the recorded
replies in their order, and its tools give the recorded results. Each of its requests must then carry the conversation that the recorded
request carries: questions, calls with their ids, results, thinking with its signatures, blocks that only this API knows.

`wires_report.py` prints the figure.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypedDict

import httpx
from recorded import Item, Row, as_sse, came, said

from react_agent.agent import Agent
from react_agent.backends.base import Backend
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.profiles import COMPATIBLE, PROFILES, Profile
from react_agent.backends.providers import AnthropicBackend, GeminiBackend, OllamaBackend, OpenAIResponsesBackend
from react_agent.errors import ToolDefinitionError, ToolError
from react_agent.events import Replied, Returned
from react_agent.messages import Image, Message, user
from react_agent.spec import Limits
from react_agent.tooling import RunContext, Tool
from react_agent.trace import Trace

KEY = "recorded-key-123456"


# ------------------------------------------------------------------------------------------------- conversations


@dataclass
class Turn:
    """One exchange.

    Attributes:
        asked: The whole conversation in its request.
        came: The reply.
        sent: What the recorded client put after it, as the reply.
        results: What came of its calls, in their order.
        words: What a person said next.
        odd: What else the next request has, which nobody but the recorded client said.
    """

    row: Row
    asked: list[Item]
    came: list[Item] = field(default_factory=list)
    sent: list[Item] = field(default_factory=list)
    results: list[Item] = field(default_factory=list)
    words: list[Item] = field(default_factory=list)
    odd: list[Item] = field(default_factory=list)

    def goes_on(self, since: list[Item]) -> None:
        """Sorts what the next request adds."""
        calls = [item for item in self.came if item[1] == "call"]
        begun = next((at for at, item in enumerate(since) if item[0] != "assistant"), len(since))
        self.sent = since[:begun]
        results = [item for item in since[begun:] if item[0] == "tool"]
        by_id = {item[2]: item for item in results if item[2] is not None}
        told = [by_id.get(call[4]) for call in calls]
        if None in told and len(results) == len(calls):  # the server gave no ids
            told = list(results)
        self.results = [item for item in told if item is not None]
        self.words = [item for item in since[begun:] if item[0] == "user"]
        self.odd = [item for item in since[begun:] if item not in self.results and item not in self.words]


@dataclass
class Conversation:
    api: str
    turns: list[Turn]


def conversations(rows: Iterable[Row]) -> Iterator[Conversation]:
    """Runs of rows of one file, each request beginning with the one before it, of at least two turns."""
    files: dict[str, list[Row]] = {}
    for row in rows:
        if family(row) is not None and row["status"] == 200:
            files.setdefault(f"{row['file']} {family(row)}", []).append(row)
    for found in files.values():
        api = family(found[0]) or ""
        turns: list[Turn] = []
        for row in sorted(found, key=lambda one: one["index"]):
            asked = _plainly(said, api, row["request"])
            since = asked[len(turns[-1].asked) :] if turns and asked[: len(turns[-1].asked)] == turns[-1].asked else []
            if turns and since:
                turns[-1].came = _plainly(came, api, turns[-1].row)
                turns[-1].goes_on(since)
            elif turns:
                yield from [Conversation(api, turns)] if len(turns) > 1 else []
                turns = []
            turns.append(Turn(row, asked))
        yield from [Conversation(api, turns)] if len(turns) > 1 else []


def _plainly(read: Callable[[str, Row], list[Item]], api: str, row: Row) -> list[Item]:
    """What was said; one item that is like no other where it was recorded in a form that the plain reading does not know."""
    try:
        return read(api, row)
    except (KeyError, TypeError, AttributeError, IndexError):
        return [("nobody", "unread", id(row))]


def family(row: Row) -> str | None:
    """The API, where it is one that we have a wire for and the row asks a model."""
    endpoints = ("/chat/completions", "/messages", ":generateContent", ":streamGenerateContent", "/responses", "/api/chat")
    if row["method"] != "POST" or not row["url"].split("?")[0].endswith(endpoints) or not isinstance(row["request"], dict):
        return None
    return {"gemini-stream": "gemini-generate"}.get(row["api"], row["api"]) if row["api"] in APIS else None


APIS = ("openai-chat", "anthropic-messages", "gemini-generate", "gemini-stream", "openai-responses", "ollama-chat")


# ---------------------------------------------------------------------------------------------------- the replay


def _profile(row: Row) -> Profile:
    return PROFILES.get(row["provider"], COMPATIBLE)


class Given(TypedDict):
    """What every backend is made with."""

    client: httpx.AsyncClient
    api_key: str
    base_url: str
    max_retries: int


def backend_for(row: Row, client: httpx.AsyncClient) -> Backend:
    model = row["model"] or "m"
    given = Given(client=client, api_key=KEY, base_url="https://recorded.test/v1", max_retries=0)
    match family(row):
        case "openai-chat":
            return OpenAIChatBackend(model, profile=_profile(row), **given)
        case "anthropic-messages":
            return AnthropicBackend(model, **given)
        case "openai-responses":
            return OpenAIResponsesBackend(model, **given)
        case "ollama-chat":
            return OllamaBackend(model, **given)
    return GeminiBackend(model, **given)


class Player:
    """The recorded server and the recorded tools."""

    def __init__(self, conversation: Conversation) -> None:
        self.turns = conversation.turns
        self.api = conversation.api
        self.asked: list[Row] = []
        self.tell: Callable[[Message], None] | None = None

    def serve(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content))
        if len(self.asked) > len(self.turns):
            return httpx.Response(410, json={"error": {"message": "the recording is over"}})
        row = self.turns[len(self.asked) - 1].row
        if isinstance(row.get("response"), dict):
            return httpx.Response(200, json=row["response"])
        if row.get("sse"):
            events = [(event.get("event"), event["data"]) if "data" in event else (None, None) for event in row["sse"]]
        elif row.get("response"):
            events = [(None, json.dumps(item)) for item in row["response"]]
        else:
            return httpx.Response(200, headers={"content-type": "application/x-ndjson"}, content=(row.get("response_text") or "").encode())
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=as_sse(events))

    @property
    def watched(self) -> bool:
        """The run has to be a streamed one: replies are, or somebody speaks while tools run."""
        return any(not isinstance(turn.row.get("response"), dict) or (turn.results and turn.words) for turn in self.turns)

    def tools(self) -> list[Tool]:
        made: dict[str, Tool] = {}
        for turn in self.turns:
            for name, description, schema in offered(self.api, turn.row["request"]):
                try:
                    made[name] = Tool.from_schema(name=name, description=description, parameters=schema, function=self.called)
                except ToolDefinitionError:
                    made[name] = Tool.from_schema(name=name, description=description, parameters={"type": "object"}, function=self.called)
        return list(made.values())

    async def called(self, ctx: RunContext[None], **arguments: object) -> object:
        turn = self.turns[ctx.step]
        if ctx.index >= len(turn.results):
            raise ToolError("there is no recorded result")
        if turn.words and ctx.index == 0 and self.tell is not None:
            self.tell(message(turn.words))
        _, _, _, content, fine = turn.results[ctx.index]
        if not fine:
            raise ToolError("".join(str(part[-1]) for part in content))
        if self.api == "gemini-generate":
            return [content[0][1] or "", *message(content[1:]).parts] if content[1:] else content[0][1]
        return message(content).parts if any(item[1] != "text" for item in content) else "".join(item[2] for item in content)


def message(items: Iterable[Item]) -> Message:
    return user(*[item[2] if item[1] == "text" else picture(item[2]) for item in items if item[1] in ("text", "image")])


def picture(place: str) -> Image:
    if place.startswith("data:"):
        kind, _, data = place[5:].partition(";base64,")
        return Image(kind, data)
    return Image("image/png", url=place)


def offered(api: str, request: Row) -> Iterator[tuple[str, str, Any]]:
    """Name, description and schema of the functions that a request offers."""
    for tool in request.get("tools") or []:
        functions = (
            tool.get("functionDeclarations") or tool.get("function_declarations") or []
            if api == "gemini-generate"
            else [tool.get("function", tool)]
        )
        for found in functions:
            schema = (
                found.get("parametersJsonSchema")
                or found.get("parameters_json_schema")
                or found.get("parameters")
                or found.get("input_schema")
            )
            if (
                found.get("name")
                and (schema is not None or tool.get("type") == "function" or api == "gemini-generate")
                and tool.get("type") in (None, "function", "custom")
            ):
                yield found["name"], found.get("description") or "", schema or {"type": "object"}


async def play(conversation: Conversation) -> tuple[list[list[Item]], Trace]:
    """The conversations in our requests, one for each recorded turn that was reached, and the trace of the run."""
    player = Player(conversation)
    turns = conversation.turns
    instructions = "".join(item[2] for item in turns[0].asked if item[0] == "system")
    task, trace = message(item for item in turns[0].asked if item[0] == "user"), Trace()
    async with httpx.AsyncClient(transport=httpx.MockTransport(player.serve)) as client:
        limits = Limits(repeats=99, mistakes=9, result_chars=10_000_000)
        agent = Agent(backend_for(turns[0].row, client), tools=player.tools(), instructions=instructions, limits=limits)
        while True:
            if player.watched:
                async with agent.resume_stream(trace, task) if trace else agent.stream(task) as running:
                    player.tell = running.tell
                    async for _ in running:
                        pass
                result = running.result
            else:
                result = await (agent.resume(trace, task) if trace else agent.run(task))
            trace, reached = result.trace, len(player.asked)
            if reached >= len(turns) or result.outcome.kind not in ("answered", "refused") or not turns[reached - 1].words:
                return [said(conversation.api, body) for body in player.asked[: len(turns)]], trace
            task = message(turns[reached - 1].words)


# ------------------------------------------------------------------------------------------------------- verdicts


def judge(conversation: Conversation) -> Iterator[tuple[str, str]]:
    """For each request after the first: ``right``, ``left out`` or ``WRONG``, and why."""
    turns = conversation.turns
    pairs = len(turns) - 1
    if any(item[0] not in ("system", "user") for item in turns[0].asked):
        yield from [("left out", "the recording begins in the middle")] * pairs
        return
    if any(item[1] == "other" for turn in turns[:-1] for item in (*turns[0].asked, *turn.words, *_inside(turn.results))):
        yield from [("left out", "a document, a recording or an upload is shown, for which our messages have no part")] * pairs
        return
    requests, trace = asyncio.run(play(conversation))
    if requests[0] != turns[0].asked:
        yield from [("WRONG", f"the first request: {_difference(requests[0], turns[0].asked)}")] * pairs
        return
    unused = {at for at, event in enumerate(event for event in trace if isinstance(event, Replied)) if event.reply.reading == "malformed"}
    misfits = {
        (event.step, event.index) for event in trace if isinstance(event, Returned) and event.result.status in ("invalid", "unknown_tool")
    }
    for at, turn in enumerate(turns[:-1]):
        if any(item[0] == "nobody" for item in turn.came):
            reason = "a reply in a form that the plain reading does not know"
        elif any(item[1] == "text" and item[2].lstrip().startswith("<think>") for item in turn.came):
            reason = "thinking in tags within the text, which goes back without its tags"
        elif not turn.came and isinstance(turn.row["response"], dict) and turn.row["response"].get("status") in ("queued", "in_progress"):
            reason = "a reply made in the background, which is not there yet"
        elif at in unused:
            reason = "a reply that cannot be used: each client asks again in words of its own"
        elif len(turn.results) < sum(item[1] == "call" for item in turn.came):
            reason = "calls that the recorded client did not run"
        elif at + 1 < len(requests):
            yield _judge_turn(turn, requests[at], requests[at + 1], {index for step, index in misfits if step == at})
            continue
        else:
            reason = ""
        yield from [("left out", reason) if reason else ("WRONG", "the run ended too soon")] * (pairs - at)
        return


def _inside(results: Iterable[Item]) -> Iterator[Item]:
    for result in results:
        yield from (part for part in result[3] if len(part) > 2)


def _judge_turn(turn: Turn, before: list[Item], after: list[Item], misfits: set[int]) -> tuple[str, str]:
    if after[: len(before)] != before:
        return "WRONG", f"what was said before has changed: {_difference(after[: len(before)], before)}"
    ours = Turn(turn.row, before, turn.came)
    ours.goes_on(after[len(before) :])
    silent = _profile(turn.row).echo == "never" and any(item[1] == "thinking" for item in turn.came)
    came = _by_place([item for item in turn.came if not (silent and item[1] == "thinking")], turn.came)
    if _by_place(ours.sent, ours.sent) != came:
        return "WRONG", f"the reply: {_difference(_by_place(ours.sent, ours.sent), came)}"
    if [call[4] for call in ours.sent if call[1] == "call" and call[4] not in _ids(turn.came)] and all(_ids(turn.came)):
        return "WRONG", "a call has another id than it came with"
    results, recorded = (_by_place(one.results, one.sent) for one in (ours, turn))
    for at in misfits:
        results[at] = recorded[at] = ("tool", "result", "does not fit")
    if (results, ours.words) != (recorded, turn.words) or ours.odd:
        return "WRONG", f"results and words: {_difference([*results, *ours.words, *ours.odd], [*recorded, *turn.words])}"
    changes = [_change(turn)] if _by_place(turn.sent, turn.sent) != came else []
    changes = ["put the thinking somewhere else"] if silent and changes else changes
    changes += ["added words or calls of its own"] if turn.odd else []
    changes += ["says in words of its own that a call does not fit its tool"] if misfits else []
    return "right", f"but the recorded client {' and '.join(changes)}" if changes else ""


def _change(turn: Turn) -> str:
    def without(items: list[Item]) -> list[Item]:
        return [item for item in items if item[1] not in ("thinking", "details")]

    if without(turn.sent) == without(turn.came):
        return "left the thinking out" if len(turn.sent) < len(turn.came) else "changed the thinking"
    return "changed the reply"


def _ids(items: list[Item]) -> list[str | None]:
    return [item[4] for item in items if item[1] == "call"]


def _by_place(items: list[Item], sent: list[Item]) -> list[Item]:
    """With each call's place among those of `sent` for its id: where a server gives none, every client makes up its own."""
    places = {identity: place for place, identity in enumerate(_ids(sent)) if identity}
    out, place = [], 0
    for item in items:
        if item[1] == "call":
            out.append((*item[:4], place, *item[5:]))
            place += 1
        elif item[1] == "result":
            out.append((*item[:2], places.get(item[2], place), *item[3:]))
            place += 1
        else:
            out.append(item)
    return out


def _difference(ours: list[Item], theirs: list[Item]) -> str:
    at = next((at for at in range(min(len(ours), len(theirs))) if ours[at] != theirs[at]), min(len(ours), len(theirs)))
    return f"{str(ours[at : at + 1])[:300]}, expected {str(theirs[at : at + 1])[:300]}"
