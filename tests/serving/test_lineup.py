"""Which variant gets a request: drawn by weight, or named, or exactly the one of two of a name."""

import pytest

from cupola.errors import BadInput
from cupola.registry.models import Model
from cupola.runtimes.native import Native
from cupola.serving.lineup import Lineup
from cupola.serving.scoring import Variant


def test_a_variant_is_named_or_of_two_of_a_name_its_model_as_well(classifier: Model) -> None:
    before, after = (
        Variant("AllTraffic", label, weight, Native(classifier)) for label, weight in (("late@1", 1.0), ("late@2", 0.0))
    )
    lineup = Lineup([before, after])
    for _ in range(20):
        assert lineup.chosen(None) is lineup.chosen(b"AllTraffic") is lineup.chosen(b"AllTraffic=late@1") is before
        assert lineup.chosen(b"AllTraffic=late@2") is after
    for wanted in (b"x", b"AllTraffic=late@3", b"=", b"\xff"):
        with pytest.raises(BadInput, match="the endpoint has no variant"):
            lineup.chosen(wanted)
