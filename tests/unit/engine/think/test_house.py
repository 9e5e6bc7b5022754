"""A house with names of its own is told what to do, as people say it and as recognisers write it."""

from typing import Any

import pytest

from tests.unit.engine.think.conftest import Declaration, Made, MakeTalk
from tests.unit.engine.think.house import declared_house


@pytest.fixture(scope="session")
def house(shipped: list[Declaration]) -> list[Declaration]:
    return declared_house(shipped)


def call(function: str, /, **arguments: Any) -> Made:
    return function, arguments


def light(place: str = "", /, **given: Any) -> Made:
    return call("switch_light", **({"place": place} if place else {}), **given)


CALLS: list[tuple[str, list[Made]]] = [
    ("turn on the fairy lights", [call("switch_device", device="Fairy Lights", on=True)]),
    ("would you mind turning on the desk lamp", [light(light="Desk Lamp", on=True)]),
    ("would you mind switching off the lights in the office", [light("Office", on=False)]),
    ("could you maybe possibly turn on the kitchen light", [light("Kitchen", on=True)]),
    ("turn on the kitchen light sorry i mean the bathroom light", [light("Bathroom", on=True)]),
    ("switch off the desk lamp no the fan in the bathroom", [call("switch_fan", place="Bathroom", on=False)]),
    ("switch on the desk lamp no the fan in the bathroom", [call("switch_fan", place="Bathroom", on=True)]),
    (
        "set the kitchen light to red and the bedroom light to blue",
        [light("Kitchen", color="red"), light("Bedroom", color="blue")],
    ),
    ("switch the light off in the bathroom would you", [call("switch_light", place="Bathroom", on=False)]),
    ("lights on", [call("switch_light", on=True)]),
    ("all the lights off please", [call("switch_light", on=False, place="everywhere")]),
    ("turn off all the lights upstairs", [call("switch_light", place="Upstairs", on=False)]),
    ("set the bedroom lights to 20 percent brightness", [call("switch_light", place="Bedroom", brightness=20)]),
    ("bring the lights in the hallway down to ten percent", [call("switch_light", place="Hallway", brightness=10)]),
    ("turn the office lights blue", [call("switch_light", place="Office", color="blue")]),
    ("set the bed lamp to warm white", [call("switch_light", light="Bed Lamp", color="warm white")]),
    ("change the colour of the kitchen lights to green", [call("switch_light", place="Kitchen", color="green")]),
    ("change the light color in the bedroom to purple", [call("switch_light", place="Bedroom", color="purple")]),
    ("kitchen lights to full", [call("switch_light", place="Kitchen", brightness=100)]),
    ("put the porch light on", [call("switch_light", light="Porch Light", on=True)]),
    ("um can you uh turn on the desk lamp", [call("switch_light", light="Desk Lamp", on=True)]),
    ("turn on the light in the kitchen no the office", [call("switch_light", place="Office", on=True)]),
    (
        "turn on the light in the office and in the hallway",
        [call("switch_light", place="Office", on=True), call("switch_light", place="Hallway", on=True)],
    ),
    ("kitchen light on please", [call("switch_light", place="Kitchen", on=True)]),
    ("bedroom off", [call("switch_light", place="Bedroom", on=False)]),
    ("turn on the coffee machine", [call("switch_device", device="Coffee Machine", on=True)]),
    ("coffee machine on", [call("switch_device", device="Coffee Machine", on=True)]),
    ("turn on the ceiling fan", [call("switch_fan", fan="Ceiling Fan", on=True)]),
    ("fan off", [call("switch_fan", on=False)]),
    ("set the living room to twenty one degrees", [call("set_thermostat", place="Living Room", temperature=21)]),
    ("turn the heating up to 22", [call("set_thermostat", temperature=22)]),
    ("turn the thermostat down to eighteen degrees", [call("set_thermostat", thermostat="Thermostat", temperature=18)]),
    ("switch the heating off", [call("set_thermostat", mode="off")]),
    ("set the air conditioner to cooling mode", [call("set_thermostat", thermostat="Air Conditioner", mode="cooling mode")]),
    ("can you make it twenty degrees in the office", [call("set_thermostat", place="Office", temperature=20)]),
    ("heat the bedroom to 20 degrees", [call("set_thermostat", place="Bedroom", temperature=20)]),
    ("what's the thermostat set to", [call("get_device_state", thing="Thermostat")]),
    ("open the bedroom curtains", [call("move_blinds", blinds="Bedroom Curtains", action="open")]),
    ("raise the blinds in the kitchen", [call("move_blinds", place="Kitchen", action="open")]),
    ("set the blinds to half", [call("move_blinds", position=50)]),
    ("open the curtains halfway", [call("move_blinds", action="open", position=50)]),
    ("put the blinds down", [call("move_blinds", action="close")]),
    ("blinds up", [call("move_blinds", action="open")]),
    ("shut the curtains please", [call("move_blinds", action="close")]),
    ("close the blinds to thirty percent", [call("move_blinds", action="close", position=30)]),
    ("pause the music", [call("control_music", action="pause")]),
    ("resume the music", [call("control_music", action="play")]),
    ("next song", [call("control_music", action="next")]),
    ("next track please", [call("control_music", action="next")]),
    ("skip this song", [call("control_music", action="skip")]),
    ("play the next song", [call("control_music", action="next")]),
    ("previous song", [call("control_music", action="previous")]),
    ("go back to the previous track", [call("control_music", action="previous")]),
    ("mute the television", [call("control_music", player="Television", action="mute")]),
    ("mute the tv", [call("control_music", player="Television", action="mute")]),
    ("mute the speaker in the kitchen", [call("control_music", place="Kitchen", action="mute")]),
    ("pause the kitchen speaker", [call("control_music", player="Kitchen Speaker", action="pause")]),
    ("pause the movie", [call("control_music", action="pause")]),
    ("stop the radio", [call("control_music", player="Radio", action="stop")]),
    ("set the volume of the television to 15 percent", [call("set_volume", player="Television", percent=15)]),
    ("volume at twenty", [call("set_volume", percent=20)]),
    ("turn the music down to ten percent", [call("set_volume", percent=10)]),
    ("switch the television to netflix", [call("choose_source", player="Television", source="Netflix")]),
    ("change the source to hdmi 1", [call("choose_source", source="HDMI 1")]),
    ("activate the dinner scene", [call("activate_scene", scene="Dinner")]),
    ("turn on movie time", [call("activate_scene", scene="Movie Time")]),
    ("set the scene to romantic", [call("activate_scene", scene="Romantic")]),
    ("start the romantic scene", [call("activate_scene", scene="Romantic")]),
    ("run the good night routine", [call("run_script", script="Good Night")]),
    ("start the leaving home script", [call("run_script", script="Leaving Home")]),
    ("unlock the front door", [call("unlock_door", door="Front Door")]),
    ("open the garage door", [call("open_garage", door="Garage Door")]),
    ("is the garage door open", [call("get_device_state", thing="Garage Door")]),
    ("arm the alarm for the night", [call("arm_alarm", mode="night")]),
    ("disarm the alarm", [call("disarm_alarm")]),
    ("what's on the shopping list", [call("get_household_list", list_name="Shopping List")]),
    ("add milk and turn on the light", [call("add_household_item", item="milk"), call("switch_light", on=True)]),
    (
        "add milk to the shopping list and turn on the kitchen light",
        [call("add_household_item", list_name="Shopping List", item="milk"), call("switch_light", place="Kitchen", on=True)],
    ),
    ("is the kitchen window open", [call("get_device_state", thing="Kitchen Window")]),
    ("which lights are on", [call("get_device_state", what="lights")]),
    ("are all the windows closed", [call("get_device_state", what="windows", place="everywhere")]),
    ("turn off the lights and lock the front door", [call("switch_light", on=False), call("lock_door", door="Front Door")]),
    (
        "pause the music and dim the living room lights to ten percent",
        [call("control_music", action="pause"), call("switch_light", place="Living Room", brightness=10)],
    ),
    (
        "lock the front door turn off the kitchen lights and arm the alarm",
        [call("lock_door", door="Front Door"), call("switch_light", place="Kitchen", on=False), call("arm_alarm")],
    ),
    ("can you switch the ceiling light on", [call("switch_light", light="Ceiling Light", on=True)]),
    ("please could you turn off the desk lamp", [call("switch_light", light="Desk Lamp", on=False)]),
    ("bedroom lights at fifty percent please", [call("switch_light", place="Bedroom", brightness=50)]),
    ("give me blue light in the office", [call("switch_light", color="blue", place="Office")]),
    ("turn on the lamp no the fan in the bathroom", [call("switch_fan", place="Bathroom", on=True)]),
    (
        "switch the coffee machine on and open the blinds",
        [call("switch_device", device="Coffee Machine", on=True), call("move_blinds", action="open")],
    ),
    ("turn the ceiling fan off", [call("switch_fan", fan="Ceiling Fan", on=False)]),
    ("turn the heating in the office down to seventeen", [call("set_thermostat", place="Office", temperature=17)]),
    ("turn the heating off please", [call("set_thermostat", mode="off")]),
    ("blinds down in the bedroom", [call("move_blinds", place="Bedroom", action="close")]),
    ("shutters to seventy percent", [call("move_blinds", position=70)]),
    ("skip the song", [call("control_music", action="skip")]),
    ("can you mute the kitchen speaker", [call("control_music", player="Kitchen Speaker", action="mute")]),
    ("stop playing", [call("control_music", action="stop")]),
    ("stop the film in the living room", [call("control_music", place="Living Room", action="stop")]),
    ("resume playing the music", [call("control_music", action="play")]),
    ("previous track", [call("control_music", action="previous")]),
    ("go to the next song", [call("control_music", action="next")]),
    ("turn the television volume down to twelve percent", [call("set_volume", player="Television", percent=12)]),
    ("switch the source on the television to hdmi 1", [call("choose_source", source="HDMI 1", player="Television")]),
    ("run the leaving home routine please", [call("run_script", script="Leaving Home")]),
    ("lock all the doors", [call("lock_door")]),
    ("would you unlock the back door", [call("unlock_door", door="Back Door")]),
    ("could you open the garage", [call("open_garage")]),
    ("arm the alarm please", [call("arm_alarm")]),
    ("arm the alarm system in night mode", [call("arm_alarm", system="Alarm System", mode="night")]),
    ("read out the shopping list", [call("get_household_list", list_name="Shopping List")]),
    (
        "add bread and turn off the porch light",
        [call("add_household_item", item="bread"), call("switch_light", light="Porch Light", on=False)],
    ),
    (
        "turn off the porch light and then add bread",
        [call("switch_light", light="Porch Light", on=False), call("add_household_item", item="bread")],
    ),
    ("are the blinds closed in the bedroom", [call("get_device_state", what="blinds", place="Bedroom")]),
    ("turn on the light and then turn it off again", [call("switch_light", on=True), call("switch_light", on=False)]),
    ("make sure the front door is locked", [call("lock_door", door="Front Door")]),
    (
        "turn on the desk lamp and the ceiling fan",
        [call("switch_light", light="Desk Lamp", on=True), call("switch_fan", fan="Ceiling Fan", on=True)],
    ),
    ("skip this one", [call("control_music", action="skip")]),
    ("next song on the kitchen speaker", [call("control_music", player="Kitchen Speaker", action="next")]),
    ("colour the desk lamp pink", [call("switch_light", light="Desk Lamp", color="pink")]),
    ("the desk lamp to forty percent", [call("switch_light", light="Desk Lamp", brightness=40)]),
    ("set the porch light to orange please", [call("switch_light", light="Porch Light", color="orange")]),
    ("change the thermostat to nineteen degrees", [call("set_thermostat", thermostat="Thermostat", temperature=19)]),
    ("add jam", [call("add_household_item", item="jam")]),
    (
        "lock the back door turn on the porch light",
        [call("lock_door", door="Back Door"), call("switch_light", light="Porch Light", on=True)],
    ),
    ("i think you should turn on the porch light", [call("switch_light", light="Porch Light", on=True)]),
    ("yes turn on the porch light", [call("switch_light", light="Porch Light", on=True)]),
    ("turn on the porch light please thank you", [call("switch_light", light="Porch Light", on=True)]),
    ("all lights on", [call("switch_light", on=True, place="everywhere")]),
]


@pytest.mark.parametrize(("said", "calls"), CALLS)
def test_a_house_does_what_it_is_told(talk: MakeTalk, house: list[Declaration], said: str, calls: list[Made]) -> None:
    assert talk(house).calls(said) == calls
