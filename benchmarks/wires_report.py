"""What share of real exchanges with providers the wires read right: same calls, text, thinking, usage and finish, streamed and not.

    python benchmarks/wires_report.py [--corpora ../shared/corpora] [--list]

Each reply is read by its wire and, beside it, by a plain look-up of the same fields in the JSON that is written here and shares no code with
the wires. A stream is read whole, cut at each byte, at random, and at its events' borders. Rows of other APIs are left out and counted.

Then each reply that was sent whole is written again by its wire, as the next request would: is what goes back what came, block by block,
signatures, encrypted reasoning and unknown blocks with it? (Chat Completions are left out: their replies are not blocks.)

Last, each recorded conversation of several turns is replayed through the whole loop (`conversations.py`): an agent, its recorded server, and tools
that give the recorded results. Each request must carry what the recorded one carries.

right      both readings are the same (an error: the provider's words are in ours, and its kind is that of the status)
WRONG      they differ
left out   no wire for this API, or nothing in the row to tell by; the reason is listed
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from conversations import conversations
from conversations import judge as judge_conversation
from recorded import as_sse

from react_agent.backends.profiles import COMPATIBLE, PROFILES
from react_agent.backends.sse import NDJSONParser, Parser, SSEParser
from react_agent.backends.wires.anthropic import Anthropic
from react_agent.backends.wires.base import Wire
from react_agent.backends.wires.gemini import Gemini
from react_agent.backends.wires.ollama import Ollama
from react_agent.backends.wires.openai_chat import OpenAIChat
from react_agent.backends.wires.openai_responses import OpenAIResponses
from react_agent.errors import BackendError, BackendRejected, BackendUnavailable
from react_agent.formats import get_format
from react_agent.formats.base import RawReply
from react_agent.messages import MessageView, ModelRequest, Text, Thinking, ToolCall, user

ROOT = Path(__file__).resolve().parent.parent
ENDPOINTS = ("/chat/completions", "/messages", ":generateContent", ":streamGenerateContent", "/responses", "/api/chat")
Row = dict[str, Any]
Said = dict[str, Any]  # calls, text, thinking, usage (input, output), finish


def wire_for(row: Row) -> Wire | None:
    model = row["model"] or "m"
    match row["api"]:
        case "openai-chat":
            return OpenAIChat(model, PROFILES.get(row["provider"], COMPATIBLE))
        case "anthropic-messages":
            return Anthropic(model)
        case "gemini-generate" | "gemini-stream":
            return Gemini(model)
        case "openai-responses":
            return OpenAIResponses(model)
        case "ollama-chat":
            return Ollama(model)
    return None


# ------------------------------------------------------------------------------------- what our wires make of it


def ours(raw: RawReply) -> Said:
    calls = [(part.name, part.raw) for part in raw.parts if type(part) is ToolCall]
    usage = (raw.usage.input_tokens, raw.usage.output_tokens) if raw.usage is not None else None
    return {
        "calls": [(name, parsed(arguments)) for name, arguments in calls],
        "text": "".join(part.text for part in raw.parts if type(part) is Text),
        "thinking": "".join(part.text for part in raw.parts if type(part) is Thinking),
        "usage": usage,
        "finish": raw.finish,
    }


def parsed(arguments: object) -> object:
    try:
        return json.loads(arguments or "{}") if isinstance(arguments, str | None) else arguments
    except ValueError:
        return arguments


def streamed(wire: Wire, data: bytes, cuts: list[int]) -> Said:
    reader = wire.reader()
    parser: Parser = SSEParser() if wire.framing == "sse" else NDJSONParser()
    borders = [0, *cuts, len(data)]
    for start, end in pairwise(borders):
        for event in parser.feed(data[start:end]):
            reader.feed(event)
    for event in parser.close():
        reader.feed(event)
    return ours(reader.finish())


# ------------------------------------------------------------------------ the plain reading that it is held against


def plain(row: Row, bodies: list[Any]) -> Said:
    """The same from the JSON: `bodies` is the response, or the stream's events."""
    match row["api"]:
        case "openai-chat":
            return plain_chat(bodies)
        case "anthropic-messages":
            return plain_anthropic(bodies)
        case "gemini-generate" | "gemini-stream":
            return plain_gemini(bodies)
        case "openai-responses":
            return plain_responses(bodies)
    return plain_ollama(bodies)


def plain_chat(bodies: list[Any]) -> Said:
    content, thinking, calls, usage, finish, refusal = [], [], [], None, None, False
    for body in bodies:
        found = body.get("usage") or (body.get("x_groq") or {}).get("usage")
        usage = found or usage
        for choice in (body.get("choices") or [])[:1]:
            message = choice.get("message") or choice.get("delta") or {}
            said = message.get("content")
            if isinstance(said, list):
                content += [piece["text"] for piece in said if piece["type"] == "text"]
                thinking += [inner["text"] for piece in said if piece["type"] == "thinking" for inner in piece["thinking"]]
            else:
                content.append(said or "")
            details = "".join(entry.get("text") or entry.get("summary") or "" for entry in message.get("reasoning_details") or [])
            thinking.append(message.get("reasoning_content") or message.get("reasoning") or details)
            refusal = refusal or bool(message.get("refusal"))
            finish = choice.get("finish_reason") or finish
            for call in message.get("tool_calls") or (
                [{"function": message["function_call"]}] if (message.get("function_call") or {}).get("name") else []
            ):
                function = call.get("function") or call["custom"]
                arguments = function.get("arguments") or function.get("input") or ""
                if function.get("name"):  # in no recording does a name come twice for one call
                    calls.append([function["name"], arguments])
                else:
                    at = call.get("index")
                    calls[-1 if at is None else at][1] += arguments
    tokens = None
    if usage:
        reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
        apart = reasoning and usage.get("total_tokens") == usage["prompt_tokens"] + usage["completion_tokens"] + reasoning
        tokens = (usage["prompt_tokens"], usage["completion_tokens"] + (reasoning if apart else 0))
    kinds = {"length": "length", "content_filter": "refused"}
    return {
        "calls": [(name, parsed(arguments)) for name, arguments in calls],
        "text": "".join(content),
        "thinking": "".join(thinking),
        "usage": tokens,
        "finish": "refused" if refusal else kinds.get(finish or "", "tool_calls" if calls else "stop"),
    }


def plain_anthropic(bodies: list[Any]) -> Said:
    message: Any = {"content": []}
    if len(bodies) == 1 and "content" in bodies[0]:
        message = bodies[0]
    else:
        for event in bodies:
            if event["type"] == "message_start":
                message = {**event["message"], "content": []}
            elif event["type"] == "content_block_start":
                message["content"].append({**event["content_block"], "json": ""})
            elif event["type"] == "content_block_delta":
                block, delta = message["content"][event["index"]], event["delta"]
                for source, target in (("text", "text"), ("thinking", "thinking"), ("partial_json", "json")):
                    if source in delta:
                        block[target] = block.get(target, "") + delta[source]
            elif event["type"] == "message_delta":
                message["stop_reason"] = event["delta"].get("stop_reason")
                message["usage"] = {**message["usage"], **{k: v for k, v in event["usage"].items() if v is not None}}
    usage, blocks = message["usage"], message["content"]
    cached = (usage.get("cache_creation_input_tokens") or 0) + (usage.get("cache_read_input_tokens") or 0)
    calls = [
        (block["name"], json.loads(block["json"]) if block.get("json") else block["input"])
        for block in blocks
        if block["type"] == "tool_use"
    ]
    kinds = {"max_tokens": "length", "pause_turn": "length", "model_context_window_exceeded": "length", "refusal": "refused"}
    return {
        "calls": calls,
        "text": "".join(block["text"] for block in blocks if block["type"] == "text"),
        "thinking": "".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        "usage": ((usage.get("input_tokens") or 0) + cached, usage["output_tokens"]),
        "finish": kinds.get(message["stop_reason"], "tool_calls" if calls else "stop"),
    }


def plain_gemini(bodies: list[Any]) -> Said:
    text: list[str] = []
    thinking: list[str] = []
    calls, usage, finish = [], None, ""
    for body in bodies:
        usage = body.get("usageMetadata") or usage
        for candidate in (body.get("candidates") or [])[:1]:
            finish = candidate.get("finishReason") or finish
            for part in (candidate.get("content") or {}).get("parts") or []:
                if "functionCall" in part:
                    calls.append((part["functionCall"]["name"], part["functionCall"].get("args") or {}))
                elif "text" in part:
                    (thinking if part.get("thought") else text).append(part["text"])
    blocked = any((body.get("promptFeedback") or {}).get("blockReason") for body in bodies) and not finish
    safe = finish in ("STOP", "MAX_TOKENS", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "")
    kind = "length" if finish == "MAX_TOKENS" else "refused" if blocked or not safe else "tool_calls" if calls else "stop"
    tokens = None
    if usage:
        tokens = (
            usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0),
            usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0),
        )
    return {"calls": calls, "text": "".join(text), "thinking": "".join(thinking), "usage": tokens, "finish": kind}


def plain_responses(bodies: list[Any]) -> Said:
    last = bodies[-1]
    response = last.get("response") or last
    items = response["output"]
    calls = [(item["name"], parsed(item["arguments"])) for item in items if item["type"] == "function_call"]
    pieces = [piece for item in items if item["type"] == "message" for piece in item["content"]]
    refused = any(piece["type"] == "refusal" for piece in pieces)
    thoughts = []
    for item in items:
        if item["type"] == "reasoning":
            summary = "\n\n".join(piece["text"] for piece in item.get("summary") or [] if piece["text"])
            thoughts.append(summary or "".join(piece["text"] for piece in item.get("content") or []))
    cut = response["status"] == "incomplete"
    return {
        "calls": calls,
        "text": "".join(piece["text"] for piece in pieces if piece["type"] == "output_text"),
        "thinking": "".join(thoughts),
        "usage": (response["usage"]["input_tokens"], response["usage"]["output_tokens"]) if response.get("usage") else None,
        "finish": "refused" if refused else "length" if cut else "tool_calls" if calls else "stop",
    }


def plain_ollama(bodies: list[Any]) -> Said:
    calls = [(c["function"]["name"], c["function"]["arguments"]) for body in bodies for c in body["message"].get("tool_calls") or []]
    last = bodies[-1]
    return {
        "calls": calls,
        "text": "".join(body["message"].get("content") or "" for body in bodies),
        "thinking": "".join(body["message"].get("thinking") or "" for body in bodies),
        "usage": (last["prompt_eval_count"], last["eval_count"]),
        "finish": "length" if last["done_reason"] == "length" else "tool_calls" if calls else "stop",
    }


# ------------------------------------------------------------------------------------------------------- one row


def judge(row: Row) -> tuple[str, str]:
    """The verdict on a row and its reason."""
    wire = wire_for(row)
    if wire is None or row["method"].upper() != "POST":
        return "left out", f"no wire for {row['api']}" if wire is None else f"{row['method']} asks for no reply"
    if not row["url"].split("?")[0].endswith(ENDPOINTS):
        return "left out", "another endpoint of the API, no model's reply"
    if row["status"] != 200:
        return judge_error(wire, row)
    try:
        if row.get("sse"):
            return judge_stream(wire, row)
        response = row.get("response")
        if isinstance(response, list):  # Gemini without alt=sse: the events as one array
            events: list[tuple[str | None, str | None]] = [(None, json.dumps(item)) for item in response]
            return differ(streamed(wire, as_sse(events), []), plain(row, response), "array")
        if response is None:
            lines = (row.get("response_text") or "").splitlines()
            if wire.framing != "ndjson" or not lines:
                return "left out", "the row holds no body"
            data = "\n".join(lines).encode() + b"\n"
            return differ(streamed(wire, data, list(range(1, len(data)))), plain(row, [json.loads(line) for line in lines]), "lines")
        if row["api"] == "openai-responses" and response.get("status") in ("queued", "in_progress"):
            return "left out", "a reply in the background that has not come yet"
        return differ(ours(wire.read(response)), plain(row, [response]), "whole")
    except BackendError as error:
        return "WRONG", f"{type(error).__name__}: {str(error)[:160]}"


def judge_stream(wire: Wire, row: Row) -> tuple[str, str]:
    data = as_sse([(event.get("event"), event["data"]) if "data" in event else (None, None) for event in row["sse"]])
    told = [event["data"] for event in row["sse"] if "data" in event]
    bodies = [json.loads(text) for text in told if text.strip() not in ("[DONE]", "")]
    if any("error" in body and body["error"] for body in bodies if "response" not in body):
        return judge_failed_stream(wire, row, data, bodies[-1])
    if row["api"] == "openai-responses" and bodies[-1].get("type") not in ("response.completed", "response.incomplete"):
        return judge_unended(wire, data)
    expected = plain(row, bodies)
    borders = [at + 2 for at in range(len(data)) if data.startswith(b"\n\n", at)]
    chance = random.Random(row["id"])
    for how, cuts in (
        ("whole", []),
        ("events", borders[:-1]),
        ("random", sorted(chance.sample(range(1, len(data)), min(len(data) - 1, 200)))),
        ("bytes", list(range(1, len(data)))),
    ):
        verdict = differ(streamed(wire, data, cuts), expected, how)
        if verdict[0] != "right":
            return verdict
    return "right", "stream"


def judge_unended(wire: Wire, data: bytes) -> tuple[str, str]:
    try:
        streamed(wire, data, [])
    except BackendError:
        return "right", "a stream without its end is an error"
    return "WRONG", "a stream without its end was taken for a reply"


def judge_failed_stream(wire: Wire, row: Row, data: bytes, last: Any) -> tuple[str, str]:
    words = last["error"]["message"]
    try:
        said = streamed(wire, data, [])
    except BackendError as error:
        return ("right", "an error within the stream") if words in str(error) else ("WRONG", f"words lost: {error}")
    generated = last["error"].get("failed_generation")
    meant = parsed(generated)
    expected = [(meant["name"], meant["arguments"])] if isinstance(meant, dict) and meant else []
    same = said["calls"] == expected and not said["text"] and generated is not None
    return ("right", "what the model wrote, from an error within the stream") if same else ("WRONG", f"an error became {said}")


def judge_error(wire: Wire, row: Row) -> tuple[str, str]:
    body = row.get("response")
    if body is None:
        return "left out", "the row holds no body"
    data = json.dumps(body).encode()
    found = body[0] if isinstance(body, list) and body else body
    if wire.salvage(row["status"], data) is not None:
        return "right", "what the model wrote, from an error"
    error = wire.error(row["status"], {}, data)
    told = found.get("error", found) if isinstance(found, dict) else found
    words = (
        told if isinstance(told, str) else (told.get("message") or told.get("detail") or json.dumps(told)) if isinstance(told, dict) else ""
    )
    kind = BackendUnavailable if row["status"] in (408, 409, 429) or row["status"] >= 500 else BackendRejected
    if " ".join(str(words).split())[:100] in " ".join(str(error).split()) and isinstance(error, kind):
        return "right", "error"
    return "WRONG", f"{type(error).__name__}: {error}"


def differ(found: Said, expected: Said, how: str) -> tuple[str, str]:
    wrong = [name for name in expected if found[name] != expected[name]]
    if not wrong:
        return "right", how
    shown = "; ".join(f"{name}: {str(found[name])[:120]!r}, expected {str(expected[name])[:120]!r}" for name in wrong)
    return "WRONG", f"{how}: {shown}"


# --------------------------------------------------------------------------------------------- what goes back


def echo(row: Row) -> tuple[str, str] | None:
    """Whether the reply goes back as it came; None where that is no question."""
    wire, response = wire_for(row), row.get("response")
    if wire is None or row["status"] != 200 or not isinstance(response, dict) or not row["url"].split("?")[0].endswith(ENDPOINTS):
        return None
    try:
        read = get_format("native").read(wire.read(response), ModelRequest(MessageView().extend(user("q"))))
    except BackendError:
        return None
    sent = json.loads(b"[" + wire.encode(read.message, None, 1) + b"]")
    match row["api"]:
        case "anthropic-messages":
            came, back = response["content"], sent[0]["content"] if sent else []
        case "gemini-generate":
            content = (response.get("candidates") or [{}])[0].get("content") or {}
            came, back = content.get("parts") or [], sent[0]["parts"] if sent else []
        case "openai-responses":
            came, back = response["output"], sent
        case _:
            return None
    if read.reading == "malformed":
        return "left out", "cut or refused: its calls do not go back"
    if essence(came) == essence(back):
        return "right", ""
    came = [block for block in came if block.get("type") != "text" or block["text"].strip()]
    return ("right", "but for blank text, which the API refuses") if essence(came) == essence(back) else ("WRONG", row["id"])


def essence(value: Any) -> Any:
    """Without what is null or empty, without a state that is no input, and with arguments as values."""
    if isinstance(value, dict):
        kept = {
            name: essence(inner)
            for name, inner in value.items()
            if inner not in (None, []) and name not in ("status", "logprobs", "annotations")
        }
        return {name: parsed(inner) if name == "arguments" else inner for name, inner in kept.items()}
    return [essence(inner) for inner in value] if isinstance(value, list) else value


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "--corpora", type=Path, default=Path(os.environ.get("REACT_AGENT_CORPORA") or ROOT.parent / "shared" / "corpora")
    )
    arguments.add_argument("--list", action="store_true", help="each row that is not right")
    given = arguments.parse_args()
    file = given.corpora / "provider_traffic.jsonl.gz"
    if not file.exists():
        print(f"skipped: there is no {file}; name the folder with --corpora")
        return 0
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    wrong = report_replies(rows, given.list) + report_conversations(rows, given.list)
    return 1 if wrong else 0


def report_replies(rows: list[Row], listed: bool) -> int:
    """Prints what was read and what goes back; how much of it is wrong."""
    by_api: dict[str, Counter[str]] = {}
    reasons: Counter[tuple[str, str]] = Counter()
    echoes: Counter[tuple[str, str]] = Counter()
    for row in rows:
        verdict, reason = judge(row)
        echoed = echo(row)
        if echoed is not None:
            echoes[echoed] += 1
        by_api.setdefault(row["api"] if verdict != "left out" else "left out", Counter())[verdict] += 1
        reasons[verdict, reason if verdict != "WRONG" else f"{row['api']} {row['provider']}"] += 1
        if listed and verdict == "WRONG":
            print(f"{verdict}  {row['id']}  {row['api']}/{row['provider']}  {reason}")
    print_table(by_api)
    right, wrong = (sum(counts[name] for counts in by_api.values()) for name in ("right", "WRONG"))
    print(f"\nread as recorded: {right} of {right + wrong} ({right / (right + wrong):.2%})")
    print_reasons(reasons)
    print("\nsent back as it came:")
    print_reasons(echoes)
    return wrong + sum(count for (verdict, _), count in echoes.items() if verdict == "WRONG")


def report_conversations(rows: list[Row], listed: bool) -> int:
    """Prints how many requests of a replayed conversation carry what the recorded ones carry; how many do not."""
    by_api: dict[str, Counter[str]] = {}
    reasons: Counter[tuple[str, str]] = Counter()
    found = list(conversations(rows))
    for one in found:
        for verdict, reason in judge_conversation(one):
            by_api.setdefault(one.api, Counter())[verdict] += 1
            reasons[verdict, reason if verdict != "WRONG" else one.api] += 1
            if listed and verdict == "WRONG":
                print(f"{verdict}  {one.turns[0].row['id']}  {one.api}  {reason}")
    right, wrong = (sum(counts[name] for counts in by_api.values()) for name in ("right", "WRONG"))
    print(f"\nrecorded conversations of several turns, replayed through the whole loop: {len(found)}")
    print_table(by_api)
    print(f"further requests that carry the recorded conversation: {right} of {right + wrong}")
    print_reasons(reasons)
    return wrong


def print_table(by_api: dict[str, Counter[str]]) -> None:
    for api, counts in sorted(by_api.items()):
        print(f"{api:24} " + "  ".join(f"{name} {count}" for name, count in sorted(counts.items())))


def print_reasons(reasons: Counter[tuple[str, str]]) -> None:
    for (verdict, reason), number in sorted(reasons.items(), key=lambda item: (item[0][0], -item[1])):
        print(f"  {verdict:9} {number:5}  {reason}")


if __name__ == "__main__":
    sys.exit(main())
