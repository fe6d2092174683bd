"""The panes there are, in the order of their tabs; each module is loaded when its pane is first shown."""

import importlib

from cupola_tui.keymap import ACTIVITY, PANES
from cupola_tui.screens.pane import Pane


def pane(name: str) -> Pane:
    """The pane of that name."""
    found: Pane = importlib.import_module(f"cupola_tui.screens.{name}").PANE
    return found


def named() -> tuple[str, ...]:
    """All of them: those of records, and that of what was done to them."""
    return (*PANES, ACTIVITY)
