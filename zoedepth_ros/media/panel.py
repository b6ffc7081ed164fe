"""One image of everything: camera image | depth | uncertainty | cloud from the side, or errors."""

from __future__ import annotations

import math
import textwrap

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.media.color import (
    BACKGROUND,
    INK,
    BgrImage,
    color_limits,
    depth_range,
    depth_to_bgr,
    error_bar,
    error_to_bgr,
    put_text,
    scale_bar,
    text_width,
)
from zoedepth_ros.media.side_view import draw_side_view

SIDE_TITLE = 'points from the side [m]'
UNCERTAINTY_TITLE = 'standard deviation, share of depth'
_WARNING_BAND = (36, 28, 190)
_WARNING_INK = (255, 255, 255)


def draw_panel(
    rgb: NDArray[np.uint8],
    depth_m: NDArray[np.float32],
    points: NDArray[np.float32],
    points_rgb: NDArray[np.uint8],
    *,
    uncertainty_m: NDArray[np.float32] | None = None,
    edges: NDArray[np.float32] | None = None,
    titles: tuple[str, str, str] = ('image', 'depth [m]', SIDE_TITLE),
    warning: str = '',
    note: str = '',
    near_m: float | None = None,
    far_m: float | None = None,
    view_height: int = 480,
) -> BgrImage:
    """Draw image, depth and cloud beside each other, as blue-green-red (H, W, 3).

    rgb: (H, W, 3); depth_m: (H', W') [m], of the same view, may have another size.
    uncertainty_m: (H', W') standard deviation [m], shown as a share of depth; None for none.
    edges: (k, 3) edges of missing floor [m], yellow in the cloud.
    titles: above image, depth and cloud.
    points: (…, 3) [m] x right, y down, z forward, NaN allowed; points_rgb: (…, 3) their colours.
    warning: a text across everything, such as 'random weights: not depth'.
    note: a milder warning, along the lower edge, that covers little.
    near_m, far_m: limits of the colours, from the depth itself when not given.
    view_height: height of each view [px]; text grows with it.
    """
    text_px = max(8.0, view_height / 34)
    near_m, far_m = color_limits(depth_m, near_m, far_m)
    image = fit(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), view_height)
    depth = fit(depth_to_bgr(depth_m, near_m, far_m), view_height, cv2.INTER_NEAREST)
    bar = scale_bar(view_height, near_m, far_m, text_px=text_px)
    side = draw_side_view(
        points,
        points_rgb,
        height=view_height,
        width=round(view_height * 1.5),
        text_px=text_px,
        edges=edges,
    )
    columns = list(zip(titles, ([image], [depth, bar], [side]), strict=True))
    if uncertainty_m is not None:
        known_m = np.where(np.isfinite(depth_m) & (depth_m > 0.0), depth_m, np.nan)
        share = error_to_bgr(100.0 * uncertainty_m / known_m)
        views = [
            fit(share, view_height, cv2.INTER_NEAREST),
            error_bar(view_height, text_px=text_px),
        ]
        columns.insert(2, (UNCERTAINTY_TITLE, views))
    panel = _assemble(columns, round(text_px * 1.4), text_px)
    if note:
        panel = draw_note(panel, note, text_px * 1.2)
    return draw_warning(panel, warning) if warning else panel


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
    """Draw prediction beside ground truth: image | ground truth | prediction | error (H, W, 3).

    Blue-green-red.  Colours of the error: green is correct, red is wrong, black is unknown.

    rgb: (H, W, 3); true_m, depth_m: (H, W) [m], both in the colour range of the ground truth.
    titles: above image, prediction and error.
    scored_m: ground truth with NaN where no error is shown; true_m if not given.
    warning: a text across the row.  note: a text below the row.  view_height: of each view [px].
    """
    text_px = max(8.0, view_height / 22)
    near_m, far_m = depth_range(true_m)
    errors = error_to_bgr(_error_percent(depth_m, true_m if scored_m is None else scored_m))
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
    row = _assemble(columns, round(text_px * 1.2), text_px)
    if warning:
        row = draw_warning(row, warning)
    return draw_note(row, note, text_px) if note else row


def draw_depth_with_scale(
    depth_m: NDArray[np.float32],
    *,
    near_m: float | None = None,
    far_m: float | None = None,
    warning: str = '',
) -> BgrImage:
    """Draw depth (H, W) [m] at its own size with the scale at its right side."""
    near_m, far_m = color_limits(depth_m, near_m, far_m)
    height = depth_m.shape[0]
    bar = scale_bar(height, near_m, far_m, text_px=max(8.0, height / 40))
    drawn = np.hstack([depth_to_bgr(depth_m, near_m, far_m), bar])
    return draw_warning(drawn, warning) if warning else drawn


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


def draw_warning(image: BgrImage, text: str) -> BgrImage:
    """Return the image with a prominent band across its middle."""
    height, width = image.shape[:2]
    lines, text_px = _fit_text(text, height, width)
    line_px = round(text_px * 1.7)
    top = (height - line_px * len(lines)) // 2
    margin_px = round(text_px * 0.25)
    drawn = image.copy()
    band = drawn[max(0, top - margin_px) : top + line_px * len(lines) + margin_px]
    band[:] = cv2.addWeighted(band, 0.15, np.full_like(band, _WARNING_BAND), 0.85, 0.0)
    for index, line in enumerate(lines):
        left = (width - text_width(line, text_px)) // 2
        base = top + index * line_px + round((line_px + text_px) / 2)
        put_text(drawn, line, (left, base), text_px, _WARNING_INK, bold=True)
    return drawn


def draw_note(image: BgrImage, text: str, text_px: float) -> BgrImage:
    """Return the image with a slim band along its lower edge."""
    width = image.shape[1]
    band = np.full((round(text_px * 2.2), width, 3), _WARNING_BAND, np.uint8)
    text_px *= min(1.0, 0.96 * width / max(1, text_width(text, text_px)))
    left = (width - text_width(text, text_px)) // 2
    put_text(band, text, (left, round((band.shape[0] + text_px) / 2)), text_px, _WARNING_INK)
    return np.vstack([image, band])


def _fit_text(text: str, height: int, width: int) -> tuple[list[str], float]:
    """Break a text into as few lines as keep it readable; return them and the text height [px]."""
    largest_px, readable_px = max(8.0, min(height / 14, 40.0)), min(12.0, height / 14)
    for count in range(1, 7):
        lines = textwrap.wrap(text, math.ceil(len(text) / count) + 2)
        widest_px = max(text_width(line, largest_px) for line in lines)
        text_px = largest_px * min(1.0, 0.92 * width / max(1, widest_px))
        if text_px >= readable_px:
            break
    return lines, text_px


def _assemble(columns: list[tuple[str, list[BgrImage]]], gap_px: int, text_px: float) -> BgrImage:
    """Put views with titles beside each other on the background."""
    height = columns[0][1][0].shape[0]
    title_px = round(text_px * 2.4)
    body: list[BgrImage] = [np.full((height, gap_px, 3), BACKGROUND, np.uint8)]
    titles: list[tuple[str, int]] = []
    for title, views in columns:
        titles.append((title, sum(part.shape[1] for part in body)))
        body += [*views, np.full((height, gap_px, 3), BACKGROUND, np.uint8)]
    row = np.hstack(body)
    panel = np.full((title_px + height + gap_px, row.shape[1], 3), BACKGROUND, np.uint8)
    panel[title_px : title_px + height] = row
    for title, left in titles:
        put_text(panel, title, (left, title_px - round(text_px * 0.7)), text_px, INK)
    return panel


def padded(image: BgrImage, width: int) -> BgrImage:
    """Return an image at least this wide [px], with background on its right."""
    missing = max(0, width - image.shape[1])
    return np.hstack([image, np.full((image.shape[0], missing, 3), BACKGROUND, np.uint8)])


def fit(image: BgrImage, height: int, shrink: int = cv2.INTER_AREA) -> BgrImage:
    """Resize to that height, the shape kept."""
    width = max(1, math.floor(image.shape[1] * height / image.shape[0] + 0.5))
    larger = height > image.shape[0]
    how = cv2.INTER_LINEAR if larger and shrink == cv2.INTER_AREA else shrink
    return cv2.resize(image, (width, height), interpolation=how)


def _error_percent(
    depth_m: NDArray[np.float32], true_m: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return |depth - true| / true (H, W) [per cent]; NaN if one of them is unknown."""
    with np.errstate(invalid='ignore', divide='ignore'):
        error = 100.0 * np.abs(depth_m - true_m) / true_m
    known = np.isfinite(true_m) & (true_m > 0.0) & ~np.isnan(depth_m)
    return np.where(known, error, np.nan).astype(np.float32)
