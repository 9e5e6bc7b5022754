"""Settings documents: merging, resolving, reading and changing them; pure functions over plain dicts.

A document is the JSON object of the protocol's ``Settings`` message. It stays a dict because agentd passes on keys it does
not know. No function changes what it is given, and results may share parts with it: treat every document as immutable.
Where ``agent`` is the UUID of a reusable configuration (Deepgram docs, "Reusable agent configurations") there is nothing to
read or to change: the readers find nothing and the changers return the document as it is.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from agentd.protocol.masking import masked
from agentd.protocol.validation import block_faults, encoding_faults, validate

__all__ = [
    "agent_id",
    "append_prompt",
    "block_faults",
    "encoding_faults",
    "endpoints",
    "function_endpoints",
    "functions",
    "greeting",
    "history_enabled",
    "input_format",
    "masked",
    "merge",
    "output_format",
    "prompt",
    "resolve",
    "think_blocks",
    "validate",
    "with_context",
    "with_functions",
    "with_listen",
    "with_prompt",
    "with_speak",
    "with_think",
]

Document = dict[str, Any]

DEFAULT_THINK_PROVIDER: Final[Document] = {"type": "open_ai", "model": "gpt-4o-mini"}
"""For a prompt or functions without a think block: the protocol requires a provider, and Deepgram manages this one."""

_INPUT_RATE: Final = {"mulaw": 8000, "alaw": 8000, "amr-nb": 8000, "amr-wb": 16000}
_OUTPUT_RATE: Final = {"linear16": 24000, "mulaw": 8000, "alaw": 8000}


# --- merging -------------------------------------------------------------------------------------------------------


def merge(base: Document, patch: Document) -> Document:
    """``patch`` over ``base``: objects merge, arrays and values replace, null removes (RFC 7396, JSON Merge Patch)."""
    merged = dict(base)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = merge(_object(merged.get(key)), value)
        else:
            merged[key] = value
    return merged


def resolve(
    profile_settings: Document,
    settings: Document,
    *,
    prompt: str | None = None,
    greeting: str | None = None,
    functions: list[Document] | None = None,
) -> Document:
    """The whole Settings message from a profile's fragment, a caller's fragment and the short forms, in that order.

    Args:
        profile_settings: ``[agents.<name>.settings]`` of the configuration.
        settings: the caller's partial document.
        prompt: goes into each entry of ``agent.think``.
        greeting: goes to ``agent.greeting``; an empty text removes it.
        functions: the declarations for each entry of ``agent.think``.

    Returns:
        A document with ``type``, ``audio`` and ``agent``, encodings and rates filled in, and history asked for (renewal needs it)
        unless the fragments say otherwise.
    """
    document = merge(profile_settings, settings)
    if prompt is not None:
        document = with_prompt(document, prompt)
    if functions is not None:
        document = with_functions(document, functions)
    if greeting is not None:
        document = _with_agent(document, greeting=greeting or None)
    document = _map_think(document, _with_provider, create=False)
    input_encoding, input_rate = input_format(document)
    output_encoding, output_rate = output_format(document)
    sound_in: Document = {"encoding": input_encoding, "sample_rate": input_rate}
    sound_out: Document = {"encoding": output_encoding}
    if output_encoding in _OUTPUT_RATE:
        sound_out |= {"sample_rate": output_rate, "container": "none"}
    defaults = {
        "type": "Settings",
        "flags": {"history": True},
        "audio": {"input": sound_in, "output": sound_out},
    }
    return {"agent": {}} | merge(defaults, document)


# --- reading -------------------------------------------------------------------------------------------------------


def agent_id(settings: Document) -> str | None:
    """The UUID of the reusable configuration the document names instead of an agent."""
    agent = settings.get("agent")
    return agent if isinstance(agent, str) else None


def think_blocks(settings: Document) -> list[Document]:
    """The think entries in order of preference; the first is the one in use, the rest are its fallbacks."""
    return _blocks(settings, "think")


def prompt(settings: Document) -> str | None:
    """The prompt of the first think entry that has one."""
    return next((text for block in think_blocks(settings) if isinstance(text := block.get("prompt"), str)), None)


def greeting(settings: Document) -> str | None:
    """What the agent says first; None when it waits."""
    text = _agent(settings).get("greeting")
    return text if isinstance(text, str) and text else None


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
    for holder in (settings, _object(settings.get("settings"))):
        history = _object(holder.get("flags")).get("history")
        if isinstance(history, bool):
            return history
    return True


def input_format(settings: Document) -> tuple[str, int]:
    """Encoding and sample rate (Hz) of the user's audio, defaults filled in."""
    return _format(settings, "input", "linear16", _INPUT_RATE, 16000)


def output_format(settings: Document) -> tuple[str, int]:
    """Encoding and sample rate (Hz) of the agent's audio, defaults filled in."""
    return _format(settings, "output", "linear16", _OUTPUT_RATE, 24000)


def endpoints(settings: Document) -> list[tuple[str, str]]:
    """Pointer and URL of each think and speak endpoint."""
    found = []
    for kind in ("think", "speak"):
        for pointer, block in _pointed(settings, kind):
            url = _object(block.get("endpoint")).get("url")
            if isinstance(url, str):
                found.append((f"{pointer}/endpoint/url", url))
    return found


def function_endpoints(settings: Document) -> list[tuple[str, str]]:
    """Pointer and URL of each function the server would call by itself; an endpoint without a URL gives an empty one."""
    found = []
    for pointer, block in _pointed(settings, "think"):
        declared = block.get("functions")
        for index, function in enumerate(declared if isinstance(declared, list) else []):
            endpoint = _object(function).get("endpoint")
            if endpoint is not None:
                url = _object(endpoint).get("url")
                found.append((f"{pointer}/functions/{index}/endpoint", url if isinstance(url, str) else ""))
    return found


# --- changing ------------------------------------------------------------------------------------------------------


def with_prompt(settings: Document, text: str) -> Document:
    """The document with ``text`` as the prompt of every think entry."""
    return _map_think(settings, lambda block: block | {"prompt": text})


def append_prompt(settings: Document, text: str) -> Document:
    """The document with ``text`` added to the prompt of every think entry, as UpdatePrompt does upstream."""

    def extend(block: Document) -> Document:
        before = block.get("prompt")
        return block | {"prompt": f"{before}\n\n{text}" if before else text}

    return _map_think(settings, extend)


def with_functions(settings: Document, functions: list[Document]) -> Document:
    """The document with ``functions`` as what every think entry offers."""
    return _map_think(settings, lambda block: block | {"functions": list(functions)})


def with_think(settings: Document, partial_block: Document | list[Document]) -> Document:
    """The document with a partial think block merged into every entry; a list replaces all entries."""
    if isinstance(partial_block, list):
        return _with_agent(settings, think=list(partial_block))
    return _map_think(settings, lambda block: _over(block, partial_block))


def with_speak(settings: Document, partial_block: Document | list[Document]) -> Document:
    """The document with a partial speak block merged into every entry; a list replaces all entries."""
    if isinstance(partial_block, list):
        return _with_agent(settings, speak=list(partial_block))
    speak = _agent(settings).get("speak")
    if isinstance(speak, list):
        return _with_agent(settings, speak=[_over(_object(block), partial_block) for block in speak])
    return _with_agent(settings, speak=_over(_object(speak), partial_block))


def with_listen(settings: Document, partial_block: Document) -> Document:
    """The document with a partial listen block merged in."""
    return _with_agent(settings, listen=_over(_object(_agent(settings).get("listen")), partial_block))


def with_context(settings: Document, messages: list[Document]) -> Document:
    """The document that takes a conversation up again: ``messages`` (History objects) as context, and no greeting."""
    context = _object(_agent(settings).get("context")) | {"messages": list(messages)}
    return _with_agent(settings, context=context, greeting=None)


def _over(block: Document, patch: Document) -> Document:
    """``patch`` over a think, speak or listen block.

    Another provider (``type`` or ``version``) is taken as given and not mixed with the old one's model, options, credentials
    or endpoint, which would not fit it and are not its to see.
    """
    before, after = _object(block.get("provider")), _object(patch.get("provider"))
    for key in ("type", "version"):
        if key in after and key in before and after[key] != before[key]:
            dropped = ("provider", "endpoint") if key == "type" else ("provider",)
            block = {name: value for name, value in block.items() if name not in dropped}
            break
    return merge(block, patch)


# --- the parts of a document ---------------------------------------------------------------------------------------


def _object(value: object) -> Document:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Document]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _agent(settings: Document) -> Document:
    return _object(settings.get("agent"))


def _pointed(settings: Document, kind: str) -> Iterator[tuple[str, Document]]:
    """The entries of ``agent.think`` or ``agent.speak``, each an object or a list of them, with their pointers."""
    value = _agent(settings).get(kind)
    if isinstance(value, dict):
        yield f"/agent/{kind}", value
    elif isinstance(value, list):
        for index, block in enumerate(value):
            if isinstance(block, dict):
                yield f"/agent/{kind}/{index}", block


def _blocks(settings: Document, kind: str) -> list[Document]:
    return [block for _, block in _pointed(settings, kind)]


def _with_agent(settings: Document, **changes: object) -> Document:
    """The document with parts of ``agent`` replaced; None removes."""
    if agent_id(settings) is not None:
        return settings
    agent = {key: value for key, value in (_agent(settings) | changes).items() if value is not None or key not in changes}
    return settings | {"agent": agent}


def _with_provider(block: Document) -> Document:
    return block if block.get("provider") else {"provider": dict(DEFAULT_THINK_PROVIDER)} | block


def _map_think(settings: Document, change: Callable[[Document], Document], *, create: bool = True) -> Document:
    """The document with every think entry changed; one is made where there is none."""
    think = _agent(settings).get("think")
    if isinstance(think, list) and think:
        return _with_agent(settings, think=[change(block) if isinstance(block, dict) else block for block in think])
    if isinstance(think, dict):
        return _with_agent(settings, think=change(think))
    return _with_agent(settings, think=_with_provider(change({}))) if create else settings


def _format(settings: Document, side: str, encoding: str, rates: dict[str, int], rate: int) -> tuple[str, int]:
    audio = _object(_object(settings.get("audio")).get(side))
    found = audio.get("encoding")
    name = found if isinstance(found, str) else encoding
    hertz = audio.get("sample_rate")
    if isinstance(hertz, float) and hertz.is_integer():
        hertz = int(hertz)
    return name, hertz if isinstance(hertz, int) and not isinstance(hertz, bool) else rates.get(name, rate)
