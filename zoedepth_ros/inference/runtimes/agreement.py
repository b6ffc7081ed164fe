"""How well two runs of a network agree, and the check of a file at its start.

`zoedepth export` stores the depth of one image, as means of 8 x 8 blocks, in the metadata of every
file.  Whoever opens the file compares that with what its runtime gives here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.files import parse_json
from zoedepth_ros.inference.runtimes.session import Maps

MAX_MEAN_DIFFERENCE = 0.01
"""Largest mean difference, relative to the mean of the expected values."""

_LIMITS = MAX_MEAN_DIFFERENCE, 0.999  # and the smallest correlation of found and expected values
_BF16_LIMITS = 0.02, 0.995
"""Both limits for a runtime that computes in bf16.

By rounding alone the trained ZoeD_S_NK has 0.5 % and 0.9988 on the check image, in torch as well.
"""

FLAT = 1e-3
"""A map that varies by less than this share of its mean has no correlation."""

REFERENCE = 'check_reference'
"""Key of the metadata with the expected block means, as JSON: output -> 64 numbers."""

_BLOCKS = 8


class DriftError(ValueError):
    """A file or engine does not give the depth of what it was made of."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well two maps agree."""

    mean_difference: float
    """Mean of the absolute differences over the mean of the expected magnitudes; NaN for NaN."""
    correlation: float
    """Correlation of both; 1 for maps without variation that differ little."""

    def holds(self, precision: str = 'fp32') -> bool:
        """Whether both are within the limits of a precision; False for NaN."""
        largest, smallest = _limits(precision)
        return self.mean_difference <= largest and self.correlation >= smallest

    def __str__(self) -> str:
        return f'mean difference {self.mean_difference:.2%}, correlation {self.correlation:.5f}'


def _limits(precision: str) -> tuple[float, float]:
    return _BF16_LIMITS if precision == 'bf16' else _LIMITS


def limits_text(precision: str = 'fp32') -> str:
    """Return the limits of a precision, for an error message."""
    largest, smallest = _limits(precision)
    return f'allowed are a mean difference up to {largest:.0%} and a correlation from {smallest}'


def agreement(found: NDArray, expected: NDArray) -> Agreement:
    """Compare two maps; ValueError for different shapes."""
    if found.shape != expected.shape:
        raise ValueError(f'expected an output of the shape {expected.shape}, got {found.shape}')
    ours, theirs = found.astype(np.float64).ravel(), expected.astype(np.float64).ravel()
    size, difference = np.abs(theirs).mean(), np.abs(ours - theirs).mean()
    mean = difference / size if size else (0.0 if difference == 0.0 else np.inf)
    deviation = ours.std(), theirs.std()
    if not all(np.isfinite(deviation)):
        return Agreement(float('nan'), float('nan'))
    if max(deviation) <= FLAT * size:
        return Agreement(float(mean), 1.0)
    if min(deviation) == 0.0:
        return Agreement(float(mean), 0.0)
    return Agreement(float(mean), float(np.corrcoef(ours, theirs)[0, 1]))


def reference(maps: Maps) -> dict[str, str]:
    """Return the metadata for `check_reference`, of the maps of depth by output."""
    numbers = {name: [float(f'{x:.6g}') for x in _blocks(each)] for name, each in maps.items()}
    return {REFERENCE: json.dumps(numbers)}


def expected_blocks(metadata: Mapping[str, str]) -> dict[str, NDArray[np.float64]]:
    """Return the stored block means by output; {} for a file without them.  Raises ValueError."""
    if not metadata.get(REFERENCE):
        return {}
    content = parse_json(metadata[REFERENCE])
    try:
        found = {str(name): np.array(means, np.float64) for name, means in content.items()}
        if all(means.shape == (_BLOCKS**2,) for means in found.values()):
            return found
    except (AttributeError, TypeError, ValueError):
        pass
    raise ValueError(f'metadata {REFERENCE}: expected {_BLOCKS**2} numbers for each output')


def check_reference(
    maps: Maps, expected: Mapping[str, NDArray[np.float64]], origin: str, precision: str
) -> None:
    """Compare maps with stored block means; raises DriftError.

    precision: that in which the maps were computed; bf16 has wider limits.
    """
    for name, values in expected.items():
        if name not in maps:
            raise DriftError(
                f'{origin} has no output {name}, although the metadata of the file describes '
                'this output'
            )
        found = agreement(_blocks(maps[name]), values)
        if not found.holds(precision):
            raise DriftError(
                f'{origin} computes a depth that differs from the depth stored at the export: '
                f'{name} of the check image has {found} ({limits_text(precision)}). Export the '
                'file again with `zoedepth export`, or use another release of the runtime, '
                'another precision or another device'
            )


def _blocks(values: NDArray) -> NDArray[np.float64]:
    """Return the means of 8 x 8 blocks of a map (…, h, w), flat."""
    flat = np.squeeze(np.asarray(values, np.float32))
    grid = np.atleast_2d(flat)
    return cv2.resize(grid, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA).ravel().astype(float)
