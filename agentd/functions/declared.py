"""What the tables of the configuration have in common: their options as every function has them."""

from agentd.config.functions import OptionTable
from agentd.functions.options import Options


def options_of(table: OptionTable) -> Options:
    """The options that a table sets."""
    return Options(
        cancel_on_barge_in=table.cancel_on_barge_in,
        filler=(table.filler,) if isinstance(table.filler, str) else table.filler,
        filler_after_s=table.filler_after_s,
        on_duplicate=table.on_duplicate,
        per_minute=table.per_minute,
        untrusted_output=table.untrusted_output,
        background=table.background,
        result=table.say,
    )
