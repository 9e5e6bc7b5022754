"""What the gate tells of itself: confirmations and the kill switch, for the audit and the metrics."""

from agentd.functions.audit.trail import Audit
from agentd.functions.gate.confirm import Confirmation, Ending
from agentd.functions.gate.gate import Gate
from agentd.functions.gate.switch import Setting
from agentd.metrics import Metrics


def record_gate(gate: Gate, audit: Audit, metrics: Metrics) -> None:
    """Write down and count what happens there, from now on."""

    def asked(confirmation: Confirmation) -> None:
        audit.confirmation(confirmation, "asked")
        metrics.confirmation("asked")

    def settled(confirmation: Confirmation, ending: Ending, by: str | None) -> None:
        audit.confirmation(confirmation, ending, by)
        metrics.confirmation(ending)

    def switched(setting: Setting) -> None:
        audit.put("switch", outcome="enabled" if setting.enabled else "disabled", by=setting.changed_by)

    gate.confirmations.on_request.append(asked)
    gate.confirmations.on_settled.append(settled)
    gate.switch.on_change.append(switched)
    metrics.watch_actions(lambda: not gate.switch.setting.enabled)
