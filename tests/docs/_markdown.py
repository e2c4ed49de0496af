"""What of a Markdown file can be tried: its fenced blocks and its relative links."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

_FENCE = re.compile(r"(?P<indent> {0,3})(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w.+-]*)[^`\n]*$")
_LINK = re.compile(r"\]\((?!\w+:|//|#)([^)\s#]+)(?:#[^)\s]*)?\)")
NO_TEST = "<!-- no test -->"


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        line: Where its text begins, counted from 1.
        tested: False when the line before it says that it cannot be run.
    """

    language: str
    text: str
    line: int
    tested: bool


def blocks(markdown: str) -> list[Block]:
    """The fenced blocks, in order. Raises `ValueError` for one that is never closed."""
    found: list[Block] = []
    lines = markdown.splitlines()
    marked = False
    at = 0
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        if opening is None:
            marked = lines[at].strip() == NO_TEST or (marked and not lines[at].strip())
            at += 1
            continue
        start = at + 1
        closing = re.compile(rf" {{0,3}}{opening['fence'][0]}{{{len(opening['fence'])},}}[ \t]*")
        end = next((n for n in range(start, len(lines)) if closing.fullmatch(lines[n])), None)
        if end is None:
            raise ValueError(f"the block that begins in line {start} is never closed")
        indent = len(opening["indent"])
        text = "".join(line[min(indent, len(line) - len(line.lstrip(" "))) :] + "\n" for line in lines[start:end])
        found.append(Block(opening["language"].lower(), text, start + 1, not marked))
        marked = False
        at = end + 1
    return found


def links(markdown: str) -> list[str]:
    """Targets of links to files beside this one, code left out."""
    prose = re.sub(r"`[^`\n]*`", "", re.sub(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1[ \t]*$", "", markdown, flags=re.DOTALL | re.MULTILINE))
    return _LINK.findall(prose)


def commands(block: Block) -> list[list[str]]:
    """The commands of a console block as lists of words: what follows ``$ ``, continued lines put together, `&&`, `;` and pipes taken apart."""
    whole = block.text.replace("\\\n", " ")
    found: list[list[str]] = []
    for line in whole.splitlines():
        if line.startswith("$ "):
            lexer = shlex.shlex(line[2:], posix=True, punctuation_chars=True)
            lexer.whitespace_split, lexer.commenters = True, ""
            found.append([])
            for word in lexer:
                if re.fullmatch(r"[;&|()]+", word):
                    found.append([])
                elif word == "#":
                    break
                else:
                    found[-1].append(word)
    return [words for words in found if words]
