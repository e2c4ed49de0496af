"""IBM Granite 3: ``<|tool_call|>[{"name": …, "arguments": …}]``; Granite 20B: ``<function_call> {…}``."""

from react_agent.formats.dialects.base import JsonTags

DIALECT = JsonTags("granite", {"<|tool_call|>": "", "<function_call>": "</function_call>"}, as_list=True)
