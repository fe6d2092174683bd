"""A stand-in for `cupola.bridge` at its one seam, from fixed records; as a script it speaks the same JSON lines."""

import json
import math
import sys
from concurrent.futures import Future
from typing import Any

from cupola import errors

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
                        "reason": "beats the last one by two standard errors",
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
    return [
        {
            "name": "delays",
            "endpoint": "delays",
            "status": "InService",
            "mode": "realtime",
            "variants": [{"name": "main", "model": "delays@2-7f32", "weight": 1.0}],
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


LOG = (
    "2026-11-25T09:59:47Z reading flights@2-a2b2\n\x1b[32mfitting\x1b[0m HistGradientBoostingClassifier\n"
    "iteration 1/100\riteration 20/100\riteration 40/100\nwarning: tailnum has 44 missing values\n"
    "\x1b]0;evil title\x07[b]no markup[/b]\n"
)


class Answers:
    """What the double says to each call; tests change its lists."""

    def __init__(self) -> None:
        self.lists: dict[str, Any] = {
            "datasets": datasets(),
            "runs": runs(),
            "jobs": jobs(),
            "models": models(),
            "endpoints": endpoints(),
            "agent": [{"pid": 4711, "host": "box", "jobs": 1, "endpoints": 1}],
        }
        self.ready: dict[str, Any] = {
            "workspace": {
                "name": "flights",
                "path": "/srv/team/flights",
                "description": "",
                "readonly": False,
                "user": "ana",
                "host": "box",
                "mount": "local",
                "advice": None,
            },
            "error": None,
        }
        self.errors: dict[str, errors.CupolaError] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.log = LOG

    def __call__(self, call: str, arguments: dict[str, Any]) -> Any:
        self.asked.append((call, arguments))
        error = self.errors.get(arguments.get("kind", call)) or self.errors.get(call)
        if error:
            raise error
        return getattr(self, f"on_{call}")(**arguments)

    def on_records(self, kind: str) -> Any:
        return self.lists[kind]

    def on_record(self, kind: str, ref: str) -> Any:
        found = next((one for one in self.lists[kind] if ref in (one.get("id"), one.get("name"))), None)
        if found is None:
            raise errors.NotFound(f"there is no {kind} {ref}")
        return dict(found)

    def on_profile(self, ref: str) -> Any:
        return profile()

    def on_metrics(self, run: str, after: Any = 0) -> Any:
        curve = [(step, 0.86 - 0.25 * math.exp(-step / 9)) for step in range(1, 41)]
        entries = [
            {"seq": 2 * step, "time": stamp(60 - step), "name": "validation_roc_auc", "value": value, "step": step}
            for step, value in curve
        ]
        entries += [
            {
                "seq": 2 * step + 1,
                "time": stamp(60 - step),
                "name": "train_roc_auc",
                "value": value + step / 400,
                "step": step,
            }
            for step, value in curve
        ]
        return {"entries": entries if not after else [], "after": 99}

    def on_artifact(self, run: str, name: str) -> Any:
        if name == "importance":
            features = [{"feature": one["name"], "importance": 0.09 / (n + 1)} for n, one in enumerate(COLUMNS[1:])]
            return {"split": "validation", "metric": "roc_auc", "features": features}
        return {"split": "test", "classes": [False, True], "matrix": [[2890, 210], [612, 384]]}

    def on_log(self, kind: str, ref: str, attempt: int | None = None, offset: int = 0, limit: int = 1 << 20) -> Any:
        data = self.log.encode()
        begin = max(0, len(data) + offset) if offset < 0 else min(offset, len(data))
        part = data[begin : begin + limit]
        return {"text": part.decode(errors="replace"), "offset": begin, "next": begin + len(part), "size": len(data)}

    def on_host(self) -> Any:
        return {"cpu": 12.0, "memory": {"used": 4_000_000_000, "total": 16_000_000_000}, "gpus": []}

    def on_actions(self) -> Any:
        return [{key: value for key, value in form.items() if key != "fields"} for form in FORMS.values()]

    def on_describe(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        return FORMS[name]

    def on_check(self, name: str, arguments: dict[str, Any]) -> Any:
        wrong = {
            one["name"]: "is needed"
            for one in FORMS[name]["fields"]
            if one["required"] and not arguments.get(one["name"])
        }
        if not str(arguments.get("cpus", "1")).isdigit():
            wrong["cpus"] = "must be a whole number"
        return wrong

    def on_command(self, name: str, arguments: dict[str, Any]) -> Any:
        return f"cupola {name} " + " ".join(
            f"--{key} {value}" for key, value in arguments.items() if value not in ("", None)
        )

    def on_complete(self, kind: str, prefix: str, arguments: dict[str, Any] | None = None) -> Any:
        known = {
            "dataset": ["flights@2", "flights@1", "weather@1"],
            "column": [one["name"] for one in COLUMNS],
            "model": ["delays@3", "delays@2"],
            "estimator": ["HistGradientBoostingClassifier", "LogisticRegression", "RandomForestClassifier"],
            "run": [one["name"] for one in runs()],
        }
        return [one for one in known.get(kind, []) if one.lower().startswith(prefix.lower())]

    def on_action(self, name: str, arguments: dict[str, Any]) -> Any:
        if name == "dataset preview":
            return {
                "columns": ["late", "carrier", "hour", "temp"],
                "rows": [[True, "UA", 5, 39.02], [False, "B6", 6, None], [False, "[b]DL[/b]", 6, 39.92]],
            }
        return {"status": "done"}


def _field(name: str, kind: str = "text", required: bool = False, **more: Any) -> dict[str, Any]:
    base = {
        "name": name,
        "option": f"--{name}",
        "kind": kind,
        "help": "",
        "required": required,
        "default": None,
        "positional": False,
        "repeated": False,
        "choices": [],
        "completes": "",
    }
    return base | more


def _form(name: str, summary: str, about: str, fields: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    base = {
        "name": name,
        "summary": summary,
        "description": summary,
        "writes": True,
        "waits": None,
        "dry_run": False,
        "confirm": "",
        "about": about,
        "key": "",
    }
    return base | {"fields": fields} | more


FORMS = {
    form["name"]: form
    for form in (
        _form(
            "dataset import",
            "Makes a new version of a dataset from a file.",
            "dataset",
            [
                _field("source", "path", True, positional=True, completes="file", help="the file to read"),
                _field("name", required=True, help="what to call it"),
                _field("target", help="the column to predict"),
            ],
            key="i",
        ),
        _form(
            "dataset rm",
            "Moves a dataset version to the trash.",
            "dataset",
            [_field("dataset", required=True, positional=True, completes="dataset")],
            confirm="y",
            key="D",
        ),
        _form(
            "train",
            "Trains a model.",
            "dataset",
            [
                _field("dataset", required=True, completes="dataset", help="what to learn from"),
                _field("target", required=True, completes="column", help="what to predict"),
                _field(
                    "estimator", required=True, completes="estimator", help="any scikit-learn classifier or regressor"
                ),
                _field("params", "pairs", repeated=True, help="its parameters, NAME=VALUE"),
                _field("cpus", "integer", default=1, help="threads"),
            ],
            key="t",
        ),
        _form(
            "model register",
            "Makes a new model version from a finished run.",
            "run",
            [
                _field("run", required=True, positional=True, completes="run"),
                _field("name", required=True, help="the model's name", completes="model"),
            ],
            key="r",
        ),
        _form(
            "run rm",
            "Moves a run to the trash.",
            "run",
            [_field("run", required=True, positional=True, completes="run")],
            confirm="y",
            key="D",
        ),
        _form(
            "model approve",
            "Approves a model version.",
            "model",
            [_field("model", required=True, positional=True, completes="model"), _field("reason", help="why")],
            key="a",
        ),
        _form(
            "endpoint deploy",
            "Deploys a model version to an endpoint.",
            "model",
            [
                _field("model", required=True, positional=True, completes="model"),
                _field("name", required=True),
                _field("workers", "integer", default=1),
            ],
            key="d",
            dry_run=True,
        ),
        _form(
            "endpoint rm",
            "Removes an endpoint.",
            "endpoint",
            [_field("endpoint", required=True, positional=True, completes="endpoint")],
            confirm="name",
            key="D",
        ),
        _form(
            "job stop",
            "Stops a job.",
            "job",
            [_field("job", required=True, positional=True, completes="job")],
            confirm="y",
            key="x",
        ),
    )
}


class Double:
    """Looks like cupola_tui.live.Bridge, answers at once."""

    def __init__(self) -> None:
        self.answers = Answers()
        self.listen: Any = None
        self.silent = 0.0
        self.ready: Future[Any] = Future()
        self.ready.set_result(self.answers.ready)
        self.starts = 0

    def start(self) -> None:
        self.starts += 1

    def ask(self, call: str, *, progress: Any = None, **arguments: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(self.answers(call, arguments))
        except errors.CupolaError as error:
            future.set_exception(error)
        return future

    def silence(self) -> float:
        return self.silent

    def close(self) -> None:
        pass


def main() -> None:
    answers = Answers()
    if len(sys.argv) > 1:
        answers.lists["runs"] = runs(int(sys.argv[1]))
    print(json.dumps({"ready": answers.ready}), flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        number, call = message.pop("id"), message.pop("call")
        try:
            answer = {"id": number, "result": answers(call, message)}
        except errors.CupolaError as error:
            answer = {
                "id": number,
                "error": {
                    "kind": type(error).__name__,
                    "message": error.message,
                    "where": error.where,
                    "hint": error.hint,
                },
            }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
