"""Views of a pane: chosen, shown, and kept from what is shown."""

from tests.tui.conftest import Settled
from tests.tui.double import Double
from textual.pilot import Pilot

from cupola_tui.screens.choice import Palette
from cupola_tui.screens.form import Form
from cupola_tui.studio import Studio


async def opened(pilot: Pilot[None], studio: Studio, settled: Settled) -> None:
    await settled(pilot, lambda: len(studio.main.table.view.rows.order) == 12)
    await settled(pilot, lambda: studio.main.actions.by_name)


async def choose(pilot: Pilot[None], studio: Studio, settled: Settled, typed: str) -> None:
    await pilot.press("V")
    await settled(pilot, lambda: isinstance(studio.screen, Palette))
    await pilot.press(*typed, "enter")
    await settled(pilot, lambda: not isinstance(studio.screen, Palette))


async def test_a_view_shows_its_records_in_its_order_with_its_columns(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        table = studio.main.table
        await choose(pilot, studio, settled, "best")
        await settled(pilot, lambda: len(table.view.rows.order) == 6)
        assert [one.title for one in table.view.columns] == ["name", "status", "roc_auc", "learning_rate", "seed"]
        scores = [table.view.rows.records[one]["metrics"]["validation_roc_auc"] for one in table.view.rows.order]
        assert scores == sorted(scores, reverse=True)
        assert studio.kept.panes["experiments"].columns  # it is there again after a restart
        await choose(pilot, studio, settled, "without")
        await settled(pilot, lambda: len(table.view.rows.order) == 12)
        assert "estimator" in [one.title for one in table.view.columns]


async def test_what_is_shown_is_kept_as_a_view(studio: Studio, settled: Settled, bridge: Double) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await choose(pilot, studio, settled, "best")
        await choose(pilot, studio, settled, "keep")
        await settled(pilot, lambda: isinstance(studio.screen, Form))
        form = studio.screen
        assert isinstance(form, Form)
        values = {name: value for name, value in form.values().items() if value}
        assert values == {
            "kind": "run",
            "filter": "user = ana",
            "sort": "metrics.validation_roc_auc:desc",
            "column": "name status metrics.validation_roc_auc params.learning_rate seed",
        }
