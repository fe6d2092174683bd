"""Explanations: they add up, they are the Shapley values, and what cannot be explained is said."""

import itertools
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest

from cupola.errors import BadInput
from cupola.registry.models import Model
from cupola.runtimes.tables import Table
from cupola.serving import explaining
from cupola.serving.app import Application
from cupola.serving.guard import Guard
from cupola.serving.scoring import Variant

from .test_app import COLUMNS, GOOD, TOKEN, connect, post

ENABLE = "X-Amzn-SageMaker-Enable-Explanations"
ROWS = [GOOD, GOOD | {"hour": 3, "wet": False}, GOOD | {"distance": None, "carrier": "never seen"}]


def table(rows: list[dict[str, Any]]) -> Table:
    return Table(COLUMNS, [[row[name] for row in rows] for name in COLUMNS], len(rows))


def answers(variant: Variant, rows: list[dict[str, Any]]) -> Any:
    found = variant.predict(table(rows))
    return found.values if found.probabilities is None else found.probabilities[:, 1]


def by_definition(variant: Variant, row: dict[str, Any]) -> dict[str, float]:
    """The Shapley values from all subsets of the columns."""
    sample = variant.runtime.sample

    def worth(taken: set[str]) -> float:
        mixed = [{name: (row if name in taken else one)[name] for name in COLUMNS} for one in sample]
        return float(np.mean(answers(variant, mixed)))

    found = dict.fromkeys(COLUMNS, 0.0)
    for name in COLUMNS:
        others = [one for one in COLUMNS if one != name]
        for size in range(len(COLUMNS)):
            share = math.factorial(size) * math.factorial(len(others) - size) / math.factorial(len(COLUMNS))
            for some in itertools.combinations(others, size):
                found[name] += share * (worth({*some, name}) - worth(set(some)))
    return found


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_they_are_the_shapley_values_and_add_up(kind: str, request: pytest.FixtureRequest) -> None:
    variant = Variant("AllTraffic", "late@1", 1.0, request.getfixturevalue(kind))
    found = explaining.explain(variant, table(ROWS))
    for row, one, answer in zip(ROWS, found, answers(variant, ROWS), strict=True):
        assert one.of == ("yes" if kind == "classifier" else None)
        assert one.base + sum(one.attributions.values()) == pytest.approx(answer, abs=1e-9)
        assert one.base == pytest.approx(float(np.mean(answers(variant, variant.runtime.sample))), abs=1e-9)
        exact = by_definition(variant, row)
        assert one.attributions == pytest.approx(exact, abs=0.02 if kind == "classifier" else 1e-6)
    assert found == explaining.explain(variant, table(ROWS))


def test_what_cannot_be_explained_is_said(classifier: Model) -> None:
    bare = Variant("AllTraffic", "late@1", 1.0, Model(classifier.pipeline, classifier.signature, []))
    with pytest.raises(BadInput, match="no sample"):
        explaining.explain(bare, table(ROWS))
    variant = Variant("AllTraffic", "late@1", 1.0, classifier)
    with pytest.raises(BadInput, match="1,000 rows are too many to be explained in one request; there may be 200"):
        explaining.explain(variant, table([GOOD] * 1000))


@pytest.fixture
async def client(classifier: Model) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(
        Application([Variant("AllTraffic", "late@1", 1.0, classifier)], Guard(lambda: TOKEN), {})
    ) as one:
        yield one


async def test_they_stand_in_the_answer_of_who_asks_for_them(client: httpx.AsyncClient) -> None:
    body = {"dataframe_records": ROWS}
    plain = (await post(client, body)).json()
    for value in ("`true`", "true"):
        answer = (await post(client, body, **{ENABLE: value})).json()
        explanations = answer.pop("explanations")
        assert answer == plain and len(explanations) == 3
        for one, probabilities in zip(explanations, plain["probabilities"], strict=True):
            assert (one["of"], list(one["attributions"])) == ("yes", COLUMNS)
            assert one["base"] + sum(one["attributions"].values()) == pytest.approx(probabilities[1], abs=1e-9)
    assert (await post(client, body, **{ENABLE: "`false`"})).json() == plain


async def test_what_is_asked_for_in_a_wrong_way_is_refused(client: httpx.AsyncClient) -> None:
    body = {"dataframe_records": ROWS}
    wrong = await post(client, body, **{ENABLE: "probability > `0.8`"})
    assert wrong.status_code == 400 and "expressions are not evaluated" in wrong.json()["message"]
    lines = await post(client, body, Accept="text/csv", **{ENABLE: "`true`"})
    assert lines.status_code == 400 and "application/json only" in lines.json()["message"]
    spoilt = await post(client, {"dataframe_records": [GOOD, GOOD | {"hour": "x"}]}, **{ENABLE: "`true`"})
    assert spoilt.status_code == 400 and "row 2, column 'hour'" in spoilt.json()["message"]
    stream = await client.post("/invocations-response-stream", content=json.dumps(body), headers={ENABLE: "`true`"})
    assert stream.status_code == 400 and "a stream has no explanations" in stream.json()["message"]
