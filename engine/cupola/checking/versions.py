"""A look at the immutable versions: `datasets/NAME/N-ID/` and `models/NAME/N-ID/`."""

import msgspec

from cupola.checking import tree
from cupola.checking.inspection import Finding, Inspection, Look, emptied
from cupola.checking.lines import journals
from cupola.datasets.records import DatasetVersion, Profile, Rows
from cupola.datasets.records import Settings as DatasetSettings
from cupola.registry import contents
from cupola.registry.cards import Card
from cupola.registry.records import ModelVersion
from cupola.registry.signature import FILE, Signature
from cupola.store.references import VERSION

SAYS = "version.json says"


def dataset(of: Inspection, directory: str) -> Look:
    """What belongs to all versions of a dataset."""
    yield from tree.look(of, directory, deep=False)
    yield from _kept(of, directory)
    yield from of.toml(f"{directory}/dataset.toml", DatasetSettings, needed=False)


def model(of: Inspection, directory: str) -> Look:
    """What belongs to all versions of a model."""
    yield from tree.look(of, directory, deep=False)
    yield from _kept(of, directory)
    aliases = f"{directory}/aliases"
    yield from tree.look(of, aliases, deep=True)
    yield from journals(of, aliases)


def dataset_version(of: Inspection, directory: str) -> Look:
    yield from tree.look(of, directory, deep=True)
    if not of.names(directory):
        yield Finding("leftover", directory, "an empty version: its writer died", emptied(directory))
        return
    version = yield from of.record(f"{directory}/version.json", DatasetVersion)
    profile = yield from of.record(f"{directory}/profile.json", Profile)
    yield from of.record(f"{directory}/preview.json", Rows)
    if version is None:
        return
    if version.directory != directory:
        yield Finding("mismatch", f"{directory}/version.json", f"it says that it is {version.ref}")
    yield from of.checksum(f"{directory}/data.parquet", version.data_sha256, SAYS)
    if profile is not None:
        named = [column.name for column in version.columns]
        if (profile.rows, [column.name for column in profile.columns]) != (version.rows, named):
            yield Finding("mismatch", f"{directory}/profile.json", "its rows or columns are not those of version.json")


def model_version(of: Inspection, directory: str) -> Look:
    yield from tree.look(of, directory, deep=True)
    if not of.names(directory):
        yield Finding("leftover", directory, "an empty version: its writer died", emptied(directory))
        return
    yield from journals(of, f"{directory}/approvals")
    yield from of.toml(f"{directory}/{contents.CARD}", Card, needed=False)
    path = f"{directory}/version.json"
    version = yield from of.record(path, ModelVersion)
    if version is None:
        return
    if version.directory != directory:
        yield Finding("mismatch", path, f"it says that it is {version.ref}")
    for name, sha256 in version.files.items():
        yield from of.checksum(f"{directory}/{name}", sha256, "was registered")
    if contents.whole(version.files) != version.sha256:
        yield Finding("checksum", path, "its sha256 is not that of the files that it lists")
    yield from _signature(of, directory, version)
    if version.run and version.run not in of.runs and not version.origin:
        yield Finding("dangling", path, f"the run {version.run} that it came from is not here any more", note=True)


def _signature(of: Inspection, directory: str, version: ModelVersion) -> Look:
    if FILE not in version.files:
        return
    signature = yield from of.record(f"{directory}/{FILE}", Signature)
    if signature is not None and msgspec.json.encode(signature) != msgspec.json.encode(version.signature):
        yield Finding("mismatch", f"{directory}/version.json", f"its signature is not the one in {FILE}")


def _kept(of: Inspection, directory: str) -> Look:
    """A directory without a version and without a reason: a writer has died between making it and filling it."""
    known = any(one.startswith(f"{directory}/") for one in of.trash)
    if not of.names(directory) and not known and of.exists(directory):
        yield Finding("leftover", directory, "there is nothing in it: its writer died", emptied(directory))


def versions(of: Inspection, directory: str) -> list[str]:
    """The directories of the versions in `datasets/NAME` or `models/NAME`."""
    named = (VERSION.fullmatch(one) for one in of.names(directory))
    return [f"{directory}/{one[0]}" for one in named if one and one[2]]
