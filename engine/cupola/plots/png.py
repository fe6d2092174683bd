"""A plot as PNG, by Pillow, which is imported here alone and only when one is drawn."""

import io
import itertools
from typing import TYPE_CHECKING

from cupola.plots.layout import Area, Dot, Label, Page, Shape, Stroke, of
from cupola.plots.records import Plot, Point

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

SCALE, FINER = 2, 2  # pixels to a unit of the page; it is drawn finer, and what is drawn made smaller, for smooth edges
FONTS = {True: "DejaVuSans-Bold.ttf", False: "DejaVuSans.ttf"}
ANCHORS = {"start": "lm", "middle": "mm", "end": "rm"}
DASH, GAP = 5.0, 4.0


def png(plot: Plot) -> bytes:
    """The plot. Its letters are those of DejaVu where the host has it, else Pillow's own, which know ASCII."""
    from PIL import Image, ImageDraw

    page = of(plot)
    size = (round(page.width * SCALE * FINER), round(page.height * SCALE * FINER))
    image = Image.new("RGB", size, "#ffffff")
    pen = ImageDraw.Draw(image, "RGBA")
    for shape in page.shapes:
        if not isinstance(shape, Label):
            _draw(pen, shape)
    image = image.resize((size[0] // FINER, size[1] // FINER), Image.Resampling.BOX)
    _write(ImageDraw.Draw(image), page)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _draw(pen: "ImageDraw.ImageDraw", shape: Shape) -> None:
    fine = SCALE * FINER
    match shape:
        case Stroke(points, colour, width, dashed):
            for part in _dashes(points) if dashed else [points]:
                pen.line([(x * fine, y * fine) for x, y in part], colour, round(width * fine), "curve")
        case Area(points, colour, opacity):
            pen.polygon([(x * fine, y * fine) for x, y in points], f"{colour}{round(opacity * 255):02x}")
        case Dot((x, y), colour, radius):
            ends = ((x - radius) * fine, (y - radius) * fine, (x + radius) * fine, (y + radius) * fine)
            pen.ellipse(ends, f"{colour}99")


def _write(pen: "ImageDraw.ImageDraw", page: Page) -> None:
    """The letters last, and not made smaller, so that they are sharp."""
    for shape in page.shapes:
        if isinstance(shape, Label):
            x, y = shape.at
            font = _font(shape.size * SCALE, shape.bold)
            pen.text((x * SCALE, y * SCALE), _one_line(shape.text), shape.colour, font, ANCHORS[shape.anchor])


def _font(size: float, bold: bool) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    from PIL import ImageFont

    try:
        return ImageFont.truetype(FONTS[bold], size)
    except OSError:
        return ImageFont.load_default(size)


def _one_line(text: str) -> str:
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _dashes(points: list[Point]) -> list[list[Point]]:
    """The dashes of a line."""
    found: list[list[Point]] = []
    gone = 0.0  # along the line, since a dash began
    for (x, y), (to_x, to_y) in itertools.pairwise(points):
        length = ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5
        at = 0.0
        while at < length:
            on = gone < DASH
            end = min(length, at + (DASH if on else DASH + GAP) - gone)
            if on:
                found.append([(x + (to_x - x) * one / length, y + (to_y - y) * one / length) for one in (at, end)])
            gone = (gone + end - at) % (DASH + GAP)
            at = end if end > at else length
    return found
