"""What stands in a Settings document: never raises, whatever the document looks like; ``validation`` judges it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Document = dict[str, Any]

_INPUT_RATE: Final = {"mulaw": 8000, "alaw": 8000, "amr-nb": 8000, "amr-wb": 16000}
OUTPUT_RATE: Final = {"linear16": 24000, "mulaw": 8000, "alaw": 8000}
"""The sample rates (Hz) Deepgram gives samples without a container; compressed encodings choose their own."""


def agent_id(settings: Document) -> str | None:
    """The UUID of the reusable configuration the document names instead of an agent."""
    agent = settings.get("agent")
    return agent if isinstance(agent, str) else None


def think_blocks(settings: Document) -> list[Document]:
    """The think entries in order of preference; the first is the one in use, the rest are its fallbacks."""
    return _blocks(settings, "think")


def listen_block(settings: Document) -> Document:
    """The listen block; empty when the server is to choose."""
    return object_of(agent_of(settings).get("listen"))


def speak_blocks(settings: Document) -> list[Document]:
    """The speak entries in order of preference; empty when the server is to choose."""
    return _blocks(settings, "speak")


def prompt(settings: Document) -> str | None:
    """The prompt of the first think entry that has one."""
    return next((text for block in think_blocks(settings) if isinstance(text := block.get("prompt"), str)), None)


def greeting(settings: Document) -> str | None:
    """What the agent says first; None when it waits."""
    text = agent_of(settings).get("greeting")
    return text if isinstance(text, str) and text else None


def messages(settings: Document) -> list[Document]:
    """The conversation the agent is told of (History objects of ``agent.context.messages``)."""
    context = agent_of(settings).get("context")
    return _objects(context.get("messages")) if isinstance(context, dict) else []


def functions(settings: Document) -> list[Document]:
    """The functions offered, from all think entries; of two with one name the first counts."""
    named: dict[str, Document] = {}
    for block in think_blocks(settings):
        for function in _objects(block.get("functions")):
            named.setdefault(str(function.get("name")), function)
    return list(named.values())


def history_enabled(settings: Document) -> bool:
    """Whether History messages are wanted: ``flags.history``, true by default.

    Deepgram's History pages show ``flags`` inside a ``settings`` object, its schema at the top: both count.
    """
    for holder in (settings, object_of(settings.get("settings"))):
        history = object_of(holder.get("flags")).get("history")
        if isinstance(history, bool):
            return history
    return True


def input_format(settings: Document) -> tuple[str, int]:
    """Encoding and sample rate (Hz) of the user's audio, defaults filled in."""
    return _format(settings, "input", "linear16", _INPUT_RATE, 16000)


def output_format(settings: Document) -> tuple[str, int]:
    """Encoding and sample rate (Hz) of the agent's audio, defaults filled in."""
    return _format(settings, "output", "linear16", OUTPUT_RATE, 24000)


def endpoints(settings: Document) -> list[tuple[str, str]]:
    """Pointer and URL of each think and speak endpoint."""
    found = []
    for kind in ("think", "speak"):
        for pointer, block in _pointed(settings, kind):
            url = object_of(block.get("endpoint")).get("url")
            if isinstance(url, str):
                found.append((f"{pointer}/endpoint/url", url))
    return found


def function_endpoints(settings: Document) -> list[tuple[str, str]]:
    """Pointer and URL of each function the server would call by itself; an endpoint without a URL gives an empty one."""
    found = []
    for pointer, block in _pointed(settings, "think"):
        declared = block.get("functions")
        for index, function in enumerate(declared if isinstance(declared, list) else []):
            endpoint = object_of(function).get("endpoint")
            if endpoint is not None:
                url = object_of(endpoint).get("url")
                found.append((f"{pointer}/functions/{index}/endpoint", url if isinstance(url, str) else ""))
    return found


def object_of(value: object) -> Document:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def agent_of(settings: Document) -> Document:
    """The agent; empty where it is missing or a UUID."""
    return object_of(settings.get("agent"))


def _objects(value: object) -> list[Document]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _pointed(settings: Document, kind: str) -> Iterator[tuple[str, Document]]:
    """The entries of ``agent.think`` or ``agent.speak``, each an object or a list of them, with their pointers."""
    value = agent_of(settings).get(kind)
    if isinstance(value, dict):
        yield f"/agent/{kind}", value
    elif isinstance(value, list):
        yield from ((f"/agent/{kind}/{index}", block) for index, block in enumerate(value) if isinstance(block, dict))


def _blocks(settings: Document, kind: str) -> list[Document]:
    return [block for _, block in _pointed(settings, kind)]


def _format(settings: Document, side: str, encoding: str, rates: Mapping[str, int], rate: int) -> tuple[str, int]:
    audio = object_of(object_of(settings.get("audio")).get(side))
    found = audio.get("encoding")
    name = found if isinstance(found, str) else encoding
    hertz = audio.get("sample_rate")
    if isinstance(hertz, float) and hertz.is_integer():
        hertz = int(hertz)
    return name, hertz if isinstance(hertz, int) and not isinstance(hertz, bool) else rates.get(name, rate)
