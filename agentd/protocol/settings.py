"""Settings documents: merging, resolving, reading and changing them; pure functions over plain dicts.

A document is the JSON object of the protocol's ``Settings`` message. It stays a dict because agentd passes on keys it does
not know. No function changes what it is given, and results may share parts with it: treat every document as immutable.
Where ``agent`` is the UUID of a reusable configuration (Deepgram docs, "Reusable agent configurations") there is nothing to
read or to change: the readers find nothing and the changers return the document as it is.
"""

from agentd.protocol.changing import (
    add_functions,
    append_prompt,
    map_think,
    merge,
    overlay,
    with_agent,
    with_context,
    with_default_prompt,
    with_functions,
    with_listen,
    with_listen_update,
    with_prompt,
    with_provider,
    with_speak,
    with_think,
)
from agentd.protocol.masking import masked
from agentd.protocol.origins import endpoint_faults, update_endpoint_faults
from agentd.protocol.reading import (
    OUTPUT_RATE,
    Document,
    agent_id,
    endpoints,
    function_endpoints,
    functions,
    greeting,
    history_enabled,
    input_format,
    listen_block,
    messages,
    output_format,
    prompt,
    speak_blocks,
    think_blocks,
)
from agentd.protocol.validation import block_faults, encoding_faults, validate

__all__ = [
    "Document",
    "add_functions",
    "agent_id",
    "append_prompt",
    "block_faults",
    "encoding_faults",
    "endpoint_faults",
    "endpoints",
    "function_endpoints",
    "functions",
    "greeting",
    "history_enabled",
    "input_format",
    "listen_block",
    "map_think",
    "masked",
    "merge",
    "messages",
    "output_format",
    "overlay",
    "prompt",
    "resolve",
    "speak_blocks",
    "think_blocks",
    "update_endpoint_faults",
    "validate",
    "with_agent",
    "with_context",
    "with_default_prompt",
    "with_functions",
    "with_listen",
    "with_listen_update",
    "with_prompt",
    "with_speak",
    "with_think",
]


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
    document = overlay(profile_settings, settings)
    if prompt is not None:
        document = with_prompt(document, prompt)
    if functions is not None:
        document = with_functions(document, functions)
    if greeting is not None:
        document = with_agent(document, greeting=greeting or None)
    document = map_think(document, with_provider, create=False)
    input_encoding, input_rate = input_format(document)
    output_encoding, output_rate = output_format(document)
    sound_in: Document = {"encoding": input_encoding, "sample_rate": input_rate}
    sound_out: Document = {"encoding": output_encoding}
    if output_encoding in OUTPUT_RATE:
        sound_out |= {"sample_rate": output_rate, "container": "none"}
    defaults = {
        "type": "Settings",
        "flags": {"history": True},
        "audio": {"input": sound_in, "output": sound_out},
        "agent": {},
    }
    return merge(defaults, document)
