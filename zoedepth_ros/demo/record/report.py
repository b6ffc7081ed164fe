"""Write what a recording leaves behind: report.json, demo.png, points.ply."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.demo.comparison import heading
from zoedepth_ros.demo.record.scenes import Moment
from zoedepth_ros.files import write_file
from zoedepth_ros.media.files import write_picture, write_ply
from zoedepth_ros.media.panel import Titles, draw_panel

_NO_TRUTH = 'pictures whose true depth nobody knows'
_HEADING_PX = 16.0
REPORT, PICTURE, POINTS = 'report.json', 'demo.png', 'points.ply'


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write plain values as JSON; numbers that are not finite become null."""
    write_file(path, json.dumps(_plain(report), indent=2, allow_nan=False) + '\n')


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def write_moments(
    folder: Path,
    moments: Sequence[Moment],
    *,
    warning: str,
    caption: str,
    is_noise: bool = True,
    above: Sequence[NDArray[np.uint8]] = (),
    clouds: Sequence[Moment] = (),
) -> list[str]:
    """Draw one row for every moment into demo.png, write each cloud; give the file names.

    warning: what to say on every row, '' for nothing; is_noise: right across it, not below it.
    caption: above the depth.
    above: what to draw above the rows.  clouds: moments of which only the cloud is written.
    """
    across, below = (warning, '') if is_noise else ('', warning and f'trained on {warning}')
    rows = [_draw(moment, warning=across, note=below, caption=caption) for moment in moments]
    if above and rows:
        rows.insert(0, heading(rows[0].shape[1], [f'{caption} on {_NO_TRUTH}'], _HEADING_PX))
    names = []
    if rows or above:
        write_picture(folder / PICTURE, _stacked([*above, *rows]))
        names.append(PICTURE)
    for index, moment in enumerate([*moments, *clouds]):
        name = POINTS if index == 0 else POINTS.replace('.', f'_{index + 1}.')
        write_ply(folder / name, moment.points_m, moment.points_rgb)
        names.append(name)
    return names


def _draw(moment: Moment, *, warning: str, note: str, caption: str) -> NDArray[np.uint8]:
    head = f', {moment.head} head' if moment.head else ''
    titles = Titles(depth=f'depth [m]: {caption}{head}')
    return draw_panel(
        moment.rgb,
        moment.depth_m,
        moment.points_m,
        moment.points_rgb,
        titles=titles,
        warning=warning,
        note=note,
    )


def _stacked(rows: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Put pictures under each other, narrower ones filled up with their last column."""
    width = max(row.shape[1] for row in rows)
    wide = []
    for row in rows:
        canvas = np.empty((row.shape[0], width, 3), np.uint8)
        canvas[:] = row[:, -1:]
        canvas[:, : row.shape[1]] = row
        wide.append(canvas)
    return np.vstack(wide)
