"""Cohere Command R7B and later: ``<|START_ACTION|>[{"tool_name": …, "parameters": {…}}]<|END_ACTION|>``, answers between marks of their own."""

from collections.abc import Sequence

from react_agent.formats.dialects.base import JsonTags
from react_agent.formats.live import Shape
from react_agent.formats.scanner import Step
from react_agent.formats.tools import Tools

_RESPONSE = (("<|START_RESPONSE|>", "<|END_RESPONSE|>"), ("<|START_TEXT|>", "<|END_TEXT|>"), ("<|CHATBOT_TOKEN|>", "<|END_OF_TURN_TOKEN|>"))
ANSWER_MARKS = tuple(opening for opening, _ in _RESPONSE)


class _Cohere(JsonTags):
    shape = Shape(silent=ANSWER_MARKS, ends=tuple(closing for _, closing in _RESPONSE))
    think = ("<|START_THINKING|>", "<|END_THINKING|>")

    def step(self, text: str, tools: Tools, hidden: Sequence[tuple[int, int]] = ()) -> Step:
        step = super().step(text, tools, hidden)
        for opening, closing in _RESPONSE:
            if step.text.startswith(opening):
                step.text = step.text.removeprefix(opening).removesuffix(closing).strip()
        return step

    def write_answer(self, text: str) -> str:
        return f"{_RESPONSE[0][0]}{text}{_RESPONSE[0][1]}"


DIALECT = _Cohere("cohere", {"<|START_ACTION|>": "<|END_ACTION|>"}, keys=("tool_name", "parameters"), as_list=True)
