"""Few-shot examples: trajectories as data, written in the format in use."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest

from react_agent import Agent, MockBackend, Trace, call, tool
from react_agent.backends.leaf import OpenAIChatBackend
from react_agent.backends.providers import AnthropicBackend, CompletionsBackend, GeminiBackend, OllamaBackend, OpenAIResponsesBackend
from react_agent.errors import ConfigError
from react_agent.formats import FORMATS, get_format
from react_agent.messages import (
    Head,
    Message,
    MessageView,
    ModelRequest,
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

from ._say import SEARCH, read

ADD = ToolSpec(
    "add",
    "",
    {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]},
    examples=(ToolExample({"a": 1, "b": 2}, "1 + 2?"),),
)
WITH_EXAMPLE = ToolSpec("search", "", SEARCH.parameters, examples=(ToolExample({"query": "own example"}),))
STORY = (
    user("Where is the Colorado orogeny?"),
    assistant(Thinking("I search for it."), ToolCall("search", {"query": "Colorado orogeny"})),
    Message("tool", (ToolResult("search", (Text("In Colorado."),)),)),
    assistant(Thinking("That is it."), Text("Colorado")),
)
HEAD = Head((WITH_EXAMPLE, ADD), examples=(STORY,))
TEXT_FORMATS = [name for name in FORMATS if not get_format(name).native]


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_a_text_format_shows_them_in_its_own_words(name: str) -> None:
    form = get_format(name)
    prompt = form.lower(system("Be brief."), None, HEAD)[0].text
    begin = prompt.index("Question: Where is the Colorado orogeny?")
    shown = prompt[begin:]
    assert shown.index("Colorado orogeny", 30) < shown.index("Observation: In Colorado.") < shown.rindex("Colorado")
    assert "own example" not in prompt, "a tool that occurs in them needs no example of its own"
    assert "1 + 2?" in prompt, "another does"
    step = shown.split("\n", 1)[1].split("\nObservation:")[0]
    reply = read(name, step, ModelRequest(MessageView().extend(user("q")), HEAD))
    assert [(one.name, one.arguments) for one in reply.message.calls] == [("search", {"query": "Colorado orogeny"})], (
        "it is written as it is read"
    )


@pytest.mark.parametrize("name", ["json_step", "json_plan"])
def test_without_any_example_a_made_up_run_shows_how_an_answer_comes_about(name: str) -> None:
    prompt = get_format(name).lower(system(""), None, Head((SEARCH,)))[0].text
    called, _, answered = prompt.partition("Example:")[2].partition("Observation: ")
    assert '"action": "search"' in called
    assert json.loads(answered.split("\n")[1])["answer"] == answered.split("\n")[0]
    typed = get_format(name).lower(system(""), None, Head((SEARCH,), output_schema={"type": "object"}))[0].text
    assert "Observation: " not in typed.partition("Example:")[2]


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_without_them_the_prompt_is_as_it_was(name: str) -> None:
    form = get_format(name)
    bare = Head((WITH_EXAMPLE, ADD))
    assert form.lower(system("s"), None, bare) == form.lower(system("s"), None, Head((WITH_EXAMPLE, ADD), examples=()))
    assert "Colorado" not in form.lower(system("s"), None, bare)[0].text


REPLIES = {
    "choices": [{"message": {"content": "x"}, "text": "x", "finish_reason": "stop"}],
    "content": [{"type": "text", "text": "x"}],
    "stop_reason": "end_turn",
    "candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}],
    "message": {"content": "x"},
    "done": True,
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "x"}]}],
    "status": "completed",
}
BACKENDS = {
    "openai": lambda client: OpenAIChatBackend("m", api_key="k", client=client, base_url="https://llm.test/v1"),
    "mistral": lambda client: OpenAIChatBackend("m", api_key="k", client=client, base_url="https://llm.test/v1", profile="mistral"),
    "anthropic": lambda client: AnthropicBackend("m", api_key="k", client=client),
    "gemini": lambda client: GeminiBackend("m", api_key="k", client=client),
    "ollama": lambda client: OllamaBackend("m", client=client, format="native"),  # else it is first asked about its model
    "responses": lambda client: OpenAIResponsesBackend("m", api_key="k", client=client),
}


@pytest.mark.parametrize("name", BACKENDS)
def test_native_examples_are_turns_before_the_first_question(name: str) -> None:
    bodies = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/show":
            return httpx.Response(404)
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json=REPLIES)

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            backend = BACKENDS[name](client)
            view = MessageView().extend(system("s"), user("now"))
            await backend.reply(ModelRequest(view, HEAD))
            again = view.extend(assistant(ToolCall("add", {"a": 1, "b": 2})), Message("tool", (ToolResult("add", (Text("3"),)),)))
            await backend.reply(ModelRequest(again, HEAD))

    asyncio.run(run())
    text = json.dumps(bodies[-1])
    places = [text.index(words) for words in ("Where is the Colorado", "In Colorado.", '"now"', '"3"' if name != "gemini" else "3")]
    assert places[:3] == sorted(places[:3])
    key = "messages" if "messages" in bodies[0] else "contents" if "contents" in bodies[0] else "input"
    assert bodies[1][key][: len(bodies[0][key])] == bodies[0][key], "the second request extends the first"
    ids = [item["id"] for message in bodies[1][key] for item in message.get("tool_calls") or () if "id" in item]
    answered = [message["tool_call_id"] for message in bodies[1][key] if "tool_call_id" in message]
    assert ids == answered, "each result answers its own call"
    assert len(set(ids)) == len(ids)


# ------------------------------------------------------------------------------------------------------------ the agent


@tool(read_only=True)
def look(at: str) -> str:
    """Look at something."""
    return f"a {at}"


def test_an_agent_learns_from_a_trace_and_writes_it_down() -> None:
    first = Agent(MockBackend([call("look", at="tree"), "It is a tree."]), tools=[look]).run_sync("What is there?")
    agent = Agent(MockBackend(["x"]), tools=[look], examples=[first.trace, list(STORY)])
    assert [[message.role for message in example] for example in agent.spec.examples] == [["user", "assistant", "tool", "assistant"]] * 2
    result = agent.run_sync("q")
    assert Trace(result.events).started.spec == agent.spec
    assert agent.spec.head().examples == agent.spec.examples
    assert Agent(MockBackend([]), tools=[look]).spec.head().examples is None


def test_a_trace_with_examples_is_loaded_as_it_was(tmp_path) -> None:  # type: ignore[no-untyped-def]
    result = Agent(MockBackend(["x"]), tools=[look], examples=[STORY]).run_sync("q")
    result.trace.save(tmp_path / "run.jsonl")
    assert Trace.load(tmp_path / "run.jsonl").started.spec.examples == (STORY,)


@pytest.mark.parametrize(
    "example", [[], [assistant("x")], [user("q")], [system("s")]], ids=["empty", "no question", "no answer", "system only"]
)
def test_what_is_no_example(example: list[Message]) -> None:
    with pytest.raises(ConfigError, match="an example must begin with the user's question"):
        Agent(MockBackend([]), examples=[example])


# ------------------------------------------------------------------------------------------------------------ the paper


def test_the_papers_prompt_for_a_base_model() -> None:
    bodies = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json={"choices": [{"text": "Thought: done\nAction: Finish[Colorado [US]]", "finish_reason": "stop"}]})

    async def run():  # type: ignore[no-untyped-def]
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            backend = CompletionsBackend("pythia-1b", client=client, format="react_paper")
            said = assistant(Thinking("t"), ToolCall("search", {"query": "a [b]"}))
            result = Message("tool", (ToolResult("search", (Text("r"),)),))
            view = MessageView().extend(system(""), user("How high is it?"), said, result)
            return await backend.reply(ModelRequest(view, Head((SEARCH, ADD), examples=(STORY,))))

    reply = asyncio.run(run())
    assert (reply.reading, reply.message.text) == ("answer", "Colorado [US]")
    prompt = bodies[0]["prompt"]
    assert "(1) search[query]" in prompt
    assert "(2) add, with Action Input: one JSON object of a: integer, b: integer\n" in prompt
    assert "(3) Finish[answer]" in prompt
    assert (
        "Question: Where is the Colorado orogeny?\nThought: I search for it.\nAction: search[Colorado orogeny]\nObservation: In Colorado.\n"
        "Thought: That is it.\nAction: Finish[Colorado]" in prompt
    )
    assert prompt.endswith("Question: How high is it?\nThought: t\nAction: search[a [b]]\nObservation: r\n")
    assert bodies[0]["stop"] == ["\nObservation", "\nQuestion"]


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ({"query": "Paris"}, "Action: search[Paris]"),
        ({"query": "a]b"}, 'Action: search\nAction Input: {"query": "a]b"}'),
        ({"query": "a]b[c"}, 'Action: search\nAction Input: {"query": "a]b[c"}'),
        ({"query": "two\nlines"}, 'Action: search\nAction Input: {"query": "two\\nlines"}'),
        ({"query": " x"}, 'Action: search\nAction Input: {"query": " x"}'),
        ({"query": ""}, 'Action: search\nAction Input: {"query": ""}'),
        ({"query": '{"a": 1}'}, 'Action: search\nAction Input: {"query": "{\\"a\\": 1}"}'),
        ({"query": "x", "n": 1}, 'Action: search\nAction Input: {"query": "x", "n": 1}'),
    ],
)
def test_brackets_only_where_they_are_read_as_the_same(arguments: dict[str, object], written: str) -> None:
    form = get_format("react_paper")
    shown = form.lower(assistant(ToolCall("search", arguments)), None, Head((SEARCH,)))[0].text  # type: ignore[arg-type]
    assert shown == written
    assert read("react_paper", shown).message.calls[0].arguments == arguments


PROMPT = """Answer with the tools.

Question: Where is the Colorado orogeny?
Thought 1: I search
for it.
Action 1: search[Colorado orogeny]
Observation 1: In Colorado.

Two lines of it.
Thought 2: That is it.
Action 2: Finish[Colorado]
Observation 2: Episode finished

Claim: One is two.
Action 1: Finish[REFUTES]
"""


@tool(read_only=True)
def search(query: str) -> str:
    """Search for something."""
    return query


def test_the_papers_own_prompts_are_examples() -> None:
    agent = Agent(MockBackend(["x"], format="hermes"), tools=[search], examples=[PROMPT])
    assert agent.spec.examples == (
        (
            user("Where is the Colorado orogeny?"),
            assistant(Thinking("I search\nfor it."), ToolCall("search", {"query": "Colorado orogeny"}, raw="Colorado orogeny")),
            Message("tool", (ToolResult("search", (Text("In Colorado.\n\nTwo lines of it."),)),)),
            assistant(Thinking("That is it."), Text("Colorado")),
        ),
        (user("One is two."), assistant(Text("REFUTES"))),
    )
    agent.run_sync("q")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Thought: x", "must hold a line that begins with 'Question:'"),
        (
            "Question: q\nThought: x\nAction: serch[y]\nObservation: z",
            "a step of the example 'q' cannot be read: There is no tool named 'serch'",
        ),
        ("Question: q\nThought: x\nObservation: z", "a step of the example 'q' cannot be read"),
        ("Question: q", "an example must begin with the user's question and end with"),
    ],
)
def test_a_text_that_is_no_example_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)):
        Agent(MockBackend([]), tools=[look], examples=[text])


@pytest.mark.parametrize("example", [("a question", "an answer"), 3])
def test_what_holds_no_messages_is_no_example(example: object) -> None:
    with pytest.raises(ConfigError, match="an example is a Trace, a list of Messages"):
        Agent(MockBackend([]), examples=[example])  # type: ignore[list-item]
