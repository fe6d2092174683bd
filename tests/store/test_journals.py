import errno
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cupola.errors import DiskTrouble, ReadOnly
from cupola.store import Store, files, journals

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
written = st.dictionaries(
    st.sampled_from(["ana", "raj", "eve", "bob"]),
    st.lists(st.integers(0, 5).map(lambda step: step), max_size=6),
    max_size=4,
)


def as_journals(steps: dict[str, list[int]]) -> dict[str, list[journals.Entry]]:
    """Journals as writers make them: clocks grow within each."""
    made: dict[str, list[journals.Entry]] = {}
    for writer, jumps in steps.items():
        clock, made[writer] = 0, []
        for seq, jump in enumerate(jumps, 1):
            clock += 1 + jump
            made[writer].append({"seq": seq, "clock": clock, "by": writer})
    return made


@given(steps=written, data=st.data())
def test_the_fold_does_not_depend_on_the_order_of_arrival(steps: dict[str, list[int]], data: st.DataObject) -> None:
    journal = as_journals(steps)
    expected = journals.fold(journal)
    writers = data.draw(st.permutations(list(journal)))
    shuffled = {writer: data.draw(st.permutations(journal[writer])) for writer in writers}
    assert journals.fold(shuffled) == expected


@given(steps=written)
def test_the_fold_has_every_entry_once_and_keeps_each_writers_order(steps: dict[str, list[int]]) -> None:
    journal = as_journals(steps)
    folded = journals.fold({writer: entries + entries for writer, entries in journal.items()})
    assert len(folded) == sum(map(len, journal.values()))
    for writer, entries in journal.items():
        assert [one for one in folded if one["by"] == writer] == entries


@given(steps=written, more=written)
def test_the_fold_of_more_keeps_the_order_of_what_was_there(
    steps: dict[str, list[int]], more: dict[str, list[int]]
) -> None:
    before = journals.fold(as_journals(steps))
    longer = {writer: [*steps.get(writer, []), *more.get(writer, [])] for writer in steps.keys() | more.keys()}
    after = journals.fold(as_journals(longer))
    assert [one for one in after if one in before] == before


def own(store: Store, directory: str = "tags") -> str:
    return f"{directory}/{store.writer}.jsonl"


@quick
@given(
    entries=st.lists(
        st.dictionaries(st.sampled_from(["k", "text", "ü"]), texts | st.integers(), max_size=3), min_size=1
    )
)
def test_what_is_appended_is_read_in_order(store: Store, entries: list[dict[str, Any]]) -> None:
    files.remove(store, own(store))
    journals.append(store, own(store), entries[:1])
    journals.append(store, own(store), entries[1:])
    found, end = journals.read(store, own(store))
    assert [one["seq"] for one in found] == list(range(1, len(entries) + 1))
    assert [{name: one[name] for name in given} for one, given in zip(found, entries, strict=True)] == entries
    assert journals.read(store, own(store), end) == ([], end)


@quick
@given(data=st.data())
def test_a_journal_torn_at_any_byte_loses_only_what_was_torn(store: Store, data: st.DataObject) -> None:
    files.remove(store, own(store))
    journals.append(store, own(store), [{"text": data.draw(texts)} for _ in range(3)])
    whole = files.read_bytes(store, own(store))
    cut = data.draw(st.integers(0, len(whole)))
    files.write_bytes(store, own(store), whole[:cut])
    complete = whole[:cut].count(b"\n")
    before, end = journals.read(store, own(store))
    assert [one["seq"] for one in before] == list(range(1, complete + 1))
    journals.append(store, own(store), [{"text": "next"}])
    after, _ = journals.read(store, own(store))
    whole_without_its_newline = complete + (cut < len(whole) and whole[cut : cut + 1] == b"\n")
    assert [one["seq"] for one in after] == list(range(1, whole_without_its_newline + 2))
    assert after[-1]["text"] == "next"
    assert journals.read(store, own(store), end)[0] == after[complete:]


def test_clocks_of_several_writers_say_who_came_after_whom(store: Store) -> None:
    for turn, writer in enumerate(["ana", "raj", "ana", "raj", "eve"]):
        journals.append(store, f"tags/{writer}.jsonl", [{"turn": turn}])
    folded = journals.folded(store, "tags")
    assert [one["turn"] for one in folded] == [0, 1, 2, 3, 4]
    assert [one["writer"] for one in folded] == ["ana", "raj", "ana", "raj", "eve"]


def test_reading_goes_on_from_where_it_was(store: Store) -> None:
    end = journals.START
    for n in range(5):
        journals.append(store, own(store), [{"n": n}])
        found, end = journals.read(store, own(store), end)
        assert [one["n"] for one in found] == [n]


def test_a_journal_that_was_replaced_by_a_longer_copy_gives_only_what_is_new(store: Store) -> None:
    journals.append(store, own(store), [{"n": n} for n in range(3)])
    _, end = journals.read(store, own(store))
    files.write_bytes(store, own(store), b'{"seq": 2, "n": 1}\n{"seq": 4, "n": "new"}\n')
    assert [one["n"] for one in journals.read(store, own(store), end)[0]] == ["new"]


@pytest.mark.parametrize(
    "garbage", [b"\0\0\0\0\n", b"not json\n", b"[1]\n", b"\xff\n", b"\n\n", b'{"seq": "x", "n": 9}\n']
)
def test_what_is_no_entry_is_passed_over(store: Store, garbage: bytes) -> None:
    journals.append(store, own(store), [{"n": 0}])
    files.write_bytes(store, own(store), files.read_bytes(store, own(store)) + garbage)
    journals.append(store, own(store), [{"n": 1}])
    assert [one["n"] for one in journals.read(store, own(store))[0] if one["n"] != 9] == [0, 1]


def test_zeros_on_a_network_mount_are_read_again(distant: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    path = own(distant)
    journals.append(distant, path, [{"n": 0}, {"n": 1}])
    real = files.read_bytes(distant, path)
    first = real.index(b"\n") + 1
    answers = [(real[:first] + bytes(len(real) - first - 1) + b"\n", 0), (real, 0)]
    monkeypatch.setattr(journals, "_from", lambda *_: answers.pop(0))
    assert [one["n"] for one in journals.read(distant, path)[0]] == [0, 1]


def test_zeros_that_stay_are_believed_and_cost_the_wait_once(distant: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "PATIENCE", 0.05)
    journals.append(distant, own(distant), [{"n": 0}])
    files.write_bytes(distant, own(distant), files.read_bytes(distant, own(distant)) + b"\0\0\0\n")
    assert [one["n"] for one in journals.read(distant, own(distant))[0]] == [0]
    monkeypatch.setattr(journals.time, "sleep", lambda _: pytest.fail("it waited again"))
    assert [one["n"] for one in journals.read(distant, own(distant))[0]] == [0]


def fail(real: Callable[..., Any], code: int, when: Callable[[int], bool], before: bool = True) -> Callable[..., Any]:
    count = [0]

    def call(*arguments: Any) -> Any:
        count[0] += 1
        if when(count[0]):
            if not before:
                real(arguments[0], arguments[1][: len(arguments[1]) // 2])
            raise OSError(code, os.strerror(code))
        return real(*arguments)

    return call


def test_a_full_disk_leaves_no_half_line(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    journals.append(store, own(store), [{"n": 0}])
    before = files.read_bytes(store, own(store))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail(os.write, errno.ENOSPC, lambda n: True, before=False))
        with pytest.raises(DiskTrouble, match="full"):
            journals.append(store, own(store), [{"n": 1}])
    assert files.read_bytes(store, own(store)) == before
    journals.append(store, own(store), [{"n": 2}])
    assert [one["n"] for one in journals.read(store, own(store))[0]] == [0, 2]


def test_after_a_failed_fsync_all_is_written_again_by_a_new_descriptor(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    journals.append(store, own(store), [{"n": 0}])
    monkeypatch.setattr(os, "fsync", fail(os.fsync, errno.EIO, lambda n: n == 1))
    journals.append(store, own(store), [{"n": 1}, {"n": 2}])
    found, _ = journals.read(store, own(store))
    assert [one["n"] for one in found] == [0, 1, 2]
    assert files.read_bytes(store, own(store)).count(b'"n":1') == 2


def test_an_fsync_that_fails_again_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    journals.append(store, own(store), [{"n": 0}])
    monkeypatch.setattr(os, "fsync", fail(os.fsync, errno.EIO, lambda n: True))
    with pytest.raises(DiskTrouble, match="input/output"):
        journals.append(store, own(store), [{"n": 1}])


def test_an_appender_numbers_its_lines_and_goes_on_after_another(store: Store) -> None:
    for start in (0, 3):
        with journals.Appender(store, "m.jsonl") as appender:
            for n in range(start, start + 3):
                appender.append({"n": n})
    found, _ = journals.read(store, "m.jsonl")
    assert [(one["seq"], one["n"]) for one in found] == [(n + 1, n) for n in range(6)]


def test_lines_of_an_appender_are_seen_while_it_is_open(store: Store) -> None:
    with journals.Appender(store, "m.jsonl") as appender:
        appender.append({"n": 0})
        assert [one["n"] for one in journals.read(store, "m.jsonl")[0]] == [0]


def test_an_appender_goes_on_after_its_descriptor_died(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with journals.Appender(store, "m.jsonl") as appender:
        appender.append({"n": 0})
        appender.append({"n": 1}, durable=True)
        appender.append({"n": 2})
        monkeypatch.setattr(os, "write", fail(os.write, errno.EIO, lambda n: n == 1, before=False))
        appender.append({"n": 3})
    found, _ = journals.read(store, "m.jsonl")
    assert [one["n"] for one in found] == [0, 1, 2, 3]


def test_an_appender_keeps_its_lines_until_there_is_room(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with journals.Appender(store, "m.jsonl") as appender:
        appender.append({"n": 0})
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", fail(os.write, errno.ENOSPC, lambda n: True, before=False))
            with pytest.raises(DiskTrouble, match="full"):
                appender.append({"n": 1})
        assert files.read_bytes(store, "m.jsonl").endswith(b"\n")
        appender.append({"n": 2})
    data = files.read_bytes(store, "m.jsonl")
    assert [one["n"] for one in journals.read(store, "m.jsonl")[0]] == [0, 1, 2]
    assert data.count(b"\n") == 3


def test_a_failed_fsync_of_an_appender_writes_again_what_was_not_durable(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journals.Appender(store, "m.jsonl") as appender:
        appender.append({"n": 0}, durable=True)
        appender.append({"n": 1})
        monkeypatch.setattr(os, "fsync", fail(os.fsync, errno.EIO, lambda n: n == 1))
        appender.append({"n": 2}, durable=True)
    data = files.read_bytes(store, "m.jsonl")
    assert data.count(b'"n":0') == 1 and data.count(b'"n":1') == 2 and data.count(b'"n":2') == 2
    assert [one["n"] for one in journals.read(store, "m.jsonl")[0]] == [0, 1, 2]


def test_a_tail_follows_a_growing_file(store: Store) -> None:
    assert journals.tail(store, "log.txt") == (b"", 0)
    (store.root / "log.txt").write_bytes(b"one\n")
    assert journals.tail(store, "log.txt") == (b"one\n", 4)
    assert journals.tail(store, "log.txt", 4) == (b"", 4)
    with (store.root / "log.txt").open("ab") as log:
        log.write(b"two")
    assert journals.tail(store, "log.txt", 4) == (b"two", 7)
    assert journals.tail(store, "log.txt", 0, limit=2) == (b"on", 2)


def test_long_lines_at_the_end_are_numbered_right(store: Store) -> None:
    for n in range(3):
        journals.append(store, own(store), [{"n": n, "text": "x" * 100_000}])
    assert [one["seq"] for one in journals.read(store, own(store))[0]] == [1, 2, 3]


def test_a_store_opened_for_reading_appends_nothing(store: Store) -> None:
    reading = Store.open(store.root, readonly=True)
    with pytest.raises(ReadOnly):
        journals.append(reading, own(store), [{}])
    with pytest.raises(ReadOnly):
        journals.Appender(reading, "m.jsonl")
