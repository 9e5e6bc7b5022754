"""What holds for every sentence and every schema: no crash, no call outside the schema, no dawdling."""

import time
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from agentd.engine.providers import Call
from agentd.engine.think.matcher.numbers import read_number
from agentd.engine.think.matcher.words import split
from tests.unit.engine.think.conftest import Declaration, MakeTalk

WORDS = st.sampled_from(
    "turn on off the lamp lights in kitchen living room bedroom set a timer for ten minutes 21 degrees percent half and not is "
    "what time date today at seven open close blinds please everything everywhere to of half past tea how warm it don't when "
    "21.5 30% 7:30 2026-05-03 , . ? ' minus hundred second third".split(),
)
SENTENCES = st.lists(WORDS, max_size=14).map(" ".join)
QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

SECONDS_PER_TURN = 0.02


@QUIET
@given(sentences=st.lists(SENTENCES, min_size=1, max_size=3))
def test_any_sentence_gives_valid_calls_or_words(talk: MakeTalk, shipped: list[Declaration], sentences: list[str]) -> None:
    conversation = talk(shipped)
    declared = {function["name"]: function["parameters"] for function in shipped}

    for sentence in sentences:
        events = conversation.hear(sentence)
        assert events, "the agent says or does something"
        for call in (event for event in events if isinstance(event, Call)):
            schema = declared[call.name]
            assert set(schema.get("required", ())) <= set(call.arguments), (sentence, call)
            for name, value in call.arguments.items():
                assert fits(schema["properties"][name], value), (sentence, call)


KINDS = {"string": str, "boolean": bool, "integer": int, "number": int | float, "null": type(None)}


def fits(schema: dict[str, Any], value: Any) -> bool:
    """As a validator would see it, for the few keywords the shipped schemas use."""
    for option in schema.get("anyOf", [schema]):
        in_limits = not isinstance(value, int | float) or (
            option.get("minimum", value) <= value <= option.get("maximum", value)
            and option.get("exclusiveMinimum", value - 1) < value
        )
        if isinstance(value, KINDS[option["type"]]) and value in option.get("enum", [value]) and in_limits:
            return True
    return False


@QUIET
@given(text=st.text(max_size=200))
def test_any_text_is_survived(talk: MakeTalk, shipped: list[Declaration], text: str) -> None:
    assert talk(shipped).hear(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["type", "enum", "const", "anyOf", "items", "$ref", "minimum", "maximum", "description", "examples", "format"]
)


@QUIET
@given(
    name=st.text(min_size=1, max_size=12),
    properties=st.dictionaries(st.sampled_from(["room", "time", "x"]), st.dictionaries(KEYS, JSON, max_size=4), max_size=3),
    description=st.none() | st.text(max_size=40),
    sentence=SENTENCES,
)
def test_any_schema_is_survived(
    talk: MakeTalk, name: str, properties: dict[str, Any], description: str | None, sentence: str
) -> None:
    schema = {"type": "object", "properties": properties, "required": list(properties)}

    assert talk([{"name": name, "description": description, "parameters": schema}]).hear(sentence)


@QUIET
@given(value=st.integers(min_value=0, max_value=999))
def test_every_number_below_a_thousand_is_read_back(value: int) -> None:
    words = split(spell(value))
    number = read_number(words, 0)

    assert number is not None
    assert (number.value, number.end) == (value, len(words))


def spell(value: int) -> str:
    ones = (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen"
    ).split()
    tens = "twenty thirty forty fifty sixty seventy eighty ninety".split()
    if value < 20:
        return ones[value]
    if value < 100:
        return tens[value // 10 - 2] + (f" {ones[value % 10]}" if value % 10 else "")
    return f"{ones[value // 100]} hundred" + (f" and {spell(value % 100)}" if value % 100 else "")


def test_a_turn_with_twenty_functions_takes_less_than_20_ms(
    talk: MakeTalk, shipped: list[Declaration], library: list[Declaration], household: list[Declaration]
) -> None:
    functions = [*shipped, *library, *household][:20]
    assert len(functions) == 20
    sentences = [
        "turn on the living room lamp",
        "and mister john dashwood had then leisure to consider how much there might be prudently in his power to do for them",
        "set a timer for twenty one and a half minutes",
        "what is the weather like in new york",
    ]
    for sentence in sentences:
        talk(functions).hear(sentence)  # schemas are prepared once per conversation's settings, not per turn

    def seconds(sentence: str) -> float:
        conversation = talk(functions)
        start = time.perf_counter()
        conversation.hear(sentence)
        return time.perf_counter() - start

    took = [min(seconds(sentence) for _ in range(30)) for sentence in sentences]  # the machine may be busy

    assert max(took) < SECONDS_PER_TURN, took
