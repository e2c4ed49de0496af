"""Coverage-guided fuzzing of every format: no foreign exception, nothing made up, what is written is read as the same, chunks do not matter.

    pip install atheris
    python benchmarks/fuzz_formats.py [--seconds 600] [--corpus DIR]

It runs outside of the tests. The first byte of an input picks the format, the second where the text is cut into chunks, the rest is what a model wrote.
A broken law is printed once, with the input as bytes, and the run goes on; give the row to a table of tests once it is mended. With ``--corpus`` what was
learnt is kept in that folder and the next run begins with it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["react_agent.formats"]):
    from react_agent.errors import FormatError
    from react_agent.formats import FORMATS, get_format
    from react_agent.formats.base import RawReply
    from react_agent.formats.reading import pseudo_tools
    from react_agent.formats.stream import StreamReader
    from react_agent.messages import Act, Answer, Head, MessageView, ModelReply, ModelRequest, Text, ToolSpec, user

    ALL = [get_format(name) for name in FORMATS]  # made here, so that each is instrumented

from formats_report import _SEEDS as SEEDS

TEXT: Any = {"type": "string"}
SEARCH = ToolSpec("search", "", {"type": "object", "properties": {"query": TEXT, "n": {"type": "integer"}}, "required": ["query"]})
NOW = ToolSpec("now", "", {"type": "object", "properties": {}, "additionalProperties": False})
REQUEST = ModelRequest(MessageView().extend(user("q")), Head((SEARCH, NOW)))
found: set[str] = set()
runs = 0


class BrokenLawError(Exception):
    """What a format did and should not have done."""


def law(holds: bool, words: str) -> None:
    if not holds:
        raise BrokenLawError(words)


def read(form: Any, text: str, request: ModelRequest, finish: Any = "stop") -> ModelReply:
    return form.read(RawReply((Text(text),), finish), request)  # type: ignore[no-any-return]


def check_reply(reply: ModelReply, text: str, finish: str) -> None:
    """What every reading has to be."""
    law(reply.reading in ("act", "answer", "malformed"), "no reading")
    law(reply.reading != "answer" or (finish == "stop" and bool(reply.message.text.strip())), "a cut or empty answer")
    for call in reply.message.calls:
        law((call.arguments is None) != (call.complaint is None), "a call is either readable or complained about")
        if call.arguments is not None:
            json.dumps(call.arguments, ensure_ascii=False).encode()
            for value in call.arguments.values():
                law(not isinstance(value, str) or "\\" in text or "&" in text or value in text, f"made up: {value!r}")
    span = reply.read_by.span if reply.read_by is not None else None
    law(span is None or 0 <= span[0] <= span[1] <= len(text), f"a span outside of the text: {span}")


def check_written(form: Any, reading: Act | Answer) -> None:
    """What is written is read as the same, or it is not written."""
    try:
        text = form.write(reading)
    except FormatError:
        return
    again = read(form, text, ModelRequest(REQUEST.messages, Head(pseudo_tools(reading)))).read()
    law(type(again) is type(reading) and again.thought == reading.thought, f"read back as {again}")
    if isinstance(reading, Answer):
        law(again == reading, f"read back as {again}")
    elif isinstance(again, Act):
        law([(c.name, c.arguments) for c in again.calls] == [(c.name, c.arguments) for c in reading.calls], f"read back as {again}")


def check_chunks(form: Any, data: bytes, at: int, whole: ModelReply) -> None:
    reader = StreamReader(form, REQUEST)
    size = 1 + at % 7
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
    law(reader.finish() == whole, f"in chunks of {size} it reads otherwise")


def one(data: bytes) -> None:
    global runs
    runs += 1
    if len(data) < 3:
        return
    form, at, body = ALL[data[0] % len(ALL)], data[1], data[2:]
    text = body.decode("utf-8", "replace")
    finish = "length" if at >= 224 else "stop"
    try:
        reply = read(form, text, REQUEST, finish)
        check_reply(reply, text, finish)
        if finish == "stop":
            check_chunks(form, body, at, reply)
        reading = reply.read()
        if isinstance(reading, Answer) or (isinstance(reading, Act) and all(call.arguments is not None for call in reading.calls)):
            check_written(form, reading)
    except Exception as error:  # noqa: BLE001 - whatever comes out is the finding
        last = traceback.extract_tb(error.__traceback__)[-1]
        name = f"{form.name} {type(error).__name__} {last.name}:{last.lineno} {str(error)[:24]}"
        if name not in found and len(found) < 200:
            found.add(name)
            print(f"FOUND {form.name}: {type(error).__name__}: {error}\n    {body!r}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--corpus", type=Path, help="folder that keeps what was learnt")
    options = parser.parse_args()
    corpus = options.corpus or Path(tempfile.mkdtemp(prefix="fuzz_formats_"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS):
        for place in range(len(ALL)):
            (corpus / f"seed-{number}-{place}").write_bytes(bytes((place, number)) + seed.encode())
    atheris.Setup(
        [sys.argv[0], str(corpus), f"-max_total_time={options.seconds}", "-max_len=1024", "-timeout=20", "-print_final_stats=1"], one
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
