"""A version made of others: a chain, which holds all files of its members and hangs on none of them afterwards."""

import hashlib
from pathlib import Path

import msgspec

from cupola.errors import BadOption, Corrupt, Refused
from cupola.registry import baselines, contents, records, signature, trying
from cupola.registry.baselines import Baseline
from cupola.registry.records import SAFE, Member, ModelState, ModelVersion
from cupola.store import Store, claims, feed, files, names, secret

MOST = 15  # members, as many as the hosted service's inference pipelines have


def chain(store: Store, name: str, members: list[ModelState], description: str) -> ModelVersion:
    """Makes the next version of `name` of others, once they have answered a sample one after the other.

    Raises BadOption for too few or too many, Refused for code that nobody trusted has signed, BadInput where two do not
    fit, Corrupt for a file that is not what was registered.
    """
    names.check_name(name, "name of a model")
    if not 2 <= len(members) <= MOST:
        raise BadOption(f"a chain has 2 to {MOST} members, not {len(members)}")
    for one in members:
        if not records.loadable(store, one):
            hint = f"`cupola model verify {one.name}@{one.version} --trust`, if you know where it comes from"
            raise Refused(f"{one.ref} can run any code, and you have not signed it", hint=hint)
    with files.staged(store, f"{records.DIRECTORY}/{name}") as staged:
        hashes = _copied(store, members, staged)
        written = [contents.CHAIN, signature.FILE, contents.SAMPLE, contents.ANSWERS]
        _write(staged / contents.CHAIN, [Member(model=one.ref, dataset=one.dataset) for one in members])
        trying.answer(staged, hashes)
        if baseline := _baseline(store, members):
            _write(staged / contents.BASELINE, baseline)
            written.append(contents.BASELINE)
        hashes |= {one: hashlib.sha256((staged / one).read_bytes()).hexdigest() for one in written}
        version = _version(store, name, members, hashes, description, staged)
        _write(staged / "version.json", version)
        files.publish_dir(store, staged, version.directory)
    feed.announce(store, "model", version.ref, version.revision)
    return version


def _write(path: Path, content: object) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")


def _copied(store: Store, members: list[ModelState], staged: Path) -> dict[str, str]:
    """Copies the files of all members; the sha256 of each. Raises Corrupt."""
    hashes = {}
    for number, member in enumerate(members, 1):
        for name, sha256 in member.files.items():
            path = f"{contents.MEMBERS}/{number}/{name}"
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            hashes[path], _ = contents.copy(files.absolute(store, f"{member.directory}/{name}"), staged / path)
            if hashes[path] != sha256:
                hint = f"`cupola model verify {member.name}@{member.version}` says more"
                why = f"{name} is not what was registered: its checksum differs"
                raise Corrupt(why, where=member.directory, hint=hint)
    return hashes


def _baseline(store: Store, members: list[ModelState]) -> Baseline | None:
    """The columns as the first member has seen them, and the predictions as the last one was seen to make them."""
    first, last = baselines.of(store, members[0]), baselines.of(store, members[-1])
    if first is None or last is None:
        return None
    return Baseline(rows=first.rows, columns=first.columns, held=last.held, predictions=last.predictions)


def _version(
    store: Store, name: str, members: list[ModelState], hashes: dict[str, str], description: str, staged: Path
) -> ModelVersion:
    user, host = names.who()
    sha256 = contents.whole(hashes)
    signed = signature.decode((staged / signature.FILE).read_bytes())
    return ModelVersion(
        id=names.new_id(),
        name=name,
        version=claims.take_number(store, f"{records.DIRECTORY}/{name}"),
        run="",
        dataset=members[0].dataset,
        target=signed.target or "",
        task=signed.task,
        estimator=" + ".join(one.estimator for one in members),
        sha256=sha256,
        files=hashes,
        bytes=sum((staged / one).stat().st_size for one in hashes),
        signature=signed,
        storage=next((one.storage for one in members if one.storage not in SAFE), "chain"),
        user=user,
        host=host,
        registered=names.now(),
        description=description,
        mac=secret.sign(records.payload(sha256)),
        members=msgspec.json.decode((staged / contents.CHAIN).read_bytes(), type=list[Member]),
    )
