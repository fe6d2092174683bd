"""Columns of a table as numbers for an estimator: the first step of every pipeline that is trained here.

Each column has an encoder that is plain data (means, categories, minima), so that a saved model holds no code, and a
server can read it. What an encoder does is decided by the estimator's style:

scaled    numbers: median for what is missing, a flag where some were, mean 0, deviation 1; categories: one column each
trees     numbers as they are, missing ones too; categories: codes in alphabetical order
positive  as scaled, but numbers between 0 and 1
binned    numbers in up to ten bins, categories as codes; both count from 0
raw       the columns as they are, in a frame, for an estimator that prepares them by itself

Where there is a target, a category of more values than have a column or a code of their own is what its values go with
in the target (`effects`), in the first two styles. Texts of several words are hashed n-grams (`texts`).
"""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from cupola.errors import BadInput
from cupola.training.effects import Effects
from cupola.training.texts import Texts, is_prose

Floats = NDArray[np.float64]
Moments = NDArray[np.datetime64]
STYLES = ("scaled", "trees", "positive", "binned")
KEPT = 50  # categories that get a column of their own; the others share one
FEW = 20  # more categories than this, each in one row, are names of rows
REPEATED = 1.2  # rows of a value, on average, for it to be told what it goes with
BINS = 10
AT_ONCE = 64  # rows that are encoded one by one
LARGEST = float(np.finfo(np.float32).max)  # trees compute in float32


class Numbers:
    """A number as one column, and a second that says whether it was missing where the style needs it."""

    def __init__(self, values: Floats, style: str) -> None:
        known = values[~np.isnan(values)]
        self.fill: float | None = None
        self.flag = False
        self.center, self.scale = 0.0, 1.0
        self.edges: Floats | None = None
        if style == "binned":
            self.edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
        elif style in ("scaled", "positive"):
            self.fill = float(np.median(known))
            self.flag = len(known) < len(values)
            filled = np.where(np.isnan(values), self.fill, values)
            self.center, self.scale = _scaling(filled, style)
        self.clip = style == "positive"
        self.width = 2 if self.flag else 1
        self.size = 0 if self.edges is None else len(self.edges) + 2

    def transform(self, values: Floats, out: Floats) -> None:
        missing = np.isnan(values)
        if self.edges is not None:
            out[:, 0] = np.where(missing, len(self.edges) + 1, np.searchsorted(self.edges, values, side="right"))
            return
        if self.fill is not None:
            values = (np.where(missing, self.fill, values) - self.center) / self.scale
        out[:, 0] = np.clip(values, 0, 1) if self.clip else values
        if self.flag:
            out[:, 1] = missing

    def names(self, column: str) -> list[str]:
        return [column, f"{column}=missing"] if self.flag else [column]


class Categories:
    """A category as one column per kept value, or as one column of codes.

    Values that were rare in training, or never seen, share a place; a missing value is a category if training had it.
    """

    def __init__(self, keys: NDArray[Any], codes: NDArray[np.intp], style: str) -> None:
        counts = np.bincount(codes[codes >= 0], minlength=len(keys))
        order = sorted(range(len(keys)), key=lambda one: (-counts[one], keys[one]))
        crowded = len(order) > KEPT
        alike = counts.max() > 1 or len(keys) <= FEW
        self.kept = [str(keys[one]) for one in order[:KEPT] if alike and (not crowded or counts[one] > 1)]
        self.rare = len(self.kept) < len(order)
        self.missing = bool((codes < 0).any())
        self.coded = style in ("trees", "binned")
        self.gaps = style == "trees"
        if self.gaps:
            self.kept.sort()
        self.width = 1 if self.coded else len(self.kept) + self.rare + self.missing
        self.size = len(self.kept) + 2
        self._places: dict[str, int] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_places": {}}

    def transform(self, column: "pd.Series[Any]", out: Floats) -> None:
        if not self._places:
            self._places = {key: place for place, key in enumerate(self.kept)}
        other = len(self.kept)
        places = self._of_few(column) if len(column) <= AT_ONCE else self._of_many(column)
        if self.coded:
            out[:, 0] = places
            if self.gaps:
                out[places > other, 0] = np.nan
            return
        out[:] = 0
        for place, target in self._targets(other):
            out[places == place, target] = 1

    def names(self, column: str) -> list[str]:
        if self.coded:
            return [column]
        extra = ["(other)"] * self.rare + ["(missing)"] * self.missing
        return [f"{column}={value}" for value in [*self.kept, *extra]]

    def _of_few(self, column: "pd.Series[Any]") -> NDArray[np.intp]:
        """As _of_many, several times faster for a request's one row."""
        other, missing = len(self.kept), column.isna().to_numpy()
        values = zip(column.tolist(), missing, strict=True)
        return np.array(
            [other + 1 if absent else self._places.get(_key(value), other) for value, absent in values], dtype=np.intp
        )

    def _of_many(self, column: "pd.Series[Any]") -> NDArray[np.intp]:
        keys, codes = categories(column)
        other = len(self.kept)
        return np.array([self._places.get(key, other) for key in keys] + [other + 1], dtype=np.intp)[codes]

    def _targets(self, other: int) -> list[tuple[int, int]]:
        places = [*range(other)] + [other] * self.rare + [other + 1] * self.missing
        return [(place, target) for target, place in enumerate(places)]


class Dates:
    """A date as the parts that varied in training, each of them a number; the weekday counts from Monday, 0."""

    PARTS = ("year", "month", "day", "weekday", "hour", "days")

    def __init__(self, values: Moments, style: str) -> None:
        self.start = str(values[~np.isnat(values)].min())
        parts = self._parts(values, self.PARTS)
        self.parts = {part: Numbers(parts[part], style) for part in self.PARTS if _varies(parts[part])}
        self.width = sum(one.width for one in self.parts.values())

    def transform(self, values: Moments, out: Floats) -> None:
        parts = self._parts(values, tuple(self.parts))
        at = 0
        for part, one in self.parts.items():
            one.transform(parts[part], out[:, at : at + one.width])
            at += one.width

    def names(self, column: str) -> list[str]:
        return [name for part, one in self.parts.items() for name in one.names(f"{column}.{part}")]

    def _parts(self, values: Moments, wanted: tuple[str, ...]) -> dict[str, Floats]:
        days, months, years = (values.astype(f"datetime64[{unit}]") for unit in "DMY")
        found = {
            "year": years - np.datetime64("0000", "Y"),
            "month": months - years.astype("datetime64[M]") + 1,
            "day": days - months.astype("datetime64[D]") + 1,
            "weekday": (days - np.datetime64("1970-01-05", "D")) % np.timedelta64(7, "D"),
            "hour": (values - days).astype("timedelta64[h]").astype(np.int64),
            "days": (values - np.datetime64(self.start)) / np.timedelta64(1, "D"),
        }
        missing = np.isnat(values)
        return {part: np.where(missing, np.nan, found[part].astype(np.float64)) for part in wanted}


class Untouched:
    """A column as it is."""

    width = 1

    def names(self, column: str) -> list[str]:
        return [column]


class Preparation(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A table with the columns `columns` ((name, type) as in the dataset) as a matrix of float64.

    After fitting: `encoders_` by column, `left_out_` with the reason for each column that carries nothing, `notes_`
    about the others, and `sizes_` (how many values each column of the matrix may take, where that is known).
    Raises BadInput for a column that is not there, or a value that is not of its column's type.
    """

    def __init__(self, columns: list[tuple[str, str]], style: str = "scaled") -> None:
        self.columns = columns
        self.style = style

    def fit(self, X: pd.DataFrame, y: Floats | None = None) -> Self:
        """y: what is to be learned, as `effects.columns` gives it; None where nothing is."""
        self.encoders_: dict[str, Any] = {}
        self.left_out_: dict[str, str] = {}
        self.notes_: list[str] = []
        if self.style == "raw":
            self.encoders_ = {name: Untouched() for name, _ in self.columns}
            return self
        for name, kind in self.columns:
            self._fit_column(name, kind, _column(X, name), y)
        if not self.encoders_:
            why = "; ".join(f"{name} {reason}" for name, reason in self.left_out_.items())
            raise BadInput(f"no column is left to learn from: {why or 'there are none'}")
        self.width_ = sum(one.width for one in self.encoders_.values())
        return self

    def transform(self, X: pd.DataFrame) -> Any:
        if self.style == "raw":
            return X[[name for name, _ in self.columns]]
        out = np.empty((len(X), self.width_), dtype=np.float64)
        at = 0
        for name, encoder in self.encoders_.items():
            _encode(encoder, name, _column(X, name), out[:, at : at + encoder.width])
            at += encoder.width
        return out

    def fit_transform(self, X: pd.DataFrame, y: Floats | None = None) -> Any:
        """As fit and transform, but that no row's own target is in its features."""
        out = self.fit(X, y).transform(X)
        at = 0
        for name, encoder in self.encoders_.items():
            if isinstance(encoder, Effects) and y is not None:
                encoder.crossed(categories(_column(X, name))[1], y, out[:, at : at + encoder.width])
            at += encoder.width
        return out

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        names = [name for column, one in self.encoders_.items() for name in one.names(column)]
        return np.array(names, dtype=object)

    @property
    def sizes_(self) -> list[int]:
        """How many values each column of the matrix may take, for the style "binned"."""
        found: list[int] = []
        for one in self.encoders_.values():
            if isinstance(one, Texts):
                found += one.sizes
            else:
                found += [part.size for part in (one.parts.values() if isinstance(one, Dates) else [one])]
        return found

    def _fit_column(self, name: str, kind: str, column: "pd.Series[Any]", y: Floats | None) -> None:
        if column.isna().all():
            self.left_out_[name] = "has no values"
        elif kind == "text" and is_prose(column):
            self._keep(name, Texts(column, self.style), "has no words, or the same in every row")
        elif kind in ("category", "text"):
            self._fit_categories(name, column, y)
        elif kind in ("date", "datetime"):
            self._keep(name, Dates(moments(name, column), self.style), "is always the same")
        else:
            values = numbers(name, column)
            endless = int(np.isinf(values).sum())
            if endless:
                self.notes_.append(f"warning: {name}: {endless} infinite values count as missing")
            values = _finite(values)
            if np.isnan(values).all():
                self.left_out_[name] = "has no finite values"
            elif _varies(values):
                self._keep(name, Numbers(values, self.style), "is always the same")
            else:
                self.left_out_[name] = "is always the same"

    def _fit_categories(self, name: str, column: "pd.Series[Any]", y: Floats | None) -> None:
        found, codes = categories(column)
        if len(found) == 1 and not (codes < 0).any():
            self.left_out_[name] = "is always the same"
            return
        if y is not None and self.style in ("scaled", "trees") and KEPT < len(found) <= len(column) / REPEATED:
            self.encoders_[name] = Effects(found, codes, y, self.style)
            self.notes_.append(f"{name}: each of its {len(found)} values counts by what it goes with in the target")
            return
        encoder = Categories(found, codes, self.style)
        if encoder.kept and encoder.rare:
            kept = len(encoder.kept)
            self.notes_.append(
                f"{name}: the {kept} commonest of {len(found)} values are told apart, the others count as one"
            )
        self._keep(name, encoder if encoder.kept else None, "is different in nearly every row")

    def _keep(self, name: str, encoder: Any, otherwise: str) -> None:
        if encoder is None or not encoder.width:
            self.left_out_[name] = otherwise
        else:
            self.encoders_[name] = encoder


def numbers(name: str, column: "pd.Series[Any]") -> Floats:
    """A column of numbers, booleans or texts of numbers as float64, NaN where there is none. Raises BadInput."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return column.to_numpy(np.float64)
    if not _textual(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    given = column.astype(object).where(column.notna(), None).to_numpy()
    try:
        return np.asarray(given, dtype=np.float64)  # None becomes NaN, True 1.0
    except (ValueError, TypeError):
        values = pd.to_numeric(pd.Series([_TRUTH.get(one, one) for one in given]), errors="coerce")
        _none_lost(name, column, values, "a number")
        return np.asarray(values, dtype=np.float64)


def moments(name: str, column: "pd.Series[Any]") -> Moments:
    """A column of dates or times as moments in UTC, by the microsecond. Raises BadInput."""
    if column.dtype.kind != "M":
        form = "ISO8601" if isinstance(column.dtype, pd.StringDtype) or _all_text(column) else None
        values = pd.to_datetime(column, errors="coerce", utc=True, format=form)
        _none_lost(name, column, values, "a date")
        column = values
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert(None)
    return column.to_numpy("datetime64[us]")


def categories(column: "pd.Series[Any]") -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The different values of a column as texts, and for each row which one it is (-1: missing).

    A whole number is written the same whether the column holds it as an integer or, beside missing ones, as a float.
    """
    codes, values = pd.factorize(column)
    keys = np.array([_key(value) for value in values], dtype=object)
    found, places = np.unique(keys, return_inverse=True)  # as objects: numpy's own texts lose a NUL at their end
    return found, np.append(places, -1)[codes] if len(keys) else codes


_TRUTH = {"true": 1, "True": 1, "false": 0, "False": 0}


def _encode(encoder: Any, name: str, column: "pd.Series[Any]", out: Floats) -> None:
    if isinstance(encoder, Categories):
        encoder.transform(column, out)
    elif isinstance(encoder, Dates):
        encoder.transform(moments(name, column), out)
    elif isinstance(encoder, Texts):
        encoder.transform(column, out)
    elif isinstance(encoder, Effects):
        encoder.transform(*categories(column), out)
    else:
        encoder.transform(_finite(numbers(name, column)), out)


def _key(value: Any) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _finite(values: Floats) -> Floats:
    return np.clip(np.where(np.isinf(values), np.nan, values), -LARGEST, LARGEST)


def _varies(values: Floats) -> bool:
    known = values[~np.isnan(values)]
    return len(known) > 0 and bool((known != known[0]).any() or len(known) < len(values))


def _scaling(values: Floats, style: str) -> tuple[float, float]:
    if style == "positive":
        low, high = float(values.min()), float(values.max())
        return low, (high - low) or 1.0
    return float(values.mean()), float(values.std()) or 1.0


def _column(table: pd.DataFrame, name: str) -> "pd.Series[Any]":
    try:
        return table[name]
    except KeyError:
        raise BadInput(f"the column {name!r} is missing") from None


def _textual(column: "pd.Series[Any]") -> bool:
    return bool(column.dtype == object or isinstance(column.dtype, pd.StringDtype | pd.CategoricalDtype))


def _all_text(column: "pd.Series[Any]") -> bool:
    return all(isinstance(one, str) for one in column.dropna())


def _none_lost(name: str, given: "pd.Series[Any]", read: "pd.Series[Any]", what: str) -> None:
    lost = given[read.isna().to_numpy() & given.notna().to_numpy()]
    if len(lost):
        raise BadInput(f"the column {name!r} has a value that is not {what}: {str(lost.iloc[0])[:80]!r}")
