"""Number of fuzzing cases: few by default, more with ZOEDEPTH_FUZZ_CASES."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

CASES = int(os.environ.get('ZOEDEPTH_FUZZ_CASES', '0'))


def some(usual: int, share: float = 1.0) -> settings:
    """Return hypothesis' settings: `usual` cases, or that share of the requested cases.

    No case has a limit of its own: that would be one of this machine. What hangs on a bad message
    runs into the time limit of the test.
    """
    return settings(
        max_examples=max(1, round(share * CASES)) if CASES else usual,
        deadline=None,
        database=None,
        derandomize=not CASES,
        suppress_health_check=list(HealthCheck),
    )
