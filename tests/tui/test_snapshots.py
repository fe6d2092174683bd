"""A picture of each pane when full, empty, in error and at 80x24, and of what opens over it."""

from typing import Any

import pytest
from tests.tui.double import Double
from textual.pilot import Pilot

from cupola import errors
from cupola_tui.keymap import PANES
from cupola_tui.studio import Studio

WIDE, SMALL = (120, 40), (80, 24)


@pytest.fixture(autouse=True)
def still(bridge: Double) -> None:
    """No gauges: what they show depends on how long the test took."""
    bridge.answers.errors["host"] = errors.NotReady("pinned")


def settle(*keys: str) -> Any:
    """Waits until every list is there and nothing is on its way any more, then presses the keys."""

    async def run(pilot: Pilot[None]) -> None:
        studio = pilot.app
        assert isinstance(studio, Studio)
        for _ in range(200):
            if len(studio.lists.records) + len(studio.lists.errors) >= 6:
                break
            await pilot.pause(0.02)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.15)
        for _ in range(3):
            await pilot.pause(0.1)

    return run


@pytest.mark.parametrize("place", range(1, 6), ids=PANES)
def test_full(snap_compare: Any, studio: Studio, place: int) -> None:
    assert snap_compare(studio, terminal_size=WIDE, run_before=settle(str(place)))


@pytest.mark.parametrize("place", range(1, 6), ids=PANES)
def test_small(snap_compare: Any, studio: Studio, place: int) -> None:
    assert snap_compare(studio, terminal_size=SMALL, run_before=settle(str(place)))


@pytest.mark.parametrize("place", range(1, 6), ids=PANES)
def test_empty(snap_compare: Any, studio: Studio, bridge: Double, place: int) -> None:
    bridge.answers.lists |= {kind: [] for kind in ("datasets", "runs", "jobs", "models", "endpoints")}
    assert snap_compare(studio, terminal_size=SMALL, run_before=settle(str(place)))


@pytest.mark.parametrize("place", range(1, 6), ids=PANES)
def test_error(snap_compare: Any, studio: Studio, bridge: Double, place: int) -> None:
    error = errors.DiskTrouble("the disk does not answer", where="/srv/team/flights", hint="look at the mount")
    bridge.answers.errors |= dict.fromkeys(("datasets", "runs", "jobs", "models", "endpoints"), error)
    assert snap_compare(studio, terminal_size=SMALL, run_before=settle(str(place)))


@pytest.mark.parametrize(
    "keys",
    [
        ("1", "t"),
        ("4", "full_stop"),
        ("2", "space", "space", "c"),
        ("2", "j", "D"),
        ("2", "question_mark"),
        ("2", "right_square_bracket", "right_square_bracket", "right_square_bracket", "j"),
        ("3", "l"),
        ("colon", "t", "r"),
    ],
    ids=["form", "menu", "compare", "question", "help", "confusion", "log", "command"],
)
def test_over_it(snap_compare: Any, studio: Studio, keys: tuple[str, ...]) -> None:
    assert snap_compare(studio, terminal_size=WIDE, run_before=settle(*keys))


def test_ascii(snap_compare: Any, bridge: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C")
    assert snap_compare(Studio(bridge, "/srv/team/flights"), terminal_size=WIDE, run_before=settle("2"))
