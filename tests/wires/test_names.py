"""A backend from a name."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from react_agent.agent import Agent
from react_agent.backends.base import Backend
from react_agent.backends.leaf import LeafBackend
from react_agent.backends.names import known_providers, resolve
from react_agent.backends.profiles import PROFILES
from react_agent.backends.providers import PROVIDERS
from react_agent.errors import ConfigError

from ._say import ANSWER, Server, play

KEYS = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "GROQ_API_KEY",
    "ANTHROPIC_API_KEY",
    "OLLAMA_HOST",
    "AZURE_OPENAI_ENDPOINT",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
)


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {*KEYS, *(key for row in PROFILES.values() for key in row.key_env), "GEMINI_API_KEY", "GOOGLE_API_KEY"}
    for name in names:
        monkeypatch.delenv(name, raising=False)


NAMES: dict[str, tuple[str, dict[str, str], str, str]] = {
    "openai": ("openai:gpt-5", {"OPENAI_API_KEY": "k1"}, "openai:gpt-5", "https://api.openai.com/v1/chat/completions"),
    "openai elsewhere": (
        "openai:gpt-5", {"OPENAI_API_KEY": "k1", "OPENAI_BASE_URL": "https://proxy.test/v1"}, "openai:gpt-5", "https://proxy.test/v1/chat/completions",
    ),
    "groq": ("groq:llama-3", {"GROQ_API_KEY": "k1"}, "groq:llama-3", "https://api.groq.com/openai/v1/chat/completions"),
    "deepseek": ("deepseek:chat", {"DEEPSEEK_API_KEY": "k1"}, "deepseek:chat", "https://api.deepseek.com/chat/completions"),
    "openrouter": (
        "OpenRouter:meta/llama:free", {"OPENROUTER_API_KEY": "k1"}, "openrouter:meta/llama:free", "https://openrouter.ai/api/v1/chat/completions",
    ),
    "llama.cpp": ("llama.cpp:m", {}, "llamacpp:m", "http://localhost:8080/v1/chat/completions"),
    "URL": ("http://localhost:8080/v1#m", {}, "http://localhost:8080/v1#m", "http://localhost:8080/v1/chat/completions"),
    "URL without a path": (" http://localhost:8080#m ", {}, "http://localhost:8080/v1#m", "http://localhost:8080/v1/chat/completions"),
    "azure": (
        "azure:gpt", {"AZURE_OPENAI_API_KEY": "k1", "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com/"}, "azure:gpt",
        "https://x.openai.azure.com/openai/v1/chat/completions",
    ),
    "bedrock": (
        "bedrock:x", {"AWS_BEARER_TOKEN_BEDROCK": "k1", "AWS_REGION": "eu-west-1"}, "bedrock:x",
        "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1/chat/completions",
    ),
    "anthropic": ("claude:claude-sonnet-5", {"ANTHROPIC_API_KEY": "k1"}, "anthropic:claude-sonnet-5", "https://api.anthropic.com/v1/messages"),
    "gemini": (
        "google:gemini-flash", {"GOOGLE_API_KEY": "k1"}, "gemini:gemini-flash",
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-flash:generateContent",
    ),
    "ollama": ("ollama:qwen3:8b", {}, "ollama:qwen3:8b", "http://localhost:11434/api/chat"),
    "ollama at another port": ("ollama:qwen3", {"OLLAMA_HOST": ":5000"}, "ollama:qwen3", "http://127.0.0.1:5000/api/chat"),
    "ollama behind a proxy": ("ollama:qwen3", {"OLLAMA_HOST": "https://x.example/o/"}, "ollama:qwen3", "https://x.example/o/api/chat"),
    "ollama elsewhere": ("ollama:qwen3", {"OLLAMA_HOST": "0.0.0.0"}, "ollama:qwen3", "http://127.0.0.1:11434/api/chat"),
    "ollama's cloud": (
        "ollama:gpt-oss:120b", {"OLLAMA_HOST": "https://ollama.com", "OLLAMA_API_KEY": "k1"}, "ollama:gpt-oss:120b", "https://ollama.com/api/chat",
    ),
    "ollama's cloud as its documents write it": (
        "ollama:gpt-oss:120b", {"OLLAMA_HOST": "https://ollama.com/api", "OLLAMA_API_KEY": "k1"}, "ollama:gpt-oss:120b", "https://ollama.com/api/chat",
    ),
    "ollama's cloud, as OpenAI's API": (
        "ollama-cloud:gpt-oss:120b", {"OLLAMA_API_KEY": "k1"}, "ollama-cloud:gpt-oss:120b", "https://ollama.com/v1/chat/completions",
    ),
    "the cloud's key stays away from other hosts": ("ollama:qwen3", {"OLLAMA_API_KEY": "secret"}, "ollama:qwen3", "http://localhost:11434/api/chat"),
    "responses": ("responses:gpt-5", {"OPENAI_API_KEY": "k1"}, "openai-responses:gpt-5", "https://api.openai.com/v1/responses"),
    "completions": ("completions:base", {}, "completions:base", "http://localhost:8080/v1/completions"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "env", "shown", "url"), NAMES.values(), ids=NAMES)
def test_names(name: str, env: dict[str, str], shown: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in env.items():
        monkeypatch.setenv(key, value)
    server = Server(httpx.Response(400, json=ANSWER))

    def make(client: Any) -> Backend:
        backend = resolve(name, client=client)
        assert isinstance(backend, Backend)
        assert isinstance(backend, LeafBackend)
        assert backend.name == shown
        return backend

    with pytest.raises(Exception, match="400"):
        play(server, make)
    request = server.asked[0]
    assert str(request.url) == url
    assert "secret" not in str(request.headers)
    carried = "".join(request.headers.get(header, "") for header in ("authorization", "api-key", "x-goog-api-key"))
    assert ("k1" in carried) == ("k1" in env.values())


WRONG = {
    "no provider": ("gpt-5", "provider:model"),
    "no model": ("openai:", "provider:model"),
    "nothing": ("", "provider:model"),
    "unknown": ("opanai:gpt-5", "did you mean .*'openai'.*anthropic.*xai"),
    "far off": ("zzzzzz:m", "Known are"),
    "URL without a model": ("http://localhost:8080/v1", "#model"),
    "key": ("groq:llama", "GROQ_API_KEY"),
    "key of two names": ("gemini:x", "GEMINI_API_KEY or GOOGLE_API_KEY"),
    "address": ("azure:gpt", "AZURE_OPENAI_ENDPOINT"),
    "region": ("bedrock:gpt", "AWS_REGION"),
}


@pytest.mark.parametrize(("name", "words"), WRONG.values(), ids=WRONG)
def test_wrong_names(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        resolve(name)


def test_the_cloud_of_ollama_wants_its_key() -> None:
    with pytest.raises(ConfigError, match="OLLAMA_API_KEY"):
        resolve("ollama:qwen3", base_url="https://ollama.com")


def test_every_row_can_be_made() -> None:
    for provider in known_providers():
        backend = resolve(f"{provider}:m", api_key="some-key", base_url="https://x.test/v1")
        assert backend.name == f"{provider}:m"
        assert "some-key" not in repr(backend)


def test_a_leaf_asks_natively_and_reads_everything_unless_told_otherwise() -> None:
    for provider in known_providers():
        by_default = "react_text" if provider == "completions" else "auto"
        assert resolve(f"{provider}:m", api_key="some-key", base_url="https://x.test/v1").format_name == by_default
    assert resolve("openai:m", api_key="some-key", format="native").format_name == "native"
    assert Agent("completions:base").backend.format_name == "react_text"  # an API without tools has a default of its own


def test_the_list_of_names_is_that_of_the_backends() -> None:
    assert {*PROFILES, *PROVIDERS} == set(known_providers())
