import pytest

from bench.wer import errors, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2:30 pm", "two thirty p m"),
        ("2.30 p.m.", "two thirty P.M."),
        ("205 p.m.", "two oh five p m"),
        ("-3 degrees", "minus three degrees"),
        ("at 9 am", "at nine a.m."),
        ("7:05", "seven oh five"),
        ("It is 21.5 °C, 45%.", "it is twenty one point five degrees celsius forty five percent"),
        ("the 23rd of May 1984", "the twenty-third of may nineteen eighty four"),
        ("in 2005 and 2026", "in two thousand five and twenty twenty six"),
        ("1,250 people", "one thousand two hundred fifty people"),
        ("Mr. Dashwood", "mister dashwood"),
        ("What\N{RIGHT SINGLE QUOTATION MARK}s that?", "what's that"),
        ("full flavour", "full flavor"),
        ("$5", "five dollars"),
        ("007", "zero zero seven"),
    ],
)
def test_texts_that_are_read_out_alike_are_equal(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("what's that", "what is that"), ("lamp", "lamps"), ("I am", "I a m"), ("two", "to"), ("uh yes", "yes"), ("1.5", "15")],
)
def test_different_words_stay_different(one: str, other: str) -> None:
    assert errors(one, other)[0] > 0


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("turn on the lamp", "turn on the lamp", (0, 4)),
        ("turn on the lamp", "turn on the lamb", (1, 4)),
        ("turn on the lamp", "turn the lamp", (1, 4)),
        ("turn on the lamp", "please turn on the lamp", (1, 4)),
        ("turn on the lamp", "", (4, 4)),
        ("", "you", (1, 0)),
        ("a b c d", "b c d a", (2, 4)),
    ],
)
def test_substitutions_losses_and_additions_count_one_each(reference: str, hypothesis: str, expected: tuple[int, int]) -> None:
    assert errors(reference, hypothesis) == expected
