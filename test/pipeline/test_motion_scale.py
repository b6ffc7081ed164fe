"""scale.source motion: the scale stays while the camera moves, by its poses and corners."""

import copy
import json
import math

import numpy as np
import pytest
import textured_room as room
from fake_predictor import FakePredictor, outputs_of

from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import (
    PLUMB_BOB,
    CalibrationFields,
    CameraModel,
    Intrinsics,
    camera_from_calibration,
)
from zoedepth_ros.geometry.scale import ScaleEstimate
from zoedepth_ros.geometry.two_views import CameraPose
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.motion_depth import MotionDepth
from zoedepth_ros.pipeline.scaling import MOTION, ScaleTracker
from zoedepth_ros.pipeline.settings import settings_from

RATE_HZ, SPEED_M_S = 5.0, 0.5
PLAIN = CameraModel(Intrinsics.from_hfov(240, 180, 1.2))
DISTORTED = CameraModel(
    Intrinsics(190.0, 195.0, 110.0, 95.0, 240, 180), PLUMB_BOB, (-0.25, 0.06, 0.001, -0.001, 0.0)
)
CROPPED = camera_from_calibration(
    CalibrationFields(
        k=(600.0, 0, 400.0, 0, 600.0, 300.0, 0, 0, 1), d=(-0.2, 0.05, 0, 0, 0), p=(),
        distortion_model='plumb_bob', width=800, height=600, rectified=False,
        roi=(100, 60, 640, 480),
    ),
    height=180, width=240,
)  # fmt: skip


def true_pose(time_s):
    """Return an ellipse through the room, seen a little to the side of the path."""
    angle = SPEED_M_S * time_s / 1.75
    eye = np.array((4.0 + 2.0 * math.cos(angle), 3.0 + 1.5 * math.sin(angle), 1.2))
    heading = math.atan2(1.5 * math.cos(angle), -2.0 * math.sin(angle))
    return room.rotation(heading + 0.2 * math.sin(time_s), -0.1), eye


class Odometry:
    """Measure true poses with an error of 1 % of the distance and 0.2 degrees per metre."""

    def __init__(self):
        self._before, self._at = None, np.zeros(3)
        self._yaw, self._travelled_m = 0.0, 0.0

    def __call__(self, turn, eye):
        if self._before is not None:
            step = eye - self._before
            self._travelled_m += float(np.linalg.norm(step))
            self._yaw = math.radians(0.2) * self._travelled_m
            self._at = self._at + 1.01 * self._error() @ step
        self._before = eye
        return CameraPose(self._error() @ turn, self._at)

    def _error(self):
        c, s = math.cos(self._yaw), math.sin(self._yaw)
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


class Drive:
    """Drive a camera through the room with a network whose scale wanders by 15 %."""

    def __init__(self, model=PLAIN, pose=true_pose, late=0, board=False, **values):
        self.camera, self.pose, self.late, self.board = Camera(model), pose, late, board
        settings = settings_from({'scale.source': 'motion', **values})
        self.pipeline = CameraPipeline(FakePredictor(heads=('indoor',)), settings)
        self.odometry, self.poses, self.errors, self.number = Odometry(), [], [], 0

    def step(self):
        time_s = self.number / RATE_HZ
        turn, eye = self.pose(time_s)
        board = None
        if self.board:  # 1.5 m ahead, and it moves along and to and fro
            board = eye + 1.5 * turn[:, 2] + 0.5 * math.sin(2.0 * time_s) * turn[:, 0]
        rgb, depth_m = room.render(self.camera.rays(), turn, eye, board)
        wander = math.exp(0.15 * math.sin(2 * math.pi * time_s / 25.0))
        columns = np.linspace(0, 7, depth_m.shape[1]) + time_s
        network_m = (wander * depth_m * np.exp(0.05 * np.sin(columns))).astype(np.float32)
        self.poses.append(None if self.odometry is None else self.odometry(turn, eye))
        (image,) = outputs_of(
            self.pipeline, FakePredictor(network_m, heads=('indoor',)), rgb, self.camera, time_s,
            {'depth/image'}, poses=self._lookup(self.number),
        ).values()  # fmt: skip
        ratio = np.median(image.pixels / depth_m)
        self.errors.append(float(np.nan_to_num(ratio)) - 1.0)
        self.number += 1
        return image.pixels.copy()

    def _lookup(self, number):
        def pose():
            return self.poses[number] if len(self.poses) > number + self.late else None

        return pose

    def run(self, time_s):
        while self.number < time_s * RATE_HZ:
            self.step()
        return np.array(self.errors)


@pytest.mark.parametrize('model', [PLAIN, DISTORTED, CROPPED], ids=['plain', 'lens', 'region'])
def test_the_scale_is_right_after_five_seconds_and_stays(model):
    drive = Drive(model)
    errors = drive.run(30.0)
    assert np.median(np.abs(errors[25:])) < 0.03
    assert 'corners triangulated' in drive.pipeline.scale.note


def test_poses_that_arrive_an_image_late_are_used():
    drive = Drive(late=1)
    assert np.median(np.abs(drive.run(20.0)[25:])) < 0.03


def test_an_object_that_moves_by_itself_does_not_count():
    assert np.median(np.abs(Drive(board=True).run(20.0)[25:])) < 0.03


@pytest.mark.parametrize(('yaw', 'step_m'), [(0.3, (0.06, 0.08, 0.0)), (-0.2, (0.08, -0.06, 0.0))])
def test_what_is_seen_beside_a_corner_does_not_shift_its_depth(yaw, step_m):
    motion, turn, logs = MotionDepth(), room.rotation(yaw, -0.05), []
    for number in range(16):
        eye = np.array((1.2, 3.0, 1.2)) + number * np.array(step_m)
        board = np.array((3.5, 3.2, 1.2))  # still, before a wall
        rgb, depth_m = room.render(Camera(PLAIN).rays(), turn, eye, board)
        pose = CameraPose(turn, eye)
        pairs = motion.pairs(rgb, depth_m, Camera(PLAIN), lambda pose=pose: pose)
        logs.append(np.log(pairs.ratios))
    assert abs(np.median(np.concatenate(logs))) < 0.025


@pytest.mark.parametrize('period_s', [20.0, 30.0])
def test_a_scale_that_wanders_is_followed_closely(period_s):
    tracker, errors = ScaleTracker(), []
    tracker.settings = MOTION
    rate = settings_from({}).scale_max_rate
    rng = np.random.default_rng(0)
    for number in range(300):
        time_s = number / RATE_HZ
        wander = 0.15 * math.sin(2.0 * math.pi * time_s / period_s)
        errors.append(wander + math.log(tracker.advance(time_s, rate).scale))
        measured = math.exp(-wander + 0.02 * rng.normal())
        tracker.observe(ScaleEstimate(measured, 0.8, 100, 0.05), time_s)
    assert np.median(np.abs(errors[25:])) < 0.016


def test_standing_turning_and_missing_poses_are_reported_and_change_nothing():
    def standing(time_s):
        return true_pose(0.0)

    def turning(time_s):
        return room.rotation(0.3 * time_s), np.array((4.0, 3.0, 1.2))

    for pose, note in ((standing, 'stands still'), (turning, 'turns without moving')):
        drive = Drive(pose=pose)
        drive.run(4.0)
        assert note in drive.pipeline.scale.note
        assert drive.pipeline.scale.applied == 1.0
        assert drive.pipeline.motion_notice == ''
    blind = Drive(**{'scale.odometry_frame': 'wheels'})
    blind.odometry = None
    blind.run(4.0)
    assert 'needs the transform from wheels' in blind.pipeline.motion_notice
    assert 'unknown' in blind.pipeline.scale.note
    blind.odometry = Odometry()
    blind.run(8.0)
    assert blind.pipeline.motion_notice == ''


def test_corners_also_correct_the_shape():
    drive = Drive(**{'scale.shape': 'curve'})
    drive.run(10.0)
    assert 'scale.shape corrects depth by up to' in drive.pipeline.scale.note


def test_a_resumed_sequence_continues_with_the_same_numbers():
    whole = Drive()
    whole.run(4.0)
    second = Drive()
    second.pipeline.restore(json.loads(json.dumps(whole.pipeline.snapshot())))
    second.number, second.poses = whole.number, whole.poses[:]
    second.odometry = copy.deepcopy(whole.odometry)
    for _ in range(5):
        np.testing.assert_array_equal(second.step(), whole.step())


def test_nothing_is_tracked_for_another_source():
    drive = Drive(**{'scale.source': 'off'})
    drive.run(2.0)
    assert drive.pipeline.snapshot()['motion']['grey'] is None
    assert drive.pipeline.scale.note == ''


@pytest.mark.parametrize('model', [PLAIN, DISTORTED])
def test_an_image_without_corners_gives_no_depth(model):
    tracker, depth_m = MotionDepth(), np.ones((180, 240), np.float32)
    grey = np.full((180, 240, 3), 90, np.uint8)
    pose = CameraPose(np.eye(3), np.zeros(3))
    assert len(tracker.pairs(grey, depth_m, Camera(model), lambda: pose).true_m) == 0
    assert tracker.note == 'too few corners could be tracked'


@pytest.mark.parametrize('size', [(1280, 720), (720, 1280)])
def test_corners_are_tracked_in_images_whose_larger_side_is_limited(size):
    tracker = MotionDepth()
    camera = Camera(CameraModel(Intrinsics.from_hfov(size[1], size[0], 1.2)))
    rgb, depth_m = np.zeros((*size, 3), np.uint8), np.ones(size, np.float32)
    tracker.pairs(rgb, depth_m, camera, lambda: None)
    assert tracker.snapshot()['grey']['shape'] == [side // 2 for side in size]
