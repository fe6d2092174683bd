"""The pane of pipelines: how each stands, its graph as it runs, its executions, schedules and definition."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cupola_tui import figures
from cupola_tui.keymap import EXECUTION, PIPELINES
from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean, lines
from cupola_tui.screens import comments
from cupola_tui.screens.pane import (
    Ask,
    Listing,
    Pane,
    Scene,
    Tab,
    age,
    badge,
    facts,
    figure,
    heading,
    pending,
    said,
    status,
    text,
    took,
    who,
)
from cupola_tui.widgets.dag import Link, Node, drawn
from cupola_tui.widgets.rows import Column, Record

if TYPE_CHECKING:
    from cupola_tui.screens.doing import Chosen

NEWEST = 100  # executions that a tab lists
BESIDE = 8  # steps of a ForEach that are drawn beside one another
WAITING = {  # how a step under way may stand for which nothing is done now
    "Waiting": "waits", "Pending": "waits", "WaitingForRoom": "no room", "WaitingForRetry": "retries",
    "WaitingForAnswer": "asks", "WaitingForFile": "no file",
}  # fmt: skip
SHORT = {
    "Processing": "Process", "Training": "Train", "NotebookJob": "Notebook", "RegisterModel": "Register",
    "QualityCheck": "Quality", "ClarifyCheck": "Bias", "Transform": "Score", "Condition": "If",
}  # fmt: skip
TOLD = ("Failed", "Executing")  # of more than that only those that stand so
BAR = 8  # cells of a bar in a table


def columns(records: list[Record]) -> list[Column]:
    return [
        Column("name", "name", lambda one: (clean(one.get("name")), ""), _name, width=12, grow=28, priority=9),
        status(draw=_stands, width=11),
        figure("steps", "steps", figures.count, lambda one: len(one.get("steps") or []), width=5, grow=5, priority=4),
        figure("executions", "runs", figures.count, width=5, grow=6, priority=3),
        took(priority=3),
        who(),
        age("started", "last", priority=6),
        Column("next", "next", lambda one: (figures.ahead(one.get("next")), ""), lambda one: one.get("next"),
               width=5, grow=6, right=True, priority=7),
    ]  # fmt: skip


def _name(record: Record) -> str:
    return str(record.get("name"))


def _stands(record: Record) -> tuple[str, str]:
    if record.get("error"):
        return "✗ unusable", "bad"
    if record.get("status") == "Executing" and (waits := WAITING.get(str(record.get("secondary_status")))):
        return f"○ {waits}", "warn"
    return badge(record.get("status")) if record.get("status") else ("· never run", "dim")


# The graph.


def _asks_state(record: Record) -> dict[str, Ask]:
    """How the newest execution stands; a pipeline that never ran has only its steps."""
    if not record.get("execution"):
        return {}
    return {"state": ("action", {"name": "pipeline show", "arguments": {"pipeline": record["execution"]}})}


def graph(scene: Scene) -> list[Line]:
    one, state = scene.record, scene.answer("state") or {}
    top: list[Line] = []
    if one.get("error"):
        top += said(f"✗ {one['error']}", scene.width, "bad")
    elif one.get("execution"):
        top.append(standing(state or one))
        if state.get("reason"):
            top += said(state["reason"], scene.width, "bad" if state.get("status") == "Failed" else "warn")
    if not (state.get("steps") or one.get("steps")):
        words = "reading ..." if one.get("execution") and not state else "its steps are known once it has been run"
        return [*top, *pending(scene, "state", words)]
    shown = drawn(*boxes(state or one), room=scene.width - 2)
    return [*top, [], *([(" ", ""), *line] for line in shown.lines)]


def standing(state: Record) -> Line:
    """The first line: how an execution stands, how far it is, and for how long it has run."""
    line: Line = [(" ", ""), badge(state.get("status"))]
    share = state.get("progress")
    if state.get("status") == "Executing" and isinstance(share, int | float):
        line.append((f"  {share:.0%}", "accent"))
    line.append((f"  {figures.span(state.get('started'), state.get('ended'))}", ""))
    line.append((f"  {clean(state.get('execution'))}", "dim"))
    message = clean(state.get("message") or "")
    return [*line, (f"  {message}", "dim")] if message else line


def boxes(state: Record) -> tuple[list[Node], list[Link]]:
    """What is drawn of an execution, or of a pipeline that never ran: its steps, and what comes after what."""
    steps = state.get("steps") or []
    folded = _folded(steps)
    hidden = {name for names in folded.values() for name in names}
    nodes = [node(one, _counted(one, steps, folded)) for one in steps if one["name"] not in hidden]
    return nodes, [link(one) for one in state.get("edges") or [] if one["target"] not in hidden]


def _folded(steps: list[Record]) -> dict[str, list[str]]:
    """By ForEach the names of its steps that are not drawn: of many only those that are at work or have failed are."""
    each: dict[str, list[Record]] = {}
    for one in steps:
        parent, bracket, _ = str(one["name"]).partition("[")
        if bracket:
            each.setdefault(parent, []).append(one)
    found = {}
    for parent, inner in each.items():
        if len(inner) > BESIDE:
            told = sorted(
                (one for one in inner if one.get("status") in TOLD), key=lambda one: one["status"] != "Failed"
            )
            shown = {one["name"] for one in told[:BESIDE]}
            found[parent] = [one["name"] for one in inner if one["name"] not in shown]
    return found


def _counted(step: Record, steps: list[Record], folded: dict[str, list[str]]) -> str:
    """How many of its steps a ForEach has done, where not all of them are drawn."""
    if step["name"] not in folded:
        return ""
    inner = [one for one in steps if str(one["name"]).startswith(f"{step['name']}[")]
    return f"{sum(one.get('status') == 'Succeeded' for one in inner)}/{step.get('items') or len(inner)}"


def node(step: Record, counted: str = "") -> Node:
    word = str(step.get("status") or "")
    glyph, style = badge(word) if word else ("·", "")
    return Node(
        name=str(step["name"]),
        glyph=glyph.partition(" ")[0],
        style=style,
        below=str(step.get("type") or ""),
        short=SHORT.get(str(step.get("type")), ""),
        aside=counted or _aside(step),
        faint=word in ("Skipped", "Waiting"),
    )


def _aside(step: Record) -> str:
    """What stands to the right in a box: how far, how long, or that it was not done again."""
    if step.get("cached"):
        return "cached"
    share = step.get("progress")
    if step.get("status") == "Executing" and (waits := WAITING.get(str(step.get("secondary_status")))):
        return waits
    if step.get("status") == "Executing" and isinstance(share, int | float):
        return f"{share:.0%}"
    if step.get("result") is not None:
        return "yes" if step["result"] else "no"
    return figures.span(step.get("started"), step.get("ended")) if step.get("started") else ""


def link(edge: Record) -> Link:
    taken = edge.get("taken")
    said_of = ("branch", "text") if taken is not False else ("branch",)
    words = " ".join(clean(edge[name]) for name in said_of if edge.get(name))
    return Link(str(edge["source"]), str(edge["target"]), words, "good" if taken else "dim")


# What it has done, and when it does it again.


def _asks_executions(record: Record) -> dict[str, Ask]:
    arguments = {"pipeline": record.get("name"), "limit": NEWEST}
    asked = ("action", {"name": "pipeline executions", "arguments": arguments})
    return {"executions": asked} if record.get("execution") else {}


def executions(scene: Scene) -> Listing | None:
    found = scene.answer("executions")
    if not found:
        return None
    shown = [
        status(width=11),
        Column("execution", "id", lambda one: (clean(one["execution"]), ""), lambda one: one["execution"], width=10),
        Column("progress", "progress", _bar, lambda one: one.get("progress"), width=BAR + 5, grow=BAR + 5, priority=6),
        took(priority=7),
        text("version", "version", width=7, grow=12, priority=2),
        who(),
        age("submitted", priority=6),
        text("reason", "reason", width=10, grow=60, priority=3),
    ]
    return Listing(found, shown, lambda one: str(one["execution"]), lambda one: (EXECUTION, str(one["execution"])))


def _bar(one: Record) -> tuple[str, str]:
    share = one.get("progress")
    if not isinstance(share, int | float):
        return "", ""
    filled = round(max(0.0, min(1.0, share)) * BAR)
    return f"{'█' * filled}{'░' * (BAR - filled)} {share:>4.0%}", "dim" if share >= 1 else "accent"


def _no_executions(scene: Scene) -> list[Line]:
    waits = scene.record.get("execution") and scene.answer("executions") is None
    return pending(scene, "executions", "reading ..." if waits else "it was never run: r runs it")


def _asks_schedules(record: Record) -> dict[str, Ask]:
    return {"schedules": ("action", {"name": "schedule ls", "arguments": {}})}


def schedules(scene: Scene) -> Listing | None:
    found = [one for one in scene.answer("schedules") or [] if one.get("pipeline") == scene.record.get("name")]
    if not found:
        return None
    shown = [
        text("name", "name", width=10, grow=24, priority=9),
        status(width=9),
        text("when", "fires", width=14, grow=44, priority=7),
        Column(
            "next", "next", _next, lambda one: next(iter(one.get("next") or []), None), width=7, grow=28, priority=8
        ),
        Column("last", "last", _last, lambda one: (one.get("last") or {}).get("due"), width=12, grow=40, priority=6),
        text("missed", "missed", width=10, grow=60, priority=3),
        text("reason", "reason", width=10, grow=60, priority=4),
    ]
    return Listing(found, shown, lambda one: str(one["name"]), None)


def _next(one: Record) -> tuple[str, str]:
    coming = next(iter(one.get("next") or []), None)
    return (f"in {figures.ahead(coming)}, {coming[:16].replace('T', ' ')} UTC" if coming else "", "")


def _last(one: Record) -> tuple[str, str]:
    """What became of the last firing."""
    last = one.get("last") or {}
    if not last:
        return "never", "dim"
    words, style = badge(last.get("status"))
    more = last.get("started") if last.get("status") == "Started" else last.get("reason")
    return f"{words} {figures.age(last.get('fired'))} ago {clean(more or '')}".rstrip(), style


def _no_schedules(scene: Scene) -> list[Line]:
    words = "reading ..." if scene.answer("schedules") is None else "nothing runs it by itself: c makes a schedule"
    return pending(scene, "schedules", words)


# What its file says.


def _asks_definition(record: Record) -> dict[str, Ask]:
    return {"definition": ("definition", {"pipeline": record.get("name")})}


def definition(scene: Scene) -> list[Line]:
    found = scene.answer("definition")
    if found is None:
        return pending(scene, "definition", "reading ...")
    one = scene.record
    shown = [
        *facts(
            [("file", found["path"]), ("version", one.get("version")), ("says", one.get("description"))], scene.width
        )
    ]
    if parameters := one.get("parameters"):
        shown += [[], heading("Parameters"), *facts([_parameter(each) for each in parameters], scene.width)]
    written = lines(found["text"])
    width = len(str(len(written)))
    return [*shown, [], *([(f" {number:>{width}} ", "dim"), (line, "")] for number, line in enumerate(written, 1))]


def _parameter(one: Record) -> tuple[str, Any]:
    """A parameter: its type, what it is unless told, and what it is for."""
    default = "has to be given" if one.get("default") is None else f"= {figures.short(one['default'])}"
    choices = f", one of {', '.join(map(str, one['choices']))}" if one.get("choices") else ""
    return clean(
        one["name"]
    ), f"{fit(str(one.get('type')), 8)}{default}{choices}  {clean(one.get('description') or '')}"


def file_of(record: Record) -> str:
    return str(record.get("path") or f"pipelines/{record.get('name')}.toml")


def within(verb: str, chosen: "Chosen", row: Record | None) -> tuple[str, "Chosen"]:
    """What a verb on a pipeline is to act on while the cursor is in one of its tables: that execution, or schedule."""
    if row is None:
        return verb, replace(chosen, records=[])
    if "execution" in row:
        return verb, replace(chosen, records=[row | {"name": row["execution"]}])
    return ("schedule rm", replace(chosen, records=[row])) if verb == "pipeline rm" else (verb, chosen)


def loss(removed: list[Record]) -> str:
    """What goes with pipelines, or executions of one, that are moved to the trash."""
    if any("progress" in one for one in removed):
        return "The execution goes with its logs and files."
    return f"The pipeline goes with its executions ({sum(one.get('executions') or 0 for one in removed)})."


PANE = Pane(
    name=PIPELINES,
    kind="pipelines",
    about="pipeline",
    columns=columns,
    tabs=(
        Tab("Graph", graph, _asks_state),
        Tab("Executions", _no_executions, _asks_executions, listing=executions),
        Tab("Schedules", _no_schedules, _asks_schedules, listing=schedules),
        Tab("Definition", definition, _asks_definition),
        comments.tab("pipeline", _name),
    ),
    empty=(
        "Pipelines: steps that depend on one another, run unattended, each done once.",
        "a begins one with its first step; or write pipelines/NAME.toml, or Python with @step.",
    ),
    files=file_of,
    ident=_name,
    ref=_name,
    label=_name,
)
