"""Shared by all tests: how an agent is scripted, and where the corpora lie."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How fast a machine is says nothing of the code. In CI the examples are the same each time, so that a change is judged and not the luck of the draw;
# everywhere else each run tries others.
settings.register_profile(
    "default", deadline=None, max_examples=60, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("default")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What runs take for the time, ``clock[0]``: it passes only where the test says so, and no machine is too slow for a limit."""
    now = [1.0]
    monkeypatch.setattr("react_agent.host.Run.now", lambda run: now[0])
    return now


@pytest.fixture
def time_is_up(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, Callable[[], bool]], None]:
    """``time_is_up(seconds, when)``: a call that may take just so many seconds has taken them as soon as `when` is true, and no sooner."""

    def arrange(seconds: float, when: Callable[[], bool]) -> None:
        wait = asyncio.wait

        async def waited(tasks: Iterable[Any], *, timeout: float | None = None, **more: Any) -> Any:
            if timeout == seconds:
                until, timeout = time.monotonic() + 30, 0.0
                while not when() and time.monotonic() < until:  # noqa: ASYNC110 - the other side may be a thread or a process
                    await asyncio.sleep(0.002)
            return await wait(tasks, timeout=timeout, **more)

        monkeypatch.setattr(asyncio, "wait", waited)

    return arrange


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of recorded material; the test says that it skipped when it is not there."""
    folder = Path(os.environ.get("REACT_AGENT_CORPORA", ROOT.parent / "shared" / "corpora"))
    if not folder.is_dir():
        pytest.skip(f"no corpora at {folder}; set REACT_AGENT_CORPORA to try with them")
    return folder


def pytest_collection_finish() -> None:
    """What was made while the tests were collected lives as long as they do: the collector need not walk through it thousands of times."""
    gc.collect()
    gc.freeze()
