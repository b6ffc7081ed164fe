"""Draw a trajectory with ground truth: example frames with errors, and the router over time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.demo.ground_truth import MAX_DEPTH_M, in_range
from zoedepth_ros.demo.router_timeline import draw_router_timeline
from zoedepth_ros.demo.trajectory_summary import DOMAINS, ScoredFrame, Timeline, TrajectorySummary
from zoedepth_ros.media.ground_truth_panel import draw_ground_truth_row, heading

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
