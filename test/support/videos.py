"""Small videos; those of a variable frame rate are Matroska files of JPEGs with their times."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np


def write_avi(
    path: Path, count: int, *, size: tuple[int, int] = (48, 64), fps: float = 10.0, step: int = 20
) -> Path:
    """Write frames (H, W) whose grey is `step` times their number."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), fps, size[::-1])
    for number in range(count):
        writer.write(np.full((*size, 3), step * number, np.uint8))
    writer.release()
    return path


def write_mkv(path: Path, times_ms: Sequence[int]) -> Path:
    """Write frames of 64 x 48 px with 5 times their number as grey and the given start times."""
    height, width = 48, 64
    blocks = []
    for number, time_ms in enumerate(times_ms):
        jpeg = cv2.imencode('.jpg', np.full((height, width, 3), 5 * number, np.uint8))[1].tobytes()
        blocks.append(_element('a3', b'\x81' + struct.pack('>hB', time_ms, 0x80) + jpeg))
    video = _element('b0', _number(width)) + _element('ba', _number(height))
    track = (
        _element('d7', b'\x01')  # number
        + _element('73c5', b'\x01')  # UID
        + _element('83', b'\x01')  # type: video
        + _element('86', b'V_MJPEG')
        + _element('e0', video)
    )
    info = _element('2ad7b1', _number(1_000_000))  # times in milliseconds
    info += _element('4d80', b'test') + _element('5741', b'test')
    cluster = _element('e7', b'\x00') + b''.join(blocks)
    segment = _element('1549a966', info) + _element('1654ae6b', _element('ae', track))
    segment += _element('1f43b675', cluster)
    head = _element('4282', b'matroska') + _element('4287', b'\x04') + _element('4285', b'\x02')
    path.write_bytes(_element('1a45dfa3', head) + _element('18538067', segment))
    return path


def _element(identifier: str, content: bytes) -> bytes:
    return bytes.fromhex(identifier) + (1 << 56 | len(content)).to_bytes(8, 'big') + content


def _number(value: int) -> bytes:
    return value.to_bytes(4, 'big')
