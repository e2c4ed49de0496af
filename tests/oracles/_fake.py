"""A fake of each provider's server, on loopback: it reads requests by strict rules, and answers as the provider would, whole or streamed.

It asks for two calls of the tool ``add``, and answers when it has both results. Whoever talks to it, an official SDK or one of our backends, must be
heard to say the same.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]
PNG = "aGk="
IMAGE = f"image/png {PNG}"
SIGNATURE = "c2lnbmVkIGJ5IHRoZSBwcm92aWRlcg=="
CALLS = [("add", {"a": 2, "b": 3}), ("add", {"a": 4, "b": 5})]
THOUGHT, SAID, ANSWER = "Two sums.", "Let me see.", "5 and 9. Ünïcode 🙂"
IDS = ["abcdef001", "abcdef002"]  # nine letters and digits, as Mistral wants them
INPUT, OUTPUT, CACHED = 20, 8, 4
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


@dataclass
class Heard:
    """What a request says, in no provider's language."""

    system: str = ""
    turns: list[tuple[str, Any]] = field(default_factory=list)
    tools: list[tuple[str, str, list[str]]] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)  # opaque data that came back
    stream: bool = False


@dataclass(frozen=True)
class Api:
    """One provider's face.

    Attributes:
        hear: The request's body, read strictly; any KeyError or assertion is a finding.
        whole: The body of a reply: the first or, when `last`, the answer.
        streamed: The same as events.
        error: An error's body, from its status and words.
    """

    path: str
    hear: Callable[[Json], Heard]
    whole: Callable[[bool], Json]
    streamed: Callable[[bool], bytes]
    error: Callable[[int, str], Json]
    kind: str = "text/event-stream"


def sse(events: list[Json], *, named: bool = False, done: bool = False) -> bytes:
    lines = [(f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events]
    return ("".join(lines) + ("data: [DONE]\n\n" if done else "")).encode()


def pieces(text: str, size: int = 5) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def tool_of(function: Json, parameters: str = "parameters") -> tuple[str, str, list[str]]:
    assert function[parameters]["type"].lower() == "object"
    return function["name"], function["description"], sorted(function[parameters]["properties"])


def data_url(url: str) -> str:
    kind, _, data = url.removeprefix("data:").partition(";base64,")
    return f"{kind} {data}"


# ------------------------------------------------------------------------------------------ OpenAI chat, and Mistral


def _hear_chat(body: Json) -> Heard:
    heard = Heard(
        tools=[tool_of(tool["function"]) for tool in body.get("tools", []) if tool["type"] == "function"], stream=bool(body.get("stream"))
    )
    open_calls: dict[str, str] = {}
    for message in body["messages"]:
        content = message.get("content")
        match message["role"]:
            case "system":
                heard.system = content if isinstance(content, str) else "".join(part["text"] for part in content)
            case "user":
                parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
                heard.turns.append(("user", [part["text"] if part["type"] == "text" else _picture(part["image_url"]) for part in parts]))
            case "assistant":
                calls = message.get("tool_calls") or []
                open_calls = {call["id"]: call["function"]["name"] for call in calls}
                assert len(open_calls) == len(calls), "two calls with one id"
                said = (
                    content if isinstance(content, str) or content is None else "".join(p["text"] for p in content if p["type"] == "text")
                )
                heard.turns.append(
                    ("assistant", (said or "", [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in calls]))
                )
            case "tool":
                text = content if isinstance(content, str) else "".join(part["text"] for part in content)
                heard.turns.append(("result", (open_calls.pop(message["tool_call_id"]), text)))
    assert not open_calls, "calls without results"
    return heard


def _picture(found: Any) -> str:
    return data_url(found if isinstance(found, str) else found["url"])


def _chat_calls(*, index: bool) -> list[Json]:
    calls: list[Json] = [
        {"id": identity, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for identity, (name, arguments) in zip(IDS, CALLS, strict=True)
    ]
    return [{"index": at, **call} for at, call in enumerate(calls)] if index else calls


_CHAT_USAGE = {
    "prompt_tokens": INPUT,
    "completion_tokens": OUTPUT,
    "total_tokens": INPUT + OUTPUT,
    "prompt_tokens_details": {"cached_tokens": CACHED},
}


def _chat_head(kind: str) -> Json:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "m-1"}


def _whole_chat(last: bool, *, thinking: bool = False) -> Json:
    message: Json = {"role": "assistant", "content": ANSWER, "refusal": None}
    if not last:
        chunks = [{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}, {"type": "text", "text": SAID}]
        message |= {"content": chunks if thinking else SAID, "tool_calls": _chat_calls(index=False)}
    choice = {"index": 0, "message": message, "finish_reason": "stop" if last else "tool_calls", "logprobs": None}
    return {**_chat_head("chat.completion"), "choices": [choice], "usage": _CHAT_USAGE}


def _streamed_chat(last: bool, *, thinking: bool = False) -> bytes:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    if not last and thinking:
        deltas += [{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}]} for piece in pieces(THOUGHT)]
    deltas += [{"content": piece} for piece in pieces(ANSWER if last else SAID)]
    for call in [] if last else _chat_calls(index=True):
        if thinking:  # Mistral sends a call whole
            deltas.append({"tool_calls": [call]})
            continue
        deltas.append({"tool_calls": [{**call, "function": {**call["function"], "arguments": ""}}]})
        deltas += [
            {"tool_calls": [{"index": call["index"], "function": {"arguments": piece}}]} for piece in pieces(call["function"]["arguments"])
        ]
    head = _chat_head("chat.completion.chunk")
    events = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    ending = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop" if last else "tool_calls"}]}
    if thinking:
        events.append({**ending, "usage": _CHAT_USAGE})
    else:
        events += [ending, {**head, "choices": [], "usage": _CHAT_USAGE}]
    return sse(events, done=True)


def _openai_error(status: int, words: str) -> Json:
    return {"error": {"message": words, "type": "invalid_request_error", "param": None, "code": "some_code"}}


# ------------------------------------------------------------------------------------------------- OpenAI responses


def _hear_responses(body: Json) -> Heard:
    heard = Heard(body.get("instructions") or "", tools=[tool_of(tool) for tool in body.get("tools", [])], stream=bool(body.get("stream")))
    open_calls: dict[str, str] = {}
    said, calls = "", []
    for item in body["input"]:
        kind = item.get("type") or "message"
        if kind in ("message", "function_call", "reasoning") and item.get("role") != "user":
            if kind == "message":
                assert item["role"] == "assistant"
                content = item["content"]
                said += content if isinstance(content, str) else "".join(part["text"] for part in content if part["type"] == "output_text")
            elif kind == "function_call":
                open_calls[item["call_id"]] = item["name"]
                calls.append((item["name"], json.loads(item["arguments"])))
            else:
                heard.signed.append(item["encrypted_content"])
            continue
        if said or calls:
            heard.turns.append(("assistant", (said, calls)))
            said, calls = "", []
        if kind == "function_call_output":
            heard.turns.append(("result", (open_calls.pop(item["call_id"]), item["output"])))
            continue
        content = item["content"]
        parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
        heard.turns.append(("user", [part["text"] if part["type"] == "input_text" else data_url(part["image_url"]) for part in parts]))
    assert not open_calls
    return heard


def _response_items(last: bool) -> list[Json]:
    def message(text: str) -> Json:
        content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
        return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}

    if last:
        return [message(ANSWER)]
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": THOUGHT}], "encrypted_content": SIGNATURE}
    calls = [
        {
            "type": "function_call",
            "id": f"fc_{at}",
            "call_id": IDS[at],
            "name": name,
            "arguments": json.dumps(arguments),
            "status": "completed",
        }
        for at, (name, arguments) in enumerate(CALLS)
    ]
    return [reasoning, message(SAID), *calls]


def _whole_response(last: bool) -> Json:
    usage = {
        "input_tokens": INPUT, "output_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT,
        "input_tokens_details": {"cached_tokens": CACHED}, "output_tokens_details": {"reasoning_tokens": 3},
    }  # fmt: skip
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m-1", "output": _response_items(last), "usage": usage,
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None, "incomplete_details": None, "instructions": None, "metadata": {},
        "temperature": 1.0, "top_p": 1.0,
    }  # fmt: skip


def _streamed_response(last: bool) -> bytes:
    whole = _whole_response(last)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    events: list[Json] = [{"type": "response.created", "response": begun}, {"type": "response.in_progress", "response": begun}]
    for at, item in enumerate(whole["output"]):
        place = {"output_index": at, "item_id": item["id"]}
        empty = {
            **item,
            **({"content": []} if item["type"] == "message" else {"arguments": ""} if "arguments" in item else {"summary": []}),
        }
        events.append({"type": "response.output_item.added", "output_index": at, "item": {**empty, "status": "in_progress"}})
        if item["type"] == "message":
            said, part = item["content"][0]["text"], {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            events.append({"type": "response.content_part.added", **place, "content_index": 0, "part": part})
            events += [
                {"type": "response.output_text.delta", **place, "content_index": 0, "delta": p, "logprobs": []} for p in pieces(said)
            ]
            events.append({"type": "response.output_text.done", **place, "content_index": 0, "text": said, "logprobs": []})
            events.append({"type": "response.content_part.done", **place, "content_index": 0, "part": item["content"][0]})
        elif item["type"] == "function_call":
            events += [{"type": "response.function_call_arguments.delta", **place, "delta": piece} for piece in pieces(item["arguments"])]
            events.append({"type": "response.function_call_arguments.done", **place, "name": item["name"], "arguments": item["arguments"]})
        events.append({"type": "response.output_item.done", "output_index": at, "item": item})
    events.append({"type": "response.completed", "response": whole})
    return sse([{**event, "sequence_number": at} for at, event in enumerate(events)], named=True)


# ------------------------------------------------------------------------------------------------------- Anthropic


def _hear_anthropic(body: Json) -> Heard:
    assert body["max_tokens"] > 0
    system = body.get("system") or ""
    heard = Heard(system if isinstance(system, str) else "".join(part["text"] for part in system), stream=bool(body.get("stream")))
    heard.tools = [tool_of(tool, "input_schema") for tool in body.get("tools", [])]
    open_calls: dict[str, str] = {}
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if message["role"] == "assistant":
            heard.signed += [block["signature"] for block in blocks if block["type"] == "thinking"]
            calls = [(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
            open_calls = {block["id"]: block["name"] for block in blocks if block["type"] == "tool_use"}
            heard.turns.append(("assistant", ("".join(block["text"] for block in blocks if block["type"] == "text"), calls)))
            continue
        results = [block for block in blocks if block["type"] == "tool_result"]
        for block in results:
            text = block["content"] if isinstance(block["content"], str) else "".join(part.get("text", "") for part in block["content"])
            heard.turns.append(("result", (open_calls.pop(block["tool_use_id"]), text)))
        assert not open_calls, "a tool_use without its tool_result in the next message"
        rest = [block for block in blocks if block["type"] != "tool_result"]
        if rest:
            heard.turns.append(
                ("user", [b["text"] if b["type"] == "text" else f"{b['source']['media_type']} {b['source']['data']}" for b in rest])
            )
    return heard


def _anthropic_blocks(last: bool) -> list[Json]:
    if last:
        return [{"type": "text", "text": ANSWER, "citations": None}]
    uses = [{"type": "tool_use", "id": IDS[at], "name": name, "input": arguments} for at, (name, arguments) in enumerate(CALLS)]
    return [{"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}, {"type": "text", "text": SAID}, *uses]


def _whole_anthropic(last: bool) -> Json:
    usage = {"input_tokens": INPUT - CACHED, "output_tokens": OUTPUT, "cache_read_input_tokens": CACHED, "cache_creation_input_tokens": 0}
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": _anthropic_blocks(last),
        "stop_reason": "end_turn" if last else "tool_use", "stop_sequence": None, "usage": usage,
    }  # fmt: skip


def _streamed_anthropic(last: bool) -> bytes:
    whole = _whole_anthropic(last)
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    events: list[Json] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for at, block in enumerate(whole["content"]):
        kind = block["type"]
        empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}[kind]
        events.append({"type": "content_block_start", "index": at, "content_block": {**block, **empty}})
        field_, text = ("partial_json", json.dumps(block["input"])) if kind == "tool_use" else (kind, block[kind])
        delta = {"tool_use": "input_json_delta", "text": "text_delta", "thinking": "thinking_delta"}[kind]
        events += [{"type": "content_block_delta", "index": at, "delta": {"type": delta, field_: piece}} for piece in pieces(text)]
        if kind == "thinking":
            events.append({"type": "content_block_delta", "index": at, "delta": {"type": "signature_delta", "signature": SIGNATURE}})
        events.append({"type": "content_block_stop", "index": at})
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    events += [{"type": "message_delta", "delta": ended, "usage": {"output_tokens": OUTPUT}}, {"type": "message_stop"}]
    return sse(events, named=True)


# ---------------------------------------------------------------------------------------------------------- Gemini


def _hear_gemini(body: Json) -> Heard:
    heard = Heard("".join(part["text"] for part in body.get("systemInstruction", {}).get("parts", [])))
    for tool in body.get("tools", []):
        for function in tool["functionDeclarations"]:
            heard.tools.append(
                tool_of(function, next(name for name in ("parametersJsonSchema", "parameters_json_schema") if name in function))
            )
    open_calls: list[tuple[str | None, str]] = []
    for content in body["contents"]:
        parts = content["parts"]
        if content["role"] == "model":
            found = [part["functionCall"] for part in parts if "functionCall" in part]
            open_calls = [(call.get("id"), call["name"]) for call in found]
            heard.signed += [part["thoughtSignature"] for part in parts if "thoughtSignature" in part]
            said = "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
            heard.turns.append(("assistant", (said, [(call["name"], call.get("args", {})) for call in found])))
            continue
        assert content["role"] == "user"
        for part in parts:
            if (answer := part.get("functionResponse")) is not None:
                assert open_calls.pop(0) == (answer.get("id"), answer["name"])
                heard.turns.append(("result", (answer["name"], str(answer["response"].get("output", answer["response"].get("result"))))))
        rest = [part for part in parts if "functionResponse" not in part]
        if rest:
            heard.turns.append(("user", [part["text"] if "text" in part else _blob(part["inlineData"]) for part in rest]))
        assert not open_calls
    return heard


def _blob(found: Json) -> str:
    return f"{found.get('mimeType') or found['mime_type']} {found['data']}"  # Google's JSON takes names in either style


_GEMINI_USAGE = {
    "promptTokenCount": INPUT, "candidatesTokenCount": OUTPUT - 3, "thoughtsTokenCount": 3, "cachedContentTokenCount": CACHED, "totalTokenCount": INPUT + OUTPUT,
}  # fmt: skip


def _gemini(parts: list[Json], reason: str | None) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "usageMetadata": _GEMINI_USAGE, "modelVersion": "m-1", "responseId": "r1"}


def _gemini_calls() -> list[Json]:
    calls: list[Json] = [{"functionCall": {"id": IDS[at], "name": name, "args": arguments}} for at, (name, arguments) in enumerate(CALLS)]
    return [{**calls[0], "thoughtSignature": SIGNATURE}, calls[1]]


def _whole_gemini(last: bool) -> Json:
    return _gemini([{"text": ANSWER}] if last else [{"text": THOUGHT, "thought": True}, {"text": SAID}, *_gemini_calls()], "STOP")


def _streamed_gemini(last: bool) -> bytes:
    events = [] if last else [_gemini([{"text": piece, "thought": True}], None) for piece in pieces(THOUGHT)]
    events += [_gemini([{"text": piece}], None) for piece in pieces(ANSWER if last else SAID)]
    events += [] if last else [_gemini([call], None) for call in _gemini_calls()]
    return sse([*events, _gemini([{"text": ""}], "STOP")])


# ---------------------------------------------------------------------------------------------------------- Ollama


def _hear_ollama(body: Json) -> Heard:
    heard = Heard(tools=[tool_of(tool["function"]) for tool in body.get("tools") or []], stream=body.get("stream", True))
    open_calls: list[str] = []
    for message in body["messages"]:
        match message["role"]:
            case "system":
                heard.system = message["content"]
            case "user":
                heard.turns.append(("user", [message["content"], *(f"image/png {data}" for data in message.get("images") or [])]))
            case "assistant":
                calls = [call["function"] for call in message.get("tool_calls") or []]
                open_calls = [call["name"] for call in calls]
                heard.turns.append(("assistant", (message.get("content") or "", [(call["name"], call["arguments"]) for call in calls])))
            case "tool":
                assert message["tool_name"] == open_calls.pop(0)
                heard.turns.append(("result", (message["tool_name"], message["content"])))
    assert not open_calls
    return heard


def _ollama(message: Json, done: bool) -> Json:
    out: Json = {
        "model": "m-1",
        "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": "", **message},
        "done": done,
    }
    more = {"done_reason": "stop", "prompt_eval_count": INPUT, "eval_count": OUTPUT, "total_duration": 9, "load_duration": 1}
    return {**out, **more} if done else out


def _ollama_calls() -> list[Json]:
    return [{"function": {"name": name, "arguments": arguments}} for name, arguments in CALLS]


def _whole_ollama(last: bool) -> Json:
    return _ollama({"content": ANSWER} if last else {"content": SAID, "thinking": THOUGHT, "tool_calls": _ollama_calls()}, True)


def _streamed_ollama(last: bool) -> bytes:
    chunks = [] if last else [_ollama({"thinking": piece}, False) for piece in pieces(THOUGHT)]
    chunks += [_ollama({"content": piece}, False) for piece in pieces(ANSWER if last else SAID)]
    chunks += [] if last else [_ollama({"tool_calls": [call]}, False) for call in _ollama_calls()]
    return "".join(json.dumps(chunk) + "\n" for chunk in [*chunks, _ollama({}, True)]).encode()


APIS: dict[str, Api] = {
    "openai": Api("/v1/chat/completions", _hear_chat, _whole_chat, _streamed_chat, _openai_error),
    "mistral": Api(
        "/mistral/v1/chat/completions",
        _hear_chat,
        lambda last: _whole_chat(last, thinking=True),
        lambda last: _streamed_chat(last, thinking=True),
        lambda status, words: {"object": "error", "message": words, "type": "invalid_request_error", "code": "3051"},
    ),
    "openai-responses": Api("/v1/responses", _hear_responses, _whole_response, _streamed_response, _openai_error),
    "anthropic": Api(
        "/v1/messages",
        _hear_anthropic,
        _whole_anthropic,
        _streamed_anthropic,
        lambda status, words: {"type": "error", "error": {"type": "invalid_request_error", "message": words}, "request_id": "req_1"},
    ),
    "gemini": Api(
        "/v1beta/models/",
        _hear_gemini,
        _whole_gemini,
        _streamed_gemini,
        lambda status, words: {"error": {"code": status, "message": words, "status": "INVALID_ARGUMENT"}},
    ),
    "ollama": Api(
        "/api/chat", _hear_ollama, _whole_ollama, _streamed_ollama, lambda status, words: {"error": words}, "application/x-ndjson"
    ),
}


# ---------------------------------------------------------------------------------------------------------- server


SHOWN: Json = {"capabilities": ["completion", "tools"], "model_info": {"general.parameter_count": 8_000_000_000}}  # by Ollama, of its model


class Fake:
    """What was asked, as bodies and as heard; `fails` makes the next requests fail with that status and those words."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[Json] = []
        self.heard: list[Heard] = []
        self.broken: list[str] = []
        self.fails: tuple[int, str] | None = None

    def answer(self, path: str, body: Json) -> tuple[int, str, bytes]:
        if path == "/api/show":
            return 200, "application/json", json.dumps(SHOWN).encode()
        api = next((api for api in APIS.values() if path.startswith(api.path)), None)
        if api is None:
            self.broken.append(f"no such path: {path}")
            return 404, "application/json", b"{}"
        self.bodies.append(body)
        if self.fails is not None:
            return self.fails[0], "application/json", json.dumps(api.error(*self.fails)).encode()
        try:
            heard = api.hear(body)
        except (KeyError, AssertionError, IndexError, TypeError, ValueError) as error:
            self.broken.append(f"{type(error).__name__}: {error} in {json.dumps(body)}")
            return 400, "application/json", json.dumps(api.error(400, self.broken[-1])).encode()
        heard.stream = heard.stream or ":streamGenerateContent" in path
        self.heard.append(heard)
        last = heard.turns[-1][0] == "result"
        if heard.stream:
            return 200, api.kind, api.streamed(last)
        return 200, "application/json", json.dumps(api.whole(last)).encode()


@contextmanager
def serving() -> Iterator[Fake]:
    """The fake server, in a thread, on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, kind, sent = fake.answer(self.path, body)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake = Fake(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
