"""What is kept of bias with a run: bias.json, among its artifacts.

The metrics and their names are those of Amazon SageMaker Clarify
(docs.aws.amazon.com/sagemaker/latest/dg/clarify-measure-data-bias.html and clarify-measure-post-training-bias.html).
"""

import msgspec

from cupola.errors import CupolaError
from cupola.experiments import records as runs
from cupola.experiments.records import Run
from cupola.store import Store, files

FILE = "bias.json"

METRICS = {
    "CI": "class imbalance: how much rarer the facet is than the rest",
    "DPL": "difference in the shares that are truly the label",
    "KL": "Kullback-Leibler divergence of the true labels",
    "JS": "Jensen-Shannon divergence of the true labels",
    "LP": "Euclidean distance of the shares of the true labels",
    "TVD": "total variation distance of the true labels",
    "KS": "largest difference in the share of one true label",
    "CDDL": "demographic disparity of the true labels, within groups",
    "DPPL": "difference in the shares that are predicted the label",
    "DI": "disparate impact: the ratio of the shares that are predicted the label (1: the same)",
    "DCA": "difference in conditional acceptance: true over predicted labels",
    "DCR": "difference in conditional rejection: true over predicted others",
    "RD": "difference in recall",
    "SD": "difference in specificity",
    "DAR": "difference in acceptance rates: how often a predicted label is true",
    "DRR": "difference in rejection rates: how often a predicted other is true",
    "AD": "difference in accuracy",
    "CDDPL": "demographic disparity of the predicted labels, within groups",
    "TE": "treatment equality: difference in the ratio of missed to wrong labels",
    "FT": "flip test: how many more of the facet would get the label if they were their nearest others",
    "GE": "generalized entropy (alpha 2) of who gains by the predictions and who loses",
}


class Measured(msgspec.Struct, kw_only=True):
    """A metric and its 95 % interval; None where it cannot be told (a share of no rows)."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Facet(msgspec.Struct, kw_only=True):
    """A part of the rows that is held against the rest. name: `sex=F`, `age>40`; rows: how many it has."""

    name: str
    rows: int
    others: int
    metrics: dict[str, Measured]


class Bias(msgspec.Struct, kw_only=True):
    """Bias in the rows held out of a run's training, and in what was predicted for them.

    label: the answer that is good to get; group: the column within whose values CDDL and CDDPL are taken.
    """

    run: str
    label: str
    group: str | None = None
    rows: int
    facets: list[Facet]
    notes: list[str] = []


def of_run(store: Store, run: Run) -> Bias | None:
    """What is kept with a run; None where nothing was, or where it is something else."""
    try:
        content = files.read_bytes(store, runs.artifact_path(store, run, FILE))
        return msgspec.json.decode(content, type=Bias)
    except (CupolaError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
