"""Text for terminals and logs, whatever their encoding."""

from __future__ import annotations

import io
import sys


def print_anything() -> None:
    """Let stdout and stderr escape what their encoding lacks; otherwise a print ends the work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')
