"""Which format ``auto`` takes for a model that llama.cpp or Ollama serves: a small one is guided, step by step, by a grammar.

Of 40 tasks a model of half a billion parameters solved 34 so, the best hand-written loop 30, and 26 where its native calls were read generously; one of
three times that size solved 37 with native calls. And a template without tools drops them without a word. (`benchmarks/small_models.py`)

They tell both, but only when asked: once, before the first request that has tools. Asked is each server that is named by its URL alone and may be one
of them; a provider with a profile of its own is not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from react_agent.backends.wires.base import Found, dumps, loads, mapping, objects
from react_agent.errors import BackendProtocolError, BackendUnavailable

if TYPE_CHECKING:
    from react_agent.backends.http import Answer, Room

SMALL = 1_000_000_000  # parameters
LOOK_SECONDS = 5.0
_WITHOUT_TOOLS = ("json_step", "the model's template leaves tools out: they are told in the prompt, and the reply is held to a grammar")

Choice: TypeAlias = tuple[str, str]
Look: TypeAlias = "Callable[[Room, str, str, float], Awaitable[Choice | None]]"
"""From the way to a server, its base URL, the model's name and the seconds that each request may take, to the format to take instead of native calls, and
why; None where native calls are well, or where the server does not tell. Raises `BackendError` where it is not there, not ready, or takes too long."""


async def llamacpp(room: Room, base_url: str, model: str, seconds: float) -> Choice | None:
    """Asks a server that may be llama.cpp's."""
    served = _served(_told(await room.get(f"{base_url}/models", seconds=seconds)), model)
    if served.get("owned_by") != "llamacpp":
        return None
    room.stream_apart()
    if (choice := _small(mapping(served.get("meta")).get("n_params"))) is not None:
        return choice
    props = mapping(_told(await room.get(f"{base_url.removesuffix('/v1')}/props", seconds=seconds)))
    return _WITHOUT_TOOLS if mapping(props.get("chat_template_caps")).get("supports_tools") is False else None


async def ollama(room: Room, base_url: str, model: str, seconds: float) -> Choice | None:
    """Asks Ollama; not its cloud, whose models are large. A model that thinks is left to do so: with a grammar some versions do not let it."""
    if base_url.startswith("https:"):
        return None
    shown = mapping(_told(await room.post(f"{base_url.removesuffix('/v1')}/api/show", dumps({"model": model}), seconds=seconds)))
    able = shown.get("capabilities")
    if not isinstance(able, list) or "thinking" in able:
        return None
    return _small(mapping(shown.get("model_info")).get("general.parameter_count")) or (None if "tools" in able else _WITHOUT_TOOLS)


LOOKS: dict[str, Look] = {"compatible": llamacpp, "llamacpp": llamacpp, "ollama": ollama, "ollama-openai": ollama}
"""By provider or profile: of those that are one of them, or may be."""


def _told(answer: Answer) -> object:
    if answer.status >= 500:  # it is loading its model
        raise BackendUnavailable(f"the server answered {answer.status}")
    try:
        return loads(answer.body) if answer.status == 200 else None
    except BackendProtocolError:
        return None


def _small(size: object) -> Choice | None:
    if type(size) is not int or not 0 < size < SMALL:
        return None
    return "json_plan", f"the model is small ({size / 1e6:.0f} million parameters): it plans first and is held to a grammar"


def _served(models: object, model: str) -> Found:
    """What is told of this model, or of the only one there is: llama.cpp serves that, whatever it is asked for."""
    known = objects(mapping(models).get("data"))
    return next((one for one in known if one.get("id") == model), known[0] if len(known) == 1 else {})
