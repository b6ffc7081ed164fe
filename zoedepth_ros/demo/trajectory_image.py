"""Draw a trajectory with ground truth: example frames with errors, and the router over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.demo.ground_truth import MAX_DEPTH_M, in_range
from zoedepth_ros.demo.trajectory_summary import ScoredFrame, Timeline, TrajectorySummary
from zoedepth_ros.media.color import BACKGROUND, BgrImage, linear_ticks, put_text, text_width
from zoedepth_ros.media.panel import draw_ground_truth_row, heading
from zoedepth_ros.media.sample import DOMAINS

_TEXT_PX = 16.0
_BLACK = (
    'black: the sky; in the error also depth above the scored range, '
    f'{MAX_DEPTH_M["indoor"]:g} m indoors and {MAX_DEPTH_M["outdoor"]:g} m outdoors'
)


def draw_trajectory(
    summary: TrajectorySummary, *, model: str, warning: str
) -> list[NDArray[np.uint8]]:
    """Draw the parts of the image from top to bottom; none if no frame was scored.

    warning: a text across every row; '' for none.
    """
    examples = summary.examples()
    if not examples:
        return []
    timeline = summary.timeline()
    rows = [_row(where, frame, summary, warning) for where, frame in examples.items()]
    width = max(row.shape[1] for row in rows)
    strip = draw_router_timeline(
        [(output.time_s, output.outdoor) for output in timeline.router_outputs],
        timeline.domains,
        [(output.time_s, output.head) for output in timeline.router_outputs],
        doors=[(door.time_s, door_text(door.delay_s)) for door in timeline.doors],
        switches_s=[time_s for time_s, _ in timeline.switches],
        width=width,
        text_px=_TEXT_PX,
    )
    lines = [f'{model} on a rendered trajectory with ground truth', error_text(summary), _BLACK]
    return [heading(width, lines, _TEXT_PX), *rows, _router_heading(width, timeline), strip]


def _row(
    where: str, frame: ScoredFrame, summary: TrajectorySummary, warning: str
) -> NDArray[np.uint8]:
    time_s = frame.time_s - summary.start_s
    titles = (
        f'{where}, after {time_s:.1f} s',
        f'prediction [m]{_head_at(summary, frame)}',
        f'error: {percent(frame.score.abs_rel)} on average',
    )
    return draw_ground_truth_row(
        frame.rgb,
        frame.true_m,
        frame.depth_m,
        scored_m=in_range(frame.true_m, frame.domain),
        titles=titles,
        warning=warning,
    )


def _head_at(summary: TrajectorySummary, frame: ScoredFrame) -> str:
    """Name the head of this depth: the active one before the router output of this image."""
    earlier = [output for output in summary.router_outputs if output.time_s < frame.time_s]
    return f', {max(earlier, key=lambda output: output.time_s).head} head' if earlier else ''


def _router_heading(width: int, timeline: Timeline) -> NDArray[np.uint8]:
    line = 'The router selects the head'
    if not math.isnan(timeline.accuracy):
        line += f', correctly in {percent(timeline.accuracy)} of the images'
    return heading(width, [line], _TEXT_PX * 0.8)


def error_text(summary: TrajectorySummary) -> str:
    """Report the mean error of each domain."""
    found = [(domain, summary.mean(domain)) for domain in DOMAINS]
    parts = [
        f'{domain} {percent(mean.abs_rel)} ({percent(mean.delta1)} of the pixels within a factor '
        'of 1.25)'
        for domain, mean in found
        if not math.isnan(mean.abs_rel)
    ]
    return 'mean error over the trajectory: ' + ', '.join(parts)


def door_text(delay_s: float | None) -> str:
    """Report the delay of the head switch at a door."""
    if delay_s is None:
        return 'door; the head does not switch'
    order = 'after' if delay_s >= 0.0 else 'before'
    return f'door; the head switches {abs(delay_s):.1f} s {order} it'


def percent(share: float) -> str:
    """Format a share as per cent, with one decimal below 10 %."""
    return f'{100.0 * share:.1f} %' if share < 0.0995 else f'{100.0 * share:.0f} %'


COLORS = {'indoor': (80, 165, 235), 'outdoor': (200, 140, 60)}
"""Blue-green-red of the two domains."""

_DIM, _DOOR, _SWITCH = (165, 165, 165), (255, 255, 255), (60, 60, 230)
_ON_COLOR = (15, 15, 15)

Spans = list[tuple[float, float, str]]


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The time axis of the chart."""

    left: int
    """Column of time 0 [px]."""
    right: int
    """Column of the end [px]."""
    end_s: float
    text_px: float
    """Height of capitals [px]."""

    def x(self, time_s: float) -> int:
        """Return the column of a time [s], clipped to the axis."""
        share = min(1.0, max(0.0, time_s / self.end_s))
        return self.left + round((self.right - self.left) * share)


def draw_router_timeline(
    outdoor: Sequence[tuple[float, float]],
    domains: Sequence[tuple[float, str]],
    heads: Sequence[tuple[float, str]],
    *,
    doors: Sequence[tuple[float, str]],
    switches_s: Sequence[float],
    width: int,
    text_px: float,
) -> BgrImage:
    """Draw everything over one time axis.

    outdoor: time [s] and probability of 'outdoor', NaN for none; domains, heads: time [s] and
    'indoor' or 'outdoor'; doors: time [s] and label.
    """
    end_s = max((time_s for time_s, _ in domains), default=0.0) or 1.0
    axis = TimeAxis(round(text_px * 10.5), width - round(text_px * 2.5), end_s, text_px)
    top, band_px = round(text_px * 2.4), round(text_px * 2.0)
    bottom = top + round(text_px * 7.5)
    canvas = np.full((bottom + round(text_px * 8.0), width, 3), BACKGROUND, np.uint8)
    _draw_probability(canvas, outdoor, axis, top, bottom)
    y = bottom + round(text_px * 0.7)
    for name, states in (('true domain', domains), ('active head', heads)):
        put_text(canvas, name, (round(text_px), y + round(text_px * 1.5)), text_px)
        _draw_spans(canvas, spans(states, end_s), axis, y, y + band_px)
        y += band_px + round(text_px * 0.4)
    for time_s in switches_s:
        cv2.line(canvas, (axis.x(time_s), top), (axis.x(time_s), y), _SWITCH, 3)
    for time_s, text in doors:
        _draw_door(canvas, axis, time_s, text, top, y)
    for tick_s in linear_ticks(0.0, end_s, 10):
        label = f'{tick_s:g} s'
        left = axis.x(tick_s) - text_width(label, text_px) // 2
        put_text(canvas, label, (left, y + round(text_px * 1.7)), text_px, _DIM)
    return canvas


def spans(states: Sequence[tuple[float, str]], end_s: float) -> Spans:
    """Join equal neighbours: begin [s], end [s], state; the last one ends at end_s."""
    joined: Spans = []
    for time_s, state in states:
        if joined and joined[-1][2] == state:
            continue
        if joined:
            joined[-1] = (joined[-1][0], time_s, joined[-1][2])
        joined.append((time_s, end_s, state))
    return joined


def _draw_probability(
    canvas: BgrImage, outdoor: Sequence[tuple[float, float]], axis: TimeAxis, top: int, bottom: int
) -> None:
    """Fill the chart: outdoor below the curve, indoor above it; grey without a router."""
    text_px = axis.text_px
    canvas[top:bottom, axis.left : axis.right] = (60, 60, 60)
    known = [(time_s, share) for time_s, share in outdoor if math.isfinite(share)]
    if known:
        times_s, shares = (np.array(column) for column in zip(*known, strict=True))
        columns = np.arange(axis.left, axis.right)
        at_s = (columns - axis.left) / max(1, axis.right - axis.left) * axis.end_s
        curve = bottom - np.interp(at_s, times_s, shares) * (bottom - top)
        rows = np.arange(top, bottom)[:, None]
        chart = np.where((rows >= curve)[..., None], COLORS['outdoor'], COLORS['indoor'])
        canvas[top:bottom, axis.left : axis.right] = chart
    middle = (top + bottom) // 2
    cv2.line(canvas, (axis.left, middle), (axis.right, middle), BACKGROUND, 1)
    for share, label in ((0.0, '0'), (0.5, '50'), (1.0, '100 %')):
        left = axis.left - text_width(label, text_px * 0.9) - round(text_px * 0.7)
        y = round(bottom - share * (bottom - top - text_px))
        put_text(canvas, label, (left, y), text_px * 0.9, _DIM)
    for line, text in enumerate(('router:', 'outdoor')):
        at = (round(text_px), middle + round(text_px * (0.0 + 1.8 * line)))
        put_text(canvas, text, at, text_px)


def _draw_spans(canvas: BgrImage, states: Spans, axis: TimeAxis, top: int, bottom: int) -> None:
    for begin_s, end_s, state in states:
        left, right = axis.x(begin_s), axis.x(end_s)
        canvas[top:bottom, left:right] = COLORS.get(state, _DIM)
        text_px = text_width(state, axis.text_px)
        if right - left > text_px + axis.text_px:
            middle = (left + right - text_px) // 2
            at = (middle, (top + bottom + round(axis.text_px)) // 2)
            put_text(canvas, state, at, axis.text_px, _ON_COLOR)


def _draw_door(
    canvas: BgrImage, axis: TimeAxis, time_s: float, text: str, top: int, bottom: int
) -> None:
    """Draw a dashed line with a label above it, clipped to the chart."""
    x, dash_px = axis.x(time_s), max(4, round(axis.text_px * 0.6))
    for y in range(top - round(axis.text_px * 0.6), bottom, 2 * dash_px):
        cv2.line(canvas, (x, y), (x, min(bottom, y + dash_px)), _DOOR, 2)
    left = min(x - round(axis.text_px * 0.3), axis.right - text_width(text, axis.text_px))
    put_text(canvas, text, (max(axis.left, left), top - round(axis.text_px * 0.9)), axis.text_px)
