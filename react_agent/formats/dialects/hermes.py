"""Hermes 2 Pro, Qwen 2.5 and 3, Granite 4, Reka and others: ``<tool_call>{"name": …, "arguments": {…}}</tool_call>``."""

from react_agent.formats.dialects.base import JsonTags

DIALECT = JsonTags(
    "hermes",
    {
        "<tool_call>": "</tool_call>",
        "<tool_calls>": "</tool_calls>",
        "<TOOLCALL>": "</TOOLCALL>",
        "<tool-call>": "</tool-call>",
        "<longcat_tool_call>": "</longcat_tool_call>",
        "<ifm|tool_call>": "</ifm|tool_call>",
    },
)
