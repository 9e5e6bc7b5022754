"""Functions the matcher has never seen, called from their schemas alone."""

from typing import Any

import pytest

from tests.unit.engine.think.conftest import TEXT, Declaration, Made, MakeTalk, declare

LIBRARY = [
    (
        "Lend the book The Hobbit to Anna for four weeks.",
        ("lend_book", {"title": "The Hobbit", "member": "Anna", "weeks": 4}),
    ),
    ("lend dune to maria", ("lend_book", {"title": "dune", "member": "maria"})),
    ("lend the lord of the rings to Tom", ("lend_book", {"title": "lord of the rings", "member": "Tom"})),
    ("lend The Time Machine to Peter", ("lend_book", {"title": "The Time Machine", "member": "Peter"})),
    ("return dune", ("return_book", {"title": "dune"})),
    ("renew the loan of dune by two weeks", ("renew_loan", {"title": "dune", "weeks": 2})),
    ("list the loans of maria", ("list_loans", {"member": "maria"})),
    ("what loans are overdue", ("list_loans", {"overdue": True})),
    (
        "reserve the green room tomorrow at half past three",
        ("reserve_room", {"room": "green room", "date": "2026-11-25", "start": "03:30"}),
    ),
    (
        "book the attic on friday at ten am for ninety minutes",
        ("reserve_room", {"room": "attic", "date": "2026-11-27", "start": "10:00", "duration": 90}),
    ),
]

CLINIC = [
    ("set the patient name to John Smith", ("set_patient_name", {"name": "John Smith"})),
    ("set the date to the third of May", ("set_date", {"date": "2027-05-03"})),
    ("set the time to two thirty p m", ("set_time", {"time": "14:30"})),
    ("set the provider to Doctor Brown", ("set_provider", {"provider": "Doctor Brown"})),
    ("set the reason to back pain", ("set_reason", {"reason": "back pain"})),
    ("set M R N to 1 2 3 4 5", ("set_mrn", {"mrn": "12345"})),
    ("schedule the appointment", ("schedule_appointment", {})),
    ("clear the appointment", ("clear_appointment", {})),
    ("cancel appointment two", ("cancel_appointment", {"number": 2})),
    ("cancel appointment one", ("cancel_appointment", {"number": 1})),
]

SERVICE_DESK = [
    ("find customer one two three four", ("find_customer", {"customer_id": "CUST1234"})),
    ("look up the customer with the phone number five five five one two", ("find_customer", {"phone": "55512"})),
    ("show me the orders of customer 1234", ("get_orders", {"customer_id": "CUST1234"})),
    ("check availability next monday", ("check_availability", {"start_date": "2026-11-30"})),
    (
        "create an appointment for customer 1234 tomorrow at ten for a consultation",
        ("create_appointment", {"customer_id": "CUST1234", "date": "2026-11-25T10:00", "service": "Consultation"}),
    ),
    ("end the call", ("end_call", {"farewell_type": "general"})),
]

HOUSEHOLD = [
    ("what's the weather in Fremont", ("get_weather", {"location": "Fremont"})),
    ("what is the weather like in New York", ("get_weather", {"location": "New York"})),
    ("will it rain in Paris", ("get_weather", {"location": "Paris"})),
    ("send a message to Anna saying I'm late", ("send_message", {"to": "Anna", "text": "I'm late"})),
    ("remind me to call mum at six pm", ("set_reminder", {"text": "call mum", "time": "18:00"})),
    ("remind me at seven to feed the cat", ("set_reminder", {"text": "feed the cat", "time": "07:00"})),
    ("add milk to the shopping list", ("add_to_shopping_list", {"item": "milk"})),
    ("put eggs on my shopping list please", ("add_to_shopping_list", {"item": "eggs"})),
    ("play some jazz", ("play_music", {"query": "jazz"})),
    ("play music by Miles Davis", ("play_music", {"query": "Miles Davis"})),
    ("set the volume to 40", ("set_volume", {"percent": 40})),
    ("lock the front door", ("lock_door", {"door": "front door", "locked": True})),
    ("unlock the garage", ("lock_door", {"door": "garage", "locked": False})),
    ("set an alarm for seven thirty", ("set_alarm", {"time": "07:30"})),
    ("open the left shutter", ("set_shutter", {"shutter": "left", "position": 100})),
    ("close the right shutter", ("set_shutter", {"shutter": "right", "position": 0})),
    ("close the right shutter halfway", ("set_shutter", {"shutter": "right", "position": 50})),
    ("start a countdown of two minutes and thirty seconds", ("start_countdown", {"minutes": 2, "seconds": 30})),
    ("order a large pizza with ham and olives", ("order_pizza", {"size": "large", "toppings": ["ham", "olives"]})),
    ("i would like a small pizza with mushrooms", ("order_pizza", {"size": "small", "toppings": ["mushrooms"]})),
    ("search the web for cute cats", ("search_web", {"query": "cute cats"})),
]


@pytest.mark.parametrize(
    ("functions", "said", "call"),
    [
        (name, said, call)
        for name, table in (
            ("library", LIBRARY),
            ("clinic", CLINIC),
            ("service_desk", SERVICE_DESK),
            ("household", HOUSEHOLD),
        )
        for said, call in table
    ],
)
def test_a_function_is_called_from_its_schema_alone(
    request: pytest.FixtureRequest, talk: MakeTalk, functions: str, said: str, call: Made
) -> None:
    assert talk(request.getfixturevalue(functions)).calls(said) == [call]


@pytest.mark.parametrize("functions", ["library", "clinic", "service_desk", "household"])
@pytest.mark.parametrize(
    "said",
    [
        "how old is the brooklyn bridge",
        "mend the coat before you go out",
        "ask not what your country can do for you",
        "the birch canoe slid on the smooth planks",
        "books are great",
        "i met a customer on friday",
        "she ordered a pizza with ham",
        "don't lock the front door",
        "the patient is waiting for the doctor",
        "sunday is the best part of the week",
        "is the front door locked",
        "close the window",
        "what is a library",
    ],
)
def test_talk_about_the_subject_is_no_call(request: pytest.FixtureRequest, talk: MakeTalk, functions: str, said: str) -> None:
    assert talk(request.getfixturevalue(functions)).calls(said) == []


def test_a_name_alone_without_description_is_enough(talk: MakeTalk) -> None:
    bare = [{"name": "open_garage"}, {"name": "getBalance"}, {"name": "lights_off", "parameters": None}]

    assert talk(bare).calls("open the garage") == [("open_garage", {})]
    assert talk(bare).calls("what's my balance") == [("getBalance", {})]
    assert talk(bare).calls("turn the lights off") == [("lights_off", {})]
    assert talk(bare).calls("close the garage") == []
    assert talk(bare).calls("turn the lights on") == []


def test_references_unions_and_constants_in_a_schema_are_followed(talk: MakeTalk) -> None:
    function = {
        "name": "set_fan",
        "description": "Set the fan of a room.",
        "parameters": {
            "$defs": {"Speed": {"enum": ["slow", "fast"], "type": "string"}},
            "type": "object",
            "properties": {
                "speed": {"$ref": "#/$defs/Speed"},
                "room": {"anyOf": [{"const": "cellar"}, {"const": "loft"}, {"type": "null"}]},
                "level": {"type": ["integer", "null"], "minimum": 1, "maximum": 5},
            },
            "required": ["speed"],
        },
    }

    assert talk([function]).calls("set the fan in the loft to fast") == [("set_fan", {"speed": "fast", "room": "loft"})]
    assert talk([function]).calls("set the slow fan to level three") == [("set_fan", {"speed": "slow", "level": 3})]


@pytest.mark.parametrize(
    "parameters",
    [
        {"type": "object", "properties": {"x": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"$ref": "#/$defs/x"}}},
        {"type": "object", "properties": {"x": {"enum": []}, "y": {"enum": [None, "", 3, {"a": 1}]}}},
        {"type": "object", "properties": {"x": 3, "y": None}, "required": "x"},
        {"type": "object", "properties": {"x": {"type": "array"}, "y": {"anyOf": []}}, "required": ["x", "z"]},
        {"properties": []},
        [],
        "nonsense",
    ],
)
def test_an_odd_schema_neither_breaks_the_turn_nor_the_other_functions(
    talk: MakeTalk, shipped: list[Declaration], parameters: Any
) -> None:
    odd = {"name": "odd_thing", "description": None, "parameters": parameters}

    assert talk([odd, *shipped]).calls("what time is it") == [("get_time", {})]
    assert talk([odd]).says("do the odd thing")


def test_example_sentences_of_a_function_count(talk: MakeTalk) -> None:
    plain = {"name": "away_mode", "description": "Leave mode for the home."}

    assert talk([plain]).calls("see you tonight house") == []
    with_examples = {**plain, "examples": ["See you tonight, house."]}
    assert talk([with_examples]).calls("see you tonight house") == [("away_mode", {})]


def test_a_client_that_calls_everything_before_the_turn_is_certain_gets_no_act_for_a_question(talk: MakeTalk) -> None:
    lamp = {**TEXT, "enum": ["desk lamp", "floor lamp"]}
    functions = [
        declare("set_lamp", "Set a lamp.", ("lamp", "on"), lamp=lamp, on={"type": "boolean"}) | {"defer_until_eot": False},
        declare("convert_length", "Convert feet to meters.", ("feet",), feet={"type": "number"})
        | {"defer_until_eot": False, "examples": ["How many meters are ten feet?"]},
    ]

    assert talk(functions).calls("is the desk lamp on") == []
    assert talk(functions).calls("turn the desk lamp on") == [("set_lamp", {"lamp": "desk lamp", "on": True})]
    assert talk(functions).calls("how many meters are three feet") == [("convert_length", {"feet": 3})]
