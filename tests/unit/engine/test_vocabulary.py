from typing import Any

from agentd.engine.vocabulary import vocabulary


def function(name: str = "do", description: str = "", **properties: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "description": description, "parameters": {"type": "object", "properties": properties}}


def test_it_holds_what_parameters_take_then_names_then_descriptions() -> None:
    found = vocabulary(
        [
            function(
                "book_room",
                'Reserve something. Examples: "Book the orchid until noon."',
                room={"enum": ["Maple", "orchid"], "description": "Which room"},
                host={"type": "string", "examples": ["Siobhan"]},
            )
        ]
    )
    assert found[:3] == ("maple", "orchid", "siobhan")
    assert found.index("room") < found.index("reserve")
    assert "noon" in found


def test_values_are_found_at_every_level_of_a_schema() -> None:
    found = vocabulary(
        [
            function(
                things={"type": "array", "items": {"anyOf": [{"const": "kettle"}, {"enum": ["radiator", 7, None]}]}},
                where={"type": "object", "properties": {"floor": {"default": "attic"}}},
            )
        ]
    )
    assert {"kettle", "radiator", "attic", "floor"} <= set(found)


def test_identifiers_are_taken_apart_and_words_of_any_sentence_left_out() -> None:
    found = vocabulary([function("setThermostat", place={"enum": ["dining_room", "the den", "on", "21", "B4"]})])
    assert {"thermostat", "dining", "room", "den"} <= set(found)
    assert not {"the", "on", "set", "21", "b4", "dining_room"} & set(found)


def test_every_word_comes_once() -> None:
    found = vocabulary([function("lamp", "A lamp.", lamp={"enum": ["lamp", "Lamp"]})] * 3)
    assert found.count("lamp") == 1


def test_without_functions_it_is_empty() -> None:
    assert vocabulary([]) == ()
    assert vocabulary([{"name": "x"}, {"name": "y", "description": None, "parameters": None}]) == ()


def test_no_client_can_make_it_endless() -> None:
    nested: dict[str, Any] = {"enum": ["deep"]}
    for _ in range(500):
        nested = {"items": nested}
    many = {"enum": [f"word{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}" for n in range(5000)]}
    assert len(vocabulary([function(nested=nested, many=many)])) == 400
