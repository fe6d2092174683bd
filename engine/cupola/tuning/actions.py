"""What a user can do to find good parameters: tune, look, pause, resume, extend, stop."""

import contextlib
import importlib.util
import sys
from typing import Annotated, Any

import msgspec

from cupola import place
from cupola.actions import Arg, action
from cupola.datasets import records as datasets
from cupola.environments import catalogue, own
from cupola.errors import BadOption, Conflict, CupolaError, NotReady
from cupola.experiments.records import Code
from cupola.jobs import amounts, filing
from cupola.jobs import records as jobs
from cupola.search import evaluating
from cupola.store import files, names
from cupola.training import as_filed, code, foreseen
from cupola.training.actions import asked as training_of
from cupola.training.actions import wrong as wrong_training
from cupola.training.options import (
    Dataset,
    Estimator,
    Exclude,
    Flow,
    Folds,
    Group,
    Host,
    Seed,
    Split,
    Target,
    Time,
    Weights,
)
from cupola.training.records import SMALLER_IS_BETTER, Training, metric_of
from cupola.tuning import importance, narrowing, records, warming
from cupola.tuning import trials as lines
from cupola.tuning.importance import Importance
from cupola.tuning.records import EARLY, STRATEGIES, Stops, TrialState, Tuning, TuningState
from cupola.tuning.space import Dimension, parse
from cupola.workspace import Workspace

TRIALS = 20  # where nothing says when to end
MOST_AT_ONCE = 64
RETRIES = 3  # of a worker that was killed
TuningName = Annotated[str, Arg(help="a tuning: its id, the beginning of it, or its name", completes="tuning")]
Trials = Annotated[int | None, Arg(help="end after so many trials")]
Timeout = Annotated[str | None, Arg(help="end after so long: 30m, 2h")]
Until = Annotated[float | None, Arg(help="end when the metric is as good as this")]
Patience = Annotated[int | None, Arg(help="end after so many trials with none better")]
Converged = Annotated[bool, Arg(help="end when the best gets better by less than its own standard error")]


def _wrong(ws: Workspace, given: dict[str, Any]) -> dict[str, str]:
    """What a form can say before all of it is filled in."""
    found = wrong_training(ws, given)
    named = given.get("estimator")
    if named and not own.is_own(named) and not {"estimator", "param"} & found.keys():
        try:
            parse(named, given.get("space") or [], given.get("param") or {})
        except CupolaError as error:
            found["space"] = error.said
    return found


@action("tune", waits="tuning", about="dataset", key="T", check=_wrong)
def tune(
    ws: Workspace,
    *,
    dataset: Dataset,
    target: Target = None,
    estimator: Estimator,
    space: Annotated[
        list[str] | None,
        Arg(help="NAME=LOW..HIGH[:log], NAME=A,B, NAME=auto, or a TOML file (default: auto)", short="s"),
    ] = None,
    param: Annotated[
        dict[str, Any] | None,
        Arg(help="a parameter that every trial has: max_iter=200", short="p", pairs=True, completes="parameter"),
    ] = None,
    trials: Trials = None,
    strategy: Annotated[str, Arg(help="how parameters are drawn", choices=STRATEGIES)] = "Bayesian",
    metric: Annotated[
        list[str] | None, Arg(help="what is to be good; several are weighed against each other", completes="metric")
    ] = None,
    parallel: Annotated[int, Arg(help="so many trials at once, each a worker of its own")] = 1,
    timeout: Timeout = None,
    until: Until = None,
    patience: Patience = None,
    converged: Converged = False,
    early_stopping: Annotated[bool, Arg(help="stop a trial that is worse on its way than half of the others")] = False,
    warm_start: Annotated[
        list[str] | None, Arg(help="begin with what another tuning has found out", completes="tuning")
    ] = None,
    flow: Flow = None,
    exclude: Exclude = None,
    split: Split = None,
    cv: Folds = None,
    weights: Weights = None,
    group: Group = None,
    time: Time = None,
    experiment: Annotated[
        str | None, Arg(help="the experiment that the runs belong to (default: the tuning's name)")
    ] = None,
    name: Annotated[str | None, Arg(help="what to call the tuning; without one it gets a name of its own")] = None,
    register: Annotated[
        str | None, Arg(help="register the best as a new version of this model", completes="model")
    ] = None,
    seed: Seed = 0,
    cpus: Annotated[int, Arg(help="how many CPUs each trial gets, and so how many threads")] = 1,
    gpus: Annotated[int, Arg(help="how many GPUs each trial gets")] = 0,
    memory: Annotated[str | None, Arg(help="the most memory that a worker may use: 512M, 2G")] = None,
    host: Host = None,
) -> TuningState:
    """Search good parameters of an estimator: many trainings, each a run, in the background.

    Bayesian draws where good values are likely (TPE), GP by a Gaussian process (needs PyTorch); Hyperband and
    SuccessiveHalving stop trials early that are worse than others on their way; Grid tries all values. The tuning ends
    after --trials (20 where nothing else ends it), --timeout, when --until is reached, after --patience trials with
    none better, or when --converged. Trials that completed as the best so far keep their model.
    """
    own.use(ws.root)
    version = datasets.find(ws.store, dataset)
    filed = as_filed.flow(ws.store, flow, version, target) if flow else None
    version = as_filed.aimed(version, filed)
    training = training_of(
        version, target, estimator, param or {}, exclude or [], split, cv, weights, group, time,
        metric[0] if metric else None, None, seed, filed,
    )  # fmt: skip
    training.notes += foreseen.notes(ws.store, version, training)
    metrics = list(dict.fromkeys(metric_of(one, training.task) for one in metric or [training.metric]))
    dimensions = parse(estimator, space or [], training.params)
    _check_strategy(strategy, early_stopping, metrics, dimensions, training)
    _workers_wanted(parallel)
    if until is not None and len(metrics) > 1:
        raise BadOption("--until goes with one metric", where="--until")
    stops = _stops(trials, timeout, until, patience, converged)
    if stops == Stops() and strategy != "Grid":
        stops = Stops(trials=TRIALS)
    called = _free_name(ws, name)
    user, here = names.who()
    tuning = Tuning(
        id=names.new_id(), name=called, experiment=names.check_name(experiment or called, "name of an experiment"),
        user=user, host=here, submitted=names.now(), metrics=metrics,
        directions=["minimize" if one in SMALLER_IS_BETTER else "maximize" for one in metrics],
        strategy=strategy, early_stopping=early_stopping, space=dimensions, training=msgspec.to_builtins(training),
        stops=stops, parallel=parallel, jobs=[names.new_id() for _ in range(parallel)],
        limits={"cpus": cpus, "gpus": gpus, "memory": amounts.size(memory), "only_on": host},
        register=names.check_name(register, "name of a model") if register else None, notes=list(training.notes),
    )  # fmt: skip
    given = _given(ws, tuning, warm_start or [])
    _file(ws, tuning, given)
    return records.state(ws.store, tuning.id)


@action("tuning ls", writes=False)
def ls(
    ws: Workspace,
    *,
    filter: Annotated[
        str | None, Arg(help="only those: 'status = Completed and completed > 20'", completes="tuning filter")
    ] = None,
    sort: Annotated[str | None, Arg(help="by this field: submitted:desc", completes="tuning sort")] = None,
    limit: Annotated[int | None, Arg(help="at most so many")] = None,
) -> list[TuningState]:
    """List the tunings, the newest first."""
    return evaluating.chosen(records.ls(ws.store), filter, sort, limit)


@action("tuning show", writes=False, about="tuning")
def show(ws: Workspace, tuning: TuningName) -> TuningState:
    """Show a tuning: how it stands, its best trial, what it searches, and why it has ended."""
    return records.state(ws.store, tuning)


@action("tuning trials", writes=False, about="tuning")
def list_trials(
    ws: Workspace,
    tuning: TuningName,
    *,
    best: Annotated[bool, Arg(help="only those that no other is better than")] = False,
) -> list[TrialState]:
    """List the trials of a tuning: what each has drawn, what came of it, and which run it is."""
    found = records.table(ws.store, records.find(ws.store, tuning))
    return [one for one in found if one.best or not best]


@action("tuning importance", writes=False, about="tuning")
def list_importance(ws: Workspace, tuning: TuningName) -> list[Importance]:
    """Show how much each parameter matters for being among the best trials, as shares of 1.

    By PED-ANOVA, as Optuna works it out by default: how far the values of the best tenth of the trials are spread from
    those of all of them.
    """
    chosen = records.find(ws.store, tuning)
    with lines.kept(ws.store, chosen.journals) as fold:
        return importance.of(chosen, fold)


@action("tuning narrow", waits="tuning", about="tuning", key="N", dry_run=True)
def narrow(
    ws: Workspace,
    tuning: TuningName,
    *,
    space: Annotated[
        list[str] | None, Arg(help="what to search (default: the ranges of the best trials)", short="s")
    ] = None,
    share: Annotated[
        float, Arg(help="how large a part of the trials, the best, it is narrowed to where --space does not say")
    ] = narrowing.SHARE,
    trials: Trials = None,
    timeout: Timeout = None,
    until: Until = None,
    patience: Patience = None,
    converged: Converged = False,
    parallel: Annotated[int | None, Arg(help="so many trials at once (default: as before)")] = None,
    name: Annotated[str | None, Arg(help="what to call the new tuning; without one it gets a name of its own")] = None,
    register: Annotated[
        str | None, Arg(help="register the best as a new version of this model", completes="model")
    ] = None,
    dry_run: Annotated[bool, Arg(help="only say what would be searched")] = False,
) -> TuningState:
    """Search on about the best trials of a tuning: another one, whose ranges are narrowed and which begins with them.

    A range then goes from the lowest to the highest value among the best fifth of the trials (--share, and five at
    least), a choice is from those that occur among them; of several objectives front after front counts as best. All
    else is as in the tuning that it comes from.
    """
    parent = records.find(ws.store, tuning)
    if not 0 < share <= 1:
        raise BadOption(f"--share is above 0 and at most 1, not {share:g}", where="--share")
    training = msgspec.convert(parent.training, Training) if parent.training else None
    if training and space:
        dimensions = parse(training.estimator, space, training.params)
        _check_strategy(parent.strategy, parent.early_stopping, parent.metrics, dimensions, training)
    else:
        with lines.kept(ws.store, parent.journals) as fold:
            dimensions = narrowing.narrowed(parent, fold, share)
    stops = _stops(trials, timeout, until, patience, converged)
    workers = _workers_wanted(parallel or parent.parallel)
    called = _free_name(ws, name)
    user, here = names.who()
    made = msgspec.structs.replace(
        parent, revision=1, id=names.new_id(), name=called, experiment=called, user=user, host=here,
        submitted=names.now(), space=dimensions, stops=parent.stops if stops == Stops() else stops, parallel=workers,
        jobs=[names.new_id() for _ in range(workers)], warm_start=[],
        register=names.check_name(register, "name of a model") if register else None,
        notes=[f"narrowed about the best trials of {parent.name}", *(training.notes if training else [])],
    )  # fmt: skip
    if dry_run:
        return records.planned(made)
    _file(ws, made, _given(ws, made, [parent.id]))
    return records.state(ws.store, made.id)


@action("tuning pause", about="tuning")
def pause(ws: Workspace, tuning: TuningName) -> TuningState:
    """Let a tuning end the trials that it is at, and begin no other; `tuning resume` goes on."""
    chosen = _open(ws, tuning)
    records.ask(ws.store, chosen, "pause")
    return records.state(ws.store, chosen.id)


@action("tuning stop", about="tuning", key="x", confirm="y")
def stop(ws: Workspace, tuning: TuningName) -> TuningState:
    """Stop a tuning now, with the trials that it is at; `tuning resume` goes on."""
    chosen = _open(ws, tuning)
    records.ask(ws.store, chosen, "stop")
    for one in records.asked(ws.store, chosen).jobs:
        with contextlib.suppress(NotReady):
            filing.stop(ws.store, one, "its tuning was stopped")
    return records.state(ws.store, chosen.id)


@action("tuning resume", waits="tuning", about="tuning")
def resume(ws: Workspace, tuning: TuningName) -> TuningState:
    """Go on with a tuning that was paused or stopped, or that has failed."""
    chosen, now = _tuned(ws, tuning)
    if now.status == "Completed":
        hint = f"`cupola tuning extend {now.name} --trials 20` gives it more"
        raise NotReady(f"the tuning {now.name} is over: {now.stop_reason}", where=now.tuning, hint=hint)
    if not now.over and not records.asked(ws.store, chosen).halted:
        raise NotReady(f"the tuning {now.name} is under way", where=now.tuning)
    return _go_on(ws, chosen, Stops())


@action("tuning extend", waits="tuning", about="tuning")
def extend(
    ws: Workspace,
    tuning: TuningName,
    *,
    trials: Annotated[int | None, Arg(help="so many trials more")] = None,
    timeout: Timeout = None,
    until: Until = None,
    patience: Patience = None,
    converged: Converged = False,
) -> TuningState:
    """Give a tuning more to do: more trials, another end. It goes on where it has ended."""
    stops = _stops(trials, timeout, until, patience, converged)
    if stops == Stops():
        raise BadOption("tuning extend takes what the tuning gets more of", hint="--trials 20, --timeout 1h, ...")
    return _go_on(ws, _tuned(ws, tuning)[0], stops)


def _tuned(ws: Workspace, reference: str) -> tuple[Tuning, TuningState]:
    """A tuning that `tune` has filed, and how it stands. Raises NotReady for the study of a script."""
    chosen = records.find(ws.store, reference)
    if not chosen.jobs:
        raise NotReady(f"{chosen.name} is the study of a script, which alone goes on with it", where=chosen.id)
    return chosen, records.state_of(ws.store, chosen)


def _open(ws: Workspace, reference: str) -> Tuning:
    chosen, now = _tuned(ws, reference)
    if now.over:
        raise NotReady(f"the tuning {now.name} is over: {now.secondary_status or now.status}", where=now.tuning)
    return chosen


def _go_on(ws: Workspace, tuning: Tuning, stops: Stops) -> TuningState:
    """As many workers begin; those of before end the trials that they are still at."""
    drawn = [names.new_id() for _ in range(tuning.parallel)]
    fold = lines.read(ws.store, tuning.journals)
    made = max(fold.numbers, default=-1) + 1
    records.ask(ws.store, tuning, "go on", jobs=drawn, stops=msgspec.to_builtins(stops), trials=made)
    _workers(ws, tuning, drawn, records.asked(ws.store, tuning).round)
    return records.state(ws.store, tuning.id)


def _file(ws: Workspace, tuning: Tuning, given: list[lines.Line]) -> None:
    """Writes the tuning and what it begins with, then files its workers; one without workers is taken back."""
    commit, dirty, patch = code.of(ws.root, place.here())
    tuning.code = Code(commit=commit, dirty=dirty, patch="code.patch" if patch else None)
    if patch:
        files.write_bytes(ws.store, f"{tuning.directory}/code.patch", patch)
    records.create(ws.store, tuning)
    try:
        if given:
            lines.give(ws.store, tuning.journals, given)
        _workers(ws, tuning, tuning.jobs, 0)
    except CupolaError:
        files.discard(files.absolute(ws.store, tuning.directory))
        raise


def _workers(ws: Workspace, tuning: Tuning, drawn: list[str], round: int) -> None:
    filed: list[str] = []
    try:
        for number, one in enumerate(drawn):
            jobs.file(
                ws.store,
                id=one,
                kind="tune",
                name=tuning.name if len(drawn) == 1 else f"{tuning.name}-{number + 1}of{len(drawn)}",
                command=[sys.executable, "-m", "cupola.tuning"],
                spec={"tuning": tuning.id, "seal": records.seal(tuning), "worker": number, "round": round},
                retries=RETRIES,
                checkpoints=True,
                source=own.is_own(tuning.training.get("estimator", "")),
                **tuning.limits,
            )
            filed.append(one)
    except CupolaError:
        for one in filed:
            with contextlib.suppress(CupolaError):
                filing.stop(ws.store, one, "the others could not be filed")
        raise


def _given(ws: Workspace, tuning: Tuning, references: list[str]) -> list[lines.Line]:
    """What other tunings have found out, as trials of this one."""
    found: list[lines.Line] = []
    for reference in references:
        parent = records.find(ws.store, reference)
        taken = warming.lines(ws.store, parent, tuning, len(found))
        tuning.warm_start.append(parent.id)
        tuning.notes.append(f"it begins with {len(taken)} trials of {parent.name}")
        found += taken
    return found


def _check_strategy(
    strategy: str, early: bool, metrics: list[str], dimensions: list[Dimension], training: Training
) -> None:
    if strategy not in STRATEGIES:
        raise BadOption(f"{strategy!r} is no strategy", where="--strategy", hint=f"one of {', '.join(STRATEGIES)}")
    if strategy == "GP" and importlib.util.find_spec("torch") is None:
        hint = "install PyTorch (torch) in this environment, or take --strategy Bayesian, which needs nothing"
        raise BadOption("the GP strategy needs PyTorch, which is not installed", where="--strategy", hint=hint)
    if strategy == "Grid":
        for one in dimensions:
            if one.kind == "Continuous":
                hint = f"give its values: -s {one.name}={one.low:g},{one.high:g}"
                raise BadOption(f"a grid has no range of numbers such as {one.text}", where="--strategy", hint=hint)
    if strategy in EARLY or early:
        what = strategy if strategy in EARLY else "--early-stopping"
        if len(metrics) > 1:
            raise BadOption(f"{what} goes with one metric", where="--metric")
        if not training.split.folds and not catalogue.find(training.estimator).step:
            hint = "with --cv each fold is a step"
            raise BadOption(
                f"{training.estimator} is fitted in one step, and {what} needs several", where="--strategy", hint=hint
            )


def _stops(
    trials: int | None, timeout: str | None, until: float | None, patience: int | None, converged: bool
) -> Stops:
    for option, one in (("--trials", trials), ("--patience", patience)):
        if one is not None and one < 1:
            raise BadOption(f"{option} is 1 or more, not {one}", where=option)
    seconds = amounts.seconds(timeout, "--timeout")
    if seconds is not None and seconds <= 0:
        raise BadOption("--timeout is more than 0", where="--timeout")
    return Stops(trials=trials, seconds=seconds, value=until, patience=patience, converged=converged)


def _workers_wanted(parallel: int) -> int:
    if not 1 <= parallel <= MOST_AT_ONCE:
        raise BadOption(f"--parallel is from 1 to {MOST_AT_ONCE}, not {parallel}", where="--parallel")
    return parallel


def _free_name(ws: Workspace, name: str | None) -> str:
    """The name of a new tuning, as asked for or drawn."""
    known = {one.name for one in records.every(ws.store)}
    if name:
        if names.check_name(name, "name of a tuning") in known:
            raise Conflict(f"there is a tuning called {name!r} already", where="--name", hint="give it another name")
        return name
    taken = known | {*files.listing(ws.store, "experiments")}
    while (drawn := names.word_name()) in taken:
        pass
    return drawn
