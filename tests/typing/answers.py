"""What type checkers know of an agent's answer. Read by mypy, not run."""

from __future__ import annotations

from typing import Literal, assert_type

from pydantic import BaseModel

from react_agent import Agent


class Ticket(BaseModel):
    title: str


def known(kind: type[Ticket], perhaps: type[Ticket] | None) -> None:
    assert_type(Agent("m", output=Ticket).run_sync("?").output, Ticket | None)
    of_a_class, of_one_perhaps = Agent("m", output=kind), Agent("m", output=perhaps, tools=[])
    assert_type(of_a_class, Agent[Ticket])
    assert_type(of_one_perhaps, Agent[Ticket])
    of_several, of_a_union, of_a_literal = Agent("m", output=list[int]), Agent("m", output=int | str), Agent("m", output=Literal["a"])
    assert_type(of_several, Agent[list[int]])
    assert_type(of_a_union, Agent[int | str])
    assert_type(of_a_literal, Agent[Literal["a"]])
    of_a_schema, in_words = Agent("m", output={"type": "object"}), Agent("m")
    assert_type(of_a_schema, Agent[object])
    assert_type(in_words, Agent[object])
