"""What an agent accepts: each thing in the forms that a caller may give it, looked at before anything runs."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypedDict, TypeVar, get_args

from pydantic import JsonValue

from react_agent.backends.base import Backend
from react_agent.care import with_asking
from react_agent.errors import ConfigError
from react_agent.loop import fold
from react_agent.masking import SHORTEST, Masker
from react_agent.messages import JsonObject, Message, ToolSpec
from react_agent.policy import Decision, Policy, Rule
from react_agent.schema import nearest
from react_agent.schema.walk import known_keys
from react_agent.spec import FINISH_TOOL, AgentSpec, as_written
from react_agent.tooling import ToolRegistry
from react_agent.trace import Trace

if TYPE_CHECKING:
    from types import UnionType

    from typing_extensions import TypeForm

    from react_agent.agent import ToolLike
    from react_agent.backends.function import TextFunction
    from react_agent.host import Reviewer
    from react_agent.messages import Settings
    from react_agent.spec import Limits
    from react_agent.stores.jsonl import Store

T = TypeVar("T")
AnyOutput: TypeAlias = "TypeForm[object] | UnionType | JsonObject | None"


class MoreOptions(TypedDict, total=False):
    """What an `Agent` takes beside backend, format, tools and type of answer, for type checkers."""

    instructions: str
    limits: Limits | None
    settings: Settings | None
    policy: Policy | None
    store: Store | str | Path | None
    reviewer: Reviewer | None
    secrets: Sequence[str] | Mapping[str, str]
    name: str
    examples: Iterable[Trace | Sequence[Message] | str]


class AgentOptions(MoreOptions, total=False):
    """What it takes beside its backend and its type of answer."""

    tools: ToolRegistry | Iterable[ToolLike]
    format: str | None


def as_backend(backend: Backend | str | TextFunction, format: str | None = None) -> Backend:  # noqa: A002
    """A backend from whatever a caller may give. Raises `ConfigError`."""
    if isinstance(backend, str):
        from react_agent.backends.names import resolve

        return resolve(backend, format=format)
    if isinstance(backend, type):  # it has all that a backend has, but for what an instance holds
        raise ConfigError(f"{backend.__name__} is a class; give the agent one of it, as in Agent({backend.__name__}(…))")
    if isinstance(backend, Backend):
        if not type(backend).__module__.startswith(_OURS):
            _check_reply(backend)
        if format is not None and format != backend.format_name:
            raise ConfigError(f"the backend {backend.name} speaks '{backend.format_name}'; give format={format!r} to the backend itself")
        return backend
    if callable(backend):
        from react_agent.backends.function import FunctionBackend

        return FunctionBackend(backend, format=format or "react_text")
    raise _no_backend(backend)


def _no_backend(given: object) -> ConfigError:
    if not hasattr(given, "reply"):
        return ConfigError(f"a backend is a Backend, a name such as 'openai:gpt-5', or a function str -> str; not {type(given).__name__}")
    missing = ", ".join(repr(name) for name in ("name", "format_name", "reply", "aclose") if getattr(given, name, None) is None)
    return ConfigError(
        f"{type(given).__name__} is no backend without {missing}: a backend has name, format_name, {_REPLY}, and async def aclose(self)"
    )


_OURS = "react_agent."  # the type checker has looked at those
_REPLY = "async def reply(self, request, *, listen=None, timeout=None)"


def _check_reply(backend: Backend) -> None:
    """Raise `ConfigError` unless it can be called as a run calls it. That of a class of somebody's own would fail there, as if the model were lost."""
    try:
        signature = inspect.signature(backend.reply)
    except (TypeError, ValueError):  # not written in Python, or no function at all
        if callable(backend.reply):
            return
        raise ConfigError(f"{type(backend).__name__}.reply is no function; write it as {_REPLY}") from None
    try:
        signature.bind(None, listen=None, timeout=None)
    except TypeError as error:
        raise ConfigError(
            f"{type(backend).__name__}.reply cannot be called as reply(request, listen=…, timeout=…): {error}; write it as {_REPLY}"
        ) from None


def as_store(store: Store | str | Path | None) -> Store | None:
    """A store from a folder's path. Raises `ConfigError`."""
    if isinstance(store, (str, Path)):
        from react_agent.stores.jsonl import JsonlStore

        return JsonlStore(store)
    if isinstance(store, type):
        raise ConfigError(f"{store.__name__} is a class; give the agent one of it, as in store={store.__name__}(…)")
    methods = ("create", "append", "load", "exists")
    missing = [] if store is None else [name for name in methods if not callable(getattr(store, name, None))]
    if len(missing) == len(methods):
        raise ConfigError(f"a store is a folder or a Store; not {type(store).__name__}")
    if missing:
        raise ConfigError(f"{type(store).__name__} is no store without {', '.join(f'{name}(run_id)' for name in missing)}")
    return store


def as_policy(policy: Policy | None, tools: ToolRegistry) -> Policy:
    """The policy of an agent with these tools. Raises `ConfigError` for what is none, and for a rule that was meant to hold a tool back and does not."""
    if policy is None:
        policy = Policy()
    if not isinstance(policy, Policy):
        raise ConfigError(f"policy is a Policy, as in policy=Policy(rules=[{_RULE}]); not {_kind(policy)}")
    if not isinstance(policy.rules, Iterable) or not all(isinstance(rule, Rule) for rule in policy.rules):
        raise ConfigError(f"a policy's rules are a list of Rule, as in Policy(rules=[{_RULE}]); not {policy.rules!r}")
    for decision in (policy.default, *(rule.decision for rule in policy.rules)):
        if decision not in get_args(Decision):
            raise ConfigError(f"a policy's decision is one of {', '.join(map(repr, get_args(Decision)))}; not {decision!r}")
    for rule in policy.rules:
        if not isinstance(rule.tools, str):
            raise ConfigError(f"a rule's tools are a name or pattern, as in {_RULE}; several names are several rules; not {rule.tools!r}")
        if rule.decision != "allow":
            _check_held_back(rule, policy, tools)
    return with_asking(policy, [tool.name for tool in tools if tool.ask])


def _check_held_back(rule: Rule, policy: Policy, tools: ToolRegistry) -> None:
    """A rule for a tool that this agent has not may be another agent's; one that only spells one that it has otherwise is a mistake in a lock."""
    if any(sign in rule.tools for sign in "*?[") or rule.tools == FINISH_TOOL:
        return
    tool, what = tools.get(rule.tools), f"the policy's rule to {rule.decision} {rule.tools!r}"
    if tool is None:
        known = {name: each for each in reversed([*tools]) for name in (*each.other_names, each.name)}
        meant, maybe = (known.get(nearest(rule.tools, known, likeness) or "") for likeness in (1.0, 0.82))
        guess = meant or maybe
        if guess is None or policy.decide(guess.spec, {})[0] in (rule.decision, "deny"):
            return  # it is another's, or said for this one too
        words = (
            f"{what} holds for no tool of this agent; did you mean {guess.name!r}? If it is for a tool of another agent with this policy, write its "
            f"name as a pattern, '{rule.tools[:-1]}[{rule.tools[-1:]}]'"
        )
        if meant is not None:
            raise ConfigError(words)
        warnings.warn(words, stacklevel=4)  # `unlock_door` may well be another's tool where this one has `lock_door`
        return
    names = known_keys(tool.spec.parameters, tool.spec.parameters)
    for name in rule.arguments or ():
        if names is not None and name not in names:
            guess = nearest(name, names)
            raise ConfigError(
                f"{what} looks at the argument {name!r}, which that tool does not have; "
                + (f"did you mean {guess!r}?" if guess else f"it has {', '.join(names) or 'none'}")
            )


def as_reviewer(reviewer: T) -> T:
    """Raise `ConfigError` for what cannot be called with a pending call."""
    if reviewer is None:
        return reviewer
    words = "a reviewer is a function that is given a pending call and returns a review, such as call.approve()"
    if not callable(reviewer):
        raise ConfigError(f"{words}; not {_kind(reviewer)}")
    try:
        inspect.signature(reviewer).bind(None)
    except ValueError:  # it cannot be told
        return reviewer
    except TypeError as error:
        raise ConfigError(f"{words}; this one cannot be called so: {error}") from None
    return reviewer


def _kind(given: object) -> str:
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__


_RULE = 'Rule("deny", tools="delete_*")'


def as_examples(example: Trace | Sequence[Message] | str, tools: Sequence[ToolSpec]) -> list[tuple[Message, ...]]:
    """The messages of an example, or of each that a text holds, without its system message, which is the agent's own."""
    runs: Sequence[Sequence[Message]]
    if isinstance(example, str):
        from react_agent.formats.episodes import read_episodes

        runs = read_episodes(example, tools)
    else:
        runs = [fold(example).view if isinstance(example, Trace) else example]
        if not isinstance(runs[0], Iterable) or not all(isinstance(message, Message) for message in runs[0]):
            raise ConfigError("an example is a Trace, a list of Messages from the user's question to the answer, or the text of such runs")
    kept = [tuple([message for message in messages if message.role != "system"]) for messages in runs]
    if any(not said or said[0].role != "user" or said[-1].role == "user" for said in kept):
        raise ConfigError("an example must begin with the user's question and end with what the agent did or answered")
    return kept


def as_secrets(secrets: Iterable[str] | Mapping[str, str]) -> dict[str, str]:
    """The values by their names; those that were given without are numbered. Raises `ConfigError` for what would not be masked: silence would let it out."""
    if isinstance(secrets, str) or not isinstance(secrets, Iterable):
        raise ConfigError(f"secrets are a list of texts, as in secrets=[token], or texts with names; not {type(secrets).__name__}")
    known = dict(secrets) if isinstance(secrets, Mapping) else {str(at): secret for at, secret in enumerate(secrets)}
    for name, secret in known.items():
        if not isinstance(secret, str):
            why = "; is there nothing in the environment where it comes from?" if secret is None else ""
            raise ConfigError(f"a secret is a text; that of {name!r} is {type(secret).__name__}{why}")
        if 0 < len(secret.strip()) < SHORTEST:
            raise ConfigError(
                f"a secret of {len(secret)} characters, that of {name!r}, cannot be masked, since ordinary words hold it; {SHORTEST} are the least"
            )
    return known


def masker_for(secrets: Iterable[str], backend: Backend, spec: AgentSpec) -> Masker:
    """Masks an agent's secrets, its backend's, and the providers' keys that this process has; not the names of tools and of their arguments."""
    keys = [value for name, value in os.environ.items() if name.endswith(_KEY_NAMES) and len(value) >= 12]
    names = [name for tool in spec.head().tools for name in (tool.name, *_keys(tool.parameters))]
    return Masker((*secrets, *getattr(backend, "secrets", ()), *keys), names)


def _keys(schema: JsonValue) -> Iterator[str]:
    """The names of all properties in a schema."""
    for key, held in schema.items() if isinstance(schema, dict) else ():
        if key == "properties" and isinstance(held, dict):
            yield from held
        for part in held if isinstance(held, list) else [held]:
            yield from _keys(part)


def without_secrets(spec: AgentSpec, masker: Masker) -> AgentSpec:
    """The spec as each trace may hold it. Raises `ConfigError` for what cannot be written down, and for a secret in settings or policy, which would do
    something else without it."""
    spec = as_written(masker.masked(spec))
    for what in ("settings", "policy"):
        given = getattr(spec, what)
        for part in given.__struct_fields__:
            if masker.masked(value := getattr(given, part)) != value:
                raise ConfigError(
                    f"{what}.{part} holds a known secret (of secrets=, of the backend, or of an environment variable such as *_API_KEY or "
                    "*_TOKEN), and each trace would hold it too: leave it out; what a server needs is given to the backend, as a key or a header"
                )
    return spec


_KEY_NAMES = ("_API_KEY", "_TOKEN", "_SECRET", "_SECRET_ACCESS_KEY", "_BEARER_TOKEN_BEDROCK")
