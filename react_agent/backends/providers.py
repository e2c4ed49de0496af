"""Leaves for the providers with an API of their own; the OpenAI-compatible ones are rows of a table (`react_agent.backends.profiles`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from react_agent.backends.given import key_from_environment, usable_format, usable_url
from react_agent.backends.guidance import LOOKS
from react_agent.backends.leaf import LeafBackend
from react_agent.backends.model_templates import CHAT_TEMPLATES, template_for
from react_agent.backends.profiles import profile_of
from react_agent.backends.retry import Retries, Timeouts
from react_agent.backends.templates import ChatTemplate, usable
from react_agent.backends.wires.anthropic import Anthropic
from react_agent.backends.wires.base import Wire
from react_agent.backends.wires.gemini import Gemini
from react_agent.backends.wires.ollama import Ollama
from react_agent.backends.wires.openai_completions import TEMPLATES, OpenAICompletions, Template
from react_agent.backends.wires.openai_responses import OpenAIResponses
from react_agent.errors import ConfigError
from react_agent.formats.base import Format

if TYPE_CHECKING:
    from react_agent.backends.http import Client


class ProviderBackend(LeafBackend):
    """One provider's API.

    Args:
        model: The model's name as the provider knows it.
        base_url: Where the API is, unless at the provider's own address.
        api_key: By default from the environment (`key_env`). At another address none is needed.
        client: An ``httpx.AsyncClient``, or one of the same shape, that is used and not closed.
        format: ``auto`` (native calls, and those that a model wrote into its text), ``native``, ``react_text``…, or a `Format`.
        headers: Further headers of every request.
        timeout: Seconds of silence to bear, or all three `Timeouts`.
        max_retries: How often a failed request is tried again, or all of `Retries`.
        wire: The provider's wire with other settings than the usual ones, for the same model.

    Raises:
        ConfigError: No key where one is needed, a base URL that is none, or a time-out or number of tries that cannot be.
    """

    provider: ClassVar[str]
    home: ClassVar[str]
    key_env: ClassVar[tuple[str, ...]] = ()
    version_path: ClassVar[tuple[str, ...]] = ()  # stands in the wire's path; taken off a base URL that has it too

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        client: Client | None = None,
        format: str | Format = "auto",  # noqa: A002 - the field's term
        headers: Mapping[str, str] | None = None,
        timeout: float | Timeouts = 600.0,
        max_retries: int | Retries = 2,
        wire: Wire | None = None,
    ) -> None:
        names = self.key_names(base_url or self.home)
        super().__init__(
            wire or self.wire_for(model),
            usable_format(format),
            name=f"{self.provider}:{model}",
            base_url=usable_url(base_url or self.home, self.version_path),
            key=api_key or key_from_environment(self.provider, names, bool(names)),
            headers=headers,
            client=client,
            timeout=timeout,
            retries=max_retries,
            look=LOOKS.get(self.provider),
        )

    @classmethod
    def key_names(cls, url: str) -> tuple[str, ...]:
        """The variables that may hold the key which is needed there: a key from the environment goes to its provider alone."""
        return cls.key_env if usable_url(url) == usable_url(cls.home) else ()

    @staticmethod
    def wire_for(model: str) -> Wire:
        """The usual wire."""
        raise NotImplementedError


class AnthropicBackend(ProviderBackend):
    """Claude, by Anthropic's Messages API. Another server that speaks it may want ``wire=Anthropic(model, "2023-06-01", "x-api-key")``."""

    provider = "anthropic"
    home = "https://api.anthropic.com"
    key_env = ("ANTHROPIC_API_KEY",)
    version_path = ("/v1",)

    @staticmethod
    def wire_for(model: str) -> Wire:
        return Anthropic(model)


class GeminiBackend(ProviderBackend):
    """Google's Gemini, by generateContent."""

    provider = "gemini"
    home = "https://generativelanguage.googleapis.com/v1beta"
    key_env = ("GEMINI_API_KEY", "GOOGLE_API_KEY")

    @staticmethod
    def wire_for(model: str) -> Wire:
        return Gemini(model)


class OllamaBackend(ProviderBackend):
    """A model served by Ollama, by its own API: on a machine of one's own, where no key is wanted, or by its cloud at ``https://ollama.com``."""

    provider = "ollama"
    home = "http://localhost:11434"
    version_path = ("/v1", "/api")

    @classmethod
    def key_names(cls, url: str) -> tuple[str, ...]:
        return ("OLLAMA_API_KEY",) if urlsplit(url.strip()).hostname in ("ollama.com", "www.ollama.com") else ()

    @staticmethod
    def wire_for(model: str) -> Wire:
        return Ollama(model)


class OpenAIResponsesBackend(ProviderBackend):
    """OpenAI's Responses API, without state on the server."""

    provider = "openai-responses"
    home = "https://api.openai.com/v1"
    key_env = ("OPENAI_API_KEY",)

    @staticmethod
    def wire_for(model: str) -> Wire:
        return OpenAIResponses(model)


class CompletionsBackend(ProviderBackend):
    """A model without chat, behind ``/v1/completions`` (llama.cpp, vLLM, LM Studio…). The format must be one of text.

    Args:
        template: How a conversation is written for the model: a name of `model_templates.CHAT_TEMPLATES` or of `TEMPLATES`, what `load_template` read
            from the model's own files, or a `Template`. By default told from the model's name; an unknown one, like a base model, gets ``plain``.
    """

    provider = "completions"
    home = "http://localhost:8080/v1"

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        client: Client | None = None,
        format: str | Format = "react_text",  # noqa: A002 - the field's term
        timeout: float | Timeouts = 600.0,
        max_retries: int | Retries = 2,
        template: str | Template | ChatTemplate | None = None,
    ) -> None:
        chosen = usable_format(format)
        if chosen.native:
            raise ConfigError(
                f"the completions API has no tools, so the format {chosen.name!r} cannot be used; take a text format such as 'react_text'"
            )
        row = profile_of(base_url or self.home)
        super().__init__(
            model,
            base_url=base_url,
            api_key=api_key,
            client=client,
            format=chosen,
            timeout=timeout,
            max_retries=max_retries,
            wire=OpenAICompletions(model, row, _usable_template(template or template_for(model) or "plain")),
        )


def _usable_template(template: str | Template | ChatTemplate) -> Template | ChatTemplate:
    """The template of that name, or the one given. Raises `ConfigError` for an unknown name, and for Jinja without jinja2."""
    if isinstance(template, str):
        named = CHAT_TEMPLATES.get(template) or TEMPLATES.get(template)
        if named is None:
            raise ConfigError(f"there is no template {template!r}; known are {', '.join([*TEMPLATES, *CHAT_TEMPLATES])}")
        template = named
    return usable(template) if isinstance(template, ChatTemplate) else template


PROVIDERS: dict[str, type[ProviderBackend]] = {
    kind.provider: kind for kind in (AnthropicBackend, GeminiBackend, OllamaBackend, OpenAIResponsesBackend, CompletionsBackend)
}
