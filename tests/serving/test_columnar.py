"""npy and Parquet as clients send them: the same rows as in any other form, and nothing that harms."""

import datetime
import io
import struct
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupola.errors import BadInput
from cupola.registry.models import Prediction
from cupola.serving import columnar
from cupola.serving.payloads import TooLarge


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def parquet(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f2", "u1", "<i8", "?", "<U5", "S5"])
def test_a_matrix_is_its_rows(dtype: str, order: Any) -> None:
    array = np.array([[1, 0, 1], [0, 1, 1]], dtype=dtype, order=order)
    found = columnar.read_npy(npy(array))
    expected = np.char.decode(array) if dtype == "S5" else array
    assert (found.names, found.rows, found.columns) == (None, 2, expected.T.tolist())


def test_records_have_names_and_a_line_is_one_column() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, None], "when": pd.to_datetime(["2013-01-31", None])})
    found = columnar.read_npy(npy(frame.to_records(index=False)))
    assert found.names == ["a", "b", "when"]
    assert found.columns[0] == [1, 2] and found.columns[1][0] == 0.5 and np.isnan(found.columns[1][1])
    assert found.columns[2][1] is None and found.columns[2][0].startswith("2013-01-31T00:00:00")
    assert columnar.read_npy(npy(np.array([1.5, 2.5]))).columns == [[1.5, 2.5]]


def header(text: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not an npy file"),
        (b"\x80\x04\x95", "not an npy file"),
        (npy(np.array([{"a": 1}], dtype=object), allow_pickle=True), "Python objects"),
        (npy(np.array([(1, None)], dtype=[("a", "i8"), ("b", "O")]), allow_pickle=True), "Python objects"),
        (npy(np.zeros((2, 2)))[:-1], "31 bytes of data"),
        (npy(np.zeros((2, 2))) + b"x", "33 bytes of data"),
        (npy(np.zeros((2, 2, 2))), "the shape (2, 2, 2)"),
        (npy(np.zeros((0, 4))), "the shape (0, 4)"),
        (npy(np.float64(1)), "the shape ()"),
        (npy(np.zeros(2, dtype=complex)), "complex128"),
        (npy(np.zeros(2, dtype="V3")), "V3"),
        (npy(np.zeros(2, dtype=[("a", "f8", (3,))])), "which no column has"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 4), }"), "there may be 8,000,000"),
        (header("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,), }"), "which no column has"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 4), }"), "the shape (-1, 4)"),
        (header("{'descr': 'O', 'fortran_order': False, 'shape': (1,), }", b"cos\nsystem\n"), "Python objects"),
        (header("[" * 3000), "not an npy file"),
        (header("{'descr': __import__('os').system('x')}"), "not an npy file"),
        (header("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }", b"\xff\xff\xff\xff"), "no characters"),
        (header("{'descr': 'S1', 'fortran_order': False, 'shape': (1,), }", b"\xff"), "cannot be read"),
        (npy(np.zeros(1, "M8")), "cannot be read"),
        (npy(np.array(["aa"]))[:-4] + b"\0\0\x11\0", "no characters"),
        (header("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }", b"\x00\xd8\0\0"), "no characters"),
        (header("{'descr': [('\\ud800', 'u1')], 'fortran_order': False, 'shape': (1,), }", b"1"), "name is no text"),
        (header("{'descr': '|i1', 'fortran_order': False, 'shape': (1, 200000), }", bytes(200000)), "200,000 columns"),
    ],
)
def test_npy_that_is_wrong_or_harmful_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(BadInput) as told:
        columnar.read_npy(body)
    assert says in str(told.value) and "\n" not in str(told.value)


def everything() -> pa.Table:
    return pa.table(
        {
            "number": [1.5, None],
            "whole": pa.array([2**60 + 1, None]),
            "truth": [True, None],
            "text": ["ä", None],
            "word": pa.array(["x", None]).dictionary_encode(),
            "decimal": [Decimal("1.25"), None],
            "day": [datetime.date(2013, 1, 31), None],
            "moment": pa.array([datetime.datetime(2013, 1, 31, 6), None], pa.timestamp("ns")),
            "bytes": [b"text", None],
            "nothing": pa.nulls(2),
        }
    )


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zstd", "data_page_version": "2.0"}, {"use_dictionary": False}]
)
def test_parquet_of_every_plain_type(options: dict[str, Any]) -> None:
    found = columnar.read_parquet(parquet(everything(), **options))
    assert found.names == everything().column_names and found.rows == 2
    first = [1.5, 2**60 + 1, True, "ä", "x", "1.25", "2013-01-31", "2013-01-31T06:00:00", "text", None]
    assert [column[0] for column in found.columns] == first
    assert [column[1] for column in found.columns] == [None] * 10


def test_parquet_as_pandas_writes_it_in_several_row_groups() -> None:
    frame = pd.DataFrame({"a": range(2500), "b": [f"t{number % 7}" for number in range(2500)]}, index=range(5, 2505))
    file = io.BytesIO()
    frame.set_index(pd.Index(range(2500)).astype(float)).to_parquet(file, row_group_size=700)
    found = columnar.read_parquet(file.getvalue())
    assert (found.names, found.columns) == (["a", "b"], [frame.a.tolist(), frame.b.tolist()])


def test_parquet_that_unpacks_to_too_much_is_refused_before_it_is_unpacked() -> None:
    many = parquet(pa.table({"a": pa.array(np.zeros(9_000_000, np.int8))}))
    assert len(many) < 1 << 20
    with pytest.raises(TooLarge, match="9,000,000 rows"):
        columnar.read_parquet(many)
    texts = parquet(pa.table({"a": ["x" * 27_000_000 + str(number) for number in range(4)]}), compression="zstd")
    assert len(texts) < 1 << 20
    with pytest.raises(TooLarge, match="unpacks to more"):
        columnar.read_parquet(texts)


def test_one_long_text_that_many_rows_name_is_held_once() -> None:
    table = pa.table({"a": pa.DictionaryArray.from_arrays(np.zeros(1_000_000, np.int8), ["x" * 1_000_000])})
    found = columnar.read_parquet(parquet(table))
    assert found.rows == 1_000_000 and found.columns[0][0] is found.columns[0][-1]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "can be read"),
        (b"PAR1", "can be read"),
        (parquet(everything())[:-9], "can be read"),
        (parquet(pa.table({"a": [[1]]})), "'a' is a list"),
        (parquet(pa.table({"a": [{"b": 1}]})), "'a' is a struct"),
        (parquet(pa.table({"a": [datetime.time(1)]})), "'a' is a time"),
        (parquet(pa.table({"a": pa.array([], pa.int64())})), "no row"),
        (parquet(pa.table({"a": [b"\xff"]})), "can be read"),
    ],
)
def test_parquet_that_is_wrong_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(BadInput) as told:
        columnar.read_parquet(body)
    assert says in str(told.value) and "\n" not in str(told.value)


WHOLE = [npy(np.zeros((3, 4))), npy(np.zeros(3, dtype=[("a", "i8"), ("b", "<U3")])), parquet(everything())]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_bytes_that_were_changed_give_a_table_or_a_sentence(body: bytes, changes: list[tuple[float, int]]) -> None:
    spoilt = bytearray(body)
    for where, value in changes:
        spoilt[int(where * (len(body) - 1))] = value
    read = columnar.read_npy if body.startswith(b"\x93") else columnar.read_parquet
    try:
        found = read(bytes(spoilt))
    except BadInput as error:
        assert "\n" not in str(error)
    else:
        assert all(len(column) == found.rows for column in found.columns)


@pytest.mark.parametrize("values", [np.array(["no", "yes"], dtype=object), np.array([0, 1]), np.array([True, False])])
def test_answers_are_read_back_as_they_were(values: Any) -> None:
    found = Prediction(values, np.array([[0.25, 0.75], [1 / 3, 2 / 3]]))
    array = np.load(io.BytesIO(columnar.npy(found)), allow_pickle=False)
    assert array["prediction"].tolist() == values.tolist()
    assert np.array_equal(array["probabilities"], found.probabilities)
    table = pq.read_table(io.BytesIO(columnar.parquet(found, ["no", "yes"])))
    assert table.column_names == ["prediction", "probability_no", "probability_yes"]
    assert [table.column(place).to_pylist() for place in range(3)] == [
        values.tolist(),
        [0.25, 1 / 3],
        [0.75, 2 / 3],
    ]


def test_answers_without_probabilities() -> None:
    plain = Prediction(np.array([0.1, 0.2]), None)
    assert np.load(io.BytesIO(columnar.npy(plain))).tolist() == [0.1, 0.2]
    strange = Prediction(np.array([1, -1]), None, np.array([-0.5, 0.25]))
    assert np.load(io.BytesIO(columnar.npy(strange)))["score"].tolist() == [-0.5, 0.25]
    table = pq.read_table(io.BytesIO(columnar.parquet(strange, None)))
    assert table.to_pydict() == {"prediction": [1, -1], "score": [-0.5, 0.25]}
