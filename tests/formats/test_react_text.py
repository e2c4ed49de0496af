from __future__ import annotations

import pytest

from react_agent import spec
from react_agent.errors import FormatError
from react_agent.formats import get_format, tools
from react_agent.formats.base import RawReply
from react_agent.messages import (
    Act,
    Answer,
    Head,
    Image,
    JsonObject,
    Malformed,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolExample,
    ToolResult,
    ToolSpec,
    assistant,
    system,
    user,
)

from ._say import ADD, NOW, SEARCH, TOOLS, ask, read, tool

REACT = get_format("react_text")
PARIS: JsonObject = {"query": "Paris"}

# text, thought, name, arguments
ACTS: dict[str, tuple[str, str, str, JsonObject]] = {
    "action input": ('Thought: I look.\nAction: search\nAction Input: {"query": "Paris"}', "I look.", "search", PARIS),
    "the paper's": ("Thought 1: I look.\nAction 1: search[Paris]", "I look.", "search", PARIS),
    "prefilled thought": (" I look.\nAction 2: search[Paris]\n", "I look.", "search", PARIS),
    "prefilled action": (" search[Paris]\n", "", "search", PARIS),
    "blank lines": ('Thought: I look.\n\nAction:\n\n  search\n\nAction Input:\n\n{"query": "Paris"}\n', "I look.", "search", PARIS),
    "action on the next line": ("I look.\nAction 4: \n\nsearch[Paris]", "I look.", "search", PARIS),
    "bold": ('**Thought:** I look.\n**Action:** search\n**Action Input:** {"query": "Paris"}', "I look.", "search", PARIS),
    "bold inside the colon": (
        '**Thought**: I look.\n**Action**: `search`\n**Action Input**: {"query": "Paris"}',
        "I look.",
        "search",
        PARIS,
    ),
    "headings": ("### Thought: I look.\n### Action: search[Paris]", "I look.", "search", PARIS),
    "other case": ('THOUGHT: I look.\naction: SEARCH\naction input: {"query": "Paris"}', "I look.", "search", PARIS),
    "underscores": ('Thought: I look.\nAction: search\nAction_Input: {"query": "Paris"}', "I look.", "search", PARIS),
    "full-width colon": ('Thought：I look.\nAction：search\nAction Input：{"query": "Paris"}', "I look.", "search", PARIS),
    "CRLF": ('Thought: I look.\r\nAction: search\r\nAction Input: {"query": "Paris"}\r\n', "I look.", "search", PARIS),
    "bare text": ("Thought: I look.\nAction: search\nAction Input: Paris\n", "I look.", "search", PARIS),
    "JSON string": ('Action: search\nAction Input: "Paris"', "", "search", PARIS),
    "input on the action's line": ('Thought: I look.\nAction: search, Action Input: {"query": "Paris"}', "I look.", "search", PARIS),
    "input without its label": ('Thought: I look.\nAction: search\n{"query": "Paris"}', "I look.", "search", PARIS),
    "object after the name": ('Action: search {"query": "Paris"}', "", "search", PARIS),
    "object in parentheses": ('Action: search({"query": "Paris"})', "", "search", PARIS),
    "object in brackets": ('Action: search[{"query": "Paris"}]', "", "search", PARIS),
    "blob": (
        'Thought: I look.\nAction:\n```json\n{"action": "search", "action_input": {"query": "Paris"}}\n```',
        "I look.",
        "search",
        PARIS,
    ),
    "blob without a fence": ('Action: {"action": "search", "action_input": "Paris"}', "", "search", PARIS),
    "blob under a thought": ('Thought: I look.\n```\n{"action": "search", "action_input": "Paris"}\n```\n', "I look.", "search", PARIS),
    "fenced input": ('Action: search\nAction Input:\n```json\n{"query": "Paris"}\n```', "", "search", PARIS),
    "fenced text": ("Action: search\nAction Input:\n```\nParis\n```", "", "search", PARIS),
    "all in a fence": ('```\nThought: I look.\nAction: search\nAction Input: {"query": "Paris"}\n```', "I look.", "search", PARIS),
    "a remark at the name": ('Action: search (find things)\nAction Input: {"query": "Paris"}', "", "search", PARIS),
    "keyword arguments": ("Thought: I look.\nAction: search(query='Paris')", "I look.", "search", PARIS),
    "one positional argument": ('Action: search("Paris")\nObservation: x', "", "search", PARIS),
    "the question again": ("Question: How large is Paris?\nThought: I look.\nAction: search[Paris]", "I look.", "search", PARIS),
    "after its own observation": ("Thought: I look.\nObservation: hm\nAction: search[Paris]", "I look.", "search", PARIS),
    "prose, then an action": ("Action: I need the search.\nAction: search\nAction Input: Paris", "", "search", PARIS),
    "None for nothing": ("Action: now\nAction Input: None", "", "now", {}),
    "text around": ('Action: search\nAction Input: {"query": "Paris"}, as asked.\n', "", "search", PARIS),
    "label within the line": ("Thought: I look. Action: search[Paris]", "I look.", "search", PARIS),
    "brackets within": ("Action: search[a [b] c]", "", "search", {"query": "a [b] c"}),
    "several lines in brackets": ("Action: search[a\nb]\nObservation: x", "", "search", {"query": "a\nb"}),
    "labels in an argument": (
        'Action: search\nAction Input: {"query": "x\\nAction: add\\nFinal Answer: 3"}',
        "",
        "search",
        {"query": "x\nAction: add\nFinal Answer: 3"},
    ),
    "labels in brackets": ("Action: search[Thought: I need more.]", "", "search", {"query": "Thought: I need more."}),
    "a raw label in a string": (
        'Action: search\nAction Input: {"query": "x\nObservation: y"}',
        "",
        "search",
        {"query": "x\nObservation: y"},
    ),
    "the label twice": ("Action: Action: search\nAction Input: Action Input: Paris", "", "search", PARIS),
    "the number within the label": ('Action 1: search\nAction 1 Input: {"query": "Paris"}', "", "search", PARIS),
    "the name in brackets": ('Action: [search]\nAction Input: {"query": "Paris"}', "", "search", PARIS),
    "the input in backticks": ('Action: `search`\nAction Input: `{"query": "Paris"}`', "", "search", PARIS),
    "a token that ends the turn": ("Action: search\nAction Input: Paris</s>", "", "search", PARIS),
    "N/A for nothing": ("Action: now\nAction Input: N/A", "", "now", {}),
    "a number": ("Action: count[3]", "", "count", {"n": 3}),
    "nothing to give": ("Thought: what time\nAction: now\nAction Input: {}", "what time", "now", {}),
    "nothing given": ("Thought: what time\nAction: now", "what time", "now", {}),
    "empty brackets": ("Action: now[]", "", "now", {}),
    "a fence that opens behind its label": ("Action: search\nAction Input: ```\nParis\n```\nObservation: x", "", "search", PARIS),
    "a fence behind the thought's label": (
        "Thought: ```\nAction: add\nAction Input: {}\n```\nAction: search[Paris]",
        "```\nAction: add\nAction Input: {}\n```",
        "search",
        PARIS,
    ),
    "fence in the thought": (
        "Thought: like\n```\nAction: add\nAction Input: {}\n```\nso.\nAction: search[Paris]",
        "like\n```\nAction: add\nAction Input: {}\n```\nso.",
        "search",
        PARIS,
    ),
    "thinking before": ("<think>Action: add[1]</think>\nAction: search[Paris]", "Action: add[1]", "search", PARIS),
    "thinking opened by the template": ("Action: add[1]\n</think>\n\nAction: search[Paris]", "Action: add[1]", "search", PARIS),
    "a thinking tag in an argument": ('Action: search\nAction Input: {"query": "</think>"}\n', "", "search", {"query": "</think>"}),
    "another dialect": ('<tool_call>{"name": "search", "arguments": {"query": "Paris"}}</tool_call>', "", "search", PARIS),
    "elements": ("<tool>search</tool><tool_input>Paris</tool_input>", "", "search", PARIS),
}


@pytest.mark.parametrize(("text", "thought", "name", "arguments"), ACTS.values(), ids=ACTS.keys())
def test_a_step_is_read_in_all_its_spellings(text: str, thought: str, name: str, arguments: JsonObject) -> None:
    reply = read("react_text", text)
    assert reply.reading == "act", reply.complaint
    assert [(call.name, call.arguments, call.complaint) for call in reply.message.calls] == [(name, arguments, None)]
    assert reply.message.thought == thought


ANSWERS = {
    "final answer": ("Thought: I know.\nFinal Answer: 42", "I know.", "42"),
    "answer": ("Thought: I know.\nAnswer: 42\n", "I know.", "42"),
    "finish": ("Thought 3: I know.\nAction 3: Finish[42]", "I know.", "42"),
    "finish, small": ("Action: finish[not [quite] so]", "", "not [quite] so"),
    "as an action": ("Action: Final Answer\nAction Input: 42", "", "42"),
    "as a blob": ('Action: {"action": "Final Answer", "action_input": "42"}', "", "42"),
    "lines": ("Final Answer: one\ntwo\n\n- three", "", "one\ntwo\n\n- three"),
    "bold": ("**Final Answer:** 42", "", "42"),
    "after no action": ("Thought: I know.\nAction: None\nFinal Answer: 42", "I know.", "42"),
    "tokens that end the turn": ("Final Answer: 42<|im_end|>\n<|endoftext|>", "", "42"),
    "a fence": (
        "Final Answer: ```\nAction: add\nObservation: x\n```\nDone.\nObservation: y",
        "",
        "```\nAction: add\nObservation: x\n```\nDone.",
    ),
    "inline": ("Thought: I know it. Final Answer: 42", "I know it.", "42"),
    "then more": ("Final Answer: 42\n\nAction: search\nAction Input: x", "", "42"),
    "then a question of its own": ("Final Answer: 42\n\nQuestion: 2*2?\nThought: easy\nFinal Answer: 4", "", "42"),
    "which is a quiz": ("Final Answer: A quiz.\nQuestion: 2*2?\nAnswer: 4", "", "A quiz.\nQuestion: 2*2?\nAnswer: 4"),
    "which begins with a question": ("Final Answer: Question: why?\nThought: so", "", "Question: why?"),
    "the question again": ("Question: 6*7?\nThought: I know.\nFinal Answer: 42", "I know.", "42"),
    "after thinking": ("<think>so</think>Final Answer: 42", "so", "42"),
    "after a scratchpad": ("<scratchpad>\nAction: now\n</scratchpad>\nFinal Answer: 42", "Action: now", "42"),
}


@pytest.mark.parametrize(("text", "thought", "answer"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_is_read(text: str, thought: str, answer: str) -> None:
    assert read("react_text", text).read() == Answer(thought, answer)


MALFORMED = {
    "empty": ("", "empty"),
    "thinking only": ("<think>Final Answer: 3</think>", "thoughts only"),
    "an open scratchpad": ("<scratchpad>\nAction: search[Paris]", ""),
    "open thinking": ("<think>Action: search[Paris]", ""),
    "thought only": ("Thought: I should look.", "no action and no final answer"),
    "prose": ("I should look for Paris.", "no action and no final answer"),
    "no input": ("Thought: x\nAction: search", "has no input"),
    "thought for input": ("Action: search\nThought: Paris", "has no input"),
    "input without action": ("Action Input: Paris", ""),
    "no action, and an answer to its own observation": ("Action: None\nObservation: x\nFinal Answer: 42", ""),
    "no action, and why": ("Thought: It greets.\nAction: None (no tool is needed)", ""),
    "headings for labels": ("### Thought\nI look.\n### Action\nsearch\n### Action Input\nParis", ""),
    "a list of labels": ("- Thought: I look.\n- Action: search\n- Action Input: Paris", ""),
    "the form, unfilled": ("Action:\n```\n$JSON\n```", ""),
    "a thought and another speaker": ("Thought: Do I need a tool? No\nAI: Hello.", "no action and no final answer"),
    "code for a call": ('Thought: I look.\nCode:\n```py\nprint(search(query="Paris"))\n```<end_code>', ""),
    "prose as the action": ("Action: I will search for Paris", ""),
    "text after the name": ("Action: search for Paris", "other text"),
    "a label for a name": ("Action: search Final Answer:\nAction Input: x", "other text"),
    "an answer to its own observation": ("Observation: 42\nFinal Answer: 42", ""),
    "an answer to a question of its own": ("Thought: no idea\nQuestion: 6*7?\nFinal Answer: 42", ""),
    "an action in its own observation": ("Thought: x\nObservation: It says so. Action: search[x]", ""),
    "a bare answer and an action": ("Thought: x\nAnswer: I should look first.\nAction: search[Paris]", "answer and an action"),
    "empty answer": ("Final Answer: \n", "empty"),
    "broken blob": ('Action: {"action": "search", "action_input": {"que', "cannot be read"),
    "fence never closed": ("Thought: x\n```\nAction: search[Paris]", ""),
}


@pytest.mark.parametrize(("text", "says"), MALFORMED.values(), ids=MALFORMED.keys())
def test_neither_act_nor_answer_is_malformed_and_shows_a_corrected_example(text: str, says: str) -> None:
    reply = read("react_text", text)
    assert reply.reading == "malformed", reply.read()
    assert says in (reply.complaint or "")
    assert 'Action: search\nAction Input: {"query": ' in (reply.complaint or "")
    assert not reply.message.calls
    assert reply.message.text == text


COMPLAINTS = {
    "cut string": ('Action: search\nAction Input: {"path": "/tmp/scra', "inside the string"),
    "a quote left out": ('Action: search\nAction Input: {query": "Paris"}', "a colon was expected"),
    "the form's own words": ("Action: Speak\nAction Input: Hello.", "no tool named"),
    "cut before an observation": ('Action: search\nAction Input: {"path": "/tmp/scra\nObservation: ok', "inside the string"),
    "open bracket": ("Action: search[Paris", "never closed"),
    "open bracket before a label": ("Action: search[Paris\nObservation: x", "never closed"),
    "text after the bracket": ("Action: search[Paris] on another website", "follows the closing bracket"),
    "two objects": ('Action: search\nAction Input: {"query": "a"}{"query": "b"}', "more follows"),
    "several parameters": ("Action: add[1]", "one JSON object"),
    "the parameter's name beside its value": ("Action: search\nAction Input: query=Paris", 'such as {"query": …}'),
    "its name in quotes": ('Action: search\nAction Input: "query": "Paris"', "names query"),
    "its name within the brackets": ("Action 1: search[query: Paris]", "names query"),
    "not a number": ("Action: count[three]", "integer"),
    "empty": ("Action: search[]", "no input"),
    "something for nothing": ("Action: now[soon]", "takes no arguments, so they have to be {}"),
    "unknown tool": ("Action: serch[Paris]", "Did you mean search?"),
    "given twice": ('Action: search[query]\nAction Input: {"query": "Paris"}', "given twice"),
    "called and given": ('Action: search(query=\'a\')\nAction Input: {"query": "Paris"}', "given twice"),
    "positional arguments": ("Action: add(1, 2)", "by name"),
    "an expression": ("Action: count(n=1+2)", "no plain number"),
    "open fence": ("Action: search\nAction Input: ```\nParis\nObservation: x", "the fence around it is never closed"),
    "open parenthesis": ('Action: search({"query": "a"}', "never closed"),
}


@pytest.mark.parametrize(("text", "says"), COMPLAINTS.values(), ids=COMPLAINTS.keys())
def test_a_call_that_cannot_be_read_never_runs(text: str, says: str) -> None:
    reply = read("react_text", text)
    assert reply.reading == "act", reply.complaint
    (call,) = reply.message.calls
    assert call.arguments is None
    assert says in (call.complaint or "")


def test_an_unknown_tool_with_an_object_stays_as_written() -> None:
    assert read("react_text", 'Action: Serch\nAction Input: {"query": "x"}').message.calls == (ToolCall("Serch", {"query": "x"}),)


CUTS = {
    "raw input": "Action: search\nAction Input: Par",
    "bracket at the end": "Action: search[Paris]",
    "open bracket": "Action: search[Paris",
    "object at the end": 'Action: search\nAction Input: {"query": "Paris"}',
    "answer": "Final Answer: The population is 2",
    "prose": "The population",
    "name": "Action: now",
    "fence": 'Action:\n```json\n{"action": "search", "action_input": "Par"',
}


@pytest.mark.parametrize("text", CUTS.values(), ids=CUTS.keys())
def test_what_the_token_limit_may_have_cut_is_never_used(text: str) -> None:
    reply = read("react_text", text, ask(resulted=True), finish="length")
    assert reply.reading == "malformed"
    assert "limit of tokens" in (reply.complaint or "")


@pytest.mark.parametrize(
    "text",
    [
        'Action: search\nAction Input: {"query": "Paris"}\nObs',
        "Action 1: search[Paris]\n",
        "Action: search\nAction Input: Paris\nObservation: Par",
    ],
)
def test_a_step_that_was_whole_before_the_cut_counts(text: str) -> None:
    assert read("react_text", text, finish="length").read() == Act("", (ToolCall("search", PARIS, None, None if "{" in text else "Paris"),))


def test_the_first_complete_step_counts_and_the_rest_is_recorded() -> None:
    text = 'Thought: x\nAction: search\nAction Input: {"query": "Paris"}\nObservation: 2\nThought: so\nFinal Answer: 2'
    reply = read("react_text", text)
    assert reply.reading == "act"
    assert reply.read_by is not None
    assert reply.read_by.cut == "\nObservation: 2\nThought: so\nFinal Answer: 2"
    assert reply.read_by.span == (0, text.index("\nObservation"))
    assert reply.raw == text


def test_what_was_cut_off_is_kept_within_bounds() -> None:
    reply = read("react_text", "Action: search[x]\nObservation: " + "y" * 10_000)
    assert reply.read_by is not None
    assert reply.read_by.cut is not None
    assert 2_000 < len(reply.read_by.cut) < 2_050


def test_repairs_are_recorded() -> None:
    reply = read("react_text", "Action: SEARCH\nAction Input: {'query': 'Paris',}")
    assert reply.read_by is not None
    assert reply.read_by.repairs == ("name_case", "single_quotes", "trailing_comma")


def test_a_name_in_another_case_must_be_the_only_one() -> None:
    reply = read("react_text", "Action: SEARCH[x]", ask((SEARCH, tool("Search"))))
    assert reply.message.calls[0].arguments is None


@pytest.mark.parametrize(
    ("request_", "reading"),
    [(ask(), "malformed"), (ask(resulted=True), "answer"), (ask(tool_choice="none"), "answer"), (ask(()), "answer")],
)
def test_prose_is_an_answer_only_where_nothing_else_can_be_meant(request_, reading: str) -> None:  # type: ignore[no-untyped-def]
    reply = read("react_text", "Paris has 2 million people.", request_)
    assert reply.reading == reading
    if reading == "answer":
        assert reply.read_by is not None
        assert reply.read_by.repairs == ("unmarked_answer",)


def test_a_scratchpad_alone_is_no_answer() -> None:
    assert read("react_text", "<scratchpad>I should answer.</scratchpad>", ask(resulted=True)).reading == "malformed"


def test_an_analysis_may_be_half_of_an_answer_without_a_label() -> None:
    text = "<analysis>It is dear.</analysis>\nSo do not buy it."
    assert read("react_text", text, ask(resulted=True)).read() == Answer("", text)
    assert read("react_text", text, ask(())).read() == Answer("", text)
    assert read("react_text", f"<analysis>Action: now</analysis>\nFinal Answer: {text}").read() == Answer("Action: now", text)


def test_an_error_is_no_result_that_prose_could_answer() -> None:
    request = ask()
    failed = Message("tool", (ToolResult("search", (Text("no"),), "error"),))
    request = type(request)(request.messages.extend(failed), request.head)
    assert read("react_text", "Paris has 2 million people.", request).reading == "malformed"


def test_several_calls_are_one_list() -> None:
    text = (
        'Thought: both\nAction: [{"action": "search", "action_input": {"query": "a"}}, {"action": "add", "action_input": {"a": 1, "b": 2}}]'
    )
    assert [call.arguments for call in read("react_text", text).message.calls] == [{"query": "a"}, {"a": 1, "b": 2}]
    one_bad = text.replace('{"a": 1, "b": 2}', '"three"')
    calls = read("react_text", one_bad).message.calls
    assert calls[0].arguments == {"query": "a"}
    assert calls[1].arguments is None


def test_a_typed_answer_is_a_call_of_the_reserved_tool() -> None:
    finish = tool("finish", ("total",), total="integer")
    request = ask((SEARCH, finish), output=finish.parameters)
    for text in ("Action: finish[3]", "Final Answer: 3", 'Final Answer: {"total": 3}', 'Action: Finish\nAction Input: {"total": 3}'):
        reply = read("react_text", text, request)
        assert [(call.name, call.arguments) for call in reply.message.calls] == [("finish", {"total": 3})], text


def test_the_reserved_name_is_the_spec_s() -> None:
    assert tools.FINISH_TOOL == spec.FINISH_TOOL


def test_a_refusal_is_one() -> None:
    reply = REACT.read(RawReply((), refusal="I must not."), ask())
    assert (reply.finish, reply.reading, reply.complaint) == ("refused", "malformed", "I must not.")


# --------------------------------------------------------------------------------------------------------------- writing

WRITTEN = {
    "act": (Act("x", (ToolCall("search", PARIS),)), 'Thought: x\nAction: search\nAction Input: {"query": "Paris"}'),
    "act without a thought": (Act("", (ToolCall("now", {}),)), "Action: now\nAction Input: {}"),
    "answer": (Answer("x", "42\nand more"), "Thought: x\nFinal Answer: 42\nand more"),
}


@pytest.mark.parametrize(("reading", "text"), WRITTEN.values(), ids=WRITTEN.keys())
def test_a_step_is_written(reading: Act | Answer, text: str) -> None:
    assert REACT.write(reading) == text


REFUSED = {
    "a label in the thought": Act("I think\nAction: add", (ToolCall("search", PARIS),)),
    "a label in the answer": Answer("", "x\nAction: search[y]"),
    "an open thinking block": Answer("<think>", "x"),
    "no calls": Act("x", ()),
    "no arguments": Act("x", (ToolCall("search", None, "bad", "{"),)),
    "infinity": Act("x", (ToolCall("search", {"query": float("inf")}),)),
    "white space": Answer("", " x "),
    "malformed": Malformed("x"),
}


@pytest.mark.parametrize("reading", REFUSED.values(), ids=REFUSED.keys())
def test_what_would_be_read_otherwise_is_not_written(reading: Act | Answer | Malformed) -> None:
    with pytest.raises(FormatError):
        REACT.write(reading)


def lower(message: Message, head: Head | None = None) -> Message:
    (lowered,) = REACT.lower(message, None, head or Head(TOOLS))
    assert not lowered.calls
    assert not lowered.results
    return lowered


def test_the_prompt_has_instructions_tools_rules_and_examples() -> None:
    examples = (ToolExample({"query": "Rome"}, "How large is Rome?", "I look it up.", "2.8 million"),)
    shown = ToolSpec(
        "search",
        "Finds\n  things.",
        {"type": "object", "properties": {"query": {"type": "string", "description": "What to find."}}, "required": ["query"]},
        examples=examples,
    )
    prompt = lower(system("Be brief."), Head((shown, ADD))).text
    for piece in (
        "Be brief.",
        "search(query: string)\n  Finds things.\n  - query: What to find.",
        "add(a: integer, b: integer)",
        'Question: How large is Rome?\nThought: I look it up.\nAction: search\nAction Input: {"query": "Rome"}\nObservation: 2.8 million',
        "Final Answer:",
    ):
        assert piece in prompt
    assert REACT.lower(Message("system", ()), None, Head()) == ()
    assert lower(Message("system", ()), Head((NOW,))).text.startswith("You can use these tools:")


def test_the_papers_prompt_tells_the_input_of_a_tool_that_takes_nothing_as_it_is_read() -> None:
    (prompt,) = get_format("react_paper").lower(Message("system", ()), None, Head((NOW,)))
    assert "(1) now, with Action Input: {}\n" in prompt.text
    assert read("react_paper", "Action: now\nAction Input: {}").message.calls == (ToolCall("now", {}),)


def test_assistant_messages_become_steps_again() -> None:
    call = ToolCall("search", PARIS)
    assert lower(Message("assistant", (Thinking("x"), call))).text == WRITTEN["act"][1]
    assert lower(Message("assistant", (Text("x"), call))).text == WRITTEN["act"][1]
    assert lower(assistant("42")).text == "Final Answer: 42"
    two = lower(Message("assistant", (call, ToolCall("search", None, "bad", '{"q'))))
    assert two.text == 'Action: [{"action": "search", "action_input": {"query": "Paris"}}, {"action": "search", "action_input": "{\\"q"}]'


def test_a_malformed_reply_is_shown_again_as_it_was_written() -> None:
    text = "I should look for Paris."
    assert lower(read("react_text", text).message).text == text


def test_results_become_observations_in_call_order() -> None:
    one = Message("tool", (ToolResult("search", (Text("found"),)),))
    assert lower(one) == user("Observation: found")
    picture = Image("image/png", data="AAAA")
    two = Message("tool", (ToolResult("search", (Text("a"), picture)), ToolResult("add", (Text("b must be integer"),), "invalid")))
    assert lower(two).parts == (Text("Observation 1 (search): a"), picture, Text("\nObservation 2 (add): Error: b must be integer"))


def test_it_stops_before_an_observation() -> None:
    assert REACT.stop(Head()) == ("\nObservation",)
