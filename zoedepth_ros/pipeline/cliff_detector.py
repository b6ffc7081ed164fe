"""Edges of the floor that several images show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.geometry.cliffs import cliff_edges
from zoedepth_ros.geometry.filters import stride_slice, widest_ramp_px
from zoedepth_ros.geometry.ground import Ground, near_ground, quarter_turns
from zoedepth_ros.pipeline.ground_segmentation import band_of
from zoedepth_ros.pipeline.request import FrameContext
from zoedepth_ros.pipeline.resumable import Resumable
from zoedepth_ros.pipeline.settings import PipelineSettings

Map = NDArray[np.float32]

ROWS = 480  # of larger images fewer rows are used
LONGEST_GAP_S = 1.0
"""Age at which an image no longer confirms the newest one [s]."""
SPEED_M_S, TURN_RAD_S, SLACK_M = 1.5, 1.0, 0.1
"""Largest motion of the camera between two images with which an edge is confirmed, and the
error of its position."""


class CliffDetector(Resumable):
    """Find edges of the floor, and publish those that earlier images confirm."""

    KEPT = ('_earlier',)

    def __init__(self) -> None:
        self._earlier: list[tuple[float, Map]] = []  # time [s] and edges, the newest last

    def points(self, context: FrameContext, points_m: Map, ground: Ground) -> Map:
        """Return the confirmed edges of an image, (k, 3) [m].

        points_m: the image's points, (H, W, 3).
        """
        at = context.request.settings
        ground = near_ground(points_m, ground, at.camera_height_m)
        edges_m = _edges(context, ground, at)
        count = np.zeros(len(edges_m), np.intp)
        for then_s, earlier_m in self._recent(context.request.now_s):
            count += _confirmed(edges_m, earlier_m, context.request.now_s - then_s)
        self._earlier = [*self._earlier, (context.request.now_s, edges_m)][-at.cliffs_images :]
        return edges_m[count >= at.cliffs_images - 1]

    def _recent(self, now_s: float) -> list[tuple[float, Map]]:
        """Forget images that are too old or, after a jump of the clock, in the future."""
        self._earlier = [e for e in self._earlier if 0.0 <= now_s - e[0] <= LONGEST_GAP_S]
        return self._earlier


def _edges(context: FrameContext, ground: Ground, at: PipelineSettings) -> Map:
    """Find the edges in columns at cloud.decimation, without flying pixels being removed."""
    upright = quarter_turns(ground.up) % 2 == 0
    size = context.depth_m.shape
    height, width = size if upright else size[::-1]
    step = max(1, round(height / ROWS))
    steps = (step, at.cloud_decimation) if upright else (at.cloud_decimation, step)
    depth_m = context.depth_m[stride_slice(steps[0]), stride_slice(steps[1])]
    near = depth_m < np.float32(at.depth_min_m)
    return cliff_edges(
        np.where(near, np.float32(np.nan), depth_m),
        context.camera.rays(*steps),
        ground,
        band_of(at),
        min_drop_m=at.cliffs_min_drop_m,
        min_width_m=at.cliffs_min_width_m,
        max_range_m=at.cliffs_max_range_m,
        max_slope=at.cliffs_max_slope,
        reach_px=max(3, widest_ramp_px(width) // (2 * step)),
        measured_to_m=context.measured_to_m,
    )


def _confirmed(edges_m: Map, earlier_m: Map, passed_s: float) -> NDArray[np.bool_]:
    """Mark the edges (k, 3) that the camera's motion may have brought here from earlier ones."""
    if not len(edges_m) or not len(earlier_m):
        return np.zeros(len(edges_m), bool)
    apart = np.square(edges_m[:, None] - earlier_m).sum(axis=-1)  # (k, earlier)
    distance_m = np.linalg.norm(edges_m, axis=1)
    moved_m = SLACK_M + (SPEED_M_S + TURN_RAD_S * distance_m) * passed_s
    return apart.min(axis=1) <= np.square(moved_m)
