"""A process dies in the middle of a payment. The next one takes the trace up, finds out that the money has gone, and does not pay twice.

    python examples/resume_after_a_crash.py

With a store, a call is written down before its tool starts. What was open when the process died is run again only if that is harmless
(`read_only`, `idempotent`); else the tool's `verify` says what became of it, by the call's key; else the run pauses and asks.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from react_agent import NOT_DONE, Agent, JsonlStore, MockBackend, RunContext, call, tool


def make_agent(folder: Path, model: MockBackend, *, dies: bool = False) -> Agent:
    ledger = folder / "ledger.txt"  # the bank's books

    def what_became_of(key: str) -> object:
        return "paid" if ledger.exists() and key in ledger.read_text() else NOT_DONE

    @tool(verify=what_became_of)
    def pay(ctx: RunContext[None], euros: int) -> str:
        """Pay the bill."""
        with ledger.open("a") as book:
            book.write(f"{ctx.key}: {euros} euros\n")
        if dies:
            os._exit(1)  # power cut: the money has gone, and nobody was told
        return "paid"

    return Agent(model, tools=[pay], store=JsonlStore(folder))


def first_process(folder: Path) -> None:
    make_agent(folder, MockBackend([call("pay", euros=100)]), dies=True).run_sync("Pay the bill of 100 euros.", run_id="bill")


def second_process(folder: Path) -> None:
    result = make_agent(folder, MockBackend(["The bill is paid."])).resume_sync(folder / "bill.jsonl")
    print("events:", *[event.kind for event in result.trace])
    print(result.answer)


if len(sys.argv) > 1:
    first_process(Path(sys.argv[1]))
else:
    with TemporaryDirectory() as temporary:
        died = subprocess.run([sys.executable, __file__, temporary], check=False)
        print(f"the first process died with exit code {died.returncode}")
        second_process(Path(temporary))
        print("the bank's books:", (Path(temporary) / "ledger.txt").read_text().strip())
