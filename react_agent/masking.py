"""Known secrets taken out of what people, models and tools say, before it becomes an event: so model, memory and file see the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from operator import is_not
from typing import TypeVar, cast

import msgspec
from msgspec.structs import replace

from react_agent.errors import BackendError
from react_agent.events import Event
from react_agent.messages import Noun, clean
from react_agent.spec import AgentSpec

MASKED = "[secret]"
SHORTEST = 4  # what is shorter is a word, not a secret
T = TypeVar("T")
_encode = msgspec.json.Encoder().encode

# Fields that hold words of ours, identities and names, and never anybody's text.
_OURS = frozenset(
    {
        "kind",
        "type",
        "role",
        "status",
        "reading",
        "finish",
        "decision",
        "cause",
        "purpose",
        "run_id",
        "key",
        "format",
        "backend",
        "media_type",
    }
    | {"sha256", "request", "schema_version", "parent", "dialect", "repairs", "strategy", "policy", "limits", "settings", "name"}
)


class Masker:
    """Replaces known secrets by ``[secret]`` in the texts of events and specs."""

    def __init__(self, secrets: Sequence[str]) -> None:
        known = {secret for secret in secrets if len(secret) >= SHORTEST}
        known |= {
            json.dumps(secret, ensure_ascii=plain)[1:-1] for secret in known for plain in (True, False)
        }  # as it stands in a call's text
        self._secrets = sorted(known, key=len, reverse=True)  # the longest first: one may hold another
        self._written = [_encode(clean(secret))[1:-1] for secret in self._secrets]  # as they stand in an event's line

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def text(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASKED)
        return text

    def error(self, error: BackendError) -> None:
        """Takes the secrets out of an error that is about to be shown; causes that hold any are let go."""
        error.args = self._masked(error.args)
        error.body, error.request_id = self._masked(error.body), self._masked(error.request_id)
        cause = error.__cause__ or error.__context__
        if cause is not None and self.text(str(cause)) != str(cause):
            error.__cause__ = error.__context__ = None

    def event(self, event: Event) -> Event:
        """The event, or one like it without the secrets."""
        try:
            line = _encode(event)
        except (ValueError, TypeError):  # what cannot be written yet may hold one all the same
            return self._masked(event)
        for written in self._written:
            if written in line:
                return self._masked(event)
        return event

    def spec(self, spec: AgentSpec) -> AgentSpec:
        return self._masked(spec)

    def _masked(self, value: T) -> T:
        """The same object where nothing had to be changed."""
        changed: object = value
        match value:
            case str():
                changed = self.text(value)
            case tuple() | list():
                items = [self._masked(item) for item in value]
                if any(map(is_not, items, value)):
                    changed = tuple(items) if isinstance(value, tuple) else items
            case dict():
                pairs = {self._masked(key): self._masked(item) for key, item in value.items()}
                if any(map(is_not, pairs.values(), value.values())) or any(map(is_not, pairs, value)):
                    changed = pairs
            case Noun():
                swap: dict[str, object] = {}
                for name in _spoken_fields(type(value)):
                    before = getattr(value, name)
                    if type(before) in _SILENT:
                        continue
                    after = self._masked(before)
                    if after is not before:
                        swap[name] = after
                if swap:
                    changed = replace(value, **swap)
        return cast(T, changed)  # each branch gives back the type it was given


_SILENT = frozenset((type(None), bool, int, float))


@cache
def _spoken_fields(kind: type[Noun]) -> tuple[str, ...]:
    """The fields that may hold anybody's text."""
    return tuple([name for name in kind.__struct_fields__ if name not in _OURS])
