"""Depth and errors in colours, with their scales.

Depth: near warm, far cold.  Errors: small green, large red.  Unknown is black.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.errors import printable

BgrImage = NDArray[np.uint8]

BACKGROUND = (30, 26, 24)
"""Dark grey behind everything drawn, blue-green-red."""
INK = (225, 225, 225)
"""Colour of text and ticks, blue-green-red."""
EDGE = (60, 210, 255)
"""Colour of edges of missing floor, blue-green-red."""

COLOR_RANGE_M = {'indoor': (0.3, 10.0), 'outdoor': (1.0, 80.0)}
"""Head -> nearest and farthest depth of the colours; fixed, so that a colour keeps its meaning."""


def color_range_m(head: str, farthest_m: float) -> tuple[float, float]:
    """Return the nearest and farthest depth of the colours [m], by farthest_m for other heads."""
    return COLOR_RANGE_M.get(head, (farthest_m / 80.0, farthest_m))


MAX_PERCENT = 50.0
"""Errors of this and more have the last colour."""

# Blue-green-red at these errors; distinguishable with red-green colour blindness.
_ANCHORS_PERCENT = (0.0, 10.0, 25.0, MAX_PERCENT)
_ANCHORS = ((120, 130, 20), (150, 215, 140), (110, 215, 250), (45, 40, 205))

FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_HEIGHT_PX = 21.0  # a capital letter of FONT at scale 1
# The ends of the map are nearly black, and black means unknown.
_NEAR_INDEX, _FAR_INDEX = 236.0, 22.0


def depth_range(depth_m: NDArray[np.float32]) -> tuple[float, float]:
    """Return (near_m, far_m) that most of a depth map lies between; (1, 10) when none is known."""
    known_m = depth_m[np.isfinite(depth_m) & (depth_m > 0)]
    if known_m.size == 0:
        return 1.0, 10.0
    near_m, far_m = (float(limit) for limit in np.percentile(known_m, (1.0, 99.0)))
    if far_m < near_m * 1.1:  # one wall: its noise is not worth the whole rainbow
        middle_m = math.sqrt(near_m * far_m)
        near_m, far_m = middle_m / 1.05, middle_m * 1.05
    return near_m, far_m


def color_limits(
    depth_m: NDArray[np.float32], near_m: float | None = None, far_m: float | None = None
) -> tuple[float, float]:
    """Return the limits of the colours; those that are not given come from `depth_range`.

    Raises ValueError unless 0 < near_m < far_m.
    """
    if near_m is None or far_m is None:
        found_near_m, found_far_m = depth_range(depth_m)
        # A given limit wins; the found one moves out of its way.
        if near_m is None:
            near_m = found_near_m if far_m is None else min(found_near_m, 0.9 * far_m)
        if far_m is None:
            far_m = max(found_far_m, 1.1 * near_m)
    if not (math.isfinite(far_m) and 0 < near_m < far_m):
        raise ValueError(f'expected 0 < near_m < far_m, got {near_m} and {far_m}')
    return near_m, far_m


def depth_to_bgr(
    depth_m: NDArray[np.float32], near_m: float | None = None, far_m: float | None = None
) -> BgrImage:
    """Return an image (H, W, 3) of a depth map (H, W) [m], for eyes only.

    The scale is logarithmic: equal steps of colour are equal ratios of distance, as the errors of
    such depth are. Limits are those of `color_limits`, which raises ValueError; depth beyond them
    takes the colour of the limit. NaN, infinite and non-positive depth is black.
    """
    near_m, far_m = color_limits(depth_m, near_m, far_m)
    known = np.isfinite(depth_m) & (depth_m > 0)
    ratio = np.log(np.where(known, depth_m, near_m) / near_m) / math.log(far_m / near_m)
    return _colors(ratio, known)


def scale_bar(height: int, near_m: float, far_m: float, *, text_px: float) -> BgrImage:
    """Draw the vertical scale that belongs to `depth_to_bgr`, far on top, ticks in metres.

    Returns (height, width, 3); the width follows from the text, whose capitals are `text_px` high.
    """
    count = max(2, min(8, _bar_rows(height, text_px) // 40))
    marks = {
        f'{tick_m:g}': math.log(tick_m / near_m) / math.log(far_m / near_m)
        for tick_m in nice_ticks(near_m, far_m, count)
    }
    return vertical_bar(height, lambda far: _colors(far, np.isfinite(far)), marks, 'm', text_px)


def vertical_bar(
    height: int,
    colors: Callable[[NDArray[np.float64]], BgrImage],
    marks: Mapping[str, float],
    title: str,
    text_px: float,
) -> BgrImage:
    """Draw a vertical scale, (height, width, 3); the width follows from the text.

    colors: return those of shares (n, 1), 0 at the bottom and 1 on top, (n, 1, 3).  marks: label
    -> share, from the bottom up; one that would lie over the one below has no number.
    """
    left_px, bar_px = round(text_px * 1.2) // 2, round(text_px * 1.5)
    top_px = round(text_px * 1.2) + round(text_px * 1.6)
    rows = _bar_rows(height, text_px)
    widest_px = max(text_width(label, text_px) for label in [*marks, title])
    right_px = left_px + bar_px
    width_px = right_px + round(text_px) + widest_px + round(text_px * 1.2)
    canvas = np.full((height, width_px, 3), BACKGROUND, np.uint8)
    bar = colors(np.linspace(1.0, 0.0, rows)[:, None])
    canvas[top_px : top_px + rows, left_px:right_px] = bar[: max(0, height - top_px)]
    put_text(canvas, title, (left_px, top_px - round(text_px * 0.7)), text_px)
    below_px = float('inf')
    for label, share in marks.items():
        y = round(top_px + (1.0 - share) * (rows - 1))
        end_px = right_px + round(text_px * 0.4)
        cv2.line(canvas, (right_px, y), (end_px, y), INK, 1)
        if below_px - y < 1.4 * text_px:
            continue
        below_px = y
        put_text(canvas, label, (end_px + round(text_px * 0.4), y + round(text_px / 2)), text_px)
    return canvas


def error_to_bgr(percent: NDArray[np.floating]) -> BgrImage:
    """Return the colours (H, W, 3) of errors (H, W) [per cent]; NaN is black."""
    known = ~np.isnan(percent)
    clipped = np.clip(np.where(known, percent, 0.0), 0.0, MAX_PERCENT)
    channels = [
        np.interp(clipped, _ANCHORS_PERCENT, column) for column in zip(*_ANCHORS, strict=True)
    ]
    bgr = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    bgr[~known] = 0
    return bgr


def error_bar(height: int, *, text_px: float) -> BgrImage:
    """Draw the vertical scale of `error_to_bgr`, large errors at the top."""
    marks = {f'{percent:g}': percent / MAX_PERCENT for percent in _ANCHORS_PERCENT[:-1]}
    marks[f'{MAX_PERCENT:g}+'] = 1.0
    return vertical_bar(height, lambda s: error_to_bgr(s * MAX_PERCENT), marks, '%', text_px)


def _bar_rows(height: int, text_px: float) -> int:
    return max(2, height - 2 * round(text_px * 1.2) - round(text_px * 1.6))


def nice_ticks(near: float, far: float, count: int) -> list[float]:
    """Return about `count` round numbers, two at least, inside a logarithmic range.

    The numbers are digits times powers of ten where the range is wide, and evenly spaced round
    numbers where it is narrow.
    """
    decades = range(math.floor(math.log10(near)), math.ceil(math.log10(far)) + 1)
    ticks: list[float] = []
    for digits in ('1234568', '125', '13', '1'):
        ticks = [float(f'{digit}e{decade}') for decade in decades for digit in digits]
        ticks = [tick for tick in ticks if near <= tick <= far]
        if 3 <= len(ticks) <= count:
            return ticks
    if far / near > 100.0:
        return ticks[:: math.ceil(len(ticks) / count)]
    finer = (linear_ticks(near, far, more) for more in range(count, count + 9))
    return next(ticks for ticks in finer if len(ticks) >= 2)


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Return about `count` multiples of 1, 2 or 5 times a power of ten inside [low, high]."""
    rough = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f'{index * step:.10g}') for index in range(first, last + 1)]


def put_text(
    canvas: BgrImage,
    text: str,
    at: tuple[int, int],
    text_px: float,
    color: tuple[int, int, int] = INK,
    *,
    bold: bool = False,
) -> None:
    """Write at `at`, the left end of the base line, with capitals `text_px` high."""
    thickness = max(1, round(text_px / 11)) + int(bold)
    scale = text_px / _FONT_HEIGHT_PX
    cv2.putText(canvas, printable(text), at, FONT, scale, color, thickness, cv2.LINE_AA)


def text_width(text: str, text_px: float) -> int:
    """Return how wide `put_text` writes this [px]."""
    thickness = max(1, round(text_px / 11))
    (width_px, _), _ = cv2.getTextSize(printable(text), FONT, text_px / _FONT_HEIGHT_PX, thickness)
    return int(width_px)


def _colors(ratio: NDArray, known: NDArray[np.bool_]) -> BgrImage:
    """Turn 0 (near) to 1 (far) into colours, black where not known."""
    index = _NEAR_INDEX + (_FAR_INDEX - _NEAR_INDEX) * np.clip(ratio, 0.0, 1.0)
    bgr = cv2.applyColorMap(np.rint(index).astype(np.uint8), cv2.COLORMAP_TURBO)
    bgr[~known] = 0
    return bgr
