"""Reading a reply while it comes, in chunks of any size: the reading depends on the text alone, never on where it was cut into chunks."""

from __future__ import annotations

from codecs import getincrementaldecoder

from msgspec.structs import replace

from react_agent.formats.base import Format, RawReply
from react_agent.messages import ModelReply, ModelRequest, Text, clean

REPLY_CHARS = 16_000_000  # of one reply; what comes beyond counts as cut off by a token limit
_FIRST_LOOK = 64
# Formats whose step is one block: it is known to be whole as soon as something follows it. In the others a further call may follow.
_ONE_BLOCK = frozenset({"react_text", "json_step"})


class StreamReader:
    """Collects chunks and reads them once the reply has ended.

    `feed` tells when the step is whole although the server goes on (it ignores stop sequences, and the model makes up an observation),
    so that the rest need not be waited for. It looks again each time the text has grown by a quarter, so all looks together cost no
    more than a few readings. A thinking block that the prompt's template opened is known only by its end, so for models that think,
    `early` must be left off.
    """

    def __init__(self, form: Format, request: ModelRequest, *, early: bool = False, limit: int = REPLY_CHARS) -> None:
        self._format = form
        self._request = request
        self._early = early and form.name in _ONE_BLOCK
        self._limit = limit
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._pieces: list[str] = []
        self._length = 0
        self._look_at = _FIRST_LOOK
        self._over = False

    @property
    def text(self) -> str:
        """What has come so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def feed(self, chunk: str | bytes) -> bool:
        """Take a chunk; True when the step is whole and the rest can be left. Half a character at a chunk's border is kept."""
        piece = self._decoder.decode(chunk) if isinstance(chunk, bytes) else chunk
        if self._length + len(piece) > self._limit:
            piece, self._over = piece[: self._limit - self._length], True
        if piece:
            self._pieces.append(piece)
            self._length += len(piece)
        if self._over:
            return True
        if not self._early or self._length < self._look_at:
            return False
        self._look_at = self._length + max(_FIRST_LOOK, self._length // 4)
        # what would be an act even if the reply had been cut here is whole
        return self._read(self.text, RawReply((), "length")).reading == "act"

    def finish(self, reply: RawReply | None = None) -> ModelReply:
        """The reply. `reply` gives what else the wire knows: finish, usage, model, parts before the text."""
        tail = self._decoder.decode(b"", True)
        if tail:
            self._pieces.append(tail)
        reply = reply or RawReply(())
        return self._read(clean(self.text), replace(reply, finish="length") if self._over else reply)

    def _read(self, text: str, reply: RawReply) -> ModelReply:
        return self._format.read(replace(reply, parts=(*reply.parts, Text(text))), self._request)
