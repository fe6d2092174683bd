"""An autopilot as the double tells of it."""

from typing import Any

METRIC = "roc_auc"


def _line(name: str, estimator: str, value: float | None, **more: Any) -> dict[str, Any]:
    metrics = {} if value is None else {f"validation_{METRIC}": value, f"test_{METRIC}": value - 0.004}
    errors = dict.fromkeys(metrics, 0.0061)
    line = {"run": "r000000003", "name": name, "estimator": estimator, "metrics": metrics, "errors": errors}
    rest = {"state": "kept", "verdict": "", "weight": 0.0, "folds": 8, "params": {}, "why": ""}
    return line | rest | more


def board() -> list[dict[str, Any]]:
    return [
        _line("ensemble", "Autopilot", 0.8644, weight=1.0, folds=40),
        _line("light [b]shallow[/b]", "LGBMClassifier", 0.8611, verdict="best", weight=0.55, folds=24),
        _line("extreme", "XGBClassifier", 0.8598, verdict="tied", weight=0.3),
        _line("default trees", "HistGradientBoostingClassifier", 0.8561, verdict="tied", weight=0.15),
        _line("linear", "LogisticRegression", 0.8123, verdict="worse"),
        _line("forest", "RandomForestClassifier", 0.8402, state="dropped", folds=2, why="10 others are better"),
        _line("neural", "MLPClassifier", None, state="failed", folds=0, why="ValueError: [bold]no[/bold]\x1b[31m"),
        _line("light slow", "LGBMClassifier", None, state="waiting", folds=0, run=""),
    ]


def autopilot(**more: Any) -> dict[str, Any]:
    """What `autopilot show` says of one that has ended."""
    found = {
        "autopilot": "r000000000", "name": "brave-otter", "task": "binary", "why": "late has two values",
        "metric": METRIC, "budget": 60.0, "seconds": 59.4, "stop_reason": "the budget", "leaderboard": board(),
        "advice": ["more rows would help: half of the rows reach roc_auc 0.83, all of them 0.856 (the default trees)"],
        "importance": [
            {"feature": "hour", "importance": 0.051, "error": 0.004},
            {"feature": "carrier", "importance": 0.012, "error": 0.002},
            {"feature": "temp", "importance": -0.0003, "error": 0.0009},
        ],
        "groups": [{"column": "hour", "value": "17 to 23", "rows": 580, "metric": 0.79, "of_all": 0.8644}],
        "notes": ["binary: late has two values"],
    }  # fmt: skip
    return found | more
