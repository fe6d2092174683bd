"""Answers to pieces make the answer to the whole, whatever is in them."""

import json
import tempfile
from typing import IO, Any, cast

from hypothesis import given
from hypothesis import strategies as st

from cupola.asynchronous.draft import Draft
from cupola.asynchronous.pieces import Answer

VALUES = st.one_of(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    st.text(max_size=5), st.none(), st.booleans(), st.integers(),
    st.dictionaries(st.text(max_size=3), st.text(alphabet=']["\\,x', max_size=4), max_size=2),
)  # fmt: skip


class Memory:
    """A draft that is on no disk."""

    def __init__(self) -> None:
        self.text = b""

    def write(self, data: bytes) -> None:
        self.text += data

    def another(self) -> IO[bytes]:
        return tempfile.TemporaryFile()

    def beside(self, file: IO[bytes], data: bytes) -> None:
        file.write(data)


def together(answers: list[bytes], media: str) -> bytes:
    draft = Memory()
    answer = Answer(cast(Draft, draft))
    for one in answers:
        answer.add(media, one)
    answer.end()
    assert answer.media == media
    return draft.text


@given(st.lists(st.lists(VALUES, max_size=4), min_size=1, max_size=5), st.lists(st.text(max_size=3), min_size=1))
def test_lists_of_json_follow_one_another_and_classes_are_said_once(parts: list[list[Any]], classes: list[str]) -> None:
    answers = [{"predictions": one, "probabilities": [[0.5]] * len(one), "classes": classes} for one in parts]
    whole: list[Any] = [value for one in parts for value in one]
    found = json.loads(together([json.dumps(one, indent=1).encode() for one in answers], "application/json"))
    expected = {"predictions": whole, "probabilities": [[0.5]] * len(whole), "classes": classes}
    assert {"predictions": [], "probabilities": [], **found} == expected


@given(st.lists(st.lists(st.text(alphabet="ab1,", min_size=1, max_size=5), max_size=4), min_size=1, max_size=5))
def test_lines_follow_one_another(parts: list[list[str]]) -> None:
    answers = ["".join(f"{line}\n" for line in one).encode() for one in parts]
    assert together(answers, "text/csv") == b"".join(answers)


def test_one_answer_stays_as_it_is() -> None:
    assert together([b'{ "predictions": [1]}'], "application/json") == b'{ "predictions": [1]}'
    assert together([b"\x93NUMPY"], "application/x-npy") == b"\x93NUMPY"
