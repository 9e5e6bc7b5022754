"""Looking something up on the web, through a search endpoint of your choice that answers in JSON.

    [functions.web_lookup]
    url = "http://127.0.0.1:8888/search?format=json&q={query}"
    pointer = "/results/0/content"
    headers = { Authorization = { credential = "search" } }

``pointer`` (RFC 6901) leads to the text in the answer; without it the whole answer is the text.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from agentd.functions import CallContext, FunctionError, function
from agentd.functions.remote.pointer import at

REQUIRES = ("url",)

LIMIT_BYTES = 1_048_576
"""Of the answer."""

LIMIT_CHARS = 2000
"""Of the text that is told."""


@function(
    tier="read",
    timeout_s=15,
    untrusted_output=True,
    filler=("I am looking it up.", "Still looking."),
    examples=["Search the web for the tallest tower in Europe.", "Look up volcanoes on the web."],
)
async def search_web(
    ctx: CallContext, query: Annotated[str, Field(description="What to look for", min_length=1, max_length=300)]
) -> str:
    """Search the web and tell what was found."""
    url = str(ctx.config["url"]).replace("{query}", quote(query, safe=""))
    answer = await fetch(url, ctx.config.get("headers", {}))
    try:
        found = at(answer, str(ctx.config.get("pointer", "")))
    except LookupError:
        found = ""
    text = found if isinstance(found, str) else str(found)
    return text.strip()[:LIMIT_CHARS] or f"Nothing was found about {query}."


async def fetch(url: str, headers: Mapping[str, str]) -> Any:
    """The JSON at ``url``, read no further than the limit."""
    import httpx  # noqa: PLC0415 - only where an endpoint is configured

    body = b""
    try:
        # Uncompressed: some bytes of a compressed answer can be a gigabyte.
        sent = {**headers, "Accept-Encoding": "identity"}
        async with httpx.AsyncClient(timeout=10) as client, client.stream("GET", url, headers=sent) as answer:
            if answer.status_code != httpx.codes.OK:
                raise FunctionError(f"The search does not answer now. It said {answer.status_code}.")
            async for part in answer.aiter_raw():
                body += part
                if len(body) > LIMIT_BYTES:
                    raise FunctionError("The search answered with more than I can read.")
    except httpx.HTTPError:
        raise FunctionError("I cannot reach the search. Perhaps there is no internet connection.") from None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise FunctionError("The search answered with something I cannot read.") from None
