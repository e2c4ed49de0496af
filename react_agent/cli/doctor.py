"""``doctor``: what is set up, which servers answer, what to do next."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from react_agent.cli.console import Code, out, runs_folder, show
from react_agent.cli.loading import LOCAL_SERVERS, MODEL_VARIABLE, keys, load_model
from react_agent.formats.detect import detect
from react_agent.messages import ModelReply, ToolSpec
from react_agent.view import words
from react_agent.view.terminal import Row, title

PROBE_SECONDS = 0.5
_MOST_BYTES = 1_000_000
_WORD = "heliotrope"


def doctor(
    model: Annotated[
        str | None, typer.Argument(help="Also ask this model a small question that needs a tool; it takes a few hundred tokens.")
    ] = None,
) -> None:
    """See what is set up, which servers answer, and what to do next.

    Keys are named, never shown.
    """
    console = out()
    _versions(console)
    found = _keys(console, os.environ)
    answering = _servers(console)
    good = True
    if model:
        good = _try(console, model)
    else:
        _next(console, found, answering, os.environ.get(MODEL_VARIABLE))
    raise typer.Exit(Code.OK if good else Code.OTHER)


def _versions(console: Console) -> None:
    show(console, title("Installation"))
    show(console, Row("react_agent", _version("react_agent") or "not installed as a package"))
    show(console, Row("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"))
    needed, extras = _requirements()
    show(console, Row("libraries", ", ".join(f"{name} {_version(name) or 'MISSING'}" for name in needed)))
    for extra, names in extras.items():
        missing = [name for name in names if _version(name) is None]
        state = "all there" if not missing else f"without {', '.join(missing)}   (pip install 'react_agent[{extra}]')"
        show(console, Row("extra", f"{extra}: {state}", "" if not missing else "dim"))
    show(console, Row("traces", f"are written to {runs_folder()}"), Text())


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _requirements() -> tuple[list[str], dict[str, list[str]]]:
    """Names of the packages that are always needed, and those of each extra, as the installed metadata has them."""
    try:
        found = metadata.metadata("react_agent").get_all("Requires-Dist") or []
    except metadata.PackageNotFoundError:
        return [], {}
    needed: list[str] = []
    extras: dict[str, list[str]] = {}
    for line in found:
        requirement, _, marker = line.partition(";")
        name = requirement.split("[")[0].split(">")[0].split("<")[0].split("=")[0].split("!")[0].split("~")[0].strip()
        if "extra" not in marker:
            needed.append(name)
        elif name.replace("-", "_") != "react_agent":
            extras.setdefault(marker.split("extra")[1].strip(" ='\")"), []).append(name)
    return needed, extras


# ---------------------------------------------------------------------------------------------------------------- keys


def _keys(console: Console, environ: Mapping[str, str]) -> list[str]:
    """Shows which keys there are, by the names of their variables; gives the providers that they are for."""
    show(console, title("Keys in the environment"))
    found: list[str] = []
    for provider, names in keys().items():
        for name in names:
            if environ.get(name):
                found.append(provider)
                show(console, Row("found", f"{name}   for {provider}:MODEL", "green"))
    if not found:
        show(console, Row("none", "a model on your own machine needs none"))
    if environ.get("OPENAI_BASE_URL"):
        show(console, Row("note", "OPENAI_BASE_URL is set: openai:MODEL goes there and not to OpenAI"))
    show(console, Text())
    return found


# ------------------------------------------------------------------------------------------------------------- servers


@dataclass(frozen=True, slots=True)
class Answering:
    """What listens at an address: its models, or why it seems to be something else."""

    models: tuple[str, ...] = ()
    problem: str = ""


def probe(base_url: str) -> Answering | None:
    """Asks an OpenAI-compatible server for its models (GET /models); None where nothing answers within half a second."""
    import httpx

    body = b""
    try:
        # Not through a proxy: the server is on this machine.
        with httpx.Client(timeout=PROBE_SECONDS, trust_env=False) as client, client.stream("GET", f"{base_url}/models") as response:
            for piece in response.iter_bytes():
                body += piece
                if len(body) > _MOST_BYTES:
                    return Answering(problem="something else, which sends without end")
            if response.status_code != 200:
                return Answering(problem=f"HTTP {response.status_code} for {base_url}/models")
    except httpx.HTTPError:
        return None
    try:
        return Answering(names_in(json.loads(body)))
    except (ValueError, KeyError, TypeError, RecursionError):
        return Answering(problem="something else: it does not list models as OpenAI's API does")


def names_in(data: object) -> tuple[str, ...]:
    """Model names of a ``/v1/models`` reply. Raises `TypeError` or `KeyError` for anything else."""
    if not isinstance(data, dict):
        raise TypeError(data)
    return tuple(str(item["id"]) for item in data["data"] or ())


def _servers(console: Console) -> dict[str, str]:
    """Shows which of the usual local servers answer; gives how ``-m`` names the first model of each."""
    show(console, title("Servers on this machine"))
    answering: dict[str, str] = {}
    for server, url, model in LOCAL_SERVERS:
        there = probe(url)
        if there is None:
            show(console, Row("no", f"{server:<10} {url}", "dim"))
        elif there.problem:
            show(console, Row("unclear", f"{server:<10} {url}   {words.plain_line(there.problem)}", "yellow", "yellow"))
        else:
            names = [words.plain_line(name) for name in there.models]
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            show(console, Row("answers", f"{server:<10} {url}   {', '.join(names[:5]) or 'no model is loaded'}{more}", "green", "green"))
            answering[server] = model.format(names[0] if names else "MODEL")
    show(console, Text())
    return answering


# --------------------------------------------------------------------------------------------------------------- model


def _try(console: Console, name: str) -> bool:
    """One small run with a tool; whether it was answered from the tool's result."""
    from react_agent.agent import Agent
    from react_agent.cli.session import Session, Stoppable
    from react_agent.loop import fold
    from react_agent.spec import Limits
    from react_agent.tooling import Tool

    def secret_word() -> str:
        """Gives the secret word."""
        return _WORD

    backend = Stoppable(load_model(name))
    show(console, title(f"Asking {backend.name}", f"format {backend.format_name}"))
    agent = Agent(backend, tools=[Tool.from_function(secret_word, read_only=True)], limits=Limits(steps=4, seconds=120))
    with Session(backend, None) as session:
        trace = session.watch(agent.stream("What is the secret word? Use the tool."))
    state = fold(trace)
    show(console, Row("speaks", _dialect([step.reply for step in trace.steps()], agent.spec.tools)))
    called = any(call.name == secret_word.__name__ for step in trace.steps() for call in step.calls)
    good = called and state.answer is not None and _WORD in state.answer.lower()
    if good:
        show(console, Row("good", "it called the tool and answered from its result", "bold green"))
    elif state.outcome is None or state.outcome.kind in ("failed", "refused", "cancelled"):
        show(console, Row("no answer", "see above for the reason", "bold red"))
    else:
        advice = "it does not use the tool well: try another format (--format react_text suits most small models), or a larger model"
        show(console, Row("weak", advice, "bold yellow"))
    return good


GUIDED = ("json_plan", "json_step")  # asked for by us, so that they tell nothing of what the model would write by itself


def _dialect(replies: Sequence[ModelReply], tools: Sequence[ToolSpec]) -> str:
    """How this model writes its calls, in words."""
    read = Counter(
        reply.read_by.dialect or reply.read_by.format for reply in replies if reply.reading == "act" and reply.read_by is not None
    )
    texts = [reply.raw or reply.message.text for reply in replies]
    if read and (known := read.most_common(1)[0][0]) in ("native", "auto"):
        return "native calls, in the API's own fields"
    guided = next((reply.read_by.format for reply in replies if reply.read_by is not None and reply.read_by.format in GUIDED), None)
    if guided is not None:
        return f"what a grammar lets it: it is guided, step by step, in the format {guided}"
    spoken = detect(texts, tools) or (known if read else None)
    if spoken is None:
        return "no dialect that can be told: none of its replies held a call"
    return f"the dialect {spoken}: its calls stand in the text, and --format {spoken} asks for them so"


def _next(console: Console, found: Sequence[str], answering: Mapping[str, str], named: str | None) -> None:
    show(console, title("Next"))
    if named:
        show(console, Row("model", f"${MODEL_VARIABLE} is {words.plain_line(named)}; see whether it answers:  react-agent doctor {named}"))
        return
    ways = [f"react-agent doctor {model}   (see whether it answers and calls tools)" for model in answering.values()]
    ways += [f'react-agent run "your question" -m {provider}:MODEL' for provider in found[:3]]
    if not ways:
        show(console, Row("no model", "there is neither a key nor a server. Set a key, such as OPENAI_API_KEY, or start a server:"))
        ways = ["llama-server -m model.gguf --port 8080 --jinja", "ollama serve, then ollama pull qwen3"]
    ways.append("react-agent demo   (needs neither)")
    for way in ways:
        show(console, Row("", way))
