import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from agentd import log
from agentd.config import LogSettings
from tests.support.logs import logging_to


@pytest.fixture
def lines() -> Iterator[Any]:
    """Configures logging and gives what was written since, as JSON."""
    stream = io.StringIO()

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    with logging_to(stream, secrets=["s3cr3t-value", 'with"quote']):
        yield read


def test_an_event_is_one_line_of_json_with_its_facts_as_keys(lines: Any) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger("agentd.x").info("session_ended", turns=3)
    (line,) = lines()
    assert line | {"time": ""} == {
        "event": "session_ended", "turns": 3, "request_id": "r1", "level": "info", "logger": "agentd.x", "time": "",
    }  # fmt: skip


def test_secrets_are_masked_wherever_they_come_from(lines: Any) -> None:
    ours = structlog.get_logger("agentd.x")
    ours.info("a", url="wss://user:pw@host/x?key=s3cr3t-value&b=c", headers={"Authorization": "Token abcdefghij"})
    ours.info("b", text_='with"quote')
    logging.getLogger("library").warning("sent Authorization: Bearer eyJhbGciOi.J9 to %s", "s3cr3t-value")
    log.add_secret("made-later")
    ours.info("c", value="made-later")
    text = json.dumps(lines())
    for secret in ("s3cr3t", "pw@", "abcdefghij", "eyJhb", "made-later", "quote"):
        assert secret not in text
    assert len(lines()) == 4


def test_tracebacks_hold_no_local_variables(lines: Any) -> None:
    def fails() -> None:
        private = "spoken words"
        raise ValueError(len(private))

    try:
        fails()
    except ValueError:
        structlog.get_logger("agentd.x").exception("task_failed")
    (line,) = lines()
    assert line["exception"][0]["exc_type"] == "ValueError"
    assert "spoken words" not in json.dumps(line)


def test_words_stay_out_unless_asked_for() -> None:
    for settings, expected in ((LogSettings(), False), (LogSettings(transcripts=True), False)):
        stream = io.StringIO()
        log.configure(settings, stream=stream)
        structlog.get_logger("agentd.x").info("turn", heard="hello", said="hi", n=1)
        assert ("hello" in stream.getvalue()) is expected
        assert '"n": 1' in stream.getvalue()
    stream = io.StringIO()
    log.configure(LogSettings(transcripts=True, level="debug"), stream=stream)
    structlog.get_logger("agentd.x").debug("turn", heard="hello")
    assert "hello" in stream.getvalue()


def test_words_are_logged_for_an_hour_and_everybody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("agentd.log.time.monotonic", lambda: now[0])
    stream = io.StringIO()
    log.configure(LogSettings(transcripts=True, level="debug"), stream=stream)
    assert "words_are_logged" in stream.getvalue()
    structlog.get_logger("agentd.x").debug("turn", heard="hello")
    now[0] += 3600
    structlog.get_logger("agentd.x").debug("turn", heard="good-bye")
    assert "hello" in stream.getvalue()
    assert "good-bye" not in stream.getvalue()


def test_configuring_again_replaces_the_handler(lines: Any) -> None:
    stream = io.StringIO()
    log.configure(LogSettings(), stream=stream)
    structlog.get_logger("agentd.x").info("once")
    assert len(stream.getvalue().splitlines()) == 1
    assert lines() == []


def test_levels_hold_for_us_and_libraries_are_quiet(lines: Any) -> None:
    structlog.get_logger("agentd.x").debug("frame")
    logging.getLogger("httpx").info("HTTP Request: …")
    logging.getLogger("picows.client").info("connected")
    assert lines() == []


def test_what_repeats_itself_is_limited_by_its_kind(lines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("agentd.log.time.monotonic", lambda: now[0])
    ours = structlog.get_logger("agentd.x")

    def say(times: int) -> None:
        for i in range(times):
            logging.getLogger("asyncio").error("socket.accept() out of system resource %d", i)
            ours.warning("request", route="/v1/sessions", status=401, peer=str(i))

    say(1000)
    assert len([line for line in lines() if line["logger"] == "asyncio"]) == 5
    assert len(lines()) == 15
    for status, session_id in ((200, None), (401, "kitchen")):
        ours.warning("request", route="/v1/sessions", status=status, session_id=session_id)
    assert len(lines()) == 17  # another kind each
    now[0] += 6
    say(1)
    assert [line["suppressed"] for line in lines()[-2:]] == [995, 990]


def test_what_callers_are_told_holds_no_secret_and_still_explains_tokens(lines: Any) -> None:
    told = log.mask("s3cr3t-value: send Authorization: Bearer <token>, not Bearer abcdefghijklmnopqrstuvwx")
    assert told == "***: send Authorization: Bearer <token>, not Bearer ***"
    assert lines() == []


def test_people_get_a_console_line() -> None:
    stream = io.StringIO()
    log.configure(LogSettings(format="console"), stream=stream)
    structlog.get_logger("agentd.x").info("listening", url="http://127.0.0.1:1")
    assert "listening" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("Authorization: Token abcdef123", "Authorization: Token ***"),
        ('"authorization": "bearer abc.def-123"', '"authorization": "bearer ***"'),
        ("GET /x?api_key=abc&n=1 HTTP", "GET /x?api_key=***&n=*** HTTP"),
        ("https://me:pw@host/", "https://***@host/"),
        ("the token is refused", "the token is refused"),
    ],
)
def test_credentials_are_known_by_their_shape(line: str, masked: str) -> None:
    assert log.redact(line) == masked
