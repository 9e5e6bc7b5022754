"""Going on as another agent in mid-conversation: its prompt, functions and voice, with everything said so far.

From the moment it is asked for the old agent's functions are denied and the new one's allowed; the upstream is told with
UpdateThink, UpdateSpeak and UpdateListen. What only a start can set (audio formats, the upstream, another kind of recognition)
stays as it is. The session still counts as the agent's it was started with.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from agentd.config import AgentProfile
from agentd.errors import AgentNotFound, FieldError, Forbidden, InvalidRequest, Unavailable
from agentd.functions.registry import FunctionSpec, Registry
from agentd.protocol import settings as documents
from agentd.protocol.reading import agent_of, object_of
from agentd.sessions.client_side import ClientSide
from agentd.sessions.commands import Command
from agentd.sessions.merging import Merge
from agentd.sessions.profiles import Profiles, UpstreamName
from agentd.sessions.sending import Sending
from agentd.sessions.speaking import Speaking
from agentd.sessions.spec import StartSpec
from agentd.sessions.updates import UpdateKind, Updates

KINDS: Final[tuple[UpdateKind, ...]] = ("think", "speak", "listen")

_log = structlog.get_logger("agentd.sessions")


@dataclass(frozen=True, slots=True)
class _Successor:
    """The agent that takes over.

    Attributes:
        blocks: think, speak and listen as they are to be.
        greeting: what it says first.
        merge: its profile as a compatible client gets it.
    """

    name: str
    allowed: frozenset[str]
    blocks: Mapping[UpdateKind, Any]
    greeting: str | None
    merge: Merge | None = None


class HandOver:
    """Hands one session over from agent to agent.

    Args:
        started_as: the agent the session was started with.
        client_side: where a compatible client's settings are merged; None without one.

    Attributes:
        agents: every agent the session was so far, in order; then those of the run it goes on from.
    """

    def __init__(
        self,
        out: Sending,
        updates: Updates,
        speaking: Speaking,
        *,
        spec: StartSpec,
        started_as: str,
        upstream: UpstreamName,
        client_side: ClientSide | None,
    ) -> None:
        self.agents = [started_as, *(agent for agent in spec.agents_before if agent != started_as)]
        self._out = out
        self._updates = updates
        self._speaking = speaking
        self._spec = spec
        self._started_as = started_as
        self._upstream = upstream
        self._client_side = client_side

    @property
    def agent(self) -> str:
        """The agent that has the word."""
        return self._out.conversation.calls.caller.agent

    async def __call__(self, agent: str, profiles: Profiles, registry: Registry) -> None:
        """Go on as ``agent``; returns once the upstream has taken its prompt and functions. The present one: nothing happens.

        Args:
            agent: one of those that the present agent's profile lists in ``hand_over``.
            profiles: the agents as they are configured now.
            registry: the functions as they are loaded now.

        Raises:
            InvalidRequest: the present agent may not hand over to it, or it cannot go on in this session.
            Forbidden: whoever started the session may not use it.
            InvalidSettings: its profile has faults.
            SessionEnded, UpstreamTimeout, UpstreamRefused: the upstream did not take it; a renewed connection will.
        """
        self._out.alive()
        if agent == self.agent:
            return
        successor = self._successor(agent, profiles, registry)  # raises before anything has changed
        command = self._take_over(successor)
        if command is not None:
            await self._out.commands.wait(command, self._out.limits.command_s)
            command.view()

    def _take_over(self, successor: _Successor) -> Command | None:
        """Change agents now; the command whose effect makes it complete."""
        conversation = self._out.conversation
        before, first_time = self.agent, successor.name not in self.agents
        conversation.calls.caller = replace(conversation.calls.caller, agent=successor.name, allowed=successor.allowed)
        if first_time:
            self.agents.append(successor.name)
        if self._client_side is not None and successor.merge is not None:
            self._client_side.adopt(successor.merge)
        _log.info("agent_changed", before=before, agent=successor.name)
        conversation.publish("AgentChanged", {"from": before, "to": successor.name})
        now = agent_of(conversation.document)
        changed = [kind for kind in KINDS if kind in successor.blocks and successor.blocks[kind] != now.get(kind)]
        commands = {kind: self._updates.begin_replacing(kind, successor.blocks[kind]) for kind in changed}
        if successor.greeting and first_time:
            self._speaking.begin_saying(successor.greeting)
        return commands.get("think")

    def _successor(self, agent: str, profiles: Profiles, registry: Registry) -> _Successor:
        profile = self._permitted(agent, profiles)
        if documents.agent_id(self._out.conversation.document) is not None:
            raise InvalidRequest("The session's agent is a reusable configuration kept at Deepgram; it cannot be handed over.")
        try:
            upstream = profiles.upstream(profile)
        except Unavailable as error:
            raise InvalidRequest(f"The agent {agent} cannot take over: {error.detail}") from None
        if profile.upstream != "auto" and upstream != self._upstream:
            raise InvalidRequest(f"The agent {agent} speaks through {upstream}; this session is on {self._upstream}.")
        functions = self._functions(agent, profiles, registry, profile)
        allowed = frozenset(function.name for function in functions)
        merge = None
        if self._client_side is not None:
            merge, fragment = profiles.merge(agent, profile, functions), profiles.fragment(profile)
            document, greeting = self._client_side.handed_over(merge, fragment), documents.greeting(fragment)
        else:
            document = profiles.document(profile, self._terms(agent), functions)
            greeting = documents.greeting(document)
        if greeting:
            self._speaking.check(greeting, "/greeting")
        blocks: dict[UpdateKind, Any] = {kind: agent_of(document)[kind] for kind in KINDS if kind in agent_of(document)}
        if not _same_recognition(agent_of(self._out.conversation.document).get("listen"), blocks.get("listen")):
            del blocks["listen"]
        return _Successor(agent, allowed, blocks, greeting, merge)

    def _permitted(self, agent: str, profiles: Profiles) -> AgentProfile:
        """The profile of ``agent``, if it may take over."""
        if self._spec.agents is not None and agent not in self._spec.agents:
            raise Forbidden(f"The session was started with a token that is not for the agent {agent[:64]!r}.")
        try:
            successors = profiles.get(self.agent)[1].hand_over
            known = profiles.get(agent)[1]
        except AgentNotFound as error:
            raise InvalidRequest(error.detail, errors=[FieldError("/agent", "no such agent")]) from None
        if agent not in successors:
            listed = ", ".join(successors) or "nobody"
            raise InvalidRequest(
                f"The agent {self.agent} may hand over to {listed}: [agents.{self.agent}] hand_over lists them.",
                errors=[FieldError("/agent", f"not among those that {self.agent} may hand over to")],
            )
        return known

    def _functions(self, agent: str, profiles: Profiles, registry: Registry, profile: AgentProfile) -> list[FunctionSpec]:
        """What it may call: what the start took away from the first agent, the others do not bring back."""
        if agent == self._started_as:
            return profiles.functions(profile, registry, self._spec.functions)
        offered = profiles.functions(profile, registry, None)
        if self._spec.functions is None:
            return offered
        first = profiles.functions(profiles.get(self._started_as)[1], registry, None)
        taken = {function.name for function in first} - set(self._spec.functions)
        return [function for function in offered if function.name not in taken]

    def _terms(self, agent: str) -> StartSpec:
        """What the start asked for is for the agent it named."""
        if agent != self._started_as:
            return StartSpec()
        return StartSpec(settings=self._spec.settings, prompt=self._spec.prompt, functions=self._spec.functions)


def _same_recognition(before: Any, after: Any) -> bool:
    """Whether UpdateListen can turn ``before`` into ``after``: models change in mid-session, their kind does not."""

    def kind(block: Any) -> tuple[Any, Any]:
        provider = object_of(object_of(block).get("provider"))
        return provider.get("type"), provider.get("version", "v1")

    return after is None or kind(before) == kind(after)
