from __future__ import annotations

import pytest

from react_agent.formats import get_format
from react_agent.formats.constraint import ACT, FREE
from react_agent.formats.json_plan import JsonPlanFormat
from react_agent.formats.step_schema import step_schema
from react_agent.messages import (
    Act,
    Head,
    Message,
    MessageView,
    ModelRequest,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
    assistant,
    system,
    user,
)

from ._say import ask, read
from .test_grammar import accepts, held

LOOK = ToolSpec("look", "", {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}, read_only=True)
ADD = ToolSpec("add", "", {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, read_only=True)
HEAD = Head((LOOK, ADD))
FORM = JsonPlanFormat()
FIRST = '{"plan": ["look", "add"], "thought": "I look.", "action": "look", "action_input": {"at": "x"}}'


def step(name: str, plan: str = "") -> Message:
    thoughts = (Thinking(f"Plan: {plan}\nt"),) if plan else ()
    return assistant(*thoughts, ToolCall(name, {}))


def got(name: str, ok: bool = True) -> Message:
    return Message("tool", (ToolResult(name, (Text("r"),), "ok" if ok else "error"),))


def asking(*messages: Message, head: Head = HEAD, choice: str = "auto") -> ModelRequest:
    return ModelRequest(MessageView().extend(system(""), user("q"), *messages), head, choice)


PHASES: dict[str, tuple[tuple[Message, ...], str]] = {
    "the first step": ((), f"plan {ACT}"),
    "after a complaint": ((assistant(Text("x", {"malformed": True})), user("again")), f"plan {ACT}"),
    "one of two done": ((step("look", "look, add"), got("look")), "tool add"),
    "the first failed": ((step("look", "look, add"), got("look", False)), f"plan {ACT}"),
    "it failed again, as planned anew": (
        (step("look", "look, add"), got("look", False), step("look", "look"), got("look", False)),
        f"plan {ACT} look",
    ),
    "the second failed": ((step("look", "look, add"), got("look"), step("add"), got("add", False)), f"plan {ACT}"),
    "another worked instead": (
        (step("look", "look, add"), got("look", False), step("add", "add"), got("add")),
        "done",
    ),
    "it failed three times": ((step("look", "look"), *[got("look", False), step("look")] * 2, got("look", False)), FREE),
    "both done": ((step("look", "look, add"), got("look"), step("add"), got("add")), "done"),
    "the same twice": ((step("look", "look, look"), got("look")), "tool look"),
    "another than planned": ((step("add", "look, add"), got("add")), "tool look"),
    "a plan of what is not there": ((step("look", "look, nope"), got("look")), "done"),
    "no plan was made": ((step("look"), got("look")), f"plan {FREE}"),
    "the next question": ((step("look", "look"), got("look"), assistant("It is x."), user("and now?")), f"plan {FREE}"),
}


@pytest.mark.parametrize(("messages", "phase"), PHASES.values(), ids=PHASES.keys())
def test_what_may_come_next(messages: tuple[Message, ...], phase: str) -> None:
    assert FORM.phase(asking(*messages)) == phase


@pytest.mark.parametrize(
    ("phase", "choice", "accepted"),
    [
        (f"plan {ACT}", "auto", "PQ"),
        (f"plan {FREE}", "auto", "PQA"),
        (f"plan {ACT} look", "auto", "Q"),
        ("tool add", "auto", "d"),
        ("done", "auto", "A"),
        (FREE, "auto", "ldA"),
        (f"plan {ACT}", "none", "A"),
        ("tool add", "look", "l"),
    ],
)
def test_the_grammar_of_each_phase(phase: str, choice: str, accepted: str) -> None:
    texts = {
        "P": FIRST,
        "Q": FIRST.replace('"look", "add"', '"add"').replace('"look", "action_input": {"at": "x"}', '"add", "action_input": {"a": 1}'),
        "l": '{"thought": "t", "action": "look", "action_input": {"at": "x"}}',
        "d": '{"thought": "t", "action": "add", "action_input": {"a": 1}}',
        "A": '{"thought": "t", "answer": "x"}',
    }
    constraint = FORM.constraint(HEAD, choice, phase)
    assert constraint is not None
    assert constraint.json_schema is not None
    assert {mark for mark, text in texts.items() if held(constraint.grammar, text)} == set(accepted)
    assert {mark for mark, text in texts.items() if accepts(text, constraint.json_schema)} == set(accepted)


def test_with_a_typed_answer_the_plan_ends_in_it() -> None:
    head = Head(
        (LOOK, ToolSpec("finish", "", {"type": "object", "properties": {"n": {"type": "integer"}}})), output_schema={"type": "object"}
    )
    done = FORM.constraint(head, "auto", "done")
    assert done is not None
    assert done.json_schema == step_schema(head, "finish")


def test_the_plan_is_the_thoughts_first_line_and_is_written_again() -> None:
    reply = read("json_plan", FIRST, ask((LOOK, ADD)))
    assert reply.message.thought == "Plan: look, add\nI look."
    assert FORM.lower(reply.message, None, HEAD)[0].text == FIRST
    assert FORM.write(Act("Plan: look, add\nI look.", (ToolCall("look", {"at": "x"}),))) == FIRST
    assert "plan" not in get_format("json_step").write(Act("Plan: look, add\nI look.", (ToolCall("look", {"at": "x"}),)))[:8]


@pytest.mark.parametrize("plan", ["[]", '"look"', "[1]", "{}"])
def test_what_is_no_plan_is_no_step(plan: str) -> None:
    text = FIRST.replace('["look", "add"]', plan)
    assert read("json_plan", text, ask((LOOK, ADD))).reading == "malformed"
