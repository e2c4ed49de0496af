"""A run to watch: pieces of the reply, events and tools' progress as they come; and a word put in while it runs.

    python examples/streaming.py

Pieces are for listeners and are never acted on; what counts is in the events. Leaving the `async with` early cancels the run.
"""

import asyncio

from react_agent import Agent, Delta, MockBackend, Progress, RunContext, call, tool


@tool(read_only=True)
def count_words(ctx: RunContext[None], pages: int) -> int:
    """Count the words of a book."""
    for page in range(1, pages + 1):
        ctx.progress(f"page {page} of {pages}", page / pages)
    return 250 * pages


model = MockBackend(
    [
        call("count_words", pages=3, thought="I have to count them."),
        "The book has 750 words. Il y a 750 mots.",
    ]
)


async def main() -> None:
    async with Agent(model, tools=[count_words]).stream("How many words are in this book?") as run:
        async for item in run:
            match item:
                case Delta(kind="text" | "thinking"):
                    print(item.text, end="|", flush=True)
                case Delta():
                    print(f"\ncall {item.name}: {item.text}")
                case Progress():
                    print(f"  {item.message} ({item.fraction:.0%})")
                case _:
                    print(f"[{item.kind}]")
                    if item.kind == "called":
                        run.tell("And say it in French, please.")  # heard with the next request
    print(run.result.answer)
    print("the model heard:", [message.text for message in model.requests[-1].messages if message.role == "user"])


asyncio.run(main())
