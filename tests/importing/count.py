"""How much the tools' own readers find in `kept/`: `python count.py DIRECTORY` prints it as JSON.

wandb reads its logs in Python up to 0.19 or so; later ones leave that to a program of theirs.
"""

import json
import sys
from pathlib import Path
from typing import Any


def wandb_runs(root: Path) -> Any:
    """By run: the numbers in its history by their key, and its configuration."""
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    found: dict[str, Any] = {}
    for file in sorted(root.glob("*/*.wandb")):
        log = DataStore()
        log.open_for_scan(str(file))
        run: dict[str, Any] = {}
        while data := _scanned(log):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            if record.HasField("run"):
                run = found.setdefault(record.run.run_id, {"values": {}, "config": {}, "tags": list(record.run.tags)})
                run["config"] |= {one.key: json.loads(one.value_json) for one in record.run.config.update}
            for item in record.history.item:
                value = json.loads(item.value_json)
                name = item.key or ".".join(item.nested_key)
                if isinstance(value, int | float) and name[0] != "_":
                    run["values"].setdefault(name, []).append([record.history.step.num, str(float(value))])
    return found


def _scanned(log: Any) -> Any:
    try:
        return log.scan_data()
    except AssertionError:  # the last record of a writer that was killed
        return None


def tensorboard_runs(root: Path) -> Any:
    """By run: step, time and value of each scalar by its tag."""
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
    from tensorboard.util import tensor_util

    runs = EventMultiplexer(size_guidance={"scalars": 0, "tensors": 0}, purge_orphaned_data=False)
    runs.AddRunsFromDirectory(str(root)).Reload()
    found: dict[str, Any] = {}
    for name, tags in runs.Runs().items():
        values = {
            tag: [[one.step, one.wall_time, str(one.value)] for one in runs.Scalars(name, tag)]
            for tag in tags["scalars"]
        }
        for tag in tags["tensors"]:
            if runs.SummaryMetadata(name, tag).plugin_data.plugin_name == "scalars":
                events = runs.Tensors(name, tag)
                values[tag] = [
                    [one.step, one.wall_time, str(float(tensor_util.make_ndarray(one.tensor_proto)))] for one in events
                ]
        if values:
            found[name] = values
    return found


if __name__ == "__main__":
    here = Path(sys.argv[1])
    print(json.dumps({"wandb": wandb_runs(here / "wandb"), "tensorboard": tensorboard_runs(here / "logs")}))
