"""Images of 16 bits a value as 8 bits, by the bits that are significant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the settings, and so `zoedepth --help`, read the constants below
    import numpy as np
    from numpy.typing import NDArray

SENSOR_BITS = (8, 10, 12, 14, 16)
"""Bits a value of image sensors."""

LEAST_BITS, MOST_BITS = 8, 16


class SignificantBits:
    """Know how many bits of the values of one camera's 16-bit images are significant.

    A camera of 12 bits sends values up to 4095 in 16 bits: taken for 16 bits the image is black.
    Bits that are not configured follow from the largest value so far, and so never become fewer.
    """

    def __init__(self) -> None:
        self._largest = 0
        self.text = ''
        """How 16-bit values are read, in words; '' before the first."""

    def of(self, values: NDArray[np.uint16], configured: int = 0) -> int:
        """Return the bits for the values of an image, without alpha.

        configured: 8 to 16, or 0 for the fewest bits of a sensor that hold the largest value.
        """
        self._largest = max(self._largest, int(values.max()))
        bits = configured or next(bits for bits in SENSOR_BITS if self._largest < 1 << bits)
        reason = 'as configured' if configured else 'the largest value so far needs this number'
        if self._largest >= 1 << bits:
            reason += '; larger values occur and are treated as white'
        self.text = f'16-bit images are read with {bits} significant bits: {reason}'
        return bits


def to_8_bits(values: NDArray[Any], white: int) -> NDArray[np.uint8]:
    """Scale values so that white becomes 255; larger ones do too."""
    import cv2

    scaled: NDArray[np.uint8] = cv2.convertScaleAbs(values, alpha=255.0 / white)
    return scaled
