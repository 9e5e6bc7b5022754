"""Names as people say them: compared by their words, and by their likeness where they were misheard."""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, Protocol, TypeVar

ALIKE: Final = 0.78
"""Likeness from which a name may be one that was misheard ("bad light"), for what can do no harm."""

_MARGIN: Final = 0.06
"""By how much the likeliest must be ahead of the next."""

_NAMED: Final = 5
"""So many names are told when none fits, or when several do."""

_ARTICLES: Final = frozenset("the a an my our in of at on all every".split())


class HasNames(Protocol):
    """Something that is called by several names."""

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""


Named = TypeVar("Named", bound=HasNames)


def words(text: str) -> frozenset[str]:
    """What is compared of a name: small letters, no accents, no articles, no plural."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    found = re.findall(r"[^\W_]+", "".join(letter for letter in plain if not unicodedata.combining(letter)).replace("'s", ""))
    return (
        frozenset(word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] != "s" else word for word in found) - _ARTICLES
    )


def some(names: Iterable[str], last: str = "or") -> str:
    """A few names, as one says them."""
    listed = list(dict.fromkeys(names))
    more = [f"{len(listed) - _NAMED} more"] if len(listed) > _NAMED else []
    parts = [*listed[:_NAMED], *more]
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}" if len(parts) > 1 else "".join(parts) or "none"


def alike(name: str, of: Sequence[Named], *, kind: str = "") -> list[Named]:
    """Those whose name is most like what was heard; several if they are equally near, none if nothing is near.

    Args:
        kind: what they are in one word: who says "the bad one" of lights may have said "the bed light".
    """
    heard = {_letters(name), _letters(f"{name} {kind}")}

    def likeness(one: Named) -> float:
        return max(difflib.SequenceMatcher(None, said, _letters(known)).ratio() for known in one.names for said in heard)

    ranked = [(likeness(one), one) for one in of]
    best = max((value for value, _ in ranked), default=0.0)
    return [one for value, one in ranked if best >= ALIKE and value > best - _MARGIN]


def _letters(name: str) -> str:
    return " ".join(sorted(words(name)))
