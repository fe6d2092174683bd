"""The one table of keys: dispatch, footer, help and remapping all read it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.binding import Binding, BindingType

DATASETS, EXPERIMENTS, JOBS, REGISTRY, ENDPOINTS = "datasets", "experiments", "jobs", "registry", "endpoints"
PANES = (DATASETS, EXPERIMENTS, JOBS, REGISTRY, ENDPOINTS)


@dataclass(frozen=True)
class Key:
    """One row of the table.

    id: what config.toml calls it. keys: as Textual names them. action: what it runs. words: what footer and help say.
    scope: where it works (app, main, table, detail, log, form, dialog). panes: those it applies to (all when empty).
    footer: shown there, smaller first; 0 for the help alone. group: the heading in the help.
    """

    id: str
    keys: str
    action: str
    words: str
    scope: str = "main"
    panes: tuple[str, ...] = ()
    footer: int = 0
    group: str = "Everywhere"
    shows: str = ""

    @property
    def label(self) -> str:
        """The key as the footer writes it."""
        return self.shows or display(self.keys.split(",")[0])


_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "full_stop": ".",
    "minus": "-",
    "exclamation_mark": "!",
    "escape": "esc",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "space": "space",
}


def display(key: str) -> str:
    """One key as people write it."""
    return _NAMES.get(key, key)


def _pane(number: int, name: str) -> Key:
    return Key(f"pane_{name}", str(number), f"pane({name!r})", name, group="Go to")


TABLE: tuple[Key, ...] = (
    # Verbs of the record under the cursor, or of the marked ones.
    Key("import", "i", "verb('dataset import')", "import", panes=(DATASETS,), footer=10, group="Verbs"),
    Key("train", "t", "verb('train')", "train", panes=(DATASETS, EXPERIMENTS), footer=11, group="Verbs"),
    Key("register", "r", "verb('model register')", "register", panes=(EXPERIMENTS,), footer=14, group="Verbs"),
    Key("approve", "a", "verb('model approve')", "approve", panes=(REGISTRY,), footer=13, group="Verbs"),
    Key("deploy", "d", "verb('endpoint deploy')", "deploy", panes=(REGISTRY,), footer=12, group="Verbs"),
    Key("invoke", "i", "verb('endpoint invoke')", "invoke", panes=(ENDPOINTS,), footer=11, group="Verbs"),
    Key("retry", "R", "verb('job retry')", "retry", panes=(JOBS,), footer=14, group="Verbs"),
    Key("compare", "c", "compare", "compare", panes=(EXPERIMENTS,), footer=13, group="Verbs"),
    Key("stop", "x", "stop", "stop", panes=(EXPERIMENTS, JOBS, ENDPOINTS), footer=18, group="Verbs"),
    Key("trash", "D", "trash", "to the trash", panes=(DATASETS, EXPERIMENTS, REGISTRY, ENDPOINTS), group="Verbs"),
    Key("undo", "u", "undo", "undo the last deletion", group="Verbs"),
    Key("log", "l", "log", "log", panes=(EXPERIMENTS, JOBS, ENDPOINTS), footer=15, group="Verbs"),
    Key("edit", "e", "edit", "edit in place (the form of its change)", panes=(DATASETS, ENDPOINTS), group="Verbs"),
    Key("editor", "E", "editor", "edit in $EDITOR", panes=(DATASETS, ENDPOINTS), group="Verbs"),
    Key("menu", "full_stop", "menu", "more", footer=20, group="Verbs"),
    Key("copy", "y", "copy", "copy", footer=16, group="Verbs"),
    Key("plain", "Y", "plain", "show it in a plain screen, the mouse released", group="Verbs"),
    # The table.
    Key("down", "j,down", "down", "down", "table", group="Table", shows="j"),
    Key("up", "k,up", "up", "up", "table", group="Table", shows="k"),
    Key("top", "g,home", "top", "first row, and what waits above it", "table", group="Table", shows="g"),
    Key("bottom", "G,end", "bottom", "last row", "table", group="Table", shows="G"),
    Key("half_down", "ctrl+d,pagedown", "page(1)", "half a page down", "table", group="Table"),
    Key("half_up", "ctrl+u,pageup", "page(-1)", "half a page up", "table", group="Table"),
    Key("left", "left", "column(-1)", "column to the left", "table", group="Table"),
    Key("right", "right", "column(1)", "column to the right", "table", group="Table"),
    Key("sort", "s", "sort", "sort by the column under the cursor", "table", group="Table"),
    Key("reverse", "S", "reverse", "turn the order round", "table", group="Table"),
    Key("mark", "space", "mark", "mark", "table", footer=19, group="Table"),
    Key("mark_range", "v", "mark_range", "mark from the last mark to here", "table", group="Table"),
    Key("open", "enter", "open", "open", "table", group="Table"),
    # The detail pane.
    Key("tab_back", "left_square_bracket", "tab(-1)", "previous tab", group="Details"),
    Key("tab_on", "right_square_bracket", "tab(1)", "next tab", group="Details"),
    Key("scroll_down", "j,down", "line(1)", "down", "detail", group="Details", shows="j"),
    Key("scroll_up", "k,up", "line(-1)", "up", "detail", group="Details", shows="k"),
    Key("scroll_top", "g,home", "top", "to the top", "detail", group="Details", shows="g"),
    Key("scroll_bottom", "G,end", "bottom", "to the end", "detail", group="Details", shows="G"),
    Key("scroll_page", "ctrl+d,pagedown", "page(1)", "half a page down", "detail", group="Details"),
    Key("scroll_back", "ctrl+u,pageup", "page(-1)", "half a page up", "detail", group="Details"),
    # The log.
    Key("follow", "f", "follow", "follow", "log", footer=1, group="Log"),
    Key("wrap", "w", "wrap", "wrap", "log", footer=2, group="Log"),
    Key("times", "t", "times", "times", "log", footer=3, group="Log"),
    Key("range", "T", "range", "last 100, 1,000 or 10,000 lines, or all", "log", group="Log"),
    Key("log_search", "slash", "search", "search", "log", footer=4, group="Log"),
    Key("log_next", "n", "find(1)", "next hit", "log", footer=5, group="Log"),
    Key("log_previous", "N", "find(-1)", "previous hit", "log", group="Log"),
    Key("levels", "L", "levels", "warnings and errors alone", "log", footer=6, group="Log"),
    # Going places.
    *(_pane(number, name) for number, name in enumerate(PANES, 1)),
    Key("filter", "slash", "filter", "filter", footer=21, group="Go to"),
    Key("command", "colon", "command", "command", footer=22, group="Go to"),
    Key("palette", "ctrl+p", "palette", "every action, record and screen", group="Go to"),
    Key("back", "escape,backspace", "back", "back", group="Go to", shows="esc"),
    Key("last", "minus", "last_view", "the last view", group="Go to"),
    Key("jump", "ctrl+o", "jump", "a letter over each pane", group="Go to"),
    Key("next", "tab", "next_pane(1)", "next pane", group="Go to"),
    Key("previous", "shift+tab", "next_pane(-1)", "previous pane", group="Go to"),
    Key("zoom", "z", "zoom", "zoom the pane", group="Go to"),
    # The program.
    Key("help", "question_mark", "help", "help", footer=30, group="Program"),
    Key("mouse", "M", "mouse", "give the mouse to the terminal, or take it back", "app", group="Program"),
    Key("theme", "ctrl+t", "theme", "next theme", "app", group="Program"),
    Key("redraw", "ctrl+l", "redraw", "draw the screen anew", "app", group="Program"),
    Key("suspend", "ctrl+z", "suspend_process", "suspend", "app", group="Program"),
    Key("interrupt", "ctrl+c", "interrupt", "says how to leave", "app", group="Program"),
    Key("quit", "q", "leave", "leave; jobs and endpoints go on", group="Program"),
    # Forms and other dialogs.
    Key("dialog_close", "escape,q", "close", "leave", "dialog", group="Program", shows="esc"),
    Key("dialog_copy", "y", "copy", "copy what a dialog says", "dialog", group="Program"),
    Key("form_run", "ctrl+s", "submit", "run", "form", footer=1, group="Forms"),
    Key(
        "form_command",
        "exclamation_mark,f2",
        "command_line",
        "the command line that does this (f2 where ! is a letter)",
        "form",
        footer=2,
        group="Forms",
    ),
    Key("form_next", "tab,down", "next(1)", "next field", "form", group="Forms", shows="tab"),
    Key("form_previous", "shift+tab,up", "next(-1)", "previous field", "form", group="Forms"),
    Key("form_complete", "ctrl+n", "complete", "complete", "form", footer=3, group="Forms"),
    Key("form_jump", "ctrl+o", "jump", "a letter over each field", "form", group="Forms"),
    Key("form_close", "escape", "close", "leave", "form", footer=4, group="Forms"),
)


def bindings(scope: str) -> list[BindingType]:
    """Textual's bindings of one scope; one key may mean different verbs in different panes."""
    merged: dict[str, list[Key]] = {}
    for key in TABLE:
        if key.scope == scope:
            merged.setdefault(key.id, []).append(key)
    return [
        Binding(key.keys, f"{key.action}", key.words, show=False, id=key.id) for keys in merged.values() for key in keys
    ]


def applies(key: Key, pane: str) -> bool:
    """Whether the key means something in that pane."""
    return not key.panes or pane in key.panes


def footer(scopes: tuple[str, ...], pane: str) -> list[Key]:
    """What the footer offers, the innermost scope first."""
    found = [key for key in TABLE if key.footer and key.scope in scopes and applies(key, pane)]
    return sorted(
        found, key=lambda key: (scopes.index(key.scope) if key.scope == scopes[0] != "table" else 9, key.footer)
    )


def config_path() -> Path:
    """Where a person remaps keys and chooses a theme."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "cupola" / "config.toml"


def read_config() -> dict[str, Any]:
    """config.toml as it is; {} where there is none. Raises ValueError for one that is no TOML."""
    import tomllib

    try:
        return tomllib.loads(config_path().read_text(encoding="utf-8"))
    except OSError:
        return {}


def remapped(config: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The user's own keys for Textual's keymap, and what is wrong with them, a sentence each."""
    known, chosen, wrong = {key.id for key in TABLE}, {}, []
    for name, keys in dict(config.get("keys", {})).items():
        if name not in known:
            wrong.append(f"config.toml: there is no key called {name!r}")
        elif not isinstance(keys, str) or not keys:
            wrong.append(f'config.toml: the key of {name} must be a text such as "ctrl+e"')
        else:
            chosen[name] = keys
    return chosen, wrong
