"""The pane of jobs: what runs, waits and has ended on the hosts of this workspace, with its log."""

from cupola_tui import figures
from cupola_tui.keymap import JOBS
from cupola_tui.paint import Line, fold
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Ask, Pane, Scene, Tab, age, facts, heading, stands, status, text
from cupola_tui.widgets.rows import Column, Record


def columns(records: list[Record]) -> list[Column]:
    return [
        Column(
            "name",
            "name",
            lambda one: (clean(one.get("name") or one.get("id")), ""),
            lambda one: one.get("name"),
            width=14,
            grow=30,
            priority=9,
        ),
        text("kind", "kind", width=7, grow=10, priority=6),
        status(),
        Column("progress", "progress", _progress, lambda one: one.get("progress"), width=9, grow=26, priority=5),
        Column(
            "took",
            "time",
            lambda one: (figures.span(one.get("started"), one.get("ended")), ""),
            _took,
            width=6,
            grow=8,
            right=True,
            priority=4,
        ),
        text("host", "host", width=6, grow=14, priority=2),
        text("user", "who", width=5, grow=10, priority=2),
        age("submitted", priority=4),
    ]


def _took(record: Record) -> float | None:
    first, last = figures.moment(record.get("started")), figures.moment(record.get("ended"))
    return None if first is None else (last or figures.now()) - first


def _progress(record: Record) -> tuple[str, str]:
    """A bar while it runs; the reason when it failed."""
    if record.get("status") == "InProgress":
        share = record.get("progress")
        if isinstance(share, int | float):
            filled = round(max(0.0, min(1.0, share)) * 5)
            return (
                f"{'█' * filled}{'░' * (5 - filled)} {share:4.0%} {clean(record.get('message') or '')}".rstrip(),
                "accent",
            )
        return clean(record.get("message") or record.get("secondary_status") or ""), "accent"
    return clean(record.get("reason") or ""), "bad" if record.get("status") == "Failed" else "dim"


def overview(scene: Scene) -> list[Line]:
    one = scene.record
    lines: list[Line] = [stands(one)]
    for key, style in (("reason", "bad" if one.get("status") == "Failed" else ""), ("message", "dim")):
        if one.get(key):
            lines += [[(" ", ""), (part, style)] for part in fold(clean(one[key]), scene.width - 2)]
    error = one.get("error") or {}
    if error:
        said = [("what", error.get("message")), ("where", error.get("where")), ("to do", error.get("hint"))]
        lines += [[], heading(clean(error.get("kind") or "Error")), *facts(said, scene.width)]
    share = one.get("progress")
    if isinstance(share, int | float) and one.get("status") == "InProgress":
        room = max(10, scene.width - 12)
        filled = round(max(0.0, min(1.0, share)) * room)
        lines += [[], [(" " + "█" * filled, "accent"), ("░" * (room - filled), "dim"), (f" {share:.0%}", "")]]
        left = _left(one, share)
        lines += [[(f" about {left} left", "dim")]] if left else []
    usage = one.get("usage") or {}
    pairs = [
        ("kind", one.get("kind")),
        ("command", " ".join(clean(part) for part in one.get("command") or [])),
        ("submitted", one.get("submitted")),
        ("started", one.get("started")),
        ("ended", one.get("ended")),
        ("took", figures.span(one.get("started"), one.get("ended"))),
        ("exit code", one.get("exit_code")),
        ("attempt", one.get("attempt")),
        ("by", f"{one.get('user')} on {one.get('host')}"),
        ("cpus", one.get("cpus")),
        ("gpus", one.get("gpus") or None),
        ("memory", figures.size(one.get("memory"))),
        ("run", one.get("run")),
        ("id", one.get("id")),
    ]
    lines += [[], *facts(pairs, scene.width)]
    if usage:
        lines += [
            [],
            heading("Used"),
            *facts([(clean(name), _used(name, value)) for name, value in usage.items()], scene.width),
        ]
    if one.get("output"):
        lines += [
            [],
            heading("Gave"),
            *facts([(clean(name), value) for name, value in one["output"].items()], scene.width),
        ]
    return lines


def _used(name: str, value: object) -> object:
    if "memory" in name or "bytes" in name or "rss" in name:
        return figures.size(value)
    return figures.duration(value) if name.endswith(("seconds", "_s", "time")) else value


def _left(record: Record, share: float) -> str:
    """An estimate of what is left, once there is something to estimate from."""
    begun = figures.moment(record.get("started"))
    passed = figures.now() - begun if begun else 0
    return figures.duration(passed / share * (1 - share)) if share > 0.02 and passed > 1 else ""


def _log(record: Record) -> Ask | None:
    return ("log", {"kind": "job", "ref": str(record.get("id"))})


PANE = Pane(
    name=JOBS,
    title="Jobs",
    kind="jobs",
    about="job",
    noun="job",
    feeds=frozenset({"job"}),
    ident=lambda one: str(one.get("id")),
    ref=lambda one: str(one.get("id")),
    columns=columns,
    tabs=(Tab("Overview", overview), Tab("Log", lambda scene: [], log=_log)),
    empty=(
        "Jobs: what runs in the background, and goes on when you leave.",
        ":job submit -- COMMAND runs any command; training and importing are jobs too.",
    ),
    label=lambda one: str(one.get("name") or one.get("id")),
    files=lambda one: f"jobs/{str(one.get('submitted'))[:7]}/{one.get('id')}",
)
