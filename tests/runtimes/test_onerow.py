"""The short way of reading one row: it says what the general reader says, or leaves the body to it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupola.registry.signature import Signature, SignatureColumn
from cupola.runtimes.onerow import OneRow
from cupola.runtimes.tables import Columns
from cupola.serving import payloads

SIGNATURE = Signature(
    columns=[SignatureColumn(name="a", type="number"), SignatureColumn(name="the hour", type="category")],
    others=["late"],
    source=["a", "x", "the hour", "late"],
)
reader, columns = OneRow(SIGNATURE), Columns(SIGNATURE)

value = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
row = st.fixed_dictionaries({"a": value, "the hour": value}, optional={"x": value, "late": value})


@settings(deadline=None, derandomize=True)
@given(row, st.sampled_from(["dataframe_records", "instances"]), st.booleans(), st.booleans())
def test_what_it_reads_the_general_reader_reads(one: dict[str, object], shape: str, spaced: bool, ascii: bool) -> None:
    body = json.dumps({shape: [one]}, ensure_ascii=ascii, separators=None if spaced else (",", ":"), allow_nan=False)
    try:
        table = payloads.read(body.encode("utf-8", "surrogatepass"), "application/json", columns.form)
    except payloads.BadInput:
        return
    found = reader.values(body.encode("utf-8", "surrogatepass"))
    if found is not None:
        assert [*found] == [values[0] for values in columns.of(table)]
    elif ":" not in "".join(map(str, one.values())) and '"' not in "".join(map(str, one.values())):
        raise AssertionError("a plain row was left to the general reader")


@pytest.mark.parametrize(
    "body",
    [
        '{"dataframe_records": [{"a": 1, "the hour": "x", "a": 2}]}',
        '{"dataframe_records": [{"a": 1, "the hour": "x", "a" : 2}]}',
        '{"dataframe_records": [{"a": 1, "the hour": "b:c", "a"\\n: 2}]}'.replace("\\n", "\n"),
        '{"dataframe_records":[{"a":1,"the hour":"x","a" :2}]}',
        '{"dataframe_records":[{"a":1,"the hour":"x","a":2}]}',
        '{"dataframe_records": [{"a": 1}]}',
        '{"dataframe_records": [{"a": 1, "the hour": "x", "what": 3}]}',
        '{"dataframe_records": [{"a": 1, "the hour": "x"}, {"a": 1, "the hour": "x"}]}',
        '{"dataframe_records": []}',
        '{"instances": [{"a": 1, "the hour": "x"}], "dataframe_records": [{"a": 1, "the hour": "x"}]}',
        '{"instances": [[1, "x"]]}',
        '{"dataframe_records": [{"a": 1, "the hour": "x"}], "params": {}}',
        '{"dataframe_records": [{"a": NaN, "the hour": "x"}]}',
        "not json",
        "",
    ],
)
def test_all_else_is_left_to_it(body: str) -> None:
    assert reader.values(body.encode()) is None


@pytest.mark.parametrize("name", ['size, "x"', "C:\\temp", "two\nlines", "half \ud800"])
def test_a_model_with_a_column_of_any_name_is_read(name: str) -> None:
    signature = Signature(columns=[SignatureColumn(name=name, type="number")], source=[name])
    assert OneRow(signature).values(json.dumps({"instances": [{name: 1}]}).encode()) is None
