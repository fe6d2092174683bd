"""Plots and reports as files outside of the workspace."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from cupola import place
from cupola.errors import BadOption, Conflict
from cupola.plots import svg, table
from cupola.plots.records import Plot
from cupola.store import Store, names
from cupola.store.trouble import disk


def _png(plot: Plot) -> bytes:
    from cupola.plots import png

    return png.png(plot)


KINDS: dict[str, Callable[[Plot], bytes]] = {
    ".svg": lambda plot: svg.svg(plot).encode(),
    ".png": _png,
    ".csv": lambda plot: table.csv_of(plot).encode(),
}


def save(store: Store, plots: list[Plot], path: Path, *, one: bool) -> list[Path]:
    """Writes a plot to a file, or each of several to a new directory, as SVG, PNG and CSV; whole or not at all.

    Raises BadOption for a file of another kind or a place in the workspace, Conflict where something is there.
    """
    if one:
        kind = KINDS.get(path.suffix.lower())
        if kind is None:
            hint = "without the name of a plot, all of them go to a directory"
            raise BadOption(f"a plot is saved as {', '.join(KINDS)}, not as {path.name}", where="--save", hint=hint)
        target = outside(store, path)
        write(target, kind(plots[0]))
        return [target]
    if path.suffix.lower() in KINDS:
        raise BadOption(f"{path.name} is one file, and there are several plots", where="--save", hint="name one")
    if not plots:
        raise BadOption("there is nothing to save: the run has no plots", where="--save")
    target = outside(store, path)
    draft = target.with_name(f".{target.name}.{names.new_id()}.part")
    with disk(str(target)):
        try:
            draft.mkdir(parents=True)
            for name, plot in _named(plots).items():
                for suffix, kind in KINDS.items():
                    (draft / f"{name}{suffix}").write_bytes(kind(plot))
            draft.rename(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return sorted(target.iterdir())


def outside(store: Store, path: Path) -> Path:
    """Where a new file or directory may be made. Raises BadOption within the workspace, Conflict where one is."""
    target = place.path(path)
    if target.resolve().is_relative_to(store.root):
        raise BadOption(f"{target} lies in the workspace", hint="give a place outside of it")
    if target.exists():
        raise Conflict("something is there already", where=str(target))
    return target


def write(target: Path, content: bytes) -> None:
    """Writes a file, whole or not at all."""
    draft = target.with_name(f".{target.name}.{names.new_id()}.part")
    with disk(str(target)):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(content)
            draft.rename(target)
        finally:
            draft.unlink(missing_ok=True)


def _named(plots: list[Plot]) -> dict[str, Plot]:
    """The plots by names that files can have, and no two of them the same."""
    found: dict[str, Plot] = {}
    for plot in plots:
        name = re.sub(r"[^\w.-]", "_", plot.name).lstrip(".")[:100] or "plot"
        number = 1 + sum(one == name or one.rpartition("-")[0] == name for one in found)
        found[name if number == 1 else f"{name}-{number}"] = plot
    return found
