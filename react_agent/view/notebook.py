"""A run as a small piece of HTML for notebooks: no script, no picture, nothing loaded; every text escaped. Colours are those of the notebook."""

from __future__ import annotations

from html import escape

from react_agent.trace import Step, Trace
from react_agent.view import words
from react_agent.view.items import summary
from react_agent.view.redact import redactor_of_environment

_BAD, _GOOD, _OTHER = "#d6433f", "#22945a", "#ad7313"  # to be read on white and on black: nobody tells us which it is
_TONE = {"answered": _GOOD, "failed": _BAD, "malformed": _BAD, "refused": _BAD, "damaged": _BAD}
_CELL = "padding:.35em .8em .35em 0;vertical-align:top;text-align:left;border-top:1px solid rgba(128,128,128,.25)"
_LONG = "max-height:16em;overflow:auto;margin:.3em 0;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.92em"
_MOST_STEPS = 200  # a notebook is kept whole in memory and in its file
_MOST_CHARS = 4_000


def card(trace: Trace) -> str:
    """The question, how it ended, what it took, and a row for each step. What the environment names is masked: notebooks are handed on."""
    if not len(trace):
        return "<p>An empty trace.</p>"
    trace = redactor_of_environment().trace(trace)
    told = summary(trace)
    steps = trace.steps()
    outcome = str(told["outcome"])
    left = len(steps) - _MOST_STEPS
    rows = [_row(step) for step in steps[:_MOST_STEPS]]
    if left > 0:
        rows.append(f'<tr><td></td><td colspan="2" style="{_CELL}">… {words.amount(left, "more step")}</td></tr>')
    took = [words.amount(len(steps), "step"), words.tokens(used) if (used := trace.usage()).total_tokens else "", trace.started.backend]
    ending = str(told["answer"] or told["detail"])
    if told["asked"]:
        ending = f"{told['asked']}\n{ending}"
    problem = f'<p style="color:{_BAD}">{_text(str(told["problem"]))}</p>' if told["problem"] else ""
    return (
        '<div style="max-width:60em;line-height:1.5">'
        f'<div style="font-weight:600;font-size:1.1em">{_text(words.said(trace.started.task))}</div>'
        f'<div><b style="color:{_TONE.get(outcome, _OTHER)}">{escape(outcome)}</b><span style="opacity:.75"> · {_text(" · ".join(filter(None, took)))}</span></div>'
        f'{problem}<div style="{_LONG}">{_text(ending)}</div>'
        f'<details><summary style="cursor:pointer">Steps</summary><table style="border-collapse:collapse;width:100%">{"".join(rows)}</table></details>'
        "</div>"
    )


def _row(step: Step) -> str:
    inside = [f"<i>{_text(step.thought)}</i>"] if step.thought else []
    for call in step.calls:
        status, result = (call.result.status, words.observed(call.result)) if call.result else ("open", "")
        tone = "inherit;opacity:.75" if status == "ok" else _BAD
        head = f'<code>{_text(words.call(call.name, call.arguments))}</code> <span style="color:{tone}">{escape(status.replace("_", " "))}</span>'
        inside.append(f'<div>{head}<div style="{_LONG};opacity:.85">{_text(result)}</div></div>')
    if not step.calls:
        inside.append(f"<div>{_text(step.reply.message.text)}</div>")
    if step.reply.reading == "malformed":
        inside.append(f'<div style="color:{_BAD}">{_text(step.reply.complaint or "")}</div>')
    took = words.seconds(step.seconds)
    return (
        f'<tr><td style="{_CELL};opacity:.6">{step.index}</td><td style="{_CELL};width:100%">{"".join(inside)}</td>'
        f'<td style="{_CELL};opacity:.6;white-space:nowrap">{took}</td></tr>'
    )


def _text(text: str) -> str:
    """Text as text: a dollar sign is written out too, since notebooks read mathematics between two of them."""
    text = words.plain(text)
    cut = text if len(text) <= _MOST_CHARS else text[:_MOST_CHARS] + f"\n… {words.amount(len(text) - _MOST_CHARS, 'more character')}"
    return escape(cut).replace("$", "&#36;")
