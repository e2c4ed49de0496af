"""`files(root)`: read, write, edit, list and search files beneath one folder, and nothing outside of it.

Confinement is that of `confined.Root`: no ``..``, no absolute paths, no links, safe against folders that are swapped while a call runs. Names such
as ``.git`` and ``.env`` are off limits, since who can write a hook or read a key needs no other way out. Reading never blocks (pipes and devices
are refused), writing is atomic, and everything is bounded.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic_core import SchemaError, SchemaValidator, core_schema

from react_agent import ToolError, ToolRegistry, tool
from react_agent_tools.confined import HIDDEN, Entry, Full, Root, read_in, shown

MAX_BYTES = 16 * 2**20
_SHOWN_CHARS = 24_000  # of one call: below what an agent cuts by default
_LINE_CHARS = 2_000
_MATCH_CHARS = 200
_MAX_LISTED = 500
_MAX_WALKED = 50_000
_MAX_MATCHES = 100
_SEARCH_SECONDS = 10.0
_SEARCH_BYTES = 512 * 2**20


def files(root: str | Path = ".", *, writable: bool = True, hide: Sequence[str] = HIDDEN, max_bytes: int = MAX_BYTES) -> ToolRegistry:
    """Tools for the files beneath a folder: ``read_file``, ``list_files``, ``search_files``, and ``write_file``, ``edit_file`` if `writable`.

    ::

        agent = Agent("openai:gpt-5", tools=files("~/project"))

    Args:
        root: The folder. It has to exist.
        writable: The two that change files are there; they call themselves destructive, so the default policy asks before they run.
        hide: Shell-style patterns of names (of any part of a path, whatever their case) that are treated as if they were not there.
        max_bytes: Of one file that is read or written.

    Raises:
        ConfigError: The folder is missing, or the system cannot confine.
    """
    kit = _Files(Root(root, hide), max_bytes)
    registry = ToolRegistry([kit.read_file, kit.list_files, kit.search_files])
    if writable:
        registry.register(kit.write_file)
        registry.register(kit.edit_file)
    return registry


class _Files:
    def __init__(self, root: Root, max_bytes: int) -> None:
        self.root = root
        self.max_bytes = max_bytes

    @tool(read_only=True, idempotent=True, examples=[{"path": "README.md"}, {"path": "src/main.py", "offset": 200, "limit": 50}])
    def read_file(self, path: str, offset: int = 1, limit: int = 1_000) -> str:
        """Read a text file, or a part of it.

        Args:
            path: Path relative to the root folder, with '/', e.g. "src/main.py".
            offset: First line to read, counted from 1.
            limit: Most lines to read.
        """
        if offset < 1 or limit < 1:
            raise ToolError("offset and limit are counted from 1")
        text, note = _text(self.root.read(path, self.max_bytes), path)
        return _excerpt(text, offset, limit) + note

    @tool(destructive=True, idempotent=True, examples=[{"path": "notes/today.md", "content": "# Today\n"}])
    def write_file(self, path: str, content: str) -> str:
        """Write a text file as a whole; one that is there is replaced. Missing folders are made.

        Args:
            path: Path relative to the root folder, with '/'.
            content: All of the file's text.
        """
        data = self._encoded(content)
        with self.root.alone(path):
            before = self.root.write(path, data)
        size = f"{len(data):,} bytes"
        return f"wrote {path} ({size}, new)" if before is None else f"wrote {path} ({size}, replacing {before:,} bytes)"

    @tool(destructive=True, examples=[{"path": "src/main.py", "old_text": "retries = 3", "new_text": "retries = 5"}])
    def edit_file(self, path: str, old_text: str, new_text: str, replace_all: bool = False) -> str:
        """Replace a piece of a text file. The old text has to occur exactly once, with its white space.

        Args:
            path: Path relative to the root folder, with '/'.
            old_text: What stands there now; a few lines, so that the place is plain.
            new_text: What is to stand there; empty to delete.
            replace_all: Replace every occurrence.
        """
        if not old_text:
            raise ToolError("old_text is empty; give the text to be replaced, or use write_file for a whole file")
        if old_text == new_text:
            raise ToolError("old_text and new_text are the same; nothing would change")
        with self.root.alone(path):  # of several edits in one step, each has to see those before it
            return self._edited(path, old_text, new_text, replace_all)

    def _edited(self, path: str, old_text: str, new_text: str, replace_all: bool) -> str:
        data = self.root.read(path, self.max_bytes)
        text = _exact_text(data, path)
        if "\r\n" in text and text.count("\r\n") == text.count("\n") and "\r" not in old_text:  # models write plain line ends
            old_text, new_text = old_text.replace("\n", "\r\n"), new_text.replace("\r\n", "\n").replace("\n", "\r\n")
        count = text.count(old_text)
        if count == 0:
            raise ToolError(f"old_text does not occur in {path}; nothing was changed.{_look_alike(text, old_text)}")
        if count > 1 and not replace_all:
            lines = ", ".join(str(line) for line in _lines_of(text, old_text))
            raise ToolError(
                f"old_text occurs {count} times in {path} (lines {lines}); nothing was changed. Give more of the text around it, or replace_all"
            )
        first = text.count("\n", 0, text.index(old_text)) + 1
        self.root.write(path, self._encoded(text.replace(old_text, new_text)))
        return f"edited {path}: {count} replacement{'s' if count > 1 else ''}, the first in line {first}"

    @tool(read_only=True, idempotent=True, examples=[{}, {"path": "src", "pattern": "*.py", "recursive": True}])
    def list_files(self, path: str = ".", pattern: str = "*", recursive: bool = False) -> str:
        """List what lies in a folder; folders end in '/', files have their size.

        Args:
            path: Folder relative to the root folder; "." is the root itself.
            pattern: Shell-style pattern that names must match, e.g. "*.py".
            recursive: Also what lies in the folders within.
        """
        found: list[str] = []
        more = ""
        try:
            for _, entry in self.root.entries(path, deep=recursive, most=_MAX_WALKED):
                if not _matches(entry, pattern):
                    continue
                if len(found) == _MAX_LISTED:
                    more = f"\n[only the first {_MAX_LISTED} are listed; give a folder or a narrower pattern]"
                    break
                found.append(_listed(entry))
        except Full:
            more = f"\n[there is more: only {_MAX_WALKED:,} entries were looked at]"
        none = "the folder is empty" if pattern == "*" else f"nothing that matches {pattern!r}"
        if pattern != "*" and not recursive:
            none += " lies in the folder itself; with recursive the folders within are looked through too"
        return ("\n".join(found) or none) + more

    @tool(
        read_only=True,
        idempotent=True,
        timeout=30,
        examples=[{"text": "def main"}, {"text": r"import (json|re)\b", "regex": True, "files": "*.py", "path": "src"}],
    )
    def search_files(self, text: str, path: str = ".", files: str = "*", regex: bool = False, ignore_case: bool = False) -> str:
        """Search the lines of text files in a folder and the folders within; gives path:line: text of each match.

        Args:
            text: What a line must hold.
            path: Folder relative to the root folder; "." is the root itself.
            files: Shell-style pattern of the names of the files to search, e.g. "*.py".
            regex: Take text for a regular expression (no look-around, no back-references).
            ignore_case: Do not tell upper from lower case.
        """
        search = _Search(_finder(text, regex, ignore_case), whole=not regex)
        try:
            for folder, entry in self.root.entries(path, deep=True, most=_MAX_WALKED):
                if entry.kind == "file" and _matches(entry, files):
                    if entry.size > self.max_bytes:
                        search.skipped += 1
                    elif not search.take(folder, entry, self.max_bytes):
                        break
        except Full:
            search.ended = f"only {_MAX_WALKED:,} entries were looked at"
        return search.result(text)

    def _encoded(self, content: str) -> bytes:
        try:
            data = content.encode()
        except UnicodeEncodeError:
            raise ToolError("the text holds half of a character (a lone surrogate) and cannot be written; leave it out") from None
        if len(data) > self.max_bytes:
            raise ToolError(f"the text has {len(data):,} bytes; at most {self.max_bytes:,} are written")
        return data


# --------------------------------------------------------------------------------------------------------------- text


def is_binary(data: bytes) -> bool:
    return b"\0" in data[:8_192]


def _text(data: bytes, path: str) -> tuple[str, str]:
    """A file's text, and a note where it is not quite what lies there."""
    if is_binary(data):
        raise ToolError(f"{path} is no text: {len(data):,} bytes of binary data")
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        return data.decode("utf-8-sig", "replace"), "\n[the file is not UTF-8: what could not be read is shown as \ufffd]"


def _exact_text(data: bytes, path: str) -> str:
    if is_binary(data):
        raise ToolError(f"{path} is no text: {len(data):,} bytes of binary data")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ToolError(f"{path} is not UTF-8; editing it would damage it") from None


def _split(text: str) -> list[str]:
    """As editors count lines."""
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


def _excerpt(text: str, offset: int, limit: int) -> str:
    """The lines asked for, as far as they fit, and a note how to get the rest."""
    if not text:
        return "[the file is empty]"
    lines = _split(text)
    if offset > len(lines):
        raise ToolError(f"the file has {len(lines):,} lines, and line {offset:,} was asked for")
    room = _SHOWN_CHARS
    shown: list[str] = []
    for line in lines[offset - 1 : offset - 1 + limit]:
        if len(line) > _LINE_CHARS:
            line = f"{line[:_LINE_CHARS]} [… {len(line) - _LINE_CHARS:,} more characters in this line; search_files shows what stands around a text in it]"
        room -= len(line) + 1
        if room < 0 and shown:
            break
        shown.append(line)
    last = offset - 1 + len(shown)
    body = "\n".join(shown)
    if offset == 1 and last == len(lines):
        return body
    rest = f"; go on with offset={last + 1}" if last < len(lines) else ""
    return f"{body}\n[lines {offset:,} to {last:,} of {len(lines):,}{rest}]"


def _lines_of(text: str, piece: str) -> list[int]:
    lines: list[int] = []
    at = text.find(piece)
    while at >= 0 and len(lines) < 10:
        lines.append(text.count("\n", 0, at) + 1)
        at = text.find(piece, at + len(piece))
    return lines


def _look_alike(text: str, piece: str) -> str:
    """Where something similar stands, since white space is what models get wrong."""
    if "\r" in text and piece.replace("\r\n", "\n") in text.replace("\r\n", "\n"):
        return " It is there, but some of the file's lines end with \\r\\n and some with \\n: edit within one line at a time"
    wanted = next((line.split() for line in piece.splitlines() if line.strip()), None)
    lines = _split(text)[:20_000]
    for number, line in enumerate(lines, 1):
        if wanted and line.split() == wanted:
            return f" Line {number} differs in white space, or the lines after it do: {line[:200]!r}"
    near = difflib.get_close_matches(" ".join(wanted or [])[:200], [line[:200] for line in lines[:1_000]], 1, 0.7)
    return f" Is it this line? {near[0]!r}" if near else " Read the file again and copy the text exactly"


# ------------------------------------------------------------------------------------------------- listing, searching


def _matches(entry: Entry, pattern: str) -> bool:
    return pattern == "*" or fnmatchcase(entry.path.rpartition("/")[2], pattern) or fnmatchcase(entry.path, pattern)


def _listed(entry: Entry) -> str:
    if entry.kind == "folder":
        return f"{shown(entry.path)}/"
    return f"{shown(entry.path)} ({entry.size:,} bytes)" if entry.kind == "file" else f"{shown(entry.path)} ({entry.kind}, not followed)"


def _finder(text: str, regex: bool, ignore_case: bool) -> Callable[[str], int]:
    """Tells where in a line it is found; -1: nowhere. Of a pattern only whether it is: then 0."""
    if not text:
        raise ToolError("text is empty; give what to search for, or use list_files")
    if len(text) > 1_000 or "\n" in text:
        raise ToolError("text may have up to 1,000 characters and no line break: lines are searched one by one")
    if not regex:
        wanted = text.casefold() if ignore_case else text
        return (lambda line: line.casefold().find(wanted)) if ignore_case else (lambda line: line.find(wanted))
    try:  # Rust's engine, which comes with pydantic: its time is linear in the line, so no pattern is a trap
        fits = SchemaValidator(core_schema.str_schema(pattern=f"(?i){text}" if ignore_case else text)).isinstance_python
    except SchemaError as error:
        reason = str(error).strip().splitlines()[-1].strip()[:200]
        raise ToolError(f"{text[:100]!r} is no regular expression that can be used: {reason}") from None
    return lambda line: 0 if fits(line) else -1


def _around(line: str, at: int) -> str:
    """Of a long line, what stands around a place in it."""
    begin = max(0, min(at - _MATCH_CHARS // 2, len(line) - _MATCH_CHARS))
    piece = line[begin : begin + _MATCH_CHARS].strip()
    return f"{'…' * (begin > 0)}{piece}{'…' * (begin + _MATCH_CHARS < len(line))}"


class _Search:
    """Matches so far, within bounds of number, time and bytes."""

    def __init__(self, finds: Callable[[str], int], whole: bool) -> None:
        self.finds = finds
        self.whole = whole  # what a line holds, its file holds too; not so for patterns, which know where a text begins
        self.found: list[str] = []
        self.files = self.skipped = self.bytes = 0
        self.ended = ""
        self.until = time.monotonic() + _SEARCH_SECONDS

    def may_hold(self, text: str) -> bool:
        return not self.whole or self.finds(text) >= 0

    def take(self, folder: int, entry: Entry, limit: int) -> bool:
        """Search one file. False: there is no room for more."""
        try:
            data = read_in(folder, entry.path.rpartition("/")[2], entry.path, limit)
        except (OSError, ToolError):  # gone or changed meanwhile, or not ours to read
            self.skipped += 1
            return True
        if is_binary(data):
            self.skipped += 1
            return True
        self.files += 1
        self.bytes += len(data)
        text = data.decode("utf-8-sig", "replace")
        for number, line in enumerate(_split(text) if self.may_hold(text) else (), 1):
            if (at := self.finds(line)) >= 0:
                if len(self.found) == _MAX_MATCHES:
                    self.ended = f"only the first {_MAX_MATCHES} matches are shown; search more narrowly"
                    return False
                self.found.append(f"{shown(entry.path)}:{number}: {_around(line, at)}")
            if number % 1_000 == 0 and time.monotonic() > self.until:
                break
        if time.monotonic() > self.until or self.bytes > _SEARCH_BYTES:
            self.ended = f"stopped after {self.files:,} files: this takes too long; search one folder, or name the files"
            return False
        return True

    def result(self, text: str) -> str:
        notes = [self.ended] if self.ended else []
        if self.skipped:
            notes.append(f"{self.skipped:,} files were left out: no text, too large or unreadable")
        head = "\n".join(self.found) or f"no line with {text[:100]!r} in {self.files:,} files"
        return "\n".join([head, *(f"[{note}]" for note in notes)])
