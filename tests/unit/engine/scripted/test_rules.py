"""Which rule of a scenario answers."""

from typing import Any

from agentd.engine.scripted.loading import parse_script
from agentd.engine.scripted.rules import Rules


def rules_of(*rules: dict[str, Any]) -> Rules:
    return Rules(parse_script({"on": list(rules)}).scenarios[0])


def test_a_scenario_without_rules_leaves_everything_to_its_default() -> None:
    rules = rules_of()
    assert rules.answer("user", "anything") is None
    assert rules.answer_speech() == ("something", None)


def test_the_first_rule_that_fits_answers_whatever_the_case() -> None:
    rules = rules_of({"match": "lamp", "hears": "a"}, {"match": "^bye$", "hears": "b"})
    heard = [rule.hears for rule in (rules.answer("user", "the LAMP please"), rules.answer("inject_user", "bye")) if rule]
    assert heard == ["a", "b"]
    assert rules.answer("user", "goodbye") is None
    assert rules.answer("update", "lamp") is None


def test_a_rule_for_typed_turns_alone_is_not_for_speech() -> None:
    rules = rules_of({"event": "inject_user", "match": "lamp"})
    assert rules.answer("inject_user", "lamp") is not None
    assert rules.answer("user", "lamp") is None
    assert rules.answer_speech() == ("something", None)


def test_a_rule_is_used_up() -> None:
    rules = rules_of({"match": "lamp", "times": 1})
    assert rules.answer("user", "lamp") is not None
    assert rules.answer("user", "lamp") is None


def test_speech_is_what_the_next_rule_hears() -> None:
    rules = rules_of({"hears": "one", "times": 1}, {"hears": "two"})
    assert [rules.answer_speech()[0] for _ in range(3)] == ["one", "two", "two"]


def test_a_rule_whose_expression_does_not_fit_what_it_hears_is_not_for_speech() -> None:
    rules = rules_of({"hears": "one", "match": "typed"}, {"hears": "two"})
    assert rules.answer_speech()[0] == "two"


def test_audio_is_answered_when_it_begins_and_when_it_has_lasted() -> None:
    rules = rules_of({"event": "audio"}, {"event": "audio", "after_s": 1, "times": 1})
    due = [len(rules.answer_audio(*span)) for span in ((0.0, 0.5), (0.5, 0.9), (0.9, 1.1), (1.1, 1.2), (0.0, 2.0))]
    assert due == [1, 0, 1, 0, 1]
