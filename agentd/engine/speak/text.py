"""What is spoken of a text, and in which pieces.

A language model writes for eyes: Markdown, links, tables, emoji. That goes here; figures are read out by ``figures``.
"""

import re
from collections.abc import Iterator
from typing import Final

from agentd.engine.speak.figures import Rule, read_out

LONG: Final = 48
"""Characters from which a sentence is not made in one: three seconds of speech. Speech begins while the rest is made, and other
conversations' first words need not wait for the whole."""

_OPENING: Final = 12
"""Fewest characters of the first clause: less would be spoken before the next is made."""

_PIECE: Final = 110
"""Characters up to which clauses are made together, for one breath sounds better than three."""

_BREATH: Final = 350
"""Characters after which a sentence without clauses is cut between words."""

_CLAUSE_END: Final = re.compile(r"(?<=[,;:])\s+|\s+(?=[\N{EN DASH}\N{EM DASH}(])")
_JOINT: Final = re.compile(r"\s+(?=(?:and|but|or|because|so|which|that|who|while|when|if|until|after|before|then|with|for)\s)")
"""Where a speaker may take a breath without a comma; good enough for the opening, which must be early."""


def _host(found: re.Match[str]) -> str:
    """Of a web address its host, and the punctuation of the sentence behind it."""
    address = found[1] + found[2]
    return found[1].rstrip(_AFTER) + address[len(address.rstrip(_AFTER)) :]


_AFTER: Final = ".,;:!?)"

_ENDLESS: Final = re.compile(r"(\S{64})(?=\S)")
"""Longer than any word: it is broken, so that no rule searches it through again from every character."""

_FOR_EYES: Final[tuple[Rule, ...]] = (
    (re.compile(r"```.*?(?:```|\Z)", re.DOTALL), " "),  # code is not read out
    (re.compile(r"!?\[([^\[\]]{0,500})\]\([^()]{0,2000}\)"), r"\1"),  # a link: its words
    (re.compile(r"(?:https?://(?:www\.)?|\bwww\.)([^\s/:]+)(\S*)"), _host),
    (re.compile(r"</?[A-Za-z][^<>]{0,200}>"), " "),  # HTML
    (re.compile(r"^(?=[^\n]{0,20}--)[ :|-]+$\n?", re.MULTILINE), ""),  # the line under a table's head, a rule
    (re.compile(r"^\| ?| ?\|$", re.MULTILINE), ""),
    (re.compile(r" ?\| ?"), ", "),  # between the cells of a row
    (re.compile(r"^(?:#{1,6}|>|[-*+•]) ", re.MULTILINE), ""),  # heading, quote, bullet
    (re.compile(r"(\*\*|__|~~|[*`])(?=\S)(.{1,400}?)(?<=\S)\1"), r"\2"),  # emphasis
    (re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d\u20e3]"), ""),  # emoji
)


def speakable(text: str, *, english: bool = True) -> str:
    """``text`` as it is to be said.

    Args:
        text: as a person or a language model wrote it.
        english: write out what English reads in its own way; in other languages only what is meant for eyes goes.
    """
    text = "\n".join(filter(None, (" ".join(line.split()) for line in text.splitlines())))  # rules meet one blank at a time
    for pattern, seen in _FOR_EYES:
        text = pattern.sub(seen, text)
    text = _ENDLESS.sub(r"\1 ", text)
    return (read_out(text) if english else text).strip()


def clauses(sentence: str) -> list[str]:
    """Cut a long sentence where a speaker would breathe: an early first clause, then a few clauses at a time."""
    if len(sentence) <= LONG:
        return [sentence]
    opening, rest = _cut(sentence)
    return [piece for piece in (opening, *_pieces(rest)) if piece]


def _cut(sentence: str) -> tuple[str, str]:
    """The opening, which ends with a clause, or at a joint when the first clause is long; and the rest."""
    last = len(sentence) - _OPENING
    for where, limit in ((_CLAUSE_END, LONG), (_JOINT, LONG), (_CLAUSE_END, _PIECE), (_JOINT, _PIECE)):
        found = where.search(sentence, _OPENING, min(limit, last))
        if found is not None:
            return sentence[: found.start()], sentence[found.end() :]
    return "", sentence


def _pieces(rest: str) -> Iterator[str]:
    piece = ""
    for clause in _CLAUSE_END.split(rest):
        if piece and len(piece) + len(clause) > _PIECE:
            yield piece
            piece = ""
        piece = f"{piece} {clause}" if piece else clause
        while len(piece) > _BREATH:
            cut = piece.rfind(" ", 0, _BREATH)
            cut = cut if cut > 0 else _BREATH
            yield piece[:cut]
            piece = piece[cut:].lstrip()
    if piece:
        yield piece
