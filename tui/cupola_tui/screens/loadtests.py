"""The tab on the speed of an endpoint's model: how it is run, and what a load test has found."""

import msgspec

from cupola.plots.records import Curves, Point, Series
from cupola.registry.loadtests import LoadTest
from cupola_tui import figures
from cupola_tui.paint import Line
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Ask, Scene, facts, heading, pending, said
from cupola_tui.widgets.plot import drawn
from cupola_tui.widgets.rows import Record

ABOVE = 2.5  # times the target: higher up it does not matter how much too slow it is


def model(record: Record) -> str | None:
    """The version that most requests of an endpoint go to."""
    found = [one for one in record.get("variants") or [] if not one.get("shadow") and one.get("model")]
    return str(max(found, key=lambda one: one.get("weight") or 0)["model"]) if found else None


def asks(record: Record) -> dict[str, Ask]:
    ref = model(record)
    return {"model": ("record", {"kind": "models", "ref": ref})} if ref else {}


def words(version: Record) -> str | None:
    """What the load test of a version recommends."""
    found = version.get("load_test")
    return msgspec.convert(found, LoadTest).words if found else None


def draw(scene: Scene) -> list[Line]:
    version = scene.answer("model")
    if version is None:
        return pending(scene, "model", "reading ..." if asks(scene.record) else "it has no model yet")
    return [*_runtime(version, scene.width), *_tested(version, scene)]


def _runtime(version: Record, width: int) -> list[Line]:
    """How the model is run, and how far the compiled form was found to differ from the native one."""
    report = version.get("runtime")
    if not report:
        return []
    difference, rows = report.get("difference"), report.get("rows")
    parity = f"at most {difference:.1e} on {rows} rows" if difference is not None else None
    times = [_took(report, name) for name in ("compiled", "native")]
    return [
        heading(f"Runtime: {clean(report.get('runtime'))}"),
        *(said(report["reason"], width, "warn") if report.get("reason") else []),
        *facts(
            [("differs", parity), ("a row", ", ".join(one for one in times if one)), ("on", report.get("host"))], width
        ),
        [],
    ]


def _took(report: Record, runtime: str) -> str:
    milliseconds = report.get(f"{runtime}_ms")
    return "" if milliseconds is None else f"{runtime} {milliseconds:,.3f} ms"


def _tested(version: Record, scene: Scene) -> list[Line]:
    found = version.get("load_test")
    if not found:
        asked = "How many requests a second does it hold, and with how many server processes? Nobody has tried yet."
        return [
            heading("Load test"),
            *said(asked, scene.width),
            [],
            *said("b finds out; the endpoint is left alone.", scene.width, "dim"),
        ]
    lines: list[Line] = [heading("Load test"), *said(words(version), scene.width, "bold")]
    lines += said("`endpoint deploy` of this version starts so; b tests again", scene.width, "dim")
    lines += [[], *drawn(plot(found), scene.width - 1, max(6, min(16, scene.height - 14))), []]
    return lines + facts(
        [
            ("model", clean(f"{version.get('name')}@{version.get('version')}")),
            ("p99", f"{figures.number(found.get('p99_ms'), 2)} ms"),
            ("batches", _batches(found)),
            ("other batches", _others(found)),
            ("needed", f"{figures.number(found['needed'], 0)} requests/s" if found.get("needed") else None),
            ("tested", figures.when(found.get("time"))),
            ("by", f"{found.get('user')} on {found.get('host')}, {found.get('cpus')} CPUs"),
        ],
        scene.width,
    )


def _batches(found: Record) -> str | None:
    """How requests were joined, as far as the test has noted it."""
    rows = found.get("batch_rows")
    if rows is None:
        return "none: compiled, it joins no requests" if found.get("runtime") == "compiled" else None
    return f"of up to {rows} rows" if rows > 1 else "none: each request is a call of its own"


def _others(found: Record) -> str | None:
    """What one process has held with batches of other sizes."""
    held: dict[int, float] = {}
    for one in found.get("steps") or []:
        rows = one.get("batch_rows")
        if one["workers"] == 1 and rows not in (None, found.get("batch_rows")):
            held[rows] = max(held.get(rows, 0.0), one["rate"] * bool(one.get("held")))
    return ", ".join(f"{rows}: {_held(held[rows])}" for rows in sorted(held, reverse=True)) or None


def _held(rate: float) -> str:
    return f"{figures.number(rate, 0)} requests/s" if rate else "no better"


def plot(found: Record) -> Curves:
    """p99 over the rate, a line for each number of processes, with the batches that are recommended.

    What was tried twice is as it was the second time.
    """
    steps = [one for one in found.get("steps") or [] if one.get("batch_rows") == found.get("batch_rows")]
    target = float(found.get("target_ms") or 1.0)
    series = []
    for workers in sorted({one["workers"] for one in steps}):
        seen = {one["rate"]: one["p99_ms"] for one in steps if one["workers"] == workers and one.get("p99_ms")}
        points: list[Point] = sorted((rate, min(p99, ABOVE * target)) for rate, p99 in seen.items())
        series.append(Series(name=f"{workers} process{'es' * (workers != 1)}", points=points))
    most = max((point[0] for one in series for point in one.points), default=1.0)
    series.append(Series(name="target", points=[(0.0, target), (most, target)], kind="guide"))
    return Curves(
        name="load",
        title="p99 over the rate",
        x="requests a second",
        y="p99 ms",
        series=series,
        limits=(0.0, most, 0.0, ABOVE * target),
    )
