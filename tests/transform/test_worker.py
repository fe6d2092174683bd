"""Predictions as CSV: plain where they can be, quoted where they have to be, and the same numbers when read."""

import csv
import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cupola.registry.models import Prediction
from cupola.transform.worker import _csv_of


@given(
    st.lists(
        st.tuples(st.text(alphabet='ab,"\n\r é', max_size=4), st.floats(allow_nan=False, allow_infinity=False)),
        min_size=1,
        max_size=9,
    )
)
def test_what_is_written_is_read(rows: list[tuple[str, float]]) -> None:
    labels, numbers = zip(*rows, strict=True)
    prediction = Prediction(np.array(labels, dtype=object), np.array(numbers)[:, None])
    read = list(csv.reader(io.StringIO(_csv_of(prediction).decode(), newline="")))
    assert [(label, float(number)) for label, number in read] == rows


def test_plain_classes_are_not_quoted() -> None:
    assert _csv_of(Prediction(np.array(["no", "yes"]), np.array([[0.5], [1.0]]))) == b"no,0.5\nyes,1\n"
    assert _csv_of(Prediction(np.array([True, False]), None, np.array([0.25, -1.0]))) == b"true,0.25\nfalse,-1\n"
