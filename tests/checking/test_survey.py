"""Each kind of damage is found, by kind and path; --repair mends what it can and keeps what it moves away."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from cupola.checking import survey as checking
from cupola.checking.records import Checked
from cupola.checking.survey import survey
from cupola.errors import ReadOnly
from cupola.jobs.wish import Job
from cupola.store import claims, files, names, runtime, secret
from cupola.store.filesystem import Mount
from cupola.workspace import Workspace

from .conftest import PATIENCE, only

DATASET, MODEL, RUN = "datasets/flights/1-*", "models/late/1-*", "experiments/default/*"
TRAINED = f"{RUN}/attempts/1"


def look(ws: Workspace, repair: bool = False) -> Checked:
    found: Checked = Workspace.open(ws.root).action("check", repair=repair)
    return found


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def newer(path: Path) -> None:
    path.write_bytes(msgspec.json.encode(msgspec.json.decode(path.read_bytes()) | {"format": 99}))


def nameless(path: Path) -> None:
    """One flipped bit, after which a line is JSON, has its number, and says no value of any metric."""
    path.write_bytes(path.read_bytes().replace(b'"name"', b'"oame"', 1))


def misspelt(path: Path) -> None:
    """One flipped bit in the word for how an attempt has ended."""
    path.write_bytes(path.read_bytes().replace(b"Completed", b"Comqleted", 1))


def test_nothing_is_wrong_with_a_day_of_work_while_it_goes_on(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "SETTLE", 30.0)  # a busy disk may keep a writer waiting for longer than two seconds
    found = Workspace.open(made).action("check")
    assert (found.problems, found.notes, found.ok) == ([], [], True)
    assert found.files > 40


def test_nothing_is_wrong_with_a_copy(ws: Workspace) -> None:
    found = look(ws, repair=True)
    assert (found.problems, found.notes, found.mended) == ([], [], [])
    assert found.text.startswith("nothing is wrong")


# What is done to a file, and the kind of problem that it is.
LOST: list[tuple[str, Callable[[Path], None], str]] = [
    (f"{DATASET}/data.parquet", flip, "checksum"),
    (f"{DATASET}/data.parquet", os.unlink, "missing"),
    (f"{DATASET}/version.json", cut, "torn"),
    (f"{DATASET}/version.json", os.unlink, "missing"),
    (f"{DATASET}/version.json", newer, "newer"),
    (f"{DATASET}/profile.json", os.unlink, "missing"),
    (f"{DATASET}/preview.json", cut, "torn"),
    ("datasets/flights/dataset.toml", lambda path: path.write_bytes(b"a = ["), "torn"),
    (f"{MODEL}/model.skops", flip, "checksum"),
    (f"{MODEL}/signature.json", os.unlink, "missing"),
    (f"{MODEL}/version.json", cut, "torn"),
    (f"{MODEL}/version.json", newer, "newer"),
    (f"{RUN}/run.json", cut, "torn"),
    (f"{RUN}/run.json", os.unlink, "missing"),
    (f"{RUN}/run.json", newer, "newer"),
    (f"{TRAINED}/model/model.skops", os.unlink, "missing"),
    (f"{TRAINED}/model/model.skops", cut, "checksum"),
    (f"{TRAINED}/artifacts/predictions.parquet", cut, "torn"),
    (f"{TRAINED}/artifacts/confusion.json", cut, "torn"),
    (f"{TRAINED}/metrics.jsonl", nameless, "journal"),
    ("jobs/*/*/job.json", cut, "torn"),
    ("jobs/*/*/job.json", newer, "newer"),
    ("jobs/*/*/attempts/1/result.json", cut, "torn"),
    ("jobs/*/*/attempts/1/result.json", misspelt, "mismatch"),
    ("jobs/*/*/code/script.py", flip, "checksum"),
    ("jobs/*/*/code/script.py", os.unlink, "missing"),
    ("endpoints/e/endpoint.toml", lambda path: path.write_bytes(b"a = ["), "torn"),
    ("endpoints/e/endpoint.sig", os.unlink, "missing"),
]


@pytest.mark.parametrize(("pattern", "damage", "kind"), LOST)
def test_what_is_lost_is_found_and_no_repair_makes_it_up(
    ws: Workspace, pattern: str, damage: Callable[[Path], None], kind: str
) -> None:
    path = only(ws.root, pattern)
    damage(ws.root / path)
    found = look(ws)
    assert [(one.kind, one.repairable) for one in found.problems if one.path == path] == [(kind, False)]
    assert not found.ok
    repaired = look(ws, repair=True)
    assert (kind, path) in {(one.kind, one.path) for one in repaired.problems}


def draft(ws: Workspace) -> str:
    path = f"{only(ws.root, DATASET)}/.tmp-abcdefghij"
    files.write_bytes(ws.store, path, b"half")
    return path


def stage(ws: Workspace) -> str:
    code = "import sys; from cupola.store import Store, files; print(files.staging(Store.open(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(ws.root)]
    made = Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    (made / "data.parquet").write_bytes(b"half")
    return made.relative_to(ws.root).as_posix()


def empty_version(ws: Workspace) -> str:
    files.make_dir(ws.store, "models/late/7-abcdefghij")
    return "models/late/7-abcdefghij"


def empty_model(ws: Workspace) -> str:
    files.make_dir(ws.store, "models/never")
    return "models/never"


def run_without_record(ws: Workspace) -> str:
    files.write_bytes(ws.store, "experiments/default/abcdefghij/code.patch", b"diff")
    return "experiments/default/abcdefghij"


def run_never_filed(ws: Workspace) -> str:
    path = only(ws.root, f"{RUN}/run.json")
    raw = msgspec.json.decode((ws.root / path).read_bytes())
    raw |= {"id": "abcdefghij", "job": "jjjjjjjjjj", "status": "Queued", "submitted": "2020-01-01T00:00:00.000000Z"}
    files.write_bytes(ws.store, "experiments/default/abcdefghij/run.json", msgspec.json.encode(raw))
    return "experiments/default/abcdefghij"


def trash_without_content(ws: Workspace) -> str:
    what = files.Discarded(path="models/late", user="ana", host="h", time=names.now())
    files.write_bytes(ws.store, ".cupola/trash/abc/what.json", msgspec.json.encode(what))
    return ".cupola/trash/abc"


def wish_without_job(ws: Workspace) -> str:
    files.write_bytes(ws.store, ".cupola/queue/abcdefghij", b"jobs/2026-11/abcdefghij")
    return ".cupola/queue/abcdefghij"


def torn_status(ws: Workspace) -> str:
    cut(ws.root / "endpoints/e/status.json")
    return "endpoints/e/status.json"


def endpoint_without_wish(ws: Workspace) -> str:
    files.write_bytes(ws.store, "endpoints/f/endpoint.sig", b'{"macs": []}')
    return "endpoints/f"


def torn_claim(ws: Workspace) -> str:
    path = only(ws.root, ".cupola/claims/import/flights/*.json")
    cut(ws.root / path)
    return path


def dead_claim(ws: Workspace) -> str:
    code = "import sys; from cupola.store import Store, claims; claims.take(Store.open(sys.argv[1]), 'edit/x')"
    subprocess.run([sys.executable, "-c", code, str(ws.root)], check=True)
    return ".cupola/claims/edit/x/00000001.json"


def torn_tail(ws: Workspace) -> str:
    path = only(ws.root, f"{MODEL}/approvals/*.jsonl")
    with (ws.root / path).open("ab") as file:
        file.write(b'{"seq": 3, "clo')
    return path


def closed_to_the_group(ws: Workspace) -> str:
    path = only(ws.root, f"{DATASET}/profile.json")
    (ws.root / path).chmod(0o600)
    return path


def without_setgid(ws: Workspace) -> str:
    (ws.root / "models/late").chmod(0o775)
    return "models/late"


def not_queued(ws: Workspace) -> str:
    raw = (ws.root / only(ws.root, "jobs/*/*/job.json")).read_bytes()
    job = msgspec.structs.replace(msgspec.json.decode(raw, type=Job), id="abcdefghij", code=None)
    job.mac = secret.sign(job.payload())
    files.write_bytes(ws.store, f"{job.directory_in_store}/job.json", msgspec.json.encode(job))
    return job.directory_in_store


MENDABLE = [
    (draft, "leftover"),
    (stage, "leftover"),
    (empty_version, "leftover"),
    (empty_model, "leftover"),
    (run_without_record, "leftover"),
    (run_never_filed, "leftover"),
    (trash_without_content, "leftover"),
    (endpoint_without_wish, "leftover"),
    (wish_without_job, "queue"),
    (not_queued, "queue"),
    (torn_status, "torn"),
    (torn_claim, "torn"),
    (dead_claim, "claim"),
    (torn_tail, "journal"),
    (closed_to_the_group, "mode"),
    (without_setgid, "mode"),
]


@pytest.mark.parametrize(("plant", "kind"), MENDABLE)
def test_what_can_be_mended_is_and_what_is_moved_away_is_kept(
    ws: Workspace, plant: Callable[[Workspace], str], kind: str
) -> None:
    path = plant(ws)
    before = (ws.root / path).read_bytes() if (ws.root / path).is_file() else None
    assert [(one.kind, one.path, one.repairable) for one in look(ws).problems] == [(kind, path, True)]
    repaired = look(ws, repair=True)
    assert repaired.problems == []
    assert [(one.kind, one.path) for one in repaired.mended] == [(kind, path)]
    kept = repaired.mended[0].kept
    if kept is not None:
        assert not (ws.root / path).exists() or kind == "torn"
        assert before is None or (ws.root / kept).read_bytes() == before
        assert repaired.mended[0].done.startswith(f"it now lies in {kept}")
    assert look(ws).problems == []


def test_a_claim_that_was_held_by_the_dead_is_free_after_the_repair(ws: Workspace) -> None:
    dead_claim(ws)
    torn_claim(ws)
    look(ws, repair=True)
    for name in ("edit/x", "import/flights"):
        assert claims.take(ws.store, name) is not None


class Hurried(Mount):
    lease_seconds = 0.3


@pytest.mark.parametrize("alive", [False, True])
def test_a_claim_of_another_host_is_stale_when_its_counter_stands_still(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, alive: bool
) -> None:
    monkeypatch.setenv("CUPOLA_HOST", "elsewhere")
    claim = claims.take(ws.store, "edit/x")
    assert claim is not None
    monkeypatch.delenv("CUPOLA_HOST")
    monkeypatch.setattr(runtime, "boot", lambda: "another boot")
    ws.store.__dict__["mount"] = Hurried("local")
    beats = iter(range(10**6))

    def progress(share: float, message: str) -> None:
        if alive and message.startswith("looking again"):
            assert next(beats) == 0
            claims.renew(ws.store, claim)

    found = survey(ws.store, False, progress)
    assert [(one.kind, one.repairable) for one in found.problems] == ([] if alive else [("claim", True)])
    if not alive:
        assert survey(ws.store, True, progress).problems == []
        assert not claims.is_held(ws.store, "edit/x")


def test_an_acknowledged_line_that_cannot_be_read_is_lost_and_said_to_be(ws: Workspace) -> None:
    path = only(ws.root, f"{MODEL}/approvals/*.jsonl")
    first, *others = (ws.root / path).read_bytes().splitlines(keepends=True)
    rest = b"".join(others)
    (ws.root / path).write_bytes(first[:20] + b"\n" + rest)
    (problem,) = look(ws).problems
    assert (problem.kind, problem.path, problem.repairable) == ("journal", path, False)
    (ws.root / path).write_bytes(rest)
    assert [one.message for one in look(ws).problems] == ["entries are lost or cannot be read: 1"]


def test_a_symlink_out_of_the_workspace_is_found_and_not_followed(ws: Workspace, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / ".tmp-other").write_text("not ours")
    (ws.root / "models" / "late" / "3-abcdefghij").symlink_to(tmp_path / "outside")
    found = look(ws)
    assert ("symlink", "models/late/3-abcdefghij", False) in {
        (one.kind, one.path, one.repairable) for one in found.problems
    }
    assert {one.path for one in found.problems} <= {
        "models/late/3-abcdefghij",
        "models/late/3-abcdefghij/version.json",
    }
    look(ws, repair=True)
    assert (tmp_path / "outside" / ".tmp-other").exists()


def test_what_records_refer_to_and_is_gone(ws: Workspace) -> None:
    dataset = only(ws.root, DATASET)
    shutil.rmtree(ws.root / dataset)
    shutil.rmtree(ws.root / only(ws.root, MODEL))
    found = look(ws)
    kinds = {(one.kind, one.path.partition("/")[0]) for one in found.problems}
    assert ("dangling", "experiments") in kinds and ("dangling", "endpoints") in kinds


def test_a_job_that_is_gone_leaves_its_run_dangling(ws: Workspace) -> None:
    shutil.rmtree(ws.root / "jobs")
    assert {(one.kind, one.repairable) for one in look(ws).problems} == {("dangling", False)}


def _published(ws: Workspace, removed: bool) -> tuple[str, Path]:
    """A job that has published a run that is there, or that was removed since; and where it says so."""
    there = {one.id for one in ws.action("run ls")}
    jobs = [one for one in ws.action("job ls") if one.run and (one.run.rpartition("/")[2] in there) is not removed]
    return jobs[0].id, next(ws.root.glob(f"jobs/*/{jobs[0].id}/attempts/1/published.json"))


def test_a_job_that_does_not_say_that_it_has_published_does_so_again(ws: Workspace) -> None:
    job, path = _published(ws, removed=False)
    path.unlink()
    assert {one.kind for one in look(ws).problems} == {"queue"}
    assert look(ws, repair=True).problems == []
    ws.action("agent start")
    deadline = time.monotonic() + PATIENCE
    while ws.action("job show", job=job).status != "Completed":
        assert time.monotonic() < deadline, "nobody publishes it"
        time.sleep(0.05)


def test_a_job_whose_run_was_removed_is_over_all_the_same(ws: Workspace) -> None:
    job, path = _published(ws, removed=True)
    path.unlink()
    assert {one.kind for one in look(ws).problems} == {"missing"}
    assert look(ws, repair=True).problems == []
    assert ws.action("job show", job=job).status == "Completed"


def test_what_was_removed_on_purpose_is_only_noted(ws: Workspace) -> None:
    Workspace.open(ws.root).action("dataset rm", dataset="flights")
    shutil.rmtree(ws.root / only(ws.root, RUN))
    found = look(ws)
    assert found.problems == []
    assert {(one.kind, one.path.partition("/")[0]) for one in found.notes} == {("dangling", "models")}


def test_wishes_that_their_user_did_not_file_are_found(ws: Workspace) -> None:
    toml = ws.root / "endpoints/e/endpoint.toml"
    toml.write_text(toml.read_text().replace("workers = 1", "workers = 2"))
    path = only(ws.root, "jobs/*/*/job.json")
    raw = msgspec.json.decode((ws.root / path).read_bytes())
    (ws.root / path).write_bytes(msgspec.json.encode(raw | {"command": ["rm", "-r", "/nowhere"]}))
    found = look(ws)
    assert [(one.kind, one.path, one.repairable) for one in found.problems] == [
        ("unsigned", "endpoints/e/endpoint.toml", False)
    ]
    assert [(one.kind, one.path) for one in found.notes] == [("unsigned", path)]


def test_a_record_in_another_s_place_is_found(ws: Workspace) -> None:
    for pattern in (DATASET, MODEL, RUN):
        path = ws.root / only(ws.root, pattern)
        path.rename(path.with_name("8-zzzzzzzzzz"))
    mismatches = {one.path for one in look(ws).problems if one.kind == "mismatch"}
    assert {path.partition("/")[0] for path in mismatches} == {"datasets", "models", "experiments"}


def test_a_file_where_a_directory_of_records_should_be(ws: Workspace) -> None:
    (ws.root / "datasets" / "notes.txt").write_text("mine")
    (ws.root / "datasets" / "notes.txt").chmod(0o664)
    assert [(one.kind, one.path) for one in look(ws).problems] == [("stray", "datasets/notes.txt")]


def test_names_that_no_terminal_should_see(ws: Workspace) -> None:
    name = os.fsdecode(b"models/late/\x1b[2Jx\n\xff")
    (ws.root / name).symlink_to("/etc")
    found = look(ws)
    assert msgspec.json.encode(found)
    assert "\x1b" not in found.text and "\\x1b[2Jx\\n\\xff" in found.text


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
found = Workspace.open(sys.argv[1]).action("check").problems
print({(one.kind, one.path, one.repairable) for one in found})
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another uid")
def test_files_of_another_owner_that_cannot_be_read(ws: Workspace, tmp_path: Path) -> None:
    path = only(ws.root, f"{DATASET}/data.parquet")
    (ws.root / path).chmod(0o600)
    for parent in [*tmp_path.parents, tmp_path]:
        if parent.is_relative_to("/tmp") and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    (tmp_path / "other").mkdir(mode=0o777)
    (tmp_path / "other").chmod(0o777)
    command = [sys.executable, "-c", AS_ANOTHER, str(ws.root), str(tmp_path / "other")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert str(("unreadable", path, False)) in done.stdout, done.stderr


def test_readonly_looks_and_mends_nothing(ws: Workspace) -> None:
    path = draft(ws)
    opened = Workspace.open(ws.root, readonly=True)
    assert [one.path for one in opened.action("check").problems] == [path]
    with pytest.raises(ReadOnly):
        opened.action("check", repair=True)
    assert (ws.root / path).exists()


def test_the_command_ends_with_three_while_something_is_wrong(ws: Workspace) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "cupola_tui", "-C", str(ws.root), "check", *words]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    assert command("--json").returncode == 0
    path = draft(ws)
    done = command()
    assert (done.returncode, done.stdout.splitlines()[0].startswith(f"leftover: {path}: ")) == (3, True)
    done = command("--repair", "--json")
    assert (done.returncode, msgspec.json.decode(done.stdout)["problems"]) == (0, [])
