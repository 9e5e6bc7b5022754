"""How a handler file says what it offers: the ``function`` decorator and the two exceptions the model gets to see.

Nothing is checked here. The decorator notes what was written and returns the function unchanged, so that a unit test
calls it plainly and the loader can report every fault of a file at once, each with its line.
"""

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from agentd.functions.options import FILLER_AFTER_S, OnDuplicate, Options

Tier = Literal["read", "low", "medium", "high"]
"""What a call can do: ``read`` looks, ``low`` acts harmlessly (lights), ``medium`` is felt (heating, covers),
``high`` is dangerous or dear (unlock, purchase, call out)."""

TIERS: Final[tuple[Tier, ...]] = ("read", "low", "medium", "high")
DEFAULT_TIMEOUT_S: Final = 10.0

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Declaration:
    """One use of ``@function``, unchecked: ``tier`` is None where it was left out."""

    handler: Callable[..., Any]
    tier: str | None
    timeout_s: float
    examples: tuple[str, ...]
    options: Options


collector: ContextVar[list[Declaration] | None] = ContextVar("agentd_declarations", default=None)
"""Where declarations go while a handler file is being loaded; unset everywhere else, and then nothing is noted."""


class FunctionError(Exception):
    """The call failed, and the model may know why: its text is the answer to the call.

    Any other exception is logged, and the model gets one fixed sentence.
    """


class AskUser(Exception):
    """The call needs something only the user knows: the model asks, and calls again with the answer.

    The call ends here. A handler cannot wait for speech: the user's answer is a barge-in, which cancels open calls.

    Args:
        question: as it is to be spoken.
        argument: the parameter that takes the answer.
    """

    def __init__(self, question: str, *, argument: str | None = None) -> None:
        super().__init__(question)
        self.question = question
        self.argument = argument


def function(
    handler: Callable[..., Any] | None = None,
    /,
    *,
    tier: Tier | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    examples: Sequence[str] = (),
    cancel_on_barge_in: bool | None = None,
    filler: str | Sequence[str] = (),
    filler_after_s: float = FILLER_AFTER_S,
    on_duplicate: OnDuplicate = "run",
    per_minute: int | None = None,
    untrusted_output: bool = False,
    background: bool = False,
    result: str | None = None,
) -> Callable[[F], F]:
    """Offer a typed, documented function to agents.

    Args:
        handler: never given; a bare ``@function`` puts it here and is reported as a missing tier.
        tier: what a call can do; required, a file without it is not loaded.
        timeout_s: seconds until the call is answered "timed out"; waiting in ``ctx`` calls does not count.
        examples: sentences a user might say, for people and for the offline thinker.
        cancel_on_barge_in: whether the call stops when the user goes on speaking; by default only for tier ``read``. What acts
            is finished and recorded, and not answered any more.
        filler: said while the call runs: one text, or several, one after the other.
        filler_after_s: seconds before the first.
        on_duplicate: "answer": the same arguments again within a turn get the first call's result, if that was ok.
        per_minute: calls per session; by default ``limits.function_calls_per_minute``.
        untrusted_output: the result holds words of strangers (web, mail, calendar): the model is told that they are data, and
            from then on everything of tier ``high`` needs a confirmation.
        background: the call is answered at once, and the result is spoken when it is there.
        result: sentence for the offline thinker, with members of the result in braces: ``"The {room} lamp is {state}."``
    """
    options = Options(
        cancel_on_barge_in=cancel_on_barge_in,
        filler=(filler,) if isinstance(filler, str) else _tuple(filler),
        filler_after_s=filler_after_s,
        on_duplicate=on_duplicate,
        per_minute=per_minute,
        untrusted_output=untrusted_output,
        background=background,
        result=result,
    )

    def note(handler: F) -> F:
        noted = collector.get()
        if noted is not None:
            noted.append(Declaration(handler=handler, tier=tier, timeout_s=timeout_s, examples=_tuple(examples), options=options))
        return handler

    if isinstance(handler, str):
        raise TypeError(f'the tier needs its name: @function(tier="{handler}")')
    return note if handler is None else note(handler)


def _tuple(texts: Any) -> Any:
    """A sequence as a tuple; anything else as it is, for the loader to tell."""
    return texts if isinstance(texts, str) or not isinstance(texts, Iterable) else tuple(texts)
