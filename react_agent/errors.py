"""Everything this library raises, arranged by whose fault it is.

::

    ReactAgentError
    ├── ConfigError               the caller: an agent, tool or backend was put together wrongly
    │   ├── ToolDefinitionError   the caller: a function or schema that cannot become a tool
    │   └── SchemaError           the caller, or whoever sent the schema: it is no usable JSON Schema
    ├── TraceError                the file: no trace, damaged in the middle, newer than this version, or it cannot be written
    ├── Diverged                  the code or the record: a replay asked for something else than was recorded
    ├── ScriptError               the test: a mock was asked for more than its script holds, or for less, or the script itself is wrong
    ├── FormatError               the caller: a dialect cannot write this message without loss
    ├── RunFailed                 nobody yet: raised only by ``result.raise_for_outcome()``
    └── BackendError              the model's server; a run turns it into the outcome ``failed``
        ├── BackendRejected       it understood and refused: 400, 401, 403, 404, 413, 422 (not retried)
        │   └── ContextOverflow   the prompt is longer than the model's context
        ├── BackendUnavailable    refused connection, reset, 408, 409, 429, 5xx, 529 (retried, then this)
        │   └── BackendTimeout    nothing came in time
        └── BackendProtocolError  what came is no reply: cut stream, wrong content, too large

A model's mistakes and a tool's exceptions are never raised: they go back to the model as observations. ``ToolError`` is what a
tool raises to choose the words of that observation itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from react_agent.messages import Outcome


class ReactAgentError(Exception):
    """Base of every exception raised by this library."""


class ConfigError(ReactAgentError):
    """The caller put an agent, a tool or a backend together wrongly; nothing has run."""


class ToolDefinitionError(ConfigError):
    """A function or a schema cannot become a tool."""


class SchemaError(ConfigError):
    """A JSON Schema is invalid, or too large or too deep to be compiled safely."""


class TraceError(ReactAgentError):
    """A file is no trace, is damaged before its last line, was written by a newer version, or cannot be written."""


def _rebuilt(kind: type[Diverged], args: tuple[object, ...], attributes: dict[str, object]) -> Diverged:
    made = kind.__new__(kind, *args)
    made.args = args
    made.__dict__.update(attributes)
    return made


class Diverged(ReactAgentError):
    """A replay asked for something else than the record holds.

    Attributes:
        step: Step at which record and replay part, counted from 0.
        difference: Both sides, readable, as unified-diff text.
    """

    def __init__(self, message: str, *, step: int, difference: str = "") -> None:
        super().__init__(f"{message}\n{difference}" if difference else message)
        self.step = step
        self.difference = difference

    def __reduce__(self) -> tuple[object, ...]:  # an exception is pickled by its positional arguments
        return _rebuilt, (type(self), self.args, self.__dict__)


class ScriptError(ReactAgentError):
    """A mock's script ran out, was not used up, or holds what is no reply: a function of it failed, or the format cannot write it."""


class FormatError(ReactAgentError):
    """A format cannot write this message such that it could be read back."""


class RunFailed(ReactAgentError):
    """A run did not end with an answer; raised only by ``raise_for_outcome()``.

    Attributes:
        outcome: How it ended.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"the run ended with '{outcome.kind}'" + (f": {outcome.detail}" if outcome.detail else ""))
        self.outcome = outcome

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.outcome,)


class ToolError(ReactAgentError):
    """Raised by a tool: its text reaches the model as the observation, without the exception's type before it."""


class BackendError(ReactAgentError):
    """No reply could be had from the model's server.

    Attributes:
        status: HTTP status, if there was one.
        request_id: The provider's id of the request, for its support.
        retry_after: Seconds the server asked to wait, if it did.
        body: The first part of what the server said.
    """

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        body: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.body = body


class BackendRejected(BackendError):
    """The server refused the request as such; sending it again would not help."""


class ContextOverflow(BackendRejected):
    """The prompt is longer than the model's context window."""


class BackendUnavailable(BackendError):
    """The server could not be reached or was busy, and stayed so for as long as we tried."""

    retryable = True


class BackendTimeout(BackendUnavailable):
    """The server did not answer in time."""


class BackendProtocolError(BackendError):
    """What the server sent is no reply: a cut stream, no JSON, too large, or not its API's form."""

    retryable = True
