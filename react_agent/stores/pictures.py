"""Large pictures, which lie beside a trace under their SHA-256 and not in its lines."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from msgspec.structs import replace

from react_agent.errors import TraceError
from react_agent.events import Event, Returned, Started, Told
from react_agent.messages import Image, Message, Part
from react_agent.stores.files import replace_file

IMAGE_BYTES_INLINE = 64 * 1024
FOLDER = "images"


def _swapped(event: Event, swap: dict[int, Image]) -> Event:
    def parts(message: Message) -> Message:
        new: tuple[Part, ...] = tuple(swap.get(id(part), part) if isinstance(part, Image) else part for part in message.parts)
        return replace(message, parts=new)

    match event:
        case Started():
            return replace(event, task=parts(event.task))
        case Told():
            return replace(event, message=parts(event.message))
        case Returned():
            content = tuple(swap.get(id(part), part) if isinstance(part, Image) else part for part in event.result.content)
            return replace(event, result=replace(event.result, content=content))
        case _:
            return event


def pictures_of(event: Event) -> list[Image]:
    """Those that people and tools gave."""
    match event:
        case Returned():
            content = event.result.content
            return [part for part in content if isinstance(part, Image)] if len(content) != 1 or type(content[0]) is Image else []
        case Started():
            return [part for part in event.task.parts if isinstance(part, Image)]
        case Told():
            return [part for part in event.message.parts if isinstance(part, Image)]
        case _:
            return []


def put_out(event: Event, folder: Path) -> Event:
    """The event with references to its large pictures, which are written beside the trace in `folder`. Raises `OSError`."""
    swap: dict[int, Image] = {}
    for image in pictures_of(event):
        if image.data is None or len(image.data) * 3 // 4 <= IMAGE_BYTES_INLINE or (data := _decoded(image.data)) is None:
            continue
        digest = hashlib.sha256(data).hexdigest()
        path = folder / FOLDER / digest
        if not path.exists() or path.stat().st_size != len(data):  # a killed writer may have left half of it
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, data)  # another run may be reading or writing the same picture
        swap[id(image)] = replace(image, data=None, sha256=digest)
    return _swapped(event, swap) if swap else event


def _decoded(text: str) -> bytes | None:
    """The bytes of a picture, or None where they would not give the same text again: then it stays in its line."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if base64.b64encode(data).decode("ascii") == text else None


def brought_in(event: Event, folder: Path, missing: dict[Path, None]) -> Event:
    """The event with the pictures that it refers to. `missing` takes the paths of those that are not there. Raises `TraceError` for a damaged one."""
    swap: dict[int, Image] = {}
    for image in pictures_of(event):
        if image.data is not None or image.sha256 is None or not re.fullmatch(r"[0-9a-f]{64}", image.sha256):
            continue
        path = folder / FOLDER / image.sha256
        if path.exists():
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != image.sha256:
                raise TraceError(f"{path} is damaged: it is not the picture whose SHA-256 is its name; restore it, or remove it")
            swap[id(image)] = replace(image, data=base64.b64encode(data).decode("ascii"), sha256=None)
        elif image.url is None:
            missing[path] = None
    return _swapped(event, swap) if swap else event
