"""A wrong scale is found from what a robot knows, although some of it is wrong too."""

import math

import numpy as np
import pytest

from zoedepth_ros.geometry.ground import fit_ground
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.rays import rays
from zoedepth_ros.geometry.scale import (
    pairs_at_points,
    ratio_in_cone,
    ratios_in_box,
    robust_scale,
    scale_from_height,
)

CAMERA = CameraModel(Intrinsics.from_hfov(160, 120, 1.2))
RAYS = rays(CAMERA)
SCALES = [0.5, 0.8, 1.0, 1.4, 2.0]


def spoiled(ratios, share, how, random):
    """Make a share of the ratios wrong: scattered, all too high, or all the same."""
    wrong = random.random(len(ratios)) < share
    factor = {
        'scattered': random.uniform(0.2, 5.0, len(ratios)),
        'too far': random.uniform(1.2, 3.0, len(ratios)),
        'one wrong thing': np.full(len(ratios), 1.3),
    }[how]
    return np.where(wrong, ratios * factor, ratios)


def room(true):
    """Depth of a corridor as a network of wrong scale predicts it, and the true points."""
    limits = np.where(RAYS < 0, (-1.0, -1.3), (1.2, 1.1)) / np.where(RAYS == 0, 1e-9, RAYS)
    depth_m = np.minimum(limits.min(axis=-1), 7.0).astype(np.float32)
    return (depth_m / np.float32(true)), depth_to_points(depth_m, RAYS)


@pytest.mark.parametrize('how', ['scattered', 'too far', 'one wrong thing'])
@pytest.mark.parametrize('true', SCALES)
def test_30_percent_outliers_move_the_scale_by_less_than_3_percent(true, how):
    random = np.random.default_rng(7)
    ratios = true * np.exp(0.05 * random.normal(size=400))
    found = robust_scale(spoiled(ratios, 0.3, how, random))
    assert found.scale == pytest.approx(true, rel=0.03)


@pytest.mark.parametrize('true', SCALES)
def test_a_laser_scan_with_outliers_finds_the_scale(true):
    random = np.random.default_rng(3)
    depth_m, points_m = room(true)
    beams_m = points_m[55, ::2].astype(np.float64)  # a scan plane a little above the axis
    beams_m *= spoiled(np.ones(len(beams_m)), 0.3, 'too far', random)[:, None]
    behind = np.array([[0.0, 0.0, -2.0], [9.0, 0.0, 0.1]])
    noisy_m = depth_m * np.exp(0.05 * random.normal(size=depth_m.shape)).astype(np.float32)
    found = robust_scale(pairs_at_points(np.vstack((beams_m, behind)), noisy_m, CAMERA).ratios)
    assert found.scale == pytest.approx(true, rel=0.03)
    assert found.confidence > 0.3


@pytest.mark.parametrize('true', SCALES)
def test_the_height_of_the_camera_finds_the_scale_although_30_percent_is_clutter(true):
    random = np.random.default_rng(5)
    depth_m, _ = room(true)
    depth_m[RAYS[..., 1] > 0.02] *= np.exp(0.03 * random.normal(size=(RAYS[..., 1] > 0.02).sum()))
    blocks = random.random((12, 16)) < 0.3
    depth_m[np.kron(blocks, np.ones((10, 10), bool))] *= np.float32(0.7)
    ground = fit_ground(depth_to_points(depth_m, RAYS)).ground
    found = scale_from_height(ground, 1.1)
    assert found.scale == pytest.approx(true, rel=0.03)
    assert found.confidence > 0.3


@pytest.mark.parametrize('true', SCALES)
def test_one_distance_by_tape_finds_the_scale(true):
    random = np.random.default_rng(6)
    depth_m = np.full((120, 160), 2.5 / true, np.float32)
    depth_m = spoiled(depth_m.ravel(), 0.3, 'too far', random).reshape(depth_m.shape)
    ratios = ratios_in_box(2.5, (70, 50, 90, 70), depth_m.astype(np.float32))
    assert len(ratios) == 400
    assert robust_scale(ratios).scale == pytest.approx(true, rel=0.03)


def test_a_range_finder_answers_with_the_nearest_thing_in_its_cone():
    depth_m = np.full((120, 160), 4.0, np.float32)
    depth_m[55:65, 75:90] = 2.0
    depth_m[0, 0] = 0.3  # outside the cone
    (ratio,) = ratio_in_cone(3.0, (0.0, 0.0, 1.0), math.radians(10), depth_m, RAYS)
    assert ratio == pytest.approx(1.5, rel=0.01)
    assert ratio_in_cone(math.inf, (0.0, 0.0, 1.0), 0.2, depth_m, RAYS).size == 0


def test_few_disagreeing_or_spread_ratios_give_little_confidence():
    random = np.random.default_rng(1)
    good = robust_scale(np.exp(0.03 * random.normal(size=200)))
    few = robust_scale(np.exp(0.03 * random.normal(size=5)))
    spread = robust_scale(np.exp(0.4 * random.normal(size=200)))
    scattered = robust_scale(random.uniform(0.2, 5.0, 200))
    assert good.confidence > 0.9
    assert max(few.confidence, spread.confidence, scattered.confidence) < 0.3
    assert robust_scale(np.exp(0.03 * random.normal(size=200)), weight=0.01).confidence < 0.1


def test_without_usable_ratios_there_is_no_scale():
    assert robust_scale(np.array([np.nan, np.inf, 0.0, -1.0, 50.0])) is None
    assert scale_from_height(None, 1.0) is None
    behind = np.array([[0.0, 0.0, -1.0]])
    assert not len(pairs_at_points(behind, np.ones((120, 160), np.float32), CAMERA).ratios)


def test_a_box_outside_the_image_is_refused():
    with pytest.raises(ValueError, match='160 x 120 image'):
        ratios_in_box(2.0, (170, 0, 180, 10), np.ones((120, 160), np.float32))
