"""Trainings on the same rows are compared in pairs, from what they themselves have left."""

import msgspec
from tests.experiments.conftest import leave, run
from tests.training.conftest import Make, table

from cupola.store import files
from cupola.training import artifacts, fitting
from cupola.training.records import Training
from cupola.workspace import Workspace


def trained(workspace: Workspace, number: int, training: Training) -> str:
    """A run as such a training leaves it."""
    fitted = fitting.fit(table(), training)
    one = run(
        number, metrics=fitted.metrics, metric_errors=fitted.errors, split=msgspec.to_builtins(training.split),
        estimator=training.estimator, metric=f"validation_{training.metric}",
    )  # fmt: skip
    leave(workspace.store, one)
    for name, content in artifacts.of_run(fitted, training, {}, importance=False).items():
        files.write_bytes(workspace.store, f"{one.directory}/attempts/1/artifacts/{name}", msgspec.json.encode(content))
    return one.id


def test_folds_are_paired_and_so_are_the_rows_of_holdouts(workspace: Workspace, make: Make) -> None:
    folds = [
        trained(workspace, number, make(name, cv=5)) for number, name in ((1, "GaussianNB"), (2, "LogisticRegression"))
    ]
    held = [trained(workspace, number, make(name)) for number, name in ((3, "GaussianNB"), (4, "LogisticRegression"))]
    same = trained(workspace, 5, make("LogisticRegression"))
    by = {}
    for what, runs in (("folds", folds), ("held", held), ("mixed", [folds[0], held[0]]), ("same", [held[1], same])):
        found = workspace.action("run compare", runs=runs)
        assert found.metrics[0].name == "validation_roc_auc"
        by[what] = {one.name.partition("_")[0]: "".join(one.by) for one in found.metrics}
        for one in found.metrics:
            assert all(p is None or 0 <= p <= 1 for p in one.p)
            if what == "same":
                assert "worse" not in one.verdicts
    assert by["folds"] == {"validation": "folds", "test": "rows", "train": "errors"}
    assert by["held"] == {"validation": "rows", "test": "rows", "train": "errors"}
    assert by["mixed"] == {"validation": "errors", "test": "rows", "train": "errors"}
