"""What stands in recorded exchanges: the conversation in a request's body, and what its reply adds to it. Plain look-ups that share no code with
the wires, so that the wires can be held against them (`conversations.py`, `wires_report.py`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

Row = dict[str, Any]
Item = tuple[Any, ...]
"""One thing that was said: who, what, and its content."""
UNSAID = ("status", "cache_control", "annotations", "logprobs")  # a state, a wish for a cache: not what was said


def said(api: str, request: Row) -> list[Item]:
    """The conversation in a request's body, one item for each part; texts of one speaker that follow one another are one."""
    match api:
        case "openai-chat" | "ollama-chat":
            items = [item for message in request["messages"] for item in _chat(message)]
        case "anthropic-messages":
            system = request.get("system") or ""
            texts = [system] if isinstance(system, str) else [block["text"] for block in system]
            items = [("system", "text", text) for text in texts]
            items += [item for message in request["messages"] for item in _anthropic(message)]
        case "openai-responses":
            items = [("system", "text", request.get("instructions") or "")]
            given = request["input"]
            items += [
                item for one in ([{"role": "user", "content": given}] if isinstance(given, str) else given) for item in _responses(one)
            ]
        case _:
            items = [("system", "text", part.get("text", "")) for part in (request.get("systemInstruction") or {}).get("parts", [])]
            items += [item for content in request["contents"] for item in _gemini(content)]
    return list(_joined(items))


def came(api: str, row: Row) -> list[Item]:
    """The same of a recorded reply: what the next request should carry."""
    response = row.get("response")
    events = [
        json.loads(event["data"]) for event in row.get("sse") or [] if "data" in event and event["data"].strip() not in ("", "[DONE]")
    ]
    if isinstance(response, list):
        events = response
    elif response is None and not events:
        events = [json.loads(line) for line in (row.get("response_text") or "").splitlines()]
    whole: Any = response
    match api:
        case "openai-chat":
            items = _chat({"role": "assistant", **(_chat_events(events) if events else whole["choices"][0]["message"])})
        case "ollama-chat":
            items = (item for event in events or [response] for item in _chat({"role": "assistant", **event["message"]}))
        case "anthropic-messages":
            items = _anthropic({"role": "assistant", "content": _anthropic_events(events) if events else whole["content"]})
        case "openai-responses":
            items = (item for one in (events[-1]["response"] if events else whole)["output"] for item in _responses(one))
        case _:
            contents = [(event.get("candidates") or [{}])[0].get("content") or {} for event in events or [response]]
            items = (item for content in contents for item in _gemini({"role": "model", **content}))
    return list(_joined(items))


def _chat_events(events: list[Row]) -> Row:
    message: Row = {"content": "", "tool_calls": []}
    for failed in [parsed((event.get("error") or {}).get("failed_generation")) for event in events]:
        if isinstance(failed, dict) and "name" in failed:  # Groq: a call that broke the schema is reported as an error
            message["tool_calls"].append({"function": failed})
    for delta in [(event.get("choices") or [{}])[0].get("delta") or {} for event in events]:
        for name in ("content", "reasoning", "reasoning_content"):
            if isinstance(delta.get(name), str):
                message[name] = message.get(name, "") + delta[name]
        for call in delta.get("tool_calls") or []:
            function = call["function"]
            if function.get("name"):
                message["tool_calls"].append({**call, "function": {"name": function["name"], "arguments": function.get("arguments") or ""}})
            else:
                at = call.get("index")
                message["tool_calls"][-1 if at is None else at]["function"]["arguments"] += function.get("arguments") or ""
    return message


def _anthropic_events(events: list[Row]) -> list[Row]:
    blocks: list[Row] = []
    for event in events:
        if event["type"] == "content_block_start":
            blocks.append({**event["content_block"]})
        elif event["type"] == "content_block_delta":
            delta, block = event["delta"], blocks[event["index"]]
            if delta["type"] == "citations_delta":
                block.setdefault("citations", []).append(delta["citation"])
            for name in ("text", "thinking", "signature", "partial_json"):
                if name in delta:
                    block[name] = block.get(name, "") + delta[name]
    return [{**block, "input": json.loads(block["partial_json"])} if block.get("partial_json") else block for block in blocks]


def _joined(items: Iterable[Item]) -> Iterator[Item]:
    held: Item | None = None
    for item in items:
        if item[1] in ("text", "thinking") and len(item) == 3 and not item[2].strip():
            continue
        if held is not None and held[:2] == item[:2] and len(held) == len(item) == 3 and item[1] in ("text", "thinking"):
            held = (*item[:2], held[2] + item[2])  # a stream tears them apart
            continue
        if held is not None:
            yield held
        held = item
    if held is not None:
        yield held


def _texts(role: str, content: Any, kinds: tuple[str, ...] = ("text",)) -> Iterator[Item]:
    parts: list[Any] = [{"type": kinds[0], "text": content}] if isinstance(content, str) else content or []
    for part in parts:
        kind = part.get("type")
        if kind in kinds:
            yield (role, "text", part["text"])
        elif kind in ("image_url", "input_image"):
            found = part["image_url"]
            yield (role, "image", found["url"] if isinstance(found, dict) else found)
        elif kind == "thinking":
            yield (role, "thinking", "".join(inner["text"] for inner in part["thinking"]))
        else:
            yield (role, "other", _bare(part))


def _chat(message: Row) -> Iterator[Item]:
    role: str = "system" if message["role"] == "developer" else message["role"]
    if role == "tool":
        yield ("tool", "result", message.get("tool_call_id"), tuple(_joined(_texts("tool", message["content"]))), True)
        return
    for name in ("reasoning_content", "reasoning", "thinking"):
        if message.get(name):
            yield (role, "thinking", message[name])
    if message.get("reasoning_details"):
        yield (role, "details", [_bare(entry) for entry in message["reasoning_details"]])
    yield from _texts(role, message.get("content"))
    for image in message.get("images") or []:
        yield (role, "image", image)
    for call in message.get("tool_calls") or []:
        function = call.get("function") or {}
        yield (role, "call", function.get("name"), parsed(function.get("arguments")), call.get("id"), call.get("extra_content"))


def _anthropic(message: Row) -> Iterator[Item]:
    role, content = message["role"], message["content"]
    blocks: list[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    for block in blocks:
        match block["type"]:
            case "text" if not block.get("citations"):
                yield (role, "text", block["text"])
            case "image":
                yield (role, "image", _source(block["source"]))
            case "thinking":
                yield (role, "thinking", block["thinking"], block.get("signature"))
            case "tool_use":
                yield (role, "call", block["name"], block["input"], block["id"])
            case "tool_result":
                inner = tuple(_joined(_anthropic({"role": "tool", "content": block.get("content") or []})))
                yield ("tool", "result", block["tool_use_id"], inner, not block.get("is_error"))
            case _:
                yield (role, "other", _bare(block))


def _source(source: Row) -> str:
    return source["url"] if source["type"] == "url" else f"data:{source.get('media_type')};base64,{source.get('data')}"


def _responses(item: Row) -> Iterator[Item]:
    kind = item.get("type") or "message"
    if kind == "message":
        role: str = "system" if item["role"] == "developer" else item["role"]
        yield from _texts(role, item["content"], ("input_text", "output_text"))
    elif kind == "function_call":
        yield ("assistant", "call", item["name"], parsed(item["arguments"]), item["call_id"], item.get("id"))
    elif kind == "function_call_output":
        yield ("tool", "result", item["call_id"], tuple(_joined(_texts("tool", item["output"], ("input_text",)))), True)
    else:
        yield ("assistant", "other", _bare(item))


def _gemini(content: Row) -> Iterator[Item]:
    role = {"model": "assistant", None: "user"}.get(content.get("role"), content.get("role"))
    for part in map(_camel, content.get("parts") or []):
        signature = _signature(part)
        if part.get("functionCall"):
            call = part["functionCall"]
            yield (role, "call", call["name"], call.get("args") or {}, call.get("id"), signature)
        elif part.get("functionResponse"):
            found = part["functionResponse"]
            answer = found["response"]
            value = next(iter(answer.values())) if isinstance(answer, dict) and len(answer) == 1 else answer
            shown = tuple(_gemini({"role": "tool", "parts": found.get("parts")}))
            yield ("tool", "result", found.get("id"), ((found["name"], parsed(value)), *shown), "error" not in answer)
        elif "text" in part and part.get("thought"):
            yield (role, "thinking", part["text"])
        elif "text" in part and signature is None:
            yield (role, "text", part["text"])
        elif "text" in part:
            yield (role, "signed text", part["text"], signature)
        elif part.get("inlineData"):
            yield (role, "image", f"data:{part['inlineData']['mimeType']};base64,{_plain(part['inlineData']['data'])}")
        elif part.get("fileData"):
            yield (role, "image", part["fileData"]["fileUri"])
        else:
            yield (role, "other", _bare(part))


def _signature(part: Row) -> str | None:
    """Base64 has two alphabets; Google takes both."""
    found = part.get("thoughtSignature")
    return _plain(found) if found else None


def _camel(part: Row) -> Row:
    """Google takes fields in both spellings, and its own clients mix them; the names within a call's arguments stay."""
    found = {name[0] + name.title().replace("_", "")[1:] if "_" in name else name: value for name, value in part.items()}
    return {name: _camel(value) if name in ("fileData", "inlineData") else value for name, value in found.items()}


def _plain(found: str) -> str:
    return found.replace("-", "+").replace("_", "/").rstrip("=")


def _bare(value: Any) -> Any:
    """Without what is null or empty, or says only in which state a thing was when it came."""
    if isinstance(value, dict):
        kept = {name: inner for name, inner in value.items() if inner not in (None, [], {}, "") and name not in UNSAID}
        return {name: _plain(inner) if name == "thoughtSignature" else _bare(inner) for name, inner in kept.items()}
    return [_bare(inner) for inner in value] if isinstance(value, list) else value


def parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value or "{}")
    except ValueError:
        return value


def as_sse(events: list[tuple[str | None, str | None]]) -> bytes:
    """The stream's bytes; an event without data is a comment."""
    out = []
    for name, data in events:
        if data is None:
            out += [": PROCESSING", ""]
            continue
        out += [f"event: {name}"] if name else []
        out += [f"data: {line}" for line in data.split("\n")]
        out.append("")
    return ("\n".join(out) + "\n").encode()
