"""What the API answers, as models: the OpenAPI document shows them, and tests hold every answer against them, strictly.

Handlers answer plain dictionaries made by ``sessions``: what tests check need not be paid for at every request. Members
that only scope ``transcripts`` may see are optional. Models of one route stand beside its handler.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from agentd.hub import EVENT_TYPES, OWN_EVENTS
from agentd.sessions.state import EndReason, State

ItemT = TypeVar("ItemT")

RunId = Annotated[str, Field(pattern="^[0-9A-HJKMNP-TV-Z]{26}$", examples=["01KAXM3V9Q6Z0T8W4F2B7C5D1E"])]
Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Words = Annotated[str | None, Field(description="Left out without scope `transcripts`.")]


def _open(schema: dict[str, Any]) -> None:
    """The document does not promise that nothing is ever added to an answer; tests do."""
    schema.pop("additionalProperties", None)


class Answer(BaseModel):
    """What a route answers. Strict, so that a test notices a member that is missing, added or of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, json_schema_extra=_open)


class Listing(Answer, Generic[ItemT]):
    """A piece of a list."""

    items: list[ItemT]
    next: str | None = Field(description="Cursor of what follows; null at the end.")


class Fault(Answer):
    """One fault of a request."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the body, or `?name` for a query parameter.")
    detail: str


class Problem(Answer):
    """Why a request failed (RFC 9457). Some kinds add members of their own, such as `upstream_request_id`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A page that says what this problem means: `/problems/<code>`.")
    code: str = Field(description="Stable; match on this.")
    title: str
    status: int
    detail: str = Field(description="What happened, and what to do about it.")
    request_id: str = Field(description="Also in the header X-Request-ID, and in the daemon's log.")
    errors: list[Fault] | None = None


class AudioFormat(Answer):
    """How audio is encoded; the upstream's own words."""

    encoding: str
    sample_rate: int = Field(gt=0)


class SessionAudio(Answer):
    """The formats of a session."""

    input: AudioFormat
    output: AudioFormat


class SessionError(Answer):
    """What ended the session."""

    code: str
    detail: str


class Usage(Answer):
    """What was used, over all upstream connections of a run."""

    connection_s: Seconds = Field(description="What the upstream bills.")
    audio_in_s: Seconds
    audio_out_s: Seconds
    turns: Count
    function_calls: Count
    renewals: Count


class SessionView(Answer):
    """A session: one run of a name."""

    model_config = ConfigDict(title="Session")

    id: str = Field(description="The caller's name for it, or a generated one.")
    run_id: RunId = Field(description="This run; sorts by time.")
    agent: str = Field(description="The agent it was started with: tokens and usage go by it.")
    active_agent: str = Field(description="The agent that has the word; another one after a hand-over.")
    agents: list[str] = Field(description="Every agent it was so far, in order, and those of the run it goes on from.")
    state: State
    activity: Literal["idle", "listening", "thinking", "speaking"]
    upstream: Literal["deepgram", "engine"]
    request_id: str | None = Field(description="The upstream's id of the present connection.")
    started_at: AwareDatetime
    ended_at: AwareDatetime | None
    end_reason: EndReason | None
    error: SessionError | None
    audio: SessionAudio
    functions: list[str]
    tainted: bool = Field(description="It was told something from outside: tier high needs a confirmation for the rest of it.")
    metadata: dict[str, str]
    last_heard: Words = None
    last_said: Words = None
    last_turn: int | None = Field(description="Number of the newest turn.")
    usage: Usage
    links: dict[str, str]


class Call(Answer):
    """A function call."""

    call_id: str
    name: str
    arguments: Any = Field(default=None, description="Left out without scope `transcripts`.")
    outcome: Literal["ok", "error", "timeout", "invalid", "unknown", "denied", "cancelled"] | None = Field(
        description="Null while it is open."
    )
    result: Words = None
    duration_s: Seconds | None


class CallOfTurn(Call):
    """A function call, with the turn it belongs to."""

    turn: int


class Latency(Answer):
    """How long each stage of a turn took; the parts add up to `total_s`."""

    endpointing_s: Seconds | None
    listen_s: Seconds | None
    think_s: Seconds | None
    function_s: Seconds | None
    speak_s: Seconds | None
    rest_s: Seconds | None
    total_s: Seconds | None = Field(description="From the last voiced sample, or the text's arrival, to the first agent audio.")
    basis: Literal["upstream", "text", "unknown"] = Field(description="Whose clock it is; `unknown`: no total can be told.")


class Turn(Answer):
    """One exchange."""

    n: int = Field(ge=1)
    started_at: AwareDatetime
    cause: Literal["speech", "text", "agent"]
    heard: Words = None
    said: Words = None
    played: Words = None
    delivered: bool = Field(description="False: nobody listened; `played` is what was received.")
    interrupted: bool
    outcome: Literal["completed", "interrupted", "error", "timeout"] | None = Field(description="Null while it goes on.")
    calls: list[Call]
    audio: str | None = Field(description="Where the agent's speech of this turn is.")
    latency: Latency
    turns: list[int] | None = Field(default=None, description="When a recording caused several turns: all of them.")


class TranscriptLine(Answer):
    """Something said."""

    turn: int
    role: Literal["user", "assistant"]
    text: str
    time: AwareDatetime
    interrupted: bool


class Event(Answer):
    """What happened. `Snapshot` and `Gap` belong to one reader and carry neither `seq` nor `g`."""

    seq: Count = Field(description="Counts per run, without gaps.")
    g: Count = Field(description="Counts per daemon, without gaps.")
    session_id: str
    run_id: RunId
    time: AwareDatetime
    type: str = Field(
        description=f"An upstream message's type, or one of ours: {', '.join(sorted(OWN_EVENTS))}.",
        examples=sorted(EVENT_TYPES),
    )
    data: dict[str, Any]


class Events(Answer):
    """What a poll answers."""

    items: list[Event]
    missed: int | None = Field(description="Events that are gone; null: that cannot be known.")
    next: str = Field(description="Give it as `?after=` the next time.")
