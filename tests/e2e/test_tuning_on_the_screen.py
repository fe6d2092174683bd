"""A real tuning as a person sees it: begun, watched to its end and its best registered with keys alone, at 80x24."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.terminal import Seen
from tests.training.conftest import table

from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.workspace import Workspace

RUN = "import sys, cupola_tui.app as app; sys.exit(app.run({root!r}))"


@pytest.fixture
def seen(workspace: Workspace, tmp_path: Path) -> Iterator[Seen]:
    """The screen of a workspace with the dataset `things`."""
    table(300).to_parquet(tmp_path / "things.parquet")
    importing.run(workspace.store, "things", tmp_path / "things.parquet", ImportOptions(target="kind"), lambda *_: None)
    screen = Seen(RUN.format(root=str(workspace.root)))
    yield screen
    screen.close()


def test_a_tuning_is_begun_watched_and_its_best_registered_by_keys(workspace: Workspace, seen: Seen) -> None:
    seen.shows("1 Data")
    seen.press("1", "things")
    seen.press("T", r"tune .*\n(.*\n)*.*estimator")
    seen.press("DecisionTreeClassifier", "DecisionTreeClassifier")
    seen.press("\t\tmax_depth=2..9 min_samples_leaf=1..20", r"min_samples_leaf=1\.\.20")
    seen.press("\t\t6", r"trials +6")
    seen.press("\x13", r"Tunings[\s\S]*(Queued|InProgress|Completed)")
    seen.press("\r", "Overview")
    seen.press("]", r"trial +state +\w+ +max_depth")
    seen.shows(r"5 . (Running|Completed|best)")
    seen.until(lambda text: len(re.findall("Completed|best", text)) >= 6, "six completed trials")
    seen.press("]", r"Importance for [\s\S]*max_depth +█[\s\S]*PED-ANOVA over 6 trials")
    seen.press("]", r"max_depth[\s\S]*6 completed trials")
    seen.press("[[[", "ended by MaxNumberOfTrainingJobs")
    seen.press("\x1b", r"Completed +6 ")
    seen.press("r", "model register")
    seen.press("late", r"name \* +late")
    seen.press("\x13", r"late@1")  # the form itself has said Registry and late
    tuning = workspace.action("tuning ls")[0]
    assert (tuning.status, tuning.completed) == ("Completed", 6)
    assert workspace.action("model show", model="late@1").run == tuning.best_run
