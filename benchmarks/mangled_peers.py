"""The published parsers that `mangled` puts beside ours; run by the interpreter of an environment that has them, never imported by the project.

Reads ``{spelling: [text, …]}`` as JSON from its standard input and writes ``{spelling: {parser: {"found": […], "seconds": CPU}}}``. A parser stands
only where its documentation teaches that spelling. What it raises on purpose is a complaint, anything else a crash. What is not installed is left out.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

Found = dict[str, Any]
Read = Callable[[str], Found]
LABELS, BLOB, OBJECT, TAGS = "Thought, Action, Action Input", "a JSON blob behind Action:", "one JSON object", "<tool_call>"


def act(name: Any, values: Any) -> Found:
    return {"kind": "act", "name": name, "input": values}


def answer(text: Any) -> Found:
    return {"kind": "answer", "text": text}


def langchain(module: str, kind: str) -> Callable[[], tuple[Read, tuple[type[Exception], ...]]]:
    def make() -> tuple[Read, tuple[type[Exception], ...]]:
        parser = getattr(importlib.import_module(f"langchain_classic.agents.{module}"), kind)()
        complaint = importlib.import_module("langchain_core.exceptions").OutputParserException

        def read(text: str) -> Found:
            found = parser.parse(text)
            return answer(found.return_values.get("output")) if hasattr(found, "return_values") else act(found.tool, found.tool_input)

        return read, (complaint,)

    return make


def llama_index() -> tuple[Read, tuple[type[Exception], ...]]:
    parser = importlib.import_module("llama_index.core.agent.react.output_parser").ReActOutputParser()

    def read(text: str) -> Found:
        found = parser.parse(text)
        return act(found.action, found.action_input) if hasattr(found, "action_input") else answer(found.response)

    return read, (ValueError,)


def smolagents() -> tuple[Read, tuple[type[Exception], ...]]:
    call = importlib.import_module("smolagents.models").get_tool_call_from_text

    def read(text: str) -> Found:
        found = call(text, "action", "action_input").function
        return answer(found.arguments) if found.name == "Final Answer" else act(found.name, found.arguments)

    return read, (ValueError,)


def qwen_react() -> tuple[Read, tuple[type[Exception], ...]]:
    chat = importlib.import_module("qwen_agent.agents.react_chat").ReActChat

    def read(text: str) -> Found:
        has, name, values, rest = chat._detect_tool(None, "\n" + text)
        return act(name, values) if has else answer(rest.partition("Final Answer:")[2] or rest)

    return read, ()


def qwen_tags() -> tuple[Read, tuple[type[Exception], ...]]:
    prompt = importlib.import_module("qwen_agent.llm.fncall_prompts.nous_fncall_prompt").NousFnCallPrompt()
    schema = importlib.import_module("qwen_agent.llm.schema")

    def read(text: str) -> Found:
        reply = schema.Message(role="assistant", content=[schema.ContentItem(text=text)])
        said = prompt.postprocess_fncall_messages([reply])
        calls = [message.function_call for message in said if message.function_call]
        if calls:
            return act(calls[0].name, calls[0].arguments)
        texts = [item.text for message in said for item in message.content]
        return answer("".join(text for text in texts if not text.startswith("<think>")))

    return read, ()


PARSERS: tuple[tuple[str, str, Callable[[], tuple[Read, tuple[type[Exception], ...]]]], ...] = (
    (LABELS, "langchain ReActSingleInput", langchain("output_parsers.react_single_input", "ReActSingleInputOutputParser")),
    (LABELS, "langchain MRKL", langchain("mrkl.output_parser", "MRKLOutputParser")),
    (LABELS, "llama-index ReAct", llama_index),
    (LABELS, "qwen-agent ReActChat", qwen_react),
    (BLOB, "langchain ReActJsonSingleInput", langchain("output_parsers.react_json_single_input", "ReActJsonSingleInputOutputParser")),
    (BLOB, "langchain StructuredChat", langchain("structured_chat.output_parser", "StructuredChatOutputParser")),
    (BLOB, "smolagents get_tool_call", smolagents),
    (OBJECT, "langchain JSONAgent", langchain("output_parsers.json", "JSONAgentOutputParser")),
    (OBJECT, "smolagents get_tool_call", smolagents),
    (TAGS, "qwen-agent Nous", qwen_tags),
)


def measure(read: Read, own: tuple[type[Exception], ...], texts: list[str]) -> Found:
    rows: list[Found] = []
    began = time.process_time()
    for text in texts:
        try:
            rows.append(read(text))
        except own as error:
            rows.append({"kind": "error", "error": type(error).__name__})
        except Exception as error:  # noqa: BLE001 - that a parser lets a foreign exception out is a finding
            rows.append({"kind": "crash", "error": type(error).__name__})
    return {"found": rows, "seconds": time.process_time() - began}


def main() -> None:
    warnings.simplefilter("ignore")
    asked: dict[str, list[str]] = json.load(sys.stdin)
    told: dict[str, dict[str, Found]] = {}
    with redirect_stdout(io.StringIO()):  # some print while they are imported
        for spelling, name, make in PARSERS:
            try:
                read, own = make()
            except ImportError:
                continue
            told.setdefault(spelling, {})[name] = measure(read, own, asked.get(spelling, []))
    json.dump(told, sys.stdout, default=str)


if __name__ == "__main__":
    main()
