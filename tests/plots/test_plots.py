"""One description of a plot, and the files that are made of it."""

import csv
import io
import math
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image

from cupola.plots.layout import HEIGHT, WIDTH, Stroke, of
from cupola.plots.png import SCALE, png
from cupola.plots.records import Bars, Curves, Matrix, Plot, Series, frame, label, ticks
from cupola.plots.svg import svg
from cupola.plots.table import csv_of

EVIL = "<script>&\x1b[31m\u202e\ud800 ]]> \"'"
SVG = "{http://www.w3.org/2000/svg}"


def curves(*series: Series, title: str = "Loss", note: str = "") -> Curves:
    return Curves(name="loss", title=title, x="step", y="loss", series=list(series), note=note)


LINE = Series(name="train", points=[(0, 1.0), (1, 0.5), (2, 0.25)], low=[0.9, 0.4, 0.2], high=[1.1, 0.6, 0.3])
DOTS = Series(name="rows", points=[(0.5, 0.5), (1.5, math.nan)], kind="points")
GUIDE = Series(name="by chance", points=[(0, 0), (2, 1)], kind="guide")
BARS = Bars(name="importance", title="Importance", of="roc_auc lost", names=["age", "city"], values=[0.25, -0.125])
MATRIX = Matrix(name="confusion", title="Confusion", classes=["no", "yes"], counts=[[5, 1], [2, 1200]])
PLOTS: list[Plot] = [curves(LINE, DOTS, GUIDE, note="a band"), BARS, MATRIX]


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: str(plot.name))
def test_svg_and_png_are_of_one_size_and_no_picture_is_empty(plot: Plot) -> None:
    root = ElementTree.fromstring(svg(plot))
    image = Image.open(io.BytesIO(png(plot)))
    size = float(root.attrib["width"]), float(root.attrib["height"])
    assert image.size == (round(size[0] * SCALE), round(size[1] * SCALE))
    assert len(image.getcolors(1 << 20)) > 10
    said = {one.text for one in root.iter(f"{SVG}text")}
    assert plot.title in said


@pytest.mark.parametrize(
    "plot",
    [
        curves(Series(name=EVIL, points=[(0, 1), (1, 2)]), title=EVIL, note=EVIL),
        Bars(name=EVIL, title=EVIL, of=EVIL, names=[EVIL], values=[1.0]),
        Matrix(name=EVIL, title=EVIL, classes=[EVIL, "b"], counts=[[1, 2], [3, 4]]),
    ],
    ids=["curves", "bars", "matrix"],
)
def test_text_stays_text_in_every_file(plot: Plot) -> None:
    drawn = svg(plot)
    ElementTree.fromstring(drawn)  # it is whole XML
    drawn.encode()
    assert "<script" not in drawn and "\x1b" not in drawn and "\u202e" not in drawn
    assert png(plot).startswith(b"\x89PNG")


def test_csv_has_every_number_as_it_is() -> None:
    rows = list(csv.reader(io.StringIO(csv_of(curves(LINE, GUIDE)))))
    assert rows[0] == ["series", "step", "loss", "low", "high"]
    assert rows[1] == ["train", "0", "1.0", "0.9", "1.1"] and len(rows) == 1 + 3 + 2
    assert list(csv.reader(io.StringIO(csv_of(BARS))))[2] == ["city", "-0.125"]
    assert ["yes", "no", "2"] in csv.reader(io.StringIO(csv_of(MATRIX)))


@pytest.mark.parametrize(
    "plot",
    [
        curves(),
        curves(Series(name="nothing", points=[])),
        curves(Series(name="not finite", points=[(0, math.inf), (1, math.nan), (2, 1e308)])),
        curves(Series(name="one", points=[(3, 7)])),
        curves(Series(name="flat", points=[(0, 2), (1, 2)], low=[2], high=[2, 2])),
        curves(Series(name="tiny", points=[(0, 1e-12), (1, 2e-12)])),
        curves(Series(name="huge", points=[(0, -1e200), (1, 1e200)])),
        Bars(name="b", title="b", of="b", names=[], values=[]),
        Bars(name="b", title="b", of="b", names=["a", "b"], values=[math.nan]),
        Matrix(name="m", title="m", classes=[], counts=[]),
        Matrix(name="m", title="m", classes=[f"class {one}" for one in range(60)], counts=[[1] * 60] * 60),
    ],
    ids=str,
)
def test_what_is_empty_or_odd_is_drawn_all_the_same(plot: Plot) -> None:
    ElementTree.fromstring(svg(plot))
    assert png(plot) and csv_of(plot)


def test_a_line_goes_through_its_points_and_stays_on_the_page() -> None:
    page = of(curves(Series(name="train", points=[(0, 0), (1, 1), (2, 0)])))
    placed = next(
        shape.points
        for shape in page.shapes
        if isinstance(shape, Stroke) and len(shape.points) == 3 and shape.width == 2.0
    )
    (left, base), (middle, top), (right, other) = placed
    assert left < middle < right and top < base == other
    assert left >= 0 and right <= WIDTH and top >= 0 and base <= HEIGHT


def test_what_is_shown_holds_all_that_is_finite_and_the_band() -> None:
    assert frame(curves(DOTS)) == (0.5, 1.5, 0.475, 0.525)
    left, right, low, high = frame(curves(LINE)) or (0, 0, 0, 0)
    assert (left, right) == (0, 2) and low < 0.2 and high > 1.1


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.8471, 0.8478), (-3, 1e6), (1e-9, 2e-9), (5, 5)])
def test_ticks_are_few_round_and_within(low: float, high: float) -> None:
    found = ticks(low, high, 6)
    assert 1 <= len(found) <= 6 and all(low - 1e-12 <= one <= high + 1e-12 for one in found)
    assert len({label(one, (high - low) or 1) for one in found}) == len(found)
