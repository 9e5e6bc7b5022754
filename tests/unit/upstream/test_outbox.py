from hypothesis import given
from hypothesis import strategies as st

from agentd.upstream.outbox import Outbox, Waiting


def drain(outbox: Outbox) -> list[Waiting]:
    taken = []
    while (waiting := outbox.take()) is not None:
        taken.append(waiting)
    return taken


def test_messages_leave_in_the_order_they_came_text_and_audio_mixed() -> None:
    outbox = Outbox(audio_limit_bytes=100)
    outbox.put_text(b"one")
    outbox.put_audio(b"two")
    outbox.put_text(b"three")
    outbox.put_audio(b"four")
    assert drain(outbox) == [
        Waiting(b"one", text=True),
        Waiting(b"two", text=False),
        Waiting(b"three", text=True),
        Waiting(b"four", text=False),
    ]
    assert (len(outbox), outbox.audio_bytes, outbox.text_bytes) == (0, 0, 0)


def test_the_oldest_audio_is_dropped_and_text_is_not() -> None:
    outbox = Outbox(audio_limit_bytes=4)
    outbox.put_text(b"a text longer than the bound")
    assert outbox.put_audio(b"11") == 0
    assert outbox.put_audio(b"22") == 0
    assert outbox.put_audio(b"33") == 2
    assert [waiting.data for waiting in drain(outbox)] == [b"a text longer than the bound", b"22", b"33"]


def test_audio_that_exceeds_the_bound_alone_is_dropped_itself() -> None:
    outbox = Outbox(audio_limit_bytes=4)
    outbox.put_audio(b"11")
    assert outbox.put_audio(b"12345") == 7
    assert drain(outbox) == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=60), st.integers(0, 100))
def test_no_order_of_messages_breaks_the_bound_or_loses_count(messages: list[tuple[bool, int]], limit: int) -> None:
    outbox = Outbox(audio_limit_bytes=limit)
    dropped, audio, texts = 0, b"", []
    for n, (text, size) in enumerate(messages):
        data = bytes([n]) * size
        if text:
            outbox.put_text(data)
            texts.append(data)
        else:
            dropped += outbox.put_audio(data)
            audio += data
        assert outbox.audio_bytes <= limit
    taken = drain(outbox)
    assert [waiting.data for waiting in taken if waiting.text] == texts
    assert b"".join(waiting.data for waiting in taken if not waiting.text) == audio[dropped:]
