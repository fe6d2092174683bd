"""Any table that people have becomes the values that it says, or one sentence that names the line."""

import csv
import gzip
import io
import os
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.datasets.conftest import Read, read_bytes

from cupola.datasets import reading
from cupola.datasets.records import ImportOptions
from cupola.datasets.values import KINDS
from cupola.errors import BadInput, BadOption, CupolaError

REFUSED = {
    "header only": (b"a,b\n", "names of columns and no rows"),
    "header only, no newline": (b"a,b", "names of columns and no rows"),
    "blank lines only": (b"\n\n\n", "only blank lines"),
    "no header": (b"1,2\n3,4\n", r"line 1, column 1: there are numbers where names belong \(1, 2\)"),
    "utf-16 header only": (b"\xff\xfea\x00,\x00b\x00", "no rows"),
    "latin-1 header": (b"n\xe9,b\n1,2\n", "line 1, character 2: byte 0xe9 is not UTF-8 text"),
    "latin-1 later": (b"n,b\n1,2\n3,4\ncaf\xe9,2\n", "line 4, character 4: byte 0xe9 is not UTF-8 text"),
    "long row": (b"a,b\n1,2,3\n", "line 2, column 3: the line has 3 fields where line 1 has 2"),
    "short row": (b"a,b,c\n1,2,3\n1,2\n", "line 3, column 3: the line has 2 fields where line 1 has 3"),
    "short row after a newline in a field": (b'a,b\n"x\ny",2\n1\n3,4\n', "line 4, column 2: the line has 1 field"),
    "open quote": (b'a,b\n1,2\n"1,2\n3,4\n', "line 3, column 1: a quote is opened that is never closed"),
    "one name twice": (b"a,b,a\n1,2,3\n", r"line 1: two columns are called 'a' \(columns 1 and 3\)"),
    "one name twice but for blanks": (b"a, a\n1,2\n", "two columns are called 'a'"),
    "NUL": (b"a,b\n1,2\n\x00,3\n", "line 3, character 1: there is a NUL byte"),
    "binary": (bytes(range(256)) * 10, "NUL byte"),
    "zip or Excel": (b"PK\x03\x04" + bytes(100), "Excel"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "picture"),
    "pickle": (b"\x80\x04\x95" + bytes(10), "pickle"),
    "cut gzip": (gzip.compress(b"a,b\n" + os.urandom(9999).hex().encode())[:-9], "cut short"),
    "damaged gzip": (gzip.compress(b"a,b\n1,2\n" * 99)[:30] + b"garbage" * 20, "damaged"),
    "empty gzip": (gzip.compress(b""), "holds nothing"),
    "gzipped parquet": (gzip.compress(b"PAR1" + bytes(99)), "packed with gzip"),
    "broken parquet": (b"PAR1" + bytes(100) + b"PAR1", "damaged or cut short"),
    "cut parquet": (b"PAR1" + bytes(100), "damaged or cut short"),
    "half an object": (b'{"a":1}\n{"a":', "line 2 is not valid JSON"),
    "not json": (b"{", "line 1 is not valid JSON"),
    "pretty json": (b'{\n "a": 1\n}\n', "line 1 is not valid JSON"),
    "array": (b'[{"a":1}]', "one JSON array"),
    "array of lists": (b"[\n[1, 2],\n[3, 4]\n]\n", "one JSON array"),
    "array of numbers": (b"[1, 2]\n", "one JSON array"),
    "array later": (b'{"a":1}\n[1]\n', "line 2 holds a list where an object belongs"),
    "no keys": (b"{}\n{}\n", "hold no values"),
    "BOM and no keys": (b"\xef\xbb\xbf{}", "hold no values"),
    "NaN in JSON": (b'{"a":NaN}', "line 1 is not valid JSON"),
    "number beyond all": (b'{"a":1e400}', "line 1 is not valid JSON"),
    "deep JSON": (b'{"a":' * 5000, "nested too deeply"),
    "key twice": (b'{"a":1}\n{"a":1,"a":2}\n', "line 2 has the key 'a' twice"),
    "wrong UTF-8 in JSON": (b'{"a":1}\n{"a":"\xff"}', "line 2, character 7: byte 0xff is not UTF-8 text"),
}  # fmt: skip

EXACT: dict[str, tuple[bytes, dict[str, list[Any]]]] = {
    "CR only": (b"a,b\r1,2\r", {"a": [1], "b": [2]}),
    "mixed newlines": (b"a,b\r\n1,2\n3,4\r", {"a": [1, 3], "b": [2, 4]}),
    "no last newline": (b"a,b\n1,2", {"a": [1], "b": [2]}),
    "mark": (b"\xef\xbb\xbfa,b\n1,2\n", {"a": [1], "b": [2]}),
    "utf-16": ("a,b\né,2\n".encode("utf-16"), {"a": ["é"], "b": [2]}),
    "utf-16 without a mark": (("a,b\n" + "x,2\n" * 9).encode("utf-16-be"), {"a": ["x"] * 9, "b": [2] * 9}),
    "doubled quotes": (b'a,b\n"x""y",2\n', {"a": ['x"y'], "b": [2]}),
    "escaped quotes": (b'a,b\n"x\\"y,z",2\n"q",3\n', {"a": ['x"y,z', "q"], "b": [2, 3]}),
    "single quotes": (b"a,b\n'x,1','2'\n'y','3'\n", {"a": ["x,1", "y"], "b": [2, 3]}),
    "apostrophes": (b"a,b\n'tis,2\ndon't,3\n", {"a": ["'tis", "don't"], "b": [2, 3]}),
    "newline in a field": (b'a,b\n"x\ny",2\n', {"a": ["x\ny"], "b": [2]}),
    "header over two lines": (b'"a\nb",c\n1,2\n', {"a b": [1], "c": [2]}),
    "blank lines": (b"\n\na,b\n\n1,2\n\n\n3,4\n\n", {"a": [1, 3], "b": [2, 4]}),
    "blank line of one column": (b"a\n1\n\n3\n", {"a": [1, None, 3]}),
    "semicolon": (b"a;b\n1;2\n", {"a": [1], "b": [2]}),
    "tab": (b"a\tb\nx, y\t2\n", {"a": ["x, y"], "b": [2]}),
    "bar": (b"a|b\n1|2\n", {"a": [1], "b": [2]}),
    "names in brackets": (b"[a],[b]\n1,2\n", {"[a]": [1], "[b]": [2]}),
    "years in brackets": (b"[2020];[2021]\n1;2\n", {"[2020]": [1], "[2021]": [2]}),
    "one column of sentences": (b"text\nhello, world\nbye\n", {"text": ["hello, world", "bye"]}),
    "no name": (b"a,\n1,2\n", {"a": [1], "column_2": [2]}),
    "delimiter at the end": (b"a,b,\n1,2,\n", {"a": [1], "b": [2]}),
    "escape sequence in a name": (b"a,\x1b[2J\n1,2\n", {"a": [1], "[2J": [2]}),
    "thousands": (b'a,b\n"1,000",2\n', {"a": ["1,000"], "b": [2]}),
    "formula": (b"a,b\n=cmd|'/c calc'!A0,+1+1\n", {"a": ["=cmd|'/c calc'!A0"], "b": ["+1+1"]}),
    "beyond 64 bits": (b"a\n9223372036854775808\n", {"a": ["9223372036854775808"]}),
    "integers that a float would round": (b"a\n9007199254740993\n0.5\n", {"a": ["9007199254740993", "0.5"]}),
    "long decimal": (b"a\n0.1000000000000000055511151231257827\n", {"a": [0.1]}),
    "mixed dates": (b"d\n2020-01-02\n02/01/2020\n", {"d": ["2020-01-02", "02/01/2020"]}),
    "no such day": (b"d\n2020-02-29\n2020-02-30\n", {"d": ["2020-02-29", "2020-02-30"]}),
    "old date": (b"d\n1677-01-01\n", {"d": [date(1677, 1, 1)]}),
    "dates and times": (b"d\n2020-01-01\n2020-01-02 10\n", {"d": [datetime(2020, 1, 1), datetime(2020, 1, 2, 10)]}),
    "day first": (b"d\n3.12.2023\n25.12.2023\n", {"d": [date(2023, 12, 3), date(2023, 12, 25)]}),
    "month first": (b"d\n12/03/2023\n12/25/2023\n", {"d": [date(2023, 12, 3), date(2023, 12, 25)]}),
    "days with times": (b"d\n25-12-2023 10\n1-2-2024\n", {"d": [datetime(2023, 12, 25, 10), datetime(2024, 2, 1)]}),
    "one day, two separators": (b"d\n25.12/2023\n", {"d": ["25.12/2023"]}),
    "no day in either order": (b"d\n25.13.2023\n25.12.2023\n", {"d": ["25.13.2023", "25.12.2023"]}),
    "days first and months first": (b"d\n25/12/2023\n12/25/2023\n", {"d": ["25/12/2023", "12/25/2023"]}),
    "year of two digits": (b"d\n25.12.23\n", {"d": ["25.12.23"]}),
    "yes and no": (b"a\nyes\nno\n", {"a": ["yes", "no"]}),
    "true and false": (b"a\ntrue\nFALSE\n", {"a": [True, False]}),
    "zero and one": (b"a\n0\n1\n", {"a": [0, 1]}),
    "leading zeros": (b"zip\n01234\n91234\n", {"zip": ["01234", "91234"]}),
    "plus": (b"a\n+49\n+50\n", {"a": ["+49", "+50"]}),
    "hexadecimal": (b"a\n0x1F\n0x2F\n", {"a": ["0x1F", "0x2F"]}),
    "infinity": (b"a\ninf\n1.5\n", {"a": ["inf", "1.5"]}),
    "true minus": ("a\n\u22125\n".encode(), {"a": ["\u22125"]}),
    "hard blank": ("a\n\u00a05\n".encode(), {"a": ["\u00a05"]}),
    "blanks around numbers": (b"a, b\n 1, 2\n3 , 4\n", {"a": [1, 3], "b": [2, 4]}),
    "all missing": (b"a,y\n,0\n,1\n", {"a": [None, None], "y": [0, 1]}),
    "quoted nothing": (b'a,y\n"",0\nx,1\n', {"a": [None, "x"], "y": [0, 1]}),
    "decimal commas": (b"a;b\n1,5;2\n2,25;3\n", {"a": [1.5, 2.25], "b": [2, 3]}),
    "commas of either kind": (b"a;b\n1,500;2\n2,250;3\n", {"a": ["1,500", "2,250"], "b": [2, 3]}),
    "gzip": (gzip.compress(b"a,b\n1,2\n"), {"a": [1], "b": [2]}),
    "two gzips": (gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n"), {"a": [1, 3], "b": [2, 4]}),
    "json lines": (
        b'{"a":1,"b":"x"}\n\n{"a":2.5,"c":true}\n{"b":null}\n',
        {"a": [1.0, 2.5, None], "b": ["x", None, None], "c": [None, True, None]},
    ),
    "texts of digits in JSON": (b'{"a":"01","b":"5"}\n', {"a": ["01"], "b": ["5"]}),
    "dates in JSON": (b'{"a":"2020-01-01"}\n', {"a": [date(2020, 1, 1)]}),
    "an empty text in JSON": (b'{"a":""}\n', {"a": [""]}),
    "mixed JSON": (b'{"a":1}\n{"a":"x"}\n{"a":true}\n', {"a": ["1", "x", "true"]}),
    "NUL in JSON": (b'{"a":"\\u0000"}', {"a": ["\x00"]}),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_no_table_is_refused_in_one_sentence(read: Read, why: str) -> None:
    content, sentence = REFUSED[why]
    with pytest.raises(BadInput, match=sentence) as caught:
        read(content)
    assert caught.value.where and "\n" not in caught.value.message


@pytest.mark.parametrize("why", EXACT)
def test_what_is_odd_is_read_exactly(read: Read, why: str) -> None:
    content, values = EXACT[why]
    assert read(content).values == values


def test_times_with_zones_are_moments(read: Read) -> None:
    seen = read(b"d\n2020-01-01T00:00:00Z\n2020-01-01T00:00:00+05:30\n").values["d"]
    assert [one.isoformat() for one in seen] == ["2020-01-01T00:00:00+00:00", "2019-12-31T18:30:00+00:00"]


def test_a_text_in_the_last_row_makes_the_column_text_and_loses_nothing(read: Read) -> None:
    rows = [str(number) for number in range(700_000)]
    seen = read("\n".join(["a", *rows, "n/a"]).encode())
    assert seen.values["a"] == [*rows, "n/a"]
    assert seen.notes == ["column a: 'n/a' once among integers, kept as text; --missing 'n/a' reads it as missing"]


def test_dates_of_either_order_stay_text_until_somebody_says_which(read: Read) -> None:
    content = b"d,e\n03/04/2024,2024-01-01\n05/06/2024,2024-01-02\n"
    kept = read(content)
    assert kept.values["d"] == ["03/04/2024", "05/06/2024"]
    what = "its dates may begin with the day or with the month"
    assert kept.notes == [f"column d: {what}, kept as text; --dates dmy (or mdy) says which"]
    assert read(content, dates="dmy").values["d"] == [date(2024, 4, 3), date(2024, 6, 5)]
    assert read(content, dates="mdy").values["d"] == [date(2024, 3, 4), date(2024, 5, 6)]
    asked = {"d": "date", "e": "datetime"}
    seen = read(content, dates="mdy", types=asked)
    assert seen.kinds == asked and seen.values["d"] == [date(2024, 3, 4), date(2024, 5, 6)]
    with pytest.raises(BadInput, match="line 2, column d: '03/04/2024' cannot be read as a date") as caught:
        read(content, types={"d": "date"})
    assert "--dates dmy" in (caught.value.hint or "")


def test_months_are_their_first_days_unless_they_may_be_seasons(read: Read) -> None:
    seen = read(b"month,season,code,n\n2001-02,2001-02,2001-13,1\n2002-03,2002-03,2001-02,2\n1999-12,,2001-03,3\n")
    assert seen.values["month"] == [date(2001, 2, 1), date(2002, 3, 1), date(1999, 12, 1)]
    assert seen.kinds["month"] == "date"
    assert seen.values["season"] == ["2001-02", "2002-03", None]
    assert seen.values["code"] == ["2001-13", "2001-02", "2001-03"]
    asked = read(b"season,n\n2001-02,1\n2002-03,2\n", types={"season": "date"})
    assert asked.values["season"] == [date(2001, 2, 1), date(2002, 3, 1)]


def test_a_late_day_decides_of_all_days_before_it(read: Read) -> None:
    rows = ["01/02/2024"] * 400_000
    seen = read("\n".join(["d", *rows, "31/01/2024"]).encode())
    assert (seen.values["d"][0], seen.values["d"][-1], seen.notes) == (date(2024, 2, 1), date(2024, 1, 31), [])


@given(st.dates(min_value=date(1000, 1, 1)), st.sampled_from("./-"), st.booleans(), st.sampled_from(["dmy", "mdy"]))
def test_a_day_is_read_as_it_was_written(day: date, mark: str, padded: bool, order: str) -> None:
    parts = [day.day, day.month] if order == "dmy" else [day.month, day.day]
    text = mark.join([*(f"{one:02}" if padded else str(one) for one in parts), f"{day.year:04}"])
    assert KINDS[order].parse(pa.array([text])).to_pylist() == [day]
    assert KINDS[f"{order} time"].parse(pa.array([f"{text} 12:30"])).to_pylist() == [
        datetime(day.year, day.month, day.day, 12, 30)
    ]


@pytest.mark.parametrize("word", ["NA", "None", "?", "null", "NaN", "-"])
def test_words_for_nothing_are_offered_and_not_eaten(read: Read, word: str) -> None:
    content = f"a,t\n1,{word}\n{word},x\n2.5,y\n".encode()
    kept = read(content)
    assert kept.values == {"a": ["1", word, "2.5"], "t": [word, "x", "y"]}
    assert [note for note in kept.notes if "column a:" in note and f"--missing '{word}'" in note]
    assert read(content, missing=[word]).values == {"a": [1.0, None, 2.5], "t": [None, "x", "y"]}


def test_options_are_taken_as_they_are(read: Read) -> None:
    assert read(b"1,2\n3,4\n", header=False).values == {"column_1": [1, 3], "column_2": [2, 4]}
    assert read(b"1,2\n3,4\n", header=True).values == {"1": [3], "2": [4]}
    assert read(b"n\xe9\n\xe9\n", encoding="latin-1").values == {"né": ["é"]}
    assert read(b"a b\n1 2\n", delimiter="space").values == {"a": [1], "b": [2]}
    assert read(b"a;b\n1,500;2\n", decimal=",").values == {"a": [1.5], "b": [2]}
    assert read(b'{"a":1}\n', format="csv", delimiter="tab", header=False).values == {"column_1": ['{"a":1}']}


def test_types_that_are_asked_for_are_kept_to(read: Read) -> None:
    content = b"zip,flag,n,d\n01234,yes,+5,2020-01-01\n91234,no,5.0,\n"
    types = {"zip": "integer", "flag": "boolean", "n": "integer", "d": "datetime"}
    seen = read(content, types=types)
    assert seen.values == {"zip": [1234, 91234], "flag": [True, False], "n": [5, 5], "d": [datetime(2020, 1, 1), None]}
    assert seen.kinds == types
    assert read(b"a\n1\n2\n", types={"a": "category"}).values == {"a": ["1", "2"]}
    assert read(b'{"a":[1]}', types={"a": "text"}).values == {"a": ["[1]"]}


def test_a_value_that_does_not_fit_the_asked_type_is_named_with_its_line(read: Read) -> None:
    with pytest.raises(BadInput, match="line 6, column x: 'zz' cannot be read as an integer"):
        read(b'zip,x\n"a\nb",1\n"c\nd",2\n3,zz\n', types={"x": "integer"})
    with pytest.raises(BadInput, match="line 2, column x: 'zz' cannot be read as a number"):
        read(b'{"x":1}\n{"x":"zz"}\n', types={"x": "number"})


@pytest.mark.parametrize("options", [{"target": "z"}, {"roles": {"z": "id"}}, {"types": {"z": "text"}}])
@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b'{"a":1,"b":2}\n'])
def test_an_option_about_a_column_that_is_not_there_is_refused(
    read: Read, content: bytes, options: dict[str, Any]
) -> None:
    with pytest.raises(BadInput, match="names the column 'z', which is not there") as caught:
        read(content, **options)
    assert "a, b" in str(caught.value)


def test_options_that_are_wrong_in_themselves(read: Read) -> None:
    with pytest.raises(BadOption, match="no encoding called 'klingon'"):
        read(b"a\n1\n", encoding="klingon")
    with pytest.raises(BadOption, match="--delimiter takes one plain character"):
        read(b"a\n1\n", delimiter="ab")
    with pytest.raises(BadOption, match="the delimiter and the decimal sign are the same"):
        read(b"a,b\n1,2\n", decimal=",")


def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    for name, sentence in (
        ("gone", "no such file"),
        ("directory", "directory"),
        ("pipe", "not a plain file"),
        ("empty", "empty"),
    ):
        with pytest.raises(BadInput, match=sentence):
            reading.table(tmp_path / name, ImportOptions())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").write_text("a\n1\n")
    (tmp_path / "closed").chmod(0)
    with pytest.raises(BadInput, match="may not read"):
        reading.table(tmp_path / "closed", ImportOptions())


def test_a_file_that_changes_between_the_two_readings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "given.csv"
    path.write_text("a\n1\n")
    table = reading.table(path, ImportOptions())
    plan = reading.plan(table, ImportOptions())
    with path.open("r+") as file:
        file.write("a\n2")
    with pytest.raises(BadInput, match="changed while it was being imported"):
        list(reading.converted(table, plan))


def test_a_file_that_is_deleted_while_it_is_read_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "given.csv"
    path.write_text("a\n1\n")
    table = reading.table(path, ImportOptions())
    path.unlink()
    assert [batch.to_pydict() for batch in reading.converted(table, reading.plan(table, ImportOptions()))] == [
        {"a": [1]}
    ]


def test_ten_thousand_columns_and_a_field_of_ten_megabytes(read: Read) -> None:
    names = [f"c{number}" for number in range(10_000)]
    wide = read(f"{','.join(names)}\n{','.join('1' for _ in names)}\n".encode())
    assert wide.values == {name: [1] for name in names}
    long = "x" * 10_000_000
    assert read(f'a,b\n"{long}",1\ny,2\n'.encode()).values == {"a": [long, "y"], "b": [1, 2]}


def test_a_field_of_ten_megabytes_after_many_rows(read: Read) -> None:
    long = "x" * 10_000_000
    rows = "y,1\n" * 1_500_000
    seen = read(f"a,b\n{rows}{long},2\n".encode()).values
    assert (len(seen["b"]), seen["a"][-1], seen["b"][-1]) == (1_500_001, long, 2)


def test_parquet_keeps_its_types(read: Read, tmp_path: Path) -> None:
    table = pa.table(
        {
            "small": pa.array([1, None], pa.int8()),
            "real": pa.array([0.5, float("nan")], pa.float32()),
            "words": pa.array(["x", "y"]).dictionary_encode(),
            "flag": [True, None],
            "day": pa.array([date(2020, 1, 1), None], pa.date32()),
            "stamp": pa.array([datetime(2020, 1, 1, 1), None], pa.timestamp("ns")),
            "empty": pa.array(["", "NA"]),
            "nothing": pa.nulls(2),
        }
    )
    pq.write_table(table, tmp_path / "p")
    assert read((tmp_path / "p").read_bytes()).values == {
        "small": [1, None], "real": [0.5, None], "words": ["x", "y"], "flag": [True, None],
        "day": [date(2020, 1, 1), None], "stamp": [datetime(2020, 1, 1, 1), None],
        "empty": ["", "NA"], "nothing": [None, None],
    }  # fmt: skip
    seen = read((tmp_path / "p").read_bytes(), missing=["NA"], types={"small": "text", "words": "category"})
    assert (seen.values["small"], seen.values["empty"]) == (["1", None], ["", None])


def test_nested_values_are_kept_as_json_text_and_that_is_said(read: Read, tmp_path: Path) -> None:
    seen = read(b'{"a":1,"b":{"c":"\xc3\xa4"}}\n{"a":[1,2],"b":null}\n')
    assert seen.values == {"a": ["1", "[1, 2]"], "b": ['{"c": "ä"}', None]}
    assert [note.partition(":")[0] for note in seen.notes] == ["column a", "column b"]
    pairs = pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64()))
    nested = {"a": [[1.5, float("nan")], []], "b": [{"c": datetime(2020, 1, 1)}, None], "m": pairs}
    pq.write_table(pa.table(nested), tmp_path / "p")
    seen = read((tmp_path / "p").read_bytes(), types={"m": "text"})
    assert seen.values == {
        "a": ["[1.5,null]", "[]"], "b": ['{"c":"2020-01-01T00:00:00"}', None], "m": ['{"k":1}', None],
    }  # fmt: skip
    assert ["kept as JSON text" in note for note in seen.notes] == [True, True]


def test_durations_in_parquet_are_seconds(read: Read, tmp_path: Path) -> None:
    waits = {unit: pa.array([1500, None], pa.duration(unit)) for unit in ("s", "ms", "us", "ns")}
    pq.write_table(pa.table(waits), tmp_path / "p")
    seen = read((tmp_path / "p").read_bytes())
    assert [one[0] for one in seen.values.values()] == [1500.0, 1.5, 0.0015, 0.0000015]
    assert len(seen.notes) == 4 and all(one[1] is None for one in seen.values.values())


def test_bytes_in_parquet_are_text_where_they_are_any(read: Read, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": ["ä".encode(), None]}), tmp_path / "p")
    assert read((tmp_path / "p").read_bytes()).values == {"a": ["ä", None]}
    pq.write_table(pa.table({"a": [b"\xff"]}), tmp_path / "p")
    with pytest.raises(BadInput, match="column 'a' holds bytes that are no text"):
        read((tmp_path / "p").read_bytes(), types={"a": "text"})


def test_parquet_with_too_large_integers_is_refused(read: Read, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([2**64 - 1], pa.uint64())}), tmp_path / "p")
    with pytest.raises(BadInput, match="--type a=text"):
        read((tmp_path / "p").read_bytes())
    assert read((tmp_path / "p").read_bytes(), types={"a": "text"}).values == {"a": [str(2**64 - 1)]}


# A bare carriage return is left out: the csv module writes it without quotes, and for every reader it ends the line.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False, width=64).map(lambda x: x + 0.0),
    "boolean": st.booleans(),
    "date": st.dates(min_value=date(1, 1, 1)),
    "datetime": st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(2200, 1, 1)),
    "text": st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), min_size=1, max_size=12).map(
        lambda text: f"~{text}"
    ),
}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, tuple[str, list[Any]]]:
    kinds = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=5))
    rows = draw(st.integers(1, 12))
    return {
        f"c{number}_{kind}": (kind, draw(st.lists(st.none() | VALUES[kind], min_size=rows, max_size=rows)))
        for number, kind in enumerate(kinds)
    }


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else repr(value) if isinstance(value, float) else str(value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=tables(),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ends=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    packed=st.booleans(),
)
def test_a_table_written_in_any_dialect_comes_back_equal(
    tmp_path: Path, table: Any, delimiter: str, quoting: Any, ends: str, encoding: str, packed: bool
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=ends)
    writer.writerow(table)
    columns = [values for _, values in table.values()]
    writer.writerows([_written(value) for value in row] for row in zip(*columns, strict=True))
    content = text.getvalue().encode(encoding)
    seen = read_bytes(tmp_path / "given", gzip.compress(content) if packed else content)
    for name, (kind, values) in table.items():
        present = [value for value in values if value is not None]
        whole = kind == "number" and present and all(value == int(value) for value in present)
        expected = values
        if not whole and seen.kinds[name] == "text" and kind not in ("text",) and present:
            expected = [None if value is None else _written(value) for value in values]
            assert kind in ("number",)  # an integer among floats that a float would round stays as it was written
        assert seen.values[name] == expected


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_and_never_crash(tmp_path: Path, content: bytes) -> None:
    assume(content)
    try:
        read_bytes(tmp_path / "given", content)
    except CupolaError as error:
        assert error.message


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.text(st.sampled_from("ab1,;\t|\"'\\\n\r.-eE0x é{}[]:"), min_size=1, max_size=60))
def test_any_text_is_read_or_refused_and_never_crashes(tmp_path: Path, content: str) -> None:
    try:
        read_bytes(tmp_path / "given", content.encode())
    except CupolaError as error:
        assert error.message


def test_json_lines_that_only_make_sense_together_are_refused(read: Read) -> None:
    with pytest.raises(BadInput, match="line 1 is not valid JSON"):
        read(b'{"a":1},{"a":2}\n{"a":3\n"b":4}\n')
    with pytest.raises(BadInput, match="line 1 is not valid JSON"):
        read(b'{"a":1},{"a":2}\n{"a":3}\n')


def test_ten_thousand_keys_in_json(read: Read) -> None:
    row = ",".join(f'"k{number}":{number}' for number in range(10_000))
    seen = read(f'{{"a":1}}\n{{{row}}}\n'.encode())
    assert len(seen.values) == 10_001 and seen.values["k9999"] == [None, 9999]


def test_fields_told_apart_by_spaces_are_offered(tmp_path: Path) -> None:
    path = tmp_path / "spaced.txt"
    path.write_text("age sex bmi\n59 2 32.1\n48 1 21.6\n")
    assert reading.table(path, ImportOptions()).notes == ["read as one column; --delimiter space finds 3 in its lines"]
    spaced = reading.table(path, ImportOptions(delimiter="space"))
    assert (spaced.names, spaced.notes) == (["age", "sex", "bmi"], [])
    path.write_text("said\nso long as it is free\ntext\n")
    assert reading.table(path, ImportOptions()).notes == []
