"""A person who confirms calls of tier high, or does not."""

from agentd.functions.gate.confirm import Confirmation, Confirmations

NAME = "a person"


class Confirmer:
    """Answers at once.

    Attributes:
        approve: what it answers; None leaves calls waiting until their time is over.
        asked: the name and the arguments of each call that it was asked about.
    """

    def __init__(self) -> None:
        self.approve: bool | None = True
        self.asked: list[tuple[str, dict[str, object]]] = []

    def watch(self, confirmations: Confirmations) -> None:
        """Answer all of these from now on."""

        def requested(confirmation: Confirmation) -> None:
            self.asked.append((confirmation.name, dict(confirmation.arguments)))
            if self.approve is not None:
                confirmations.decide(confirmation.nonce, approve=self.approve, by=NAME)

        confirmations.on_request.append(requested)

    def reset(self) -> None:
        """As it was made."""
        self.approve = True
        self.asked.clear()
