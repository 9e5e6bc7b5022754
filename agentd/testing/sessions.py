"""A session that notes what functions do to it, in place of one with an upstream."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RecordedSession:
    """What a function may act on.

    Attributes:
        run_id: its run, called like it.
        said: what was to be spoken, in order.
        prompts: what was added to the prompt, in order.
        ended: whether it was to end.
        agent: whom it was handed over to.
        events: what was published in it: type and data, in order.
        published: is told of each event.
    """

    run_id: str = ""
    said: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    ended: bool = False
    agent: str | None = None
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    published: Callable[[str, dict[str, Any]], None] = lambda _type, _data: None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def say(self, text: str, *, behavior: str = "queue", moment: str = "quiet") -> None:
        """Note a text."""
        self.said.append(text)
        async with self.changed:
            self.changed.notify_all()

    async def update_prompt(self, text: str) -> None:
        """Note an addition."""
        self.prompts.append(text)

    async def end_session(self, *, after_speech: bool = True) -> None:
        """Note the end."""
        self.ended = True

    async def hand_over(self, agent: str) -> None:
        """Note the agent."""
        self.agent = agent

    def publish(self, type_: str, data: dict[str, Any]) -> None:
        """Note an event."""
        self.events.append((type_, data))
        self.published(type_, data)

    async def until_said(self, number: int) -> None:
        """Wait until so many texts were said."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.said) >= number)
