"""Confirmations: a call of tier high waits until a person allows it, somewhere else than in the conversation.

A confirmation belongs to one call: its run, its call id, its function and its arguments as they will be used. It is given
once, within its time, by a token other than the one that started the conversation. Its nonce is told to nobody but those who
may confirm: not to the model, not in events, not in the log.
"""

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import orjson
import structlog

from agentd.errors import CallNotFound, ConfirmationNotFound, ConfirmationOver, OwnConfirmation
from agentd.functions.call import CallRequest, Rejected
from agentd.functions.declare import Tier
from agentd.functions.registry import FunctionSpec

Ending = Literal["approved", "refused", "expired", "withdrawn", "disabled"]
"""How a confirmation was settled; also the label of the metrics. ``disabled``: by the kill switch."""

KEPT: Final = 256
"""Settled confirmations that are remembered, to say what became of them."""

_ANSWERS: Final[dict[Ending, str]] = {
    "refused": "A person was asked to confirm {name} and refused. It was not done. Tell the user so.",
    "expired": "Nobody confirmed {name} in time. It was not done. Tell the user so.",
    "disabled": "Actions have been switched off. {name} was not done. Tell the user so.",
    "withdrawn": "{name} was not confirmed before the conversation went on. It was not done.",
}
_log = structlog.get_logger("agentd.functions")


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a person is asked.

    Attributes:
        nonce: names it to those who may confirm.
        arguments: exactly as the function will get them.
        digest: SHA-256 over run, call id, function and arguments.
        asker: the name of the token that started the conversation, or that called without one; it may not approve.
        text: what the agent says while it waits.
        asked_at, expires_at: Unix seconds.
    """

    nonce: str = field(repr=False)
    session_id: str | None
    run_id: str | None
    call_id: str
    agent: str | None
    name: str
    tier: Tier
    arguments: dict[str, Any]
    digest: str
    asker: str | None
    text: str
    asked_at: float
    expires_at: float


@dataclass(slots=True)
class _Waiting:
    confirmation: Confirmation
    deadline: float
    ending: Ending | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Confirmations:
    """Those that wait, and the last that did.

    Attributes:
        on_request: each is told of a new one, at once and on the event loop; for what asks people (telephones, MQTT …).
        on_settled: each is told how one ended, and the name of the token by which, if it was by one.
    """

    def __init__(self) -> None:
        self.on_request: list[Callable[[Confirmation], None]] = []
        self.on_settled: list[Callable[[Confirmation, Ending, str | None], None]] = []
        self._waiting: dict[str, _Waiting] = {}
        self._settled: OrderedDict[str, _Waiting] = OrderedDict()

    def waiting(self) -> list[Confirmation]:
        """Those that can be given now, the oldest first."""
        return [entry.confirmation for entry in self._waiting.values()]

    async def confirm(
        self, request: CallRequest, spec: FunctionSpec, arguments: dict[str, Any], *, text: str, limit_s: float, most: int
    ) -> None:
        """Return once somebody has approved this very call. Cancelling it withdraws the confirmation.

        Args:
            arguments: as the function will get them.
            limit_s: seconds until it expires.
            most: how many may wait at once.

        Raises:
            Rejected: it was not approved; the text is for the model.
        """
        if len(self._waiting) >= most:
            raise Rejected(
                "denied",
                f"Too much waits for a confirmation already; {spec.name} was not done. Tell the user so.",
                "confirmation",
            )
        loop, now = asyncio.get_running_loop(), time.time()
        confirmation = Confirmation(
            nonce=secrets.token_urlsafe(32),
            session_id=request.session_id,
            run_id=request.run_id,
            call_id=request.call_id,
            agent=request.agent,
            name=spec.name,
            tier=spec.tier,
            arguments=arguments,
            digest=digest(request, spec.name, arguments),
            asker=request.started_by,
            text=text,
            asked_at=now,
            expires_at=now + limit_s,
        )
        entry = self._waiting[confirmation.nonce] = _Waiting(confirmation, loop.time() + limit_s)
        expiry = loop.call_at(entry.deadline, self._settle, entry, "expired")
        try:
            self._tell(self.on_request, confirmation)
            await entry.changed.wait()
        finally:
            expiry.cancel()
            self._settle(entry, "withdrawn")
        if entry.ending == "approved" and confirmation.digest == digest(request, spec.name, arguments):
            return
        answer = _ANSWERS.get(entry.ending or "withdrawn", _ANSWERS["withdrawn"])
        raise Rejected("denied", answer.format(name=spec.name), "confirmation")

    def find(self, nonce: str) -> Confirmation:
        """The confirmation of that nonce, waiting or lately settled; then without its arguments.

        Raises:
            ConfirmationNotFound: there is none.
        """
        entry = self._waiting.get(nonce) or self._settled.get(nonce)
        if entry is None:
            raise ConfirmationNotFound("There is no such confirmation; GET /v1/confirmations lists those that wait.")
        return entry.confirmation

    def of_call(self, run_id: str, call_id: str) -> Confirmation:
        """The confirmation that a call waits for, or did.

        Raises:
            CallNotFound: no confirmation was asked for it.
        """
        for table in (self._waiting, self._settled):
            for entry in reversed(table.values()):
                if (entry.confirmation.run_id, entry.confirmation.call_id) == (run_id, call_id):
                    return entry.confirmation
        raise CallNotFound(f"There is no call {call_id[:80]!r} that waits for a confirmation.")

    def decide(self, nonce: str, *, approve: bool, by: str) -> Confirmation:
        """Approve or refuse.

        Args:
            by: the name of the token that decides.

        Raises:
            ConfirmationNotFound: there is none.
            ConfirmationOver: it was given, refused or withdrawn before, or its time is over.
            OwnConfirmation: it would be approved by the token that started the conversation.
        """
        confirmation = self.find(nonce)
        entry = self._waiting.get(nonce)
        if entry is not None and asyncio.get_running_loop().time() >= entry.deadline:
            self._settle(entry, "expired")
            entry = None
        if entry is None:
            ending = self._settled[nonce].ending
            raise ConfirmationOver(f"This confirmation is over: {ending}. Nothing more can be done with it.")
        if approve and by == confirmation.asker:
            raise OwnConfirmation(f"The token {by!r} started this conversation and cannot approve what is asked for in it.")
        self._settle(entry, "approved" if approve else "refused", by=by)
        return confirmation

    def deny_all(self) -> None:
        """The kill switch: nothing that waits will happen."""
        for entry in tuple(self._waiting.values()):
            self._settle(entry, "disabled")

    def run_ended(self, run_id: str) -> None:
        """The run is over: nothing more can be given for it."""
        for entry in tuple(self._waiting.values()):
            if entry.confirmation.run_id == run_id:
                self._settle(entry, "withdrawn")

    def _settle(self, entry: _Waiting, ending: Ending, by: str | None = None) -> None:
        """The first ending is the one that counts."""
        if entry.ending is not None:
            return
        entry.ending = ending
        confirmation = entry.confirmation
        entry.confirmation = replace(confirmation, arguments={})  # nothing of a conversation stays behind here
        del self._waiting[confirmation.nonce]
        self._settled[confirmation.nonce] = entry
        while len(self._settled) > KEPT:
            self._settled.popitem(last=False)
        entry.changed.set()
        _log.info(
            "confirmation_settled",
            function=confirmation.name,
            call_id=confirmation.call_id,
            session_id=confirmation.session_id,
            outcome=ending,
            token=by,
        )
        self._tell(self.on_settled, confirmation, ending, by)

    @staticmethod
    def _tell(hooks: list[Callable[..., None]], *what: Any) -> None:
        for hook in hooks:
            try:
                hook(*what)
            except Exception:  # noqa: BLE001 - one edge that fails must not decide over a call
                _log.exception("confirmation_hook_failed")


def digest(request: CallRequest, name: str, arguments: dict[str, Any]) -> str:
    """What the confirmation is bound to, as one number."""
    bound = [request.run_id, request.call_id, name, arguments]
    return hashlib.sha256(orjson.dumps(bound, option=orjson.OPT_SORT_KEYS)).hexdigest()
