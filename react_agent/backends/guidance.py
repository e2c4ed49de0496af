"""Which format ``auto`` takes for a model that llama.cpp serves: a small one is guided, step by step, by a grammar.

Of 40 tasks a model of half a billion parameters solved 34 so, the best hand-written loop 30, and 26 where its native calls were read generously; one of
three times that size solved 37 with native calls. And a template without tools drops them without a word. (`benchmarks/small_models.py`)

llama.cpp tells both, but only when asked. A server that may be one is asked for its models once, before the first request that has tools; no provider in the table of
profiles is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from react_agent.backends.wires.base import Found, loads, mapping, objects
from react_agent.errors import BackendProtocolError, BackendUnavailable

if TYPE_CHECKING:
    from react_agent.backends.http import Room

SMALL = 1_000_000_000  # parameters
LOOK_SECONDS = 5.0


def addresses(base_url: str) -> tuple[str, str]:
    """Where llama.cpp tells of its models, and of the template in use."""
    return f"{base_url}/models", f"{base_url.removesuffix('/v1')}/props"


async def look(room: Room, base_url: str, model: str, seconds: float | None) -> tuple[str, str] | None:
    """The format to take instead of native calls, and why; None where native calls are well, or where the server does not tell.

    Args:
        room: The way to the server.
        base_url: Its address, with ``/v1``.
        model: The model's name.
        seconds: What may be left for it.

    Raises:
        BackendError: The server is not there, not ready, or takes too long.
    """
    most = LOOK_SECONDS if seconds is None else min(seconds, LOOK_SECONDS)
    models, props = addresses(base_url)
    served = _served(await _told(room, models, most), model)
    if served.get("owned_by") != "llamacpp":
        return None
    room.stream_apart()
    size = mapping(served.get("meta")).get("n_params")
    if type(size) is int and 0 < size < SMALL:
        return "json_plan", f"the model is small ({size / 1e6:.0f} million parameters): it plans first and is held to a grammar"
    if mapping(mapping(await _told(room, props, most)).get("chat_template_caps")).get("supports_tools") is False:
        return "json_step", "the model's template leaves tools out: they are told in the prompt, and the reply is held to a grammar"
    return None


async def _told(room: Room, url: str, seconds: float) -> object:
    answer = await room.get(url, seconds=seconds)
    if answer.status >= 500:  # it is loading its model
        raise BackendUnavailable(f"{url} answered {answer.status}")
    try:
        return loads(answer.body) if answer.status == 200 else None
    except BackendProtocolError:
        return None


def _served(models: object, model: str) -> Found:
    """What is told of this model, or of the only one there is: llama.cpp serves that, whatever it is asked for."""
    known = objects(mapping(models).get("data"))
    return next((one for one in known if one.get("id") == model), known[0] if len(known) == 1 else {})
