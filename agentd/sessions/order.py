"""The order of answers: calls of one request run side by side, and what they came to goes out as they were asked for.

An answer that is ready waits for those before it. Each of them is answered or closed within its own time limit, so the wait
is bounded; one that is closed (cancelled, withdrawn) holds nobody up.
"""

from collections import deque
from collections.abc import Callable


class Answers:
    """The answers to one FunctionCallRequest."""

    def __init__(self) -> None:
        self._places: deque[AnswerPlace] = deque()

    def place(self) -> "AnswerPlace":
        """The place of the next call."""
        place = AnswerPlace(self._go_on)
        self._places.append(place)
        return place

    def _go_on(self) -> None:
        while self._places and self._places[0].over:
            place = self._places.popleft()
            if place.send is not None:
                place.send()


class AnswerPlace:
    """Where one answer goes; filled or closed once, whatever comes first.

    Attributes:
        over: nothing is awaited here any more.
        send: sends the answer; None when there is none.
    """

    def __init__(self, go_on: Callable[[], None]) -> None:
        self.over = False
        self.send: Callable[[], None] | None = None
        self._go_on = go_on

    def give(self, send: Callable[[], None]) -> None:
        """The answer is there: it is sent once those before it are."""
        if not self.over:
            self.over, self.send = True, send
            self._go_on()

    def close(self) -> None:
        """No answer comes."""
        if not self.over:
            self.over = True
            self._go_on()
