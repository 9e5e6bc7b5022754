from datetime import UTC, datetime

import pytest

from functions.clock import spoken_date, spoken_time
from functions.timers import spoken


@pytest.mark.parametrize(
    ("hour", "minute", "words"),
    [
        (15, 20, "It is 3:20 PM."),
        (0, 5, "It is 12:05 AM."),
        (12, 30, "It is 12:30 PM."),
        (9, 0, "It is 9 AM."),
        (12, 0, "It is noon."),
        (0, 0, "It is midnight."),
    ],
)
def test_times_are_said_as_people_say_them(hour: int, minute: int, words: str) -> None:
    assert spoken_time(datetime(2026, 11, 24, hour, minute, tzinfo=UTC)) == words


def test_dates_are_said_as_people_say_them() -> None:
    day = datetime(2026, 11, 4, tzinfo=UTC)
    assert spoken_date(day) == "Today is Wednesday, November 4, 2026."
    assert spoken_date(day, "yesterday") == "Yesterday was Wednesday, November 4, 2026."


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 second"),
        (45, "45 seconds"),
        (60, "1 minute"),
        (210, "3 minutes and 30 seconds"),
        (3600, "1 hour"),
        (7265, "2 hours, 1 minute and 5 seconds"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert spoken(seconds) == words
