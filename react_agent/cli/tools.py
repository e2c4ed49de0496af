"""``tools list``, ``show``, ``call`` and ``serve``: tools without a model."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated

import typer
from rich.text import Text

from react_agent.cli.console import Code, complain, fail, note, out, show, theirs_aside
from react_agent.cli.loading import load_tools
from react_agent.errors import ConfigError
from react_agent.messages import Image, JsonObject, ToolResult, ToolSpec
from react_agent.plugins import packs
from react_agent.policy import Policy
from react_agent.tooling import Tool, ToolRegistry
from react_agent.view import words

FromOption = Annotated[
    list[str] | None,
    typer.Option(
        "-t",
        "--tools",
        metavar="TOOLS",
        help="An installed pack, module, path/file.py[:function], or mcp:URL-or-command. By default all packs.",
    ),
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The tool's name.")]


def list_(tools: FromOption = None) -> None:
    """The tools there are, with what they say of themselves."""
    for tool in _tools(tools):
        first = tool.spec.description.strip().splitlines()
        line = Text.assemble((words.plain_line(tool.name, 60), "bold"), f"  {words.plain_line(first[0] if first else '', 120)}")
        marks = marks_of(tool)
        if marks:
            line.append(f"  [{', '.join(marks)}]", style="dim")
        show(out(), line)


def show_(name: NameArgument, tools: FromOption = None) -> None:
    """One tool: description, parameters, examples, and how it is run."""
    tool = _one(_tools(tools), name)
    spec = tool.spec
    show(out(), Text(words.plain_line(tool.name, 140), style="bold"), Text(words.plain(spec.description)), Text())
    if marks := marks_of(tool):
        show(out(), Text(", ".join(marks), style="dim"), Text())
    _schema("arguments", spec.parameters)
    if spec.output_schema is not None:
        _schema("result", spec.output_schema)
    for example in spec.examples:
        show(out(), Text(f"example: {words.call(spec.name, example.arguments)}"))


def call_(
    name: NameArgument,
    arguments: Annotated[
        str, typer.Argument(metavar="JSON", help="The arguments, as one JSON object; - reads it from standard input.")
    ] = "{}",
    tools: FromOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Run it without asking, whatever it can do.")] = False,
) -> None:
    """Call a tool as a run would: with its checks and bounds.

    What can destroy something is asked for at the terminal; without one it is run only with --yes. The exit code is 1 where the tool fails.
    """
    from react_agent.calling import call_once

    tool = _one(_tools(tools), name)
    given = _object(sys.stdin.read() if arguments == "-" else arguments)
    if not yes:
        _ask(tool, given)
    with theirs_aside():
        result = asyncio.run(call_once(ToolRegistry([tool]), tool.name, given, on_progress=_progress))
    _print(result)
    if not result.ok:
        raise typer.Exit(Code.OTHER)


def serve(
    tools: FromOption = None,
    destructive: Annotated[bool, typer.Option("--destructive", help="Offer tools that can destroy something too.")] = False,
    name: Annotated[str, typer.Option("--name", help="What the server calls itself.")] = "react-agent",
) -> None:
    """Offer tools as an MCP server, over standard input and output.

    Tools that wait for a person are left out, and those that can destroy something unless --destructive is given.
    """
    from react_agent.mcp import serve_stdio
    from react_agent.mcp.serve import offered

    named = _tools(tools)
    shown = offered(named, destructive=destructive)
    if asked := [each.name for each in named if each.ask]:
        note(f"left out, since they wait for a person: {', '.join(asked)}")
    if kept := [each.name for each in named if each.name not in shown and not each.ask]:
        note(f"left out, since they can destroy something: {', '.join(kept)}; --destructive offers them too")
    if len(shown) and sys.stdin.isatty():
        note("This waits for an MCP client at the other end of standard input, which starts it by this very command. Ctrl-C ends it.")
    serve_stdio(named, name=name, destructive=destructive)


# ------------------------------------------------------------------------------------------------------------- helpers


def _tools(names: list[str] | None) -> ToolRegistry:
    named = names or list(packs())
    if not named:
        raise ConfigError("no tool pack is installed: name where tools are with -t, such as -t path/file.py")
    return load_tools(named)


def _one(tools: ToolRegistry, name: str) -> Tool:
    found = tools.get(name)
    if found is None:
        guess = tools.nearest(name)
        there = f"did you mean {guess!r}?" if guess else f"there are {', '.join(tools.names[:40])}"
        if ":" in name:
            there = f"where it is, is said with -t, as in {name.rpartition(':')[2]} -t {name.rpartition(':')[0]}"
        raise ConfigError(f"there is no tool {name!r}; {there}")
    return found


def marks_of(tool: Tool) -> list[str]:
    """What the tool says of itself, in words."""
    spec: ToolSpec = tool.spec
    said = {
        "read-only": spec.read_only,
        "idempotent": spec.idempotent and not spec.read_only,
        "destructive": bool(spec.destructive),
        "open world": spec.open_world,
        "asks you": tool.ask,
        "own process": tool.care is not None and tool.care.address is not None,
    }
    return [word for word, true in said.items() if true] + ([f"{tool.timeout:g} s"] if tool.timeout else [])


def _schema(label: str, schema: JsonObject) -> None:
    show(out(), Text(f"{label}: {words.plain(json.dumps(schema, indent=2, ensure_ascii=False))}"))


def _object(text: str) -> JsonObject:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConfigError(f'the arguments are one JSON object, such as \'{{"path": "a.txt"}}\'; this is no JSON: {error}') from None
    if not isinstance(data, dict):
        raise ConfigError(f"the arguments are one JSON object, not {words.plain_line(text, 60)}")
    return data


def _ask(tool: Tool, arguments: JsonObject) -> None:
    """Ask for what a run would ask for. Ends the command where the answer is no, or there is nobody to ask."""
    decision, reason = Policy().decide(tool.spec, arguments)
    if decision == "allow":
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        fail(f"{tool.name} was not run: {reason}, and there is no terminal to ask at. Give --yes to run it unasked.", Code.PAUSED)
    note(f"{words.call(tool.name, arguments)}: {reason}", "yellow")
    try:
        answer = input("    run it? [y]es  [n]o: ")
    except EOFError:
        answer = ""
    if answer.strip().casefold() not in ("y", "yes"):
        fail(f"{tool.name} was not run", Code.PAUSED)


def _progress(message: str, fraction: float | None) -> None:
    note(f"    {message}" + ("" if fraction is None else f" ({fraction:.0%})"), "dim")


def _print(result: ToolResult) -> None:
    for part in result.content:
        text = f"[picture: {part.media_type}]" if isinstance(part, Image) else words.plain(part.text)
        if result.ok:
            print(text)
        else:
            complain(f"{result.status}: {text}")
