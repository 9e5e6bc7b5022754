"""Who hears the agent."""

from agentd.sessions.listeners import Listeners


class Ear:
    def __init__(self) -> None:
        self.told: list[bytes | str] = []

    def agent_audio(self, frame: bytes) -> None:
        self.told.append(frame)

    def reply_ended(self) -> None:
        self.told.append("reply ended")

    def cut(self) -> None:
        self.told.append("cut")

    def ended(self) -> None:
        self.told.append("ended")


def test_every_listener_hears_until_it_leaves() -> None:
    listeners, first, second = Listeners(), Ear(), Ear()
    leave = listeners.attach(first)
    listeners.attach(second)
    listeners.agent_audio(b"1")
    leave()
    leave()
    listeners.agent_audio(b"2")
    listeners.cut()
    assert (first.told, second.told) == ([b"1"], [b"1", b"2", "cut"])


def test_the_end_is_told_once_and_to_those_who_come_too_late() -> None:
    listeners, early, late = Listeners(), Ear(), Ear()
    listeners.attach(early)
    present = [listeners.present]
    listeners.end()
    present.append(listeners.present)
    leave = listeners.attach(late)
    leave()
    listeners.agent_audio(b"1")
    assert (present, early.told, late.told) == ([True, False], ["ended"], ["ended"])


def test_a_recorder_is_told_everything_but_nobody_hears_by_it() -> None:
    listeners, recorder = Listeners(), Ear()
    leave = listeners.attach(recorder, hears=False)
    listeners.agent_audio(b"1")
    listeners.reply_ended()
    assert (listeners.present, recorder.told) == (False, [b"1", "reply ended"])
    listeners.attach(Ear())
    leave()
    assert listeners.present
