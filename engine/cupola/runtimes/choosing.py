"""Which runtime serves a version: the compiled one, where it was measured to say the same and to be faster."""

import contextlib

import msgspec

from cupola.errors import DiskTrouble, Refused
from cupola.registry import contents, models, records
from cupola.registry.models import Model
from cupola.registry.records import ModelState
from cupola.runtimes import keeping, parity
from cupola.runtimes.compiled import Compiled
from cupola.runtimes.keeping import Kept
from cupola.runtimes.records import AUTO, COMPILED, NATIVE, Report, environment
from cupola.runtimes.runtime import Runtime
from cupola.store import Store, files, names, runtime


def chosen(store: Store, version: ModelState, asked: str = AUTO) -> tuple[Runtime, Report]:
    """A version ready to answer, and why it is run so; its files are checked byte by byte.

    The first time on a host both runtimes are compared, by one process while others wait; what came out is kept, and
    said of the version. Raises what `models.load` raises, and Refused where `compiled` was asked for and is not had.
    """
    from cupola.runtimes.native import Native

    kept = None if asked == NATIVE else keeping.read(version.sha256)
    if kept is None or not _serves(kept, asked) or not records.loadable(store, version):
        model = load(store, version)
        if asked == NATIVE:
            return Native(model), Report(runtime=NATIVE, reason="it was asked for")
        kept = found(store, version, model)
        if not _serves(kept, asked):
            if asked == COMPILED:
                hint = "deploy it with the runtime auto or native"
                raise Refused(f"{version.ref} cannot be served compiled: {kept.report.reason}", hint=hint)
            return Native(model), kept.report
    else:
        contents.read(files.absolute(store, version.directory), version.files)
        _say(store, version, kept.report)
    assert kept.program is not None
    return Compiled(kept.program), msgspec.structs.replace(kept.report, runtime=COMPILED)


def load(store: Store, version: ModelState) -> Model:
    """The model of a version, checked byte by byte. Raises Corrupt, Refused."""
    trusted = records.trusted(store, version)  # by its files, whatever its record says of them
    return models.load(files.absolute(store, version.directory), version.files, pickle_trusted=trusted)


def found(store: Store, version: ModelState, model: Model | None = None) -> Kept:
    """What the comparison of both runtimes says: what is kept on this host, else a new one, kept and said from now on.

    model: the version's, where it is loaded already. Raises what `load` raises.
    """
    lock = runtime.runtime_dir() / f"compiling-{keeping.path(version.sha256).name[:20]}.lock"
    with runtime.lock(lock) or contextlib.nullcontext():
        kept = keeping.read(version.sha256)
        if kept is None:
            kept = compared(model or load(store, version))
            keeping.write(version.sha256, kept)
    _say(store, version, kept.report)
    return kept


def _say(store: Store, version: ModelState, report: Report) -> None:
    """Writes the report down with the version, unless it stands there (the same files may be a version elsewhere)."""
    if version.runtime != report:
        with contextlib.suppress(DiskTrouble):  # it serves all the same
            records.say(store, version, {"runtime": msgspec.to_builtins(report)})


def _serves(kept: Kept, asked: str) -> bool:
    """Whether the compiled form is the one to serve; a slower one only where it was asked for."""
    return kept.program is not None and (asked == COMPILED or kept.report.runtime == COMPILED)


def compared(model: Model) -> Kept:
    """A model compiled, and compared with itself as it is."""
    from cupola.runtimes import compiling
    from cupola.runtimes.families import Uncompilable
    from cupola.runtimes.native import Native

    try:
        program = compiling.compiled(model)
    except Uncompilable as why:
        return Kept(_here(Report(runtime=NATIVE, reason=str(why))))
    report = parity.report(program, Native(model), Compiled(program))
    report.bytes = len(msgspec.msgpack.encode(program))
    return Kept(_here(report), program if report.compiled_ms is not None else None)  # only what says the same was timed


def _here(report: Report) -> Report:
    report.environment, report.host, report.time = environment(), names.who()[1], names.now()
    return report
