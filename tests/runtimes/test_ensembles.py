"""Ensembles of members that are compiled themselves; what the autopilot deploys is a blend of such."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from tests.runtimes.conftest import FEATURES, flights

from cupola.registry import signature as signatures
from cupola.registry.models import Model
from cupola.registry.signature import Signature, SignatureColumn
from cupola.runtimes import compiling, parity, trials
from cupola.runtimes.compiled import Compiled
from cupola.runtimes.families import Uncompilable
from cupola.runtimes.native import Native
from cupola.runtimes.program import Program, Several, Together
from cupola.training import effects, estimators, saving
from cupola.training.blending import BlendedClasses, BlendedNumbers
from cupola.training.deciding import Decided
from cupola.training.preparation import Preparation
from cupola.training.words import Words

SMALL: dict[str, dict[str, Any]] = {
    "LGBM": {"n_estimators": 6}, "XGB": {"n_estimators": 6}, "HistGradientBoosting": {"max_iter": 6},
    "RandomForest": {"n_estimators": 5}, "ExtraTrees": {"n_estimators": 5}, "MLP": {"max_iter": 5},
}  # fmt: skip
MEMBERS = [
    "LogisticRegression",
    "LGBMClassifier",
    "ExtraTreesClassifier",
    "MLPClassifier",
    "HistGradientBoostingClassifier",
]


VOTING = {"estimators": ("LogisticRegression", "GaussianNB", "DecisionTreeClassifier")}
STACKING = {
    "estimators": ("LogisticRegression", "RandomForestClassifier"),
    "RandomForestClassifier__n_estimators": 5,
    "cv": 2,
}
ENSEMBLES = [
    ("VotingClassifier", "two", {**VOTING, "voting": "soft", "weights": (2.0, 1.0, 1.0)}, {}),
    ("VotingClassifier", "three", {**VOTING, "voting": "hard"}, {}),
    ("VotingRegressor", "delay", {"estimators": ("Ridge", "DecisionTreeRegressor")}, {}),
    ("StackingClassifier", "two", {**STACKING, "passthrough": True}, {}),
    ("StackingClassifier", "three", {"estimators": ("LinearSVC", "GaussianNB"), "cv": 2}, {}),
    ("StackingRegressor", "delay", {"estimators": ("Ridge", "ExtraTreeRegressor"), "cv": 2}, {}),
    ("BaggingClassifier", "three", {"n_estimators": 5, "max_features": 0.5}, {"calibrate": "sigmoid"}),
    ("BaggingClassifier", "two", {"n_estimators": 5, "estimator": "LinearSVC"}, {}),
    ("BaggingRegressor", "delay", {"n_estimators": 5, "max_samples": 0.5}, {}),
    ("AdaBoostClassifier", "two", {"n_estimators": 9}, {}),
    ("AdaBoostClassifier", "three", {"n_estimators": 9}, {}),
    ("AdaBoostRegressor", "delay", {"n_estimators": 9}, {}),
    ("SVC", "two", {"kernel": "sigmoid"}, {"calibrate": "sigmoid"}),
]


def compiled_says_what_native_says(model: Model, rows: int = 60) -> Program:
    """Of so many made-up rows, all at once and one by one; gives the program."""
    program = msgspec.msgpack.decode(msgspec.msgpack.encode(compiling.compiled(model)), type=Program)
    native, compiled = Native(model), Compiled(program)
    names, close = [one.name for one in model.signature.columns], parity.CLOSE[program.precision]
    asked = [*model.sample, *trials.rows(program, rows)]
    expected = parity.answers(native, asked, names)
    assert any(one is not None for one in expected)
    for said in (parity.answers(compiled, asked, names), [parity.answers(compiled, [one], names)[0] for one in asked]):
        for row, one, other in zip(asked, expected, said, strict=True):
            if one is None or other is None:
                assert one is other, row
                continue
            assert one[0] == other[0], row
            assert all(parity.difference(*pair) <= close for pair in zip(one[1], other[1], strict=True)), row
    return program


@pytest.mark.parametrize(("estimator", "target", "params", "options"), ENSEMBLES)
def test_an_ensemble_is_compiled_and_says_what_it_says(
    train: Callable[..., Model], estimator: str, target: str, params: dict[str, Any], options: dict[str, Any]
) -> None:
    compiled_says_what_native_says(train(estimator, target, options=options, **params))


def blend(target: str, names: list[str], *, threshold: float | None = None, temperature: float = 1.0) -> Model:
    """A model as the autopilot assembles it; every member is fitted, and one in three has not seen the last class."""
    frame = flights()
    labels = frame[target].to_numpy()
    classes, codes = np.unique(labels, return_inverse=True) if target != "delay" else (None, labels)
    averaged = effects.columns(codes, 0 if classes is None else len(classes))
    preparations = {one: Preparation(FEATURES, one) for one in ("scaled", "trees")}
    prepared = {one: made.fit_transform(frame, averaged) for one, made in preparations.items()}
    members, places = [], []
    for number, name in enumerate(names):
        start = next((one for one in SMALL if name.startswith(one)), "")
        made = estimators.make(name, SMALL.get(start, {}), seed=number)
        style = estimators.prepare(made, FEATURES).style
        seen = codes < 2 if classes is not None and len(classes) > 2 and number % 3 == 2 else np.ones(len(codes), bool)
        members.append(made.fit(prepared[style][seen], codes[seen]))
        places.append(list(prepared).index(style))
    weights = [(1 + number) / sum(range(1, len(names) + 1)) for number in range(len(names))]
    parts = (list(preparations.values()), members, places, weights)
    made = BlendedNumbers(*parts) if classes is None else BlendedClasses(*parts, classes, temperature)
    pipeline = Pipeline(
        [
            ("prepare", Preparation(FEATURES, "raw").fit(frame)),
            ("estimator", made if threshold is None else Decided(made, threshold)),
        ]
    )
    columns = [SignatureColumn(name=name, type=kind, dtype=str(frame[name].dtype)) for name, kind in FEATURES]
    signature = Signature(
        columns=columns,
        task="regression" if classes is None else "classification",
        classes=None if classes is None else classes.tolist(),
        source=[*frame.columns],
        writing=signatures.PLAIN,
    )
    return Model(pipeline, signature, saving._rows(frame[[one.name for one in columns]].head(5)))


@pytest.mark.parametrize(
    ("target", "names", "options"),
    [
        ("two", MEMBERS, {"threshold": 0.4}),
        ("three", [*MEMBERS, "RandomForestClassifier"], {"temperature": 1.7}),
        ("truth", ["XGBClassifier", "LogisticRegression"], {"temperature": 0.8}),
        ("two", ["LGBMClassifier", "ExtraTreesClassifier"], {}),
        ("delay", ["Ridge", "LGBMRegressor", "SVR", "ExtraTreesRegressor", "MLPRegressor"], {}),
    ],
)
def test_a_blend_is_compiled_and_says_what_it_says(target: str, names: list[str], options: dict[str, Any]) -> None:
    program = compiled_says_what_native_says(blend(target, names, **options))
    assert isinstance(program.scorer, Together) and len(program.scorer.members) == len(names)


def test_members_that_take_the_columns_alike_share_what_was_made_of_them() -> None:
    program = compiling.compiled(blend("two", ["LogisticRegression", "MLPClassifier"]))
    assert all(isinstance(one, Several) for one in program.encoders), "there are preparations of two styles"
    assert isinstance(program.scorer, Together)
    widths = [trials.width(part) for one in program.encoders if isinstance(one, Several) for part in one.parts]
    taken = [one.numbers for one in program.scorer.members]
    assert taken[0] == taken[1] and taken[0] is not None and len(taken[0]) < sum(widths)


def test_rows_are_tried_beside_what_parts_them_in_any_member() -> None:
    program = compiling.compiled(blend("two", ["LogisticRegression", "LGBMClassifier"]))
    edges = trials._edges(program)
    assert edges[[name for name, _ in FEATURES].index("distance")], "numbers that trees part"


def test_a_blend_with_a_member_that_is_not_compiled_says_which() -> None:
    with pytest.raises(Uncompilable, match="no compiled form of KNeighborsClassifier is known"):
        compiling.compiled(blend("two", ["LogisticRegression", "KNeighborsClassifier"]))


def test_a_blend_whose_member_takes_all_the_words_of_a_text_is_not_compiled() -> None:
    model = blend("two", ["LogisticRegression"])
    made = model.pipeline[-1]
    made.preparations = [Words(FEATURES).fit(flights()), made.preparations[1]]
    with pytest.raises(Uncompilable, match="is prepared in a way that is not known here"):
        compiling.compiled(model)
