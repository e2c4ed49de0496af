"""What a leaf sends, in pieces that are encoded once: a message in its life, the rest of the body for all requests of a kind."""

from __future__ import annotations

from react_agent.backends.wires.base import Wire, dumps, loads, mapping, objects
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
        self._options: dict[tuple[str, bool, str | None, bool], bytes] = {}
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

    def strict(self, request: ModelRequest, stream: bool) -> bool:
        """Whether a tool of the request is marked as one whose schema the provider holds calls to."""
        return self._encoded(request, stream, None, True) != self._encoded(request, stream, None, False)

    def body(self, request: ModelRequest, stream: bool, held: str | None, paused: RawReply | None = None, *, strict: bool = True) -> bytes:
        """The request's body.

        Args:
            held: As `held` gave it, or None to leave the grammar out.
            paused: A turn that is to go on.
            strict: Tools may be marked strict.
        """
        options = self._encoded(request, stream, held, strict)
        messages = request.messages
        chunks: list[bytes] = messages.chain.memos.setdefault(self, [])
        messages.memo(self, lambda message, before: self._encode(message, before, len(chunks)))
        system = bool(messages) and messages[0].role == "system"
        sent = chunks if len(chunks) == len(messages) else chunks[: len(messages)]
        if paused is not None:
            sent = [*sent, self._wire.encode(Message("assistant", paused.parts), messages[-1] if messages else None, len(messages))]
            options = dumps({**mapping(loads(options)), **(paused.paused or {})})
        return self._wire.body(sent, options, system=system)

    def _encoded(self, request: ModelRequest, stream: bool, held: str | None, strict: bool) -> bytes:
        """All but the messages."""
        key = (request.tool_choice, stream, held, strict)
        options = self._options.get(key)
        if options is None:
            made = self._wire.options(self.head, self._stop, request.tool_choice, native=self._format.native, stream=stream)
            if held is not None:
                made = {**self._constraints[request.tool_choice, held], **made}  # what the caller set himself stands
            options = self._options[key] = dumps(made if strict else _loose(made))
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


def _loose(body: JsonObject) -> JsonObject:
    """The body with no tool marked strict, wherever the API has the mark; some want it said that it is not."""
    if "tools" not in body:
        return body
    tools = [{**tool, "function": _unmarked(mapping(tool["function"]))} if "function" in tool else tool for tool in objects(body["tools"])]
    return {**body, "tools": [_unmarked(tool) for tool in tools]}


def _unmarked(tool: JsonObject) -> JsonObject:
    return {**tool, "strict": False} if tool.get("strict") is True else tool
