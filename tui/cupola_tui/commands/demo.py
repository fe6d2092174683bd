"""`cupola demo`: a sample workspace on real data, from a file to a live prediction.

Each step first looks whether it was done before (it may have been killed right after), so that a second run goes on
where the first one stopped.
"""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec

from cupola import api
from cupola.actions import Action, Arg
from cupola.errors import BadInput, NotFound, ReadOnly
from cupola_tui.commands import acting, cells, output
from cupola_tui.commands.options import Options
from cupola_tui.commands.progress import Progress

SAMPLE = "flights"
MODEL, ENDPOINT, EXPERIMENT = "flights", "late-flights", "demo"
METRIC = "validation_roc_auc"
ENDPOINTS = "endpoints"  # the pane that the screen opens on
ESTIMATORS = {
    "LogisticRegression": {"max_iter": 1000},
    "HistGradientBoostingClassifier": {},
}
OVER = ("Failed", "Stopped")


class Shown(msgspec.Struct, kw_only=True):
    """What the demo made: the better run, its model, the endpoint that serves it, and what that says of a flight."""

    run: str
    model: str
    endpoint: str
    prediction: Any


def run(words: list[str], options: Options) -> int:
    return acting.run_own(COMMAND, words, options)


def demo(
    options: Options,
    *,
    dir: Annotated[str, Arg(help="where the workspace is to be", completes="directory")] = "~/cupola-demo",
    headless: Annotated[bool, Arg(help="print what came out as JSON; do not open the app")] = False,
) -> int:
    """Copy a sample workspace, and take it from data to a live prediction; then open it.

    Imports 24,000 flights, trains a linear model and boosted trees as jobs, registers the better one, deploys it and
    asks it about a flight. Without a terminal, or with --headless, the result is printed as JSON.
    """
    if options.readonly:
        raise ReadOnly("the demo writes, and --readonly was given")
    root = Path(dir).expanduser().absolute()
    headless = headless or options.json or not (sys.stdin.isatty() and sys.stdout.isatty())
    progress = Progress(quiet=options.quiet)
    shown = _take(root, progress)
    progress.clear()
    if headless:
        print(output.as_json(shown))
    _say_what_runs(root, progress)
    if headless:
        return 0
    _look_at_the_endpoint(root)
    from cupola_tui import app

    return int(app.run(root))


COMMAND = Action(name="demo", function=demo)


def _look_at_the_endpoint(root: Path) -> None:
    """Has the screen open where the demo has led to."""
    from cupola_tui.state import Memory

    memory = Memory(str(root.absolute()))
    view = memory.read()
    view.pane = ENDPOINTS
    memory.write(view)
    memory.settle()


def _take(root: Path, progress: Progress) -> Shown:
    """All steps from the sample to the prediction."""
    _copy(root, progress)
    ws = api.open(root)
    progress.say(f"demo: importing {SAMPLE}")
    with progress.of_actions():
        data = ws.dataset.import_(str(root / "data" / "flights.parquet"), name=SAMPLE)
    progress.say(f"demo: {data.rows:,} flights; training {' and '.join(ESTIMATORS)}")
    best = _trained(ws, data.ref, progress)
    progress.say(f"demo: {best.estimator} is better ({METRIC} {best.metrics[METRIC]:.3f}); registering it as {MODEL}")
    version = _registered(ws, best)
    progress.say(f"demo: deploying {version.name}@{version.version} as {ENDPOINT}")
    _deployed(ws, version, progress)
    row = msgspec.json.decode((root / "data" / "rows.json").read_bytes())["dataframe_records"][0]
    answer = ws.endpoint.invoke(ENDPOINT, data=msgspec.json.encode({"dataframe_records": [row]}).decode()).answer
    return Shown(
        run=best.id,
        model=f"{version.name}@{version.version}",
        endpoint=ENDPOINT,
        prediction=answer["predictions"][0] if isinstance(answer, dict) and "predictions" in answer else answer,
    )


def _copy(root: Path, progress: Progress) -> None:
    """The sample at `root`; it appears there whole or not at all."""
    if (root / "workspace.toml").exists():
        if not (root / "data" / "flights.parquet").exists():
            raise BadInput("another workspace is there already", where=str(root), hint="choose a directory with --dir")
        progress.say(f"demo: going on in {root}")
        return
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise BadInput("something else is there already", where=str(root), hint="choose another one with --dir")
    progress.say(f"demo: making the workspace {root}")
    fresh = root.with_name(f".{root.name}.copying")
    shutil.rmtree(fresh, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(_sample(), fresh, ignore=shutil.ignore_patterns("__pycache__", ".cupola"))
    _open_like(root.parent, fresh)
    fresh.rename(root)


def _open_like(parent: Path, fresh: Path) -> None:
    """Gives what was copied the modes of the directory that it comes into: what a group shares, it shares whole."""
    mode = parent.stat().st_mode & 0o7777 & ~0o1000  # less the sticky bit of /tmp
    if mode & 0o002:  # what all may write is no group's share
        mode = 0o755
    for one in [fresh, *fresh.rglob("*")]:
        one.chmod(mode if one.is_dir() else mode & 0o666)


def _sample() -> Path:
    """Where the sample lies: in an installed Cupola, or in a checkout."""
    import cupola_tui

    package = Path(cupola_tui.__file__).parent
    for place in (package / "workspaces", package.parents[1] / "workspaces"):
        if (place / SAMPLE / "workspace.toml").is_file():
            return place / SAMPLE
    raise NotFound("this installation lacks the sample workspaces", where=str(package))


def _trained(ws: api.Workspace, dataset: str, progress: Progress) -> Any:
    """The better of the runs, one of each estimator on this very data; both train at the same time."""
    made = [one for one in ws.run.ls() if one.experiment == EXPERIMENT and one.dataset == dataset]
    jobs = []
    for estimator, params in ESTIMATORS.items():
        usable = (one for one in made if one.estimator == estimator and one.status not in OVER)
        found = next(usable, None) or ws.train(
            dataset=dataset, estimator=estimator, param=params, experiment=EXPERIMENT
        )
        jobs.append((found.job, getattr(found, "run", None) or found.id))
    for job, _ in jobs:
        with progress.of_actions():
            _complete(ws, job)
    runs = [ws.run.show(run) for _, run in jobs]
    return max(runs, key=lambda one: one.metrics[METRIC])


def _complete(ws: api.Workspace, job: str) -> None:
    ended = ws.job.wait(job)
    if ended.status in OVER:
        message = ended.error.message if ended.error else ended.reason
        raise BadInput(f"the training failed: {message}", where=f"job {job}", hint=f"`cupola job log {job}` says more")


def _registered(ws: api.Workspace, run: Any) -> Any:
    """The version made of this run, approved."""
    version = next((one for one in ws.model.ls() if one.run == run.id and one.name == MODEL), None)
    version = version or ws.model.register(run, name=MODEL, description="made by cupola demo")
    if version.status != "Approved":
        version = ws.model.approve(version, note=f"the better of {len(ESTIMATORS)} by {METRIC}")
    return version


def _deployed(ws: api.Workspace, version: Any, progress: Progress) -> None:
    """The endpoint, serving this version."""
    there = next((one for one in ws.endpoint.ls() if one.name == ENDPOINT), None)
    serving = there and there.status == "InService" and [one.model for one in there.variants] == [version.ref]
    if not serving:
        ws.endpoint.deploy(version, name=ENDPOINT).wait(progress=progress)


def _say_what_runs(root: Path, progress: Progress) -> None:
    me, where = shlex.quote(_program()), shlex.quote(cells.cell(root))
    progress.say(f"demo: the endpoint {ENDPOINT} and the agent of this host go on running")
    progress.say(f"demo: look:              {me} {where}")
    progress.say(f"demo: stop the endpoint: {me} -C {where} endpoint rm {ENDPOINT}")
    progress.say(f"demo: stop all of it:    {me} -C {where} agent stop --jobs")


def _program() -> str:
    """How this program is called from here."""
    if shutil.which("cupola") or "/" not in sys.argv[0]:
        return "cupola"
    return cells.cell(os.path.relpath(sys.argv[0]))
