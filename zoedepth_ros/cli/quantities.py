"""Numbers on the command line, with their units and ranges."""

from __future__ import annotations

import argparse

BITS_HELP = 'significant bits of 16-bit images (default: those of the largest value)'


def significant_bits(text: str) -> int:
    """Read how many bits of 16-bit values are significant."""
    from zoedepth_ros.output.brightness import LEAST_BITS, MOST_BITS

    if not text.isdigit() or not LEAST_BITS <= int(text) <= MOST_BITS:
        expected = f'expected {LEAST_BITS} to {MOST_BITS} bits, got {text}'
        raise argparse.ArgumentTypeError(expected)
    return int(text)
