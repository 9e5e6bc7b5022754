"""What a compatible client asks for, over what its profile says: the Settings and updates that go to the upstream."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from agentd.errors import FieldError
from agentd.protocol import settings as documents
from agentd.protocol.messages import Block
from agentd.protocol.reading import agent_of
from agentd.protocol.server import require_valid

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Merge:
    """One profile as the clients that name it get it.

    Attributes:
        base: the profile's fragment, prompt and greeting included, functions left out.
        declared: the functions the profile adds to every think entry.
        handled: names of those that the daemon runs.
        prompt: for think entries that have none.
        allowed_endpoints: origins that clients may name.
    """

    base: Document
    declared: tuple[Document, ...]
    handled: frozenset[str]
    prompt: str | None
    allowed_endpoints: Collection[str]

    def settings(self, given: Document) -> Document:
        """Profile ← the client's Settings. A reusable configuration cannot be merged and stays as it is.

        Raises:
            ProtocolError: INVALID_SETTINGS, for an address that is not allowed.
        """
        self._check("The Settings name addresses that are not allowed", given)
        if documents.agent_id(given) is not None or not (self.base or self.declared or self.prompt):
            return given
        document = self._completed(documents.overlay(self.base, given))
        if not documents.history_enabled(given):
            document = documents.merge(document, {"flags": {"history": False}})
        return document

    def think(self, block: Block | list[Block]) -> Block | list[Block]:
        """The think block of an UpdateThink, which replaces the one in force, with what the profile adds.

        Raises:
            ProtocolError: INVALID_SETTINGS, as above.
        """
        self._check("UpdateThink names addresses that are not allowed", {"agent": {"think": block}})
        completed: Block | list[Block] = self._completed({"agent": {"think": block}})["agent"]["think"]
        return completed

    def handed_over(self, document: Document, fragment: Document, before: Collection[Document]) -> Document:
        """The effective document of a client whose agent becomes this one.

        Prompt and functions are this profile's; of think, speak and listen what it names. The client's own functions stay.

        Args:
            document: as it is in effect.
            fragment: what the profile itself says, no defaults.
            before: the functions that the profile before added.
        """
        own = self.own(document, before)
        named = {kind: block for kind, block in agent_of(fragment).items() if kind in ("think", "speak", "listen")}
        document = documents.overlay(document, {"agent": named})
        prompt = documents.prompt(fragment) or self.prompt
        if prompt is not None:
            document = documents.with_prompt(document, prompt)
        return documents.add_functions(documents.with_functions(document, own), list(self.declared))

    def own(self, document: Document, before: Collection[Document]) -> list[Document]:
        """The client's own functions: those that the profile before did not add."""
        added = {function["name"] for function in before}
        return [function for function in documents.functions(document) if function.get("name") not in added]

    def check_speak(self, block: Block | list[Block]) -> None:
        """Refuse the speak block of an UpdateSpeak for an address that is not allowed.

        Raises:
            ProtocolError: INVALID_SETTINGS.
        """
        self._check("UpdateSpeak names addresses that are not allowed", {"agent": {"speak": block}})

    def clashes(self, think: Block | list[Block] | None) -> list[str]:
        """The names that the client declares and the profile has: the profile's stand."""
        ours = {function["name"] for function in self.declared}
        theirs = documents.functions({"agent": {"think": think}})
        return [function["name"] for function in theirs if function.get("name") in ours]

    def _completed(self, document: Document) -> Document:
        document = documents.add_functions(document, list(self.declared))
        return documents.with_default_prompt(document, self.prompt) if self.prompt else document

    def _check(self, what: str, document: Document) -> None:
        faults = documents.endpoint_faults(document, self.allowed_endpoints)
        faults += [
            FieldError(pointer, "functions with an endpoint come from the daemon's configuration; run this one in the client")
            for pointer, _ in documents.function_endpoints(document)
        ]
        require_valid(what, faults)
