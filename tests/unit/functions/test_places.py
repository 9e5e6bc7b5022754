"""URLs that arguments of a model are put into."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.functions.call import InvalidArguments
from agentd.functions.remote.places import MAX_CHARS, UrlTemplate

TEMPLATE = UrlTemplate("https://api.example.org:8443/v1/{city}/now.{form}?days={days}&key=a%20b")


def test_places_are_filled_in_path_and_query() -> None:
    url = TEMPLATE.fill({"city": "Sankt Pölten", "form": "json", "days": 3}, query="lang=de")
    assert url == "https://api.example.org:8443/v1/Sankt%20P%C3%B6lten/now.json?days=3&key=a%20b&lang=de"


def test_a_url_without_a_path_gets_one() -> None:
    assert UrlTemplate("http://127.0.0.1:80").fill({}, query="a=1") == "http://127.0.0.1:80/?a=1"
    assert UrlTemplate("http://127.0.0.1:80?q={q}").fill({"q": "&x=?/#"}) == "http://127.0.0.1:80/?q=%26x%3D%3F%2F%23"


@pytest.mark.parametrize(
    "value",
    ["..", ".", "../admin", "a/../b", "a\\..\\b", "%2e%2e", "%252e%252e/x", "..;", "..;/x", " .. ",
     "a/..%2fb", "", "a\0", "a\r\nb", "%00",
     "\uff0e\uff0e", "\u2025", "a\uff0f\u2024\u2024", "%EF%BC%8E%EF%BC%8E"],
)  # fmt: skip
def test_no_value_leads_to_another_folder(value: str) -> None:
    with pytest.raises(InvalidArguments, match="city"):
        TEMPLATE.fill({"city": value, "form": "json", "days": 1})


def test_values_that_make_a_folder_up_only_together_are_refused() -> None:
    with pytest.raises(InvalidArguments, match="a and b"):
        UrlTemplate("http://h/{a}{b}/x").fill({"a": "%2", "b": "e%2e"})


def test_a_slash_in_a_value_stays_in_its_segment() -> None:
    assert UrlTemplate("http://h/projects/{id}/jobs").fill({"id": "group/project"}) == "http://h/projects/group%2Fproject/jobs"


def test_an_address_has_a_longest_length() -> None:
    with pytest.raises(InvalidArguments, match=str(MAX_CHARS)):
        UrlTemplate("http://h/?q={q}").fill({"q": "x" * MAX_CHARS})


@given(city=st.text(), days=st.text())
def test_whatever_a_model_says_the_origin_and_the_number_of_folders_stay(city: str, days: str) -> None:
    try:
        url = TEMPLATE.fill({"city": city, "form": "json", "days": days})
    except (InvalidArguments, UnicodeEncodeError):
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example.org:8443", "")
    first, second, third = parts.path.removeprefix("/").split("/")
    assert (first, unquote(second), third) == ("v1", city, "now.json")
    assert [pair.partition("=")[0] for pair in parts.query.split("&")] == ["days", "key"]
