"""The plots of a run: curves of its metrics, and of what it has left as artifacts.

An artifact is drawn where it is what training leaves under that name; what a script has left there in another shape is
its own affair, and is passed over.
"""

from typing import Any

import msgspec

from cupola.errors import BadOption, CupolaError, NotFound
from cupola.experiments import evidence, histories, records
from cupola.experiments.evidence import Cuts
from cupola.experiments.records import Run
from cupola.plots.records import Matrix, Plot
from cupola.store import Store, files

POINTS = 1000  # of a metric
LARGEST = 16 << 20  # bytes of an artifact that is looked at


def of_run(store: Store, run: Run) -> list[Plot]:
    """All plots of a run, those of its metrics first."""
    logged = histories.of_one_process(histories.of_run(store, run).logged)
    return [*evidence.of_metrics(histories.thin(logged, POINTS), run.metric), *of_artifacts(store, run)]


def chosen(store: Store, run: Run, name: str | None) -> list[Plot]:
    """The plot of that name, or all of them. Raises NotFound where the run has none."""
    found = of_run(store, run)
    if name is None or any(one.name == name for one in found):
        return [one for one in found if name in (None, one.name)]
    hint = f"it has {', '.join(one.name for one in found[:20])}" if found else "plots come with metrics, step by step"
    raise NotFound(f"run {run.name} has no plot {name!r}", hint=hint)


def of_artifacts(store: Store, run: Run) -> list[Plot]:
    """The plots of what the run has left."""
    there = set(records.artifacts(store, run))
    found = []
    for name, (kind, draw) in evidence.ARTIFACTS.items():
        if f"{name}.json" in there and (kept := read(store, run, name, kind)) is not None:
            found += draw(kept)
    return found


def cuts(store: Store, run: Run) -> Cuts | None:
    """What a run says of every threshold; None where it is no classifier of two classes."""
    found: Cuts | None = read(store, run, "thresholds", Cuts)
    if found is None or len(found.classes) != 2 or not found.thresholds:
        return None
    return found if len(found.thresholds) == len(found.true) == len(found.false) else None


def read(store: Store, run: Run, name: str, kind: Any) -> Any:
    """An artifact as what training leaves under that name; None for anything else, or where it cannot be read."""
    try:
        path = records.artifact_path(store, run, f"{name}.json")
        if files.absolute(store, path).stat().st_size > LARGEST:
            return None
        return msgspec.json.decode(files.read_bytes(store, path), type=kind)
    except (CupolaError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OSError):
        return None


def thresholded(store: Store, run: Run, threshold: float) -> Matrix:
    """The confusion matrix at the threshold nearest to a value. Raises NotFound, BadOption."""
    found = cuts(store, run)
    if found is None:
        raise NotFound(f"run {run.name} has no thresholds", hint="a classifier of two classes with scores has them")
    if not found.thresholds[0] <= threshold <= found.thresholds[-1]:
        hint = f"they go from {found.thresholds[0]:g} to {found.thresholds[-1]:g}"
        raise BadOption(f"no row is told apart by the threshold {threshold:g}", where="--threshold", hint=hint)
    return evidence.at_threshold(found, found.nearest(threshold))
