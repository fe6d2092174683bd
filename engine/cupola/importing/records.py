"""What an import says when it is done: how much came over, and what did not, and why."""

import hashlib

import msgspec

from cupola.store import names

MOST = 1000  # things that did not come over and are named


class Skipped(msgspec.Struct, kw_only=True):
    """What did not come over, and why."""

    what: str
    why: str


class Imported(msgspec.Struct, kw_only=True):
    """What came over: how many of each. tunings: studies, whose trials are runs; metrics: logged values; artifacts:
    files; models: registered ones; unnamed: how many more things did not come over than `skipped` names."""

    experiments: int = 0
    runs: int = 0
    tunings: int = 0
    metrics: int = 0
    params: int = 0
    tags: int = 0
    artifacts: int = 0
    logged_models: int = 0
    models: int = 0
    versions: int = 0
    skipped: list[Skipped] = []
    unnamed: int = 0

    def skip(self, what: str, why: str) -> None:
        """Names what does not come over; a hostile file may have millions of it."""
        if len(self.skipped) < MOST:
            self.skipped.append(Skipped(what=what, why=why))
        else:
            self.unnamed += 1


def id_of(*what: str | bytes) -> str:
    """The id of what comes from elsewhere: always the same for the same, so that it comes once."""
    digest = hashlib.sha256()
    for part in what:
        encoded = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8) + encoded)
    return "".join(names.ALPHABET[byte & 31] for byte in digest.digest()[:10])


def shown(text: str) -> str:
    """A name out of a foreign file, as a sentence can hold it: no longer than a line, all of it printable."""
    plain = "".join(one if one.isprintable() else "?" for one in text[:120])
    return plain if len(text) <= 120 else f"{plain}…"
