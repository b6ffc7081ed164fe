"""Output to terminals with any encoding."""

from __future__ import annotations

import io
import sys


def print_anything() -> None:
    """Escape characters that the encoding of stdout and stderr lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')
