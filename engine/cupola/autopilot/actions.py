"""What a user can do to get a good model without choosing one: autopilot, look, stop."""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec

from cupola.actions import Arg, action
from cupola.autopilot import records, tasks
from cupola.autopilot.records import ENOUGH, ESTIMATOR, MODES, TASKS, AutopilotState, Spec
from cupola.datasets import records as datasets
from cupola.datasets.records import Column, ColumnProfile, DatasetVersion
from cupola.errors import BadOption, NotFound, NotReady
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.forecasting import records as forecasting
from cupola.jobs import agents, amounts
from cupola.jobs import records as jobs
from cupola.search import evaluating
from cupola.store import files, names
from cupola.training import as_filed, filing
from cupola.training.actions import asked as training_of
from cupola.training.actions import wrong as wrong_training
from cupola.training.options import Dataset, Exclude, Flow, Group, Host, Seed, Split, Target, Time
from cupola.training.records import FiledFlow, Training
from cupola.workspace import Workspace

LEAST = 5.0  # seconds
CPUS = 2
RETRIES = 3  # of a job that was killed
GRACE = 600.0  # seconds after the budget, for the first fit where none ends in it; then its job is ended by force
Autopilot = Annotated[str, Arg(help="an autopilot: the id or the name of its run", completes="autopilot")]


class Reported(msgspec.Struct, kw_only=True):
    """Where a report was written to."""

    autopilot: str
    path: str
    bytes: int


def _wrong(ws: Workspace, given: dict[str, Any]) -> dict[str, str]:
    """What a form can say before all of it is filled in."""
    found = wrong_training(ws, given)
    try:
        _seconds(given.get("budget") or "60s")
    except BadOption as error:
        found["budget"] = error.message
    return found


@action("autopilot", waits="autopilot", about="dataset", key="a", check=_wrong)
def autopilot(
    ws: Workspace,
    *,
    dataset: Dataset,
    target: Target = None,
    budget: Annotated[str, Arg(help="how long it may take in all: 60s, 10m, 1h")] = "60s",
    mode: Annotated[
        str,
        Arg(help="ensembling: the candidates answer together (auto does so); single: the best alone", choices=MODES),
    ] = "auto",
    metric: Annotated[
        str | None, Arg(help="what is to be good (default: roc_auc, log_loss or rmse)", completes="metric")
    ] = None,
    register: Annotated[
        str | None, Arg(help="register what comes out as a new version of this model", completes="model")
    ] = None,
    task: Annotated[str | None, Arg(help="what it is, where it is not to see that itself", choices=TASKS)] = None,
    flow: Flow = None,
    exclude: Exclude = None,
    split: Split = None,
    group: Group = None,
    time: Time = None,
    horizon: Annotated[int | None, Arg(help="of a time series: so many steps ahead")] = None,
    experiment: Annotated[str | None, Arg(help="the experiment of its runs (default: its name)")] = None,
    name: Annotated[str | None, Arg(help="what to call it; without one it gets a name of its own")] = None,
    seed: Seed = 0,
    cpus: Annotated[
        int | None, Arg(help="so many fits at once, each on a CPU (default: 2, or what the host has)")
    ] = None,
    memory: Annotated[str | None, Arg(help="the most memory that it may use: 512M, 2G")] = None,
    host: Host = None,
) -> AutopilotState:
    """Find a good model within a budget: many candidates, the best of them together, and a report.

    It sees by itself what there is to learn, and says why. 20% of the rows test and are never looked at before; the
    others are validated by folds. A linear model and the default boosted trees come first, so that nothing ends below
    them; the others in the order in which they worked on other tables. Every candidate is a run. It ends within its
    budget, with a model. A flow is fitted anew in each fold, and goes with the model.
    """
    seconds = _seconds(budget)
    version = datasets.find(ws.store, dataset)
    filed = as_filed.flow(ws.store, flow, version, target) if flow else None
    version = as_filed.aimed(version, filed)
    aim = _aim(version, target)
    read = next(iter(_read(version, [aim.name])), None)
    seen, why = tasks.task_of(aim, version.rows, task, horizon, _looks(ws, version, aim), read)
    spec = Spec(task=seen, why=why, mode=mode, budget=seconds)
    if seen == "timeseries":
        if horizon is None:
            raise BadOption("a time series needs --horizon", where="--horizon", hint="how many steps ahead: 14")
        if filed:
            hint = f"`cupola flow run {flow}` makes a version of what it prepares, to be forecast from"
            raise BadOption("a time series takes no flow", where="--flow", hint=hint)
        spec.forecast = forecasting.spec_of(
            version, target=aim.name, time=time, horizon=horizon, exclude=exclude, metric=metric, budget=seconds,
            seed=seed, register=register,
        )  # fmt: skip
    else:
        spec.training = _training(version, aim, seen, metric, exclude, split, group, time, register, seed, filed)
    called = names.word_name() if name is None else names.check_name(name, "name of a run")
    run = _run(version, spec, called, names.check_name(experiment or called, "name of an experiment"), budget)
    have = agents.slots().get("cpus") or 1
    filing.file(
        ws, run, "autopilot", "cupola.autopilot", spec,
        cpus=min(CPUS, have) if cpus is None else cpus, memory=amounts.size(memory),
        max_runtime=seconds + GRACE, only_on=host, retries=RETRIES, checkpoints=True,
    )  # fmt: skip
    return records.state_of(ws.store, run, spec)


@action("autopilot ls", writes=False)
def ls(
    ws: Workspace,
    *,
    filter: Annotated[str | None, Arg(help="only those: 'status = Completed'")] = None,
    sort: Annotated[str | None, Arg(help="by this field: submitted:desc")] = None,
    limit: Annotated[int | None, Arg(help="at most so many")] = None,
) -> list[AutopilotState]:
    """List the autopilots, the newest first."""
    found = [_state(ws, one) for one in experiments.ls(ws.store) if records.is_one(one)]
    return evaluating.chosen(found, filter, sort, limit)


@action("autopilot show", writes=False, about="autopilot")
def show(ws: Workspace, autopilot: Autopilot) -> AutopilotState:
    """Show an autopilot: how it stands, its leaderboard, what was dropped and why, and what the data is missing."""
    return _state(ws, _find(ws, autopilot))


@action("autopilot report", writes=False, about="autopilot")
def report(
    ws: Workspace,
    autopilot: Autopilot,
    path: Annotated[Path, Arg(help="a new file that ends in .html or .md", completes="file")],
) -> Reported:
    """Write what an autopilot has found out to one file, HTML or Markdown: the leaderboard with its errors and ties,
    what matters, where the errors are, what was dropped and why, and what the data is missing.
    """
    from cupola.autopilot import reporting
    from cupola.experiments import saving

    state = _state(ws, _find(ws, autopilot))
    target = saving.outside(ws.store, Path(path))
    kinds = {".html": reporting.html, ".htm": reporting.html, ".md": reporting.markdown}
    made = kinds.get(target.suffix.lower())
    if made is None:
        raise BadOption(f"a report is HTML or Markdown, and {target.name} ends in neither .html nor .md", where="PATH")
    content = made(state).encode()
    saving.write(target, content)
    return Reported(autopilot=state.autopilot, path=str(target), bytes=len(content))


@action("autopilot stop", about="autopilot", key="x", confirm="y")
def stop(ws: Workspace, autopilot: Autopilot) -> AutopilotState:
    """End the search of an autopilot now: it makes a model of what it has found by then."""
    run = _find(ws, autopilot)
    now = _state(ws, run)
    if now.over:
        raise NotReady(f"the autopilot {now.name} is over: {now.status}", where=run.id)
    if now.status == "Queued":
        jobs.stop(ws.store, run.job, "its autopilot was stopped")
    else:
        user, _ = names.who()
        said = msgspec.json.encode({"by": user, "time": names.now()})
        files.write_bytes(ws.store, f"{run.directory}/{ENOUGH}", said)
    return _state(ws, run)


def _seconds(budget: str) -> float:
    found = amounts.seconds(budget, "--budget")
    if found is None or found < LEAST:
        raise BadOption(f"a budget is {LEAST:g} seconds or more", where="--budget", hint="60s, 10m, 1h")
    return found


def _aim(version: DatasetVersion, target: str | None) -> Column:
    chosen = target or version.target
    found = next((one for one in version.columns if one.name == chosen), None)
    if found is None:
        hint = f"it has: {', '.join(one.name for one in version.columns[:20])}"
        what = f"{version.ref} has no column {chosen!r}" if chosen else "an autopilot needs a target"
        raise BadOption(what, where="--target", hint=hint)
    return found


def _looks(ws: Workspace, version: DatasetVersion, aim: Column) -> ColumnProfile | None:
    """What a column looks like, where that says more than its type; of what a flow makes there is no profile."""
    if aim.type not in ("number", "text"):
        return None
    return next((one for one in datasets.profile(ws.store, version).columns if one.name == aim.name), None)


def _read(version: DatasetVersion, columns: list[str]) -> list[str]:
    """What the import has said of these columns: why one is text though most of it are numbers."""
    return [note for note in version.notes if any(note.startswith(f"column {one}: ") for one in columns)]


def _training(
    version: DatasetVersion,
    aim: Column,
    seen: str,
    metric: str | None,
    exclude: list[str] | None,
    split: str | None,
    group: str | None,
    time: str | None,
    register: str | None,
    seed: int,
    flow: FiledFlow | None,
) -> Training:
    """What each candidate is trained as, with the estimator of the first of them."""
    stem = "Regressor" if seen == "regression" else "Classifier"
    by_time = bool(time) or (split or "").startswith("time")
    found = training_of(
        version, aim.name, f"HistGradientBoosting{stem}", {}, exclude or [], split,
        None if by_time else records.folds_of(version), None, group, time, metric or records.METRICS[seen], register,
        seed, flow,
    )  # fmt: skip
    found.notes += _read(version, [one for one, _ in found.features])
    if found.weights:
        found.notes.append(f"the weights ({found.weights}) do not count: an autopilot takes none")
        found.weights = None
    return found


def _run(version: DatasetVersion, spec: Spec, name: str, experiment: str, budget: str) -> Run:
    user, host = names.who()
    if spec.forecast:
        asked = spec.forecast
        told: dict[str, Any] = {
            "target": asked.target, "task": forecasting.TASK, "seed": asked.seed, "options": asked.options,
            "features": [one for one, _ in [*asked.known, *asked.past, *asked.static]],
            "split": {"kind": "time", "windows": asked.windows, "horizon": asked.horizon},
        }  # fmt: skip
    else:
        training = spec.learnt
        told = {
            "target": training.target or "", "task": training.task, "seed": training.seed, "options": training.options,
            "features": [one for one, _ in training.features], "split": msgspec.to_builtins(training.split),
            "flow": training.flow.ref if training.flow else "",
            "looked_up": training.flow.looked_up if training.flow else [],
        }  # fmt: skip
    told["options"] = told["options"] | {"budget": budget, "mode": spec.mode}
    notes = spec.forecast.notes if spec.forecast else spec.learnt.notes
    return Run(
        id=names.new_id(), name=name, experiment=experiment, user=user, host=host, submitted=names.now(),
        params={"budget": spec.budget, "mode": spec.mode}, metric=f"validation_{spec.metric}",
        dataset=version.ref, estimator=ESTIMATOR, job=names.new_id(),
        environment={"python": sys.version.partition(" ")[0], "executable": sys.executable},
        notes=[f"{spec.task}: {spec.why}", *notes], **told,
    )  # fmt: skip


def _find(ws: Workspace, reference: str) -> Run:
    found = experiments.find(ws.store, reference)
    if not records.is_one(found):
        raise NotFound(
            f"the run {found.name} is no autopilot's", where=found.id, hint="`cupola autopilot ls` lists them"
        )
    return found


def _state(ws: Workspace, run: Run) -> AutopilotState:
    spec = msgspec.convert(jobs.find(ws.store, run.job).spec, Spec)
    return records.state_of(ws.store, run, spec)
