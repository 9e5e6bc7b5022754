"""Secrets of a Settings document do not show."""

import json
from typing import Any

import pytest

from agentd.protocol.settings import masked

SECRET = "s3cret"


@pytest.mark.parametrize(
    "agent",
    [
        {"think": {"endpoint": {"url": "https://h/v1", "headers": {"api-key": SECRET}}}},
        {"think": [{"endpoint": {"url": f"https://h/v1?key={SECRET}"}}]},
        {"think": {"endpoint": {"url": f"https://user:{SECRET}@h/v1"}}},
        {"think": {"endpoint": f"https://h/?k={SECRET}"}},
        {"think": {"endpoint": {"url": f"https://[{SECRET}"}}},
        {"think": {"endpoint": {"headers": [{"key": "api-key", "value": SECRET}]}}},
        {"think": {"provider": {"type": "aws_bedrock", "credentials": {"secret_access_key": SECRET}}}},
        {"think": {"provider": {"api_key": SECRET}}},
        {"think": {"functions": [{"name": "f", "endpoint": {"url": "https://h", "headers": {"Authorization": SECRET}}}]}},
        {"speak": {"endpoint": {"url": "wss://h", "headers": {"xi-api-key": SECRET}}}},
        {"speak": [{"provider": {"type": "aws_polly", "credentials": SECRET}}]},
    ],
)
def test_a_secret_does_not_show_wherever_it_stands(agent: dict[str, Any]) -> None:
    document = {"type": "Settings", "agent": agent}
    assert SECRET not in json.dumps(masked(document))
    assert SECRET in json.dumps(document)


def test_what_is_no_secret_stays_readable() -> None:
    document = {
        "agent": {
            "greeting": "Hello.",
            "think": {
                "endpoint": {"url": "https://u:p@h:8443/v1/chat?api-version=1&k=", "headers": {"api-key": "x"}},
                "functions": [{"name": "f", "parameters": {"properties": {"token": {"type": "string"}, "headers": {}}}}],
                "prompt": None,
            },
        }
    }
    assert masked(document) == {
        "agent": {
            "greeting": "Hello.",
            "think": {
                "endpoint": {"url": "https://***@h:8443/v1/chat?api-version=***&k=***", "headers": {"api-key": "***"}},
                "functions": [{"name": "f", "parameters": {"properties": {"token": {"type": "string"}, "headers": {}}}}],
                "prompt": None,
            },
        }
    }
