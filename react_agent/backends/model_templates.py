"""The conversation's form of well-known models without chat, or without tools in their chat: data, used by `CompletionsBackend`.

Each row renders what the model's makers say in its card; the sources are written out anew.
"""

from __future__ import annotations

import re
from dataclasses import replace

from react_agent.backends.templates import ChatTemplate

_CHATML = """\
{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""

# System in the first question, between marks of its own; each exchange is closed by eos and the next begins with bos.
_LLAMA2 = """\
{%- set first = messages[0].role == 'system' %}
{%- for m in messages %}
{%- if m.role == 'user' %}
{{- bos_token + '[INST] ' }}
{%- if first and loop.index0 == 1 %}{{ '<<SYS>>\\n' + messages[0].content + '\\n<</SYS>>\\n\\n' }}{% endif %}
{{- m.content.strip() + ' [/INST]' }}
{%- elif m.role == 'assistant' %}{{ ' ' + m.content.strip() + ' ' + eos_token }}
{%- endif %}
{%- endfor %}"""

# Mistral 7B Instruct 0.1 and Mixtral 8x7B Instruct 0.1: no system message; bos stands once.
_MISTRAL = """\
{{- bos_token }}
{%- for m in messages %}
{%- if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}
{%- elif m.role == 'assistant' %}{{ MID + m.content + eos_token + AFTER }}
{%- else %}{{ raise_exception('only user and assistant roles are known') }}
{%- endif %}
{%- endfor %}"""

_FALCON = """\
{%- for m in messages %}
{%- if m.role == 'system' %}{{ m.content.strip() }}
{%- else %}{{ ('' if loop.first else '\\n\\n') + ('User: ' if m.role == 'user' else 'Assistant: ') + m.content.strip() }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '\\n\\nAssistant:' }}{% endif %}"""

_FALCON_CHAT = """\
{%- for m in messages %}{{ {'system': 'System: ', 'user': 'User: ', 'assistant': 'Falcon: '}[m.role] + m.content + '\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ 'Falcon:' }}{% endif %}"""

_MPT_INSTRUCT = """\
{%- if messages[0].role != 'system' %}
{{- 'Below is an instruction that describes a task. Write a response that appropriately completes the request.\\n' }}
{%- endif %}
{%- for m in messages %}
{%- if m.role == 'system' %}{{ m.content + '\\n' }}
{%- elif m.role == 'user' %}{{ '### Instruction:\\n' + m.content + '\\n' }}
{%- else %}{{ '### Response:\\n' + m.content + '\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}"""

_PHI3 = """\
{%- for m in messages %}{{ '<|' + m.role + '|>\\n' + m.content + '<|end|>\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"""

# LLaVA 1.5 was trained on Vicuna's form. Pictures reach it through the chat API only.
_LLAVA = """\
{%- if messages[0].role != 'system' %}
{{- "A chat between a curious human and an artificial intelligence assistant. " }}
{{- "The assistant gives helpful, detailed, and polite answers to the human's questions. " }}
{%- endif %}
{%- for m in messages %}
{%- if m.role == 'system' %}{{ m.content + ' ' }}
{%- elif m.role == 'user' %}{{ 'USER: ' + m.content + ' ' }}
{%- else %}{{ 'ASSISTANT: ' + m.content + eos_token }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"""

_ROWS = (
    ChatTemplate("chatml", _CHATML, "", "<|im_end|>", stop=("<|im_end|>",), models=("qwen", "hermes", "smollm", "openchat-chatml")),
    ChatTemplate("llama-2", _LLAMA2, stop=("</s>",), models=("llama-2", "llama2", "codellama")),
    ChatTemplate(
        "mistral-0.1",
        _MISTRAL.replace("MID + ", "").replace(" + AFTER", " + ' '"),
        system=False,
        stop=("</s>",),
        models=("mistral-7b-instruct",),
    ),
    ChatTemplate(
        "mixtral-8x7b",
        _MISTRAL.replace("MID", "' '").replace(" + AFTER", ""),
        system=False,
        stop=("</s>",),
        models=("mixtral-8x7b-instruct",),
    ),
    ChatTemplate(
        "falcon-instruct",
        _FALCON,
        "",
        "<|endoftext|>",
        stop=("\nUser:", "<|endoftext|>"),
        models=("falcon-7b-instruct", "falcon-40b-instruct"),
    ),
    ChatTemplate("falcon-chat", _FALCON_CHAT, "", "<|endoftext|>", stop=("\nUser:", "<|endoftext|>"), models=("falcon-180b-chat",)),
    ChatTemplate(
        "mpt-instruct", _MPT_INSTRUCT, "", "<|endoftext|>", stop=("\n### ", "<|endoftext|>"), models=("mpt-7b-instruct", "mpt-30b-instruct")
    ),
    ChatTemplate("mpt-chat", _CHATML, "", "<|im_end|>", stop=("<|im_end|>",), models=("mpt-7b-chat", "mpt-30b-chat")),
    ChatTemplate("phi-3", _PHI3, "<s>", "<|endoftext|>", stop=("<|end|>", "<|endoftext|>"), models=("phi-3",)),
    ChatTemplate("orca-2", _CHATML, "<s>", "</s>", stop=("<|im_end|>",), models=("orca-2", "orca2")),
    ChatTemplate("llava-1.5", _LLAVA, stop=("</s>", "USER:"), models=("llava-1.5", "llava-v1.5", "vicuna")),
)
CHAT_TEMPLATES: dict[str, ChatTemplate] = {row.name: replace(row, ours=True) for row in _ROWS}
BASE_MODELS = (
    "pythia",
    "gpt-neo",
    "gpt-j",
    "mpt-7b",
    "mpt-30b",
    "falcon-7b",
    "falcon-40b",
    "mistral-7b-v0.1",
    "mixtral-8x7b-v0.1",
    "-base",
)
"""Words in the names of models that only continue a text; looked for after those of `CHAT_TEMPLATES`."""


_LLAMA2_BASE = re.compile(r"(^|/)llama-2-(7|13|70)b(-hf)?([.-](gguf|ggml|gptq|awq|q\d|f16|fp16)[^/]*)?$")  # its chat models say so


def template_for(model: str) -> str | None:
    """The name of the template for a model's name: a key of `CHAT_TEMPLATES`, ``plain`` for a known base model, None for an unknown one."""
    name = model.lower().replace("_", "-")
    if _LLAMA2_BASE.search(name):
        return "plain"
    for row in _ROWS:
        if any(word in name for word in row.models):
            return row.name
    return "plain" if any(word in name for word in BASE_MODELS) else None
