"""Reading a reply while it comes, in chunks of any size: what is told and what is read depend on the text alone, never on where it was cut."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Callable

from msgspec.structs import replace

from react_agent.formats.base import Format, RawReply
from react_agent.formats.live import Heard, Kind, Live, Streaming, Voice
from react_agent.formats.lossless import write_json
from react_agent.messages import Delta, ModelReply, ModelRequest, Text

REPLY_CHARS = 16_000_000  # of one reply; what comes beyond counts as cut off by a token limit


class Hearing:
    """A listener's view of one reply: a format's text as thinking, calls and text, while it comes.

    Once the reply is read, `settle` makes good what could not be known before, if need be with a ``restart``. So what was heard since the last
    ``restart`` is the text and the thinking of the reply, but for white space around them. What the API sent as thinking or as a call is told as it
    came, and of a malformed reply what its marks say.
    """

    __slots__ = ("_form", "_live", "_voice")

    def __init__(self, form: Format | None, listen: Callable[[Delta], None]) -> None:
        self._form = form
        self._voice = Voice(listen)
        self._live = _live(form)

    def begin(self) -> None:
        """The reply begins, perhaps anew: what was heard of an earlier try is void."""
        self._voice.again()
        self._live = _live(self._form)

    def __call__(self, delta: Delta) -> None:
        """What the API sent."""
        if delta.kind == "text" and self._live is not None:
            self._live.feed(delta.text, self._voice)
        elif delta.kind == "restart":
            self.begin()
        else:
            self._voice.as_sent(delta)

    def settle(self, reply: ModelReply) -> None:
        """The reply is whole, and was read as `reply`."""
        if self._live is not None:
            self._live.close(self._voice)
        voice, acts = self._voice, reply.reading == "act"
        if reply.reading == "malformed" and any(voice.heard.values()):
            return
        wanted: dict[Kind, str] = {"thinking": reply.message.thought.strip(), "text": reply.message.text.strip()}
        fits = {kind: (bool(voice.heard[kind]) and kind in voice.sent) or _same(voice.heard[kind], text) for kind, text in wanted.items()}
        if (voice.heard["call"] and not acts) or not all(fits[kind] or voice.heard[kind].begins(text) for kind, text in wanted.items()):
            voice.again()
            fits = dict.fromkeys(wanted, False)
        for kind, text in wanted.items():
            begun = voice.heard[kind].length
            if not fits[kind] and len(text) > begun:
                voice.as_sent(Delta(kind, text[begun:]))
        if acts and not voice.heard["call"]:
            for index, call in enumerate(reply.message.calls):
                written = write_json(call.arguments) if call.arguments is not None else call.raw or ""
                voice.as_sent(Delta("call", written, call.name, index))


def _live(form: Format | None) -> Live | None:
    return form.live() if form is not None and isinstance(form, Streaming) else None


def tell(reply: ModelReply, listen: Callable[[Delta], None]) -> None:
    """A reply that came whole, as a listener hears it."""
    Hearing(None, listen).settle(reply)


def _same(heard: Heard, text: str) -> bool:
    """But for white space, as far as the words are remembered."""
    words = heard.words()
    if words is None:
        return heard.length == len(text) and heard.begins(text)
    return words == text or "".join(words.split()) == "".join(text.split())


class StreamReader:
    """Reads one reply from chunks of text, or of bytes in UTF-8, for backends that have no other way.

    Args:
        listen: Told the pieces while they come, see `Hearing`.
        limit: Characters of a reply that are kept.
    """

    def __init__(
        self, form: Format, request: ModelRequest, listen: Callable[[Delta], None] | None = None, *, limit: int = REPLY_CHARS
    ) -> None:
        self._format = form
        self._request = request
        self._hearing = Hearing(form, listen) if listen is not None else None
        self._limit = limit
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._pieces: list[str] = []
        self._length = 0
        self._over = False

    def feed(self, chunk: str | bytes) -> bool:
        """Take a chunk; half a character at its border is kept. False when the reply has reached its limit and is not read on."""
        self._take(self._decoder.decode(chunk) if isinstance(chunk, bytes) else chunk)
        return not self._over

    def _take(self, piece: str) -> None:
        if self._length + len(piece) > self._limit:
            piece, self._over = piece[: self._limit - self._length], True
        if piece:
            self._pieces.append(piece)
            self._length += len(piece)
            if self._hearing is not None:
                self._hearing(Delta("text", piece))

    def finish(self, reply: RawReply | None = None) -> ModelReply:
        """The reply, as it would be read from the whole text. `reply` gives what else the API said: finish, usage, model, parts before the text."""
        self._take(self._decoder.decode(b"", True))
        reply = reply or RawReply(())
        whole = replace(reply, parts=(*reply.parts, Text("".join(self._pieces))), finish="length" if self._over else reply.finish)
        found = self._format.read(whole, self._request)
        if self._hearing is not None:
            self._hearing.settle(found)
        return found
