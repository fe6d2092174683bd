"""A setting as it is tried, and what has come of it by now."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cupola.autopilot.fits import Answer
from cupola.autopilot.portfolio import Setting

SAVING = 0.15  # seconds of a CPU that it takes to write a member of the ensemble and read it back, if that is unknown
ASKED = 0.02  # for each member, to ask it about a few rows
LARGEST = 48 << 20  # bytes of the members that a candidate has; one may be larger
COPIED = 0.02  # for each megabyte, which is hashed, brought to disk, and copied when it is registered
HALF = -1  # in the place of a fold: the first, with half of its rows to learn from
WHOLE = -2  # likewise: none, with all rows to learn from


@dataclass
class Candidate:
    """A setting as it is tried. fits: by (repeat, fold). whole: a fit on all rows, of which none can judge it.

    share: of the rows of a fold, that its next fit is given. state: waiting, trying, dropped, failed, kept.
    """

    name: str
    setting: Setting
    style: str = ""
    state: str = "waiting"
    why: str = ""
    fits: dict[tuple[int, int], Answer] = field(default_factory=dict)
    whole: Answer | None = None
    value: float | None = None
    folds: int = 0
    weight: float = 0.0
    share: float = 1.0

    def has(self, folds: int, repeat: int = 0) -> bool:
        """Whether it was fitted on the first so many folds of a repeat."""
        return all((repeat, fold) in self.fits for fold in range(folds))

    @property
    def seconds(self) -> float:
        """What a fit of it takes."""
        return sum(one.seconds for one in self.fits.values()) / len(self.fits) if self.fits else 0.0

    def takes(self, share: float) -> float:
        """What a fit of it with that share of the rows should take, going by those that it has had to their end."""
        whole = [one for one in self.fits.values() if not one.is_cut] or list(self.fits.values())
        return share * sum(one.seconds / one.share for one in whole) / len(whole)

    @property
    def most(self) -> int:
        """Fits of it that may be members: those that it has and one that may come, as far as they are not too large."""
        return max(1, min(len(self.fits) + (self.whole is not None) + 1, LARGEST // max(1, self.size)))

    @property
    def size(self) -> int:
        """Bytes of its largest fit."""
        return max((len(one.fitted) for one in self.fits.values()), default=0)

    @property
    def saving(self) -> float:
        """Seconds of a CPU that it takes to write one of its fits, read it back and put it in its place."""
        tried = [one.saving for one in self.fits.values() if one.saving is not None]
        return ASKED + max(tried, default=SAVING) + COPIED * self.size / 2**20

    @property
    def learnt(self) -> float:
        """The largest share of the rows that a fit of it has learnt from."""
        return max((one.share for one in self.fits.values()), default=0.0)

    @property
    def params(self) -> dict[str, Any]:
        """Its parameters, with as many rounds as were found to be best, in the middle of its fits."""
        grown: dict[str, list[int]] = {}
        for one in self.fits.values():
            for name, value in one.grown.items():
                grown.setdefault(name, []).append(value)
        return self.setting.params | {name: int(np.median(values)) for name, values in grown.items()}


Unit = tuple[Candidate, int, int]  # a fit: whose, of which repeat and fold
Begun = set[tuple[int, int, int]]  # those under way, a candidate by its id()
