"""`images(root)`: pictures beneath one folder, for models that can see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from react_agent import Image, Text, Tool, ToolError, tool
from react_agent_tools.confined import HIDDEN, Root

MAX_BYTES = 5 * 2**20  # what the large providers take for one picture
_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"))


def images(root: str | Path = ".", *, hide: Sequence[str] = HIDDEN, max_bytes: int = MAX_BYTES) -> Tool:
    """The tool ``load_image``, confined to a folder like `files`.

    Args:
        root: The folder. It has to exist.
        hide: Shell-style patterns of names that are off limits.
        max_bytes: Of one picture.

    Raises:
        ConfigError: The folder is missing, or the system cannot confine.
    """
    folder = Root(root, hide)

    @tool(read_only=True, idempotent=True, examples=[{"path": "charts/sales.png"}])
    def load_image(path: str) -> list[Text | Image]:
        """Look at a picture: PNG, JPEG, GIF or WebP.

        Args:
            path: Path relative to the root folder, with '/'.
        """
        data = folder.read(path, max_bytes)
        kind = _kind(data)
        if kind is None:
            raise ToolError(f"{path} is no picture that can be shown: PNG, JPEG, GIF and WebP can")
        return [Text(f"{path} ({kind}, {len(data):,} bytes)"), Image.from_bytes(data, kind)]

    return load_image


def _kind(data: bytes) -> str | None:
    """By its first bytes, whatever its name says."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _KINDS if data.startswith(magic)), None)
