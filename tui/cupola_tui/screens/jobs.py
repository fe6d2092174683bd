"""The pane of jobs: what runs, waits and has ended on the hosts of this workspace, with its log."""

from cupola_tui import figures
from cupola_tui.keymap import JOBS
from cupola_tui.paint import Line
from cupola_tui.plain import clean
from cupola_tui.screens import comments
from cupola_tui.screens.pane import (
    Ask,
    Pane,
    Scene,
    Tab,
    age,
    by,
    facts,
    heading,
    name_of,
    said,
    stands,
    status,
    text,
    took,
    who,
)
from cupola_tui.widgets.rows import Column, Record

# What a job took, in the words in which its run tells it.
USAGE = {"wall_seconds": "wall time", "cpu_seconds": "CPU time", "max_rss_bytes": "most memory"}


def columns(records: list[Record]) -> list[Column]:
    return [
        Column(
            "name",
            "name",
            lambda one: (clean(name_of(one)), ""),
            lambda one: one.get("name"),
            width=14,
            grow=30,
            priority=9,
        ),
        text("kind", "kind", width=7, grow=10, priority=6),
        status(),
        Column("progress", "progress", _progress, lambda one: one.get("progress"), width=9, grow=26, priority=5),
        took(priority=4),
        text("host", "host", width=6, grow=14, priority=2),
        who(),
        age("submitted", priority=4),
    ]


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
            lines += said(one[key], scene.width, style)
    error = one.get("error") or {}
    if error:
        parts = [("what", error.get("message")), ("where", error.get("where")), ("to do", error.get("hint"))]
        lines += [[], heading(clean(error.get("kind") or "Error")), *facts(parts, scene.width)]
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
        ("submitted", figures.when(one.get("submitted"))),
        ("started", figures.when(one.get("started"))),
        ("ended", figures.when(one.get("ended"))),
        ("took", figures.span(one.get("started"), one.get("ended"))),
        ("exit code", one.get("exit_code")),
        ("attempt", one.get("attempt")),
        by(one),
        ("CPUs", one.get("cpus")),
        ("GPUs", one.get("gpus") or None),
        ("memory limit", figures.size(one.get("memory"))),
        ("run", one.get("run")),
        ("tags", one.get("tags")),
        ("id", one.get("id")),
    ]
    lines += [[], *facts(pairs, scene.width)]
    used = [(USAGE.get(name, clean(name)), _used(name, value)) for name, value in usage.items()]
    gave = [(clean(name), value) for name, value in (one.get("output") or {}).items()]
    for words, found in (("Resources", used), ("Gave", gave)):
        if found:
            lines += [[], heading(words), *facts(found, scene.width)]
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
    kind="jobs",
    about="job",
    columns=columns,
    tabs=(Tab("Overview", overview), comments.tab("job"), Tab("Log", lambda scene: [], log=_log)),
    empty=(
        "Jobs: what runs in the background, and goes on when you leave.",
        ":job submit -- COMMAND runs any command; training and importing are jobs too.",
    ),
    files=lambda one: f"jobs/{str(one.get('submitted'))[:7]}/{one.get('id')}",
)
