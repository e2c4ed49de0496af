"""Tools described by a JSON Schema that came from elsewhere (an API's description, another server), and the registry that sorts them.

    python examples/raw_schema_tools.py

`Tool.from_schema` enforces a schema exactly as typed tools do: wrong types, missing and unknown keys are refused before the function runs.
"""

from react_agent import Agent, MockBackend, Tool, ToolRegistry, call


def weather(city: str, unit: str = "celsius") -> dict[str, object]:
    return {"city": city, "degrees": 18 if unit == "celsius" else 64, "unit": unit}


def remove(city: str) -> str:
    return f"the station of {city} is gone"


now = Tool.from_schema(
    name="now",
    description="The weather in a city at present.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["city"],
    },
    function=weather,
    read_only=True,
)
remove_station = Tool.from_schema(
    description="Remove a weather station.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    function=remove,
    destructive=True,
)
everything = ToolRegistry([now, remove_station])
harmless = everything.filter(read_only=True).prefix("weather_")  # registries filter, prefix and merge (a | b)
print("offered:", harmless.names, "of", everything.names)

model = MockBackend(
    [
        call("weather_now", town="Rome"),  # an unknown key
        call("weather_now", city="Rome", unit="kelvin"),  # not one of the units
        call("weather_now", city="Rome"),
        "18 degrees in Rome.",
    ]
)
result = Agent(model, tools=harmless).run_sync("How warm is it in Rome?")
for step in result.steps:
    for made in step.calls:
        if made.result:
            print(f"{made.arguments} [{made.result.status}] {' '.join(made.result.text.split())}")
print(result.answer)
