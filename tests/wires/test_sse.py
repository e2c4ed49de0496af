"""Server-sent events, however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from react_agent.backends.sse import NDJSONParser, Parser, SSEParser
from react_agent.errors import BackendProtocolError

CASES = {
    "one": (b"data: a\n\n", [("", b"a")]),
    "no space": (b"data:a\n\n", [("", b"a")]),
    "only one space is taken": (b"data:  a\n\n", [("", b" a")]),
    "crlf": (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", b"a"), ("", b"b")]),
    "cr": (b"data: a\r\rdata: b\r\r", [("", b"a"), ("", b"b")]),
    "mixed": (b"data: a\r\n\ndata: b\n\r\n", [("", b"a"), ("", b"b")]),
    "several lines, crlf": (b"event: e\r\ndata: a\r\ndata: b\r\n\r\n", [("e", b"a\nb")]),
    "several lines": (b"data: a\ndata: b\ndata\ndata: c\n\n", [("", b"a\nb\n\nc")]),
    "named": (b"event: ping\ndata: {}\n\ndata: x\n\n", [("ping", b"{}"), ("", b"x")]),
    "name without data is no event": (b"event: ping\n\ndata: x\n\n", [("", b"x")]),
    "comments, ids and retries": (b": PROCESSING\n\nid: 7\nretry: 10\ndata: a\n: c\n\n", [("", b"a")]),
    "unknown fields": (b"foo: bar\nbaz\ndata: a\n\n", [("", b"a")]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
    "half characters": ("data: é😀\n\n".encode(), [("", "é😀".encode())]),
    "no empty line at the end": (b"data: a\n\ndata: [DONE]", [("", b"a"), ("", b"[DONE]")]),
    "nothing": (b"", []),
}


def parse(parser: Parser, chunks: list[bytes]) -> list[tuple[str, bytes]]:
    out = [event for chunk in chunks for event in parser.feed(chunk)]
    return out + parser.close()


@pytest.mark.parametrize(("stream", "events"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
def test_events(stream: bytes, events: list[tuple[str, bytes]], size: int) -> None:
    assert parse(SSEParser(), [stream[at : at + size] for at in range(0, len(stream), size)]) == events


@given(
    st.lists(st.sampled_from(["data: é", "data:", "event: e", ": c", "", "\r", "x", "data"]), max_size=12),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_the_cuts_do_not_matter(lines: list[str], cuts: list[int]) -> None:
    stream = "\n".join(lines).encode()
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    pieces = [stream[a:b] for a, b in pairwise(places)]
    assert parse(SSEParser(), pieces) == parse(SSEParser(), [stream])


def test_lines_of_json() -> None:
    assert parse(NDJSONParser(), [b'{"a"', b":1}\n\n{}", b"\r\n{", b"}"]) == [("", b'{"a":1}'), ("", b"{}"), ("", b"{}")]


def test_a_line_without_end_is_given_up() -> None:
    parser = SSEParser(limit=100)
    with pytest.raises(BackendProtocolError, match="more than 100 bytes"):
        parse(parser, [b"x"] * 200)
