"""The tab of a run with what it predicted for the rows held out: a table that sorts, the largest errors first."""

from typing import Any

from cupola_tui import figures
from cupola_tui.paint import Line
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Ask, Listing, Scene, pending
from cupola_tui.widgets.rows import Column, Record

TITLE = "Rows"
MOST = 1000  # rows, those with the largest errors
OWN = ("row", "truth", "prediction", "error")
CHANCE = "probability_"
PLACE = "\0place"  # no column of the data is called so
_rows: list[Any] = [None, []]  # the answer that was shown last, and its rows


def asks(record: Record) -> dict[str, Ask]:
    if record.get("status") != "Completed" or not record.get("task"):
        return {}
    asked = {"name": "run predictions", "arguments": {"run": record.get("id"), "limit": MOST}}
    return {"predictions": ("action", asked)}


def table(scene: Scene) -> Listing | None:
    """The rows, with their own columns; enter shows one of them whole."""
    answer = scene.answer("predictions")
    if not answer or not answer.get("rows"):
        return None
    names = [str(one) for one in answer["columns"]]
    if _rows[0] is not answer:
        rows = [dict(zip(names, row, strict=False)) | {PLACE: place} for place, row in enumerate(answer["rows"])]
        _rows[:] = answer, rows
    return Listing(_rows[1], columns(names), lambda one: str(one[PLACE]), None)


def columns(names: list[str]) -> list[Column]:
    return [_column(name, 9 if name in OWN else max(1, 8 - place)) for place, name in enumerate(names)]


def _column(name: str, priority: int) -> Column:
    def cell(row: Record) -> tuple[str, str]:
        value = row.get(name)
        wrong = name == "prediction" and row.get("error") and row.get("truth") != value and not isinstance(value, float)
        named = str(value) if isinstance(value, bool) else figures.short(value)  # as the other views call a class
        return named, "bad" if wrong else ""

    title = f"p({clean(name.removeprefix(CHANCE))})" if name.startswith(CHANCE) else clean(name)
    return Column(
        name, title, cell, lambda row: row.get(name), width=5 if name == "row" else 10, grow=16, priority=priority,
        right=name in ("row", "error"),
    )  # fmt: skip


def draw(scene: Scene) -> list[Line]:
    """What stands in for the table."""
    if not asks(scene.record):
        done = scene.record.get("status") == "Completed"
        words = "a script's run: there are no predictions of it" if done else "nothing yet: it comes at the end"
        return [[(f" {words}", "dim")]]
    if scene.answer("predictions") is not None:
        return [[(" no rows were held out", "dim")]]
    return pending(scene, "predictions", "reading the rows with the largest errors ...")
