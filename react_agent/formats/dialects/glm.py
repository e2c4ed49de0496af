"""GLM 4.5 to 4.7: ``<tool_call>name<arg_key>a</arg_key><arg_value>…</arg_value></tool_call>``; values are coerced by the tool's schema."""

from __future__ import annotations

import re
from collections.abc import Sequence

from react_agent.errors import FormatError
from react_agent.formats.dialects.base import Block, Dialect, arguments_of, not_closed, plain_value, typed_call, unquoted_marks
from react_agent.formats.scanner import cut_in, skip_space
from react_agent.formats.tools import Tools
from react_agent.messages import ToolCall

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_NAME = re.compile(r"[\w.\-]++")
_KEY, _KEY_END, _VALUE, _VALUE_END = "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"
_ANOTHER = unquoted_marks(_KEY, _VALUE)


class _Glm(Dialect):
    name = "glm"
    markers = (_OPEN,)

    def block(self, text: str, at: int, tools: Tools) -> Block | None:
        name = _NAME.match(text, skip_space(text, at + len(_OPEN)))
        if name is None:
            return None
        pos = skip_space(text, name.end())
        values: list[tuple[str, str]] = []
        while text.startswith(_KEY, pos):
            stop = text.find(_KEY_END, pos)
            value = skip_space(text, stop + len(_KEY_END)) if stop >= 0 else -1
            end = text.find(_VALUE_END, value) if value >= 0 and text.startswith(_VALUE, value) else -1
            if end < 0:
                return Block(len(text), complaint="The call's arguments are not closed.", open=True)
            values.append((text[pos + len(_KEY) : stop].strip(), text[value + len(_VALUE) : end]))
            pos = skip_space(text, end + len(_VALUE_END))
        if not text.startswith(_CLOSE, pos):
            cut = cut_in(text, pos, (_CLOSE, _KEY))
            where = "" if cut else f": after the name {name.group()[:80]} or an argument stands {text[pos : pos + 20]!r}"
            return Block(len(text), complaint=f"The call cannot be read to its </tool_call>{where}.", open=cut)
        end = pos + len(_CLOSE)
        raw = text[at:end]
        return Block(end, (not_closed(name.group(), values, _ANOTHER, raw) or typed_call(name.group(), values, raw, tools),))

    def write_calls(self, calls: Sequence[ToolCall]) -> str:
        written = []
        for call in calls:
            parts = [f"{_OPEN}{call.name}"]
            for key, value in arguments_of(call).items():
                if key != key.strip() or "<" in key:
                    raise FormatError(f"glm cannot write an argument named {key!r}")
                parts.append(f"{_KEY}{key}{_KEY_END}\n{_VALUE}{plain_value(value)}{_VALUE_END}")
            written.append("\n".join([*parts, _CLOSE]))
        return "\n".join(written)


DIALECT = _Glm()
