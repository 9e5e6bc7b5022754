"""Settings documents changed: merge rules and the updates of a live session, as new documents."""

from collections.abc import Callable
from typing import Final

from agentd.protocol.reading import Document, agent_of, listen_block, object_of

DEFAULT_THINK_PROVIDER: Final[Document] = {"type": "open_ai", "model": "gpt-4o-mini"}
"""For a prompt or functions without a think block: the protocol requires a provider, and Deepgram manages this one."""


def merge(base: Document, patch: Document) -> Document:
    """``patch`` over ``base``: objects merge, arrays and values replace, null removes (RFC 7396, JSON Merge Patch)."""
    merged = dict(base)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = merge(object_of(merged.get(key)), value)
        else:
            merged[key] = value
    return merged


def overlay(settings: Document, patch: Document) -> Document:
    """``patch`` over ``settings`` by ``merge``, but a block of another provider is not mixed with the old one's options."""
    merged = merge(settings, patch)
    for kind in ("listen", "think", "speak"):
        before, given = agent_of(settings).get(kind), agent_of(patch).get(kind)
        if isinstance(before, dict) and isinstance(given, dict):
            merged = with_agent(merged, **{kind: _over(before, given)})
    return merged


def with_prompt(settings: Document, text: str) -> Document:
    """The document with ``text`` as the prompt of every think entry."""
    return map_think(settings, lambda block: block | {"prompt": text})


def with_default_prompt(settings: Document, text: str) -> Document:
    """The document with ``text`` as the prompt of every think entry that has none."""
    return map_think(settings, lambda block: block if isinstance(block.get("prompt"), str) else block | {"prompt": text})


def append_prompt(settings: Document, text: str) -> Document:
    """The document with ``text`` added to the prompt of every think entry, as UpdatePrompt does upstream."""

    def extend(block: Document) -> Document:
        before = block.get("prompt")
        return block | {"prompt": f"{before}\n\n{text}" if before else text}

    return map_think(settings, extend)


def with_functions(settings: Document, functions: list[Document]) -> Document:
    """The document with ``functions`` as what every think entry offers."""
    return map_think(settings, lambda block: block | {"functions": list(functions)})


def add_functions(settings: Document, functions: list[Document]) -> Document:
    """The document with ``functions`` before what every think entry offers itself; of two with one name ours counts."""
    ours = {function.get("name") for function in functions}

    def add(block: Document) -> Document:
        own = block.get("functions")
        kept = [item for item in own if object_of(item).get("name") not in ours] if isinstance(own, list) else []
        return block | {"functions": [*functions, *kept]}

    return map_think(settings, add) if functions else settings


def with_think(settings: Document, partial_block: Document | list[Document]) -> Document:
    """The document with a partial think block merged into every entry; a list replaces all entries."""
    if isinstance(partial_block, list):
        return with_agent(settings, think=list(partial_block))
    return map_think(settings, lambda block: _over(block, partial_block))


def with_speak(settings: Document, partial_block: Document | list[Document]) -> Document:
    """The document with a partial speak block merged into every entry; a list replaces all entries."""
    if isinstance(partial_block, list):
        return with_agent(settings, speak=list(partial_block))
    speak = agent_of(settings).get("speak")
    if isinstance(speak, list):
        return with_agent(settings, speak=[_over(object_of(block), partial_block) for block in speak])
    return with_agent(settings, speak=_over(object_of(speak), partial_block))


def with_listen(settings: Document, partial_block: Document) -> Document:
    """The document with a partial listen block merged in."""
    return with_agent(settings, listen=_over(listen_block(settings), partial_block))


def with_listen_update(settings: Document, block: Document) -> Document:
    """The document after a server took UpdateListen: merged, but ``language_hints`` left out are cleared.

    Source: Deepgram docs, "Voice agent UpdateListen". ``language_hint`` is their name in older clients.
    """
    given = object_of(block.get("provider"))
    cleared = {key: None for key in ("language_hints", "language_hint") if key not in given}
    return with_listen(with_listen(settings, block), {"provider": cleared})


def with_context(settings: Document, messages: list[Document]) -> Document:
    """The document that takes a conversation up again: ``messages`` (History objects) as context, and no greeting."""
    context = object_of(agent_of(settings).get("context")) | {"messages": list(messages)}
    return with_agent(settings, context=context, greeting=None)


def with_agent(settings: Document, **changes: object) -> Document:
    """The document with parts of ``agent`` replaced; None removes.

    An ``agent`` that is no object is left as it is: a UUID cannot be changed from here, anything else is for ``validate`` to
    report.
    """
    if not isinstance(settings.get("agent", {}), dict):
        return settings
    agent = {key: value for key, value in (agent_of(settings) | changes).items() if value is not None or key not in changes}
    return settings | {"agent": agent}


def map_think(settings: Document, change: Callable[[Document], Document], *, create: bool = True) -> Document:
    """The document with every think entry changed; one is made where there is none and ``create`` says so."""
    think = agent_of(settings).get("think")
    if isinstance(think, dict):
        return with_agent(settings, think=change(think))
    if think:
        entries = think if isinstance(think, list) else []
        return with_agent(settings, think=[change(block) if isinstance(block, dict) else block for block in entries] or think)
    return with_agent(settings, think=with_provider(change({}))) if create else settings


def with_provider(block: Document) -> Document:
    """The think entry with a provider, if it had none."""
    return block if block.get("provider") else block | {"provider": dict(DEFAULT_THINK_PROVIDER)}


def _over(block: Document, patch: Document) -> Document:
    """``patch`` over a think, speak or listen block.

    Another provider (``type``, or ``version``, v1 by default) is taken as given and not mixed with the old one's model and
    options, which would not fit; with another ``type`` the old one's endpoint and keys are not passed on either. Nor do the
    headers of one endpoint go to another: they hold its key.
    """
    endpoint = object_of(patch.get("endpoint"))
    if endpoint and endpoint.get("url", object_of(block.get("endpoint")).get("url")) != object_of(block.get("endpoint")).get(
        "url"
    ):
        block = {key: value for key, value in block.items() if key != "endpoint"}
    before, after = object_of(block.get("provider")), object_of(patch.get("provider"))
    if before and after.get("type", before.get("type")) != before.get("type"):
        block = {key: value for key, value in block.items() if key not in ("provider", "endpoint")}
    elif before and after.get("version", before.get("version", "v1")) != before.get("version", "v1"):
        block = block | {"provider": {key: value for key, value in before.items() if key == "type"}}
    return merge(block, patch)
