"""The main screen with real keys, on the stand-in for the workspace."""

from typing import Any

import pytest
from tests.tui.conftest import Settled
from tests.tui.double import Double
from tests.tui.examples import NOON, runs
from tests.tui.forms import FORMS
from textual.pilot import Pilot
from textual.widgets import Input

from cupola import errors
from cupola_tui import figures
from cupola_tui.screens import obeying
from cupola_tui.screens.choice import Menu
from cupola_tui.screens.panel import Panel
from cupola_tui.screens.question import Question
from cupola_tui.studio import Studio
from cupola_tui.widgets.body import AGES
from cupola_tui.widgets.rows import Rows


def asked(bridge: Double, name: str) -> list[dict[str, Any]]:
    """The arguments with which that action was run."""
    return [more["arguments"] for call, more in bridge.answers.asked if call == "action" and more["name"] == name]


async def opened(pilot: Pilot[None], studio: Studio, settled: Settled, pane: str = "") -> None:
    if pane:
        await pilot.press(pane)
    await settled(pilot, lambda: studio.main.table.view.rows.order)


async def test_the_first_frame_is_drawn_before_anything_is_asked(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    seen: list[int] = []
    begin = studio._begin
    studio._begin = lambda: (seen.append(len(bridge.answers.asked)), begin())[1]  # type: ignore[method-assign]
    async with studio.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: seen)
        assert seen == [0]


async def test_numbers_go_to_panes_and_minus_goes_back(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        for key, title in (
            ("1", "datasets"),
            ("4", "registry"),
            ("5", "endpoints"),
            ("minus", "registry"),
            ("minus", "endpoints"),
        ):
            await pilot.press(key)
            assert studio.main.pane.name == title


async def test_ages_grow_in_the_details_too(studio: Studio, settled: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    async with studio.run_test(size=(160, 60)) as pilot:
        await opened(pilot, studio, settled, "2")
        sheet = studio.main.body.detail._sheet
        await settled(pilot, lambda: " ago, " in sheet.plain)
        before = sheet.plain
        monkeypatch.setattr(figures, "now", lambda: NOON + 5 * 86400)
        for _ in range(AGES):
            studio.main.body.tick()
        assert "5d ago" in sheet.plain and "5d ago" not in before


async def test_to_open_a_pane_does_not_write_out_its_records(
    studio: Studio, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Textual describes a worker by all that it is given: of 10,000 records that took most of a second."""
    written: list[Rows] = []
    monkeypatch.setattr(Rows, "__repr__", lambda self: (written.append(self), "rows")[1])
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await opened(pilot, studio, settled, "1")
        await opened(pilot, studio, settled, "2")
    assert written == []


async def test_a_key_that_means_nothing_in_a_pane_does_nothing(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled, "3")
        await pilot.press("t", "r", "i")
        await pilot.pause()
        assert studio.screen is studio.main


async def test_the_filter_works_as_one_types_and_esc_clears_it(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("slash", *"keen")
        await settled(pilot, lambda: len(studio.main.table.view.rows.order) == 2)
        await pilot.press("escape")
        assert len(studio.main.table.view.rows.order) == 12
        assert studio.main.table.has_focus


async def test_the_search_language_filters_and_a_fault_in_it_is_said(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        studio.main.body.set_filter('metrics.validation_roc_auc > 0.84 and user = "ana"')
        assert {
            one["user"] for one in (studio.main.table.view.rows.records[i] for i in studio.main.table.view.rows.order)
        } == {"ana"}
        kept = list(studio.main.table.view.rows.order)
        studio.main.body.set_filter("")
        assert len(studio.main.table.view.rows.order) > len(kept)
        studio.main.body.set_filter('roc_auc > 0.84 and who = "ana"')  # as the columns are titled
        assert studio.main.table.view.rows.order == kept
        studio.main.body.set_filter("validation_roc_auc > ")
        assert studio.main.table.view.rows.order == kept
        assert "validation_roc_auc >" in str(studio.main.table.border_subtitle)


async def test_a_change_by_anyone_shows_with_the_cursor_where_it_was(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("j", "j", "space")
        cursor = studio.main.table.view.cursor
        new = runs()[0] | {"id": "fresh", "name": "new-run"}
        bridge.answers.lists["runs"].insert(0, new)
        bridge.listen({"changed": [{"kind": "run", "ref": "fresh", "revision": 1}]})
        await settled(pilot, lambda: "fresh" in studio.main.table.view.rows.order)
        assert studio.main.table.view.cursor == cursor
        assert studio.main.table.view.rows.marks == {runs()[2]["id"]}


async def test_roles_that_change_in_workspace_toml_dim_and_allow_at_once(
    studio: Studio, settled: Settled, bridge: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await settled(pilot, lambda: studio.main.actions.by_name)
        assert "train" not in studio.main.footer.dimmed
        why = "train needs a member, and workspace.toml makes ana a viewer"
        with monkeypatch.context() as patch:
            patch.setitem(FORMS, "train", FORMS["train"] | {"forbidden": why})
            bridge.listen({"changed": [{"kind": "file", "ref": "workspace.toml", "revision": 0}]})
            await settled(pilot, lambda: "train" in studio.main.footer.dimmed)
        bridge.listen({"changed": [{"kind": "file", "ref": "workspace.toml", "revision": 0}]})
        await settled(pilot, lambda: "train" not in studio.main.footer.dimmed)


async def test_new_rows_of_a_sorted_table_wait_and_g_lets_them_in(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("s", "j", "j")
        bridge.answers.lists["runs"].insert(0, runs()[0] | {"id": "fresh", "name": "aaa"})
        bridge.listen({"changed": [{"kind": "run", "ref": "fresh", "revision": 1}]})
        await settled(pilot, lambda: "+1 new" in str(studio.main.table.border_subtitle))
        assert "fresh" not in studio.main.table.view.rows.order
        await pilot.press("g")
        assert studio.main.table.view.rows.order[0] == "fresh"


async def test_a_question_is_not_answered_by_enter_nor_by_the_key_that_opened_it(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("j")
        for answer in ("enter", "D", "escape", "n"):
            await pilot.press("D")
            await settled(pilot, lambda: isinstance(studio.screen, Question))
            await pilot.press(answer)
            await settled(pilot, lambda: studio.screen is studio.main)
        assert asked(bridge, "run rm") == []
        await pilot.press("D")
        await settled(pilot, lambda: isinstance(studio.screen, Question))
        await pilot.press("y")
        await settled(pilot, lambda: asked(bridge, "run rm"))
        assert asked(bridge, "run rm") == [{"run": runs()[1]["id"]}]


async def test_a_served_endpoint_goes_only_by_its_name(studio: Studio, settled: Settled, bridge: Double) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled, "5")
        await pilot.press("D")
        await settled(pilot, lambda: isinstance(studio.screen, Question))
        await pilot.press("y", "enter")
        await settled(pilot, lambda: studio.screen is studio.main)
        assert asked(bridge, "endpoint rm") == []
        await pilot.press("D")
        await settled(pilot, lambda: isinstance(studio.screen, Question))
        await pilot.press(*"delays")
        await settled(pilot, lambda: asked(bridge, "endpoint rm"))


async def test_the_menu_dims_what_cannot_act_and_says_why(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("full_stop")
        await settled(pilot, lambda: isinstance(studio.screen, Menu))
        choices = {one.id: one for one in studio.screen.choices}  # type: ignore[attr-defined]
        assert "finished run" in choices["do model register"].why_not
        assert choices["do train"].why_not == ""


async def test_the_menu_says_what_keys_do_in_their_words_and_each_once(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled, "5")
        await pilot.press("full_stop")
        await settled(pilot, lambda: isinstance(studio.screen, Menu))
        said = [(one.words, one.key) for one in studio.screen.choices]  # type: ignore[attr-defined]
        assert {("load test", "b"), ("roll back", "R"), ("edit in place", "e"), ("stop", "x")} <= {*said}
        assert not {"bench", "rollback", "update"} & {words for words, _ in said}
        assert len({words for words, _ in said}) == len(said)
        keyed = [bool(key) for _, key in said]
        assert keyed == sorted(keyed, reverse=True)


async def test_the_right_mouse_button_opens_the_menu_of_that_row(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled, "4")
        await pilot.click("#table", offset=(5, 3), button=3)
        await settled(pilot, lambda: isinstance(studio.screen, Menu))
        assert "delays@2" in studio.screen.heading  # type: ignore[attr-defined]
        assert any(one.id == "do endpoint deploy" for one in studio.screen.choices)  # type: ignore[attr-defined]


async def test_an_error_is_a_panel_that_can_be_copied(studio: Studio, settled: Settled, bridge: Double) -> None:
    bridge.answers.errors["describe"] = errors.DiskTrouble("the disk is full", where="/srv", hint="make room")
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("t")
        await settled(pilot, lambda: isinstance(studio.screen, Panel))
        await pilot.press("y")
        assert studio.clipboard == "the disk is full\nwhere: /srv\nwhat to do: make room"
        await pilot.press("escape")
        assert studio.screen is studio.main


async def test_read_only_refuses_in_the_verbs_and_says_so(studio: Studio, settled: Settled, bridge: Double) -> None:
    bridge.answers.ready["workspace"]["readonly"] = True
    async with studio.run_test(size=(120, 40), notifications=True) as pilot:
        await opened(pilot, studio, settled)
        await settled(pilot, lambda: studio.main.readonly)
        await pilot.press("t")
        await settled(pilot, lambda: any("read-only" in one.message for one in studio._notifications))
        assert studio.screen is studio.main


async def test_a_mount_that_is_silent_is_said(studio: Studio, settled: Settled, bridge: Double) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        bridge.silent = 12.4
        await settled(pilot, lambda: "the mount has not answered for 12 s" in studio.main.header.render_line(0).text)
        await obeying.line(studio.main, "reader replace")
        assert bridge.starts == 1


async def test_a_workspace_that_is_gone_is_said_and_seen_again_when_it_is_back(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        bridge.listen({"pulse": errors.NotFound("the workspace is gone: deleted, moved or unmounted")})
        await settled(pilot, lambda: "the workspace is gone" in studio.main.header.render_line(0).text)
        bridge.listen({"pulse": None})
        await settled(pilot, lambda: "flights" in studio.main.header.render_line(0).text)


async def test_who_leaves_while_an_action_has_no_answer_is_told_to_look(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    bridge.under_way = lambda: ["train"]  # type: ignore[method-assign]
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("q")
    assert studio.parting == "train: not answered when you left; look whether it was done before you do it again"


async def test_the_end_of_a_job_rings(studio: Studio, settled: Settled, bridge: Double) -> None:
    rung: list[str] = []
    studio.ring = lambda words, bad=False: rung.append(words)  # type: ignore[method-assign]
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        job = bridge.answers.lists["jobs"][0]
        job |= {"status": "Completed"}
        bridge.listen({"changed": [{"kind": "job", "ref": job["id"], "revision": 2}]})
        await settled(pilot, lambda: rung)
        assert rung == ["train brave-otter: Completed"]


async def test_the_same_view_comes_back_when_the_app_is_opened_again(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled, "4")
        studio.main.body.set_filter("delays")
        await pilot.press("j", "right_square_bracket")
        await pilot.pause()
    again = Studio(bridge, "/srv/team/flights")
    async with again.run_test(size=(120, 40)) as pilot:
        await opened(pilot, again, settled)
        assert again.main.pane.name == "registry"
        assert again.main.table.cursor_record()["version"] == 2  # type: ignore[index]
        assert again.main.detail.tab == 1
        assert "/delays" in str(again.main.table.border_subtitle)


async def test_what_is_not_a_workspace_is_offered_to_become_one(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    bridge.answers.ready |= {
        "workspace": None,
        "error": {"kind": "NotFound", "message": "there is no workspace", "where": None, "hint": None},
    }
    bridge.answers.on_init = lambda name: bridge.answers.ready  # type: ignore[attr-defined]
    async with studio.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: studio.screen is not studio.main and studio.screen.query(Input))
        assert studio.screen.query_one(Input).value == "flights"
        await pilot.press("enter")
        await settled(pilot, lambda: ("init", {"name": "flights"}) in bridge.answers.asked)


async def test_tab_goes_to_the_details_and_back_when_narrow(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(80, 24)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("tab")
        await settled(pilot, lambda: studio.main.detail.body.has_focus)
        await pilot.press("tab")
        await settled(pilot, lambda: studio.main.table.has_focus)


async def test_an_answer_for_the_details_does_not_take_the_focus_back_from_the_table(
    studio: Studio, settled: Settled
) -> None:
    async with studio.run_test(size=(80, 24)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("tab")
        detail = studio.main.detail
        await settled(pilot, lambda: detail.body.has_focus)
        studio.main.table.focus()
        detail.answer(studio.main.table.view.cursor or "", "notes", {"tags": [], "comments": []})
        await settled(pilot, lambda: studio.main.table.has_focus)
        await pilot.pause()
        assert studio.focused is studio.main.table


@pytest.mark.parametrize(("width", "keys"), [(120, ["tab"]), (200, ["shift+tab"]), (120, ["enter", "tab"])])
async def test_what_has_the_focus_stays_in_sight_when_the_terminal_becomes_narrow(
    studio: Studio, settled: Settled, width: int, keys: list[str]
) -> None:
    async with studio.run_test(size=(width, 40)) as pilot:
        await opened(pilot, studio, settled)
        before = studio.focused
        for key in keys:
            await pilot.press(key)
            await settled(pilot, lambda before=before: studio.focused is not before)  # type: ignore[misc]
            before = studio.focused
        inside = studio.focused is not studio.main.table
        await pilot.resize_terminal(80, 24)
        wanted = studio.main.detail.body if inside else studio.main.table
        await settled(pilot, lambda: studio.focused is wanted and wanted.is_on_screen)
        await settled(pilot, lambda: (studio.main.table if inside else studio.main.detail).is_on_screen is False)
        await pilot.pause()
        assert studio.focused is wanted


async def test_there_is_nothing_to_zoom_when_narrow_and_it_says_so(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: studio.lists.get("runs"))
        await pilot.press("2", "enter")
        await settled(pilot, lambda: studio.main.detail.body.has_focus)
        await pilot.press("z")
        await settled(pilot, lambda: any("has the whole width already" in one.message for one in studio._notifications))
        await pilot.press("escape")  # one way back, as before
        await settled(pilot, lambda: studio.main.table.has_focus and studio.main.table.is_on_screen)


@pytest.mark.parametrize(("width", "begin"), [(120, []), (120, ["tab"]), (200, ["shift+tab"])])
async def test_what_is_zoomed_is_what_has_the_focus_wherever_tab_leads(
    studio: Studio, settled: Settled, width: int, begin: list[str]
) -> None:
    async with studio.run_test(size=(width, 40)) as pilot:
        await opened(pilot, studio, settled)
        body = studio.main.body
        await settled(pilot, lambda: len(body.details) == (2 if width == 200 else 1) and body.details[-1].is_on_screen)
        await pilot.press(*begin, "z")
        await settled(pilot, lambda: alone_in_sight(studio))
        seen = [alone_in_sight(studio)]
        for key in ["tab"] * (1 + len(body.details)) + ["shift+tab"] * (1 + len(body.details)):
            await pilot.press(key)
            await settled(pilot, lambda: alone_in_sight(studio) not in ("", seen[-1]))
            seen.append(alone_in_sight(studio))
        assert len(set(seen)) == 1 + len(body.details) and seen == seen[::-1]
        await pilot.press("z")
        await settled(pilot, lambda: all(one.is_on_screen for one in (body.table, *body.details)))


def alone_in_sight(studio: Studio) -> str:
    """The only one of table and details that is shown, where that has the focus; "" where it is otherwise."""
    body = studio.main.body
    shown = [one for one in (body.table, *body.details) if one.is_on_screen]
    return str(shown[0].id) if len(shown) == 1 and shown[0].has_focus_within else ""


async def test_a_zoom_of_the_details_lets_the_table_be_seen_by_the_keys_that_go_to_it(
    studio: Studio, settled: Settled
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("z")
        for key in ("1", "slash"):
            await pilot.press("tab")
            await settled(pilot, lambda: studio.main.detail.is_on_screen and not studio.main.table.is_on_screen)
            await pilot.press(key)
            await settled(pilot, lambda: studio.main.table.is_on_screen and not studio.main.detail.is_on_screen)
        await pilot.press("escape")
        await settled(pilot, lambda: studio.main.table.has_focus)


async def test_enter_opens_the_details_as_a_screen_of_their_own_when_narrow(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(80, 24)) as pilot:
        await opened(pilot, studio, settled)
        assert not studio.main.detail.is_on_screen
        await pilot.press("enter")
        await settled(pilot, lambda: studio.main.detail.is_on_screen and not studio.main.table.is_on_screen)
        await pilot.press("escape")
        await settled(pilot, lambda: studio.main.table.is_on_screen and studio.main.table.has_focus)


async def test_the_log_follows_and_says_what_waits_below(studio: Studio, settled: Settled, bridge: Double) -> None:
    bridge.answers.log = "".join(f"line {number}\n" for number in range(300))
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled, "3")
        await pilot.press("l")
        await settled(pilot, lambda: studio.main.detail.log_view and studio.main.detail.log_view.has_focus)
        log = studio.main.detail.log_view
        assert log is not None
        await settled(pilot, lambda: "line 299" in log.plain and log.scroll_y > 200)
        await pilot.press("k", "k", "k")
        assert not log.following
        bridge.answers.log += "one more\nand more\n"
        await settled(pilot, lambda: "+2 lines" in log.render_line(log.size.height - 1).text)
        await pilot.press("f")
        await settled(pilot, lambda: log.following and log.scroll_y + log.size.height >= 302)


async def test_jumping_goes_to_what_has_the_letter(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("ctrl+o")
        await settled(pilot, lambda: studio.screen is not studio.main)
        await pilot.press("s")
        await settled(pilot, lambda: studio.main.detail.body.has_focus)


async def test_the_palette_finds_a_record_by_a_few_letters(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await settled(pilot, lambda: studio.lists.get("models"))
        await pilot.press("ctrl+p")
        await settled(pilot, lambda: studio.screen is not studio.main)
        await pilot.press(*"moddel@1", "enter")
        await settled(pilot, lambda: studio.main.pane.name == "registry")
        assert studio.main.table.cursor_record()["version"] == 1  # type: ignore[index]


async def test_the_palette_and_the_menu_do_what_keys_do(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("ctrl+p")
        await settled(pilot, lambda: studio.screen is not studio.main)
        await pilot.press(*"zoom", "enter")
        await settled(pilot, lambda: studio.main.body.has_class("-zoom"))
        await pilot.press("escape", "full_stop")
        await settled(pilot, lambda: isinstance(studio.screen, Menu))
        await pilot.press("l")
        await settled(pilot, lambda: studio.main.detail.log_view and studio.main.detail.log_view.has_focus)


async def test_u_brings_back_what_was_thrown_away(studio: Studio, settled: Settled, bridge: Double) -> None:
    bridge.answers.on_action = lambda name, arguments: {"trash": "t0/run"}  # type: ignore[method-assign]
    restore = {"name": "run restore", "about": "run", "writes": True, "fields": [{"name": "trash"}]}
    bridge.answers.on_actions = lambda: [*FORMS.values(), restore]  # type: ignore[method-assign]
    bridge.answers.on_describe = lambda name: FORMS.get(name, restore)  # type: ignore[method-assign, misc]
    async with studio.run_test(size=(120, 40), notifications=True) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("u")
        await settled(pilot, lambda: any("nothing to undo" in one.message for one in studio._notifications))
        await pilot.press("j", "D")
        await settled(pilot, lambda: isinstance(studio.screen, Question))
        await pilot.press("y")
        await settled(pilot, lambda: asked(bridge, "run rm"))
        await pilot.press("u")
        await settled(pilot, lambda: asked(bridge, "run restore"))
        assert asked(bridge, "run restore") == [{"trash": "t0/run"}]
        await settled(pilot, lambda: any("calm-heron is back" in one.message for one in studio._notifications))


async def test_what_goes_wrong_behind_a_key_is_said(studio: Studio, settled: Settled, bridge: Double) -> None:
    bridge.answers.errors["actions"] = errors.DiskTrouble("the disk is full")
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        for key in ("full_stop", "x", "D", "t"):
            await pilot.press(key)
            await settled(pilot, lambda: isinstance(studio.screen, Panel))
            await pilot.press("escape")
            await settled(pilot, lambda: studio.screen is studio.main)


@pytest.mark.parametrize("name", ["[bold]x[/]", "\x1b[31mred", "a\nb", "$(reboot)"])
async def test_hostile_names_reach_no_screen_as_anything_but_text(
    studio: Studio, settled: Settled, bridge: Double, name: str
) -> None:
    for kind in ("runs", "jobs", "models", "endpoints", "datasets"):
        bridge.answers.lists[kind][0] |= {"name": name, "reason": name, "description": name, "dataset": name}
    bridge.answers.ready["workspace"] |= {"name": name, "path": f"/srv/{name}"}
    async with studio.run_test(size=(120, 40)) as pilot:
        for key in "12345":
            await opened(pilot, studio, settled, key)
            await pilot.press("full_stop")
            await settled(pilot, lambda: isinstance(studio.screen, Menu))
            await pilot.press("escape")
            for _ in studio.main.pane.tabs:
                await pilot.press("right_square_bracket")
                await pilot.pause()
            text = studio.export_screenshot()
            assert "\x1b" not in text


@pytest.mark.parametrize(
    ("pane", "path"),
    [
        ("1", "datasets/{0[name]}/dataset.toml"),
        ("4", "models/{0[name]}/{0[version]}-{0[id]}/card.toml"),
        ("5", "endpoints/{0[name]}/endpoint.toml"),
    ],
)
async def test_shift_e_opens_the_file_that_people_edit(
    studio: Studio, settled: Settled, monkeypatch: pytest.MonkeyPatch, pane: str, path: str
) -> None:
    edited: list[str] = []
    monkeypatch.setattr(studio, "edit", edited.append)
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled, pane)
        await pilot.press("E")
        record = studio.main.table.cursor_record()
        assert record is not None
        assert [one.removeprefix(f"{studio.main.root}/") for one in edited] == [path.format(record)]
