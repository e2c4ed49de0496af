"""A backend from a name: ``"openai:gpt-5"``, ``"ollama:qwen3"``, ``"http://localhost:8080/v1#model"``. Keys come from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from react_agent.backends.base import Backend
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.profiles import PROFILES
from react_agent.errors import ConfigError

if TYPE_CHECKING:
    from react_agent.backends.http import Client
    from react_agent.formats.base import Format

_OWN = ("anthropic", "completions", "gemini", "ollama", "openai-responses")  # loaded when asked for: `providers.PROVIDERS`
_ALIASES = {
    "google": "gemini",
    "claude": "anthropic",
    "hf": "huggingface",
    "llama.cpp": "llamacpp",
    "llama-cpp": "llamacpp",
    "lm-studio": "lmstudio",
    "grok": "xai",
    "qwen": "dashscope",
    "responses": "openai-responses",
}
EXAMPLES = "openai:gpt-5, anthropic:claude-sonnet-5, gemini:gemini-flash-latest, ollama:qwen3, http://localhost:8080/v1#model"


def known_providers() -> tuple[str, ...]:
    """Every word that may stand before the colon, without the aliases."""
    return tuple(sorted({*PROFILES, *_OWN}))


def resolve(
    name: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    client: Client | None = None,
    format: str | Format | None = None,  # noqa: A002 - the field's term
    timeout: float = 600.0,
    max_retries: int = 2,
) -> Backend:
    """The backend of that name: ``provider:model``, or the URL of an OpenAI-compatible server with the model behind ``#``.

    Raises:
        ConfigError: no such provider (those that there are get listed), no model in the name, or no key where one is needed (its variable is named).
    """
    given: dict[str, Any] = {"api_key": api_key, "client": client, "timeout": timeout, "max_retries": max_retries}
    if format is not None:
        given["format"] = format
    name = name.strip()
    if name.startswith(("http://", "https://")):
        url, _, model = name.partition("#")
        if not model:
            raise ConfigError(f"the URL names no model: write {url}#model")
        return OpenAIChatBackend(model, base_url=url, **given)
    provider, colon, model = name.partition(":")
    provider = _ALIASES.get(provider.lower(), provider.lower())
    if not colon or not model:
        raise ConfigError(f"{name!r} is not the name of a model: write provider:model, or a URL with #model, for example {EXAMPLES}")
    if provider in _OWN:
        kinds: dict[str, Callable[..., Backend]] = import_module("react_agent.backends.providers").PROVIDERS
        return kinds[provider](model, base_url=base_url or _local(provider), **given)
    if provider in PROFILES:
        return OpenAIChatBackend(model, profile=provider, base_url=base_url or _place(provider), **given)
    near = [known for known in known_providers() if known[:2] == provider[:2]]
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
    if (port := model.partition("/")[0].partition("#")[0]).isdigit():
        hint = f"; did you mean the server http://{provider}:{port}/v1#model?"
    raise ConfigError(f"there is no provider {provider!r}{hint} Known are {', '.join(known_providers())}; or write a URL with #model")


def _local(provider: str) -> str | None:
    """Where Ollama says that it listens; its variable may hold a host alone, a port alone, or a URL, which then has the ports of its scheme."""
    host = os.environ.get("OLLAMA_HOST", "").strip() if provider == "ollama" else ""
    if not host:
        return None
    if "//" in host:
        return host.replace("0.0.0.0", "127.0.0.1")
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not colon:
        name, port = port or name, ""
    return f"http://{'127.0.0.1' if name in ('', '0.0.0.0') else name}:{port or 11434}"


_PLACES = {
    "azure": (("AZURE_OPENAI_ENDPOINT",), "{}/openai/v1"),
    "bedrock": (("AWS_REGION", "AWS_DEFAULT_REGION"), "https://bedrock-runtime.{}.amazonaws.com/openai/v1"),
    "openai": (("OPENAI_BASE_URL",), "{}"),
}


def _place(provider: str) -> str | None:
    """The base URL of the providers whose address depends on the account."""
    names, pattern = _PLACES.get(provider, ((), ""))
    for variable in names:
        if value := os.environ.get(variable, "").strip():
            return pattern.format(value.rstrip("/"))
    if names and provider != "openai":
        raise ConfigError(
            f"{provider} has another address for each account: set {' or '.join(names)} in the environment, or pass base_url="
        )
    return None
