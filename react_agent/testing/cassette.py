"""Replies of a real model, recorded once and played in every later run of a test.

A cassette is a JSON Lines file: a head, then a line for each request with its digest, what it said in readable lines (only those that an earlier request
did not say already), and the reply.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from react_agent.accepting import as_backend
from react_agent.backends.base import Backend, Listener
from react_agent.errors import ConfigError, ScriptError
from react_agent.formats.stream import tell
from react_agent.messages import ModelReply, ModelRequest
from react_agent.replaying import message_lines
from react_agent.stores.files import replace_file
from react_agent.view.redact import redactor_of_environment

VERSION = 1
Mode: TypeAlias = Literal["none", "once", "all"]
Source: TypeAlias = "Backend | str | Callable[[], Backend]"


class CassetteMiss(ScriptError):
    """A request that was not recorded. An agent's ``run`` lets it through: the test has to be looked at."""


@dataclass(frozen=True, slots=True)
class Take:
    """One recorded exchange.

    Attributes:
        request: Digest of the request.
        lines: What it said, for people.
        reply: What the model replied.
    """

    request: str
    lines: tuple[str, ...]
    reply: ModelReply


class Cassette:
    """The recorded replies of one test.

    Args:
        path: The file.
        mode: ``none`` plays and never asks a model; ``once`` records when there is no file yet, and plays otherwise; ``all`` records anew.

    Raises:
        ConfigError: The file is no cassette.
    """

    def __init__(self, path: Path, mode: Mode = "none") -> None:
        self.path = path
        self.records = mode == "all" or (mode == "once" and not path.exists())
        self.takes: list[Take] = []
        self.backend_name, self.format_name = "", ""
        self._played: set[int] = set()
        if not self.records and path.exists():
            self._load()

    def backend(self, source: Source) -> CassetteBackend:
        """A backend that records what `source` replies, or plays what it replied. `source` is not even made when nothing is recorded."""
        return CassetteBackend(self, source)

    def play(self, request: ModelRequest) -> ModelReply:
        """The recorded reply; where a request was made several times, its replies come in order. Raises `CassetteMiss`."""
        digest = request.digest()
        for at, take in enumerate(self.takes):
            if take.request == digest and at not in self._played:
                self._played.add(at)
                return take.reply
        raise CassetteMiss(self._miss(request))

    def _miss(self, request: ModelRequest) -> str:
        if not self.path.exists():
            return f"there is no cassette {self.path}: record one with --react-agent-record=once"
        known = f"the cassette {self.path} holds no reply to this request ({len(self._played)} of its {len(self.takes)} were played)."
        now = request_lines(request)
        nearest = max(self.takes, key=lambda take: difflib.SequenceMatcher(None, take.lines, now, autojunk=False).ratio(), default=None)
        if nearest is None:
            return known
        number = self.takes.index(nearest) + 1
        again = f" It was recorded as request {number}, and played already." if tuple(now) == nearest.lines else ""
        difference = "\n".join(difflib.unified_diff(nearest.lines, now, f"recorded request {number}", "this request", lineterm="", n=2))
        hint = "Mend what changed the request, or record anew with --react-agent-record=all."
        shown = redactor_of_environment().text(difference)
        return f"{known}{again} Nearest is request {number}:\n{shown}\n{hint}"

    def add(self, request: ModelRequest, reply: ModelReply) -> None:
        self.takes.append(Take(request.digest(), tuple(request_lines(request)), reply))

    def save(self) -> None:
        """Write what was recorded; nothing when nothing was."""
        if not self.records or not self.takes:
            return
        head = {"cassette": VERSION, "backend": self.backend_name, "format": self.format_name}
        lines = [json.dumps(head, ensure_ascii=False)]
        for at, take in enumerate(self.takes):
            after = max(range(at), key=lambda before: _shared(self.takes[before].lines, take.lines), default=None)
            shared = 0 if after is None else _shared(self.takes[after].lines, take.lines)
            said = {"request": take.request, "after": after, "shared": shared, "lines": take.lines[shared:]}
            reply = msgspec.json.encode(take.reply).decode()
            lines.append(f'{json.dumps(said, ensure_ascii=False)[:-1]}, "reply": {reply}}}')
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.path, ("\n".join(lines) + "\n").encode())

    def _load(self) -> None:
        number = 0
        try:
            for number, line in enumerate(self.path.read_text("utf-8").split("\n"), 1):
                if line.strip():
                    self._take(json.loads(line), number)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, msgspec.MsgspecError) as error:
            why = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            raise ConfigError(
                f"{self.path}, line {number} is not of a cassette ({why}): record it anew with --react-agent-record=all"
            ) from None

    def _take(self, data: dict[str, object], number: int) -> None:
        if number == 1:
            if data["cassette"] != VERSION:
                raise ConfigError(f"{self.path} is a cassette of version {data['cassette']}; this version of react_agent reads {VERSION}")
            self.backend_name, self.format_name = str(data["backend"]), str(data["format"])
            return
        after, shared, lines = data["after"], data["shared"], data["lines"]
        if not isinstance(lines, list) or not isinstance(shared, int):
            raise TypeError("its lines are no list")
        before = self.takes[after].lines[:shared] if isinstance(after, int) else ()
        self.takes.append(Take(str(data["request"]), (*before, *map(str, lines)), msgspec.convert(data["reply"], ModelReply)))


class CassetteBackend:
    """Records or plays; see `Cassette`."""

    def __init__(self, cassette: Cassette, source: Source) -> None:
        self._cassette = cassette
        self._inner: Backend | None = None
        self.secrets: tuple[str, ...] = ()
        if cassette.records:
            self._inner = source() if callable(source) and not isinstance(source, Backend) else as_backend(source)
            self.secrets = tuple(getattr(self._inner, "secrets", ()))
            cassette.backend_name, cassette.format_name = self._inner.name, self._inner.format_name

    @property
    def name(self) -> str:
        return self._cassette.backend_name or "cassette"

    @property
    def format_name(self) -> str:
        return self._cassette.format_name or "native"

    def __repr__(self) -> str:
        return f"CassetteBackend({str(self._cassette.path)!r}, {'recording' if self._inner else 'playing'} {self.name})"

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        if self._inner is not None:
            reply = await self._inner.reply(request, listen=listen, timeout=timeout)
            self._cassette.add(request, reply)
            return reply
        reply = self._cassette.play(request)
        if listen is not None:
            tell(reply, listen)
        return reply

    async def aclose(self) -> None:
        if self._inner is not None:
            await self._inner.aclose()


def request_lines(request: ModelRequest) -> list[str]:
    """A request as readable lines."""
    lines = [f"tool {tool.name}: {json.dumps([tool.description, tool.parameters], ensure_ascii=False)}" for tool in request.tools]
    lines.append(f"settings: {request.settings}, tool choice: {request.tool_choice}")
    for message in request.messages:
        lines += message_lines(message)
    return lines


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines two requests begin with together."""
    count = 0
    for before, now in zip(one, other, strict=False):
        if before != now:
            break
        count += 1
    return count
