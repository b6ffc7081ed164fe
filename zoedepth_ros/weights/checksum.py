"""What tells one file from another."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

_BLOCK_BYTES = 1 << 22


def sha256_of(file: BinaryIO) -> str:
    """Return the checksum of what is left of an open file, as hexadecimal digits."""
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()
