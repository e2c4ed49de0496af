"""Which format ``auto`` takes for a model on a server of one's own: a small one is guided, step by step, by a grammar.

Of 40 tasks a model of half a billion parameters solved 34 so, the best hand-written loop 30, and 26 where its native calls were read generously; one of
three times that size solved 37 with native calls. And a template without tools drops them without a word. On vLLM the small one solved 32, and of the
22 with one tool or in chains 18, with native calls 2; where the server takes no grammar, 11. (`benchmarks/small_models.py`)

llama.cpp and Ollama tell both, but only when asked: once, before the first request that has tools. Other servers (vLLM, SGLang, LM Studio, TGI…) tell
the model's name alone, which mostly tells its size; and llama-cpp-python, that it is that. Asked is each server that is named by its URL alone or is
one of these; a provider with a profile of its own is not. A size that is told counts more than a name, and a model whose name says that it was trained
for calls (``functiongemma-270m``) is left to them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from react_agent.backends.wires.base import Found, dumps, loads, mapping, objects, text
from react_agent.errors import BackendProtocolError, BackendUnavailable

if TYPE_CHECKING:
    from react_agent.backends.http import Answer, Room

SMALL = 1_000_000_000  # parameters
LOOK_SECONDS = 5.0
_LEAST = 50_000_000  # a smaller number in a name tells of the context ("…-1M")
_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)([bm])(?![a-z0-9])", re.IGNORECASE)
_UNITS = {"b": 1e9, "m": 1e6}
_FOR_CALLS = re.compile(r"function|tool|hammer|xlam", re.IGNORECASE)
_WITHOUT_TOOLS = ("json_step", "the model's template leaves tools out: they are told in the prompt, and the reply is held to a grammar")
# With its chatml-function-calling a model sees neither the tools nor their results, with others its earlier calls as escaped text.
_WITHOUT_RESULTS = (
    "json_step",
    "llama-cpp-python does not show a model all of its calls: they are told in the prompt, and the reply is held to a schema",
)

Choice: TypeAlias = tuple[str, str]
Look: TypeAlias = "Callable[[Room, str, str, float], Awaitable[Choice | None]]"
"""From the way to a server, its base URL, the model's name and the seconds that each request may take, to the format to take instead of native calls, and
why; None where native calls are well, or where the server does not tell. Raises `BackendError` where it is not there, not ready, or takes too long."""


async def compatible(room: Room, base_url: str, model: str, seconds: float) -> Choice | None:
    """Asks a server that speaks OpenAI's API. One that tells of none such model may know it all the same."""
    served = _served(_told(await room.get(f"{base_url}/models", seconds=seconds)), model) or {"id": model}
    names = (text(served.get("id")), text(served.get("root")))  # vLLM's and SGLang's: what is served under that name
    here = served.get("owned_by") == "llamacpp"
    if here:
        room.stream_apart()
    if (choice := _small(mapping(served.get("meta")).get("n_params"), *names)) is not None or not here:
        return choice or (_WITHOUT_RESULTS if served.get("owned_by") == "me" else None)
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
    size = mapping(shown.get("model_info")).get("general.parameter_count")
    return _small(size, model) or (None if "tools" in able else _WITHOUT_TOOLS)


LOOKS: dict[str, Look] = {
    **dict.fromkeys(("compatible", "llamacpp", "vllm", "sglang", "lmstudio", "tgi"), compatible),
    **dict.fromkeys(("ollama", "ollama-openai"), ollama),
}
"""By provider or profile: of those that are one of them, or may be."""


def _told(answer: Answer) -> object:
    if answer.status >= 500:  # it is loading its model
        raise BackendUnavailable(f"the server answered {answer.status}")
    try:
        return loads(answer.body) if answer.status == 200 else None
    except BackendProtocolError:
        return None


def _small(told: object, *names: str) -> Choice | None:
    """Of a model of this size, or of these names, perhaps with folders before them. What is not for certain small is not."""
    last = [re.split(r"[/\\]", name)[-1] for name in names]
    size = told if type(told) is int and told > 0 else max((size for name in last for size in _sizes(name)), default=0)
    if not 0 < size < SMALL or any(_FOR_CALLS.search(name) for name in last):
        return None
    by = "" if size is told else "by its name "
    return (
        "json_plan",
        f"the model is {by}small ({size / 1e6:.0f} million parameters): it plans first, held to a grammar if the server takes one",
    )


def _sizes(name: str) -> list[int]:
    """In parameters; neither of one expert (8x0.5B) nor of what is active (A0.6B), nor how long the context is (1M)."""
    found = [round(float(number) * _UNITS[unit.lower()]) for number, unit in _SIZE.findall(name)]
    return [size for size in found if size >= _LEAST]


def _served(models: object, model: str) -> Found:
    """What is told of this model, or of the only one there is: llama.cpp serves that, whatever it is asked for."""
    known = objects(mapping(models).get("data"))
    return next((one for one in known if one.get("id") == model), known[0] if len(known) == 1 else {})
