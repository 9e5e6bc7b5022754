"""What is spoken of a text, and in which pieces.

Numbers, times, units and abbreviations are read out by the voice's own rules; here goes what those get wrong, and what
a language model writes for eyes: Markdown, links, emoji.
"""

import re
from typing import Final

_LONG: Final = 100
"""Characters from which a sentence is begun with its first clause alone: about 7 s of speech, 70 ms of synthesis."""

_CLAUSE_END: Final = re.compile(r"(?<=[,;:])\s+")

_FOR_EYES: Final = (
    (re.compile(r"```.*?(?:```|\Z)", re.DOTALL), " "),  # code is not read out
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),  # a link: its words
    (re.compile(r"https?://(?:www\.)?([^\s/]+)\S*"), r"\1"),  # a bare address: its host
    (re.compile(r"^\s*(?:#{1,6}|>|[-*+\u2022])\s+", re.MULTILINE), ""),  # heading, quote, bullet
    (re.compile(r"(\*\*|__|[*`])(?=\S)(.+?)(?<=\S)\1"), r"\2"),  # emphasis
    (re.compile(r"[\U0001F000-\U0001FAFF\u2600-\u27BF\uFE0F\u200D]"), ""),  # emoji
)


def speakable(text: str) -> str:
    """``text`` as it is to be said."""
    for pattern, replacement in _FOR_EYES:
        text = pattern.sub(replacement, text)
    return text.strip()


def clauses(sentence: str) -> list[str]:
    """Cut a long sentence behind a clause, so that speech begins while the rest is made."""
    if len(sentence) <= _LONG:
        return [sentence]
    for end in _CLAUSE_END.finditer(sentence, _LONG // 4):
        return [sentence[: end.start()], sentence[end.end() :]]
    return [sentence]
