"""One reading of a sentence as a call of one function: values found so far, and which words are accounted for."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agentd.engine.think.matcher.declared import Function
from agentd.engine.think.matcher.lexicon import Sense
from agentd.engine.think.matcher.parameters import Parameter
from agentd.engine.think.matcher.sentence import Sentence


@dataclass(slots=True)
class Reading:
    """Grows while the sentence is matched; ``claims`` maps a word's index to how strongly it speaks for the function.

    Of several words that say one thing only the first carries the evidence; the others are claimed with None.

    Attributes:
        values: arguments found.
        problems: by parameter, what is wrong with the value that was said, as a sentence.
        unmet: states asked for that no parameter takes.
        about: the function's own subject was named, or a word alike.
        stood_in: a state was taken for another, "lower" for "closed", which only goes for a subject that was named.
        named: it was named in the function's own word.
        guessed: indexes of words that were taken for others that look and sound like them.
        text_words: indexes taken up by free text.
        measured: indexes of words that say a quantity; their unit says nothing of the function.
        more: further values of a parameter that takes one: "the kitchen and the bedroom" makes two calls.
        met: states asked for that a parameter took.
        mixed: two parameters take turns, "red ... blue" in "the kitchen red and the bedroom blue", which one call cannot say.
    """

    function: Function
    sentence: Sentence
    values: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    claims: dict[int, float | None] = field(default_factory=dict)
    unmet: list[Sense] = field(default_factory=list)
    about: bool = False
    guessed: set[int] = field(default_factory=set)
    text_words: set[int] = field(default_factory=set)
    measured: set[int] = field(default_factory=set)
    more: dict[str, list[Any]] = field(default_factory=dict)
    met: set[Sense] = field(default_factory=set)
    named: bool = False
    stood_in: bool = False
    mixed: bool = False

    def free(self, indexes: Iterable[int]) -> bool:
        """Whether none of these words is claimed."""
        return not any(index in self.claims for index in indexes)

    def claim(self, indexes: Iterable[int], evidence: float) -> None:
        """Account for words; a word already claimed keeps the stronger evidence."""
        for at, index in enumerate(sorted(indexes)):
            held = self.claims.get(index)
            if at == 0:
                self.claims[index] = max(evidence, held or 0.0)
            elif index not in self.claims:
                self.claims[index] = None

    def claim_rest(self) -> None:
        """Account for every word, where an example has the same ones."""
        for index in range(len(self.sentence.words)):
            if index not in self.text_words:
                self.claims.setdefault(index, None)

    def open_parameters(self) -> list[Parameter]:
        """Parameters without a value, the required ones first; one that takes a list stays open."""
        left = [parameter for parameter in self.function.parameters if parameter.name not in self.values or parameter.many]
        return sorted(left, key=lambda parameter: not parameter.required)

    def put(self, parameter: Parameter, value: Any) -> None:
        """Set a value, or add it to a list."""
        if not parameter.many:
            self.values[parameter.name] = value
        elif value not in (held := self.values.setdefault(parameter.name, [])):
            held.append(value)

    def calls(self) -> list[dict[str, Any]]:
        """The arguments of each call to make; one, unless a parameter was given several values."""
        calls = [dict(self.values)]
        for name, values in self.more.items():
            calls = [{**call, name: value} for call in calls for value in (call[name], *values)]
        return calls

    @property
    def evidence(self) -> float:
        """How much speaks for the function."""
        return sum(value for value in self.claims.values() if value)

    @property
    def missing(self) -> list[Parameter]:
        """Required parameters that have no value."""
        return [parameter for parameter in self.function.parameters if parameter.required and parameter.name not in self.values]
