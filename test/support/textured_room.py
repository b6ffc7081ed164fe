"""A room with textured walls, rendered for any camera model: images, exact depth, poses."""

from __future__ import annotations

import math

import cv2
import numpy as np

SIZE_M = np.array((8.0, 6.0, 3.0))
"""The room spans from the origin to this corner; z is up [m]."""

PX_PER_M = 40


def _texture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    side = int(PX_PER_M * SIZE_M.max())
    coarse = cv2.resize(rng.uniform(0, 1, (side // 8,) * 2), (side, side), interpolation=1)
    fine = cv2.GaussianBlur(rng.uniform(0, 1, (side, side)), (0, 0), 1.2)
    return (60 + 120 * coarse + 400 * (fine - 0.5)).clip(0, 255).astype(np.float32)


TEXTURES = [_texture(seed) for seed in range(7)]


def rotation(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Return right, down and forward of a camera as columns."""
    forward = np.array(
        (math.cos(yaw) * math.cos(pitch), math.sin(yaw) * math.cos(pitch), math.sin(pitch))
    )
    right = np.array((math.sin(yaw), -math.cos(yaw), 0.0))
    down = np.cross(forward, right)
    c, s = math.cos(roll), math.sin(roll)
    return np.stack((c * right + s * down, c * down - s * right, forward), axis=1)


def render(
    rays: np.ndarray, turn: np.ndarray, eye: np.ndarray, board: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return rgb (H, W, 3) and depth (H, W) [m]; NaN where rays are.

    rays: (H, W, 2).  board: middle of a square of 0.7 m that faces the x axis.
    """
    ahead = np.dstack((rays, np.ones(rays.shape[:2]))) @ turn.T  # (H, W, 3) with z = 1 m depth
    depth = np.full(rays.shape[:2], np.inf)
    grey = np.zeros(rays.shape[:2], np.float32)
    planes = [(axis, side * SIZE_M[axis], axis * 2 + side, None) for axis in range(3)
              for side in (0, 1)]  # fmt: skip
    if board is not None:
        planes.append((0, board[0], 6, board))
    for axis, at_m, number, middle in planes:
        with np.errstate(divide='ignore', invalid='ignore'):
            there = (at_m - eye[axis]) / ahead[..., axis]
        hit = eye + ahead * there[..., None]
        nearer = (there > 1e-6) & (there < depth)
        if middle is not None:
            nearer &= (np.abs(hit - middle)[..., 1:] < 0.35).all(axis=-1)
            hit = hit - middle + 1.0
        u, v = (hit[..., other].astype(np.float32) * PX_PER_M for other in range(3)
                if other != axis)  # fmt: skip
        shade = cv2.remap(TEXTURES[number], u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        depth[nearer], grey[nearer] = there[nearer], shade[nearer]
    known = np.isfinite(rays).all(axis=-1)
    depth[~known], grey[~known] = np.nan, 0.0
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2), depth.astype(np.float32)
