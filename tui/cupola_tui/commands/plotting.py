"""Plots in the cells of a terminal, or of whatever the output goes to."""

import os
import shutil
import sys
from typing import TYPE_CHECKING

from cupola.plots.records import Plot
from cupola_tui.widgets import plot as widget

if TYPE_CHECKING:
    from cupola_tui.paint import Line

WIDTH, HEIGHT, WIDEST = 100, 16, 120
COLOURS = {"title": "1", "bold": "1", "dim": "2", "good": "32", "bad": "31", "warn": "33", "accent": "36"}


def text(plots: list[Plot], saved: list[str]) -> str:
    """All of them, one below the other, and the files that they were written to."""
    width = min(WIDEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    drawn = ["\n".join(_line(line, colour) for line in widget.drawn(one, width, HEIGHT)) for one in plots]
    files = "\n".join(saved)
    return "\n\n".join([*drawn, files] if files else drawn)


def _line(line: "Line", colour: bool) -> str:
    if not colour:
        return "".join(part for part, _ in line).rstrip()
    return "".join(_span(part, style) for part, style in line)


def _span(part: str, style: str) -> str:
    codes = ";".join(COLOURS[one] for one in style.split() if one in COLOURS)
    return f"\x1b[{codes}m{part}\x1b[0m" if codes and part.strip() else part
