"""Obstacles that leave the image stay in the costmap, and those that are removed are cleared."""

import math
from pathlib import Path

import numpy as np
import pytest
import tilted
import yaml
from costmap_rules import LETHAL, Costmap
from fake_predictor import FakePredictor

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.outputs import CLEARING, OBSTACLES
from zoedepth_ros.pipeline.request import predict
from zoedepth_ros.pipeline.settings import settings_from

CONFIG = Path(__file__).resolve().parents[2] / 'config' / 'nav2_voxel.yaml'
LAYER = yaml.safe_load(CONFIG.read_text())['local_costmap']['local_costmap']['ros__parameters'][
    'depth_layer'
]
MODEL = CameraModel(Intrinsics.from_hfov(160, 120, 1.2))
RAYS = rays(MODEL)
RGB = np.zeros((120, 160, 3), np.uint8)
CRATE = ((2.2, -0.4, 0.0), (2.8, 0.3, 0.5))
TABLE = ((3.3, -0.6, 0.68), (4.0, 0.6, 0.75))
HEIGHT_M, PITCH_DEG = 1.2, -25.0


def drive(boxes_at, margin_m, places_m):
    """Drive ahead and give the lethal cells after each image (images, x, y), from (-0.5, -2)."""
    costmap = Costmap((-0.5, -2.0), (6.0, 4.0), 0.05, LAYER)
    values = {
        'cloud.decimation': 2,
        'camera.pitch': math.radians(PITCH_DEG),
        'obstacles.clearing_margin': margin_m,
    }
    pipeline = CameraPipeline(FakePredictor(None, heads=('indoor',)), settings_from(values))
    lethal = []
    for i, x_m in enumerate(places_m):
        move = np.array((x_m, 0.0, 0.0))
        boxes = [(tuple(low - move), tuple(high - move)) for low, high in boxes_at(i)]
        depth_m, _ = tilted.look(tilted.Room(boxes, 6.0 - x_m), RAYS, PITCH_DEG)
        predictor = FakePredictor(depth_m, heads=('indoor',))
        request = pipeline.prepare(RGB, Camera(MODEL), 0.2 * i, [OBSTACLES, CLEARING])
        eye = np.array((x_m, 0.0, HEIGHT_M))
        clouds = {
            part.name.rpartition('/')[2]: part.points @ tilted.axes(PITCH_DEG, 0.0).T + eye
            for part in pipeline.process(request, predict(predictor, request))
        }
        names = LAYER['observation_sources'].split()
        costmap.update(eye, [(LAYER[name], clouds[name]) for name in names])
        lethal.append(costmap.cells == LETHAL)
    return np.array(lethal)


def of(box, lethal):
    """Give the lethal cells of a box."""
    (x0, y0, _), (x1, y1, _) = box
    first, last = (int((x0 + 0.5) / 0.05), int((y0 + 2) / 0.05)), (x1 + 0.5, y1 + 2)
    return lethal[:, first[0] : int(last[0] / 0.05) + 1, first[1] : int(last[1] / 0.05) + 1]


@pytest.mark.parametrize('box', [CRATE, TABLE])
def test_a_box_that_leaves_the_image_stays(box):
    places_m = np.arange(0.0, box[0][0] - 0.3, 0.06)
    lost = {}
    for margin_m in (0.001, 0.15):
        lethal = of(box, drive(lambda i: [box], margin_m, places_m))
        lost[margin_m] = (lethal[:-1] & ~lethal[1:]).sum()
    assert lost[0.001] > 20
    assert lost[0.15] == 0


def test_a_box_that_is_removed_is_cleared():
    lethal = drive(lambda i: [CRATE, TABLE] if i < 3 else [TABLE], 0.15, [0.0] * 4)
    crate = of(CRATE, lethal)
    assert crate[2].sum() > 20
    assert crate[3].sum() == 0
