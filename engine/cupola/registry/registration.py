"""From a finished run to an immutable version: its files copied, hashed and published in one step."""

from pathlib import Path

import msgspec

from cupola.errors import BadInput, NotReady
from cupola.experiments.records import Run
from cupola.flows import deploying
from cupola.registry import contents, records, signature
from cupola.registry.contents import DESCRIPTION, FLOW, PICKLE, SKOPS
from cupola.registry.records import ModelVersion
from cupola.store import Store, claims, feed, files, names, secret
from cupola.store.trouble import disk


def register(store: Store, run: Run, name: str, description: str = "") -> ModelVersion:
    """Makes the run's model the next version of `name`.

    Raises NotReady when the run has not completed or has left no model. Killed at any point it leaves no version or a
    whole one; a number that it had claimed is then not given again.
    """
    version = prepare(store, run, name, description)
    feed.announce(store, "model", version.ref, version.revision)
    return version


def prepare(store: Store, run: Run, name: str, description: str = "", at: str | None = None) -> ModelVersion:
    """Makes the version as a directory: where it belongs, or `at` another place, from where it is moved later on."""
    names.check_name(name, "name of a model")
    if run.status != "Completed":
        hint = f"`cupola run show {run.id}` says more"
        raise NotReady(f"the run {run.name} has not completed, it is {run.status}", where=run.id, hint=hint)
    if not run.model_directory:
        hint = "it was tried as a candidate: train it by itself (t on it), and register that" if run.part_of else ""
        raise NotReady(f"the run {run.name} has left no model", where=run.id, hint=hint)
    staged = files.staging(store)
    try:
        with disk(f"{records.DIRECTORY}/{name}"):
            version = _staged(store, run, name, description, staged)
            (staged / "version.json").write_bytes(msgspec.json.format(msgspec.json.encode(version)) + b"\n")
            files.publish_dir(store, staged, at or version.directory)
    except BaseException:
        files.discard(staged)
        raise
    return version


def _staged(store: Store, run: Run, name: str, description: str, staged: Path) -> ModelVersion:
    source = run.model_directory or ""
    origin = files.absolute(store, source)
    copied = {one: contents.copy(origin / one, staged / one) for one in files.listing(store, source)}
    hashes = {one: sha256 for one, (sha256, _) in copied.items()}
    if SKOPS not in hashes and PICKLE not in hashes:
        raise NotReady(f"the run {run.name} has left neither {SKOPS} nor {PICKLE}", where=source)
    try:
        signed = signature.decode((staged / signature.FILE).read_bytes())
    except (msgspec.DecodeError, FileNotFoundError) as error:
        raise BadInput(f"the model's {signature.FILE} cannot be read: {error}", where=source) from None
    user, host = names.who()
    sha256 = contents.whole(hashes)
    return ModelVersion(
        id=names.new_id(),
        name=name,
        version=claims.take_number(store, f"{records.DIRECTORY}/{name}"),
        run=run.id,
        experiment=run.experiment,
        dataset=run.dataset,
        target=run.target,
        task=run.task,
        flow=run.flow,
        estimator=run.estimator,
        metrics=run.metrics,
        metric_errors=run.metric_errors,
        sha256=sha256,
        files=hashes,
        bytes=sum(size for _, size in copied.values()),
        signature=signed,
        storage="pickle" if SKOPS not in hashes else records.PYTHON if _brings_python(staged, hashes) else "skops",
        user=user,
        host=host,
        registered=names.now(),
        description=description,
        mac=secret.sign(records.payload(sha256)) if _is_own_making(staged, hashes) else None,
    )


def _brings_python(staged: Path, hashes: dict[str, str]) -> bool:
    return FLOW in hashes and deploying.brings_python(deploying.decode((staged / FLOW).read_bytes()))


def _is_own_making(staged: Path, hashes: dict[str, str]) -> bool:
    """Whether this user may vouch for the files: skops needs no trust; a pickle, and a flow's Python, carry the MAC of
    who trained them.
    """
    signed = {}
    if SKOPS not in hashes:
        signed["mac"] = records.pickle_payload(hashes[PICKLE])
    if _brings_python(staged, hashes):
        signed["flow_mac"] = records.flow_payload(hashes[FLOW])
    if not signed:
        return True
    try:
        made = msgspec.json.decode((staged / DESCRIPTION).read_bytes())
        return all(secret.verify(payload, made[name]) for name, payload in signed.items())
    except (FileNotFoundError, msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return False
