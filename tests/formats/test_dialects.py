from __future__ import annotations

import pytest

from react_agent.errors import ConfigError, FormatError
from react_agent.formats import FORMATS, get_format
from react_agent.formats.base import RawReply
from react_agent.formats.stream import StreamReader
from react_agent.messages import Act, Answer, Head, JsonObject, Message, Text, Thinking, ToolCall, ToolResult, ToolSpec, system, user

from ._say import SEARCH, TOOLS, ask, read, tool

ARGS: JsonObject = {"query": "Paris"}
MANY = ToolSpec(
    "many",
    "",
    {
        "type": "object",
        "properties": {
            "s": {"type": "string"},
            "i": {"type": "integer"},
            "f": {"type": "number"},
            "b": {"type": "boolean"},
            "n": {"type": ["integer", "null"]},
            "l": {"type": "array"},
            "o": {"type": "object"},
        },
    },
)
VALUES: JsonObject = {"s": 'a "b" é\nline', "i": 3, "f": 1.5, "b": True, "n": None, "l": ["x", 1], "o": {"k": [False]}}
DIALECTS = [name for name in FORMATS if name not in ("native", "auto")]

# How each dialect writes one call, or two: what servers and templates show.
WRITTEN = {
    "hermes": '<tool_call>\n{"name": "search", "arguments": {"query": "Paris"}}\n</tool_call>',
    "llama3_json": '{"name": "search", "parameters": {"query": "Paris"}}',
    "llama_pythonic": "[search(query='Paris')]",
    "mistral": '[TOOL_CALLS]search[ARGS]{"query": "Paris"}',
    "mistral_v3": '[TOOL_CALLS][{"name": "search", "arguments": {"query": "Paris"}}]',
    "phi4mini": 'functools[{"name": "search", "arguments": {"query": "Paris"}}]',
    "harmony": '<|channel|>commentary to=functions.search <|constrain|>json<|message|>{"query": "Paris"}<|call|>',
    "json_fence": '```json\n{"name": "search", "arguments": {"query": "Paris"}}\n```',
    "granite": '<|tool_call|>[{"name": "search", "arguments": {"query": "Paris"}}]',
    "qwen3_coder": "<tool_call>\n<function=search>\n<parameter=query>\nParis\n</parameter>\n</function>\n</tool_call>",
    "glm": "<tool_call>search\n<arg_key>query</arg_key>\n<arg_value>Paris</arg_value>\n</tool_call>",
    "deepseek_v3": '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>search\n```json\n{"query": "Paris"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    "deepseek_v31": '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>search<｜tool▁sep｜>{"query": "Paris"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    "deepseek_v32": '<｜DSML｜tool_calls>\n<｜DSML｜invoke name="search">\n<｜DSML｜parameter name="query" string="true">Paris</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>',
    "kimi_k2": '<|tool_calls_section_begin|><|tool_call_begin|>functions.search:0<|tool_call_argument_begin|>{"query": "Paris"}<|tool_call_end|><|tool_calls_section_end|>',
    "minimax": '<minimax:tool_call>\n<invoke name="search">\n<parameter name="query">\nParis\n</parameter>\n</invoke>\n</minimax:tool_call>',
    "gemma4": '<|tool_call>call:search{query:<|"|>Paris<|"|>}<tool_call|>',
    "functiongemma": "<start_function_call>call:search{query:<escape>Paris<escape>}<end_function_call>",
    "cohere": '<|START_ACTION|>[{"tool_name": "search", "parameters": {"query": "Paris"}}]<|END_ACTION|>',
    "internlm": '<|action_start|><|plugin|>{"name": "search", "parameters": {"query": "Paris"}}<|action_end|>',
    "functionary": '<function=search>{"query": "Paris"}</function>',
    "functionary_v32": '>>>search\n{"query": "Paris"}',
    "gigachat": '<|function_call|>{"name": "search", "arguments": {"query": "Paris"}}',
    "step3": '<｜tool_calls_begin｜><｜tool_call_begin｜><steptml:invoke name="search"><steptml:parameter name="query">\nParis\n</steptml:parameter></steptml:invoke><｜tool_call_end｜><｜tool_calls_end｜>',
    "lfm2": "<|tool_call_start|>[search(query='Paris')]<|tool_call_end|>",
    "olmo3": "<function_calls>[search(query='Paris')]</function_calls>",
    "apertus": '<|tools_prefix|>[{"search": {"query": "Paris"}}]<|tools_suffix|>',
    "json_step": '{"thought": "", "action": "search", "action_input": {"query": "Paris"}}',
    "json_plan": '{"thought": "", "action": "search", "action_input": {"query": "Paris"}}',
    "xml_react": '<action>search</action>\n<action_input>{"query": "Paris"}</action_input>',
    "react_text": 'Action: search\nAction Input: {"query": "Paris"}',
    "react_paper": 'Action: search\nAction Input: {"query": "Paris"}',  # without the tools at hand it cannot know what brackets would mean
}


def test_every_dialect_has_its_row() -> None:
    assert set(WRITTEN) == set(DIALECTS)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_call_is_written_as_its_models_write_it(name: str) -> None:
    assert get_format(name).write(Act("", (ToolCall("search", ARGS),))) == WRITTEN[name]


@pytest.mark.parametrize("name", DIALECTS)
def test_what_is_written_is_read_as_the_same(name: str) -> None:
    form = get_format(name)
    for step in (
        Act("I look.", (ToolCall("search", ARGS),)),
        Act("", (ToolCall("search", ARGS), ToolCall("many", VALUES))),
        Act("two\nlines", (ToolCall("now", {}),)),
        Answer("I know.", "42, that is\nall"),
    ):
        reply = read(name, form.write(step), ask((*TOOLS, MANY)))
        found = reply.read()
        assert type(found) is type(step), (found, reply.message)
        assert found.thought == step.thought
        if isinstance(step, Answer):
            assert found == step
        else:
            assert isinstance(found, Act)
            assert [(c.name, c.arguments) for c in found.calls] == [(c.name, c.arguments) for c in step.calls]


@pytest.mark.parametrize("name", DIALECTS)
def test_a_call_that_was_cut_anywhere_never_runs_with_less(name: str) -> None:
    text = get_format(name).write(Act("I look.", (ToolCall("search", {"query": "Paris in spring"}),)))
    for end in range(len(text)):
        for finish in ("stop", "length"):
            reply = read(name, text[:end], finish=finish)  # type: ignore[arg-type]
            for call in reply.message.calls:
                assert call.arguments in (None, {"query": "Paris in spring"}), text[:end]
            if reply.reading == "answer" and finish == "length":
                pytest.fail(f"an answer from a cut reply: {text[:end]!r}")


@pytest.mark.parametrize("form", ["its own", "auto"])
@pytest.mark.parametrize("name", DIALECTS)
def test_a_reply_that_the_token_limit_cut_runs_only_what_has_its_end_mark(name: str, form: str) -> None:
    """Wherever it was cut; of two calls, none before the second is told apart from the end."""
    calls = (ToolCall("search", {"query": "a b"}), ToolCall("now", {}))
    written, first = get_format(name).write(Act("I look.", calls)), get_format(name).write(Act("I look.", calls[:1]))
    for end in range(len(written) + 1):
        for size in (1, len(written)):
            reader = StreamReader(get_format(name if form == "its own" else form), ask())
            for at in range(0, end, size):
                reader.feed(written[at : min(end, at + size)])
            reply = reader.finish(RawReply((), "length"))
            if reply.reading == "act":
                assert written[:end].rstrip() in (first, written), written[:end]
                assert len(reply.message.calls) == (1 if end < len(written) else 2)
            else:
                assert "limit of tokens" in (reply.complaint or "")


@pytest.mark.parametrize("name", [name for name in DIALECTS if name not in ("json_step", "json_plan")])
def test_nothing_in_a_thinking_block_is_run(name: str) -> None:
    call = WRITTEN[name]
    for text in (
        f"<think>{call}</think>\nNo call after all.",
        f"{call}\n</think>\n\nNo call after all.",
        f"<think>\n{call}",
        f"I see. <think>{call}</think>\nNo call after all.",
        f"<THINK>{call}</THINK>\nNo call after all.",
        f"<|begin_of_thought|>\n{call}\n<|end_of_thought|>\nNo call after all.",
        *(
            f"<{word}>\n{call}\n</{word}>\nNo call after all."
            for word in ("thought", "scratchpad", "analysis", "Reflection", "inner_monologue")
        ),
        f"<think>hm</think>\n<scratchpad>{call}</scratchpad><thoughts>{call}</thoughts>\nNo call after all.",
        f"I see. <scratchpad>\n{call}\n</scratchpad>\nNo call after all.",
        f"<scratchpad>\n{call}",
    ):
        reply = read(name, text, ask(resulted=True))
        assert not reply.message.calls, text


@pytest.mark.parametrize(
    "name", [name for name in DIALECTS if name not in ("react_text", "react_paper", "json_step", "json_plan", "harmony", "xml_react")]
)
def test_text_before_a_call_is_kept_and_what_follows_is_cut(name: str) -> None:
    if name in ("llama3_json", "llama_pythonic"):  # the whole reply is the call
        return
    reply = read(name, f"I look.\n{WRITTEN[name]}\nThe result is 3.")
    assert reply.reading == "act", reply.complaint
    assert reply.message.text == "I look."
    assert reply.read_by is not None
    assert reply.read_by.cut is not None
    assert reply.read_by.cut.strip() == "The result is 3."


@pytest.mark.parametrize("name", DIALECTS)
def test_a_call_in_another_dialect_is_no_answer(name: str) -> None:
    for other in ("hermes", "mistral", "kimi_k2", "harmony", "deepseek_v31"):
        if name != other:
            reply = read(name, WRITTEN[other])
            assert [(call.name, call.arguments) for call in reply.message.calls] == [("search", ARGS)], other


@pytest.mark.parametrize("name", FORMATS)
def test_a_turn_of_thoughts_alone_is_not_shown_to_the_model_as_an_empty_answer(name: str) -> None:
    form = get_format(name)
    reply = form.read(RawReply((Thinking("Hm.", {"api": "x"}),)), ask())
    assert reply.reading == "malformed"
    [shown] = form.lower(reply.message, user("q"), Head(TOOLS))
    assert shown.text == ("Thought: Hm." if name.startswith("react") else "")


# An argument whose closing mark is missing or misspelt, and the same with such a mark in quotes, where it is content.
NOT_CLOSED = {
    "qwen3_coder": "<tool_call>\n<function=search>\n<parameter=query>\nParis\n{}<parameter=limit>{}\n3\n</parameter>\n</function>\n</tool_call>",
    "minimax": '<minimax:tool_call>\n<invoke name="search">\n<parameter name="query">Paris\n{}<parameter name="limit">{}3</parameter>\n</invoke>\n'
    "</minimax:tool_call>",
    "step3": '<｜tool_calls_begin｜><｜tool_call_begin｜><steptml:invoke name="search"><steptml:parameter name="query">Paris</stretml:parameter>\n'
    '{}<steptml:parameter name="limit">{}3</steptml:parameter></steptml:invoke><｜tool_call_end｜><｜tool_calls_end｜>',
    "glm": "<tool_call>search\n<arg_key>query</arg_key>\n<arg_value>Paris\n{}<arg_key>{}limit</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
    "deepseek_v32": '<｜DSML｜tool_calls>\n<｜DSML｜invoke name="search">\n<｜DSML｜parameter name="query" string="true">Paris\n'
    '{}<｜DSML｜parameter name="limit" string="false">{}3</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>',
    "xml_react": "<action>search</action>\n<action_input>{}<action_input>{}Paris</action_input>",
}


@pytest.mark.parametrize("form", ["own", "auto"])
@pytest.mark.parametrize(("name", "text"), NOT_CLOSED.items(), ids=NOT_CLOSED.keys())
def test_what_another_argument_says_is_no_part_of_one_that_is_not_closed(name: str, text: str, form: str) -> None:
    tools = ask((tool("search", query="string", limit="integer"), *TOOLS[1:]))
    reply = read(name if form == "own" else "auto", text.format("", ""), tools)
    assert [call.arguments for call in reply.message.calls] in ([], [None])
    assert "is not closed before" in (reply.complaint or "".join(call.complaint or "" for call in reply.message.calls))
    if name != "glm":  # whose values hold no such marks at all
        [call] = read(name if form == "own" else "auto", text.format("`", "`"), tools).message.calls
        assert (call.arguments or {}).get("query", "").startswith(("Paris", "`<action_input>`"))


COERCED = {
    "integer": ("i", "3", 3),
    "leading zeros": ("i", "007", 7),
    "whole float": ("i", "3.0", 3),
    "no integer": ("i", "three", None),
    "fraction": ("i", "3.5", None),
    "number": ("f", "-1.5e3", -1500.0),
    "number from an integer": ("f", "4", 4),
    "boolean": ("b", "True", True),
    "no boolean": ("b", "yes", None),
    "text that looks like a number": ("s", "42", "42"),
    "text in quotes": ("s", '"x"', '"x"'),
    "array": ("l", '["a", {"b": 1}]', ["a", {"b": 1}]),
    "open array": ("l", "[1, 2", None),
    "array from an object": ("l", '{"a": 1}', None),
    "object": ("o", "{'a': True}", {"a": True}),
    "a marker in a value": ("s", "<tool_call>", "<tool_call>"),
}


@pytest.mark.parametrize(("key", "value", "expected"), COERCED.values(), ids=COERCED.keys())
@pytest.mark.parametrize("name", ["qwen3_coder", "glm", "minimax", "step3"])
def test_untyped_values_are_coerced_by_the_schema_losslessly_or_not_at_all(name: str, key: str, value: str, expected: object) -> None:
    text = get_format(name).write(Act("", (ToolCall("many", {key: "@"}),))).replace("@", value)
    (call,) = read(name, text, ask((MANY,))).message.calls
    if expected is None:
        assert call.arguments is None
        assert key in (call.complaint or "")
    else:
        assert call.arguments == {key: expected}


def test_null_is_told_from_text_only_where_both_are_accepted() -> None:
    text = "<tool_call>\n<function=many>\n<parameter=n>\nnull\n</parameter>\n<parameter=s>\nnull\n</parameter>\n</function>\n</tool_call>"
    assert read("qwen3_coder", text, ask((MANY,))).message.calls[0].arguments == {"n": None, "s": "null"}


PYTHON = {
    "kinds": (
        "[many(s='a', i=-3, f=1.5, b=False, n=None, l=['x', (1, 2)], o={'k': 'v'})]",
        {"s": "a", "i": -3, "f": 1.5, "b": False, "n": None, "l": ["x", [1, 2]], "o": {"k": "v"}},
    ),
    "JSON literals": ("[many(b=true, n=null)]", {"b": True, "n": None}),
    "escapes": (r"[many(s='it\'s \n \u00e9 \x41')]", {"s": "it's \n é A"}),
    "positional": ("[many('x')]", None),
    "expression": ("[many(i=1+2)]", None),
    "call in a call": ("[many(s=str(3))]", None),
    "name": ("[many(s=Paris)]", None),
    "twice": ("[many(s='a', s='b')]", None),
    "broken quotes": ("[many(s='sed -n '1,2p' x')]", None),
}


@pytest.mark.parametrize(("text", "expected"), PYTHON.values(), ids=PYTHON.keys())
def test_python_literals_are_read_and_nothing_is_evaluated(text: str, expected: object) -> None:
    calls = read("lfm2", f"<|tool_call_start|>{text}<|tool_call_end|>", ask((MANY,))).message.calls
    assert [call.arguments for call in calls if call.arguments is not None] == ([expected] if expected else [])


def test_what_would_be_read_otherwise_is_not_written() -> None:
    for name, reading in (
        ("hermes", Answer("", "<tool_call>")),
        ("qwen3_coder", Act("", (ToolCall("search", {"query": "</parameter>"}),))),
        ("glm", Act("", (ToolCall("search", {"query": "</arg_value>"}),))),
        ("llama3_json", Answer("", WRITTEN["llama3_json"])),
        ("gemma4", Act("", (ToolCall("search", {"query": '<|"|>'}),))),
        ("lfm2", Act("", (ToolCall("search", {"two words": 1}),))),
        ("mistral", Act("", (ToolCall("search", None, "bad", "{"),))),
    ):
        with pytest.raises(FormatError):
            get_format(name).write(reading)


def test_the_prompt_shows_a_call_in_the_dialect() -> None:
    form = get_format("hermes")
    (prompt,) = form.lower(system("Be brief."), None, Head((SEARCH,)))
    assert "Be brief." in prompt.text
    assert '<tool_call>\n{"name": "search", "arguments": {"query": "text"}}\n</tool_call>' in prompt.text
    (seen,) = form.lower(Message("tool", (ToolResult("search", (Text("found"),)),)), None, Head())
    assert (seen.role, seen.text) == ("user", "Observation: found")
    (again,) = form.lower(Message("assistant", (ToolCall("search", ARGS),)), None, Head())
    assert again.text == WRITTEN["hermes"]


def test_an_unknown_format_is_the_caller_s_mistake() -> None:
    with pytest.raises(ConfigError, match="react_text"):
        get_format("nope")
    assert get_format("hermes") is get_format("hermes")


RECIPIENTS: dict[str, tuple[str, object]] = {
    "the prompt had the first mark": ('search\n{"query": "Paris"}', [ARGS]),
    "text to the user, then calls": ('all\nI look.\n>>>search\n{"query": "Paris"}\n>>>now\n{}', [ARGS, {}]),
    "text to the user": (">>>all\n42 >>>\n>>> f(x)\n1", "42 >>>\n>>> f(x)\n1"),
    "without the first mark": ("all\nHello, world!\nWhat's up?", "Hello, world!\nWhat's up?"),
    "nobody named": ("all of it\n{}", "all of it\n{}"),
    "no tool of that name first": ('nope\n{"query": "Paris"}', 'nope\n{"query": "Paris"}'),
    "text after a call": ('>>>search\n{"query": "Paris"}\nIt is sunny.', [ARGS]),
    "a second call that was cut": ('>>>search\n{"query": "Paris"}>>>now\n{', [ARGS]),
    "a mark in an argument": ('>>>search\n{"query": ">>>now\\n{}"}', [{"query": ">>>now\n{}"}]),
}


@pytest.mark.parametrize(("text", "expected"), RECIPIENTS.values(), ids=RECIPIENTS.keys())
def test_messages_to_recipients(text: str, expected: object) -> None:
    message = read("functionary_v32", text, ask()).message
    assert (message.text if not message.calls else [call.arguments for call in message.calls]) == expected


PARAMETERS = {
    "qwen3_coder": "<parameter=query>\nParis\n</parameter>\n",
    "minimax": '<parameter name="query">\nParis\n</parameter>\n',
    "glm": "<arg_key>query</arg_key>\n<arg_value>Paris</arg_value>\n",
    "step3": '<steptml:parameter name="query">\nParis\n</steptml:parameter>',
    "deepseek_v32": '<｜DSML｜parameter name="query" string="true">Paris</｜DSML｜parameter>\n',
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_of_two_values_for_one_argument_none_is_taken(name: str) -> None:
    one = PARAMETERS[name]
    assert one in WRITTEN[name]
    [call] = read(name, WRITTEN[name].replace(one, one + one.replace("Paris", "Rome"))).message.calls
    assert call.arguments is None
    assert "stands there twice" in (call.complaint or "")


@pytest.mark.parametrize("name", ["function=search", "parameter=query"])
def test_a_name_ends_with_its_line(name: str) -> None:
    assert read("qwen3_coder", WRITTEN["qwen3_coder"].replace(name, f"{name[:-2]}\n{name[-2:]}")).reading == "malformed"


def test_a_fence_between_the_tags_is_a_repair_on_record() -> None:
    reply = read("hermes", WRITTEN["hermes"].replace("\n{", "\n```json\n{").replace("}\n<", "}\n```\n<"))
    assert ([call.arguments for call in reply.message.calls], reply.read_by.repairs) == ([ARGS], ("code_fence",))


@pytest.mark.parametrize(("to", "text", "thought"), [("developer", "42", ""), ("self", "42", "a note"), ("user", "a note\n42", "")])
def test_what_harmony_says_to_people_is_no_call(to: str, text: str, thought: str) -> None:
    note = f"<|channel|>commentary to={to}<|message|>a note<|end|>"
    message = read("harmony", f"{note}<|start|>assistant<|channel|>final<|message|>42<|return|>").message
    assert (message.text, message.thought, message.calls) == (text, thought, ())


@pytest.mark.parametrize("form", ["harmony", "auto"])
@pytest.mark.parametrize("before", ["", "<|channel|>analysis<|message|>hm<|end|>"])
def test_a_header_without_its_message_is_no_answer_in_harmony(form: str, before: str) -> None:
    for header in ("<|channel|>compose to=functions.search =It is dear.", "<|start|>assistant", "<|start|>assistant<|channel|>final"):
        reply = read(form, f"{before}{header}")
        assert "header has no end" in (reply.complaint or ""), header
    assert read(form, "<|channel|> tells channels apart, as <|message|> tells messages.").reading == "answer"


def test_arguments_to_nobody_are_no_answer_in_harmony() -> None:
    reply = read("harmony", '<|channel|>commentary<|message|>{"query": "Paris"}<|end|>')
    assert (reply.reading, "no function" in (reply.complaint or "")) == ("malformed", True)


def test_each_call_of_a_list_keeps_its_own_text_alone() -> None:
    calls = read("lfm2", "<|tool_call_start|>[search(1, 2), search(3, 4)]<|tool_call_end|>").message.calls
    assert [call.raw for call in calls] == ["search(1, 2)", "search(3, 4)"]


@pytest.mark.parametrize("mark", ["</think>", "<think>", "[/THINK]", "a </think> b <think>"])
@pytest.mark.parametrize("name", DIALECTS)
def test_a_mark_of_thinking_in_an_argument_is_an_argument(name: str, mark: str) -> None:
    reply = read(name, WRITTEN[name].replace("Paris", f"Paris {mark} x"))
    assert [call.arguments for call in reply.message.calls] == [{"query": f"Paris {mark} x"}]
    assert (reply.message.thought, reply.message.text) == ("", "")


@pytest.mark.parametrize("name", DIALECTS)
def test_thinking_that_the_template_opened_is_no_text_of_the_call(name: str) -> None:
    reply = read(name, f"I look.\n</think>\n\n{WRITTEN[name]}")
    assert [call.arguments for call in reply.message.calls] == [ARGS]
    assert (reply.message.thought, reply.message.text) == ("I look.", "")


NOTE = tool("note", ("path", "text"), path="string", text="string")
READERS = ("auto", *DIALECTS)


@pytest.mark.parametrize("lead", ["", "I note it.\n", "<think>hm</think>\n"])
@pytest.mark.parametrize("name", DIALECTS)
def test_a_step_of_any_dialect_in_an_argument_of_any_other_is_an_argument(name: str, lead: str) -> None:
    """An agent that writes about agents: what it notes is neither run nor taken for its answer, whichever format is asked for."""
    steps = [get_format(other).write(step) for other in DIALECTS for step in STEPS if not _plain(other, step)]
    for text in steps:
        wanted: JsonObject = {"path": "a.md", "text": text}
        try:
            written = lead + get_format(name).write(Act("", (ToolCall("note", wanted),)))
        except FormatError:
            continue  # its own mark, which it cannot say
        for reader in READERS:
            reply = read(reader, written, ask((SEARCH, NOTE)))
            assert [(call.name, call.arguments) for call in reply.message.calls] == [("note", wanted)], (reader, written)


STEPS = (Act("", (ToolCall("search", ARGS),)), Answer("", "forty two"))
INLINE = "<function=note>\n<parameter=path>\na\n</parameter>\n<parameter=text>\nSo it is. Action: search[Paris]\n</parameter>\n</function>"


def test_a_label_within_a_line_of_an_argument_is_an_argument() -> None:
    [call] = read("react_text", INLINE, ask((SEARCH, NOTE))).message.calls
    assert (call.name, call.arguments) == ("note", {"path": "a", "text": "So it is. Action: search[Paris]"})


def _plain(name: str, step: Act | Answer) -> bool:
    """An answer without any mark."""
    return isinstance(step, Answer) and get_format(name).write(step) == step.text


def test_a_bare_input_ends_with_the_thinking_that_it_stood_in() -> None:
    """Only quotes or brackets say that a closing tag belongs to the input."""
    reply = read("react_text", "Thought: hm\nAction: search\nAction Input: Paris\n</think>\n\nFinal Answer: no")
    assert reply.read() == Answer("Thought: hm\nAction: search\nAction Input: Paris", "no")


def test_a_json_answer_may_speak_of_thinking() -> None:
    text = '{"thought": "x", "answer": "close it with </think>, as in <think>a</think>"}'
    assert read("json_step", text).read() == Answer("x", "close it with </think>, as in <think>a</think>")


@pytest.mark.parametrize("name", DIALECTS)
def test_a_complaint_shows_the_form_that_is_wanted_in_this_dialect(name: str) -> None:
    """And no other: a model that is told of an answer as text writes no JSON."""
    form = get_format(name)
    for text in ("", "<think>hm</think>"):
        complaint = read(name, text, ask((SEARCH,))).complaint or ""
        assert form.read(RawReply((Text(complaint[complaint.index("\n\n") + 2 :]),)), ask((SEARCH,))).message.calls, complaint
        assert ("as text" in complaint) == (name not in ("react_text", "react_paper", "json_step", "json_plan"))
