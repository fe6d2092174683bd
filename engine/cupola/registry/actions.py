"""What a user can do with models: register, approve, name, check, remove."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from cupola import place
from cupola.actions import Arg, action
from cupola.datasets import records as datasets
from cupola.errors import BadOption, Corrupt
from cupola.experiments import records as runs
from cupola.experiments import saving
from cupola.jobs import errands
from cupola.registry import baselines, cardpages, cards, contents, differing, packing, records, registration, removing
from cupola.registry.baselines import Expected
from cupola.registry.cards import Card, Risk, State
from cupola.registry.differing import Differences
from cupola.registry.records import APPROVED, REJECTED, ModelState
from cupola.runtimes.records import Report, environment
from cupola.search import evaluating
from cupola.store import basis, claims, files, names, references, secret
from cupola.team import notes, roles, verdicts
from cupola.workspace import Workspace

Model = Annotated[str, Arg(help="a model: churn, churn@3, churn@champion", completes="model")]
Filter = Annotated[
    str | None, Arg(help="only those: 'status = Approved and aliases contains champion'", completes="model filter")
]
Sort = Annotated[str | None, Arg(help="by this field: validation_roc_auc:desc", completes="model sort")]
PAGES = {".md": cardpages.markdown, ".html": cardpages.html}
Note = Annotated[str, Arg(help="why")]


class Shown(ModelState, kw_only=True):
    """A version as `model show` prints it, with its baseline column by column; baseline.json has all of that."""

    baseline: list[Expected] = msgspec.field(default_factory=list)


class Verification(msgspec.Struct, kw_only=True):
    """What `model verify` found: `ok` when every file is what was registered; `trusted`: a pickle may be loaded."""

    model: str
    name: str
    version: int
    ok: bool
    sha256: str
    files: dict[str, str]
    storage: str
    trusted: bool
    problems: list[str]


class Measured(Report, kw_only=True):
    """The report on how a version is run, and which version that is."""

    model: str


class Exported(msgspec.Struct, kw_only=True):
    """What `model export` wrote; sha256: of the version's files, as `model show` prints it."""

    model: str
    path: str
    sha256: str
    bytes: int


class ModelCard(msgspec.Struct, kw_only=True):
    """What `model card` shows: what people say of a version, and with what its records say (`text`, in Markdown; None
    where it was written to a file)."""

    model: str
    card: Card
    text: str | None
    path: str | None = None


class Removed(msgspec.Struct, kw_only=True):
    """What was (or with --dry-run would be) moved to the trash; `trash` is the token that brings it back."""

    removed: list[str]
    trash: str | None = None
    dry_run: bool = False


@action("model register", about="run", key="r")
def register(
    ws: Workspace,
    run: Annotated[str, Arg(help="a finished run: its id, the beginning of it, or its name", completes="run")],
    *,
    name: Annotated[str, Arg(help="the model to make a new version of", completes="model")],
    description: Annotated[str, Arg(help="what is special about this version")] = "",
) -> ModelState:
    """Make a new version of a model from a finished run.

    The run's files are copied, hashed and never changed again. The version waits for approval
    (PendingManualApproval); a deployment needs that only where workspace.toml says so.
    """
    names.check_name(name, "name of a model")
    made = registration.register(ws.store, runs.find(ws.store, run), name, description)
    return records.find(ws.store, made.ref)


@action("model add")
def add(
    ws: Workspace,
    module: Annotated[str, Arg(help="a module of src/ with load(directory) and predict(model, frame): mymodel")],
    *,
    name: Annotated[str, Arg(help="the model to make a new version of", completes="model")],
    dataset: Annotated[str, Arg(help="the data whose columns it takes: flights, flights@2", completes="dataset")],
    target: Annotated[str | None, Arg(help="the column that it predicts (default: the dataset's)")] = None,
    files: Annotated[str | None, Arg(help="the directory that its load is given", completes="directory")] = None,
    description: Annotated[str, Arg(help="what is special about this version")] = "",
) -> ModelState:
    """Make a new version of a model from your own Python: a module of src/ that loads and predicts.

    src/ and the files are copied, hashed and never changed again. Naming the module runs it: it has to answer the first
    rows of the dataset, and what it said is compared before any deployment. With predict_stream(model, frame), a
    generator, its answers can be had in parts.
    """
    from cupola.registry import adding

    data = datasets.find(ws.store, dataset)
    directory = place.path(files) if files is not None else None
    made = adding.add(ws.store, module, name, data, target=target, directory=directory, description=description)
    return records.find(ws.store, made.ref)


@action("model ls", writes=False)
def ls(
    ws: Workspace,
    name: Annotated[str | None, Arg(help="only the versions of this model", completes="model")] = None,
    *,
    filter: Filter = None,
    sort: Sort = None,
) -> list[ModelState]:
    """List the versions of all models, the newest first."""
    if name is None:
        found = records.ls(ws.store)
    else:
        there = records.versions(ws.store, references.parse(name, "name of a model").name)
        found = there[::-1] if there else [records.find(ws.store, name)]
    notes.put_tags(ws.store, "model", {one.ref: one for one in found})
    verdicts.put_on_made(ws.store, found)
    return evaluating.chosen(found, filter, sort)


@action("model show", writes=False, about="model")
def show(ws: Workspace, model: Model) -> Shown:
    """Show one version: where it came from, its metrics, its signature, what its data and predictions looked like in
    training (the baseline that drift is seen by), and what people said of it.
    """
    state = records.find(ws.store, model)
    baseline = baselines.of(ws.store, state)
    found = Shown(
        **{name: getattr(state, name) for name in state.__struct_fields__},
        baseline=baselines.expected(baseline) if baseline else [],
    )
    notes.put_tags(ws.store, "model", {found.ref: found})
    verdicts.put_on_made(ws.store, [found])
    return found


@action("model set", about="model", key="e")
def set_(
    ws: Workspace,
    model: Model,
    *,
    state: Annotated[State | None, Arg(help="of the card")] = None,
    risk: Annotated[Risk | None, Arg(help="how much harm a wrong answer can do")] = None,
    risk_reason: Annotated[str | None, Arg(help="why it is rated so")] = None,
    overview: Annotated[str | None, Arg(help="what it is")] = None,
    owner: Annotated[str | None, Arg(help="who answers for it")] = None,
    business_problem: Annotated[str | None, Arg(help="what it is to solve")] = None,
    intended_uses: Annotated[str | None, Arg(help="what it is meant for, and what not")] = None,
    factors: Annotated[str | None, Arg(help="what its quality depends on")] = None,
    ethics: Annotated[str | None, Arg(help="ethical considerations")] = None,
    caveats: Annotated[str | None, Arg(help="caveats and recommendations")] = None,
) -> ModelCard:
    """Write the card of a version: card.toml beside its files, which an editor may change too. '' takes a text away."""
    given = {
        "state": state, "risk": risk, "risk_reason": risk_reason, "overview": overview, "owner": owner,
        "business_problem": business_problem, "intended_uses": intended_uses, "factors": factors, "ethics": ethics,
        "caveats": caveats,
    }  # fmt: skip
    said = {name: value for name, value in given.items() if value is not None}
    version = records.find(ws.store, model)
    cards.change(ws.store, version, lambda before: msgspec.structs.replace(before, **said))
    return card(ws, version.ref)


@action("model card", writes=False, about="model")
def card(
    ws: Workspace,
    model: Model,
    *,
    to: Annotated[str | None, Arg(help="a file to write it to: .md or .html", completes="file")] = None,
) -> ModelCard:
    """Show the card of a version: what `model set` says of it, its training, evaluation, columns and decisions.

    As Markdown, or written to a file as Markdown or as one HTML page.
    """
    version = show(ws, model)
    said = cards.of(ws.store, version)
    title, sections = f"{version.name} version {version.version}", cards.sections(ws.store, version, said)
    if to is not None:
        write = PAGES.get(place.path(to).suffix.lower())
        if write is None:
            raise BadOption(f"{to!r} does not say what to write", hint="end it in .md or .html")
        saving.write(saving.outside(ws.store, Path(to)), write(title, sections).encode())
    return ModelCard(
        model=version.ref,
        card=said,
        text=cardpages.markdown(title, sections) if to is None else None,
        path=str(place.path(to)) if to is not None else None,
    )


@action("model diff", writes=False, about="model")
def diff(
    ws: Workspace, model: Model, other: Annotated[str, Arg(help="the version to hold beside it", completes="model")]
) -> Differences:
    """Show what differs between two versions: data, parameters, columns, classes, metrics, files.

    Of a metric it says whether the second is better or worse than the first by more than chance.
    """
    return differing.between(ws.store, records.find(ws.store, model), records.find(ws.store, other))


@action("model chain", about="model")
def chain(
    ws: Workspace,
    models: Annotated[
        list[str], Arg(help="two versions or more, in their order: scaler@1, churn@3", completes="model")
    ],
    *,
    name: Annotated[str, Arg(help="the model to make a new version of", completes="model")],
    description: Annotated[str, Arg(help="what is special about this version")] = "",
) -> ModelState:
    """Make a new version of a model from others that answer one after the other: a pipeline of models.

    What a member says becomes columns of those after it, by their names: prediction, probability_CLASS, score, or the
    columns of the table that own Python gives; all other columns come from the request. What the last one says is
    the answer. The files of all members are copied, and they have to answer a sample together.
    """
    from cupola.registry import chaining

    found = [records.find(ws.store, one) for one in models]
    made = chaining.chain(ws.store, name, found, description)
    return records.find(ws.store, made.ref)


@action("model approve", about="model", key="a", role="approver")
def approve(ws: Workspace, model: Model, *, note: Note = "") -> ModelState:
    """Approve a version for deployment, with who and why."""
    return _say(ws, model, {"status": APPROVED, "note": note})


@action("model reject", about="model", role="approver")
def reject(ws: Workspace, model: Model, *, note: Note = "") -> ModelState:
    """Reject a version, with who and why; an endpoint that serves it already goes on."""
    return _say(ws, model, {"status": REJECTED, "note": note})


@action("model stage", about="model", role="approver")
def stage(
    ws: Workspace,
    model: Model,
    stage: Annotated[Literal["Development", "Staging", "Production", "Archived"], Arg(help="where it is on its way")],
    *,
    note: Note = "",
) -> ModelState:
    """Say where a version is on its way into production, with who and why. It deploys nothing by itself."""
    return _say(ws, model, {"stage": stage, "note": note})


@action("model alias", about="model")
def alias(
    ws: Workspace,
    model: Model,
    alias: Annotated[str, Arg(help="a name such as champion")],
    *,
    remove: Annotated[bool, Arg(help="take the alias away")] = False,
) -> ModelState:
    """Let an alias mean a version (churn@champion), or take it away."""
    names.check_name(alias, "name of an alias")
    if alias[0].isdigit():
        raise BadOption(f"the alias {alias!r} begins with a digit, as a version does", hint="begin with a letter")
    version = records.find(ws.store, model)
    meant = None if remove else f"{version.version}-{version.id}"
    with _changing(ws, records.aliases_path(version.name)):
        if remove and alias not in records.aliases_of(ws.store, version.name):
            raise BadOption(f"the model {version.name} has no alias {alias!r}")
        records.set_alias(ws.store, version.name, alias, meant)
    return records.find(ws.store, version.ref)


@action("model runtime", about="model")
def runtime(ws: Workspace, model: Model) -> Measured:
    """Show whether a version is served compiled: how its answers compare with the native ones, and how long each takes.

    What is known on this host is shown; otherwise a job compiles the version and compares both, on its sample and on
    some hundred rows that are made up (missing and unseen values, extremes, and where the trees divide).
    """
    version = records.find(ws.store, model)
    found = version.runtime
    if found is None or (found.host, found.environment) != (names.who()[1], environment()):
        command = [sys.executable, "-m", "cupola.runtimes"]
        name, here = f"{version.name}-runtime", names.who()[1]
        output = errands.done(
            ws.store, kind="runtime", command=command, spec={"model": version.ref}, name=name, only_on=here
        )
        found = msgspec.convert(output, Report)
    return Measured(model=version.ref, **msgspec.structs.asdict(found))


@action("model verify", writes=False, about="model")
def verify(
    ws: Workspace,
    model: Model,
    *,
    trust: Annotated[bool, Arg(help="sign the files with your key: a pickle among them may then run as you")] = False,
) -> Verification:
    """Check every file of a version against what was registered.

    With --trust the files are signed with your key, if they are unchanged: from then on a pickle is loaded as you.
    Look first at who made it; loading a pickle runs what its maker put into it.
    """
    version = records.find(ws.store, model)
    problems = contents.problems(files.absolute(ws.store, version.directory), version.files)
    if contents.whole(version.files) != version.sha256:
        problems.append("version.json: its list of files does not give its sha256")
    if trust:
        if problems:
            raise Corrupt(f"what has changed is not signed: {problems[0]}", where=version.directory)
        ws.store.check_writable()
        user, host = names.who()
        roles.require(ws.settings, "model verify --trust", roles.MEMBER, user)
        mac = secret.sign(records.payload(version.sha256))
        records.say(ws.store, version, {"trusted": version.sha256, "mac": mac, "user": user, "host": host})
    return Verification(
        model=version.ref,
        name=version.name,
        version=version.version,
        ok=not problems,
        sha256=version.sha256,
        files=version.files,
        storage=version.storage,
        trusted=records.loadable(ws.store, version),
        problems=problems,
    )


@action("model export", writes=False, about="model")
def export(
    ws: Workspace,
    model: Model,
    path: Annotated[str, Arg(help="the file to write, or with --format mlflow the directory", completes="file")],
    *,
    format: Annotated[Literal["zip", "mlflow"], Arg(help="one file, or a directory that MLflow takes")] = "zip",
) -> Exported:
    """Write one version to one file (a ZIP archive) that `model import` of another workspace takes.

    Every file is checked against what was registered as it is written; the same version always gives the same file.
    With --format mlflow it is a directory for `mlflow.pyfunc.load_model` and `mlflow models serve`.
    """
    version = records.find(ws.store, model)
    if format == "mlflow":
        from cupola.mlflow import exported

        target = exported.export(ws.store, version, Path(path))
        size = sum(one.stat().st_size for one in target.rglob("*") if one.is_file())
    else:
        target = packing.export(ws.store, version, Path(path))
        size = target.stat().st_size
    return Exported(model=version.ref, path=str(target), sha256=version.sha256, bytes=size)


@action("model import")
def import_(
    ws: Workspace,
    path: Annotated[
        str, Arg(help="a file that `model export` wrote, or the directory of an MLflow model", completes="file")
    ],
    *,
    name: Annotated[
        str | None, Arg(help="the model to make a new version of; by default the name it had", completes="model")
    ] = None,
) -> ModelState:
    """Make a new version of a model from a file that `model export` wrote, once every byte of it has been checked.

    It waits for approval here; the run and the dataset that it names are those of where it was made. A pickle in it is
    loaded only after `model verify --trust`, unless your own key has signed it. The same file twice is one version.
    A directory with an MLmodel is an MLflow model, as `save_model` leaves it: it needs --name. Models of scikit-learn,
    LightGBM and XGBoost are served without MLflow.
    """
    source = place.path(path)
    if source.is_dir():
        from cupola.mlflow import packed

        return records.find(ws.store, packed.take(ws.store, source, name).ref)
    made = packing.unpack(ws.store, source, name)
    return records.find(ws.store, made.ref)


@action("model rm", about="model", key="D", dry_run=True, confirm="name")
def rm(
    ws: Workspace,
    model: Annotated[str, Arg(help="one version: churn@3", completes="model")],
    *,
    dry_run: Annotated[bool, Arg(help="only say what would be removed")] = False,
) -> Removed:
    """Move one version to the trash. One that an endpoint serves, that is in Production or has an alias stays."""
    wanted = references.parse(model, "name of a model")
    version = records.find(ws.store, model)
    if wanted.version is None and wanted.alias is None and len(records.versions(ws.store, version.name)) > 1:
        raise BadOption(f"{model!r} has several versions", hint=f"say which, as in {model}@{version.version}")
    removing.check_unused(ws.store, version)
    if dry_run:
        return Removed(removed=[version.ref], dry_run=True)
    return Removed(removed=[version.ref], trash=removing.remove(ws.store, version))


@action("model restore")
def restore(ws: Workspace, trash: Annotated[str, Arg(help="the token that `model rm` gave")]) -> ModelState:
    """Bring a version back from the trash."""
    return removing.restore(ws.store, trash)


def _say(ws: Workspace, model: str, entry: dict[str, str]) -> ModelState:
    version = records.find(ws.store, model)
    user, host = names.who()
    with _changing(ws, records.approvals_path(version)):
        records.say(ws.store, version, entry | {"user": user, "host": host})
    return records.find(ws.store, version.ref)


@contextmanager
def _changing(ws: Workspace, journals: str) -> Iterator[None]:
    """Holds the claim of what a form may have shown. Raises Conflict where that has changed since."""
    with claims.held(ws.store, f"edit/{journals}"):
        basis.check(journals, lambda: basis.of_journals(ws.store, journals))
        yield
