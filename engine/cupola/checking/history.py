"""A look at the history of the files that people edit: versions that are broken, or that another copy has replaced."""

import re

from cupola.checking.inspection import Finding, Inspection, Look, aside
from cupola.store.records import HISTORY, content_name

VERSION = re.compile(r"([0-9]+)-([0-9a-f]{16})(?:-([0-9a-f]{16}))?")


def history(of: Inspection, path: str) -> Look:
    """What is kept of one file. A version that no other followed, and that is not the file's, is noted, and so is a
    file that is gone while what it belongs to is still there."""
    kept = f"{HISTORY}/{path}"
    found = {one: parts for one in of.names(kept) if (parts := VERSION.fullmatch(one))}
    for name, parts in found.items():
        version = yield from of.read(f"{kept}/{name}", needed=False)
        if version is not None and content_name(version) != parts[2]:
            yield Finding("checksum", f"{kept}/{name}", "it is not what was kept", aside(f"{kept}/{name}"))
    if of.exists(path.rpartition("/")[0]) and not of.exists(path):
        yield Finding("missing", path, f"this file is not there any more; what it said lies in {kept}", note=True)
    data = yield from of.read(path, needed=False)
    now = content_name(data) if data is not None else ""
    if now not in {parts[2] for parts in found.values()}:  # somebody has edited it since, and saw what was there
        return
    followed = {now, *(parts[3] for parts in found.values())}
    numbers = {parts[2]: int(parts[1]) for parts in found.values()}
    kept_number = (int(one[1]) for one in found.values() if not one[3] or numbers.get(one[3]) == int(one[1]))
    edited = max(kept_number, default=0)  # by hand, which counts no revision, or the first
    for name, parts in found.items():
        number = int(parts[1])
        if parts[2] not in followed and number >= edited + bool(parts[3]):
            why = (
                f"so {path} was, and what it says now does not follow from that: a copy of this workspace had changed "
                "it too, or an older one was put back. Remove this when you have seen it"
            )
            yield Finding("replaced", f"{kept}/{name}", why, note=True)


def directories(of: Inspection, path: str = "") -> list[str]:
    """The paths of the files of which versions are kept."""
    here = f"{HISTORY}/{path}" if path else HISTORY
    found = [path] if any(VERSION.fullmatch(one) for one in of.names(here)) else []
    for name in of.names(here):
        below = f"{path}/{name}" if path else name
        if (of.store.root / HISTORY / below).is_dir():
            found += directories(of, below)
    return found
