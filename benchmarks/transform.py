"""Batch transform of 1,440,000 rows of flights (CSV in, CSV out) with a mixed-type boosted-tree pipeline.

Beside it, in the same rounds: the pipeline alone on rows that are in memory already (reach: at least 80 % of its rows a
second), and the script that one would write (pandas.read_csv in pieces of 50,000 rows, predict_proba, to_csv). All of
one thread; the transform also with two processes.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import cupola
from benchmarks.measure import Figure, machine, report
from benchmarks.workspaces import workspace

SAMPLE = Path(__file__).parent.parent / "workspaces" / "flights" / "data"
COPIES, ROUNDS = 60, 3
PEER = """
import json, sys, time
import pandas as pd, threadpoolctl
from cupola.registry import models, records
from cupola.runtimes.frames import Frames
from cupola.serving import payloads
from cupola.store import Store, files
root, source, target, what = sys.argv[1:]
store = Store.open(root)
version = records.find(store, "late")
model = models.load(files.absolute(store, version.directory), version.files)
threadpoolctl.threadpool_limits(1)
types = {one.name: one.dtype for one in model.signature.columns}
pieces = pd.read_csv(source, chunksize=50_000)
shaped = lambda piece: piece[list(types)].astype(types)
if what == "pipeline":
    pieces = [shaped(piece) for piece in pieces]
begun = time.perf_counter()
for place, piece in enumerate(pieces):
    found = model.predict(piece if what == "pipeline" else shaped(piece))
    if what == "script":
        out = pd.DataFrame(found.probabilities, columns=model.classes)
        out.insert(0, "prediction", found.values)
        out.to_csv(target, mode="a" if place else "w", header=not place, index=False)
print(time.perf_counter() - begun)
"""


def peer(root: Path, source: Path, target: Path, what: str) -> float:
    """Seconds of the script or of the pipeline alone, without the start of Python and the loading of the model."""
    command = [sys.executable, "-c", PEER, str(root), str(source), str(target), what]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    machine("scikit-learn", "pandas", "pyarrow")
    with workspace() as opened, tempfile.TemporaryDirectory() as directory:
        ws, outside = cupola.open(opened.root), Path(directory)
        ws.dataset.import_(str(SAMPLE / "flights.parquet"), name="flights", target="late")
        without = ["scheduled"]
        ws.train(
            dataset="flights",
            estimator="HistGradientBoostingClassifier",
            exclude=without,
            register="late",
        ).wait()
        ws.dataset.export("flights", str(outside / "one.csv"))
        head, _, rows = (outside / "one.csv").read_bytes().partition(b"\n")
        source = outside / "rows.csv"
        source.write_bytes(head + b"\n" + rows * COPIES)
        seconds: dict[str, list[float]] = {}
        for turn in range(ROUNDS + 1):
            for name, processes in (("cupola transform", 1), ("cupola transform --cpus 2", 2)):
                made = ws.transform(
                    "late", str(source), str(outside / "out.csv"), cpus=processes, overwrite=True
                ).wait()
                usage = ws.job.show(made.job).usage
                if turn:
                    seconds.setdefault(name, []).append(usage["wall_seconds"])
            for name, what in (("the pipeline alone", "pipeline"), ("a script with pandas", "script")):
                took = peer(Path(opened.root), source, outside / "peer.csv", what)
                if turn:
                    seconds.setdefault(name, []).append(took)
    count = rows.count(b"\n") * COPIES
    figures = [
        Figure(name=name, values=[count / one / 1000 for one in values], unit="k rows/s")
        for name, values in seconds.items()
    ]
    one, two, pipeline, script = (figure.median for figure in figures)
    report(
        f"Batch transform of {count:,} rows",
        figures,
        [
            ("transform over the pipeline alone", one / pipeline, "0.8"),
            ("transform with two processes over the pipeline alone", two / pipeline, "0.8"),
            ("transform over the script", one / script, "1"),
        ],
    )


if __name__ == "__main__":
    main()
