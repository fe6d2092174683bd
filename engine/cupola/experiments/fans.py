"""What a forecast leaves to be drawn: of each item the history, the steps ahead with quantiles, and the back-test."""

import math

import msgspec

from cupola.plots.records import Curves, Plot, Point, Series

NAME = "forecast"
BACKTEST = "back-test"


class Ahead(msgspec.Struct):
    """Steps ahead of an origin; values: of each quantile."""

    x: list[float]
    values: list[list[float | None]]


class Item(msgspec.Struct):
    """item: its name; "" where there is one series."""

    item: str
    history: list[Point]
    ahead: Ahead
    windows: list[Ahead] = []


class Forecast(msgspec.Struct):
    """forecast.json; times: x is seconds since 1970. left_out: items that are in the table only."""

    target: str
    time: str
    quantiles: list[float]
    items: list[Item]
    times: bool = False
    left_out: int = 0


class Steps(msgspec.Struct):
    """steps.json: metrics by the step ahead, and how often the truth was at or below each quantile."""

    metric: str
    metrics: dict[str, list[float | None]]
    errors: dict[str, list[float | None]]
    quantiles: list[float] = []
    held: list[float | None] = []


def is_fan(plot: Plot) -> bool:
    """Whether it shows an item of a forecast."""
    return plot.name.partition(" ")[0] == NAME


def forecast(found: Forecast) -> list[Plot]:
    """A fan for each item."""
    return [fan(found, one) for one in found.items if 0.5 in found.quantiles]


def fan(found: Forecast, item: Item) -> Curves:
    """History, back-test and forecast of one item, the spaces between pairs of quantiles shaded."""
    series = [one for window in item.windows for one in _spread(found, window, BACKTEST)]
    series.append(Series(name="history", points=item.history))
    series += _spread(found, item.ahead, NAME)
    low, high = found.quantiles[0], found.quantiles[-1]
    said = f"shaded: from the {low:g} to the {high:g} quantile" if low < high else ""
    if item.windows:
        said += f"{said and '; '}dim: what was said in the back-test"
    name = f"{NAME} {item.item}" if item.item else NAME
    title = f"{found.target} of {item.item}" if item.item else found.target
    return Curves(name=name, title=title, x=found.time, y="", series=series, note=said, times=found.times)


def _spread(found: Forecast, ahead: Ahead, name: str) -> list[Series]:
    """Bands from the widest pair of quantiles to the narrowest, and the median over them."""
    points = _points(ahead, found.quantiles.index(0.5))
    series = []
    for place in range(len(found.quantiles) // 2):
        ends = (ahead.values[place], ahead.values[-1 - place])
        low, high = ([math.nan if one is None else one for one in end] for end in ends)
        levels = f"{found.quantiles[place]:g} to {found.quantiles[-1 - place]:g}"
        series.append(Series(name=f"{name} {levels}", points=points, kind="band", low=low, high=high))
    return [*series, Series(name=name, points=points, kind="guide" if name == BACKTEST else "line")]


def _points(ahead: Ahead, place: int) -> list[Point]:
    return [(x, math.nan if y is None else y) for x, y in zip(ahead.x, ahead.values[place], strict=False)]


def steps(found: Steps) -> list[Plot]:
    """The metric by the step ahead, with its standard error; and how often each quantile held."""
    plots: list[Plot] = []
    values = found.metrics.get(found.metric) or []
    told = [(place + 1, one) for place, one in enumerate(values) if one is not None]
    if len(told) > 1:
        errors = found.errors.get(found.metric) or []
        off = [errors[int(step) - 1] or 0.0 if step <= len(errors) else 0.0 for step, _ in told]
        points = [(float(step), value) for step, value in told]
        ends = [[value + sign * one for (_, value), one in zip(told, off, strict=True)] for sign in (-1, 1)]
        series = [Series(name=found.metric, points=points, low=ends[0], high=ends[1])]
        title, note = f"{found.metric} by the step ahead (back-test)", "the band is one standard error"
        plots.append(Curves(name="by-step", title=title, x="steps ahead", y=found.metric, series=series, note=note))
    held = [(level, one) for level, one in zip(found.quantiles, found.held, strict=False) if one is not None]
    if held:
        series = [
            Series(name="as wanted", points=[(0.0, 0.0), (1.0, 1.0)], kind="guide"),
            Series(name="back-test", points=held),
        ]
        plots.append(
            Curves(
                name="coverage", title="How often the truth was at or below a quantile (back-test)", x="quantile",
                y="share", series=series, limits=(0.0, 1.0, 0.0, 1.0),
            )
        )  # fmt: skip
    return plots
