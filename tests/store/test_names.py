import json
import re
from pathlib import Path

import pytest

from cupola.errors import BadName
from cupola.store.names import as_name, check_name, new_id, now, plain, who, word_name

CASES = json.loads(Path(__file__).with_name("bad_names.json").read_text())


@pytest.mark.parametrize("case", [one for one in CASES if one["expect"] == "refused"], ids=lambda one: one["why"])
def test_a_hostile_name_is_refused_with_one_printable_line(case: dict[str, str]) -> None:
    with pytest.raises(BadName) as refused:
        check_name(case["value"])
    assert str(refused.value).isprintable() and len(str(refused.value)) < 250


def test_of_any_text_a_name_can_be_made_and_of_others_another() -> None:
    texts = [*(one["value"] for one in CASES), "con.1", "a b", "a/b", "a-b", "", "\ud800", "ä" * 500, "x.tmp"]
    made = {text: as_name(text) for text in texts}
    assert [check_name(name) for name in made.values()] == list(made.values())
    assert len(set(made.values())) == len(made) and made["a-b"] == "a-b"


@pytest.mark.parametrize("name", ["a", "churn", "late-flights_2013.v2", "0", "X" * 100, "latest", "None", "true"])
def test_a_plain_name_is_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["CON", "nul", "com1.txt", "a.", "x.tmp", "x.LOCK", "a\n", "X" * 101])
def test_names_that_some_system_keeps_for_itself_are_refused(name: str) -> None:
    with pytest.raises(BadName):
        check_name(name)


def test_ids_are_ten_characters_that_do_not_come_twice() -> None:
    made = {new_id() for _ in range(2000)}
    assert len(made) == 2000
    assert all(re.fullmatch("[a-z2-7]{10}", one) for one in made)


def test_word_names_and_ids_are_names() -> None:
    for _ in range(50):
        assert check_name(word_name()) and check_name(new_id())


def test_now_is_utc_with_microseconds_and_sorts_as_text() -> None:
    before, after = now(), now()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", before)
    assert before <= after


def test_the_host_can_be_given_and_is_made_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPOLA_HOST", "../box one")
    assert who()[1] == "_box_one"
    assert plain("...") == "unknown"
