import email.utils
import json
import socket
import ssl
import time

import pytest

from agentd.errors import (
    UpstreamAuth,
    UpstreamBusy,
    UpstreamError,
    UpstreamPayment,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from agentd.upstream.failures import Refusal, failed, refused

WHERE = "wss://agent.example"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, UpstreamAuth),
        (403, UpstreamAuth),
        (402, UpstreamPayment),
        (429, UpstreamBusy),
        (503, UpstreamBusy),
        (408, UpstreamTimeout),
        (504, UpstreamTimeout),
        (500, UpstreamUnreachable),
        (502, UpstreamUnreachable),
        (520, UpstreamUnreachable),
        (400, UpstreamRefused),
        (404, UpstreamRefused),
        (302, UpstreamRefused),
        (200, UpstreamRefused),
    ],
)
def test_every_status_has_its_error_and_keeps_its_number(status: int, kind: type[UpstreamError]) -> None:
    error = refused(Refusal(status, {}), where=WHERE)
    assert type(error) is kind
    assert error.extra["upstream_status"] == status
    assert str(status) in error.detail


def test_the_reason_and_request_id_come_from_the_headers() -> None:
    error = refused(Refusal(400, {"dg-error": "Bad Request: x", "dg-request-id": "r-1"}, b'{"request_id": "r-2"}'), where=WHERE)
    assert error.extra == {"upstream_status": 400, "upstream_error": "Bad Request: x", "upstream_request_id": "r-1"}


def test_without_headers_they_come_from_the_body() -> None:
    body = json.dumps({"err_code": "TOO_MANY_REQUESTS", "err_msg": "Please try later", "request_id": "r-2"}).encode()
    error = refused(Refusal(429, {}, body), where=WHERE)
    assert error.extra["upstream_error"] == "TOO_MANY_REQUESTS: Please try later"
    assert error.extra["upstream_request_id"] == "r-2"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"err_code": {"a": 1}}', b"\xff\xfe", b"[" * 100_000, b'{"half'])
def test_no_body_breaks_the_telling(body: bytes) -> None:
    assert isinstance(refused(Refusal(500, {}, body), where=WHERE), UpstreamUnreachable)


def test_a_reason_is_cut_and_keeps_no_control_characters() -> None:
    error = refused(Refusal(400, {"dg-error": "a\x1b[31m\n" + "b" * 10_000}), where=WHERE)
    reason = error.extra["upstream_error"]
    assert isinstance(reason, str)
    assert reason.isprintable()
    assert len(reason) <= 300


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), (" 12 ", 12), ("0", 5), ("-3", 5), ("soon", 5), ("999999999", 3600), ("\u0663", 3), (None, 5)],
)
def test_retry_after_is_kept_within_reason(header: str | None, seconds: float) -> None:
    headers = {} if header is None else {"retry-after": header}
    assert refused(Refusal(429, headers), where=WHERE).retry_after_s == seconds


def test_retry_after_may_be_a_date() -> None:
    date = email.utils.formatdate(time.time() + 60, usegmt=True)
    assert refused(Refusal(503, {"retry-after": date}), where=WHERE).retry_after_s == pytest.approx(60, abs=2)


@pytest.mark.parametrize(
    ("raised", "kind", "told"),
    [
        (ConnectionRefusedError(111, "Connection refused"), UpstreamUnreachable, "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), UpstreamUnreachable, "Name or service not known"),
        (UnicodeError("label empty or too long"), UpstreamUnreachable, "label"),
        (ConnectionResetError(), UpstreamUnreachable, "ConnectionResetError"),
        (TimeoutError(), UpstreamTimeout, "in time"),
        (ssl.SSLError(1, "[SSL] wrong version number"), UpstreamUnreachable, "wrong version"),
    ],
)
def test_a_broken_connect_names_the_place_and_the_cause(raised: Exception, kind: type[UpstreamError], told: str) -> None:
    error = failed(raised, where=WHERE, proxy=None)
    assert type(error) is kind
    assert WHERE in error.detail
    assert told in error.detail


def test_a_failure_behind_a_proxy_names_the_proxy() -> None:
    assert "through the proxy http://proxy:3128" in failed(TimeoutError(), where=WHERE, proxy="http://proxy:3128").detail
