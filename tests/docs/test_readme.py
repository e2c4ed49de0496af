"""The README cannot rot: its Python runs, its commands exist with their options, its links lead somewhere.

Python blocks run in order in one namespace, in an empty folder, top-level `await` allowed. One with ``<!-- no test -->`` in the line above is only
compiled: it needs a key or a server.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from _markdown import Block, blocks, commands, links
from click import Context
from click.exceptions import UsageError
from typer.main import get_command

from react_agent.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
TEXT = README.read_text("utf-8")
BLOCKS = blocks(TEXT)
COMMANDS = [words for block in BLOCKS if block.language == "console" for words in commands(block)]


def compiled(block: Block) -> types.CodeType:
    """With the README's own lines, so that a traceback shows them."""
    code = compile("\n" * (block.line - 1) + block.text, str(README), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert isinstance(code, types.CodeType)
    return code


def execute(block: Block, namespace: dict[str, Any]) -> None:
    code = compiled(block)
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(types.FunctionType(code, namespace)())
    else:
        exec(code, namespace)


def promised(text: str) -> list[str]:
    """What the comments behind a block's prints say will be seen."""
    return re.findall(r"^print\(.*\) +# (.+)$", text, re.MULTILINE)


def test_python_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    python = [block for block in BLOCKS if block.language in ("python", "py")]
    if not python:
        pytest.skip("the README shows no Python")
    monkeypatch.chdir(tmp_path)
    main = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)  # where the hints of functions that are defined here get looked up
    for block in python:
        if block.tested:
            execute(block, main.__dict__)
            printed = iter(capsys.readouterr().out.splitlines())
            for line in promised(block.text):
                assert line in printed, f"the block in line {block.line} does not print {line!r}"
        else:
            compiled(block)


def unknown(words: list[str]) -> str | None:
    """What of a command line of ours does not exist; None if all of it does."""
    found: Any = get_command(app)
    context = Context(found, info_name="react-agent")
    while words and not words[0].startswith("-") and hasattr(found, "resolve_command"):
        try:
            name, found, words = found.resolve_command(context, words)
        except UsageError as error:
            return error.format_message()
        context = Context(found, info_name=name, parent=context)
    known = {"--help", "-h"}.union(*((*each.opts, *each.secondary_opts) for each in found.params))
    return next((f"no option {word}" for word in words if re.match(r"--?[A-Za-z]", word) and word.split("=")[0] not in known), None)


@pytest.mark.parametrize("words", [words for words in COMMANDS if Path(words[0]).name == "react-agent"], ids=" ".join)
def test_commands_exist(words: list[str]) -> None:
    assert unknown(words[1:]) is None


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[-1].endswith(".py")], ids=" ".join)
def test_scripts_exist(words: list[str]) -> None:
    assert (ROOT / words[-1]).is_file()


@pytest.mark.parametrize("target", links(TEXT))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


# ------------------------------------------------------------------------------------------------- the tests' own tools

SAMPLE = """\
Text with `](nowhere.md)` in code, a [link](examples/quickstart.py#L3), [another](https://example.org) and [one](#here).

```python
x = 1
```

<!-- no test -->

~~~python title="not run"
y = `2`
~~~
```console
$ react-agent run "what? &" \\
    -m http://x/v1#y && .venv/bin/python -V
an answer [with](no.link)
$ react-agent doctor   # says more
```
"""


def test_blocks_are_found() -> None:
    first, second, third = blocks(SAMPLE)
    assert first == Block("python", "x = 1\n", 4, True)
    assert second == Block("python", "y = `2`\n", 10, False)
    assert commands(third) == [
        ["react-agent", "run", "what? &", "-m", "http://x/v1#y"],
        [".venv/bin/python", "-V"],
        ["react-agent", "doctor"],
    ]
    assert links(SAMPLE) == ["examples/quickstart.py"]


def test_an_open_block_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 1"):
        blocks("```python\nx = 1\n")


def test_what_a_print_promises() -> None:
    assert promised('x = 1  # no\nprint(x)       # 1\n    print(x)  # no\nprint(x)\nprint("a", y())  # a 2') == ["1", "a 2"]


def test_blocks_share_names_and_may_await() -> None:
    namespace: dict[str, Any] = {}
    for text in ("import asyncio\nx = 1", "await asyncio.sleep(0)\nx += 1"):
        execute(Block("python", text, 1, True), namespace)
    assert namespace["x"] == 2


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("demo", None),
        ("--version", None),
        ("run what? --help", None),
        ("trace show run.jsonl", None),
        ("dmeo", "dmeo"),
        ("trace shwo run.jsonl", "shwo"),
        ("run what? --no-such-option", "--no-such-option"),
    ],
)
def test_unknown_commands_are_noticed(command: str, wrong: str | None) -> None:
    found = unknown(command.split())
    assert found is None if wrong is None else wrong in str(found)
