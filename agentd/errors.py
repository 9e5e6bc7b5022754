"""The error tree: every failure agentd tells anyone about, with a stable code, an HTTP status and whether a retry helps.

    AgentdError
    ├── ConfigError                    invalid-config           422 (a reload; a process that starts exits)
    ├── RequestError                   what the caller sent is at fault
    │   ├── MalformedRequest           malformed-request        400
    │   ├── Unauthorized               unauthorized             401
    │   ├── Forbidden                  forbidden                403 (scope; and forbidden-host, tls-required, function-denied …)
    │   ├── NotFound                   not-found                404 (and session-, agent-, function-, turn-, call- …-not-found)
    │   ├── MethodNotAllowed           method-not-allowed       405
    │   ├── NotAcceptable              not-acceptable           406
    │   ├── RequestTimeout             request-timeout          408
    │   ├── Conflict                   conflict                 409 (and session-exists, session-busy, ...)
    │   ├── PayloadTooLarge            payload-too-large        413
    │   ├── UnsupportedMediaType       unsupported-media-type   415
    │   ├── RangeNotSatisfiable        range-not-satisfiable    416
    │   ├── InvalidRequest             invalid-request          422 (and invalid-settings, invalid-audio, nothing-heard)
    │   └── TooManyRequests            too-many-requests        429 (and too-many-sessions, budget-exhausted)
    ├── UpstreamError                  the other end of the conversation is at fault
    │   ├── UpstreamUnreachable        upstream-unreachable     502
    │   ├── UpstreamAuth               upstream-auth            502
    │   ├── UpstreamPayment            upstream-payment         502
    │   ├── UpstreamRefused            upstream-refused         502
    │   ├── UpstreamBusy               upstream-busy            503
    │   └── UpstreamTimeout            upstream-timeout         504
    ├── Unavailable                    unavailable              503 (draining, engine-not-ready)
    └── InternalError                  internal-error           500

Codes are never renamed: automations match on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

REGISTRY: dict[str, type["AgentdError"]] = {}
"""Every code with the class that owns it; filled as the classes are defined, read by the problem pages."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault in a document, at an RFC 6901 pointer such as ``/settings/audio/input/encoding``."""

    pointer: str
    detail: str


class AgentdError(Exception):
    """A failure with a stable code.

    Args:
        detail: what happened and what to do about it, for a person; never holds a secret.
        errors: single faults with JSON pointers.
        retry_after_s: seconds after which trying again makes sense; becomes ``Retry-After``.
        extra: further members of the problem document (JSON values), such as ``upstream_request_id``.
    """

    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong inside agentd"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        retry_after_s: float | None = None,
        extra: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s
        self.extra = dict(extra or {})

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            return
        if cls.code in REGISTRY:
            raise TypeError(f"error code {cls.code!r} is already taken by {REGISTRY[cls.code].__name__}")
        REGISTRY[cls.code] = cls


class InternalError(AgentdError):
    code = "internal-error"
    title = "Something went wrong inside agentd"


class ConfigError(AgentdError):
    """The configuration cannot be used: the process says so and exits with status 2; a reload answers it, and changes nothing."""

    code = "invalid-config"
    title = "The configuration is invalid"
    status = 422


class RequestError(AgentdError):
    """The request is at fault: sending the same again gives the same answer."""


class MalformedRequest(RequestError):
    code = "malformed-request"
    title = "The request could not be read"
    status = 400


class Unauthorized(RequestError):
    code = "unauthorized"
    title = "A valid token is needed"
    status = 401


class Forbidden(RequestError):
    code = "forbidden"
    title = "The token does not allow this"
    status = 403


class ForbiddenHost(Forbidden):
    code = "forbidden-host"
    title = "The Host header names a host this daemon does not answer for"


class ForbiddenOrigin(Forbidden):
    code = "forbidden-origin"
    title = "Requests from this web origin are not accepted"


class TlsRequired(Forbidden):
    code = "tls-required"
    title = "This daemon is reached through its reverse proxy"


class FunctionDenied(Forbidden):
    code = "function-denied"
    title = "The function was not allowed to run"


class NotFound(RequestError):
    code = "not-found"
    title = "There is nothing at this path"
    status = 404


class SessionNotFound(NotFound):
    code = "session-not-found"
    title = "No such session"


class AgentNotFound(NotFound):
    code = "agent-not-found"
    title = "No such agent"


class FunctionNotFound(NotFound):
    code = "function-not-found"
    title = "No such function"


class RecordingNotFound(NotFound):
    code = "recording-not-found"
    title = "There is no recording of that session"


class RangeNotSatisfiable(RequestError):
    code = "range-not-satisfiable"
    title = "The range lies behind the end"
    status = 416


class TurnNotFound(NotFound):
    code = "turn-not-found"
    title = "No such turn"


class CallNotFound(NotFound):
    code = "call-not-found"
    title = "No such function call"


class ConfirmationNotFound(NotFound):
    code = "confirmation-not-found"
    title = "No such confirmation"


class MethodNotAllowed(RequestError):
    code = "method-not-allowed"
    title = "This path does not take this method"
    status = 405


class NotAcceptable(RequestError):
    code = "not-acceptable"
    title = "None of the accepted formats can be produced"
    status = 406


class RequestTimeout(RequestError):
    code = "request-timeout"
    title = "The request did not arrive in time"
    status = 408


class Conflict(RequestError):
    code = "conflict"
    title = "The request does not fit the present state"
    status = 409


class SessionExists(Conflict):
    code = "session-exists"
    title = "A session with this id is already live"


class SessionBusy(Conflict):
    code = "session-busy"
    title = "Somebody else is talking in this session"


class SessionEnded(Conflict):
    code = "session-ended"
    title = "The session has ended"


class AgentDiffers(Conflict):
    code = "agent-differs"
    title = "The live session runs another agent"


class InjectionRefused(Conflict):
    code = "injection-refused"
    title = "The upstream refused the injected message"


class NobodyListening(Conflict):
    code = "nobody-listening"
    title = "Nobody is attached who could answer"


class ConfirmationOver(Conflict):
    code = "confirmation-over"
    title = "The confirmation is over"


class OwnConfirmation(Conflict):
    code = "own-confirmation"
    title = "Who starts a conversation does not confirm what is asked for in it"


class PayloadTooLarge(RequestError):
    code = "payload-too-large"
    title = "The body is larger than this daemon takes"
    status = 413


class UnsupportedMediaType(RequestError):
    code = "unsupported-media-type"
    title = "This content type is not understood here"
    status = 415


class InvalidRequest(RequestError):
    code = "invalid-request"
    title = "The request was understood, but is not valid"
    status = 422


class InvalidSettings(InvalidRequest):
    code = "invalid-settings"
    title = "The Voice Agent settings are not valid"


class InvalidAudio(InvalidRequest):
    code = "invalid-audio"
    title = "The audio cannot be used"


class NothingHeard(InvalidRequest):
    code = "nothing-heard"
    title = "No speech was recognised in the audio"


class TooManyRequests(RequestError):
    code = "too-many-requests"
    title = "A limit of this daemon is reached"
    status = 429
    retryable = True


class TooManySessions(TooManyRequests):
    code = "too-many-sessions"
    title = "The session limit is reached"


class BudgetExhausted(TooManyRequests):
    code = "budget-exhausted"
    title = "The minutes of the day are used up"


class UpstreamError(AgentdError):
    """The upstream failed or refused. ``extra`` may carry ``upstream_status``, ``upstream_error``, ``upstream_request_id``."""


class UpstreamUnreachable(UpstreamError):
    code = "upstream-unreachable"
    title = "The upstream cannot be reached"
    status = 502
    retryable = True


class UpstreamAuth(UpstreamError):
    code = "upstream-auth"
    title = "The upstream did not accept the API key"
    status = 502


class UpstreamPayment(UpstreamError):
    code = "upstream-payment"
    title = "The upstream account has no credit"
    status = 502


class UpstreamRefused(UpstreamError):
    code = "upstream-refused"
    title = "The upstream refused the session"
    status = 502


class UpstreamBusy(UpstreamError):
    code = "upstream-busy"
    title = "The upstream has no free place"
    status = 503
    retryable = True


class UpstreamTimeout(UpstreamError):
    code = "upstream-timeout"
    title = "The upstream did not answer in time"
    status = 504
    retryable = True


class Unavailable(AgentdError):
    code = "unavailable"
    title = "The daemon cannot take this now"
    status = 503
    retryable = True


class Draining(Unavailable):
    code = "draining"
    title = "The daemon starts no sessions now"


class EngineNotReady(Unavailable):
    code = "engine-not-ready"
    title = "The embedded engine is not ready"
