"""The records that the screens of the tests show: a team at work on delays of flights."""

import math
from itertools import pairwise
from typing import Any

NOON = 1795600800.0  # 2026-11-25T10:00:00Z, the clock of every picture


def stamp(seconds_ago: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(NOON - seconds_ago, UTC).isoformat().replace("+00:00", "Z")


def _column(name: str, kind: str, role: str = "feature", missing: int = 0, distinct: int = 40) -> dict[str, Any]:
    return {"name": name, "type": kind, "role": role, "missing": missing, "distinct": distinct}


COLUMNS = [
    _column("late", "boolean", "target", 0, 2),
    _column("carrier", "category", distinct=16),
    _column("origin", "category", distinct=3),
    _column("dest", "category", distinct=104),
    _column("hour", "integer", distinct=20),
    _column("distance", "integer", distinct=214),
    _column("temp", "number", missing=312, distinct=170),
    _column("wind_speed", "number", missing=320, distinct=33),
    _column("flight_date", "date", "time", distinct=365),
    _column("tailnum", "text", "id", missing=44, distinct=3900),
]


def datasets() -> list[dict[str, Any]]:
    def version(name: str, number: int, rows: int, ago: float) -> dict[str, Any]:
        return {
            "id": f"a{number}b2",
            "dataset": name,
            "name": name,
            "version": number,
            "rows": rows,
            "columns": COLUMNS,
            "target": "late",
            "sha256": "9f" * 32,
            "data_sha256": "7c" * 32,
            "source": f"{name}.csv",
            "source_format": "csv",
            "bytes": rows * 96,
            "options": {},
            "user": "ana",
            "host": "box",
            "imported": stamp(ago),
            "notes": ["column tailnum is text: left out of training"] * (number == 2),
            "description": "Flights that left New York in 2013",
            "tags": ["real"],
        }

    return [
        version("flights", 2, 20480, 240),
        version("flights", 1, 18003, 90000),
        version("weather", 1, 26115, 180000),
    ]


def profile() -> dict[str, Any]:
    shapes = []
    for place, column in enumerate(COLUMNS):
        shape: dict[str, Any] = {**column, "min": None, "max": None, "mean": None, "top": [], "histogram": None}
        if column["type"] in ("integer", "number"):
            counts = [round(400 * math.exp(-((x - 4 - place % 5) ** 2) / 9)) for x in range(14)]
            shape |= {
                "min": 1,
                "max": 4983,
                "mean": 1039.9,
                "histogram": {"edges": [x * 350.0 for x in range(15)], "counts": counts},
            }
        else:
            shape["top"] = [
                {"value": value, "count": count}
                for value, count in (("UA", 3511), ("B6", 3301), ("EV", 3102), ("DL", 2876))
            ]
        shapes.append(shape)
    return {"rows": 20480, "columns": shapes}


def runs(count: int = 12) -> list[dict[str, Any]]:
    names = (
        "brave-otter",
        "calm-heron",
        "keen-lynx",
        "odd-finch",
        "wise-crane",
        "bold-ibex",
        "shy-vole",
        "quick-stoat",
    )
    found = []
    for place in range(count):
        status = "InProgress" if place == 0 else "Failed" if place == 3 else "Completed"
        score = 0.8471 - 0.0031 * place
        found.append(
            {
                "id": f"r{place:09}",
                "name": names[place % 8] + (f"-{place}" if place > 7 else ""),
                "experiment": "delays",
                "status": status,
                "secondary_status": "Training" if place == 0 else status,
                "user": ("ana", "raj")[place % 2],
                "host": "box",
                "submitted": stamp(14 + place * 700),
                "started": stamp(13 + place * 700),
                "ended": None if place == 0 else stamp(13 + place * 700 - 8.1 - place),
                "params": {"learning_rate": 0.05, "max_leaf_nodes": 31, "early_stopping": True},
                "tags": ["nightly"] * (place == 2),
                "metrics": {}
                if status == "Failed"
                else {
                    "train_roc_auc": score + 0.08,
                    "validation_roc_auc": score,
                    "validation_log_loss": 0.412 + place / 900,
                    "test_roc_auc": score - 0.004,
                },
                "metric_errors": {
                    "validation_roc_auc": 0.0041,
                    "validation_log_loss": 0.0072,
                    "test_roc_auc": 0.0052,
                    "train_roc_auc": 0.002,
                },
                "dataset": "flights@2-a2b2",
                "target": "late",
                "estimator": "HistGradientBoostingClassifier" if place % 3 else "LogisticRegression",
                "task": "classification",
                "features": [one["name"] for one in COLUMNS[1:-1]],
                "seed": 7,
                "job": f"j{place:09}",
                "attempt": 1,
                "code": {"commit": "1f9c3a7", "dirty": False},
                "environment": {"python": "3.11.7", "packages": {"scikit-learn": "1.9.1", "pandas": "3.1.1"}},
                "usage": {},
                "reason": "It ran out of memory: 2.1 GB of 2 GB." if status == "Failed" else "",
                "notes": ["tailnum is text and was left out"] * (place == 1),
                "model": None,
            }
        )
    return found


def jobs() -> list[dict[str, Any]]:
    found = []
    for place, run in enumerate(runs(5)):
        found.append(
            {
                "id": run["job"],
                "kind": "train",
                "name": run["name"],
                "status": run["status"],
                "secondary_status": run["secondary_status"],
                "user": run["user"],
                "host": "box",
                "submitted": run["submitted"],
                "started": run["started"],
                "ended": run["ended"],
                "exit_code": None if place == 0 else int(run["status"] == "Failed"),
                "reason": run["reason"],
                "attempt": 1,
                "run": f"delays/{run['id']}",
                "progress": 0.4 if place == 0 else None,
                "message": "iteration 40 of 100" if place == 0 else "",
                "command": ["python", "-m", "cupola.training"],
                "cpus": 2,
                "gpus": 0,
                "memory": 2_000_000_000,
                "usage": {"cpu_seconds": 7.2, "memory_peak": 412_000_000},
                "output": {},
                "error": None,
            }
        )
    return found


TUNED = ("learning_rate", "max_depth", "min_samples_leaf")


def trials(count: int = 24) -> list[dict[str, Any]]:
    """Trials that come closer to a learning rate of 0.05; the depth matters less, the leaf hardly."""
    found = []
    for place in range(count):
        rate = 0.01 * 30 ** ((place * 7 % count) / count)
        depth, leaf = 2 + place * 5 % 11, 1 + place * 3 % 40
        score = 0.86 - 0.03 * math.log(rate / 0.05) ** 2 - 0.0008 * (depth - 7) ** 2 - leaf / 40000
        state = "Running" if place == count - 1 else "Failed" if place == 5 else "Pruned" if place == 9 else "Completed"
        found.append(
            {
                "number": place,
                "run": f"t{place:09}",
                "state": state,
                "values": [score] if state == "Completed" else None,
                "params": {"learning_rate": rate, "max_depth": depth, "min_samples_leaf": leaf},
                "steps": {},
                "started": stamp(60 * (count - place)),
                "ended": None if state == "Running" else stamp(60 * (count - place) - 41 - place % 7),
                "best": False,
                "given": False,
                "why": "its worker is gone" if state == "Failed" else "",
            }
        )
    max((one for one in found if one["values"]), key=lambda one: one["values"])["best"] = True
    return found


def importance() -> list[dict[str, Any]]:
    shares = zip(TUNED, (0.71, 0.2, 0.09), strict=True)
    return [{"objective": "roc_auc", "parameter": name, "importance": one, "trials": 21} for name, one in shares]


def tunings() -> list[dict[str, Any]]:
    best = next(one for one in trials() if one["best"])
    base = {
        "tuning": "u000000001", "name": "deep-search", "experiment": "deep-search", "status": "InProgress",
        "secondary_status": "Running", "stop_reason": "", "best_run": best["run"], "best_params": best["params"],
        "metrics": {"roc_auc": best["values"][0]}, "front": [], "trials": 24, "wanted": 40, "completed": 21,
        "pruned": 1, "failed": 1, "running": 1, "strategy": "Bayesian", "objectives": ["roc_auc"],
        "directions": ["maximize"],
        "space": ["learning_rate=0.01..0.3:log", "max_depth=2..12", "min_samples_leaf=1..40"],
        "dataset": "flights@2-a2b2", "target": "late", "estimator": "HistGradientBoostingClassifier", "user": "ana",
        "host": "box", "submitted": stamp(1450), "started": stamp(1440), "ended": None, "progress": 0.575,
        "message": "23 of 40 trials, best roc_auc 0.86", "reason": "", "jobs": ["j000000000", "j900000001"],
        "model": None, "notes": [],
    }  # fmt: skip
    ended = base | {
        "tuning": "u000000002", "name": "first-look", "status": "Completed", "secondary_status": "", "trials": 20,
        "wanted": 20, "completed": 18, "pruned": 0, "failed": 2, "running": 0, "user": "raj",
        "stop_reason": "MaxNumberOfTrainingJobs", "submitted": stamp(90000), "started": stamp(89990),
        "ended": stamp(86000), "progress": 1.0, "model": "delays@2-7f32", "jobs": ["j900000002"], "message": "",
    }  # fmt: skip
    failed = base | {
        "tuning": "u000000003", "name": "wrong-space", "status": "Failed", "secondary_status": "", "best_run": None,
        "best_params": {}, "metrics": {}, "trials": 3, "completed": 0, "pruned": 0, "failed": 3, "running": 0,
        "user": "raj", "submitted": stamp(99000), "started": stamp(98990), "ended": stamp(98900), "progress": None,
        "reason": "no trial has completed; the last one: C must be larger than 0", "jobs": ["j900000003"],
    }  # fmt: skip
    return [base, ended, failed]


def models() -> list[dict[str, Any]]:
    signature = {
        "columns": [
            {
                "name": one["name"],
                "type": one["type"],
                "categories": ["UA", "B6"] if one["type"] == "category" else None,
            }
            for one in COLUMNS[1:-1]
        ],
        "others": ["tailnum"],
        "source": [one["name"] for one in COLUMNS],
        "target": "late",
        "task": "classification",
        "classes": [False, True],
    }
    found = []
    for number, status in ((3, "PendingManualApproval"), (2, "Approved"), (1, "Rejected")):
        run = runs()[3 - number + 1]
        found.append(
            {
                "id": f"7f3{number}",
                "name": "delays",
                "version": number,
                "run": run["id"],
                "experiment": "delays",
                "dataset": run["dataset"],
                "target": "late",
                "task": "classification",
                "estimator": run["estimator"],
                "metrics": run["metrics"] or runs()[1]["metrics"],
                "metric_errors": run["metric_errors"],
                "sha256": "ab" * 32,
                "files": {},
                "signature": signature,
                "format": "skops",
                "user": "ana",
                "host": "box",
                "registered": stamp(3600 * (4 - number)),
                "description": "",
                "status": status,
                "aliases": ["champion"] if number == 2 else [],
                "approvals": [
                    {
                        "status": status,
                        "user": "raj",
                        "time": stamp(900),
                        "note": "beats the last one by two standard errors",
                    }
                ]
                * (number < 3),
            }
        )
    return found


def endpoints() -> list[dict[str, Any]]:
    series = [
        [NOON - 60 + second, 20 + 15 * math.sin(second / 6), 2.1 + second % 5 / 9, 6.5 + second % 7, int(second == 30)]
        for second in range(60)
    ]
    traffic = {"requests": 48211, "errors": 3, "rps": 31.4, "p50_ms": 2.31, "p99_ms": 8.02, "series": series}
    traffic["queue_ms"] = 0.42
    return [
        {
            "name": "delays",
            "endpoint": "delays",
            "status": "InService",
            "mode": "realtime",
            "variants": [{"name": "main", "model": "delays@2-7f32", "weight": 1.0, "traffic": traffic}],
            "url": "http://127.0.0.1:41207",
            "gateway": "http://127.0.0.1:41000/endpoints/delays/invocations",
            "workers": 2,
            "workers_ready": 2,
            "memory": 0,
            "reason": None,
            "traffic": traffic,
            "user": "ana",
            "host": "box",
            "desired": "InService",
            "started": stamp(5000),
            "updated": stamp(1),
        },
        {
            "name": "trial",
            "endpoint": "trial",
            "status": "Failed",
            "mode": "realtime",
            "variants": [{"name": "main", "model": "delays@1-7f31", "weight": 1.0}],
            "url": None,
            "gateway": None,
            "workers": 1,
            "workers_ready": 0,
            "memory": 0,
            "reason": "models/delays/1-7f31/model.skops: its checksum is not the registered one",
            "traffic": {"requests": 0, "errors": 0, "rps": 0.0, "p50_ms": None, "p99_ms": None, "series": []},
            "user": "raj",
            "host": "box",
            "desired": "InService",
            "started": None,
            "updated": stamp(60),
        },
    ]


def canary() -> dict[str, Any]:
    """An endpoint at the second step of a change, with its alarms."""
    one = endpoints()[0]
    series = one["traffic"]["series"]

    def variant(model: str, side: str, weight: float, slower: float, status: str) -> dict[str, Any]:
        seen = [[at, count * weight, p50 * slower, p99 * slower, failed] for at, count, p50, p99, failed in series]
        traffic = {"requests": round(4000 * weight), "errors": 3, "p50_ms": 2.3 * slower, "p99_ms": 8.0 * slower}
        told = {"side": side, "status": status, "traffic": traffic | {"series": seen}}
        return {"name": "main", "model": model, "weight": weight, "shadow": 0.0} | told

    return one | {
        "status": "Updating",
        "variants": [
            variant("delays@2-7f32", "before", 0.75, 1.0, ""),
            variant("delays@3-7f33", "after", 0.25, 3.1, "Baking"),
        ],
        "rollout": {
            "strategy": "LINEAR", "status": "Baking", "before": ["main=delays@2-7f32"],
            "after": ["main=delays@3-7f33"],
            "steps": [{"share": share, "since": stamp(340 - 320 * share)} for share in (0.1, 0.25, 0.5, 1.0)],
            "step": 1, "share": 0.25, "bake": 300.0, "baked": 42.0, "back": False, "reason": None,
            "started": stamp(400), "ended": None,
        },
        "alarms": [
            {"alarm": "error_rate > 0.05", "status": "OK", "value": 0.0008},
            {"alarm": "p99_ms > 20", "status": "ALARM", "value": 24.86},
            {"alarm": "drift > 0.2", "status": "INSUFFICIENT_DATA", "value": None},
        ],
    }  # fmt: skip


def shadowed() -> dict[str, Any]:
    """An endpoint with a shadow that answers some rows otherwise, after a change that was rolled back."""
    one = canary()
    rolled = one["rollout"] | {
        "status": "RolledBack", "share": 0.0, "reason": "p99_ms > 20: it was 24.9", "ended": stamp(700),
    }  # fmt: skip
    report = {
        "variant": "next", "model": "delays@3-7f33", "requests": 1210, "errors": 2, "skipped": 31, "rows": 1208,
        "different": 17, "mean_difference": 0.0131, "largest_difference": 0.4127, "p50_ms": 7.1, "p99_ms": 24.9,
        "served_p50_ms": 2.3, "served_p99_ms": 8.0, "last_error": "the shadow did not answer within 60 s",
        "examples": [
            {"row": '{"carrier":"UA","hour":17}', "served": "[b]no[/b]", "shadow": "yes", "difference": 0.41}
        ],
    }  # fmt: skip
    shadow = {"name": "next", "model": "delays@3-7f33", "weight": 1.0, "shadow": 0.5, "traffic": one["traffic"]}
    kept = {"status": "InService", "variants": [*endpoints()[0]["variants"], shadow], "alarms": []}
    return one | kept | {"rollout": rolled, "shadows": [report]}


def load_test() -> dict[str, Any]:
    """What `endpoint bench` has found for a version: two processes hold more than one."""

    def step(workers: int, rate: float, p99: float) -> dict[str, Any]:
        told = {
            "workers": workers,
            "rate": rate,
            "answered": rate,
            "p50_ms": p99 / 4,
            "p99_ms": p99,
            "most_ms": p99 * 2,
        }
        return told | {"requests": round(rate * 3), "errors": 0, "busy": 0.04, "held": p99 <= 20}

    one = [step(1, *seen) for seen in ((50, 6), (120, 7), (240, 9), (480, 210), (340, 14), (400, 31))]
    two = [step(2, *seen) for seen in ((240, 6), (480, 8), (960, 420), (680, 12), (810, 19))]
    found = {"target_ms": 20.0, "workers": 2, "rate": 810.0, "p99_ms": 19.0, "needed": 0.0, "cpus": 4}
    return found | {"user": "ana", "host": "box", "time": stamp(7200), "steps": [*one, *two]}


def acts() -> list[dict[str, Any]]:
    told = [
        (
            3,
            "raj",
            "commented",
            "model",
            "delays@3-7f33",
            "good on night flights,\nless so at noon: @ana, do you agree?",
        ),
        (40, "raj", "approved", "model", "delays@2-7f32", "beats the last one by two standard errors"),
        (300, "ana", "changed", "endpoint", "delays", "cupola endpoint update delays --workers 2"),
        (700, "ana", "trained", "run", "r000000001", "calm-heron: LogisticRegression on flights@2-a2b2"),
        (2100, "raj", "failed", "run", "r000000003", "It ran out of memory: 2.1 GB of 2 GB."),
        (4000, "ana", "tagged", "experiment", "delays", "[b]nightly[/b]"),
        (9000, "raj", "imported", "dataset", "flights@2-a2b2", "20,480 rows from flights.csv"),
        (90000, "eve", "removed", "job", "j999999999", "cupola job rm j999999999"),
    ]
    return [
        {
            "time": stamp(ago),
            "user": user,
            "host": "box" if user == "ana" else "desk",
            "verb": verb,
            "kind": kind,
            "ref": ref,
            "text": text,
            "mentions": ["ana"] * (verb == "commented"),
            "said": f"{kind}/w/1" * (verb == "commented"),
            "unread": verb == "commented",
        }
        for ago, user, verb, kind, ref, text in told
    ]


def versioned(record: dict[str, Any]) -> str:
    return f"{record.get('name')}@{record.get('version')}"


def present(user: str, **more: Any) -> dict[str, Any]:
    base = {"user": user, "host": "box", "what": "", "since": stamp(60), "seen": True, "session": f"s-{user}"}
    return base | {"started": stamp(600), "pane": "", "kind": "", "ref": ""} | more


LOG = (
    "2026-11-25T09:59:47Z reading flights@2-a2b2\n\x1b[32mfitting\x1b[0m HistGradientBoostingClassifier\n"
    "iteration 1/100\riteration 20/100\riteration 40/100\nwarning: tailnum has 44 missing values\n"
    "\x1b]0;evil title\x07[b]no markup[/b]\n"
)


FOUND = [
    {"kind": "run", "ref": "r000000002", "name": "keen-lynx", "status": "Completed", "text": "the seed was lucky"},
    {"kind": "model", "ref": "delays@2-7f32", "name": "delays", "status": "Approved", "text": ""},
    {"kind": "job", "ref": "j9", "name": "gone", "status": "Failed", "text": ""},
]
VIEWS = [
    {"name": "ana-best", "kind": "run", "filter": "user = ana", "sort": "metrics.validation_roc_auc:desc",
     "columns": ["name", "status", "metrics.validation_roc_auc", "params.learning_rate", "seed"], "shared": True},
    {"name": "failed", "kind": "run", "filter": "status = Failed", "sort": "", "columns": [], "shared": False},
]  # fmt: skip


def lineage(reference: str) -> dict[str, Any]:
    """Two runs of bad data, one of which has become a model and an endpoint; each shows its own part of it."""
    bad = "flights@2-a2b2 is marked as bad by raj: every row is there twice"

    def node(kind: str, ref: str, name: str, status: str = "") -> dict[str, Any]:
        return {"id": f"{kind}:{ref}", "kind": kind, "ref": ref, "name": name, "status": status, "bad": bad}

    nodes = [
        node("dataset", "flights@2-a2b2", "flights"),
        node("run", "r000000001", "calm-heron", "Completed"),
        node("run", "r000000003", "odd-finch", "Failed"),
        node("model", "delays@2-7f32", "delays", "Approved"),
        node("endpoint", "late-flights", "late-flights", "InService"),
    ]
    chain = [one["id"] for one in (nodes[0], nodes[1], nodes[3], nodes[4])]
    edges = [{"source": source, "target": target} for source, target in pairwise(chain)]
    root = next((one["id"] for one in nodes if one["kind"] == reference.partition(":")[0]), chain[0])
    if root == chain[0]:
        edges.append({"source": chain[0], "target": "run:r000000003"})
    return {"root": root, "nodes": nodes, "edges": edges}
