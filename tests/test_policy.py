"""What an agent makes of a policy before anything runs: a rule that was meant to hold a tool back has to."""

from __future__ import annotations

from typing import Literal

import pytest

from react_agent import Agent, MockBackend, Policy, Tool, ToolRegistry, call, tool
from react_agent.errors import ConfigError
from react_agent.policy import Rule
from react_agent.tooling import FunctionTool


@tool
def delete_file(path: str) -> str:
    """Delete a file."""
    return "gone"


@tool(ask=True)
def ask_user(question: str) -> str:
    """Ask."""
    return ""


@tool(name="web-search")
def search_the_web(query: str) -> str:
    """Search."""
    return ""


ANY = Tool.from_schema(
    name="post", description="Post.", parameters={"type": "object", "additionalProperties": True}, function=lambda **fields: "posted"
)
OTHER = Tool.from_schema(
    name="other",
    description="Post in another way.",
    parameters={"type": "object", "properties": {"a": {}}, "required": ["b"], "dependentSchemas": {"a": {"properties": {"c": {}}}}},
    function=lambda **fields: "posted",
)
TOOLS = ToolRegistry([delete_file, ask_user, search_the_web, ANY, OTHER, *ToolRegistry([ask_user]).prefix("fs_")])


def agent(*rules: Rule) -> Agent:
    return Agent(MockBackend([call("delete_file", path="/etc/passwd"), "done"]), tools=TOOLS, policy=Policy(rules))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule("deny", tools="DeleteFile"), "did you mean 'delete_file'?"),
        (Rule("deny", tools="delete-file"), r"write its name as a pattern, 'delete-fil\[e\]'"),
        (Rule("deny", tools="search_the_web"), "did you mean 'web-search'?"),
        (Rule("deny", tools="delete_file", arguments={"pth": "/etc/*"}), "'pth', which that tool does not have; did you mean 'path'?"),
        (Rule("deny", tools="delete_file", arguments={"file": "/etc/*"}), "it has path"),
    ],
)
def test_a_rule_that_holds_nothing_back_but_was_meant_to_is_refused(rule: Rule, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        agent(rule)


@pytest.mark.parametrize("name", ["delete_fle", "delete_flie", "delete_files", "undelete_file"])
def test_a_rule_that_may_be_misspelt_or_be_anothers_is_warned_of(name: str) -> None:
    with pytest.warns(UserWarning, match=f"deny '{name}' holds for no tool of this agent; did you mean 'delete_file'") as told:
        agent(Rule("deny", tools=name))
    assert told[0].filename == __file__


def test_a_tool_that_got_a_prefix_is_meant_by_its_own_name() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'fs_delete_file'\?"):
        Agent(MockBackend([]), tools=ToolRegistry([delete_file]).prefix("fs_"), policy=Policy((Rule("deny", tools="delete_file"),)))
    Agent(
        MockBackend([]),
        tools=[delete_file, *ToolRegistry([delete_file]).prefix("fs_")],
        policy=Policy((Rule("deny", tools="delete_file"),)),
    )


@pytest.mark.parametrize("name", ["delete_file", "fs_delete_files"])
def test_a_name_that_is_another_agents_stands_where_this_ones_is_held_back_too(name: str) -> None:
    def both(decision: Literal["deny", "ask"]) -> None:
        policy = Policy((Rule("deny", tools=name), Rule(decision, tools="fs_delete_file")))
        Agent(MockBackend([]), tools=ToolRegistry([delete_file]).prefix("fs_"), policy=policy)

    both("deny")
    with pytest.raises(ConfigError) if name == "delete_file" else pytest.warns(UserWarning, match="did you mean"):
        both("ask")


@pytest.mark.parametrize(
    "rule",
    [
        Rule("deny", tools="read_file"),  # another agent's with the same policy
        Rule("deny", tools="remove"),
        Rule("deny", tools="delete_file[s]"),
        Rule("deny", tools="delte_*"),
        Rule("deny", tools="finish"),
        Rule("allow", tools="delete_fle"),  # holds nothing back
        Rule("deny", tools="delete_*", arguments={"file": "x"}),
        Rule("deny", tools="post", arguments={"anything": "x"}),
        Rule("ask", tools="delete_file", arguments={"path": "/etc/*"}),
        Rule("deny", tools="other", arguments={"b": "x"}),
        Rule("deny", tools="other", arguments={"c": "x"}),
    ],
)
def test_what_may_be_meant_for_others_stands(rule: Rule) -> None:
    agent(rule)


def test_the_pattern_that_is_advised_holds_that_tool_alone() -> None:
    rule = Rule("deny", tools="delete_file[s]")
    [other] = ToolRegistry([delete_file]).prefix("")
    assert rule.matches(other.renamed("delete_files").spec, {}, untrusted=False)
    assert not rule.matches(other.spec, {}, untrusted=False)
    assert agent(rule).run_sync("Go.").steps[0].calls[0].result.text == "gone"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ([Rule("deny")], "policy is a Policy, as in policy=Policy"),
        ([], "not list"),
        ({"rules": []}, "not dict"),
        (Policy, "not the class Policy"),
        (Policy(rules=Rule("deny")), "rules are a list of Rule"),  # type: ignore[arg-type]
        (Policy(rules=("deny",)), "rules are a list of Rule"),  # type: ignore[arg-type]
        (Policy((Rule("forbid"),)), "one of 'allow', 'ask', 'deny'; not 'forbid'"),  # type: ignore[arg-type]
        (Policy(default="no"), "one of 'allow', 'ask', 'deny'; not 'no'"),  # type: ignore[arg-type]
        (Policy((Rule("deny", tools=["delete_file", "post"]),)), "several names are several rules"),  # type: ignore[arg-type]
        (Policy((Rule("deny", tools=delete_file),)), "several names are several rules"),  # type: ignore[arg-type]
    ],
)
@pytest.mark.parametrize("given", [delete_file, ask_user], ids=["plain", "a tool that asks"])
def test_what_is_no_policy(policy: Policy, words: str, given: FunctionTool[..., str]) -> None:
    with pytest.raises(ConfigError, match=words):
        Agent(MockBackend([]), tools=[given], policy=policy)


@pytest.mark.parametrize("reviewer", [True, "approve", lambda: None, lambda call, run: None])
def test_what_is_no_reviewer(reviewer: object) -> None:
    with pytest.raises(ConfigError, match="given a pending call and returns a review"):
        Agent(MockBackend([]), reviewer=reviewer)  # type: ignore[arg-type]
