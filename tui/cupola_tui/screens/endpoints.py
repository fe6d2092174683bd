"""The pane of endpoints: what is served, how fast and how well, drawn as it happens."""

from typing import Any

from cupola.serving.records import MOST_ROWS
from cupola_tui import figures
from cupola_tui.keymap import ENDPOINTS
from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean
from cupola_tui.screens import calling, comments, lineage, loadtests, rollouts
from cupola_tui.screens.pane import (
    Ask,
    Pane,
    Scene,
    Tab,
    badge,
    by,
    facts,
    figure,
    heading,
    name_of,
    said,
    status,
    text,
    who,
)
from cupola_tui.screens.rollouts import version
from cupola_tui.widgets.rows import Column, Record

WINDOW = 60  # seconds that are drawn
LATELY = 10  # seconds over which the rate of the requests is said
LATE = 3  # seconds that a keeper may take to say what it has seen
REQUESTS, P50, P99, ERRORS = 1, 2, 3, 4  # places in a row of a series
# What there is to do in each state, other than to look.
NEXT = {
    "Creating": "Its server processes are loading the model: l shows their log.",
    "Updating": "New server processes are loading the model; what was served before answers until they are ready.",
    "Failed": "l shows its log; e changes what it serves, . has start, D moves it to the trash.",
    "OutOfService": "It is stopped and kept: . has start, which serves it again; D moves it to the trash.",
}


def columns(records: list[Record]) -> list[Column]:
    changing, queued = any(map(rollouts.moves, records)), any(one.get("backlog") for one in records)
    return [
        text("name", "name", width=10, grow=26, priority=9),
        status(_status),
        Column("model", "model", lambda one: (_models(one), ""), _models, width=10, grow=26, priority=7),
        *([Column("change", "change", rollouts.words, _share, width=11, grow=14, priority=8)] if changing else []),
        figure("rps", "req/s", _tenth, rate, priority=6),
        _latency("p50_ms", "p50 ms", 5),
        _latency("p99_ms", "p99 ms", 4),
        Column("errors", "errors", _errors, _count_errors, width=6, grow=8, right=True, priority=5),
        *([figure("queued", "queued", figures.count, waiting, priority=5)] if queued else []),
        Column(
            "live", "last 20 s", lambda one: (spark(one, REQUESTS, 20), "good"), rate, width=20, grow=20, priority=3
        ),
        who(),
    ]


def _latency(key: str, title: str, priority: int) -> Column:
    return figure(key, title, _tenth, lambda one: lately(one, key), priority=priority)


def _status(record: Record) -> tuple[str, str]:
    return ("○ asleep", "dim") if asleep(record) else badge(record.get("status"))


def asleep(record: Record) -> bool:
    """Whether no server runs because nobody asks; the next request wakes one."""
    return bool(record.get("asleep")) and record.get("status") == "InService"


def _share(record: Record) -> float | None:
    return rollouts.of(record).get("share") if rollouts.moves(record) else None


def waiting(record: Record) -> int | None:
    """How many requests wait in the queue of an asynchronous endpoint."""
    backlog = record.get("backlog")
    return int(backlog.get("queued") or 0) if backlog else None


def _tenth(value: float | None) -> str:
    return figures.ABSENT if value is None else f"{value:,.1f}"


def _count_errors(record: Record) -> Any:
    return traffic(record).get("errors")


def _errors(record: Record) -> tuple[str, str]:
    count = _count_errors(record) or 0
    return figures.count(count), "bad" if count else "dim"


def _models(record: Record) -> str:
    """The versions that answer, without their ids: the details say those, and which are shadows."""
    answering = [one for one in record.get("variants") or [] if not one.get("shadow")]
    return ", ".join(dict.fromkeys(version(str(one.get("model"))) for one in answering))


# What was seen of an endpoint, or of one of its variants, in the last minute.


def traffic(record: Record) -> Record:
    return record.get("traffic") or {}


def series(record: Record, place: int, last: int = WINDOW) -> list[float]:
    """One figure of each of the last seconds, 0 for those without a request; up to the last that was told."""
    rows = {int(row[0]): row for row in traffic(record).get("series") or [] if len(row) > ERRORS}
    now = int(figures.now())
    end = max((second for second in rows if second > now - LATE), default=now - 1)
    return [float(rows[second][place] or 0) if second in rows else 0.0 for second in range(end - last + 1, end + 1)]


def rate(record: Record) -> float:
    """Requests a second, over the last ten."""
    return sum(series(record, REQUESTS, LATELY)) / LATELY


def lately(record: Record, key: str) -> float | None:
    """A figure of the last minute; None where there was no request in it."""
    return traffic(record).get(key) if any(series(record, REQUESTS)) else None


def spark(record: Record, place: int, last: int) -> str:
    values = series(record, place, last)
    return figures.sparkline(values) if any(values) else ""


# The tabs.


def overview(scene: Scene) -> list[Line]:
    one, width = scene.record, scene.width
    lines: list[Line] = [[(" ", ""), _status(one), (f"  {clean(one.get('url') or '')}", "accent")]]
    if one.get("reason"):
        lines += said(
            one["reason"], width, "bad" if one.get("status") == "Failed" or one.get("update_failed") else "warn"
        )
    lines += said(next_words(one), width, "dim") if next_words(one) else []
    if rollouts.moves(one):
        lines += [[], *rollouts.moved(one, width), *rollouts.alarms(one, width)]
    lines += [[], heading("Variants"), *variants(scene), *backlog(one, width)]
    lines += plots(one, width, max(2, min(8, (scene.height - len(lines) - 6) // 4)))
    return [*lines, [], *_told(scene)]


def next_words(record: Record) -> str:
    """What there is to do, where nothing is to be seen yet."""
    if asleep(record):
        return "Nobody has asked for a while; the next request wakes it: i sends one."
    if record.get("status") == "InService":
        return (
            ""
            if any(series(record, REQUESTS))
            else "No request in the last minute: i sends one, b tests how many it holds."
        )
    if rollouts.of(record).get("status") in rollouts.UNDER_WAY:
        return ""
    return NEXT.get(str(record.get("status")), "")


def variants(scene: Scene) -> list[Line]:
    """Each variant with its share of the requests, how those went, and what runs it."""
    found = scene.record.get("variants") or []
    total = sum(one.get("weight") or 0 for one in found if not one.get("shadow")) or 1
    lines: list[Line] = []
    for one in found:
        shadow = one.get("shadow") or 0
        share = f"copy of {shadow:.0%}" if shadow else f"{(one.get('weight') or 0) / total:.0%}"
        name = clean(one.get("name"))
        line: Line = [
            (f" {fit(name, max(12, len(name)))} ", ""),
            (clean(one.get("model")), "accent"),
            (f"  {share}", "bold"),
        ]
        line += [(f"  {clean(one['side'])}", "dim")] if one.get("side") else []
        lines += [line, _figures(one)] if any(series(one, REQUESTS)) else [line]
        how = ": ".join(str(more) for more in (one.get("runtime"), one.get("why")) if more)
        lines += said(how, scene.width, "dim", indent=3) if how else []
    return lines or [[(" none yet", "dim")]]


def _figures(variant: Record) -> Line:
    errors = _count_errors(variant) or 0
    p50, p99 = lately(variant, "p50_ms"), lately(variant, "p99_ms")
    return [
        (f"   {spark(variant, REQUESTS, 10):10} ", "good"),
        (f"{rate(variant):,.1f}/s", ""),
        (f"  p50 {_tenth(p50)}  p99 {_tenth(p99)} ms", ""),
        (f"  {errors:,} error{'s' * (errors != 1)}", "bad" if errors else "dim"),
    ]


def backlog(record: Record, width: int) -> list[Line]:
    """The queue of an asynchronous endpoint."""
    found = record.get("backlog")
    if not found:
        return []
    lines: list[Line] = [[], heading("Queue")]
    if found.get("reason"):
        lines += said(found["reason"], width, "warn")
    return lines + facts(
        [
            ("waiting", figures.count(found.get("queued"))),
            ("under way", figures.count(len(found.get("working") or []))),
            ("answered", figures.count(found.get("completed"))),
            ("failed", (figures.count(found.get("failed")), "bad" if found.get("failed") else "")),
        ],
        width,
    )


def plots(record: Record, width: int, height: int) -> list[Line]:
    """The last minute, second by second."""
    from cupola_tui.widgets.plot import area

    lines: list[Line] = []
    drawn = (
        ("requests/s", REQUESTS, "good"),
        ("p50 ms", P50, "accent"),
        ("p99 ms", P99, "warn"),
        ("errors/s", ERRORS, "bad"),
    )
    for title, place, style in drawn:
        values = series(record, place)
        if any(values):
            now = f"now {figures.number(values[-1], 1)}, most {figures.number(max(values), 1)}"
            lines += [[], [(f" {title} ", "title"), (now, "dim")]]
            lines += area(values, width - 2, height, style)
    return lines


def _batches(rows: int | None) -> str | None:
    """How requests to a native model are joined, where that is not as usual."""
    if rows in (None, MOST_ROWS):
        return None
    return "none" if rows == 1 else f"of up to {rows} rows"


def _told(scene: Scene) -> list[Line]:
    one, seen = scene.record, traffic(scene.record)
    workers = f"{one.get('workers_ready', '')} of {one.get('workers', '')} ready"
    more = f", {one['max_workers']} at most" if (one.get("max_workers") or 0) > (one.get("workers") or 0) else ""
    return facts(
        [
            ("requests", figures.count(seen.get("requests"))),
            ("errors", figures.count(seen.get("errors"))),
            ("p50", _milliseconds(lately(one, "p50_ms"))),
            ("p99", _milliseconds(lately(one, "p99_ms"))),
            ("queue", _milliseconds(lately(one, "queue_ms"))),
            ("workers", workers + more),
            ("batches", _batches(one.get("batch_rows"))),
            ("restarts", one.get("restarts") or None),
            ("mode", one.get("mode")),
            ("targets", (one.get("targets") or {}).get("models")),
            ("sleeps", _sleeps(one)),
            ("gateway", one.get("gateway")),
            ("memory", figures.size(one.get("memory") or None)),
            by(one),
            ("tags", one.get("tags")),
            ("started", figures.when(one.get("started"))),
        ],
        scene.width,
    )


def _milliseconds(value: float | None) -> str:
    return figures.ABSENT if value is None else f"{value:,.2f} ms"


def _sleeps(record: Record) -> str | None:
    found = record.get("serverless")
    if not found:
        return None
    stay = f", {found['provisioned']} stay" if found.get("provisioned") else ""
    return f"after {figures.duration(found.get('idle'))}{stay}; {found.get('max_concurrency')} requests at once"


def calls(scene: Scene) -> list[Line]:
    """How to call it from elsewhere, ready to copy with y."""
    lines: list[Line] = []
    for title, code in calling.snippets(scene.record):
        lines += [heading(title), *[[(" " + line, "")] for line in code.splitlines()], []]
    return lines


def _log(record: Record) -> Ask | None:
    return ("log", {"kind": "endpoint", "ref": str(record.get("name"))})


PANE = Pane(
    name=ENDPOINTS,
    kind="endpoints",
    about="endpoint",
    columns=columns,
    tabs=(
        Tab("Overview", overview),
        Tab("Change", rollouts.tab),
        Tab("Load", loadtests.draw, loadtests.asks),
        Tab("Calls", calls),
        lineage.tab("endpoint", name_of),
        comments.tab("endpoint", name_of),
        Tab("Log", lambda scene: [], log=_log),
    ),
    empty=(
        "Endpoints: registered models that answer requests.",
        "Go to Registry (4), choose a version, and d deploys it.",
    ),
    files=lambda one: f"endpoints/{one.get('name')}",
    ident=name_of,
    ref=name_of,
)
