"""Sums up measured times."""

import statistics
from collections.abc import Sequence


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Quartiles, 99th percentile and greatest, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    return {
        "p25": round(cuts[24] * 1000, 3),
        "p50": round(cuts[49] * 1000, 3),
        "p75": round(cuts[74] * 1000, 3),
        "p99": round(cuts[98] * 1000, 3),
        "max": round(max(seconds) * 1000, 3),
    }
