"""What the offline matcher knows of English: words that bear no content, verbs and what they ask for, words that mean alike.

Nothing here knows any function: what can be called comes from the client's declarations alone.
"""

from enum import Enum
from typing import Final


class Sense(Enum):
    """What a verb or a particle asks to happen."""

    GET = "get"
    MAKE = "make"
    END = "end"
    ON = "on"
    OFF = "off"
    OPEN = "open"
    CLOSE = "close"
    UP = "up"
    DOWN = "down"
    LOCK = "lock"
    UNLOCK = "unlock"
    MUTE = "mute"
    UNMUTE = "unmute"
    PAUSE = "pause"
    RESUME = "resume"
    PLAY = "play"
    TOGGLE = "toggle"


STATES: Final = frozenset(set(Sense) - {Sense.GET, Sense.MAKE, Sense.END})
"""Senses that name the state to reach; a function must be able to bring that state about."""

STANDS_IN: Final = {
    Sense.UP: (Sense.OPEN,),
    Sense.DOWN: (Sense.CLOSE,),
    Sense.OPEN: (Sense.UP,),
    Sense.CLOSE: (Sense.DOWN,),
    Sense.END: (Sense.OFF,),
    Sense.RESUME: (Sense.PLAY,),
    Sense.PLAY: (Sense.RESUME,),
}
"""What a sense may mean to a parameter that lacks it: blinds that can be open or closed are also raised and lowered."""


SWITCHES_OFF: Final = frozenset("stop kill end quit abort silence".split())
"""Verbs of ending that may switch off; what is thrown away or deleted is not."""


def _table(**rows: str) -> dict[str, Sense]:
    return {word: Sense(name) for name, words in rows.items() for word in words.split()}


VERBS: Final = _table(
    get="get list show check find search read query lookup look tell give describe fetch count view report inform know",
    make="set make change adjust put start create add begin book schedule turn switch program fix arrange enter register",
    end="stop cancel delete remove clear end abort kill drop forget dismiss erase quit silence discard throw "
    "scratch strike finish complete",
    on="enable activate",
    off="disable deactivate extinguish",
    open="open unfold",
    close="close shut",
    up="raise increase lift brighten heighten boost",
    down="lower decrease reduce dim",
    lock="lock",
    unlock="unlock",
    mute="mute",
    unmute="unmute",
    pause="pause hold",
    resume="resume continue unpause",
    play="play",
    toggle="toggle flip",
)
"""Verbs in their base form. A verb that stands nowhere here is known only if a function's own text has it."""

PARTICLE_VERBS: Final = frozenset(
    "turn switch put flip pull leave keep set make get bring crank shut roll go take cross strike scratch tick".split()
)
"""Verbs that take a particle: in "turn the lamp on" the particle says what is wanted, the verb nothing."""

PARTICLES: Final = {"on": Sense.ON, "off": Sense.OFF, "out": Sense.OFF, "up": Sense.UP, "down": Sense.DOWN, "back": None}

ADJECTIVES: Final = _table(
    on="enabled active lit",
    off="disabled inactive dark",
    open="opened",
    close="closed",
    up="higher brighter warmer louder hotter more raised",
    down="lower darker colder quieter cooler softer dimmer less lowered",
    lock="locked",
    unlock="unlocked",
    mute="muted silent",
    pause="paused",
    play="playing",
)
"""Words that name a state or a direction without being a command by themselves."""

READING: Final = frozenset(
    "get list show check find search read query lookup look describe fetch count view report tell what "
    "which where when how is are "
    "has status state return returns gives tells shows lists finds reads reports say says current today".split(),
)
"""First words by which a function's name or description tells that it only reads."""

MISHEARD: Final = {
    "clothes": "close",
    "cloths": "close",
    "clause": "close",
    "tern": "turn",
    "torn": "turn",
    "sat": "set",
    "sit": "set",
    "lo": "lower",
}
"""What recognisers make of a verb at the very beginning of a command."""

BARE_WITHOUT_PARTICLE: Final = frozenset({"turn", "switch", "flip"})
"""Verbs that say nothing without a particle or a state."""

QUESTION_WORDS: Final = frozenset("what which who where when how why whose whom".split())

AUXILIARIES: Final = frozenset(
    "is are was were am be been being do does did has have had can could will would shall should may might must".split(),
)

SUBJECTS: Final = frozenset(
    "i you he she we they it this that these those there my your his her its our their everyone someone nobody somebody".split(),
)

SUBORDINATORS: Final = frozenset(
    "when if before after while until till unless because since once whenever although though as".split()
)
"""Words that open a condition. A command under a condition is not the same command, so they must not be overlooked."""

NEGATIONS: Final = frozenset("not never without except neither nor but".split())
"""Words that take something away; "but" does behind "everything", and elsewhere what follows it is not to be overlooked."""

LATER: Final = frozenset("later soon afterwards eventually sometime someday".split())
"""Words that put something off. Doing it at once would be wrong."""

STOP_WORDS: Final = (
    frozenset(
        "a an the of in on at to for from by with into onto and or so then than please kindly just right now "
        "here also too only some any "
        "such very really quite bit little again away back me us him them what which who where how much many "
        "long there one ones thing "
        "things stuff current currently moment like want need wish let got get go going okay ok um uh er oh "
        "well hey hi hello thanks thank "
        "all both each every another other same own new over still already yet home house place about around "
        "up down off out set "
        "give longer exactly actually maybe perhaps left remaining quickly sure yes yeah yep left value called named "
        "same number amount".split(),
    )
    | AUXILIARIES
    | SUBJECTS
) - {"number", "home", "house"}
"""Words that carry no content of their own: they neither speak for a function nor against it."""

EVERYTHING: Final = frozenset("everything all everywhere every entire whole anything".split())

ALIKE: Final = tuple(
    frozenset(group.split())
    for group in (
        "light lamp bulb lighting",
        "heating heater heat temperature thermostat warm warmth cold hot degree radiator warmer cooler colder hotter",
        "blind shade shutter curtain drape",
        "timer countdown",
        "alarm wake",
        "date day today year month weekday calendar",
        "time clock hour",
        "weather forecast rain sunny snow umbrella raining snowing outside outdoors",
        "music song track tune",
        "volume loud sound louder quieter softer",
        "appointment meeting booking visit",
        "message text note",
        "mail email",
        "grocery groceries shopping",
        "buy purchase order",
        "price cost",
        "call phone ring dial",
        "house home",
        "renew extend prolong",
        "lend loan borrow borrowed lent loaned checkout",
        "return bring",
        "cancel stop delete remove clear end abort",
        "create add make start new",
        "find search lookup look",
        "brightness bright brighter dim darker dimmer",
        "customer client",
        "friend member person",
        "state status",
        "available availability free",
        "photo picture image",
        "document file",
        "car vehicle",
        "sleep bed",
        "overdue late",
    )
)
"""Groups of words that stand for one another when a sentence meets a function's text. General English, no function's words."""

GENERIC_VERBS: Final = frozenset(
    "get set make show tell give list add create start begin stop change adjust put turn switch check do "
    "have use update delete remove "
    "cancel clear end open close raise lower enable disable read view know fetch is are look increase decrease ask".split(),
)
"""Verbs that many functions share: a match of one of them alone does not say which function is meant."""

NOUN_ENDINGS: Final = ("er", "or", "ing", "ment", "ation", "ion", "al")
"""What turns a verb into the noun of the same thing: remind, reminder."""

GENERIC_NOUNS: Final = frozenset("state status info information data value item details detail thing current all by id".split())
"""Nouns in function names that say little about what the function is for."""

CONTRACTIONS: Final = {
    "n't": "not",
    "'s": "is",
    "'re": "are",
    "'m": "am",
    "'ll": "will",
    "'ve": "have",
    "'d": "would",
}

WHOLE_CONTRACTIONS: Final = {
    "can't": ("can", "not"),
    "cannot": ("can", "not"),
    "won't": ("will", "not"),
    "let's": ("let", "us"),
    "dont": ("do", "not"),
    "whats": ("what", "is"),
    "gimme": ("give", "me"),
    "wanna": ("want", "to"),
    "gonna": ("going", "to"),
    "o'clock": ("oclock",),
}

CONTRACTED_HOSTS: Final = QUESTION_WORDS | SUBJECTS | {"here", "let"}
"""Words after which 's is a shortened "is"; after any other word it is a possessive."""
