"""Rows that are unlike the others: an isolation forest over the sample (Liu, Ting, Zhou 2008)."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cupola.datasets import tables
from cupola.insights.finding import Found, listed, literal, number, plain, said
from cupola.insights.records import Anomaly
from cupola.insights.sampling import Feature, Floats, Sample

ROWS, COLUMNS = 10_000, 200
TREES, PER_TREE = 100, 1000
FEWEST = 50
NEEDED = 4  # columns: of fewer the ends of any distribution look strange, which `outliers` judges better
LEAST = 0.6  # the forest's score of a row that is found within half the splits of a common one
CLEARLY = 1.9  # times as far from the median as the 99th percentile: of 10,000 rows of one heap none is
LISTED = 10
TELLING = 3  # columns that say why
FAR = 4.0  # robust deviations


def find(sample: Sample, features: list[Feature]) -> list[Anomaly]:
    """The rows that stand out clearly, the strangest first."""
    from sklearn.ensemble import IsolationForest

    usable = [one for one in features if one.numbers is not None or len(one.coded[1]) > 1][:COLUMNS]
    if len(sample) < FEWEST or len(usable) < NEEDED:
        return []
    places = np.sort(np.random.default_rng(2).permutation(len(sample))[:ROWS])
    table = np.column_stack([_numbers(one)[places] for one in usable])
    forest = IsolationForest(n_estimators=TREES, max_samples=min(PER_TREE, len(places)), random_state=0).fit(table)
    scores = -forest.score_samples(table)
    middle, high = np.quantile(scores, [0.5, 0.99])
    least = max(LEAST, middle + CLEARLY * (high - middle))
    known = np.column_stack([~one.missing[places] for one in usable])
    scores = np.where(known.any(axis=1), scores, 0.0)  # a row without anything is strange by nothing that it holds
    strange = [place for place in np.argsort(-scores, kind="stable")[:LISTED] if scores[place] >= least]
    return [
        Anomaly(
            row=int(sample.places[places[place]]), score=round(float(scores[place]), 3),
            why={one.name: _value(one, int(places[place])) for one in _unusual(table, known, usable, place)},
        )
        for place in strange
    ]  # fmt: skip


def check(found: list[Anomaly], sample: Sample) -> Iterator[Found]:
    """One warning about all of them."""
    if not found:
        return
    conditions = []
    for one in found:
        of = [(sample.named(name), value) for name, value in one.why.items()]
        conditions.append(" AND ".join(f"{each.sql} = {literal(value)}" for each, value in of))
    columns = list(dict.fromkeys(name for one in found for name in one.why))
    first = ", ".join(f"{said(name)} {_shown(value)}" for name, value in found[0].why.items())
    several = "1 row is" if len(found) == 1 else f"{len(found)} rows are"
    words = plain(f"{several} unlike all others, by {listed(columns)} (row {found[0].row + 1:,}: {first})")
    where = " OR ".join(f"({one})" for one in conditions)
    yield Found("anomalies", columns, "low", words, where)


def _numbers(one: Feature) -> Floats:
    """Numbers with the median for what is missing; of categories how rare the value is."""
    if one.numbers is not None:
        known = one.numbers[~np.isnan(one.numbers)]
        middle = float(np.median(known)) if len(known) else 0.0
        filled: Floats = np.clip(np.where(np.isnan(one.numbers), middle, one.numbers), -1e30, 1e30)
        return filled
    codes, keys = one.coded
    counts = np.bincount(codes + 1, minlength=len(keys) + 1)
    return np.asarray(np.log(np.maximum(counts, 1).astype(float))[codes + 1])


def _unusual(table: Floats, known: NDArray[np.bool_], features: list[Feature], place: int) -> list[Feature]:
    """The columns in which a row is farthest from the middle, in robust deviations. known: where it has a value."""
    middle = np.median(table, axis=0)
    spread = np.median(np.abs(table - middle), axis=0) * 1.4826
    spread = np.where(spread > 0, spread, table.std(axis=0) + 1e-12)
    far = np.abs(table[place] - middle) / spread
    order = [column for column in np.argsort(-far, kind="stable") if known[place, column]][:TELLING]
    return [features[column] for column in order if far[column] >= FAR] or [features[column] for column in order[:1]]


def _shown(value: object) -> str:
    return number(value) if isinstance(value, float) else said(value)


def _value(one: Feature, place: int) -> object:
    if one.texts is not None:
        return tables.plain(one.texts.iloc[place])
    assert one.numbers is not None
    if one.type in ("date", "datetime"):
        moment = np.datetime64(round(one.numbers[place] * 1e6), "us")
        return str(moment.astype("datetime64[D]")) if one.type == "date" else str(moment).replace("T", " ")
    return bool(one.numbers[place]) if one.type == "boolean" else float(one.numbers[place])
