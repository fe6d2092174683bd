"""What a text holds besides itself: the first and the last number that is written in it, what it begins and ends with,
its words; and what a date does: the day of the week, the month, the day, the hour.

An id whose first letter is the class, or a price with its currency, is another text in every row, so that its values
tell nothing. Each of these readings is asked what it tells, as a column is.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cupola.insights import leakage
from cupola.insights.leakage import Hits, Suspect
from cupola.insights.learning import Aim
from cupola.insights.sampling import Feature, Floats

MANY = 20  # different values: fewer are classes by themselves
COLUMNS = 50
UNIQUE = 0.98
READABLE = 0.9  # of the texts have a number, or a part
KINDS = 200  # different parts: more are no classes, but names again
WORDS, IN_MANY = 60, 0.02  # words that are asked after; the share of the texts that have one
NUMBER = re.compile(r"[-+]?\d(?:[\d,' ]*\d)?(?:\.\d+)?")
PART = re.compile(r"[^\W\d_]+|\d+")


def suspects(features: list[Feature], aimed: Aim) -> Iterator[Suspect]:
    """The texts that tell the target for certain by something that is written in them."""
    for one in features:
        if one.type in ("date", "datetime") and one.numbers is not None:
            how, hits = max(_parts(one.numbers[aimed.rows], aimed), key=lambda each: int(each[1].sum()))
            if leakage.is_suspect(hits, aimed):
                yield Suspect([one], hits, aimed, how)
    texts = [one for one in features if one.texts is not None and len(one.coded[1]) > MANY]
    for one in texts[:COLUMNS]:
        assert one.texts is not None
        given = [str(value) for value in one.texts.iloc[aimed.rows].fillna("")]
        read = [(how, hits) for how, hits in _read(given, aimed) if leakage.is_suspect(hits, aimed)]
        if read:
            how, hits = max(read, key=lambda each: int(each[1].sum()))
            yield Suspect([one], hits, aimed, how, by_itself=_names_the_row(given))


def _parts(seconds: Floats, aimed: Aim) -> Iterator[tuple[str, Hits]]:
    """What the parts of a date tell."""
    dates = pd.DatetimeIndex(pd.to_datetime(seconds, unit="s", errors="coerce"))
    for how, part in (
        ("its day of the week", dates.day_of_week),
        ("its month", dates.month),
        ("its day of the month", dates.day),
        ("its hour", dates.hour),
    ):
        codes, values = pd.factorize(part)
        yield how, leakage.met_by_value(np.where(codes < 0, len(values), codes), len(values) + 1, aimed)


def _read(given: list[str], aimed: Aim) -> Iterator[tuple[str, Hits]]:
    found = [NUMBER.findall(text) for text in given]
    for how, place in (("the number in it", 0), ("the last number in it", -1)):
        if place == 0 or any(len(each) > 1 for each in found):
            numbers = np.array([_number(each[place]) if each else np.nan for each in found])
            if (~np.isnan(numbers)).mean() >= READABLE and len(np.unique(numbers)) > MANY:
                yield how, leakage.hits(_as_number(numbers, aimed), aimed)
    parts = [PART.findall(text) or [""] for text in given]
    for how, read in (
        ("what it begins with", [each[0] for each in parts]),
        ("what it ends with", [each[-1] for each in parts]),
        ("its first character", [text[:1] for text in given]),
        ("its last character", [text[-1:] for text in given]),
    ):
        kinds, codes = np.unique(read, return_inverse=True)
        if 1 < len(kinds) <= KINDS:
            yield how, leakage.met_by_value(codes, len(kinds), aimed)
    words = _words(parts)
    if aimed.task == "classification" and words.shape[1]:
        yield "its words", leakage.met_by_numbers(words, aimed)


def _names_the_row(given: list[str]) -> bool:
    """Whether the texts are ids: another in nearly every row, and each one word."""
    return len(set(given)) >= UNIQUE * len(given) and not any(" " in text.strip() for text in given)


def _number(found: str) -> float:
    return float(re.sub(r"[,' ]", "", found))


def _as_number(numbers: Floats, aimed: Aim) -> Feature:
    """The numbers of the rows that are aimed at as a column of all rows."""
    every = np.full(len(aimed.feature.missing), np.nan)
    every[aimed.rows] = np.clip(numbers, -1e30, 1e30)
    return Feature("", "", "number", "feature", np.isnan(every), every, None)


def _words(parts: list[list[str]]) -> NDArray[Any]:
    """Which of the words that come in many of the texts each text has."""
    held = [{word.casefold() for word in each} for each in parts]
    counts: dict[str, int] = {}
    for each in held:
        for word in each:
            counts[word] = counts.get(word, 0) + 1
    least, most = IN_MANY * len(held), (1 - IN_MANY) * len(held)
    common = sorted((word for word in counts if word and least <= counts[word] <= most), key=lambda one: -counts[one])
    chosen = common[:WORDS]
    return np.array([[float(word in each) for word in chosen] for each in held]).reshape(len(held), len(chosen))
