"""Drop and replay with a real daemon; ``python -m bench.functions replay`` plays five hundred, with other drops."""

import pytest

from bench.functions.replay import FUNCTIONS, HOW, REPLAYS, Run, play_all

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


async def test_a_call_that_comes_again_after_a_lost_connection_is_not_done_again() -> None:
    kinds = [(how, replay, filler) for how in sorted(set(HOW)) for replay in REPLAYS for filler in (False, True)]
    runs = [Run(n, FUNCTIONS[n % 3], *kind[:2], (0.0, 0.005, None)[n % 3], kind[2]) for n, kind in enumerate(kinds)]
    figures = await play_all(runs)
    assert figures["first_failures"] == []
    assert figures["first_twice"] == []
    assert (figures["done_once"], figures["never_done"]) == (len(runs), 0)
