"""Every kind of record, damaged in every way: what check must say of it, or why it need say nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cupola.checking import survey
from cupola.jobs.wish import Job
from cupola.store import claims, files, names, runtime, secret
from cupola.team.presence import Presence
from cupola.workspace import Workspace

from .conftest import copy, only

OPEN = "zzzzzzzzzz"  # the job that waits
ATTEMPT = "jobs/*/*/attempts/1"
RECORDS = {
    "workspace": "workspace.toml",
    "dataset": "datasets/flights/dataset.toml",
    "dataset version": "datasets/flights/1-*/version.json",
    "data": "datasets/flights/1-*/data.parquet",
    "profile": "datasets/flights/1-*/profile.json",
    "run": "experiments/default/*/run.json",
    "metrics": "experiments/default/*/attempts/1/metrics.jsonl",
    "job": "jobs/*/*/job.json",
    "code": "jobs/*/*/code/script.py",
    "claim of an attempt": f"{ATTEMPT}/started.json",
    "beat of an attempt": f"{ATTEMPT}/beat.json",
    "end of an attempt": f"{ATTEMPT}/result.json",
    "progress": f"{ATTEMPT}/progress.json",
    "publication": f"{ATTEMPT}/publish.json",
    "published": f"{ATTEMPT}/published.json",
    "log": f"{ATTEMPT}/log.txt",
    "model version": "models/late/1-*/version.json",
    "model": "models/late/1-*/model.skops",
    "approvals": "models/late/1-*/approvals/*.jsonl",
    "aliases": "models/late/aliases/*.jsonl",
    "endpoint": "endpoints/e/endpoint.toml",
    "signatures": "endpoints/e/endpoint.sig",
    "status": "endpoints/e/status.json",
    "notes": ".cupola/notes/experiments/*.jsonl",
    "activity": ".cupola/notes/activity/*.jsonl",
    "queue": ".cupola/queue/*",
    "feed": ".cupola/feed/*.jsonl",
    "digest": ".cupola/digests/*/run.*.jsonl",
    "claim": ".cupola/claims/edit/x/*.json",
    "presence": ".cupola/presence/*.json",
    "kept version": ".cupola/history/datasets/flights/dataset.toml/1-*",
    "trash": ".cupola/trash/*/what.json",
    "gateway": ".cupola/gateways/*",
}
WITHOUT_FORMAT = {
    *("data", "metrics", "code", "beat of an attempt", "log", "model", "approvals", "aliases", "signatures", "notes"),
    *("activity", "queue", "feed", "digest", "claim", "presence", "kept version", "trash"),
}
WITH_CHECKSUM = {"data", "code", "model", "kept version"}
DAMAGES = ("torn", "missing", "checksum", "newer", "symlink")

# What is not called as the damage is; a note where it may be nobody's fault.
CALLED = {
    ("data", "torn"): "checksum",
    ("code", "torn"): "checksum",
    ("model", "torn"): "checksum",
    ("kept version", "torn"): "checksum",
    ("metrics", "torn"): "journal",
    ("approvals", "torn"): "journal",
    ("aliases", "torn"): "journal",
    ("notes", "torn"): "journal",
    ("activity", "torn"): "journal",
    ("approvals", "missing"): "note: journal",
    ("aliases", "missing"): "note: journal",
    ("notes", "missing"): "note: journal",
    ("activity", "missing"): "note: journal",
    ("dataset", "missing"): "note: missing",
    ("end of an attempt", "missing"): "queue",
    ("published", "missing"): "queue or missing",  # as what it has published is there, or was removed since
    ("endpoint", "missing"): "leftover",
}
LIVE = "it makes views live, and nothing depends on it"
PASSING = "whoever it is about writes it anew, or is gone"
HARMLESS = {
    ("metrics", "missing"): "no record says how many there were: a run may log none",
    ("beat of an attempt", "torn"): "only whether it moves counts, and only while the attempt runs",
    ("beat of an attempt", "missing"): "only whether it moves counts, and only while the attempt runs",
    ("progress", "missing"): PASSING,
    ("publication", "missing"): "what it asked for is done: published.json says so",
    ("log", "torn"): "it is what the job has written, in no form of ours",
    ("log", "missing"): "a log that was thrown away is missed by no record",
    ("status", "missing"): PASSING,
    ("feed", "torn"): LIVE,
    ("feed", "missing"): LIVE,
    ("digest", "torn"): "a segment that cannot be read is passed over, and the records are read",
    ("digest", "missing"): "anybody may throw it away",
    ("claim", "missing"): "it is free again",
    ("presence", "torn"): PASSING,
    ("presence", "missing"): PASSING,
    ("kept version", "missing"): "no record says which versions are kept",
    ("gateway", "missing"): PASSING,
}
CASES = [
    (record, damage)
    for record in RECORDS
    for damage in DAMAGES
    if not (damage == "newer" and record in WITHOUT_FORMAT)
    and not (damage == "checksum" and record not in WITH_CHECKSUM)
    and (record, damage) != ("workspace", "missing")  # it is no workspace then
]


def plant(ws: Workspace) -> None:
    """What a workspace that nobody works in lacks: an open job in the queue, a claim that is held, somebody present."""
    raw = (ws.root / only(ws.root, RECORDS["job"])).read_bytes()
    job = msgspec.structs.replace(msgspec.json.decode(raw, type=Job), id=OPEN, code=None)
    job.mac = secret.sign(job.payload())
    files.write_bytes(ws.store, f"{job.directory_in_store}/job.json", msgspec.json.encode(job))
    files.write_bytes(ws.store, f".cupola/queue/{job.id}", job.directory_in_store.encode())
    assert claims.take(ws.store, "edit/x")
    user, host = names.who()
    moment = names.now()
    here = Presence(session="s", user=user, host=host, process=runtime.current(), started=moment, since=moment)
    files.write_bytes(ws.store, f".cupola/presence/{ws.store.writer}-s.json", msgspec.json.encode(here))


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("every")


@pytest.fixture
def ws(once: Path, still: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """One copy for all cases, each of which puts back what it has damaged."""
    monkeypatch.setattr(survey, "SETTLE", 0.02)
    if not (once / "ws").exists():
        plant(copy(still, once / "ws"))
    return Workspace.open(once / "ws")


@pytest.fixture
def damaged(ws: Workspace, record: str, damage: str, tmp_path: Path) -> Iterator[str]:
    name = only(ws.root, RECORDS[record])
    path = ws.root / name
    before, mode = path.read_bytes(), path.stat().st_mode
    if damage == "torn":
        path.write_bytes(b"a = [" if path.suffix == ".toml" else before[: len(before) * 2 // 3])
    elif damage == "missing":
        path.unlink()
    elif damage == "checksum":
        path.write_bytes(bytes([before[0] ^ 1]) + before[1:])
    elif damage == "newer" and path.suffix == ".toml":
        path.write_text("format = 99\n" + before.decode().replace("format = 1\n", ""))
    elif damage == "newer":
        path.write_bytes(msgspec.json.encode(msgspec.json.decode(before) | {"format": 99}))
    else:
        path.rename(tmp_path / "outside")
        path.symlink_to(tmp_path / "outside")
    yield name
    path.unlink(missing_ok=True)
    path.write_bytes(before)
    path.chmod(mode)


def test_nothing_is_wrong_before(ws: Workspace) -> None:
    found = ws.action("check")
    assert (found.problems, found.notes) == ([], [])


@pytest.mark.parametrize(("record", "damage"), CASES)
def test_damage_is_found_or_there_is_a_reason_why_not(ws: Workspace, record: str, damage: str, damaged: str) -> None:
    found = Workspace.open(ws.root).action("check")
    said = {(one.path, one.kind) for one in found.problems} | {(one.path, f"note: {one.kind}") for one in found.notes}
    about = {kind for path, kind in said if f"{damaged}/".startswith(f"{path}/")}
    if why := HARMLESS.get((record, damage)):
        assert not said, why
    elif record == "queue" and damage != "symlink":  # which is told of the job
        assert said == {(only(ws.root, f"jobs/*/{OPEN}"), "queue")}
    else:
        assert about & set(CALLED.get((record, damage), damage).split(" or ")), said


# The first check brings in what the other user may not be able to import.
AS_ANOTHER = """
import os, sys
from cupola.checking import survey
from cupola.workspace import Workspace
survey.SETTLE = 0.02
Workspace.open(sys.argv[1]).action("check")
for name in ("CUPOLA_RUNTIME_DIR", "XDG_CONFIG_HOME"):
    os.environ[name] = f"{sys.argv[2]}/{name}"
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
for one in Workspace.open(sys.argv[1]).action("check").problems:
    if one.kind == "unreadable":
        print(one.path)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another uid")
def test_what_is_unreadable_for_another_user_is_found_whatever_it_is(still: Path, tmp_path: Path) -> None:
    ws = copy(still, tmp_path / "ws")
    plant(ws)
    closed = {only(ws.root, pattern) for name, pattern in RECORDS.items() if name != "workspace"}
    for path in closed:
        (ws.root / path).chmod(0o600)
    for parent in [*tmp_path.parents, tmp_path]:
        if parent.is_relative_to("/tmp") and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    (tmp_path / "other").mkdir()
    shutil.chown(tmp_path / "other", 65534, 65534)
    command = [sys.executable, "-c", AS_ANOTHER, str(ws.root), str(tmp_path / "other")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert closed <= set(done.stdout.split("\n")), done.stderr
