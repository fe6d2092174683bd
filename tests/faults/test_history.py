"""The model of what two hosts may do sees each thing that they must not."""

import pytest
from tests.faults import history

LEASE = 3.0


def event(time: float, what: str, number: int = 1, **more: object) -> history.Event:
    return {"time": time, "what": what, "job": "j", "number": number, **more}


TAKEN_OVER = [
    event(1.0, "claim"),
    event(2.0, "renew", begun=1.9),
    event(5.2, "expired", looked=5.1),
    event(5.3, "end", begun=5.3, cause="lost"),
    event(5.4, "claim", 2),
    event(6.0, "end", 2, begun=6.0, cause="end"),
    event(6.1, "publish", 2),
]


def changed(*dropped: int, more: tuple[history.Event, ...] = ()) -> list[history.Event]:
    kept = [one for index, one in enumerate(TAKEN_OVER) if index not in dropped]
    return sorted([*kept, *more], key=lambda one: one["time"])


def test_a_take_over_after_the_lease_is_allowed() -> None:
    assert history.wrong(TAKEN_OVER, LEASE) == []


@pytest.mark.parametrize(
    ("events", "what"),
    [
        (changed(more=(event(5.5, "claim", 2),)), "that were claimed are"),
        (changed(3), "before attempt 1 had ended"),
        (changed(more=(event(7.0, "end", 2, begun=7.0, cause="exit"),)), "has ended 2 times"),
        (changed(more=(event(4.0, "renew", begun=3.9),)), "was taken for dead after 1.30 s"),
        (changed(more=(event(6.2, "publish"),)), "attempt 1 was published, and had lost ended"),
        (changed(5), "attempt 2 was published, and had not ended"),
    ],
)
def test_what_is_not_allowed_is_said(events: list[history.Event], what: str) -> None:
    assert any(what in one for one in history.wrong(events, LEASE))
