"""Our messages and the installed deepgram-sdk's agree, type by type: a new release of the SDK shows here what we lack."""

import json
import typing
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest

from agentd.protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK prefers websockets.legacy
    from deepgram.agent.v1 import socket_client
    from deepgram.core.unchecked_base_model import construct_type

WIRE = Path(__file__).parent / "wire"
NOT_IN_THE_SDK = {"EndOfTurn"}  # undocumented: the SDK hands it on as a dict
SERVER_UNION: Any = socket_client.V1SocketClientResponse


def _models(annotation: Any) -> Iterator[type[pydantic.BaseModel]]:
    """The classes of a union, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models(part)


def _types(models: Iterator[type[pydantic.BaseModel]]) -> set[str]:
    return {typing.get_args(model.model_fields["type"].annotation)[0] for model in models if "type" in model.model_fields}


def test_the_server_messages_are_those_of_the_sdk() -> None:
    assert set(SERVER_MESSAGES) == _types(_models(SERVER_UNION)) | NOT_IN_THE_SDK


def test_the_client_messages_are_those_the_sdk_can_send() -> None:
    sends = [
        method.__annotations__["message"]
        for name, method in vars(socket_client.AsyncV1SocketClient).items()
        if name.startswith("send_") and name not in ("send_media", "send_raw")
    ]
    models = {model for hint in sends for model in _models(hint if not isinstance(hint, str) else getattr(socket_client, hint))}
    assert set(CLIENT_MESSAGES) == _types(iter(models))


SHARED = [path for path in sorted((WIRE / "server").glob("*.json")) if path.stem not in NOT_IN_THE_SDK]


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_the_sdk_reads_what_we_send_as_the_type_it_is(path: Path) -> None:
    file = json.loads(path.read_text())
    for sample in file["samples"] + [each["sent"] for each in file.get("normalised", [])]:
        read = construct_type(type_=SERVER_UNION, object_=sample)
        assert isinstance(read, pydantic.BaseModel)
        assert _types(iter([type(read)])) <= {path.stem}
        type(read).model_validate(sample)
