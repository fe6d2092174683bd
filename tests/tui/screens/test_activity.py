"""A team on the screen: who is here, what they did, what names this user, and what is said of a record."""

from typing import Any

import pytest
from tests.tui.conftest import Settled
from tests.tui.double import Double
from tests.tui.examples import acts, present
from textual.pilot import Pilot

from cupola_tui import company, keymap
from cupola_tui.screens import comments, panes
from cupola_tui.screens.form import Form
from cupola_tui.screens.panel import Panel
from cupola_tui.studio import Studio


def header(studio: Studio) -> str:
    return "".join(text for text, _ in studio.main.header.line)


def shown(studio: Studio) -> str:
    return str(studio.main.detail.body.plain)


async def activity(pilot: Pilot[None], studio: Studio, settled: Settled) -> None:
    await pilot.press("A")
    await settled(pilot, lambda: studio.main.pane.name == keymap.ACTIVITY and studio.main.table.view.rows.order)


async def test_the_header_says_who_is_here_and_who_leaves(studio: Studio, settled: Settled, bridge: Double) -> None:
    bridge.answers.here = [present("raj"), present("raj", host="desk"), present("ana"), present("e\x1b[31mve")]
    async with studio.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: "e�[31mve, raj, you" in header(studio))
        bridge.answers.here = [present("ana")]
        bridge.listen({"changed": [{"kind": "presence", "ref": "s-raj", "revision": 0}]})
        await settled(pilot, lambda: "you" not in header(studio))


async def test_names_fall_away_before_anything_else(studio: Studio, settled: Settled, bridge: Double) -> None:
    bridge.answers.here = [present(name) for name in ("ana", "bob", "cid", "dan", "eve")]
    async with studio.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "@1" in header(studio) and "1 endpoint" in header(studio))
        assert "bob" not in header(studio)
        await pilot.resize_terminal(120, 40)
        await settled(pilot, lambda: "bob, cid, dan, you +1" in header(studio))


async def test_the_others_are_told_what_is_looked_at_once_one_stands_still(
    studio: Studio, settled: Settled, bridge: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settled(pilot, lambda: bridge.answers.seen == ("Registry", "model", "delays@3"))
        with monkeypatch.context() as patch:
            patch.setattr(company, "GLANCE", 3600.0)  # longer than a key takes on a busy machine
            await pilot.press("j")
        await pilot.press("j")
        await settled(pilot, lambda: bridge.answers.seen == ("Registry", "model", "delays@1"))
        looks = [more for call, more in bridge.answers.asked if call == "look"]
        assert {"pane": "Registry", "kind": "model", "ref": "delays@2"} not in looks
        await activity(pilot, studio, settled)
        await settled(pilot, lambda: bridge.answers.seen == ("Activity", "", ""))


async def test_the_activity_is_live_and_filtered_and_reached_by_name(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: studio.main.table.view.rows.order)
        await pilot.press("colon", *"activity", "enter")
        await settled(pilot, lambda: studio.main.pane.name == keymap.ACTIVITY and len(rows(studio)) == len(acts()))
        await pilot.press("slash", *'user = "eve"', "enter")
        await settled(pilot, lambda: [one["verb"] for one in rows(studio)] == ["removed"])
        new = acts()[-1] | {"ref": "j888888888", "time": "2026-11-25T10:00:00Z"}
        bridge.answers.lists["activity"].insert(0, new)
        bridge.listen({"changed": [{"kind": "activity", "ref": "job", "revision": 3}]})
        await settled(pilot, lambda: [one["ref"] for one in rows(studio)] == ["j888888888", "j999999999"])


def rows(studio: Studio) -> list[dict[str, Any]]:
    found = studio.main.table.view.rows
    return [found.records[one] for one in found.order]


@pytest.mark.parametrize(
    ("ref", "pane", "about"),
    [
        ("delays@3-7f33", keymap.REGISTRY, "model delays@3"),
        ("r000000001", keymap.EXPERIMENTS, "run calm-heron"),
        ("flights@2-a2b2", keymap.DATASETS, "dataset flights@2"),
        ("delays", keymap.ENDPOINTS, "endpoint delays"),
    ],
)
async def test_enter_goes_to_the_record(studio: Studio, settled: Settled, ref: str, pane: str, about: str) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: len(studio.lists.records) >= 6)
        await activity(pilot, studio, settled)
        for _ in acts():
            if (studio.main.table.cursor_record() or {})["ref"] == ref:
                break
            await pilot.press("j")
        await pilot.press("enter")
        await settled(pilot, lambda: studio.main.pane.name == pane)
        await settled(pilot, lambda: str(studio.main.detail.border_title) == about)
        await pilot.press("minus")
        assert studio.main.pane.name == keymap.ACTIVITY


async def test_what_is_gone_is_said_and_an_experiment_is_where_its_runs_are(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: len(studio.lists.records) >= 6)
        await activity(pilot, studio, settled)
        await pilot.press("G", "enter")
        await settled(pilot, lambda: any("not here any more" in str(one.message) for one in studio._notifications))
        assert studio.main.pane.name == keymap.ACTIVITY
        await pilot.press("k", "k", "enter")
        await settled(pilot, lambda: studio.main.pane.name == keymap.EXPERIMENTS)
        assert studio.main.detail.current.name == comments.TITLE


async def test_a_mention_is_new_until_it_is_read_where_it_was_said(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    def read(name: str, arguments: dict[str, Any], **_: Any) -> Any:
        if name == "activity read" and arguments == {"ref": "model:delays@3-7f33"}:
            bridge.answers.lists["activity"][0]["unread"] = False
        return {"read": 1, "unread": 0}

    bridge.answers.on_action = read  # type: ignore[method-assign]
    async with studio.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: header(studio).count("@1") == 1 and len(studio.lists.records) >= 6)
        await activity(pilot, studio, settled)
        assert "it names you, and is new" in shown(studio)
        await pilot.press("enter")
        await settled(pilot, lambda: studio.main.detail.current.name == comments.TITLE and "night" in shown(studio))
        await settled(pilot, lambda: "@1" not in header(studio))
        await activity(pilot, studio, settled)
        await settled(pilot, lambda: "is new" not in shown(studio))


async def test_a_comment_behind_the_table_of_a_small_screen_is_not_read_before_it_is_seen(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    read: list[str] = []

    def act(name: str, arguments: dict[str, Any], **_: Any) -> Any:
        read.append(name)
        return {"read": 1, "unread": 0}

    def asked() -> int:
        return sum(call == "notes" for call, _ in bridge.answers.asked)

    bridge.answers.on_action = act  # type: ignore[method-assign]
    async with studio.run_test(size=(80, 24)) as pilot:
        await pilot.press("4", "left_square_bracket")
        await settled(pilot, lambda: asked() and "@1" in header(studio))
        await pilot.press("down", "up")
        await settled(pilot, lambda: asked() >= 3)  # the answers before were taken
        assert not studio.main.detail.is_on_screen and read == []
        await pilot.press("enter")
        await settled(pilot, lambda: read == ["activity read"])
        assert studio.main.detail.is_on_screen


@pytest.mark.parametrize("name", keymap.PANES)
def test_every_pane_of_records_shows_what_is_said_of_them(name: str) -> None:
    (tab,) = [one for one in panes.pane(name).tabs if one.name == comments.TITLE]
    record = {"id": "a2b2", "name": "flights", "dataset": "flights", "version": 2}
    (call, more) = tab.needs(record)["notes"]
    assert (call, more["kind"]) == ("notes", panes.pane(name).about) and more["ref"]


async def test_comments_show_as_they_are_said_and_text_is_no_markup(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settled(pilot, lambda: studio.main.table.view.rows.order)
        studio.main.body.show_tab(comments.TITLE)
        await settled(pilot, lambda: "good on night flights," in shown(studio))
        assert "nightly, [b]bold[/b]" in shown(studio)
        said = acts()[0] | {"user": "eve", "text": "\x1b[31m[b]red\x07\nand a line", "mentions": [], "unread": False}
        bridge.answers.lists["activity"].append(said)
        bridge.listen({"changed": [{"kind": "note", "ref": "model/delays@3-7f33", "revision": 2}]})
        await settled(pilot, lambda: "and a line" in shown(studio))
        assert "[31m[b]red" in shown(studio) and "\x1b" not in shown(studio) and "\x07" not in shown(studio)


async def test_keys_comment_and_tag_the_record_under_the_cursor(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settled(pilot, lambda: studio.main.table.view.rows.order)
        await pilot.press("C")
        await settled(pilot, lambda: isinstance(studio.screen, Form))
        await pilot.press(*"fine", "ctrl+s")
        await settled(pilot, lambda: any(one.message == "comment: model delays@3" for one in studio._notifications))
        assert studio.screen is studio.main
        await pilot.press("space", "space", "#")
        await settled(pilot, lambda: isinstance(studio.screen, Form))
        await pilot.press(*"+good", "ctrl+s")
        await settled(pilot, lambda: studio.screen is studio.main)
        done = [more for call, more in bridge.answers.asked if call == "action" and more["name"] in ("comment", "tag")]
        assert done[0] == {"name": "comment", "arguments": {"ref": "model:delays@3", "text": "fine"}}
        tagged = [(one["arguments"], one["opened"]["ref"]) for one in done[1:]]
        assert tagged == [({"ref": f"model:delays@{number}", "tags": "+good"}, f"delays@{number}") for number in (3, 2)]


async def test_an_act_is_commented_at_its_record(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await activity(pilot, studio, settled)
        await pilot.press("C")
        await settled(pilot, lambda: isinstance(studio.screen, Form))
        assert isinstance(studio.screen, Form) and studio.screen.values() == {"ref": "model:delays@3-7f33"}


async def test_a_form_says_that_somebody_else_was_faster_and_can_be_had_anew(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settled(pilot, lambda: studio.main.table.view.rows.order)
        await pilot.press("a")
        await settled(pilot, lambda: isinstance(studio.screen, Form))
        form = studio.screen
        assert isinstance(form, Form)
        await pilot.press(*"fine")
        bridge.answers.changed = "raj changed this 3 s ago: rejected [b]leaks"
        bridge.listen({"changed": [{"kind": "model", "ref": "delays@3-7f33", "revision": 2}]})
        await settled(pilot, lambda: "raj changed this 3 s ago: rejected [b]leaks" in form.below.plain)
        assert "ctrl+r" in form.below.plain
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: isinstance(studio.screen, Panel))
        assert isinstance(studio.screen, Panel) and "raj changed this" in studio.screen.text()
        await pilot.press("escape")
        await settled(pilot, lambda: studio.screen is form)
        await pilot.press("ctrl+r")
        await settled(pilot, lambda: isinstance(studio.screen, Form) and studio.screen is not form)
        again = studio.screen
        assert isinstance(again, Form) and again.values() == {"model": "delays@3", "reason": "fine"}
        await settled(pilot, lambda: again.command)
        assert "raj changed" not in again.below.plain
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: studio.screen is studio.main)


async def test_what_others_change_elsewhere_is_no_news_to_a_form(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settled(pilot, lambda: studio.main.table.view.rows.order)
        await pilot.press("a")
        await settled(pilot, lambda: isinstance(studio.screen, Form) and studio.screen.command)
        bridge.listen({"changed": [{"kind": "run", "ref": "r1", "revision": 2}, {"kind": "presence", "ref": "s"}]})
        bridge.listen({"changed": [{"kind": "note", "ref": "model/delays@3-7f33", "revision": 2}]})
        await settled(pilot, lambda: [call for call, _ in bridge.answers.asked].count("changed") == 1)
        assert isinstance(studio.screen, Form) and studio.screen.news == ""
