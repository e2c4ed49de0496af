"""What OpenAI-compatible servers do differently, as a table: one wire and one row a server, no code.

A server that is not in the table is ``compatible``: the fields that every one of them knows, and no key needed. Further rows can be made with
``dataclasses.replace`` and passed to `OpenAIChatBackend` as ``profile=``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from react_agent.errors import ConfigError

GrammarField = Literal["grammar", "ebnf", "structured_outputs", "response_format", "regex"]
Echo = Literal["never", "field", "always"]


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of server that speaks ``/v1/chat/completions``.

    Attributes:
        name: The word before the colon in ``"groq:llama-3.3-70b"``.
        base_url: Where it listens unless told otherwise.
        key_env: Environment variables that may hold the key; the first one found counts. None: the server wants no key.
        key_needed: Without a key nothing is sent at all.
        auth: The header that carries the key.
        max_tokens: The field for the most tokens of a reply.
        seed: The field for the seed; None where there is none.
        thinking: How `Settings.thinking` is said: ``reasoning_effort`` as a word, ``reasoning`` as an object, or not at all.
        echo: Whether thinking goes back to the server: never; in the ``field`` that it came in; or ``always``, on every message with calls, even
            empty. What came as ``reasoning_details`` (OpenRouter and other gateways) goes back unchanged whatever stands here.
        strict: Tools whose schema qualifies are marked ``strict``.
        inline: Tools' schemas may hold no references.
        required: The word for "some tool must be called"; None where the server does not know it.
        named: One named tool can be demanded.
        none: Whether ``tool_choice: "none"`` is honoured; where it is not, the tools are left out instead.
        stream_usage: ``stream_options`` are understood, and needed for a stream to tell its usage.
        result_name: Tool messages carry the tool's name.
        nine: Call ids must be nine letters or digits.
        no_stop: A pattern of models that refuse stop sequences.
        structured: What ``response_format`` can hold a text format's reply to: a ``json_schema``, or only some ``json_object``; None where it is
            unknown or too narrow for a schema of alternatives.
        grammar: Where the body takes a grammar: GBNF as ``grammar`` (llama.cpp), ``ebnf`` (SGLang), ``structured_outputs`` (vLLM from 0.12) or
            ``response_format`` (Fireworks), a ``regex`` as ``response_format`` (Together).
    """

    name: str
    base_url: str
    key_env: tuple[str, ...] = ()
    key_needed: bool = False
    auth: Literal["bearer", "api-key"] = "bearer"
    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    seed: str | None = "seed"
    thinking: Literal["reasoning_effort", "reasoning"] | None = "reasoning_effort"
    echo: Echo = "never"
    strict: bool = False
    inline: bool = False
    required: str | None = "required"
    named: bool = True
    none: bool = True
    stream_usage: bool = True
    result_name: bool = False
    nine: bool = False
    no_stop: str | None = None
    structured: Literal["json_schema", "json_object"] | None = None
    grammar: GrammarField | None = None

    @property
    def local(self) -> bool:
        return urlsplit(self.base_url).hostname in ("localhost", "127.0.0.1")


# Not OPENAI_API_KEY: that key is for OpenAI, and goes to no other server unless the caller says so.
# Most such servers take a schema; one that refuses it is asked again without. A server that sends its thinking in a field takes it back in that field.
COMPATIBLE = Profile("compatible", "http://localhost:8080/v1", ("REACT_AGENT_API_KEY",), none=False, echo="field", structured="json_schema")

_ROWS = (
    Profile(
        "openai",
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        True,
        max_tokens="max_completion_tokens",
        strict=True,
        no_stop=r"(o\d|gpt-5)",
        structured="json_object",  # its schemas must be one object at the root
    ),
    # Servers on one's own machine. They seldom honour tool_choice "none": a small model goes on calling what it is shown.
    Profile("llamacpp", "http://localhost:8080/v1", none=False, echo="field", structured="json_schema", grammar="grammar"),
    Profile(
        "vllm",
        "http://localhost:8000/v1",
        ("VLLM_API_KEY",),
        none=False,
        echo="field",
        structured="json_schema",
        grammar="structured_outputs",
    ),
    Profile("sglang", "http://localhost:30000/v1", none=False, echo="field", structured="json_schema", grammar="ebnf"),
    Profile("ollama-openai", "http://localhost:11434/v1", none=False, required=None, named=False, echo="field", structured="json_schema"),
    Profile("lmstudio", "http://localhost:1234/v1", none=False, named=False, structured="json_schema"),
    Profile("tgi", "http://localhost:3000/v1", none=False),
    # Providers
    Profile(
        "groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",), True, max_tokens="max_completion_tokens", structured="json_object"
    ),
    Profile("together", "https://api.together.xyz/v1", ("TOGETHER_API_KEY",), True, structured="json_schema", grammar="regex"),
    Profile(
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        ("FIREWORKS_API_KEY",),
        True,
        echo="field",
        structured="json_schema",
        grammar="response_format",
    ),
    Profile("openrouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",), True, thinking="reasoning"),
    Profile(
        "deepseek",
        "https://api.deepseek.com",
        ("DEEPSEEK_API_KEY",),
        True,
        seed=None,
        thinking=None,
        echo="always",
        structured="json_object",
    ),
    Profile(
        "mistral",
        "https://api.mistral.ai/v1",
        ("MISTRAL_API_KEY",),
        True,
        seed="random_seed",
        thinking=None,
        required="any",
        stream_usage=False,
        result_name=True,
        nine=True,
    ),
    Profile("xai", "https://api.x.ai/v1", ("XAI_API_KEY",), True, max_tokens="max_completion_tokens"),
    Profile("cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",), True, max_tokens="max_completion_tokens", echo="field"),
    Profile("huggingface", "https://router.huggingface.co/v1", ("HF_TOKEN", "HUGGINGFACE_API_KEY"), True),
    Profile("moonshot", "https://api.moonshot.ai/v1", ("MOONSHOT_API_KEY",), True, required=None, echo="always"),
    Profile("zai", "https://api.z.ai/api/paas/v4", ("ZAI_API_KEY",), True, required=None, named=False, thinking=None, echo="field"),
    Profile(
        "dashscope",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        ("DASHSCOPE_API_KEY",),
        True,
        inline=True,
        required=None,
        thinking=None,
    ),
    Profile("ollama-cloud", "https://ollama.com/v1", ("OLLAMA_API_KEY",), True, none=False, required=None, named=False, echo="field"),
    Profile("nebius", "https://api.studio.nebius.com/v1", ("NEBIUS_API_KEY",), True),
    Profile("github", "https://models.github.ai/inference", ("GITHUB_TOKEN",), True),
    Profile("vercel", "https://ai-gateway.vercel.sh/v1", ("AI_GATEWAY_API_KEY",), True),
    # The base URL of these two depends on the account: {…} has to be filled in, so base_url= must be given.
    Profile(
        "azure",
        "https://{resource}.openai.azure.com/openai/v1",
        ("AZURE_OPENAI_API_KEY",),
        True,
        "api-key",
        "max_completion_tokens",
        no_stop=r"(o\d|gpt-5)",
    ),
    Profile(
        "bedrock",
        "https://bedrock-runtime.{region}.amazonaws.com/openai/v1",
        ("AWS_BEARER_TOKEN_BEDROCK",),
        True,
        max_tokens="max_completion_tokens",
    ),
)

PROFILES: dict[str, Profile] = {row.name: row for row in _ROWS}

_SUFFIXES = {".openai.azure.com": "azure", ".amazonaws.com": "bedrock", ".api.aws": "bedrock", ".services.ai.azure.com": "azure"}


def profile_named(profile: str | Profile) -> Profile:
    """The row of that name, or the one given. Raises `ConfigError` that lists the names for another."""
    if isinstance(profile, Profile):
        return profile
    if profile not in PROFILES:
        raise ConfigError(f"there is no profile {profile!r}; known are {', '.join(sorted(PROFILES))}")
    return PROFILES[profile]


def profile_of(base_url: str) -> Profile:
    """The row for a base URL, by its host (and by the port for the usual local servers); `COMPATIBLE` where none fits."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    for suffix, name in _SUFFIXES.items():
        if host.endswith(suffix):
            return PROFILES[name]
    for row in _ROWS:
        known = urlsplit(row.base_url)
        if row.local:
            if row.name == "ollama-openai" and host in ("localhost", "127.0.0.1") and parts.port == known.port:
                return row
        elif "{" not in row.base_url and known.hostname == host:
            return row
    return COMPATIBLE
