"""How a function wants to be called, whatever it is made of: handler file, HTTP address, MCP tool or delegated."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

FILLER_AFTER_S: Final = 1.5
FILLER_EVERY_S: Final = 8.0

OnDuplicate = Literal["run", "answer"]


@dataclass(frozen=True, slots=True)
class Options:
    """What a declaration may say besides name, tier, time limit and examples.

    Attributes:
        cancel_on_barge_in: whether the call stops when the user goes on speaking; None: only for tier ``read``. What acts is
            finished and recorded, and not answered any more.
        filler: said while the call runs, one after the other, the last again and again.
        filler_after_s: seconds of waiting before the first; the others follow every ``FILLER_EVERY_S``.
        on_duplicate: the same arguments again within a turn: run again, or answer with what the first call got, if ``ok``.
        per_minute: calls per session; None: ``limits.function_calls_per_minute``.
        untrusted_output: the result holds words of strangers (web, mail, calendar): it is marked as data for the model, and
            from then on the session needs a confirmation for everything of tier ``high``.
        background: the call is answered at once, and its result is spoken when it is there.
        result: sentence for the offline thinker, with members of the result in braces: ``"The {room} lamp is {state}."``
    """

    cancel_on_barge_in: bool | None = None
    filler: tuple[str, ...] = ()
    filler_after_s: float = FILLER_AFTER_S
    on_duplicate: OnDuplicate = "run"
    per_minute: int | None = None
    untrusted_output: bool = False
    background: bool = False
    result: str | None = None

    def describe(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Options":
        """From JSON values, as ``describe`` makes them."""
        return cls(**{**told, "filler": tuple(told.get("filler", ()))})
