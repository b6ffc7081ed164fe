"""The files of a recording: report.json, demo.png, points.ply."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.demo.frame_sets import RecordedFrame
from zoedepth_ros.media.files import write_image, write_ply
from zoedepth_ros.media.panel import SIDE_TITLE, draw_panel, heading

_HEADING_PX = 16.0
REPORT, IMAGE, POINTS = 'report.json', 'demo.png', 'points.ply'


def write_frames(
    folder: Path,
    frames: Sequence[RecordedFrame],
    *,
    warning: str,
    caption: str,
    is_random: bool = True,
    above: Sequence[NDArray[np.uint8]] = (),
    clouds: Sequence[RecordedFrame] = (),
) -> list[str]:
    """Draw one row per frame into demo.png and write each cloud; returns the file names.

    warning: '' for none; is_random: the weights are random, so the warning covers the row instead
    of standing below it.  caption: title of the depth.  above: rows to draw above the frames.
    clouds: frames whose cloud alone is written.
    """
    across, below = (warning, '') if is_random else ('', warning)
    rows = []
    for frame in frames:
        head = f', {frame.head} head' if frame.head else ''
        panel = draw_panel(
            frame.rgb,
            frame.depth_m,
            frame.points_m,
            frame.points_rgb,
            uncertainty_m=frame.uncertainty_m,
            edges=frame.edges_m,
            titles=('image', f'depth [m]: {caption}{head}', SIDE_TITLE),
            warning=across,
            note=below,
        )
        rows.append(panel)
    if above and rows:
        title = f'{caption} on images without ground truth'
        rows.insert(0, heading(rows[0].shape[1], [title], _HEADING_PX))
    names = []
    if rows or above:
        write_image(folder / IMAGE, _stacked([*above, *rows]))
        names.append(IMAGE)
    for index, frame in enumerate([*frames, *clouds]):
        name = POINTS if index == 0 else POINTS.replace('.', f'_{index + 1}.')
        write_ply(folder / name, frame.points_m, frame.points_rgb)
        names.append(name)
    return names


def _stacked(rows: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Stack images vertically; narrower ones are padded with their last column."""
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), 'edge') for row in rows]
    return np.vstack(padded)
