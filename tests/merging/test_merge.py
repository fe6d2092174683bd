"""What a merge takes, what it keeps of both, and what it leaves alone."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.merging import records
from tests.merging.conftest import Merging
from tests.merging.records import carried, comments, describes, directory, everything, goes_on, imports

from cupola.errors import BadInput, NewerFormat
from cupola.merging import taking
from cupola.store import files, journals
from cupola.workspace import Workspace

Copy = Callable[[], Workspace]
JOB = "jobs/2026-11/jjjjjjjjjj"


def test_a_dry_run_says_what_the_merge_then_takes_and_takes_nothing(
    here: Workspace, there: Copy, merges: Merging
) -> None:
    comments(here.store, "before")
    describes(here.store, "before")
    other = there()
    comments(other.store, "one")
    comments(other.store, "two")
    describes(other.store, "after")
    imports(other.store, "1-aaaa", "x")
    goes_on(other.store, "r" * 10, "x")
    (other.root / "run.sh").write_text("true")
    (other.root / "run.sh").chmod(0o755)
    before = everything(here.root)
    dry = merges(here, other, dry_run=True)
    assert everything(here.root) == before
    assert dry.taken == {"line": 2, "settings": 1, "dataset": 1, "run": 1, "file": 1, "history": 1}
    assert merges(here, other).taken == dry.taken
    assert os.access(here.root / "run.sh", os.X_OK)
    assert "would take 1 version of a dataset, 1 run, 2 lines of journals" in dry.text
    assert merges(here, other).text == "nothing to take: all is here"


def test_modes_are_those_of_the_directory_that_a_file_comes_into(here: Workspace, there: Copy, merges: Merging) -> None:
    other = there()
    imports(other.store, "1-aaaa", "x")
    for path in (other.root / "datasets/d/1-aaaa").iterdir():
        path.chmod(0o600)
    here.root.chmod(0o2775)
    merges(here, other)
    assert (here.root / "datasets/d/1-aaaa/version.json").stat().st_mode & 0o777 == 0o664
    assert (here.root / "datasets/d/1-aaaa").stat().st_mode & 0o7777 == 0o2775


def test_what_is_true_of_one_copy_only_stays_there(here: Workspace, there: Copy, merges: Merging) -> None:
    other = there()
    names = (
        *(
            f".cupola/{one}/x"
            for one in ("queue", "claims", "presence", "feed", "digests", "trash", "agents", "merged")
        ),
        *("endpoints/e/status.json", "datasets/.tmp-abc", ".git/config", "src/.venv/x", "datasets/d/1-aaaa/.nfs01"),
    )
    imports(other.store, "1-aaaa", "x")
    directory(here.store, "endpoints/e", {"endpoint.toml": "revision = 1\n"})
    for name in names:
        (other.root / name).parent.mkdir(parents=True, exist_ok=True)
        (other.root / name).write_text("x")
    merged = merges(here, other)
    assert merged.taken == {"dataset": 1} and merged.ok
    (other.root / ".cupola/later/x").mkdir(parents=True)  # of a newer Cupola, or of a kind that nobody listed
    (other.root / ".cupola/later/x/y.json").write_text("{}")
    assert merges(here, other).taken == {"record": 1}
    assert [name for name in names if (here.root / name).exists()] == []


def test_a_record_whose_writer_went_on_there_is_taken_with_all_that_belongs_to_it(
    here: Workspace, there: Copy, merges: Merging
) -> None:
    goes_on(here.store, "r" * 10, "one")
    other = there()
    goes_on(other.store, "r" * 10, "two")
    merged = merges(here, other)
    assert merged.taken == {"record": 2, "line": 1} and merged.differs == []
    assert carried(here.root) == carried(other.root)


def test_a_record_whose_writer_goes_on_during_the_merge_is_completed_by_the_next(
    here: Workspace, there: Copy, merges: Merging, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = "r" * 10
    goes_on(here.store, run, "one")
    other = there()
    goes_on(other.store, run, "two")
    replace = taking.replace

    def replaced(work: taking.Merge, path: str) -> None:
        replace(work, path)
        goes_on(other.store, run, "three")

    with monkeypatch.context() as patch:
        patch.setattr(taking, "replace", replaced)
        merges(here, other)
    assert records.decoded(here.store, f"experiments/e/{run}/run.json")["said"] == "two"
    assert merges(here, other).differs == []
    assert carried(here.root) == carried(other.root)


def test_an_attempt_is_that_of_the_copy_in_which_it_has_ended_or_lived_longer(
    here: Workspace, there: Copy, merges: Merging
) -> None:
    first = {"job.json": '{"revision":1}', "attempts/1/started.json": '{"nonce":"a"}'}
    going = {"attempts/1/beat.json": '{"counter":1}', "attempts/1/progress.json": "{}", "attempts/1/log.txt": "one\n"}
    directory(here.store, JOB, first | going)
    other = there()
    later = {"beat.json": '{"counter":2}', "progress.json": '{"progress":0.5}', "log.txt": "one\ntwo\n"}
    for name, text in later.items():
        (other.root / JOB / "attempts/1" / name).write_text(text)
    assert merges(other, here).taken == {}
    assert merges(here, other).taken == {"record": 3}
    assert carried(here.root) == carried(other.root)
    (here.root / JOB / "attempts/1/result.json").write_text('{"status":"Completed"}')
    (other.root / JOB / "attempts/1/beat.json").write_text('{"counter":3}')
    assert merges(here, other).taken == {}
    assert merges(other, here).taken == {"record": 2}


def test_two_attempts_of_one_number_are_never_mixed(here: Workspace, there: Copy, merges: Merging) -> None:
    directory(here.store, JOB, {"job.json": "{}", "attempts/1/log.txt": ""})
    other = there()
    for one, nonce in ((here, "a"), (other, "b")):
        (one.root / JOB / "attempts/1/started.json").write_text(f'{{"nonce":"{nonce}"}}')
        (one.root / JOB / "attempts/1/log.txt").write_text(f"of {nonce}\n")
    (other.root / JOB / "attempts/1/result.json").write_text("{}")
    for _ in range(2):
        merged = merges(here, other)
        assert merged.taken == {}
        [differs] = merged.differs
        assert differs.path == f"{JOB}/attempts/1"
        assert (here.root / differs.kept / "log.txt").read_text() == "of b\n"
        assert (here.root / JOB / "attempts/1/log.txt").read_text() == "of a\n"
        assert not (here.root / JOB / "attempts/1/result.json").exists()
    assert len(list((here.root / ".cupola/merged" / JOB / "attempts/1").iterdir())) == 1


def test_a_version_that_differs_stays_as_it_is_and_the_other_is_kept(
    here: Workspace, there: Copy, merges: Merging
) -> None:
    imports(here.store, "1-aaaa", "x")
    imports(here.store, "1-bbbb", "x")
    (here.root / "src.py").write_text("ours")
    other = there()
    (other.root / "datasets/d/1-aaaa/version.json").write_text("y")
    (other.root / "datasets/d/1-bbbb/data.parquet").write_text("y")
    (other.root / "src.py").write_text("theirs")
    before = carried(here.root)
    merged = merges(here, other)
    assert carried(here.root) == before
    kept = {one.path: one.kept for one in merged.differs}
    assert sorted(kept) == ["datasets/d/1-aaaa", "datasets/d/1-bbbb/data.parquet", "src.py"]
    assert (here.root / kept["datasets/d/1-aaaa"] / "data.parquet").read_text() == "xxx"
    assert (here.root / kept["src.py"]).read_text() == "theirs"
    notes = [(one.kind, one.path) for one in here.action("check").notes]
    assert sorted(notes) == sorted(("differs", path) for path in kept.values())


def test_files_that_are_missing_in_a_record_are_made_good(here: Workspace, there: Copy, merges: Merging) -> None:
    imports(here.store, "1-aaaa", "x")
    other = there()
    (here.root / "datasets/d/1-aaaa/data.parquet").unlink()
    assert merges(here, other).taken == {"record": 1}
    assert (here.root / "datasets/d/1-aaaa/data.parquet").read_text() == "xxx"


def test_what_was_deleted_there_stays_here_and_the_other_way_round_comes_back(
    here: Workspace, there: Copy, merges: Merging
) -> None:
    imports(here.store, "1-aaaa", "x")
    other = there()
    files.trash(other.store, "datasets/d/1-aaaa")
    assert merges(here, other).taken == {}
    assert (here.root / "datasets/d/1-aaaa/version.json").exists()
    assert merges(other, here).taken == {"dataset": 1}


def test_settings_follow_each_other_by_their_history_and_else_by_their_revision(
    here: Workspace, there: Copy, merges: Merging
) -> None:
    describes(here.store, "base")
    other = there()
    describes(other.store, "theirs")
    assert merges(other, here).taken == {}  # that is what it came from
    assert merges(here, other).differs == []
    assert records.settings(here.store)[0] == "theirs"
    describes(here.store, "ours")
    describes(other.store, "theirs again")
    describes(other.store, "and again")
    [differs] = merges(here, other).differs
    assert records.settings(here.store)[0] == "and again"
    assert (differs.counts, 'description = "ours"' in (here.root / differs.kept).read_text()) == (
        "the other copy's",
        True,
    )


@pytest.mark.parametrize("ours_first", [True, False])
def test_settings_that_both_changed_alike_often_are_equal_afterwards_with_both_kept(
    here: Workspace, there: Copy, merges: Merging, ours_first: bool
) -> None:
    describes(here.store, "base")
    other = there()
    describes(here.store, "ours")
    describes(other.store, "theirs")
    order = [(here, other), (other, here)]
    for into, source in order if ours_first else reversed(order):
        merges(into, source)
    said = [records.settings(one.store) for one in (here, other)]
    assert said[0][0] == said[1][0] == ("ours" if ours_first else "theirs")
    assert set(said[0]) == set(said[1]) == {"base", "ours", "theirs"}


@pytest.mark.parametrize("edited_here", [True, False])
def test_a_workspace_toml_that_only_one_has_edited_is_the_edited_one(
    here: Workspace, there: Copy, merges: Merging, edited_here: bool
) -> None:
    other = there()
    path = (here if edited_here else other).root / "workspace.toml"
    path.write_text(path.read_text().replace('description = ""', 'description = "edited"'))
    for one, source in ((here, other), (other, here)):
        merged = merges(one, source)
        assert (merged.differs, one.settings.description) == ([], "edited")


def test_the_signatures_of_a_wish_come_with_it(here: Workspace, there: Copy, merges: Merging) -> None:
    wish, sign = "endpoints/e/endpoint.toml", "endpoints/e/endpoint.sig"
    directory(here.store, "endpoints/e", {"endpoint.toml": "revision = 1\n", "endpoint.sig": '{"macs":["a"]}'})
    other = there()
    (other.root / sign).write_text('{"macs":["b"]}')
    merges(here, other)
    assert records.decoded(here.store, sign)["macs"] == ["b", "a"]  # of the same wish both may have one
    (other.root / wish).write_text("revision = 2\n")
    (other.root / sign).write_text('{"macs":["c"]}')
    merges(here, other)
    assert (here.root / wish).read_text() == "revision = 2\n"
    assert records.decoded(here.store, sign)["macs"] == ["c", "b", "a"]
    (other.root / wish).write_text("revision = 1\n")
    (other.root / sign).write_text('{"macs":["d"]}')
    merges(here, other)
    assert records.decoded(here.store, sign)["macs"] == ["c", "b", "a"]


def test_a_journal_of_which_a_line_is_damaged_gets_it_back(here: Workspace, there: Copy, merges: Merging) -> None:
    for text in ("one", "two", "three"):
        comments(here.store, text)
    other = there()
    comments(here.store, "four")
    path = here.root / records.NOTES / f"{here.store.writer}.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:20] + b"\n" + b"".join(lines[2:]))
    assert merges(here, other).taken == {"line": 1}
    assert path.read_bytes() == b"".join(lines)
    assert merges(here, other).taken == {}
    assert records.said(here.store) == ["one", "two", "three", "four"]


def test_a_last_line_that_is_just_being_written_comes_when_it_is_whole(
    here: Workspace, there: Copy, merges: Merging
) -> None:
    other = there()
    for text in ("one", "two"):
        comments(other.store, text)
    name = f"{records.NOTES}/{other.store.writer}.jsonl"
    lines = (other.root / name).read_bytes()
    (other.root / name).write_bytes(lines[:-9])
    assert merges(here, other).taken == {"line": 1}
    (here.root / name).write_bytes(lines[:-5])  # what rsync had brought of it
    assert merges(here, other).taken == {}
    (other.root / name).write_bytes(lines)
    merges(here, other)
    assert (here.root / name).read_bytes() == lines


def test_a_journal_that_says_something_else_under_one_number_is_kept_beside(
    here: Workspace, there: Copy, merges: Merging
) -> None:
    comments(here.store, "one")
    other = there()
    name = f"{records.NOTES}/{here.store.writer}.jsonl"
    text = (here.root / name).read_text()
    (other.root / name).write_text(text.replace("one", "two") * 2)
    [differs] = merges(here, other).differs
    assert (here.root / name).read_text() == text
    assert "two" in (here.root / differs.kept).read_text()


def test_a_writer_that_goes_on_in_this_copy_loses_no_line(here: Workspace, there: Copy, merges: Merging) -> None:
    run = f"experiments/e/{'r' * 10}/attempts/1/metrics.jsonl"
    with journals.Appender(here.store, run) as metrics:
        metrics.append({"name": "loss"}, durable=True)
        other = there()
        path = other.root / run
        path.write_bytes(path.read_bytes() + b'{"seq":3}\n')
        merges(here, other)
        metrics.append({"name": "loss", "said": "after"}, durable=True)
        assert "after" in (here.root / run).read_text()


def test_symlinks_devices_and_odd_names_are_data(here: Workspace, there: Copy, merges: Merging, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    other = there()
    imports(other.store, "1-aaaa", "x")
    goes_on(other.store, "r" * 10, "x")
    for name in ("datasets/d/1-aaaa/link", "models", "out.py"):
        (other.root / name).symlink_to(tmp_path / "secret" if "." in name else tmp_path)
    os.mkfifo(other.root / "experiments/e/fifo")
    odd = os.fsencode(other.root) + b"/\x1b]0;owned\x07\xff.txt"
    Path(os.fsdecode(odd)).write_text("odd")
    directory(other.store, "datasets/\x1b]0;\udcff", {"dataset.toml": "revision = 1\n"})
    (other.root / "nested").mkdir()
    (other.root / "nested/workspace.toml").write_text("")
    merged = merges(here, other)
    assert not any("secret" in text.decode(errors="replace") for text in everything(here.root).values())
    assert [path for path in here.root.rglob("*") if path.is_symlink()] == []
    assert sorted(one.path for one in merged.left) == [
        "datasets/d/1-aaaa/link", "experiments/e/fifo", "models", "out.py",
    ]  # fmt: skip
    assert not merged.ok and "\x1b" not in merged.text
    assert Path(os.fsdecode(os.fsencode(here.root) + b"/\x1b]0;owned\x07\xff.txt")).read_text() == "odd"
    assert not (here.root / "nested").exists()
    assert (here.root / "datasets/\x1b]0;\udcff/dataset.toml").exists()
    (here.root / "out.py").symlink_to(tmp_path / "secret")
    assert "out.py" not in [one.path for one in merges(here, other).left]  # both have it


def test_a_file_where_records_are_comes_into_nobodys_way(here: Workspace, there: Copy, merges: Merging) -> None:
    other = there()
    (other.root / "jobs").write_text("x")
    (other.root / "datasets").mkdir()
    (other.root / "datasets/d").write_text("x")
    assert [one.path for one in merges(here, other).left] == ["datasets/d", "jobs"]
    imports(here.store, "1-aaaa", "x")


def test_a_symlink_of_this_copy_leads_nothing_out(
    here: Workspace, there: Copy, merges: Merging, tmp_path: Path
) -> None:
    other = there()
    imports(other.store, "1-aaaa", "x")
    (tmp_path / "outside").mkdir()
    (here.root / "datasets").symlink_to(tmp_path / "outside")
    [left] = merges(here, other).left
    assert "leads out of the workspace" in left.why
    assert list((tmp_path / "outside").iterdir()) == []


def test_what_is_no_other_copy_is_refused_in_one_sentence(
    here: Workspace, there: Copy, merges: Merging, tmp_path: Path
) -> None:
    other = there()
    stranger = Workspace.init(tmp_path / "stranger")
    alias = tmp_path / "alias"
    alias.symlink_to(here.root)
    (tmp_path / "file").touch()
    for given, said in (
        (tmp_path / "nowhere", "not a directory on this host"),
        (tmp_path / "file", "not a directory on this host"),
        (tmp_path, "not a workspace"),
        (alias, "the workspace itself"),
        (stranger.root, "another workspace"),
    ):
        with pytest.raises(BadInput, match=said):
            here.action("merge", directory=str(given))
    (other.root / "workspace.toml").write_text('id = "x"\nformat = 99\n')
    with pytest.raises(NewerFormat, match="newer Cupola"):
        merges(here, other)


def test_copies_without_an_id_know_each_other_by_a_record(here: Workspace, there: Copy, merges: Merging) -> None:
    (here.root / "workspace.toml").write_text('name = "x"\n')
    other = there()
    with pytest.raises(BadInput, match="no record in common"):
        merges(here, other)
    imports(here.store, "1-aaaa", "x")
    imports(other.store, "1-aaaa", "x")
    merges(here, other)


def test_records_of_a_newer_cupola_come_as_they_are(here: Workspace, there: Copy, merges: Merging) -> None:
    goes_on(here.store, "r" * 10, "one")
    other = there()
    path = other.root / f"experiments/e/{'r' * 10}/run.json"
    path.write_text('{"format": 9, "revision": 9, "new": [1, {"deep": true}]}')
    assert merges(here, other).taken == {"record": 1}
    assert carried(here.root) == carried(other.root)


def test_a_tuning_whose_writer_went_on_there_gets_its_trials(here: Workspace, there: Copy, merges: Merging) -> None:
    trials = f"tunings/{'t' * 10}/trials/w.jsonl"
    directory(here.store, f"tunings/{'t' * 10}", {"tuning.json": "{}", "trials/w.jsonl": '{"seq":1}\n'})
    other = there()
    journals.append(other.store, trials, [{"op": "told"}])
    directory(other.store, f"tunings/{'u' * 10}", {"tuning.json": "{}"})
    assert merges(here, other).taken == {"line": 1, "tuning": 1}
    assert carried(here.root) == carried(other.root)
