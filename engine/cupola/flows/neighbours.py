"""New rows between neighbours (SMOTE); the function goes into exported Python as it stands, without Cupola."""

from typing import Any


def smote(frame: Any, target: str, neighbours: int, seed: int, train_column: str) -> Any:
    """The frame with new training rows of the rare classes behind it, until all classes have as many.

    Neighbours are near in the numbers, each divided by its deviation (Chawla et al., 2002).
    Raises ValueError for what cannot be balanced so.
    """
    import numpy as np
    import pandas as pd
    from sklearn.neighbors import NearestNeighbors

    train = frame[frame[train_column] & frame[target].notna()]
    numbers = [
        one for one in train.columns if one not in (target, train_column) and pd.api.types.is_float_dtype(train[one])
    ]
    whole = [
        one for one in train.columns if one not in (target, train_column) and pd.api.types.is_integer_dtype(train[one])
    ]
    measured = [*numbers, *whole]
    counts = train[target].value_counts().sort_index()
    if len(counts) < 2 or not measured:
        raise ValueError("SMOTE needs two classes and a column of numbers in the training part")
    if gaps := [one for one in measured if train[one].isna().any()]:
        raise ValueError(f"{gaps[0]} has missing values, between which no row can lie: fill them before")
    width = train[measured].std(ddof=0).replace(0, 1).to_numpy(dtype=float)
    random = np.random.default_rng(seed)
    made = [frame]
    for label, count in counts.items():
        wanted, rows = int(counts.max() - count), train[train[target] == label]
        if not wanted or len(rows) < 2:
            continue
        points = rows[measured].to_numpy(dtype=float)
        near = NearestNeighbors(n_neighbors=min(neighbours + 1, len(rows))).fit(points / width)
        others = near.kneighbors(points / width, return_distance=False)
        first = random.integers(0, len(rows), wanted)
        second = others[first, random.integers(1, others.shape[1], wanted)]
        share = random.random((wanted, 1))
        between = points[first] + (points[second] - points[first]) * share
        fresh = rows.iloc[first].copy()
        for place, name in enumerate(measured):
            column = between[:, place]
            fresh[name] = np.rint(column).astype("int64") if name in whole else column
        made.append(fresh)
    return pd.concat(made, ignore_index=True)
