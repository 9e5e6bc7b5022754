"""A model that calls again and again is stopped: within a turn, by the same call and by calls in all."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from agentd.functions.call import CallRequest, Rejected

STOP: Final = "Do not call it again in this turn; tell the user what happened so far."


@dataclass(slots=True)
class _Turn:
    n: int
    calls: int = 0
    same: Counter[tuple[str, bytes]] = field(default_factory=Counter)


class Loops:
    """The calls of each run's turn. What belongs to no turn (a plan of ``ctx.later``, a call of the API) is not counted."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    def call(self, request: CallRequest, key: bytes, *, repeats: int, per_turn: int) -> None:
        """Count a call.

        Args:
            key: the arguments, the same bytes for the same arguments.
            repeats: calls with the same arguments in a turn, at most.
            per_turn: calls in a turn, at most.

        Raises:
            Rejected: more than that; the model is told to stop.
        """
        if request.run_id is None or request.turn is None:
            return
        turn = self._turns.get(request.run_id)
        if turn is None or turn.n != request.turn:
            turn = self._turns[request.run_id] = _Turn(request.turn)
        if turn.calls >= per_turn:
            raise Rejected("denied", f"{turn.calls} functions were called in this turn, which is the limit. {STOP}", "loop")
        same = (request.name, key)
        if turn.same[same] >= repeats:
            text = f"The function {request.name} was called {turn.same[same]} times with these arguments in this turn. {STOP}"
            raise Rejected("denied", text, "loop")
        turn.calls += 1
        turn.same[same] += 1

    def cancelled(self, request: CallRequest, key: bytes) -> None:
        """The call came to nothing because the upstream took it back, as it does when the user goes on speaking."""
        turn = self._turns.get(request.run_id or "")
        if turn is not None and turn.n == request.turn and turn.same[request.name, key] > 0:
            turn.same[request.name, key] -= 1
            turn.calls -= 1

    def end(self, run_id: str) -> None:
        """The run is over."""
        self._turns.pop(run_id, None)
