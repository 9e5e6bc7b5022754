"""What each function does to a real house, as Home Assistant's own API tells it afterwards."""

from typing import Any

import pytest

from tests.home_assistant.conftest import Start
from tests.support.handlers import Bench
from tests.support.home_assistant import HomeAssistant

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def said(bench: Bench, name: str, /, **arguments: Any) -> str:
    outcome = await bench.call(name, **arguments)
    assert outcome.outcome == "ok", outcome.content
    return outcome.content


async def test_a_light_goes_on_and_off_and_is_dimmed_and_coloured(agentd: Start, house: HomeAssistant) -> None:
    await house.service("light.turn_off", entity_id=["light.bed_light", "light.office_rgbw_lights"])
    bench = await agentd()
    assert await said(bench, "switch_light", light="bed light") == "The Bed Light is on."
    assert (await house.state("light.bed_light"))["state"] == "on"
    assert await said(bench, "switch_light", light="bed light", brightness=40) == "The Bed Light is at 40 percent."
    assert (await house.state("light.bed_light"))["attributes"]["brightness"] == 102
    assert await said(bench, "switch_light", light="office RGBW lights", color="blue") == "The Office RGBW Lights are blue."
    assert (await house.state("light.office_rgbw_lights"))["attributes"]["rgb_color"] == [0, 0, 255]
    assert await said(bench, "switch_light", light="bed light", color="warm white") == "The Bed Light is warm white."
    assert abs((await house.state("light.bed_light"))["attributes"]["color_temp_kelvin"] - 2700) < 10
    assert await said(bench, "switch_light", light="bed light", on=False) == "The Bed Light is off."
    assert (await house.state("light.bed_light"))["state"] == "off"


async def test_all_lights_of_a_room_or_of_the_house_go_off(agentd: Start, house: HomeAssistant) -> None:
    lights = ["light.kitchen_lights", "light.bed_light", "light.ceiling_lights"]
    await house.service("light.turn_on", entity_id=lights)
    bench = await agentd()
    assert await said(bench, "switch_light", place="kitchen", on=False) == "The Kitchen Lights are off."
    assert [(await house.state(light))["state"] for light in lights] == ["off", "on", "on"]
    assert await said(bench, "switch_light", place="everywhere", on=False) == "All 8 are off."
    assert [(await house.state(light))["state"] for light in lights] == ["off", "off", "off"]


async def test_what_home_assistant_does_not_confirm_is_not_claimed(agentd: Start, house: HomeAssistant) -> None:
    bench = await agentd()
    told = await said(bench, "switch_light", light="stuck light")
    assert told == "The Stuck Light has been told, but Home Assistant does not confirm that it is on."
    assert (await house.state("light.stuck_light"))["state"] == "off"


async def test_plugs_and_fans_are_switched(agentd: Start, house: HomeAssistant) -> None:
    await house.service("input_boolean.turn_off", entity_id="input_boolean.coffee_machine")
    await house.service("fan.turn_off", entity_id=["fan.living_room_fan", "fan.ceiling_fan"])
    bench = await agentd()
    assert await said(bench, "switch_device", device="the coffee machine", on=True) == "The Coffee machine is on."
    assert (await house.state("input_boolean.coffee_machine"))["state"] == "on"
    assert await said(bench, "switch_light", light="decorative lights", on=False) == "The Decorative Lights are off."
    assert (await house.state("switch.decorative_lights"))["state"] == "off"
    assert await said(bench, "switch_fan", fan="ceiling fan") == "The Ceiling Fan is on."
    assert await said(bench, "switch_fan", place="living room", percent=67) == "The Living Room Fan is at 67 percent."
    assert (await house.state("fan.living_room_fan"))["attributes"]["percentage"] == 67
    assert await said(bench, "switch_fan", fan="living room fan", on=False) == "The Living Room Fan is off."
    assert (await house.state("fan.living_room_fan"))["state"] == "off"


async def test_the_heating_is_set_to_a_temperature_and_a_mode(agentd: Start, house: HomeAssistant) -> None:
    await house.service("climate.set_hvac_mode", entity_id="climate.hvac", hvac_mode="cool")
    bench = await agentd()
    assert await said(bench, "set_thermostat", place="living room", temperature=21.5) == "The Hvac is set to 21.5 degrees."
    assert (await house.state("climate.hvac"))["attributes"]["temperature"] == 21.5
    told = await said(bench, "set_thermostat", place="living room", temperature=19, mode="heating mode")
    assert told == "The Hvac is set to heating mode at 19 degrees."
    state = await house.state("climate.hvac")
    assert (state["state"], state["attributes"]["temperature"]) == ("heat", 19)
    assert await said(bench, "set_thermostat", thermostat="Hvac", mode="off") == "The Hvac is set to off."
    assert (await house.state("climate.hvac"))["state"] == "off"
    refused = await bench.call("set_thermostat", thermostat="HeatPump", mode="drying mode")
    assert (refused.outcome, refused.content) == ("error", "The HeatPump knows only: heat and off.")


async def test_blinds_open_stop_and_go_where_they_are_told(agentd: Start, house: HomeAssistant) -> None:
    await house.service("cover.stop_cover", entity_id=["cover.living_room_window", "cover.hall_window"])
    bench = await agentd()
    before = (await house.state("cover.living_room_window"))["attributes"]["current_position"]
    action, moving = ("open", "opening") if before < 50 else ("close", "closing")
    assert await said(bench, "move_blinds", place="living room", action=action) == f"The Living Room Window is {moving}."
    assert (await house.state("cover.living_room_window"))["state"] == moving
    before = (await house.state("cover.living_room_window"))["attributes"]["current_position"]
    # The demo's cover stops, and goes on telling that it moves.
    assert await said(bench, "move_blinds", blinds="living room window", action="stop") == f"The Living Room Window is {moving}."
    assert (await house.state("cover.living_room_window"))["attributes"]["current_position"] == before
    position = (await house.state("cover.hall_window"))["attributes"]["current_position"]
    wanted = 90 if position < 50 else 10
    told = await said(bench, "move_blinds", blinds="hall window", position=wanted)
    assert told == f"The Hall Window is going to {wanted} percent."
    moved = (await house.state("cover.hall_window"))["attributes"]["current_position"]
    assert abs(moved - wanted) < abs(position - wanted)


async def test_music_is_paused_turned_down_and_given_another_source(agentd: Start, house: HomeAssistant) -> None:
    players = ["media_player.bedroom", "media_player.walkman", "media_player.lounge_room"]
    await house.service("media_player.media_play", entity_id=players)
    bench = await agentd()
    assert await said(bench, "control_music", action="pause", player="bedroom") == "The Bedroom is paused."
    assert (await house.state("media_player.bedroom"))["state"] == "paused"
    assert await said(bench, "set_volume", percent=30, player="walkman") == "The Walkman is at 30 percent."
    assert (await house.state("media_player.walkman"))["attributes"]["volume_level"] == 0.3
    assert await said(bench, "control_music", action="mute", player="walkman") == "The Walkman is muted."
    assert (await house.state("media_player.walkman"))["attributes"]["is_volume_muted"] is True
    track = (await house.state("media_player.walkman"))["attributes"]["media_track"]
    assert await said(bench, "control_music", action="skip", player="walkman") == "The Walkman is at the next one."
    assert (await house.state("media_player.walkman"))["attributes"]["media_track"] == track + 1
    assert await said(bench, "choose_source", source="DVD", player="lounge room") == "The Lounge room is set to dvd."
    assert (await house.state("media_player.lounge_room"))["attributes"]["source"] == "dvd"
    refused = await bench.call("control_music", action="next", player="bedroom")
    assert refused.content == (
        "Home Assistant refuses: Entity media_player.bedroom does not support action media_player.media_next_track."
    )


async def test_a_scene_and_a_script_do_what_they_are_made_of(agentd: Start, house: HomeAssistant) -> None:
    await house.service("light.turn_on", entity_id=["light.ceiling_lights", "light.bed_light"])
    bench = await agentd()
    assert await said(bench, "activate_scene", scene="movie time") == "The Movie time is active."
    assert (await house.state("light.ceiling_lights"))["state"] == "off"
    assert await said(bench, "run_script", script="good night") == "The Good night is started."
    await house.until("light.bed_light", "off")


async def test_a_list_is_written_read_and_ticked_off(agentd: Start, house: HomeAssistant) -> None:
    bench = await agentd()
    assert await said(bench, "add_household_item", item="milk", list_name="shopping list") == "Milk is on the Shopping List."
    assert (await house.state("todo.shopping_list"))["state"] == "1"
    assert await said(bench, "get_household_list", list_name="shopping list") == "On the Shopping List: milk."
    assert await said(bench, "finish_household_item", item="Milk", list_name="shopping") == "Milk is off the Shopping List."
    assert (await house.state("todo.shopping_list"))["state"] == "0"
    assert await said(bench, "get_household_list", list_name="shopping list") == "There is nothing on the Shopping List."


async def test_states_are_told_as_people_ask_for_them(agentd: Start, house: HomeAssistant) -> None:
    await house.service("light.turn_off", entity_id="all")
    await house.service("light.turn_on", entity_id="light.bed_light", brightness_pct=50)
    bench = await agentd()
    assert await said(bench, "get_device_state", thing="outside temperature") == "The Outside Temperature is 15.6 degrees."
    assert (
        await said(bench, "get_device_state", what="temperature", place="outside") == "The Outside Temperature is 15.6 degrees."
    )
    assert await said(bench, "get_device_state", what="lights") == "The Bed Light is on at 50 percent. The other 7 are off."
    assert await said(bench, "get_device_state", place="bedroom", what="lights") == "The Bed Light is on at 50 percent."
    assert await said(bench, "get_device_state", thing="movement backyard") == "The Movement Backyard is detecting motion."
