"""Words become arguments, and arguments become the words that give them again."""

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola import arguments
from cupola.actions import Action, Arg
from cupola.errors import BadOption


@given(st.lists(st.text(st.sampled_from('ab ,"()'), min_size=1).map(str.strip).filter(bool)))
def test_the_items_of_a_list_come_back_from_how_they_are_typed(values: list[str]) -> None:
    assert arguments.items(arguments.listed(values)) == values


def test_commas_within_brackets_and_quotation_marks_part_no_items() -> None:
    assert arguments.items('mean(a, b) , count(), "x, y",, z(') == ["mean(a, b)", "count()", "x, y", "z("]


def train(
    ws: Any,
    dataset: Annotated[str, Arg(help="the data")],
    others: list[str] | None = None,
    *,
    estimator: str,
    params: Annotated[dict[str, str] | None, Arg(short="p", pairs=True)] = None,
    exclude: Annotated[list[str] | None, Arg(completes="column")] = None,
    cpus: int = 1,
    max_runtime: float | None = None,
    mode: Literal["quick", "best"] = "quick",
    type_: Annotated[str | None, Arg(choices=("a", "b"))] = None,
    live: bool = False,
    check: bool = True,
    out: Path | None = None,
) -> None:
    """Train."""


ACTION = Action(name="train", function=train)


def parsed(line: str) -> dict[str, Any]:
    return arguments.parse(ACTION.parameters, shlex.split(line))


def test_each_kind_of_option_becomes_a_value_of_its_type() -> None:
    assert parsed(
        "flights a b --estimator=Ridge -p alpha=0.5 -pfit=x=y --exclude c1 --exclude c2 --cpus 2 --max-runtime 1.5 "
        "--mode best --type b --live --no-check --out /tmp/x"
    ) == {
        "dataset": "flights",
        "others": ["a", "b"],
        "estimator": "Ridge",
        "params": {"alpha": "0.5", "fit": "x=y"},
        "exclude": ["c1", "c2"],
        "cpus": 2,
        "max_runtime": 1.5,
        "mode": "best",
        "type_": "b",
        "live": True,
        "check": False,
        "out": Path("/tmp/x"),
    }


def test_what_follows_two_dashes_is_positional_whatever_it_looks_like() -> None:
    assert parsed("--estimator E -- --help -x --") == {"estimator": "E", "dataset": "--help", "others": ["-x", "--"]}


@pytest.mark.parametrize("text", ["0.5", "50%", "'50 %'"])
def test_a_number_may_be_a_percentage(text: str) -> None:
    assert parsed(f"d --estimator E --max-runtime {text}")["max_runtime"] == 0.5


def test_a_negative_number_is_a_value() -> None:
    assert parsed("d --estimator E --cpus -3")["cpus"] == -3
    assert parsed("-5 --estimator E")["dataset"] == "-5"


@pytest.mark.parametrize(
    ("line", "says", "hints"),
    [
        ("d --estimator E --cpu 2", "there is no option --cpu", "--cpus"),
        ("d --estimator E -z", "there is no option -z", "--help"),
        ("d --estimator E --no-cpus", "there is no option --no-cpus", ""),
        ("d --estimator E --cpus two", "--cpus takes a whole number, not 'two'", ""),
        ("d --estimator E --max-runtime 1h", "--max-runtime takes a number, not '1h'", ""),
        ("d --estimator E --max-runtime %", "--max-runtime takes a number, not '%'", ""),
        ("d --estimator E --mode bst", "--mode takes one of quick, best, not 'bst'", "best"),
        ("d --estimator E -p alpha", "--params takes KEY=VALUE, not 'alpha'", ""),
        ("d --estimator E --live=perhaps", "--live takes true or false, not 'perhaps'", ""),
        ("d --estimator", "--estimator needs a value", ""),
        ("d --estimator -- x", "--estimator needs a value", ""),
        ("--cpus 2", "DATASET and --estimator are missing", "--help"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(line: str, says: str, hints: str) -> None:
    with pytest.raises(BadOption) as error:
        parsed(line)
    assert error.value.message == says
    assert hints in (error.value.hint or "")


def test_a_word_too_many_is_refused() -> None:
    def one(ws: Any, name: str) -> None: ...

    with pytest.raises(BadOption, match="'b' is one word too many"):
        arguments.parse(Action(name="x", function=one).parameters, ["a", "b"])


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1)


@given(
    st.fixed_dictionaries(
        {"dataset": texts, "estimator": texts},
        optional={
            "others": st.lists(texts, min_size=1),
            "params": st.dictionaries(texts.filter(lambda key: "=" not in key), texts, min_size=1),
            "exclude": st.lists(texts, min_size=1),
            "cpus": st.integers(),
            "max_runtime": st.floats(allow_nan=False, allow_infinity=False),
            "mode": st.sampled_from(["quick", "best"]),
            "live": st.booleans(),
            "check": st.booleans(),
        },
    )
)
def test_the_command_line_of_arguments_gives_the_arguments_again(given: dict[str, Any]) -> None:
    words = shlex.split(arguments.command_line(ACTION, given))
    again = arguments.parse(ACTION.parameters, words[2:])
    defaults = {one.name: one.default for one in ACTION.parameters}
    assert {**defaults, **again} == {**defaults, **given}
