"""What an autopilot sees in a target: which task that is and why, or why there is none."""

import math
import re

from cupola.autopilot.records import Task
from cupola.datasets.records import Column, ColumnProfile
from cupola.datasets.sql import identifier
from cupola.errors import BadOption
from cupola.training import records as training

FEW = 10  # different whole numbers that are taken for classes
LARGEST, LEAST = 1e150, 1e-150  # of a number, and of the differences, whose squares a float holds
PROSE = 0.5  # of the rows; more different texts than these name the rows
AMOUNT = re.compile(r"(?:[A-Z]{3}|\W)*\d[\d.,' ]*(?:[A-Z]{3}|\W)*")  # "$1,234.50", "12 %", "-3,10 EUR"
COMMA = re.compile(r".*\d,\d{1,2}\D*")  # the decimal sign, as in "1.234,50"


def task_of(
    target: Column,
    rows: int,
    asked: str | None,
    horizon: int | None,
    profile: ColumnProfile | None = None,
    read: str | None = None,
) -> tuple[Task, str]:
    """What there is to learn, and why, in one sentence. Raises BadOption where there is nothing, or not as asked.

    profile: of the target, where it is known; of two numbers with a fraction it takes them for amounts, and of texts
    that are too many for classes it says what they look like. read: what the import has said of it.
    """
    name, kind, distinct = target.name, target.type, target.distinct
    if asked == "timeseries" or (asked is None and horizon is not None):
        return "timeseries", f"{name} is to be forecast: a horizon was given"
    if distinct == 1 or (target.missing and not distinct):
        what = "one value only" if distinct else "no values"
        raise BadOption(f"{name} has {what}: there is nothing to learn", where="--target")
    if kind in ("date", "datetime"):
        raise BadOption(f"{name} is a {kind}, which cannot be a target", where="--target")
    if kind == "text" and distinct > training.FEW:
        raise _no_classes(target, rows - target.missing, profile, read)
    if asked in ("binary", "multiclass"):
        if (asked == "binary") != (distinct == 2):
            raise BadOption(f"{name} has {distinct} values, and is not {asked}", where="--task")
        return ("binary", "it was asked for") if distinct == 2 else ("multiclass", "it was asked for")
    low, high = (profile.min, profile.max) if profile else (None, None)
    if isinstance(low, float) and isinstance(high, float):
        _check_squares(name, low, high)
    if asked == "regression":
        if kind not in ("integer", "number"):
            raise BadOption(f"{name} is a {kind}, and no number to predict", where="--task")
        return "regression", "it was asked for"
    if distinct == 2 and kind == "number" and any(isinstance(one, float) and one % 1 for one in (low, high)):
        return "regression", (
            f"{name} has two values, and as {low:g} and {high:g} are no whole numbers they are taken for amounts; "
            "--task binary takes them for classes"
        )
    if distinct == 2:
        return "binary", f"{name} has two values"
    if kind == "integer" and distinct <= FEW and distinct < rows / 20:
        return "multiclass", f"{name} has {distinct} whole numbers only; --task regression takes them as amounts"
    if kind in ("integer", "number"):
        few = "; --task multiclass takes them for classes" if distinct <= FEW else ""
        return "regression", f"{name} is a number of {distinct} different values{few}"
    return "multiclass", f"{name} is a {kind} of {distinct} values"


def _check_squares(name: str, low: float, high: float) -> None:
    """Refuses numbers whose errors cannot be squared."""
    most = max(abs(one) for one in (low, high))
    if LARGEST < most < math.inf:
        what = f"{name} goes up to {most:.3g} in size, of which there is no square"
    elif 0 < high - low < LEAST:
        what = f"{name} differs by {high - low:.3g} at most, of which the square is 0"
    else:
        return
    hint = f"a formula of a flow scales it, and --flow takes it: {identifier(name)} / {most:.0e}"
    raise BadOption(what, where="--target", hint=hint)


def _no_classes(target: Column, rows: int, profile: ColumnProfile | None, read: str | None) -> BadOption:
    """Why a text of very many values is no target, and what can be done about that."""
    name, distinct = target.name, target.distinct
    shown = [str(bar.value) for bar in (profile.top if profile else [])]
    amounts = [one for one in shown if AMOUNT.fullmatch(one)]
    if len(amounts) > len(shown) / 2:
        digits = f"regexp_replace({identifier(name)}, '[^0-9.-]', '', 'g')"
        if all(COMMA.fullmatch(one) for one in amounts):
            digits = f"replace({digits.replace('.-', ',-')}, ',', '.')"
        hint = f"a formula of a flow makes numbers of them, and --flow takes it: CAST({digits} AS DOUBLE)"
        what = f"{name} holds numbers written as text, such as {amounts[0]!r}"
        return BadOption(what, where="--target", hint=f"at its import: {read}" if read else hint)
    if distinct > PROSE * rows:
        what = f"{name} is a text that is different in nearly every row ({distinct} in {rows}), and no target"
        return BadOption(what, where="--target", hint="a target is a number, or has several rows of each class")
    what = f"{name} has {distinct} different texts in {rows} rows: too many to be taken for classes"
    return BadOption(what, where="--target", hint=f"`dataset import --type {name}=category` takes them for classes")
