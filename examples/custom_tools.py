"""What a tool may be: documented arguments, pydantic types, dependencies, async, pictures, errors in its own words.

    python examples/custom_tools.py

The schema comes from the hints, the descriptions from the docstring (Google, NumPy or reST). `RunContext` is injected and the model never
sees it. A call that breaks the schema does not run: the model is told what is wrong and tries again, as it does here in its first step.
"""

import asyncio
from dataclasses import dataclass, field

from pydantic import BaseModel, Field

from react_agent import Agent, Image, MockBackend, RunContext, ToolError, call, tool


class Order(BaseModel):
    item: str
    quantity: int = Field(ge=1, le=99)


@dataclass
class Shop:
    prices: dict[str, float]
    orders: list[Order] = field(default_factory=list)


@tool(read_only=True)
def price(ctx: RunContext[Shop], item: str) -> float:
    """What one piece costs, in euros.

    Args:
        item: Name as in the catalogue, e.g. "tea".
    """
    if item not in ctx.deps.prices:
        raise ToolError(f"The catalogue has no {item!r}; it has {', '.join(ctx.deps.prices)}.")
    return ctx.deps.prices[item]


@tool
async def buy(ctx: RunContext[Shop], order: Order) -> Order:
    """Place an order; gives it back as it was taken."""
    await asyncio.sleep(0)  # a real shop would be asked here
    ctx.deps.orders.append(order)
    return order


@tool(read_only=True)
def picture(item: str) -> Image:
    """A photograph of an item."""
    return Image.from_bytes(b"\x89PNG\r\n\x1a\n", "image/png")  # or Image.from_file(…)


wrong = [call("price", item="coffee"), call("buy", order={"item": "tea", "quantity": 0})]
right = [call("price", item="tea"), call("picture", item="tea"), call("buy", order={"item": "tea", "quantity": 2})]
agent = Agent(MockBackend([wrong, right, "Two packets of tea are ordered, for 9 euros."]), tools=[price, buy, picture])
shop = Shop({"tea": 4.5, "cup": 8.0})
result = agent.run_sync("Buy two packets of coffee, or else of tea.", deps=shop)

print("the model knows 'price' by", price.spec.parameters["properties"])
for step in result.steps:
    for made in step.calls:
        if made.result:
            print(f"{made.name} [{made.result.status}] {' '.join(made.result.text.split())[:120] or '(a picture)'}")
print(result.answer, shop.orders)
