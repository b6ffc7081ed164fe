"""Motion between two images and the depth of points that both show."""

import math

import cv2
import numpy as np
import pytest

from zoedepth_ros.geometry.two_views import CameraPose, Motion, turn_rad


def unit(rays):
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def scene(seed, count=80):
    """Return points in two cameras, and the true motion."""
    rng = np.random.default_rng(seed)
    points = np.column_stack(
        (rng.uniform(-3, 3, count), rng.uniform(-1.5, 1.5, count), rng.uniform(2, 8, count))
    )
    turn = cv2.Rodrigues(rng.normal(0, 0.05, 3))[0]
    shift = np.array((0.05, 0.02, -0.3)) + rng.normal(0, 0.05, 3)
    return points, points @ turn.T + shift, turn, shift, rng


def test_two_poses_give_the_motion_and_exact_depth():
    points, there, turn, shift, _ = scene(0)
    first = CameraPose(cv2.Rodrigues(np.array((0.3, -1.0, 0.4)))[0], np.array((5.0, -2.0, 1.0)))
    back = first.rotation @ turn.T
    now = CameraPose(back, first.position_m - back @ shift)
    motion = Motion.between(first, now)
    np.testing.assert_allclose(motion.rotation, turn, atol=1e-12)
    np.testing.assert_allclose(motion.translation_m, shift, atol=1e-12)
    before_m, now_m = motion.depths_m(unit(points), unit(there))
    np.testing.assert_allclose(before_m, points[:, 2], rtol=1e-9)
    np.testing.assert_allclose(now_m, there[:, 2], rtol=1e-9)
    np.testing.assert_allclose(motion.epipolar_rad(unit(points), unit(there)), 0.0, atol=1e-9)


@pytest.mark.parametrize('seed', range(5))
def test_an_error_of_rotation_and_direction_is_corrected_by_the_images(seed):
    points, there, turn, shift, rng = scene(seed)
    first, now = unit(points), unit(there + 0.001 * rng.normal(size=there.shape))
    now[:15] = unit(now[:15] + rng.normal(0, 0.05, (15, 3)))  # moved by themselves
    wrong = cv2.Rodrigues(np.array((0.004, -0.005, 0.003)))[0]
    length_m = np.linalg.norm(shift)
    odometry = Motion(wrong @ turn, shift + 0.02 * length_m * np.array((1.0, -1.0, 0.0)))
    found = odometry.refined(first, now, 0.001)
    assert turn_rad(found.rotation.T @ turn) < 0.5 * turn_rad(odometry.rotation.T @ turn)
    kept_m = np.linalg.norm(odometry.translation_m)
    assert np.linalg.norm(found.translation_m) == pytest.approx(kept_m)
    seen = found.parallax_rad(first, now) > 0.026
    seen &= np.abs(found.epipolar_rad(first, now)) < 0.003
    ratio = np.median(found.depths_m(first, now)[1][seen] / there[seen, 2])
    assert ratio == pytest.approx(kept_m / length_m, rel=0.05)


def test_without_translation_there_is_no_depth_and_nothing_to_refine():
    points, *_ = scene(1)
    turned = Motion(cv2.Rodrigues(np.array((0.0, 0.2, 0.0)))[0], np.zeros(3))
    there = unit(points @ turned.rotation.T)
    assert turned.refined(unit(points), there, 0.001) is turned
    assert turned.parallax_rad(unit(points), there).max() < 1e-6
    assert turn_rad(turned.rotation) == pytest.approx(0.2)
    assert turn_rad(np.eye(3)) == 0.0
    assert math.isfinite(turn_rad(np.eye(3) * (1 + 1e-12)))
