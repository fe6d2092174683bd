"""What an attempt publishes shows only when its end is decided, once, and never from one that has lost its job."""

import msgspec
import pytest

from cupola.errors import CupolaError
from cupola.jobs import attempts, publication, wish
from cupola.jobs import records as jobs
from cupola.jobs.attempts import AttemptEnd, Started
from cupola.jobs.publication import Directory, Publication
from cupola.jobs.wish import Job
from cupola.store import Store, files, names
from cupola.workspace import Workspace

RECORD = "experiments/default/one/run.json"


@pytest.fixture
def store(workspace: Workspace) -> Store:
    files.write_bytes(workspace.store, RECORD, b'{"revision": 1, "status": "Queued", "of_a_newer_one": true}')
    return workspace.store


@pytest.fixture
def job(store: Store) -> Job:
    user, host = names.who()
    made = Job(
        id=names.new_id(), kind="train", name="one", command=["true"], directory="/", user=user, host=host,
        submitted=names.now(), run="default/one",
    )  # fmt: skip
    files.write_bytes(store, f"{made.directory_in_store}/job.json", msgspec.json.encode(made))
    wish.enqueue(store, made)
    return made


def attempt(store: Store, job: Job, number: int) -> AttemptEnd:
    """An attempt that has left a record and a directory to publish, and its end, not yet written."""
    assert attempts.begin(store, job, Started(attempt=number, nonce=names.new_id(), **attempts.by_this_process()))
    files.write_bytes(store, f"{job.attempt(number)}/version/version.json", b"{}")
    target = f"models/m/{number}-abcd"
    directory = Directory(origin=f"{job.attempt(number)}/version", target=target, kind="model", ref=f"m@{number}")
    content = {"revision": 1, "status": "Completed", "attempt": number}
    left = Publication(directories=[directory], path=RECORD, content=content, kind="run", ref="one")
    files.write_bytes(store, f"{job.attempt(number)}/publish.json", msgspec.json.encode(left))
    return AttemptEnd(
        attempt=number, status="Completed", secondary_status="Completed", cause="end", ended=names.now(), publishes=True
    )


def record(store: Store) -> dict[str, object]:
    found: dict[str, object] = msgspec.json.decode(files.read_bytes(store, RECORD))
    return found


def test_a_job_is_over_when_all_of_it_is_in_its_place(store: Store, job: Job) -> None:
    end = attempt(store, job, 1)
    assert attempts.record_end(store, job, end)
    now = jobs.state(store, job.id)
    assert (now.status, now.secondary_status, now.over) == ("InProgress", "Publishing", False)
    publication.publish(store, job, end)
    assert jobs.state(store, job.id).status == "Completed"
    assert record(store) == {"revision": 2, "status": "Completed", "attempt": 1, "of_a_newer_one": True}
    assert files.listing(store, "models/m/1-abcd") == ["version.json"]


def test_published_twice_it_is_published_once(store: Store, job: Job) -> None:
    end = attempt(store, job, 1)
    attempts.record_end(store, job, end)
    publication.publish(store, job, end)
    publication.publish(store, job, end)
    assert record(store)["revision"] == 2
    assert files.listing(store, "models/m") == ["1-abcd"]


def test_it_goes_on_from_wherever_it_was_killed(store: Store, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    end = attempt(store, job, 1)
    attempts.record_end(store, job, end)
    real = files.write_bytes
    for written in range(2):
        done: list[str] = []

        def killed(store: Store, path: str, data: bytes, done: list[str] = done, most: int = written) -> None:
            if len(done) == most:
                raise CupolaError("killed")
            done.append(path)
            real(store, path, data)

        monkeypatch.setattr(publication.files, "write_bytes", killed)
        with pytest.raises(CupolaError, match="killed"):
            publication.publish(store, job, end)
        assert not jobs.state(store, job.id).over
    monkeypatch.setattr(publication.files, "write_bytes", real)
    publication.publish(store, job, end)
    assert jobs.state(store, job.id).over
    assert (record(store)["revision"], record(store)["attempt"]) == (2, 1)


def test_one_that_comes_late_leaves_what_a_later_attempt_has_said(store: Store, job: Job) -> None:
    first = attempt(store, job, 1)
    attempts.record_end(store, job, first)
    publication.publish(store, job, first)
    second = attempt(store, job, 2)
    attempts.record_end(store, job, second)
    publication.publish(store, job, second)
    publication.publish(store, job, first)
    assert record(store)["attempt"] == 2


def test_an_attempt_that_was_given_up_publishes_nothing(store: Store, job: Job) -> None:
    late = attempt(store, job, 1)
    lost = msgspec.structs.replace(late, status="Failed", cause="lost", publishes=False)
    assert attempts.record_end(store, job, lost)
    assert not attempts.record_end(store, job, late)
    publication.publish(store, job, attempts.ends(store, job, [1])[0])
    assert record(store)["status"] == "Queued"
    assert files.listing(store, "models") == []
