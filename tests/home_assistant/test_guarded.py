"""What lets people in is moved only where it is asked for by name, and unlocked only when a person confirms it."""

import asyncio
import sys
from typing import Any

import pytest

from tests.home_assistant.conftest import Start
from tests.support.daemon import DaemonProcess
from tests.support.home_assistant import HomeAssistant

pytestmark = pytest.mark.asyncio(loop_scope="session")

DOORS = ["lock.*", "cover.garage_door", "alarm_control_panel.security"]


async def test_what_is_exposed_may_be_seen_and_what_lets_people_in_not_moved(agentd: Start, house: HomeAssistant) -> None:
    await house.locked("lock.openable_lock")
    bench = await agentd()
    assert (await bench.call("get_device_state", thing="openable lock")).content == "The Openable Lock is locked."
    for name, arguments, words in (
        ("lock_door", {"door": "openable lock"}, "There is no lock that I may use."),
        ("close_garage", {}, "There is no garage door that I may use."),
        ("arm_alarm", {}, "There is no alarm system that I may use."),
        ("move_blinds", {"blinds": "garage door", "action": "open"}, "There are no blinds called garage door."),
        ("activate_scene", {"scene": "leaving"}, "There is no scene called leaving."),
        ("run_script", {"script": "let them in"}, "Let them in also moves what lets people in; allow script.let_in"),
    ):
        outcome = await bench.call(name, **arguments)
        assert (outcome.outcome, outcome.content[: len(words)]) == ("error", words)
    assert (await house.state("lock.openable_lock"))["state"] == "locked"


@pytest.mark.parametrize("allow", [["cover.*"], ["*"], ["*.*"], ["area:kitchen", "exposed"]])
async def test_a_wildcard_over_everything_leaves_the_garage_alone(agentd: Start, allow: list[str]) -> None:
    outcome = await (await agentd(allow=allow)).call("close_garage")
    assert outcome.content == "There is no garage door that I may use."


async def test_only_what_is_allowed_is_there(agentd: Start) -> None:
    bench = await agentd(allow=["area:Kitchen", "light.bed*"])
    names = bench.functions.registry.specs["get_device_state"].parameters["properties"]["thing"]["examples"]
    assert set(names) == {"Kitchen Lights", "Kitchen Window", "Bed Light", "Reading lamp"}
    outcome = await bench.call("switch_light", light="ceiling lights")
    assert outcome.content == "There is no light called ceiling lights. There are: Bed Light or Kitchen Lights."


async def test_making_safer_needs_nobody(agentd: Start, house: HomeAssistant) -> None:
    await house.service("lock.unlock", entity_id="lock.kitchen_door")
    await house.service("alarm_control_panel.alarm_disarm", entity_id="alarm_control_panel.security", code="1234")
    await house.until("lock.kitchen_door", "unlocked")
    bench = await agentd(allow=DOORS, code="1234")
    told = (await bench.call("lock_door", door="kitchen door")).content
    assert told in {"The Kitchen Door is locked.", "The Kitchen Door is locking."}
    await house.until("lock.kitchen_door", "locked")
    told = (await bench.call("arm_alarm", mode="night")).content
    assert told in {"The Security is armed for the night.", "The Security is arming."}
    await house.until("alarm_control_panel.security", "armed_night")


async def test_a_script_that_is_allowed_by_its_full_name_runs(agentd: Start, house: HomeAssistant) -> None:
    await house.locked("lock.kitchen_door")
    bench = await agentd(allow=["script.let_in"])
    assert (await bench.call("run_script", script="let them in")).content == "The Let them in is started."
    await house.until("lock.kitchen_door", "unlocked")


async def test_a_group_of_groups_and_a_gate_without_a_class_let_people_in_too(agentd: Start, house: HomeAssistant) -> None:
    bench = await agentd(allow=["cover.*"])
    for name in ("ways in", "everything downstairs", "old gate", "garage door"):
        outcome = await bench.call("move_blinds", blinds=name, action="open")
        assert (outcome.outcome, outcome.content[:27]) == ("error", "There are no blinds called "), name
    assert (await house.state("cover.garage_door"))["state"] == "closed"


async def test_the_switch_behind_a_lock_is_not_switched(agentd: Start, house: HomeAssistant) -> None:
    await house.service("switch.turn_off", entity_id="switch.ac")
    entry = await house.add_integration("switch_as_x", {"entity_id": "switch.ac", "invert": False, "target_domain": "lock"})
    await house.command(type="config/entity_registry/update", entity_id="switch.ac", hidden_by=None)
    outcome = await (await agentd(allow=["switch.*"])).call("switch_device", device="AC", on=True)
    assert (outcome.outcome, outcome.content[:25]) == ("error", "There is no device called")
    assert (await house.state("switch.ac"))["state"] == "off"
    await house.remove_integration(entry)
    outcome = await (await agentd(allow=["switch.*"])).call("switch_device", device="AC", on=True)
    assert outcome.content == "The AC is on."


async def test_what_is_felt_is_not_switched_as_a_light(agentd: Start, house: HomeAssistant) -> None:
    await house.service("switch.turn_off", entity_id="switch.ac")
    bench = await agentd(allow=["exposed", "switch.*"])
    outcome = await bench.call("switch_light", light="AC")
    assert outcome.content.startswith("There is no light called AC.")
    assert (await house.state("switch.ac"))["state"] == "off"


async def test_a_script_that_lets_people_in_by_a_detour_is_not_run(agentd: Start, house: HomeAssistant) -> None:
    await house.locked("lock.kitchen_door")
    hall = (await house.command(type="config/area_registry/create", name="Hall"))["area_id"]
    floor = (await house.command(type="config/floor_registry/create", name="Upstairs"))["floor_id"]
    await house.command(type="config/area_registry/update", area_id=hall, floor_id=floor)
    await house.command(type="config/entity_registry/update", entity_id="lock.cellar", area_id=hall)
    bench = await agentd(allow=["script.l*", "script.g*", "script.h*"])
    for name, words in (
        ("let in the room", "also moves what lets people in"),
        ("let in by another", "also moves what lets people in"),
        ("let in upstairs", "also moves what lets people in"),
        ("let in by scene", "also moves what lets people in"),
        ("let in with the light", "also moves what lets people in"),
        ("let in unseen", "I cannot see what let_in_unseen moves"),
    ):
        outcome = await bench.call("run_script", script=name)
        assert (outcome.outcome, words in outcome.content) == ("error", True), (name, outcome.content)
    assert (await house.state("lock.kitchen_door"))["state"] == "locked"
    assert (await bench.call("run_script", script="harmless")).content == "The harmless is started."
    await house.command(type="config/area_registry/delete", area_id=hall)
    await house.command(type="config/floor_registry/delete", floor_id=floor)


async def confirmer(daemon: DaemonProcess) -> dict[str, str]:
    """Headers of somebody who may confirm: the first token may not."""
    command = [sys.executable, "-m", "agentd", "token", "--scope", "confirm", "--state-dir", str(daemon.state_dir)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return {"Authorization": f"Bearer {out.decode().split()[-1]}"}


async def waiting(daemon: DaemonProcess, headers: dict[str, str], name: str) -> dict[str, Any]:
    """The call that waits for its confirmation."""
    async with asyncio.timeout(30):
        while True:
            for item in (await daemon.call("GET", "/v1/confirmations", headers=headers)).json["items"]:
                if item["name"] == name:
                    return dict(item)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("approve", [True, False])
async def test_a_door_is_unlocked_when_a_person_confirms_it_and_only_then(
    daemon: DaemonProcess, house: HomeAssistant, *, approve: bool
) -> None:
    await house.locked("lock.front_door")
    headers = await confirmer(daemon)
    path = f"/v1/sessions/door-{approve}".lower()
    await daemon.call("PUT", path, json={"agent": "house"})
    words = {"role": "user", "content": "Unlock the front door."}
    asking = asyncio.ensure_future(daemon.call("POST", f"{path}/messages?wait=reply", json=words))  # noqa: TID251 - of this test
    one = await waiting(daemon, headers, "unlock_door")
    assert one["arguments"] == {"door": "Front Door"}
    assert (await house.state("lock.front_door"))["state"] == "locked"
    await daemon.call("POST", "/v1/confirmations", json={"nonce": one["nonce"], "approve": approve}, headers=headers)
    (call,) = (await asking).json["calls"]
    assert call["outcome"] == ("ok" if approve else "denied")
    await house.until("lock.front_door", "unlocked" if approve else "locked")
    await daemon.call("DELETE", path)
