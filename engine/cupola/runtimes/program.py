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


class Several(msgspec.Struct, tag="several", frozen=True):
    """A column whose value is made into numbers in several ways, for members of an ensemble that take it so."""

    parts: list[Number | Lookup | Moment | Prose]


Encoder = Number | Lookup | Moment | Prose | Several


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


class Kernel(msgspec.Struct, tag="kernel", frozen=True):
    """Scores that are sums over vectors of how near they are ("rbf", "poly", "linear", "sigmoid"), with an offset."""

    vectors: Matrix
    weights: Matrix
    offsets: list[float]
    kind: str
    gamma: float
    constant: float
    degree: int


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """An estimator within another; `link` and `chosen` are its own, as a program has them.

    says: what of it counts: its "figures" (numbers or probabilities), the "scores" that these are made of, or its
    "votes", 1 for the class that it says and `against` for each other. taken: which of them (None: all); they are added
    at `places` of the whole, times `weight`. numbers: those of the row that it is given (None: all).
    """

    scorer: "Scorer"
    link: str
    chosen: str
    places: list[int]
    says: str = "figures"
    weight: float = 1.0
    against: float = 0.0
    taken: list[int] | None = None
    numbers: list[int] | None = None


class Together(msgspec.Struct, tag="together", frozen=True):
    """Scores that are what members say, added up; probabilities then tempered, as `blending.tempered` does."""

    members: list[Member]
    outputs: int
    temperature: float = 1.0


class Median(msgspec.Struct, tag="median", frozen=True):
    """The number in the middle of those that members say, by their weights."""

    members: list[Member]


class Stacked(msgspec.Struct, tag="stacked", frozen=True):
    """Scores of what members say, side by side. beside: the numbers of the row stand beside that."""

    below: Together
    beside: bool
    scorer: "Scorer"


Scorer = Trees | Linear | Quadratic | Network | Kernel | Together | Median | Stacked


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

    link: what makes values, or probabilities, of scores ("identity", "exp", "logistic", "doubled", "softmax", "shared",
    "each"; "none": there are none). chosen: which class is said ("largest" probability, "strongest" score, "above": the
    second where its score is above 0, "from": where it is 0 or more, "half": where its probability is above a half,
    "paired": which wins most of the pairs that scores stand for).
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
        return "float32" if any(one.precision == "float32" for one in trees(self.scorer)) else "float64"


def trees(scorer: Scorer) -> list[Trees]:
    """All trees that a scorer is made of."""
    if isinstance(scorer, Trees):
        return [scorer]
    if isinstance(scorer, Stacked):
        return [*trees(scorer.below), *trees(scorer.scorer)]
    if isinstance(scorer, Together | Median):
        return [one for member in scorer.members for one in trees(member.scorer)]
    return []
