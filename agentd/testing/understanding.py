"""What the offline thinker makes of sentences, and whether functions understand their own examples."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from agentd.errors import AgentdError
from agentd.functions.call import InvalidArguments
from agentd.functions.registry import FunctionSpec

if TYPE_CHECKING:
    from agentd.engine.providers import Thinker


class ThinkerMissing(AgentdError):
    """The offline thinker is not installed. The tests' own: it never travels over HTTP."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What a sentence led to.

    Attributes:
        calls: name and arguments of each call, in order.
        said: what the thinker says instead: a question, or that it does not understand.
    """

    calls: list[tuple[str, dict[str, Any]]]
    said: str


async def understand(sentence: str, declarations: Sequence[dict[str, Any]]) -> Understood:
    """What the offline thinker does with ``sentence`` at the beginning of a conversation.

    Args:
        declarations: what it is told of the functions, as ``FunctionSpec.declaration`` makes it.

    Raises:
        ThinkerMissing: its package is not installed.
    """
    thinker = offline_thinker()
    from agentd.engine.providers import Call, Say, ThinkRequest, UserText  # noqa: PLC0415 - costs numpy

    request = ThinkRequest("", (UserText(sentence),), tuple(declarations), {})
    events = [event async for event in thinker.think(request)]
    return Understood(
        [(event.name, dict(event.arguments)) for event in events if isinstance(event, Call)],
        " ".join(event.text for event in events if isinstance(event, Say)),
    )


def offline_thinker() -> "Thinker":
    """The offline thinker.

    Raises:
        ThinkerMissing: its package is not installed.
    """
    try:
        from agentd.engine.think.matcher.thinker import OfflineMatcher  # noqa: PLC0415 - with the local extra only
    except ModuleNotFoundError as missing:
        raise ThinkerMissing(
            f"The offline thinker needs {missing.name}, which comes with the local extra: pip install 'agentd[local]'"
        ) from None
    return OfflineMatcher()


Verdict = Literal["ok", "asks", "other", "nothing", "invalid", "failed"]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one example.

    Attributes:
        verdict: ``ok``; the thinker ``asks`` for something, takes it for an ``other`` function, or calls ``nothing``; the
            arguments are ``invalid``; or the call ``failed``.
        calls: name and arguments of each call.
        detail: what was wrong, or what the call answered.
    """

    function: str
    example: str
    verdict: Verdict
    calls: list[tuple[str, dict[str, Any]]]
    detail: str = ""


Check = Callable[[FunctionSpec, dict[str, Any]], Awaitable[dict[str, Any]]]


async def try_examples(
    specs: Sequence[FunctionSpec], wanted: Iterable[FunctionSpec], check: Check
) -> list[tuple[FunctionSpec, Tried]]:
    """Each example of ``wanted``, understood among all of ``specs``.

    Args:
        check: reads arguments as the function does; raises InvalidArguments.
    """
    declarations = [spec.declaration() for spec in specs]
    return [(spec, await _try(spec, example, declarations, check)) for spec in wanted for example in spec.examples]


async def _try(spec: FunctionSpec, example: str, declarations: list[dict[str, Any]], check: Check) -> Tried:
    understood = await understand(example, declarations)
    calls = understood.calls
    others = sorted({name for name, _ in calls} - {spec.name})
    if others:
        return Tried(spec.name, example, "other", calls, f"taken for {', '.join(others)}")
    if not calls:
        asks = understood.said.rstrip().endswith("?")
        return Tried(spec.name, example, "asks" if asks else "nothing", calls, understood.said)
    try:
        for _, arguments in calls:
            await check(spec, arguments)
    except InvalidArguments as error:
        return Tried(spec.name, example, "invalid", calls, str(error))
    return Tried(spec.name, example, "ok", calls)
