"""Tags and comments: the fold is one for all readers, whatever they hold, and nothing said is lost."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.experiments.conftest import leave, run
from tests.store.folded import host

from cupola.errors import BadOption
from cupola.experiments import records as runs
from cupola.store import Store, digests, files, journals
from cupola.store.folding import Folder
from cupola.team import notes
from cupola.team.notes import Notes
from cupola.workspace import Workspace

REFS, TAGS = ["a", "b"], ["good", "draft", "old"]
quick = settings(max_examples=80, deadline=None)
said = st.fixed_dictionaries(
    {"ref": st.sampled_from([*REFS, "gone"]), "op": st.sampled_from(["tag", "untag", "comment", "did", "newer"])},
    optional={"value": st.one_of(st.sampled_from(TAGS), st.text(max_size=5), st.none(), st.integers())},
)
writers = st.dictionaries(st.sampled_from(["ana", "raj", "eve"]), st.lists(said, max_size=8), max_size=3)


def stamped(written: dict[str, list[dict[str, Any]]], seed: int) -> dict[str, list[dict[str, Any]]]:
    """Journals as `append` would have left them had the writers taken turns in some order."""
    turns = [writer for writer, lines in written.items() for _ in lines]
    random.Random(seed).shuffle(turns)
    made: dict[str, list[dict[str, Any]]] = {writer: [] for writer in written}
    for clock, writer in enumerate(turns):
        mine = made[writer]
        mine.append(written[writer][len(mine)] | {"seq": len(mine) + 1, "clock": clock})
    return made


def state(entries: list[dict[str, Any]]) -> dict[str, Notes]:
    found = {ref: Notes(tags=["given"]) for ref in REFS}
    notes.replay(entries, found)
    return found


@quick
@given(writers, st.integers(0, 5))
def test_every_reader_sees_the_same_whatever_order_the_journals_come_in(
    written: dict[str, list[dict[str, Any]]], seed: int
) -> None:
    made = stamped(written, seed)
    turned = dict(reversed(made.items()))
    assert state(journals.fold(made)) == state(journals.fold(turned))


@quick
@given(writers, st.integers(0, 5))
def test_no_comment_is_lost_and_a_tag_is_there_when_it_was_set_last(
    written: dict[str, list[dict[str, Any]]], seed: int
) -> None:
    entries = journals.fold(stamped(written, seed))
    found = state(entries)
    for ref in REFS:
        mine = [one for one in entries if one["ref"] == ref]
        comments = [str(one.get("value", "")) for one in mine if one["op"] == "comment"]
        assert [one.text for one in found[ref].comments] == comments
        assert len(set(found[ref].tags)) == len(found[ref].tags)
        for tag in TAGS:
            last = [one["op"] for one in mine if one.get("value") == tag and one["op"] in ("tag", "untag")][-1:]
            assert (tag in found[ref].tags) == (last == ["tag"])


def test_each_writer_has_one_journal_per_collection(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    store = workspace.store
    notes.say(store, "model", "churn@1-wxyz", "tag", ["good", "old"])
    notes.say(store, "run", "run1", "comment", ["a run"])
    monkeypatch.setenv("CUPOLA_HOST", "elsewhere")
    other = Store.open(workspace.root)
    notes.say(other, "model", "churn@1-wxyz", "untag", ["old"])
    assert len(files.listing(store, f"{notes.DIRECTORY}/models")) == 2
    assert files.listing(store, f"{notes.DIRECTORY}/experiments") == [f"{store.writer}.jsonl"]
    assert notes.of(store, "model", "churn@1-wxyz").tags == ["good"]
    assert notes.of(store, "model", "churn@2-aaaa") == Notes()


def test_what_is_said_of_a_run_changes_no_record_and_makes_no_digest_doubtful(workspace: Workspace) -> None:
    made = run(1)
    leave(workspace.store, made)
    one, other = host(workspace.store, "one", True), host(workspace.store, "two", True)
    assert Folder(one, runs.RUNS).fold() == 1
    notes.say(other, "run", made.id, "comment", ["look"])
    notes.say(other, "run", made.id, "tag", ["good"])
    place = f"{runs.DIRECTORY}/{made.experiment}/{made.id}"
    assert place in digests.held(other, runs.RUNS, [place], without=other.writer).entries
    (found,) = runs.ls(other)
    assert (found.tags, found.revision) == (["good"], made.revision)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("@ana, and @raj.k: look; @ana again", ["ana", "raj.k"]),
        ("mail ana@box.org, flights@1, a/@b, @@c, @", []),
        ("(@uid1000) '@x'\n@last.", ["uid1000", "x", "last"]),
        ("@" + "a" * 200, ["a" * 64]),
    ],
)
def test_who_is_mentioned(text: str, named: list[str]) -> None:
    assert notes.mentions(text) == named


@pytest.mark.parametrize("tag", ["", "  ", "a,b", "two\nlines", "\x1b[31m", "x" * 101])
def test_what_is_no_tag(tag: str) -> None:
    with pytest.raises(BadOption, match="is not a tag"):
        notes.check_tag(tag)


@pytest.mark.parametrize(("text", "why"), [(" \n", "says something"), ("x" * 10_001, "10,000"), ("a\ud800", "Unicode")])
def test_what_is_no_comment(text: str, why: str) -> None:
    with pytest.raises(BadOption, match=why):
        notes.check_comment(text)
