"""Whole numbers that are written dates: 199001 is January 1990, and 20240131 the last day of January 2024."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

EXAMPLES = {"months": 199001, "days": 20240131}  # of each kind
FIRST_YEAR, LAST_YEAR = 1500, 2300  # of numbers that are taken for years, too
FEWEST = 2  # different numbers, which say how all are meant
ENOUGH = 0.98  # of them; of a column that counts fewer are dates, once it has counted beyond the end of one month


def kind_of(numbers: NDArray[np.float64]) -> str | None:
    """How the numbers are written, NaN where they are missing; None where they are no dates."""
    found = np.unique(numbers[np.isfinite(numbers)])
    if len(found) < FEWEST:
        return None
    return next((kind for kind in EXAMPLES if np.mean(~np.isnat(moments(found, kind))) >= ENOUGH), None)


def moments(numbers: NDArray[np.float64], kind: str) -> NDArray[Any]:
    """When such months or days begin, as datetime64; NaT for a number that is none."""
    whole = np.where(np.abs(numbers) < 1e9, numbers, 0).astype(np.int64)
    months, day = (whole, np.ones_like(whole)) if kind == "months" else np.divmod(whole, 100)
    year, month = np.divmod(months, 100)
    begins = (12 * (year - 1970) + month - 1).astype("datetime64[M]")
    found = begins.astype("datetime64[D]") + (day - 1)
    good = (whole == numbers) & (year >= FIRST_YEAR) & (year <= LAST_YEAR) & (month >= 1) & (month <= 12)
    good &= found.astype("datetime64[M]") == begins
    return np.where(good, found, np.datetime64("NaT")).astype("datetime64[us]")


def numbers(moments: NDArray[Any], kind: str) -> NDArray[np.int64]:
    """The numbers that `moments` reads so."""
    days, months = moments.astype("datetime64[D]"), moments.astype("datetime64[M]")
    year, month = np.divmod(months.astype(np.int64), 12)
    found = (year + 1970) * 100 + month + 1
    day = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    return found if kind == "months" else np.asarray(found * 100 + day, np.int64)
