"""Laws of what is shown: nothing that a model or a tool wrote can do anything to a terminal, and redaction leaves nothing behind."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from react_agent import Outcome, Text, Trace
from react_agent.events import Finished, Replied, Returned, Started, Stopped, Told
from react_agent.messages import ModelReply, ToolCall, ToolResult, Usage, assistant, user
from react_agent.messages import Thinking as Thought
from react_agent.spec import AgentSpec
from react_agent.view import words
from react_agent.view.difference import pieces
from react_agent.view.redact import REDACTED, Redactor
from react_agent.view.terminal import Row, transcript

NASTY = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07x",
    "\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\",
    "\x1bP1$r0m\x1b\\",
    "\x9b2J",
    "a\rb",
    "\x1b[",
    "\x1b",
    "\x1b]never ends",
    "x\x08\x7f\x00",
    "\u202eesrever",
    "\ud800",
    "\u2028",
]
TEXTS = st.text(st.characters(codec=None) | st.sampled_from("\x1b[]m;\x07\x9b0K\\P"), max_size=60)


def _harmless(text: str) -> bool:
    return all(char == "\n" or unicodedata.category(char) not in ("Cc", "Cs") for char in text) and not set(text) & set(
        "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069"
    )


@given(TEXTS)
@pytest.mark.parametrize("nasty", NASTY, ids=ascii)
def test_plain_is_harmless_and_plain_again(nasty: str, text: str) -> None:
    shown = words.plain(text + nasty + text)
    assert _harmless(shown)
    assert words.plain(shown) == shown


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zl", "Zp"))))
def test_plain_keeps_what_is_plain(text: str) -> None:
    assert words.plain(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]never ends", "]never ends"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("a\tb", "a   b"),
        ("naïve 你好 🙂", "naïve 你好 🙂"),
    ],
    ids=ascii,
)
def test_plain(text: str, shown: str) -> None:
    assert words.plain(text) == shown


@given(TEXTS)
def test_json_lines_stay_the_same_json(text: str) -> None:
    line = json.dumps([text.encode("utf-8", "replace").decode()], ensure_ascii=False)
    assert json.loads(words.plain_json(line)) == json.loads(line)
    assert _harmless(words.plain_json(line))


def _trace(text: str) -> Trace:
    calls = (ToolCall(text or "t", {text: [text]}), ToolCall("t", None, text, text))
    reply = ModelReply(assistant(Thought(text), text, *calls), "act")
    return Trace(
        [
            Started(0.0, "run", user(text), AgentSpec(text), text, text),
            Replied(1.0, reply, "step", "", 0.1),
            Returned(2.0, 0, 0, ToolResult("t", (Text(text),))),
            Returned(2.0, 0, 1, ToolResult("t", (Text(text),), "error")),
            Told(3.0, user(text)),
            Replied(4.0, ModelReply(assistant(text), "malformed", text), "step", "", 0.1),
            Stopped(5.0, "failed", text),
            Finished(6.0, Outcome("failed", text), 2, Usage()),
        ]
    )


def _printed(trace: Trace, width: int = 80, *, terminal: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system=None, legacy_windows=False)
    for row in transcript(trace, 5):
        console.print(row, soft_wrap=not terminal)
    return file.getvalue()


@given(TEXTS)
@example("[bold]x[/bold] [/] [link=http://a]b[/link] :smile:")
def test_whatever_a_trace_holds_is_shown_as_text(text: str) -> None:
    assert _harmless(_printed(_trace(text)))


@given(TEXTS, st.integers(10, 60))
def test_a_narrow_terminal_is_filled_and_never_overrun(text: str, width: int) -> None:
    assert _harmless(_printed(_trace(text), width, terminal=True))


@pytest.mark.parametrize("width", [26, 30, 36])
def test_nothing_is_lost_in_a_narrow_terminal(width: int) -> None:
    text = "".join(chr(ord("a") + n % 26) for n in range(90))
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=True, color_system=None).print(Row("action", text, note="0.0"))
    assert text + "0.0" == "".join(file.getvalue().replace("action", "").split())


def test_markup_stays_as_it_was_written() -> None:
    assert "[bold]x[/bold] [/] :smile:" in _printed(_trace("[bold]x[/bold] [/] :smile:"))


def test_rows_wrap_beneath_themselves_on_a_terminal_only() -> None:
    row = Row("label", "word " * 30, number="7")
    file = io.StringIO()
    Console(file=file, width=60, force_terminal=True, color_system=None).print(row)
    lines = file.getvalue().splitlines()
    assert len(lines) > 2
    assert lines[0].startswith("  7 label        word")
    assert all(line.startswith(" " * 17 + "word") for line in lines[1:])


def test_folding_counts_what_it_hides() -> None:
    assert words.folded("\n".join("abcdefgh"), 3) == ("a\nb\nc", 5)
    assert words.folded("\n".join("abc"), 3) == ("a\nb\nc", 0)
    shown, _ = words.folded("x" * 100_000, 2)
    assert len(shown) < 1_000


@given(TEXTS, TEXTS)
def test_a_word_difference_holds_both_texts(before: str, after: str) -> None:
    before, after = words.plain(before), words.plain(after)
    made = pieces(before, after)
    for text, own in ((before, "gone"), (after, "new")):
        assert "".join(piece for kind, piece in made if kind in ("same", own)) == text
    assert all(piece for _, piece in made) or (before, after) == ("", "")


# -------------------------------------------------------------------------------------------------------------- redact


@pytest.mark.parametrize(
    ("patterns", "fields", "text", "shown"),
    [
        (["sk-*"], [], "the key sk-abc123, and more", f"the key {REDACTED} and more"),
        (["*@example.com"], [], "write to ann@example.com now", f"write to {REDACTED} now"),
        (["*@*"], [], "a@b c d@e", f"{REDACTED} c {REDACTED}"),
        (["blue*green"], [], "blue-1-green blue green", f"{REDACTED} blue green"),
        (["1234"], [], "12341234 x1234y", f"{REDACTED}{REDACTED} x{REDACTED}y"),
        ([], ["password"], '{"user": "ann", "password": "hunter2"}', f'{{"user": "ann", "password": "{REDACTED}"}}'),
        ([], ["password"], '[{"a": {"PassWord": [1, 2]}}]', f'[{{"a": {{"PassWord": "{REDACTED}"}}}}]'),
        (
            [],
            ["password"],
            'Action Input: {"password": "hun\\"ter2", "user": "ann"}',
            f'Action Input: {{"password": {REDACTED}, "user": "ann"}}',
        ),
        ([], ["token"], "token=abc; tokens=5", f"token={REDACTED}; tokens=5"),
        ([], ["a.b"], "a.b: 1 axb: 2", f"a.b: {REDACTED} axb: 2"),
    ],
    ids=["prefix", "suffix", "middle", "around", "literal", "field", "nested", "in prose", "assignment", "not a regex"],
)
def test_redaction(patterns: list[str], fields: list[str], text: str, shown: str) -> None:
    assert Redactor(patterns, fields).text(text) == shown


@given(
    st.text(st.sampled_from("ab*"), min_size=1, max_size=6).filter(lambda text: text.strip("*")),
    st.text(st.sampled_from("ab "), max_size=80),
)
def test_what_a_literal_names_is_gone(pattern: str, text: str) -> None:
    masked = Redactor([pattern]).text(text)
    pieces = [piece for piece in pattern.split("*") if piece]
    if len(pieces) == 1:
        assert pieces[0] not in masked.replace(REDACTED, "\n")


def test_a_long_text_takes_no_long_time() -> None:
    Redactor(["a*a*a*a*a*a*a*b", "*a*a*a*c"], ["a"]).text("a" * 200_000)
    assert "password" in Redactor([], ["password"]).text('password="' * 50_000)


@given(
    st.sampled_from(["ok", "act", "step", "native", "a*", "*e*", "s*", "1", "user", "answered"]),
    st.sampled_from(["kind", "type", "text", "name", "step", "index", "at"]),
)
def test_a_redacted_trace_is_still_a_trace(pattern: str, field: str) -> None:
    trace = _trace("sk-1 act ok")
    redacted = Redactor([pattern], [field]).trace(trace)
    assert [event.kind for event in redacted] == [event.kind for event in trace]


def test_fields_of_arguments_are_masked_and_those_of_the_record_are_not() -> None:
    (step, _) = Redactor([], ["name"]).trace(_trace("name")).steps()
    assert step.calls[0].name == "name"
    assert step.calls[0].arguments == {"name": REDACTED}
