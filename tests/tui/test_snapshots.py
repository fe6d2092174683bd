"""A picture of each pane when full, empty, in error and at 80x24, and of what opens over it."""

from typing import Any

import pytest
from tests.tui.conftest import rest
from tests.tui.double import Double
from tests.tui.examples import canary, load_test, present, shadowed
from textual.pilot import Pilot

from cupola import errors
from cupola_tui.keymap import DIGITS
from cupola_tui.lists import KINDS
from cupola_tui.studio import Studio
from cupola_tui.widgets.sheet import Sheet

WIDE, SMALL, ROOMY = (120, 40), (80, 24), (200, 50)
ON = "right_square_bracket"
PAUSE = 0.2  # seconds: longer than a pause in typing, after which forms and filters are looked at


@pytest.fixture(autouse=True)
def still(bridge: Double) -> None:
    """No gauges: what they show depends on how long the test took."""
    bridge.answers.errors["host"] = errors.NotReady("pinned")


def settle(*keys: str) -> Any:
    """Waits until every list is there, presses the keys, each when that before has come to rest, and waits again."""

    async def run(pilot: Pilot[None]) -> None:
        studio = pilot.app
        assert isinstance(studio, Studio)
        while len(studio.lists.records) + len(studio.lists.errors) <= len(KINDS):
            await pilot.pause(0.02)
        for key in keys:
            await pilot.press(key)
            await rest(PAUSE)
        await pilot.pause(PAUSE)
        await rest(PAUSE)

    return run


@pytest.mark.parametrize("digit", DIGITS.values(), ids=DIGITS)
def test_full(snap_compare: Any, studio: Studio, digit: str) -> None:
    assert snap_compare(studio, terminal_size=WIDE, run_before=settle(digit))


@pytest.mark.parametrize("digit", DIGITS.values(), ids=DIGITS)
def test_small(snap_compare: Any, studio: Studio, digit: str) -> None:
    assert snap_compare(studio, terminal_size=SMALL, run_before=settle(digit))


@pytest.mark.parametrize("digit", DIGITS.values(), ids=DIGITS)
def test_empty(snap_compare: Any, studio: Studio, bridge: Double, digit: str) -> None:
    bridge.answers.lists |= {kind: [] for kind in KINDS}
    assert snap_compare(studio, terminal_size=SMALL, run_before=settle(digit))


@pytest.mark.parametrize("digit", DIGITS.values(), ids=DIGITS)
def test_error(snap_compare: Any, studio: Studio, bridge: Double, digit: str) -> None:
    error = errors.DiskTrouble("the disk does not answer", where="/srv/team/flights", hint="look at the mount")
    bridge.answers.errors |= dict.fromkeys(KINDS, error)
    assert snap_compare(studio, terminal_size=SMALL, run_before=settle(digit))


@pytest.mark.parametrize(
    "keys",
    [
        ("1", "t"),
        ("4", "full_stop"),
        ("2", "space", "space", "c"),
        ("2", "j", "D"),
        ("2", "question_mark"),
        ("2", "j", *["right_square_bracket"] * 2, "tab", "right", "less_than_sign"),
        ("2", "j", *["right_square_bracket"] * 2, "tab", "right", "right"),
        ("2", "j", *["right_square_bracket"] * 3),
        ("3", "l"),
        ("colon", "t", "r"),
    ],
    ids=["form", "menu", "compare", "question", "help", "confusion", "roc", "rows", "log", "command"],
)
def test_over_it(snap_compare: Any, studio: Studio, keys: tuple[str, ...]) -> None:
    assert snap_compare(studio, terminal_size=WIDE, run_before=settle(*keys))


def changed(bridge: Double) -> None:
    bridge.answers.changed = "raj changed this 3 s ago: rejected leaks the delay"
    bridge.listen({"changed": [{"kind": "model", "ref": "delays@3-7f33", "revision": 2}]})


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("keys", [("A",), ("4", "left_square_bracket", "enter")], ids=["activity", "comments"])
def test_a_team(
    snap_compare: Any, studio: Studio, bridge: Double, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    bridge.answers.here = [present(name) for name in ("ana", "raj", "eve")]
    assert snap_compare(studio, terminal_size=size, run_before=settle(*keys))


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_somebody_was_faster(snap_compare: Any, studio: Studio, bridge: Double, size: tuple[int, int]) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await settle("4", "a")(pilot)
        changed(bridge)
        await settle()(pilot)

    assert snap_compare(studio, terminal_size=size, run_before=run)


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("tab", range(1, 6), ids=["trials", "importance", "parallel", "slice", "contour"])
def test_a_tuning(snap_compare: Any, studio: Studio, size: tuple[int, int], tab: int) -> None:
    keys = ["0", *["right_square_bracket"] * tab, "enter"]
    assert snap_compare(studio, terminal_size=size, run_before=settle(*keys))


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("tab", [0, 1], ids=["overview", "leaderboard"])
def test_an_autopilot(snap_compare: Any, studio: Studio, bridge: Double, size: tuple[int, int], tab: int) -> None:
    bridge.answers.lists["runs"][0] |= {"estimator": "Autopilot", "name": "brave-otter"}
    keys = ["2", *["right_square_bracket"] * tab, "enter"]
    assert snap_compare(studio, terminal_size=size, run_before=settle(*keys))


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_the_front_of_a_tuning(snap_compare: Any, studio: Studio, bridge: Double, size: tuple[int, int]) -> None:
    goals = {"objectives": ["roc_auc", "log_loss"], "directions": ["maximize", "minimize"]}
    bridge.answers.lists["tunings"][0] |= goals | {"front": ["t000000001", "t000000012"]}
    for one in bridge.answers.trials:
        one["best"] = one["number"] in (1, 12)
        if one["values"]:
            one["values"].append(0.3 + one["params"]["max_depth"] / 60)
    keys = ["0", *["right_square_bracket"] * 6, "enter"]
    assert snap_compare(studio, terminal_size=size, run_before=settle(*keys))


@pytest.mark.parametrize("size", [WIDE, SMALL, ROOMY], ids=["wide", "small", "roomy"])
@pytest.mark.parametrize(
    ("shown", "keys", "waited"),
    [
        ("overview", ("enter",), "Variants"),
        ("change", (ON, "enter"), "watched"),
        ("shadow", (ON, "enter"), "answers otherwise"),
        ("load", (ON, ON, "enter"), "p99 over the rate"),
        ("invoke", ("i", "ctrl+s"), "73.0%"),
    ],
    ids=["overview", "change", "shadow", "load", "invoke"],
)
def test_an_endpoint(
    snap_compare: Any,
    studio: Studio,
    bridge: Double,
    size: tuple[int, int],
    shown: str,
    keys: tuple[str, ...],
    waited: str,
) -> None:
    """One that is changing, with its alarms; one with a shadow; what a load test found; asking it."""
    bridge.answers.lists["endpoints"][0] = shadowed() if shown == "shadow" else canary()
    for model in bridge.answers.lists["models"]:
        model["load_test"] = load_test()

    def said() -> str:
        return "\n".join(one.plain for one in studio.screen.query(Sheet) if one.is_on_screen)

    async def run(pilot: Pilot[None]) -> None:
        await settle("5", *keys)(pilot)
        while waited not in said():
            await pilot.pause(0.05)
        await settle()(pilot)

    assert snap_compare(studio, terminal_size=size, run_before=run)


def test_ascii(snap_compare: Any, bridge: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C")
    assert snap_compare(Studio(bridge, "/srv/team/flights"), terminal_size=WIDE, run_before=settle("2"))


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("pane", ["1", "2"], ids=["dataset", "run"])
def test_bad_data(snap_compare: Any, studio: Studio, bridge: Double, size: tuple[int, int], pane: str) -> None:
    """A version that is marked as bad, and what came from it: in lists, details and lineage."""
    for kind, some in (("datasets", 1), ("runs", 5)):
        for record in bridge.answers.lists[kind][:some]:
            record["bad"] = "flights@2-a2b2 is marked as bad by raj: every row is there twice"
    keys = [pane, *["right_square_bracket"] * (3 if pane == "1" else 5), *["enter"] * (size == SMALL)]
    assert snap_compare(studio, terminal_size=size, run_before=settle(*keys))


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("typed", ["roc_auc > 0.83 and us", "usre = ana"], ids=["offers", "fault"])
def test_typing_a_filter(snap_compare: Any, studio: Studio, size: tuple[int, int], typed: str) -> None:
    keys = ["2", "slash", *({" ": "space"}.get(one, one) for one in typed)]

    async def run(pilot: Pilot[None]) -> None:
        await settle(*keys)(pilot)
        while not studio.main.body.prompt.value == typed == studio.main.body.hints.text:
            await pilot.pause(0.02)
        await settle()(pilot)

    assert snap_compare(studio, terminal_size=size, run_before=run)


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("keys", [("2", "V"), ("2", "V", *"best", "enter")], ids=["list", "shown"])
def test_views(snap_compare: Any, studio: Studio, size: tuple[int, int], keys: tuple[str, ...]) -> None:
    assert snap_compare(studio, terminal_size=size, run_before=settle(*keys))
