"""What this process has open and what it has started, to see that nothing is left of either. Only where there is a ``/proc``."""

from __future__ import annotations

import gc
import os
from contextlib import suppress
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc here to count in")


def descriptors() -> int:
    """How many are open; those that only wait for the collector are closed first."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def children() -> set[str]:
    """Pids of the processes that it started and that are there still."""
    found: set[str] = set()
    for task in os.listdir("/proc/self/task"):
        with suppress(OSError):  # a thread that has ended meanwhile
            found.update(Path(f"/proc/self/task/{task}/children").read_text().split())
    return found
