"""A client of httpx2 is taken in the place of one of httpx: the same shape is enough. Over real sockets, and with its own mock transport."""

from __future__ import annotations

import asyncio
import json

import pytest
from faults._server import Play, chunked, head, script, serve, whole

from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.retry import Timeouts
from react_agent.errors import BackendError, BackendProtocolError, BackendRejected, BackendTimeout, BackendUnavailable
from react_agent.messages import Delta, ModelReply

from ._say import ANSWER, CHUNKS, KEY, URL, asked, sse

httpx2 = pytest.importorskip("httpx2", reason="httpx2 is not installed")
PATIENT = Timeouts(5.0, 5.0, 30.0)
BODY = json.dumps(ANSWER).encode()


async def ask(url: str, client: object, *, stream: bool = False, times: Timeouts = PATIENT) -> tuple[ModelReply, list[Delta]]:
    heard: list[Delta] = []
    backend = OpenAIChatBackend("m", base_url=url, api_key=KEY, client=client, timeout=times, max_retries=0)  # type: ignore[arg-type]
    try:
        return await backend.reply(asked(), listen=heard.append if stream else None), heard
    finally:
        await backend.aclose()


def over_a_socket(play: Play, *, stream: bool = False, times: Timeouts = PATIENT) -> tuple[ModelReply, list[Delta]]:
    async def go() -> tuple[ModelReply, list[Delta]]:
        async with serve(play) as (url, _), httpx2.AsyncClient() as client:
            found = await ask(url, client, stream=stream, times=times)
            assert not client.is_closed, "it is the caller's to close"
            return found

    return asyncio.run(go())


def test_a_whole_reply() -> None:
    assert over_a_socket(whole(BODY))[0].message.text == "four"


def test_a_streamed_reply() -> None:
    reply, heard = over_a_socket(chunked(sse(*CHUNKS)), stream=True)
    assert reply.message.text == "four"
    assert [delta.text for delta in heard] == ["fo", "ur"]


def test_its_mock_transport() -> None:
    seen = []

    def answer(request: object) -> object:
        seen.append(request)
        return httpx2.Response(200, json=ANSWER)

    async def go() -> ModelReply:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
            return (await ask(URL, client))[0]

    assert asyncio.run(go()).message.text == "four"
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"  # type: ignore[attr-defined]


FAULTS: dict[str, tuple[Play, type[BackendError], str]] = {
    "an error of the server": (whole(b'{"error":{"message":"boom"}}', "500 Oops"), BackendUnavailable, "boom"),
    "a rejection": (whole(b'{"error":{"message":"boom"}}', "400 Bad"), BackendRejected, "boom"),
    "reset": (script("reset"), BackendUnavailable, "lost"),
    "cut": (script(head(length=99) + b'{"cho'), BackendProtocolError, "cut"),
    "silent": (script("hang"), BackendTimeout, "silent"),
    "not HTTP": (script(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), BackendProtocolError, "HTTP"),
}


@pytest.mark.parametrize(("play", "kind", "words"), FAULTS.values(), ids=FAULTS)
def test_its_exceptions_become_ours(play: Play, kind: type[BackendError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        over_a_socket(play, times=Timeouts(5.0, 0.2, 2.0))
    assert type(caught.value) is kind


def test_nobody_listens() -> None:
    async def go() -> None:
        async with serve(script()) as (url, _):
            pass
        async with httpx2.AsyncClient() as client:
            await ask(url, client)

    with pytest.raises(BackendUnavailable, match="check that the server runs"):
        asyncio.run(go())
