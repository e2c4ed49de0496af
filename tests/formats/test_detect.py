from __future__ import annotations

import pytest

from react_agent.formats import get_format
from react_agent.formats.detect import detect
from react_agent.messages import Act, ToolCall

from ._say import TOOLS
from .test_dialects import WRITTEN

SAME = {
    "json_plan": "json_step",  # the plan tells them apart, and there is none in these
    "react_paper": "react_text",  # the same words, where the tools are not at hand
}


@pytest.mark.parametrize("name", WRITTEN)
def test_each_dialect_is_told_from_its_calls(name: str) -> None:
    form = get_format(name)
    texts = [form.write(Act(thought, (ToolCall("search", {"query": query}),))) for thought, query in (("", "Paris"), ("", "Rome [x]"))]
    assert detect(["I do not know.", *texts], TOOLS) == SAME.get(name, name)


def test_the_most_frequent_counts_and_prose_is_none() -> None:
    hermes, fence = WRITTEN["hermes"], WRITTEN["json_fence"]
    assert detect([fence, hermes, hermes], TOOLS) == "hermes"
    assert detect([fence, hermes], TOOLS) == "json_fence"
    assert detect(["Paris is large.", "", '{"population": 2}', f"<think>{hermes}</think>No."], TOOLS) is None
    assert detect([], TOOLS) is None
    assert detect(['{"name": "other", "arguments": {}}'], TOOLS) is None
