"""How a schedule is printed for people: when it fires, what it runs, and what became of the last firing."""

from typing import Any

from cupola_tui.commands.cells import record

Row = dict[str, Any]


def schedule(found: Row) -> str:
    """A schedule, field by field, without what only programs need."""
    about = {
        "name": found["name"],
        "status": found["status"],
        "reason": found["reason"],
        "fires": found["when"],
        "next": "  ".join(found["next"]),
        "note": "; ".join(found["notes"]),
        "runs": found["runs"],
        "missed": found["missed"],
        "overlapping": found["overlapping"],
        "waiting": found["waiting"] or "",
        "last": last(found),
        "user": found["user"],
        "host": found["host"] or f"any of {found['user']}'s",
    }
    return record({name: value for name, value in about.items() if value != ""})


def coming(found: Row) -> str:
    """When it fires next; of one that waits for events only what these are."""
    return found["next"][0] if found["next"] else ""


def last(found: Row) -> str:
    """What became of the last firing."""
    one = found["last"]
    if one is None:
        return ""
    return (
        f"{one.due} {outcome({'status': one.status, 'kind': one.kind, 'started': one.started, 'reason': one.reason})}"
    )


def outcome(firing: Row) -> str:
    """What a firing has come to: what it started, or why it did not."""
    if firing["status"] == "Started":
        return f"{firing['kind']} {firing['started']}".strip()
    return f"{firing['status']}: {firing['reason']}".rstrip(": ")
