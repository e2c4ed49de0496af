"""The pytest plug-in: options, a marker and fixtures. It is loaded in every test suite of every environment that has this package, so it imports nothing of
it before a test asks for a fixture, and changes nothing for the tests that do not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from react_agent.testing.cassette import CassetteBackend, Mode, Source
    from react_agent.testing.network import Allowed
    from react_agent.testing.scripting import ScriptedAgents

MODES = ("none", "once", "all")
_FOLDER = pytest.StashKey[Path]()
_OUTCOME = pytest.StashKey[str]()
_TRIED = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("react_agent", "agents")
    group.addoption(
        "--react-agent-record",
        choices=MODES,
        help="Recorded replies of models: none plays them (default), once records what is missing, all records anew.",
    )
    parser.addini("react_agent_record", "Recorded replies of models: none, once or all.", default="none")
    parser.addini("react_agent_cassettes", "Folder of recorded replies, beside the test's file.", default="cassettes")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "react_agent(network=False, record=None): what the fixtures of react_agent let this test do; "
        'network=True or "loopback", record="none", "once" or "all"',
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_OUTCOME] = report.outcome
        folder = item.stash.get(_FOLDER, None)
        if report.failed and folder is not None:
            report.sections += _shown(folder)
        if report.failed and (tried := item.stash.get(_TRIED, None)):
            hint = "Script the model, record its replies, or mark the test with @pytest.mark.react_agent(network=True)."
            report.sections.append(("network", f"It is blocked in this test, which tried {', '.join(dict.fromkeys(tried))}. {hint}"))
    return report


def _shown(folder: Path) -> list[tuple[str, str]]:
    """The runs of a failed test, oldest first."""
    from react_agent.errors import TraceError
    from react_agent.stores.jsonl import JsonlStore
    from react_agent.trace import Trace
    from react_agent.view.table import step_table

    made = []
    for path in reversed(JsonlStore(folder).runs()):
        try:
            table = step_table(Trace.load(path))
        except (TraceError, OSError) as error:
            table = str(error)
        made.append((f"trace {path}", table))
    return made


def _marked(request: pytest.FixtureRequest, name: str, default: object) -> object:
    marker = request.node.get_closest_marker("react_agent")
    return default if marker is None else marker.kwargs.get(name, default)


@pytest.fixture
def no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """No connection leaves the test, unless it is marked with ``react_agent(network=True)`` or ``network="loopback"``."""
    from react_agent.testing.network import network_blocked

    allowed = _marked(request, "network", False)
    if allowed is True:
        yield
        return
    with network_blocked(cast("Allowed", allowed)) as tried:
        request.node.stash[_TRIED] = tried
        yield


@pytest.fixture
def agent_traces(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder for traces, to be given as ``store=``. Those of a failing test are shown."""
    from react_agent.testing.asserting import traces_folder

    folder = tmp_path / "traces"
    request.node.stash[_FOLDER] = folder
    traces_folder.set(folder)
    yield folder
    traces_folder.set(None)


@pytest.fixture
def scripted_agent(request: pytest.FixtureRequest, no_network: None, agent_traces: Path) -> Iterator[ScriptedAgents]:
    """Makes agents whose model plays a script: ``scripted_agent([call("search", query="x"), "done"], tools=[search])``.

    The network is blocked, and a script has to be used up when the test has passed.
    """
    from react_agent.testing.scripting import ScriptedAgents

    agents = ScriptedAgents(agent_traces)
    yield agents
    if request.node.stash.get(_OUTCOME, None) == "passed":
        agents.check()


@pytest.fixture
def recorded(request: pytest.FixtureRequest, agent_traces: Path) -> Iterator[Callable[[Source], CassetteBackend]]:
    """A real model's replies, recorded and played: ``Agent(recorded("openai:gpt-5"), tools=[…])``.

    They lie in ``cassettes/<file>/<test>.jsonl`` (``<Class>.<test>.jsonl``) beside the test's file. The network is blocked unless something is to be recorded.
    """
    from react_agent.testing.cassette import Cassette
    from react_agent.testing.network import network_blocked

    config = request.config
    mode = config.getoption("--react-agent-record") or _marked(request, "record", None) or config.getini("react_agent_record")
    if mode not in MODES:
        raise pytest.UsageError(f"react_agent: record is one of {', '.join(MODES)}, not {mode!r}")
    test = request.path
    name = _file_name(request.node.nodeid.partition("::")[2])
    cassette = Cassette(test.parent / str(config.getini("react_agent_cassettes")) / test.stem / f"{name}.jsonl", cast("Mode", mode))
    if cassette.records:
        yield cassette.backend
        if request.node.stash.get(_OUTCOME, None) != "failed":
            cassette.save()
        return
    with network_blocked("loopback" if _marked(request, "network", False) == "loopback" else False) as tried:
        request.node.stash[_TRIED] = tried
        yield cassette.backend


def _file_name(test: str) -> str:
    """A test's name for a file: of its class too, and with a digest where parameters that differ could be written alike."""
    test = test.replace("::", ".")
    plain = re.sub(r"[^\w.-]+", "_", test)
    return plain if re.fullmatch(r"[\w.-]+(\[[\w.-]+\])?", test) else f"{plain}-{hashlib.sha256(test.encode()).hexdigest()[:8]}"
