"""The fold of a trace."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from react_agent.events import Returned
from react_agent.framing import NOTE
from react_agent.messages import Head, JsonObject, Message, MessageView, Outcome, ResultStatus, Text, ToolCall, ToolSpec, Usage
from react_agent.spec import AgentSpec

_NOTHING = Usage()


class OpenCall(Struct, gc=False):
    """A call of the open step; belongs to one state, which changes it. ``orphan``: it was called by a writer that is gone, and nobody
    knows what became of it."""

    call: ToolCall
    phase: Literal["ready", "asked", "approved", "called", "orphan", "done"] = "ready"
    key: str | None = None
    arguments: JsonObject | None = None  # as reviewed; else the call's own
    question: str = ""
    settled: tuple[ResultStatus, str] | None = None
    returned: Returned | None = None


class Spent(Struct, frozen=True):
    """What was used so far, or had been used when the present question began."""

    steps: int = 0
    tool_calls: int = 0
    usage: Usage = _NOTHING
    cost: float = 0.0
    seconds: float = 0.0


class Ledger:
    """Fingerprints of calls with their results, append-only and shared between states like a chain of messages: the first `n` of an index."""

    __slots__ = ("index", "n")

    def __init__(self, index: dict[int, int] | None = None, n: int = 0) -> None:
        self.index: dict[int, int] = {} if index is None else index  # the position of each, in order
        self.n = n

    def __contains__(self, fingerprint: int) -> bool:
        return self.index.get(fingerprint, self.n) < self.n

    def copy(self) -> Ledger:
        """Another view of the same record; whoever grows it second parts from it."""
        return Ledger(self.index, self.n)

    def extend(self, fingerprints: Iterable[int]) -> None:
        index = self.index
        if len(index) != self.n:
            self.index = index = dict(islice(index.items(), self.n))
        for fingerprint in fingerprints:
            index.setdefault(fingerprint, len(index))
        self.n = len(index)


class State(Struct, eq=False, kw_only=True):
    """The fold of a trace. Treat as immutable; `update` gives a new one and shares all that is append-only."""

    run_id: str
    spec: AgentSpec
    head: Head
    tools: dict[str, ToolSpec]
    allowed: frozenset[str]  # names of tools that the policy allows whatever the arguments
    view: MessageView  # the conversation
    ledger: Ledger  # calls and results, to notice repetition
    at: float  # time of the last event
    open: tuple[OpenCall, ...] = ()  # the calls of the step that waits for results
    left: int = 0  # how many of them have no result yet
    inbox: tuple[Message, ...] = ()  # said while a request or a batch was open
    steps: int = 0  # replies so far; also the number of the next step
    tool_calls: int = 0
    usage: Usage = _NOTHING
    cost: float = 0.0  # in US dollars, as far as it is known
    priced: bool = False  # some of it is
    seconds: float = 0.0  # of activity
    began: int = 0  # how many messages there were before the present question
    base: Spent = Spent()  # what had been spent when the present question began
    mistakes: int = 0  # in a row
    repeats: int = 0  # in a row
    warned: bool = False
    untrusted: bool = False  # text from an open world has come in
    closing: Outcome | None = None  # why the next request is the last
    outcome: Outcome | None = None
    answer: str | None = None
    output: JsonObject | None = None
    epoch: int = 0

    def copy(self) -> State:
        return replace(self, ledger=self.ledger.copy(), open=tuple([replace(opened) for opened in self.open]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        skip = ("ledger", "tools", "allowed", "head")  # derived
        return all(getattr(self, name) == getattr(other, name) for name in self.__struct_fields__ if name not in skip)

    __hash__ = None  # type: ignore[assignment]  # compared by content

    @property
    def known_cost(self) -> float | None:
        """In US dollars; None where it is 0 only because no price is known."""
        return self.cost if self.priced else None

    @property
    def messages(self) -> MessageView:
        return self.view

    def awaits(self, step: int, index: int) -> bool:
        """A review of this call can still be heard: it is open and has not begun."""
        here = step == self.steps - 1 and 0 <= index < len(self.open)
        return here and self.open[index].phase in ("ready", "asked", "orphan")

    def partial(self) -> str:
        """What there is: the answer, else the last that the model said, else the last good result; since the present question."""
        if self.answer is not None:
            return self.answer
        for message in reversed(self.view[self.began :]):
            if message.role == "assistant" and (text := message.text or message.thought):
                return text
            if message.role == "tool":
                texts = [part for one in message.results if one.ok for part in one.content if type(part) is Text]
                good = [part.text for part in texts if part.provider_data != NOTE]  # our own advice is no result
                if good:
                    return "\n".join(good)
        return ""
