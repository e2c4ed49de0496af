"""Chat templates: the prompt of a model that is reached as text only, made by its own Jinja template in a sandbox.

A model's template comes with it (``chat_template`` in its ``tokenizer_config.json``, or ``/props`` of llama.cpp's server) and says how a conversation was
written when the model was trained. `CHAT_TEMPLATES` in `react_agent.backends.model_templates` has those of models that came without one, or whose API
has none. A base model has no template at all: its prompt is the plain few-shot text of the ReAct paper.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict, cast

from pydantic import JsonValue

from react_agent.backends.template_process import render_apart
from react_agent.backends.template_worker import compiled, render
from react_agent.errors import BackendRejected, ConfigError
from react_agent.messages import JsonObject

LONGEST = 200_000  # characters of a template; the longest published ones have 20,000


class Said(TypedDict):
    """One message as templates know it."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """How one kind of model reads a conversation.

    Attributes:
        name: For people and for errors.
        source: The Jinja text, as Hugging Face's ``apply_chat_template`` takes it.
        bos, eos: The tokens that the template knows as ``bos_token`` and ``eos_token``.
        system: The template has a place for a system message; else it is put before the first question.
        stop: What the model writes when it begins somebody else's turn.
        models: Words in the names of models that speak so, lower case.
        ours: It is one of our own, and is rendered in this process. Any other is rendered in a process that is killed when it takes too long.
    """

    name: str
    source: str
    bos: str = "<s>"
    eos: str = "</s>"
    system: bool = True
    stop: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    ours: bool = False

    def render(self, messages: Sequence[Said]) -> str:
        """The prompt, up to where the model's turn begins. Without the first ``bos``: servers put that before every prompt.

        Raises:
            BackendRejected: The template refuses this conversation.
        """
        said = in_turns(messages, system=self.system)
        variables: JsonObject = {
            "messages": cast("list[JsonValue]", said),
            "bos_token": self.bos,
            "eos_token": self.eos,
            "add_generation_prompt": True,
            "tools": None,
        }
        try:
            text = render(self.source, variables) if self.ours else render_apart(self.source, variables)
        except Exception as error:  # noqa: BLE001 - a template is a program: it can raise whatever Python can
            raise BackendRejected(f"the chat template {self.name!r} refuses this conversation: {error}") from None
        return text.removeprefix(self.bos) if self.bos else text


def in_turns(messages: Sequence[Said], *, system: bool) -> list[Said]:
    """The conversation as templates want it: neighbours of one role are one message, and no system message where there is no place for it."""
    turns: list[Said] = []
    for message in messages:
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1] = {"role": message["role"], "content": f"{turns[-1]['content']}\n{message['content']}"}
        else:
            turns.append(message)
    if turns and turns[0]["role"] == "system" and not system:
        first, rest = turns[0]["content"], turns[1:]
        if rest and rest[0]["role"] == "user":
            return [{"role": "user", "content": f"{first}\n\n{rest[0]['content']}"}, *rest[1:]]
        return [{"role": "user", "content": first}, *rest]
    return turns


def load_template(path: str | Path) -> ChatTemplate:
    """A model's own template from its ``tokenizer_config.json`` (with its tokens), or from a file of Jinja text.

    Raises:
        ConfigError: The file has no template, or one that is no Jinja.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the template {path} cannot be read: {error}") from None
    if path.suffix != ".json":
        return usable(ChatTemplate(path.stem, text))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no JSON: {error}") from None
    source = found.get("chat_template") if isinstance(found, dict) else None
    if isinstance(source, list):  # several, by purpose
        named = {str(item.get("name")): item.get("template") for item in source if isinstance(item, dict)}
        source = named.get("default")
    if not isinstance(source, str):
        raise ConfigError(
            f"{path} has no 'chat_template': the model is a base model (take template='plain'), or it lies in a file chat_template.jinja"
        )
    return usable(ChatTemplate(path.parent.name or path.stem, source, _token(found.get("bos_token")), _token(found.get("eos_token"))))


def _token(value: object) -> str:
    """A token, plain or as an object with its text."""
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) else ""


def usable(template: ChatTemplate) -> ChatTemplate:
    """The template, if Jinja takes it. Whether it has a place for a system message is tried out.

    Raises:
        ConfigError: jinja2 is not installed, or the text is no template.
    """
    if len(template.source) > LONGEST:
        raise ConfigError(f"the chat template {template.name!r} is too long: {len(template.source):,} characters, at most {LONGEST:,}")
    try:
        _compile(template)
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001 - as above, and compiling goes through Python's own compiler
        raise ConfigError(f"the chat template {template.name!r} is no Jinja template: {error}") from None
    mark = "a system message"
    try:
        shown = mark in template.render([{"role": "system", "content": mark}, {"role": "user", "content": "q"}])
    except BackendRejected:
        shown = False
    if template.system and not shown:
        return replace(template, system=False)
    return template


def _compile(template: ChatTemplate) -> None:
    """Raises whatever a bad template does."""
    if find_spec("jinja2") is None:
        raise ConfigError("chat templates need jinja2: pip install 'react_agent[templates]'")
    if template.ours:
        compiled(template.source)
    else:
        render_apart(template.source, None)
