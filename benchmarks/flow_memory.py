"""A flow on data larger than the memory of its job: 1,600,000 rows in 0.9 GB, by a job of 320 MB.

The steps learn a median and a scale, sort all rows (on the disk), and write them; texts go along. Reach: the job ends
with all rows, within its limit, which counts of shared pages its share. Its largest memory counts them whole. Beside
it pandas, which only reads the file.
It takes minutes, and 5 GB of disk.
"""

import base64
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import cupola
from benchmarks.measure import machine
from benchmarks.workspaces import workspace
from cupola.datasets import importing
from cupola.datasets.records import ImportOptions

ROWS, GROUP, LETTERS = 1_600_000, 100_000, 480
MEMORY = 320 << 20
STEPS = [
    "fill-missing columns=number_0 method=median",
    "scale columns=number_1,number_2 method=robust",
    "sort columns=number_3",
]
PEER = """
import resource, sys
import pandas
pandas.read_parquet(sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def write(path: Path) -> None:
    """Six columns of numbers, one of them with gaps, a category, and a text that nothing makes smaller."""
    draw = np.random.default_rng(7)
    writer = None
    for _ in range(ROWS // GROUP):
        columns: dict[str, pa.Array] = {}
        for place in range(6):
            values = draw.normal(size=GROUP)
            columns[f"number_{place}"] = pa.array(values, mask=draw.random(GROUP) < 0.1 if place == 0 else None)
        columns["kind"] = pa.array(draw.choice(np.array(["a", "b", "c"]), GROUP))
        letters = base64.b64encode(os.urandom(GROUP * LETTERS * 3 // 4))
        ends = pa.py_buffer(np.arange(0, GROUP * LETTERS + 1, LETTERS, dtype=np.int32).tobytes())
        columns["text"] = pa.StringArray.from_buffers(GROUP, ends, pa.py_buffer(letters))
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="none")
        writer.write_table(table)
    assert writer
    writer.close()


def main() -> None:
    machine("duckdb", "pyarrow", "pandas")
    with tempfile.TemporaryDirectory(prefix="cupola-bench-") as place, workspace() as opened:
        source = Path(place) / "rows.parquet"
        write(source)
        size = source.stat().st_size
        said = subprocess.run([sys.executable, "-c", PEER, str(source)], capture_output=True, text=True)
        options = ImportOptions(types={"text": "text"})
        importing.run(opened.store, "rows", source, options, lambda share, words: None)
        ws = cupola.open(opened.root)
        ws.flow.new("large", source=["rows"], add=STEPS)
        begun = time.monotonic()
        job = ws.flow.run("large", memory=f"{MEMORY >> 20}M")
        made = job.wait()
        seconds = time.monotonic() - begun
        peak = ws.job.show(job.job).usage["max_rss_bytes"]
    print(f"{ROWS:,} rows, {size / 1e9:.2f} GB: a flow of {len(STEPS)} steps as a job of {MEMORY >> 20} MB")
    print(f"  rows that it made {made.rows:,}, in {seconds:.0f} s")
    print(f"  its largest memory, shared pages counted whole: {peak / (1 << 20):.0f} MB")
    print(
        f"  pandas, only to read the file: {int(said.stdout) / (1 << 20):,.0f} MB"
        if said.stdout
        else "  pandas: killed"
    )


if __name__ == "__main__":
    main()
