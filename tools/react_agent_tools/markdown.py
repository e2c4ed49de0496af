"""From a web page to Markdown: headings, paragraphs, lists, links, tables, code.

The scanner goes forward only. Where a page breaks off within a tag, a comment or a script, the rest is dropped, as browsers do; so nothing is scanned twice
(`html.parser` of some Python versions takes quadratic time on such pages). A page that is all tags is given up after some seconds, with what there is.
"""

from __future__ import annotations

import html
import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urljoin

SECONDS = 5.0
_NEXT = re.compile(r"<(?=[a-zA-Z/!?])")
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*+)((?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+)>")
_ATTRIBUTE = re.compile(r"([^\s=/>\"']++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>\"']++)))?+")
_SPACE = re.compile(r"\s+")
_DROPPED = ("script", "style", "noscript", "template", "svg", "math", "iframe", "object", "canvas", "audio", "video", "title")
_RAW = {name: re.compile(f"</{name}(?=[\\s/>])", re.IGNORECASE) for name in (*_DROPPED, "textarea", "xmp")}
_ASIDE = ("nav", "footer", "aside", "form", "button", "select", "dialog", "menu")
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "header",
        "hgroup",
        "html",
        "legend",
        "main",
        "p",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "caption",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    ]
)
_MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*"}
_MAX_LINK = 500
_ENOUGH = 500  # characters of the page's main part, below which the whole page is shown
_MORE = "\n\n[the rest of the page was left out: it takes too long to read]"


@dataclass(frozen=True, slots=True)
class Page:
    """A page's title and its text in Markdown."""

    title: str
    text: str


def to_markdown(page: str, base: str = "", seconds: float = SECONDS) -> Page:
    """Reads a page. `base` is its address, against which links are made whole. What is not read within `seconds` is left out, with a note."""
    until = time.monotonic() + seconds
    title = _between(page, "title", last=False) or ""
    for name in ("main", "article"):
        part = _between(page, name, last=True)
        text = _converted(part, base, until) if part else ""
        if len(text) >= _ENOUGH:
            break
    else:
        text = _converted(page, base, until)
    return Page(_SPACE.sub(" ", html.unescape(title[:1_000])).strip()[:300], text)


def _between(page: str, name: str, *, last: bool) -> str | None:
    """What stands between an element's first tag and its first or last end."""
    start = re.compile(f"<{name}(?=[\\s>])", re.IGNORECASE).search(page)
    if start is None:
        return None
    begin = page.find(">", start.end()) + 1
    ends = re.compile(f"</{name}(?=[\\s>])", re.IGNORECASE).finditer(page, begin)
    end = deque(ends, maxlen=1) if last else list(islice(ends, 1))
    return page[begin : end[0].start()] if begin and end else None


def _converted(page: str, base: str, until: float) -> str:
    writer = _Writer(base)
    tokens = _tokens(page)
    while True:
        some = list(islice(tokens, 1_000))
        for kind, what, attributes in some:
            writer.take(kind, what, attributes)
        if len(some) < 1_000:
            return tidy("".join(writer.out))
        if time.monotonic() > until:
            return tidy("".join(writer.out)[:200_000]) + _MORE


def _tokens(page: str) -> Iterator[tuple[str, str, str]]:
    """("text", the text, ""), ("open", name, attributes) and ("close", name, "")."""
    at = 0
    while (found := _NEXT.search(page, at)) is not None:
        start = found.start()
        if start > at:
            yield "text", page[at:start], ""
        tag = _TAG.match(page, start)
        if tag is None:  # a comment, a declaration, a nameless end; or a tag that never ends
            mark = "-->" if page.startswith("<!--", start) else ">" if page[start + 1] in "!?/" else ""
            close = page.find(mark, start + 2) if mark else -1
            if close < 0:
                return
            at = close + len(mark)
            continue
        slash, name, attributes = tag.groups()
        name = name.lower()
        at = tag.end()
        raw = _RAW.get(name)
        if slash or raw is None or attributes.endswith("/"):
            yield "close" if slash else "open", name, attributes
            continue
        end = raw.search(page, at)
        stop = len(page) if end is None else end.start()
        if name not in _DROPPED:
            yield "text", page[at:stop], ""
        after = page.find(">", stop)
        if after < 0:
            return
        at = after + 1
    yield "text", page[at:], ""


def attributes_of(text: str) -> dict[str, str]:
    """A tag's attributes; the first of each name counts."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text[:5_000]):
        name, double, single, bare = match.groups()
        found.setdefault(name.lower(), html.unescape(double or single or bare or ""))
    return found


class _Writer:
    """Takes tokens, writes Markdown into `out`."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.out: list[str] = []
        self.lists: list[int | None] = []  # None: a plain one; else the number of its last item
        self.aside = 0
        self.pre = 0
        self.link: tuple[int, str] | None = None  # where its text began, and where it leads
        self.row: list[str] | None = None
        self.cell: int | None = None  # where its text began
        self.head = False  # the table's first row is to come

    def take(self, kind: str, what: str, attributes: str) -> None:
        if kind == "text":
            if not self.aside:
                text = html.unescape(what)
                self.out.append(text if self.pre else _SPACE.sub(" ", text))
        elif what in _ASIDE:
            self.aside = max(0, self.aside + (1 if kind == "open" else -1))
        elif self.aside:
            return
        elif what in _MARKS:
            self.out.append(_MARKS[what])
        elif what == "code":
            self.out.append("" if self.pre else "`")
        elif kind == "open":
            self.open(what, attributes)
        else:
            self.close(what)

    # ------------------------------------------------------------------------------------------------------------ tags

    def open(self, name: str, attributes: str) -> None:
        match name:
            case "br":
                self.block("\n")
            case "hr":
                self.block("\n\n---\n\n")
            case "img":
                alt = _SPACE.sub(" ", attributes_of(attributes).get("alt", "")).strip()
                self.out.append(f"[image: {alt[:300]}]" if alt else "")
            case "a":
                self.link = (len(self.out), attributes_of(attributes).get("href", "").strip())
            case "ul" | "ol":
                self.block("" if self.lists else "\n")
                self.lists.append(0 if name == "ol" else None)
            case "li":
                self.item()
            case "pre":
                self.pre += 1
                self.block("\n\n```\n")
            case "blockquote":
                self.block("\n\n> ")
            case "tr":
                self.end_row()
                self.row = []
            case "td" | "th":
                self.end_cell()
                self.row = [] if self.row is None else self.row
                self.cell = len(self.out)
            case "table":
                self.block("\n\n")
                self.head = True
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self.block(f"\n\n{'#' * int(name[1])} ")
            case _ if name in _BLOCKS and not (self.out and self.out[-1].endswith(("> ", "- ", ". "))):  # <li><p>, <blockquote><p>
                self.block("\n\n")

    def close(self, name: str) -> None:
        match name:
            case "a":
                self.end_link()
            case "ul" | "ol" if self.lists:
                self.lists.pop()
                self.block("" if self.lists else "\n\n")
            case "pre" if self.pre:
                self.pre -= 1
                self.block("\n```\n\n")
            case "td" | "th":
                self.end_cell()
            case "tr":
                self.end_row()
            case "table":
                self.end_row()
                self.block("\n\n")
            case _ if name in _BLOCKS:
                self.block("\n\n")

    # ---------------------------------------------------------------------------------------------------------- pieces

    def block(self, text: str) -> None:
        self.out.append(text if self.cell is None else " ")

    def item(self) -> None:
        indent = "  " * min(max(len(self.lists) - 1, 0), 8)
        number = self.lists[-1] if self.lists else None
        if number is None:
            self.block(f"\n{indent}- ")
        else:
            self.lists[-1] = number + 1
            self.block(f"\n{indent}{number + 1}. ")

    def end_link(self) -> None:
        if self.link is None:
            return
        start, href = self.link
        self.link = None
        words = "".join(self.out[start:])
        text = words.strip()
        scheme = href.partition(":")[0].lower() if ":" in href else "http"
        if not text or "\n" in text or not href or href.startswith("#") or scheme not in ("http", "https") or len(href) > _MAX_LINK:
            return
        try:
            whole = urljoin(self.base, href).replace(" ", "%20").replace(")", "%29")
        except ValueError:
            return
        before, after = words[: len(words) - len(words.lstrip())], words[len(words.rstrip()) :]
        self.out[start:] = [f"{before}[{text}]({whole}){after}"]

    def end_cell(self) -> None:
        if self.cell is not None and self.row is not None:
            self.row.append(_SPACE.sub(" ", "".join(self.out[self.cell :])).strip().replace("|", "\\|"))
            del self.out[self.cell :]
            self.link = None
        self.cell = None

    def end_row(self) -> None:
        self.end_cell()
        if self.row and any(self.row):
            self.out.append(f"\n| {' | '.join(self.row)} |")
            if self.head:
                self.out.append(f"\n|{' --- |' * len(self.row)}")
                self.head = False
        self.row = None


def tidy(text: str) -> str:
    """No blanks at line ends, no more than one empty line, nothing before the first word; left as it is within ``` fences."""
    lines: list[str] = []
    fenced = False
    for line in text.split("\n"):
        line = line.rstrip()
        if line.strip() == "```":
            fenced = not fenced
            while not fenced and lines and not lines[-1]:
                lines.pop()
        elif not fenced:
            body = line.lstrip()
            line = line if body.startswith("- ") or body[:1].isdigit() else body
            if line in ("", ">", "-"):
                if lines and lines[-1]:
                    lines.append("")
                continue
        lines.append(line)
    return "\n".join(lines).strip("\n")
