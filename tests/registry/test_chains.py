"""Models one after the other are one model: columns go from member to member by name, and errors say whose they are."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from cupola.errors import BadInput, CupolaError, NotReady, WorkFailed
from cupola.registry import chains
from cupola.registry.chains import Chain, Link
from cupola.registry.models import Model
from cupola.registry.records import Member
from cupola.registry.signature import Signature, SignatureColumn
from cupola.runtimes import compiling
from cupola.runtimes.families import Uncompilable
from cupola.runtimes.native import Native
from cupola.runtimes.tables import Table
from cupola.serving.scoring import Variant

DTYPES = {"number": "float64", "integer": "int64", "category": "str", "boolean": "bool", "datetime": "datetime64[us]"}
VALUES = {"number": 0.5, "integer": 3, "category": "UA", "boolean": True, "datetime": "2024-01-31T06:00:00"}


class Own:
    """An estimator of a function."""

    def __init__(self, predict: Callable[[Any], Any]) -> None:
        self.predict = predict


def signature(columns: dict[str, str], **more: Any) -> Signature:
    listed = [SignatureColumn(name=name, type=type, dtype=DTYPES[type]) for name, type in columns.items()]
    return Signature(columns=listed, source=[*columns], **more)


def own(predict: Callable[[Any], Any], *, rows: int = 3, **columns: str) -> Model:
    from cupola.registry import custom

    sample = [{name: VALUES[type] for name, type in columns.items()} for _ in range(rows)]
    answered = Own(lambda frame: custom.values(predict(frame), len(frame)))
    return Model(answered, signature(columns), sample, by_row=False)


def classifier() -> Model:
    frame = pd.DataFrame({"a": np.linspace(-1, 1, 40), "b": np.arange(40) % 5})
    fitted = make_pipeline(LogisticRegression()).fit(frame, np.where(frame.a > 0, "yes", "no"))
    columns = signature({"a": "number", "b": "integer"}, target="late", task="classification", classes=["no", "yes"])
    return Model(
        fitted, columns, [{"a": a, "b": b} for a, b in zip(frame.a[:5].tolist(), frame.b[:5].tolist(), strict=True)]
    )


def chained(*members: tuple[str, Model]) -> Chain:
    """Members by name, put together and loaded."""
    named = [Member(model=f"{name}@1-abcd") for name, _ in members]
    joined = chains.joined(named, [model for _, model in members])
    links = [Link(at, one, model) for at, (one, (_, model)) in enumerate(zip(joined.members, members, strict=True), 1)]
    return Chain(links, joined.signature, joined.sample, joined.answers)


def said(chain: Chain, **columns: list[Any]) -> list[Any]:
    """What it answers to a request."""
    variant = Variant("v", "chain@1", 1.0, chain)
    table = Table([*columns], [*columns.values()], len(next(iter(columns.values()))))
    return list(variant.predict(table).values.tolist())


def test_what_a_member_says_becomes_columns_of_the_next_and_the_last_one_answers() -> None:
    words = own(lambda frame: [f"{p} {s:.3f}" for p, s in zip(frame.prediction, frame.probability_yes, strict=True)],
                prediction="category", probability_yes="number")  # fmt: skip
    alone, chain = classifier(), chained(("late", classifier()), ("words", words))
    found = alone.predict(pd.DataFrame({"a": [0.5, -0.25], "b": [1, 2]}))
    assert found.probabilities is not None
    expected = [f"{p} {s[1]:.3f}" for p, s in zip(found.values, found.probabilities, strict=True)]
    assert said(chain, a=[0.5, -0.25], b=[1, 2]) == expected
    assert [one.name for one in chain.signature.columns] == ["a", "b"]
    assert chain.classes is None and not chain.by_row
    Variant("v", "chain@1", 1.0, chain).rehearse()


def test_a_table_replaces_columns_of_the_request_and_the_classifier_after_it_keeps_its_probabilities() -> None:
    scaled = own(lambda frame: frame.assign(a=frame.a / 100), a="number", b="integer")
    chain = chained(("scaled", scaled), ("late", classifier()))
    frame = pd.DataFrame({"a": [50.0, -25.0], "b": [1, 2]})
    found, alone = chain.predict(frame), classifier().predict(frame.assign(a=frame.a / 100))
    assert found.probabilities is not None and alone.probabilities is not None
    assert found.probabilities.tolist() == alone.probabilities.tolist()
    assert found.values.tolist() == alone.values.tolist()
    assert (chain.classes, chain.signature.task, chain.signature.classes) == (
        ["no", "yes"], "classification", ["no", "yes"],
    )  # fmt: skip
    assert frame.a.tolist() == [50.0, -25.0]


def test_of_two_of_a_name_the_newer_counts_and_the_older_has_its_members_name() -> None:
    one = own(lambda frame: frame.a + 1, a="number")
    two = own(lambda frame: frame.prediction * 10, prediction="number")
    last = own(lambda frame: frame[["a", "prediction", "one_prediction"]],
               a="number", prediction="number", one_prediction="number")  # fmt: skip
    chain = chained(("one", one), ("two", two), ("last", last))
    assert said(chain, a=[1.0]) == [{"a": 1.0, "prediction": 20.0, "one_prediction": 2.0}]


def test_members_side_by_side_are_joined_by_one_after_both_and_all_safe_ones_answer_row_by_row() -> None:
    mean = own(lambda frame: (frame.first_probability_yes + frame.second_probability_yes) / 2,
               first_probability_yes="number", second_probability_yes="number")  # fmt: skip
    chain = chained(("first", classifier()), ("second", classifier()), ("mean", mean))
    alone = classifier().predict(pd.DataFrame({"a": [0.3], "b": [4]}))
    assert alone.probabilities is not None
    assert said(chain, a=[0.3], b=[4]) == [alone.probabilities[0, 1]]
    safe = Model(chain.pipeline[1].model.pipeline, signature({"a": "number", "prediction": "category"}), [{"a": 1.0}])
    assert safe.by_row and Chain([chain.pipeline[0], chain.pipeline[1]], chain.signature, []).by_row


@pytest.mark.parametrize(
    ("given", "type", "seen"),
    [
        ([True, False], "boolean", [True, False]),
        ([1, None], "number", [1.0, None]),
        ([1.5, float("nan")], "number", [1.5, None]),
        (["x", None], "category", ["x", None]),
        ([True, 2], "category", ["true", "2"]),
        (pd.to_datetime(["2024-05-01 10:00", "NaT"]).tolist(), "datetime", ["2024-05-01T10:00:00", None]),
    ],
)
def test_values_reach_the_next_member_as_a_request_would_bring_them(given: Any, type: str, seen: list[Any]) -> None:
    got: list[Any] = []

    def look(frame: Any) -> Any:
        got[:] = [chains._plain(one) for one in frame.x.tolist()]
        return [0] * len(frame)

    first = own(lambda frame: [{"x": one} for one in given], rows=2, a="number")
    chained(("first", first), ("look", own(look, rows=2, x=type)))
    assert got == seen


def test_a_column_that_two_were_fitted_on_in_two_types_is_what_each_wants() -> None:
    types: list[str] = []

    def look(frame: Any) -> Any:
        types.append(str(frame.b.dtype))
        return frame.prediction

    first = own(lambda frame: frame.b, b="integer")
    chain = chained(("first", first), ("look", own(look, prediction="number", b="number")))
    assert said(chain, b=[1, 2]) == [1.0, 2.0]
    assert set(types) == {"float64"}
    assert said(chain, b=[1, None])[0] == 1.0


REFUSED = [
    ([("late", classifier()), ("late", classifier())],
     "member 1, late@1: no member after it takes any of what it gives: 'prediction', 'probability_no'"),
    ([("one", own(lambda f: f.a, a="number")), ("two", own(lambda f: f.a, a="category", prediction="number"))],
     "member 2, two@1: it takes 'a' as category, member 1, one@1 as number"),
    ([("late", classifier()), ("sum", own(lambda f: f.prediction, prediction="number"))],
     "member 2, sum@1: it cannot take what a member before it has given: row 1, column 'prediction': 'no' is not"),
    ([("one", own(lambda f: f.a, rows=0, a="number")), ("two", own(lambda f: f.a, prediction="number"))],
     "member 1, one@1: it has kept no sample"),
    ([("one", own(lambda f: f.nothing, a="number")), ("two", own(lambda f: f.a, prediction="number"))],
     "member 1, one@1: it failed on these rows"),
    ([("one", own(lambda f: [1], a="number")), ("two", own(lambda f: f.a, prediction="number"))],
     "member 1, one@1: the model gave 1 answer for 3 rows"),
]  # fmt: skip


@pytest.mark.parametrize(("members", "why"), REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(members: list[tuple[str, Model]], why: str) -> None:
    with pytest.raises(CupolaError) as caught:
        chained(*members)
    assert caught.value.message.startswith(why)


def raising(error: Exception) -> Callable[[Any], Any]:
    def predict(frame: Any) -> Any:
        if (frame.prediction == 13).any():
            raise error
        return frame.prediction

    return predict


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (ValueError("no such hour\nbecause"), BadInput, "member 2, second@1: it cannot use these values: no such hour"),
        (KeyError("/a/secret/path"), WorkFailed, "member 2, second@1: it failed on these rows; the log says how"),
        (NotReady("it is not ready", hint="wait"), NotReady, "member 2, second@1: it is not ready"),
    ],
)
def test_an_error_says_which_member_it_is_of(
    error: Exception, kind: type[CupolaError], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chain = chained(
        ("first", own(lambda frame: frame.a, a="number")), ("second", own(raising(error), prediction="number"))
    )
    assert said(chain, a=[12.0]) == [12.0]
    with pytest.raises(kind) as caught:
        said(chain, a=[13.0])
    assert caught.value.message == says
    assert ("/a/secret/path" in capsys.readouterr().err) == isinstance(error, KeyError)


def test_a_member_that_gives_less_than_it_did_is_an_error_and_no_other_column_is_taken_instead() -> None:
    first = own(lambda frame: frame if len(frame) > 1 else frame[["b"]], a="number", b="number")
    chain = chained(("first", first), ("second", own(lambda frame: frame.a, a="number")))
    assert said(chain, a=[1.0, 2.0], b=[0.0, 0.0]) == [1.0, 2.0]
    with pytest.raises(WorkFailed, match="member 2, second@1: no member before it has given 'a'"):
        said(chain, a=[1.0], b=[0.0])


def test_what_is_told_beside_the_rows_reaches_every_member_and_comes_back() -> None:
    def first(frame: Any) -> Any:
        frame.attrs["answered"] = frame.attrs.get("asked", "") + "1"
        return frame.a

    def second(frame: Any) -> Any:
        frame.attrs["answered"] = frame.attrs["answered"] + frame.attrs.get("asked", "") + "2"
        return frame.prediction

    chain = chained(("first", own(first, a="number")), ("second", own(second, prediction="number")))
    told = {"asked": "x"}
    Variant("v", "chain@1", 1.0, chain).predict(Table(["a"], [[1.0]], 1), told)
    assert told["answered"] == "x1x2"


def test_the_last_member_answers_in_parts_where_it_can() -> None:
    class Parts(Own):
        def stream(self, frame: Any) -> Any:
            for value in frame.prediction:
                yield {"part": value}

    last = own(lambda frame: frame.prediction, prediction="number")
    last.stream = Parts(lambda frame: frame).stream
    chain = chained(("first", own(lambda frame: frame.a * 2, a="number")), ("last", last))
    assert chain.stream is not None
    assert list(chain.stream(pd.DataFrame({"a": [1.0, 2.0]}))) == [{"part": 2.0}, {"part": 4.0}]
    assert chained(("first", own(lambda f: f.a, a="number")), ("last", own(lambda f: f.prediction, prediction="number"))
                   ).stream is None  # fmt: skip


def test_a_chain_is_a_member_and_is_never_compiled() -> None:
    scaled = own(lambda frame: frame.assign(a=frame.a / 100), a="number", b="integer")
    inner = chained(("scaled", scaled), ("late", classifier()))
    outer = chained(("inner", inner), ("upper", own(lambda frame: frame.prediction.str.upper(), prediction="category")))
    assert said(outer, a=[50.0, -50.0], b=[1, 1]) == ["YES", "NO"]
    assert Native(outer).classes is None
    for chain in (inner, outer):
        with pytest.raises(Uncompilable, match="it is a chain"):
            compiling.compiled(chain)


def test_members_and_what_they_are_given_are_kept_as_they_were_found() -> None:
    named = [Member(model="late@1-abcd", dataset="flights@1-x"), Member(model="sum@2-ef")]
    after = own(lambda frame: frame.probability_yes, probability_yes="number", extra="number")
    joined = chains.joined(named, [classifier(), after])
    assert [(one.model, one.dataset, one.given) for one in joined.members] == [
        ("late@1-abcd", "flights@1-x", []),
        ("sum@2-ef", "", ["probability_yes"]),
    ]
    assert [one.name for one in joined.signature.columns] == ["a", "b", "extra"]
    assert joined.signature.source == ["a", "b", "extra"]
    assert [row["extra"] for row in joined.sample] == [0.5] * 3
    assert msgspec.json.decode(msgspec.json.encode(joined.answers)) == {
        "values": joined.answers.values, "probabilities": None
    }  # fmt: skip
