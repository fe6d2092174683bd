import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola.errors import BadOption
from cupola.jobs.amounts import seconds, size, written


@pytest.mark.parametrize(
    ("text", "value"),
    [("1000", 1000), ("2G", 2 << 30), ("512m", 512 << 20), ("1.5GiB", 3 << 29), ("64 MB", 64 << 20), (None, None)],
)
def test_sizes(text, value):
    assert size(text) == value


@given(st.integers(1, 1 << 50))
def test_a_size_comes_back_as_it_was_written(bytes):
    assert size(written(bytes)) == bytes


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90), ("90s", 90), ("1h30m", 5400), ("2d", 172800), ("500ms", 0.5), (None, None)]
)
def test_durations(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "x", "-1", "1x", "1h x", "G"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(BadOption):
        size(text)
    with pytest.raises(BadOption):
        seconds(text)


def test_what_is_longer_than_a_hundred_years_is_refused():
    for text in ("999999d", "9" * 400):
        with pytest.raises(BadOption, match="hundred years"):
            seconds(text)
