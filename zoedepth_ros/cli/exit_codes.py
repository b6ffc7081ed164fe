"""The exit codes of all commands; `zoedepth --help` and docs/troubleshooting.md have the table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from zoedepth_ros.errors import EXIT_CONTEXT_LOST

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130

MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        DONE: 'everything is done',
        FAILED: 'a part of the work failed: one input of several cannot be read, the disk is '
        'full, or a check failed; finished results are kept',
        REFUSED: 'nothing was done: wrong arguments, no input, no weights, no place to write to',
        EXIT_CONTEXT_LOST: 'a CUDA error that only a new process can recover from: run the '
        'command again; finished results are kept',
        INTERRUPTED: 'interrupted with Ctrl+C',
    }
)
"""Code -> meaning."""
