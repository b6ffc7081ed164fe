"""How much to fuzz: a little on every run, ZOEDEPTH_FUZZ_CASES for as much as one likes."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

CASES = int(os.environ.get('ZOEDEPTH_FUZZ_CASES', '0'))


def some(usual: int, share: float = 1.0) -> settings:
    """Give hypothesis' settings: `usual` cases, or that share of the cases asked for.

    A case that takes longer than a second is a failure: nothing may hang on a bad message.
    """
    return settings(
        max_examples=max(1, round(share * CASES)) if CASES else usual,
        deadline=1000,
        database=None,
        derandomize=not CASES,
        suppress_health_check=list(HealthCheck),
    )
