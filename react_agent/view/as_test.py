"""A trace as the text of a pytest test: what the model said becomes a script, what came of it becomes assertions."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterator

from react_agent.events import Called, Changed, Replied, Resumed, Reviewed, Stopped, Told
from react_agent.formats import FORMATS
from react_agent.messages import JsonObject, ModelReply, Text, ToolCall
from react_agent.trace import Trace
from react_agent.view import words
from react_agent.view.items import summary
from react_agent.view.redact import REDACTED

_WIDTH = 120
_PLACEHOLDER = "my_app:agent"


def as_test(trace: Trace, file: str | None = None, agent: str = _PLACEHOLDER) -> str:
    """A test that lets an agent go through the same run: the model plays what it said, the tools are the agent's own.

    A run that was taken up again, spoken to, reviewed or ended from outside cannot be told by a script alone; it becomes a replay of its file.

    Args:
        trace: The run.
        file: Where it lies, from where the tests are run.
        agent: The agent to be tested, as ``module:name``.
    """
    if not scriptable(trace):
        return as_replay(trace, file)
    module, _, name = agent.partition(":")
    script = [_reply(event.reply) for event in trace if isinstance(event, Replied)]
    script += [f"BackendError({event.detail!r})" for event in trace if isinstance(event, Stopped)]
    body = ["    script = [", *[f"        {line}," for line in script], "    ]"]
    # what could not be read has to be read as it was: as text of another format it might pass
    spelt = trace.started.format
    other = spelt != "native" and spelt in FORMATS and any(line.startswith("Raw(") for line in script)
    spelling = f", format={spelt!r}" if other else ""
    body.append(f"    result = scripted({name}, script{spelling}).run_sync({trace.started.task.text!r})")
    door_names = sorted({word for word in ("BackendError", "Raw", "call") for line in script if re.search(rf"\b{word}\(", line)})
    door = [f"from react_agent import {', '.join(door_names)}"] if door_names else []
    if any("ScriptedCall(" in line for line in script):
        door.append("from react_agent.backends.mock import ScriptedCall")
    mine = f"from {module} import {name}" + ("  # the agent to be tested" if agent == _PLACEHOLDER else "")
    imports = [*door, "from react_agent.testing import assert_trace, scripted", "", mine]
    return _file(trace, file, imports, body, "result")


def scriptable(trace: Trace) -> bool:
    """Whether a question in words and the model's replies are all that a run was made of."""
    if not all(isinstance(part, Text) for part in trace.started.task.parts):
        return False
    return not any(
        isinstance(event, Told | Resumed | Reviewed | Changed) or (isinstance(event, Stopped) and event.cause != "failed")
        for event in trace
    )


def as_replay(trace: Trace, file: str | None = None, beside: str | None = None) -> str:
    """A test that replays the file: prompts, parsers and the loop have to do again what is recorded.

    Args:
        trace: The run.
        file: Where it lies, from where the tests are run.
        beside: Where it lies, from the folder of the test: so it is found wherever the tests are run.
    """
    path = file or f"runs/{trace.run_id}.jsonl"
    imports = ["from pathlib import Path", "", "from react_agent import Trace, replay", "from react_agent.testing import assert_trace"]
    place = f"Path({path!r})" if beside is None else f"Path(__file__).parent / {beside!r}"
    body = [f"    trace = Trace.load({place})", "    replay(trace)"]
    return _file(trace, path, imports, body, "trace")


def _file(trace: Trace, file: str | None, imports: list[str], body: list[str], subject: str) -> str:
    title = " ".join(trace.started.task.text.split()) or trace.run_id
    told = f"Made of the trace {file}." if file else f"Made of run {trace.run_id}."
    lines = [
        f'"""{_in_docstring(title)}',
        "",
        _in_docstring(told),
        '"""',
        "",
        *imports,
        "",
        "",
        f"def test_{_slug(trace)}() -> None:",
        *body,
    ]
    return "\n".join([*lines, *_assertions(trace, subject)]) + "\n"


def _in_docstring(text: str) -> str:
    """One line that neither ends a docstring nor escapes anything in it."""
    line = words.plain_line(text, 90)
    return "".join(char if char.isprintable() else "?" for char in line).replace("\\", "/").replace('"', "'")


def _slug(trace: Trace) -> str:
    return "_".join(re.findall(r"[a-z0-9]+", trace.started.task.text.lower()))[:60].strip("_") or "run"


# ---------------------------------------------------------------------------------------------------------- the script


def _reply(reply: ModelReply) -> str:
    if reply.finish == "refused":
        return f"Raw(finish='refused', refusal={reply.complaint or reply.message.text!r})"
    calls = reply.message.calls
    if reply.reading == "act" and all(call.arguments is not None for call in calls):
        written = [_call(call, reply.message.thought if not index else "") for index, call in enumerate(calls)]
        return written[0] if len(written) == 1 else f"[{', '.join(written)}]"
    if reply.reading == "answer":
        return repr(reply.message.text)
    text = reply.raw or reply.message.text
    said = [repr(text)] if text else []
    if reply.finish == "length":
        said.append("finish='length'")
    if calls and reply.raw is None:
        said.append(f"calls={tuple((call.name, call.raw or '') for call in calls)!r}")
    return f"Raw({', '.join(said)})"


def _call(call: ToolCall, thought: str) -> str:
    arguments: JsonObject = call.arguments or {}
    if any(not name.isidentifier() or keyword.iskeyword(name) or name == "thought" for name in arguments):
        return f"ScriptedCall({call.name!r}, {arguments!r}, {thought!r})"
    said = [repr(call.name), *([f"thought={thought!r}"] if thought else [])]
    return f"call({', '.join([*said, *[f'{name}={value!r}' for name, value in arguments.items()]])})"


# ------------------------------------------------------------------------------------------------------ the assertions


def _assertions(trace: Trace, subject: str) -> list[str]:
    links = list(_links(trace))
    whole = f"    assert_trace({subject}){''.join(links)}"
    if len(whole) <= _WIDTH:
        return [whole]
    return ["    (", f"        assert_trace({subject})", *[f"        {link}" for link in links], "    )"]


def _links(trace: Trace) -> Iterator[str]:
    stands = summary(trace)
    answer = next((event.reply.message.text for event in reversed(trace) if isinstance(event, Replied)), "")
    if stands["outcome"] == "answered" and 0 < len(answer) <= 300 and trace.started.spec.output_schema is None and REDACTED not in answer:
        yield f".answered({answer!r})"
    else:
        yield f".outcome({stands['outcome']!r})"
    ran = {(event.step, event.index) for event in trace if isinstance(event, Called)}
    made = [call for step in trace.steps() for index, call in enumerate(step.calls) if (step.index, index) in ran]
    for name, times in Counter(call.name for call in made).items():
        call = next(call for call in made if call.name == name)
        yield f".called({', '.join([repr(name), *(_short(call.arguments) if times == 1 else [])])}).times({times})"


def _short(arguments: JsonObject | None) -> list[str]:
    """The arguments that are short enough to be compared by eye, and were not masked."""
    given = {name: repr(value) for name, value in (arguments or {}).items() if name.isidentifier() and not keyword.iskeyword(name)}
    return [f"{name}={value}" for name, value in given.items() if len(value) <= 60 and REDACTED not in value]
