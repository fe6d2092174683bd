"""Values are counted into the cells of a baseline, and a shift is told from what chance makes of few rows."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola.datasets.records import Bar, ColumnProfile, Histogram
from cupola.errors import Corrupt
from cupola.registry import baselines
from cupola.registry.baselines import ALIKE, SHIFTED, Baseline
from cupola.workspace import Workspace

from .conftest import Finish

NINE_TO_ONE = [Bar(value="no", count=900), Bar(value="yes", count=100)]
LATE = ColumnProfile(name="prediction", type="category", missing=0, distinct=2, top=NINE_TO_ONE)


def number(edges: list[float], counts: list[int], missing: int = 0) -> ColumnProfile:
    histogram = Histogram(edges=edges, counts=counts)
    return ColumnProfile(name="score", type="number", missing=missing, distinct=50, histogram=histogram)


def test_each_value_has_its_cell() -> None:
    cells = baselines.cells(number([0, 1, 2, 4], [10, 20, 30], missing=5), 65)
    assert cells.counts == [5, 0, 10, 20, 30, 0]
    assert cells.count([None, float("nan"), -1, 0, 0.5, 1, 2, 3.9, 4, 5]) == [2, 1, 2, 1, 3, 1]
    named = baselines.cells(LATE, 1000)
    assert named.count(["no", "yes", "yes", None, "perhaps"]) == [1, 1, 2, 1]
    constant = baselines.cells(number([3, 3], [50]), 50)
    assert constant.count([2, 3, 3, 4]) == [0, 1, 2, 1]


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=True), st.integers(), st.text(max_size=3), st.booleans())))
def test_whatever_comes_is_counted_once(values: list[object]) -> None:
    for profile in (number([0, 1, 2, 4], [10, 20, 30]), LATE, number([1, 1], [9])):
        assert sum(baselines.cells(profile, 1000).count(values)) == len(values)


@given(st.lists(st.integers(50, 10_000), min_size=2, max_size=12), st.integers(1, 50))
def test_the_same_shares_are_no_shift_however_many_rows(counts: list[int], times: int) -> None:
    profile = number([float(one) for one in range(len(counts) + 1)], counts)
    cells = baselines.cells(profile, sum(counts))
    assert baselines.shift(cells, [count * times for count in cells.counts]) < ALIKE / 2


def test_few_rows_raise_no_alarm_and_a_shift_does() -> None:
    drawn = random.Random(5)
    cells = baselines.cells(LATE, 1000)
    alike = [baselines.shift(cells, cells.count(drawn.choices(["no", "yes"], [9, 1], k=100))) for _ in range(500)]
    moved = [baselines.shift(cells, cells.count(drawn.choices(["no", "yes"], [1, 1], k=100))) for _ in range(500)]
    assert max(alike) < SHIFTED < min(moved)
    assert baselines.shift(cells, [0, 0, 0, 0]) == 0


def test_two_profiles_are_compared_whatever_their_intervals() -> None:
    even = number([0, 25, 50, 75, 100], [250, 250, 250, 250])
    finer = number([float(one) for one in range(0, 101, 10)], [100] * 10)
    upper = number([50.0, 75.0, 100.0], [500, 500])
    assert baselines.between(even, 1000, finer, 1000) == pytest.approx(0, abs=0.01)
    assert (baselines.between(even, 1000, upper, 1000) or 0) > SHIFTED
    assert baselines.between(number([3, 3], [50]), 50, number([3, 3], [70]), 70) == pytest.approx(0, abs=1e-6)
    assert (baselines.between(number([3, 3], [50]), 50, number([4, 4], [70]), 70) or 0) > SHIFTED
    assert baselines.between(LATE, 1000, even, 1000) is None


def test_a_version_shows_its_baseline_and_another_is_held_beside_it(ws: Workspace, finish: Finish) -> None:
    for share in (100, 600):
        top = [Bar(value="no", count=1000 - share), Bar(value="yes", count=share)]
        hour = number([0, 12, 24], [share, 1000 - share])
        said = Baseline(
            rows=1000,
            columns=[msgspec.structs.replace(hour, name="hour", missing=0)],
            held=1000,
            predictions=[msgspec.structs.replace(LATE, top=top)],
        )
        extra = {"model.skops": b"a model", "baseline.json": msgspec.json.encode(said)}
        ws.action("model register", run=finish(extra=extra).id, name="late")
    shown = ws.action("model show", model="late@1")
    assert "baseline.json" in shown.files
    assert [(one.column, one.usual) for one in shown.baseline][1] == ("prediction", "no 90%, yes 10%")
    assert ws.action("model show", model="late@2").baseline[1].usual == "no 40%, yes 60%"
    found = ws.action("model diff", model="late@1", other="late@2")
    verdicts = {one.what: one.verdict for one in found.differences if one.what.startswith("baseline.")}
    assert verdicts == {"baseline.hour": "shifted", "baseline.prediction": "shifted"}
    assert ALIKE < SHIFTED
    path = ws.root / shown.directory / "baseline.json"
    path.write_bytes(path.read_bytes().replace(b'"hour"', b'"iour"'))
    with pytest.raises(Corrupt, match="is not what was registered"):
        ws.action("model show", model="late@1")


def test_a_version_without_a_baseline_shows_none(ws: Workspace, finish: Finish) -> None:
    ws.action("model register", run=finish().id, name="late")
    assert ws.action("model show", model="late@1").baseline == []
