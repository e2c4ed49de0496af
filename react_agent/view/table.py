"""The steps of a run as a plain table, and how it ended: for a test's output, a log, a notebook without HTML."""

from __future__ import annotations

from react_agent.trace import Step, Trace
from react_agent.view import words
from react_agent.view.redact import redactor_of_environment
from react_agent.view.standing import standing

_COLUMNS = ("step", "thought", "action", "status", "result")
_WIDEST = (4, 32, 44, 12, 60)


def step_table(trace: Trace) -> str:
    """One line for each call, or for each reply without one; the last line is the outcome. What the environment names is masked."""
    trace = redactor_of_environment().trace(trace)
    rows = [_COLUMNS, *[row for step in trace.steps() for row in _rows(step)]]
    cells = [[words.plain_line(cell, most) for cell, most in zip(row, _WIDEST, strict=True)] for row in rows]
    widths = [max(len(row[at]) for row in cells) for at in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([*lines, _ending(trace)] if len(trace) else lines)


def _ending(trace: Trace) -> str:
    stands = standing(trace)
    detail = stands.outcome.detail if stands.outcome else stands.problem
    return words.plain_line(f"→ {stands.kind}: {detail}" if detail else f"→ {stands.kind}", 400)


def _rows(step: Step) -> list[tuple[str, ...]]:
    if not step.calls:
        return [(str(step.index), step.thought, "", step.reply.reading, step.reply.complaint or step.reply.message.text)]
    made: list[tuple[str, ...]] = []
    for index, call in enumerate(step.calls):
        action = words.call(call.name, call.arguments)
        status, result = (call.result.status, call.result.text[: 8 * _WIDEST[-1]]) if call.result else ("open", "")
        made.append((f"{step.index}.{index}", "" if index else step.thought, action, status, result))
    return made
