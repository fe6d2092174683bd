"""Values as people read them, in a terminal of 80 columns and elsewhere."""

import shutil
import sys
from os import terminal_size

import pytest

from cupola.registry.signature import Signature, SignatureColumn
from cupola.serving.status import Traffic
from cupola_tui.commands import cells, views

LONG = "word " * 100
NAME = "x" * 150


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: terminal_size((80, 24)))


def test_a_long_parameter_leaves_the_others_legible(terminal: None) -> None:
    params = {"rate": 0.5, "note": LONG, NAME: 3, "depth": 2, "seed": 1}
    lines = cells.record({"name": "brave-otter", "reason": LONG, "params": params}).splitlines()
    assert LONG in lines[1]
    below = lines[lines.index("params") + 1 :]
    assert all(cells.width(line) <= 80 for line in below)
    assert [line.split()[0] for line in below] == ["rate", "note", "x" * 39 + "…", "depth", "seed"]
    assert below[0].endswith("  0.5") and below[1].endswith("…") and below[2].endswith("…  3")


def test_a_long_name_hides_no_other_column(terminal: None) -> None:
    lines = cells.table([{"metric": NAME, "test": 0.25}, {"metric": "loss", "test": 0.5}]).splitlines()
    assert lines[1] == "x" * 39 + "…  0.25" and lines[2].endswith("0.5")
    one = cells.table([{"metric": "x" * 70, "test": 0.25}]).splitlines()
    assert one[1] == "x" * 70 + "  0.25"  # there is room for it


def test_what_goes_into_a_file_is_whole() -> None:
    assert LONG in cells.record({"a": {"b": LONG, "c": 1, "d": 2, "e": 3, "f": 4}})


def test_a_series_of_figures_is_left_to_plots_and_json() -> None:
    traffic = Traffic(requests=3, series=[[1_796_018_724.0, 3.0, 0.3, 0.9, 0.0]] * 60)
    assert cells.record({"traffic": traffic}).split() == ["traffic", "requests=3", "errors=0", "faults=0", "rps=0"]


def test_the_columns_that_a_model_takes_are_rows_of_their_own() -> None:
    columns = [SignatureColumn(name="hour", type="integer"), SignatureColumn(name="carrier", type="category")]
    lines = views.whole({"name": "late", "signature": Signature(columns=columns, target="late")}).splitlines()
    at = lines.index("columns")
    assert [line.split()[:2] for line in lines[at + 1 : at + 4]] == [
        ["name", "type"], ["hour", "integer"], ["carrier", "category"]
    ]  # fmt: skip
    assert not any("hour" in line for line in lines[:at])


def test_what_is_true_is_said_as_in_json() -> None:
    assert cells.cell([True, False, None]) == "true, false, -"
