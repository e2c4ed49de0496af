"""An agent as another agent's tool: a function that runs it. Its trace names its parent, and what it spent is counted above.

    python examples/sub_agents.py

A sub-agent's run is named by the call that it works for, so a resumed parent finds it again.
"""

from tempfile import TemporaryDirectory

from react_agent import Agent, JsonlStore, MockBackend, Usage, call, tool


@tool(read_only=True)
def shelf(topic: str) -> list[str]:
    """The titles that stand on a shelf."""
    return {"bees": ["The Hive", "Honey"]}.get(topic, [])


with TemporaryDirectory() as folder:
    store = JsonlStore(folder)
    librarian = Agent(
        MockBackend([call("shelf", topic="bees"), "We have The Hive and Honey."], usage=Usage(200, 20)),
        tools=[shelf],
        name="librarian",
        store=store,
    )

    @tool(read_only=True)
    async def ask_librarian(question: str) -> str:
        """Ask the librarian, who knows the shelves."""
        return (await librarian.run(question)).raise_for_outcome().answer or ""

    student = Agent(
        MockBackend([call("ask_librarian", question="What have you got on bees?"), "I shall read The Hive."], usage=Usage(100, 10)),
        tools=[ask_librarian],
        name="student",
        store=store,
    )
    result = student.run_sync("What should I read about bees?", run_id="essay")
    print(result.answer)
    print(f"tokens, the librarian's included: {result.usage.total_tokens}")

    called = result.steps[0].calls[0].key
    child = store.load(called or "")
    print(f"the librarian's run {child.run_id} belongs to {child.started.parent}")
    for step in child.steps():
        print("   ", [made.name for made in step.calls] or step.reply.message.text)
