"""Between MCP's words and ours: what a server says of a tool, and what a call gives. Everything from outside is bounded here."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict, cast

from msgspec.structs import replace

from react_agent.care import OutputCheck
from react_agent.errors import ConfigError, ToolError
from react_agent.messages import Image, JsonObject, Text, ToolSpec, clean
from react_agent.rendering import picture
from react_agent.tooling import Tool

if TYPE_CHECKING:
    import mcp_types

MAX_DESCRIPTION = 10_000  # characters
MAX_PICTURE = 20_000_000  # base64 characters
_ODD = re.compile(r"[^A-Za-z0-9_.-]")


def name_of(said: JsonObject, prefix: str) -> str:
    """A name that an agent can use; MCP's older versions allow any."""
    name = prefix + _ODD.sub("_", str(said.get("name", "")))[:120]
    return name if name[:1].isalpha() or name[:1] == "_" else f"_{name}"


def tool_from(
    said: JsonObject, function: Callable[..., object], *, prefix: str, believe: bool, timeout: float | None
) -> tuple[Tool, OutputCheck | None]:
    """A tool of what a server says of one, and the check of its structured results.

    Raises:
        ConfigError: Its schema cannot be compiled and applied safely, or its name or description is none.
    """
    name = name_of(said, prefix)
    description = str(said.get("description") or said.get("title") or "")
    if len(description) > MAX_DESCRIPTION:
        raise ConfigError(f"its description has {len(description):,} characters; at most {MAX_DESCRIPTION:,} are taken")
    annotations = said.get("annotations")
    claims = _claims(annotations if isinstance(annotations, dict) and believe else {})
    schema, output = said.get("inputSchema"), said.get("outputSchema")
    if not isinstance(schema, dict):
        raise ConfigError("it has no input schema")
    made = Tool.from_schema(name=name, description=description, parameters=schema, function=function, timeout=timeout, **claims)
    made.other_names = (str(said["name"]), name_of(said, ""))
    if not isinstance(output, dict):
        return made, None
    check = OutputCheck(output)
    made.spec = replace(made.spec, output_schema=output)
    return made, check


class Claims(TypedDict):
    """A server's annotations, as options of a tool."""

    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool


def _claims(annotations: JsonObject) -> Claims:
    """MCP's annotations as ours, with MCP's own defaults where nothing is said; the careful one of two that contradict each other."""
    read_only = annotations.get("readOnlyHint") is True
    destructive = annotations.get("destructiveHint")
    if read_only and destructive is True:
        read_only = False
    return {
        "read_only": read_only,
        "destructive": not read_only if not isinstance(destructive, bool) else destructive and not read_only,
        "idempotent": annotations.get("idempotentHint") is True,
        "open_world": annotations.get("openWorldHint") is not False,
    }


def parts_from(result: mcp_types.CallToolResult, check: OutputCheck | None) -> list[Text | Image]:
    """What a model is shown of a result. Raises `ToolError` where the server says that it is an error, or sent what its schema does not allow."""
    parts = [
        part
        for block in result.content
        for part in _part(cast("JsonObject", block.model_dump(by_alias=True, exclude_none=True, mode="json")))
    ]
    structured = result.structured_content
    if result.is_error:
        raise ToolError("\n".join(part.text for part in parts if isinstance(part, Text)) or "the tool failed and did not say why")
    if check is not None:
        complaint = "it sent none" if structured is None else check.complaint(structured)
        if complaint is not None:
            raise ToolError(
                f"The server's structured result is not what the tool's output schema says, so it is not used: {complaint}"[:2_000]
            )
    if not parts and structured is not None:
        parts = [Text(clean(json.dumps(structured, ensure_ascii=False)))]
    return parts or [Text("done")]


def _part(block: JsonObject) -> list[Text | Image]:
    match block:
        case {"type": "text", "text": str(text)}:
            return [Text(clean(text))]
        case {"type": "image", "data": str(data), "mimeType": str(media_type)}:
            return [_picture(data, media_type)]
        case {"type": "audio", "mimeType": str(media_type)}:
            return [Text(f"[sound, {clean(media_type)[:100]}, which cannot be shown]")]
        case {"type": "resource_link", "uri": str(uri)}:
            name = str(block.get("description") or block.get("title") or block.get("name") or "")
            return [Text(clean(f"[resource {uri}] {name}".rstrip()))]
        case {"type": "resource", "resource": {"uri": str(uri), "text": str(text)}}:
            return [Text(clean(f"[resource {uri}]\n{text}"))]
        case {"type": "resource", "resource": {"uri": str(uri), "blob": str(data), **rest}}:
            media_type = str(rest.get("mimeType", "")) or "unknown type"
            return [
                _picture(data, media_type)
                if media_type.startswith("image/")
                else Text(clean(f"[resource {uri}: {media_type}, which cannot be shown]"))
            ]
        case _:
            return [Text(f"[content of the type {str(block.get('type'))[:60]!r}, which cannot be shown]")]


def _picture(data: str, media_type: str) -> Text | Image:
    shown = None
    if len(data) <= MAX_PICTURE:
        with contextlib.suppress(ValueError):
            shown = picture(base64.b64decode(data))
    return shown or Text(f"[a picture of {len(data):,} characters, {clean(media_type)[:60]}, which cannot be shown]")


# ------------------------------------------------------------------------------------------------------- the other way


def said_of(spec: ToolSpec) -> JsonObject:
    """A tool as an entry of ``tools/list``."""
    said: JsonObject = {
        "name": spec.name,
        "description": spec.description,
        "inputSchema": spec.parameters,
        "annotations": {
            "readOnlyHint": spec.read_only,
            "destructiveHint": bool(spec.destructive) if spec.destructive is not None else not spec.read_only,
            "idempotentHint": spec.idempotent,
            "openWorldHint": spec.open_world,
        },
    }
    if spec.output_schema is not None and spec.output_schema.get("type") == "object":
        said["outputSchema"] = spec.output_schema
    return said
