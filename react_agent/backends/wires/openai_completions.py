"""Plain completions, ``POST {base}/completions``: for models that know no chat. Messages become one prompt; only text formats can be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from react_agent.backends.profiles import COMPATIBLE, Profile
from react_agent.backends.sse import Event
from react_agent.backends.templates import ChatTemplate, Said
from react_agent.backends.wires.base import END, Found, Framing, dumps, loads, no_picture, objects, safe_name, text
from react_agent.backends.wires.openai_chat import OpenAIChat
from react_agent.backends.wires.openai_chat_stream import ChatReader
from react_agent.errors import BackendError
from react_agent.formats.base import RawReply
from react_agent.formats.constraint import Constraint
from react_agent.framing import without_control
from react_agent.messages import Delta, Head, Image, JsonObject, Message, Role, Text, ToolChoice

DEFAULT_MAX_TOKENS = (
    1024  # some servers take 16, as the API had it once, which holds no step; older models have room for little more than this
)


@dataclass(frozen=True, slots=True)
class Template:
    """What stands around a message of each role, and what the model's turn begins with.

    A template that leaves the assistant's turns open lets the model go on in its own text, as the paper's prompts do.
    """

    system: tuple[str, str] = ("", "\n\n")
    user: tuple[str, str] = ("", "\n")
    assistant: tuple[str, str] = ("", "\n")
    opening: str = ""

    def around(self, role: Role) -> tuple[str, str]:
        return self.system if role == "system" else self.assistant if role == "assistant" else self.user


TEMPLATES = {
    "plain": Template(),
    "chatml": Template(
        ("<|im_start|>system\n", "<|im_end|>\n"),
        ("<|im_start|>user\n", "<|im_end|>\n"),
        ("<|im_start|>assistant\n", "<|im_end|>\n"),
        "<|im_start|>assistant\n",
    ),
    "zephyr": Template(("<|system|>\n", "</s>\n"), ("<|user|>\n", "</s>\n"), ("<|assistant|>\n", "</s>\n"), "<|assistant|>\n"),
    "llama2": Template(("[INST] <<SYS>>\n", "\n<</SYS>>\n [/INST]"), ("[INST] ", " [/INST]"), (" ", " </s><s>")),
    "alpaca": Template(("", "\n\n"), ("### Instruction:\n", "\n\n"), ("### Response:\n", "\n\n"), "### Response:\n"),
}


@dataclass(frozen=True, slots=True)
class OpenAICompletions:
    """The wire for one model."""

    model: str
    profile: Profile = COMPATIBLE
    template: Template | ChatTemplate = TEMPLATES["plain"]
    framing: Framing = "sse"
    silent_cuts: bool = False

    @property
    def api(self) -> str:
        return "openai-completions"

    @property
    def _chat(self) -> OpenAIChat:
        """Headers, errors and the form of the reply are those of the chat API."""
        return OpenAIChat(self.model, self.profile)

    def headers(self, key: str | None) -> dict[str, str]:
        return self._chat.headers(key)

    def path(self, *, stream: bool) -> str:
        return "/completions"

    def tool_name(self, name: str) -> str:
        return safe_name(name)

    def encode(self, message: Message, before: Message | None, at: int) -> bytes:
        """A piece of a JSON string, without its quotes; for a Jinja template, which wants to see all of them, the message as an object."""
        said = "".join(
            part.text if isinstance(part, Text) else no_picture(part) for part in message.parts if isinstance(part, Text | Image)
        )
        if message.role == "user" and self.template != TEMPLATES["plain"]:  # results are among them
            said = without_control(said)
        if isinstance(self.template, ChatTemplate):
            return dumps({"role": message.role, "content": said}) if said or message.role != "system" else b""
        start, end = self.template.around(message.role)
        return dumps(start + said + end)[1:-1]

    def options(self, head: Head, stop: Sequence[str], tool_choice: ToolChoice, *, native: bool, stream: bool) -> JsonObject:
        asked = replace(self.profile, max_tokens="max_tokens", thinking=None)
        if isinstance(self.template, ChatTemplate):
            stop = (*stop, *self.template.stop)
        said = OpenAIChat(self.model, asked).options(head, stop, tool_choice, native=False, stream=stream)
        return {"max_tokens": DEFAULT_MAX_TOKENS, **said}

    def constrain(self, constraint: Constraint) -> JsonObject:
        """As in the chat API; llama.cpp passes ``response_format`` over here, but not ``grammar``."""
        return self._chat.constrain(constraint)

    def body(self, chunks: Sequence[bytes], options: bytes, *, system: bool) -> bytes:
        if isinstance(self.template, ChatTemplate):
            said = cast("list[Said]", loads(b"[" + b",".join(filter(None, chunks)) + b"]"))
            return b'{"prompt":' + dumps(self.template.render(said)) + b"," + options[1:]
        return b'{"prompt":"' + b"".join(chunks) + dumps(self.template.opening)[1:-1] + b'",' + options[1:]

    def read(self, found: Found) -> RawReply:
        return self._chat.read(_as_chat(found, "message"))

    def reader(self) -> CompletionsReader:
        return CompletionsReader(self._chat)

    def salvage(self, status: int, body: bytes) -> RawReply | None:
        return self._chat.salvage(status, body)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> BackendError:
        return self._chat.error(status, headers, body)


def _as_chat(found: Found, field: str) -> Found:
    """The same with each choice's text where the chat API has it."""
    choices = [{**choice, field: {"content": text(choice.get("text"))}} for choice in objects(found.get("choices")) if "text" in choice]
    return {**found, "choices": choices} if choices else found


class CompletionsReader:
    """Puts the chunks of one streamed completion together."""

    __slots__ = ("_reader",)

    def __init__(self, wire: OpenAIChat) -> None:
        self._reader = ChatReader(wire)

    @property
    def done(self) -> bool:
        return self._reader.done

    def feed(self, event: Event) -> Sequence[Delta]:
        if event[1].strip() == END:
            return self._reader.feed(event)
        found = loads(event[1])
        return self._reader.take(_as_chat(found, "delta"), event[0]) if isinstance(found, dict) else ()

    def finish(self) -> RawReply:
        return self._reader.finish()
