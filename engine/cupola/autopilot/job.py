"""An autopilot as the job that was filed for it: searches until its time is nearly over, then makes a model of it."""

import math
import time
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import psutil
from numpy.typing import NDArray

from cupola.autopilot import assembling, explaining, measuring, portfolio, problem, records, saying, search
from cupola.autopilot.assembling import Assembled
from cupola.autopilot.candidates import Candidate
from cupola.autopilot.fits import Children
from cupola.autopilot.measuring import Measured
from cupola.autopilot.records import ENOUGH, ESTIMATOR, Board, Line, Spec
from cupola.autopilot.search import Search
from cupola.autopilot.trying import Trying
from cupola.datasets import records as datasets
from cupola.datasets.records import DatasetVersion
from cupola.errors import BadInput, CupolaError
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.forecasting.records import Candidate as Forecaster
from cupola.forecasting.records import ForecastSpec
from cupola.jobs import keeping
from cupola.jobs.attempt import Attempt
from cupola.jobs.keeping import Kept
from cupola.store import files, names
from cupola.training import artifacts, saving
from cupola.training.fitting import Through
from cupola.training.job import Work, failed, publish, read, register

MEMORY = 0.5  # of the memory may be taken by prepared rows
CELLS = 400_000  # for each second of the budget: the default trees learn from so many in about half a second
WIDTHS = {"category": 20, "text": 260, "date": 6, "datetime": 6}  # columns that one of a type becomes, about
REPEATED = 100_000  # rows; of more there is hardly time for folds drawn anew, and these take seconds and memory
WAITED = 3.0  # seconds from the filing to the start that count for the budget; a longer wait is that of the queue
LAST = 0.3  # seconds of a CPU that registering and publishing takes, and a megabyte of the model in it
COPYING = 0.005
LEAST = 5.0  # seconds that a forecast gets, though it was killed when they were nearly over
EARLY = 0.3  # seconds that it ends before its budget
MODEL, IMPORTANCE, FLOW = "model", "importance", "flow"  # what is done in processes of their own


def work(attempt: Attempt) -> dict[str, Any]:
    """Searches as the job's spec says; leaves the ensemble as its run. Raises BadInput for data that teach nothing."""
    begun = time.monotonic()
    spec = msgspec.convert(attempt.spec, Spec)
    run = experiments.read(attempt.store, attempt.job.run or "")
    run.started, run.attempt, run.reason = names.now(), attempt.number, ""
    before = records.board_before(attempt.store, run, attempt.number)
    try:
        return _done(attempt, spec, run, begun - (before.seconds if before else _waited(run, attempt)), before)
    except CupolaError as error:
        failed(attempt, run, str(error))
        raise
    except Exception as error:
        failed(attempt, run, f"{type(error).__name__}: {error}")
        raise


def _done(attempt: Attempt, spec: Spec, run: Run, begun: float, before: Board | None) -> dict[str, Any]:
    """before: what an attempt that was killed had found out; this one goes on from its fits, in what time is left."""
    trying = Trying(attempt, spec, run, begun)
    if spec.forecast:
        return _forecast(trying, spec.forecast)
    if before:
        trying.resume(before)
    trying.say("reading the rows", at_once=True)
    version = datasets.find(attempt.store, spec.learnt.dataset)
    drawn = drawn_of(version.rows, spec, attempt)
    table = read(str(datasets.data_path(attempt.store, version)), spec.learnt, drawn)
    repeats = search.REPEATS if len(table) <= REPEATED and not spec.learnt.flow else 1
    solved = problem.of(table, spec.learnt, repeats)
    spec.training, run.split = solved.training, msgspec.to_builtins(solved.training.split)
    if spec.learnt.flow:
        trying.say(f"fitting the flow {spec.learnt.flow.name}", at_once=True)
        solved.through = _through(solved)

    def tell(candidate: Candidate) -> None:
        trying.tell(candidate)
        if candidate.state in ("dropped", "failed") or found.is_complete(candidate):
            _close(trying, found, candidate)

    def stop() -> bool:
        trying.alive()
        return _is_enough(attempt, run)

    kept = Kept(attempt, (solved.digest, saving.packages()))
    found = Search(
        solved,
        portfolio.settings(spec.learnt.task, solved.likeness),
        workers=max(1, attempt.job.cpus),
        end=begun + spec.budget - EARLY,
        tell=tell,
        stop=stop,
        measuring=measuring.takes(solved),
        keep=kept.__setitem__,
    )
    if before:
        ended = ("dropped", "failed")
        found.resume(kept, {one.name: (one.state, one.why) for one in before.lines if one.state in ended})
        solved.usable.notes.append(f"it went on after an interruption, with {len(kept)} fits from before")
    found.run()
    is_over = time.monotonic() >= found.until
    not_tried = any(one.state == "dropped" and not one.fits for one in found.candidates)  # for lack of time
    work = Work(attempt, spec.learnt, run, attempt.report)
    model = _modelled(trying, found, work, version)
    _judge(trying, found, model)
    if is_over:
        trying.board.stop_reason = "the budget"
    elif _is_enough(attempt, run):
        trying.board.stop_reason = "it was stopped"
    else:
        trying.board.stop_reason = "the budget" if not_tried else "nothing was left to try"
    trying.say("looking at what it has learnt", at_once=True)
    work.save_artifacts(artifacts.of_run(model.fitted, spec.learnt, {}, importance=False), model.fitted)
    board = trying.board
    until = found.timing.end - found.timing.slowness * (LAST + COPYING * model.size)
    found.children.begin(IMPORTANCE, lambda: explaining.importance(found, assembling.completed(model), until))
    assembling.with_flow(model)  # no process is forked after that
    board.advice, board.groups = explaining.advice(found, model), explaining.groups(found, model, until)
    told = found.children.awaited(IMPORTANCE, until)
    board.importance = told if isinstance(told, list) else []
    board.advice = [*explaining.suspicion(found, model, board.importance), *board.advice]
    work.complete(model.fitted)
    run.notes = [f"{spec.task}: {spec.why}", *run.notes]
    registered = register(attempt, run, spec.learnt.register) if spec.learnt.register else None
    trying.say("", at_once=True)
    publish(attempt, run, [registered] if registered else [])
    keeping.forget(attempt)
    return {"run": run.id, "model": run.model, "metrics": run.metrics, "seconds": round(trying.seconds, 2)}


def _through(solved: problem.Problem) -> Through:
    """What the flow makes of the rows; it computes by several threads, and so in a process of its own."""
    child = Children(1)
    child.begin(FLOW, lambda: problem.through(solved))
    said = child.awaited(FLOW, math.inf)
    if not isinstance(said, Through):
        raise BadInput(said or "the flow has said nothing")
    return said


def _modelled(trying: Trying, found: Search, work: Work, version: DatasetVersion) -> Assembled:
    """The model of what was found, saved; one of a single fit where that takes longer than there is time.

    It is saved beside the measuring of the candidates, in a process that can be cut.
    """
    trying.say("putting the best together", at_once=True)
    made = assembling.assemble(found, single=trying.spec.mode == "single")

    def save() -> list[str]:
        work.save_model(assembling.completed(made), version)
        return work.notes

    trying.say("saving", at_once=True)
    found.children.begin(MODEL, save)
    for candidate in found.candidates:
        _close(trying, found, candidate)
        trying.tell(candidate)
    said = found.children.awaited(MODEL, found.timing.saved_by if len(made.kept) > 1 else math.inf)
    if not isinstance(said, list):
        made = assembling.least(found, made)
        said = save()
    work.notes, trying.run.model_directory = said, f"{work.directory}/model"
    return made


def _forecast(trying: Trying, asked: ForecastSpec) -> dict[str, Any]:
    """Hands a time series over; what has come of its candidates goes on the board."""
    from cupola.forecasting import searching

    attempt, run, board = trying.attempt, trying.run, trying.board
    asked.budget = max(LEAST, trying.spec.budget - trying.seconds)
    why = run.notes[:1]  # the others are those of the forecast, which says them again
    run = searching.search(attempt, asked, run)
    run.estimator, run.notes = ESTIMATOR, [*why, *run.notes]
    path = f"{experiments.attempt_directory(attempt.store, run)}/artifacts/{searching.LEADERBOARD}"
    for one in msgspec.json.decode(files.read_bytes(attempt.store, path), type=list[Forecaster]):
        line = Line(name=one.name, estimator=one.name, run=one.run, metrics=one.metrics, errors=one.errors)
        line.state, line.weight, line.why = one.status.lower(), one.weight, one.why
        line.verdict, line.seconds = "tied" if one.tied else "", round(one.seconds, 3)
        trying.lines[one.name] = line
    board.ensemble = Line(name="ensemble", estimator=ESTIMATOR, state="kept", metrics=run.metrics, weight=1.0)
    board.ensemble.errors = run.metric_errors
    registered = register(attempt, run, asked.register) if asked.register else None
    trying.say("", at_once=True)
    publish(attempt, run, [registered] if registered else [])
    keeping.forget(attempt)
    return {"run": run.id, "model": run.model, "metrics": run.metrics, "seconds": round(trying.seconds, 2)}


def drawn_of(rows: int, spec: Spec, attempt: Attempt) -> int | None:
    """How many rows are drawn by chance, where not all can be learnt from, which is noted: the memory holds no more of
    them as they are prepared for every fit at once, or no fit would end within the budget. None: all are."""
    learnt = spec.learnt
    room = MEMORY * (attempt.job.memory or psutil.virtual_memory().available)
    width = sum(WIDTHS.get(kind, 1) for _, kind in learnt.features) * (2 if learnt.flow else 1)
    held = int(room / (8 * width * (2 + 2 * max(1, attempt.job.cpus))))
    fitted = int(CELLS * spec.budget / len(learnt.features))
    if rows <= min(held, fitted):
        return None
    why = "the memory does not hold more" if held < fitted else f"more take too long for {spec.budget:g} s"
    learnt.notes.append(f"{min(held, fitted):,} of {rows:,} rows are learnt from: {why}")
    return min(held, fitted)


def _close(trying: Trying, found: Search, candidate: Candidate) -> None:
    """Ends the run of a candidate that gets no more fits, or whose others go to the ensemble only."""
    if candidate.name in trying.closed:
        return
    fitted = candidate.fits and candidate.state != "failed"
    trying.close(candidate, _measured(found, candidate, saying.rows(found.problem, [candidate])) if fitted else None)


def _measured(found: Search, candidate: Candidate, places: NDArray[np.intp]) -> Measured:
    """How it does on these rows; without errors near the end of the time, and where they take too much of it."""
    is_time = time.monotonic() < found.timing.saved_by and not found.timing.is_tight
    resamples = measuring.RESAMPLES if is_time else 0
    said, asked = saying.said(found.problem, candidate, places), saying.asked(candidate)
    return measuring.measured(found.problem, said, places, asked, resamples=resamples)


def _judge(trying: Trying, found: Search, made: Assembled) -> None:
    """Says of each candidate whether it is worse than the best, and of the ensemble how well it does."""
    known = [one for one in found.candidates if one.fits and one.state != "failed"]
    best = max(known, key=lambda one: (one.value is not None, one.value))
    measured = {(name, each.rows.tobytes()): each for name, each in trying.reached.items()}

    def reached(one: Candidate, places: NDArray[np.intp]) -> Measured:
        """How it does on these rows, most often those that it was closed with."""
        key = one.name, found.problem.rows[places].tobytes()
        if key not in measured:
            measured[key] = _measured(found, one, places)
        return measured[key]

    for one in known:
        line = trying.lines[one.name]
        line.weight = one.weight
        if one is best:
            line.verdict = "best"
        elif len(places := saying.rows(found.problem, [one, best])):
            worse = measuring.is_worse(found.problem, reached(one, places), reached(best, places), len(known) - 1)
            line.verdict = "" if worse is None else "worse" if worse else "tied"
    trying.board.ensemble = Line(
        name="ensemble",
        estimator=ESTIMATOR,
        state="kept",
        metrics=made.measured.metrics,
        errors=made.measured.errors,
        weight=1.0,
        folds=sum(len(one.fits) for one in made.chosen),
        share=max(one.learnt for one in made.chosen),
    )


def _waited(run: Run, attempt: Attempt) -> float:
    """Seconds since it was filed, as far as they count for the budget."""
    filed = datetime.fromisoformat(run.submitted).timestamp()
    return min(WAITED, max(0.0, time.time() - filed)) if attempt.number == 1 else 0.0


def _is_enough(attempt: Attempt, run: Run) -> bool:
    """Whether somebody has asked it to end with what it has."""
    return files.absolute(attempt.store, f"{run.directory}/{ENOUGH}").exists()
