"""What a user can do with models: register, approve, name, check, remove."""

from typing import Annotated

import msgspec

from cupola.actions import Arg, action
from cupola.errors import BadOption, Conflict, Corrupt
from cupola.experiments import records as runs
from cupola.registry import contents, records, registration
from cupola.registry.records import APPROVED, REJECTED, ModelState
from cupola.store import feed, files, names, references, secret
from cupola.team import roles
from cupola.workspace import Workspace

Model = Annotated[str, Arg(help="a model: churn, churn@3, churn@champion", completes="model")]
Note = Annotated[str, Arg(help="why")]


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


@action("model ls", writes=False)
def ls(
    ws: Workspace, name: Annotated[str | None, Arg(help="only the versions of this model", completes="model")] = None
) -> list[ModelState]:
    """List the versions of all models, the newest first."""
    if name is None:
        return records.ls(ws.store)
    found = records.versions(ws.store, references.parse(name, "name of a model").name)
    return found[::-1] if found else [records.find(ws.store, name)]


@action("model show", writes=False, about="model")
def show(ws: Workspace, model: Model) -> ModelState:
    """Show one version: where it came from, its metrics, its signature, and what people said of it."""
    return records.find(ws.store, model)


@action("model approve", about="model", key="a", role="approver")
def approve(ws: Workspace, model: Model, *, note: Note = "") -> ModelState:
    """Approve a version for deployment, with who and why."""
    return _judge(ws, model, APPROVED, note)


@action("model reject", about="model", role="approver")
def reject(ws: Workspace, model: Model, *, note: Note = "") -> ModelState:
    """Reject a version, with who and why; an endpoint that serves it already goes on."""
    return _judge(ws, model, REJECTED, note)


@action("model alias", about="model")
def alias(
    ws: Workspace,
    model: Model,
    alias: Annotated[str, Arg(help="a name such as champion")],
    *,
    remove: Annotated[bool, Arg(help="take the alias away")] = False,
) -> ModelState:
    """Let an alias mean a version (churn@champion), or take it away."""
    names.check_name(alias, "alias")
    if alias[0].isdigit():
        raise BadOption(f"the alias {alias!r} begins with a digit, as a version does", hint="begin with a letter")
    version = records.find(ws.store, model)
    if remove:
        if alias not in records.aliases_of(ws.store, version.name):
            raise BadOption(f"the model {version.name} has no alias {alias!r}")
        records.set_alias(ws.store, version.name, alias, None)
    else:
        records.set_alias(ws.store, version.name, alias, f"{version.version}-{version.id}")
    return records.find(ws.store, version.ref)


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
        trusted=version.storage == "skops" or records.trusted(ws.store, version),
        problems=problems,
    )


@action("model rm", about="model", key="D", dry_run=True, confirm="name")
def rm(
    ws: Workspace,
    model: Annotated[str, Arg(help="one version: churn@3", completes="model")],
    *,
    dry_run: Annotated[bool, Arg(help="only say what would be removed")] = False,
) -> Removed:
    """Move one version to the trash. One that an endpoint serves stays."""
    from cupola.serving import records as endpoints

    wanted = references.parse(model, "name of a model")
    version = records.find(ws.store, model)
    if wanted.version is None and wanted.alias is None and len(records.versions(ws.store, version.name)) > 1:
        raise BadOption(f"{model!r} has several versions", hint=f"say which, as in {model}@{version.version}")
    serving = [one.name for one in endpoints.wishes(ws.store) if any(v.model == version.ref for v in one.variants)]
    if serving:
        raise Conflict(
            f"{version.ref} is deployed to {', '.join(serving)}",
            where=version.directory,
            hint="remove the endpoint or deploy another version to it first",
        )
    if dry_run:
        return Removed(removed=[version.ref], dry_run=True)
    token = files.trash(ws.store, version.directory)
    feed.announce(ws.store, "model", version.ref, 0)
    return Removed(removed=[version.ref], trash=token)


@action("model restore")
def restore(ws: Workspace, trash: Annotated[str, Arg(help="the token that `model rm` gave")]) -> ModelState:
    """Bring a version back from the trash."""
    name, _, version = files.untrash(ws.store, trash).removeprefix(f"{records.DIRECTORY}/").partition("/")
    found = records.find(ws.store, f"{name}@{version}")
    feed.announce(ws.store, "model", found.ref, 0)
    return found


def _judge(ws: Workspace, model: str, status: str, note: str) -> ModelState:
    version = records.find(ws.store, model)
    user, host = names.who()
    records.say(ws.store, version, {"status": status, "note": note, "user": user, "host": host})
    return records.find(ws.store, version.ref)
