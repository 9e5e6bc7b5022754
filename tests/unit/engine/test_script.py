"""Script files: what they may say, and which rule answers."""

from pathlib import Path

import pytest

from agentd.engine.script import Rules, load_script, parse_script
from agentd.errors import ConfigError

LAMP = """
mode = "bare"
refuse = 503
refuse_times = 2
greeting_audio_s = 0.1

[default]
say = "I heard: {text}"
audio_s = 0.2

[[on]]
event = "user"
match = "lamp"
hears = "turn on the lamp"
times = 1
steps = [{ call = "set_light", arguments = { room = "kitchen" } }, { say = "Done.", audio_s = 0.5 }]

[[on]]
match = "^bye$"
steps = [{ close = 1011 }]
"""


def test_a_whole_script_is_read() -> None:
    script = parse_script(LAMP)
    assert script.mode == "bare"
    assert (script.refuse, script.refuse_times) == (503, 2)
    assert [rule.event for rule in script.on] == ["user", "user"]
    assert script.on[0].steps[0].arguments == {"room": "kitchen"}
    assert script.default.say == "I heard: {text}"


def test_an_empty_script_answers_everything_by_its_default() -> None:
    rules = Rules(parse_script(""))
    assert rules.answer("user", "anything") is None
    assert rules.answer_speech() == ("something", None)


def test_the_first_rule_that_fits_answers_whatever_the_case() -> None:
    script = parse_script(LAMP)
    rules = Rules(script)
    assert rules.answer("user", "the LAMP please") is script.on[0]
    assert rules.answer("user", "bye") is script.on[1]
    assert rules.answer("user", "goodbye") is None
    assert rules.answer("update", "lamp") is None


def test_a_rule_is_used_up() -> None:
    rules = Rules(parse_script(LAMP))
    assert rules.answer("user", "lamp") is not None
    assert rules.answer("user", "lamp") is None


def test_speech_is_what_the_next_rule_hears() -> None:
    rules = Rules(parse_script({"on": [{"hears": "one", "times": 1}, {"hears": "two"}]}))
    assert [rules.answer_speech()[0] for _ in range(3)] == ["one", "two", "two"]


def test_a_rule_whose_expression_does_not_fit_what_it_hears_is_not_for_speech() -> None:
    rules = Rules(parse_script({"on": [{"hears": "one", "match": "typed"}, {"hears": "two"}]}))
    assert rules.answer_speech()[0] == "two"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mode = ", "not TOML"),
        ("nonsense = 1", "nonsense"),
        ("[[on]]\nsteps = [{}]", "exactly one action"),
        ('[[on]]\nsteps = [{say = "a", call = "b"}]', "exactly one action"),
        ('[[on]]\nmatch = "("', "not a regular expression"),
        ('[[on]]\nevent = "rain"', "event"),
    ],
)
def test_a_script_that_cannot_be_used_says_where_it_is_wrong(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_script(text)
    assert told in error.value.detail


def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml"):
        load_script(tmp_path / "nothing.toml")
