"""What a reply cost, where the provider does not say: from a kept table of prices (`genai-prices` on PyPI, the extra ``prices``), offline.

Without that package, for a server of one's own, or for a model that the table does not have, the cost is not known: None, and never 0.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any

from react_agent.messages import Usage

_Price = Callable[[Usage, str, str], "float | None"]

# Our word for a provider -> the table's. One that is not here has no price: a model on one's own machine costs nothing that a table could know, and
# a name like "gpt-oss-20b" there must not be charged as somebody else's.
_PROVIDERS = {
    "anthropic": "anthropic",
    "azure": "azure",
    "bedrock": "aws",
    "cerebras": "cerebras",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "moonshot": "moonshotai",
    "openai": "openai",
    "openai-responses": "openai",
    "openrouter": "openrouter",
    "together": "together",
    "xai": "x-ai",
    "zai": "zai",
}


def cost_of(usage: Usage, provider: str, *models: str | None) -> float | None:
    """US dollars for one reply at today's list price, or None where it is not known.

    Args:
        usage: Tokens of the reply.
        provider: The word before the colon in a backend's name.
        models: Names to look up, the most exact first: the model's own name for itself, then the one that was asked for.

    The table is loaded with the first call (0.15 s of processor time here), later calls take some 0.2 ms. Batch prices, service tiers, fees for
    a provider's own tools and the rebates of an account are not in it.
    """
    known = _PROVIDERS.get(provider)
    price = _table() if known is not None and usage.total_tokens > 0 else None
    if known is None or price is None:
        return None
    for model in models:
        if model and (cost := price(usage, known, model.removeprefix("models/"))) is not None:
            return cost
    return None


@cache
def _table() -> _Price | None:
    """The library's prices as a function; None where it is not installed."""
    try:
        data: Any = import_module("genai_prices")  # two names of it are used; where it is absent, types cannot be checked against it
    except ImportError:
        return None

    def price(usage: Usage, provider: str, model: str) -> float | None:
        asked = data.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
        )
        try:
            found = data.calc_price(asked, model, provider_id=provider, genai_request_timestamp=datetime.now(UTC))
        except LookupError:
            return None  # no such model
        except Exception as error:  # noqa: BLE001 - a table of prices must never cost a run its reply
            logging.getLogger(__name__).warning("no price for %s of %s: %s: %s", model, provider, type(error).__name__, error)
            return None
        if (usage.input_tokens and not found.input_price) or (usage.output_tokens and not found.output_price):
            return None  # the table knows the model and no price by the token; it does not tell that from one that is free
        return float(found.total_price)

    return price
