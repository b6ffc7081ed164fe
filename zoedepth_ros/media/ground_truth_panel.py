"""Prediction beside ground truth: image | ground truth | prediction | error, one row per frame.

Colours of the error: green is correct, red is wrong, black is without ground truth.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.media.color import (
    BACKGROUND,
    BgrImage,
    depth_range,
    depth_to_bgr,
    error_bar,
    error_to_bgr,
    put_text,
    scale_bar,
)
from zoedepth_ros.media.panel import assemble, draw_note, draw_warning, fit, padded


def draw_ground_truth_row(
    rgb: NDArray[np.uint8],
    true_m: NDArray[np.float32],
    depth_m: NDArray[np.float32],
    *,
    titles: tuple[str, str, str],
    scored_m: NDArray[np.float32] | None = None,
    warning: str = '',
    note: str = '',
    view_height: int = 348,
) -> BgrImage:
    """Draw one row, as blue-green-red (H, W, 3).

    rgb: (H, W, 3); true_m, depth_m: (H, W) [m], both in the colour range of the ground truth.
    titles: above image, prediction and error.
    scored_m: ground truth with NaN where no error is shown; true_m if not given.
    warning: a text across the row.  note: a text below the row.  view_height: of each view [px].
    """
    text_px = max(8.0, view_height / 22)
    near_m, far_m = depth_range(true_m)
    errors = error_to_bgr(error_percent(depth_m, true_m if scored_m is None else scored_m))
    views = (depth_to_bgr(true_m, near_m, far_m), depth_to_bgr(depth_m, near_m, far_m), errors)
    true, depth, error = (fit(view, view_height, cv2.INTER_NEAREST) for view in views)
    bar_px = round(6.6 * text_px)  # independent of the labels, so that the rows align
    depth_bar, percent_bar = (
        padded(bar, bar_px)
        for bar in (
            scale_bar(view_height, near_m, far_m, text_px=text_px),
            error_bar(view_height, text_px=text_px),
        )
    )
    columns = [
        (titles[0], [fit(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), view_height)]),
        ('ground truth [m]', [true]),
        (titles[1], [depth, depth_bar]),
        (titles[2], [error, percent_bar]),
    ]
    row = assemble(columns, round(text_px * 1.2), text_px)
    if warning:
        row = draw_warning(row, warning)
    return draw_note(row, note, text_px) if note else row


def heading(width: int, lines: list[str], text_px: float) -> BgrImage:
    """Draw lines of text, the first one large."""
    first_px, line_px = text_px * 1.5, round(text_px * 2.1)
    height = round(first_px * 2.2) + line_px * (len(lines) - 1) + round(text_px * 0.4)
    canvas = np.full((height, width, 3), BACKGROUND, np.uint8)
    left, y = round(text_px), round(first_px * 1.7)
    for index, line in enumerate(lines):
        put_text(canvas, line, (left, y), text_px if index else first_px, bold=not index)
        y += line_px
    return canvas


def error_percent(
    depth_m: NDArray[np.float32], true_m: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return |depth - true| / true (H, W) [per cent]; NaN if one of them is unknown."""
    with np.errstate(invalid='ignore', divide='ignore'):
        error = 100.0 * np.abs(depth_m - true_m) / true_m
    known = np.isfinite(true_m) & (true_m > 0.0) & ~np.isnan(depth_m)
    return np.where(known, error, np.nan).astype(np.float32)
