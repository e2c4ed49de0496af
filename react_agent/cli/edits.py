"""What is changed before a fork goes on, as it is typed: ``--edit observation="no such city"``, or ``--edit observation`` to write it in an editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from react_agent.cli.files import text_of
from react_agent.errors import ConfigError
from react_agent.forking import editable
from react_agent.loop import fold
from react_agent.trace import Trace

INSTRUCTIONS = "instructions"


def typed_edits(typed: Sequence[str], fork: Trace) -> dict[str, str]:
    """The places and their new texts.

    Args:
        typed: ``PLACE=TEXT``, ``PLACE=@FILE``, or ``PLACE`` alone for an editor.
        fork: As far as it is kept.

    Raises:
        ConfigError: A place that is none, an editor without a terminal, or a text that was left as it was.
    """
    there = {**editable(fork), INSTRUCTIONS: fold(fork).spec.instructions}
    made: dict[str, str] = {}
    for word in typed:
        place, given, text = word.partition("=")
        if place not in there:
            raise ConfigError(
                f"--edit {place}: at that step one can edit {', '.join(there)}. What a kept step has read stays as it is: for an earlier text, give a smaller --at"
            )
        made[place] = _text(text) if given else _in_editor(place, there[place])
        if made[place] == there[place]:
            raise ConfigError(f"--edit {place}: the text is as it was; without --edit the step is simply done anew")
    return made


def _text(text: str) -> str:
    return text_of(text[1:]) if text.startswith("@") else text


def _in_editor(place: str, text: str) -> str:
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if command is None or not sys.stdin.isatty():
        raise ConfigError(
            f"--edit {place} opens an editor, which needs a terminal and $EDITOR; or give the text: --edit {place}=TEXT, or {place}=@FILE"
        )
    with tempfile.TemporaryDirectory(prefix="react_agent-") as folder:
        file = Path(folder) / f"{place}.txt"
        file.write_text(text, "utf-8")
        try:
            ended = subprocess.run([*shlex.split(command), str(file)], check=False).returncode
        except OSError as error:
            raise ConfigError(f"the editor {command!r} cannot be started: {error.strerror or error}") from None
        if ended:
            raise ConfigError(f"the editor {command!r} ended with {ended}: nothing was forked")
        return file.read_text("utf-8").removesuffix("\n") if not text.endswith("\n") else file.read_text("utf-8")
