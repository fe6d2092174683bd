"""A file is cut between records, always alike, and nothing of it is lost."""

import csv
import io
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola.errors import BadInput
from cupola.transform import chunks

FIELD = st.text(alphabet='ab,"\n;é', max_size=12)
TABLE = st.lists(st.lists(FIELD, min_size=2, max_size=2), max_size=30)


def cut(data: bytes, size: int, start: int = 0, quote: bytes = b'"') -> list[bytes]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return [data[one.start : one.end] for one in chunks.cut(file.fileno(), start, size, quote)]


def written(table: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    return text.getvalue().encode()


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


@given(TABLE, st.integers(1, 60))
def test_the_chunks_are_the_file_and_their_records_those_of_the_file(table: list[list[str]], size: int) -> None:
    data = written(table)
    found = cut(data, size)
    assert b"".join(found) == data
    assert [row for one in found for row in read(one)] == table


@given(TABLE, st.integers(1, 60), st.data())
def test_from_the_end_of_any_chunk_on_it_is_cut_as_before(
    table: list[list[str]], size: int, draw: st.DataObject
) -> None:
    data = written(table)
    found = cut(data, size)
    some = draw.draw(st.integers(0, len(found)))
    start = sum(map(len, found[:some]))
    assert cut(data, size, start) == found[some:]


@given(TABLE)
def test_the_first_record_is_the_first_row(table: list[list[str]]) -> None:
    data = written(table)
    assert read(chunks.first(data, b'"', False)) == table[:1]


def test_lines_are_records_where_nothing_is_quoted() -> None:
    assert cut(b'{"a": "x"}\n{"a": 1}\n{"a": 2}', 12, quote=b"") == [b'{"a": "x"}\n', b'{"a": 1}\n', b'{"a": 2}']


def test_a_record_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "LONGEST", 1 << 12)
    with pytest.raises(BadInput, match="the record at byte 4 is longer"):
        cut(b'a,b\n"' + b"x\n" * 5000, 100)
