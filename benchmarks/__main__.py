"""Runs the benchmarks that are named, by default all of them."""

import importlib
import sys

NAMES = (
    "run_ls",
    "first_frame",
    "job_start",
    "serving_speed",
    "cold_start",
    "batching",
    "flow_serving",
    "onnx_parity",
    "flow_preview",
    "transform",
    "agent_memory",
    "shared_opening",
    "search",
    "activity",
    "live_views",
    "logging_speed",
    "importing",
    "tuning",
    "pipeline_overhead",
    "training_quality",
    "automl",
    "first_model",
    "forecasting",
    "stalled_keys",
    "ten_thousand",
    "grid",
    "insights",
    "insights_seeded",
)


def main() -> int:
    wanted = sys.argv[1:] or NAMES
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        print(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in wanted:
        importlib.import_module(f"benchmarks.{name}").main()
    return 0


sys.exit(main())
