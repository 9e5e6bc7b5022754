"""Settings in mid-session: prompt, think, speak and listen, each followed to its acknowledgement.

The effective settings are changed before the message goes out, so a connection that breaks in between is renewed with
them, and the command counts as applied then.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Literal

from agentd.errors import InvalidRequest, InvalidSettings
from agentd.protocol import settings as documents
from agentd.protocol.messages import Message, UpdateListen, UpdatePrompt, UpdateSpeak, UpdateThink
from agentd.sessions.commands import Command, CommandKind, Outcome
from agentd.sessions.profiles import Profiles, too_long
from agentd.sessions.sending import Sending

UpdateKind = Literal["think", "speak", "listen"]


class Updates:
    """Changes the settings of one session."""

    def __init__(self, out: Sending, profiles: Profiles) -> None:
        self._out = out
        self._profiles = profiles

    def prompt_view(self) -> dict[str, Any]:
        """The effective prompt."""
        return {"prompt": documents.prompt(self._out.conversation.document)}

    def block_view(self, kind: UpdateKind) -> dict[str, Any] | list[dict[str, Any]]:
        """The effective block, secrets masked; an array where ``think`` has several entries."""
        agent: Any = documents.masked(self._out.conversation.document).get("agent")
        block: dict[str, Any] | list[dict[str, Any]] = agent.get(kind, {}) if isinstance(agent, dict) else {}
        return block

    async def set_prompt(self, text: str, *, wait: bool = True, timeout_s: float = 30.0) -> dict[str, Any]:
        """Replace the prompt (UpdateThink with the whole effective block, so that functions stay)."""
        self._check_prompt(text)
        return await self._apply(
            "think", lambda now: documents.with_prompt(now, text), _update_think, wait=wait, timeout_s=timeout_s
        )

    async def append_prompt(self, text: str, *, wait: bool = True, timeout_s: float = 30.0) -> dict[str, Any]:
        """Add to the prompt (UpdatePrompt, which adds: Deepgram docs, "Update Prompt")."""

        def longer(now: dict[str, Any]) -> dict[str, Any]:
            document = documents.append_prompt(now, text)
            self._check_prompt(documents.prompt(document) or "")
            return document

        longer(self._out.conversation.document)  # at once; and once more when it is sent, behind what was added meanwhile
        return await self._apply("prompt", longer, lambda _: UpdatePrompt(prompt=text), wait=wait, timeout_s=timeout_s)

    async def update(
        self, kind: UpdateKind, block: dict[str, Any], *, wait: bool = True, timeout_s: float = 30.0
    ) -> dict[str, Any]:
        """Merge a partial think, speak or listen block over the effective one and send it whole.

        Raises:
            InvalidSettings: the result has faults, or names an address that is not allowed.
        """
        self._profiles.check_block(kind, block)
        merge, message = _UPDATES[kind]
        faults = documents.validate(merge(self._out.conversation.document, block))
        if faults:
            raise InvalidSettings(f"The {kind} block is not valid; see errors.", errors=faults)
        return await self._apply(kind, lambda now: merge(now, block), message, wait=wait, timeout_s=timeout_s)

    def begin_replacing(self, kind: UpdateKind, block: Any) -> Command:
        """Put ``block`` in the place of the effective one, without waiting; the caller has seen to it that it is valid."""
        return self._begin(kind, lambda now: documents.with_agent(now, **{kind: block}), _UPDATES[kind][1])

    async def _apply(
        self,
        kind: CommandKind,
        change: Callable[[dict[str, Any]], dict[str, Any]],
        message: Callable[[dict[str, Any]], Message],
        *,
        wait: bool,
        timeout_s: float,
    ) -> dict[str, Any]:
        command = self._begin(kind, change, message)
        if wait:
            await self._out.commands.wait(command, timeout_s)
        return command.view()

    def _begin(
        self,
        kind: CommandKind,
        change: Callable[[dict[str, Any]], dict[str, Any]],
        message: Callable[[dict[str, Any]], Message],
    ) -> Command:
        if kind != "prompt" and documents.agent_id(self._out.conversation.document) is not None:
            raise InvalidRequest(
                "The agent is a reusable configuration kept at Deepgram; of its parts only the prompt can be added to."
            )
        place = self._out.commands.lines.join(kind)

        async def work(command: Command) -> Outcome:
            with self._out.noting(command):
                async with place, asyncio.timeout(self._out.limits.command_s):
                    return await self._acknowledged(command, kind, change, message)

        return self._out.commands.begin(kind, work, place)

    async def _acknowledged(
        self,
        command: Command,
        kind: str,
        change: Callable[[dict[str, Any]], dict[str, Any]],
        message: Callable[[dict[str, Any]], Message],
    ) -> Outcome:
        conversation = self._out.conversation
        link = await self._out.until_ready()
        conversation.document = change(conversation.document)
        before = conversation.acknowledged[kind]
        self._out.send(message(conversation.document), command)

        def probe() -> bool | None:
            if conversation.acknowledged[kind] > before:
                return True
            if self._out.renewed(link):
                command.detail = "The connection was renewed with it."
                return True
            self._out.check(link)
            return None

        await conversation.changes.until(probe, timeout_s=self._out.limits.command_s)
        return "applied"

    def _check_prompt(self, text: str) -> None:
        if len(text) > self._out.limits.prompt_chars:
            raise too_long("prompt", text, self._out.limits.prompt_chars, "/prompt")


def _update_think(document: dict[str, Any]) -> Message:
    return UpdateThink(think=document["agent"]["think"])


_UPDATES: Final[
    dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]], Callable[[dict[str, Any]], Message]]]
] = {
    "think": (documents.with_think, _update_think),
    "speak": (documents.with_speak, lambda document: UpdateSpeak(speak=document["agent"]["speak"])),
    "listen": (documents.with_listen, lambda document: UpdateListen(listen=document["agent"]["listen"])),
}
