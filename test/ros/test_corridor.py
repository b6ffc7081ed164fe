"""The corridor of test/navigation through the node's own work, from picture to costmap."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from corridor import BOXES, CEILING, FLOOR, WALLS, Eye, in_the_world, look, occupied
from costmap_rules import LETHAL, Costmap
from fake_predictor import FakePredictor

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.outputs import SEGMENTS
from zoedepth_ros.pipeline.request import predict
from zoedepth_ros.pipeline.settings import settings_from

CONFIG = Path(__file__).resolve().parents[2] / 'config' / 'nav2_voxel.yaml'
MODEL = CameraModel(Intrinsics.from_hfov(320, 240, 1.3))
RAYS = rays(MODEL)
RGB = np.full((240, 320, 3), 120, np.uint8)
SOLIDS = (FLOOR, CEILING, *WALLS, *BOXES)


@pytest.fixture(scope='module')
def layer():
    content = yaml.safe_load(CONFIG.read_text(encoding='utf-8'))
    return content['local_costmap']['local_costmap']['ros__parameters']['depth_layer']


@pytest.fixture(scope='module')
def costmap(layer):
    """Drive with a network that measures 30 % too far, and a camera whose height is known."""
    settings = settings_from({
        'camera.height': 0.6, 'scale.source': 'height', 'scale.max_rate': 1.0,
        'cloud.decimation': 2,
    })  # fmt: skip
    predictor = FakePredictor(heads=('indoor',))
    pipeline = CameraPipeline(settings, heads=predictor.heads, network_size=predictor.network_size)
    costmap = Costmap((-1.0, -1.5), (14.0, 3.0), 0.05, layer)
    camera = Camera(MODEL)
    for i, x in enumerate([0.0] * 8 + np.arange(0.0, 8.1, 0.4).tolist()):
        eye = Eye(x, 0.0, 0.6, 0.15 * np.sin(i), -0.1 + 0.05 * np.sin(1.7 * i))
        predictor.depth = 1.3 * look(eye, RAYS, SOLIDS)
        request = pipeline.prepare(RGB, camera, 0.5 * i, SEGMENTS)
        made = pipeline.process(request, predict(predictor, request))
        points_m = {output.name: output.points_m for output in made}
        if i < 8:  # standing still until the scale is found
            continue
        sources = [
            (layer[name], in_the_world(points_m[layer[name]['topic'].lstrip('/')], eye))
            for name in layer['observation_sources'].split()
        ]
        costmap.update((eye.x_m, eye.y_m, eye.z_m), sources)
    assert pipeline.scale.applied == pytest.approx(1 / 1.3, rel=0.02)
    return costmap


def test_no_obstacle_is_missed(costmap):
    x, y = costmap.centres()
    for box in BOXES:
        front = (x > box.x0 - 0.15) & (x < box.x0 + 0.15)
        across = np.flatnonzero((y > box.y0) & (y < box.y1) & (np.abs(y) < 0.95))
        marked = (costmap.cells[front][:, across] == LETHAL).any(axis=0)
        assert marked.mean() > 0.8, box


def test_under_one_percent_of_the_free_cells_is_phantom(costmap):
    x, y = costmap.centres()
    clear = ~occupied([b for b in SOLIDS if b not in (FLOOR, CEILING)], x, y, 0.151)
    clear &= (x[:, None] > 0.0) & (x[:, None] < 12.0) & (np.abs(y)[None, :] < 1.0)
    assert ((costmap.cells == LETHAL) & clear).sum() < 0.01 * clear.sum()
