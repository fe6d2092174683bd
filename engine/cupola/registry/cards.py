"""The card of a version: what people say of it (card.toml, beside its files), and what its records say.

The fields, the four states and the risk ratings are those of Amazon SageMaker's model cards
(docs.aws.amazon.com/sagemaker/latest/dg/model-cards.html).
"""

from collections.abc import Callable
from typing import Any, Literal

from cupola.errors import CupolaError, NotFound
from cupola.experiments import records as runs
from cupola.experiments.records import Run
from cupola.explain import records as explained
from cupola.registry.contents import CARD
from cupola.registry.records import ModelState, ModelVersion
from cupola.store import Store, claims, files, records
from cupola.store.records import Record

State = Literal["Draft", "PendingReview", "Approved", "Archived"]
Risk = Literal["Unknown", "Low", "Medium", "High"]
COLUMNS_SHOWN = 40


class Card(Record, kw_only=True):
    """card.toml: what is to be known of a version before it is used, said by those who are answerable for it."""

    state: State = "Draft"
    risk: Risk = "Unknown"
    risk_reason: str = ""
    overview: str = ""
    owner: str = ""
    business_problem: str = ""
    intended_uses: str = ""
    factors: str = ""
    ethics: str = ""
    caveats: str = ""


SECTIONS = {
    "overview": "Overview",
    "business_problem": "Business problem",
    "intended_uses": "Intended uses",
    "factors": "What its quality depends on",
    "ethics": "Ethical considerations",
    "caveats": "Caveats and recommendations",
}


def of(store: Store, version: ModelVersion) -> Card:
    """What card.toml says; an empty draft where there is none. Raises Corrupt, NewerFormat."""
    try:
        return records.read_toml(store, path(version), Card)
    except NotFound:
        return Card()


def path(version: ModelVersion) -> str:
    """Where the card of a version lies."""
    return f"{version.directory}/{CARD}"


def change(store: Store, version: ModelVersion, said: Callable[[Card], Card]) -> None:
    """Replaces card.toml by what `said` makes of it; of two changes at once none is lost.

    Raises Conflict when an editor writes it at the same moment.
    """
    with claims.held(store, f"card/{version.name}/{version.version}-{version.id}"):
        before = of(store, version)
        expected = before if CARD in files.listing(store, version.directory) else None
        records.write_toml(store, path(version), said(before), kind="model", ref=version.ref, expected=expected)


def sections(store: Store, version: ModelState, card: Card) -> dict[str, Any]:
    """The card by its headings: texts as people wrote them, facts as dicts, tables as lists of dicts."""
    run = _run(store, version)
    found: dict[str, Any] = {
        "": {
            "state of the card": card.state,
            "risk rating": card.risk + (f": {card.risk_reason}" if card.risk_reason else ""),
            "owner": card.owner,
            "approval": version.status,
            "stage": version.stage,
            "aliases": version.aliases,
            "tags": version.tags,
            "registered": f"{version.registered} by {version.user} on {version.host}",
            "origin": version.origin,
            "sha256": version.sha256,
        }
    }
    found |= {title: getattr(card, name) for name, title in SECTIONS.items()}
    found["Training"] = {
        "estimator": version.estimator,
        "task": version.task,
        "dataset": version.dataset,
        "flow": version.flow,
        "said of its data": version.bad,
        "target": version.target,
        "run": version.run,
    } | (_training(run) if run else {})
    found["Members"] = [
        {"member": one.model, "takes of what those before it give": ", ".join(one.given)} for one in version.members
    ]
    found["Parameters"] = dict(run.params) if run else {}
    found["Evaluation"] = [
        {"metric": name, "value": value, "standard error": version.metric_errors.get(name)}
        for name, value in version.metrics.items()
    ]
    found["Bias"] = _bias(store, run) if run else []
    found["Takes"] = [{"column": one.name, "type": one.type} for one in version.signature.columns[:COLUMNS_SHOWN]]
    left = len(version.signature.columns) - COLUMNS_SHOWN
    found["Gives"] = {
        "and takes columns beside": f"{left} more" if left > 0 else "",
        "target": version.signature.target,
        "classes": version.signature.classes,
    }
    found["Decisions"] = [
        {"decision": one.status, "by": one.user, "time": one.time, "why": one.note} for one in version.approvals
    ]
    return {title: content for title, content in found.items() if content}


def _training(run: Run) -> dict[str, Any]:
    rows = ", ".join(f"{name} {count:,}" for name, count in run.rows.items())
    return {"rows": rows, "split": run.split, "seed": run.seed, "commit": run.code.commit, "trained": run.ended}


def _bias(store: Store, run: Run) -> list[dict[str, Any]]:
    """What was measured of it: a line for each facet and metric, with its 95 % interval."""
    found = explained.of_run(store, run)
    if found is None:
        return []
    return [
        {"facet": facet.name, "label": found.label, "metric": name, "value": one.value, "from": one.low, "to": one.high}
        for facet in found.facets
        for name, one in facet.metrics.items()
    ]


def _run(store: Store, version: ModelVersion) -> Run | None:
    try:
        return runs.find(store, version.run) if version.run else None
    except CupolaError:  # it is gone, or cannot be read
        return None
