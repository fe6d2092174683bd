import pytest
from tests.tui.double import FORMS, models, runs

from cupola_tui import verbs
from cupola_tui.keymap import EXPERIMENTS, REGISTRY
from cupola_tui.screens import panes


@pytest.mark.parametrize(
    ("name", "record", "word"),
    [
        ("model register", {"status": "Failed"}, "finished run"),
        ("model approve", {"status": "Approved"}, "already"),
        ("job stop", {"status": "Completed"}, "not running"),
        ("endpoint invoke", {"status": "Failed"}, "in service"),
        ("run rm", {"status": "InProgress"}, "still running"),
    ],
)
def test_a_verb_that_cannot_act_says_why(name: str, record: dict[str, str], word: str) -> None:
    assert word in verbs.why_not(name, [record])


def test_a_verb_that_can_act_says_nothing() -> None:
    assert verbs.why_not("model register", [{"status": "Completed"}]) == ""
    assert verbs.why_not("dataset import", []) == ""


def test_read_only_refuses_what_writes_and_nothing_else() -> None:
    assert "read-only" in verbs.why_not("model register", [{"status": "Completed"}], readonly=True)
    assert not verbs.why_not("endpoint invoke", [{"status": "InService"}], readonly=True, writes=False)


def test_forms_begin_with_what_the_record_knows() -> None:
    filled = verbs.prefill(FORMS["train"], panes.pane(EXPERIMENTS), runs()[1])
    assert (
        filled["dataset"] == "flights@2-a2b2"
        and filled["target"] == "late"
        and filled["estimator"] == "HistGradientBoostingClassifier"
    )
    assert verbs.prefill(FORMS["endpoint deploy"], panes.pane(REGISTRY), models()[0])["model"] == "delays@3"


def test_the_menu_of_a_model_offers_deployment_first_hand() -> None:
    assert "endpoint deploy" in verbs.of(panes.pane(REGISTRY), FORMS)
