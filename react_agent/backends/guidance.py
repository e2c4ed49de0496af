"""Which format ``auto`` takes for a model that llama.cpp serves: a small one is guided, step by step, by a grammar.

Of 40 tasks a model of half a billion parameters solved 34 so, the best hand-written loop 30, and 26 where its native calls were read generously; one of
three times that size solved 37 with native calls. And a template without tools drops them without a word. (`benchmarks/small_models.py`)

llama.cpp tells both, but only when asked. It is asked once, after a first reply that bears its marks, so that no other server ever gets a request
which it does not expect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from react_agent.backends.wires.base import loads, mapping, objects
from react_agent.errors import BackendError

if TYPE_CHECKING:
    from react_agent.backends.http import Room

SMALL = 1_000_000_000  # parameters
LOOK_SECONDS = 10.0


def addresses(base_url: str) -> tuple[str, str]:
    """Where llama.cpp tells of its models, and of the template in use."""
    return f"{base_url}/models", f"{base_url.removesuffix('/v1')}/props"


async def look(room: Room, base_url: str) -> tuple[str, str] | None:
    """Asks the server, and gives what `guiding` makes of it. What is not told changes nothing."""
    told: list[object] = []
    for url in addresses(base_url):
        try:
            answer = await room.get(url, seconds=LOOK_SECONDS)
            told.append(loads(answer.body) if answer.status == 200 else None)
        except BackendError:
            told.append(None)
    return guiding(*told)


def guiding(models: object, props: object) -> tuple[str, str] | None:
    """The format to take instead of native calls, and why; None where native calls are well.

    Args:
        models: What ``/v1/models`` gave, parsed.
        props: What ``/props`` gave, parsed.
    """
    known = objects(mapping(models).get("data"))
    size = mapping(known[0].get("meta")).get("n_params") if len(known) == 1 else None
    if type(size) is int and 0 < size < SMALL:
        return "json_plan", f"the model is small ({size / 1e6:.0f} million parameters): it plans first and is held to a grammar"
    if mapping(mapping(props).get("chat_template_caps")).get("supports_tools") is False:
        return "json_step", "the model's template leaves tools out: they are told in the prompt, and the reply is held to a grammar"
    return None
