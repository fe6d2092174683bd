"""Whatever is typed is a query or one sentence that points at a character."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cupola.errors import BadFilter
from cupola.search.evaluating import compiled
from cupola.search.fields import Fields
from cupola.search.reading import LONGEST, read

HOSTILE = {
    "nested": "(" * 5000 + "a" + ")" * 4990,
    "not": "not " * 2400 + "a",
    "long": "a = 1 and " * 2000,
    "huge number": "a = " + "9" * 5000,
    "one word": "a" * 9000,
    "quotes": '"' * 9999,
    "backslashes": '"' + "\\" * 9000,
    "half a character": "a = \ud800",
    "right to left": "a = \u202e\u0000\x1b[31m",
    "digits of others": "a > ١٢٣",
    "signs": "<>=!" * 2000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_a_query_or_one_sentence(text: str) -> None:
    try:
        compiled(text, Fields([{"a": 1}, {"a": "x"}]))({"a": 1})
    except BadFilter as error:
        assert len(str(error)) < 1500
        assert -1 <= error.at <= len(text)


@pytest.mark.parametrize("joiner", [" and ", " or "])
def test_as_many_parts_as_there_is_room_for(joiner: str) -> None:
    text = joiner.join(["a=1"] * 1200)
    assert len(text) <= LONGEST
    assert compiled(text, Fields([{"a": 1}]))({"a": 1})


@given(some.text(max_size=60))
def test_any_text(text: str) -> None:
    try:
        read(text)
    except BadFilter as error:
        assert 0 <= error.at <= len(text)
        assert f"at character {error.at + 1} of the filter" in error.message
