"""What a tool is: a function, what a model is told of it, and the check that stands between the two.

``@tool`` makes one from a function, whose hints and docstring are all that a model needs; ``Tool.from_schema`` from a JSON Schema that
came from elsewhere. Both are held to their schema alike. How a call reaches the function is the dispatcher's concern.
"""

from react_agent.tooling.context import NOT_DONE, UNKNOWN, RunContext, Verdict
from react_agent.tooling.definition import FunctionTool, Tool, tool
from react_agent.tooling.options import ToolOptions, Verify
from react_agent.tooling.registry import ToolRegistry

__all__ = ["NOT_DONE", "UNKNOWN", "FunctionTool", "RunContext", "Tool", "ToolOptions", "ToolRegistry", "Verdict", "Verify", "tool"]
