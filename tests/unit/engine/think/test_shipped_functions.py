"""What people say to the functions that ship, all of them declared at once: which is called, with which arguments."""

from typing import Any

import pytest

from tests.unit.engine.think.conftest import Declaration, Made, MakeTalk


def call(name: str, **arguments: Any) -> Made:
    return name, arguments


def added(*items: str, **given: Any) -> Made:
    return call("add_to_list", items=list(items), **given)


def removed(*items: str, **given: Any) -> Made:
    return call("remove_from_list", items=list(items), **given)


def remind(text: str, **given: Any) -> Made:
    return call("set_reminder", text=text, **given)


def converted(amount: float | None, unit: str, to: str) -> Made:
    return call("convert_units", unit=unit, to=to, **({} if amount is None else {"amount": amount}))


CLOCK = [
    ("what time is it in tokyo", call("get_time", place="tokyo")),
    ("What time is it in New York?", call("get_time", place="New York")),
    ("tell me the time in london", call("get_time", place="london")),
    ("what's the time in los angeles right now", call("get_time", place="los angeles")),
    ("how late is it", None),
    ("do you know what time it is in Sydney", call("get_time", place="Sydney")),
    ("could you tell me the time in Buenos Aires please", call("get_time", place="Buenos Aires")),
    ("what is the date in three weeks", call("get_date", day="today", days=21)),
    ("what day is it in ten days", call("get_date", day="today", days=10)),
    ("what's the date in 90 days", call("get_date", day="today", days=90)),
    ("which day will it be in two weeks", call("get_date", day="today", days=14)),
    ("what day was it ten days ago", call("get_date", day="today", days=10, direction="ago")),
    ("what was the date three weeks ago", call("get_date", day="today", days=21, direction="ago")),
    ("tell me the date in five days", call("get_date", day="today", days=5)),
    ("what day of the week is it today", call("get_date", day="today")),
]

DATES = [
    ("how many days until december 24", call("look_up_date", date="2026-12-24")),
    ("How many days until December 24th?", call("look_up_date", date="2026-12-24")),
    ("how many days are there until the first of may", call("look_up_date", date="2027-05-01")),
    ("how long is it until new year's eve", call("look_up_date", date="2026-12-31")),
    ("how many days are left until christmas", call("look_up_date", date="2026-12-25")),
    ("what day of the week is march 3", call("look_up_date", date="2027-03-03")),
    ("what weekday is the third of march", call("look_up_date", date="2027-03-03")),
    ("which day of the week is december 24", call("look_up_date", date="2026-12-24")),
    ("what day is christmas", call("look_up_date", date="2026-12-25")),
    ("how old is somebody born on may 3 1980", call("look_up_date", date="1980-05-03")),
    ("how old am I if I was born on May 3, 1980", call("look_up_date", date="1980-05-03")),
    ("how old is someone who was born on june 9 2001", call("look_up_date", date="2001-06-09")),
    ("how many days are there between march 3 and june 9", call("look_up_date", date="2027-03-03", until="2027-06-09")),
    ("how many days between march 3 and june 9", call("look_up_date", date="2027-03-03", until="2027-06-09")),
    ("how long is it until christmas", call("look_up_date", date="2026-12-25")),
    ("how long is it until halloween", call("look_up_date", date="2027-10-31")),
]

REMINDERS = [
    ("remind me to call anna at seven", remind("call anna", time="07:00")),
    ("remind me at 7 pm to call Anna", remind("call Anna", time="19:00")),
    (
        "Remind me to call the dentist tomorrow at 9 am.",
        remind("call the dentist", time="09:00", date="2026-11-25"),
    ),
    ("remind me in twenty minutes to check the oven", remind("check the oven", minutes=20)),
    ("remind me to take the pizza out in ten minutes", remind("take the pizza out", minutes=10)),
    (
        "remind me every day at eight to water the plants",
        remind("water the plants", time="08:00", repeat="everyday"),
    ),
    ("set a reminder to feed the cat at half past six", remind("feed the cat", time="06:30")),
    ("remind me on friday at noon to pay the rent", remind("pay the rent", time="12:00", date="2026-11-27")),
    ("can you remind me in an hour to get up", remind("get up", minutes=60)),
    ("remind me in half an hour about the laundry", remind("laundry", minutes=30)),
    ("remind me to turn off the kitchen lamp at ten pm", remind("turn off the kitchen lamp", time="22:00")),
    ("remind me to turn off the oven in five minutes", remind("turn off the oven", minutes=5)),
    ("which reminders do i have", call("list_reminders")),
    ("what are my reminders", call("list_reminders")),
    ("list my reminders", call("list_reminders")),
    ("do i have any reminders", call("list_reminders")),
    ("show me my reminders", call("list_reminders")),
    ("are there any reminders", call("list_reminders")),
    ("read me my reminders please", call("list_reminders")),
    ("cancel my reminder", call("cancel_reminder")),
    ("cancel the reminder", call("cancel_reminder")),
    ("delete my reminder", call("cancel_reminder")),
    ("cancel the reminder about the oven", call("cancel_reminder", about="oven")),
    ("delete the reminder about the laundry", call("cancel_reminder", about="laundry")),
    ("remove the laundry reminder", call("cancel_reminder", about="laundry")),
    ("forget the reminder about the oven", call("cancel_reminder", about="oven")),
]

WEATHER = [
    ("what is the weather like", call("get_weather")),
    ("What's the weather?", call("get_weather")),
    ("how is the weather", call("get_weather")),
    ("tell me the weather", call("get_weather")),
    ("what's the weather like today", call("get_weather", when="today")),
    ("what will the weather be like tomorrow", call("get_weather", when="tomorrow")),
    ("weather forecast for tomorrow", call("get_weather", when="tomorrow")),
    ("give me the weather forecast", call("get_weather")),
    ("will it rain tomorrow", call("get_weather", when="tomorrow")),
    ("is it going to rain today", call("get_weather", when="today")),
    ("is it raining", call("get_weather")),
    ("does it rain", call("get_weather")),
    ("will it snow tomorrow", call("get_weather", when="tomorrow")),
    ("do i need an umbrella today", call("get_weather", when="today")),
    ("do i need an umbrella", call("get_weather")),
    ("how warm is it outside", call("get_weather")),
    ("how cold is it outside", call("get_weather")),
    ("what's the temperature outside", call("get_weather")),
    ("what is the temperature outside right now", call("get_weather")),
    ("is it sunny", call("get_weather")),
]

LISTS = [
    ("add milk to the shopping list", added("milk", list_name="shopping")),
    ("add milk and eggs to the shopping list", added("milk", "eggs", list_name="shopping")),
    ("Add milk, eggs and bread to my shopping list.", added("milk", "eggs", "bread", list_name="shopping")),
    ("put butter on the shopping list", added("butter", list_name="shopping")),
    ("please put two bottles of water on the shopping list", added("two bottles of water", list_name="shopping")),
    ("add olive oil to the list", added("olive oil")),
    ("add a lamp to the shopping list", added("lamp", list_name="shopping")),
    ("add call the plumber to my to-do list", added("call the plumber", list_name="todo")),
    ("put pay the rent on my to do list", added("pay the rent", list_name="todo")),
    ("add clean the kitchen to the todo list", added("clean the kitchen", list_name="todo")),
    ("can you add coffee to my grocery list", added("coffee", list_name="shopping")),
    ("I want to add tea and sugar to the shopping list", added("tea", "sugar", list_name="shopping")),
    ("remove milk from the shopping list", removed("milk", list_name="shopping")),
    ("remove the eggs from the shopping list", removed("eggs", list_name="shopping")),
    ("take the eggs off the shopping list", removed("eggs", list_name="shopping")),
    ("delete bread from the shopping list", removed("bread", list_name="shopping")),
    ("take milk and bread off the list", removed("milk", "bread")),
    (
        "please remove call the plumber from my to-do list",
        removed("call the plumber", list_name="todo"),
    ),
    ("cross milk off the shopping list", removed("milk", list_name="shopping")),
    ("what is on the shopping list", call("read_list", list_name="shopping")),
    ("what's on my shopping list", call("read_list", list_name="shopping")),
    ("read the shopping list", call("read_list", list_name="shopping")),
    ("read my to-do list", call("read_list", list_name="todo")),
    ("what is on my to do list", call("read_list", list_name="todo")),
    ("tell me what is on the shopping list", call("read_list", list_name="shopping")),
    ("show me the shopping list", call("read_list", list_name="shopping")),
    ("clear the shopping list", call("clear_list", list_name="shopping")),
    ("empty the shopping list", call("clear_list", list_name="shopping")),
    ("delete the shopping list", call("clear_list", list_name="shopping")),
    ("please clear my to-do list", call("clear_list", list_name="todo")),
    ("clear everything on the shopping list", call("clear_list", list_name="shopping")),
    ("erase the whole shopping list", call("clear_list", list_name="shopping")),
]

NOTES = [
    ("take a note: the spare key is with Anna", call("take_note", text="spare key is with Anna")),
    ("take a note the spare key is with anna", call("take_note", text="spare key is with anna")),
    ("Take a note that the car needs oil.", call("take_note", text="the car needs oil")),
    ("note that the car needs oil", call("take_note", text="the car needs oil")),
    ("make a note that the plumber comes on friday", call("take_note", text="the plumber comes on friday")),
    ("write down that the code is four seven one", call("take_note", text="the code is four seven one")),
    ("write a note saying the lamp is broken", call("take_note", text="the lamp is broken")),
    ("read my notes", call("read_notes")),
    ("what are my notes", call("read_notes")),
    ("show me my notes", call("read_notes")),
    ("read me the note about the car", call("read_notes", about="car")),
    ("find my note about the car", call("read_notes", about="car")),
    ("what did i note about the key", call("read_notes", about="key")),
    ("do i have a note about the plumber", call("read_notes", about="plumber")),
    ("search my notes for the code", call("read_notes", about="code")),
    ("delete the note about the car", call("delete_note", about="car")),
    ("delete my note about the spare key", call("delete_note", about="spare key")),
    ("remove the note about the plumber", call("delete_note", about="plumber")),
    ("erase the note about the code", call("delete_note", about="code")),
    ("please delete the plumber note", call("delete_note", about="plumber")),
    ("throw away the note about the car", call("delete_note", about="car")),
    ("delete the car note", call("delete_note", about="car")),
]

UNITS = [
    ("convert five miles to kilometers", converted(5, "miles", "kilometers")),
    ("how many feet are three meters", converted(3, "meters", "feet")),
    ("how many feet are in 3 meters", converted(3, "meters", "feet")),
    ("what is 100 fahrenheit in celsius", converted(100, "fahrenheit", "celsius")),
    ("what is 20 degrees celsius in fahrenheit", converted(20, "celsius", "fahrenheit")),
    ("how many grams are in a pound", converted(None, "pounds", "grams")),
    ("convert 90 minutes to hours", converted(90, "minutes", "hours")),
    ("how many liters are two gallons", converted(2, "gallons", "liters")),
    ("what's six feet in centimeters", converted(6, "feet", "centimeters")),
    ("how much is two and a half inches in millimeters", converted(2.5, "inches", "millimeters")),
    (
        "convert 60 miles per hour to kilometers per hour",
        converted(60, "miles per hour", "kilometers per hour"),
    ),
    ("how many teaspoons are in a tablespoon", converted(None, "tablespoons", "teaspoons")),
    ("how many minutes are in three hours", converted(3, "hours", "minutes")),
]

FAREWELL = [
    ("goodbye", call("end_conversation")),
    ("Bye bye.", call("end_conversation")),
    ("that is all, thank you, bye", call("end_conversation")),
    ("end the conversation", call("end_conversation")),
    ("okay goodbye", call("end_conversation")),
    ("please end the conversation now", call("end_conversation")),
    ("that will be all", call("end_conversation")),
    ("see you later", call("end_conversation")),
    ("stop the conversation", call("end_conversation")),
    ("good night", call("end_conversation")),
]

HANDOVER = [
    ("hand me over to billing", call("hand_over", agent="billing")),
    ("hand over to the billing agent", call("hand_over", agent="billing")),
    ("connect me with support", call("hand_over", agent="support")),
    ("transfer me to the support agent", call("hand_over", agent="support")),
    ("please transfer me to billing", call("hand_over", agent="billing")),
    ("can you connect me to support", call("hand_over", agent="support")),
    ("hand me over to another agent", call("hand_over")),
]

MQTT = [
    ("turn on the garage fan", call("send_to_device", device="garage fan", message="on")),
    ("switch off the garage fan", call("send_to_device", device="garage fan", message="off")),
    ("turn the garage fan off please", call("send_to_device", device="garage fan", message="off")),
    ("garage fan on", call("send_to_device", device="garage fan", message="on")),
    ("switch the garage fan on", call("send_to_device", device="garage fan", message="on")),
    ("can you turn off the garage fan", call("send_to_device", device="garage fan", message="off")),
    ("set the doorbell chime to ring", call("signal_device", device="doorbell chime", message="ring")),
    ("ask the garage temperature", call("ask_device", device="garage temperature")),
    ("what is the garage temperature", None),
]

WEB = [
    ("search the web for the tallest tower in europe", call("search_web", query="tallest tower in europe")),
    ("look up volcanoes on the web", call("search_web", query="volcanoes")),
    ("search the web for noodle soup recipes", call("search_web", query="noodle soup recipes")),
    ("search for cheap flights on the web", call("search_web", query="cheap flights")),
    ("look on the web for opening hours of the zoo", call("search_web", query="opening hours of the zoo")),
    ("can you search the web for train strikes", call("search_web", query="train strikes")),
    ("find the score of the game on the web", call("search_web", query="score of the game")),
]

ALL = CLOCK + DATES + REMINDERS + WEATHER + LISTS + NOTES + UNITS + FAREWELL + HANDOVER + MQTT + WEB


@pytest.mark.parametrize(("said", "meant"), ALL)
def test_each_function_is_understood_in_the_words_people_use(
    talk: MakeTalk, shipped: list[Declaration], said: str, meant: Made | None
) -> None:
    assert talk(shipped).calls(said) == ([] if meant is None else [meant])
