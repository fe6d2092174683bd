"""References as people write them: "churn", "churn@3", "churn@3-7f3a", "churn@champion", and prefixes of ids."""

import re
from collections.abc import Iterable, Mapping

import msgspec

from cupola.errors import Ambiguous, BadName, NotFound
from cupola.store.content import listing
from cupola.store.names import check_name
from cupola.store.root import Store

VERSION = re.compile(r"([0-9]{1,9})(?:-([a-z0-9]+))?")


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A name, and which version of it: by number, by number and (the beginning of) its id, by alias, or the latest."""

    name: str
    version: int | None = None
    id: str | None = None
    alias: str | None = None

    def __str__(self) -> str:
        if self.alias:
            return f"{self.name}@{self.alias}"
        if self.version is None:
            return self.name
        return f"{self.name}@{self.version}" + (f"-{self.id}" if self.id else "")


def parse(text: str, what: str = "name") -> Reference:
    """Reads a reference; `what` says in the error what it should name. Raises BadName."""
    name, at, which = text.partition("@")
    check_name(name, what)
    if not at:
        return Reference(name=name)
    if found := VERSION.fullmatch(which):
        return Reference(name=name, version=int(found[1]), id=found[2])
    if which[:1].isdigit():
        raise BadName(f"{text[:80]!a} is not a reference", hint=f"write {name}@3, {name}@3-7f3a or {name}@alias")
    return Reference(name=name, alias=check_name(which, "version or alias"))


def version_directory(store: Store, kind: str, reference: Reference) -> str:
    """The directory "KIND/NAME/N-ID" that a reference without alias means; `kind` is "datasets" or "models".

    Raises NotFound, and Ambiguous when two copies that were merged both made that version.
    """
    base = f"{kind}/{reference.name}"
    found = versions(store, kind, reference.name)
    if not found:
        one = kind.removesuffix("s")
        raise NotFound(f"there is no {one} {reference.name!r}", hint=f"`cupola {one} ls` lists them")
    number = found[-1][0] if reference.version is None else reference.version
    fits = [one for one in found if one[0] == number and one[1].startswith(reference.id or "")]
    if not fits:
        known = f"it has {found[0][0]} to {found[-1][0]}"
        raise NotFound(f"there is no version {number} of {reference.name!r}", where=str(reference), hint=known)
    if len(fits) > 1:
        names = " or ".join(f"{reference.name}@{version}-{id}" for version, id in fits)
        sentence = f"two copies of this workspace made version {number}"
        raise Ambiguous(sentence, where=str(reference), hint=f"say {names}")
    return f"{base}/{fits[0][0]}-{fits[0][1]}"


def versions(store: Store, kind: str, name: str) -> list[tuple[int, str]]:
    """The (number, id) of each version of a dataset or model, in order."""
    named = (VERSION.fullmatch(one) for one in listing(store, f"{kind}/{name}"))
    return sorted((int(one[1]), one[2]) for one in named if one and one[2])


def resolve(text: str, ids: Iterable[str], names: Mapping[str, str] | None = None, what: str = "record") -> str:
    """The id that `text` means: an id, the name of just one record, or a prefix of just one id.

    `names` gives the name of each id that has one. Raises NotFound, Ambiguous.
    """
    known = list(ids)
    if text in known:
        return text
    named = [one for one in known if names and names.get(one) == text]
    fits = named or [one for one in known if text and one.startswith(text)]
    if not fits:
        raise NotFound(f"there is no {what} {text[:80]!r}", hint="an id, the beginning of one, or a name is wanted")
    if len(fits) > 1:
        some = ", ".join(sorted(fits)[:5]) + (", ..." if len(fits) > 5 else "")
        raise Ambiguous(f"{text[:80]!r} means {len(fits)} {what}s", hint=f"say which: {some}")
    return fits[0]
