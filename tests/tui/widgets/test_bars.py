"""The header: what it says of the mount, in the room that there is; and tabs, whose names are never cut."""

import pytest
from tests.tui.conftest import Settled
from tests.tui.double import Double

from cupola_tui.keymap import ACTIVITY, DIGITS, EXPERIMENTS, TUNINGS
from cupola_tui.screens.panes import named, pane
from cupola_tui.studio import Studio
from cupola_tui.widgets.bars import Header, PaneTabs, Tabs

LATE = {
    "sshfs": (20.0, "dcache_timeout=1"),
    "nfs": (60.0, "actimeo=1,lookupcache=positive"),
}
LONG = {
    "sshfs": "views are up to 20 s old: mount with -o dcache_timeout=1",
    "nfs": "views are up to 60 s old: mount with -o actimeo=1,lookupcache=positive",
}
SHORT = {"sshfs": "views 20 s old: dcache_timeout=1", "nfs": "views 60 s old: actimeo=1"}


@pytest.mark.parametrize("kind", ["sshfs", "nfs"])
async def test_the_header_says_that_views_are_late_and_what_mends_it(
    bridge: Double, settled: Settled, kind: str
) -> None:
    late, mend = LATE[kind]
    bridge.answers.lists["activity"] = []  # what names this user would have its place before these words
    bridge.answers.ready["workspace"] |= {"mount": kind, "late": late, "mend": mend}
    for size, words in (((120, 40), LONG[kind]), ((80, 24), SHORT[kind])):
        app = Studio(bridge, "/srv/team/flights")
        async with app.run_test(size=size) as pilot:
            header = app.screen.query_one(Header)
            await settled(pilot, lambda words=words, header=header: words in said(header))
            await settled(pilot, lambda header=header: "job" in said(header))
            assert "flights" in said(header) or size == (80, 24)
            assert len(said(header)) == size[0]


async def test_a_mount_that_is_well_is_not_spoken_of(bridge: Double, settled: Settled) -> None:
    bridge.answers.ready["workspace"] |= {"mount": "sshfs", "late": 1.0, "mend": None}
    app = Studio(bridge, "/srv/team/flights")
    async with app.run_test(size=(120, 40)) as pilot:
        header = app.screen.query_one(Header)
        await settled(pilot, lambda: "(sshfs)" in said(header))
        assert "old" not in said(header)


@pytest.mark.parametrize("width", [120, 100, 80])
@pytest.mark.parametrize("name", [EXPERIMENTS, TUNINGS])
async def test_tabs_are_whole_names_the_one_in_front_among_them(
    studio: Studio, settled: Settled, name: str, width: int
) -> None:
    names = [one.name for one in pane(name).tabs]
    async with studio.run_test(size=(width, 30)) as pilot:
        await pilot.press(DIGITS[name])
        await settled(pilot, lambda: studio.main.table.cursor_record() is not None)
        await pilot.press("enter")
        tabs = studio.main.detail.query_one(Tabs)
        await settled(pilot, lambda: tabs.names == tuple(names) and tabs.size.width)
        whole = 1 + sum(map(len, names)) + len(names) - 1 <= tabs.size.width
        for one in names:
            await settled(pilot, lambda one=one: (one, "title") in tabs.line)
            shown = [text for text, _ in tabs.line if text.strip(" ‹›")]
            assert set(shown) <= set(names)
            assert len(said(tabs).rstrip()) <= tabs.size.width
            assert (shown == names) == whole
            await pilot.press("right_square_bracket")


async def test_the_mark_at_the_end_of_the_tabs_leads_to_the_others(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(100, 30)) as pilot:
        tabs = studio.main.detail.query_one(Tabs)
        await settled(pilot, lambda: "›" in said(tabs))
        hidden = next(one.name for one in studio.main.pane.tabs if one.name not in said(tabs))
        await pilot.click(tabs, offset=(said(tabs).index("›"), 0))
        await settled(pilot, lambda: (hidden, "title") in tabs.line)
        assert said(tabs).startswith("‹")
        await pilot.click(tabs, offset=(said(tabs).index(hidden) + 1, 0))
        assert studio.main.pane.tabs[studio.main.detail.tab].name == hidden


@pytest.mark.parametrize("width", [120, 80, 60, 44])
async def test_every_pane_can_be_reached_however_narrow_it_is(studio: Studio, settled: Settled, width: int) -> None:
    async with studio.run_test(size=(width, 24)) as pilot:
        tabs = studio.screen.query_one(PaneTabs)
        for name, digit in (*DIGITS.items(), (ACTIVITY, "A")):
            await pilot.press(digit)
            await settled(pilot, lambda name=name: (name.capitalize(), "title") in tabs.line)
            assert len(said(tabs).rstrip()) <= width
            assert {*DIGITS.values(), "A"} < {*said(tabs).split()}
            others = {text for text, style in tabs.line if style == "dim"}
            assert others < {one.capitalize() for one in named()}
            assert len(others) >= {120: 7, 80: 6, 60: 4, 44: 1}[width]
        await pilot.click(tabs, offset=(said(tabs).index("3"), 0))
        await settled(pilot, lambda: ("Jobs", "title") in tabs.line)


def said(bar: Header | Tabs) -> str:
    return "".join(text for text, _ in bar.line)
