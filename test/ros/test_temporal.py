"""filter.temporal, from depth to messages."""

import numpy as np
from fake_predictor import FakePredictor
from std_msgs.msg import Header

from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.ros.camera import Camera
from zoedepth_ros.ros.outputs import Outputs
from zoedepth_ros.ros.parameters import settings_from
from zoedepth_ros.ros.scaling import Scaling
from zoedepth_ros.ros.schedule import Plan

CAMERA = Camera(CameraModel(Intrinsics.from_hfov(64, 48, 1.0)), None)
RGB = np.full((48, 64, 3), 120, np.uint8)
PLAN = Plan(
    depth_topics=frozenset({'scan', 'depth/image'}), camera_info=False, cloud=True,
    split_topics=frozenset(), router=False, domain=False,
)  # fmt: skip


def known(depths_m, **changes):
    """Give, per picture, how many points and depths are known, and the share of beams."""
    settings = settings_from({'scan.enabled': True, 'cloud.decimation': 2, **changes})
    outputs = Outputs(Scaling(('indoor',), settings), lambda *_: None)
    found = []
    for number, depth_m in enumerate(depths_m):
        result = FakePredictor(depth_m, heads=('indoor',))(RGB)
        made = outputs.make(PLAN, Header(), RGB, result, CAMERA, settings, 0.1 * number)
        found.append({})
        for topic, msg in made:
            if topic == 'depth/points':
                points = np.frombuffer(msg.data, np.float32).reshape(-1, 4)
                found[-1]['points'] = int(np.isfinite(points[:, 2]).sum())
            elif topic == 'scan':
                found[-1]['beams'] = float(np.isfinite(msg.ranges).mean())
            else:
                depth = np.frombuffer(msg.data, np.float32)
                found[-1]['depth'] = int(np.isfinite(depth).sum())
    return found


ALL = {'points': 24 * 32, 'beams': 1.0, 'depth': 48 * 64}


def test_points_and_beams_that_were_not_there_wait_for_one_picture_and_depth_does_not():
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
