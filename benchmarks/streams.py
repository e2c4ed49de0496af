"""What a streamed reply costs: memory while 20 MB are streamed, and CPU per piece beside a bare loop over the same stream.

    python benchmarks/streams.py [memory] [cpu]

A server in a process of its own plays the streams over loopback. Memory is what Python allocated at the highest point (`tracemalloc`), as a multiple
of the reply's own size, from the first byte until the reply is read. A call's arguments are there twice for a moment: as text, and as what is read from it. CPU is that of this process, median
of interleaved rounds; the bare loop is httpx, a line splitter and `json.loads`, and keeps nothing but the text.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

SIZE = 20 * 1024 * 1024
PIECES, WORD = 2_000, "word-"
ROUNDS = 15
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n"


# --------------------------------------------------------------------------------------------------------- the server


def chat(piece: dict[str, Any] | None) -> bytes:
    found = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}
    choice = {"index": 0, "delta": piece or {}, "finish_reason": None if piece else "stop"}
    return b"data: " + json.dumps({**found, "choices": [choice]}).encode() + b"\n\n"


def named(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def chat_call(text: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}


CALL = {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "write", "arguments": '{"text": "'}}]}
START = named("message_start", message={"role": "assistant", "content": [], "usage": {"input_tokens": 1}})
STOP = (
    named("content_block_stop", index=0)
    + named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9})
    + named("message_stop")
)
# A kind of stream: what comes first, one piece, what comes last, and the content type.
STREAMS: dict[str, tuple[bytes, Callable[[str], bytes], bytes, bytes]] = {
    "chat text": (chat({"role": "assistant"}), lambda text: chat({"content": text}), chat(None) + b"data: [DONE]\n\n", b"text/event-stream"),
    "chat call": (
        chat(CALL),
        lambda text: chat(chat_call(text)),
        chat(chat_call('"}')) + chat(None) + b"data: [DONE]\n\n",
        b"text/event-stream",
    ),
    "anthropic text": (
        START + named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        lambda text: named("content_block_delta", index=0, delta={"type": "text_delta", "text": text}),
        STOP,
        b"text/event-stream",
    ),
    "anthropic call": (
        START + named("content_block_start", index=0, content_block={"type": "tool_use", "id": "c1", "name": "write", "input": {}})
        + named("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": '{"text": "'}),
        lambda text: named("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": text}),
        named("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": '"}'}) + STOP,
        b"text/event-stream",
    ),
    "gemini text": (
        b"",
        lambda text: b"data: " + json.dumps({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}]}).encode() + b"\r\n\r\n",
        b'data: {"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1}}\r\n\r\n',
        b"text/event-stream",
    ),
    "ollama text": (
        b"",
        lambda text: json.dumps({"model": "m", "message": {"role": "assistant", "content": text}, "done": False}).encode() + b"\n",
        b'{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","eval_count":9}\n',
        b"application/x-ndjson",
    ),
}  # fmt: skip


NOT_HERE = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"  # what is served here is told to nobody


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The model's name says what to play: ``kind|pieces|length of a piece``."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET "):
                writer.write(NOT_HERE)
                continue
            size = int(next(line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")))
            body = await reader.readexactly(size)
            if head.startswith(b"POST /api/show"):
                writer.write(NOT_HERE)
                continue
            name = json.loads(body).get("model") or head.decode().split("/models/")[1].split(":")[0].replace("%7C", "|").replace("%20", " ")
            kind, pieces, length = name.split("|")
            first, make, last, content_type = STREAMS[kind]
            piece = make((WORD * (int(length) // len(WORD) + 1))[: int(length)])
            writer.write(HEAD % content_type)
            for part, times in ((first, 1), (piece, int(pieces)), (last, 1)):
                for _ in range(times if part else 0):
                    writer.write(b"%x\r\n%b\r\n" % (len(part), part))
                    await writer.drain()
            writer.write(b"0\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):  # the client, or the benchmark, is done
        writer.close()


async def serve() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=1 << 24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


# -------------------------------------------------------------------------------------------------------------- ours


def backend_for(kind: str, pieces: int, length: int, url: str) -> Any:
    from react_agent.backends.leaf import OpenAIChatBackend
    from react_agent.backends.providers import AnthropicBackend, GeminiBackend, OllamaBackend

    makers = {"chat": OpenAIChatBackend, "anthropic": AnthropicBackend, "gemini": GeminiBackend, "ollama": OllamaBackend}
    return makers[kind.split()[0]](f"{kind}|{pieces}|{length}", base_url=url, api_key="none")


def agent_for(kind: str, pieces: int, length: int, url: str) -> Any:
    from react_agent import Agent, Limits, tool

    @tool
    async def write(text: str) -> str:
        """Write a text."""
        return "done"

    return Agent(backend_for(kind, pieces, length, url), tools=[write], limits=Limits(steps=1))


async def memory(url: str) -> None:
    from react_agent.messages import Head, MessageView, ModelRequest, ToolSpec, user

    print(f"Memory while a reply of {SIZE / 1e6:.0f} MB is streamed, in multiples of its size (highest; held by the reply afterwards)")
    schema: dict[str, Any] = {"type": "object", "properties": {"text": {"type": "string"}}}
    request = ModelRequest(MessageView().extend(user("q")), Head((ToolSpec("write", "", schema),)))
    for kind in STREAMS:
        for length in (1024, 64) if kind == "chat text" else (1024,):
            backend = backend_for(kind, SIZE // length, length, url)
            await backend_for(kind, 3, length, url).reply(request, listen=lambda _: None)  # whatever is loaded on first use
            gc.collect()
            tracemalloc.start()
            reply = await backend.reply(request, listen=lambda _: None)
            held, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            said = len(reply.message.text) or len(str(reply.message.calls[0].arguments["text"]))
            assert said == SIZE // length * length
            print(f"  {kind:15s} pieces of {length:4d}  {peak / said:5.2f}  {held / said:5.2f}", flush=True)
            await backend.aclose()
            del reply
    agent = agent_for("chat text", SIZE // 1024, 1024, url)
    gc.collect()
    tracemalloc.start()
    async with agent.stream("q") as run:
        async for _ in run:
            pass
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(run.result.answer or "") == SIZE
    print(f"  {'agent.stream':15s} pieces of 1024  {peak / SIZE:5.2f}  {held / SIZE:5.2f}", flush=True)
    await agent.backend.aclose()


# --------------------------------------------------------------------------------------------------------------- CPU


def by_hand(url: str, name: str) -> Callable[[], Awaitable[int]]:
    import httpx

    client = httpx.AsyncClient(timeout=60)

    async def work() -> int:
        said: list[str] = []
        body = {"model": name, "messages": [{"role": "user", "content": "q"}], "stream": True}
        async with client.stream("POST", url + "/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    content = json.loads(line[6:])["choices"][0]["delta"].get("content")
                    if content:
                        said.append(content)
        return len(said)

    return work


async def cpu(url: str) -> None:
    name = ("chat text", PIECES, len(WORD))
    agent = agent_for(*name, url)
    backend = agent.backend
    from react_agent.messages import Delta, Head, MessageView, ModelRequest, user

    request = ModelRequest(MessageView().extend(user("q")), Head())

    async def watched() -> int:
        async with agent.stream("q") as run:
            return sum([isinstance(item, Delta) async for item in run])

    async def leaf() -> int:
        heard: list[Delta] = []
        await backend.reply(request, listen=heard.append)
        return len(heard)

    kinds = {"bare loop": by_hand(url, "|".join(map(str, name))), "leaf alone": leaf, "agent.stream": watched}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind, work in kinds.items():
            assert await work() == PIECES
            gc.collect()
            before = time.process_time_ns()
            await work()
            times[kind].append((time.process_time_ns() - before) / PIECES / 1e3)
    print(f"CPU per piece of a stream of {PIECES} (µs: lowest, median; ratio to the bare loop, median of rounds)")
    for kind, found in times.items():
        ratio = statistics.median(a / b for a, b in zip(found, times["bare loop"], strict=True))
        print(f"  {kind:13s} {min(found):6.2f} {statistics.median(found):6.2f}   x{ratio:.2f}")
    await backend.aclose()


def main() -> None:
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
        return
    server = subprocess.Popen([sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
    try:
        for name in sys.argv[1:] or ("memory", "cpu"):
            asyncio.run({"memory": memory, "cpu": cpu}[name](url))
    finally:
        server.stdin.close()
        server.wait(10)


if __name__ == "__main__":
    main()
