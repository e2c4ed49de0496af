"""A grammar as a small tree, and how it is written in the languages of servers: GBNF (llama.cpp; also the EBNF of XGrammar), and a regular expression.

Character classes are written the same way in both: ``^`` negates, ``\\xNN`` and ``\\uNNNN`` are code points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

LONGEST_REGEX = 20_000  # characters; engines turn each into an automaton


@dataclass(frozen=True, slots=True)
class Lit:
    """A text as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a class; `body` is what stands between the brackets."""

    body: str


@dataclass(frozen=True, slots=True)
class Seq:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alt:
    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Rep:
    """At least `least`, at most `most`; None for any number."""

    item: Node
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What the rule of that name says."""

    name: str


Node: TypeAlias = Lit | Chars | Seq | Alt | Rep | Rule


def seq(*items: Node | str) -> Node:
    """One after the other; a string is that text. Neighbouring texts become one."""
    joined: list[Node] = []
    for item in items:
        item = Lit(item) if isinstance(item, str) else item
        last = joined[-1] if joined else None
        if isinstance(item, Lit) and isinstance(last, Lit):
            joined[-1] = Lit(last.text + item.text)
        elif item != Lit(""):
            joined.append(item)
    return joined[0] if len(joined) == 1 else Seq(tuple(joined))


def alt(*options: Node | str) -> Node:
    """One of them."""
    made = tuple(Lit(option) if isinstance(option, str) else option for option in options)
    return made[0] if len(made) == 1 else Alt(made)


def maybe(*items: Node | str) -> Node:
    return Rep(seq(*items), 0, 1)


@dataclass(frozen=True, slots=True)
class Grammar:
    root: Node
    rules: Mapping[str, Node] = field(default_factory=dict)

    def gbnf(self) -> str:
        """The grammar in GBNF; its first rule is ``root``."""
        return "\n".join([f"root ::= {_gbnf(self.root)}", *(f"{name} ::= {_gbnf(node)}" for name, node in self.rules.items())])

    def regex(self) -> str | None:
        """As one regular expression, without anchors; None where a rule is within itself, or it would be longer than `LONGEST_REGEX`."""
        try:
            made = self._regex(self.root, ())
        except _NotRegular:
            return None
        return made if len(made) <= LONGEST_REGEX else None

    def _regex(self, node: Node, within: tuple[str, ...]) -> str:
        match node:
            case Lit():
                return _literal(node.text)
            case Chars():
                return f"[{node.body}]"
            case Seq():
                return "".join(self._regex(item, within) for item in node.items)
            case Alt():
                return f"(?:{'|'.join(self._regex(option, within) for option in node.options)})"
            case Rep():
                inner = self._regex(node.item, within)
                single = isinstance(node.item, (Chars, Alt)) or len(inner) == 1
                return f"{inner if single else f'(?:{inner})'}{_times(node)}"
            case Rule():
                if node.name in within:
                    raise _NotRegular
                made = self._regex(self.rules[node.name], (*within, node.name))
                if len(made) > LONGEST_REGEX:  # before rules within rules have doubled it over and over
                    raise _NotRegular
                return made
            case _:
                assert_never(node)


class _NotRegular(Exception):
    pass


_ESCAPES = {code: f"\\x{code:02X}" for code in (*range(32), 127)} | str.maketrans(
    {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
)


def _gbnf(node: Node, *, tight: bool = False) -> str:
    """`tight`: something stands beside it, so alternatives need parentheses."""
    match node:
        case Lit():
            return f'"{node.text.translate(_ESCAPES)}"'
        case Chars():
            return f"[{node.body}]"
        case Seq():
            return " ".join(_gbnf(item, tight=True) for item in node.items) or '""'
        case Alt():
            options = " | ".join(_gbnf(option) for option in node.options)
            return f"( {options} )" if tight else options
        case Rep():
            inner = _gbnf(node.item)
            return f"{f'( {inner} )' if isinstance(node.item, (Seq, Alt, Rep)) else inner}{_times(node)}"
        case Rule():
            return node.name
        case _:
            assert_never(node)


def _times(node: Rep) -> str:
    if node.most is None:
        return {0: "*", 1: "+"}.get(node.least, f"{{{node.least},}}")
    return "?" if (node.least, node.most) == (0, 1) else f"{{{node.least},{node.most}}}"


def _literal(text: str) -> str:
    """A text in a regular expression: only what has a meaning there is escaped, for not every engine knows all escapes."""
    escaped = "".join(f"\\{mark}" if mark in "\\.^$*+?()[]{}|" else mark for mark in text)
    return escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
