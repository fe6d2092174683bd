"""Files that people edit: which of two versions counts is told by their history, and the other one is kept there."""

import msgspec

from cupola.errors import Corrupt, NotFound
from cupola.merging import judging, other, taking, writing
from cupola.merging.judging import Standing
from cupola.merging.taking import Merge
from cupola.serving.records import Signatures
from cupola.store import Store, claims, files, records, toml
from cupola.store.root import MARK
from cupola.workspace import is_as_made


def take(work: Merge, path: str) -> None:
    """Takes a version that is newer there; of two that were both changed, one counts and the other is kept."""
    theirs = files.read_bytes(work.there, path)
    if work.dry:
        _decide(work, path, theirs)
    elif _existing(work.here, path) != theirs or _unknown_macs(work, path):
        with claims.held(work.here, f"edit/{path}"):
            _decide(work, path, theirs)


def _decide(work: Merge, path: str, theirs: bytes) -> None:
    ours = _existing(work.here, path)
    if ours is None or ours == theirs:
        _sign(work, path)
        if ours is None:
            taking.create(work, path)
        return
    standing, known = _standing(work, path, ours, theirs)
    if standing == Standing.THEIRS:
        _keep(work, path, ours)
        _sign(work, path)
        taking.put(work, path, theirs)
    elif not known[0]:
        _keep_theirs(work, path, theirs)
    if not any(known):
        counts, loser = (standing, ours) if standing == Standing.THEIRS else (Standing.OURS, theirs)
        work.differs(path, counts, _kept(work, path, loser))


def _standing(work: Merge, path: str, ours: bytes, theirs: bytes) -> tuple[Standing, tuple[bool, bool]]:
    """Which one counts, and who knows the other's."""
    known = _knows(work.here, path, theirs), _knows(work.there, path, ours)
    revisions = _revision(ours, path), _revision(theirs, path)
    return judging.settings(ours, theirs, revisions=revisions, known=known), known


def _knows(store: Store, path: str, data: bytes) -> bool:
    """Whether a copy has had this version: it keeps it, or it is workspace.toml as `init` makes it."""
    kept = [one.split("-")[1:2] for one in files.listing(store, f"{other.HISTORY}/{path}")]
    return [records.content_name(data)] in kept or (path == MARK and is_as_made(data))


def _keep(work: Merge, path: str, data: bytes) -> None:
    if not work.dry:
        records.keep(work.here, path, _revision(data, path), data)


def _keep_theirs(work: Merge, path: str, theirs: bytes) -> None:
    """With the versions before it, so that it is known what it follows from."""
    if work.dry:
        return
    for name in files.listing(work.there, f"{other.HISTORY}/{path}"):
        if not writing.exists(work.here, f"{other.HISTORY}/{path}/{name}"):
            taking.create(work, f"{other.HISTORY}/{path}/{name}")
    _keep(work, path, theirs)


def _kept(work: Merge, path: str, data: bytes) -> str:
    """Where a version is kept."""
    directory, content = f"{other.HISTORY}/{path}", records.content_name(data)
    kept = [one for one in files.listing(work.here, directory) if one.split("-")[1:2] == [content]]
    return f"{directory}/{kept[0]}" if kept else directory


def _revision(data: bytes, path: str) -> int:
    """0 for what cannot be read."""
    try:
        given = toml.parse(data, path).get("revision", 1)
    except Corrupt:
        return 0
    return given if type(given) is int else 0


def _sign(work: Merge, path: str) -> None:
    """Adds the other copy's signatures, before what they sign is taken: whichever wish is there, it is signed."""
    more = _unknown_macs(work, path)
    if more and not work.dry:
        place = _signatures(path)
        macs = Signatures([*more, *_macs(work.here, place)])
        files.write_bytes(work.here, place, msgspec.json.encode(macs) + b"\n")


def _unknown_macs(work: Merge, path: str) -> list[str]:
    """The other copy's signatures on a wish that this one lacks."""
    if path.partition("/")[0] not in other.SIGNED:
        return []
    known = _macs(work.here, _signatures(path))
    return [mac for mac in _macs(work.there, _signatures(path)) if mac not in known]


def _signatures(path: str) -> str:
    return f"{path.rpartition('/')[0]}/{other.SIGNED[path.partition('/')[0]]}"


def _macs(store: Store, path: str) -> list[str]:
    try:
        return msgspec.json.decode(files.read_bytes(store, path), type=Signatures).macs
    except (NotFound, msgspec.MsgspecError, UnicodeDecodeError):
        return []


def _existing(store: Store, path: str) -> bytes | None:
    try:
        return files.read_bytes(store, path)
    except NotFound:
        return None
