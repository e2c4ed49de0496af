"""The other side of a process tool: a fresh interpreter that runs one function after another, as JSON lines say.

Run as a file with ``python -P``, so that nothing of it is imported under a wrong name. The first line on standard input says where Python
looks for modules and which function it is; each further line holds the arguments of one call, and is answered by one line on what was standard
output (a tool that prints writes to standard error). When standard input ends, because its owner closed it or died, the whole process group
is killed, even in the middle of a call.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from types import ModuleType

MAIN = "__react_agent_main__"


def serve() -> None:
    """Answer calls until there are none."""
    answers = os.fdopen(os.dup(1), "wb")  # not inherited by what a tool starts
    os.dup2(2, 1)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    questions = os.fdopen(os.dup(0), "rb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    threading.Thread(target=_listen, args=(questions, calls), daemon=True).start()
    setup = json.loads(calls.get())
    sys.path[:] = setup["path"]
    function: Callable[..., object] | None = None
    check: Callable[[dict[str, object]], Mapping[str, object]] | None = None
    while True:
        call = json.loads(calls.get())
        try:
            if function is None:
                function, check = _find(setup)
            value = function(**(check(call) if check else call))
            if inspect.iscoroutine(value):
                value = asyncio.run(value)
            answer = _shown(value, setup["value"])
        except BaseException as error:  # noqa: BLE001 - whatever a tool raises is an answer, SystemExit too
            answer = _raised(error)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _listen(questions: BinaryIO, calls: queue.SimpleQueue[bytes]) -> None:
    for line in questions:
        calls.put(line)
    if hasattr(os, "killpg"):
        os.killpg(os.getpgrp(), signal.SIGKILL)  # the owner made us the leader of a group of our own
    os._exit(0)


def _find(setup: dict[str, str]) -> tuple[Callable[..., object], Callable[[dict[str, object]], Mapping[str, object]] | None]:
    from react_agent.tooling import Tool

    found: object = _main(setup["file"]) if setup["file"] else importlib.import_module(setup["module"])
    for part in setup["qualname"].split("."):
        found = getattr(found, part)
    function = found.function if isinstance(found, Tool) else found
    if not callable(function):
        raise TypeError(f"{setup['qualname']} is no function")
    if not setup["typed"]:
        return function, None
    made = found if isinstance(found, Tool) else Tool.from_function(function)
    return function, made.check  # type: ignore[return-value]  # it takes JSON objects


def _main(path: str) -> ModuleType:
    """The main program as a module, as multiprocessing has it: what stands beneath ``if __name__ == "__main__"`` does not run."""
    spec = importlib.util.spec_from_file_location(MAIN, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MAIN] = module
    spec.loader.exec_module(module)
    return module


def _shown(value: object, wanted: bool) -> dict[str, object]:
    """What a model is shown of the result; and the value itself where it is to be checked."""
    from msgspec import to_builtins
    from pydantic_core import to_jsonable_python

    from react_agent.rendering import read, render, twice

    value, answer = read(value), dict[str, object]()
    if wanted:
        try:
            value, checked = twice(value)
            answer["value"] = to_jsonable_python(checked)
        except Exception as error:  # noqa: BLE001 - an iterator in it may raise anything
            answer["no_value"] = type(error).__name__
    answer["parts"] = to_builtins(render(value))
    return answer


def _raised(error: BaseException) -> dict[str, object]:
    from react_agent.errors import ToolError
    from react_agent.rendering import said

    return {
        "error": type(error).__name__,
        "text": said(error)[:4000],
        "tool_error": isinstance(error, ToolError),
        "exit": not isinstance(error, Exception),
    }


if __name__ == "__main__":
    serve()
