"""Events that fire a schedule: a version of a dataset, the approval of a model, a violation, a file.

What stands in the workspace now is compared with what was known: level-triggered, so that no event is missed while no
agent runs. An event is named by what it is about and not by when it was seen, so that all agents name it alike.
"""

import stat
import time
from collections.abc import Callable

from cupola.errors import BadOption, CupolaError
from cupola.registry import records as models
from cupola.serving import records as serving
from cupola.store import Store, files, names, references

KINDS = ("dataset", "approval", "violation", "file")
PLACES = {  # where what a trigger is about lies, and what it is
    "dataset": ("datasets", "dataset"), "approval": ("models", "model"), "violation": ("endpoints", "endpoint"),
}  # fmt: skip
HINT = "as dataset:flights, approval:churn, violation:ENDPOINT or file:incoming/today.csv"
ALARM = "ALARM"
SETTLED = 2.0  # seconds without a word in a file, after which it is whole


def check(text: str) -> str:
    """The trigger itself, once it is one. Raises BadOption, BadName."""
    kind, colon, what = text.partition(":")
    if not colon or kind not in KINDS or not what:
        raise BadOption(f"{text[:60]!r} is no trigger", hint=HINT)
    if kind != "file":
        names.check_name(what, f"name in a trigger ({kind})")
    elif what.startswith("/") or ".." in what.split("/"):
        raise BadOption(f"{what[:60]!r} is not a file of the workspace", hint="its path from there: incoming/today.csv")
    return text


def awaited(store: Store, on: list[str]) -> list[str]:
    """Of each dataset, model and endpoint that is waited for and not there yet: that it is not."""
    found = []
    for kind, _, what in (one.partition(":") for one in on):
        place, word = PLACES.get(kind, ("", ""))
        if place and what not in files.listing(store, place):
            found.append(f"there is no {word} {what!r} yet: it is waited for")
    return found


def events(store: Store, trigger: str) -> list[str]:
    """What stands there now that fires a trigger, the oldest first: "flights@4-7f3a", "churn@3-7f3a.1", an alarm."""
    kind, _, what = trigger.partition(":")
    return LOOKS[kind](store, what)


def _versions(store: Store, name: str) -> list[str]:
    return [f"{name}@{number}-{ident}" for number, ident in references.versions(store, "datasets", name)]


def _approvals(store: Store, name: str) -> list[str]:
    """Each approval of each version, counted."""
    found = []
    for version in models.versions(store, name):
        approvals = [one for one in version.approvals if one.status == models.APPROVED]
        found += [f"{version.name}@{version.version}-{version.id}.{number}" for number in range(1, len(approvals) + 1)]
    return found


def _violations(store: Store, name: str) -> list[str]:
    """The alarms of an endpoint that stand now; the violations that its monitors find belong here too."""
    try:
        seen = serving.status(store, name)
    except CupolaError:
        return []
    return [one.alarm for one in seen.alarms if one.status == ALARM] if seen else []


def _file(store: Store, path: str) -> list[str]:
    """The file as it is now, once nobody has written to it for a moment: one that is still being copied is none."""
    try:
        seen = files.absolute(store, path).lstat()
    except (OSError, CupolaError):
        return []
    if not stat.S_ISREG(seen.st_mode) or 0 <= time.time() - seen.st_mtime < SETTLED:
        return []
    return [f"{path}.{seen.st_size}-{int(seen.st_mtime)}"]


LOOKS: dict[str, Callable[[Store, str], list[str]]] = {
    "dataset": _versions,
    "approval": _approvals,
    "violation": _violations,
    "file": _file,
}
