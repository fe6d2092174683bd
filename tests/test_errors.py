"""What errors say of themselves, and what they say was probably meant."""

import pytest

from cupola.errors import BadOption, meant


@pytest.mark.parametrize(
    ("name", "known", "says"),
    [
        ("aeg", ["Age", "fare"], "did you mean Age?"),
        ("C", ["c", "cache", "class"], "did you mean c?"),
        ("zzz", ["Age", "fare"], "it has Age, fare"),
        ("zzz", [], "it has Age, fare"),
    ],
)
def test_a_name_is_meant_however_it_is_cased_and_nothing_far_off_is(name: str, known: list[str], says: str) -> None:
    assert meant(name, known, "it has Age, fare", 3) == says


def test_an_error_without_a_hint_says_none() -> None:
    error = BadOption("there is no column 'zzz'", hint=meant("zzz", ["age"]))
    assert error.info().hint is None and str(error) == "there is no column 'zzz'"
