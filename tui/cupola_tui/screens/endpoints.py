"""The pane of endpoints: what is served, how fast and how well, drawn as it happens."""

from cupola_tui import figures
from cupola_tui.keymap import ENDPOINTS
from cupola_tui.paint import Line, fold
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Ask, Pane, Scene, Tab, badge, facts, heading, status, text
from cupola_tui.widgets.rows import Column, Record


def columns(records: list[Record]) -> list[Column]:
    return [
        text("name", "name", width=10, grow=26, priority=9),
        status(),
        Column("model", "model", lambda one: (_models(one), ""), _models, width=10, grow=26, priority=7),
        Column(
            "rps",
            "req/s",
            lambda one: (_figure(one, "rps", 1), ""),
            lambda one: _traffic(one).get("rps"),
            width=6,
            grow=8,
            right=True,
            priority=6,
        ),
        Column(
            "p50",
            "p50 ms",
            lambda one: (_figure(one, "p50_ms", 1), ""),
            lambda one: _traffic(one).get("p50_ms"),
            width=6,
            grow=8,
            right=True,
            priority=5,
        ),
        Column(
            "p99",
            "p99 ms",
            lambda one: (_figure(one, "p99_ms", 1), ""),
            lambda one: _traffic(one).get("p99_ms"),
            width=6,
            grow=8,
            right=True,
            priority=4,
        ),
        Column(
            "errors",
            "errors",
            _errors,
            lambda one: _traffic(one).get("errors"),
            width=6,
            grow=8,
            right=True,
            priority=5,
        ),
        Column(
            "live",
            "last 20 s",
            lambda one: (spark(one, 1, 20), "good"),
            lambda one: _traffic(one).get("rps"),
            width=20,
            grow=20,
            priority=3,
        ),
        text("user", "who", width=5, grow=10, priority=2),
    ]


def _traffic(record: Record) -> Record:
    return record.get("traffic") or {}


def _figure(record: Record, key: str, digits: int) -> str:
    value = _traffic(record).get(key)
    return figures.ABSENT if value is None else f"{value:,.{digits}f}"


def _milliseconds(record: Record, key: str) -> str:
    value = _traffic(record).get(key)
    return figures.ABSENT if value is None else f"{value:,.2f} ms"


def _errors(record: Record) -> tuple[str, str]:
    count = _traffic(record).get("errors") or 0
    return figures.count(count), "bad" if count else "dim"


def _models(record: Record) -> str:
    """The versions it serves, without their ids: the details say those."""
    return ", ".join(clean(_version(str(one.get("model")))) for one in record.get("variants") or [])


def _version(model: str) -> str:
    """churn@3 of churn@3-7f3a."""
    name, at, version = model.partition("@")
    return name + at + version.partition("-")[0]


def series(record: Record, place: int, last: int = 60) -> list[float]:
    """One row of the last seconds: 1 requests/s, 2 p50, 3 p99, 4 errors."""
    return [float(row[place] or 0) for row in (_traffic(record).get("series") or [])[-last:] if len(row) > place]


def spark(record: Record, place: int, last: int) -> str:
    values = series(record, place, last)
    return figures.sparkline(values) if any(values) else ""


def overview(scene: Scene) -> list[Line]:
    from cupola_tui.widgets.plot import area

    one, traffic = scene.record, _traffic(scene.record)
    lines: list[Line] = [[(" ", ""), badge(one.get("status")), (f"  {clean(one.get('url') or '')}", "accent")]]
    if one.get("reason"):
        lines += [[(" ", ""), (part, "bad")] for part in fold(clean(one["reason"]), scene.width - 2)]
    room = max(3, min(8, (scene.height - 14) // 3))
    for title, place, style in (
        ("requests/s", 1, "good"),
        ("p50 ms", 2, "accent"),
        ("p99 ms", 3, "warn"),
        ("errors/s", 4, "bad"),
    ):
        values = series(one, place)
        if any(values):
            lines += [
                [],
                [
                    (f" {title} ", "title"),
                    (f"now {figures.number(values[-1], 1)}, most {figures.number(max(values), 1)}", "dim"),
                ],
            ]
            lines += area(values, scene.width - 2, room if place == 1 else max(2, room // 2), style)
    if not any(series(one, 1)):
        lines += [[], [(" no request in the last minute: i sends one", "dim")]]
    lines += [[], heading("Variants"), *variants(scene), []]
    return lines + facts(
        [
            ("requests", figures.count(traffic.get("requests"))),
            ("errors", figures.count(traffic.get("errors"))),
            ("p50", _milliseconds(one, "p50_ms")),
            ("p99", _milliseconds(one, "p99_ms")),
            ("workers", f"{one.get('workers_ready', '')} of {one.get('workers', '')} ready"),
            ("mode", one.get("mode")),
            ("gateway", one.get("gateway")),
            ("memory", figures.size(one.get("memory") or None)),
            ("by", f"{one.get('user')} on {one.get('host')}"),
            ("started", one.get("started")),
        ],
        scene.width,
    )


def variants(scene: Scene) -> list[Line]:
    found = scene.record.get("variants") or []
    total = sum(one.get("weight") or 0 for one in found) or 1
    return [
        [
            (f" {clean(one.get('name')):<12}", ""),
            (clean(one.get("model")), "accent"),
            (f"  {(one.get('weight') or 0) / total:.0%}", "dim"),
        ]
        for one in found
    ]


def calls(scene: Scene) -> list[Line]:
    """How to call it from elsewhere, ready to copy with y."""
    one = scene.record
    lines: list[Line] = []
    for title, code in snippets(one):
        lines += [heading(title), *[[(" " + line, "")] for line in code.splitlines()], []]
    return lines


def snippets(record: Record) -> list[tuple[str, str]]:
    """Ways to call an endpoint: curl, and the hosted service's client."""
    url, name = clean(record.get("url") or "URL"), clean(record.get("name"))
    gateway = clean(record.get("gateway") or "GATEWAY")
    return [
        ("curl", f"curl -s {url}/invocations -H 'Content-Type: text/csv' --data-binary @rows.csv"),
        ("Cupola", f"cupola endpoint invoke {name} --data rows.csv"),
        (
            "boto3",
            f'client = boto3.client("sagemaker-runtime", endpoint_url="{gateway.split("/endpoints")[0]}",\n'
            '                      region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")\n'
            f'client.invoke_endpoint(EndpointName="{name}", ContentType="text/csv", Body=rows)["Body"].read()',
        ),
    ]


def _log(record: Record) -> Ask | None:
    return ("log", {"kind": "endpoint", "ref": str(record.get("name"))})


PANE = Pane(
    name=ENDPOINTS,
    title="Endpoints",
    kind="endpoints",
    about="endpoint",
    noun="endpoint",
    feeds=frozenset({"endpoint"}),
    ident=lambda one: str(one.get("name")),
    ref=lambda one: str(one.get("name")),
    columns=columns,
    tabs=(Tab("Overview", overview), Tab("Calls", calls), Tab("Log", lambda scene: [], log=_log)),
    empty=(
        "Endpoints: registered models that answer requests.",
        "Go to Registry (4), choose a version, and d deploys it.",
    ),
    label=lambda one: str(one.get("name")),
    files=lambda one: f"endpoints/{one.get('name')}",
)
