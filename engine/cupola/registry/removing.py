"""Taking versions of models away: to the trash, and back; what somebody counts on stays."""

from cupola.errors import Conflict
from cupola.registry import records
from cupola.registry.records import ModelState
from cupola.store import Store, feed, files


def check_unused(store: Store, version: ModelState) -> None:
    """Raises Conflict where an endpoint serves the version or is to serve it, or where somebody counts on it."""
    from cupola.serving import records as endpoints

    serving = [
        one.name
        for one in endpoints.ls(store)
        if version.ref in {v.model for v in one.wished} | {v.model for v in one.variants}
    ]
    if serving:
        what, hint = f"is deployed to {', '.join(serving)}", "remove the endpoint or deploy another version to it first"
    elif version.stage == "Production":
        what, hint = "is in Production", f"`cupola model stage {version.ref} Archived` first"
    elif version.aliases:
        what = f"is what {', '.join(f'{version.name}@{one}' for one in version.aliases)} means"
        hint = (
            f"`cupola model alias {version.ref} {version.aliases[0]} --remove`, or let it mean another version, first"
        )
    else:
        return
    raise Conflict(f"{version.ref} {what}", where=version.directory, hint=hint)


def remove(store: Store, version: ModelState) -> str:
    """Moves a version to the trash; gives the token."""
    token = files.trash(store, version.directory)
    feed.announce(store, "model", version.ref, 0)
    return token


def restore(store: Store, token: str) -> ModelState:
    """Brings a version back from the trash. Raises NotFound, Conflict."""
    name, _, version = (
        files.untrash(store, token, records.DIRECTORY).removeprefix(f"{records.DIRECTORY}/").partition("/")
    )
    found = records.find(store, f"{name}@{version}")
    feed.announce(store, "model", found.ref, 0)
    return found
