"""MiniMax M2: ``<minimax:tool_call><invoke name="f"><parameter name="a">…</parameter></invoke></minimax:tool_call>``; also Claude's old text form."""

from react_agent.formats.dialects.tagged import Element, XmlCalls

_AROUND = (("<minimax:tool_call>", "</minimax:tool_call>"), ("<function_calls>", "</function_calls>"))

DIALECT = XmlCalls("minimax", Element('<invoke name="', '">', "</invoke>"), Element('<parameter name="', '">', "</parameter>"), _AROUND)
