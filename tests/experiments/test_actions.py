import json
import zipfile
from pathlib import Path

import pytest
from tests.experiments.conftest import Leave

from cupola.errors import Ambiguous, BadOption, Conflict, Corrupt, NotFound, NotReady, ReadOnly
from cupola.experiments import records
from cupola.experiments.records import Run
from cupola.store import Store, files
from cupola.workspace import Workspace


def test_runs_are_listed_newest_first_filtered_sorted_and_cut(workspace: Workspace, keep: Leave) -> None:
    for number in range(5):
        keep(number, metrics={"validation_mae": float(number % 3)}, experiment=f"e{number % 2}")
    listed: list[Run] = workspace.action("run ls")
    assert [one.name[-1] for one in listed] == ["4", "3", "2", "1", "0"]
    assert [one.name[-1] for one in workspace.action("run ls", filter="validation_mae > 0.5", limit=2)] == ["4", "2"]
    assert [one.name[-1] for one in workspace.action("run ls", sort="validation_mae:desc")] == ["2", "4", "1", "3", "0"]
    assert workspace.action("run ls", filter="experiment = e1", limit=0) == []
    with pytest.raises(BadOption):
        workspace.action("run ls", limit=-1)


def test_a_run_is_found_by_id_beginning_or_name(workspace: Workspace, keep: Leave) -> None:
    keep(1, id="abcdefghij", name="first")
    keep(2, id="abxyzxyzxy", name="second")
    for reference in ("abcdefghij", "abc", "first", "default/abcdefghij"):
        assert workspace.action("run show", run=reference).name == "first"
    with pytest.raises(Ambiguous, match="abcdefghij, abxyzxyzxy"):
        workspace.action("run show", run="ab")
    for reference in ("nothing", "", "../x"):
        with pytest.raises(NotFound):
            workspace.action("run show", run=reference)


def test_tags_and_comments_of_several_people_are_all_there(
    workspace: Workspace, keep: Leave, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(1, tags=["given"])
    workspace.action("run tag", run="run0000001", tags=["good", "draft"])
    workspace.action("run note", run="run0000001", text="looks right")
    monkeypatch.setenv("CUPOLA_HOST", "elsewhere")
    other = Workspace(Store.open(workspace.root))
    other.action("run tag", run="run0000001", tags=["draft"], remove=True)
    other.action("run note", run="run0000001", text="agreed")
    found = workspace.action("run show", run="run0000001")
    assert found.tags == ["given", "good"]
    assert [(one.text, one.host) for one in found.comments][1] == ("agreed", "elsewhere")
    assert len(files.listing(workspace.store, ".cupola/notes/experiments")) == 2
    assert workspace.action("run ls", filter="tags contains good")[0].id == "run0000001"
    with pytest.raises(BadOption, match="has no tag 'none'"):
        workspace.action("run tag", run="run0000001", tags=["none"], remove=True)
    for bad in (" ", "a,b", "two\nlines"):
        with pytest.raises(BadOption):
            workspace.action("run tag", run="run0000001", tags=[bad])


def test_metrics_are_read_as_far_as_they_are_whole(workspace: Workspace, keep: Leave) -> None:
    one = keep(1)
    path = workspace.root / one.directory / "attempts" / "1" / "metrics.jsonl"
    path.parent.mkdir(parents=True)
    whole = {"seq": 1, "time": "t", "name": "validation_mae", "value": 0.5, "step": 3}
    path.write_bytes(json.dumps(whole).encode() + b'\n{"seq": 2, "name": "tes')
    logged = workspace.action("run metrics", run=one.id)
    assert [(each.name, each.value, each.step) for each in logged] == [("validation_mae", 0.5, 3)]
    assert workspace.action("run metrics", run=one.id, name="other") == []


def test_a_run_goes_to_the_trash_and_comes_back(workspace: Workspace, keep: Leave) -> None:
    one = keep(1)
    assert workspace.action("run rm", run=one.id, dry_run=True).removed == [one.id]
    assert records.ls(workspace.store)
    removed = workspace.action("run rm", run=one.id)
    assert records.ls(workspace.store) == []
    assert workspace.action("run restore", trash=removed.trash).id == one.id
    keep(2, status="Queued", id="waiting001")
    with pytest.raises(NotReady, match="is not over, it is Queued"):
        workspace.action("run rm", run="waiting001")
    with pytest.raises(ReadOnly):
        Workspace(Store.open(workspace.root, readonly=True)).action("run rm", run=one.id)


@pytest.mark.parametrize("name", ["copy", "copy.zip"])
def test_a_run_is_exported_whole(workspace: Workspace, keep: Leave, tmp_path: Path, name: str) -> None:
    one = keep(1)
    attempt = workspace.root / one.directory / "attempts" / "1"
    (attempt / "model").mkdir(parents=True)
    (attempt / "model" / "model.skops").write_bytes(b"model")
    (attempt / "metrics.jsonl").write_bytes(b'{"seq": 1, "time": "T", "name": "a, b", "value": 0.5, "step": 3}\n')
    (attempt / "metrics.rank1.abc.jsonl").write_bytes(b'{"seq": 1, "time": "T", "name": "loss", "value": "NaN"}\n')
    target = tmp_path / "out" / name
    assert workspace.action("run export", run=one.id, path=target).path == str(target)
    if name.endswith(".zip"):
        with zipfile.ZipFile(target) as packed:
            found = {each.removeprefix(f"{one.id}/") for each in packed.namelist()}
            table = packed.read(f"{one.id}/metrics.csv").decode()
    else:
        found = {
            str(each.relative_to(target)) for each in target.rglob("*") if each.is_file() and not each.is_symlink()
        }
        table = (target / "metrics.csv").read_text()
    metrics = {"metrics.jsonl", "metrics.rank1.abc.jsonl", "metrics.csv"}
    assert found == {"run.json", "model/model.skops", *metrics}
    assert table == 'name,step,value,time,process\n"a, b",3,0.5,T,\nloss,,NaN,T,rank1\n'
    with pytest.raises(Conflict):
        workspace.action("run export", run=one.id, path=target)
    with pytest.raises(BadOption, match="lies in the workspace"):
        workspace.action("run export", run=one.id, path=workspace.root / "x")
    assert [each.name for each in target.parent.iterdir()] == [name]


def test_an_export_follows_no_symlink_out_of_the_workspace(workspace: Workspace, keep: Leave, tmp_path: Path) -> None:
    one = keep(1)
    model = workspace.root / one.directory / "attempts" / "1" / "model"
    model.mkdir(parents=True)
    (model / "model.skops").symlink_to("/etc/passwd")
    with pytest.raises(Corrupt):
        workspace.action("run export", run=one.id, path=tmp_path / "out" / "copy")
    assert list((tmp_path / "out").iterdir()) == []


def test_comparing_takes_two(workspace: Workspace, keep: Leave) -> None:
    keep(1, metrics={"test_mae": 1.0}, metric_errors={"test_mae": 0.1})
    keep(2, metrics={"test_mae": 2.0}, metric_errors={"test_mae": 0.1})
    with pytest.raises(BadOption):
        workspace.action("run compare", runs=["run0000001"])
    assert workspace.action("run compare", runs=["run0000001", "run0000002"]).metrics[0].verdicts == ["best", "worse"]


def test_a_run_comes_back_by_its_id_and_nothing_but_a_run_does(workspace: Workspace, keep: Leave) -> None:
    one = keep(1)
    workspace.action("run rm", run=one.id)
    (workspace.root / "other.txt").write_text("x")
    other = files.trash(workspace.store, "other.txt")
    assert workspace.action("run restore", trash=one.id).id == one.id
    with pytest.raises(NotFound, match="is in the trash"):
        workspace.action("run restore", trash=other)


def test_comparing_takes_fifty_and_is_in_pairs_where_runs_have_kept_their_repeats(
    workspace: Workspace, keep: Leave
) -> None:
    repeats = b'{"test": {"kind": "resamples", "rows": "same", "metrics": {"mae": [%s]}}}'
    for number, drawn in ((1, b"1.0, 2.0, 3.0"), (2, b"1.1, 2.12, 3.1"), (3, b"broken")):
        one = keep(number, metrics={"test_mae": 2.0 + number / 10}, metric_errors={"test_mae": 1.0})
        files.write_bytes(workspace.store, f"{one.directory}/attempts/1/artifacts/repeats.json", repeats % drawn)
    found = workspace.action("run compare", runs=["run0000001", "run0000002", "run0000003"]).metrics[0]
    assert (found.by, found.verdicts) == (["", "rows", "errors"], ["best", "worse", "not different"])
    with pytest.raises(BadOption, match="2 to 50 runs, not 51"):
        workspace.action("run compare", runs=["run0000001"] * 51)


def test_the_code_and_packages_of_two_runs_are_told_apart(workspace: Workspace, keep: Leave) -> None:
    for number, version in ((1, "1.26"), (2, "2.0")):
        one = keep(number, code={"commit": "c" * 40, "dirty": True, "patch": "code.patch"},
                   environment={"python": "3.11.7", "packages": {"numpy": version, "skops": "0.1"}})  # fmt: skip
        patch = f"diff --git a/fit.py b/fit.py\n+a = {number}\n"
        files.write_bytes(workspace.store, f"{one.directory}/code.patch", patch.encode())
    found = workspace.action("run diff", run="run0000001", other="run0000002")
    assert [(one.where, one.path) for one in found.code] == [("uncommitted", "fit.py")]
    assert "-+a = 1\n++a = 2\n" in found.code[0].diff
    assert [(one.name, one.values) for one in found.environment] == [("numpy", ["1.26", "2.0"])]
