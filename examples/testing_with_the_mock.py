"""Tests of an agent without a network: the model is a script, and it misbehaves on demand.

    pytest examples/testing_with_the_mock.py        (or: python examples/testing_with_the_mock.py)

`MockBackend` raises `ScriptError` when it is asked for more than its script holds; used with `with`, also when something of it is left.
"""

from react_agent import Agent, Backend, BackendError, MockBackend, Raw, ToolRegistry, call

deleted: list[str] = []
tools = ToolRegistry()


@tools.register
def delete(path: str = "/") -> str:
    """Delete a folder."""
    deleted.append(path)
    return "deleted"


def make_agent(model: Backend) -> Agent:
    """The code under test: it takes the model from outside."""
    return Agent(model, tools=tools, instructions="Tidy up.")


def test_the_right_call_is_made() -> None:
    deleted.clear()
    with MockBackend([call("delete", path="/tmp/old"), "Tidy now."]) as model:
        result = make_agent(model).run_sync("Delete /tmp/old.")
    assert (result.answer, deleted) == ("Tidy now.", ["/tmp/old"])
    assert model.requests[0].messages[0].text == "Tidy up."  # what the model was really told


def test_a_call_that_was_cut_off_does_not_delete_everything() -> None:
    deleted.clear()
    cut = Raw(calls=(("delete", '{"path": "/tmp/ol'),), finish="length")
    with MockBackend([cut, "I could not do it."]) as model:
        assert make_agent(model).run_sync("Delete /tmp/old.").answer == "I could not do it."
    assert deleted == []


def test_a_lost_server_is_an_outcome() -> None:
    result = make_agent(MockBackend([BackendError("connection refused")])).run_sync("Delete /tmp/old.")
    assert (result.outcome.kind, result.answer) == ("failed", None)


def test_thought_action_text_is_read_as_well() -> None:
    deleted.clear()
    with MockBackend([call("delete", path="/tmp/old"), "Tidy now."], format="react_text") as model:
        assert make_agent(model).run_sync("Delete /tmp/old.").answer == "Tidy now."


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"passed: {name.removeprefix('test_').replace('_', ' ')}")
