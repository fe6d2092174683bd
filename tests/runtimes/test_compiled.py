"""The law of the compiled runtime: its answers, and its refusals, are those of the native one, whatever the row."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cupola.errors import BadInput
from cupola.registry.models import Model
from cupola.registry.signature import PLAIN, Signature, SignatureColumn
from cupola.runtimes import columns, compiling, parity, trials
from cupola.runtimes.compiled import Compiled
from cupola.runtimes.families import Uncompilable
from cupola.runtimes.frames import Frames
from cupola.runtimes.native import Native
from cupola.runtimes.program import Lookup, Program
from cupola.runtimes.tables import Table
from cupola.training import preparation

FAMILIES = [
    ("HistGradientBoostingClassifier", "two", {"max_iter": 8}, {}),
    ("HistGradientBoostingClassifier", "truth", {"max_iter": 8}, {"threshold": 0.3}),
    ("HistGradientBoostingClassifier", "three", {"max_iter": 8}, {"calibrate": "isotonic"}),
    ("HistGradientBoostingRegressor", "delay", {"max_iter": 8}, {}),
    ("HistGradientBoostingRegressor", "delay", {"max_iter": 8, "loss": "poisson"}, {}),
    ("GradientBoostingClassifier", "three", {"n_estimators": 8}, {}),
    ("GradientBoostingClassifier", "two", {"n_estimators": 30, "n_iter_no_change": 2}, {}),
    ("GradientBoostingClassifier", "two", {"n_estimators": 8, "loss": "exponential"}, {}),
    ("GradientBoostingRegressor", "delay", {"n_estimators": 8}, {}),
    ("RandomForestClassifier", "three", {"n_estimators": 8}, {"calibrate": "sigmoid"}),
    ("ExtraTreesRegressor", "delay", {"n_estimators": 8}, {}),
    ("DecisionTreeClassifier", "three", {}, {}),
    ("LGBMClassifier", "two", {"n_estimators": 8}, {}),
    ("LGBMRegressor", "delay", {"n_estimators": 8, "objective": "gamma"}, {}),
    ("XGBClassifier", "three", {"n_estimators": 8}, {}),
    ("XGBRegressor", "delay", {"n_estimators": 8}, {}),
    ("XGBClassifier", "two", {"n_estimators": 60, "early_stopping_rounds": 2, "learning_rate": 0.9}, {}),
    ("LGBMClassifier", "three", {"n_estimators": 60, "early_stopping_round": 2, "learning_rate": 0.9}, {}),
    ("LogisticRegression", "two", {}, {}),
    ("LogisticRegression", "three", {}, {"calibrate": "sigmoid"}),
    ("LinearDiscriminantAnalysis", "three", {}, {}),
    ("LinearSVC", "two", {}, {}),
    ("SGDClassifier", "three", {"loss": "log_loss"}, {}),
    ("Ridge", "delay", {}, {}),
    ("PoissonRegressor", "delay", {}, {}),
    ("MLPClassifier", "two", {"max_iter": 5}, {}),
    ("GaussianNB", "three", {}, {}),
    ("MultinomialNB", "three", {}, {}),
    ("SVC", "three", {"kernel": "poly"}, {}),
    ("SVR", "delay", {}, {}),
    ("KMeans", None, {"n_clusters": 4}, {}),
    ("IsolationForest", None, {"n_estimators": 8, "max_features": 0.5}, {}),
]
NAMES = [f"{estimator}-{target}-{place}" for place, (estimator, target, _, _) in enumerate(FAMILIES)]

Train = Callable[..., Model]

numbers = st.one_of(
    st.none(),
    st.floats(allow_nan=False),
    st.integers(-(2**70), 2**70),
    st.floats(0, 2000).map(lambda value: round(value, 2)),
    st.integers(0, 25),
    st.sampled_from(["12", " -1.5e3 ", "", "1e400", "1_0", "١٢", 10**400, -(10**400), 5e-324, 3.4028236e38, 16777217]),
)
texts = st.one_of(
    st.none(),
    st.sampled_from(["AA", "B6", "日本", "N3", "N79", "rain", "", " AA", "nan", "None", 5, 2.0, True, 1e22]),
    st.text(max_size=12),
)
moments = st.one_of(
    st.none(),
    st.datetimes().map(lambda value: value.isoformat()),
    st.dates().map(lambda value: value.isoformat()),
    st.sampled_from(
        ["2013-06-01T02:00:00+02:00", "2014-02-29", "2013-W07", "", "soon", 20130101, "0001-01-01T00:00+14"]
    ),
)
row = st.fixed_dictionaries(
    {
        "distance": numbers,
        "hour": numbers,
        "carrier": texts,
        "plane": texts,
        "seats": st.one_of(st.sampled_from([50, 120, 300, 120.0, "300", None]), numbers),
        "wet": st.sampled_from([True, False, None, 0, 1, 0.0, "yes", "F", "", 2, "perhaps"]),
        "day": moments,
        "left": moments,
        "said": st.one_of(texts, st.lists(st.sampled_from(["slow", "Rain", "fast!", "日本", "a"])).map(" ".join)),
    }
)


def both(model: Model) -> tuple[Native, Compiled]:
    """The two runtimes of a model; the compiled one as it is read back."""
    program = msgspec.msgpack.encode(compiling.compiled(model))
    return Native(model), Compiled(msgspec.msgpack.decode(program, type=Program))


def said(runtime: Native | Compiled, rows: list[dict[str, Any]]) -> Any:
    """The answers of the rows, or the sentence with which they are refused."""
    table = Table([*rows[0]], [[one[name] for one in rows] for name in rows[0]], len(rows))
    try:
        return runtime.predict(runtime.rows(table))  # type: ignore[arg-type]
    except BadInput as error:
        return str(error)


@pytest.mark.parametrize(("estimator", "target", "params", "options"), FAMILIES, ids=NAMES)
def test_compiled_answers_are_the_native_answers(
    train: Train, estimator: str, target: str | None, params: dict[str, Any], options: dict[str, Any]
) -> None:
    model = train(estimator, target, **params, options=options)
    native, compiled = both(model)
    close = parity.CLOSE[compiling.compiled(model).precision]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.lists(row, min_size=1, max_size=3))
    def law(rows: list[dict[str, Any]]) -> None:
        one, other = said(native, rows), said(compiled, rows)
        assert type(one) is type(other), (one, other)
        if isinstance(one, str):
            assert one == other
            return
        assert parity.classes(one) == parity.classes(other)
        for figures in zip(parity.figures(one), parity.figures(other), strict=True):
            assert all(parity.difference(*pair) <= close for pair in zip(*figures, strict=True)), rows

    law()


@pytest.mark.parametrize(("estimator", "target", "params", "options"), FAMILIES[:3], ids=NAMES[:3])
def test_many_rows_are_answered_as_one_by_one(
    train: Train, estimator: str, target: str | None, params: dict[str, Any], options: dict[str, Any]
) -> None:
    model = train(estimator, target, **params, options=options)
    native, compiled = both(model)
    program = compiling.compiled(model)
    names = [one.name for one in model.signature.columns]
    rows = trials.rows(program, 100)
    together = parity.answers(compiled, rows, names)
    assert together == [parity.answers(compiled, [one], names)[0] for one in rows]
    assert [one and one[0] for one in together] == [one and one[0] for one in parity.answers(native, rows, names)]


@pytest.mark.parametrize("estimator", ["GradientBoostingRegressor", "RandomForestRegressor"])
def test_numbers_that_trees_cannot_round_are_refused_by_both(train: Train, estimator: str) -> None:
    native, compiled = both(train(estimator, "delay", n_estimators=8))
    numbers = compiled.rows(trials.table(native.sample[:1], [one.name for one in native.signature.columns]))
    numbers[0, 0] = 1e39  # as of a number that was divided by a small deviation
    with pytest.raises(ValueError, match="too large for dtype") as by_native:
        native._model.pipeline[-1].predict(numbers)
    with pytest.raises(BadInput) as by_compiled:
        compiled.predict(numbers)
    assert str(by_compiled.value) == f"the model cannot use these values: {by_native.value}"


@pytest.mark.parametrize("beside", [[], [None], [0.5]])
def test_a_large_number_that_is_a_name_is_known_as_text_and_beside_others(beside: list[Any]) -> None:
    column, known = SignatureColumn(name="id", type="category", dtype="int64"), [2**60, 2**60 + 1]
    encode = columns.encoding(
        column, PLAIN, Lookup({str(one): [float(place)] for place, one in enumerate(known)}, [2.0], [3.0])
    )
    assert [encode(value)[0] for value in [*known, *map(str, known)]] == [0, 1, 0, 1]
    frame = Frames(Signature(columns=[column])).frame(Table(["id"], [[*known, *beside]], 2 + len(beside)))
    keys, codes = preparation.categories(frame["id"])
    assert [keys[one] for one in codes[:2]] == [str(one) for one in known]


def test_what_cannot_be_compiled_says_why(train: Train) -> None:
    with pytest.raises(Uncompilable, match="no compiled form of KNeighborsClassifier is known"):
        compiling.compiled(train("KNeighborsClassifier", "two"))


def test_a_pipeline_that_was_made_elsewhere_is_not_compiled(train: Train) -> None:
    model = train("Ridge", "delay")
    foreign = Model(model.pipeline[-1], model.signature, model.sample)
    with pytest.raises(Uncompilable, match="not made by"):
        compiling.compiled(foreign)
