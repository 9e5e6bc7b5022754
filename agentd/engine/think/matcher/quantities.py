"""Values that are counted or measured: numbers with their units, durations, times, dates, spelled digits."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from agentd.engine.think.matcher.dates import Date
from agentd.engine.think.matcher.digits import fill_digits
from agentd.engine.think.matcher.numbers import Number
from agentd.engine.think.matcher.parameters import Kind, Parameter
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.times import Duration, Time, read_time, unit_seconds

UNIT: Final = 0.5
DURATION: Final = 0.4
MOMENT: Final = 0.3
BARE: Final = 0.2

UNITS: Final = {
    "percent": "percent",
    "percentage": "percent",
    "degree": "degrees",
    "degrees": "degrees",
    "celsius": "degrees",
    "fahrenheit": "degrees",
    "c": "degrees",
}
_ENDS: Final = {
    "full": 1.0,
    "maximum": 1.0,
    "max": 1.0,
    "highest": 1.0,
    "half": 0.5,
    "halfway": 0.5,
    "minimum": 0.0,
    "lowest": 0.0,
}


def fill_quantities(reading: Reading, *, bare: Parameter | None = None) -> None:
    """Give every measured value in the sentence to the parameter that takes its kind.

    Args:
        bare: the parameter that was asked for; a number alone is its value.
    """
    _fill_durations(reading, bare=bare)
    for parameter in reading.open_parameters():
        match parameter.kind:
            case Kind.NUMBER:
                _fill_number(reading, parameter, sole=parameter is bare)
            case Kind.MOMENT:
                _fill_moment(reading, parameter)
            case Kind.DATE:
                _take(reading, parameter, ((day, day.value.isoformat()) for day in _found(reading, Date)))
            case Kind.TIME:
                times = _found(reading, Time) or _led_times(reading, answer=parameter is bare)
                _take(reading, parameter, ((moment, f"{moment.value:%H:%M}") for moment in times))
            case _:
                pass
    fill_digits(reading)


def _found(reading: Reading, kind: "type[Any]") -> list[Any]:
    entities = [entity for entity in reading.sentence.entities if isinstance(entity, kind)]
    return [entity for entity in entities if reading.free(range(entity.start, entity.end))]


def _led_times(reading: Reading, *, answer: bool) -> list[Time]:
    """Times that only their place tells: "for seven thirty", or the whole answer to "at what time?"."""
    words = reading.sentence.words
    starts = [index + 1 for index, word in enumerate(words) if word.text in {"for", "to", "until"}]
    found = (read_time(words, start, bare=True) for start in ([0, *starts] if answer else starts))
    return [time for time in found if time is not None and reading.free(range(time.start, time.end))]


def _take(reading: Reading, parameter: Parameter, found: Iterable[tuple[Any, Any]]) -> None:
    for entity, value in found:
        if parameter.name not in reading.values:
            reading.put(parameter, value)
            reading.claim(range(entity.start, entity.end), MOMENT)


def _fill_durations(reading: Reading, *, bare: Parameter | None) -> None:
    takers = [parameter for parameter in reading.open_parameters() if parameter.kind is Kind.DURATION]
    if not takers:
        return
    units = [parameter.unit for parameter in takers if isinstance(parameter.unit, int)]
    for duration in _found(reading, Duration):
        span = range(duration.start, duration.end)
        if len(set(units)) == len(takers) > 1:
            _share_out(reading, takers, duration)
            return
        parameter = next((taker for taker in takers if taker.name not in reading.values), None)
        if parameter is None:
            return
        _put_duration(reading, parameter, duration.seconds, span)
    if any(parameter.kind in {Kind.TIME, Kind.MOMENT} for parameter in reading.function.parameters) and bare is not takers[0]:
        return  # "a reminder for seven"
    if len(takers) == 1 and takers[0].name not in reading.values and isinstance(takers[0].unit, int):
        for number in _found(reading, Number):  # "set a timer for ten"
            if takers[0] is bare or (
                number.start > 0 and reading.sentence.words[number.start - 1].text in {"for", "of", "by", "to"}
            ):
                _put_duration(reading, takers[0], number.value * takers[0].unit, range(number.start, number.end))
                return


def _put_duration(reading: Reading, parameter: Parameter, seconds: float, span: range) -> None:
    reading.claim(span, DURATION)
    if not isinstance(parameter.unit, int):
        reading.put(parameter, iso_duration(seconds))
        return
    value = seconds / parameter.unit
    _put_number(reading, parameter, value)


def _share_out(reading: Reading, takers: list[Parameter], duration: Duration) -> None:
    """Hours, minutes and seconds as parameters of their own."""
    left = duration.seconds
    for parameter in sorted(takers, key=lambda taker: -int(taker.unit or 1)):
        unit = int(parameter.unit or 1)
        whole, left = divmod(left, unit)
        if whole or parameter.required:
            reading.put(parameter, int(whole) if parameter.integer else whole)
    reading.claim(range(duration.start, duration.end), DURATION)


def iso_duration(seconds: float) -> str:
    """ISO 8601: PT1H30M."""
    minutes, left = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "") + (f"{left:g}S" if left else "")
    return f"PT{parts or '0S'}"


def _fill_number(reading: Reading, parameter: Parameter, *, sole: bool) -> None:
    """The number whose unit fits best; a number with a foreign unit is never taken."""
    words = reading.sentence.words
    best: tuple[float, range, float] | None = None
    for number in [*_levels(reading), *_ones(reading, parameter)]:
        following = words[number.end] if number.end < len(words) else None
        before = {word.stem for word in words[max(0, number.start - 3) : number.start]}
        unit = UNITS.get(following.text) if following is not None else None
        span, fit = range(number.start, number.end), BARE
        if unit is None and number.end == number.start + 1 and words[number.start].text in _ENDS:
            continue  # "half brightness" is half of its range, not 0.5
        if unit is not None:
            if parameter.unit not in {unit, None}:
                continue
            end = number.end + (2 if number.end + 1 < len(words) and words[number.end + 1].text in UNITS else 1)
            span, fit = range(number.start, end), UNIT if parameter.unit == unit else BARE
        elif following is not None and following.stem in parameter.words | parameter.measures:
            span, fit = range(number.start, number.end + 1), UNIT
        elif following is not None and unit_seconds(following.text) is not None and number.end not in reading.claims:
            continue
        elif before & parameter.words:
            fit = 2 * BARE
        elif any(isinstance(entity, Time) and entity.start <= number.start < entity.end for entity in reading.sentence.entities):
            continue  # "at seven"
        if best is None or fit > best[0]:
            best = (fit, span, number.value)
    if best is None and (parameter.unit == "percent" or sole):
        best = _named_end(reading, parameter)
    if best is not None:
        reading.claim(best[1], best[0])
        reading.measured |= set(best[1])
        _put_number(reading, parameter, best[2])


def _levels(reading: Reading) -> list[Number]:
    """The numbers that may be a value; the one of "two degrees warmer" is not."""
    relative = reading.sentence.relative
    difference = relative.words if relative is not None else frozenset()
    return [number for number in _found(reading, Number) if not difference & {number.start, number.end - 1}]


def _ones(reading: Reading, parameter: Parameter) -> list[Number]:
    """The one of "delete note one", where notes have numbers; in "the red one" it is none."""
    if not (parameter.integer and parameter.required):
        return []
    words, nouns = reading.sentence.words, reading.function.nouns
    places = [at for at in range(1, len(words)) if words[at].text == "one" and words[at - 1].stem in nouns]
    return [Number(at, at + 1, 1.0) for at in places if reading.free([at])]


def _named_end(reading: Reading, parameter: Parameter) -> tuple[float, range, float] | None:
    """Full, half, minimum: a share of the parameter's range."""
    if parameter.maximum is None:
        return None
    low = parameter.minimum or 0.0
    for index, word in enumerate(reading.sentence.words):
        if word.text in _ENDS and index not in reading.claims:
            share = _ENDS[word.text]
            return BARE, range(index, index + 1), low if share == 0 else round(parameter.maximum * share)
    return None


def _put_number(reading: Reading, parameter: Parameter, value: float) -> None:
    limits = _limits(parameter, value)
    if limits is not None:
        reading.problems[parameter.name] = f"The {parameter.spoken} must be {limits}."
        return
    if parameter.integer and value != int(value):
        reading.problems[parameter.name] = f"The {parameter.spoken} must be a whole number."
        return
    reading.put(parameter, int(value) if parameter.integer or value == int(value) else value)


def _limits(parameter: Parameter, value: float) -> str | None:
    """What the value has to be, if it is not."""
    low, high, above, below = parameter.minimum, parameter.maximum, parameter.above, parameter.below
    if low is not None and high is not None and not low <= value <= high:
        return f"between {low:g} and {high:g}"
    if low is not None and value < low:
        return f"at least {low:g}"
    if high is not None and value > high:
        return f"at most {high:g}"
    if above is not None and value <= above:
        return f"more than {above:g}"
    return f"less than {below:g}" if below is not None and value >= below else None


def _fill_moment(reading: Reading, parameter: Parameter) -> None:
    """A day, an hour, or both, as one ISO 8601 moment; a day alone stays a date."""
    days, times = _found(reading, Date), _found(reading, Time)
    if not days and not times:
        return
    used = [*days[:1], *times[:1]]
    if days and times:
        value = datetime.combine(days[0].value, times[0].value).isoformat(timespec="minutes")
    else:
        value = days[0].value.isoformat() if days else f"{times[0].value:%H:%M}"
    reading.put(parameter, value)
    for entity in used:
        reading.claim(range(entity.start, entity.end), MOMENT)
