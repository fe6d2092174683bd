from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola_tui.widgets.rows import Column, Rows, holding


def column(key: str) -> Column:
    return Column(key, key, lambda one: (str(one.get(key)), ""), lambda one: one.get(key))


COLUMNS = [column("name"), column("score")]


def rows(*records: dict[str, Any]) -> Rows:
    made = Rows(lambda one: one["name"])
    made.put(records, COLUMNS)
    return made


def test_what_has_no_value_comes_last_either_way() -> None:
    made = rows({"name": "a", "score": 2}, {"name": "b", "score": None}, {"name": "c", "score": 1})
    made.sort = "score"
    made.arrange(COLUMNS)
    assert made.order == ["c", "a", "b"]
    made.backwards = True
    made.arrange(COLUMNS)
    assert made.order == ["a", "c", "b"]


def test_new_rows_of_a_sorted_table_wait_until_they_are_let_in() -> None:
    made = rows({"name": "b"}, {"name": "c"})
    made.sort = "name"
    made.arrange(COLUMNS)
    made.put([{"name": "a"}, {"name": "b"}, {"name": "c"}], COLUMNS, hold=True)
    assert made.order == ["b", "c"] and made.waiting == {"a"}
    made.put([{"name": "0"}, {"name": "a"}, {"name": "b"}, {"name": "c"}], COLUMNS, hold=True)
    assert made.waiting == {"a", "0"}
    made.release(COLUMNS)
    assert made.order == ["0", "a", "b", "c"]


def test_an_unsorted_table_takes_new_rows_at_once() -> None:
    made = rows({"name": "b"})
    made.put([{"name": "a"}, {"name": "b"}], COLUMNS, hold=True)
    assert made.order == ["a", "b"]


def test_marks_stay_with_records_and_go_with_them() -> None:
    made = rows({"name": "a"}, {"name": "b"})
    made.marks = {"a", "b"}
    made.put([{"name": "b"}, {"name": "c"}], COLUMNS)
    assert made.marks == {"b"}


def test_the_plain_filter_wants_every_word_in_some_text() -> None:
    wanted = holding("OTTER 0.8 night")
    assert wanted({"name": "brave-otter", "score": 0.84, "tags": ["nightly"]})
    assert not wanted({"name": "brave-otter", "score": 0.79, "tags": ["nightly"]})
    assert not wanted({"name": "brave-ot", "other": "ter 0.8 night"})
    phrase = holding('"night shift" otter')
    assert phrase({"name": "otter", "note": "a night shift"}) and not phrase(
        {"name": "otter", "note": "shift at night"}
    )
    assert holding('say "hi')({"note": 'I say "hi"'})  # a mark that is not closed yet is a letter


@given(
    st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=3), st.floats(), st.booleans()), max_size=12),
    st.booleans(),
)
def test_any_mixture_of_values_can_be_sorted_and_nothing_is_lost(values: list[Any], backwards: bool) -> None:
    made = rows(*({"name": str(place), "score": value} for place, value in enumerate(values)))
    made.sort, made.backwards = "score", backwards
    made.arrange(COLUMNS)
    assert sorted(made.order) == sorted(made.records)


@pytest.mark.parametrize("place", [None, "gone"])
def test_a_record_that_is_not_shown_has_no_place(place: str | None) -> None:
    assert rows({"name": "a"}).place(place) is None


def test_a_filter_does_not_sort_again_and_all_else_does() -> None:
    looked: list[Any] = []
    watched = Column("score", "score", lambda one: ("", ""), lambda one: (looked.append(one), one["score"])[1])
    made = rows({"name": "a", "score": 2}, {"name": "b", "score": 3}, {"name": "c", "score": 1})
    made.sort = "score"
    made.arrange([watched])
    assert (made.order, len(looked)) == (["c", "a", "b"], 3)
    made.wanted = lambda one: one["score"] > 1
    made.arrange([watched])
    assert (made.order, len(looked)) == (["a", "b"], 3)
    made.backwards = True
    made.arrange([watched])
    assert (made.order, len(looked)) == (["b", "a"], 6)
    made.put([{"name": "a", "score": 9}, {"name": "b", "score": 3}], [watched])
    assert made.order == ["a", "b"]
    made.sort = ""
    made.arrange([watched])
    assert made.order == ["a", "b"] and len(looked) == 8
