"""InternLM 2 and 2.5: ``<|action_start|><|plugin|>{"name": …, "parameters": {…}}<|action_end|>``."""

from react_agent.formats.dialects.base import JsonTags

DIALECT = JsonTags("internlm", {"<|action_start|><|plugin|>": "<|action_end|>"}, keys=("name", "parameters"), line="")
