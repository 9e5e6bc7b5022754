"""Somebody says it and the house does it: recorded speech, the embedded engine, the handler, Home Assistant."""

from pathlib import Path

import pytest

import agentd.demo
from tests.support.daemon import DaemonProcess
from tests.support.home_assistant import HomeAssistant

pytestmark = pytest.mark.asyncio(loop_scope="session")

LAMP = Path(agentd.demo.__file__).parent / "question.wav"
"""A person says "turn on the living room lamp"."""


async def test_a_light_goes_on_because_someone_said_so(daemon: DaemonProcess, house: HomeAssistant) -> None:
    await house.service("light.turn_off", entity_id="light.living_room_lamp")
    assert (await house.state("light.living_room_lamp"))["state"] == "off"
    await daemon.call("PUT", "/v1/sessions/spoken", json={"agent": "house"})
    answer = await daemon.call("POST", "/v1/sessions/spoken/audio?wait=reply", data=LAMP.read_bytes())
    assert answer.status == 200, answer.body
    turn = answer.json
    assert (turn["heard"].lower().rstrip("."), turn["said"]) == ("turn on the living room lamp", "The Lamp is on.")
    assert (await house.state("light.living_room_lamp"))["state"] == "on"
    await daemon.call("DELETE", "/v1/sessions/spoken")


async def test_the_house_is_understood_offline_by_the_names_it_has(daemon: DaemonProcess, house: HomeAssistant) -> None:
    await house.service("climate.set_hvac_mode", entity_id="climate.hvac", hvac_mode="heat")
    await house.service("light.turn_off", entity_id="all")
    await house.locked("lock.openable_lock")
    await daemon.call("PUT", "/v1/sessions/typed", json={"agent": "house"})
    for words, said in (
        ("Turn on the kitchen light.", "The Kitchen Lights are on."),
        ("Turn off all the lights.", "All 8 are off."),
        ("Set the living room to 21 degrees.", "The Hvac is set to 21 degrees."),
        ("Is the openable lock locked?", "The Openable Lock is locked."),
        ("Put batteries on the chores list.", "Batteries is on the Chores."),
        ("Turn on the coffee machine.", "The Coffee machine is on."),
    ):
        answer = await daemon.call("POST", "/v1/sessions/typed/messages?wait=reply", json={"role": "user", "content": words})
        assert (words, answer.json["said"]) == (words, said)
    await daemon.call("DELETE", "/v1/sessions/typed")
