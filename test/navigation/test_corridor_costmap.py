"""A robot drives down a corridor; its costmap is compared with the true floor plan."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from blurred_depth import blur_as_a_network
from corridor import BOXES, CEILING, FLOOR, WALLS, Box, Eye, in_the_world, look, occupied
from costmap_rules import FREE, LETHAL, UNKNOWN, Costmap

from zoedepth_ros.geometry.filters import decimate, flying_pixels
from zoedepth_ros.geometry.ground import Ground, up_from_angles
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.obstacles import (
    ObstacleLimits,
    RaySpacing,
    classify_points,
    clear_to,
    clearing_points,
)
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.geometry.rays import rays

CONFIG = Path(__file__).resolve().parents[2] / 'config' / 'nav2_voxel.yaml'
RAYS = rays(CameraModel(Intrinsics.from_hfov(320, 240, 1.3)))
FEW = np.ascontiguousarray(decimate(RAYS, 2))
SPACING = RaySpacing.from_rays(FEW)
MARGIN_M = 0.15
HEIGHT_M = 0.6
LIMITS = ObstacleLimits(min_height_m=0.1, max_height_m=1.8, ground_slope=0.03, max_range_m=5.0)
RESOLUTION_M = 0.05
NETWORK = (192, 256)
EMPTY = (FLOOR, CEILING, *WALLS)
FULL = (*EMPTY, *BOXES)
PERSON = Box(6.0, 6.3, -0.3, 0.3, 0.0, 1.75)


@pytest.fixture(scope='module')
def layer():
    content = yaml.safe_load(CONFIG.read_text(encoding='utf-8'))
    return content['local_costmap']['local_costmap']['ros__parameters']['depth_layer']


@pytest.fixture(scope='module')
def driven(layer):
    return drive(layer, lambda x: FULL)


def new_map(layer):
    return Costmap((-1.0, -1.5), (14.0, 3.0), RESOLUTION_M, layer)


def seen_depth(eye, solids, random):
    """Give depth as a network would: edges blurred, and a smooth error of its own."""
    depth_m = blur_as_a_network(look(eye, RAYS, solids), NETWORK, 0.8)
    error = np.kron(random.normal(0.0, 0.01, (4, 5)), np.ones((60, 64)))
    return (depth_m * np.exp(error)).astype(np.float32)


def observe(costmap, layer, eye, depth_m, *, filtered=True, free=True):
    """Do what the node does, and give the layer its clouds; free: also the ends of free rays."""
    ground = Ground(up_from_angles(eye.pitch_rad), eye.z_m, 1.0)
    seen_m = np.ascontiguousarray(decimate(depth_m, 2))
    seen = classify_points(depth_to_points(seen_m, FEW), ground, LIMITS)
    clear_to_m = clear_to(seen_m, seen.obstacle, SPACING, MARGIN_M)
    if filtered:
        flying = flying_pixels(depth_m, network_width=NETWORK[1])
        depth_m = np.where(flying, np.float32(np.nan), depth_m)
    depth_m = np.ascontiguousarray(decimate(depth_m, 2))
    points_m = depth_to_points(depth_m, FEW)
    split = classify_points(points_m, ground, LIMITS)
    rays_of = split if free else replace(split, free=np.zeros_like(split.free))
    clouds = {
        'obstacles': points_m[split.obstacle],
        'clearing': clearing_points(FEW, depth_m, rays_of, ground, LIMITS, clear_to_m=clear_to_m),
    }
    names = layer['observation_sources'].split()
    sources = [(layer[name], in_the_world(clouds[name], eye)) for name in names]
    costmap.update((eye.x_m, eye.y_m, eye.z_m), sources)


def drive(layer, solids_at, *, filtered=True):
    """Drive 8 m with a nodding camera; solids_at: position -> what stands there."""
    costmap = new_map(layer)
    random = np.random.default_rng(5)
    for i, x in enumerate(np.arange(0.0, 8.1, 0.4)):
        eye = Eye(x, 0.0, HEIGHT_M, 0.15 * np.sin(i), -0.1 + 0.05 * np.sin(1.7 * i))
        observe(costmap, layer, eye, seen_depth(eye, solids_at(x), random), filtered=filtered)
    return costmap


def phantom_share(costmap, solids):
    """Give the share of lethal cells among those two cells or more from anything solid."""
    x, y = costmap.centres()
    standing = [box for box in solids if box.z0 < LIMITS.max_height_m and box.z1 > 0.0]
    clear = ~occupied(standing, x, y, 2 * RESOLUTION_M + 1e-3)
    clear &= (x[:, None] > 0.0) & (x[:, None] < 12.0) & (np.abs(y)[None, :] < 1.0)
    return ((costmap.cells == LETHAL) & clear).sum() / clear.sum()


def test_under_one_percent_of_the_free_cells_is_phantom(driven):
    assert phantom_share(driven, FULL) < 0.01


def test_no_obstacle_is_missed(driven):
    x, y = driven.centres()
    for box in BOXES:
        front = (x > box.x0 - 0.1) & (x < box.x0 + 0.1)
        across = np.flatnonzero((y > box.y0) & (y < box.y1) & (np.abs(y) < 0.98))
        marked = (driven.cells[front][:, across] == LETHAL).any(axis=0)
        assert marked.mean() > 0.9, box


def test_the_walls_are_closed(driven):
    x, y = driven.centres()
    along = (x > 1.5) & (x < 11.5)
    for side in (-1.0, 1.0):
        near = np.abs(y - side) < 0.1
        assert (driven.cells[np.ix_(along, near)] == LETHAL).any(axis=1).mean() > 0.9


def test_without_the_filters_there_are_many_times_more_phantoms(layer, driven):
    unfiltered = drive(layer, lambda x: FULL, filtered=False)
    assert phantom_share(unfiltered, FULL) > 0.01
    assert phantom_share(unfiltered, FULL) > 3 * phantom_share(driven, FULL)


def test_somebody_who_has_gone_leaves_no_mark(layer):
    costmap = drive(layer, lambda x: (*EMPTY, PERSON) if x < 3.0 else EMPTY)
    x, y = costmap.centres()
    assert (costmap.cells[occupied([PERSON], x, y, 0.1)] != LETHAL).all()
    before = new_map(layer)
    eye = Eye(2.8, 0.0, HEIGHT_M, 0.0, -0.1)
    observe(before, layer, eye, look(eye, RAYS, (*EMPTY, PERSON)))
    assert (before.cells[occupied([PERSON], x, y, 0.05)] == LETHAL).any()


def test_the_way_is_known_to_be_free_as_far_as_the_trusted_range_and_no_farther(layer):
    costmap = new_map(layer)
    eye = Eye(0.0, 0.0, HEIGHT_M, 0.0, -0.1)
    observe(costmap, layer, eye, look(eye, RAYS, EMPTY))
    x, y = costmap.centres()
    middle = np.abs(y) < 0.3
    ahead = costmap.cells[np.ix_((x > 0.2) & (x < LIMITS.max_range_m - 0.15), middle)]
    assert (ahead == FREE).mean() > 0.9
    assert (costmap.cells[np.ix_(x > LIMITS.max_range_m + 0.1, middle)] == UNKNOWN).all()


@pytest.mark.parametrize('free', [True, False])
def test_ends_of_free_rays_wipe_a_mark_that_neither_floor_nor_wall_lies_behind(layer, free):
    """The end of the corridor is out of range: NaN there would keep the mark for ever."""
    eye = Eye(0.0, 0.0, HEIGHT_M, 0.0, 0.0)
    costmap = new_map(layer)
    ghost = np.array([[4.0, 0.0, 0.6]])
    costmap.update((0.0, 0.0, HEIGHT_M), [({**layer['obstacles'], 'clearing': False}, ghost)])
    observe(costmap, layer, eye, look(eye, RAYS, EMPTY), free=free)
    column = costmap.cells[100, 29:31]
    assert (column == LETHAL).any() == (not free)


def test_a_camera_above_the_voxels_clears_nothing(layer):
    """The reason for z_voxels and z_resolution in the file."""
    low = {**layer, 'z_voxels': 3}
    costmap = new_map(low)
    eye = Eye(0.0, 0.0, HEIGHT_M, 0.0, -0.1)
    observe(costmap, low, eye, look(eye, RAYS, EMPTY))
    assert not (costmap.cells == FREE).any()
    assert layer['origin_z'] + layer['z_voxels'] * layer['z_resolution'] > 2.0
