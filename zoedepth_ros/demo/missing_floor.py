"""A rendered platform with the edges of its floor, found in exact depth; needs numba."""

from __future__ import annotations

import cv2
import numpy as np

from zoedepth_ros.evaluation.cliff_scores import CliffFinder
from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.media.color import EDGE, BgrImage
from zoedepth_ros.media.ground_truth_panel import heading
from zoedepth_ros.media.panel import SIDE_TITLE, draw_panel
from zoedepth_ros.synthetic.trajectory import CameraTrajectory

SEED, IMAGES = 7, (8, 9)  # two, because one does not confirm an edge
HEIGHT_PX, WIDTH_PX = 480, 640


def draw_missing_floor(note: str) -> list[BgrImage]:
    """Draw a heading with a note, and a platform with exact depth, points and edges."""
    trajectory = CameraTrajectory('step', SEED, height=HEIGHT_PX, width=WIDTH_PX)
    find = CliffFinder()
    for index in IMAGES:
        sample = trajectory[index].sample
        assert sample.camera is not None
        camera = Camera(CameraModel(sample.camera))
        depth_m = np.nan_to_num(sample.depth_m, nan=np.inf)
        edges_m = find(sample.rgb, camera, depth_m)
    marked, k = sample.rgb.copy(), camera.model.intrinsics
    for x, y, z in edges_m:
        at = round(k.fx_px * x / z + k.cx_px), round(k.fy_px * y / z + k.cy_px)
        cv2.circle(marked, at, 4, EDGE[::-1], -1, cv2.LINE_AA)
    rays = camera.rays()
    points_m = np.dstack((rays, np.ones_like(rays[..., 0]))) * depth_m[..., None]
    titles = ('yellow: edges of missing floor', 'exact depth [m]', SIDE_TITLE)
    panel = draw_panel(marked, depth_m, points_m, sample.rgb, edges=edges_m, titles=titles)
    lines = [
        'Missing floor: depth/points/cliffs from the exact depth of a rendered platform',
        note,
    ]
    return [heading(panel.shape[1], lines, 16.0), panel]
