"""What a server's tools were when they were first seen, so that it is noticed when they become others.

A tool's description goes into the prompt: a server that changes it later ("rug pull") speaks to the model with nobody looking. A pin is the
SHA-256 over all that a server says of one tool.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from react_agent.errors import ConfigError
from react_agent.messages import JsonObject
from react_agent.stores.files import replace_file


def tool_pin(said: JsonObject) -> str:
    """32 hex digits over what a server says of a tool: its entry of ``tools/list``, without ``_meta`` and icons."""
    kept = {
        key: value for key, value in said.items() if key in ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Pins:
    """Pins of servers in a JSON file. A server that is not in it is trusted on first use and written down.

    Args:
        path: The file; it is made when it is missing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def load(self, server: str) -> dict[str, str] | None:
        """The pins of a server by tool, or None where it was not seen before. Raises `ConfigError` for a file that holds something else."""
        entry = self._read().get(server)
        return None if entry is None else dict(entry)

    def save(self, server: str, pins: Mapping[str, str]) -> None:
        """Write a server's pins down, instead of those before."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(self.path.parent):
            known = self._read()
            known[server] = dict(pins)
            replace_file(self.path, json.dumps(known, indent=2, sort_keys=True).encode() + b"\n")

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            data = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ConfigError(f"{self.path} is no file of pins: {error}") from None
        if not isinstance(data, dict) or not all(isinstance(entry, dict) for entry in data.values()):
            raise ConfigError(f"{self.path} is no file of pins: it has to be an object of objects")
        return data


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time, where the system has such locks: of two servers that are first seen at once, neither may be forgotten."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover - no such locks on this system
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def check_pins(server: str, pinned: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raise `ConfigError` where a tool is not what it was, is new, or is gone."""
    changed = sorted(name for name in now if name in pinned and pinned[name] != now[name])
    added, gone = sorted(now.keys() - pinned.keys()), sorted(pinned.keys() - now.keys())
    found = [f"{what} {', '.join(names)}" for what, names in (("changed", changed), ("new", added), ("gone", gone)) if names]
    if found:
        raise ConfigError(
            f"the MCP server {server} does not offer the tools that were pinned ({'; '.join(found)}). Look at what it says of them now; "
            "if that is well, pin it anew: give pins=server.pins, or remove its entry from the file of pins"
        )
