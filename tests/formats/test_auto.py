from __future__ import annotations

import pytest

from react_agent.errors import FormatError
from react_agent.formats import get_format
from react_agent.formats.base import RawReply
from react_agent.messages import Act, Answer, JsonObject, Text, Thinking, ToolCall

from ._say import ask, read, tool
from .test_dialects import WRITTEN

AUTO = get_format("auto")
ARGS: JsonObject = {"query": "Paris"}


def test_native_calls_come_first() -> None:
    leaked = Text(WRITTEN["hermes"])
    reply = AUTO.read(RawReply((leaked, ToolCall("add", raw='{"a": 1, "b": 2}'))), ask())
    assert [call.name for call in reply.message.calls] == ["add"]
    assert reply.read_by is not None
    assert reply.read_by.format == "native"


@pytest.mark.parametrize("name", WRITTEN)
def test_a_call_that_leaked_into_the_text_is_understood_in_any_dialect(name: str) -> None:
    reply = read("auto", WRITTEN[name])
    assert reply.reading == "act", reply.complaint
    assert [(call.name, call.arguments) for call in reply.message.calls] == [("search", ARGS)]
    assert reply.read_by is not None
    assert (reply.read_by.format, bool(reply.read_by.dialect)) == ("auto", True)
    assert reply.raw == WRITTEN[name]


LEAKS: dict[str, str] = {
    "fence after prose": 'I call it:\n```json\n{"name": "search", "arguments": {"query": "Paris"}}\n```\nThen I wait.',
    "a list in a fence that does not begin a line": 'Action: ```json\n[\n {"tool_name": "search", "parameters": {"query": "Paris"}}\n]```',
    "object in prose": 'I call {"name": "search", "arguments": {"query": "Paris"}} now.',
    "as OpenAI sends it": '{"type": "function", "function": {"name": "search", "arguments": "{\\"query\\": \\"Paris\\"}"}}',
    "Thought/Action": "Thought: I look.\nAction: search[Paris]",
    "a list of calls after prose": "I call:\n\n[search(query='Paris')]\n\nThen I wait.",
    "a step as an object after prose": 'I call it. {"thought": "", "action": "search", "action_input": {"query": "Paris"}}',
    "a Python list after prose": "Calling tools:\n[{'id': 'c1', 'type': 'function', 'function': {'name': 'search', 'arguments': {'query': 'Paris'}}}]",
    "with tool_arguments": 'Action:\n{"tool_name": "search", "tool_arguments": {"query": "Paris"}}\n\nThis finds it.',
    "uses of tools": '{"tool_uses": [{"recipient_name": "functions.search", "parameters": {"query": "Paris"}}]}',
    "the name on a line of its own": 'search\n{"query": "Paris"}<|eot_id|>',
    "tool_code with Google's namespace": '```tool_code\nprint(default_api.search(query="Paris"))\n```',
    "tool_code without a fence": 'tool_code\nprint(default_api.search(query="Paris"))\n',
    "tool_code": '```tool_code\nprint(search(query="Paris"))\n```',
    "a call alone, without brackets": 'search(query="Paris")</s>',
    "as OpenAI's messages have it": '{"tool_calls": [{"id": "1", "type": "function", "function": {"name": "search", "arguments": "{\\"query\\": \\"Paris\\"}"}}]}',
    "the call as the step's action": '{"thought": "x", "action": {"name": "search", "arguments": {"query": "Paris"}}}',
    "a namespace": '{"name": "functions.search", "arguments": {"query": "Paris"}}',
    "keys in quotes": '<|tool_call>call:search{"query": "Paris"}<tool_call|>',
    "other case": '<tool_call>{"name": "Search", "arguments": {"query": "Paris"}}</tool_call>',
    "after thinking": '<think>hm</think>\n```json\n{"name": "search", "arguments": {"query": "Paris"}}\n```',
    "without a closing tag": '<tool_call>\n{"name": "search", "arguments": {"query": "Paris"}}',
}


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS.keys())
def test_small_models_ways_are_understood(text: str) -> None:
    assert [(call.name, call.arguments) for call in read("auto", text).message.calls] == [("search", ARGS)]


ANSWERS = {
    "prose": "Paris has 2 million people.",
    "JSON": '{"population": 2102650, "name": "Paris"}',
    "fenced JSON": 'Here:\n```json\n{"name": "Paris", "population": 2}\n```',
    "JSON of no tool": 'As JSON: {"name": "unknown", "arguments": {"x": 1}} is a call.',
    "a list": "[1, 2, 3]",
    "a link": "[search(x)](https://example.org) finds it.",
    "code alone": "print('x')",
    "code behind its language": "tool_code\nprint('x')",
    "a call in a scratchpad that is spoken of": 'Write <analysis>{"name": "search", "arguments": {"query": "Paris"}}</analysis> so.',
    "prose that begins like a call": "search(query='x') looks it up.",
    "marks that are spoken of": "Use the `<tool_call>` tag, or `<tool_call>...</tool_call>`, not '[TOOL_CALLS]'.",
    "marks with a name that are spoken of": "Use `<function=search>`, '<parameter=query>' or `<invoke name=\"search\">`.",
    "thinking marks that are spoken of": 'The `<think>` tag opens, `</think>` closes it; `<think>…</think>` is both.\n\n"<think>"',
    "elements that begin with an analysis": "<analysis>It is dear.</analysis>\n<verdict>no</verdict>",
    "an analysis alone": "<analysis>It is dear.</analysis>",
    "an analysis and more": "<analysis>It is dear.</analysis>\n\nSo do not buy it.",
    "a reflection and an analysis": "<Reflection>It is dear.</Reflection><ANALYSIS>Why?</ANALYSIS>\nSo do not buy it.",
    "a scratchpad that is spoken of": "Write <scratchpad>notes</scratchpad> first, or `<thought>`.\n```xml\n<reflection>x</reflection>\n```",
    "a scratchpad that is not closed": "Put <reflection> before it.",
    "marks in code": "So:\n```python\nif text.startswith(\"<tool_call>\"):\n    stop = '</think>'\n```",
    "a list of calls of no tool": "[f(x=1)]",
    "a list of calls within a line": "Write [search(query='Paris')] to search.",
    "a call in quotes": """It wrote '{"name": "search", "arguments": {"query": "Paris"}}' and no more.""",
    "code": "```python\nsearch(query='Paris')\n```",
    "a label in prose": "Take\nAction: call your doctor\nAnswer: soon",
    "a tool's name and more": 'search\n{"query": "Paris"} is what it takes.',
    "marks of a call in code": "GLM writes:\n```xml\n<arg_key>query</arg_key>\n```\nand `<parameter=query>`.",
    "words in angle brackets": 'Set <parameter=size> to 5, and <arg_key>=<arg_value> for each.\n<b:invoke name="load"/> is XAML.',
    "a recipient that is spoken of": "The header says to=functions.search and `to=functions.now {}`.",
    "a recipient that is no tool": "It wrote to=functions.other {}.",
    "a mark that is spoken of": "The <|channel|> token tells channels apart.",
    "JSON with an answer": '{"answer": 42}',
    "JSON with an answer, fenced": '```json\n{"answer": "42"}\n```',
    "angle brackets": "a < b and <b>bold</b>",
}


UNFIT = {
    "JSON": '{"name": "add", "arguments": {"a": 1, "c": "<function=search>{\\"query\\": \\"Paris\\"}</function>"}}',
    "tags": "<tool_call>\n<function=add>\n<parameter=c>\nAction: search\nAction Input: Paris\n</parameter>\n</function>\n</tool_call>",
}


@pytest.mark.parametrize("text", UNFIT.values(), ids=UNFIT.keys())
@pytest.mark.parametrize("name", ["auto", "react_text", "functionary", "json_step"])
def test_a_call_that_does_not_fit_is_complained_about_and_nothing_in_its_arguments_is_run(name: str, text: str) -> None:
    reply = read(name, text)
    assert all(call.arguments != ARGS for call in reply.message.calls)
    assert reply.reading != "answer"


WRITTEN_ANSWERS = {
    "a call of what is no tool": '{"action": "Final Answer", "action_input": "42"}',
    "a thought and an answer": '{"thought": "I know.", "answer": "42"}',
    "whose words are JSON": '{"action": "final_answer", "action_input": "42"}',
    "between Cohere's marks": "<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>42<|END_RESPONSE|>",
    "in a fence": '```json\n{"action": "Final Answer", "action_input": "42"}\n```',
    "in a blob": 'Thought: I know.\nAction:\n```json\n{"action": "Final Answer", "action_input": "42"}\n```',
    "with the token that ends the turn": "Thought: I know.\nFinal Answer: 42<|endoftext|>",
    "the paper's": "Thought 2: I know.\nAction 2: Finish[42]",
}


@pytest.mark.parametrize("text", WRITTEN_ANSWERS.values(), ids=WRITTEN_ANSWERS.keys())
def test_an_answer_in_the_form_of_a_call_is_an_answer(text: str) -> None:
    reply = read("auto", text)
    assert (reply.reading, reply.message.text) == ("answer", "42")


@pytest.mark.parametrize("text", ANSWERS.values(), ids=ANSWERS.keys())
def test_what_only_looks_like_a_call_is_an_answer(text: str) -> None:
    assert read("auto", text).read() == Answer("", text)


MISTAKES = {
    "unknown tool": ('<tool_call>{"name": "serch", "arguments": {}}</tool_call>', "Did you mean search?"),
    "unknown key": ('<tool_call>{"name": "search", "arguments": {"q": "x"}}</tool_call>', "no argument 'q'"),
    "missing key": ('{"name": "add", "arguments": {"a": 1}}', "needs the argument 'b'"),
    "wrong type": ('[TOOL_CALLS]add[ARGS]{"a": "1", "b": 2}', "a must be integer"),
    "cut": ('<tool_call>{"name": "search", "arguments": {"query": "Par', "inside the string"),
    "cut, bare": ('{"name": "search", "arguments": {"query": "Par', "inside the string"),
    "no call in the tag": ("<tool_call>Paris?</tool_call>", ""),
    "a mark in code, then a call": ('`<tool_call>`{"name": "search", "arguments": {"query": "Par', "no call can be read"),
    "a call in backticks": ("`<function=search></function>`", ""),
    "a quote before a call": ('He says "yes"<tool_call>"name": "search"', ""),
    "a step for no tool": ("Action: serch\nAction Input: Paris", "Did you mean search?"),
    "the name and no JSON": ('<tool_call>search("Paris")</tool_call>', "after the name search"),
    "a call without its beginning": ("<name>search\n</parameter>\n<parameter=query>\nParis\n</parameter>\n</function>", "no whole call"),
    "arguments without a call": ("search<arg_key>query</arg_key><arg_value>Paris</arg_value>", "no whole call"),
    "tags with blanks": ('<｜DSML｜ invoke name="search">\n</｜DSML｜ invoke>', "no whole call"),
    "tags of a namespace": ('<x:invoke name="search"><x:parameter name="query">Paris</x:parameter></x:invoke>', "no whole call"),
    "flowers": ('✿FUNCTION✿: search\n✿ARGS✿: {"query": "Paris"}\n✿RESULT✿: made up\n✿RETURN✿: 42', "no whole call"),
    "a header without its tokens": ('to=functions.search code\n{"query": "Paris"}', "to=functions. belongs to a call"),
    "channels without their tokens": ('analysisI look.assistantcommentary to=functions.search json{"query": "Paris"}', "belongs to a call"),
    "arguments to nobody": ('<|channel|>commentary<|message|>{"query": "Paris"}<|end|>', "no function"),
    "the name and broken arguments": ('search\n{"query": "Par', "inside the string"),
    "a cut list of calls": ("[search(query='Par", "inside a string"),
    "a list of calls without quotes": ("[search(query=Paris)]", "no literal"),
    "a thought's label alone": ("Thought:<|eot_id|>", "a thought only"),
    "no action": ("Action: None\nAction Input: None", "no call and no answer"),
    "prose for a name": ('Action: use search\nAction Input: {"query": "Paris"}', "no call and no answer"),
    "broken step": ('Thought: x\nAction: search\nAction Input: {"query": "Par', "inside the string"),
}


@pytest.mark.parametrize(("text", "says"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_broken_call_is_neither_run_nor_an_answer(text: str, says: str) -> None:
    reply = read("auto", text)
    assert reply.reading == "malformed", reply.read()
    assert says in (reply.complaint or "")


def test_a_bad_call_beside_a_good_one_is_refused_by_itself() -> None:
    text = '<tool_call>{"name": "search", "arguments": {"query": "a"}}</tool_call>\n<tool_call>{"name": "search", "arguments": {"x": 1}}</tool_call>'
    first, second = read("auto", text).message.calls
    assert first.arguments == {"query": "a"}
    assert second.arguments is None
    assert "no argument 'x'" in (second.complaint or "")


def test_thinking_is_told_from_the_answer() -> None:
    assert read("auto", "<think>hm</think>\n42").read() == Answer("hm", "42")
    assert read("auto", "hm\n</think>\n42").read() == Answer("hm", "42")
    assert read("auto", "<scratchpad>\nhm\n</scratchpad>\n\n42").read() == Answer("hm", "42")
    assert read("auto", "<think>a</think><thought>b</thought><Analysis>c</Analysis>42").read() == Answer("a\nb\nc", "42")
    assert AUTO.read(RawReply((Thinking("a"), Text("42"))), ask()).read() == Answer("a", "42")
    for text in (
        "<think>\n\n</think>\n\n42",
        "42<|im_end|>\n",
        "<THINK></THINK>42</s>",
    ):  # nothing thought, and tokens that the server left
        assert read("auto", text).read() == Answer("", "42")
    for text in ("<think>hm</think>", "<scratchpad>hm"):
        assert "thoughts only" in (read("auto", text).complaint or "")
    assert "empty" in (read("auto", "").complaint or "")


def test_an_answer_that_would_be_taken_for_a_scratchpad_is_not_written() -> None:
    for text in ("<thought>a</thought> b", "<scratchpad>a"):
        with pytest.raises(FormatError):
            AUTO.write(Answer("", text))


def test_a_cut_reply_is_nothing() -> None:
    for text in (
        "Paris has",
        WRITTEN["llama3_json"],
        WRITTEN["functionary"].removesuffix("</function>"),
        WRITTEN["hermes"].removesuffix("</tool_call>"),
    ):
        assert read("auto", text, finish="length").reading == "malformed"
    whole = WRITTEN["hermes"]  # its closing tag has come
    for more in ("", "\n<tool_response>\nmade u"):
        assert read("auto", whole + more, finish="length").read() == Act("", (ToolCall("search", ARGS),))


def test_without_tools_a_call_is_still_no_answer() -> None:
    assert read("auto", WRITTEN["hermes"], ask(())).reading == "malformed"
    assert read("auto", "42", ask(())).read() == Answer("", "42")


def test_schemas_with_references_and_unions_are_looked_through() -> None:
    spec = tool("f")
    parameters: JsonObject = {
        "type": "object",
        "properties": {"mode": {"$ref": "#/$defs/Mode"}, "n": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
        "required": ["mode"],
        "$defs": {"Mode": {"enum": ["a", "b"]}},
    }
    request = ask((type(spec)("f", "", parameters),))
    good = read("auto", '<tool_call>{"name": "f", "arguments": {"mode": "a", "n": null}}</tool_call>', request)
    assert good.message.calls[0].arguments == {"mode": "a", "n": None}
    assert read("auto", '<tool_call>{"name": "f", "arguments": {"mode": 1}}</tool_call>', request).reading == "malformed"


def test_calls_after_a_python_tag_may_be_parted_by_semicolons() -> None:
    text = '<|python_tag|>{"name": "search", "parameters": {"query": "a"}}; {"name": "now", "parameters": {}}'
    assert [call.name for call in read("auto", text).message.calls] == ["search", "now"]


@pytest.mark.parametrize(
    "text",
    ["42</s>", " 42", "f[x", "f[x] is it", "search(query='x')", "[search(query='x", "a <think> b", '{"tool_calls": [{"name": "x"}]}'],
)
def test_an_answer_that_would_be_read_otherwise_is_not_written(text: str) -> None:
    with pytest.raises(FormatError):
        AUTO.write(Answer("", text))


def test_all_calls_of_a_list_within_text_are_read() -> None:
    text = 'Action: ```json\n[{"tool_name": "search", "parameters": {"query": "Paris"}}, {"tool_name": "now", "parameters": {}}]```'
    message = read("auto", text).message
    assert [call.name for call in message.calls] == ["search", "now"]
    odd = 'See [{"name": "search", "arguments": {"query": "Paris"}}, 3] there.'
    assert [call.name for call in read("auto", odd).message.calls] == ["search"]
