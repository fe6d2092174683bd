"""The one table of keys: dispatch, footer, help and remapping all read it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.binding import Binding, BindingType

DATASETS, EXPERIMENTS, JOBS, REGISTRY, ENDPOINTS = "datasets", "experiments", "jobs", "registry", "endpoints"
PIPELINES, TUNINGS, ACTIVITY = "pipelines", "tunings", "activity"
EXECUTION = "execution"  # no pane, but a place that enter leads to
PANES = (DATASETS, EXPERIMENTS, JOBS, REGISTRY, ENDPOINTS, PIPELINES, TUNINGS)  # of records
DIGITS = dict(zip(PANES, "1234560", strict=True))  # their keys


@dataclass(frozen=True)
class Key:
    """One row of the table.

    id: what config.toml calls it. keys: as Textual names them. action: what it runs. words: what footer and help say.
    scope: where it works (app, main, body, table, detail, log, filter, form, dialog). panes: those it is for, or all.
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

    @property
    def verb(self) -> str:
        """The action of the library that it opens, "" for none."""
        return self.action[6:-2] if self.action.startswith("verb(") else ""


_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "full_stop": ".",
    "minus": "-",
    "exclamation_mark": "!",
    "circumflex_accent": "^",
    "dollar_sign": "$",
    "plus": "+",
    "number_sign": "#",
    "escape": "esc",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "space": "space",
}


def display(key: str) -> str:
    """One key as people write it."""
    return _NAMES.get(key, key)


def _pane(name: str, digit: str) -> Key:
    return Key(f"pane_{name}", digit, f"pane({name!r})", name, group="Go to")


TABLE: tuple[Key, ...] = (
    # Verbs of the record under the cursor, or of the marked ones.
    Key("import", "i", "verb('dataset import')", "import", panes=(DATASETS,), footer=10, group="Verbs"),
    Key("train", "t", "verb('train')", "train", panes=(DATASETS, EXPERIMENTS), footer=11, group="Verbs"),
    Key("tune", "T", "verb('tune')", "tune", panes=(DATASETS, EXPERIMENTS, TUNINGS), footer=12, group="Verbs"),
    Key("autopilot", "a", "verb('autopilot')", "autopilot", panes=(DATASETS, EXPERIMENTS), footer=13, group="Verbs"),
    Key("narrow", "N", "verb('tuning narrow')", "narrow", panes=(TUNINGS,), footer=13, group="Verbs"),
    Key("register", "r", "verb('model register')", "register", panes=(EXPERIMENTS, TUNINGS), footer=14, group="Verbs"),
    Key("approve", "a", "verb('model approve')", "approve", panes=(REGISTRY,), footer=13, group="Verbs"),
    Key("deploy", "d", "verb('endpoint deploy')", "deploy", panes=(REGISTRY,), footer=12, group="Verbs"),
    Key("invoke", "i", "verb('endpoint invoke')", "invoke", panes=(ENDPOINTS,), footer=11, group="Verbs"),
    Key("bench", "b", "verb('endpoint bench')", "load test", panes=(ENDPOINTS,), footer=12, group="Verbs"),
    Key("roll_back", "R", "roll_back", "roll back", panes=(ENDPOINTS,), footer=13, group="Verbs"),
    Key("promote", "P", "verb('endpoint promote')", "promote what is new", panes=(ENDPOINTS,), group="Verbs"),
    Key("retry", "R", "verb('job retry')", "retry", panes=(JOBS,), footer=14, group="Verbs"),
    Key("run_pipeline", "r", "verb('pipeline run')", "run", panes=(PIPELINES,), footer=11, group="Verbs"),
    Key("schedule", "c", "verb('pipeline schedule')", "schedule", panes=(PIPELINES,), footer=13, group="Verbs"),
    Key("add_step", "a", "verb('pipeline step')", "add a step, or a pipeline", panes=(PIPELINES,), group="Verbs"),
    Key("graph", "o", "graph", "graph", panes=(PIPELINES,), footer=12, group="Verbs"),
    Key("retry_execution", "R", "verb('pipeline retry')", "retry", panes=(PIPELINES,), footer=14, group="Verbs"),
    Key("compare", "c", "compare", "compare", panes=(EXPERIMENTS,), footer=13, group="Verbs"),
    Key("report", "r", "report", "report", panes=(DATASETS,), footer=14, group="Verbs"),
    Key("grid", "o", "grid", "grid", panes=(DATASETS,), footer=13, group="Verbs"),
    Key("prepare", "p", "prepare", "prepare", panes=(DATASETS,), footer=14, group="Verbs"),
    Key("explore", "p", "explore", "plot all of them", panes=(EXPERIMENTS,), group="Verbs"),
    Key("stop", "x", "stop", "stop", "main", (EXPERIMENTS, JOBS, ENDPOINTS, PIPELINES, TUNINGS), 18, "Verbs"),
    Key(
        "trash",
        "D",
        "trash",
        "to the trash",
        panes=(DATASETS, EXPERIMENTS, REGISTRY, ENDPOINTS, PIPELINES),
        group="Verbs",
    ),
    Key("undo", "u", "undo", "undo the last deletion", group="Verbs"),
    Key("log", "l", "log", "log", "body", panes=(EXPERIMENTS, JOBS, ENDPOINTS, TUNINGS), footer=15, group="Verbs"),
    Key("edit", "e", "edit", "edit in place", panes=(DATASETS, REGISTRY, ENDPOINTS), group="Verbs"),
    Key("editor", "E", "editor", "edit in $EDITOR", panes=(DATASETS, REGISTRY, ENDPOINTS, PIPELINES), group="Verbs"),
    Key("comment", "C", "verb('comment')", "comment", footer=23, group="Verbs"),
    Key("tag", "number_sign", "verb('tag')", "tag", group="Verbs"),
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
    Key("tab_back", "left_square_bracket", "tab(-1)", "previous tab", "body", group="Details"),
    Key("tab_on", "right_square_bracket", "tab(1)", "next tab", "body", group="Details"),
    Key("scroll_down", "j,down", "line(1)", "down", "detail", group="Details", shows="j"),
    Key("scroll_up", "k,up", "line(-1)", "up", "detail", group="Details", shows="k"),
    Key("scroll_top", "g,home", "top", "to the top", "detail", group="Details", shows="g"),
    Key("scroll_bottom", "G,end", "bottom", "to the end", "detail", group="Details", shows="G"),
    Key("side_back", "left", "sideways(-1)", "to the left; of plots the one before", "detail", group="Details"),
    Key("side_on", "right", "sideways(1)", "to what is cut on the right; next plot", "detail", group="Details"),
    Key(
        "lower",
        "less_than_sign",
        "turn('threshold', -1)",
        "lower threshold, item before",
        "body",
        (EXPERIMENTS,),
        group="Details",
    ),
    Key(
        "higher",
        "greater_than_sign",
        "turn('threshold', 1)",
        "higher threshold, next item",
        "body",
        (EXPERIMENTS,),
        group="Details",
    ),
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
    # The filter that is being typed.
    Key("filter_next", "tab", "complete(1)", "put in what is offered", "filter", footer=1, group="Filter"),
    Key("filter_previous", "shift+tab", "complete(-1)", "the one before", "filter", footer=2, group="Filter"),
    # Going places.
    *(_pane(name, digit) for name, digit in DIGITS.items()),
    Key("pane_activity", "A", f"pane({ACTIVITY!r})", "activity: who did what, and what names you", group="Go to"),
    Key("filter", "slash", "filter", "filter", "body", footer=21, group="Go to"),
    Key("views", "V", "views", "views: filters that are kept under a name", group="Go to"),
    Key("command", "colon", "command", "command", footer=22, group="Go to"),
    Key("palette", "ctrl+p", "palette", "every action, record and screen", group="Go to"),
    Key("back", "escape,backspace", "back", "back", "body", group="Go to", shows="esc"),
    Key("last", "minus", "last_view", "the last view", group="Go to"),
    Key("jump", "ctrl+o", "jump", "a letter over each pane", group="Go to"),
    Key("next", "tab", "next_pane(1)", "next pane", "body", group="Go to"),
    Key("previous", "shift+tab", "next_pane(-1)", "previous pane", "body", group="Go to"),
    Key("zoom", "z", "zoom", "zoom the pane", "body", group="Go to"),
    # The program.
    Key("help", "question_mark", "help", "help", footer=30, group="Program"),
    Key("mouse", "M", "mouse", "give the mouse to the terminal, or take it back", "app", group="Program"),
    Key("theme", "ctrl+t", "theme", "next theme", "app", group="Program"),
    Key("redraw", "ctrl+l", "redraw", "draw the screen anew", "app", group="Program"),
    Key("suspend", "ctrl+z", "suspend_process", "suspend", "app", group="Program"),
    Key("interrupt", "ctrl+c", "interrupt", "says how to leave", "app", group="Program"),
    Key("quit", "q", "leave", "leave; jobs and endpoints go on", group="Program"),
    # Runs side by side.
    Key("compare_tab_back", "left_square_bracket", "tab(-1)", "previous tab", "compare", (EXPERIMENTS,), 0, "Compare"),
    Key("compare_tab_on", "right_square_bracket", "tab(1)", "next tab", "compare", (EXPERIMENTS,), 1, "Compare"),
    Key("compare_left", "left", "side(-1)", "runs before", "compare", (EXPERIMENTS,), 0, "Compare"),
    Key("compare_right", "right", "side(1)", "more runs", "compare", (EXPERIMENTS,), 2, "Compare", "← →"),
    Key("compare_equal", "e", "equal", "what is equal too", "compare", (EXPERIMENTS,), 3, "Compare"),
    Key("compare_metric", "m", "metric", "metric", "compare", (EXPERIMENTS,), 4, "Compare"),
    Key("compare_next", "n", "front(1)", "next run", "compare", (EXPERIMENTS,), 5, "Compare"),
    Key("compare_previous", "N", "front(-1)", "previous run", "compare", (EXPERIMENTS,), 0, "Compare"),
    Key("compare_smooth", "s", "smooth", "smoother", "compare", (EXPERIMENTS,), 6, "Compare"),
    Key("compare_log", "o", "logarithm", "by logarithm", "compare", (EXPERIMENTS,), 7, "Compare"),
    Key("compare_help", "question_mark", "help", "help", "compare", (EXPERIMENTS,), 8, "Compare"),
    # A whole experiment in one plot.
    Key("explore_tab_back", "left_square_bracket", "tab(-1)", "plot before", "explore", (EXPERIMENTS,), 0, "Plots"),
    Key("explore_tab_on", "right_square_bracket", "tab(1)", "plot", "explore", (EXPERIMENTS,), 1, "Plots"),
    Key("explore_metric", "m", "choose('metric')", "metric", "explore", (EXPERIMENTS,), 2, "Plots"),
    Key("explore_axis", "a", "choose('axis')", "axes", "explore", (EXPERIMENTS,), 3, "Plots"),
    Key("explore_colour", "c", "choose('colour')", "colour", "explore", (EXPERIMENTS,), 4, "Plots"),
    Key("explore_log", "o", "logarithms", "log", "explore", (EXPERIMENTS,), 5, "Plots"),
    Key("explore_next", "n", "front(1)", "next", "explore", (EXPERIMENTS,), 6, "Plots"),
    Key("explore_previous", "N", "front(-1)", "previous run", "explore", (EXPERIMENTS,), 0, "Plots"),
    Key("explore_open", "enter", "open", "open", "explore", (EXPERIMENTS,), 7, "Plots"),
    Key("explore_narrow", "h", "narrow", "better half", "explore", (EXPERIMENTS,), 8, "Plots"),
    Key("explore_all", "u", "all", "all again", "explore", (EXPERIMENTS,), 9, "Plots"),
    Key("explore_wider", "e", "wider", "all shown", "explore", (EXPERIMENTS,), 10, "Plots"),
    Key("explore_help", "question_mark", "help", "help", "explore", (EXPERIMENTS,), 11, "Plots"),
    # The report of a dataset.
    Key("report_down", "j,down", "move(1)", "next warning", "report", (DATASETS,), 0, "Report", "j"),
    Key("report_up", "k,up", "move(-1)", "the warning before", "report", (DATASETS,), 0, "Report", "k"),
    Key("report_top", "g,home", "end(False)", "first warning", "report", (DATASETS,), 0, "Report", "g"),
    Key("report_bottom", "G,end", "end(True)", "to the end", "report", (DATASETS,), 0, "Report", "G"),
    Key("report_page", "ctrl+d,pagedown", "page(1)", "half a page down", "report", (DATASETS,), 0, "Report"),
    Key("report_back", "ctrl+u,pageup", "page(-1)", "half a page up", "report", (DATASETS,), 0, "Report"),
    Key("report_rows", "enter", "rows", "its rows", "report", (DATASETS,), 1, "Report"),
    Key("report_fix", "f", "fix", "add its fix to a flow", "report", (DATASETS,), 2, "Report"),
    Key("report_flow", "F", "flow", "open that flow", "report", (DATASETS,), 3, "Report"),
    Key("report_write", "w", "write", "write to a file", "report", (DATASETS,), 4, "Report"),
    Key("report_help", "question_mark", "help", "help", "report", (DATASETS,), 5, "Report"),
    # The cells of a grid.
    Key("cells_down", "j,down", "move(1, 0)", "down", "cells", (DATASETS,), group="Cells", shows="j"),
    Key("cells_up", "k,up", "move(-1, 0)", "up", "cells", (DATASETS,), group="Cells", shows="k"),
    Key("cells_left", "left,h", "move(0, -1)", "column to the left", "cells", (DATASETS,), group="Cells"),
    Key("cells_right", "right,l", "move(0, 1)", "column to the right", "cells", (DATASETS,), group="Cells"),
    Key("cells_first", "0,circumflex_accent", "first", "first column", "cells", (DATASETS,), group="Cells"),
    Key("cells_last", "dollar_sign", "last", "last column", "cells", (DATASETS,), group="Cells"),
    Key("cells_top", "g,home", "top", "first row", "cells", (DATASETS,), group="Cells", shows="g"),
    Key("cells_bottom", "G,end", "bottom", "last row", "cells", (DATASETS,), group="Cells", shows="G"),
    Key("cells_page", "ctrl+d,pagedown", "page(1)", "half a page down", "cells", (DATASETS,), group="Cells"),
    Key("cells_back", "ctrl+u,pageup", "page(-1)", "half a page up", "cells", (DATASETS,), group="Cells"),
    Key("cells_wider", "plus", "widen(4)", "wider column", "cells", (DATASETS,), group="Cells"),
    Key("cells_narrower", "minus", "widen(-4)", "narrower column", "cells", (DATASETS,), group="Cells"),
    Key(
        "cells_move_left",
        "less_than_sign",
        "shift(-1)",
        "column one place to the left",
        "cells",
        (DATASETS,),
        group="Cells",
    ),
    Key(
        "cells_move_right",
        "greater_than_sign",
        "shift(1)",
        "column one place to the right",
        "cells",
        (DATASETS,),
        group="Cells",
    ),
    Key("cells_hide", "H", "hide", "hide the column", "cells", (DATASETS,), group="Cells"),
    Key("cells_open", "enter", "open", "the whole row, or the rows of the group", "cells", (DATASETS,), group="Cells"),
    # What can be asked of the rows in a grid.
    Key("grid_sort", "s", "sort", "sort", "grid", (DATASETS,), 1, "Grid"),
    Key("grid_reverse", "S", "reverse", "turn the order round", "grid", (DATASETS,), 0, "Grid"),
    Key("grid_filter", "slash", "filter", "filter", "grid", (DATASETS,), 2, "Grid"),
    Key("grid_group", "v", "group", "value counts", "grid", (DATASETS,), 3, "Grid"),
    Key("grid_summary", "i", "summary", "column", "grid", (DATASETS,), 4, "Grid"),
    Key("grid_type", "e", "retype", "type", "grid", (DATASETS,), 5, "Grid"),
    Key("grid_columns", "c", "columns", "columns", "grid", (DATASETS,), 6, "Grid"),
    Key("grid_row", "r", "find_row", "go to row", "grid", (DATASETS,), 8, "Grid"),
    Key("grid_copy", "y", "copy", "copy", "grid", (DATASETS,), 9, "Grid"),
    Key("grid_command", "exclamation_mark", "command_line", "command", "grid", (DATASETS,), 10, "Grid"),
    Key("grid_help", "question_mark", "help", "help", "grid", (DATASETS,), 11, "Grid"),
    # The steps of a graph, and what can be done with them.
    Key("dag_down", "j,down", "go(0, 1)", "step below", "dag", (PIPELINES,), group="Graph", shows="j"),
    Key("dag_up", "k,up", "go(0, -1)", "step above", "dag", (PIPELINES,), group="Graph", shows="k"),
    Key("dag_left", "h,left", "go(-1, 0)", "step to the left", "dag", (PIPELINES,), group="Graph", shows="h"),
    Key("dag_right", "l,right", "go(1, 0)", "step to the right", "dag", (PIPELINES,), group="Graph", shows="l"),
    Key("dag_mark", "space", "mark", "mark", "dag", (PIPELINES,), group="Graph"),
    Key("dag_open", "enter", "open", "open", "dag", (PIPELINES,), group="Graph"),
    Key("graph_open", "enter", "open_step", "open", "graph", (PIPELINES,), 1, "Graph"),
    Key("graph_why", "w", "why", "why", "graph", (PIPELINES,), 2, "Graph"),
    Key("graph_log", "L", "log", "log", "graph", (PIPELINES,), 3, "Graph"),
    Key("graph_mark", "space", "mark_step", "mark", "graph", (PIPELINES,), 4, "Graph"),
    Key("graph_run", "r", "run", "run", "graph", (PIPELINES,), 5, "Graph"),
    Key("graph_stop", "x", "stop", "stop", "graph", (PIPELINES,), 6, "Graph"),
    Key("graph_retry", "R", "retry", "retry", "graph", (PIPELINES,), 7, "Graph"),
    Key("graph_answer", "A", "answer", "answer the Callback", "graph", (PIPELINES,), 0, "Graph"),
    Key("graph_add", "a", "add", "add", "graph", (PIPELINES,), 8, "Graph"),
    Key("graph_edit", "e", "edit", "edit", "graph", (PIPELINES,), 9, "Graph"),
    Key("graph_connect", "c", "connect", "connect the marked with it", "graph", (PIPELINES,), 0, "Graph"),
    Key("graph_remove", "D", "remove", "take the step out", "graph", (PIPELINES,), 0, "Graph"),
    Key(
        "graph_undo",
        "u",
        "undo('pipeline undo')",
        "take the last change of steps back",
        "graph",
        (PIPELINES,),
        0,
        "Graph",
    ),
    Key("graph_redo", "ctrl+r", "undo('pipeline redo')", "do it again", "graph", (PIPELINES,), 0, "Graph"),
    Key("graph_editor", "E", "editor", "edit the file in $EDITOR", "graph", (PIPELINES,), 0, "Graph"),
    Key("graph_help", "question_mark", "help", "help", "graph", (PIPELINES,), 12, "Graph"),
    Key("graph_older", "left_square_bracket", "execution(1)", "older", "graph", (PIPELINES,), 10, "Graph"),
    Key("graph_newer", "right_square_bracket", "execution(-1)", "newer, the file", "graph", (PIPELINES,), 0, "Graph"),
    # The editor of a flow.
    Key("steps_down", "j,down", "move(1)", "step below", "steps", (DATASETS,), group="Flow", shows="j"),
    Key("steps_up", "k,up", "move(-1)", "step above", "steps", (DATASETS,), group="Flow", shows="k"),
    Key("steps_top", "g,home", "top", "first source", "steps", (DATASETS,), group="Flow", shows="g"),
    Key("steps_bottom", "G,end", "bottom", "last step", "steps", (DATASETS,), group="Flow", shows="G"),
    Key("steps_open", "enter", "open", "change the step", "steps", (DATASETS,), group="Flow"),
    Key("flow_add", "a", "add", "add", "flow", (DATASETS,), 1, "Flow"),
    Key("flow_change", "e", "change", "change", "flow", (DATASETS,), 2, "Flow"),
    Key("flow_remove", "D", "remove", "remove", "flow", (DATASETS,), 3, "Flow"),
    Key("flow_undo", "u", "undo('flow undo')", "undo", "flow", (DATASETS,), 4, "Flow"),
    Key("flow_redo", "ctrl+r", "undo('flow redo')", "do it again", "flow", (DATASETS,), 0, "Flow"),
    Key("flow_up", "K", "shift(-1)", "move the step up", "flow", (DATASETS,), 0, "Flow"),
    Key("flow_down", "J", "shift(1)", "move", "flow", (DATASETS,), 5, "Flow", "J K"),
    Key("flow_branch", "b", "branch", "branch", "flow", (DATASETS,), 6, "Flow"),
    Key("flow_inputs", "i", "inputs", "inputs", "flow", (DATASETS,), 7, "Flow"),
    Key("flow_side_back", "left_square_bracket", "side(-1)", "after it, before it", "flow", (DATASETS,), 0, "Flow"),
    Key("flow_side", "right_square_bracket", "side(1)", "before/after", "flow", (DATASETS,), 8, "Flow"),
    Key("flow_run", "r", "run", "run", "flow", (DATASETS,), 9, "Flow"),
    Key("flow_result", "o", "result", "what the run made, in a grid", "flow", (DATASETS,), 0, "Flow"),
    Key("flow_export", "x", "export", "export", "flow", (DATASETS,), 10, "Flow"),
    Key("flow_python", "p", "python", "run its Python in previews, or not", "flow", (DATASETS,), 0, "Flow"),
    Key("flow_again", "ctrl+l", "again", "take the flow as it is by now", "flow", (DATASETS,), 0, "Flow"),
    Key("flow_next", "tab,down", "next(1)", "next field; steps or cells", "flow", (DATASETS,), 0, "Flow", "tab"),
    Key("flow_previous", "shift+tab,up", "next(-1)", "the field before", "flow", (DATASETS,), 0, "Flow"),
    Key("flow_command", "exclamation_mark,f2", "command_line", "command", "flow", (DATASETS,), 11, "Flow"),
    Key("flow_help", "question_mark", "help", "help", "flow", (DATASETS,), 12, "Flow"),
    Key("flow_save", "ctrl+s", "save", "write the step", "flow", (DATASETS,), 0, "Flow"),
    Key("flow_complete", "ctrl+n", "complete", "complete", "flow", (DATASETS,), 0, "Flow"),
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
    Key("form_again", "ctrl+r", "again", "show it as it is now, with what was typed", "form", group="Forms"),
    Key("form_jump", "ctrl+o", "jump", "a letter over each field", "form", group="Forms"),
    Key("form_close", "escape", "close", "leave", "form", footer=4, group="Forms"),
    Key("row_back", "pageup", "row(-1)", "the row that was sent before", "invoke", group="Forms"),
    Key("row_on", "pagedown", "row(1)", "next row: of the sample", "invoke", group="Forms"),
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


def means(scope: str, action: str, parameters: tuple[object, ...], pane: str) -> bool:
    """Whether that action of a scope means something in that pane, as far as keys are about panes."""
    called = f"{action}({', '.join(map(repr, parameters))})" if parameters else action
    keys = [key for key in TABLE if key.scope == scope and key.action == called]
    return not keys or any(applies(key, pane) for key in keys)


def line(keys: list[Key], width: int) -> str:
    """Keys and their words, as many as there is room for: `? help` at their end stays longest."""
    said = [f"{key.label} {key.words}" for key in keys]
    while len("   ".join(said)) > width:
        said.pop(-2 if len(said) > 1 and said[-1].startswith("?") else -1)
    return "   ".join(said)


def named(ident: str) -> Key:
    """The key of that id."""
    return next(key for key in TABLE if key.id == ident)


def footer(inner: str, pane: str) -> list[Key]:
    """What the footer offers; a log's own keys come first, and while one types a filter, letters are letters."""
    if inner == "filter":
        return [key for key in TABLE if key.footer and key.scope == inner]
    taken = {each for key in TABLE if key.scope == inner and applies(key, pane) for each in key.keys.split(",")}
    found = [
        key
        for key in TABLE
        if key.footer
        and applies(key, pane)
        and (key.scope == inner or (key.scope in ("body", "main") and taken.isdisjoint(key.keys.split(","))))
    ]
    return sorted(found, key=lambda key: (key.scope == "table" or key.scope != inner, key.footer))


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
