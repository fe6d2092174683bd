"""The report of a dataset, as `dataset report` gives it, with names that are no markup."""

from typing import Any

WARNINGS = [
    ("leakage_column", ["arr_delay"], "high", "arr_delay alone tells late rightly in 100.0% of the rows that were held "
     "out, and all other columns together in 81.2%: it is the target in other words, or is known only with it",
     '"arr_delay" IS NOT NULL', 23_329, ("drop-columns", {"columns": ["arr_delay"]}, "leave arr_delay out")),
    ("missing", ["wind_gust"], "high", "wind_gust is missing in 18,135 rows (75.6%)", '"wind_gust" IS NULL', 18_135,
     ("drop-columns", {"columns": ["wind_gust"]}, "leave wind_gust out")),
    ("disguised_missing", ["[b]code[/b]"], "medium", "[b]code[/b] is N/A in 12 rows (0.1%), which looks like a word "
     "for a missing value", "\"[b]code[/b]\" IN ('N/A')", 12, None),
    ("time_order", ["scheduled"], "low", "rows that follow each other in scheduled are alike in late (correlation "
     "0.21)", '"scheduled" IS NOT NULL', 24_000, None),
]  # fmt: skip


def report() -> dict[str, Any]:
    """What the report says of flights@2."""
    warnings = [
        {
            "kind": kind, "columns": columns, "severity": severity, "message": message, "filter": where, "rows": rows,
            "fix": fix and {"transform": fix[0], "params": fix[1], "words": fix[2]},
        }
        for kind, columns, severity, message, where, rows, fix in WARNINGS
    ]  # fmt: skip
    rates = {"precision": 0.81, "recall": 0.95, "f1": 0.88}
    late = {"precision": 0.65, "recall": 0.28, "f1": 0.39}
    errors = {"precision_error": 0.02, "recall_error": 0.013, "f1_error": 0.016}
    return {
        "dataset": "flights", "version": 2, "ref": "flights@2-7f3a", "rows": 24_000, "sample": 24_000, "columns": 29,
        "warnings": warnings,
        "target": {
            "column": "late", "task": "classification", "missing": 671, "skew": None,
            "bars": [{"name": "false", "count": 17_795}, {"name": "true", "count": 5_534}],
        },
        "power": [
            {"column": name, "score": score, "error": 0.003}
            for name, score in (("arr_delay", 1.0), ("dep_delay", 0.561), ("hour", 0.037), ("[b]code[/b]", 0.0))
        ],
        "model": {
            "estimator": "HistGradientBoostingClassifier", "trained": 11_200, "held_out": 4_800,
            "metrics": {"accuracy": 0.7952, "roc_auc": 0.7398}, "errors": {"accuracy": 0.0059, "roc_auc": 0.0093},
            "classes": [
                {"name": "false", "rows": 3_674, **rates, **errors}, {"name": "true", "rows": 1_126, **late, **errors},
            ],
            "note": "without arr_delay, which leak",
        },
        "anomalies": [{"row": 23_443, "score": 0.64, "why": {"carrier": "HA", "distance": 4983.0}}],
        "notes": ["patterns and models are of 24,000 rows drawn by chance; rows are counted in all 240,000"],
    }  # fmt: skip
