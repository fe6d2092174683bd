"""Counts and quantiles of requests."""

import random

import pytest

from cupola.serving.tally import Counts, Window, quantile


def test_a_quantile_is_right_to_a_bucket() -> None:
    generator = random.Random(1)
    times = sorted(generator.lognormvariate(-6, 1) for _ in range(5000))
    counts = Counts()
    for one in times:
        counts.add(one, False)
    for share in (0.5, 0.9, 0.99):
        exact = times[int(share * len(times))] * 1e3
        assert quantile(counts.buckets, share) == pytest.approx(exact, rel=0.06)
    assert quantile({}, 0.5) is None


def test_a_window_adds_up_what_all_servers_told() -> None:
    window = Window()
    for _ in range(3):
        counts = Counts()
        counts.add(0.01, False)
        counts.add(0.01, True)
        window.add(counts)
    traffic = window.traffic()
    assert (traffic.requests, traffic.errors) == (6, 3)
    assert sum(row[1] or 0 for row in traffic.series) == 6
    assert traffic.p50_ms == pytest.approx(10, rel=0.05)
