"""What is searched: a range or some values for each parameter, on a scale, perhaps only where another has some value.

As it is typed: `max_depth=2..12`, `learning_rate=0.01..0.3:log`, `subsample=0.5..0.999:reverselog`, `kernel=rbf,poly`,
`gamma=auto`, and `degree=2..5 if kernel=poly`. A file is TOML: a key per parameter with such a text, a list of values,
or a table with `low`, `high`, `scale`, `values`, `if`.
"""

import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from cupola import place
from cupola.environments import catalogue, values
from cupola.errors import BadInput, BadOption, CupolaError
from cupola.tuning.ranges import KNOWN

Scale = Literal["linear", "log", "reverselog"]
SCALES = ("linear", "log", "reverselog")
AUTO = "auto"
WHERE = "--space"


class Dimension(msgspec.Struct, kw_only=True, frozen=True):
    """A parameter that is searched: Integer or Continuous from low to high, or Categorical with its values.

    scale: "log" is even in the order of magnitude, "reverselog" in that of 1 - x (0 <= x < 1). when: the values that
    other parameters of the space must have for this one to be searched; without them it keeps its default.
    """

    name: str
    kind: Literal["Integer", "Continuous", "Categorical"]
    low: float = 0.0
    high: float = 0.0
    scale: Scale = "linear"
    values: tuple[Any, ...] = ()
    when: dict[str, list[Any]] = {}

    @property
    def key(self) -> str:
        """What Optuna knows it by: on a reverse log scale it is 1 - x that is drawn."""
        return f"1 - {self.name}" if self.scale == "reverselog" else self.name

    @property
    def distribution(self) -> str:
        """What it is drawn from, in Optuna's own notation."""
        if self.kind == "Categorical":
            return _notation("CategoricalDistribution", choices=[choice(one) for one in self.values])
        if self.kind == "Integer":
            whole = {"low": int(self.low), "high": int(self.high)}
            return _notation("IntDistribution", log=self.scale == "log", step=1, **whole)
        low, high = self.drawn
        return _notation("FloatDistribution", step=None, low=low, high=high, log=self.scale != "linear")

    @property
    def drawn(self) -> tuple[float, float]:
        """The bounds of what is drawn."""
        return (1 - self.high, 1 - self.low) if self.scale == "reverselog" else (self.low, self.high)

    @property
    def text(self) -> str:
        """As it is typed."""
        shown = f"{self.low:.6g}..{self.high:.6g}" if not self.values else ",".join(map(_shown, self.values))
        scale = "" if self.scale == "linear" else f":{self.scale}"
        when = " and ".join(f"{name}={','.join(map(_shown, some))}" for name, some in self.when.items())
        return f"{self.name}={shown}{scale}" + (f" if {when}" if when else "")


def parse(estimator: str, given: Iterable[str], fixed: Mapping[str, Any]) -> list[Dimension]:
    """The space as words and files say it, each value checked against what the estimator takes; parents come first.

    given: "NAME=...", the path of a TOML file, or "auto" for all ranges that are known; nothing is "auto". fixed: the
    parameters that are the same in every trial. Raises BadOption, BadInput.
    """
    asked: dict[str, Any] = {}
    for word in list(given) or [AUTO]:
        name, equals, text = word.partition("=")
        if equals:
            asked[name.strip()] = text.strip()
        elif word == AUTO:
            asked |= {one: AUTO for one in _known(estimator) if one not in fixed} | asked
        else:
            asked |= _file(word)
    for name in asked:
        if name in fixed:
            raise BadOption(f"{name} is given a value by -p and searched too", where=WHERE, hint="give one of the two")
    found = {name: _dimension(estimator, name, one, fixed) for name, one in asked.items()}
    return _in_order(found)


def params(space: Iterable[Dimension], drawn: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the estimator, from what was drawn by `Dimension.key`."""
    found = {}
    for one in space:
        if one.key in drawn:
            value = drawn[one.key]
            if one.kind == "Categorical":
                found[one.name] = one.values[[choice(each) for each in one.values].index(value)]
            else:
                found[one.name] = 1 - value if one.scale == "reverselog" else value
    return found


def is_searched(one: Dimension, so_far: Mapping[str, Any]) -> bool:
    """Whether a parameter is searched where those before it have these values."""
    return all(name in so_far and so_far[name] in some for name, some in one.when.items())


def choice(value: Any) -> Any:
    """A value as Optuna takes it for a category: what is no plain value is JSON text."""
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value)


def _notation(name: str, **attributes: Any) -> str:
    return json.dumps({"name": name, "attributes": attributes})


def _known(estimator: str) -> dict[str, str]:
    known = KNOWN.get(estimator)
    if known is None:
        some = ", ".join(list(KNOWN)[:6])
        hint = f"give some: -s NAME=LOW..HIGH; they are known for {some}, ..."
        raise BadOption(f"no ranges are known for {estimator}", where=WHERE, hint=hint)
    return known


def _file(word: str) -> dict[str, Any]:
    """The space in a TOML file, as words or tables."""
    path = place.path(word)
    try:
        content = tomllib.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError:
        hint = "a range is NAME=LOW..HIGH or NAME=A,B,C; anything else is the path of a file, or auto"
        raise BadOption(f"there is no file {word!r}", where=WHERE, hint=hint) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"it cannot be read as TOML: {error}", where=word) from None
    space = content.get("space", content)
    if not isinstance(space, dict) or not space:
        raise BadInput("it holds no parameters", where=word, hint='a line is such as max_depth = "2..12"')
    return space


def _dimension(estimator: str, name: str, asked: Any, fixed: Mapping[str, Any]) -> Dimension:
    if isinstance(asked, dict):
        return _of_table(estimator, name, asked, fixed)
    if isinstance(asked, list):
        return _categories(estimator, name, asked, fixed, {})
    if not isinstance(asked, str):
        raise BadOption(f"{name}: {asked!r} is no range", where=WHERE, hint=_forms(name))
    text, conditional, condition = asked.partition(" if ")
    when = _conditions(condition) if conditional else {}
    text = text.strip()
    if text == AUTO:
        known = _known(estimator).get(name)
        if known is None:
            some = ", ".join(_known(estimator))
            raise BadOption(f"no range is known for {name} of {estimator}", where=WHERE, hint=f"known are {some}")
        one = _dimension(estimator, name, known, fixed)
        return msgspec.structs.replace(one, when=one.when | when)
    low, dots, rest = text.partition("..")
    if not dots:
        return _categories(estimator, name, [one.strip() for one in text.split(",")], fixed, when)
    high, _, scale = rest.partition(":")
    return _range(estimator, name, low.strip(), high.strip(), scale.strip().lower() or "linear", fixed, when)


def _of_table(estimator: str, name: str, asked: dict[str, Any], fixed: Mapping[str, Any]) -> Dimension:
    if wrong := set(asked) - {"low", "high", "scale", "values", "if"}:
        raise BadOption(f"{name} has no {min(wrong)!r}", where=WHERE, hint="it has low, high, scale, values, if")
    given = asked.get("if", {})
    if not isinstance(given, dict):
        raise BadOption(f"{name}: if is a table of values", where=WHERE, hint='if = { kernel = ["rbf"] }')
    when = {one: some if isinstance(some, list) else [some] for one, some in given.items()}
    if "values" in asked:
        return _categories(estimator, name, list(asked["values"]), fixed, when)
    if "low" not in asked or "high" not in asked:
        raise BadOption(f"{name} has neither values nor low and high", where=WHERE, hint=_forms(name))
    scale = str(asked.get("scale", "linear"))
    return _range(estimator, name, asked["low"], asked["high"], scale, fixed, when)


def _conditions(text: str) -> dict[str, list[Any]]:
    found = {}
    for one in text.split(" and "):
        name, equals, some = one.partition("=")
        if not equals or not some.strip():
            raise BadOption(f"{one.strip()!r} is no condition", where=WHERE, hint="one is such as: if kernel=rbf,poly")
        found[name.strip()] = [each.strip() for each in some.split(",")]
    return found


def _range(
    estimator: str, name: str, low: Any, high: Any, scale: str, fixed: Mapping[str, Any], when: dict[str, list[Any]]
) -> Dimension:
    if scale not in SCALES:
        raise BadOption(f"{name}: {scale!r} is no scale", where=WHERE, hint=f"one of {', '.join(SCALES)}")
    ends = [_checked(estimator, name, one, fixed) for one in (low, high)]
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in ends):
        raise BadOption(f"{name}: {low}..{high} is no range of numbers", where=WHERE, hint=_forms(name))
    first, last = (float(one) for one in ends)
    if not first < last:
        raise BadOption(f"{name}: {low} is not below {high}", where=WHERE)
    if scale == "log" and first <= 0:
        raise BadOption(f"{name}: a logarithmic range begins above 0, not at {low}", where=WHERE)
    whole = all(isinstance(one, int) for one in ends)
    if scale == "reverselog" and (whole or not 0 <= first < last < 1):
        raise BadOption(f"{name}: a reverse logarithmic range lies from 0 to below 1", where=WHERE)
    kind: Literal["Integer", "Continuous"] = "Integer" if whole else "Continuous"
    return Dimension(name=name, kind=kind, low=first, high=last, scale=scale, when=when)  # type: ignore[arg-type]


def _categories(
    estimator: str, name: str, given: list[Any], fixed: Mapping[str, Any], when: dict[str, list[Any]]
) -> Dimension:
    found = [_checked(estimator, name, one, fixed) for one in given if one != ""]
    if not found:
        raise BadOption(f"{name} has no values", where=WHERE, hint=_forms(name))
    if any(isinstance(one, float) and not math.isfinite(one) for one in found):
        raise BadOption(f"{name}: {found} has a value that is no number", where=WHERE)
    different = {json.dumps(one): one for one in found}
    return Dimension(name=name, kind="Categorical", values=tuple(different.values()), when=when)


def _checked(estimator: str, name: str, given: Any, fixed: Mapping[str, Any]) -> Any:
    """A value as the estimator will get it. Raises BadOption where it takes none such."""
    try:
        catalogue.find(estimator)
        return values.check(estimator, {**fixed, name: given})[name]
    except CupolaError as error:
        if isinstance(error, BadOption) and error.where == "-p":
            error.where = WHERE
        raise


def _in_order(found: dict[str, Dimension]) -> list[Dimension]:
    """Parents before those that depend on them, with the values of conditions as the parents have them."""
    ordered: dict[str, Dimension] = {}
    left = dict(found)
    while left:
        ready = [one for one in left.values() if all(parent in ordered for parent in one.when)]
        if not ready:
            return _no_order(left, found)
        for one in ready:
            when = {name: [_of_parent(one, ordered[name], each) for each in some] for name, some in one.when.items()}
            ordered[one.name] = msgspec.structs.replace(one, when=when)
            del left[one.name]
    return list(ordered.values())


def _no_order(left: dict[str, Dimension], found: dict[str, Dimension]) -> list[Dimension]:
    for one in left.values():
        for parent in one.when:
            if parent not in found:
                hint = f"give also -s {parent}=A,B"
                raise BadOption(f"{one.name} depends on {parent}, which is not searched", where=WHERE, hint=hint)
    raise BadOption(f"{', '.join(left)} depend on each other in a circle", where=WHERE)


def _of_parent(one: Dimension, parent: Dimension, given: Any) -> Any:
    if not parent.values:
        raise BadOption(f"{one.name} depends on {parent.name}, which has no values", where=WHERE)
    for value in parent.values:
        if given == value or (isinstance(given, str) and given == _shown(value)):
            return value
    shown = ", ".join(map(_shown, parent.values))
    raise BadOption(f"{one.name} depends on {parent.name}={given}, and {parent.name} is one of {shown}", where=WHERE)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _forms(name: str) -> str:
    return f"{name}=LOW..HIGH, {name}=LOW..HIGH:log, {name}=A,B,C or {name}=auto"
