"""What people say around what they want: openings, endings, and the wishes that take a command's place."""

from typing import Final

_OPENINGS: Final = tuple(
    tuple(phrase.split())
    for phrase in sorted(
        (
            "please|kindly|hey there|hi there|hello there|hey|hi|hello|ok|okay|alexa|computer|assistant|so|well|um|uh|er|oh|"
            "now|then|and|but|also|yes|yeah|just|alright|all right|"
            "could you|can you|would you|will you|can i|could i|may i|can we|could we|i want you to|"
            "i would like you to|i need you to|"
            "i would like to|i want to|i need to|i would love to|i will|let us|let me|go ahead and|"
            "go ahead|can i get|could i get|can we get|could we get|can i have|could i have|may i have|can we have|could we have|"
            "would you mind|do you mind|do me a favor and|would you be able to|would you be so kind as to|"
            "could you maybe|can you maybe|could you possibly|can you possibly|could you perhaps|can you perhaps|possibly|"
            "i wonder if you could|i was wondering if you could|i would appreciate it if you could|"
            "do me a favour and|be so kind and|good morning|good evening|excuse me|sorry|thanks|thank you|"
            "i think you should|you should|"
            "you can|you could|do you know|do you happen to know|try to|make sure to"
        ).split("|"),
        key=lambda phrase: -len(phrase),
    )
)
FILLER_OPENINGS: Final = {first: tuple(phrase for phrase in _OPENINGS if phrase[0] == first) for first, *_ in _OPENINGS}
"""What people say before they say what they want, the longest first, by the first word."""

FILLER_ENDINGS: Final = tuple(
    tuple(phrase.split())
    for phrase in (
        "please",
        "thanks",
        "thank you",
        "for me",
        "right now",
        "right away",
        "immediately",
        "now",
        "will you",
        "would you",
        "can you",
        "could you",
        "if you can",
        "if you please",
        "if you could",
        "if you would",
        "if you do not mind",
        "okay",
        "again",
        "too",
        "as well",
    )
)

WISHES: Final = tuple(
    tuple(phrase.split())
    for phrase in ("i want", "i need", "i would like", "i would love", "we need", "we want", "give me", "get me", "let us have")
)
"""Openings after which a thing or a state is wished for, without a verb."""
