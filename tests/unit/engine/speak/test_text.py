import pytest

from agentd.engine.speak.text import LONG, clauses, speakable


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
        ("", ""),
        ("  \n ", ""),
    ],
)
def test_what_is_written_for_eyes_is_not_spoken(written: str, spoken: str) -> None:
    assert speakable(written) == spoken


def test_a_short_sentence_is_spoken_in_one() -> None:
    assert clauses("The lamp is on, the heating is off.") == ["The lamp is on, the heating is off."]


def test_a_long_sentence_begins_with_its_first_clause_of_some_length() -> None:
    sentence = "Well, the lamp in the living room is on, and " + "so on " * (LONG // 6)
    opening, rest = clauses(sentence)
    assert opening == "Well, the lamp in the living room is on,"
    assert f"{opening} {rest}" == sentence


def test_a_long_sentence_without_clauses_stays_whole() -> None:
    assert clauses("word " * 40) == ["word " * 40]
