"""A run's metrics measured many times over, so that two runs can be compared in pairs: its artifact repeats.json."""

import msgspec

from cupola.errors import CupolaError
from cupola.experiments import records
from cupola.experiments.records import Run
from cupola.store import Store, files

NAME = "repeats.json"


class Repeats(msgspec.Struct, kw_only=True):
    """The metrics of a part of the rows ("validation", "test"), once a fold or once a resample of the rows.

    rows: a hash of what was measured when, of the dataset's version, the target, the rows and their order; the repeats
    of two runs stand in pairs where it is the same. metrics: by name without the part; None where one cannot be told.
    share: of folds, the rows validated to a row trained. scale: of resamples, what their spread is to be multiplied by
    (above `cupola.training.metrics.MOST` rows the resamples are of fewer than there are).
    """

    kind: str
    rows: str
    metrics: dict[str, list[float | None]]
    share: float = 0.0
    scale: float = 1.0


def kept(found: dict[str, Repeats]) -> dict[str, Repeats]:
    """The repeats as the artifact holds them: with six digits, which are more than repeating can tell apart."""
    return {part: msgspec.structs.replace(one, metrics=_rounded(one.metrics)) for part, one in found.items()}


def _rounded(metrics: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
    return {
        name: [None if value is None else float(f"{value:.6g}") for value in values] for name, values in metrics.items()
    }


def of_run(store: Store, run: Run) -> dict[str, Repeats]:
    """What the run has kept, by part; {} where it has kept none, as a script's run, or where it cannot be read."""
    try:
        found = files.read_bytes(store, records.artifact_path(store, run, NAME))
        return msgspec.json.decode(found, type=dict[str, Repeats])
    except (CupolaError, msgspec.MsgspecError):
        return {}
