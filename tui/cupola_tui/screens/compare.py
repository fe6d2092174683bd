"""Runs side by side: what differs in their parameters, and which differences of metrics are more than noise."""

import math
from typing import Any

from cupola_tui import figures
from cupola_tui.paint import Line, fit, fold
from cupola_tui.plain import clean
from cupola_tui.screens.dialog import Reading
from cupola_tui.screens.experiments import rank
from cupola_tui.widgets.rows import Record

ENOUGH = 2.0


class Compare(Reading):
    """The chosen runs, a column each; the first is what the others are held against."""

    def __init__(self, runs: list[Record]) -> None:
        super().__init__(f"{len(runs)} runs side by side", "y copies, esc leaves", classes="-large")
        self.runs = runs

    def lines(self, width: int) -> list[Line]:
        first, cell = 26, max(16, min(28, (width - 28) // max(1, len(self.runs))))
        head: Line = [
            (" " * first, ""),
            *((fit(clean(one.get("name") or one.get("id")), cell - 1, True) + " ", "title") for one in self.runs),
        ]
        lines = [head, [], [("What differs", "title")]]
        facts = [
            (key, [one.get(key) for one in self.runs])
            for key in ("estimator", "dataset", "target", "seed", "user", "host")
        ]
        facts += [(name, [(one.get("params") or {}).get(name) for one in self.runs]) for name in self._names("params")]
        different = [(name, values) for name, values in facts if any(value != values[0] for value in values)]
        same = [
            name
            for name, values in facts
            if all(value == values[0] for value in values) and values[0] not in (None, "")
        ]
        for name, values in different:
            lines.append(
                [
                    (fit(f" {clean(name)}", first), ""),
                    *((fit(figures.short(value), cell - 1, True) + " ", "warn") for value in values),
                ]
            )
        lines += [
            *[[(f" {part}", "dim")] for part in fold(f"the same: {', '.join(map(clean, same))}", width - 2)],
            [],
            [("Metrics", "title"), ("   ≈ differs from the first by less than two standard errors", "dim")],
        ]
        names = sorted(self._names("metrics"), key=_rank)
        return [*lines, *[self._metric(name, first, cell) for name in names]]

    def _names(self, key: str) -> list[str]:
        return list(dict.fromkeys(name for one in self.runs for name in one.get(key) or {}))

    def _metric(self, name: str, first: int, cell: int) -> Line:
        line: Line = [(fit(f" {clean(name)}", first), "")]
        for place, one in enumerate(self.runs):
            value, error = (one.get("metrics") or {}).get(name), (one.get("metric_errors") or {}).get(name)
            sign = "" if place == 0 else self._sign(name, one)
            line.append(
                (fit(f"{figures.measured(value, error)}{sign}", cell - 1, True) + " ", "dim" if sign == " ≈" else "")
            )
        return line

    def _sign(self, name: str, other: Record) -> str:
        """≈ where the two values differ by less than the noise of their difference."""
        values: list[Any] = [(one.get("metrics") or {}).get(name) for one in (self.runs[0], other)]
        errors: list[Any] = [(one.get("metric_errors") or {}).get(name) for one in (self.runs[0], other)]
        if any(not isinstance(one, int | float) for one in (*values, *errors)):
            return ""
        return " ≈" if abs(values[0] - values[1]) < ENOUGH * math.hypot(*errors) else " ≠"


def _rank(name: str) -> tuple[int, int]:
    """The validation first, since runs are chosen by it; within a part what they are compared by first."""
    parts = ("validation_", "test_", "train_")
    return next((place for place, part in enumerate(parts) if name.startswith(part)), 9), rank(name)
