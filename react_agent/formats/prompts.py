"""What text formats tell a model: the tools, the form of a step, a worked example for each tool, and examples instead of scolding."""

from __future__ import annotations

from collections.abc import Callable

from react_agent.formats.lossless import write_json
from react_agent.formats.tools import FINISH_TOOL, Tools, describe, example_arguments
from react_agent.framing import NOTE, framed
from react_agent.messages import (
    Head,
    Image,
    Message,
    ModelRequest,
    Text,
    Thinking,
    ToolCall,
    ToolExample,
    ToolResult,
    ToolSpec,
    assistant,
    user,
)

# A small model copies the closing phrase of its examples, so each has another.
_CLOSING_THOUGHTS = (
    "I know the answer now.",
    "This is what was asked.",
    "The result answers the question.",
    "Nothing else is needed.",
)


def tool_list(tools: Tools) -> str:
    return "You can use these tools:\n\n" + "\n\n".join(describe(tool) for tool in tools)


def closing_thought(index: int) -> str:
    return _CLOSING_THOUGHTS[index % len(_CLOSING_THOUGHTS)]


def shown_tool(head: Head) -> ToolSpec | None:
    """The tool that examples show: the first that is not the reserved one for answers."""
    for tool in head.tools:
        if tool.name != FINISH_TOOL:
            return tool
    return head.tools[0] if head.tools else None


def example_input(tool: ToolSpec) -> str:
    return write_json(example_arguments(tool))


def call_example(request: ModelRequest, write: Callable[[ToolSpec], str] | None = None) -> str:
    """A corrected call with a real tool of the request; "" where there is none to show."""
    tool = shown_tool(request.head)
    if tool is None or request.tool_choice == "none":
        return ""
    return write(tool) if write is not None else f"For example: call {tool.name} with {example_input(tool)}."


def last_good_result(request: ModelRequest) -> str | None:
    """The text of the last result that a tool gave, without the loop's own notes; None where there is none, or where it came from an open world.

    It is shown in words of ours, and what came from outside must never stand there without its frame.
    """
    for message in reversed(request.messages):
        for result in reversed(message.results):
            if result.ok and (said := plain_text(result)):
                return None if result.untrusted else said[:300]
    return None


def plain_text(result: ToolResult) -> str:
    """What the tool said, without the loop's notes to the model."""
    return "\n".join(part.text for part in result.content if type(part) is Text and part.provider_data != NOTE)


def trajectories(head: Head, write: Callable[[Message], str]) -> list[str]:
    """The agent's examples as texts, each from its question to its answer; `write` gives the text of an assistant's message."""
    blocks = []
    for example in head.examples or ():
        lines = []
        for message in example:
            if message.role == "tool":
                lines.append(observation(message).text)
            elif message.role == "assistant":
                lines.append(write(message))
            else:
                lines.append(message.text if lines else f"Question: {message.text}")
        blocks.append("Example:\n\n" + "\n".join(lines))
    return blocks


def chained_examples(head: Head, most: int) -> tuple[tuple[Message, ...], ...]:
    """Runs of two calls, each made of the examples of two tools, with a plan in the first thought; none where no two tools have examples."""
    shown = [
        (tool, example) for tool in worked_tools(head) for example in tool.examples[:1] if example.question and example.result is not None
    ]
    if len(shown) < 2 or head.output_schema is not None:
        return ()
    pairs = [(shown[at], shown[(at + 1) % len(shown)]) for at in range(min(most, len(shown)))]
    return tuple([_chained(*one, *two) for one, two in pairs])


def _chained(one: ToolSpec, first: ToolExample, two: ToolSpec, second: ToolExample) -> tuple[Message, ...]:
    question = second.question or ""
    return (
        user(f"{first.question} Then: {question[:1].lower()}{question[1:]}"),
        assistant(Thinking(f"Plan: {one.name}, {two.name}\nFirst I need {one.name}."), ToolCall(one.name, first.arguments)),
        Message("tool", (ToolResult(one.name, (Text(first.result or ""),)),)),
        assistant(Thinking(f"Next I need {two.name}."), ToolCall(two.name, second.arguments)),
        Message("tool", (ToolResult(two.name, (Text(second.result or ""),)),)),
        assistant(Thinking("The plan is done."), Text(f"{first.result}; {second.result}")),
    )


def worked_tools(head: Head) -> list[ToolSpec]:
    """The tools whose own example is to be shown: those that have one and occur in none of the agent's examples."""
    known = {call.name for example in head.examples or () for message in example for call in message.calls}
    return [tool for tool in head.tools if tool.examples and tool.name != FINISH_TOOL and tool.name not in known]


def observation(message: Message) -> Message:
    """A tool message as the user message that a text model reads: its results in call order, numbered where there are several."""
    results = message.results
    parts: list[Text | Image] = []
    for number, result in enumerate(results, 1):
        label = "Observation:" if len(results) == 1 else f"Observation {number} ({result.name}):"
        lead = "\n" if parts else ""
        parts.append(Text(f"{lead}{label} {_words(result)}"))
        parts.extend(part for part in result.content if type(part) is Image)
    return Message("user", _joined(parts))


def _words(result: ToolResult) -> str:
    text = framed(result)
    return text if result.ok or not text or text.lower().startswith("error") else f"Error: {text}"


def _joined(parts: list[Text | Image]) -> tuple[Text | Image, ...]:
    """Neighbouring texts as one part."""
    joined: list[Text | Image] = []
    for part in parts:
        last = joined[-1] if joined else None
        if type(part) is Text and type(last) is Text:
            joined[-1] = Text(last.text + part.text)
        else:
            joined.append(part)
    return tuple(joined)
