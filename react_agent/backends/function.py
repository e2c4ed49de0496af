"""A plain function as a backend: sync or async, from the prompt's text to the reply's text."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from react_agent.backends.base import Listener
from react_agent.errors import BackendError
from react_agent.formats import get_format
from react_agent.formats.base import Format, RawReply
from react_agent.formats.stream import tell
from react_agent.messages import Message, ModelReply, ModelRequest, Text, clean
from react_agent.threads import POOL

TextFunction: TypeAlias = "Callable[[str], str | Awaitable[str]]"


class FunctionBackend:
    """Any callable ``str -> str`` as a model. A sync one runs in a thread, so a slow model does not stop the event loop.

    The prompt is the whole conversation as text in the format's dialect, ending where the model is to go on.

    Args:
        function: Gets the prompt, gives back what the model writes.
        format: A text format; ``react_text`` by default.
        name: For the trace; the function's own by default.
    """

    def __init__(self, function: TextFunction, *, format: str | Format = "react_text", name: str | None = None) -> None:  # noqa: A002
        self._function = function
        self._format = get_format(format) if isinstance(format, str) else format
        self._name = name or getattr(function, "__name__", None) or type(function).__name__
        self._key = object()
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - an object whose call is async

    @property
    def name(self) -> str:
        return f"function:{self._name}"

    @property
    def format_name(self) -> str:
        return self._format.name

    def __repr__(self) -> str:
        return f"FunctionBackend({self._name}, format={self._format.name})"

    def prompt(self, request: ModelRequest) -> str:
        """The conversation as one text."""
        head = request.head

        def lowered(message: Message, before: Message | None) -> str:
            return "\n\n".join(one.text for one in self._format.lower(message, before, head))

        texts = request.messages.memo((self._key, head), lowered)
        return "\n\n".join(texts[: len(request.messages)]) + "\n\n"

    async def reply(self, request: ModelRequest, *, listen: Listener | None = None, timeout: float | None = None) -> ModelReply:
        prompt = self.prompt(request)
        try:
            written = self._function(prompt) if self._is_async else await POOL.run(lambda: self._function(prompt))
            if inspect.isawaitable(written):
                written = await written
        except BackendError:
            raise
        except Exception as error:
            raise BackendError(f"the function '{self._name}' raised {type(error).__name__}: {error}") from error
        if not isinstance(written, str):
            raise BackendError(
                f"the function '{self._name}' gave back {type(written).__name__}; a backend function returns the model's text"
            )
        text = clean(written)
        reply = self._format.read(RawReply((Text(text),)), request)
        if listen is not None:
            tell(reply, listen)
        return reply

    async def aclose(self) -> None:
        return None
