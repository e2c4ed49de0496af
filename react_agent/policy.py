"""Which calls may run: a list of rules, first match wins. Pure data, so it is written into the trace with the rest of the spec."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace
from pydantic import JsonValue

from react_agent.messages import JsonObject, Noun, ToolSpec

Decision: TypeAlias = Literal["allow", "ask", "deny"]


class Rule(Noun, frozen=True, omit_defaults=False):
    """Decides for the calls that it matches; a condition that is None matches always.

    Attributes:
        decision: ``allow`` runs it, ``ask`` pauses for a review, ``deny`` refuses it and tells the model `reason`.
        tools: A shell-style pattern of tool names.
        read_only, idempotent, destructive, open_world: The tool's annotations.
        after_untrusted: Whether text from an open world has come into the conversation before.
        arguments: Patterns that the named arguments must match, e.g. ``{"path": "/etc/*"}``: text as it is, all else as JSON (``true``, ``3``). An argument
            that a call leaves out matches none, whatever the function's default is.
        reason: Shown to the person who is asked, or to the model that is refused.
    """

    decision: Decision
    tools: str = "*"
    read_only: bool | None = None
    idempotent: bool | None = None
    destructive: bool | None = None
    open_world: bool | None = None
    after_untrusted: bool | None = None
    arguments: dict[str, str] | None = None
    reason: str = ""

    def matches(self, tool: ToolSpec, arguments: JsonObject, *, untrusted: bool) -> bool:
        return (
            self.destructive in (None, bool(tool.destructive))  # first: the default rule's only condition
            and self.read_only in (None, tool.read_only)
            and self.idempotent in (None, tool.idempotent)
            and self.open_world in (None, tool.open_world)
            and self.after_untrusted in (None, untrusted)
            and (self.tools == "*" or fnmatchcase(tool.name, self.tools))
            and all(
                name in arguments and any(fnmatchcase(text, pattern) for text in _written(arguments[name]))
                for name, pattern in (self.arguments or {}).items()
            )
        )


def _written(value: JsonValue) -> tuple[str, ...]:
    """A whole number in both ways: 3 and 3.0 are the same to a tool that takes either."""
    if isinstance(value, str):
        return (value,)
    text = msgspec.json.encode(value).decode()
    if isinstance(value, float) and value.is_integer():
        return text, str(int(value))
    return (text, f"{text}.0") if type(value) is int else (text,)


class Policy(Noun, frozen=True, omit_defaults=False):
    """Rules in order; what none of them matches is decided by `default`. A person's leave lifts no denial, and a typed answer is no call.

    The policy of an agent that names none asks before a tool that calls itself destructive, and allows the rest. A rule that asks or denies by the name of
    one tool has to hold for one of the agent's: a name or argument of it that is spelt otherwise is
    refused when the agent is made, and one that is much like a tool's is warned of.
    """

    rules: tuple[Rule, ...] = (Rule("ask", destructive=True, reason="the tool can destroy something"),)
    default: Decision = "allow"

    def always_allows(self, tool: ToolSpec) -> bool:
        """The tool is allowed whatever its arguments and whatever came before, so the rules need not be looked at for each call."""
        for rule in self.rules:
            if rule.arguments is None and rule.after_untrusted is None:
                if rule.matches(tool, {}, untrusted=False):
                    return rule.decision == "allow"
            elif replace(rule, arguments=None, after_untrusted=None).matches(tool, {}, untrusted=False):
                return False
        return self.default == "allow"

    def decide(self, tool: ToolSpec, arguments: JsonObject, *, untrusted: bool = False) -> tuple[Decision, str]:
        """The decision for one call and the reason given for it. `untrusted`: open-world text came in before it."""
        for rule in self.rules:
            if rule.matches(tool, arguments, untrusted=untrusted):
                return rule.decision, rule.reason
        return self.default, ""


ALLOW_ALL = Policy(rules=())
