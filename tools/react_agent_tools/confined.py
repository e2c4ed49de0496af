"""A folder that nothing leads out of: paths are walked part by part, each opened from the folder before it and never through a link.

The walk is that of openat(2) with O_NOFOLLOW. What was checked is what is then used, since both are one open descriptor; so a folder that is
swapped for a link meanwhile is refused, not followed. Hard links cannot be told from files: whoever can make one to a file outside has
that file already.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from react_agent import ConfigError, ToolError

HIDDEN = (".git", ".hg", ".svn", ".env", ".ssh")
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FILE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_OPENAT = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
MAX_PARTS = 64
_NO_TEXT = re.compile("[\\x00-\\x1f\\x7f\\ud800-\\udfff]")  # control characters, and bytes that are no UTF-8


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies in a folder. `kind` is ``file``, ``folder``, ``link`` or ``other`` (a socket, a pipe, a device); `changed` is in nanoseconds."""

    path: str
    kind: str
    size: int
    changed: int


class Root:
    """A folder and what may be done beneath it.

    Args:
        path: The folder; it has to exist. Links on the way to it are followed once, here.
        hide: Shell-style patterns of names; a path with such a part is treated as if there were none.

    Raises:
        ConfigError: There is no such folder, or the system cannot confine (no ``openat``).
    """

    def __init__(self, path: str | Path, hide: Sequence[str] = HIDDEN) -> None:
        if not _OPENAT:
            raise ConfigError("files cannot be confined on this system: it has no openat(2) with O_NOFOLLOW")
        self.path = Path(path).expanduser().resolve()
        if not self.path.is_dir():
            raise ConfigError(f"{self.path} is no folder; make it first, or name another root")
        if isinstance(hide, str):  # each of its letters would be a pattern, and nothing hidden that was meant
            raise ConfigError(f"hide is a list of patterns, as in hide=[{hide!r}]; not one text")
        self._hide = tuple(pattern.casefold() for pattern in hide)

    # ---------------------------------------------------------------------------------------------------------- paths

    def parts(self, path: str) -> list[str]:
        """The names that a path is made of. Raises `ToolError` for one that could mean something else."""
        if path.startswith(("/", "~")):
            inside = os.path.relpath(path, self.path) if path == str(self.path) or path.startswith(f"{self.path}/") else path.lstrip("/~")
            raise ToolError(f"{_quoted(path)}: paths are relative to the root folder; write {_quoted(inside or '.')}")
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise ToolError(f"{_quoted(path)}: '..' is not followed; write the path from the root folder on")
        if "\\" in path:
            raise ToolError(f"{_quoted(path)}: write paths with '/'")
        if len(parts) > MAX_PARTS:
            raise ToolError(f"{_quoted(path)}: a path may have up to {MAX_PARTS} parts")
        if _NO_TEXT.search(path):
            raise ToolError(f"{_quoted(path)}: a path cannot hold control characters")
        if any(self.hidden(part) for part in parts):
            raise ToolError(f"{_quoted(path)} is off limits here")
        return parts

    def hidden(self, name: str) -> bool:
        folded = name.casefold()
        return any(fnmatchcase(folded, pattern) for pattern in self._hide)

    # -------------------------------------------------------------------------------------------------------- opening

    @contextmanager
    def folder(self, path: str, *, make: bool = False) -> Iterator[int]:
        """A descriptor of a folder. `make`: those that are missing are made on the way."""
        with _explained(path):
            fd = self._walk(self.parts(path), path, make)
        try:
            yield fd
        finally:
            os.close(fd)

    def _walk(self, parts: Sequence[str], path: str, make: bool) -> int:
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for i, part in enumerate(parts):
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, 0o777, dir_fd=fd)
                try:
                    inner = os.open(part, _FOLDER, dir_fd=fd)
                except OSError as error:
                    raise _not_a_folder(error, fd, part, "/".join(parts[: i + 1])) from None
                os.close(fd)
                fd = inner
        except BaseException:
            os.close(fd)
            raise
        return fd

    def read(self, path: str, limit: int) -> bytes:
        """A file's bytes. Raises `ToolError` if there is none, or more than `limit` bytes."""
        parts = self.parts(path)
        if not parts:
            raise ToolError("a path to a file is needed, and this is the root folder; list_files shows what is in it")
        with self.folder("/".join(parts[:-1])) as folder, _explained(path):
            return read_in(folder, parts[-1], path, limit)

    def write(self, path: str, data: bytes) -> int | None:
        """Puts a file there as a whole, or leaves everything as it was. Gives the size of the one before, None if there was none."""
        parts = self.parts(path)
        if not parts or path.endswith("/"):
            raise ToolError(f"{_quoted(path)}: a path to a file is needed, and this is a folder")
        name = parts[-1]
        with self.folder("/".join(parts[:-1]), make=True) as folder, _explained(path):
            before = _stat(folder, name)
            if before is not None and not stat.S_ISREG(before.st_mode):
                raise ToolError(f"{_quoted(path)} is {_said(before)}, and only files are written")
            if before is not None and not before.st_mode & 0o222:
                raise ToolError(f"{_quoted(path)} is write-protected")
            temporary = f".{secrets.token_hex(8)}.tmp"
            fd = os.open(temporary, _NEW, 0o666, dir_fd=folder)
            try:
                with open(fd, "wb") as file:
                    if before is not None:
                        os.fchmod(fd, before.st_mode & 0o777)
                    file.write(data)
                    file.flush()
                    os.fsync(fd)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            return None if before is None else before.st_size

    @contextmanager
    def alone(self, path: str) -> Iterator[None]:
        """Whoever changes a file by what it holds wants this: nobody else who asks here changes one in its folder meanwhile."""
        import fcntl

        with ExitStack() as stack:
            with suppress(ToolError, OSError):  # no such folder, which is told when it is used; or its file system has no locks
                folder = stack.enter_context(self.folder("/".join(self.parts(path)[:-1])))
                fcntl.flock(folder, fcntl.LOCK_EX)
            yield

    # -------------------------------------------------------------------------------------------------------- walking

    def entries(self, path: str, *, deep: bool, most: int) -> Iterator[tuple[int, Entry]]:
        """What lies in a folder, sorted by name, with the descriptor of the folder that holds it. Links are told and never followed.

        Stops after looking at `most` entries, by raising `Full`.
        """
        prefix = "/".join(self.parts(path))
        seen = 0
        with self.folder(path) as folder:
            stack = [(os.dup(folder), prefix, iter(_names(folder)))]
            try:
                while stack:
                    fd, where, names = stack[-1]
                    name = next(names, None)
                    if name is None:
                        os.close(stack.pop()[0])
                        continue
                    if self.hidden(name) or (found := _stat(fd, name)) is None:
                        continue
                    seen += 1
                    if seen > most:
                        raise Full
                    full = f"{where}/{name}" if where else name
                    yield fd, Entry(full, _kind(found), found.st_size, found.st_mtime_ns)
                    if deep and stat.S_ISDIR(found.st_mode) and len(stack) < MAX_PARTS:
                        with suppress(OSError):  # gone, or a link by now, or not ours to read
                            inner = os.open(name, _FOLDER, dir_fd=fd)
                            stack.append((inner, full, iter(_names(inner))))
            finally:
                for fd, _, _ in stack:
                    os.close(fd)


class Full(Exception):
    """There is more in a folder than may be looked at."""


def read_in(folder: int, name: str, path: str, limit: int) -> bytes:
    """A file's bytes, by its name within an open folder."""
    try:
        fd = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        found = _stat(folder, name)
        if error.errno == errno.ELOOP or (found is not None and stat.S_ISLNK(found.st_mode)):
            raise _link(folder, name, path) from None
        raise
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        os.close(fd)
        look = "; list_files shows what is in it" if stat.S_ISDIR(found.st_mode) else ""
        raise ToolError(f"{_quoted(path)} is {_said(found)}, no file{look}")
    with open(fd, "rb") as file:
        if found.st_size > limit:
            raise ToolError(f"{_quoted(path)} has {found.st_size:,} bytes; at most {limit:,} are read")
        data = file.read(limit + 1)  # it may grow meanwhile, and some files tell no size
    if len(data) > limit:
        raise ToolError(f"{_quoted(path)} has more than {limit:,} bytes")
    return data


# ----------------------------------------------------------------------------------------------------------- in words


def shown(path: str) -> str:
    """A path for a list with one on each line: a name may hold line breaks, or bytes that are no text."""
    return _NO_TEXT.sub(lambda char: ascii(char[0])[1:-1], path)


def _quoted(path: str) -> str:
    return repr(path if len(path) <= 200 else f"{path[:200]}…")


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise ToolError(f"{_quoted(path)} does not exist; list_files shows what there is") from None
    except PermissionError:
        raise ToolError(f"{_quoted(path)}: the system does not permit that") from None
    except OSError as error:
        raise ToolError(f"{_quoted(path)}: {error.strerror or type(error).__name__}") from None


def _not_a_folder(error: OSError, folder: int, name: str, path: str) -> Exception:
    found = _stat(folder, name)
    if found is not None and stat.S_ISLNK(found.st_mode):
        return _link(folder, name, path)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        return ToolError(f"{_quoted(path)} is {_said(found)}, no folder")
    if isinstance(error, FileNotFoundError):
        return ToolError(f"{_quoted(path)} does not exist; list_files shows what there is")
    return error


def _link(folder: int, name: str, path: str) -> ToolError:
    try:
        target = os.readlink(name, dir_fd=folder)
    except OSError:
        target = "?"
    where = "" if target.startswith("/") else f" (to {_quoted(target)})"  # an absolute one tells of the machine
    return ToolError(f"{_quoted(path)} is a link{where}, and links are not followed; name the file itself if it lies under the root")


def _names(folder: int) -> list[str]:
    return sorted(os.listdir(folder))


def _stat(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return None


def _kind(found: os.stat_result) -> str:
    mode = found.st_mode
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "other"


def _said(found: os.stat_result) -> str:
    return {"file": "a file", "folder": "a folder", "link": "a link"}.get(_kind(found), "a pipe, socket or device")
