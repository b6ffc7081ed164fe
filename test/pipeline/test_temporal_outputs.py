"""filter.temporal, from depth to outputs."""

import numpy as np
from fake_predictor import FakePredictor

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.request import predict
from zoedepth_ros.pipeline.settings import settings_from

CAMERA = Camera(CameraModel(Intrinsics.from_hfov(64, 48, 1.0)))
RGB = np.full((48, 64, 3), 120, np.uint8)
REQUESTED = {'scan', 'depth/image', 'depth/points'}


def known(depths_m, **changes):
    """Give, per image, how many points and depths are known, and the share of beams."""
    settings = settings_from({'scan.enabled': True, 'cloud.decimation': 2, **changes})
    predictor = FakePredictor(heads=('indoor',))
    pipeline = CameraPipeline.of(predictor, settings)
    found = []
    for number, depth_m in enumerate(depths_m):
        predictor.depth = depth_m
        request = pipeline.prepare(RGB, CAMERA, 0.1 * number, REQUESTED)
        found.append({})
        for output in pipeline.process(request, predict(predictor, request)):
            if output.name == 'depth/points':
                found[-1]['points'] = int(np.isfinite(output.points[..., 2]).sum())
            elif output.name == 'scan':
                found[-1]['beams'] = float(np.isfinite(output.ranges_m).mean())
            else:
                found[-1]['depth'] = int(np.isfinite(output.pixels).sum())
    return found


ALL = {'points': 24 * 32, 'beams': 1.0, 'depth': 48 * 64}


def test_points_and_beams_that_were_not_there_wait_for_one_image_and_depth_does_not():
    found = known([2.0, 2.1, 3.0, 3.0], **{'filter.temporal': True})
    assert found == [ALL, ALL, {'points': 0, 'beams': 0, 'depth': 48 * 64}, ALL]


def test_without_the_filter_nothing_waits():
    assert known([2.0, 3.0, 2.0]) == [ALL] * 3


def test_a_scan_by_height_and_a_cloud_are_held_at_their_own_pixels():
    floor_m = 0.5 / np.maximum((np.arange(48)[:, None] - 23.5) / 58.6, 0.05) * np.ones((1, 64))
    box_m = floor_m.copy()
    box_m[:, 40:50] = 0.8
    heights = {'scan.mode': 'height', 'camera.height': 0.5, 'camera.pitch_tolerance': 0.0}
    for temporal in (True, False):
        changes = {**heights, 'filter.temporal': temporal, 'filter.edge': False}
        beams = [f['beams'] for f in known([floor_m, box_m, box_m], **changes)]
        assert (beams[1] == beams[0]) is temporal
        assert beams[2] > beams[0]
