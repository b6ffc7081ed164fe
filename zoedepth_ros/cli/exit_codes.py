"""The exit codes of every command; `zoedepth --help` and the documents print this table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130

MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        DONE: 'everything is done',
        FAILED: 'the work began and part of it failed: an input that cannot be read while others '
        'can, a full disk, a check that is not met; what is done is there',
        REFUSED: 'nothing is done: wrong arguments, no input, no weights, no place to write to',
        INTERRUPTED: 'interrupted with Ctrl+C',
    }
)
"""Code -> what it means."""
