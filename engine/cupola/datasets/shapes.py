"""How the values of a column lie, and which rows hold a word: found once in each different value, then per row."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupola.datasets import filtering, tables

BINS = 20
TOP = 20  # most frequent values that are told apart
REMEMBERED = 40  # words that were looked for
CLASSES = 1000  # a text column with more different values than that has no histogram


class Shape(msgspec.Struct, kw_only=True):
    """How the values of a column lie among the rows that a view's filter leaves; bars: of texts, their values."""

    column: str
    counts: list[int] = []
    low: Any = None
    high: Any = None
    distinct: int | None = None
    values: list[str] = []


class Texts:
    """The texts of a column, by their different values. A word that goes on from one before is looked for where that
    was found."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column
        self._lower: pa.Array | None = None
        self._found: dict[str, np.ndarray] = {}

    def prepare(self) -> None:
        """Makes ready what every word is looked for in, before the first one is."""
        if self._lower is None:
            array = self._column.combine_chunks()
            array = array if isinstance(array, pa.DictionaryArray) else array.cast(pa.string()).dictionary_encode()
            self._lower, self._places = pc.utf8_lower(array.dictionary.cast(pa.string())), _codes(array)

    def holding(self, word: str) -> np.ndarray | None:
        """Which rows hold the word, large or small letters alike; None for none of them."""
        self.prepare()
        word = word.lower()
        if word not in self._found:
            self._found[word] = self._looked_for(word)
            for old in list(self._found)[:-REMEMBERED]:
                del self._found[old]
        found = self._found[word]
        return np.asarray(found[self._places]) if found.any() else None

    def _looked_for(self, word: str) -> np.ndarray:
        """Which of the different values hold the word; at the end, what is missing, does not."""
        assert self._lower is not None
        every = len(self._lower)
        found = np.zeros(every + 1, dtype=bool)
        before = max((one for one in self._found if one in word), key=len, default=None)
        where = None if before is None else np.flatnonzero(self._found[before])
        if where is None or len(where) > every // 2:  # to pick them out would take longer than to look at all
            found[:-1] = pc.match_substring(self._lower, word).to_numpy(zero_copy_only=False)
        elif len(where):
            there = pc.match_substring(self._lower.take(pa.array(where)), word).to_numpy(zero_copy_only=False)
            found[where[there]] = True
        return found


def _codes(array: pa.DictionaryArray) -> np.ndarray:
    """The place of each row's value among the different values; -1 where it is missing."""
    return np.asarray(pc.fill_null(array.indices, -1).to_numpy(zero_copy_only=False))


def shaper(column: str, values: pa.ChunkedArray, type: str) -> Callable[[np.ndarray | None], Shape]:
    """What tells the shape of a column among some of its rows: the bin of each row is found once."""
    array = values.combine_chunks()
    labels: list[str] = []
    low = high = None
    if isinstance(array, pa.DictionaryArray) or filtering.is_text(type):
        array = array if isinstance(array, pa.DictionaryArray) else array.cast(pa.string()).dictionary_encode()
        counts = np.bincount(_codes(array) + 1, minlength=len(array.dictionary) + 1)[1:]
        distinct = int(np.count_nonzero(counts))
        if distinct > CLASSES:
            return lambda kept: Shape(column=column, distinct=distinct)
        best = np.argsort(-counts, kind="stable")[:TOP]
        labels = [str(tables.plain(array.dictionary[int(one)].as_py())) for one in best]
        place = np.full(len(array.dictionary) + 1, -1, dtype=np.int8)
        place[best] = np.arange(len(best), dtype=np.int8)
        bins, width = place[_codes(array)], len(best)
    else:
        bins, width, low, high = _binned(array, type)
    bins = (bins + 1).astype(np.int8)  # 0: in no bin

    def shape(kept: np.ndarray | None) -> Shape:
        counts = np.bincount(bins if kept is None else bins[kept], minlength=width + 1)[1:]
        return Shape(column=column, counts=[int(one) for one in counts], low=low, high=high, values=labels)

    return shape


def _binned(array: pa.Array, type: str) -> tuple[np.ndarray, int, Any, Any]:
    """The bin of each value (-1 where it is missing), how many there are, and from where to where they go."""
    there = pc.is_valid(array).to_numpy(zero_copy_only=False)
    if not there.any():
        return np.full(len(array), -1, dtype=np.int8), 1, None, None
    ends = pc.min_max(array)
    low, high = (tables.plain(ends[end].as_py()) for end in ("min", "max"))
    if type == "boolean":
        return (
            np.where(there, pc.fill_null(array, False).to_numpy(zero_copy_only=False), -1).astype(np.int8),
            2,
            low,
            high,
        )
    if type in filtering.MOMENTS:
        array = array.cast(pa.int32() if pa.types.is_date32(array.type) else pa.int64())
    numbers = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    finite = there & np.isfinite(numbers)
    first, last = (float(numbers[finite].min()), float(numbers[finite].max())) if finite.any() else (0.0, 0.0)
    width = BINS if type == "number" or last - first >= BINS else int(last - first) + 1
    step = (last - first) / width if type == "number" else (last - first + 1) / width
    scaled = np.where(finite, (numbers - first) / step if step else 0.0, -1.0)
    return np.minimum(scaled, width - 1).astype(np.int8), width, low, high
