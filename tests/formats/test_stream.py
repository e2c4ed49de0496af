from __future__ import annotations

import pytest

from react_agent.formats import get_format
from react_agent.formats.base import RawReply
from react_agent.formats.stream import StreamReader
from react_agent.messages import Act, Answer, Delta, ToolCall, Usage

from ._say import ask, merged, read
from .test_dialects import ARGS, DIALECTS, WRITTEN

TEXT = 'Thought: où?\nAction: search\nAction Input: {"query": "Zürich 🙂"}\nObservation: made up\n' + "Thought: more\n" * 200


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("name", ["react_text", "auto", "qwen3_coder", "harmony"])
def test_the_reading_does_not_depend_on_the_chunks(name: str, size: int) -> None:
    text = WRITTEN[name] if name in WRITTEN and name != "react_text" else TEXT
    whole = read(name, text)
    data = text.encode()
    for chunks in ([text[i : i + size] for i in range(0, len(text), size)], [data[i : i + size] for i in range(0, len(data), size)]):
        reader = StreamReader(get_format(name), ask())
        assert all(reader.feed(chunk) for chunk in chunks)
        assert reader.finish() == whole


def test_a_reply_beyond_the_limit_counts_as_cut() -> None:
    reader = StreamReader(get_format("auto"), ask(), limit=1000)
    assert reader.feed("x" * 900) is True
    assert reader.feed("x" * 900) is False
    reply = reader.finish()
    assert (reply.reading, len(reply.message.text)) == ("malformed", 1000)


def test_bytes_that_are_no_text_are_replaced() -> None:
    reader = StreamReader(get_format("auto"), ask())
    reader.feed(b"caf\xc3")
    reader.feed(b"\xa9 \xff\xc3")
    assert reader.finish().read() == Answer("", "café \ufffd\ufffd")


def test_what_else_the_wire_knows_is_kept() -> None:
    reader = StreamReader(get_format("auto"), ask())
    reader.feed("42")
    reply = reader.finish(RawReply((), "stop", Usage(1, 2), "m"))
    assert (reply.usage, reply.model, reply.message.text) == (Usage(1, 2), "m", "42")
    reader = StreamReader(get_format("auto"), ask())
    reply = reader.finish(RawReply((ToolCall("now", raw="{}"),)))
    assert reply.message.calls[0].name == "now"


# ------------------------------------------------------------------------------------------------------- what listeners hear


def heard(name: str, text: str, size: int = 1) -> list[tuple[str, str]]:
    said: list[Delta] = []
    reader = StreamReader(get_format(name), ask(resulted=True), said.append)
    for at in range(0, len(text), size):
        reader.feed(text[at : at + size])
    reader.finish()
    return merged(said)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_written_step_is_heard_as_thinking_and_a_call_or_the_answer_at_once(name: str) -> None:
    form = get_format(name)
    act = form.write(Act("I look.\nTwice.", (ToolCall("search", ARGS),)))
    assert [kind for kind, _ in heard(name, act)] == ["thinking", "call"]
    assert heard(name, act)[0] == ("thinking", "I look.\nTwice.")
    assert "Paris" in heard(name, act)[1][1]
    answer = form.write(Answer("I know.", "42, é\nall"))
    assert heard(name, answer) == [("thinking", "I know."), ("text", "42, é\nall")]


HEARD: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
    "prose": ("auto", "a < b, <i>c</i> and [d]", [("text", "a < b, <i>c</i> and [d]")]),
    "a mark that was none": ("auto", "<think or <tool", [("text", "<think or <tool")]),
    "marks that are spoken of": ("auto", "Use `<think>` or \"<tool_call>\".", [("text", "Use `<think>` or \"<tool_call>\".")]),
    "thinking in between": ("auto", "<think>a</think>b <think> c </think> d", [("thinking", "a"), ("text", "b"), ("thinking", "\nc"), ("text", "  d")]),
    "thinking that the template opened": ("auto", "hm\n</think>\n\n42", [("text", "hm"), ("restart", ""), ("thinking", "hm"), ("text", "42")]),
    "a scratchpad": ("auto", "<scratchpad>a</scratchpad><REFLECTION>b</REFLECTION> c", [("thinking", "a\nb"), ("text", "c")]),
    "a scratchpad before a step": (
        "react_text", "<analysis>\nAction: now\n</analysis>\nAction: search[Paris]", [("thinking", "Action: now"), ("call", "search[Paris]")],
    ),
    "a scratchpad behind thinking that the template opened": (
        "auto", "hm\n</think>\n<thoughts>a</thoughts> b", [("text", "hm"), ("restart", ""), ("thinking", "hm\na"), ("text", "b")],
    ),
    "a thought that is none": (
        "xml_react", "So.\n<thought>x</thought>\n<tool>search</tool><tool_input>Paris</tool_input>",
        [("text", "So.\n<thought>x</thought>"), ("call", "search</tool><tool_input>Paris</tool_input>")],
    ),
    "a scratchpad that is none": ("auto", "Write <analysis>x</analysis> twice.", [("text", "Write <analysis>x</analysis> twice.")]),
    "elements that were asked for, known at the end": (
        "auto", "<analysis>x</analysis><b>y</b>", [("thinking", "x"), ("text", "<b>y</b>"), ("restart", ""), ("text", "<analysis>x</analysis><b>y</b>")],
    ),
    "an analysis that is half of the answer, known at the end": (
        "auto", "<analysis>x</analysis> y", [("thinking", "x"), ("text", "y"), ("restart", ""), ("text", "<analysis>x</analysis> y")],
    ),
    "text before a call": ("hermes", f"I look.\n{WRITTEN['hermes']}", [("text", "I look."), ("call", WRITTEN["hermes"].removeprefix("<tool_call>\n"))]),
    "a call in a fence, known at the end": (
        "auto", f"So:\n{WRITTEN['json_fence']}", [("text", f"So:\n{WRITTEN['json_fence']}"), ("restart", ""), ("text", "So:"), ("call", '{"query": "Paris"}')],
    ),
    "JSON that is no call": ("llama3_json", '{"a": 1}', [("call", '{"a": 1}'), ("restart", ""), ("text", '{"a": 1}')]),
    "a made-up observation": ("react_text", "Thought: x\nAction: search[Paris]\nObservation: y\nFinal Answer: z", [("thinking", "x"), ("call", "search[Paris]")]),
    "the paper's answer": ("react_paper", "Thought 1: x\nAction 1: Finish[Zürich]", [("thinking", "x"), ("text", "Zürich")]),
    "a word that begins like a label": ("react_text", "Thought: a\nactually\nTHOUGHT 2: b\nfinally", [("thinking", "a\nactually\nb\nfinally")]),
    "prose that answers": ("react_text", "It is 42.", [("thinking", "It is 42."), ("restart", ""), ("text", "It is 42.")]),
    "escapes": ("json_step", '{"thought": "\\u00e9 \\ud83d\\ude42 \\"x\\"\\n", "answer": "a\\\\b"}', [("thinking", 'é 🙂 "x"'), ("text", "a\\b")]),
    "a fence around the step": ("json_step", '```json\n{"answer": "42"}\n```', [("text", "42")]),
    "several messages": (
        "harmony",
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|><|start|>assistant"
        '<|channel|>commentary to=functions.search <|constrain|>json<|message|>{"query": "a"}<|call|>',
        [("thinking", "hm"), ("text", "I look."), ("call", '{"query": "a"}<|call|>')],
    ),
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(("name", "text", "expected"), HEARD.values(), ids=HEARD.keys())
def test_what_is_heard(name: str, text: str, expected: list[tuple[str, str]], size: int) -> None:
    assert heard(name, text, size) == expected


@pytest.mark.parametrize("most", [0, 1, 4, 1000])
@pytest.mark.parametrize(("name", "text", "expected"), HEARD.values(), ids=HEARD.keys())
def test_what_is_heard_is_right_however_little_is_remembered(
    name: str, text: str, expected: list[tuple[str, str]], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long reply only a digest of what was told is kept; at the end the listener has heard the same all the same."""
    monkeypatch.setattr("react_agent.formats.live.REMEMBERED_CHARS", most)
    assert since_restart(heard(name, text)) == since_restart(expected)


def since_restart(said: list[tuple[str, str]]) -> dict[str, str]:
    """All text and thinking that still counts, without white space."""
    last = max((at for at, (kind, _) in enumerate(said) if kind == "restart"), default=-1)
    return {kind: "".join("".join(piece for one, piece in said[last + 1 :] if one == kind).split()) for kind in ("text", "thinking")}


def test_text_is_told_at_once() -> None:
    """Nothing but what may begin a mark is held back."""
    said: list[Delta] = []
    reader = StreamReader(get_format("auto"), ask(), said.append)
    for chunk, told in (("Hello", "Hello"), (" <", "Hello"), ("b", "Hello <b"), ("> <thin", "Hello <b>"), ("gs", "Hello <b> <things")):
        reader.feed(chunk)
        assert "".join(delta.text for delta in said) == told
