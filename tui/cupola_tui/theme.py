"""Themes: dark, light, high contrast, and two of the terminal's own sixteen colours."""

import os
from collections.abc import Mapping

from textual.theme import Theme

DARK, LIGHT, CONTRAST, ANSI_DARK, ANSI_LIGHT = "cupola-dark", "cupola-light", "high-contrast", "ansi-dark", "ansi-light"
CHOICES = (DARK, LIGHT, CONTRAST, ANSI_DARK, ANSI_LIGHT)

THEMES = (
    Theme(
        name=DARK,
        primary="#7aa2f7",
        secondary="#7dcfff",
        accent="#7dcfff",
        warning="#e0af68",
        error="#f7768e",
        success="#9ece6a",
        foreground="#d5d9e6",
        background="#14161f",
        surface="#1a1d29",
        panel="#252a3b",
        dark=True,
    ),
    Theme(
        name=LIGHT,
        primary="#1d4fb8",
        secondary="#0b6e99",
        accent="#0b6e99",
        warning="#8a5a00",
        error="#b3261e",
        success="#2d6a2d",
        foreground="#1c1f26",
        background="#fafafa",
        surface="#f0f1f4",
        panel="#e2e5eb",
        dark=False,
    ),
    Theme(
        name=CONTRAST,
        primary="#ffffff",
        secondary="#00ffff",
        accent="#00ffff",
        warning="#ffff00",
        error="#ff6060",
        success="#00ff00",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#303030",
        variables={"block-cursor-background": "#ffff00", "block-cursor-foreground": "#000000"},
        dark=True,
    ),
)


def first(environment: Mapping[str, str] = os.environ) -> str:
    """The theme to begin with, by what the terminal says it can show."""
    terminal = environment.get("TERM", "")
    plain = terminal in ("linux", "xterm", "screen", "vt100", "vt220", "ansi", "rxvt") and not environment.get(
        "COLORTERM"
    )
    return ANSI_DARK if plain else DARK
