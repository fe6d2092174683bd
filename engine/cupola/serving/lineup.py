"""Which of an endpoint's variants gets a request: those that a server process holds, and what its keeper says of them.

A change of the weights is a message to the servers: they hold every variant that a change needs, and none restarts.
"""

import random
from collections.abc import Sequence
from contextvars import ContextVar

import msgspec

from cupola.errors import BadInput
from cupola.runtimes.records import Report
from cupola.serving.scoring import Variant


class Placed(msgspec.Struct, kw_only=True):
    """What the keeper says of a variant, by its key (NAME=MODEL)."""

    key: str
    weight: float
    shadow: float = 0.0


class Call:
    """The request that is in work: which variant it got to, and how many seconds it waited there."""

    def __init__(self) -> None:
        self.variant: Variant | None = None
        self.queued = 0.0


call: ContextVar[Call | None] = ContextVar("call", default=None)


class Lineup:
    """The variants, and how requests are shared between them. `shadows` get copies, each of a share of the requests."""

    def __init__(self, variants: Sequence[Variant]) -> None:
        self._held = {one.key: one for one in variants}
        self.production: list[Variant] = []
        self.shadows: list[tuple[Variant, float]] = []
        self._weights: list[float] = []
        self.place([Placed(key=one.key, weight=one.weight, shadow=one.shadow) for one in variants])

    def place(self, placed: Sequence[Placed]) -> None:
        """Shares the requests anew; a variant that is not named is held no more."""
        self._held = {one.key: self._held[one.key] for one in placed if one.key in self._held}
        there = [one for one in placed if one.key in self._held]
        production = [one for one in there if not one.shadow]
        self.production = [self._held[one.key] for one in production]
        self._weights = [one.weight for one in production]
        self.shadows = [(self._held[one.key], one.shadow) for one in there if one.shadow]

    def runtimes(self) -> dict[str, Report]:
        """How each model is run, by its key."""
        return {key: one.report for key, one in self._held.items() if one.report}

    def held(self) -> list[str]:
        """The models that are held."""
        return list(self._held)

    def chosen(self, wanted: bytes | None) -> Variant:
        """The variant that is to answer: of the name that is wanted, else of all. Raises BadInput."""
        found = self._drawn(wanted)
        if (now := call.get()) is not None:
            now.variant = found
        return found

    def _drawn(self, wanted: bytes | None) -> Variant:
        if wanted is None:
            if len(self.production) == 1:
                return self.production[0]
            return random.choices(self.production, self._weights)[0]
        name = wanted.decode("latin-1")
        if name in self._held and self._held[name] in self.production:  # by its key: of two of one name, this one
            return self._held[name]
        named = [place for place, one in enumerate(self.production) if one.name == name]
        if not named:
            known = ", ".join(dict.fromkeys(one.name for one in self.production))
            raise BadInput(f"the endpoint has no variant {name!r}", hint=f"it has: {known}")
        weights = [self._weights[place] for place in named]
        if not any(weights):  # one that gets no requests can still be asked for
            return self.production[named[-1]]
        return self.production[random.choices(named, weights)[0]]
