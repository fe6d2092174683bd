import random

import pytest
from tests.experiments.conftest import Leave

from cupola.experiments import curves
from cupola.experiments.histories import Logged
from cupola.store import journals
from cupola.workspace import Workspace


def logged(*values: float | str, name: str = "loss") -> list[Logged]:
    return [Logged(name=name, value=value, step=step) for step, value in enumerate(values)]


def test_a_metric_that_was_logged_at_two_steps_has_a_curve() -> None:
    final = [Logged(name="test_accuracy", value=0.5), Logged(name="once", value=1.0, step=3)]
    both = logged(1.0, 2.0) + logged(1.0, 2.0, name="validation_loss")
    assert curves.names(final + both) == ["validation_loss", "loss"]


def test_what_is_no_number_is_left_out_and_counted() -> None:
    found = curves.of(logged(1.0, "NaN", 3.0, "Infinity"), "loss")
    assert (found.points, found.logged) == ([(0.0, 1.0), (2.0, 3.0)], 4)
    assert curves.of([], "loss") == curves.Curve(points=[], means=[], logged=0)


def test_a_hundred_thousand_steps_are_few_points_with_their_extremes_and_means_of_all() -> None:
    chance = random.Random(1)
    values = [chance.random() for _ in range(100_000)]
    values[777], values[55_555] = 9.0, -9.0
    found = curves.of(logged(*values), "loss")
    assert len(found.points) <= curves.POINTS and {9.0, -9.0} <= {value for _, value in found.points}
    assert len(found.means) <= curves.MEANS
    assert sum(value for _, value in found.means) / len(found.means) == pytest.approx(
        sum(values) / len(values), abs=1e-3
    )
    assert max(abs(value - 0.5) for _, value in found.means) < 0.1


def test_the_bridge_reads_the_curve_of_a_run(workspace: Workspace, keep: Leave) -> None:
    from cupola import details

    one = keep(1)
    with journals.Appender(workspace.store, f"{one.directory}/attempts/1/metrics.jsonl") as pen:
        for step in range(4):
            pen.append({"name": "loss", "value": 1.0 / (step + 1), "step": step})
    assert details.curve(workspace, one.id) == {"names": ["loss"], "points": [], "means": [], "logged": 0}
    assert details.curve(workspace, one.id, "loss")["points"][1] == (1.0, 0.5)
