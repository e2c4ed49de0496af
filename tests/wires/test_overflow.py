"""How each provider says that a prompt is longer than the model's context, and what a run makes of it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from react_agent.agent import Agent
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.profiles import COMPATIBLE, PROFILES
from react_agent.backends.wires.anthropic import Anthropic
from react_agent.backends.wires.base import Wire
from react_agent.backends.wires.gemini import Gemini
from react_agent.backends.wires.ollama import Ollama
from react_agent.backends.wires.openai_chat import OpenAIChat
from react_agent.backends.wires.openai_responses import OpenAIResponses
from react_agent.errors import BackendRejected, BackendUnavailable, ContextOverflow
from react_agent.events import Compacted
from react_agent.messages import JsonObject
from react_agent.sync import run_sync
from react_agent.tooling import tool

from ._say import KEY, URL, Server


def chat(profile: str = "") -> Wire:
    return OpenAIChat("m", PROFILES.get(profile, COMPATIBLE))


def told(message: str, **more: Any) -> JsonObject:
    return {"error": {"message": message, **more}}


OVERFLOWS: dict[str, tuple[Wire, int, JsonObject]] = {
    "OpenAI": (
        chat("openai"),
        400,
        told("This model's maximum context length is 128000 tokens. However, your messages resulted in 150000", code="context_length_exceeded"),
    ),
    "OpenAI Responses": (
        OpenAIResponses("m"),
        400,
        told("Your input exceeds the context window of this model. Please adjust your input and try again.", code="context_length_exceeded"),
    ),
    "Anthropic": (
        Anthropic("m"),
        400,
        {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 208310 tokens > 200000 maximum"}},
    ),
    "Anthropic, with the reply": (
        Anthropic("m"),
        400,
        {"type": "error", "error": {"type": "invalid_request_error", "message": "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length"}},
    ),
    "Gemini": (
        Gemini("m"),
        400,
        told("The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).", code=400, status="INVALID_ARGUMENT"),
    ),
    "Ollama": (Ollama("m"), 400, {"error": "the input length exceeds the context length"}),
    "llama.cpp": (
        chat("llamacpp"),
        400,
        told("the request exceeds the available context size. try increasing the context size", type="exceed_context_size_error", code=400),
    ),
    "vLLM": (
        chat("vllm"),
        400,
        {"object": "error", "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens", "type": "BadRequestError", "code": 400},
    ),
    "vLLM, the prompt alone": (
        chat("vllm"),
        400,
        {"object": "error", "message": "The decoder prompt (length 9000) is longer than the maximum model length of 8192.", "type": "BadRequestError"},
    ),
    "Anthropic, in bytes": (Anthropic("m"), 413, told("Request exceeds the maximum size", type="request_too_large")),
    "OpenAI, more than a minute may have": (
        chat("openai"),
        429,
        told("Request too large for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Requested 45000.", code="rate_limit_exceeded"),
    ),
    "Groq, more than a minute may have": (
        chat("groq"),
        413,
        told("Request too large for model `m` in organization `org_1` on tokens per minute (TPM): Limit 6000, Requested 8000", code="rate_limit_exceeded"),
    ),
    "LM Studio": (
        chat("lmstudio"),
        400,
        {"error": "Trying to keep the first 6295 tokens when context the overflows. However, the model is loaded with context length of only 4096"},
    ),
    "TGI": (
        chat("tgi"),
        422,
        {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens", "error_type": "validation"},
    ),
    "TGI, the prompt alone": (chat("tgi"), 422, {"error": "Input validation error: `inputs` must have less than 1024 tokens. Given: 3000"}),
    "Groq": (
        chat("groq"),
        400,
        told("Please reduce the length of the messages or completion.", type="invalid_request_error", code="context_length_exceeded"),
    ),
    "Together": (chat("together"), 422, told("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000")),
    "Fireworks": (chat("fireworks"), 400, told("The prompt is too long: 140000, model maximum context length: 131071")),
    "OpenRouter": (
        chat("openrouter"),
        400,
        told("This endpoint's maximum context length is 32768 tokens. However, you requested about 40000 tokens", code=400),
    ),
    "DeepSeek": (
        chat("deepseek"),
        400,
        told("This model's maximum context length is 131072 tokens. However, you requested 140000 tokens", type="invalid_request_error"),
    ),
    "Mistral": (
        chat("mistral"),
        400,
        {"object": "error", "message": "Prompt contains 65673 tokens and 0 draft tokens, too large for model with 32768 maximum context length", "code": 3051},
    ),
    "xAI": (chat("xai"), 400, {"code": "Client specified an invalid argument", "error": "This model's maximum prompt length is 131072 but the request contains 137283 tokens."}),
    "Cerebras": (
        chat("cerebras"),
        400,
        {"message": "Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192", "code": "context_length_exceeded"},
    ),
    "Azure": (chat("azure"), 400, told("This model's maximum context length is 16385 tokens.", code="context_length_exceeded")),
    "Bedrock": (chat("bedrock"), 400, {"message": "Input is too long for requested model."}),
    "Hugging Face": (chat("huggingface"), 422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096."}),
    "GitHub": (chat("github"), 413, told("Request body too large for gpt-4o model. Max size: 8000 tokens.", code="tokens_limit_reached")),
    "Moonshot": (chat("moonshot"), 400, told("Invalid request: Your request exceeded model token limit: 262144", type="invalid_request_error")),
    "z.ai": (chat("zai"), 400, told("Prompt exceeds max length", code="1261")),
    "DashScope": (chat("dashscope"), 400, told("Range of input length should be [1, 30720]", code="invalid_parameter_error")),
}  # fmt: skip


@pytest.mark.parametrize(("wire", "status", "body"), OVERFLOWS.values(), ids=OVERFLOWS)
def test_each_provider_is_understood(wire: Wire, status: int, body: JsonObject) -> None:
    error = wire.error(status, {}, json.dumps(body).encode())
    assert isinstance(error, ContextOverflow), repr(error)
    assert not error.retryable


OTHERS: dict[str, tuple[Wire, int, JsonObject, type[Exception]]] = {
    "too many requests": (
        chat("openai"),
        429,
        told("Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000"),
        BackendUnavailable,
    ),
    "a bad parameter": (chat("openai"), 400, told("max_tokens is too large: 50000. This model supports at most 16384"), BackendRejected),
    "an image that is too large": (Anthropic("m"), 400, told("image exceeds 5 MB maximum"), BackendRejected),
    "a picture for a model that sees none": (
        chat("llamacpp"),
        500,
        told("image input is not supported - hint: provide the mmproj"),
        BackendRejected,
    ),
}


@pytest.mark.parametrize(("wire", "status", "body", "kind"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_overflow(wire: Wire, status: int, body: JsonObject, kind: type[Exception]) -> None:
    assert type(wire.error(status, {}, json.dumps(body).encode())) is kind


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_run_shortens_and_says_so(stream: bool) -> None:
    """The second request is too long; the old observation is shortened by rule, the trace says so, and the third is answered."""

    @tool(read_only=True)
    def fetch(page: int) -> str:
        """Fetch a page."""
        return f"page {page}: " + "x" * 5_000

    def calls(page: int) -> httpx.Response:
        made = {"id": f"c{page}", "type": "function", "function": {"name": "fetch", "arguments": json.dumps({"page": page})}}
        return httpx.Response(200, json={"choices": [{"message": {"content": None, "tool_calls": [made]}, "finish_reason": "tool_calls"}]})

    too_long = httpx.Response(400, json=told("maximum context length is 4096 tokens", code="context_length_exceeded"))
    answer = httpx.Response(200, json={"choices": [{"message": {"content": "done"}, "finish_reason": "stop"}]})
    server = Server(calls(1), calls(2), too_long, answer)

    async def go() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
            agent = Agent(OpenAIChatBackend("m", base_url=URL, api_key=KEY, client=client), tools=[fetch])
            if stream:
                async with agent.stream("Read.") as run:
                    async for _ in run:
                        pass
                result = run.result
            else:
                result = await agent.run("Read.")
        assert result.outcome.kind == "answered", result.outcome
        [compacted] = [event for event in result.trace if isinstance(event, Compacted)]
        assert "longer than the model's context" in compacted.reason

    run_sync(go)
    before, after = (json.dumps(body["messages"]) for body in server.bodies[2:4])
    assert len(after) < len(before) * 0.7
    assert "characters are left out" in after
