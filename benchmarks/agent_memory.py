"""Memory of an idle agent with its warm starter and gateway, and how much of the processors it takes."""

import time

import psutil

import cupola
from benchmarks.measure import Figure, machine, report
from benchmarks.workspaces import workspace

SECONDS = 20


def main() -> None:
    machine("scikit-learn", "pandas", "pyarrow", "duckdb")
    with workspace() as opened:
        ws = cupola.open(opened.root)
        ws.job.submit("true").wait()
        agent = psutil.Process(ws.agent.status().pid)
        time.sleep(15)  # the imports of the warm starter end, and nothing is under way
        family = [agent, *agent.children(recursive=True)]
        before = sum(sum(one.cpu_times()[:2]) for one in family)
        time.sleep(SECONDS)
        busy = (sum(sum(one.cpu_times()[:2]) for one in family) - before) / SECONDS * 100
        figures = [
            Figure(
                name=f"{' '.join(one.cmdline()[-2:])[:50]}, proportional set",
                values=[one.memory_full_info().pss / 2**20],
                unit="MiB",
            )
            for one in family
        ]
    report("Idle agent", [*figures, Figure(name="all together, of one processor", values=[busy], unit="%")])


if __name__ == "__main__":
    main()
