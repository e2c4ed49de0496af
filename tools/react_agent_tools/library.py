"""`documents(folder)`: an index of one's own texts, searched by words: ``search_documents`` and ``read_document``.

The index is SQLite's FTS5 (https://sqlite.org/fts5.html), ranked by BM25, in memory; files are read when it is first asked and again when they changed. They are confined like
those of `files`: no links, nothing outside of the folder.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from react_agent import ConfigError, ToolError, ToolRegistry, tool
from react_agent_tools.confined import HIDDEN, Entry, Full, Root, read_in, shown
from react_agent_tools.markdown import to_markdown

PATTERNS = (
    "*.md",
    "*.markdown",
    "*.txt",
    "*.rst",
    "*.org",
    "*.adoc",
    "*.tex",
    "*.html",
    "*.htm",
    "*.csv",
    "*.json",
    "*.yaml",
    "*.yml",
    "*.toml",
)
MAX_FILES = 10_000
MAX_BYTES = 8 * 2**20  # of one file
_TOTAL_BYTES = 256 * 2**20
_PASSAGE_CHARS = 1_000
_SHOWN_CHARS = 20_000
_WORD = re.compile(r"\w+")
_HEADING = re.compile(r"#{1,6}\s+(\S.*)")


def documents(
    folder: str | Path, *, patterns: Sequence[str] = PATTERNS, hide: Sequence[str] = HIDDEN, max_files: int = MAX_FILES
) -> ToolRegistry:
    """Tools to search and read the texts in a folder and the folders within.

    ::

        agent = Agent("openai:gpt-5", tools=documents("~/handbook"))

    Args:
        folder: It has to exist.
        patterns: Shell-style patterns of the names of the files that are indexed. HTML is read as its text.
        hide: Shell-style patterns of names that are treated as if they were not there.
        max_files: That are indexed; of files over 8 MB, and of more than 256 MB in all, nothing is.

    Raises:
        ConfigError: The folder is missing, or this Python's SQLite has no FTS5.
    """
    if isinstance(patterns, str):
        raise ConfigError(f"patterns is a list, as in patterns=[{patterns!r}]; not one text")
    kit = _Documents(Root(folder, hide), tuple(pattern.casefold() for pattern in patterns), max_files)
    return ToolRegistry([kit.search_documents, kit.read_document])


class _Documents:
    def __init__(self, root: Root, patterns: tuple[str, ...], max_files: int) -> None:
        self.root = root
        self.patterns = patterns
        self.max_files = max_files
        self.lock = threading.Lock()
        self.known: dict[str, tuple[int, int]] = {}  # size and time of change, by path
        self.left_out = 0
        self.index = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        weakref.finalize(self, self.index.close)
        try:
            self.index.execute(
                "CREATE VIRTUAL TABLE passage USING fts5(path, heading, body, line UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2')"
            )
        except sqlite3.OperationalError as error:
            raise ConfigError(f"this Python's SQLite has no full-text search: {error}") from None

    @tool(
        read_only=True,
        idempotent=True,
        timeout=120,
        examples=[{"query": "holiday carry over"}, {"query": '"notice period" contract', "limit": 3}],
    )
    def search_documents(self, query: str, limit: int = 5) -> str:
        """Search the documents by words; gives the passages that fit best, each with its file and line.

        Args:
            query: Words that the passage should hold, any of them; "in quotes" for words in a row.
            limit: Most passages to give, up to 20.
        """
        expression = _expression(query)
        with self.lock:
            self._refresh()
            found = self.index.execute(
                "SELECT path, heading, body, line FROM passage WHERE passage MATCH ? ORDER BY bm25(passage, 2.0, 3.0, 1.0) LIMIT ?",
                (expression, max(1, min(limit, 20))),
            ).fetchall()
        lines = [f"{path}:{line}{f' ({heading})' if heading else ''}\n{body}" for path, heading, body, line in found]
        note = f"\n\n[{self.left_out:,} files are not in the index: too large, too many or no text]" if self.left_out else ""
        return ("\n\n".join(lines) or f"no passage holds any of these words ({len(self.known):,} documents)") + note

    @tool(read_only=True, idempotent=True, examples=[{"path": "handbook/holidays.md", "line": 40}])
    def read_document(self, path: str, line: int = 1) -> str:
        """Read a document, from a line on.

        Args:
            path: As shown by search_documents.
            line: First line to read, counted from 1.
        """
        if not self._wanted(path):
            raise ToolError(f"{path[:200]!r} is none of the documents; search_documents shows their paths")
        lines = _text(path, self.root.read(path, MAX_BYTES)).split("\n")
        if not 1 <= line <= len(lines):
            raise ToolError(f"the document has {len(lines):,} lines, and line {line:,} was asked for")
        text = "\n".join(lines[line - 1 :])
        if len(text) <= _SHOWN_CHARS:
            return text
        shown = text[:_SHOWN_CHARS]
        whole = shown.rpartition("\n")[0] or shown
        following = line + whole.count("\n") + 1
        return f"{whole}\n[lines {line:,} to {following - 1:,} of {len(lines):,}; go on with line={following}]"

    # ---------------------------------------------------------------------------------------------------------- index

    def _wanted(self, path: str) -> bool:
        name = path.rpartition("/")[2].casefold()
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)

    def _refresh(self) -> None:
        """Takes in what is new or changed, and drops what is gone; all of it, or nothing."""
        self.index.execute("BEGIN")
        try:
            seen = self._scan()
            for path in self.known.keys() - seen.keys():
                self.index.execute("DELETE FROM passage WHERE path = ?", (path,))
        except BaseException:
            self.index.execute("ROLLBACK")
            raise
        self.index.execute("COMMIT")
        self.known = seen

    def _scan(self) -> dict[str, tuple[int, int]]:
        seen: dict[str, tuple[int, int]] = {}
        self.left_out = total = 0
        try:
            for folder, entry in self.root.entries(".", deep=True, most=self.max_files * 10):
                if entry.kind != "file" or not self._wanted(entry.path):
                    continue
                total += entry.size
                mark = (entry.size, entry.changed)
                fits = shown(entry.path) == entry.path  # else its name cannot be asked for
                fits = fits and entry.size <= MAX_BYTES and total <= _TOTAL_BYTES and len(seen) < self.max_files
                if fits and (self.known.get(entry.path) == mark or self._take(folder, entry)):
                    seen[entry.path] = mark
                else:
                    self.left_out += 1
        except Full:
            self.left_out += 1
        return seen

    def _take(self, folder: int, entry: Entry) -> bool:
        try:
            data = read_in(folder, entry.path.rpartition("/")[2], entry.path, MAX_BYTES)
        except (OSError, ToolError):  # gone or changed meanwhile, or not ours to read
            return False
        if b"\0" in data[:8_192]:
            return False
        self.index.execute("DELETE FROM passage WHERE path = ?", (entry.path,))
        rows = ((entry.path, heading, body, line) for heading, body, line in passages(_text(entry.path, data)))
        self.index.executemany("INSERT INTO passage VALUES (?, ?, ?, ?)", rows)
        return True


def _text(path: str, data: bytes) -> str:
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    return to_markdown(text).text if path.casefold().endswith((".html", ".htm")) else text


def passages(text: str) -> Iterator[tuple[str, str, int]]:
    """Heading, text and first line of each passage: paragraphs, gathered up to a length, never across a heading."""
    heading, gathered, begun, line = "", "", 1, 1
    for paragraph in re.split(r"(\n\s*\n)", text):
        title = _HEADING.match(paragraph)
        if gathered and (title or len(gathered) + len(paragraph) > _PASSAGE_CHARS):
            yield heading, gathered.rstrip(), begun
            gathered = ""
        if title:
            heading = title.group(1).strip()[:200]
        if paragraph.strip():
            begun = begun if gathered else line
            *parts, gathered = _pieces(gathered + paragraph)
            for part in parts:
                yield heading, part.strip(), begun
                begun += part.count("\n")
        elif gathered:
            gathered += paragraph
        line += paragraph.count("\n")
    if gathered:
        yield heading, gathered.rstrip(), begun


def _pieces(text: str) -> list[str]:
    """The text in pieces that are not too long, cut at line ends or blanks; the last may be short."""
    pieces: list[str] = []
    at = 0
    while len(text) - at > 2 * _PASSAGE_CHARS:
        end = at + _PASSAGE_CHARS
        cut = max(text.rfind("\n", at, end), text.rfind(" ", at, end)) + 1 or end
        pieces.append(text[at:cut])
        at = cut
    return [*pieces, text[at:]]


def _expression(query: str) -> str:
    """An FTS5 expression of plain words and phrases: nothing of the query is syntax."""
    if len(query) > 1_000:
        raise ToolError("a query has up to 1,000 characters")
    terms: list[str] = []
    for phrase, word in re.findall(r'"([^"]*)"|([^\s"]+)', query):
        words = _WORD.findall(phrase or word)
        if words:
            terms.append('"' + " ".join(words) + '"')
    if not terms:
        raise ToolError("the query holds no words")
    return " OR ".join(dict.fromkeys(terms[:50]))
