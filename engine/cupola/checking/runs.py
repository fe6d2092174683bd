"""A look at a run: `experiments/EXPERIMENT/RUN/`."""

import os
import time
import zipfile
from calendar import timegm

from cupola.checking import tree
from cupola.checking.inspection import Finding, Inspection, Look, aside, emptied
from cupola.checking.lines import journal
from cupola.experiments import histories
from cupola.experiments.records import Run, is_empty
from cupola.registry.contents import PICKLE, SKOPS
from cupola.registry.signature import FILE, Signature
from cupola.store import references

# Seconds after which a run whose job is not there is not being filed any more: of this host, of another with its clock.
FILING, FILING_ELSEWHERE = 90.0, 3600.0


def run(of: Inspection, directory: str) -> Look:
    yield from tree.look(of, directory, deep=True)
    path = f"{directory}/run.json"
    there = of.names(directory)
    if "run.json" not in there:
        yield from _without_record(directory, there)
        return
    if is_empty(of.store, directory):
        why = "a short run whose record is empty: the power went before it was on the disk"
        yield Finding("leftover", directory, why, aside(directory))
        return
    record = yield from of.record(path, Run)
    for number in of.names(f"{directory}/attempts"):
        yield from _attempt(of, f"{directory}/attempts/{number}")
    if record is None:
        return
    if record.directory != directory:
        yield Finding("mismatch", path, f"it says that it is {record.directory}")
    if record.code.patch and record.code.patch not in there:
        yield Finding("missing", f"{directory}/{record.code.patch}", "this file is not there")
    if record.status == "Completed" and record.model_directory:
        yield from _model(of, record.model_directory)
    yield from _references(of, record, directory)


def _without_record(directory: str, there: list[str]) -> Look:
    if "attempts" in there:
        yield Finding("missing", f"{directory}/run.json", "this file is not there")
    elif there:
        yield Finding("leftover", directory, "a run without a record: its writer died", aside(directory))
    else:
        yield Finding("leftover", directory, "there is nothing in it: its writer died", emptied(directory))


def _attempt(of: Inspection, directory: str) -> Look:
    yield from journal(of, f"{directory}/metrics.jsonl", histories.can_be_read)
    for name in of.names(directory):
        if name.startswith("metrics.") and name.endswith(".jsonl") and name != "metrics.jsonl":
            yield from journal(of, f"{directory}/{name}", histories.can_be_read)
    for name in of.names(f"{directory}/artifacts"):
        path = f"{directory}/artifacts/{name}"
        if name.endswith(".json"):
            yield from of.json(path)
        elif name.endswith(".parquet"):
            yield from _parquet(of, path)


def _parquet(of: Inspection, path: str) -> Look:
    """Whether it begins and ends as a Parquet file; what is between has no checksum."""
    ends = [b"", b""]

    def take(piece: memoryview) -> None:
        ends[0] = ends[0] or bytes(piece[:4])
        ends[1] = (ends[1] + bytes(piece[-4:]))[-4:]

    if (yield from of.pieces(path, take)) and ends != [b"PAR1", b"PAR1"]:
        yield Finding("torn", path, "this is not a whole Parquet file")


def _model(of: Inspection, directory: str) -> Look:
    """The model that a completed run has left."""
    there = of.names(directory)
    if SKOPS not in there and PICKLE not in there:
        yield Finding("missing", f"{directory}/{SKOPS}", "the model that the run has left is not there")
        return
    yield from of.record(f"{directory}/{FILE}", Signature)
    for name in there:
        if name.endswith(".json") and name != FILE:
            yield from of.json(f"{directory}/{name}")
    if SKOPS in there:
        yield from _archive(of, f"{directory}/{SKOPS}")


def _archive(of: Inspection, path: str) -> Look:
    """A zip archive has a checksum for each of its members."""
    if not (yield from of.pieces(path, lambda piece: None)):
        return
    try:
        with os.fdopen(of.open(path), "rb") as file, zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
    except Exception as error:  # noqa: BLE001  zipfile and zlib fail on damaged bytes in any way
        yield Finding("checksum", path, f"this archive cannot be read: {error}")
        return
    if broken:
        yield Finding("checksum", path, f"{broken} in this archive is not what was written")


def _references(of: Inspection, record: Run, directory: str) -> Look:
    path = f"{directory}/run.json"
    if record.dataset:
        yield from _dataset(of, path, record.dataset)
    if not record.job or record.job in of.jobs:
        return
    if record.over:
        yield Finding("dangling", path, f"its job {record.job} is not here any more")
    elif _seconds_since(record.submitted) > (FILING if of.is_mine(record) else FILING_ELSEWHERE):
        why = f"its job {record.job} was never filed: its writer died"
        if "attempts" in of.names(directory):
            yield Finding("dangling", path, why)
        else:
            yield Finding("leftover", directory, why, aside(directory))


def _dataset(of: Inspection, path: str, ref: str) -> Look:
    name, _, version = ref.partition("@")
    where = f"datasets/{name}/{version}"
    if not references.VERSION.fullmatch(version) or of.exists(where):
        return
    why = f"the dataset {ref} that it learnt from is not here any more"
    yield Finding("dangling", path, why, note=of.trashed(where))


def _seconds_since(moment: str) -> float:
    try:
        return time.time() - timegm(time.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return 0.0
