"""A disk that is really full: a request is refused, or waits; nothing is half written."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import disk
from tests.serving.conftest import until

from cupola.asynchronous import records
from cupola.asynchronous.accepting import accept
from cupola.asynchronous.answering import Work, patient
from cupola.asynchronous.asking import Line
from cupola.errors import DiskFull
from cupola.workspace import Workspace

from .conftest import ROW, Served, headers


@pytest.fixture
def ws(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setattr("cupola.jobs.agents.ensure", lambda: None)
    with disk.small(tmp_path / "disk", "8m") as point:
        yield Workspace.init(point / "ws")


def test_what_cannot_be_kept_is_not_accepted(ws: Workspace, endpoint: str) -> None:
    accept(ws.store, endpoint, headers(inference_id="zero"), b"x")
    ballast = disk.fill(ws.root.parent)
    with pytest.raises(DiskFull, match="the disk is full"):
        accept(ws.store, endpoint, headers(inference_id="one"), ROW.encode() * 500)
    assert records.keys_in(ws.store, records.queue(endpoint)) == ["zero"]
    assert [path.name for path in (ws.root / records.queue(endpoint)).iterdir()] == ["zero.json"]
    ballast.unlink()
    accept(ws.store, endpoint, headers(inference_id="one"), ROW.encode() * 500)


def test_an_answer_waits_for_room_and_is_whole(ws: Workspace, served: Served) -> None:
    rows = ("812.25,17,AA,true\n" * 6000).encode()
    (ws.root / "rows.csv").write_bytes(rows)
    told = headers(inputlocation=f"file://{ws.root}/rows.csv", content_type="text/csv", accept="text/csv")
    accepted = accept(ws.store, "e", told, b"")
    ballast = disk.fill(ws.root.parent, left=60_000)
    said: list[str | None] = []
    work = Work(ws.store, "e", accepted.key, Line(ws.store, "e"), patient(lambda: False, said.append))
    thread = threading.Thread(target=work.do, args=(False,))
    thread.start()
    until(lambda: any(said))
    assert "the disk is full" in str(said[-1] or said[-2])
    assert records.outcome(ws.store, "e", accepted.key) is None
    ballast.unlink()
    thread.join(180)
    assert not thread.is_alive()
    assert (ws.root / accepted.output).read_bytes() == served.variant.answer(rows, "text/csv", "text/csv")
