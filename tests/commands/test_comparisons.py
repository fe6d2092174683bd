"""How comparisons are printed for people."""

from typing import Any

from tests.experiments.conftest import run

from cupola.experiments.actions import RunDiff
from cupola.experiments.comparing import ComparedValue, compare
from cupola.experiments.sources import CodeChange
from cupola_tui.commands import views


def runs(count: int) -> list[Any]:
    return [
        run(
            place,
            name="twin" if place < 2 else f"a\x1b[31m{place}",
            params={"alpha": place},
            metrics={"validation_r2": 0.5 - place / 10} if place != 1 else {},
            metric_errors={"validation_r2": 0.01},
        )
        for place in range(count)
    ]


def test_few_runs_stand_side_by_side_with_their_verdicts() -> None:
    text = views.whole(compare(runs(3)))
    lines = text.splitlines()
    assert lines[0].split() == ["twin", "run0000000", "twin", "run0000001", "a�[31m2"]
    assert next(line for line in lines if line.startswith("alpha")).split() == ["alpha", "0", "1", "2"]
    assert next(line for line in lines if line.startswith("validation_r2")).split()[1:] == [
        "0.500±0.010",
        "best",
        "-",
        "0.300±0.010",
        "≠",
    ]
    assert "corrected for 3 comparisons (Holm)" in text and "their own errors alone" in text and "\x1b" not in text


def test_many_runs_are_ranked_by_the_first_metric() -> None:
    text = views.whole(compare(runs(9)))
    ranked = [line.split()[0] for line in text.split("validation_r2")[1].splitlines()[1:10]]
    assert ranked[0] == "twin" and ranked[1] == "a�[31m2" and ranked[-1] == "twin"
    assert views.whole(compare([run(1), run(2)])).endswith("no metrics yet\n")


def test_a_difference_of_code_is_printed_as_a_diff() -> None:
    code = [CodeChange(where="job", path="src/m\x1b.py", diff="--- a\n+++ b\n-x = 1\n+x = 2\n")]
    packages = [ComparedValue(name="numpy", values=["1.26", "2.0"], differs=True)]
    text = views.whole(RunDiff(runs=["r1", "r2"], commits=["a" * 40, None], code=code, environment=packages))
    assert text.splitlines()[0] == f"commits {'a' * 12} no commit"
    assert "src/m�.py (job)\n--- a\n+++ b\n-x = 1\n+x = 2\n" in text and "numpy  1.26  2.0" in text
    same = views.whole(RunDiff(runs=["r1", "r1"], commits=[None, None], code=[], environment=[]))
    assert "nothing that is known" in same
