"""Alarms as people write them, and what they see."""

import pytest

from cupola.errors import BadOption
from cupola.serving import alarms


def test_an_alarm_is_raised_when_its_metric_is_beyond_the_limit() -> None:
    texts = ["error_rate > 5%", "p99_ms>=200", "rps < 1", "metrics.loss <= 0.5", "drift > 0.2"]
    values = {"error_rate": 0.06, "p99_ms": 199.0, "rps": 0.5, "metrics.loss": 0.6}
    found = alarms.judge(texts, values)
    assert [one.status for one in found] == ["ALARM", "OK", "ALARM", "OK", "INSUFFICIENT_DATA"]
    assert alarms.raised(found) == "alarm error_rate > 5%: it is 0.06; rps < 1: it is 0.5"
    assert alarms.raised(found[1:2]) is None


@pytest.mark.parametrize(
    "text", ["", "error_rate", "error_rate > much", "errors > 5", "p99_ms = 3", "> 3", "drift > 1 2"]
)
def test_what_is_no_alarm(text: str) -> None:
    with pytest.raises(BadOption):
        alarms.rule(text)
