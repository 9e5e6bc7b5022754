"""Content negotiation: which of the formats a route can produce the caller wants (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence

from aiohttp import web

from agentd.errors import NotAcceptable


def choose(request: web.Request, offered: Sequence[str]) -> str:
    """The offered media type the ``Accept`` header likes best; the first one where it does not care.

    Raises:
        NotAcceptable: it accepts none of them.
    """
    accepted = _parse(",".join(request.headers.getall("Accept", [])))
    if not accepted:
        return offered[0]
    best = max(offered, key=lambda media: (_quality(media, accepted), -offered.index(media)))
    if _quality(best, accepted) <= 0:
        raise NotAcceptable(f"This can be had as {', '.join(offered)}.")
    return best


def names(request: web.Request, media: str) -> bool:
    """True when the ``Accept`` header names exactly this media type (``*/*`` does not count)."""
    return any(accepted == media and quality > 0 for accepted, quality in _parse(",".join(request.headers.getall("Accept", []))))


def _parse(header: str) -> list[tuple[str, float]]:
    ranges = []
    for part in header.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if media:
            ranges.append((media, _weight(parameters)))
    return ranges


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(1.0, max(0.0, float(parameter[2:])))
            except ValueError:
                return 0.0
    return 1.0


def _quality(media: str, accepted: Sequence[tuple[str, float]]) -> float:
    """The weight of the most specific range that covers ``media``."""
    kind = media.partition("/")[0]
    for wanted in (media, f"{kind}/*", "*/*"):
        for accepted_range, quality in accepted:
            if accepted_range == wanted:
                return quality
    return 0.0
