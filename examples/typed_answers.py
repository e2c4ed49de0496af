"""An answer that is data: `output=` takes a pydantic model (or any type, or a JSON Schema), and `result.output` is an instance of it.

    python examples/typed_answers.py

The model gives its answer as a call of the reserved tool ``finish``, which is checked like any call. Here its first try does not fit.
"""

from typing import Literal

from pydantic import BaseModel, Field

from react_agent import Agent, MockBackend, call


class Ticket(BaseModel):
    title: str = Field(max_length=60)
    severity: Literal["low", "high"]
    minutes: int = Field(ge=0, description="How long it has lasted.")


model = MockBackend(
    [
        "The site seems to be down!",  # prose is no answer here
        call("finish", title="Site is down", severity="terrible", minutes=20),  # neither is this
        call("finish", title="Site is down", severity="high", minutes=20),
    ]
)
agent = Agent(model, output=Ticket, instructions="Make a ticket of what the user reports.")
result = agent.run_sync("Nothing works any more, since 20 minutes!").raise_for_outcome()

ticket = result.output  # a Ticket, and type checkers know it
for message in model.requests[-1].messages:  # what the model was told on the way
    if message.role in ("user", "tool"):
        print(f"{message.role}: {' '.join((message.text or message.results[0].text).split())[:110]}")
if ticket is not None:
    print(f"{ticket.severity}: {ticket.title!r}, for {ticket.minutes} minutes; after {len(result.steps)} tries")

judge = Agent(MockBackend([call("finish", answer="bug")]), output=Literal["bug", "wish"])  # not only objects
kind: Literal["bug", "wish"] | None = judge.run_sync("Nothing works any more!").output  # so type checkers know
print(f"it is a {kind}")
