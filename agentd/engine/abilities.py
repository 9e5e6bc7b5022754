"""What this engine can do of what the protocol offers, and the parts of a Settings document that only the engine reads.

Where Deepgram has what the engine cannot have, it uses its own, and says so: the words are here.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from agentd.engine.catalogue import MODELS, THINK_MODELS
from agentd.errors import FieldError
from agentd.protocol import settings as documents
from agentd.protocol.codec import ProtocolError
from agentd.protocol.messages import Message, Warn
from agentd.protocol.reading import agent_of, object_of

Document = dict[str, Any]

PROMPT_CHARS: Final = 25_000
"""Longest prompt for models without an endpoint of their own (Deepgram docs, "Configure the Voice Agent")."""

OWN_PROMPT_CHARS: Final = 1_000_000
"""Longest prompt for those with one: Deepgram has no limit there, but UpdatePrompt after UpdatePrompt must end somewhere."""

MOST_KEYTERMS: Final = 100
"""Key terms that count: to favour everything is to favour nothing."""

_SHOWN_CHARS: Final = 64
_CHAT_COMPLETIONS: Final = ("open_ai", "groq", "nvidia")
_FILLERS: Final = ("initial_agent_filler", "agent_filler_max_count", "agent_filler_interval_ms")


# --- what is refused -----------------------------------------------------------------------------------------------


def faults(settings: Document) -> list[FieldError]:
    """What is wrong with a Settings document, or beyond this engine: told at once, so that nobody waits for audio in vain.

    Raises:
        ProtocolError: it names a reusable configuration; this engine keeps none.
    """
    found = documents.validate(settings)
    if documents.agent_id(settings) is not None:
        if any(fault.pointer == "/agent" for fault in found):
            raise ProtocolError("INVALID_AGENT_ID", "`agent` must be an object, or the UUID of a reusable configuration.")
        raise ProtocolError(
            "AGENT_ID_NOT_SUPPORTED", "This engine keeps no reusable configurations; send the agent as an object."
        )
    return found or documents.encoding_faults(settings)


# --- what is taken differently -------------------------------------------------------------------------------------


def bounded(settings: Document) -> tuple[Document, list[Warn]]:
    """The document with no prompt beyond its limit, and what to tell of those that were cut: fallbacks mostly share a prompt."""
    warnings: dict[str, Warn] = {}

    def cut(block: Document) -> Document:
        limit = OWN_PROMPT_CHARS if block.get("endpoint") else PROMPT_CHARS
        prompt = block.get("prompt")
        if not isinstance(prompt, str) or len(prompt) <= limit:
            return block
        told = f"The prompt has {len(prompt)} characters and was cut to its first {limit}."
        warnings[told] = Warn(code="PROMPT_TOO_LONG", description=told)
        return block | {"prompt": prompt[:limit]}

    return documents.map_think(settings, cut, create=False), list(warnings.values())


def tell_mapped(settings: Document, told: set[str], tell: Callable[[Message], None]) -> None:
    """Say where the engine uses its own instead of what the document names, each subject once in a conversation.

    Args:
        settings: the document in force.
        told: codes the client was told already; grows.
        tell: takes each Warning.
    """
    for warning in mapped(settings):
        if warning.code not in told:
            told.add(warning.code)
            tell(warning)


def mapped(settings: Document) -> list[Warn]:
    """Where the engine uses its own instead of what the document names."""
    found = (
        _listen_model(settings),
        _language(settings),
        _think_model(settings),
        _think_provider(settings),
        _think_live(settings),
    )
    return [Warn(code=code, description=description) for code, description in filter(None, found)]


def ends_turns_on_demand(settings: Document) -> bool:
    """Whether ForceEndTurn does anything: not with listen v1, as at Deepgram; a client that left the choice to us gets it."""
    provider = _listen_provider(settings)
    return not provider or provider.get("version") == "v2"


def unsupported(message_type: str) -> Warn:
    """Answers a message that speaks to something this engine does not have."""
    code = "THINK_LIVE_NOT_SUPPORTED" if message_type == "UpdateThink_Live" else "CUSTOM_THINK_PROVIDER_NOT_SUPPORTED"
    return Warn(code=code, description=f"This engine has nothing that {message_type} could reach; it was ignored.")


def _listen_model(settings: Document) -> tuple[str, str] | None:
    wanted, own = _listen_provider(settings).get("model"), _names(MODELS["stt"])
    if wanted is None or wanted in own:
        return None
    return "LISTEN_MODEL_MAPPED", f"This engine has no listen model {_shown(wanted)}; {own[0]} listens instead."


def _language(settings: Document) -> tuple[str, str] | None:
    spoken = {_base(language) for model in MODELS["stt"] for language in model["languages"]}
    foreign = [language for language in _languages(settings) if _base(language) not in spoken]
    if not foreign:
        return None
    wanted = ", ".join(_shown(language) for language in dict.fromkeys(foreign))
    return "LANGUAGE_NOT_SUPPORTED", f"This engine understands {', '.join(sorted(spoken))} alone, not {wanted}."


def _think_model(settings: Document) -> tuple[str, str] | None:
    own = {model["id"] for model in THINK_MODELS}
    for block in documents.think_blocks(settings):
        wanted = object_of(block.get("provider")).get("model")
        if not block.get("endpoint") and wanted is not None and wanted not in own:
            return "THINK_MODEL_MAPPED", f"This engine has no think model {_shown(wanted)}; its offline matcher thinks instead."
    return None


def _think_provider(settings: Document) -> tuple[str, str] | None:
    """Endpoints are asked in chat completions whatever their provider: many offer them beside a form of their own."""
    for block in documents.think_blocks(settings):
        wanted = object_of(block.get("provider")).get("type")
        if block.get("endpoint") and wanted is not None and wanted not in _CHAT_COMPLETIONS:
            told = (
                f"This engine asks endpoints in OpenAI chat completions alone; the one of {_shown(wanted)} must answer in them."
            )
            return "THINK_PROVIDER_MAPPED", told
    return None


def _think_live(settings: Document) -> tuple[str, str] | None:
    functions = documents.functions(settings)
    if agent_of(settings).get("think_live") is not None:
        what = "agent.think_live"
    elif any(function.get(key) for function in functions for key in _FILLERS):
        what = "the agent filler of a function"
    else:
        return None
    return "THINK_LIVE_NOT_SUPPORTED", f"This engine has no Think Live; {what} was ignored."


def _languages(settings: Document) -> Iterator[str]:
    """The languages a document names, wherever it does."""
    provider = _listen_provider(settings)
    hints = provider.get("language_hints") or provider.get("language_hint") or []
    for language in (
        agent_of(settings).get("language"),
        provider.get("language"),
        *([hints] if isinstance(hints, str) else hints),
    ):
        if isinstance(language, str):
            yield language
    if str(provider.get("model")).endswith("-multi"):
        yield "multi"


def _listen_provider(settings: Document) -> Document:
    return object_of(documents.listen_block(settings).get("provider"))


def _names(models: list[dict[str, Any]]) -> list[str]:
    return [model[key] for model in models for key in ("canonical_name", "name")]


def _base(language: str) -> str:
    """The language of a BCP-47 tag, without region or script."""
    return language.replace("_", "-").partition("-")[0].lower()


def _shown(value: object) -> str:
    return repr(str(value)[:_SHOWN_CHARS])


# --- what only the engine reads ------------------------------------------------------------------------------------


def container(settings: Document) -> str:
    """What the agent's audio comes in: "none" (raw samples) unless the document says otherwise."""
    output = (settings.get("audio") or {}).get("output") or {}
    return output.get("container") or "none"


def context(settings: Document) -> list[Document]:
    """``agent.context.messages``: the conversation that is taken up again, as History objects."""
    agent = settings.get("agent")
    found = (agent.get("context") or {}).get("messages") if isinstance(agent, dict) else None
    return [item for item in found or () if isinstance(item, dict)]


def keyterms(settings: Document) -> tuple[str, ...]:
    """The words that the client says are likely to be heard."""
    return tuple((_listen_provider(settings).get("keyterms") or ())[:MOST_KEYTERMS])


def voice(settings: Document) -> str | None:
    """The voice the client wants, in its provider's words; None when it leaves the choice to us."""
    for block in documents.speak_blocks(settings):
        provider = block.get("provider") or {}
        wanted = provider.get("model") or provider.get("model_id") or provider.get("voice")
        return wanted if isinstance(wanted, str) else None
    return None
