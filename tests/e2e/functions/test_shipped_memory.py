"""Lists, notes and reminders that ship: called as an agent calls them, with the daemon's machinery started anew in between."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.handlers import Bench, eventually, within

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def shipped(bench: Bench) -> Bench:
    for name in ("lists", "notes", "reminders", "timers"):
        (bench.directory / f"{name}.py").write_bytes((ROOT / "functions" / f"{name}.py").read_bytes())
    await bench.start()
    return bench


async def restart(bench: Bench) -> None:
    await bench.close()
    await bench.start()


async def said(bench: Bench, name: str, /, **arguments: Any) -> str:
    answer = await bench.call(name, **arguments)
    assert answer.outcome == "ok", answer.content
    return answer.content


async def refused(bench: Bench, name: str, /, **arguments: Any) -> str:
    answer = await bench.call(name, **arguments)
    assert answer.outcome == "error", answer.content
    return answer.content


async def test_a_list_keeps_what_was_added_in_order_over_a_restart(shipped: Bench) -> None:
    assert await said(shipped, "read_list") == "The shopping list is empty."
    assert await said(shipped, "add_to_list", items=["milk", "Six eggs"]) == "Milk and Six eggs are on the shopping list."
    assert await said(shipped, "add_to_list", items=["bread"]) == "Bread is on the shopping list."
    assert await said(shipped, "add_to_list", items=["call Anna"], list_name="todo") == "Call Anna is on the to-do list."
    assert await said(shipped, "add_to_list", items=["Milk", "tea"]) == "Tea is on the shopping list. Milk was on it already."
    assert await said(shipped, "add_to_list", items=["milk"]) == "Milk was on it already."
    await restart(shipped)
    assert await said(shipped, "read_list") == "On the shopping list are milk, Six eggs, bread and tea."
    assert await said(shipped, "read_list", list_name="todo") == "On the to-do list is call Anna."


async def test_what_says_nothing_is_not_kept(shipped: Bench) -> None:
    for name, arguments in (
        ("take_note", {"text": " \n "}),
        ("add_to_list", {"items": ["milk", "  "]}),
        ("set_reminder", {"text": " ", "minutes": 5}),
    ):
        assert (await shipped.call(name, **arguments)).outcome == "invalid"
    assert await said(shipped, "take_note", text="  the key is with Anna ") == "Noted: The key is with Anna."
    assert await said(shipped, "read_notes") == "The key is with Anna."
    assert await said(shipped, "read_list") == "The shopping list is empty."


async def test_entries_are_removed_by_their_words_and_a_list_is_cleared(shipped: Bench) -> None:
    await said(shipped, "add_to_list", items=["milk", "six eggs", "brown bread", "white bread"])
    assert await said(shipped, "remove_from_list", items=["eggs", "the milk"]) == "Six eggs and milk are off the shopping list."
    assert await refused(shipped, "remove_from_list", items=["bread"]) == "The shopping list has no bread."
    assert await said(shipped, "remove_from_list", items=["Brown bread"]) == "Brown bread is off the shopping list."
    await restart(shipped)
    assert await said(shipped, "read_list") == "On the shopping list is white bread."
    assert await said(shipped, "clear_list", list_name="shopping") == "The shopping list is empty now."
    assert await said(shipped, "clear_list", list_name="shopping") == "The shopping list was empty already."


async def test_notes_are_found_by_their_words_over_a_restart_and_deleted(shipped: Bench) -> None:
    assert await said(shipped, "read_notes") == "There are no notes."
    assert await said(shipped, "take_note", text="the spare key is with Anna") == "Noted: The spare key is with Anna."
    await said(shipped, "take_note", text="The car needs oil.")
    await said(shipped, "take_note", text="the car keys are in the drawer")
    await restart(shipped)
    assert await said(shipped, "read_notes") == ("The car keys are in the drawer. The car needs oil. The spare key is with Anna.")
    assert await said(shipped, "read_notes", subject="the key") == "The car keys are in the drawer. The spare key is with Anna."
    assert await said(shipped, "read_notes", subject="bicycle") == "There is no note about bicycle."
    assert "Which words does only that one have?" in await said(shipped, "delete_note", subject="car")
    assert await said(shipped, "delete_note", subject="the car's oil") == "Deleted: The car needs oil."
    assert await refused(shipped, "delete_note", subject="oil") == "There is no note about oil."


async def test_of_many_notes_the_latest_are_told_and_the_rest_is_counted(shipped: Bench) -> None:
    for number in range(7):
        await said(shipped, "take_note", text=f"note {number}")
    assert await said(shipped, "read_notes") == "Note 6. Note 5. Note 4. Note 3. Note 2. And 2 more."


async def test_a_reminder_is_set_listed_and_cancelled(shipped: Bench) -> None:
    assert await said(shipped, "list_reminders") == "There are no reminders."
    assert re.fullmatch(
        r"I will remind you (tomorrow )?at .+ [AP]M: check the oven\.",
        await said(shipped, "set_reminder", text="check the oven", minutes=20.5),
    )
    tomorrow = (datetime.now().astimezone() + timedelta(days=1)).date().isoformat()
    assert await said(shipped, "set_reminder", text="call Anna", time="19:00", date=tomorrow) == (
        "I will remind you tomorrow at 7 PM: call Anna."
    )
    assert (await said(shipped, "list_reminders")).endswith("check the oven; tomorrow at 7 PM: call Anna.")
    assert "When shall I remind you to eat?" in await said(shipped, "set_reminder", text="eat")
    assert "Which reminder: check the oven, or call Anna?" in await said(shipped, "cancel_reminder")
    assert await refused(shipped, "cancel_reminder", subject="laundry") == (
        "No reminder is about laundry. There are: check the oven; call Anna."
    )
    assert await said(shipped, "cancel_reminder", subject="anna") == "I will not remind you any more: call Anna."
    assert await said(shipped, "cancel_reminder") == "I will not remind you any more: check the oven."
    assert await said(shipped, "cancel_reminder") == "There are no reminders."


async def test_a_time_that_is_over_today_is_tomorrows_and_a_date_that_is_over_is_refused(shipped: Bench) -> None:
    before = datetime.now().astimezone() - timedelta(minutes=5)
    told = await said(shipped, "set_reminder", text="eat", time=f"{before:%H:%M}")
    assert told.startswith("I will remind you tomorrow at ") or before.date() != datetime.now().astimezone().date()
    yesterday = (datetime.now().astimezone() - timedelta(days=1)).date().isoformat()
    assert "is over already" in await refused(shipped, "set_reminder", text="eat", time="12:00", date=yesterday)


async def test_a_reminder_speaks_at_its_time(shipped: Bench) -> None:
    await said(shipped, "set_reminder", text="check the oven", minutes=1 / 60)
    await within(30, shipped.session.changed.wait())
    assert shipped.session.did == [("say", "Here is your reminder: check the oven.", "queue")]


async def test_a_daily_reminder_speaks_and_is_planned_for_the_next_day(shipped: Bench) -> None:
    soon = datetime.now().astimezone() + timedelta(seconds=2)
    told = await said(shipped, "set_reminder", text="water the plants", time=f"{soon:%H:%M:%S}", repeat="everyday")
    assert told.startswith("I will remind you every day at ")
    await within(30, shipped.session.changed.wait())
    assert shipped.session.did == [("say", "Here is your reminder: water the plants.", "queue")]


async def test_timers_and_reminders_ring_in_the_session_that_asked_also_after_a_restart(shipped: Bench) -> None:
    await said(shipped, "set_timer", minutes=3 / 60, name="tea")
    await said(shipped, "set_timer", minutes=90)
    await said(shipped, "set_reminder", text="check the oven", minutes=3 / 60)
    await said(shipped, "set_reminder", text="pay the rent", minutes=40 * 24 * 60)
    await restart(shipped)
    assert "The timer has 1 hour" in await said(shipped, "list_timers")
    assert "pay the rent" in await said(shipped, "list_reminders")
    await eventually(lambda: len(shipped.session.did) == 2, "both rang", bound_s=30)
    assert set(shipped.session.did) == {
        ("say", "Your tea timer for 3 seconds is done.", "queue"),
        ("say", "Here is your reminder: check the oven.", "queue"),
    }
    assert (await said(shipped, "list_timers")).startswith("The timer has 1 hour, 29 minutes")
    assert await said(shipped, "cancel_reminder", subject="rent") == "I will not remind you any more: pay the rent."


async def test_a_daily_reminder_outlasts_a_restart_and_is_planned_anew_where_it_was_dropped(shipped: Bench) -> None:
    later = datetime.now().astimezone() + timedelta(hours=2)
    await said(shipped, "set_reminder", text="water the plants", time=f"{later:%H:%M}", repeat="everyday")
    await restart(shipped)
    assert "and every day: water the plants." in await said(shipped, "list_reminders")
    plan = shipped.functions._laters.pending("reminders", "s")[0]
    await shipped.functions._laters.cancel("reminders", "s", plan["id"])
    assert "and every day: water the plants." in await said(shipped, "list_reminders")
    assert await said(shipped, "cancel_reminder") == "I will not remind you any more: water the plants."
    assert await said(shipped, "list_reminders") == "There are no reminders."
