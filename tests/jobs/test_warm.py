"""A Python command that runs warm behaves as one that was started: the same output, status and traceback."""

import sys
from collections.abc import Callable

import pytest

from cupola.jobs import attempts, warm
from cupola.jobs import records as jobs
from cupola.jobs.attempts import Started
from cupola.jobs.records import JobState
from cupola.store import Store
from cupola.workspace import Workspace

Run = Callable[..., JobState]
Log = Callable[..., str]
COLD = ("-W", "default")  # an option makes it cold

LOOK = """
import __main__, os, sys, threading
print(__name__, __file__, sys.argv, os.getcwd(), sys.path, __package__, __spec__, __doc__)
print(sys.stdin.read() == "", sys.flags, sys.executable, sys.prefix)
print(threading.current_thread() is threading.main_thread())
print(__main__.__dict__ is globals(), sorted(name for name in globals()))
print(os.getsid(0) == os.getpid(), sys.stdout.encoding, sys.stderr.errors, sys.stdout.isatty())
"""
ENDS = {
    "exit status": "import sys; sys.exit(7)",
    "exit text": "import sys; sys.exit('sorry')",
    "exit none": "import sys; sys.exit()",
    "os exit": "import os; os._exit(9)",
    "raise": "def f():\n    1/0\nf()\n",
    "syntax": "def f(:\n",
    "signal": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "atexit and threads": (
        "import atexit, threading, time\natexit.register(print, 'bye')\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()\nprint('main')\n"
    ),
    "pickle of main": (
        "import pickle\nclass C: pass\nassert isinstance(pickle.loads(pickle.dumps(C())), C)\nprint('ok')\n"
    ),
    "processes": (
        "import multiprocessing as m\ndef f(x): return x + 1\n"
        "if __name__ == '__main__':\n"
        "    for how in ('fork', 'spawn'):\n"
        "        with m.get_context(how).Pool(2) as pool: print(pool.map(f, [1, 2]))\n"
    ),
}


def is_warm(store: Store, state: JobState) -> bool:
    job = jobs.find(store, state.id)
    found: Started = attempts.optional(store, f"{job.attempt(1)}/started.json", Started)
    return found.warm


def both(run: Run, store: Store, *words: str) -> tuple[JobState, JobState]:
    first, second = run(sys.executable, *words), run(sys.executable, *COLD, *words)
    assert (is_warm(store, first), is_warm(store, second)) == (True, False)
    return first, second


def same(log: Log, first: JobState, second: JobState) -> None:
    assert (first.status, first.exit_code, first.reason) == (second.status, second.exit_code, second.reason)
    assert log(first).replace(first.id, "ID") == log(second).replace(second.id, "ID")


def test_it_sees_itself_as_a_fresh_interpreter_would(run: Run, log: Log, ws: Workspace, store: Store):
    (ws.root / "look.py").write_text(LOOK)
    (ws.root / "package").mkdir()
    (ws.root / "package" / "__main__.py").write_text("import sys; print(__name__, __package__, sys.argv, sys.path)")
    same(log, *both(run, store, "look.py", "one", "--two=3"))
    same(log, *both(run, store, "-m", "package", "x"))
    same(log, *both(run, store, "-m", "timeit", "-n1", "-r1", "import sys; print(sys.argv)", "-h"))


@pytest.mark.parametrize("end", ENDS)
def test_it_ends_as_a_fresh_interpreter_would(run: Run, log: Log, ws: Workspace, store: Store, end: str):
    (ws.root / "end.py").write_text(ENDS[end])
    same(log, *both(run, store, "end.py"))


def test_jobs_draw_different_numbers_and_the_seed_is_kept(run: Run, log: Log, ws: Workspace, store: Store):
    (ws.root / "draw.py").write_text("import random, numpy; print(random.random(), numpy.random.rand())")
    first, second = run(sys.executable, "draw.py"), run(sys.executable, "draw.py")
    assert log(first) != log(second)
    job = jobs.find(store, first.id)
    seed = attempts.optional(store, f"{job.attempt(1)}/started.json", Started).seed
    import random

    import numpy

    warm.reseed(seed)
    assert log(first) == f"{random.random()} {numpy.random.rand()}\n"


def test_heavy_libraries_are_there_and_compute_with_the_threads_of_the_job(run: Run, log: Log, ws: Workspace):
    (ws.root / "fit.py").write_text(
        "import sys; assert 'sklearn' in sys.modules\n"
        "from sklearn.datasets import make_classification\n"
        "from sklearn.ensemble import HistGradientBoostingClassifier as H\n"
        "from threadpoolctl import threadpool_info\n"
        "x, y = make_classification(500, random_state=0)\n"
        "print(H(max_iter=5).fit(x, y).score(x, y) > 0.8, {one['num_threads'] for one in threadpool_info()})\n"
    )
    assert log(run(sys.executable, "fit.py", cpus=1)) == "True {1}\n"


def test_a_directory_whose_modules_hide_imported_ones_makes_it_cold(run: Run, log: Log, ws: Workspace, store: Store):
    other = ws.root / "other"
    other.mkdir()
    (other / "joblib.py").write_text("WORD = 'mine'")
    (other / "use.py").write_text("import joblib; print(joblib.WORD)")
    ended = run(sys.executable, "use.py", directory=other, live=True)
    assert log(ended) == "mine\n"
    assert not is_warm(store, ended)


def test_only_this_interpreter_in_this_environment_is_warm(tmp_path):
    assert warm.is_own(sys.executable)
    base = tmp_path / "bin" / "python"
    base.parent.mkdir()
    base.symlink_to(sys.executable)
    assert warm.is_own(str(base)) == (sys.prefix == sys.base_prefix)
