"""Which of two states is the newer: laws that hold for any two of them."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cupola.merging import judging
from cupola.merging.judging import Compared, Standing

LINES = [json.dumps({"seq": seq, "value": "x" * seq}).encode() for seq in range(1, 9)]
KEPT = st.sets(st.integers(0, len(LINES) - 1))
TORN = st.sampled_from([b"", b'{"seq": 9, "va', b'{"seq": 3, "value\n', b"\0\0\n"])


def journal(kept: set[int], torn: bytes) -> bytes:
    return b"".join(LINES[number] + b"\n" for number in sorted(kept)) + torn


def united(ours: bytes, theirs: bytes) -> bytes:
    """The journal when it has what it lacked."""
    union = judging.union(ours, theirs)
    assert union is not None
    if union.whole is not None:
        return union.whole
    gap = b"" if ours.endswith(b"\n") or not ours or not union.more else b"\n"
    return ours + gap + b"".join(line + b"\n" for line in union.more)


@given(KEPT, KEPT, TORN, TORN)
def test_two_journals_united_have_each_line_of_both_once_and_in_order(
    ours: set[int], theirs: set[int], torn: bytes, other: bytes
) -> None:
    both = united(journal(ours, torn), journal(theirs, other))
    seen = [line for line in both.split(b"\n") if line in LINES]
    assert seen == [LINES[number] for number in sorted(ours | theirs)]
    assert united(both, journal(theirs, other)) == both
    assert united(both, journal(ours, torn)) == both


@given(KEPT, st.integers(0, len(LINES) - 1))
def test_two_journals_that_say_two_things_under_one_number_are_not_united(kept: set[int], number: int) -> None:
    ours = journal(kept | {number}, b"")
    assert judging.union(ours, ours.replace(LINES[number], LINES[number].replace(b"x", b"y"))) is None


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_of_two_files_that_only_grow_the_longer_is_the_newer(start: bytes, more: bytes) -> None:
    size = len(start) + len(more)
    longer = Standing.THEIRS if more else Standing.SAME
    assert Compared(len(start), size, len(start)).standing == longer
    assert Compared(size, len(start), len(start)).standing == (Standing.OURS if more else Standing.SAME)


def test_files_are_compared_beyond_what_is_read_at_once(tmp_path: Path) -> None:
    start = b"x" * (judging.CHUNK + 7)
    (tmp_path / "ours").write_bytes(start)
    for end, standing in ((b"", Standing.SAME), (b"more", Standing.THEIRS)):
        (tmp_path / "theirs").write_bytes(start + end)
        with (tmp_path / "ours").open("rb") as ours, (tmp_path / "theirs").open("rb") as theirs:
            assert judging.compare(ours.fileno(), theirs.fileno()).standing == standing
    (tmp_path / "theirs").write_bytes(start[:-1] + b"y")
    with (tmp_path / "ours").open("rb") as ours, (tmp_path / "theirs").open("rb") as theirs:
        assert judging.compare(ours.fileno(), theirs.fileno()).standing == Standing.APART


@given(st.binary(max_size=9), st.binary(max_size=9), st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_of_settings_both_copies_choose_the_same_unless_nothing_tells(
    ours: bytes, theirs: bytes, revisions: tuple[int, int]
) -> None:
    other = {Standing.OURS: Standing.THEIRS, Standing.THEIRS: Standing.OURS, Standing.APART: Standing.APART}
    for known in ((a, b) for a in (True, False) for b in (True, False)):
        if ours != theirs:
            here = judging.settings(ours, theirs, revisions=revisions, known=known)
            there = judging.settings(theirs, ours, revisions=(revisions[1], revisions[0]), known=(known[1], known[0]))
            assert there == other[here]


def test_only_a_json_that_can_be_read_replaces_another() -> None:
    good, torn = b'{"revision": 2}', b'{"revision": 9, "na'
    assert judging.record(good, torn) == Standing.OURS
    assert judging.record(torn, good) == Standing.THEIRS
    assert judging.record(good, b'{"revision": 2, "x": 1}') == Standing.APART
    assert judging.record(good, b"[" * 100_000) == Standing.OURS
