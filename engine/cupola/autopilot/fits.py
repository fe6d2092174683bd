"""Fits in processes of their own: each can be cut, and one that hangs or dies takes nothing with it.

A process is forked for each fit, so that it has the rows without a copy. The process that forks has computed nothing
by several threads before (a fork after that hangs), and computes nothing so itself.
"""

import ctypes
import gc
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import skops.io
from numpy.typing import NDArray

from cupola.errors import BadInput, CupolaError
from cupola.training import estimators, saving, stepping
from cupola.training.blending import BlendedNumbers

PR_SET_PDEATHSIG = 1
PATIENCE = 50  # rounds of boosting without a better one
PATIENT = 60.0  # seconds, the longest that is waited for a fit at once
PIECE = 25  # trees that a forest grows by
MANY = 10_000  # rows; of more scikit-learn's boosting stops by itself

Floats = NDArray[np.float64]
Grown = tuple[dict[str, int], bool]  # rounds or trees, by the parameter that says so; whether the clock has cut it


@dataclass
class Rows:
    """What a fit learns from, and what it is asked about: `watched` to stop early by (validation), and `asked`."""

    X: Any
    y: NDArray[Any]
    watched: tuple[Any, NDArray[Any]]
    asked: list[Any]


@dataclass
class Answer:
    """What came out of a fit. said: for each table asked about probabilities (a column a class) or numbers.

    fitted: the estimator, pickled. grown: how many rounds or trees it has by now, by the parameter that says so.
    seconds: that it took; busy: that it had a CPU for. saving: seconds of a CPU that writing it as a model and reading
    it back takes, where that was tried. share: of the rows of its fold, that it has learnt from. is_cut: it would have
    grown on, had there been time.
    """

    said: list[Floats]
    fitted: bytes
    grown: dict[str, int]
    seconds: float
    busy: float
    saving: float | None = None
    share: float = 1.0
    is_cut: bool = False

    @property
    def rounds(self) -> int:
        """How many rounds or trees it has grown; 0 for what does not grow."""
        return max(self.grown.values(), default=0)

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self.fitted) + sum(one.nbytes for one in self.said)


def fit(
    name: str,
    params: dict[str, Any],
    rows: Rows,
    *,
    classes: int,
    seed: int,
    until: float,
    weighed: bool = False,
    early: bool = True,
) -> Answer:
    """Fits and asks; boosting and forests stop growing at `until` (of time.monotonic) with what they have.

    weighed: tells what saving it takes. early: boosting stops where the watched rows are predicted no better.
    """
    begun, spent = time.monotonic(), time.process_time()
    if classes and (rows.y == rows.y[0]).all():
        raise BadInput("the rows to learn from are all of one class")
    estimator = estimators.make(name, params, seed=seed, threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        grown, is_cut = _grown(estimator, name, rows, until) if early else ({}, False)
        if not grown:
            stepping.plain(estimator, rows.X, rows.y, None)
        said = [_asked(estimator, X, classes) for X in rows.asked]
    if any(not np.isfinite(one).all() for one in said):
        raise ValueError("it predicts no finite value for some rows")
    estimators.unthread(estimator)
    fitted = pickle.dumps(estimator, protocol=5)
    seconds, busy = time.monotonic() - begun, time.process_time() - spent
    saving = _saving(estimator) if weighed else None
    return Answer(said, fitted, grown, seconds, busy, saving, is_cut=is_cut)


def mean(said: list[Floats]) -> Floats:
    """What several say together."""
    return np.asarray(np.mean(said, axis=0))


class Children:
    """Fits under way, at most so many at once."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._context = multiprocessing.get_context("fork")
        self._open: dict[Any, tuple[Any, Any]] = {}

    @property
    def free(self) -> bool:
        return len(self._open) < self.most

    @property
    def tags(self) -> list[Any]:
        """What each fit under way was begun as."""
        return [tag for tag, _ in self._open.values()]

    def begin(self, tag: Any, work: Callable[[], Any]) -> None:
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_work, args=(work, theirs, os.getpid()), daemon=True)
        process.start()
        theirs.close()
        self._open[ours] = (tag, process)

    def ended(self, seconds: float) -> list[tuple[Any, Any]]:
        """(tag, what came of it) of fits that have ended by then: an Answer, or a text that says why there is none."""
        found = []
        pipe: Any
        for pipe in multiprocessing.connection.wait(list(self._open), max(0.0, seconds)):
            tag, process = self._open.pop(pipe)
            try:
                answer = pickle.loads(pipe.recv_bytes())  # from our own child
            except (EOFError, OSError):
                process.join()
                answer = f"its process has ended without an answer (signal {-(process.exitcode or 0)})"
            pipe.close()
            process.join()
            found.append((tag, answer))
        return found

    def awaited(self, tag: Any, until: float) -> Any:
        """What has come of that one, as `ended` says it; it is killed `until` then (of time.monotonic), for None."""
        while tag in self.tags and time.monotonic() < until:
            for one, answer in self.ended(min(PATIENT, until - time.monotonic())):
                if one == tag:
                    return answer
        self.kill(lambda one: one == tag)
        return None

    def kill(self, chosen: Callable[[Any], bool] = lambda tag: True) -> list[Any]:
        """Ends the fits of these tags at once; gives the tags."""
        killed = [(pipe, tag, process) for pipe, (tag, process) in self._open.items() if chosen(tag)]
        for pipe, _, process in killed:
            process.kill()
            process.join()
            pipe.close()
            del self._open[pipe]
        return [tag for _, tag, _ in killed]


def _work(work: Callable[[], Any], pipe: Any, parent: int) -> None:
    """The child: computes by one thread, and does not outlive who asked."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    gc.freeze()
    answer: Any
    try:
        with threadpool_limits(1):
            answer = work()
    except MemoryError:
        answer = "it needs more memory than there is"
    except CupolaError as error:
        answer = str(error)
    except Exception as error:  # noqa: BLE001  an estimator can fail in any way, and that is said of the candidate
        answer = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    pipe.send_bytes(pickle.dumps(answer, protocol=5))
    pipe.close()
    os._exit(0)


def _saving(estimator: Any) -> float | None:
    """Seconds of a CPU that skops takes for it, there and back; None for what skops does not take."""
    begun = time.process_time()
    try:
        data = saving.dumped(BlendedNumbers([], [estimator], [0], [1.0]))
        skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))  # what was just made here
    except Exception:  # noqa: BLE001  an estimator may hold anything, and it is a pickle then
        return None
    return time.process_time() - begun


def _asked(estimator: Any, X: Any, classes: int) -> Floats:
    if not classes:
        return np.ravel(estimator.predict(X)).astype(np.float64)
    found = np.zeros((X.shape[0], classes))
    found[:, estimator.classes_] = estimator.predict_proba(X)
    return found


def _grown(estimator: Any, name: str, rows: Rows, until: float) -> Grown:
    """Fits what grows, until the watched rows are predicted no better, or time is up; what does not has no rounds."""
    made = getattr(estimator, "estimator", estimator)
    X, y = rows.watched
    known = np.isin(y, np.unique(rows.y)) if y.dtype.kind != "f" else np.ones(len(y), dtype=bool)
    watched = (X[known], y[known])
    if name.startswith("LGBM") and made.get_params().get("n_estimators", 100) > 100:
        return _light(estimator, made, rows, watched, until)
    if name.startswith("XGB") and made.get_params().get("n_estimators") and len(watched[1]):
        return _extreme(estimator, made, rows, watched, until)
    if name.startswith("HistGradientBoosting") and (made.early_stopping is True or _cannot_hold_out(rows.y)):
        estimator.fit(rows.X, rows.y, X_val=watched[0], y_val=watched[1])
        return {"max_iter": int(estimator.n_iter_)}, False
    if name.startswith(("RandomForest", "ExtraTrees")):
        return _forest(estimator, rows, until)
    return {}, False


def _cannot_hold_out(y: NDArray[Any]) -> bool:
    """Whether scikit-learn's boosting would hold rows out to stop by, and refuse to, for a class of one row."""
    return len(y) > MANY and y.dtype.kind != "f" and bool((np.bincount(y) == 1).any())


def _light(estimator: Any, made: Any, rows: Rows, watched: tuple[Any, Any], until: float) -> Grown:
    import lightgbm
    from lightgbm.callback import EarlyStopException

    is_cut = False

    def clock(env: Any) -> None:
        nonlocal is_cut
        if time.monotonic() > until and env.iteration > 0:
            is_cut = True
            raise EarlyStopException(env.iteration, env.evaluation_result_list)

    estimator.fit(
        rows.X, rows.y, eval_set=[watched], callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False), clock]
    )
    return {"n_estimators": int(made.best_iteration_ or made.n_estimators_)}, is_cut


def _extreme(estimator: Any, made: Any, rows: Rows, watched: tuple[Any, Any], until: float) -> Grown:
    from xgboost.callback import TrainingCallback

    class Clock(TrainingCallback):
        is_over = False

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            self.is_over = (
                time.monotonic() > until and epoch > 0
            )  # the best round is read below: one has to be measured
            return self.is_over

    clock = Clock()
    made.set_params(early_stopping_rounds=PATIENCE, callbacks=[clock])
    estimator.fit(rows.X, rows.y, eval_set=[watched], verbose=False)
    made.set_params(callbacks=None)
    return {"n_estimators": int(made.best_iteration) + 1}, clock.is_over


def _forest(estimator: Any, rows: Rows, until: float) -> Grown:
    total = estimator.n_estimators
    estimator.set_params(warm_start=True)
    for trees in range(PIECE, total + PIECE, PIECE):
        estimator.set_params(n_estimators=min(trees, total)).fit(rows.X, rows.y)
        if time.monotonic() > until:
            break
    estimator.set_params(warm_start=False)
    return {"n_estimators": len(estimator.estimators_)}, len(estimator.estimators_) < total
