"""Rows of a CSV as a client sends them: as the standard has it, or as they stand in the source of the data."""

import pytest

from cupola.errors import BadInput
from cupola.registry.signature import Writing
from cupola.runtimes.tables import Form
from cupola.serving.calls import typed
from cupola.serving.payloads import read, read_csv

EUROPEAN = Writing(delimiter=";", commas=True, missing=["?"])


def form(*known: str, used: int | None = None, writing: Writing = EUROPEAN) -> Form:
    return Form(frozenset(known), frozenset([len(known), len(known) if used is None else used]), writing)


@pytest.mark.parametrize("text", ["a;b;c\n1,5;x;y\n", 'a,b,c\n"1,5",x,y\n'])
def test_a_header_tells_which_of_the_two_it_is(text: str) -> None:
    found = read_csv(text, form("a", "b", "c"))
    assert (found.names, found.columns) == (["a", "b", "c"], [["1,5"], ["x"], ["y"]])


@pytest.mark.parametrize("text", ["1,5;x;y\n", '"1,5",x,y\n'])
def test_without_a_header_the_width_tells(text: str) -> None:
    assert read_csv(text, form("a", "b", "c")).columns == [["1,5"], ["x"], ["y"]]


def test_a_model_of_one_column_takes_its_source_all_the_same() -> None:
    assert read_csv("1,5;x;y\n", form("a", "b", "c", used=1)).columns == [["1,5"], ["x"], ["y"]]
    assert read_csv("1\n2\n", form("a", "b", "c", used=1)).columns == [["1", "2"]]


def test_other_quotes_and_escapes() -> None:
    source = Writing(quote="'", escaped=True)
    assert read_csv("'a,\\'',2\n", form("a", "b", writing=source)).columns == [["a,'"], ["2"]]


@pytest.mark.parametrize("text", [",a,b\n0,1,2\n", "column_1,a,b\n0,1,2\n"])
def test_a_column_without_a_name_is_called_as_at_the_import(text: str) -> None:
    found = read_csv(text, form("column_1", "a", "b"))
    assert (found.names, found.columns) == (["column_1", "a", "b"], [["0"], ["1"], ["2"]])


@pytest.mark.parametrize("text", ["a,b,\n1,2,\n3,,\n", "1,2,\n3,,\n"])
def test_a_delimiter_at_the_end_of_each_line_is_no_column(text: str) -> None:
    found = read_csv(text, form("a", "b"))
    assert (found.names or ["a", "b"], found.columns) == (["a", "b"], [["1", "3"], ["2", None]])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ('[{"a": 1e400}]', "the body holds a number that is too large, at instances[0]"),
        ("[[1, 1e400]]", "the body holds a number that is too large, at instances[0][1]"),
        ('{"a": 1}\n{"a": 1e400}', "line 2 holds a number that is too large"),
        ("[{}]", "the rows of instances hold no values"),
        ("[]", "instances holds no row"),
        ('[{"a": 1},]', "the body is not JSON: JSON is malformed: trailing comma"),
    ],
)
def test_what_is_wrong_with_a_payload_that_is_typed_in_is_said_in_its_own_words(data: str, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(*typed(data.encode()), form("a"))
    assert caught.value.message.startswith(says)
