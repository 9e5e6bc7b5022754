"""A session that notes what functions do to it, in place of one with an upstream."""

import asyncio
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RecordedSession:
    """What a function may act on.

    Attributes:
        said: what was to be spoken, in order.
        prompts: what was added to the prompt, in order.
        ended: whether it was to end.
        did: everything, in order: the action's name and its arguments.
    """

    said: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    ended: bool = False
    did: list[tuple[Any, ...]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def say(self, text: str, *, behavior: str = "queue") -> None:
        """Note a text."""
        self.said.append(text)
        await self._note("say", text, behavior)

    async def update_prompt(self, text: str) -> None:
        """Note an addition."""
        self.prompts.append(text)
        await self._note("update_prompt", text)

    async def end_session(self, *, after_speech: bool = True) -> None:
        """Note the end."""
        self.ended = True
        await self._note("end_session", after_speech)

    async def until_said(self, number: int) -> None:
        """Wait until so many texts were said."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.said) >= number)

    async def _note(self, *what: Any) -> None:
        self.did.append(what)
        async with self.changed:
            self.changed.notify_all()
