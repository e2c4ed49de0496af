"""The law of the wires: a reply is the same whether it came whole or as a stream, however it was cut into pieces and whatever stood between them."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from react_agent.backends.profiles import PROFILES
from react_agent.backends.sse import Event
from react_agent.backends.wires.anthropic import Anthropic
from react_agent.backends.wires.base import Wire
from react_agent.backends.wires.gemini import Gemini
from react_agent.backends.wires.ollama import Ollama
from react_agent.backends.wires.openai_chat import OpenAIChat
from react_agent.backends.wires.openai_responses import OpenAIResponses
from react_agent.formats.base import RawReply
from react_agent.messages import Text, Thinking, ToolCall

Json = dict[str, Any]
WORDS = ["a", " b", "\n", "é", "🙂", "{", "}", '"', "\\", "</think>", "long " * 8, "\u2028", "\x00"]


class Made:
    """Pieces of a reply, by a source of chance that hypothesis can shrink."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance

    def often(self, share: float = 0.5) -> bool:
        return self.chance.random() < share

    def text(self, least: int = 0) -> str:
        return "".join(self.chance.choice(WORDS) for _ in range(self.chance.randint(least, 6)))

    def cut(self, text: str) -> list[str]:
        """The text in pieces, some of them empty."""
        at = sorted(self.chance.randint(0, len(text)) for _ in range(self.chance.randint(0, 4)))
        return [text[start:end] for start, end in zip([0, *at], [*at, len(text)], strict=True)]

    def arguments(self) -> Json:
        values: list[Any] = [1, -0.5, "t", None, True, [1, {"x": "}{"}], self.text()]
        return {self.chance.choice("abc"): self.chance.choice(values) for _ in range(self.chance.randint(0, 3))}


Reply = tuple[Wire, Json, list[Json]]


def chat(made: Made) -> Reply:
    wire = OpenAIChat("m", PROFILES[made.chance.choice(["openai", "openrouter", "vllm", "deepseek"])])
    field, usage = made.chance.choice(["reasoning", "reasoning_content", "thinking"]), {"prompt_tokens": 9, "completion_tokens": 3}
    thought, said = made.text() if made.often() else "", made.text()
    refusal = made.text(1) if made.often(0.1) else ""
    calls: list[Json] = [
        {"id": f"c{n}", "type": "function", "function": {"name": made.chance.choice(["f", "g"]), "arguments": json.dumps(made.arguments())}}
        for n in range(made.chance.choice([0, 0, 1, 2, 3]))
    ]
    signed: Json = {"type": "reasoning.text", "index": 0, "text": made.text(1), "signature": "S"}
    hidden: Json = {"type": "reasoning.encrypted", "index": 1, "data": "QUJD"}
    detailed, reason = made.often(0.3), made.chance.choice(["stop", "tool_calls", "length", "content_filter"])
    fields = {field: thought, "refusal": refusal, "tool_calls": calls, "reasoning_details": [signed, hidden] if detailed else None}
    message = {"role": "assistant", "content": said or None, **{key: value for key, value in fields.items() if value}}
    deltas: list[Json] = [{"role": "assistant", "content": made.chance.choice(["", None])}]
    deltas += [{field: piece, "content": made.chance.choice(["", None])} for piece in made.cut(thought)]
    if detailed:
        pieces = [{"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": piece}]} for piece in made.cut(signed["text"])]
        deltas += [*pieces, {"reasoning_details": [{**signed, "text": ""}]}, {"reasoning_details": [hidden]}]
    deltas += [{"content": piece} for piece in made.cut(said)]
    deltas += [{"refusal": piece} for piece in made.cut(refusal)]
    later: Json = made.chance.choice([{}, {"id": None, "type": None}, {"id": ""}])
    nameless: Json = made.chance.choice([{}, {"name": None}, {"name": ""}])
    queues: list[list[Json]] = []
    for at, call in enumerate(calls):
        first = {"index": at, **call, "function": {**call["function"], "arguments": ""}}
        rest = [{"index": at, **later, "function": {**nameless, "arguments": piece}} for piece in made.cut(call["function"]["arguments"])]
        deltas.append({"tool_calls": [first]})
        queues.append(rest)
    while queues := [queue for queue in queues if queue]:
        deltas.append({"tool_calls": [made.chance.choice(queues).pop(0)]})
    chunks: list[Json] = [{"model": "M", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    last: Json = {"model": "M", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    chunks += [{**last, "usage": usage}] if made.often() else [last, {"choices": [], "usage": usage}]
    return wire, {"model": "M", "choices": [{"message": message, "finish_reason": reason}], "usage": usage}, chunks


def anthropic(made: Made) -> Reply:
    usage = {"input_tokens": 5, "output_tokens": 9, "cache_read_input_tokens": 2}
    events: list[Json] = [{"type": "message_start", "message": {"model": "M", "content": [], "usage": {**usage, "output_tokens": 1}}}]
    blocks: list[Json] = []
    for at in range(made.chance.randint(0, 5)):
        kind = made.chance.choice(
            ["text", "cited", "thinking", "tool_use", "server_tool_use", "redacted_thinking", "web_search_tool_result"]
        )
        deltas: list[Json] = []
        block: Json = {"type": kind, "data": "D", "content": [{"x": 1}]}
        start = block
        if kind in ("text", "cited"):
            block = {"type": "text", "text": made.text(), **({"citations": [{"cited_text": "x"}]} if kind == "cited" else {})}
            start = {**block, "text": "", **({"citations": []} if kind == "cited" else {})}
            deltas = [{"type": "text_delta", "text": piece} for piece in made.cut(block["text"])]
            deltas += [{"type": "citations_delta", "citation": found} for found in block.get("citations", [])]
        elif kind == "thinking":
            block = {"type": kind, "thinking": made.text(), "signature": "SIG"}
            start = {"type": kind, "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in made.cut(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": "SIG"})
        elif kind in ("tool_use", "server_tool_use"):
            block = {"type": kind, "id": f"t{at}", "name": "f", "input": made.arguments(), **({"caller": {}} if made.often(0.2) else {})}
            start = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *made.cut(json.dumps(block["input"]))]]
        blocks.append(block)
        events.append({"type": "content_block_start", "index": at, "content_block": start})
        events += [{"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": at})
    ended = {"stop_reason": made.chance.choice(["end_turn", "tool_use", "max_tokens", "refusal", "pause_turn"]), "container": {"id": "c"}}
    events += [{"type": "message_delta", "delta": ended, "usage": {"output_tokens": 9}}, {"type": "message_stop"}]
    return Anthropic("m"), {"type": "message", "model": "M", "content": blocks, "usage": usage, **ended}, events


def gemini(made: Made) -> Reply:
    parts: list[Json] = []
    sent: list[Json] = []
    for _ in range(made.chance.randint(0, 6)):
        more: Json = {"thoughtSignature": "S"} if made.often(0.3) else {}
        kind = made.chance.choice(["text", "thought", "call", "code"])
        part: Json = {"executableCode": {"language": "PYTHON", "code": "x"}, **more}
        if kind == "call":
            part = {"functionCall": {"name": "f", "args": made.arguments(), **({"id": "i"} if made.often() else {})}, **more}
        elif kind != "code":
            part = {"text": made.text(1), **({"thought": True} if kind == "thought" else {}), **more}
        parts.append(part)
        sent += [part] if more or "text" not in part else [{**part, "text": piece} for piece in made.cut(part["text"])]
    ended = {"finishReason": made.chance.choice(["STOP", "MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL"]), "finishMessage": "why"}
    said = {"modelVersion": "M", "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2, "thoughtsTokenCount": 1}}
    events: list[Json] = [{"candidates": [{"content": {"parts": [part]}}], "usageMetadata": {"promptTokenCount": 4}} for part in sent]
    empty: Json = made.chance.choice([{"parts": [{"text": ""}]}, {"role": "model"}, {}])
    events.append({"candidates": [{"content": empty, **ended}], **said})
    return Gemini("gemini-3-pro"), {"candidates": [{"content": {"parts": parts}, **ended}], **said}, events


def ollama(made: Made) -> Reply:
    thought, said = made.text(), made.text()
    calls = [{"function": {"name": "f", "arguments": made.arguments()}} for _ in range(made.chance.choice([0, 0, 1, 2]))]
    ended = {"done": True, "done_reason": made.chance.choice(["stop", "length"]), "prompt_eval_count": 3, "eval_count": 2, "model": "M"}
    messages: list[Json] = [{"content": "", "thinking": piece} for piece in made.cut(thought)]
    messages += [{"content": piece} for piece in made.cut(said)] + [{"content": "", "tool_calls": [call]} for call in calls]
    events = [{"message": message, "done": False} for message in messages] + [{**ended, "message": {"content": ""}}]
    return Ollama("m"), {**ended, "message": {"content": said, "thinking": thought, "tool_calls": calls}}, events


def responses(made: Made) -> Reply:
    items: list[Json] = []
    events: list[Json] = [{"type": "response.created", "response": {}}]
    for at in range(made.chance.randint(0, 4)):
        kind = made.chance.choice(["message", "refusal", "reasoning", "function_call", "web_search_call"])
        item: Json = {"type": kind, "id": f"i{at}", "action": {"type": "search"}}
        deltas: list[Json] = []
        if kind in ("message", "refusal"):
            content = {"type": "output_text", "text": made.text()} if kind == "message" else {"type": "refusal", "refusal": "no"}
            item = {"type": "message", "id": f"i{at}", "phase": "commentary", "content": [content]}
            deltas = [{"type": "response.output_text.delta", "delta": piece} for piece in made.cut(content.get("text", ""))]
        elif kind == "reasoning":
            item |= {"summary": [{"type": "summary_text", "text": made.text()}], "encrypted_content": "E"}
        elif kind == "function_call":
            item |= {"call_id": f"c{at}", "name": "f", "arguments": json.dumps(made.arguments())}
            deltas = [{"type": "response.function_call_arguments.delta", "delta": piece} for piece in made.cut(item["arguments"])]
        items.append(item)
        events.append({"type": "response.output_item.added", "output_index": at, "item": {"type": item["type"], "name": item.get("name")}})
        events += [{**delta, "output_index": at} for delta in deltas]
        events.append({"type": "response.output_item.done", "output_index": at, "item": item})
    status = made.chance.choice(["completed", "incomplete"])
    whole: Json = {"status": status, "model": "M", "output": items, "usage": {"input_tokens": 3, "output_tokens": 2}}
    if status == "incomplete":
        whole["incomplete_details"] = {"reason": made.chance.choice(["max_output_tokens", "content_filter"])}
    events.append({"type": f"response.{status}", "response": dict(whole)})
    return OpenAIResponses("gpt-5"), whole, [{**event, "sequence_number": at} for at, event in enumerate(events)]


def told(raw: RawReply) -> list[Any]:
    """What a reply says. Neighbours of one kind are one, a call's arguments are what they mean, and empty text is nothing."""
    out: list[list[Any]] = []
    for part in raw.parts:
        if isinstance(part, ToolCall):
            out.append([part.name, json.loads(part.raw or "{}"), part.provider_data])
        elif isinstance(part, Text | Thinking) and (part.text or part.provider_data):
            if out and out[-1][0] is type(part) and out[-1][2] == part.provider_data and "raw" not in (part.provider_data or {}):
                out[-1][1] += part.text
            else:
                out.append([type(part), part.text, part.provider_data])
    return [out, raw.finish, raw.usage, raw.model, raw.refusal, raw.message_data, raw.paused]


def streamed(wire: Wire, events: list[Json], made: Made) -> RawReply:
    reader = wire.reader()
    for found in events:
        event: Event = (str(found.get("type", "")), json.dumps(found, ensure_ascii=made.often()).encode())
        reader.feed(event)
        if made.often(0.1):  # what nobody knows is passed over
            reader.feed(("ping", b'{"type": "ping"}'))
    return reader.finish()


@pytest.mark.parametrize("make", [chat, anthropic, gemini, ollama, responses])
@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_whole_and_streamed_are_the_same_reply(make: Any, chance: Random) -> None:
    made = Made(chance)
    wire, whole, events = make(made)
    assert told(streamed(wire, json.loads(json.dumps(events)), made)) == told(wire.read(json.loads(json.dumps(whole))))
