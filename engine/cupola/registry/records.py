"""What is on disk of a model: `models/NAME/N-ID/`, immutable, and what people say of it beside it.

version.json and the model's files     published whole by the registration
approvals/WRITER.jsonl                 who approved, rejected, trusted or staged the version, and why; of each the last
                                       one counts. What load tests and comparisons of runtimes have found
models/NAME/aliases/WRITER.jsonl       which version an alias means; the last one counts
"""

from typing import Any

import msgspec

from cupola.errors import CupolaError, NotFound
from cupola.registry import loadtests
from cupola.registry.loadtests import LoadTest
from cupola.registry.signature import Signature
from cupola.runtimes import records as runtimes
from cupola.runtimes.records import Report
from cupola.store import Store, files, journals, records, references, secret
from cupola.store.names import who
from cupola.store.records import Record

DIRECTORY = "models"
PENDING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"
UNREADABLE = "Unreadable"
SAFE = ("skops", "booster", "chain")  # storages from which nothing is run
PYTHON = "python"  # the storage of what brings Python of its own, and needs trust
STAGES = ("Development", "Staging", "Production", "Archived")


class Member(msgspec.Struct, kw_only=True):
    """A member of a chain: the version that it was, the data that it was made from, and which of its columns come from
    the members before it.
    """

    model: str
    dataset: str = ""
    given: list[str] = []


class ModelVersion(Record, kw_only=True):
    """One immutable version of a model.

    run: the id of the run that it came from, of `experiment`. files: the sha256 of each file; sha256: of the lines
    "SHA256  PATH" of them all, sorted by path (what `sha256sum` prints). flow: of one that prepares the rows first, as
    lineage names it. storage: "skops", "pickle" where skops cannot save the estimator, or "python" where a step of the
    flow is Python. mac: made over `sha256` with the registrar's secret when the model is known to be
    of their own making; a pickle loads for them alone until somebody else trusts it explicitly. origin: the version
    of another workspace that it was packed from, whose run and dataset it names. members: of a chain, whose storage is
    "chain", or that of the first member which needs trust.
    """

    id: str
    name: str
    version: int
    run: str
    experiment: str = ""
    dataset: str = ""
    target: str = ""
    task: str = ""
    flow: str = ""
    estimator: str = ""
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    metric_errors: dict[str, float] = msgspec.field(default_factory=dict)
    sha256: str
    files: dict[str, str]
    bytes: int = 0
    signature: Signature
    storage: str
    user: str
    host: str
    registered: str
    description: str = ""
    mac: str | None = None
    origin: str = ""
    members: list[Member] = msgspec.field(default_factory=list)

    @property
    def ref(self) -> str:
        """The exact name of this version, which stays unambiguous when copies of a workspace are merged."""
        return f"{self.name}@{self.version}-{self.id}"

    @property
    def directory(self) -> str:
        return f"{DIRECTORY}/{self.name}/{self.version}-{self.id}"


class Approval(msgspec.Struct, kw_only=True):
    """What somebody said of a version: its new status, and why."""

    status: str
    note: str
    user: str
    host: str
    time: str


class ModelState(ModelVersion, kw_only=True):
    """A version as `model ls` and `model show` print it, with what people said of it and (`bad`) of its data.

    stage: one of STAGES, or "" before anybody has said one. load_test, runtime: the newest, of this host where
    there is one.
    """

    status: str
    stage: str = ""
    aliases: list[str] = msgspec.field(default_factory=list)
    approvals: list[Approval] = msgspec.field(default_factory=list)
    load_test: LoadTest | None = None
    runtime: Report | None = None
    tags: list[str] = msgspec.field(default_factory=list)
    bad: str = ""


def names(store: Store) -> list[str]:
    """The models that have a version."""
    return [name for name in files.listing(store, DIRECTORY) if references.versions(store, DIRECTORY, name)]


def versions(store: Store, name: str) -> list[ModelState]:
    """Every version of a model, the oldest first; of one that cannot be read the description says why."""
    found = [_listed(store, name, number, id) for number, id in references.versions(store, DIRECTORY, name)]
    return [one for one in found if one is not None]


def ls(store: Store) -> list[ModelState]:
    """Every version of every model, the newest registration first."""
    found = [one for name in files.listing(store, DIRECTORY) for one in versions(store, name)]
    return sorted(found, key=lambda one: one.registered, reverse=True)


def find(store: Store, reference: str) -> ModelState:
    """The version that churn (the newest), churn@3, churn@3-7f3a or churn@champion names.

    Raises NotFound, Ambiguous.
    """
    wanted = references.parse(reference, "name of a model")
    aliases = aliases_of(store, wanted.name)
    if wanted.alias:
        target = aliases.get(wanted.alias)
        if target is None:
            known = (
                f"its aliases: {', '.join(sorted(aliases))}"
                if aliases
                else f"`cupola model alias {wanted.name}@N ALIAS`"
            )
            raise NotFound(f"the model {wanted.name!r} has no alias {wanted.alias!r}", hint=known)
        wanted = references.parse(f"{wanted.name}@{target}")
    directory = references.version_directory(store, DIRECTORY, wanted)
    return _state(store, records.read(store, f"{directory}/version.json", ModelVersion), aliases)


def of_run(store: Store, run: str) -> list[ModelState]:
    """The versions that were registered from a run."""
    return [one for one in ls(store) if one.run == run]


def aliases_path(name: str) -> str:
    """Where the journals of a model's aliases lie."""
    return f"{DIRECTORY}/{name}/aliases"


def approvals_path(version: ModelVersion) -> str:
    """Where the journals of what was said of a version lie."""
    return f"{version.directory}/approvals"


def aliases_of(store: Store, name: str) -> dict[str, str]:
    """Each alias of a model and the version ("3-7f3a...") that it means."""
    meant: dict[str, str] = {}
    for entry in journals.folded(store, aliases_path(name)):
        alias, version = entry.get("alias"), entry.get("version")
        if isinstance(alias, str) and isinstance(version, str):
            meant[alias] = version
        elif isinstance(alias, str):
            meant.pop(alias, None)
    return meant


def _approvals(entries: list[dict[str, Any]]) -> list[Approval]:
    said = []
    for entry in entries:
        try:
            said.append(msgspec.convert(entry, Approval))
        except msgspec.ValidationError:
            continue  # a line of another kind: a stage, an act of trust, or of a newer Cupola
    return said


def _stage(entries: list[dict[str, Any]]) -> str:
    return next((entry["stage"] for entry in reversed(entries) if entry.get("stage") in STAGES), "")


def trusted(store: Store, version: ModelVersion) -> bool:
    """Whether this user has signed these very files: as their registrar, or by an explicit act since."""
    macs = [version.mac, *(entry.get("mac") for entry in journals.folded(store, approvals_path(version)))]
    return any(isinstance(mac, str) and secret.verify(payload(version.sha256), mac) for mac in macs)


def loadable(store: Store, version: ModelVersion) -> bool:
    """Whether its files may be loaded: they can run nothing, or this user has signed them."""
    return version.storage in SAFE or trusted(store, version)


def payload(sha256: str) -> bytes:
    """What a signature on all files of a model is made over."""
    return b"model\0" + sha256.encode()


def flow_payload(sha256: str) -> bytes:
    """What training signs of a flow.json whose steps hold Python; the MAC goes into model.json as `flow_mac`."""
    return b"flow\0" + sha256.encode()


def pickle_payload(sha256: str) -> bytes:
    """What training signs of a pickle that it has made; the MAC goes into model.json as `mac`."""
    return b"pickle\0" + sha256.encode()


def say(store: Store, version: ModelVersion, entry: dict[str, Any]) -> None:
    """Adds a line to this writer's journal about a version, and announces it."""
    from cupola.store import feed

    path = f"{approvals_path(version)}/{store.writer}.jsonl"
    line = journals.append(store, path, [entry])
    feed.announce(store, "model", f"{version.name}@{version.version}-{version.id}", line, path)


def set_alias(store: Store, name: str, alias: str, version: str | None) -> None:
    """Lets an alias mean a version ("3-7f3a..."), or with None nothing any more."""
    from cupola.store import feed, names

    user, host = names.who()
    entry = {"alias": alias, "version": version, "user": user, "host": host}
    path = f"{aliases_path(name)}/{store.writer}.jsonl"
    line = journals.append(store, path, [entry])
    feed.announce(store, "model", name, line, path)


def _state(store: Store, version: ModelVersion, aliases: dict[str, str]) -> ModelState:
    entries = list(journals.folded(store, approvals_path(version)))
    said = _approvals(entries)
    mine = f"{version.version}-{version.id}"
    return ModelState(
        **{name: getattr(version, name) for name in version.__struct_fields__},
        status=said[-1].status if said else PENDING,
        stage=_stage(entries),
        aliases=sorted(alias for alias, meant in aliases.items() if meant == mine),
        approvals=said,
        load_test=journals.newest(entries, "load_test", loadtests.LoadTest, who()[1]),
        runtime=journals.newest(entries, "runtime", runtimes.Report, who()[1]),
    )


def _listed(store: Store, name: str, number: int, id: str) -> ModelState | None:
    """The version in a directory; None when it went to the trash since it was listed."""
    try:
        version = records.read(store, f"{DIRECTORY}/{name}/{number}-{id}/version.json", ModelVersion)
        return _state(store, version, aliases_of(store, name))
    except NotFound:
        return None
    except CupolaError as error:
        return ModelState(
            id=id, name=name, version=number, run="", sha256="", files={}, signature=Signature(columns=[]), storage="",
            user="", host="", registered="", description=str(error), status=UNREADABLE,
        )  # fmt: skip
