"""Python's door: the commands as methods, errors as they are, and an import that costs nothing."""

import inspect
from pathlib import Path

import pytest

import cupola
from cupola import api
from cupola.errors import BadOption, NotFound, ReadOnly


@pytest.fixture
def ws(home: Path) -> api.Workspace:
    return cupola.init(home / "ws", name="churn")


def test_a_workspace_is_made_and_opened(home: Path, ws: api.Workspace) -> None:
    again = cupola.open(ws.root)
    assert (again.name, again.root, again.readonly) == ("churn", ws.root, False)
    with pytest.raises(NotFound):
        cupola.open(home)


def test_words_of_commands_are_attributes(ws: api.Workspace) -> None:
    assert {"dataset", "train", "run", "job", "model", "endpoint", "agent"} <= set(dir(ws))
    assert {"import_", "ls", "show"} <= set(dir(ws.dataset))
    assert ws.dataset.import_.__name__ == "dataset import"
    assert "Import a file" in (ws.dataset.import_.__doc__ or "")
    parameters = inspect.signature(ws.dataset.import_).parameters
    assert list(parameters)[:2] == ["source", "name"]


def test_a_misspelt_verb_says_what_was_meant(ws: api.Workspace) -> None:
    with pytest.raises(AttributeError, match="did you mean train"):
        ws.trian  # noqa: B018
    with pytest.raises(AttributeError, match="did you mean import_"):
        ws.dataset.imprt_  # noqa: B018


def test_errors_are_those_of_the_command_line(ws: api.Workspace) -> None:
    with pytest.raises(NotFound):
        ws.run.show("nothing")
    with pytest.raises(BadOption, match="has no option 'color'"):
        ws.run.show("nothing", color="red")
    with pytest.raises(BadOption, match="run show needs run"):
        ws.run.show()
    with pytest.raises(TypeError, match="takes 1 argument by place"):
        ws.run.show("one", "two")
    with pytest.raises(ReadOnly):
        cupola.open(ws.root, readonly=True).job.submit(["true"])


def test_started_work_can_be_waited_for_and_named_by_its_record(ws: api.Workspace) -> None:
    started = ws.job.submit("sh", "-c", "echo hello", name="greeting")
    assert started.status == "Queued"
    assert started.wait(180) is started
    assert (started.status, started.exit_code) == ("Completed", 0)
    assert ws.job.show(started).id == started.job
    assert "".join(ws.job.log(started)) == "hello\n"
    assert started.refresh().status == "Completed"


def test_work_that_fails_raises_what_went_wrong(ws: api.Workspace) -> None:
    with pytest.raises(cupola.errors.WorkFailed) as error:
        ws.job.submit(["sh", "-c", "exit 7"]).wait(180)
    assert "7" in error.value.message
    with pytest.raises(TimeoutError):
        ws.job.submit(["sleep", "600"], name="sleeper").wait(0.1)
    ws.job.stop("sleeper")


def test_a_text_for_a_list_is_a_list_of_one(ws: api.Workspace) -> None:
    assert ws.tune._named((), {"metric": "f1", "space": ["C=1.0,2.0"]}) == {"metric": ["f1"], "space": ["C=1.0,2.0"]}
    assert ws.run.tag._named(("brave-otter", "best"), {})["tags"] == ["best"]
