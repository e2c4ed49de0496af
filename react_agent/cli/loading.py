"""From what is typed to what is meant: models and tools by name, from a module, or from a file."""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from inspect import isfunction
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from react_agent.cli.console import Code, fail, note, theirs_aside
from react_agent.errors import ConfigError
from react_agent.mcp import McpServer
from react_agent.plugins import as_registry, load_pack, makes_tools, packs
from react_agent.tooling import Tool, ToolRegistry
from react_agent.view import words

if TYPE_CHECKING:
    from react_agent.backends.base import Backend

MODEL_VARIABLE = "REACT_AGENT_MODEL"
PINS_VARIABLE = "REACT_AGENT_MCP_PINS"
LOCAL_SERVERS = (
    ("llama.cpp", "http://localhost:8080/v1", "http://localhost:8080/v1#{}"),
    ("Ollama", "http://localhost:11434/v1", "ollama:{}"),
    ("LM Studio", "http://localhost:1234/v1", "lmstudio:{}"),
    ("vLLM", "http://localhost:8000/v1", "vllm:{}"),
)
"""Name, base URL, and how ``-m`` names a model of it, for the servers that people run on their own machine."""


# --------------------------------------------------------------------------------------------------------------- tools


def load_tools(names: Sequence[str]) -> ToolRegistry:
    """The tools named by ``module:name``, ``module``, ``path/file.py:name`` or ``path/file.py``, where the name is that of a function, a tool, a list or
    registry of them, a function that gives one, or an `McpServer`; a pack's name; or ``mcp:`` and the URL or command of an MCP server. The
    connection to such lasts as long as this process.

    Raises:
        ConfigError: Nothing is there by that name, it cannot be imported, or it holds no tool.
    """
    found: list[Tool] = []
    for name in names:
        for tool in _tools_in(name):
            if not any(_same(tool, known) for known in found):
                found.append(tool)
    return ToolRegistry(found)


def _same(one: Tool, other: Tool) -> bool:
    """A module with a tool and a registry that it is in has it twice; of a function, each makes a tool of its own."""
    return one is other or (one.function == other.function and one.spec == other.spec)


def _tools_in(name: str) -> Iterable[Tool]:
    if name.startswith("mcp:"):
        return _from_server(McpServer(name.removeprefix("mcp:").strip(), pins=os.environ.get(PINS_VARIABLE) or None))
    module, attribute = _split(name)
    if attribute is None:
        if name.isidentifier() and name in packs():
            return load_pack(name)
        if name.isidentifier() and not _importable(name) and (guess := _guess(name, list(packs()))):
            raise ConfigError(f"there is no pack and no module '{name}'; did you mean '{guess}'?")
        held = vars(_module(module))
        tools = list(_each(held.values()))
        if not tools:
            own = next(
                (key for key, each in held.items() if isfunction(each) and each.__module__ == held["__name__"] and key[0] != "_"),
                "function",
            )
            raise ConfigError(f"there is no tool in '{module}': mark its functions with @tool, or name one, as in -t {module}:{own}")
        return tools
    if module in packs() and not _importable(module):
        raise ConfigError(f"'{module}' is a pack, and comes whole: -t {module}. Its tools are {', '.join(load_pack(module).names)}")
    value = _attribute(module, attribute)
    if isinstance(value, McpServer):
        return _from_server(value)
    if isinstance(value, type) and (own_tools := [key for key, each in vars(value).items() if isinstance(each, Tool)]):
        raise ConfigError(
            f"'{name}' is a class: make an instance in the module, and name its tools, as in -t {module}:instance.{own_tools[0]}"
        )
    return as_registry(value() if makes_tools(value) else value, f"'{name}'")


def _from_server(server: McpServer) -> ToolRegistry:
    """With ``$REACT_AGENT_MCP_PINS`` set to a file, the tools of one that is named by ``mcp:`` have to be what they were when it was first used."""
    server.connect()
    atexit.register(server.close)
    for name, why in server.left_out.items():
        note(f"{server.name}: its tool {name!r} is left out: {why}", "yellow")
    return server.tools


def _each(values: Iterable[object]) -> Iterator[Tool]:
    for value in values:
        if isinstance(value, Tool):
            yield value
        elif isinstance(value, ToolRegistry):
            yield from value


# -------------------------------------------------------------------------------------------------------------- models


def load_model(name: str | None, format: str | None = None) -> Backend:  # noqa: A002 - the word that the whole library uses
    """The model named, else the one in ``$REACT_AGENT_MODEL``; ends the command with the ways to get one where there is none.

    A name is a provider's (``openai:gpt-5``), a server's (``http://localhost:8080/v1#model``), or ``module:attribute`` for a backend of one's own.
    """
    name = name or os.environ.get(MODEL_VARIABLE)
    if not name:
        fail(no_model(), Code.USAGE)
    from react_agent.accepting import as_backend
    from react_agent.backends.names import known_providers

    module, attribute = _split(name)
    if attribute is None and (
        name.endswith(".py") or (name.isidentifier() and name not in known_providers() and Path(f"{name}.py").is_file())
    ):
        raise ConfigError(f"'{name}' is a whole module: name the backend or function in it, as in -m {name}:model")
    if attribute is None or module.lower() in known_providers() or not (module.endswith(".py") or _importable(module)):
        return as_backend(name, format)
    return as_backend(_own_backend(module, attribute), format)


def _own_backend(module: str, attribute: str) -> Backend:
    value = _attribute(module, attribute)
    if isinstance(value, str):
        raise ConfigError(f"'{module}:{attribute}' is a text; a model is a Backend, or a function str -> str")
    return value  # type: ignore[return-value]  # as_backend says what is neither


def keys() -> dict[str, tuple[str, ...]]:
    """The environment variables that hold each provider's key."""
    from react_agent.backends.profiles import PROFILES
    from react_agent.backends.providers import PROVIDERS

    found = {name: kind.key_env for name, kind in PROVIDERS.items() if kind.key_env and name != "openai-responses"}
    return {"openai": ("OPENAI_API_KEY",)} | found | {row.name: row.key_env for row in PROFILES.values() if row.key_needed}


def no_model() -> str:
    """What to do when no model is named anywhere."""
    wanted = keys()
    set_ = [provider for provider, names in wanted.items() if any(os.environ.get(name) for name in names)]
    lines = [f"no model is configured: name one with -m, or set ${MODEL_VARIABLE}.", ""]
    if set_:
        lines += ["You have a key for " + ", ".join(set_) + f":   -m {set_[0]}:MODEL", ""]
    lines.append("A provider, with its key in the environment:")
    lines += [f"  -m {provider + ':MODEL':<22} {' or '.join(wanted[provider])}" for provider in ("openai", "anthropic", "gemini")]
    lines += [f"  and {', '.join(name for name in wanted if name not in ('openai', 'anthropic', 'gemini'))}", ""]
    lines.append("A model on this machine, without a key:")
    lines += [f"  -m {model.format('MODEL'):<38} {server} at {url}" for server, url, model in LOCAL_SERVERS]
    lines += ["", "A backend of your own, or any function from text to text:", "  -m module:attribute   or   -m path/file.py:attribute", ""]
    lines += ["`react-agent doctor` looks which of these are there; `react-agent demo` shows it all without a model."]
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------------------- modules


def _split(name: str) -> tuple[str, str | None]:
    """Module or file, and attribute if there is one; the colon of ``C:\\tools.py`` is none."""
    module, colon, attribute = name.rpartition(":")
    if colon and attribute.replace(".", "_").isidentifier():
        return module, attribute
    return name, None


def _importable(module: str) -> bool:
    _cwd_on_path()
    try:
        return all(part.isidentifier() for part in module.split(".")) and importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _cwd_on_path() -> None:
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)


def _attribute(module: str, attribute: str) -> object:
    value: object = _module(module)
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            public = [name for name in vars(value) if not name.startswith("_")] if isinstance(value, ModuleType) else []
            guess = _guess(part, public)
            raise ConfigError(f"there is no '{part}' in '{module}'" + (f"; did you mean '{guess}'?" if guess else "")) from None
    return value


def _guess(name: str, among: Sequence[str]) -> str | None:
    import difflib

    return next(iter(difflib.get_close_matches(name, among, 1)), None)


def _module(name: str) -> ModuleType:
    if name.endswith(".py") or "/" in name or os.sep in name:
        return _file(Path(name))
    _cwd_on_path()
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(f"{name!r} is no name of a module, and no file.py" + _meant(name))
    try:
        with theirs_aside():
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            where = f"there is no module '{error.name}' (looked for in {os.getcwd()} and where Python looks)"
            raise ConfigError(where + _meant(name)) from None
        raise ConfigError(_why(name, error)) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module of the user's own may raise anything
        raise ConfigError(_why(name, error)) from None


def _meant(name: str) -> str:
    """What somebody who typed this may have wanted."""
    before, _, last = name.rpartition(".")
    if name.startswith(("http:/", "https:/")) or " " in name:
        return "; an MCP server is named with mcp: before its URL or command"
    if "," in name:
        return "; several are given one by one, each behind its own -t"
    if Path(f"{name}.py").is_file():
        return f"; did you mean {name}.py?"
    if name and Path(name).is_dir():
        return "; name one of its files, as in -t folder/file.py"
    if before and _importable(before):
        return f"; did you mean {before}:{last}?"
    return ""


def _file(path: Path) -> ModuleType:
    """A file as a module; the same one each time, and its neighbours can be imported from it."""
    given, path = str(path), path.resolve()
    if not path.is_file():
        raise ConfigError((f"{path} is a folder" if path.is_dir() else f"there is no file {path}") + _meant(given))
    for known in list(sys.modules.values()):
        if getattr(known, "__file__", None) == str(path):
            return known
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_{abs(hash(str(path))):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[name] = module
    try:
        with theirs_aside():
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
        del sys.modules[name]
        raise ConfigError(_why(str(path), error)) from None
    return module


def _why(name: str, error: BaseException) -> str:
    """What was raised while something was imported, and where, without a traceback."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(("<frozen", __file__))]
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"'{name}' could not be imported: {type(error).__name__}: {words.plain_line(str(error), 300)}{where}"
