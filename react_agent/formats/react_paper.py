"""Thought/Action text as the ReAct paper writes it, for base models that only continue a text (Yao et al., 2022, arXiv 2210.03629, appendix C).

``Question: …``, ``Thought: …``, ``Action: Search[entity]``, ``Observation: …``, and at last ``Action: Finish[answer]``. The labels carry no numbers,
since a message is written without knowing how many came before. What is read is all that `react_text` reads, numbers too.
"""

from __future__ import annotations

from react_agent.formats.react_text import ReactTextFormat
from react_agent.formats.tools import FINISH_TOOL, Tools, describe, find_tool, single_parameter
from react_agent.messages import Head, JsonObject, Message, Text, ToolCall


class ReactPaperFormat(ReactTextFormat):
    """Steps in the paper's words. A base model learns them from examples: the tools' own, or the agent's."""

    name = "react_paper"
    version = 1

    def stop(self, head: Head) -> tuple[str, ...]:
        """A base model goes on with the observation, and after the answer with the next question."""
        return ("\nObservation", "\nQuestion")

    def constraint(self, head: Head, tool_choice: str, phase: str) -> None:
        """None: the grammar of `react_text` is for its own words."""

    def lower(self, message: Message, before: Message | None, head: Head) -> tuple[Message, ...]:
        lowered = super().lower(message, before, head)
        if message.role == "user" and (before is None or before.role == "system"):
            return (Message("user", (Text("Question: "), *message.parts)),)
        return lowered

    def render(self, thought: str, calls: tuple[ToolCall, ...] | None, answer: str, tools: Tools = ()) -> str:
        """In brackets where that can only be read as the same; else as `react_text` writes it."""
        lead = f"Thought: {thought}\n" if thought else ""
        if calls is None and tools and find_tool(tools, FINISH_TOOL)[0] is None and _fits(answer):
            return f"{lead}Action: Finish[{answer}]"
        if calls is not None and len(calls) == 1:
            tool, _ = find_tool(tools, calls[0].name)
            key = single_parameter(tool) if tool is not None else None
            arguments: JsonObject = calls[0].arguments or {}
            only = arguments.get(key) if key is not None and len(arguments) == 1 else None
            if isinstance(only, str) and _fits(only):
                return f"{lead}Action: {calls[0].name}[{only}]"
        return super().render(thought, calls, answer, tools)

    def prompt(self, instructions: str, head: Head) -> str:
        """The paper's opening, the tools, and examples to continue."""
        if not head.tools:
            return instructions
        blocks = [instructions] if instructions.strip() else []
        blocks.append(
            "Solve a question answering task with interleaving Thought, Action, Observation steps. Thought can reason about the current situation, "
            "and Action can be one of these:"
        )
        blocks.append("\n".join(f"({number}) {self._described(head, number - 1)}" for number in range(1, len(head.tools) + 1)))
        if head.output_schema is None:
            blocks[-1] += f"\n({len(head.tools) + 1}) Finish[answer]\n  Gives the answer and ends the task."
        blocks.append("Here are some examples.")
        blocks.extend(example.removeprefix("Example:\n\n").removeprefix("Example of a step:\n\n") for example in self.examples(head))
        return "\n\n".join(blocks)

    def _described(self, head: Head, index: int) -> str:
        """A tool in the words in which it is called."""
        tool = head.tools[index]
        lines = describe(tool).split("\n")
        key = single_parameter(tool)
        if key is not None:
            lines[0] = f"{tool.name}[{key}]"
        else:
            arguments = lines[0][len(tool.name) + 1 : -1]
            lines[0] = f"{tool.name}, with Action Input: {f'one JSON object of {arguments}' if arguments else '{}'}"
        return "\n".join(lines)


def _fits(words: str) -> bool:
    """One line whose brackets are balanced and that could be nothing but text."""
    if words != words.strip() or not words or not words.isprintable() or words[0] in "{[":
        return False
    level = 0
    for mark in words:
        level += (mark == "[") - (mark == "]")
        if level < 0:
            return False
    return level == 0
