"""A message and what it is made of."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, TypeVar, final

import msgspec
from msgspec import Struct
from pydantic import JsonValue
from pydantic_core import core_schema

from react_agent.errors import ConfigError

if TYPE_CHECKING:
    JsonObject: TypeAlias = dict[str, JsonValue]
else:  # what was read from JSON needs no further check
    JsonObject = dict[str, Any]
Role = Literal["system", "user", "assistant", "tool"]
ResultStatus = Literal["ok", "error", "timeout", "refused", "invalid", "unknown_tool"]


def clean(text: str) -> str:
    """The text with lone surrogates replaced by U+FFFD, so that it can be encoded, stored and sent."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # a pair that was split becomes its character
    return text


class Noun(Struct, frozen=True, omit_defaults=True, gc=False):
    """What is written down: an immutable value that is made, compared and encoded in a fraction of a microsecond.

    The garbage collector does not look at it: what is made of finished parts is never part of a cycle.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> core_schema.CoreSchema:
        """For a pydantic model that holds one: it is taken as it is or in the form that it has in a trace, and written in that form."""

        def read(value: object) -> Noun:
            return value if isinstance(value, cls) else msgspec.convert(value, cls)

        written = core_schema.plain_serializer_function_ser_schema(msgspec.to_builtins)
        return core_schema.no_info_plain_validator_function(read, serialization=written)


# --------------------------------------------------------------------------------------------------------------- parts


@final
class Text(Noun, frozen=True, tag_field="type", tag="text"):
    """Plain text."""

    text: str
    provider_data: JsonObject | None = None
    type: ClassVar[Literal["text"]] = "text"


@final
class Image(Noun, frozen=True, tag_field="type", tag="image"):
    """A picture: base64 ``data``, or a ``url``, or the ``sha256`` of bytes that lie beside the trace.

    ``media_type`` is a MIME type such as ``image/png``.
    """

    media_type: str
    data: str | None = None
    url: str | None = None
    sha256: str | None = None
    provider_data: JsonObject | None = None
    type: ClassVar[Literal["image"]] = "image"

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str = "image/png") -> Image:
        return cls(media_type, base64.b64encode(data).decode("ascii"))

    @classmethod
    def from_file(cls, path: str | Path) -> Image:
        media_type = mimetypes.guess_type(str(path))[0] or "image/png"
        return cls.from_bytes(Path(path).read_bytes(), media_type)


@final
class Thinking(Noun, frozen=True, tag_field="type", tag="thinking"):
    """What the model thought: a ReAct ``Thought:``, or a provider's reasoning (whose signature is in ``provider_data``)."""

    text: str
    provider_data: JsonObject | None = None
    type: ClassVar[Literal["thinking"]] = "thinking"


@final
class ToolCall(Noun, frozen=True, tag_field="type", tag="tool_call"):
    """A call that a model wrote. Its identity is its place: (step, index).

    Attributes:
        name: The tool's name as written.
        arguments: The parsed object, or None when it could not be read; then ``complaint`` says why.
        complaint: What is wrong with the text, in words that the model can act on.
        raw: The arguments' text as the model wrote it, kept where it is not plain from ``arguments``.
        provider_data: For instance the provider's call id; sent back to the same API only.
    """

    name: str
    arguments: JsonObject | None = None
    complaint: str | None = None
    raw: str | None = None
    provider_data: JsonObject | None = None
    type: ClassVar[Literal["tool_call"]] = "tool_call"


ResultPart: TypeAlias = Text | Image


@final
class ToolResult(Noun, frozen=True, tag_field="type", tag="tool_result"):
    """What came of one call. A tool message holds one for each call of the assistant message before it, in call order.

    Attributes:
        name: The tool's name.
        content: Text and images for the model.
        status: ``ok``; or why there is no result: the tool raised (``error``), took too long (``timeout``), was not allowed
            (``refused``), the arguments broke the schema or were unreadable (``invalid``), or there is no such tool.
        untrusted: The text came from an open world and is data, never instructions.
    """

    name: str
    content: tuple[ResultPart, ...]
    status: ResultStatus = "ok"
    untrusted: bool = False
    type: ClassVar[Literal["tool_result"]] = "tool_result"

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    @property
    def text(self) -> str:
        content = self.content
        if len(content) == 1 and type(content[0]) is Text:
            return content[0].text
        return "\n".join([part.text for part in content if type(part) is Text])


Part: TypeAlias = Text | Image | Thinking | ToolCall | ToolResult


class Message(Noun, frozen=True):
    """One turn of one speaker."""

    role: Role
    parts: tuple[Part, ...]
    provider_data: JsonObject | None = None

    @property
    def text(self) -> str:
        """All text parts, joined by nothing."""
        return "".join(part.text for part in self.parts if type(part) is Text)

    @property
    def thought(self) -> str:
        return "\n".join(part.text for part in self.parts if type(part) is Thinking)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if type(part) is ToolCall)

    @property
    def results(self) -> tuple[ToolResult, ...]:
        return tuple(part for part in self.parts if type(part) is ToolResult)


def system(text: str) -> Message:
    return Message("system", (Text(text),))


def user(*parts: str | Text | Image) -> Message:
    return Message("user", tuple([Text(clean(part)) if isinstance(part, str) else _clean_part(part) for part in parts]))


P = TypeVar("P", "Text | Image", "Part")


def _clean_part(part: P) -> P:
    if type(part) is Text and (text := clean(part.text)) is not part.text:
        return Text(text, part.provider_data)
    return part


def assistant(*parts: str | Text | Thinking | ToolCall) -> Message:
    return Message("assistant", tuple(Text(part) if isinstance(part, str) else part for part in parts))


Task: TypeAlias = str | Message | Sequence[str | Text | Image]  # in any of the forms that a caller may give one


def as_parts(value: Task) -> Message:
    """A task in any of the forms a caller may give it, as a user message. Raises `ConfigError` for what asks nothing, or
    could not be written down and read again."""
    if isinstance(value, str) and value and not value.isspace():
        return Message("user", (Text(clean(value)),))
    try:
        if isinstance(value, Message):
            message = Message(value.role, tuple([_clean_part(part) for part in value.parts]), value.provider_data)
        elif isinstance(value, str):
            message = user(value)
        elif isinstance(value, (list, tuple)) and value:
            message = user(*value)
        else:
            raise TypeError(f"{type(value).__name__} is nothing of these, or holds nothing")
        written = msgspec.json.decode(msgspec.json.encode(message), type=Message)
        if written.role != "user" or not all(isinstance(part, Text | Image) for part in written.parts):
            raise TypeError("a Message that a person says has the role 'user', and Text and Image as its parts")
    except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:  # msgspec's are among them
        raise ConfigError(f"a task is text, a list of texts and images, or a Message: {error}") from error
    if all(isinstance(part, Text) and (not part.text or part.text.isspace()) for part in written.parts):
        raise ConfigError("the task is empty: say in words, or with an image, what the model is to do")
    return written
