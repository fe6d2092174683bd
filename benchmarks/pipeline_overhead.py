"""Twenty steps that do nothing: what a pipeline costs beside bare forks, Luigi, Dagster, Prefect and Metaflow.

The steps are independent Lambda functions, done anew (reach: at most 4 x twenty bare forks) and then all taken from the
execution before (reach: at most 100 ms); both from the first line of the execution's journal to its last. Beside them
the whole call, with the job that is filed, and the same steps one after the other. A peer does as many tasks in a
process of its own that has imported it, and then again; `CUPOLA_BENCH_LUIGI`, `..._DAGSTER`, `..._PREFECT` and
`..._METAFLOW` name the Python that each is installed for. Those that are not named are left out.
"""

import contextlib
import os
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import cupola
from benchmarks.measure import Figure, in_turns, machine, report
from benchmarks.workspaces import workspace

STEPS = 20
NOOP = "def noop(n):\n    return n\n"
PEERS = {
    "Luigi": """\
import sys, time, pathlib, luigi
class Noop(luigi.Task):
    n = luigi.IntParameter()
    def output(self): return luigi.LocalTarget(f"{self.n}.txt")
    def run(self):
        with self.output().open("w") as file: file.write("done")
class All(luigi.WrapperTask):
    def requires(self): return [Noop(n=n) for n in range(20)]
for _ in range(2):
    begun = time.perf_counter()
    assert luigi.build([All()], local_scheduler=True, log_level="ERROR")
    print(time.perf_counter() - begun)
""",
    "Dagster": """\
import time, dagster
def made(n):
    @dagster.op(name=f"noop_{n}")
    def noop(): return n
    return noop
ops = [made(n) for n in range(20)]
@dagster.job
def twenty():
    for one in ops: one()
for _ in range(2):
    begun = time.perf_counter()
    with dagster.DagsterInstance.local_temp(".") as instance:
        assert twenty.execute_in_process(instance=instance).success
    print(time.perf_counter() - begun)
""",
    "Prefect": """\
import time
from prefect import flow, task
@task
def noop(n): return n
@flow
def twenty(): return [noop(n) for n in range(20)]
for _ in range(2):
    begun = time.perf_counter()
    twenty()
    print(time.perf_counter() - begun)
""",
    "Metaflow": """\
import subprocess, sys, time, pathlib
steps = ["start", *(f"s{n}" for n in range(18)), "end"]
lines = ["from metaflow import FlowSpec, step", "class Twenty(FlowSpec):"]
for here, after in zip(steps, [*steps[1:], None]):
    lines += ["    @step", f"    def {here}(self):", f"        self.next(self.{after})" if after else "        pass"]
pathlib.Path("twenty.py").write_text("\\n".join(lines) + "\\nif __name__ == '__main__': Twenty()\\n")
for _ in range(2):
    begun = time.perf_counter()
    subprocess.run([sys.executable, "twenty.py", "run"], check=True, capture_output=True)
    print(time.perf_counter() - begun)
""",
}


def bare_forks() -> float:
    """Seconds for as many forks of this process, one after the other."""
    begun = time.perf_counter()
    for _ in range(STEPS):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    return time.perf_counter() - begun


def peer(name: str, python: str) -> list[Figure]:
    """How long it takes the first time, and the second."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "twenty_tasks.py")
        path.write_text(PEERS[name])
        homes = {"HOME": directory, "DAGSTER_HOME": directory, "PREFECT_HOME": directory, "USER": "bench"}
        quiet = {"PREFECT_LOGGING_LEVEL": "ERROR", "METAFLOW_USER": "bench", "PREFECT_SERVER_ANALYTICS_ENABLED": "0"}
        quiet |= {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}
        done = subprocess.run(
            [python, path.name], cwd=directory, env=os.environ | homes | quiet, capture_output=True, text=True
        )
    lines = done.stdout.split()
    if done.returncode or len(lines) < 2:
        print(f"  {name} did not run: {done.stderr.strip().splitlines()[-1:]}")
        return []
    first, second = (float(one) * 1000 for one in lines[-2:])
    return [Figure(name=f"{name}: 20 tasks", values=[first]), Figure(name=f"{name}: again", values=[second])]


def seconds(execution: Any) -> float:
    """From the first line of its journal to its last."""
    begun, ended = (datetime.fromisoformat(one) for one in (execution.started, execution.ended))
    return (ended - begun).total_seconds()


def write(root: Path) -> None:
    """Two pipelines: twenty independent steps, and as many that wait for one another."""
    (root / "src").mkdir(exist_ok=True)
    (root / "pipelines").mkdir(exist_ok=True)
    (root / "src" / "noop.py").write_text(NOOP)
    flat = [
        f'[steps.s{n}]\ntype = "Lambda"\nfunction = "noop:noop"\nparameters = {{ n = {n} }}\n' for n in range(STEPS)
    ]
    chain = [
        flat[0],
        *(one.replace(f"n = {n} }}", f'n = "${{steps.s{n - 1}.outputs.value}}" }}') for n, one in enumerate(flat) if n),
    ]
    (root / "pipelines" / "flat.toml").write_text("\n".join(flat))
    (root / "pipelines" / "chain.toml").write_text("\n".join(chain))


def main() -> None:
    machine("msgspec")
    with workspace() as opened, contextlib.chdir(opened.root):
        write(opened.root)
        ws = cupola.open(opened.root)
        whole: list[float] = []

        def run(name: str, anew: bool) -> float:
            begun = time.perf_counter()
            ended = ws.pipeline.run(name, no_cache=anew).wait(timeout=120)
            whole.append(time.perf_counter() - begun)
            return seconds(ended)

        figures = in_turns(
            {
                "bare forks": bare_forks,
                "20 steps, done anew": lambda: run("flat", True),
                "20 steps, all as before": lambda: run("flat", False),
                "20 steps in a chain, done anew": lambda: run("chain", True),
                "the whole call, all as before": lambda: run("flat", False) and whole[-1],
            },
            runs=9,
            warmup=2,
        )
    forks, anew, kept, chain, _ = figures.values()
    others = [
        one
        for name in PEERS
        if (python := os.environ.get(f"CUPOLA_BENCH_{name.upper()}"))
        for one in peer(name, python)
    ]
    report(
        "Twenty steps that do nothing",
        [*figures.values(), *others],
        [
            ("done anew / bare forks", anew.median / forks.median, "at most 4"),
            ("in a chain / bare forks", chain.median / forks.median, "at most 4"),
            ("all as before / 100 ms", kept.median / 100, "at most 1"),
        ],
    )


if __name__ == "__main__":
    main()
