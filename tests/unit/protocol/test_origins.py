"""Which endpoints a document may name: origins compared, not texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.errors import FieldError
from agentd.protocol.origins import endpoint_faults, origin_of, update_endpoint_faults

LISTED = ("https://llm.example.org", "http://127.0.0.1:11434/", "http://[::1]:8080", "no origin at all")


def think(url: object) -> dict[str, object]:
    return {"agent": {"think": {"endpoint": {"url": url}}}}


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://llm.example.org", "https://llm.example.org:443"),
        ("HTTPS://LLM.Example.org:443/v1?key=1", "https://llm.example.org:443"),
        ("http://127.0.0.1:11434/v1/chat/completions", "http://127.0.0.1:11434"),
        ("http://127.0.0.1:08080", "http://127.0.0.1:8080"),
        ("ws://a", "ws://a:80"),
        ("wss://a?x", "wss://a:443"),
        ("http://[::1]:8080#x", "http://[::1]:8080"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "llm.example.org",
        "ftp://llm.example.org",
        "https://",
        "https://llm.example.org@evil.example",
        "https://evil.example\\@llm.example.org",
        "https://llm.example.org\\.evil.example",
        "https://llm.example.org%2f.evil.example",
        "https://llm.example.org .evil.example",
        "https://llm.example.org\n",
        " https://llm.example.org",
        "https://llm.example.org:",
        "https://llm.example.org:443x",
        "https://llm.example.org:٤٤٣",
        "https://\u017flm.example.org",
    ],
)
def test_what_parsers_could_read_differently_has_no_origin(url: str) -> None:
    assert origin_of(url) is None
    assert [fault.pointer for fault in endpoint_faults(think(url), LISTED)] == ["/agent/think/endpoint/url"]


@pytest.mark.parametrize(
    "url",
    [
        "https://llm.example.org/v1/chat/completions?key=1",
        "https://LLM.example.org:443",
        "http://127.0.0.1:11434/v1",
        "http://[::1]:8080/v1",
    ],
)
def test_endpoints_of_listed_origins_are_allowed_whatever_their_path(url: str) -> None:
    assert endpoint_faults(think(url), LISTED) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://llm.example.org",
        "https://llm.example.org:8443",
        "https://llm.example.org.evil.example",
        "https://sub.llm.example.org",
        "http://127.0.0.1:11435",
        "http://localhost:11434",
    ],
)
def test_another_scheme_host_or_port_is_another_origin(url: str) -> None:
    (fault,) = endpoint_faults(think(url), LISTED)
    assert fault.pointer == "/agent/think/endpoint/url"
    assert "is not in [security] allowed_endpoints" in fault.detail


def test_every_think_and_speak_entry_is_judged_and_no_key_is_repeated() -> None:
    document = {
        "agent": {
            "think": [{"endpoint": {"url": LISTED[0]}}, {"endpoint": {"url": "https://a/?key=secret"}}, {}],
            "speak": {"endpoint": {"url": "wss://user:secret@b"}},
        }
    }
    faults = endpoint_faults(document, LISTED)
    assert [fault.pointer for fault in faults] == ["/agent/think/1/endpoint/url", "/agent/speak/endpoint/url"]
    assert not any("secret" in fault.detail for fault in faults)


def test_the_pointers_of_an_update_begin_at_its_message() -> None:
    detail = "https://a:443 is not in [security] allowed_endpoints"
    assert update_endpoint_faults("think", {"endpoint": {"url": "https://a"}}, ()) == [FieldError("/think/endpoint/url", detail)]
    assert update_endpoint_faults("speak", [{}, {"endpoint": {"url": "https://a"}}], ()) == [
        FieldError("/speak/1/endpoint/url", detail)
    ]


def test_without_a_list_no_endpoint_is_allowed_and_none_is_needed() -> None:
    assert len(endpoint_faults(think(LISTED[0]), ())) == 1
    assert endpoint_faults({"agent": {"think": {"provider": {"type": "open_ai"}}}}, ()) == []


@given(st.text() | st.from_regex(r"https?://[^\x00]{0,20}", fullmatch=True))
def test_an_origin_of_an_origin_is_itself(url: str) -> None:
    origin = origin_of(url)
    assert origin is None or origin_of(origin) == origin
