"""Deciding what to say and what to call: an offline matcher by default, any OpenAI-compatible server where one is named."""

from typing import Any

from agentd.engine.providers import Thinker
from agentd.engine.think.matcher.thinker import OfflineMatcher
from agentd.engine.think.openai import OpenAIThinker


def build_thinker(block: dict[str, Any]) -> Thinker:
    """The thinker for one think block of the Settings: its ``endpoint``, if it has one, else the offline matcher.

    The provider's type does not decide: whoever has no endpoint has no model here, whatever its name, and the matcher
    needs none.
    """
    endpoint = block.get("endpoint")
    if isinstance(endpoint, dict) and endpoint.get("url"):
        return OpenAIThinker(endpoint)
    return OfflineMatcher()
