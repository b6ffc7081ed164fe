"""Draw a trajectory with ground truth: example frames with errors, and the router over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

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
    'black: the sky; in the error image also depth above the scored range, '
    f'{MAX_DEPTH_M["indoor"]:g} m indoors and {MAX_DEPTH_M["outdoor"]:g} m outdoors'
)
_COLORS = {'indoor': (80, 165, 235), 'outdoor': (200, 140, 60)}  # blue, green, red
_DIM, _DOOR, _SWITCH = (165, 165, 165), (255, 255, 255), (60, 60, 230)
_ON_COLOR = (15, 15, 15)
_LEFT_PX, _RIGHT_PX = 168, 40  # beside the chart
_TOP_PX, _CHART_PX, _BAND_PX, _BELOW_PX = 38, 120, 32, 128


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
    lines = [f'{model} on a rendered trajectory with ground truth', error_text(summary), _BLACK]
    router = 'The router selects the head'
    if not math.isnan(timeline.accuracy):
        router += f', correctly in {percent(timeline.accuracy)} of the images'
    return [
        heading(width, lines, _TEXT_PX),
        *rows,
        heading(width, [router], _TEXT_PX * 0.8),
        _draw_timeline(timeline, width),
    ]


def _row(
    where: str, frame: ScoredFrame, summary: TrajectorySummary, warning: str
) -> NDArray[np.uint8]:
    time_s = frame.time_s - summary.start_s
    # The head of this depth was active before the router output of this image.
    earlier = [output for output in summary.router_outputs if output.time_s < frame.time_s]
    head = f', {max(earlier, key=lambda output: output.time_s).head} head' if earlier else ''
    titles = (
        f'{where}, after {time_s:.1f} s',
        f'prediction [m]{head}',
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
    return f'door; the head switches {abs(delay_s):.1f} s {order} the door'


def percent(share: float) -> str:
    """Format a share as per cent, with one decimal below 10 %."""
    return f'{100.0 * share:.1f} %' if share < 0.0995 else f'{100.0 * share:.0f} %'


def _draw_timeline(timeline: Timeline, width: int) -> BgrImage:
    """Draw the router output, the true domain, the active head and the doors over time."""
    end_s = max((time_s for time_s, _ in timeline.domains), default=0.0) or 1.0
    right, bottom = width - _RIGHT_PX, _TOP_PX + _CHART_PX

    def column(time_s: float) -> int:
        """Return the column of a time, clipped to the chart."""
        return _LEFT_PX + round((right - _LEFT_PX) * min(1.0, max(0.0, time_s / end_s)))

    canvas = np.full((bottom + _BELOW_PX, width, 3), BACKGROUND, np.uint8)
    chart = canvas[_TOP_PX:bottom, _LEFT_PX:right]
    _fill_chart(chart, [(o.time_s, o.outdoor) for o in timeline.router_outputs], end_s)
    _label_chart(canvas, bottom)
    y = bottom + 11
    heads = [(output.time_s, output.head) for output in timeline.router_outputs]
    for name, states in (('true domain', timeline.domains), ('active head', heads)):
        put_text(canvas, name, (16, y + 24), _TEXT_PX)
        _draw_states(canvas, states, end_s, column, y)
        y += _BAND_PX + 6
    for time_s, _ in timeline.switches:
        cv2.line(canvas, (column(time_s), _TOP_PX), (column(time_s), y), _SWITCH, 3)
    for door in timeline.doors:
        _draw_door(canvas, column(door.time_s), door_text(door.delay_s), y)
    for tick_s in linear_ticks(0.0, end_s, 10):
        label = f'{tick_s:g} s'
        left = column(tick_s) - text_width(label, _TEXT_PX) // 2
        put_text(canvas, label, (left, y + 27), _TEXT_PX, _DIM)
    return canvas


def _fill_chart(chart: BgrImage, outdoor: Sequence[tuple[float, float]], end_s: float) -> None:
    """Draw times [s] and probabilities: outdoor below the curve; grey without a router."""
    height, width = chart.shape[:2]
    chart[:] = (60, 60, 60)
    known = [(time_s, share) for time_s, share in outdoor if math.isfinite(share)]
    if known:
        times_s, shares = (np.array(values) for values in zip(*known, strict=True))
        at_s = np.arange(width) / max(1, width) * end_s
        curve = height - np.interp(at_s, times_s, shares) * height
        is_outdoor = np.arange(height)[:, None] >= curve
        chart[:] = np.where(is_outdoor[..., None], _COLORS['outdoor'], _COLORS['indoor'])
    chart[height // 2] = BACKGROUND


def _label_chart(canvas: BgrImage, bottom: int) -> None:
    for share, label in ((0.0, '0'), (0.5, '50'), (1.0, '100 %')):
        left = _LEFT_PX - text_width(label, 14.4) - 11
        put_text(canvas, label, (left, bottom - round(share * 104)), 14.4, _DIM)
    for line, text in enumerate(('router:', 'outdoor')):
        put_text(canvas, text, (16, _TOP_PX + _CHART_PX // 2 + 29 * line), _TEXT_PX)


def _draw_states(
    canvas: BgrImage,
    states: Sequence[tuple[float, str]],
    end_s: float,
    column: Callable[[float], int],
    top: int,
) -> None:
    """Draw times [s] and states as a band; equal neighbours share a label."""
    changes = [state for k, state in enumerate(states) if not k or states[k - 1][1] != state[1]]
    ends_s = [time_s for time_s, _ in changes[1:]] + [end_s]
    for (begin_s, state), until_s in zip(changes, ends_s, strict=False):
        left, right = column(begin_s), column(until_s)
        canvas[top : top + _BAND_PX, left:right] = _COLORS.get(state, _DIM)
        text_px = text_width(state, _TEXT_PX)
        if right - left > text_px + _TEXT_PX:
            at = ((left + right - text_px) // 2, top + (_BAND_PX + 16) // 2)
            put_text(canvas, state, at, _TEXT_PX, _ON_COLOR)


def _draw_door(canvas: BgrImage, x: int, text: str, bottom: int) -> None:
    """Draw a dashed line with a label above it, clipped to the chart."""
    for y in range(_TOP_PX - 10, bottom, 20):
        cv2.line(canvas, (x, y), (x, min(bottom, y + 10)), _DOOR, 2)
    left = min(x - 5, canvas.shape[1] - _RIGHT_PX - text_width(text, _TEXT_PX))
    put_text(canvas, text, (max(_LEFT_PX, left), _TOP_PX - 14), _TEXT_PX)
