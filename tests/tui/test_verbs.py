import msgspec
import pytest
from tests.tui.examples import models, runs, tunings
from tests.tui.forms import FORMS

from cupola.experiments.records import Run
from cupola_tui import keymap, verbs
from cupola_tui.keymap import EXPERIMENTS, REGISTRY, TUNINGS
from cupola_tui.screens import panes


@pytest.mark.parametrize(
    ("name", "record", "word"),
    [
        ("model register", {"status": "Failed"}, "finished run"),
        ("model approve", {"status": "Approved"}, "already"),
        ("job stop", {"status": "Completed"}, "not running"),
        ("endpoint invoke", {"status": "Failed"}, "in service"),
        ("run rm", {"status": "InProgress"}, "still running"),
        ("run learn", {"status": "Failed"}, "needs a completed run"),
        ("run learn", {"status": "Completed"}, "a script made this run"),
        ("run learn", {"status": "Completed", "task": "regression"}, ""),
    ],
)
def test_a_verb_that_cannot_act_says_why(name: str, record: dict[str, str], word: str) -> None:
    assert word in verbs.why_not(name, [record])


def test_a_verb_that_can_act_says_nothing() -> None:
    assert verbs.why_not("model register", [{"status": "Completed"}]) == ""
    assert verbs.why_not("dataset import", []) == ""
    assert verbs.why_not("import wandb", [], form={"about": ""}) == ""


def test_a_run_can_be_registered_as_lists_have_it_and_a_tuning_once_it_has_a_best_run() -> None:
    known = Run(id="r1", name="heron", experiment="x", status="Completed", user="ana", host="box", submitted="")
    run = msgspec.to_builtins(known)
    assert verbs.why_not("model register", [run]) == ""
    assert "finished run" in verbs.why_not("model register", [run | {"status": "Failed"}])
    assert [verbs.why_not("model register", [one]) for one in tunings()] == ["", "", "no trial has completed yet"]


def test_read_only_refuses_what_writes_and_nothing_else() -> None:
    assert "read-only" in verbs.why_not("model register", [{"status": "Completed"}], readonly=True)
    assert not verbs.why_not("endpoint invoke", [{"status": "InService"}], readonly=True, form={"writes": False})


def test_forms_begin_with_what_the_record_knows() -> None:
    filled = verbs.prefill(FORMS["train"], panes.pane(EXPERIMENTS), runs()[1])
    assert (
        filled["dataset"] == "flights@2-a2b2"
        and filled["target"] == "late"
        and filled["estimator"] == "HistGradientBoostingClassifier"
    )
    assert verbs.prefill(FORMS["endpoint deploy"], panes.pane(REGISTRY), models()[0])["model"] == "delays@3"


def test_an_action_on_several_records_takes_all_that_are_marked_and_asks_for_a_name_of_its_own() -> None:
    fields = [
        {"name": "models", "completes": "model", "repeated": True, "required": True},
        {"name": "name", "completes": "model", "required": True},
    ]
    form = {"name": "model chain", "about": "model", "fields": fields}
    pane, records = panes.pane(REGISTRY), models()[:2]
    assert verbs.refs(form, pane, records) == [" ".join(pane.ref(one) for one in records)]
    assert verbs.refs(form, pane, []) == []
    assert verbs.prefill(form, pane, records[0]) == {}
    assert not verbs.takes_several(FORMS["model approve"], pane)


def test_what_holds_two_records_beside_each_other_is_given_the_marked_ones_and_no_record_twice() -> None:
    fields = [{"name": one, "completes": "model", "required": True} for one in ("model", "other")]
    form = {"name": "model diff", "about": "model", "fields": fields}
    pane, records = panes.pane(REGISTRY), models()[:2]
    assert verbs.prefill(form, pane, records[0]) == {"model": pane.ref(records[0])}
    assert verbs.holds_two(form, pane) == "other"
    assert verbs.refs(form, pane, records) == [pane.ref(records[0])]  # it is done once, not once a record
    assert verbs.holds_two(FORMS["model approve"], pane) == ""


def test_a_run_is_trained_again_with_all_that_it_was_told() -> None:
    told = {"exclude": ["crew", "tail number"], "class_weights": "late=5", "threshold": "auto", "seed": 7}
    run = runs()[1] | {"options": told}
    filled = verbs.prefill(FORMS["train"], panes.pane(EXPERIMENTS), run)
    assert filled["exclude"] == "crew 'tail number'"
    assert (filled["class_weights"], filled["threshold"], filled["seed"]) == ("late=5", "auto", "7")
    plain = verbs.prefill(FORMS["train"], panes.pane(EXPERIMENTS), runs()[1])
    assert not {"exclude", "class_weights", "threshold"} & plain.keys()


def test_a_tuning_is_tuned_again_with_all_that_it_was_told() -> None:
    told = {"exclude": ["crew"], "cv": 5, "param": {"max_iter": 200}}
    filled = verbs.prefill(FORMS["tune"], panes.pane(TUNINGS), tunings()[0] | {"options": told})
    assert (filled["exclude"], filled["cv"], filled["param"]) == ("crew", "5", "max_iter=200")


def test_of_several_objectives_it_is_said_by_which_the_best_was_chosen() -> None:
    one = tunings()[0]
    both = one | {"objectives": ["roc_auc", "log_loss"], "front": ["r1", "r2"]}
    assert "the best in roc_auc, of 2" in verbs.beforehand("model register", both)
    assert verbs.beforehand("model register", one) == verbs.beforehand("tune", both) == ""
    assert verbs.beforehand("model register", None) == ""


def test_the_menu_of_a_model_offers_deployment_first_hand() -> None:
    assert "endpoint deploy" in verbs.of(panes.pane(REGISTRY), FORMS)


def test_what_a_role_forbids_is_dimmed_and_says_why() -> None:
    form = {"forbidden": "model approve needs an approver, and workspace.toml makes raj a member"}
    record = {"status": "PendingManualApproval"}
    assert "needs an approver" in verbs.why_not("model approve", [record], form=form)
    keys = [key for key in keymap.TABLE if key.verb == "model approve"]
    pane = panes.pane(REGISTRY)
    assert verbs.dimmed(keys, pane, [record], False, {"model approve": form}) == {keys[0].id}
    assert not verbs.dimmed(keys, pane, [record], False, {})
