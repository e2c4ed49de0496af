"""What a leaf sends, in pieces that are encoded once: a message in its life, the rest of the body for all requests of a kind."""

from __future__ import annotations

import re

from react_agent.backends.wires.base import NULLS, ROLES, THOUGHTS, Reducing, Wire, dumps, loads, mapping, objects
from react_agent.backends.wires.wrong import NO_SUCH_ROLES
from react_agent.formats.base import Format, RawReply
from react_agent.formats.constraint import Constrainable, Constraining
from react_agent.messages import Head, JsonObject, Message, ModelRequest


class Prepared:
    """What is the same for all requests with one head: encoded once. Also the key under which a chain keeps its messages' chunks."""

    __slots__ = ("_constraints", "_format", "_holding", "_options", "_stop", "_wire", "head", "renamed")

    def __init__(self, wire: Wire, format: Format, head: Head) -> None:  # noqa: A002 - the field's term
        self.head = head
        self._wire = wire
        self._format = format
        self._stop = (*format.stop(head), *head.settings.stop)
        self._options: dict[tuple[str, bool, str | None, frozenset[str]], bytes] = {}
        self._holding = (format, wire) if isinstance(format, Constraining) and isinstance(wire, Constrainable) else None
        self._constraints: dict[tuple[str, str], JsonObject] = {}
        self.renamed = {wire.tool_name(spec.name): spec.name for spec in head.tools if wire.tool_name(spec.name) != spec.name}

    def held(self, request: ModelRequest) -> str | None:
        """The phase whose grammar the reply can be held to; None where there is no such grammar."""
        if self._holding is None:
            return None
        constraining, constrainable = self._holding
        phase = constraining.phase(request)
        key = (request.tool_choice, phase)
        if key not in self._constraints:
            constraint = constraining.constraint(self.head, request.tool_choice, phase)
            self._constraints[key] = constrainable.constrain(constraint) if constraint is not None else {}
        return phase if self._constraints[key] else None

    def refused(self, words: str, request: ModelRequest, stream: bool, held: str | None, without: frozenset[str]) -> str | None:
        """What of the request a server has refused in these words, and can be left out; None where it is nothing that is in it."""
        for name, pattern in REFUSALS.items():
            if name in without or not pattern.search(words) or (name == "stop" and self.head.settings.stop):
                continue
            if self.body(request, stream, held, without) != self.body(request, stream, held, without | {name}):
                return name
        return None

    def body(
        self,
        request: ModelRequest,
        stream: bool,
        held: str | None = None,
        without: frozenset[str] = frozenset(),
        paused: RawReply | None = None,
    ) -> bytes:
        """The request's body.

        Args:
            held: As `held` gave it, or None to leave the grammar out.
            without: Names of what is left out, as `refused` gave them.
            paused: A turn that is to go on.
        """
        options = self._encoded(request, stream, held, without)
        messages = request.messages
        chunks: list[bytes] = messages.chain.memos.setdefault(self, [])
        messages.memo(self, lambda message, before: self._encode(message, before, len(chunks)))
        system = bool(messages) and messages[0].role == "system"
        sent = chunks if len(chunks) == len(messages) else chunks[: len(messages)]
        if paused is not None:
            sent = [*sent, self._wire.encode(Message("assistant", paused.parts), messages[-1] if messages else None, len(messages))]
            options = dumps({**mapping(loads(options)), **(paused.paused or {})})
        if not without.isdisjoint(_IN_MESSAGES) and isinstance(self._wire, Reducing):
            sent = self._wire.reduced(sent, without)
        return self._wire.body(sent, options, system=system)

    def _encoded(self, request: ModelRequest, stream: bool, held: str | None, without: frozenset[str]) -> bytes:
        """All but the messages."""
        key = (request.tool_choice, stream, held, without)
        options = self._options.get(key)
        if options is None:
            made = self._wire.options(self.head, self._stop, request.tool_choice, native=self._format.native, stream=stream)
            if held is not None:
                made = {**self._constraints[request.tool_choice, held], **made}  # what the caller set himself stands
            options = self._options[key] = dumps(_lessened(made, without))
        return options

    def _encode(self, message: Message, before: Message | None, at: int) -> bytes:
        lowered = self._format.lower(message, before, self.head)
        if len(lowered) == 1:
            return self._wire.encode(lowered[0], before, at)
        chunks = []
        for place, item in enumerate(
            lowered, at - len(lowered) + 1
        ):  # examples before the first question have places of their own, below 0
            chunks.append(self._wire.encode(item, before, place))
            before = item
        return b",".join(filter(None, chunks))


_MOST = "this name for the most tokens"
_OTHER_NAMES = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_IN_MESSAGES = (ROLES, THOUGHTS, NULLS)
AS_OBJECT = "json_schema, with the schema in a json_object"
# What a server's words refuse, and is left out then.
REFUSALS = {
    AS_OBJECT: re.compile(r"'text' or 'json_object'"),  # llama-cpp-python
    "stream_options": re.compile(r"stream_options|include_usage"),
    _MOST: re.compile(
        r"max_completion_tokens' instead|(unrecognized|unknown|unsupported|extra).{0,60}max_completion_tokens", re.IGNORECASE | re.DOTALL
    ),
    "stop": re.compile(r"\bstop\b"),  # models that reason; the formats cut by themselves, and what the caller set himself stands
    "tool_choice": re.compile(r"tool_choice"),
    "include": re.compile(r"encrypted content is not supported", re.IGNORECASE),
    ROLES: NO_SUCH_ROLES,
    NULLS: re.compile(r"content'.{0,40}valid string', 'input': None"),  # llama-cpp-python
    THOUGHTS: re.compile(r"messages.{0,40}reasoning|signature.{0,20}thinking|thinking.{0,20}signature", re.IGNORECASE | re.DOTALL),
    "strict schemas": re.compile(r"strict|schema|grammar", re.IGNORECASE),
}


def _lessened(body: JsonObject, without: frozenset[str]) -> JsonObject:
    """The body without these. Where the API has a mark for strict tools, some want it said that it is not set."""
    if "tool_choice" in without and body.get("tool_choice") in ("none", {"type": "none"}):
        without |= {"tools"}  # else there would be calls where none are wanted
    body = {name: value for name, value in body.items() if name not in without}
    if _MOST in without:
        body = {_OTHER_NAMES.get(name, name): value for name, value in body.items()}
    asked = mapping(body.get("response_format"))
    if AS_OBJECT in without and asked.get("type") == "json_schema":
        body = {**body, "response_format": {"type": "json_object", "schema": mapping(asked.get("json_schema")).get("schema")}}
    if "strict schemas" in without and "tools" in body:
        tools = [
            {**tool, "function": _unmarked(mapping(tool["function"]))} if "function" in tool else tool for tool in objects(body["tools"])
        ]
        body = {**body, "tools": [_unmarked(tool) for tool in tools]}
    return body


def _unmarked(tool: JsonObject) -> JsonObject:
    return {**tool, "strict": False} if tool.get("strict") is True else tool
