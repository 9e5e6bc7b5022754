from collections.abc import Sequence

import pytest

from agentd.engine.listen.favoured import FavouredWords

PIECES = [" lam", "p", "b", " ", "l", "amp", "s", ",", " lamp", " of", " set", "'", " the", "post"]


def credit(vocabulary: Sequence[str], *pieces: str, closed: bool = True) -> float:
    """What a sequence of pieces is credited in all."""
    favoured = FavouredWords([piece.replace(" ", "\N{LOWER ONE EIGHTH BLOCK}").encode() for piece in PIECES], vocabulary)
    state, total = favoured.begin, 0.0
    for piece in pieces:
        state, gained = favoured.follow(state, PIECES.index(piece))
        total += gained
    return total + favoured.close(state) if closed else total


def test_a_word_of_the_vocabulary_is_credited_however_it_is_cut_into_pieces() -> None:
    whole = credit(["Lamp"], " lamp")
    assert whole > 0.5
    assert credit(["Lamp"], " lam", "p") == pytest.approx(whole)
    assert credit(["Lamp"], " ", "l", "amp") == pytest.approx(whole)


def test_credit_comes_with_the_first_letters_so_that_the_beam_keeps_them() -> None:
    assert 0 < credit(["lamp"], " lam", closed=False) < credit(["lamp"], " lamp", closed=False)


@pytest.mark.parametrize("pieces", [(" lam",), (" lam", "b"), (" lamp", "post"), (" lam", " lam", "b"), ("amp",), (" the",)])
def test_what_turns_out_to_be_another_word_gets_nothing(pieces: tuple[str, ...]) -> None:
    assert credit(["lamp"], *pieces) == pytest.approx(0)


def test_every_word_of_a_phrase_counts_and_what_follows_takes_nothing_back() -> None:
    alone = credit(["lamp"], " lamp")
    assert credit(["set lamp"], " lamp") == pytest.approx(alone)
    assert credit(["set lamp"], " set", " lamp", " the", " lam", "b") == pytest.approx(alone + credit(["set"], " set"))
    assert credit(["lamp"], " lamp", ",") == pytest.approx(alone)


def test_singular_and_plural_are_credited_alike() -> None:
    for word in ("lamp", "lamps"):
        assert credit([word], " lamp", "s") == pytest.approx(credit([word], " lamp"))


def test_words_so_short_that_they_are_met_by_chance_are_not_credited() -> None:
    assert credit(["of"], " of") == 0


def test_a_vocabulary_of_any_size_and_content_is_taken() -> None:
    assert credit(["", "\N{SPEAKER}", "x" * 1000, *(f"w{n}" for n in range(2000))], " lamp") == 0
