"""Qwen3-Coder, Qwen 3.5, Nemotron 3, Step 3.5, Seed-OSS: ``<tool_call><function=f><parameter=a>…</parameter></function></tool_call>``."""

from react_agent.formats.dialects.tagged import Element, XmlCalls

_AROUND = (("<tool_call>", "</tool_call>"), ("<seed:tool_call>", "</seed:tool_call>"))

DIALECT = XmlCalls(
    "qwen3_coder", Element("<function=", ">", "</function>"), Element("<parameter=", ">", "</parameter>"), _AROUND, each=True
)
