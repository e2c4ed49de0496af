"""Runs beneath the calls of others: what there is of one when its call runs again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from react_agent.trace import Trace

if TYPE_CHECKING:
    from react_agent.stores.jsonl import Store


def child_so_far(store: Store | None, run_id: str, before: str, call: str) -> Trace | None:
    """What there is of a child's run: its own, or in a fork one that parts from that of the run before, which stays as it is.

    Args:
        store: Where the children are, and perhaps the runs that they are beneath.
        run_id: The child's id.
        before: The id that it would have in the run that called first.
        call: The key of its call.
    """
    if store is None:
        return None
    if store.exists(run_id):
        return store.load(run_id)
    if run_id == before:
        return None
    run, _, place = run_id.rpartition("/")
    for older in (*[f"{forebear}/{place}" for forebear in _forebears(store, run)], before):
        if store.exists(older):
            known = store.load(older)
            return known.fork(len(known), run_id=run_id, now=time.time(), call=call)
    return None


def _forebears(store: Store, run_id: str) -> Iterator[str]:
    """The runs that a fork has its events from, the last first, as far as the store knows them."""
    kept: int | None = None
    while store.exists(run_id):
        parent = store.load(run_id).started.parent
        begun = 0 if parent is None or parent.at is None else parent.at
        if kept is not None and kept > begun:  # else nothing of its own is in the fork
            yield run_id
        if parent is None or parent.at is None:
            return
        kept = begun if kept is None else min(kept, begun)
        run_id = parent.run_id
