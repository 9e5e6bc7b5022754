"""Which rule of a scenario answers what."""

from collections.abc import Callable

from agentd.engine.scripted.scenario import EventName, Rule, Scenario


class Rules:
    """A scenario's rules with what is left of their uses; shared by the connections that play it."""

    def __init__(self, scenario: Scenario) -> None:
        self._left: dict[int, int] = {number: rule.times for number, rule in enumerate(scenario.on) if rule.times is not None}
        self._scenario = scenario

    def answer(self, event: EventName, text: str = "") -> Rule | None:
        """The rule for an event, marked as used once more; None when none fits."""
        events = {event, "user"} if event == "inject_user" else {event}
        return self._take(lambda rule: rule.event in events and rule.fits(text))

    def answer_speech(self) -> tuple[str, Rule | None]:
        """What the next utterance was, and the rule for it."""
        rule = self._take(
            lambda rule: rule.event == "user" and (rule.fits(rule.hears) if rule.hears is not None else rule.match is None)
        )
        return (rule.hears if rule is not None and rule.hears is not None else self._scenario.speech_default), rule

    def answer_audio(self, before_s: float, after_s: float) -> list[Rule]:
        """The rules that are due when the user's audio of a connection grows from one length to another."""
        due: list[Rule] = []
        for number, rule in enumerate(self._scenario.on):
            if rule.event == "audio" and (before_s < rule.after_s <= after_s if rule.after_s else before_s == 0 < after_s):
                due += [rule] if self._use(number) else []
        return due

    def _take(self, fits: Callable[[Rule], bool]) -> Rule | None:
        for number, rule in enumerate(self._scenario.on):
            if self._left.get(number) != 0 and fits(rule) and self._use(number):
                return rule
        return None

    def _use(self, number: int) -> bool:
        """Count a use; False when none is left."""
        left = self._left.get(number)
        if left == 0:
            return False
        if left is not None:
            self._left[number] = left - 1
        return True
