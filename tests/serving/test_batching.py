"""Requests that are joined are answered as those that come alone, and none suffers from another."""

import asyncio
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from cupola.errors import BadInput
from cupola.registry.models import Model, Prediction
from cupola.registry.signature import Signature
from cupola.runtimes.frames import Frames
from cupola.runtimes.tables import Table
from cupola.serving.batching import Batches
from cupola.serving.records import MOST_ROWS

Row = dict[str, Any]


class Gate:
    """A model that notes the size of each call; its first call waits until the others have come."""

    def __init__(self, predict: Callable[[pd.DataFrame], Prediction]) -> None:
        self.predict = predict
        self.sizes: list[int] = []
        self.opened, self.entered = threading.Event(), threading.Event()

    def __call__(self, frame: pd.DataFrame) -> Prediction:
        self.sizes.append(len(frame))
        self.entered.set()
        assert self.opened.wait(120)
        return self.predict(frame)


def table(*rows: Row) -> Table:
    return Table(list(rows[0]), [[row[name] for row in rows] for name in rows[0]], len(rows))


def row(place: int, **changed: Any) -> Row:
    return {"distance": 100.0 * place, "hour": place % 24, "carrier": "AA", "wet": place % 2 == 0} | changed


def together(frames: Frames, gate: Gate, tables: list[Table], **more: int) -> list[Any]:
    """The answers to tables that all wait while the first one is predicted; an exception for what failed."""

    async def ask() -> list[Any]:
        batches = Batches(frames, gate, **more)  # type: ignore[arg-type]
        first = asyncio.create_task(batches.predict(tables[0]))
        await asyncio.to_thread(gate.entered.wait, 120)
        others = [asyncio.create_task(batches.predict(one)) for one in tables[1:]]
        await asyncio.sleep(0)
        gate.opened.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    return asyncio.run(ask())


def same(one: Prediction, other: Prediction) -> bool:
    if one.values.tolist() != other.values.tolist():
        return False
    return one.probabilities is None or np.array_equal(one.probabilities, other.probabilities)


def test_requests_that_wait_are_predicted_in_one_call(classifier: Model) -> None:
    frames, gate = Frames(classifier.signature), Gate(classifier.predict)
    tables = [table(*(row(place + more) for more in range(1 + place % 3))) for place in range(20)]
    found = together(frames, gate, tables)
    assert gate.sizes == [1, sum(one.rows for one in tables[1:])]
    assert all(same(said, classifier.predict(frames.frame(one))) for said, one in zip(found, tables, strict=True))


@pytest.mark.parametrize(("most", "sizes"), [(1, [1] * 7), (3, [1, 3, 3]), (4, [1, 4, 2])])
def test_a_call_has_no_more_rows_than_the_setting_says_and_with_one_nothing_is_joined(
    classifier: Model, most: int, sizes: list[int]
) -> None:
    frames, gate = Frames(classifier.signature), Gate(classifier.predict)
    tables = [table(row(place)) for place in range(7)]
    found = together(frames, gate, tables, most_rows=most)
    assert gate.sizes == sizes
    assert all(same(said, classifier.predict(frames.frame(one))) for said, one in zip(found, tables, strict=True))


VALUES = st.fixed_dictionaries(
    {
        "distance": st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-1000, 1000), st.just("12.5")),
        "hour": st.one_of(st.none(), st.integers(0, 23), st.just("7"), st.just(3.5), st.just(2**70)),
        "carrier": st.one_of(st.none(), st.sampled_from(["AA", "UA", "?"])),
        "wet": st.one_of(st.booleans(), st.sampled_from(["yes", "f", 1])),
    }
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(VALUES, min_size=1, max_size=3), min_size=2, max_size=12))
def test_each_row_has_the_answer_and_the_types_that_it_has_alone(classifier: Model, asked: list[list[Row]]) -> None:
    """Also where a missing or odd value makes other types of whole columns."""
    frames = Frames(classifier.signature)
    seen: dict[float, list[str]] = {}

    def predict(frame: pd.DataFrame) -> Prediction:
        for place in frame["distance"]:
            seen.setdefault(place if place == place else math.inf, []).append(str(frame.dtypes.tolist()))
        return classifier.predict(frame)

    tables = [table(*rows) for rows in asked]
    for said, one in zip(together(frames, Gate(predict), tables), tables, strict=True):
        frame = frames.frame(one)
        assert same(said, classifier.predict(frame))
        for place in frame["distance"]:
            assert str(frame.dtypes.tolist()) in seen[place if place == place else math.inf]


def test_a_bad_request_fails_alone_before_it_is_joined(classifier: Model) -> None:
    gate = Gate(classifier.predict)
    tables = [table(row(0)), table(row(1)), table(row(2, hour="noon")), table({"hour": 1}), table(row(3))]
    found = together(Frames(classifier.signature), gate, tables)
    assert [type(one) for one in found] == [Prediction, Prediction, BadInput, BadInput, Prediction]
    assert "row 1, column 'hour': 'noon' is not a number" in str(found[2])
    assert gate.sizes == [1, 2]


def test_what_the_model_refuses_fails_alone_and_the_others_are_answered(classifier: Model) -> None:
    def predict(frame: pd.DataFrame) -> Prediction:
        if (frame["distance"] == 200).any():
            raise BadInput("not 200")
        return classifier.predict(frame)

    frames, gate = Frames(classifier.signature), Gate(predict)
    tables = [table(row(place)) for place in range(5)]
    found = together(frames, gate, tables)
    assert [type(one) for one in found] == [Prediction, Prediction, BadInput, Prediction, Prediction]
    assert gate.sizes == [1, 4, 1, 1, 1, 1]


def test_a_call_has_so_many_rows_and_no_more(classifier: Model) -> None:
    gate = Gate(classifier.predict)
    half = [row(place) for place in range(MOST_ROWS // 2)]
    tables = [table(row(0)), table(*half), table(*half), table(*half), table(*half, *half, row(1))]
    found = together(Frames(classifier.signature), gate, tables)
    assert [len(one.values) for one in found] == [one.rows for one in tables]
    assert sorted(gate.sizes) == sorted([1, MOST_ROWS, MOST_ROWS // 2, MOST_ROWS + 1])


def test_requests_to_own_code_are_not_joined_and_are_all_answered(classifier: Model) -> None:
    gate = Gate(classifier.predict)
    gate.opened.set()

    async def ask() -> None:
        batches = Batches(Frames(classifier.signature), gate, joins=False)
        found = await asyncio.gather(*(batches.predict(table(row(place))) for place in range(8)))
        assert [len(one.values) for one in found] == [1] * 8

    asyncio.run(ask())
    assert gate.sizes == [1] * 8


def test_a_lone_request_waits_for_nobody(classifier: Model) -> None:
    """Each of many requests in a row begins at once: nothing is gathered, whatever was before."""
    gate = Gate(classifier.predict)
    gate.opened.set()

    async def ask() -> None:
        batches = Batches(Frames(classifier.signature), gate)
        for place in range(20):
            await batches.predict(table(row(place)))
            await asyncio.sleep(0)
            assert batches._running is None  # it waits for nothing

    asyncio.run(ask())
    assert gate.sizes == [1] * 20


def test_those_that_were_answered_together_are_gathered_again(classifier: Model) -> None:
    """Clients that ask again at once end up in calls of all of them, not in two halves by turns."""
    gate = Gate(classifier.predict)
    gate.opened.set()

    async def client(batches: Batches) -> None:
        for place in range(30):
            await batches.predict(table(row(place)))

    async def ask() -> None:
        batches = Batches(Frames(classifier.signature), gate)
        await asyncio.gather(*(client(batches) for _ in range(16)))

    asyncio.run(ask())
    assert sum(gate.sizes) == 16 * 30
    assert len(gate.sizes) < 16 * 30 / 4


def test_a_client_that_leaves_harms_nobody(classifier: Model) -> None:
    gate = Gate(classifier.predict)

    async def ask() -> list[Any]:
        batches = Batches(Frames(classifier.signature), gate)
        first = asyncio.create_task(batches.predict(table(row(0))))
        await asyncio.to_thread(gate.entered.wait, 120)
        others = [asyncio.create_task(batches.predict(table(row(place)))) for place in range(1, 4)]
        await asyncio.sleep(0)
        first.cancel()
        others[1].cancel()
        gate.opened.set()
        found = await asyncio.gather(first, *others, return_exceptions=True)
        return [*found, await batches.predict(table(row(9)))]

    kinds = [type(one) for one in asyncio.run(ask())]
    gone = asyncio.CancelledError
    assert kinds == [gone, Prediction, gone, Prediction, Prediction]


def test_the_event_loop_answers_while_a_batch_is_predicted(classifier: Model) -> None:
    gate = Gate(classifier.predict)

    async def ask() -> int:
        batches = Batches(Frames(classifier.signature), gate)
        asked = asyncio.create_task(batches.predict(table(row(0))))
        await asyncio.to_thread(gate.entered.wait, 120)
        turns = 0
        for _ in range(100):
            await asyncio.sleep(0)
            turns += 1
        gate.opened.set()
        await asked
        return turns

    assert asyncio.run(ask()) == 100


def test_a_call_has_one_thread(classifier: Model) -> None:
    found: list[int] = []

    def predict(frame: pd.DataFrame) -> Prediction:
        found.extend(one["num_threads"] for one in threadpool_info())
        return classifier.predict(frame)

    gate = Gate(predict)
    gate.opened.set()
    asyncio.run(Batches(Frames(classifier.signature), gate).predict(table(row(0))))
    assert found and set(found) == {1}


def test_only_values_of_whole_numbers_and_truths_decide_about_types() -> None:
    from cupola.registry.signature import SignatureColumn

    columns = [
        SignatureColumn(name="a", type="integer", dtype="int64"),
        SignatureColumn(name="b", type="integer", dtype="float64"),
        SignatureColumn(name="c", type="boolean", dtype="bool"),
        SignatureColumn(name="d", type="text", dtype="str"),
    ]
    frames = Frames(Signature(columns=columns))
    whole = frames.kinds([[1], [1], [True], ["x"]])
    assert frames.kinds([["3"], [None], ["f"], [None]]) == whole
    assert frames.kinds([[None], [1], [True], ["x"]]) != whole
    assert frames.kinds([[1], [1], [None], ["x"]]) != whole
    with pytest.raises(BadInput, match="column 'a'"):
        frames.kinds([["x"], [1], [None], ["x"]])
