"""Shared by all tests: how an agent is scripted, and where the corpora lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None, max_examples=60)
settings.load_profile("default")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of recorded material; the test says that it skipped when it is not there."""
    folder = Path(os.environ.get("REACT_AGENT_CORPORA", ROOT.parent / "shared" / "corpora"))
    if not folder.is_dir():
        pytest.skip(f"no corpora at {folder}; set REACT_AGENT_CORPORA to try with them")
    return folder
