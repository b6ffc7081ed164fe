"""Reproducible noise as a function of position; kernels."""

from __future__ import annotations

import math
import random

import numpy as np

from zoedepth_ros.synthetic.jit import kernel

_LAST = (1 << 14) - 1
_COLUMN, _ROW, _SEED = 1, 1435, 7369
_DRAW = random.Random('noise')
_TABLE = np.array([_DRAW.random() for _ in range(_LAST + 1)], dtype=np.float32)
_MASK = 0xFFFFFFFF


@kernel
def chance(ix: int, iy: int, iz: int) -> float:
    """Return a number in [0, 1) that depends on three integers and nothing else."""
    h = (ix * 374761393 + iy * 668265263 + iz * 1274126177) & _MASK
    h = ((h ^ (h >> 13)) * 1274126177) & _MASK
    h = ((h ^ (h >> 16)) * 2246822519) & _MASK
    h ^= h >> 13
    return (h & 0xFFFFFF) * (1.0 / 16777216.0)


@kernel
def noise2(x: float, y: float, seed: int) -> float:
    """Return smooth noise in [0, 1) with features of size 1."""
    fx, fy = math.floor(x), math.floor(y)
    # A place in a table instead of a hash: three times as fast; repeats after some 100 features.
    at = int(fx) * _COLUMN + int(fy) * _ROW + seed * _SEED
    u, v = x - fx, y - fy
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    low, right = _TABLE[at & _LAST], _TABLE[(at + _COLUMN) & _LAST]
    high, across = _TABLE[(at + _ROW) & _LAST], _TABLE[(at + _ROW + _COLUMN) & _LAST]
    low += (right - low) * u
    high += (across - high) * u
    return low + (high - low) * v


@kernel
def noise3(x: float, y: float, z: float, seed: int) -> float:
    """Return smooth noise in [0, 1) with features of size 1, in space."""
    fz = math.floor(z)
    iz = int(fz)
    w = z - fz
    w = w * w * (3.0 - 2.0 * w)
    # 7919 tells layers from seeds, so that neighbours in z share their corners.
    low = noise2(x, y, seed + 7919 * iz)
    high = noise2(x, y, seed + 7919 * (iz + 1))
    return low * (1.0 - w) + high * w


@kernel
def detail(x: float, y: float, seed: int, blur: float) -> float:
    """Return noise of three octaves around 0, without what is finer than `blur`."""
    total, gain, k = 0.0, 1.0, 1.0
    for octave in range(3):
        fade = min(1.0, 1.4 - blur * k)
        if fade <= 0.0:
            break
        total += gain * fade * (noise2(x * k, y * k, seed + 31 * octave) - 0.5)
        gain *= 0.6
        k *= 2.7
    return total


@kernel
def ramp(low: float, high: float, x: float) -> float:
    """Return 0 below `low`, 1 above `high`, smooth between."""
    t = min(1.0, max(0.0, (x - low) / (high - low)))
    return t * t * (3.0 - 2.0 * t)


@kernel
def band(d: float, half_width: float, blur: float) -> float:
    """Return how much of a pixel of size `blur` at distance d from a line's middle it covers."""
    edge = max(blur, 1e-5)
    cover = min(1.0, max(0.0, (half_width - abs(d)) / edge + 0.5))
    return cover * min(1.0, 2.0 * half_width / edge)
