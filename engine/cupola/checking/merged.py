"""A look at what merges have kept of another copy, because this one has something else there."""

import re

from cupola.checking.inspection import Finding, Inspection, Look
from cupola.merging.taking import ASIDE

CONTENT = re.compile("[0-9a-f]{16}")


def merged(of: Inspection) -> Look:
    """Notes each thing that was put aside: a person decides which one counts."""
    waiting = [ASIDE]
    while waiting:
        path = waiting.pop()
        for name in of.names(path):
            one = f"{path}/{name}"
            if CONTENT.fullmatch(name):
                what = path.removeprefix(f"{ASIDE}/")
                why = f"another copy of this workspace has this as {what}, which is another here. Remove it when seen"
                yield Finding("differs", one, why, note=True)
            elif (of.store.root / one).is_dir():
                waiting.append(one)
