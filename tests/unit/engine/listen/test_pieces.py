from agentd.engine.listen.pieces import Pieces

GAP = "\N{LOWER ONE EIGHTH BLOCK}"


def pieces(*words: str) -> Pieces:
    return Pieces(b"".join(bytes([len(encoded)]) + encoded for encoded in (word.encode() for word in words)))


def test_pieces_of_128_bytes_and_more_have_a_length_of_two_bytes() -> None:
    assert Pieces(b"\x02ab\x00" + bytes([0x80 + 2, 1]) + b"c" * 130).all == (b"ab", b"", b"c" * 130)


def test_tokens_spell_a_text_without_the_gap_before_it_and_without_a_mark_twice() -> None:
    known = pieces(GAP, "a", GAP + "lamp", ",", ",")
    assert known.text([2, 3, 4, 0, 1]) == "lamp, a"


def test_a_text_is_cut_into_the_pieces_that_stand_first_in_the_list() -> None:
    known = pieces("la", GAP + "la", "mp", GAP, "l", "a", "m", "p", "amp")
    assert known.tokens("lamp") == [1, 2]
    assert known.text(known.tokens("lamp lamp")) == "lamp lamp"


def test_what_no_piece_spells_is_the_unknown_piece() -> None:
    assert pieces("?", GAP, "a").tokens("a\N{SNOWMAN}") == [1, 2, 0]
