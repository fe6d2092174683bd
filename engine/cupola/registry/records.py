"""What is on disk of a model: `models/NAME/N-ID/`, immutable, and what people say of it beside it.

version.json and the model's files     published whole by the registration
approvals/WRITER.jsonl                 who approved, rejected or trusted the version, and why; the last one counts
models/NAME/aliases/WRITER.jsonl       which version an alias means; the last one counts
"""

from typing import Any

import msgspec

from cupola.errors import CupolaError, NotFound
from cupola.registry.signature import Signature
from cupola.store import Store, files, journals, records, references, secret
from cupola.store.records import Record

DIRECTORY = "models"
PENDING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"
UNREADABLE = "Unreadable"


class ModelVersion(Record, kw_only=True):
    """One immutable version of a model.

    run: the id of the run that it came from, of `experiment`. files: the sha256 of each file; sha256: of the lines
    "SHA256  PATH" of them all, sorted by path (what `sha256sum` prints). storage: "skops", or "pickle" where
    skops cannot save the estimator. mac: made over `sha256` with the registrar's secret when the model is known to be
    of their own making; a pickle loads for them alone until somebody else trusts it explicitly.
    """

    id: str
    name: str
    version: int
    run: str
    experiment: str = ""
    dataset: str = ""
    target: str = ""
    task: str = ""
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
    """A version as `model ls` and `model show` print it, with what people said of it."""

    status: str
    aliases: list[str] = msgspec.field(default_factory=list)
    approvals: list[Approval] = msgspec.field(default_factory=list)


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


def aliases_of(store: Store, name: str) -> dict[str, str]:
    """Each alias of a model and the version ("3-7f3a...") that it means."""
    meant: dict[str, str] = {}
    for entry in journals.folded(store, f"{DIRECTORY}/{name}/aliases"):
        alias, version = entry.get("alias"), entry.get("version")
        if isinstance(alias, str) and isinstance(version, str):
            meant[alias] = version
        elif isinstance(alias, str):
            meant.pop(alias, None)
    return meant


def approvals(store: Store, version: ModelVersion) -> list[Approval]:
    """What was said of a version, in the order in which every reader sees it."""
    said = []
    for entry in journals.folded(store, f"{version.directory}/approvals"):
        try:
            said.append(msgspec.convert(entry, Approval))
        except msgspec.ValidationError:
            continue  # a line of another kind: an act of trust, or of a newer Cupola
    return said


def trusted(store: Store, version: ModelVersion) -> bool:
    """Whether this user has signed these very files: as their registrar, or by an explicit act since."""
    macs = [version.mac, *(entry.get("mac") for entry in journals.folded(store, f"{version.directory}/approvals"))]
    return any(isinstance(mac, str) and secret.verify(payload(version.sha256), mac) for mac in macs)


def payload(sha256: str) -> bytes:
    """What a signature on all files of a model is made over."""
    return b"model\0" + sha256.encode()


def pickle_payload(sha256: str) -> bytes:
    """What training signs of a pickle that it has made; the MAC goes into model.json as `mac`."""
    return b"pickle\0" + sha256.encode()


def say(store: Store, version: ModelVersion, entry: dict[str, Any]) -> None:
    """Adds a line to this writer's journal about a version, and announces it."""
    from cupola.store import feed

    journals.append(store, f"{version.directory}/approvals/{store.writer}.jsonl", [entry])
    feed.announce(store, "model", f"{version.name}@{version.version}-{version.id}", 0)


def set_alias(store: Store, name: str, alias: str, version: str | None) -> None:
    """Lets an alias mean a version ("3-7f3a..."), or with None nothing any more."""
    from cupola.store import feed, names

    user, host = names.who()
    entry = {"alias": alias, "version": version, "user": user, "host": host}
    journals.append(store, f"{DIRECTORY}/{name}/aliases/{store.writer}.jsonl", [entry])
    feed.announce(store, "model", name, 0)


def _state(store: Store, version: ModelVersion, aliases: dict[str, str]) -> ModelState:
    said = approvals(store, version)
    mine = f"{version.version}-{version.id}"
    return ModelState(
        **{name: getattr(version, name) for name in version.__struct_fields__},
        status=said[-1].status if said else PENDING,
        aliases=sorted(alias for alias, meant in aliases.items() if meant == mine),
        approvals=said,
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
