"""Who hears the agent: everything that is handed its audio as it comes, each bounding what it holds for itself."""

from collections.abc import Callable
from typing import Protocol


class Listener(Protocol):
    """One place the agent is heard at. Called on the event loop; must not wait or raise."""

    def agent_audio(self, frame: bytes) -> None:
        """Audio of the agent, in the session's output format, sent faster than it plays."""

    def reply_ended(self) -> None:
        """The agent has sent all of what it says now: nothing need be held back for smooth joints."""

    def cut(self) -> None:
        """A barge-in: what was handed over and is not heard yet is thrown away."""

    def ended(self) -> None:
        """The session is over: nothing more comes."""


class Listeners:
    """The listeners of one session."""

    def __init__(self) -> None:
        self._all: list[Listener] = []
        self._deaf: set[Listener] = set()
        self._over = False

    @property
    def present(self) -> bool:
        """True while somebody hears the agent."""
        return len(self._all) > len(self._deaf)

    def attach(self, listener: Listener, *, hears: bool = True) -> Callable[[], None]:
        """Hand ``listener`` what the agent says from now on; what comes back detaches it again (idempotent).

        Args:
            hears: False for a recorder, by which nobody hears anything.
        """
        if self._over:
            listener.ended()
        else:
            self._all.append(listener)
            if not hears:
                self._deaf.add(listener)

        def detach() -> None:
            if listener in self._all:
                self._all.remove(listener)
                self._deaf.discard(listener)

        return detach

    def agent_audio(self, frame: bytes) -> None:
        """Hand out one frame."""
        for listener in self._all:
            listener.agent_audio(frame)

    def reply_ended(self) -> None:
        """Tell that a reply was sent to its end."""
        for listener in self._all:
            listener.reply_ended()

    def cut(self) -> None:
        """Tell of a barge-in."""
        for listener in self._all:
            listener.cut()

    def end(self) -> None:
        """The session is over."""
        self._over = True
        listeners, self._all = self._all, []
        self._deaf.clear()
        for listener in listeners:
            listener.ended()
