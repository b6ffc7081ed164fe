"""A rendered platform with the edges of its floor, found in exact depth; needs numba."""

from __future__ import annotations

import cv2
import numpy as np

from zoedepth_ros.evaluation.cliff_scores import CliffFinder
from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.rays import project
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
    marked = sample.rgb.copy()
    for u, v in project(edges_m[:, :2] / edges_m[:, 2:], camera.model):
        cv2.circle(marked, (round(u), round(v)), 4, EDGE[::-1], -1, cv2.LINE_AA)
    points_m = depth_to_points(depth_m, camera.rays())
    titles = ('yellow: edges of missing floor', 'exact depth [m]', SIDE_TITLE)
    panel = draw_panel(marked, depth_m, points_m, sample.rgb, edges=edges_m, titles=titles)
    lines = [
        'Missing floor: depth/points/cliffs from the exact depth of a rendered platform',
        note,
    ]
    return [heading(panel.shape[1], lines, 16.0), panel]
