"""The handlers that ship, called as an agent calls them."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.handlers import Bench, within

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def shipped(bench: Bench) -> Bench:
    bench.directory.rmdir()
    bench.directory.symlink_to(ROOT / "functions")
    await bench.start()
    return bench


async def said(bench: Bench, name: str, /, **arguments: Any) -> str:
    answer = await bench.call(name, **arguments)
    assert answer.outcome == "ok", answer.content
    return answer.content


async def test_the_home_does_what_it_is_told_and_tells_its_state(shipped: Bench) -> None:
    assert await said(shipped, "set_light", room="living room", light="lamp") == "The living room lamp is on."
    assert await said(shipped, "set_light", room="kitchen", on=False) == "The kitchen lights are off."
    assert await said(shipped, "set_light", room="office", brightness=40) == "The office lights are at 40 percent."
    assert await said(shipped, "set_light", room="everywhere", on=False, light="ceiling light") == (
        "The ceiling light is off everywhere."
    )
    assert await said(shipped, "set_heating", room="bedroom", temperature="21.5") == "The bedroom heating is set to 21.5 degrees."
    assert await said(shipped, "set_blinds", room="everywhere", position="closed") == "The blinds are closed everywhere."
    assert await said(shipped, "get_home_state", room="living room", device="lights") == (
        "In the living room, the ceiling light is off and the lamp is on."
    )
    assert await said(shipped, "get_home_state", room="bedroom", device="heating") == (
        "In the bedroom, the heating is set to 21.5 degrees."
    )
    assert await said(shipped, "get_home_state", room="office") == (
        "In the office, the ceiling light is off, the lamp is on at 40 percent, the heating is set to 20 degrees "
        "and the blinds are closed."
    )


async def test_the_whole_home_is_told_by_what_differs(shipped: Bench) -> None:
    off = "The ceiling light is off everywhere. The lamp is off everywhere."
    assert await said(shipped, "get_home_state", device="lights") == off
    await said(shipped, "set_light", room="hallway", light="lamp")
    assert await said(shipped, "get_home_state", device="lights") == (
        "The ceiling light is off everywhere. The lamp is on in the hallway and off everywhere else."
    )
    assert await said(shipped, "get_home_state", device="blinds") == "The blinds are open everywhere."
    await said(shipped, "set_blinds", room="office", position="closed")
    assert await said(shipped, "get_home_state", device="blinds") == (
        "The blinds are closed in the office and open everywhere else."
    )


async def test_the_clock_speaks_in_the_configured_time_zone(shipped: Bench) -> None:
    assert re.fullmatch(r"It is (noon|midnight|\d{1,2}(:\d\d)? [AP]M)\.", await said(shipped, "get_time"))
    assert re.fullmatch(r"Tomorrow is [A-Z][a-z]+, [A-Z][a-z]+ \d{1,2}, \d{4}\.", await said(shipped, "get_date", day="tomorrow"))


async def test_a_timer_is_set_listed_and_cancelled(shipped: Bench) -> None:
    assert await said(shipped, "list_timers") == "No timer is running."
    assert await said(shipped, "set_timer", minutes=3.5, name="tea") == "Your tea timer is set for 3 minutes and 30 seconds."
    assert await said(shipped, "set_timer", minutes=90) == "Your timer is set for 1 hour and 30 minutes."
    assert (await said(shipped, "list_timers")).startswith(
        "The tea timer has 3 minutes and 30 seconds left. The timer has 1 hour"
    )
    assert "Which timer, tea or the one without a name?" in await said(shipped, "cancel_timer")
    assert await said(shipped, "cancel_timer", name="Tea") == "The tea timer is cancelled."
    assert await said(shipped, "cancel_timer") == "The timer is cancelled."
    unknown = await shipped.call("cancel_timer", name="pizza")
    assert unknown.content == "No timer is running."


async def test_a_timer_speaks_when_it_rings(shipped: Bench) -> None:
    await said(shipped, "set_timer", minutes=1 / 60, name="egg")
    await within(30, shipped.session.changed.wait())
    assert shipped.session.did == [("say", "Your egg timer for 1 second is done.", "queue")]


async def test_the_handler_in_the_folders_readme_works(bench: Bench) -> None:
    readme = (ROOT / "functions" / "README.md").read_text(encoding="utf-8")
    source = readme.partition("```python\n")[2].partition("```")[0]
    bench.write("cat.py", source, imports=False)
    await bench.start()
    assert bench.functions.registry.problems == ()
    assert await said(bench, "feed_cat", portions=2) == "The cat gets 2 of dry food."
