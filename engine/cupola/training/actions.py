"""What a user can do to make a model: train."""

import sys
from typing import Annotated, Any

import msgspec

from cupola import place
from cupola.actions import Arg, action
from cupola.datasets import records as datasets
from cupola.datasets.records import Column, DatasetVersion
from cupola.environments import catalogue, values
from cupola.errors import BadOption, CupolaError
from cupola.experiments import records as experiments
from cupola.experiments.records import Code, Run
from cupola.jobs import amounts
from cupola.jobs import records as jobs
from cupola.store import files, names, records
from cupola.training import code
from cupola.training.records import Training, features_of, metric_of, split_of, task_of
from cupola.workspace import Workspace

LARGEST_SEED = 2**32 - 1


class Trained(msgspec.Struct, kw_only=True):
    """A training run and how it stands: `run` and `job` are ids, `model` the version that --register made of it, and
    `model_directory` where the fitted model lies once it is there."""

    run: str
    job: str
    name: str
    experiment: str
    status: str
    metrics: dict[str, float]
    metric_errors: dict[str, float]
    model: str | None
    model_directory: str | None
    reason: str
    notes: list[str]


def _said(error: CupolaError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


def _wrong(ws: Workspace, given: dict[str, Any]) -> dict[str, str]:
    """What a form can say before all of it is filled in. An unbuilt catalogue is no reason to say anything."""
    wrong = {}
    try:
        if given.get("estimator"):
            catalogue.find(given["estimator"])
    except CupolaError as error:
        if isinstance(error, BadOption):
            wrong["estimator"] = _said(error)
        return wrong
    try:
        if given.get("estimator"):
            values.check(given["estimator"], given.get("param") or {})
    except BadOption as error:
        wrong["param" if error.where == "-p" else "estimator"] = _said(error)
    try:
        version = datasets.find(ws.store, given["dataset"]) if given.get("dataset") else None
        if version and given.get("target"):
            _column(version, given["target"], "--target")
    except CupolaError as error:
        wrong["target" if isinstance(error, BadOption) else "dataset"] = error.message
    return wrong


@action("train", waits="run", about="dataset", key="t", check=_wrong)
def train(
    ws: Workspace,
    *,
    dataset: Annotated[str, Arg(help="the dataset: flights, flights@2", completes="dataset")],
    target: Annotated[str | None, Arg(help="the column to learn (default: the dataset's)", completes="column")] = None,
    estimator: Annotated[str, Arg(help="a scikit-learn classifier or regressor by its name", completes="estimator")],
    param: Annotated[
        dict[str, Any] | None,
        Arg(help="a parameter of the estimator: learning_rate=0.05", short="p", pairs=True, completes="parameter"),
    ] = None,
    exclude: Annotated[list[str] | None, Arg(help="a column not to learn from", completes="column")] = None,
    split: Annotated[
        str | None, Arg(help="random, stratified, time or group, and train/validation/test: time:70/15/15")
    ] = None,
    cv: Annotated[int | None, Arg(help="so many folds instead of a validation part; the test rows stay apart")] = None,
    weights: Annotated[str | None, Arg(help="a column with the weight of each row", completes="column")] = None,
    group: Annotated[str | None, Arg(help="a column whose values are never split", completes="column")] = None,
    time: Annotated[str | None, Arg(help="a column to split by: the newest rows test", completes="column")] = None,
    metric: Annotated[str | None, Arg(help="the metric to compare runs by", completes="metric")] = None,
    experiment: Annotated[str, Arg(help="the experiment that the run belongs to", completes="experiment")] = "default",
    name: Annotated[str | None, Arg(help="what to call the run; without one it gets a name of its own")] = None,
    register: Annotated[
        str | None, Arg(help="register the model as a new version of this one", completes="model")
    ] = None,
    seed: Annotated[int, Arg(help="the seed of everything that is drawn")] = 0,
    cpus: Annotated[int, Arg(help="how many CPUs it gets, and so how many threads")] = 1,
    gpus: Annotated[int, Arg(help="how many GPUs it gets")] = 0,
    memory: Annotated[str | None, Arg(help="the most memory that it may use: 512M, 2G")] = None,
    max_runtime: Annotated[str | None, Arg(help="the longest that it may run: 90s, 15m, 2h")] = None,
) -> Trained:
    """Train a scikit-learn estimator on a dataset, in the background.

    Columns are prepared by their types inside the pipeline that is saved, so that it takes rows as they stand in the
    data. 60% of the rows train, 20% validate, 20% test (stratified for classes; by time with --time); with --cv the
    validation is by folds. Every metric comes with its standard error. Parameters are checked before anything starts.
    """
    version = datasets.find(ws.store, dataset)
    training = _training(
        version, target, estimator, param or {}, exclude or [], split, cv, weights, group, time, metric, register, seed
    )
    run = _run(version, training, names.check_name(experiment, "name of an experiment"), name)
    limits = {"cpus": cpus, "gpus": gpus, "memory": amounts.size(memory), "max_runtime": amounts.seconds(max_runtime)}
    return _state(_file(ws, run, training, limits))


def _training(
    version: DatasetVersion,
    target: str | None,
    estimator: str,
    param: dict[str, Any],
    exclude: list[str],
    split: str | None,
    cv: int | None,
    weights: str | None,
    group: str | None,
    time: str | None,
    metric: str | None,
    register: str | None,
    seed: int,
) -> Training:
    """What is asked for, with all that can be checked without the rows. Raises BadOption, BadName, BadInput."""
    known = catalogue.find(estimator)
    params = values.check(estimator, param)
    chosen = target or version.target
    if chosen is None:
        raise BadOption(f"{version.ref} has no target", where="--target", hint="say which column to learn")
    learnt = _column(version, chosen, "--target")
    task = task_of(learnt, known.kind, estimator)
    by_role = {role: _only(version, role, chosen) for role in ("weight", "group", "time")}
    weights = weights or (by_role["weight"] if known.weights else None)
    group = group or by_role["group"]
    how = split_of(split, cv, task, time or (by_role["time"] if (split or "").startswith("time") else None), group)
    time = (time or by_role["time"]) if how.kind == "time" else None
    _check_kinds(version, known, weights, group, time)
    taken = {one: "excluded" for one in exclude if _column(version, one, "--exclude")} | {chosen: "the target"}
    taken |= {one: why for one, why in ((weights, "the weights"), (group, "the group"), (time, "the time")) if one}
    features, notes = features_of(version.columns, taken)
    if by_role["weight"] and not weights:
        notes.append(f"the weights ({by_role['weight']}) do not count: {estimator} takes none")
    if not 0 <= seed <= LARGEST_SEED:
        raise BadOption(f"a seed is from 0 to {LARGEST_SEED}, not {seed}", where="--seed")
    return Training(
        dataset=version.ref,
        target=chosen,
        target_type=learnt.type,
        estimator=estimator,
        params=params,
        task=task,
        features=features,
        split=how,
        weights=weights,
        group=group,
        time=time,
        metric=metric_of(metric, task),
        seed=seed,
        register=names.check_name(register, "name of a model") if register else None,
        notes=notes,
    )


def _check_kinds(
    version: DatasetVersion, known: catalogue.Estimator, weights: str | None, group: str | None, time: str | None
) -> None:
    if weights and _column(version, weights, "--weights").type not in ("integer", "number", "boolean"):
        raise BadOption(f"{weights} is no number, and so no weight", where="--weights")
    if weights and not known.weights:
        raise BadOption(f"{known.name} takes no weights of rows", where="--weights")
    if group:
        _column(version, group, "--group")
    if time and _column(version, time, "--time").type not in ("date", "datetime", "integer", "number"):
        raise BadOption(f"{time} has no order in time", where="--time", hint="a date, a time or a number has")


def _column(version: DatasetVersion, name: str, option: str) -> Column:
    for column in version.columns:
        if column.name == name:
            return column
    import difflib

    known = [column.name for column in version.columns]
    near = difflib.get_close_matches(name, known, 3, 0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has: {', '.join(known[:20])}"
    raise BadOption(f"{version.ref} has no column {name!r}", where=option, hint=hint)


def _only(version: DatasetVersion, role: str, target: str) -> str | None:
    """The column of that role; None where there is none, or several of which none is meant."""
    found = [column.name for column in version.columns if column.role == role and column.name != target]
    return found[0] if len(found) == 1 else None


def _run(version: DatasetVersion, training: Training, experiment: str, name: str | None) -> Run:
    user, host = names.who()
    return Run(
        id=names.new_id(),
        name=names.check_name(name, "name of a run") if name else names.word_name(),
        experiment=experiment,
        user=user,
        host=host,
        submitted=names.now(),
        params=training.params,
        metric=f"validation_{training.metric}",
        dataset=version.ref,
        target=training.target,
        estimator=training.estimator,
        task=training.task,
        features=[one for one, _ in training.features],
        split=msgspec.to_builtins(training.split),
        seed=training.seed,
        job=names.new_id(),
        environment={"python": sys.version.partition(" ")[0], "executable": sys.executable},
        notes=training.notes,
    )


def _file(ws: Workspace, run: Run, training: Training, limits: dict[str, Any]) -> Run:
    """Writes the run's record, then files its job; a run whose job could not be filed is taken back."""
    commit, dirty, patch = code.of(ws.root, place.here())
    run.code = Code(commit=commit, dirty=dirty, patch="code.patch" if patch else None)
    if patch:
        files.write_bytes(ws.store, f"{run.directory}/code.patch", patch)
    records.create(ws.store, experiments.path(run), run, kind="run", ref=run.id)
    try:
        jobs.file(
            ws.store,
            id=run.job,
            kind="train",
            name=run.name,
            command=[sys.executable, "-m", "cupola.training"],
            spec=msgspec.to_builtins(training),
            run=f"{run.experiment}/{run.id}",
            **limits,
        )
    except CupolaError:
        files.discard(files.absolute(ws.store, run.directory))
        raise
    return run


def _state(run: Run) -> Trained:
    shown = {one: getattr(run, one) for one in Trained.__struct_fields__ if one not in ("run", "job")}
    return Trained(run=run.id, job=run.job, **shown)
