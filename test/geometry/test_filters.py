"""Flying pixels are found, surfaces are left alone."""

import math

import numpy as np
import pytest
from blurred_depth import blur_as_a_network, flying, matches_ground_truth

from zoedepth_ros.geometry.filters import depth_for_points, flying_pixels, without_uncertain
from zoedepth_ros.synthetic.scene import render_scene

ROWS = np.arange(480)[:, None]
COLUMNS = np.arange(640)[None, :]


def wide(row_m) -> np.ndarray:
    return np.tile(np.asarray(row_m, np.float32), (480, 1))


def plane(normal, offset_m: float) -> np.ndarray:
    """Depth of the plane n . X = offset seen by a camera of 525 px."""
    x, y = (COLUMNS - 319.5) / 525, (ROWS - 239.5) / 525
    with np.errstate(divide='ignore'):
        depth_m = offset_m / (normal[0] * x + normal[1] * y + normal[2])
    return np.where((depth_m > 0) & (depth_m < 80), depth_m, 80.0).astype(np.float32)


def test_a_floor_is_kept_from_the_feet_to_the_horizon():
    floor_m = plane((0.0, 1.0, 0.0), 1.2)  # 1.2 m below a level camera, grazing near the horizon
    assert floor_m[256, 0] > 35
    assert not flying_pixels(floor_m)[258:].any()


@pytest.mark.parametrize('normal', [(1.0, 0.0, 0.1), (-0.9, 0.1, 0.15), (0.3, 0.9, 0.05)])
def test_a_slanted_wall_is_kept(normal):
    depth_m = plane(normal, 1.0)
    marked = flying_pixels(depth_m)
    assert not marked[depth_m < 40].any()


def test_both_sides_of_a_step_are_marked_and_nothing_else():
    marked = flying_pixels(wide(np.where(np.arange(640) < 300, 1.0, 3.0)))
    np.testing.assert_array_equal(np.flatnonzero(marked.any(axis=0)), [299, 300])
    assert marked[:, 299:301].all()


def test_the_whole_ramp_between_two_surfaces_is_marked():
    ramp_m = wide(np.interp(np.arange(640), [300, 306], [1.0, 3.0]))
    marked = flying_pixels(ramp_m)
    assert marked[:, 301:306].all()
    assert not marked[:, :299].any()
    assert not marked[:, 308:].any()
    np.testing.assert_array_equal(flying_pixels(ramp_m[:, ::-1].copy()), marked[:, ::-1])


def test_a_step_from_row_to_row_is_marked_as_one_from_column_to_column():
    step_m = np.where(np.arange(480) < 200, 4.0, 2.0).astype(np.float32)
    marked = flying_pixels(np.tile(step_m[:, None], (1, 640)))
    np.testing.assert_array_equal(np.flatnonzero(marked.any(axis=1)), [199, 200])


def test_a_step_on_top_of_a_slanted_floor_is_marked():
    floor_m = plane((0.0, 1.0, 0.0), 1.2)
    floor_m[300:420, 200:260] = 1.5  # a post, standing before the floor
    marked = flying_pixels(floor_m)
    assert marked[310:330, 200].all()
    assert marked[310:330, 259].all()
    assert not marked[310:330, 205:255].any()
    assert not marked[310:330, 300:].any()


def test_the_crease_between_floor_and_wall_is_kept():
    corner_m = np.minimum(plane((0.0, 1.0, 0.0), 1.2), 5.0)
    assert not flying_pixels(corner_m).any()


def test_a_thin_pole_is_marked_at_both_sides():
    pole_m = np.full(640, 4.0)
    pole_m[320:324] = 2.0
    marked = flying_pixels(wide(pole_m))
    assert marked[100, 319:325].sum() >= 4
    assert not marked[100, :317].any()


def test_unknown_and_infinite_depth_make_an_edge_and_no_warning():
    depth_m = wide(np.full(640, 2.0))
    depth_m[:, 400:] = np.inf
    depth_m[:, :100] = np.nan
    marked = flying_pixels(depth_m)
    assert marked[:, 100].all()
    assert marked[:, 399].all()
    assert not marked[:, 102:398].any()


@pytest.mark.parametrize('shape', [(1, 1), (2, 2), (1, 40), (40, 2), (3, 3)])
def test_tiny_maps_work(shape):
    assert not flying_pixels(np.ones(shape, np.float32)).any()


@pytest.mark.parametrize('steps', [(4, 4), (4, 1), (3, 5), (1, 2)])
@pytest.mark.parametrize('shape', [(240, 320), (121, 163)])
def test_the_marks_of_some_pixels_are_those_of_the_whole_image(steps, shape):
    depth_m = render_scene('indoor', 5, *shape).depth_m
    depth_m[9:12, 20:40] = np.nan
    whole = flying_pixels(depth_m)
    assert 100 < whole.sum() < 0.5 * whole.size
    few = flying_pixels(depth_m, strides=steps)
    rows, columns = (slice(step // 2, None, step) for step in steps)
    np.testing.assert_array_equal(few, whole[rows, columns])


@pytest.mark.parametrize('domain', ['indoor', 'outdoor'])
@pytest.mark.parametrize(('network', 'sigma_px'), [((384, 512), 1.5), ((192, 256), 1.3)])
def test_on_held_out_scenes_flying_pixels_go_and_true_points_stay(domain, network, sigma_px):
    flew, removed, true, kept = 0, 0, 0, 0
    for seed in range(2**40 + 3001, 2**40 + 3007):
        depth_m = render_scene(domain, seed, 480, 640).depth_m
        blurred_m = blur_as_a_network(depth_m, network, sigma_px)
        fly = flying(blurred_m, depth_m, math.ceil(3 * sigma_px * 640 / network[1]))
        stays = matches_ground_truth(blurred_m, depth_m)
        marked = flying_pixels(blurred_m, network_width=network[1])
        flew, removed = flew + fly.sum(), removed + (marked & fly).sum()
        true, kept = true + stays.sum(), kept + (stays & ~marked).sum()
    assert removed > 0.90 * flew > 1000
    assert kept > 0.97 * true


def test_uncertain_depth_becomes_unknown_when_requested():
    depth_m = np.array([[1.0, 2.0]], np.float32)
    uncertainty_m = np.array([[0.1, 0.5]], np.float32)
    assert without_uncertain(depth_m, uncertainty_m, 0.0) is depth_m
    result = without_uncertain(depth_m, uncertainty_m, 0.2)
    assert result[0, 0] == 1.0
    assert np.isnan(result[0, 1])


def known(depth_m, *, edges=True, **options):
    return np.isfinite(depth_for_points(depth_m, min_m=0.1, edges=edges, **options))


def test_too_near_is_minus_infinite_and_no_limit_makes_anything_infinite():
    row = np.array([[-1.0, 0.0, 0.05, 1.0, 50.0, np.nan, np.inf]], np.float32)
    out_m = depth_for_points(row, min_m=0.1, edges=False)[0]
    np.testing.assert_array_equal(out_m, [np.nan, np.nan, -np.inf, 1.0, 50.0, np.nan, np.inf])


def test_points_between_an_object_and_its_background_are_left_out():
    depth_m = np.full((32, 64), 1.0, np.float32)
    depth_m[:, 32:] = 5.0
    depth_m[:, 31:33] = 3.0
    assert not known(depth_m)[:, 31:33].any()
    assert known(depth_m, edges=False).all()
    assert known(depth_m)[:, :24].all()


def test_the_edges_of_a_small_network_are_looked_for_wider():
    row = np.interp(np.arange(640), [300, 322], [1.8, 2.4])  # 0.6 m in 22 columns
    depth_m = np.tile(row.astype(np.float32), (32, 1))
    assert known(depth_m, network_width=512).all()
    assert not known(depth_m, network_width=128)[:, 305:317].any()


@pytest.mark.parametrize('steps', [(4, 4), (4, 1)])
def test_decimated_before_filtering_is_as_decimated_after(steps):
    depth_m = np.tile(np.interp(np.arange(640), [300, 306], [1.0, 3.0]), (32, 1))
    depth_m = depth_m.astype(np.float32)
    depth_m[3:9, 100:160], depth_m[20:, 500:] = np.nan, 0.05
    whole_m = depth_for_points(depth_m, min_m=0.1, edges=True)
    assert {math.isnan(v) for v in (whole_m.min(), whole_m[0, 0])} == {True, False}
    few_m = depth_for_points(depth_m, min_m=0.1, edges=True, steps=steps)
    expected_m = whole_m[steps[0] // 2 :: steps[0], steps[1] // 2 :: steps[1]]
    np.testing.assert_array_equal(few_m, expected_m)


def test_filters_leave_their_input_as_it_is():
    depth_m, unsure_m = np.ones((8, 12), np.float32), np.full((8, 12), 0.1, np.float32)
    unsure_m[2:4] = 0.5
    certain_m = without_uncertain(depth_m, unsure_m, 0.2)
    out_m = depth_for_points(certain_m, min_m=0.1, edges=False)
    assert np.isnan(out_m[2:4]).all()
    assert (out_m[4:] == 1.0).all()
    assert (depth_m == 1.0).all()
