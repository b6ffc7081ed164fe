"""Draw a walk with truth: moments with their errors, and the router over time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.demo.comparison import ComparisonTitles, draw_comparison, heading
from zoedepth_ros.demo.record.comparison import Comparison, Timeline
from zoedepth_ros.demo.record.ground_truth import DOMAINS, MAX_DEPTH_M, Frame, in_range
from zoedepth_ros.demo.timeline import draw_timeline

_TEXT_PX = 16.0
_BLACK = (
    'black: the sky; and in the error what is farther than counts, '
    f'{MAX_DEPTH_M["indoor"]:g} m indoors and {MAX_DEPTH_M["outdoor"]:g} m outdoors'
)


def draw_walk(comparison: Comparison, *, model: str, warning: str) -> list[NDArray[np.uint8]]:
    """Draw the parts of the picture from top to bottom; none when nothing was compared.

    warning: what to say across every row, '' for nothing.
    """
    moments = comparison.moments()
    if not moments:
        return []
    timeline = comparison.timeline()
    rows = [_row(where, frame, comparison, warning) for where, frame in moments.items()]
    width = max(row.shape[1] for row in rows)
    strip = draw_timeline(
        [(verdict.time_s, verdict.outdoor) for verdict in timeline.verdicts],
        timeline.domains,
        [(verdict.time_s, verdict.head) for verdict in timeline.verdicts],
        doors=[(door.time_s, door_text(door.delay_s)) for door in timeline.doors],
        switches_s=[time_s for time_s, _ in timeline.switches],
        width=width,
        text_px=_TEXT_PX,
    )
    lines = [f'{model} on a drawn walk, whose true depth is known', error_text(comparison), _BLACK]
    return [heading(width, lines, _TEXT_PX), *rows, _router_heading(width, timeline), strip]


def _row(where: str, frame: Frame, comparison: Comparison, warning: str) -> NDArray[np.uint8]:
    time_s = frame.time_s - comparison.start_s
    titles = ComparisonTitles(
        picture=f'{where}, after {time_s:.1f} s',
        depth=f'prediction [m]{_head_at(comparison, frame)}',
        error=f'error: {percent(frame.score.abs_rel)} on average',
    )
    return draw_comparison(
        frame.rgb,
        frame.truth_m,
        frame.depth_m,
        counted_m=in_range(frame.truth_m, frame.domain),
        titles=titles,
        warning=warning,
    )


def _head_at(comparison: Comparison, frame: Frame) -> str:
    """Name the head that measured: the one in use before this picture's own verdict."""
    earlier = [verdict for verdict in comparison.verdicts if verdict.time_s < frame.time_s]
    return f', {max(earlier, key=lambda v: v.time_s).head} head' if earlier else ''


def _router_heading(width: int, timeline: Timeline) -> NDArray[np.uint8]:
    line = 'Which head measures is up to the router'
    if not math.isnan(timeline.accuracy):
        line += f', right in {percent(timeline.accuracy)} of the pictures'
    return heading(width, [line], _TEXT_PX * 0.8)


def error_text(comparison: Comparison) -> str:
    """Say how wrong the depth is, domain by domain."""
    found = [(domain, comparison.mean(domain)) for domain in DOMAINS]
    parts = [
        f'{domain} {percent(mean.abs_rel)} ({percent(mean.delta1)} of the pixels within a factor '
        'of 1.25)'
        for domain, mean in found
        if not math.isnan(mean.abs_rel)
    ]
    return 'mean error over the walk: ' + ', '.join(parts)


def door_text(delay_s: float | None) -> str:
    """Say when the head followed through a door."""
    if delay_s is None:
        return 'door; the head does not follow'
    side = 'after' if delay_s >= 0.0 else 'before'
    return f'door; the head switches {abs(delay_s):.1f} s {side} it'


def percent(share: float) -> str:
    """Write a share as per cent: one digit after the point below 10 %."""
    return f'{100.0 * share:.1f} %' if share < 0.0995 else f'{100.0 * share:.0f} %'
