import pytest

from agentd.engine.speak.text import clauses, speakable


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("The socket has 230 V and draws 60W.", "The socket has 230 volts and draws 60 watts."),
        ("1 h 20 min left", "1 hour 20 min left"),
        ("30 s", "30 seconds"),
        ("It is 20 C, -1 C outside.", "It is 20 degrees Celsius, -1 degree Celsius outside."),
        ("a room of 20 m²", "a room of 20 square meters"),
        ("1,013.2 hPa", "1,013.2 hectopascals"),
        ("1 € or 5€", "1 euro or 5 euros"),
        ("50%-60%", "50 percent to 60%"),
        ("50 %\N{EN DASH}60 %", "50 percent to 60 %"),
        ("~20 min", "about 20 min"),
        ("tea vs. coffee", "tea versus coffee"),
        ("the CO2 is high", "the C O 2 is high"),
        ("code 0042", "code 0 0 4 2"),
        # times and dates
        ("at 9am or 10 p.m.", "at 9 AM or 10 p.m."),
        ("9:00-17:30", "9:00 to 17:30"),
        ("2026-11-24T18:30:00Z", "2026-11-24 at 18:30"),
        ("2026-11-24 18:30", "2026-11-24 at 18:30"),
        ("Mon, Nov 24", "Monday, Nov 24"),
        # units, money
        ("0.5 m", "0.5 meters"),
        ("1013 mbar", "1,013 millibars"),
        ("50 Mbit/s", "50 megabits per second"),
        ("-12 dB", "-12 decibels"),
        ("5 EUR or 20 USD", "5 euros or 20 dollars"),
        ("$5-10", "5 to 10 dollars"),
        ('it measures 27".', "it measures 27 inches."),
        ("he is 6'2\" tall", "he is 6 foot 2 tall"),
        ("30-40%", "30 to 40%"),
        ("a 5x faster one", "a 5 times faster one"),
        # numbers
        ("pages 10-12.", "pages 10 to 12."),
        ("won 2-1", "won 2 to 1"),
        ("odds of 3:1", "odds of 3 to 1"),
        ("10 - 4 = 6", "10 minus 4 = 6"),
        ("8 / 2 = 4", "8 divided by 2 = 4"),
        ("1½ or 1 1/2 cups", "1 and ½ or 1 and 1/2 cups"),
        ("rated 4.5/5", "rated 4.5 out of 5"),
        ("≥ 5, <10, >= 3", "at least 5, less than 10, at least 3"),
        ("version 2.10.3", "version 2 point 10 point 3"),
        ("v1.2", "version 1.2"),
        ("192.168.1.20", "192 dot 168 dot 1 dot 20"),
        ("#4821", "number 4 8 2 1"),
        ("order A1B2C3", "order A one B two C three"),
        ("the PIN is 4821", "the PIN is 4 8 2 1"),
        # telephone
        ("555-0123", "5 5 5, 0 1 2 3"),
        ("(555) 123-4567.", "5 5 5, 1 2 3, 4 5 6 7."),
        ("+1 555 123 4567", "plus 1, 5 5 5, 1 2 3, 4 5 6 7"),
        ("1-800-555-0199", "1, 8 0 0, 5 5 5, 0 1 9 9"),
        ("Dial 911.", "Dial 9 1 1."),
        # abbreviations
        ("fruit, e.g. apples", "fruit, for example apples"),
        ("max. 5, min. 3", "maximum 5, minimum 3"),
        ("No. 5 is alive", "Number 5 is alive"),
        ("yes/no", "yes or no"),
        ("notes.txt", "notes dot txt"),
    ],
)
def test_what_the_voice_reads_wrongly_is_written_out(written: str, spoken: str) -> None:
    assert speakable(written) == spoken


@pytest.mark.parametrize(
    "text",
    [
        "music of the 1930s",
        "room 3C",
        "at 00:10",
        "0.5 degrees",
        "2026-01-05",
        "10:00:05",
        "1,000 things",
        "plan C",
        "21.5 °C",
        "5 kWh",
        "3 Volvos",
        "and/or",
        "25 km/h",
        'He said: "I am 5".',
        "since 2019 it works",
        "$3.5M",
        "3.14159",
        "No. I did not.",
        "12/24/2026",
        "the B2 level",
        "$1,250.00",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert speakable(text) == text


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Done.** The `lamp` is *on*.", "Done. The lamp is on."),
        ("# Lights\n- lamp\n- ceiling", "Lights\nlamp\nceiling"),
        ("See [the manual](https://example.com/a?b=c).", "See the manual."),
        ("at https://www.example.com/a/b?c=d now", "at example.com now"),
        ("Done \N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-3}", "Done"),
        ("So: ```print(1)``` that", "So:   that"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("www.example.com/help, please", "example.com, please"),
        ("(see https://example.org/a_b.)", "(see example.org.)"),
        ("~~gone~~ here<br>now", "gone here now"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a, b\n1, 2"),
        ("above\n\n---\n\nbelow", "above\nbelow"),
        ("", ""),
        ("  \n ", ""),
    ],
)
def test_what_is_written_for_eyes_is_not_spoken(written: str, spoken: str) -> None:
    assert speakable(written) == spoken


def test_other_languages_lose_only_what_is_meant_for_eyes() -> None:
    assert speakable("**Noch 5 s** bis 3:1", english=False) == "Noch 5 s bis 3:1"


@pytest.mark.parametrize(
    "text",
    ["1" * 50_000, "1 - " * 20_000, "**a " * 20_000, "[a](" * 20_000, "\n" * 50_000, "`" * 50_000, "-" * 50_000, "1.2" * 9000],
)
def test_no_text_makes_a_rule_search_without_end(text: str) -> None:
    """Each of these took between a second and minutes while a rule began anew at every character; the test's time-out judges."""
    assert len(speakable(text)) <= 3 * len(text)


def test_a_short_sentence_is_spoken_in_one() -> None:
    assert clauses("The lamp is on, the heating is off.") == ["The lamp is on, the heating is off."]


@pytest.mark.parametrize(
    ("opening", "rest"),
    [
        ("Well, the lamp in the living room is on,", "the heating is off."),
        ("I turned on the lamp in the bedroom", "and closed the blinds."),
        ("It will be mostly cloudy", "with a high of about twelve or thirteen degrees, and some rain."),
    ],
)
def test_a_long_sentence_begins_with_its_first_clause_or_at_a_joint(opening: str, rest: str) -> None:
    assert clauses(f"{opening} {rest}") == [opening, rest]


def test_later_clauses_are_spoken_a_few_together() -> None:
    sentence = "You have three meetings today, " + ", ".join(["one with the design team at nine"] * 6) + "."
    opening, *rest = clauses(sentence)
    assert opening == "You have three meetings today,"
    assert [len(piece) for piece in rest] == [101, 101]
    assert " ".join((opening, *rest)) == sentence


def test_words_without_end_are_cut_for_breath() -> None:
    pieces = clauses("word " * 400)
    assert max(map(len, pieces)) <= 350
    assert " ".join(pieces).split() == ["word"] * 400
    assert max(map(len, clauses("x" * 2000))) <= 350
