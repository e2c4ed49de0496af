"""What the loop asks a host to do."""

from __future__ import annotations

from typing import Literal, TypeAlias, final

from msgspec import Struct

from react_agent.events import Purpose
from react_agent.messages import JsonObject, ModelRequest, Outcome, ResultStatus


@final
class PlannedCall(Struct, gc=False):
    """A call for the host to carry out.

    Attributes:
        step, index: Its identity within the run.
        key: Its idempotency key; the same when an orphan runs again.
        mode: ``run`` it; ``verify`` what became of an orphan by asking the tool with the key; or ``settle`` it as `status` and `text` say,
            without running anything. A call to run whose `status` is ``unknown_tool`` is of no tool that the model was told of.
        ask: A question: check the arguments, and if they pass append `Asked` instead of running it.
    """

    step: int
    index: int
    name: str
    arguments: JsonObject
    key: str
    mode: Literal["run", "verify", "settle"] = "run"
    ask: str | None = None
    status: ResultStatus = "ok"
    text: str = ""


@final
class CallModel(Struct, gc=False):
    """Ask the model."""

    request: ModelRequest
    purpose: Purpose


@final
class CallTools(Struct, gc=False):
    """Carry these calls out, side by side. Empty: wait for those under way."""

    calls: tuple[PlannedCall, ...]


@final
class Pause(Struct, gc=False):
    """Nothing can go on before these calls are reviewed; each comes with its question in `ask`."""

    calls: tuple[PlannedCall, ...]


@final
class Finish(Struct, gc=False):
    """The run is over."""

    outcome: Outcome


Effect: TypeAlias = CallModel | CallTools | Pause | Finish
