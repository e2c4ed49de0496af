"""Renders chat templates: a sandboxed Jinja environment, and the loop of a process of its own for templates that came from outside.

A sandbox keeps a template from the interpreter, but not from looping without end or from filling the memory. So what a model's makers, or whoever
wrote the file, gave us runs in another process, whose memory the system bounds where it can and which is killed when it takes too long.

This file is run as a script, by itself: it imports nothing of the package.
"""

from __future__ import annotations

import contextlib
import json
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from jinja2 import Template

MAX_MEMORY = 512 * 1024 * 1024
MAX_TEXT = 20_000_000  # characters of a prompt


def render(source: str, variables: dict[str, Any]) -> str:
    """The text of a template. Raises whatever Python can: a template is a program."""
    text = compiled(source).render(variables)
    if len(text) > MAX_TEXT:
        raise ValueError(f"its text is too long: more than {MAX_TEXT:,} characters")
    return text


@lru_cache(64)
def compiled(source: str) -> Template:
    """In a sandbox: it reaches no attribute that begins with an underscore, changes nothing and imports nothing. Raises `ImportError`."""
    import jinja2.sandbox

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    environment.globals["raise_exception"] = _refuse
    environment.filters["tojson"] = _as_json
    return environment.from_string(source)


def _refuse(words: object) -> NoReturn:
    raise ValueError(str(words))


def _as_json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _answer(line: str) -> dict[str, str]:
    try:
        asked = json.loads(line)
        if asked["variables"] is None:
            compiled(asked["source"])
            return {"text": ""}
        return {"text": render(asked["source"], asked["variables"])}
    except Exception as error:  # noqa: BLE001 - the template may raise whatever it likes; whoever asked is told
        return {"error": f"{error or type(error).__name__}"[:2000]}


def main() -> None:
    """One JSON object a line in, one out, until the input ends. The first line is the path of modules."""
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    sys.path[:] = json.loads(sys.stdin.buffer.readline())
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(json.dumps(_answer(line.decode())).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
