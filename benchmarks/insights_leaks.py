"""Ways in which a target gets into a table that is to predict it, as `benchmarks.insights_seeded` puts them there.

Each takes a base (a real table without a leak, a row for each known target) and chance, and gives the table with the
leak in it and the columns of which a warning has to name one; None where the leak does not go with the target's kind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

GROUP = 6  # rows of a group on average
WHEN = pd.Timestamp("2024-01-01")


@dataclass
class Base:
    """A table and its target. codes: the classes from 0, or nothing; y: the numbers (of classes their codes)."""

    table: pd.DataFrame
    target: str

    def __post_init__(self) -> None:
        column = self.table[self.target]
        whole = pd.api.types.is_integer_dtype(column) and column.nunique() <= 10
        self.classes = whole or not pd.api.types.is_numeric_dtype(column) or column.dtype == bool
        self.y: NDArray[Any] = pd.factorize(column, sort=True)[0] if self.classes else column.to_numpy(float)
        self.spread = 1.0 if self.classes else float(np.subtract(*np.quantile(self.y, [0.75, 0.25])) / 1.349) or 1.0
        self.rows = len(self.table)

    def put(self, **columns: Any) -> pd.DataFrame:
        """The table with these columns beside its own, among them."""
        made = self.table.assign(**columns)
        return made[[*columns, *(name for name in made if name not in columns)]]

    @property
    def words(self) -> NDArray[Any]:
        """The class of each row in another word."""
        return np.asarray(np.array([f"k{chr(97 + place)}" for place in range(int(self.y.max()) + 1)])[self.y])


Seeded = tuple[pd.DataFrame, set[str]] | None
Leak = Callable[[Base, Generator], Seeded]


def of_classes(make: Callable[[Base, Generator], Any]) -> Leak:
    """A column (or columns, or a whole table) that leaks a class."""
    return lambda base, given: _put(base, make(base, given)) if base.classes else None


def of_numbers(make: Callable[[Base, Generator], Any]) -> Leak:
    return lambda base, given: None if base.classes else _put(base, make(base, given))


def of_both(make: Callable[[Base, Generator], Any]) -> Leak:
    return lambda base, given: _put(base, make(base, given))


def _put(base: Base, made: Any) -> Seeded:
    """The column `leak` is that which leaks; a table that has none has rows twice."""
    if made is None:
        return None
    if isinstance(made, pd.DataFrame):
        return made, {"leak"} & {*made.columns}
    columns = made if isinstance(made, dict) else {"leak": made}
    return base.put(**columns), {"leak"}


def _positive(base: Base) -> NDArray[Any]:
    return np.asarray(base.y - base.y.min() + base.spread)


def _other(base: Base, given: Generator) -> NDArray[Any]:
    """Numbers of the target's size that have nothing to do with it."""
    return np.asarray(given.normal(3, 1, base.rows) * base.spread)


def _times(base: Base, given: Generator) -> NDArray[Any]:
    return given.integers(1, 20, base.rows)


def _beside(
    other: Callable[[Base, Generator], NDArray[Any]], compute: Callable[[Base, NDArray[Any]], NDArray[Any]]
) -> Callable[[Base, Generator], dict[str, Any]]:
    """Two columns that make the target: one of chance, and what is computed of it and the target."""

    def make(base: Base, given: Generator) -> dict[str, Any]:
        pair = other(base, given)
        return {"pair": pair, "leak": compute(base, pair)}

    return make


def _groups(base: Base, given: Generator) -> NDArray[Any]:
    return np.array([f"g{one}" for one in given.integers(0, max(2, base.rows // GROUP), base.rows)])


def _grouped(how: str) -> Callable[[Base, Generator], dict[str, Any]]:
    """What is computed from the targets of a group (of classes: of the rows that have the second)."""

    def make(base: Base, given: Generator) -> dict[str, Any]:
        group = _groups(base, given)
        y = pd.Series((base.y == 1).astype(float) if base.classes else base.y)
        by = y.groupby(group)
        total, size = by.transform("sum"), by.transform("size")
        made = {
            "mean": total / size,
            "sum": total,
            "others": (total - y) / (size - 1),
            "smoothed": (total + 10 * y.mean()) / (size + 10),
        }[how]
        return {"group": group, "leak": made.to_numpy()}

    return make


def _flipped(base: Base, given: Generator, part: float) -> NDArray[Any]:
    """The classes with slips in a part of the rows of each."""
    wrong = given.random(base.rows) < part
    return np.where(wrong, (base.y + 1) % (base.y.max() + 1), base.y)


def _holes(base: Base, given: Generator, part: float) -> NDArray[Any]:
    return np.where(given.random(base.rows) < part, np.nan, base.y.astype(float))


def _text(base: Base, given: Generator) -> list[str]:
    who, day = given.choice(["Alder", "Birch", "Cedar"], base.rows), given.integers(1, 400, base.rows)
    if base.classes:
        return [f"{one} said {word} on day {two}" for one, word, two in zip(who, base.words, day, strict=True)]
    return [f"order {two} of {one}: {value:.4g} EUR" for one, two, value in zip(who, day, base.y, strict=True)]


def _id(base: Base, given: Generator) -> list[str]:
    serial = given.permutation(base.rows)
    what = base.words if base.classes else [f"{value:.4g}" for value in base.y]
    return [f"{one}-{number:06d}" for one, number in zip(what, serial, strict=True)]


def _numbered(base: Base, given: Generator) -> NDArray[Any]:
    """Numbers of rows that were given in the order of the target."""
    return np.argsort(np.argsort(base.y + given.random(base.rows) * 1e-6 * base.spread, kind="stable")) * 3 + 1000


def _later(base: Base, given: Generator) -> dict[str, Any]:
    """When the row was made, and when what it waits for had happened; how long that took depends on the target."""
    made = WHEN + pd.to_timedelta(np.sort(given.integers(0, 10**7, base.rows)), "s")
    place = base.y / max(1, base.y.max()) if base.classes else pd.Series(base.y).rank(pct=True).to_numpy()
    took = 3600 * (2 + 40 * place + given.gamma(2, 2, base.rows))
    return {"made": made, "leak": made + pd.to_timedelta(took.round(), "s")}


def _until(base: Base, given: Generator) -> dict[str, Any]:
    """Two dates between which the target lies."""
    begun = WHEN + pd.to_timedelta(given.integers(0, 10**7, base.rows), "s")
    return {"pair": begun, "leak": begun + pd.to_timedelta((_positive(base) * 1000 / base.spread).round(), "s")}


def _weekday(base: Base, given: Generator) -> pd.DatetimeIndex:
    """Dates that fall on a weekday of their own for each class."""
    day = 7 * given.integers(0, 50, base.rows) + base.y % 7
    return pd.DatetimeIndex(WHEN + pd.to_timedelta(day, "D"))


def _future(base: Base, given: Generator) -> pd.DataFrame:
    """The target goes slowly with time, and a column has it of the next row."""
    order = np.argsort(pd.Series(base.y).rolling(9, min_periods=1).mean() + given.normal(0, base.spread, base.rows))
    table = base.table.iloc[order].reset_index(drop=True)
    table.insert(0, "when", pd.date_range(WHEN, periods=base.rows, freq="h"))
    return table.assign(leak=table[base.target].shift(-1))


def _balance(base: Base, given: Generator) -> dict[str, Any]:
    """What has come together until now, in the order of time."""
    when = WHEN + pd.to_timedelta(np.arange(base.rows), "h")
    return {"when": when, "leak": np.cumsum(base.y - base.y.min() + 1.0)}


def _entities(base: Base, given: Generator) -> pd.DataFrame:
    """People of whom each is there several times, with the same target."""
    who = given.choice(base.rows, base.rows // 4, replace=False)
    rows = np.repeat(who, given.integers(2, 7, len(who)))
    table = base.table.iloc[rows].reset_index(drop=True)
    shown = table.select_dtypes("number").columns.drop(base.target, errors="ignore")
    noise = {name: table[name] + given.normal(0, 0.05 * (table[name].std() or 1), len(table)) for name in shown}
    return table.assign(**noise, leak=[f"person {one}" for one in rows]).sample(frac=1, random_state=0)


def _twice(base: Base, given: Generator, numbered: bool) -> pd.DataFrame:
    """A fifth of the rows is there twice."""
    rows = np.r_[np.arange(base.rows), given.choice(base.rows, base.rows // 5, replace=False)]
    table = base.table.iloc[given.permutation(rows)].reset_index(drop=True)
    return table.assign(number=given.permutation(len(table))) if numbered else table


def _with_target(base: Base, given: Generator) -> pd.DataFrame:
    """A column that is filled in only where the target is known."""
    gone = given.random(base.rows) < 0.1
    table = base.put(leak=_other(base, given))
    table["leak"] = table["leak"].mask(gone)
    known = table[base.target]
    table[base.target] = (known.astype(object) if known.dtype == bool else known).mask(gone)
    return table


def _for_one(base: Base, given: Generator) -> NDArray[Any]:
    """A column that is filled in for some rows of one class."""
    return np.where((base.y == 1) & (given.random(base.rows) < 0.7), given.integers(1, 9, base.rows), np.nan)


def _in_bins(base: Base, bins: int) -> list[str]:
    edges = np.unique(np.quantile(base.y, np.linspace(0, 1, bins + 1)))
    place = np.clip(np.searchsorted(edges, base.y, side="right") - 1, 0, len(edges) - 2)
    return [f"{edges[one]:.4g} to {edges[one + 1]:.4g}" for one in place]


def _codes(base: Base, given: Generator) -> list[str]:
    """Each class has twelve codes of its own."""
    code = given.permutation(12 * (int(base.y.max()) + 1)).reshape(-1, 12)
    return [f"C{code[one, other]:03d}" for one, other in zip(base.y, given.integers(0, 12, base.rows), strict=True)]


def _exclusive(base: Base, given: Generator) -> dict[str, Any]:
    """Two of which the sum, modulo the number of classes, is the class."""
    pair = given.integers(0, base.y.max() + 1, base.rows)
    return {"pair": pair, "leak": (base.y + pair) % (base.y.max() + 1)}


def _compared(base: Base, given: Generator) -> dict[str, Any] | None:
    """Two numbers of which the one is larger where the class is the second."""
    pair = given.normal(size=base.rows)
    gap = given.gamma(2, 0.5, base.rows) + 0.01
    return {"pair": pair, "leak": pair + np.where(base.y == 1, gap, -gap)} if base.y.max() == 1 else None


def _own(base: Base) -> NDArray[Any] | None:
    """A number of the table's own without gaps."""
    numbers = base.table.select_dtypes("number").drop(columns=base.target, errors="ignore")
    whole = [name for name in numbers if numbers[name].notna().all() and numbers[name].nunique() > 20]
    return numbers[whole[0]].to_numpy(float) if whole else None


def _rest(base: Base, given: Generator) -> NDArray[Any] | None:
    """The target less a column of the table: what is still to pay."""
    own = _own(base)
    return None if own is None else base.y - own * (base.spread / (own.std() or 1))


LEAKS: dict[str, Leak] = {
    "a copy": of_both(lambda base, given: base.table[base.target].to_numpy()),
    "a copy as text": of_both(lambda base, given: base.table[base.target].astype(str).to_numpy()),
    "in another unit": of_numbers(lambda base, given: base.y * 1.8 + 32),
    "codes of the classes": of_classes(lambda base, given: given.permutation(base.y.max() + 1)[base.y] * 7 + 3),
    "the classes in words": of_classes(lambda base, given: base.words),
    "twelve codes for each class": of_classes(_codes),
    "a copy with 1% slips": of_classes(lambda base, given: _flipped(base, given, 0.01)),
    "a copy with 3% slips": of_classes(lambda base, given: _flipped(base, given, 0.03)),
    "a number with noise that tells the class": of_classes(
        lambda base, given: base.y + given.normal(0, 0.1, base.rows)
    ),
    "a copy with noise of 1%": of_numbers(lambda base, given: base.y + given.normal(0, 0.01, base.rows) * base.spread),
    "a copy with noise of 3%": of_numbers(lambda base, given: base.y + given.normal(0, 0.03, base.rows) * base.spread),
    "a copy with noise of 10%": of_numbers(lambda base, given: base.y + given.normal(0, 0.1, base.rows) * base.spread),
    "a copy with a third missing": of_both(lambda base, given: _holes(base, given, 0.33)),
    "a copy in one row of seven": of_both(lambda base, given: _holes(base, given, 0.85)),
    "its logarithm": of_numbers(lambda base, given: np.log(_positive(base))),
    "its rank": of_numbers(lambda base, given: pd.Series(base.y).rank().to_numpy()),
    "rounded to a tenth of its spread": of_numbers(lambda base, given: np.round(base.y / base.spread, 1)),
    "rounded to half its spread": of_numbers(lambda base, given: np.round(2 * base.y / base.spread)),
    "in 50 bins": of_numbers(lambda base, given: _in_bins(base, 50)),
    "in 10 bins": of_numbers(lambda base, given: _in_bins(base, 10)),
    "in a sentence": of_both(_text),
    "in an id": of_both(_id),
    "ids in the order of the target": of_both(_numbered),
    "a sum": of_numbers(_beside(_other, lambda base, pair: base.y + pair)),
    "what is left": of_numbers(_beside(_other, lambda base, pair: pair - base.y)),
    "what is left of a column of the table": of_numbers(_rest),
    "a factor": of_numbers(_beside(_times, lambda base, pair: _positive(base) / pair)),
    "a multiple": of_numbers(_beside(_times, lambda base, pair: _positive(base) * pair)),
    "two that make the class": of_classes(_exclusive),
    "two numbers, one larger": of_classes(_compared),
    "the mean of a group": of_both(_grouped("mean")),
    "the sum of a group": of_both(_grouped("sum")),
    "the mean of the others of a group": of_both(_grouped("others")),
    "the smoothed mean of a group": of_both(_grouped("smoothed")),
    "known with the target": of_both(_with_target),
    "filled in for one class": of_classes(_for_one),
    "a later date": of_both(_later),
    "two dates": of_numbers(_until),
    "the day of the week": of_classes(_weekday),
    "of the next row": of_both(_future),
    "a balance in time": of_numbers(_balance),
    "rows of one entity": of_both(_entities),
    "rows twice": of_both(lambda base, given: _twice(base, given, numbered=False)),
    "rows twice, numbered": of_both(lambda base, given: _twice(base, given, numbered=True)),
}
