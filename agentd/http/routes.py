"""The table of routes: every handler module's rows. What is not here does not exist (``table.py`` says what a row is)."""

from typing import Final

from agentd.http import (
    actions,
    admin,
    audio,
    calls,
    catalogue,
    compatible,
    confirmations,
    console,
    docs,
    events,
    export,
    functions,
    grants,
    listening,
    problems,
    recording,
    records,
    service,
    sessions,
    steering,
    stream,
    usage,
)
from agentd.http.table import Route

ROUTES: Final[tuple[Route, ...]] = (
    *sessions.ROUTES,
    *steering.ROUTES,
    *audio.ROUTES,
    *listening.ROUTES,
    *events.ROUTES,
    *stream.ROUTES,
    *recording.ROUTES,
    *records.ROUTES,
    *export.ROUTES,
    *functions.ROUTES,
    *calls.ROUTES,
    *confirmations.ROUTES,
    *actions.ROUTES,
    *service.ROUTES,
    *admin.ROUTES,
    *catalogue.ROUTES,
    *usage.ROUTES,
    *grants.ROUTES,
    *compatible.ROUTES,
    *docs.ROUTES,
    *console.ROUTES,
    *problems.ROUTES,
)
