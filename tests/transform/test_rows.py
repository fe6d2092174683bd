"""Arrow's way to a frame gives what the endpoint's gives, whatever stands in the file."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupola.errors import BadInput
from cupola.registry.signature import Signature, SignatureColumn, Writing
from cupola.serving import payloads
from cupola.transform.rows import Rows

SIGNATURE = Signature(
    columns=[
        SignatureColumn(name="n", type="integer", dtype="int64"),
        SignatureColumn(name="x", type="number", dtype="float64"),
        SignatureColumn(name="s", type="category", dtype="str"),
        SignatureColumn(name="b", type="boolean", dtype="bool"),
        SignatureColumn(name="d", type="date", dtype="object"),
    ],
    source=["n", "x", "s", "b", "d", "y"],
    others=["y"],
)
NAMES = ["n", "x", "s", "b", "d", "y"]
NUMBERS = [
    "",
    "1",
    "-2",
    "007",
    "+5",
    " 3",
    "4 ",
    "1.5",
    "1e3",
    "1e999",
    "nan",
    "inf",
    "1_0",
    "0x1",
    "９",
    "9" * 30,
    "one",
]
CELLS = [
    st.sampled_from(NUMBERS),
    st.sampled_from(NUMBERS),
    st.text(alphabet='ab ,"\r\n\0é', max_size=6),
    st.sampled_from(["", "true", "False", "1", "0", "yes", "maybe", " t "]),
    st.sampled_from(["", "2013-01-31", "2013-01-31T06:00:00", "31.1.2013"]),
    st.text(max_size=3),
]


def both(body: bytes, rows: Rows) -> tuple[pd.DataFrame | str, pd.DataFrame | str]:
    found: list[pd.DataFrame | str] = []
    for read in (rows.frame, lambda data: rows.frames.frame(payloads.read(data, "text/csv", rows.frames.form))):
        try:
            found.append(read(body))
        except BadInput as error:
            found.append(str(error))
    return found[0], found[1]


def alike(body: bytes, rows: Rows) -> None:
    quick, slow = both(body, rows)
    if isinstance(slow, str) or isinstance(quick, str):
        assert isinstance(quick, str) and quick == slow
    else:
        pd.testing.assert_frame_equal(quick, slow)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(*CELLS), min_size=1, max_size=4),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_a_csv_that_is_well_written(table: list[tuple[str, ...]], quoting: int, end: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=quoting).writerows([NAMES, *table])  # type: ignore[arg-type]
    alike(text.getvalue().encode(errors="replace"), Rows(SIGNATURE, NAMES))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='1,"\na\r ', max_size=40))
def test_whatever_else_there_is(text: str) -> None:
    alike(b"n,x,s,b,d,y\n" + text.encode(), Rows(SIGNATURE, NAMES))


@pytest.mark.parametrize(
    "line", ['1,2,a"b,true,,\n', '1,2,"a"b,true,,\n', '1,2,""b,true,,\n', '1,2,"a""b",true,,\n', '"1","2","",1,,""']
)
def test_stray_quotes(line: str) -> None:
    alike(f"n,x,s,b,d,y\n{line}".encode(), Rows(SIGNATURE, NAMES))


def test_other_columns_and_other_ways_of_writing_are_read_as_an_endpoint_does() -> None:
    alike(b"n,x,s,b,d,z\n1,2,a,true,,3\n", Rows(SIGNATURE, ["n", "x", "s", "b", "d", "z"]))
    german = Signature(columns=SIGNATURE.columns, source=SIGNATURE.source, writing=Writing(delimiter=";", commas=True))
    rows = Rows(german, ["n", "x", "s", "b", "d"])
    alike(b"n;x;s;b;d\n1;2,5;a;true;\n", rows)
    assert rows.frame(b"n;x;s;b;d\n1;2,5;a;true;\n").x.tolist() == [2.5]
