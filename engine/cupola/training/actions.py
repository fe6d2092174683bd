"""What a user can do to make a model: train."""

import sys
from typing import Annotated, Any

import msgspec

from cupola.actions import Arg, action
from cupola.datasets import records as datasets
from cupola.datasets.records import Column, DatasetVersion
from cupola.environments import catalogue, own, values
from cupola.errors import BadOption, CupolaError, meant
from cupola.experiments.records import Run
from cupola.flows import records as flows
from cupola.jobs import amounts
from cupola.store import names
from cupola.training import as_filed, filing, foreseen
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
from cupola.training.records import (
    CALIBRATIONS,
    FiledFlow,
    Training,
    class_weights_of,
    features_of,
    metric_of,
    split_of,
    task_of,
    threshold_of,
)
from cupola.workspace import Workspace

LARGEST_SEED = 2**32 - 1
_NOTED = {"class_weights": "class weights", "calibrate": "calibrated", "threshold": "threshold"}


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


def wrong(ws: Workspace, given: dict[str, Any]) -> dict[str, str]:
    """What a form can say before all of it is filled in. An unbuilt catalogue is no reason to say anything."""
    found = {}
    own.use(ws.root)
    mine = own.is_own(given.get("estimator") or "")
    try:
        if mine:
            own.check(given["estimator"])
        elif given.get("estimator"):
            catalogue.find(given["estimator"])
    except CupolaError as error:
        if isinstance(error, BadOption):
            found["estimator"] = error.said
        return found
    try:
        if given.get("estimator") and not mine:
            values.check(given["estimator"], given.get("param") or {})
    except BadOption as error:
        found["param" if error.where == "-p" else "estimator"] = error.said
    try:
        if given.get("flow"):
            flows.find(ws.store, given["flow"])
    except CupolaError as error:
        return found | {"flow": error.said}
    try:
        version = datasets.find(ws.store, given["dataset"]) if given.get("dataset") else None
        if version and given.get("target"):
            _column(_seen(ws, version, given["target"], given.get("flow")), given["target"], "--target")
    except CupolaError as error:
        found["target" if isinstance(error, BadOption) else "dataset"] = error.message
        return found
    if version and given.get("estimator") and not mine and not found:
        found |= _foreseen(ws, version, given)
    return found


def _seen(ws: Workspace, version: DatasetVersion, target: str, flow: str | None) -> DatasetVersion:
    """The version, with the target that a flow makes where it has none of that name."""
    if flow is None or target in {one.name for one in version.columns}:
        return version
    return as_filed.aimed(version, as_filed.flow(ws.store, flow, version, target))


def _foreseen(ws: Workspace, version: DatasetVersion, given: dict[str, Any]) -> dict[str, str]:
    """What would be refused of what is filled in."""
    metric = given.get("metric")
    try:
        _training(
            ws, version, given.get("target"), given["estimator"], given.get("param"), given.get("exclude"),
            given.get("split"), given.get("cv"), given.get("weights"), given.get("group"), given.get("time"),
            given.get("class_weights"), given.get("calibrate"), given.get("threshold"),
            (metric[0] if metric else None) if isinstance(metric, list) else metric, None, given.get("seed") or 0,
            given.get("flow"),
        )  # fmt: skip
    except CupolaError as error:
        option = str(error.where or "")
        name = "param" if option == "-p" else option.removeprefix("--").replace("-", "_")
        return {name: error.said} if given.get(name) else {}
    return {}


@action("train", waits="run", about="dataset", key="t", check=wrong)
def train(
    ws: Workspace,
    *,
    dataset: Dataset,
    target: Target = None,
    estimator: Estimator,
    param: Annotated[
        dict[str, Any] | None,
        Arg(help="a parameter of the estimator: learning_rate=0.05", short="p", pairs=True, completes="parameter"),
    ] = None,
    flow: Flow = None,
    exclude: Exclude = None,
    split: Split = None,
    cv: Folds = None,
    weights: Weights = None,
    group: Group = None,
    time: Time = None,
    class_weights: Annotated[str | None, Arg(help="what a row of each class weighs: balanced, or late=5,ok=1")] = None,
    calibrate: Annotated[
        str | None, Arg(help="map its answers to probabilities that hold, by folds", choices=CALIBRATIONS)
    ] = None,
    threshold: Annotated[
        str | None, Arg(help="from which probability on it is the second of two classes: 0.3, or auto")
    ] = None,
    metric: Annotated[str | None, Arg(help="the metric to compare runs by", completes="metric")] = None,
    experiment: Annotated[str, Arg(help="the experiment that the run belongs to", completes="experiment")] = "default",
    name: Annotated[str | None, Arg(help="what to call the run; without one it gets a name of its own")] = None,
    register: Annotated[
        str | None, Arg(help="register the model as a new version of this one", completes="model")
    ] = None,
    seed: Seed = 0,
    cpus: Annotated[int, Arg(help="how many CPUs it gets, and so how many threads")] = 1,
    gpus: Annotated[int, Arg(help="how many GPUs it gets")] = 0,
    memory: Annotated[str | None, Arg(help="the most memory that it may use: 512M, 2G")] = None,
    max_runtime: Annotated[str | None, Arg(help="the longest that it may run: 90s, 15m, 2h")] = None,
    host: Host = None,
) -> Trained:
    """Train an estimator on a dataset, in the background: to tell classes or numbers, clusters or anomalies.

    Columns are prepared by their types inside the pipeline that is saved, so that it takes rows as they stand in the
    data. 60% of the rows train, 20% validate, 20% test (stratified for classes; by time with --time); with --cv the
    validation is by folds. Every metric comes with its standard error. Parameters are checked before anything starts.
    """
    own.use(ws.root)
    version = datasets.find(ws.store, dataset)
    training = _training(
        ws, version, target, estimator, param, exclude, split, cv, weights, group, time, class_weights, calibrate,
        threshold, metric, register, seed, flow,
    )  # fmt: skip
    run = _run(version, training, names.check_name(experiment, "name of an experiment"), name)
    limits = {"cpus": cpus, "gpus": gpus, "memory": amounts.size(memory), "max_runtime": amounts.seconds(max_runtime)}
    source = own.is_own(training.estimator)
    filing.file(ws, run, "train", "cupola.training", training, source=source, only_on=host, **limits)
    return _state(run)


def _training(
    ws: Workspace,
    version: DatasetVersion,
    target: str | None,
    estimator: str,
    param: dict[str, Any] | None,
    exclude: list[str] | None,
    split: str | None,
    cv: int | None,
    weights: str | None,
    group: str | None,
    time: str | None,
    class_weights: str | None,
    calibrate: str | None,
    threshold: str | None,
    metric: str | None,
    register: str | None,
    seed: int,
    flow: str | None,
) -> Training:
    """What `train` is asked for, with all that is known beforehand. Raises BadOption, BadName, BadInput."""
    filed = as_filed.flow(ws.store, flow, version, target) if flow else None
    version = as_filed.aimed(version, filed)
    training = asked(
        version, target, estimator, param or {}, exclude or [], split, cv, weights, group, time, metric, register, seed,
        filed,
    )  # fmt: skip
    known, learnt = catalogue.find(estimator), _target(version, training)
    training.class_weights = class_weights_of(class_weights, known.weights, training.task)
    training.calibrate = _calibration(calibrate, training)
    training.threshold = threshold_of(threshold, learnt, training.task)
    given = {"class_weights": class_weights, "calibrate": calibrate, "threshold": threshold}
    given = {name: text for name, text in given.items() if text is not None}
    training.options |= given
    training.notes += [f"{_NOTED[name]}: {text}" for name, text in given.items()]
    training.notes += foreseen.notes(ws.store, version, training)
    return training


def asked(
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
    flow: FiledFlow | None = None,
) -> Training:
    """What is asked for, with all that can be checked without the rows. Raises BadOption, BadName, BadInput.

    exclude: where there is a flow, also columns that it makes.
    """
    known = catalogue.find(estimator)
    params = values.check(estimator, param)
    given = {
        "exclude": exclude, "split": split, "cv": cv, "weights": weights, "group": group, "time": time,
        "metric": metric, "seed": seed, "flow": flow and flow.name,
    }  # fmt: skip
    if flow:
        there = {one.name for one in version.columns}
        flow.without = [one for one in exclude if one not in there]
        exclude = [one for one in exclude if one in there]
    chosen = target or version.target
    learnt = _column(version, chosen, "--target") if chosen else None
    task = task_of(learnt, known.kind, estimator)
    by_role = {role: _only(version, role, chosen) for role in ("weight", "group", "time")}
    weights = weights or (by_role["weight"] if known.weights else None)
    group = group or by_role["group"]
    how = split_of(split, cv, task, time or (by_role["time"] if (split or "").startswith("time") else None), group)
    time = (time or by_role["time"]) if how.kind == "time" else None
    _check_kinds(version, known, weights, group, time)
    taken = {one: "excluded" for one in exclude if _column(version, one, "--exclude")}
    taken |= {chosen: "the target"} if chosen else {}
    taken |= dict.fromkeys(flow.aim.of if flow and flow.aim else [], f"what {chosen} is made of")
    taken |= {one: why for one, why in ((weights, "the weights"), (group, "the group"), (time, "the time")) if one}
    features, notes = features_of(version.columns, taken)
    if by_role["weight"] and not weights:
        notes.append(f"warning: the weights ({by_role['weight']}) do not count: {estimator} takes none")
    if not 0 <= seed <= LARGEST_SEED:
        raise BadOption(f"a seed is from 0 to {LARGEST_SEED}, not {seed}", where="--seed")
    return Training(
        dataset=version.ref,
        target=chosen,
        target_type=learnt.type if learnt else "",
        estimator=estimator,
        params=params,
        task=task,
        features=features,
        split=how,
        weights=weights,
        group=group,
        time=time,
        metric=metric_of(metric, task, chosen),
        seed=seed,
        register=register if register is None else names.check_name(register, "name of a model"),
        flow=flow,
        options={name: one for name, one in given.items() if one},
        notes=notes,
    )


def _target(version: DatasetVersion, training: Training) -> Column | None:
    return _column(version, training.target, "--target") if training.target else None


def _calibration(method: str | None, training: Training) -> str | None:
    if method is not None and (training.task != "classification" or method not in CALIBRATIONS):
        hint = f"one of {', '.join(CALIBRATIONS)}, for classes that are learned"
        raise BadOption(f"--calibrate {method} is not had here", where="--calibrate", hint=hint)
    return method


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
    known = [column.name for column in version.columns]
    hint = meant(name, known, f"it has: {', '.join(known[:20])}", 3)
    raise BadOption(f"{version.ref} has no column {name!r}", where=option, hint=hint)


def _only(version: DatasetVersion, role: str, target: str | None) -> str | None:
    """The column of that role; None where there is none, or several of which none is meant."""
    found = [column.name for column in version.columns if column.role == role and column.name != target]
    return found[0] if len(found) == 1 else None


def _run(version: DatasetVersion, training: Training, experiment: str, name: str | None) -> Run:
    user, host = names.who()
    return Run(
        id=names.new_id(),
        name=names.word_name() if name is None else names.check_name(name, "name of a run"),
        experiment=experiment,
        user=user,
        host=host,
        submitted=names.now(),
        params=training.params,
        metric=f"validation_{training.metric}",
        dataset=version.ref,
        target=training.target or "",
        estimator=training.estimator,
        task=training.task,
        features=[one for one, _ in training.features],
        flow=training.flow.ref if training.flow else "",
        looked_up=training.flow.looked_up if training.flow else [],
        split=msgspec.to_builtins(training.split),
        seed=training.seed,
        options=training.options,
        job=names.new_id(),
        environment={"python": sys.version.partition(" ")[0], "executable": sys.executable},
        notes=training.notes,
    )


def _state(run: Run) -> Trained:
    shown = {one: getattr(run, one) for one in Trained.__struct_fields__ if one not in ("run", "job")}
    return Trained(run=run.id, job=run.job, **shown)
