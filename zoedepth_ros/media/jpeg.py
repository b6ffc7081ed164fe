"""Check by its markers whether a JPEG file is whole (ITU-T T.81, annex B).

Decoders fill what is missing with grey or leave it blurred, without an error.  Damage that leaves
the markers intact, and no zeros, shows only while the values are decoded.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

JPEG_START = b'\xff\xd8'
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a start of frame (table B.1)."""
NO_END = 'is cut off: it has no end marker'

_END, _SCAN, _TABLES, _RESTART_INTERVAL = 0xD9, 0xDA, 0xC4, 0xDD
_HUFFMAN, _LOST = frozenset({0xC0, 0xC1}), bytes(32)
_SEQUENTIAL, _PROGRESSIVE = frozenset({0xC0, 0xC1, 0xC9}), frozenset({0xC2, 0xCA})
_BETWEEN_SCANS = frozenset({0xC4, 0xCC, _END, _SCAN, 0xDB, 0xDC, _RESTART_INTERVAL, 0xFE}) | (
    frozenset(range(0xE0, 0xF0))
)
_NEXT_MARKER = re.compile(rb'\xff[^\x00\xd0-\xd7\xff]')
_RESTART = 0xD0  # to 0xD7, in turn
_UNKNOWN = 99  # of a coefficient: no bit has come


class Segment(NamedTuple):
    """Hold a marker with what follows it."""

    marker: int
    """Its second byte."""

    at: int
    """Where it is."""

    content: bytes
    """Its parameters."""

    end: int
    """Where the next marker is looked for; of a scan, the end of its compressed data."""


def jpeg_segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments of a JPEG file up to its end marker, as far as they are whole."""
    at = len(JPEG_START)
    while at >= 0 and at + 2 <= len(data):
        marker = data[at + 1] if data[at] == 0xFF else 0xFF
        if marker in (0x00, 0xFF):  # fill bytes, or others, which decoders skip
            at = data.find(b'\xff', at + 1)
            continue
        if marker == _END:
            yield Segment(marker, at, b'', at + 2)
            return
        if at + 4 > len(data):
            return
        (length,) = struct.unpack_from('>H', data, at + 2)
        content, end = data[at + 4 : at + 2 + length], at + 2 + length
        if marker == _SCAN:
            found = _NEXT_MARKER.search(data, end)
            if found is None:
                return
            end = found.start()
        yield Segment(marker, at, content, end)
        at = end


def jpeg_fault(data: bytes) -> str:
    """Return what is wrong with a JPEG file by its markers, a verb first; '' for nothing.

    What follows the end marker, such as the rest of a driver's buffer, does not matter.
    """
    frame: _Frame | None = None
    interval, ends = 0, dict[int, bool]()
    for segment in jpeg_segments(data):
        marker, content = segment.marker, segment.content
        if marker == _END:
            return '' if frame is None else frame.lack()
        if frame is not None and frame.scans and marker not in _BETWEEN_SCANS:
            return f'is damaged: a marker FF {marker:02X} in the compressed data'
        if marker in JPEG_FRAMES and len(content) >= 6:
            frame = _Frame.of(marker, content)
        elif marker == _RESTART_INTERVAL and len(content) >= 2:
            (interval,) = struct.unpack_from('>H', content)
        elif marker == _TABLES:
            ends.update(_zeros_end_blocks(content))
        elif marker == _SCAN and frame is not None:
            coded = data[segment.at + 4 + len(content) : segment.end]
            fault = frame.add_scan(content, coded, interval) or frame.zeros(content, coded, ends)
            if fault:
                return fault
    return NO_END


def jpeg_end(data: bytes) -> int:
    """Return where the end marker of a JPEG file is; -1 for a file without one."""
    if not data.startswith(JPEG_START):
        return -1
    return next((s.at for s in jpeg_segments(data) if s.marker == _END), -1)


@dataclass(slots=True)
class _Frame:
    """Follow which parts of a frame have come."""

    marker: int
    height: int
    width: int
    samplings: dict[int, tuple[int, int]]  # component -> horizontal, vertical
    lowest_bits: dict[int, list[int]] = field(default_factory=dict)
    """Component -> the lowest bit of each coefficient that has come."""
    scans: int = 0

    @classmethod
    def of(cls, marker: int, content: bytes) -> _Frame:
        """Read the segment of a frame."""
        height, width = struct.unpack_from('>HH', content, 1)
        components = [content[at : at + 3] for at in range(6, len(content) - 2, 3)]
        return cls(marker, height, width, {c[0]: (c[1] >> 4, c[1] & 15) for c in components})

    def add_scan(self, header: bytes, coded: bytes, interval: int) -> str:
        """Note a scan; returns what is wrong with it.

        coded: its compressed data.  interval: of its restart markers [MCU]; 0 for none.
        """
        self.scans += 1
        count = header[0] if header else 0
        if len(header) < 4 + 2 * count:
            return 'is damaged: the header of a scan is too short'
        components = header[1 : 1 + 2 * count : 2]
        first, last, bits = header[1 + 2 * count : 4 + 2 * count]
        if self.marker not in _PROGRESSIVE:
            first, last, bits = 0, 63, 0
        for component in components:
            lowest = self.lowest_bits.setdefault(component, [_UNKNOWN] * 64)
            lowest[first : last + 1] = [bits & 15] * (min(last, 63) + 1 - first)
        return self._restarts_fault(components, coded, interval)

    def lack(self) -> str:
        """Return what is missing when no more scans come."""
        if self.marker not in _SEQUENTIAL | _PROGRESSIVE:
            return ''
        for component in self.samplings:
            if any(self.lowest_bits.get(component, [_UNKNOWN])):
                return 'is cut off: its last scans are missing'
        return ''

    def zeros(self, header: bytes, coded: bytes, ends: Mapping[int, bool]) -> str:
        """Return what is wrong with zeros in a sequential scan, as of data that were lost.

        ends: see `_zeros_end_blocks`; without tables those of annex K hold.
        """
        if self.marker not in _HUFFMAN or len(header) < 3 or ends.get(header[2] & 15, False):
            return ''
        at = coded.find(_LOST)
        return '' if at < 0 else f'is damaged: zeros in the compressed data, from byte {at}'

    def _restarts_fault(self, components: Sequence[int], coded: bytes, interval: int) -> str:
        values = np.frombuffer(coded, np.uint8)
        after = values[1:][values[:-1] == 0xFF]
        found = after[after & 0xF8 == _RESTART]
        if found.size and not interval:
            return 'is damaged: a restart marker without a restart interval'
        if (found != _RESTART + np.arange(found.size) % 8).any():
            return 'is damaged: restart markers are missing or out of order'
        units = self._units(components)
        wanted = -(-units // interval) - 1 if interval and units else found.size
        if not wanted <= found.size <= wanted + 1:  # some encoders end with one
            return f'is damaged: {found.size} restart markers instead of {wanted}'
        return ''

    def _units(self, components: Sequence[int]) -> int:
        """Return the MCUs of a scan of all components; 0 where they are not known."""
        samplings = list(self.samplings.values())
        if len(components) != len(samplings) or not self.height or not all(map(all, samplings)):
            return 0
        across = down = 1
        if len(samplings) > 1:
            across, down = (max(factors) for factors in zip(*samplings, strict=True))
        return -(-self.width // (8 * across)) * -(-self.height // (8 * down))


def _zeros_end_blocks(content: bytes) -> Iterator[tuple[int, bool]]:
    """Yield the number of each AC table of a segment, and whether its code of zeros ends a block.

    Zeros may then be a flat area; otherwise they are 63 equal coefficients in every block, which
    no image has.
    """
    at = 0
    while at + 18 <= len(content):
        if content[at] >> 4:
            yield content[at] & 15, content[at + 17] == 0
        at += 17 + sum(content[at + 1 : at + 17])
