"""Who hears the agent: everything that is handed its audio as it comes, each bounding what it holds for itself."""

from collections.abc import Callable
from typing import Protocol


class Listener(Protocol):
    """One place the agent is heard at. Called on the event loop; must not wait or raise."""

    def agent_audio(self, frame: bytes) -> None:
        """Audio of the agent, in the session's output format, sent faster than it plays."""

    def cut(self) -> None:
        """A barge-in: what was handed over and is not heard yet is thrown away."""

    def ended(self) -> None:
        """The session is over: nothing more comes."""


class Listeners:
    """The listeners of one session."""

    def __init__(self) -> None:
        self._all: list[Listener] = []
        self._over = False

    @property
    def present(self) -> bool:
        """True while somebody hears the agent."""
        return bool(self._all)

    def attach(self, listener: Listener) -> Callable[[], None]:
        """Hand ``listener`` what the agent says from now on; what comes back detaches it again (idempotent)."""
        if self._over:
            listener.ended()
        else:
            self._all.append(listener)

        def detach() -> None:
            if listener in self._all:
                self._all.remove(listener)

        return detach

    def agent_audio(self, frame: bytes) -> None:
        """Hand out one frame."""
        for listener in self._all:
            listener.agent_audio(frame)

    def cut(self) -> None:
        """Tell of a barge-in."""
        for listener in self._all:
            listener.cut()

    def end(self) -> None:
        """The session is over."""
        self._over = True
        listeners, self._all = self._all, []
        for listener in listeners:
            listener.ended()
