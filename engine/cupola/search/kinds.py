"""Every kind of record that can be searched: its list, with what people say of each, as its `ls` gives it."""

from typing import Any

from cupola import actions

KINDS = ("dataset", "run", "tuning", "job", "model", "endpoint", "activity")
MOST_ACTS = 100_000


def records(workspace: Any, kind: str) -> list[Any]:
    """The records of a kind."""
    more = {"limit": MOST_ACTS} if kind == "activity" else {}
    return list(actions.run(workspace, "activity" if kind == "activity" else f"{kind} ls", **more))
