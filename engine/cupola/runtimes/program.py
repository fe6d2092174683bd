"""A compiled model as plain data: how each column becomes numbers, and how these become answers."""

from typing import Any

import msgspec

from cupola.flows.records import Fitted
from cupola.registry.models import Answers
from cupola.registry.signature import Signature, SignatureColumn

Matrix = list[list[float]]


class Number(msgspec.Struct, tag="number", frozen=True):
    """As `preparation.Numbers`. edges: a number is its place among them."""

    fill: float | None
    center: float
    scale: float
    clip: bool
    flag: bool
    edges: list[float] | None


class Lookup(msgspec.Struct, tag="lookup", frozen=True):
    """A text that is looked up: the numbers of each known one, of a missing one, and of all others."""

    known: dict[str, list[float]]
    missing: list[float]
    other: list[float]


class Moment(msgspec.Struct, tag="moment", frozen=True):
    """As `preparation.Dates`. start: microseconds since 1970, in UTC."""

    start: int
    parts: dict[str, Number]


class Prose(msgspec.Struct, tag="prose", frozen=True):
    """As `texts.Texts`."""

    kept: list[int]
    rarity: list[float]
    binned: bool
    positive: bool
    flag: bool


Encoder = Number | Lookup | Moment | Prose


class Trees(msgspec.Struct, tag="trees", frozen=True):
    """An ensemble as treelite keeps it. rounded: the numbers are rounded to float32 first, as scikit-learn does.

    outputs: how many it has. transformed: treelite makes the last step of it by itself.
    """

    model: bytes
    outputs: int
    rounded: bool = False
    transformed: bool = False
    precision: str = "float64"


class Linear(msgspec.Struct, tag="linear", frozen=True):
    """Scores that are a matrix times the numbers, and something more."""

    weights: Matrix
    offsets: list[float]


class Quadratic(msgspec.Struct, tag="quadratic", frozen=True):
    """Scores as of independent normal distributions: for each the offset, less half the squares of what is from the
    means, in deviations."""

    means: Matrix
    variances: Matrix
    offsets: list[float]


class Network(msgspec.Struct, tag="network", frozen=True):
    """Layers of a perceptron, and what stands between them ("relu", "tanh", "logistic", "identity")."""

    layers: list[Linear]
    activation: str


Scorer = Trees | Linear | Quadratic | Network


class Calibrator(msgspec.Struct, frozen=True):
    """From a score to a probability: a logistic curve of `slope` and `offset`, or lines between points."""

    slope: float = 0.0
    offset: float = 0.0
    xs: list[float] | None = None
    ys: list[float] | None = None


class Calibration(msgspec.Struct, frozen=True):
    """A calibrator per class (one where there are two). of_scores: they take scores, not probabilities."""

    calibrators: list[Calibrator]
    of_scores: bool


class Before(msgspec.Struct, frozen=True):
    """A flow that rows come through first. columns: what it gives, as the encoders take it."""

    fitted: Fitted
    columns: list[SignatureColumn]


class Program(msgspec.Struct, kw_only=True):
    """A model that needs no scikit-learn.

    link: what makes values, or probabilities, of scores ("identity", "exp", "logistic", "doubled", "softmax",
    "each"; "none": there are none). chosen: which class is said ("largest" probability, "strongest" score, "above": the
    second where its score is above 0, "from": where it is 0 or more, "half": where its probability is above a half).
    classes: None where numbers are said. mixed: how far probabilities are believed, and the
    shares of the classes. threshold: from which probability on the second of two classes is said. isolation: where
    scores are depths in trees, the depth that is to be expected, and the offset of the score by how strange a row is.
    """

    signature: Signature
    sample: list[dict[str, Any]]
    answers: Answers | None
    encoders: list[Encoder]
    scorer: Scorer
    link: str
    chosen: str = "largest"
    classes: list[Any] | None = None
    isolation: tuple[float, float] | None = None
    calibration: Calibration | None = None
    mixed: tuple[float, list[float]] | None = None
    threshold: float | None = None
    before: Before | None = None

    @property
    def columns(self) -> list[SignatureColumn]:
        """What the encoders take: the model's columns, or what its flow makes of them."""
        return self.before.columns if self.before else self.signature.columns

    @property
    def precision(self) -> str:
        return self.scorer.precision if isinstance(self.scorer, Trees) else "float64"
