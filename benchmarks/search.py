"""Searching 10,000 runs in the search language: by command, with a warm digest, and within a process.

Reach: `cupola run ls --filter ... --json` at most 3 x a Python that reads the same records from one JSON-lines file;
the search alone, of records that are read, under 20 ms of the processor. (`ten_thousand` has the search of MLflow.)
"""

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.measure import in_turns, machine, report, wall
from benchmarks.shared_opening import READ
from benchmarks.workspaces import add_runs, workspace
from cupola.experiments.records import RUNS, ls
from cupola.search.evaluating import select
from cupola.search.fields import Fields
from cupola.store import digests
from cupola.store.folding import Folder

COUNT = 10_000
QUERY = 'metrics.validation_roc_auc > 0.8 and params.parameter_1 < 0.1 and user = "ana" and status = "Completed"'
QUERIES = {
    "four fields by their whole names": QUERY,
    "one shortened name": "validation_roc_auc > 0.8",
    "a word": "heron",
}
SEARCHES = 21


def main() -> None:
    machine("msgspec")
    cupola = str(Path(sys.executable).with_name("cupola"))
    with workspace() as opened:
        add_runs(opened, COUNT)
        time.sleep(2 * digests.UNSETTLED / 1e9)
        Folder(opened.store, RUNS).fold()
        records = ls(opened.store)
        lines = opened.root.parent / "runs.jsonl"
        lines.write_bytes(b"\n".join(map(msgspec.json.encode, records)))
        listing = [cupola, "-C", str(opened.root), "run", "ls", "--json", "--filter", QUERY]
        ours, peer = in_turns(
            {
                f"cupola run ls --filter ... --json, {COUNT} runs": lambda: wall(listing),
                "Python reads one JSON-lines file": lambda: wall([sys.executable, "-c", READ, str(lines)]),
            },
            runs=11,
            warmup=2,
        ).values()
        measures = {
            f"search for {name}, of the processor": partial(searched, query, records) for name, query in QUERIES.items()
        }
        searches = in_turns(measures, runs=SEARCHES)
    report(
        "Search of runs",
        [ours, peer, *searches.values()],
        [
            ("run ls --filter / reading one file", ours.median / peer.median, "at most 3"),
            ("search in process / 20 ms", next(iter(searches.values())).median / 20, "at most 1"),
        ],
    )


def searched(query: str, records: list[Any]) -> float:
    """Seconds of the processor that one search takes, from its text on."""
    begun = time.process_time()
    select(query, records, Fields(records))
    return time.process_time() - begun


if __name__ == "__main__":
    main()
