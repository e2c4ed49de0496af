"""GigaChat 3: ``<|function_call|>{…}``, before 3.1 a message of the role ``function call``."""

from react_agent.formats.dialects.base import JsonTags

DIALECT = JsonTags("gigachat", {"<|function_call|>": "", "<|message_sep|>\n\nfunction call<|role_sep|>": ""}, line="")
