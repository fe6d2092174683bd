"""What people write in SQL reaches the columns of one row, or the flow's tables, and nothing else."""

import pytest
from tests.flows.conftest import Made, step

from cupola.errors import BadInput, BadOption, CupolaError
from cupola.flows import expressions
from cupola.flows.sql import Table

TABLE = Table(name="t", columns={"Age": "BIGINT", "odd \"one's": "VARCHAR"})


@pytest.mark.parametrize(
    "text",
    [
        "age + 1", "case when age > 3 then 'x' else \"odd \"\"one's\" end",
        "len(list_filter([1, age], lambda x: x > 1))",
        "age::varchar || '--'", "age -- a comment", "coalesce(age, 0) in (1, 2)",
    ],
)  # fmt: skip
def test_expressions_of_one_row_are_taken(text: str) -> None:
    assert expressions.checked(text, TABLE) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an SQL expression is needed"),
        ("age +", "is no SQL expression"),
        ("aeg + 1", "no column 'aeg' here .did you mean Age"),
        ("age), (1", "is not one SQL expression"),
        ("age) from read_csv('/etc/passwd') --", "is no SQL expression"),
        ("1); drop table t; select (1", "is no SQL expression"),
        ("(select max(content) from read_text('/etc/passwd'))", "it has a SELECT in it"),
        ("age in (select 1)", "it has a SELECT in it"),
        ("avg(age) over ()", "looks at other rows"),
        ("age - AVG(age)", r"avg\(\) is of many rows"),
        ("columns(*)", "it has a . in it"),
        ("(" * 5000 + "1" + ")" * 5000, "nested too deeply|no SQL expression"),
        ("age + " * 20_000 + "1", "longer than"),
    ],
)
def test_what_is_more_than_an_expression_of_one_row_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadOption, match=said):
        expressions.checked(text, TABLE)


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_csv('/etc/passwd')", "select * from read_text('/etc/passwd')", "from '/etc/passwd'",
        "select * from glob('/*')", "select * from read_parquet('/tmp/*')",
        "select * from sniff_csv('/etc/passwd')",
    ],
)  # fmt: skip
def test_sql_reads_no_files(made: Made, query: str) -> None:
    with pytest.raises(CupolaError, match="flow tried, step sql"):
        made(step("sql", query=query))


@pytest.mark.parametrize(
    "query",
    [
        "copy (select 1) to '/tmp/stolen.csv'", "create table x as select 1", "select 1; select 2",
        "attach '/tmp/x.db'",
        "set memory_limit = '1TB'", "install httpfs", "pragma database_list", "",
    ],
)  # fmt: skip
def test_sql_is_one_select(made: Made, query: str) -> None:
    with pytest.raises(BadOption, match="step sql"):
        made(step("sql", query=query))


def test_sql_sees_its_inputs_by_their_names_and_no_hidden_columns(made: Made) -> None:
    query = "select df.*, country from df left join ports using (port) order by id"
    found = made(step("filter", where="id < 5", id="few"), step("sql", "few", "ports", query=query)).frame
    assert {*found["country"].dropna()} <= {"NO", "BR", "Brasil"} and not {"__row__", "__train__"} & {*found.columns}


def test_columns_of_one_name_are_told_apart(made: Made) -> None:
    assert [*made(step("sql", query="select age, AGE from df")).frame.columns] == ["age", "age_1"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("df['x'] = 1 +", "line 1 is not Python"),
        ("x = 1\ndf['x'] = df['nothing']", "line 2 of the Python failed: KeyError"),
        ("df = 3", "df is int at the end of the Python"),
        ("df = df[[]]", "no column is left"),
        ("df.columns = ['same'] * len(df.columns)", "or there twice"),
        ("import sys; sys.exit(3)", "line 1 of the Python failed: SystemExit"),
        ("df['x'] = [1, 'a'] * (len(df) // 2)", "values of several kinds"),
    ],
)
def test_python_that_fails_says_where(made: Made, code: str, said: str) -> None:
    with pytest.raises((BadInput, BadOption), match=said):
        made(step("python", code=code))


@pytest.mark.parametrize(
    ("type", "params", "said"),
    [
        ("scale", {"columns": ["aeg"]}, "no column 'aeg' here .did you mean age"),
        ("scale", {"columns": ["port"]}, "port is a text, and only integers or numbers or booleans are scaled"),
        ("join", {"on": ["port"]}, "join takes two inputs, not 1"),
        ("rename-column", {"column": "age", "name": "FARE"}, "a column called 'FARE' already"),
        ("formula", {"name": "a\x1b[31m", "expression": "1"}, "is no name for a column"),
        ("parse-type", {"columns": ["code"], "type": "integer", "invalid": "fail"}, "Could not convert"),
        ("resample", {"time": "seen", "every": "soon", "aggregates": ["count()"]}, "every is such as 1 hour"),
        ("group-by", {"by": ["port"], "aggregates": ["meen(age)"]}, "did you mean mean"),
        ("group-by", {"by": ["port"], "aggregates": ["mean(name)"]}, "name is a text"),
        ("split", {"shares": "60/60"}, "shares is such as 60/20/20"),
        ("sample", {}, "either rows or share is needed"),
        ("drop-columns", {"columns": ["no\x1b"]}, "there is no column"),
        ("extract-pattern", {"column": "code", "pattern": "("}, "this is no regular expression"),
        ("find-replace", {"columns": ["code"], "find": "(", "pattern": True}, "this is no regular expression"),
        ("fill-missing", {"columns": ["age"], "method": "constant", "value": "x"}, "Could not convert string 'x'"),
    ],
)
def test_what_does_not_fit_the_data_is_said_with_its_step(made: Made, type: str, params: dict, said: str) -> None:
    with pytest.raises(CupolaError, match=said) as raised:
        made(step(type, **params))
    assert "flow tried" in str(raised.value)
