"""The view of the activity: who did what, the newest first; enter goes to the record that it was done to."""

from cupola_tui.keymap import ACTIVITY, DATASETS, ENDPOINTS, EXPERIMENTS, JOBS, PIPELINES, REGISTRY, TUNINGS
from cupola_tui.paint import Line
from cupola_tui.plain import clean, lines
from cupola_tui.screens.pane import Pane, Scene, Tab, age, facts, heading, said, text, who
from cupola_tui.widgets.rows import Column, Record

# The pane in which a record of a kind is to be seen.
PANES = {
    "dataset": DATASETS, "run": EXPERIMENTS, "experiment": EXPERIMENTS, "job": JOBS, "model": REGISTRY,
    "endpoint": ENDPOINTS, "tuning": TUNINGS, "execution": PIPELINES,
}  # fmt: skip
TO_ME = "@ "  # stands before what names this user and is not read yet


def columns(records: list[Record]) -> list[Column]:
    return [
        age("time", "ago", priority=9),
        who(),
        Column("verb", "did", _verb, lambda one: one.get("verb"), width=11, grow=14, priority=9),
        Column("ref", "to", _record, lambda one: (one.get("kind"), one.get("ref")), width=16, grow=34, priority=8),
        Column("text", "what", _text, lambda one: one.get("text"), width=16, grow=80, priority=7),
        text("host", "host", width=5, grow=10, priority=1),
    ]


def _verb(act: Record) -> tuple[str, str]:
    style = {"failed": "bad", "rejected": "bad", "removed": "warn", "stopped": "warn"}.get(str(act.get("verb")), "")
    return (f"{TO_ME}{clean(act.get('verb'))}", "accent bold") if act.get("unread") else (clean(act.get("verb")), style)


def _record(act: Record) -> tuple[str, str]:
    return f"{clean(act.get('kind'))} {clean(act.get('name') or act.get('ref'))}", ""


def _text(act: Record) -> tuple[str, str]:
    first = next(iter(lines(act.get("text") or "")), "")
    return clean(first), "accent" if act.get("unread") else "dim"


def overview(scene: Scene) -> list[Line]:
    one = scene.record
    new = one.get("unread")
    done: Line = [(f" {clean(one.get('user'))} {clean(one.get('verb'))}", "bold")]
    told: list[Line] = [done, [(" it names you, and is new", "accent")]] if new else [done]
    pairs = [
        (str(one.get("kind")), one.get("name") or one.get("ref")),
        ("id", one.get("name") and one.get("ref")),
        ("when", one.get("time")),
        ("on", one.get("host")),
    ]
    told += [[], *facts([(clean(name), value) for name, value in pairs], scene.width)]
    if one.get("text"):
        told += [[], heading("What")]
        told += [line for part in lines(one["text"]) for line in said(part, scene.width)]
    return [*told, [], [(" enter goes there" + "; then it is read" * bool(new), "dim")]]


def leads(act: Record) -> tuple[str, str, bool]:
    """Where an act was done: the pane, the record's name there, and whether what people say of it is to be shown."""
    return PANES.get(str(act.get("kind")), ""), str(act.get("ref")), act.get("verb") in ("commented", "tagged")


PANE = Pane(
    name=ACTIVITY,
    kind="activity",
    about="act",
    columns=columns,
    tabs=(Tab("Overview", overview),),
    empty=(
        "Activity: who did what in this workspace, the newest first.",
        "What you do shows here for the others. Go to Datasets (1), and i imports a file.",
    ),
    files=lambda act: ".cupola/notes",
    ident=lambda act: " ".join(str(act.get(name)) for name in ("time", "user", "verb", "kind", "ref", "text")),
    ref=lambda act: f"{act.get('kind')}:{act.get('ref')}",
    label=lambda act: f"{act.get('kind')} {act.get('name') or act.get('ref')}",
    leads=leads,
)
