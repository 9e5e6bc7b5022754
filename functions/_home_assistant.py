"""One visit to Home Assistant: look around, find what is meant, act, and tell what came of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agentd.functions import FunctionError
from functions._home_assistant_home import Home, Kind, Thing, look
from functions._home_assistant_link import HungUp, Link, Service, State, Unreachable
from functions._home_assistant_words import outcome

_kept: Final[list[Link]] = []
"""The connection of this process, if there is one. Home Assistant hangs up on one that is silent for a minute or two."""


TOLERANCE: Final = 0.02
"""Devices round: what was told to be at 30 percent may be at 29.8."""

Reached = Callable[[State, Thing], bool]
"""Whether a thing is as wanted, from its state now and from what it was before."""


def being(*states: str) -> Reached:
    """It is in one of these states."""
    return lambda now, _: now.value in states


def having(attribute: str, value: Any) -> Reached:
    """An attribute has this value; a number may be a little off."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return lambda now, _: abs((now.attributes.get(attribute) or 0) - value) < TOLERANCE * max(1, abs(value))
    return lambda now, _: now.attributes.get(attribute) == value


@dataclass(frozen=True, slots=True)
class Visit:
    """The home as it is now, and the wire to it."""

    link: Link
    home: Home

    def find(self, kind: Kind, name: str, place: str = "") -> list[Thing]:
        """What is meant (``Home.find``)."""
        return self.home.find(kind, name, place)

    async def act(
        self,
        things: Sequence[Thing],
        service: str,
        data: Mapping[str, Any] | None = None,
        *,
        reached: Reached,
        what: str,
    ) -> str:
        """Call a service for things and tell what Home Assistant confirms.

        Args:
            service: domain and name, "light.turn_on".
            what: the state that is wanted, as what follows "is".
        """
        domain, _, name = service.partition(".")
        there = {thing.id: thing for thing in things if thing.state != "unavailable"}
        states: dict[str, State] = {}
        if there:
            try:
                call = Service(domain, name, list(there), data or {})
                states = await self.link.act(call, lambda entity, state: reached(state, there[entity]))
            except FunctionError as error:
                raise FunctionError(self.why(str(error))) from error
        confirmed = {entity for entity, state in states.items() if reached(state, there[entity])}
        told = outcome(things, what, confirmed, {entity: state.value for entity, state in states.items()})
        if not there:
            raise FunctionError(self.why(told))
        return told

    def why(self, failed: str) -> str:
        """The reason behind a failure, where there is one."""
        return f"{failed} Home Assistant is still starting; try again in a moment." if self.home.starting else failed


async def visit(config: Mapping[str, Any]) -> Visit:
    """Look at the home, over the connection at hand if that still holds.

    Raises:
        Unreachable: Home Assistant does not answer.
        FunctionError: it refuses the token.
    """
    if _kept:
        try:
            return Visit(_kept[0], await look(_kept[0], config))
        except Unreachable as error:
            await _kept.pop().close()
            if not isinstance(error, HungUp):
                raise
    link = await Link.open(config)
    _kept.append(link)
    return Visit(link, await look(link, config))
