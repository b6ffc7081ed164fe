"""Edges of the floor: drops, ramps, obstacles and noise, with depth from the geometry."""

import math
from dataclasses import replace

import numpy as np
import pytest
from edge_scenes import NOISES, RAMP, EdgeScene, edges_of, exact_score

from zoedepth_ros.geometry.ground import Ground, near_ground, up_from_angles
from zoedepth_ros.geometry.points import depth_to_points
from zoedepth_ros.pipeline.settings import settings_from


def cliffs(place, depths_m, **values):
    """Return the points of each image through the pipeline, 10 images a second."""
    named = {name.replace('.', '__'): value for name, value in values.items()}
    return list(edges_of(place, depths_m, **named))


def on_the_floor(place, points_m):
    """Return across the edge, along it, and the height above the floor [m]."""
    height_m = points_m @ np.array(place.up) + place.height_m
    return *place.across_along(points_m), height_m


PLACES = (
    EdgeScene(0.3, 0.0, hfov_rad=1.0),
    EdgeScene(0.3, -0.3),
    EdgeScene(0.5, 0.0, turn_rad=0.6),
    EdgeScene(0.5, -0.15, hfov_rad=1.57),
    EdgeScene(1.0, -0.3, roll_rad=0.15),
    EdgeScene(1.0, -0.15, turn_rad=-0.4),
    EdgeScene(1.5, -0.4),
    EdgeScene(1.5, -0.3, hfov_rad=1.57, size=(720, 1280)),
)


@pytest.mark.parametrize('noise', NOISES)
@pytest.mark.parametrize('place', PLACES)
def test_a_drop_of_10_cm_at_2_m_is_found_where_it_is(place, noise):
    random, depth_m = np.random.default_rng(3), place.depth(0.1)
    points = cliffs(place, [noise(depth_m, random) for _ in range(4)])
    found = [p for p in points[1:] if len(p)]
    assert len(found) == 3
    for points_m in found:
        across_m, along_m, height_m = on_the_floor(place, points_m)
        assert np.median(across_m) == pytest.approx(2.0, abs=0.12)
        assert np.ptp(along_m) > 0.8
        assert np.abs(height_m).max() < 0.15


@pytest.mark.parametrize('noise', NOISES)
@pytest.mark.parametrize('place', PLACES)
@pytest.mark.parametrize('slope', [0.0, RAMP, -RAMP])
def test_a_level_floor_and_a_ramp_of_5_degrees_have_no_edge(place, noise, slope):
    random, depth_m = np.random.default_rng(4), replace(place, edge_m=1.5).depth(slope=slope)
    depths_m = [noise(depth_m, random) for _ in range(4)]
    assert not any(len(points_m) for points_m in cliffs(place, depths_m))


@pytest.mark.parametrize('noise', NOISES)
def test_random_cameras_find_the_drop_and_no_other_edge(noise):
    counts = exact_score(noise, 40)
    assert (counts['images'], counts['false_level'], counts['false_ramp']) == (40, 0, 0)
    assert counts['found'] >= 39


@pytest.mark.parametrize('step', [1, 2, 4, 8])
@pytest.mark.parametrize('size', [(240, 320), (480, 640), (1080, 1920)])
def test_any_decimation_and_size_finds_it(step, size):
    place = EdgeScene(0.6, size=size)
    (*_, points_m) = cliffs(place, [place.depth(0.1)] * 2, **{'cloud.decimation': step})
    across_m, along_m, _ = on_the_floor(place, points_m)
    np.testing.assert_allclose(across_m, 2.0, atol=0.1)
    columns = size[1] / step
    assert 0.8 * columns < len(points_m) <= columns + 1
    assert np.ptp(along_m) > 2.0


@pytest.mark.parametrize('turns', [1, 2, 3])
def test_a_camera_that_is_mounted_sideways_or_upside_down_finds_it(turns):
    upright = EdgeScene(0.6)
    roll_rad = math.remainder(turns * math.pi / 2, 2 * math.pi)
    size = upright.size[::-1] if turns % 2 else upright.size
    focal_px = 320 / math.tan(upright.hfov_rad / 2)
    place = EdgeScene(
        0.6, roll_rad=roll_rad, size=size, hfov_rad=2 * math.atan(size[1] / 2 / focal_px)
    )
    (*_, points_m) = cliffs(place, [place.depth(0.1)] * 2)
    across_m, along_m, _ = on_the_floor(place, points_m)
    np.testing.assert_allclose(across_m, 2.0, atol=0.1)
    assert np.ptp(along_m) > 2.0


def test_nothing_beyond_the_edge_is_a_drop():
    place = EdgeScene(0.6)
    depth_m = place.depth(drop_m=np.inf, wall_m=np.inf)
    assert np.isposinf(depth_m).any()
    (*_, points_m) = cliffs(place, [depth_m] * 2)
    np.testing.assert_allclose(on_the_floor(place, points_m)[0], 2.0, atol=0.1)


def test_unknown_depth_beyond_the_floor_is_no_drop():
    place = EdgeScene(0.6)
    depth_m = place.depth(0.1)
    depth_m[depth_m > place.edge_m / math.cos(0.2) + 0.15] = np.nan
    assert not any(len(points_m) for points_m in cliffs(place, [depth_m] * 3))


def test_unknown_pixels_here_and_there_hide_no_edge():
    place, random = EdgeScene(0.6), np.random.default_rng(2)
    depth_m = place.depth(0.1)
    depth_m[random.random(depth_m.shape) < 0.3] = np.nan
    (*_, points_m) = cliffs(place, [depth_m] * 2)
    assert np.median(on_the_floor(place, points_m)[0]) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize('tall_m', [0.05, 0.08, 0.12, 0.15, 0.5, 2.0])
def test_an_obstacle_on_the_floor_is_no_edge(tall_m):
    place = EdgeScene(0.8)
    depth_m = place.depth(box=(1.5, 0.1, 0.5, tall_m))
    assert (depth_m != place.depth()).any()
    assert not any(len(points_m) for points_m in cliffs(place, [depth_m] * 3))


@pytest.mark.parametrize('step', [1, 2, 4])
@pytest.mark.parametrize('roll_rad', [-0.17, 0.09, 0.3])
def test_the_sides_of_legs_and_crates_are_no_edge_for_a_rolled_camera(roll_rad, step):
    random, decimated = np.random.default_rng(6), {'cloud.decimation': step}
    for _ in range(25):
        place = replace(EdgeScene.random(random), roll_rad=roll_rad, size=(240, 320))
        at_m, middle_m = random.uniform(0.8, 2.5), random.uniform(-0.8, 0.8)
        box = at_m, middle_m, random.uniform(0.05, 0.8), random.uniform(0.3, 1.0)
        found = cliffs(place, [place.depth(box=box)] * 2, **decimated)
        assert not any(len(points_m) for points_m in found), (place, box)


def test_an_edge_beside_an_obstacle_is_found_and_behind_it_is_not():
    place = EdgeScene(0.6)
    (*_, points_m) = cliffs(place, [place.depth(0.1, box=(1.5, 0.0, 0.4, 0.4))] * 2)
    across_m, along_m, _ = on_the_floor(place, points_m)
    np.testing.assert_allclose(across_m, 2.0, atol=0.2)
    assert not (np.abs(along_m) < 0.2).any()
    assert (along_m > 0.5).any()
    assert (along_m < -0.5).any()


@pytest.mark.parametrize(
    ('name', 'passes', 'stops'),
    [('min_drop', 0.08, 0.15), ('max_range', 2.5, 1.5), ('min_width', 1.0, 5.0),
     ('max_slope', 0.15, 0.35)],
)  # fmt: skip
def test_a_limit_holds(name, passes, stops):
    place = EdgeScene(0.6)
    depths_m = [place.depth(0.1)] * 2
    assert len(cliffs(place, depths_m, **{f'cliffs.{name}': passes})[-1])
    assert not len(cliffs(place, depths_m, **{f'cliffs.{name}': stops})[-1])


@pytest.mark.parametrize(('images', 'first'), [(1, 0), (2, 1), (4, 3)])
def test_an_edge_is_published_when_enough_images_show_it(images, first):
    place = EdgeScene(0.6)
    points = cliffs(place, [place.depth(0.1)] * 6, **{'cliffs.images': images})
    assert [len(p) > 0 for p in points] == [number >= first for number in range(6)]


def test_an_edge_in_one_image_is_not_published_and_a_gap_of_one_image_is_bridged():
    place = EdgeScene(0.6)
    edge, flat = place.depth(0.1), place.depth()
    points = cliffs(place, [flat, edge, flat, flat, edge, flat, edge])
    assert [len(p) > 0 for p in points] == [False] * 6 + [True]


def test_a_robot_that_drives_and_turns_sees_every_image_after_the_first():
    places = [EdgeScene(0.6, edge_m=2.4 - 0.1 * n, turn_rad=0.08 * n) for n in range(8)]
    points = cliffs(places[0], [place.depth(0.1) for place in places])
    assert [len(p) > 0 for p in points] == [False] + [True] * 7


@pytest.mark.parametrize('height_m', [0.0, 1.1])
def test_the_floor_before_a_lower_one_that_fills_the_image_is_the_near_one(height_m):
    place = EdgeScene(1.0, -0.1, edge_m=2.0)
    depths_m = [place.depth(0.6)] * 2
    (*_, points_m) = cliffs(place, depths_m, **{'camera.height': height_m})
    across_m, _, height_m = on_the_floor(place, points_m)
    assert np.median(across_m) == pytest.approx(2.0, abs=0.15)
    assert np.abs(height_m).max() < 0.1


def test_the_height_of_the_camera_tells_a_floor_from_a_box_that_fills_the_lower_rows():
    place = EdgeScene(1.0, -0.1, edge_m=2.0)  # that is, a box 0.6 m high on the floor at 1.6 m
    depths_m = [place.depth(0.6)] * 2
    assert not len(cliffs(place, depths_m, **{'camera.height': 1.6})[-1])


def test_a_camera_that_sees_no_floor_gives_no_points():
    place = EdgeScene(0.6, pitch_rad=0.8)
    depths_m = [np.full(place.size, 3.0, np.float32)]
    assert not len(cliffs(place, depths_m, **{'camera.height': 0.6})[0])


def test_the_ground_that_is_looked_up_has_the_camera_s_height():
    place = EdgeScene(0.5, 0.0)
    points_m = depth_to_points(place.depth(0.1), place.camera().rays())[::4, ::4]
    tilted = Ground(up_from_angles(place.pitch_rad + 0.02), 0.48, 0.9)
    found = near_ground(points_m, tilted)
    assert found.height_m == pytest.approx(0.5, abs=0.005)
    assert found.pitch_rad == pytest.approx(0.0, abs=0.005)
    assert found.confidence == 0.9


def test_a_drop_in_centimetres_is_refused():
    """It would hide every edge without a word."""
    with pytest.raises(ValueError, match='cliffs.min_drop must be at most 2.0, got 6.0'):
        settings_from({'cliffs.min_drop': 6.0})
