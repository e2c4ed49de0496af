"""``doctor``: what it finds, and that it never shows a key."""

from __future__ import annotations

import httpx
import pytest
import respx

from .conftest import Cli

URLS = {
    "llama.cpp": "http://localhost:8080",
    "Ollama": "http://localhost:11434",
    "LM Studio": "http://localhost:1234",
    "vLLM": "http://localhost:8000",
}


@pytest.fixture
def servers() -> object:
    """No server answers unless a test says so."""
    with respx.mock(assert_all_called=False) as mock:
        for name, url in URLS.items():
            mock.get(f"{url}/v1/models", name=name).mock(side_effect=httpx.ConnectError("refused"))
        yield mock


def test_nothing_is_there(cli: Cli, servers: respx.MockRouter) -> None:
    result = cli("doctor")
    assert result.exit_code == 0
    for words in (
        *URLS,
        *(url.removeprefix("http://") for url in URLS.values()),
        "pydantic",
        "Python",
        "neither a key nor a server",
        "react-agent demo",
    ):
        assert words in result.stdout


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (httpx.Response(200, json={"data": [{"id": "qwen3"}, {"id": "\x1b[31mgemma"}]}), "qwen3, gemma"),
        (httpx.Response(200, json={"data": []}), "no model is loaded"),
        (httpx.Response(401, json={"error": "key"}), "HTTP 401"),
        (httpx.Response(200, text="<html>"), "something else"),
        (httpx.Response(200, json={"data": [1]}), "something else"),
        (httpx.Response(200, json=[1]), "something else"),
        (httpx.Response(200, content=b"[" * 100_000), "something else"),
        (httpx.Response(200, content=b" " * 1_100_000), "sends without end"),
        (httpx.ReadTimeout("slow"), "no           Ollama"),
    ],
    ids=["models", "none loaded", "locked", "html", "odd items", "a list", "deep", "endless", "slow"],
)
def test_what_a_server_may_say(cli: Cli, servers: respx.MockRouter, reply: httpx.Response | Exception, words: str) -> None:
    servers["Ollama"].mock(side_effect=reply) if isinstance(reply, Exception) else servers["Ollama"].mock(return_value=reply)
    result = cli("doctor")
    assert result.exit_code == 0
    assert words in result.stdout
    assert "\x1b" not in result.stdout


def test_the_next_step_names_the_model_that_is_there(cli: Cli, servers: respx.MockRouter) -> None:
    servers["Ollama"].mock(return_value=httpx.Response(200, json={"data": [{"id": "qwen3"}]}))
    assert "react-agent doctor ollama:qwen3" in cli("doctor").stdout


def test_keys_are_named_and_never_shown(cli: Cli, servers: respx.MockRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-do-not-show")
    result = cli("doctor")
    assert "OPENAI_API_KEY" in result.stdout
    assert "openai:MODEL" in result.stdout
    assert "do-not-show" not in result.output


GOOD = "from react_agent import MockBackend, call\nmodel = MockBackend([call('secret_word'), 'It is heliotrope.'])"
WEAK = "from react_agent import MockBackend\nmodel = MockBackend(['I do not know.'])"
LEAKS = """from react_agent import MockBackend, Raw
model = MockBackend([Raw('<tool_call>{"name": "secret_word", "arguments": {}}</tool_call>'), 'It is heliotrope.'], format='auto')"""
MISTRAL = """from react_agent import MockBackend, call
model = MockBackend([call('secret_word'), 'It is heliotrope.'], format='mistral_v3')"""
GUIDED = """from react_agent import MockBackend, call
model = MockBackend([call('secret_word'), 'It is heliotrope.'], format='json_step')"""
LOST = "from react_agent import MockBackend, BackendError\nmodel = MockBackend([BackendError('the server is away')])"


@pytest.mark.parametrize(
    ("code", "exit_code", "words"),
    [
        (GOOD, 0, "it called the tool"),
        (GOOD, 0, "native calls"),
        (LEAKS, 0, "--format hermes"),
        (MISTRAL, 0, "the dialect mistral_v3"),
        (GUIDED, 0, "it is guided, step by step, in the format json_step"),
        (WEAK, 1, "react_text"),
        (WEAK, 1, "no dialect that can be told"),
        (LOST, 1, "the server is away"),
    ],
    ids=["good", "its dialect", "a leaked call", "an old dialect", "guided", "weak", "no call", "lost"],
)
def test_a_model_is_tried(cli: Cli, servers: respx.MockRouter, home: object, code: str, exit_code: int, words: str) -> None:
    from pathlib import Path

    Path("tried.py").write_text(code)
    result = cli("doctor", "tried.py:model")
    assert (result.exit_code, words in result.stdout) == (exit_code, True), result.output
