"""A rendered platform with the edges of its floor, found in exact depth; needs numba."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.rays import project
from zoedepth_ros.inference.result import DepthResult
from zoedepth_ros.media.color import EDGE, BgrImage
from zoedepth_ros.media.panel import SIDE_TITLE, draw_panel, heading
from zoedepth_ros.pipeline import outputs
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.outputs import Cloud
from zoedepth_ros.pipeline.request import all_due
from zoedepth_ros.pipeline.settings import settings_from
from zoedepth_ros.synthetic.trajectory import CameraTrajectory

SEED, IMAGES = 7, (8, 9)  # two, because one does not confirm an edge
HEIGHT_PX, WIDTH_PX = 480, 640

_EXACT: Any = SimpleNamespace(
    heads=('indoor',),
    network_size=lambda height, width: (height, width),
    training_hfov_rad=0.0,
    focal_exponent=1.0,
    uncertainty_maps={},
)
"""Metadata of a predictor of exact depth."""


def draw_missing_floor(note: str) -> list[BgrImage]:
    """Draw a heading with a note, and a platform with exact depth, points and edges."""
    trajectory = CameraTrajectory('step', SEED, height=HEIGHT_PX, width=WIDTH_PX)
    settings = settings_from({'cloud.rate': 0.0, 'filter.sky': False})
    pipeline = CameraPipeline(_EXACT, settings)
    edges_m = np.empty((0, 3), np.float32)
    for number, index in enumerate(IMAGES):
        sample = trajectory[index].sample
        assert sample.camera is not None
        camera = Camera(CameraModel(sample.camera))
        depth_m = np.nan_to_num(sample.depth_m, nan=np.inf)
        request = pipeline.prepare(sample.rgb, camera, 0.1 * number, all_due({outputs.CLIFFS}))
        assert request is not None
        result = DepthResult(depth_m, np.zeros_like(depth_m), 1.0 / depth_m, 'indoor', {})
        for output in pipeline.process(request, result):
            if isinstance(output, Cloud) and output.name == outputs.CLIFFS:
                edges_m = output.points.copy()
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
