"""How finished a sentence looks while its speaker is silent: judged by its words, and by what the functions at hand still need.

Recognisers put a full stop behind anything, so punctuation tells nothing, but for a comma or an ellipsis.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from agentd.engine.providers import AgentText, ChatMessage, Ending, ThinkRequest
from agentd.engine.think.matcher import matching, quantities, smalltalk
from agentd.engine.think.matcher.dates import MONTHS, Date
from agentd.engine.think.matcher.declared import Function, compile_function
from agentd.engine.think.matcher.followups import says_too
from agentd.engine.think.matcher.interpretation import interpret, settle, unanswered
from agentd.engine.think.matcher.lexicon import (
    AUXILIARIES,
    BARE_WITHOUT_PARTICLE,
    EVERYTHING,
    GENERIC_VERBS,
    PARTICLE_VERBS,
    QUESTION_WORDS,
    SUBJECTS,
    VERBS,
)
from agentd.engine.think.matcher.matching import Candidate
from agentd.engine.think.matcher.numbers import Number, read_digit, read_number
from agentd.engine.think.matcher.parameters import Kind, Parameter
from agentd.engine.think.matcher.pending import Pending, pending_call
from agentd.engine.think.matcher.questions import read_answer
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.sentence import Form, Sentence
from agentd.engine.think.matcher.times import Duration, Time, unit_seconds
from agentd.engine.think.matcher.words import Word, split, stem

_GOES_ON: Final = (",", "...", "…", "-", "\N{EN DASH}", "\N{EM DASH}", ":")
_DETERMINERS: Final = frozenset("the a an my your his our their its every another these those some".split())
_PREPOSITIONS: Final = frozenset(
    "to for in at from with by of into onto about between during through under near per past as".split()
)
_JOINING: Final = frozenset(
    "and or but nor because if when while than unless until although though whether which whose plus".split()
)
_HESITATIONS: Final = frozenset("um uh er uhm hm".split())
_OPENINGS: Final = frozenset(
    tuple(phrase.split())
    for phrase in (
        "i want|i need|i would like|i would love|we need|we want|give me|get me|let me|let us|tell me|show me|please|"
        "can you|could you|would you|will you|can you please|could you please|would you please|will you please|"
        "can i|could i|may i|can we|could we|do you know|do you|i think|go ahead"
    ).split("|")
)
"""Whole transcripts after which the thing itself is still to come."""

_CALLS: Final = frozenset("hey alexa computer assistant jarvis listen excuse me".split())
"""What is said to be listened to; of one alone the rest is still to come."""

_WHOLE: Final = frozenset("stop cancel quit abort continue".split())
"""Verbs that may be all that is said."""

_CONDITIONS: Final = frozenset("if unless because although whenever".split())
_LONGEST_CONDITION: Final = 7
"""Words up to which a sentence that opens with "if" is taken for a condition alone."""

_HALVES_OF_DAY: Final = frozenset("am pm tonight morning afternoon evening night noon midday midnight".split())
_PRONOUNS: Final = frozenset("it there they".split())
_OBJECTS: Final = frozenset("it that them these those".split())
_COUNTS: Final = frozenset("quantity count amount copy item".split())
_HOUR_S: Final = 3600
_NOON: Final = 12


def ending(text: str, request: ThinkRequest) -> Ending:
    """Whether more is to be expected after ``text``, which its speaker has just stopped at.

    Args:
        text: the transcript so far.
        request: what a thinker would be asked, without ``text``; it is only read.
    """
    words = split(text)
    if text.rstrip().endswith(_GOES_ON):
        return Ending.UNFINISHED
    if not words:
        return Ending.OPEN
    functions = [compile_function(function) for function in request.functions]
    today = datetime.now().astimezone().date()
    pending = pending_call(request.session)
    asked = pending is not None or _asks(request)
    if smalltalk.closes(text, functions, asked=asked):
        return Ending.CLOSED
    if pending is not None and (judged := _answer_ending(text, pending, functions, today)) is not None:
        return judged
    if _hangs(words) or (not asked and _leads_in(words)):
        return Ending.UNFINISHED
    return _command_ending(text, functions, request.messages, today)


def _asks(request: ThinkRequest) -> bool:
    last = request.messages[-1] if request.messages else None
    return isinstance(last, AgentText) and last.text.rstrip().endswith("?")


def _hangs(words: Sequence[Word]) -> bool:
    """Whether grammar alone tells that something follows."""
    texts = tuple(word.text for word in words)
    last, before = texts[-1], texts[-2] if len(texts) > 1 else ""
    if texts in _OPENINGS or last in _HESITATIONS | _DETERMINERS:
        return True
    if last in _JOINING:
        return len(texts) > 1 or last in {"and", "or", "but", "if", "because"}
    if last == "of" and texts[0] in BARE_WITHOUT_PARTICLE:  # "turn the light of", off misheard
        return False
    if last in _PREPOSITIONS:
        return texts[0] not in QUESTION_WORDS and before not in {"log", "come", "go", "check"}
    if last == "may" and len(words) > 1 and (before == "of" or read_number(words, len(words) - 2) is not None):
        return False
    if last in AUXILIARIES:
        contracted = len(words) > 1 and words[-1].start == words[-2].start
        return contracted or not (len(texts) == 1 or before in SUBJECTS | {"to", "please", "not"})
    if texts[0] in _CONDITIONS:
        return len(words) <= _LONGEST_CONDITION and not any(word.pause for word in words[:-1])
    return False


def _leads_in(words: Sequence[Word]) -> bool:
    """Whether what nobody asked for is no sentence by itself: a call for attention ("Alexa"), a bare number ("two")."""
    if all(word.text in _CALLS for word in words):
        return True
    at = 0
    while at < len(words) and (number := read_number(words, at)) is not None:
        at = number.end
    return at == len(words)


def _answer_ending(text: str, pending: Pending, functions: Sequence[Function], today: date) -> Ending | None:
    """How finished ``text`` is as the answer to the question that was asked; None: it is no such answer."""
    function = next((function for function in functions if function.name == pending.function), None)
    parameter = function.parameter(pending.parameter) if function is not None else None
    if function is None or parameter is None:
        return None
    sentence = matching.read(text, functions, today)
    known = {name: value for name, value in pending.arguments.items() if name != parameter.name}
    reading = Reading(function, sentence, values=known)
    if not read_answer(reading, parameter) or not sentence.words:
        return None
    if parameter.kind is Kind.BOOLEAN and not reading.claims:
        return Ending.CLOSED
    if _hangs(sentence.words) or _begins_choice(sentence.words, [function]):
        return Ending.UNFINISHED
    whole = parameter.kind is Kind.NUMBER and _whole_number(sentence, parameter)
    if not whole and not _ends_well(reading, functions):
        return Ending.OPEN
    return Ending.CLOSED


def _whole_number(sentence: Sentence, parameter: Parameter) -> bool:
    """Whether the number at the end can hardly grow: "twenty" may become twenty-one, "two" two hundred."""
    number = next((read_number(sentence.words, at) for at in range(len(sentence.words)) if read_number(sentence.words, at)), None)
    if number is None or number.end != len(sentence.words):
        return False
    small = parameter.maximum is not None and parameter.maximum < 100
    return number.value % 10 != 0 and (small or number.value > 12)


def _command_ending(text: str, functions: Sequence[Function], messages: Sequence[ChatMessage], today: date) -> Ending:
    sentence = matching.read(text, functions, today)
    found = interpret([*unanswered(messages), text], functions, messages, today)
    if not found.calls:
        waits = sentence.form is Form.COMMAND and _only_verb(sentence) and sentence.words[0].text not in _WHOLE
        return Ending.UNFINISHED if waits or _begins_choice(sentence.words, functions) else Ending.OPEN
    last = settle(found.calls[-1], messages)
    if isinstance(last, str):
        return Ending.OPEN
    if last.ask:
        return Ending.OPEN if last.ask[0].name in last.reading.problems else Ending.UNFINISHED
    if found.missed:
        return Ending.OPEN
    if _lacks_unit(last.reading):
        return Ending.UNFINISHED
    said = tuple(word.stem for word in sentence.words)
    examples = [example for function in functions for example in function.examples if example[: len(said)] == said]
    if examples:
        return Ending.CLOSED if examples == [said] else Ending.OPEN
    if found.leans:
        elliptic = last.reading.sentence.verb is None and sentence.relative is None and not says_too(text)
        return Ending.OPEN if elliptic or not _ends_well(last.reading, functions) else Ending.CLOSED
    return Ending.CLOSED if _settled(last, functions) else Ending.OPEN


def _only_verb(sentence: Sentence) -> bool:
    """Whether nothing but the verb was said, or the verb and a pronoun: "turn it"."""
    return all(index in sentence.verb_words or word.text in _OBJECTS for index, word in enumerate(sentence.words))


def _settled(candidate: Candidate, functions: Sequence[Function]) -> bool:
    """Whether the call is complete and nothing that usually follows would change it."""
    reading = candidate.reading
    sentence = reading.sentence
    if sentence.form is Form.QUESTION and not any(word.text in AUXILIARIES for word in sentence.words):
        return False  # "what time"
    if sentence.form is Form.FRAGMENT and not reading.met:
        return False
    if not _subject_named(reading):
        return False  # "turn on the living room": the lamp is still to come
    return _ends_well(reading, functions) and not any(_usual(parameter, reading) for parameter in reading.function.parameters)


def _subject_named(reading: Reading) -> bool:
    """Whether it was said what the command is about: by a noun, by a unit, or by a verb that is for nothing else."""
    sentence, function = reading.sentence, reading.function
    if reading.about or {word.text for word in sentence.words} & EVERYTHING:
        return True
    if any(sentence.words[index].text in quantities.UNITS for index in reading.measured):
        return True
    if _unit_named(reading):
        return True
    if sentence.form is Form.QUESTION:
        return all(parameter.name in reading.values for parameter in function.parameters if parameter.kind is Kind.CHOICE)
    verb = sentence.words[sentence.verb] if sentence.verb is not None else None
    if verb is None or verb.text in GENERIC_VERBS | PARTICLE_VERBS:
        return False
    return verb.stem in function.verbs | function.told_verbs or VERBS.get(verb.text) in reading.met


def _unit_named(reading: Reading) -> bool:
    """Whether the sentence ends in a number with the unit that its parameter is named by: "ten meters" for ``meters``."""
    words = reading.sentence.words
    filled = (parameter for parameter in reading.function.parameters if parameter.name in reading.values)
    units = {word for parameter in filled if parameter.kind is Kind.NUMBER for word in parameter.words}
    return words[-1].stem in units and len(words) > 1 and read_number(words, len(words) - 2) is not None


def _ends_well(reading: Reading, functions: Sequence[Function]) -> bool:
    """Whether the last words are understood, and understood as they would be if more came."""
    words, last = reading.sentence.words, len(reading.sentence.words) - 1
    if last > 0 and {words[last].text, words[last - 1].text} <= AUXILIARIES | _PRONOUNS:
        return reading.about  # "what time is it"
    if last in reading.text_words or last not in reading.claims or last in reading.guessed:
        return False
    if _spelled_out(reading):
        return True
    if read_digit(words, last) is not None or (words[last].is_number and ":" not in words[last].text):
        return False
    quantities_last = [entity for entity in reading.sentence.entities if entity.end == len(words)]
    if quantities_last and not _final(min(quantities_last, key=lambda entity: entity.start), words):
        return False
    return not _begins_choice(words, [reading.function]) and not _begins_name(words, functions)


def _spelled_out(reading: Reading) -> bool:
    """Whether an identifier of known length is complete."""
    return any(
        parameter.length and len(str(reading.values.get(parameter.name, ""))) == parameter.length + len(parameter.prefix)
        for parameter in reading.function.parameters
    )


def _final(entity: Number | Duration | Time | Date, words: Sequence[Word]) -> bool:
    """Whether a quantity at the end of a sentence is complete: a number may grow or get a unit, an hour its minutes."""
    last = words[-1].text
    match entity:
        case Number():
            return False
        case Duration():
            unit = unit_seconds(last)
            if unit is None:
                return last in {"half", "quarter", "quarters"}
            return entity.seconds < unit or (unit < _HOUR_S and last.endswith("s"))
        case Time():
            return last in _HALVES_OF_DAY or entity.value.hour > _NOON
        case Date():  # "the third" may be of May
            ordinal = (number := read_number(words, len(words) - 1)) is not None and number.ordinal
            return not (ordinal or last in {"st", "nd", "rd", "th"}) or any(word.text in MONTHS for word in words)


def _lacks_unit(reading: Reading) -> bool:
    """Whether the sentence ends in a bare number that was taken for a length of time."""
    last = len(reading.sentence.words)
    bare = any(isinstance(entity, Number) and entity.end == last for entity in reading.sentence.entities)
    durations = any(isinstance(entity, Duration) for entity in reading.sentence.entities)
    taken = any(parameter.kind is Kind.DURATION and parameter.name in reading.values for parameter in reading.function.parameters)
    return bare and taken and not durations


def _usual(parameter: Parameter, reading: Reading) -> bool:
    """Whether a value for ``parameter``, or a better one, may well follow."""
    return _better_follows(parameter, reading) if parameter.name in reading.values else _value_follows(parameter, reading)


def _better_follows(parameter: Parameter, reading: Reading) -> bool:
    words, value = reading.sentence.words, reading.values[parameter.name]
    if parameter.many:  # "with ham ... and olives"
        return True
    if parameter.kind is Kind.NUMBER:  # "close the shutter ... halfway"
        return bool(parameter.states) and not reading.measured
    if parameter.kind is Kind.MOMENT:
        return not any(isinstance(entity, Time) for entity in reading.sentence.entities)
    whole = any(
        choice.value == value and set(choice.phrases[0]) & {stem(word) for word in EVERYTHING} for choice in parameter.choices
    )
    return whole and words[-1].text != "everywhere"  # "turn off all the lights ... in the kitchen"


def _value_follows(parameter: Parameter, reading: Reading) -> bool:
    words = reading.sentence.words
    match parameter.kind:
        case Kind.CHOICE:
            return not {word.text for word in words} & EVERYTHING
        case Kind.BOOLEAN:
            verb = reading.sentence.verb
            turns = verb is not None and words[verb].text in PARTICLE_VERBS and len(reading.sentence.verb_words) == 1
            return bool(parameter.states) and turns and not reading.measured
        case Kind.DURATION:
            said = [entity for entity in reading.sentence.entities if isinstance(entity, Duration)]
            smallest = unit_seconds(words[said[-1].end - 1].text) if said else None
            return smallest is None or not isinstance(parameter.unit, int) or parameter.unit < smallest
        case Kind.DATE | Kind.TIME | Kind.MOMENT:
            return True
        case Kind.DIGITS:
            return not reading.values
        case Kind.TEXT:
            led = bool(parameter.prepositions) and "called" not in parameter.prepositions
            asked = reading.function.reads and reading.sentence.form is Form.QUESTION  # "do you know what time it is"
            return led and not reading.values and (parameter.required or not asked)
        case Kind.NUMBER:
            counts = parameter.unit is None and bool(parameter.words & _COUNTS)
            return not reading.met and not (counts and words[-1].stem in reading.function.nouns)


def _begins_choice(words: Sequence[Word], functions: Sequence[Function]) -> bool:
    """Whether the sentence stops inside the words of a choice: "the living" of "living room"."""
    stems = tuple(word.stem for word in words)
    return any(
        stems[-size:] == phrase[:size]
        for function in functions
        for parameter in function.parameters
        for choice in parameter.choices
        for phrase in choice.phrases[:1]
        for size in range(1, len(phrase))
    )


def _begins_name(words: Sequence[Word], functions: Sequence[Function]) -> bool:
    """Whether the last word is one that another noun follows in a function's name: "the shopping" of "shopping list"."""
    last = words[-1].stem
    for function in functions:
        nouns = list(function.nouns)
        if last in nouns[:-1]:
            return True
    return False
