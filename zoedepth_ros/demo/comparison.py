"""Prediction beside truth: picture | truth | prediction | error, one row a moment."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.demo.error import error_bar, error_percent, error_to_bgr
from zoedepth_ros.media.color import (
    BACKGROUND,
    Picture,
    depth_range,
    depth_to_bgr,
    put_text,
    scale_bar,
)
from zoedepth_ros.media.panel import assemble, draw_warning, fit


@dataclass(frozen=True, slots=True)
class ComparisonTitles:
    """Hold what stands above the four views of a row."""

    picture: str = 'picture'
    """Above the camera picture."""
    truth: str = 'truth [m]'
    """Above the true depth."""
    depth: str = 'prediction [m]'
    """Above the predicted depth."""
    error: str = 'error'
    """Above the error."""


def draw_comparison(
    rgb: NDArray[np.uint8],
    truth_m: NDArray[np.float32],
    depth_m: NDArray[np.float32],
    *,
    counted_m: NDArray[np.float32] | None = None,
    titles: ComparisonTitles | None = None,
    warning: str = '',
    view_height: int = 348,
) -> Picture:
    """Draw one row, as blue-green-red (H, W, 3).

    rgb: (H, W, 3); truth_m, depth_m: (H, W) [m], drawn on one scale, that of the truth.
    counted_m: the truth with NaN where errors are not shown; the truth itself when not given.
    warning: a text across everything.  view_height: height of each view [px].
    """
    titles = titles or ComparisonTitles()
    text_px = max(8.0, view_height / 22)
    near_m, far_m = depth_range(truth_m)
    errors = error_to_bgr(error_percent(depth_m, truth_m if counted_m is None else counted_m))
    truth, depth = (depth_to_bgr(one_m, near_m, far_m) for one_m in (truth_m, depth_m))
    bar_px = round(6.6 * text_px)  # whatever the numbers, so that rows stand under each other
    columns = [
        (titles.picture, [fit(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), view_height)]),
        (titles.truth, [fit(truth, view_height, cv2.INTER_NEAREST)]),
        (
            titles.depth,
            [
                fit(depth, view_height, cv2.INTER_NEAREST),
                _of_width(scale_bar(view_height, near_m, far_m, text_px=text_px), bar_px),
            ],
        ),
        (
            titles.error,
            [
                fit(errors, view_height, cv2.INTER_NEAREST),
                _of_width(error_bar(view_height, text_px=text_px), bar_px),
            ],
        ),
    ]
    row = assemble(columns, round(text_px * 1.2), text_px)
    return draw_warning(row, warning) if warning else row


def _of_width(bar: Picture, width: int) -> Picture:
    """Fill up with background, or leave as it is when it is wider."""
    missing = max(0, width - bar.shape[1])
    return np.hstack([bar, np.full((bar.shape[0], missing, 3), BACKGROUND, np.uint8)])


def heading(width: int, lines: list[str], text_px: float) -> Picture:
    """Draw lines of text, the first one large."""
    first_px, line_px = text_px * 1.5, round(text_px * 2.1)
    height = round(first_px * 2.2) + line_px * (len(lines) - 1) + round(text_px * 0.4)
    canvas = np.full((height, width, 3), BACKGROUND, np.uint8)
    left, y = round(text_px), round(first_px * 1.7)
    for index, line in enumerate(lines):
        put_text(canvas, line, (left, y), text_px if index else first_px, bold=not index)
        y += line_px
    return canvas
