"""What a run is made with: model, format and tools as they were typed, or as a trace recorded them."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from react_agent.cli.loading import MODEL_VARIABLE, load_model, load_tools
from react_agent.cli.options import Together
from react_agent.errors import ConfigError
from react_agent.events import Changed, Started
from react_agent.spec import AgentSpec
from react_agent.tooling import ToolRegistry
from react_agent.trace import Trace

if TYPE_CHECKING:
    from react_agent.backends.base import Backend

ModelOption = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        help="openai:gpt-5, ollama:qwen3, http://localhost:8080/v1#model, or module:attribute. By default $REACT_AGENT_MODEL.",
    ),
]
ToolsOption = Annotated[
    list[str] | None,
    typer.Option(
        "-t",
        "--tools",
        metavar="TOOLS",
        help="An installed pack (standard), module[:function], path/file.py[:function], or mcp:URL-or-command. May be given several times.",
    ),
]
FormatOption = Annotated[
    str | None, typer.Option("--format", metavar="FORMAT", help="How the model writes its steps: auto, native, react_text, hermes…")
]


@dataclass(frozen=True, slots=True)
class Setup:
    """What was typed of it."""

    model: ModelOption = None
    tools: ToolsOption = None
    format: FormatOption = None

    @property
    def again(self) -> str:
        """The options that the next command needs too."""
        words = [*(["-m", self.model] if self.model else []), *(word for name in self.tools or () for word in ("-t", name))]
        return "".join(f" {shlex.quote(word)}" for word in words)

    def new_model(self) -> Backend:
        """The model named, else the one in the environment."""
        return load_model(self.model, self.format)

    def new_tools(self) -> ToolRegistry:
        """Those that are named."""
        return load_tools(self.tools or ())

    def model_of(self, trace: Trace) -> Backend:
        """The model named; else the recorded one, if it can be found by its name; else the one in the environment."""
        if self.model:
            return self.new_model()
        recorded = next(event for event in reversed(trace) if isinstance(event, Started | Changed))
        try:
            return load_model(recorded.backend, self.format or recorded.format)
        except ConfigError as error:
            if os.environ.get(MODEL_VARIABLE):
                return self.new_model()
            raise ConfigError(
                f"the run was made with {recorded.backend!r}, which cannot be had again ({str(error).partition('. ')[0]}). "
                "Name a model with -m."
            ) from None

    def tools_of(self, spec: AgentSpec, changes: bool) -> ToolRegistry:
        """The recorded tools out of those that are named, in their order; with `changes`, whatever is named."""
        recorded = [tool.name for tool in spec.tools]
        if recorded and not self.tools:
            raise ConfigError(f"the run has the tools {', '.join(recorded)}, and a trace holds no code: name where they are with -t")
        offered = self.new_tools()
        if changes or not recorded:
            return offered
        missing = [name for name in recorded if name not in offered]
        if missing:
            raise ConfigError(f"the run has the tools {', '.join(missing)} too: name them with -t, or go on without them with --changes")
        return ToolRegistry(offered[name] for name in recorded)


SetupOptions = Annotated[Setup, Together(Setup)]
