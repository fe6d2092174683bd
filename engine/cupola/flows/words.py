"""A preview as people read it on a command line: what has changed, and some of the rows with it."""

from typing import Any

from cupola.flows.asked import FlowPreview

WIDEST = 30  # characters of a cell
MOST = 8  # columns that are shown where none has changed


def text(found: FlowPreview) -> str:
    """A line of what has changed, notes, and a table: `old -> new` where a cell has changed, - where it is missing."""
    changes = [f"{name} {count:,} changed" for name, count in found.cells.items()]
    changes += [f"{name} added" for name in found.added] + [f"{name} dropped" for name in found.dropped]
    shown = _columns(found)
    rows = [[*(f"+{one}" if one in found.added else one for one in shown)]]
    rows += [_row(found, place, shown) for place in range(len(found.after))]
    widths = [max(len(row[at]) for row in rows) for at in range(len(shown))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    head = f"step {found.step} ({found.type}): a sample of {found.sample:,} rows, {found.left:,} after it"
    return "\n".join(
        [head, f"  {', '.join(changes) or 'no cell has changed'}", *map("  {}".format, found.notes), "", *lines]
    )


def _columns(found: FlowPreview) -> list[str]:
    """Those that have changed or come, and the first others where there is room."""
    new = [one for one in found.columns if one in found.cells or one in found.added]
    others = [one for one in found.columns if one not in new]
    chosen = {*new[: 2 * MOST], *others[: max(2, MOST - len(new))]}
    return [one for one in found.columns if one in chosen]


def _row(found: FlowPreview, place: int, shown: list[str]) -> list[str]:
    origin = found.came_from[place]
    before = dict(zip(found.columns_before, found.before[origin], strict=True)) if origin is not None else {}
    after = dict(zip(found.columns, found.after[place], strict=True))
    changed = dict(zip(found.columns, found.changed[place], strict=True))
    return [
        f"{_cell(before[one])} -> {_cell(after[one])}" if changed[one] and one in before else _cell(after[one])
        for one in shown
    ]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    plain = f"{value:.6g}" if isinstance(value, float) else str(value)
    plain = " ".join(plain.split())
    return plain if len(plain) <= WIDEST else f"{plain[: WIDEST - 1]}…"
