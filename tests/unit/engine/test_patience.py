"""How long a silence may last: by the words, by the client's thresholds, and never for ever."""

import math

import pytest

from agentd.engine.patience import Patience
from agentd.engine.providers import Ending


def v2(**options: float) -> Patience:
    return Patience.of({"type": "deepgram", "version": "v2", "model": "flux-general-en", **options}, ordinary_ms=800)


def test_finished_words_wait_least_and_unfinished_ones_longest() -> None:
    waits = [Patience(800).wait_ms(ending) for ending in (Ending.CLOSED, Ending.OPEN, Ending.UNFINISHED)]
    assert waits == sorted(waits)
    assert waits[1] == pytest.approx(800)


def test_a_higher_threshold_waits_longer_and_an_int_is_a_number_too() -> None:
    assert v2(eot_threshold=0.5).wait_ms(Ending.OPEN) < v2().wait_ms(Ending.OPEN) < v2(eot_threshold=0.9).wait_ms(Ending.OPEN)
    assert v2(eot_threshold=1).wait_ms(Ending.CLOSED) == 5000


def test_a_threshold_of_one_leaves_only_the_time_out() -> None:
    assert v2(eot_threshold=1.0, eot_timeout_ms=700).wait_ms(Ending.OPEN) == 700
    assert math.isfinite(v2(eot_threshold=1.0).longest_ms)


def test_the_time_out_bounds_every_wait() -> None:
    assert v2(eot_timeout_ms=500).longest_ms == 500


def test_flux_thinks_ahead_only_when_asked_to_and_nova_always() -> None:
    assert v2().eager_ms(Ending.OPEN) is None
    eager = v2(eager_eot_threshold=0.4).eager_ms(Ending.OPEN)
    assert eager is not None
    assert eager < v2().wait_ms(Ending.OPEN)
    assert Patience.of({"type": "deepgram", "model": "nova-3"}, ordinary_ms=800).eager_ms(Ending.OPEN) is not None


def test_an_eager_threshold_as_high_as_the_other_thinks_when_the_turn_is_over() -> None:
    patience = v2(eot_threshold=0.6, eager_eot_threshold=0.6)
    assert patience.eager_ms(Ending.CLOSED) == patience.wait_ms(Ending.CLOSED)
