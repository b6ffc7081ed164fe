"""Errors as colours for eyes: green is right, red is wrong, black is where there is no truth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.media.color import BACKGROUND, INK, Picture, put_text, text_width

MOST_PERCENT = 50.0
"""Errors of this and more have the last colour."""

# Blue-green-red at 0, 10, 25 and 50 per cent; also apart for eyes that confuse red and green.
_ANCHORS_PERCENT = (0.0, 10.0, 25.0, MOST_PERCENT)
_ANCHORS = ((120, 130, 20), (150, 215, 140), (110, 215, 250), (45, 40, 205))


def error_percent(
    depth_m: NDArray[np.float32], truth_m: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Give |depth - truth| / truth (H, W) [per cent]; NaN where one of them is not known."""
    with np.errstate(invalid='ignore', divide='ignore'):
        error = 100.0 * np.abs(depth_m - truth_m) / truth_m
    known = np.isfinite(truth_m) & (truth_m > 0.0) & ~np.isnan(depth_m)
    return np.where(known, error, np.nan).astype(np.float32)


def error_to_bgr(percent: NDArray[np.float32]) -> Picture:
    """Return a picture (H, W, 3) of errors (H, W) [per cent]; NaN is black."""
    known = ~np.isnan(percent)
    clipped = np.clip(np.where(known, percent, 0.0), 0.0, MOST_PERCENT)
    channels = [
        np.interp(clipped, _ANCHORS_PERCENT, column) for column in zip(*_ANCHORS, strict=True)
    ]
    bgr = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    bgr[~known] = 0
    return bgr


def error_bar(height: int, *, text_px: float = 12.0) -> Picture:
    """Draw the vertical scale that belongs to `error_to_bgr`, large errors on top."""
    margin_px, bar_px = round(text_px * 1.2), round(text_px * 1.5)
    top_px = margin_px + round(text_px * 1.6)
    bottom_px = max(top_px + 2, height - margin_px)
    labels = {percent: f'{percent:g}' for percent in _ANCHORS_PERCENT}
    labels[MOST_PERCENT] = f'{MOST_PERCENT:g}+'
    left_px = margin_px // 2
    widest_px = max(text_width(label, text_px) for label in labels.values())
    width_px = left_px + bar_px + round(text_px) + widest_px + margin_px
    canvas = np.full((height, width_px, 3), BACKGROUND, np.uint8)
    ramp = np.linspace(MOST_PERCENT, 0.0, bottom_px - top_px, dtype=np.float32)
    canvas[top_px:bottom_px, left_px : left_px + bar_px] = error_to_bgr(ramp[:, None])
    put_text(canvas, '%', (left_px, top_px - round(text_px * 0.7)), text_px)
    for percent, label in labels.items():
        y = round(bottom_px - 1 - percent / MOST_PERCENT * (bottom_px - top_px - 1))
        end_px = left_px + bar_px + round(text_px * 0.4)
        cv2.line(canvas, (left_px + bar_px, y), (end_px, y), INK, 1)
        at = (end_px + round(text_px * 0.4), y + round(text_px / 2))
        put_text(canvas, label, at, text_px)
    return canvas
