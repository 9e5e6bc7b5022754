"""Looking something up on the web, through a search endpoint of your choice that answers in JSON.

    [functions.web_lookup]
    url = "http://127.0.0.1:8888/search?format=json&q={query}"
    pointer = "/results/0/content"
    headers = { Authorization = { credential = "search" } }

``pointer`` (RFC 6901) leads to the text in the answer; without it the whole answer is the text.
"""

from typing import Annotated, Any
from urllib.parse import quote

import httpx
from pydantic import Field

from agentd.functions import CallContext, FunctionError, function

REQUIRES = ("url",)

LIMIT_BYTES = 1_048_576
"""Of the answer."""

LIMIT_CHARS = 2000
"""Of the text that is told."""


@function(
    tier="read",
    timeout_s=15,
    examples=["Search the web for the tallest tower in Europe.", "Look up volcanoes on the web."],
)
async def search_web(
    ctx: CallContext, query: Annotated[str, Field(description="What to look for", min_length=1, max_length=300)]
) -> str:
    """Search the web and tell what was found."""
    url = str(ctx.config["url"]).replace("{query}", quote(query, safe=""))
    found = at(await fetch(url, ctx.config.get("headers", {})), str(ctx.config.get("pointer", "")))
    text = found if isinstance(found, str) else "" if found in (None, [], {}) else str(found)
    return text.strip()[:LIMIT_CHARS] or f"Nothing was found about {query}."


async def fetch(url: str, headers: dict[str, str]) -> Any:
    """The JSON at ``url``, read no further than the limit."""
    try:
        async with httpx.AsyncClient(timeout=10) as client, client.stream("GET", url, headers=headers) as answer:
            if answer.status_code != httpx.codes.OK:
                raise FunctionError(f"The search does not answer now. It said {answer.status_code}.")
            body = b""
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > LIMIT_BYTES:
                    raise FunctionError("The search answered with more than I can read.")
    except httpx.HTTPError:
        raise FunctionError("I cannot reach the search. Perhaps there is no internet connection.") from None
    try:
        return httpx.Response(200, content=body).json()
    except ValueError:
        raise FunctionError("The search answered with something I cannot read.") from None


def at(value: Any, pointer: str) -> Any:
    """What a JSON pointer leads to; None where it leads nowhere."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return None
    return value
