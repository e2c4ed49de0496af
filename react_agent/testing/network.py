"""No connection leaves a test. Only for those that ask for it: nothing is changed by importing this."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias
from unittest.mock import patch

Allowed: TypeAlias = Literal[False, "loopback"]
_LOOPBACK = ("127.", "::1", "localhost")
_AHEAD = ("connect", "connect_ex", "sendto")


class NetworkBlocked(RuntimeError):
    """A test tried to reach the network. No `OSError`: clients would take it for a server that is away, and try again."""


@contextmanager
def network_blocked(allow: Allowed = False) -> Iterator[list[str]]:
    """Within this, sockets connect to nothing but this machine's own pipes and, if allowed, to loopback.

    Gives a list that grows by each host that was tried: a client may well hide the reason why it failed.

    Raises:
        NetworkBlocked: In whatever tried; an agent takes it for a lost backend.
    """
    tried: list[str] = []
    inner = False  # a pair of sockets is made by a connection on systems that know no better; an event loop needs one
    pair = socket.socketpair

    def socketpair(*args: int) -> tuple[socket.socket, socket.socket]:
        nonlocal inner
        inner = True
        try:
            return pair(*args)
        finally:
            inner = False

    def guard(host: object) -> None:
        if inner or (allow == "loopback" and str(host).startswith(_LOOPBACK)):
            return
        tried.append(str(host))
        raise NetworkBlocked(
            f"this test tried to reach {host!r}, and the network is blocked: script the model, record its replies, "
            "or mark the test with @pytest.mark.react_agent(network=True)"
        )

    resolve = socket.getaddrinfo

    def getaddrinfo(host: str | None, *args: object, **more: object) -> object:
        if host is not None:
            guard(host)
        return resolve(host, *args, **more)  # type: ignore[arg-type]  # handed on as it came

    with patch.object(socket, "socketpair", socketpair), patch.object(socket, "getaddrinfo", getaddrinfo):
        patches = [patch.object(socket.socket, name, _guarded(getattr(socket.socket, name), guard)) for name in _AHEAD]
        for one in patches:
            one.start()
        try:
            yield tried
        finally:
            for one in patches:
                one.stop()


def _guarded(real: Callable[..., object], guard: Callable[[object], None]) -> Callable[..., object]:
    def attempt(self: socket.socket, *args: object) -> object:
        address = args[-1]
        if self.family != getattr(socket, "AF_UNIX", None):
            guard(address[0] if isinstance(address, tuple) else address)
        return real(self, *args)

    return attempt
