"""Errors on the wire: ``application/problem+json`` (RFC 9457), and the pages that say what each code means."""

import html
import math
from collections.abc import Mapping
from typing import Any, Final, Literal

import orjson
from aiohttp import web

from agentd.errors import (
    REGISTRY,
    AgentdError,
    MalformedRequest,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    PayloadTooLarge,
    RequestError,
    UnsupportedMediaType,
)
from agentd.http.accept import choose
from agentd.http.advice import ADVICE
from agentd.http.models import Answer
from agentd.http.queries import Anything
from agentd.http.table import Example, Media, Route
from agentd.log import mask
from agentd.protocol.refusals import refusal_body, refusal_headers

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5.0
"""What 429 and 503 say when nobody knows better."""


class ProblemKind(Answer):
    """What a problem means and what to do."""

    code: str
    title: str
    status: int
    retryable: bool
    at_fault: Literal["request", "daemon or upstream"]
    advice: str


def document(error: AgentdError, request_id: str) -> dict[str, Any]:
    """The problem document of an error."""
    problem: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "code": error.code,
        "title": error.title,
        "status": error.status,
        "detail": mask(error.detail),
        "request_id": request_id,
    }
    if error.errors:
        problem["errors"] = [{"pointer": mask(fault.pointer), "detail": mask(fault.detail)} for fault in error.errors]
    return problem | {key: value for key, value in error.extra.items() if key not in problem}


def response(
    error: AgentdError, request_id: str, headers: Mapping[str, str] | None = None, *, compatible: bool = False
) -> web.Response:
    """The answer for an error.

    Args:
        error: what happened.
        request_id: of the request.
        headers: further ones.
        compatible: the caller may be a Voice Agent client, which looks for Deepgram's members and headers.
    """
    problem = document(error, request_id)
    more = dict(headers or {})
    if compatible:
        problem |= refusal_body(error.status, problem["detail"])
        more |= refusal_headers(problem["detail"], request_id)
    answer = web.Response(status=error.status, body=orjson.dumps(problem, default=str), content_type=MEDIA_TYPE, headers=more)
    retry_after_s = error.retry_after_s
    if retry_after_s is None and error.status in (429, 503):
        retry_after_s = RETRY_AFTER_S
    if retry_after_s is not None:
        answer.headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
    if error.status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="agentd"'
    return answer


def from_aiohttp(error: web.HTTPException, request: web.Request) -> AgentdError:
    """Aiohttp's own refusals in our words."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return MethodNotAllowed(f"{request.path} takes {allowed}, not {request.method}.")
    if isinstance(error, web.HTTPNotFound):
        path = request.path.rstrip("/")
        if path != request.path and path:
            return NotFound(f"There is nothing at a path that ends with a slash; try {path[:200]}.")
        return NotFound("There is nothing here; GET /v1/sessions, /v1/functions and /v1/agents are places to start.")
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return PayloadTooLarge("The body is larger than this route takes.")
    if isinstance(error, web.HTTPUnsupportedMediaType):
        return UnsupportedMediaType("This route does not take such a body.")
    return MalformedRequest(f"The request could not be handled: {error.reason}.")


async def show(request: web.Request) -> web.Response:
    """``GET /problems/{code}``: what a problem means and what to do, for a person or a program."""
    code = request.match_info["code"]
    kind = REGISTRY.get(code)
    if kind is None or not (kind.status < 600 and code in ADVICE):
        raise NotFound(f"There is no problem {code[:60]!r}; known are {', '.join(sorted(ADVICE))}.")
    page = {
        "code": code,
        "title": kind.title,
        "status": kind.status,
        "retryable": kind.retryable,
        "at_fault": "request" if issubclass(kind, RequestError) else "daemon or upstream",
        "advice": ADVICE[code],
    }
    if choose(request, ("application/json", "text/html")) == "text/html":
        return web.Response(text=_page(page), content_type="text/html", charset="utf-8")
    return web.Response(body=orjson.dumps(page), content_type="application/json")


def _page(page: Mapping[str, Any]) -> str:
    again = "The same request may work later." if page["retryable"] else "The same request will fail again until this is changed."
    text = {key: html.escape(str(value)) for key, value in page.items()}
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{text["code"]}</title>'
        f"<h1>{text['title']}</h1><p><code>{text['code']}</code>, HTTP status {text['status']}. {again}</p>"
        f"<p>{text['advice']}</p></html>\n"
    )


ROUTES: Final = (
    Route(
        "GET", "/problems/{code}", show, None,
        summary="What a problem means, and what to do",
        query=Anything,
        answers={200: (ProblemKind, Media("text/html", "For a person."))},
        errors=(NotFound, NotAcceptable),
        example=Example(curl="curl $A/problems/session-not-found"),
    ),
)  # fmt: skip
