"""A sentence as words: split, spelled out, reduced to stems, with the place of each word in what was said."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from agentd.engine.think.matcher.lexicon import CONTRACTED_HOSTS, CONTRACTIONS, WHOLE_CONTRACTIONS

CURLY_APOSTROPHE: Final = "\u2019"
_TOKEN: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}"  # an ISO date stays whole
    r"|\d{1,2}:\d{2}"  # so does a time
    r"|(?:\d+\s+)?[13]/[24](?!\d)"  # 1 1/2
    r"|\d*\s?[¼½¾]"
    r"|\d+(?:[.,]\d+)?"
    r"|[^\W\d_]\.(?:\s?[^\W\d_]\.)+"  # p.m., a. m.
    r"|[^\W\d_]+(?:'[^\W\d_]+)?"
    r"|[%°]",
)
_SYMBOLS: Final = {"%": "percent", "°": "degrees"}
_FRACTIONS: Final = {"¼": 0.25, "½": 0.5, "¾": 0.75}
_PAUSE: Final = re.compile(r"[.!?,;:]")
_VOWELS: Final = re.compile(r"[aeiouyhw]")
_SOUNDS: Final = (("ph", "f"), ("gh", ""), ("ck", "k"), ("sch", "sh"), ("kn", "n"), ("wr", "r"), ("x", "ks"), ("qu", "kw"))
_CLASSES: Final = str.maketrans("bpvfckgqjdtmnsz", "bbffkkkkkttnnss")
_IRREGULAR: Final = {
    "people": "person",
    "children": "child",
    "men": "man",
    "women": "woman",
    "leaves": "leaf",
    "shelves": "shelf",
    "knives": "knife",
    "feet": "foot",
    "kilo": "kilogram",
    "kilos": "kilogram",
    "centigrade": "celsius",
    "colour": "color",
    "colours": "color",
    "tv": "television",
    "telly": "television",
    "movie": "film",
    "movies": "film",
}


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a sentence.

    Attributes:
        text: lower case, spelled out ("what's" gives "what" and "is").
        stem: what is compared.
        start: where the word begins in the sentence as said, in characters.
        end: where it ends; both words of a contraction share one place.
        pause: punctuation follows.
    """

    text: str
    stem: str
    start: int
    end: int
    pause: bool = False

    @property
    def is_number(self) -> bool:
        """Written in digits."""
        return self.text[0].isdigit()


def split(sentence: str) -> tuple[Word, ...]:
    """The words of ``sentence``; punctuation is gone but for the pauses it marks."""
    sentence = sentence.replace(CURLY_APOSTROPHE, "'")
    words: list[Word] = []
    for match in _TOKEN.finditer(sentence):
        start, end = match.span()
        pause = _PAUSE.match(sentence, end) is not None
        texts = _spell_out(match.group().lower())
        if words and texts == ("m",) and words[-1].text in {"a", "p"}:  # "two thirty p m"
            texts = (words[-1].text + "m",)
            start = words.pop().start
        if _spells_on(words, texts[0], sentence[words[-1].end : start] if words else "."):  # "M R N"
            texts = (words[-1].text + texts[0],)
            start = words.pop().start
        words.extend(Word(text, stem(text), start, end, pause and text is texts[-1]) for text in texts)
    return tuple(words)


def _spells_on(words: list[Word], letter: str, gap: str) -> bool:
    """Whether ``letter`` continues an acronym that is said letter by letter; "a" and "i" do not begin one."""
    if len(letter) != 1 or not letter.isalpha() or gap != " " or not words or words[-1].pause:
        return False
    before = words[-1]
    spelled = len(before.text) > 1 and before.end - before.start == 2 * len(before.text) - 1
    return spelled or (len(before.text) == 1 and before.text.isalpha() and before.text not in {"a", "i", "o"})


def _spell_out(token: str) -> tuple[str, ...]:
    if token in _SYMBOLS:
        return (_SYMBOLS[token],)
    if "/" in token or (token[-1:] in _FRACTIONS and not token[:-1].strip(" 0123456789")):
        return (_fraction(token),)
    if token in WHOLE_CONTRACTIONS:
        return WHOLE_CONTRACTIONS[token]
    if "." in token and not token[0].isdigit():
        return (re.sub(r"[.\s]", "", token),)
    if token.endswith("n't"):
        return (token[:-3], "not")
    host, apostrophe, rest = token.partition("'")
    if not apostrophe:
        return (token,)
    word = CONTRACTIONS.get("'" + rest)
    if word is None or (rest == "s" and host not in CONTRACTED_HOSTS):
        return (token,)
    return (host, word)


def _fraction(token: str) -> str:
    """A number with a fraction as a decimal one: "1 1/2" is 1.5."""
    if token[-1] in _FRACTIONS:
        return f"{float(token[:-1].strip() or 0) + _FRACTIONS[token[-1]]:g}"
    *whole, fraction = token.split()
    above, below = fraction.split("/")
    return f"{float(whole[0] if whole else 0) + int(above) / int(below):g}"


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """``word`` without the endings of number and tense; rough, but the same for both sides of a comparison."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    word = word.removesuffix("'s").removesuffix("'")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        base = word.removesuffix(ending)
        if base != word and len(base) >= 3 and re.search(r"[aeiouy]", base):
            doubled = base[-1] == base[-2] and base[-1] not in "ls"
            word = base[:-1] if len(base) > 3 and doubled else base
            break
    if len(word) > 5 and word.endswith("ll"):  # cancelled, cancel
        word = word[:-1]
    word = word.removesuffix("e") if len(word) > 4 else word
    return f"{word[:-1]}er" if word.endswith(("metr", "litr")) else word  # kilometre, kilometer


@lru_cache(maxsize=4096)
def sound(text: str) -> str:
    """A rough key of how ``text`` sounds: its first letter's class, then the consonants, voiced and unvoiced as one."""
    for spelling, heard in _SOUNDS:
        text = text.replace(spelling, heard)
    text = text.translate(_CLASSES)
    key = text[:1] + _VOWELS.sub("", text[1:])
    return re.sub(r"(.)\1+", r"\1", key)


def name_words(name: str) -> tuple[str, ...]:
    """The words in an identifier: ``living_room``, ``livingRoom`` and ``living-room`` are all living, room."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-./\s]+", " ", name)
    return tuple(word.lower() for word in spaced.split())
