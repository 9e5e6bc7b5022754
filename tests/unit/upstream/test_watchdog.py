from dataclasses import dataclass, field

import pytest

from agentd.upstream.watchdog import LAST_LOOK_S, Watchdog
from tests.unit.upstream.clock import ManualLoop


@dataclass
class Peer:
    loop: ManualLoop = field(default_factory=ManualLoop)
    answers: bool = True
    signs: int = 0
    pings: list[float] = field(default_factory=list)
    dead_at: list[float] = field(default_factory=list)

    def ping(self) -> None:
        self.pings.append(self.loop.now)
        if self.answers:
            self.signs += 1


def watch(peer: Peer, *, ping_s: float = 5, pong_s: float = 3) -> Watchdog:
    watchdog = Watchdog(
        ping_s=ping_s,
        pong_s=pong_s,
        ping=peer.ping,
        signs=lambda: peer.signs,
        dead=lambda: peer.dead_at.append(peer.loop.now),
        loop=peer.loop,
    )
    watchdog.start()
    return watchdog


def test_a_peer_that_answers_is_pinged_at_the_interval_and_left_alone() -> None:
    peer = Peer()
    watch(peer)
    peer.loop.advance(21)
    assert peer.pings == [5, 10, 15, 20]
    assert peer.dead_at == []


@pytest.mark.parametrize("silent_after_s", [0, 4.9, 5.1, 9.9, 12])
def test_a_silent_peer_is_noticed_within_ping_and_pong_and_reported_once(silent_after_s: float) -> None:
    peer = Peer()
    watch(peer)
    peer.loop.advance(silent_after_s)
    peer.answers = False
    peer.loop.advance(60)
    assert len(peer.dead_at) == 1
    assert peer.dead_at[0] - silent_after_s <= 8 + LAST_LOOK_S
    assert peer.loop.waiting == 0


def test_a_frame_instead_of_a_pong_counts_as_life() -> None:
    peer = Peer(answers=False)
    watch(peer)
    peer.loop.advance(6)
    peer.signs += 1
    peer.loop.advance(3)
    assert peer.dead_at == []


def test_a_pong_that_a_busy_loop_had_not_read_yet_counts() -> None:
    peer = Peer(answers=False)
    watch(peer)
    peer.loop.advance(5)
    peer.loop.advance(3, late_s=2)
    peer.signs += 1
    peer.loop.advance(1)
    assert peer.dead_at == []


def test_a_pong_limit_longer_than_the_interval_stretches_the_interval() -> None:
    peer = Peer()
    watch(peer, ping_s=1, pong_s=3)
    peer.loop.advance(10)
    assert peer.pings == [3, 6, 9]
    assert peer.dead_at == []


def test_a_stopped_watchdog_leaves_no_timer() -> None:
    peer = Peer(answers=False)
    watchdog = watch(peer)
    peer.loop.advance(6)
    watchdog.stop()
    watchdog.stop()
    peer.loop.advance(60)
    assert peer.dead_at == []
    assert peer.loop.waiting == 0
