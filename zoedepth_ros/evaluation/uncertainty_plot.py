"""Draw coverage and sparsification of the uncertainty of each head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.evaluation.uncertainty import LEVELS, REMOVED, UncertaintyScore
from zoedepth_ros.media.color import BACKGROUND, INK, BgrImage, put_text

SIDE_PX, MARGIN_PX, TEXT_PX = 360, 56, 11.0
GREY, BLUE, ORANGE = (120, 120, 120), (235, 160, 70), (60, 150, 240)

Curve = tuple[str, tuple[int, int, int], NDArray[np.floating], NDArray[np.floating]]


def draw_uncertainty(scores: Mapping[str, UncertaintyScore], note: str = '') -> BgrImage:
    """Return one row per head: measured against nominal coverage, and sparsification.

    note: below the charts, such as a warning about the weights.
    """
    rows = [np.hstack([_coverage(h, s), _sparsification(h, s)]) for h, s in scores.items()]
    drawn = np.vstack(rows)
    band = np.full((round(2.5 * TEXT_PX) if note else 0, drawn.shape[1], 3), BACKGROUND, np.uint8)
    if note:
        put_text(band, note, (MARGIN_PX, round(1.5 * TEXT_PX)), TEXT_PX)
    return np.vstack([drawn, band])


def _coverage(head: str, score: UncertaintyScore) -> BgrImage:
    canvas = _chart(
        f'{head}: share of errors within the interval',
        'probability of a normal distribution',
        (
            ('exact', GREY, np.array((0.0, 1.0)), np.array((0.0, 1.0))),
            ('by std', BLUE, np.array((0.0, *LEVELS)), np.array((0.0, *score.coverage))),
        ),
        (0.05, 0.92),
    )
    for nominal, measured in zip((0.68, 0.95), score.intervals[:2], strict=True):
        cv2.circle(canvas, _at(nominal, measured), 5, ORANGE, -1, cv2.LINE_AA)
        left, base = _at(nominal, measured)
        put_text(canvas, f'{nominal:.0%}: {measured:.1%}', (left - 100, base - 8), TEXT_PX, ORANGE)
    return canvas


def _sparsification(head: str, score: UncertaintyScore) -> BgrImage:
    return _chart(
        f'{head}: AUSE {score.ause:.3f} (random order {score.ause_random:.3f})',
        'share of the most uncertain pixels left out',
        (
            ('random', GREY, REMOVED, np.ones_like(REMOVED)),
            ('by std', BLUE, REMOVED, score.by_std),
            ('by error', ORANGE, REMOVED, score.oracle),
        ),
        (0.7, 0.74),
    )


def _chart(
    title: str, below: str, curves: Sequence[Curve], legend: tuple[float, float]
) -> BgrImage:
    """Draw curves of 0 to 1 over 0 to 1; legend: where the first of their names is."""
    whole_px = SIDE_PX + 2 * MARGIN_PX
    canvas: BgrImage = np.full((whole_px, whole_px, 3), BACKGROUND, np.uint8)
    for tick in np.arange(0.0, 1.01, 0.2):
        for start, end in (((tick, 0.0), (tick, 1.0)), ((0.0, tick), (1.0, tick))):
            cv2.line(canvas, _at(*start), _at(*end), (60, 56, 54), 1)
        left, base = _at(0.0, tick)
        put_text(canvas, f'{tick:.1f}', (left - 34, base + 5), TEXT_PX)
        left, base = _at(tick, 0.0)
        put_text(canvas, f'{tick:.1f}', (left - 10, base + 20), TEXT_PX)
    for number, (name, color, xs, ys) in enumerate(curves):
        line = np.array([_at(x, y) for x, y in zip(xs, ys, strict=True)], np.int32)
        cv2.polylines(canvas, [line], False, color, 2, cv2.LINE_AA)
        put_text(canvas, name, _at(legend[0], legend[1] - 0.06 * number), TEXT_PX, color)
    put_text(canvas, title, (MARGIN_PX, MARGIN_PX - 14), TEXT_PX, INK)
    put_text(canvas, below, (MARGIN_PX, whole_px - 12), TEXT_PX, INK)
    return canvas


def _at(x: float, y: float) -> tuple[int, int]:
    """Return the pixel of a point of the chart; values above 1 are drawn at its edge."""
    y = min(1.02, y)
    return MARGIN_PX + round(SIDE_PX * x), MARGIN_PX + round(SIDE_PX * (1.0 - y))
