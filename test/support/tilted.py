"""Depth of a floor, walls and boxes through a tilted and rolled camera, by plain ray casting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np


class Room(NamedTuple):
    """The boxes and walls around a camera at the origin's x and y; x ahead, y left, z up [m]."""

    boxes: Sequence[tuple[tuple[float, float, float], tuple[float, float, float]]] = ()
    """Lowest and highest corner of each."""

    front_m: float = 6.0
    side_m: float = 3.0
    ceiling_m: float = 2.6


ROOMS = {
    'room': Room([((2.2, -0.4, 0.0), (2.8, 0.3, 0.6)), ((3.5, 0.9, 0.0), (4.2, 1.6, 1.1))]),
    'corridor': Room(front_m=8.0, side_m=1.0, ceiling_m=2.4),
    'yard': Room([((4.0, -1.0, 0.0), (4.5, 1.0, 1.5))], 40.0, 40.0, 40.0),
}


def axes(pitch_deg: float, roll_deg: float) -> np.ndarray:
    """Return the camera's x, y and z axis as columns (3, 3), in the room."""
    pitch, roll = math.radians(pitch_deg), math.radians(roll_deg)
    ahead = np.array([math.cos(pitch), 0.0, math.sin(pitch)])
    right = np.array([0.0, -1.0, 0.0])
    down = np.cross(ahead, right)
    x = math.cos(roll) * right + math.sin(roll) * down
    y = -math.sin(roll) * right + math.cos(roll) * down
    return np.stack((x, y, ahead), axis=1)


def look(
    room: Room,
    rays: np.ndarray,
    pitch_deg: float,
    roll_deg: float = 0.0,
    height_m: float = 1.2,
) -> tuple[np.ndarray, np.ndarray]:
    """Return depth along z [m] and which pixels see the floor, (H, W) both."""
    ones = np.ones_like(rays[..., :1])
    d = np.concatenate((rays, ones), axis=-1).astype(np.float64) @ axes(pitch_deg, roll_deg).T
    eye = np.array([0.0, 0.0, height_m])
    with np.errstate(divide='ignore', invalid='ignore'):
        floor_m = np.where(d[..., 2] < 0.0, -height_m / d[..., 2], np.inf)
        others = [
            np.where(d[..., 0] > 0.0, room.front_m / d[..., 0], np.inf),
            room.side_m / np.abs(d[..., 1]),
            np.where(d[..., 2] > 0.0, (room.ceiling_m - height_m) / d[..., 2], np.inf),
        ]
        for low, high in room.boxes:
            to_low, to_high = (np.array(low) - eye) / d, (np.array(high) - eye) / d
            near = np.minimum(to_low, to_high).max(axis=-1)
            far = np.maximum(to_low, to_high).min(axis=-1)
            others.append(np.where((near < far) & (near > 0.0), near, np.inf))
    rest_m = np.minimum.reduce(others)
    return np.minimum(floor_m, rest_m).astype(np.float32), floor_m < rest_m


def smooth_noise(shape: tuple[int, int], share: float, seed: int) -> np.ndarray:
    """Return factors (H, W) that vary smoothly about 1 by `share`, like a network's errors."""
    coarse = np.random.default_rng(seed).standard_normal((4, 5)).astype(np.float32)
    noise = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return 1.0 + np.float32(share) * (noise - noise.mean()) / noise.std()
