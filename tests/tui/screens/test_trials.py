"""What the trials of a tuning have shown, as it is drawn; of nothing, of one parameter, of several objectives too."""

import pytest
from tests.tui.examples import importance, trials, tunings

from cupola_tui.paint import Line
from cupola_tui.screens import trials as tabs
from cupola_tui.screens.pane import Scene

DRAWN = (tabs.importance, tabs.parallel, tabs.slices, tabs.contours, tabs.front)


def scene(width: int = 70, **more: object) -> Scene:
    return Scene(tunings()[0] | more, {"trials": trials()[::-1], "importance": importance()}, width, 36)


def several() -> Scene:
    """Two objectives, of which the second wants shallow trees; trials 1 and 12 are the front."""
    two = scene(objectives=["roc_auc", "log_loss"], directions=["maximize", "minimize"])
    for one in two.answers["trials"]:
        one["best"] = one["number"] in (1, 12)
        if one["values"]:
            one["values"].append(one["params"]["max_depth"] / 20)
    return two


def shown(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


def test_importance_is_a_bar_for_each_parameter_the_longest_first() -> None:
    lines = shown(tabs.importance(scene())).splitlines()
    bars = [line.count("█") for line in lines if "%" in line]
    assert bars == sorted(bars, reverse=True) and bars[0] > 3 * bars[1] > 0
    assert "learning_rate" in lines[1] and "71.0%" in lines[1] and "21 trials" in lines[-2]


def test_parallel_shows_those_that_matter_most_where_there_is_no_room_for_all() -> None:
    assert "learning_rate log" in shown(tabs.parallel(scene(90)))
    narrow = " ".join(shown(tabs.parallel(scene(30))).split())
    assert "The 2 that matter most of 3 parameters" in narrow and "roc_auc" in narrow


def test_a_slice_for_each_parameter_and_a_contour_for_each_two() -> None:
    slices, contours = shown(tabs.slices(scene())), shown(tabs.contours(scene()))
    assert [slices.index(name) for name in ("learning_rate log", "max_depth", "min_samples_leaf")] == sorted(
        slices.index(name) for name in ("learning_rate log", "max_depth", "min_samples_leaf")
    )
    assert slices.count("╳") == 3 and contours.count("best") == 3
    assert "≥0.835" in contours and "█" in contours and "░" in contours


def test_of_a_thousand_trials_the_best_are_drawn_and_few_enough_of_the_others() -> None:
    many = scene(90)
    many.answers["trials"] = trials(1000)[::-1]
    shown_ = tabs.thinned(many, *tabs.DOTS)
    best = sorted((one["values"][0] for one in trials(1000) if one["values"]), reverse=True)[:100]
    assert len(shown_) <= 320 and set(best) <= {one["values"][0] for one in shown_}
    assert shown_ == sorted(shown_, key=lambda one: one["number"])
    assert "completed trials: the 75 best" in " ".join(shown(tabs.parallel(many)).split())
    for draw in (tabs.slices, tabs.contours):
        assert f"{len(shown_)} of 997 completed trials: the 100 best" in " ".join(shown(draw(many)).split())
    assert len(tabs.table(many).records) == 1000  # type: ignore[union-attr]


def test_one_parameter_has_no_contour() -> None:
    one = scene()
    for trial in one.answers["trials"]:
        trial["params"] = {"learning_rate": trial["params"]["learning_rate"]}
    assert "one parameter alone" in shown(tabs.contours(one))
    assert "learning_rate" in shown(tabs.slices(one))


def test_the_best_so_far_only_gets_better_whichever_way_that_is() -> None:
    drawn = shown(tabs.best_so_far(several(), 8))
    assert "best roc_auc by trial 0.8588" in drawn and "best log_loss by trial 0.1000" in drawn


def test_several_objectives_have_a_front() -> None:
    drawn = shown(tabs.front(several()))
    assert "log_loss" in drawn and "Front: 2 trials" in drawn
    assert "trial 1 " in drawn and "trial 12" in drawn and "trial 7" not in drawn
    assert "one objective" in shown(tabs.front(scene()))


@pytest.mark.parametrize("draw", DRAWN)
def test_of_nothing_something_is_said(draw: object) -> None:
    for answers in ({}, {"trials": [], "importance": []}, {"trials": OSError("gone"), "importance": OSError("gone")}):
        assert shown(draw(Scene(several().record, answers, 60, 30))).strip()  # type: ignore[operator]


def test_the_table_has_a_column_for_each_objective_and_parameter() -> None:
    listing = tabs.table(several())
    assert listing is not None
    assert [one.title for one in listing.columns][:7] == [
        "trial", "state", "roc_auc", "log_loss", "learning_rate", "max_depth", "min_samples_leaf"
    ]  # fmt: skip
    best = next(one for one in listing.records if one["best"])
    assert listing.columns[1].draw(best)[0] == "◆ best" and listing.leads(best) == ("experiments", best["run"])
    assert listing.columns[1].draw(best | {"best": False, "given": True})[0] == "✓ given"
    assert tabs.table(Scene(tunings()[2], {"trials": []}, 60, 30)) is None
