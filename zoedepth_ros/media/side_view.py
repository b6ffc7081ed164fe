"""A cloud seen from its side, with axes in metres."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.media.color import BACKGROUND, EDGE, BgrImage, linear_ticks, put_text, text_width

_GRID = (58, 52, 48)
_FAINT_INK = (150, 150, 150)
_CAMERA = (90, 200, 255)


def draw_side_view(
    points: NDArray[np.float32],
    points_rgb: NDArray[np.uint8],
    *,
    height: int,
    width: int,
    text_px: float,
    edges: NDArray[np.float32] | None = None,
) -> BgrImage:
    """Draw a cloud seen from its right side, blue-green-red (height, width, 3).

    points: (…, 3) [m]; points_rgb: (…, 3).  edges: (k, 3) of missing floor [m], on top.
    Convention: points have x right, y down, z forward; drawn are z to the right and up upwards,
    one scale for both, the camera at (0, 0). Points with larger x hide those with smaller x.
    """
    points = np.asarray(points, np.float32).reshape(-1, 3)
    colors = np.asarray(points_rgb, np.uint8).reshape(-1, 3)
    finite = np.isfinite(points).all(axis=1)
    points, colors = points[finite], colors[finite]
    frame = _Frame.around(points, height, width, text_px)
    canvas = np.full((height, width, 3), BACKGROUND, np.uint8)
    _draw_axes(canvas, frame, text_px)
    order = np.argsort(points[:, 0], kind='stable')
    _splat(canvas, frame, points[order], colors[order])
    for _, y, z in () if edges is None else edges:
        at = int(frame.column(z)), int(frame.row(-y))
        cv2.circle(canvas, at, round(text_px / 4), EDGE, -1, cv2.LINE_AA)
    _draw_camera(canvas, frame, text_px)
    if not len(points):
        put_text(canvas, 'no points', (frame.left_px + 20, height // 2), text_px)
    return canvas


@dataclass(frozen=True, slots=True)
class _Frame:
    """Map metres forward and up to pixels of the side view."""

    left_px: int
    top_px: int
    right_px: int
    bottom_px: int
    scale_px_m: float
    """Pixels for one metre, along both axes [px/m]."""
    forward_m: float
    """Distance at the left edge [m]."""
    up_m: float
    """Height at the lower edge [m]."""

    @classmethod
    def around(
        cls, points: NDArray[np.float32], height: int, width: int, text_px: float
    ) -> _Frame:
        """Choose one scale that shows nearly all points and the camera."""
        left_px, top_px = round(text_px * 3.6), round(text_px)
        right_px, bottom_px = width - round(text_px), height - round(text_px * 2.4)
        far_m, low_m, high_m = 1.0, -0.5, 0.5
        if len(points):
            far_m = float(np.percentile(points[:, 2], 99.0))
            low_m, high_m = (float(v) for v in np.percentile(-points[:, 1], (0.5, 99.5)))
        low_m, high_m = min(low_m, 0.0), max(high_m, 0.0)
        span_m, rise_m = max(far_m, 1e-3) * 1.1, max(high_m - low_m, 1e-3) * 1.1
        scale = min((right_px - left_px) / span_m, (bottom_px - top_px) / rise_m)
        shown_m = (bottom_px - top_px) / scale
        up_m = (low_m + high_m - shown_m) / 2
        forward_m = -0.04 * (right_px - left_px) / scale
        return cls(left_px, top_px, right_px, bottom_px, scale, forward_m, up_m)

    def column(self, forward_m: NDArray | float) -> NDArray:
        return np.rint((forward_m - self.forward_m) * self.scale_px_m).astype(int) + self.left_px

    def row(self, up_m: NDArray | float) -> NDArray:
        return self.bottom_px - np.rint((up_m - self.up_m) * self.scale_px_m).astype(int)


def _splat(
    canvas: BgrImage, frame: _Frame, points: NDArray[np.float32], colors: NDArray[np.uint8]
) -> None:
    """Set small squares in the order of the points, the last one on top."""
    column, row = frame.column(points[:, 2]), frame.row(-points[:, 1])
    for dx in (0, 1):
        for dy in (0, 1):
            x, y = column + dx, row + dy
            inside = (x >= frame.left_px) & (x < frame.right_px)
            inside &= (y >= frame.top_px) & (y < frame.bottom_px)
            canvas[y[inside], x[inside]] = colors[inside][:, ::-1]


def _draw_axes(canvas: BgrImage, frame: _Frame, text_px: float) -> None:
    """Draw a grid in metres, the same step along both axes, and its numbers."""
    width_px, height_px = frame.right_px - frame.left_px, frame.bottom_px - frame.top_px
    small_px = text_px * 0.8
    end_m = frame.forward_m + width_px / frame.scale_px_m
    step_count = max(3, round(width_px / 70))
    for tick_m in linear_ticks(0.0, end_m, step_count):
        x = int(frame.column(tick_m))
        cv2.line(canvas, (x, frame.top_px), (x, frame.bottom_px), _GRID, 1)
        label = f'{tick_m:g}'
        at = (x - text_width(label, small_px) // 2, frame.bottom_px + round(text_px * 1.3))
        put_text(canvas, label, at, small_px)
    top_m = frame.up_m + height_px / frame.scale_px_m
    for tick_m in linear_ticks(frame.up_m, top_m, max(2, round(height_px / 70))):
        y = int(frame.row(tick_m))
        cv2.line(canvas, (frame.left_px, y), (frame.right_px, y), _GRID, 1)
        label = f'{tick_m:g}'
        left = frame.left_px - text_width(label, small_px) - round(text_px * 0.5)
        put_text(canvas, label, (left, y + round(small_px / 2)), small_px)
    right_px = frame.right_px - text_width('z forward', small_px)
    for text, x, y in (
        ('z forward', right_px, frame.bottom_px - round(text_px * 0.5)),
        ('up', frame.left_px + round(text_px * 0.4), frame.top_px + round(text_px * 0.9)),
    ):
        put_text(canvas, text, (x, y), small_px, _FAINT_INK)


def _draw_camera(canvas: BgrImage, frame: _Frame, text_px: float) -> None:
    """Draw the camera at the origin, its opening to the right."""
    x, y, size = int(frame.column(0.0)), int(frame.row(0.0)), round(text_px * 0.9)
    corners = np.array([[x, y], [x + size, y - size // 2], [x + size, y + size // 2]])
    cv2.polylines(canvas, [corners], True, _CAMERA, max(1, round(text_px / 9)), cv2.LINE_AA)
    at = (x, y + round(text_px * 1.5))
    put_text(canvas, 'camera', at, text_px * 0.7, _CAMERA)
