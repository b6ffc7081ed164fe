"""Another camera made like the training's: by a factor, or by an image from its place."""

import math
from dataclasses import replace

import numpy as np
import pytest

from zoedepth_ros.geometry.canonical import (
    TRAINING_CAMERAS,
    CanonicalWarp,
    focal_factor,
    training_view,
)
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.geometry.rays import project, rays

INNER = Intrinsics(300.0, 302.0, 161.0, 118.0, 320, 240)
LENSES = {
    'none': (),
    'plumb_bob': (-0.3, 0.1, 0.001, -0.002, 0.01),
    'rational_polynomial': (0.45, -2.6, 0.001, -0.0003, 1.5, 0.33, -2.43, 1.43),
    'equidistant': (0.02, -0.01, 0.003, -0.001),
}


def wall(directions):
    """Depth of the plane 0.3 x - 0.2 y + z = 4 along directions (…, 2)."""
    return (4.0 / (0.3 * directions[..., 0] - 0.2 * directions[..., 1] + 1.0)).astype(np.float32)


@pytest.mark.parametrize(
    ('head', 'focal_px', 'width'), [('indoor', 519, 640), ('outdoor', 721.5, 1216)]
)
def test_the_training_cameras_are_nyus_and_kittis(head, focal_px, width):
    camera = TRAINING_CAMERAS[head]
    assert camera.fx_px == pytest.approx(focal_px, rel=1e-3)
    assert camera.width == width
    assert focal_factor(camera, head) == pytest.approx(1.0)


def test_twice_the_focal_length_is_twice_the_distance():
    twice = Intrinsics(1037.72, 1038.94, 0, 0, 640, 480)
    assert focal_factor(twice, 'indoor') == pytest.approx(2)
    same = Intrinsics(1037.72, 1038.94, 0, 0, 1280, 960)
    assert focal_factor(same, 'indoor') == pytest.approx(1)


@pytest.mark.parametrize(
    ('times', 'factor'),
    # Completely up to 1.4, of the rest the square root: 1.4 (5.6 / 1.4)^0.5.
    [(1.0, 1.0), (1.3, 1.3), (1.4, 1.4), (5.6, 2.8), (0.8, 0.8), (0.4, 0.4)],
)
def test_an_exponent_below_one_takes_a_part_of_a_focal_ratio_beyond_1_4_and_none_of_a_short_one(
    times, factor
):
    camera = Intrinsics(518.86 * times, 519.47 * times, 0, 0, 640, 480)
    assert focal_factor(camera, 'indoor', exponent=0.5) == pytest.approx(factor)
    assert focal_factor(camera, 'indoor') == pytest.approx(times)


@pytest.mark.parametrize('width', [480, 640, 853, 1584, 360])
def test_columns_cut_off_or_added_at_the_sides_leave_the_distance_as_it_is(width):
    # Images are resized to the network's size ignoring the aspect ratio, and rows tell distance.
    training = Intrinsics.from_hfov(640, 480, math.radians(65.0))
    camera = replace(training, width=width, cx_px=0.5 * (width - 1))
    factor = focal_factor(camera, 'indoor', training_hfov_rad=math.radians(65.0))
    assert factor == pytest.approx(1.0)


def test_rows_cut_off_make_the_rest_taller_and_so_nearer_to_the_network():
    training = Intrinsics.from_hfov(640, 480, math.radians(65.0))
    cut = replace(training, height=360, cy_px=179.5)
    factor = focal_factor(cut, 'outdoor', training_hfov_rad=math.radians(65.0))
    assert factor == pytest.approx(480 / 360)


@pytest.mark.parametrize('lens', LENSES)
def test_projecting_rays_gives_their_pixels(lens):
    camera = CameraModel(INNER, lens, LENSES[lens])
    expected = np.stack(np.meshgrid(np.arange(320), np.arange(240)), axis=-1)
    np.testing.assert_allclose(project(rays(camera), camera), expected, atol=0.11)


def test_a_direction_that_the_lens_folds_back_has_no_pixel():
    camera = CameraModel(INNER, 'plumb_bob', (-0.3, 0.0, 0.0, 0.0, 0.0))
    places = project(np.array([[0.2, 0.0], [1.7, 0.0]], np.float32), camera)
    np.testing.assert_allclose(places[0], [161.0 + 300.0 * 0.2 * 0.988, 118.0], atol=1e-3)
    assert pytest.approx(0.226, abs=1e-3) == 1.7 * (1.0 - 0.3 * 1.7**2)  # inside the image
    assert np.isnan(places[1]).all()


@pytest.mark.parametrize('head', ['indoor', 'outdoor'])
@pytest.mark.parametrize('lens', LENSES)
def test_depth_of_a_wall_comes_back_to_its_own_pixels(lens, head):
    camera = CameraModel(INNER, lens, LENSES[lens])
    warp = CanonicalWarp(camera, head)
    back_m = warp.depth(wall(rays(CameraModel(warp.view))))
    expected_m = wall(rays(camera))
    known = np.isfinite(back_m)
    assert known.mean() > 0.3
    inner = known.copy()
    inner[[0, -1]], inner[:, [0, -1]] = False, False
    error = np.abs(back_m - expected_m)[inner] / expected_m[inner]
    assert np.quantile(error, 0.99) < 1e-3


def test_the_view_shows_each_thing_where_the_training_camera_would_see_it():
    rgb = np.zeros((240, 320, 3), np.uint8)
    rgb[118 - 3 : 118 + 4, 221 - 3 : 221 + 4] = 255  # seen along x/z = 0.2, y/z = 0
    warp = CanonicalWarp(CameraModel(INNER), 'indoor')
    rows, columns = np.nonzero(warp.image(rgb)[..., 0] > 200)
    focal_px = 518.86 / 2.0
    assert columns.mean() == pytest.approx(159.5 + 0.2 * focal_px, abs=0.6)
    assert rows.mean() == pytest.approx(119.5, abs=0.6)


def test_a_narrow_camera_leaves_the_rest_of_the_view_black_and_gets_all_its_depth():
    narrow = CameraModel(Intrinsics.from_hfov(320, 240, math.radians(40)))
    warp = CanonicalWarp(narrow, 'indoor')
    assert np.isfinite(warp.depth(wall(rays(CameraModel(warp.view))))).all()
    image = warp.image(np.full((240, 320, 3), 200, np.uint8))
    assert (image[0] == 0).all()
    assert (image[120, 160] == 200).all()


def test_a_wide_camera_gets_no_depth_where_the_training_camera_does_not_look():
    wide = CameraModel(Intrinsics.from_hfov(320, 240, math.radians(110)))
    warp = CanonicalWarp(wide, 'indoor')
    back_m = warp.depth(np.full((warp.view.height, warp.view.width), 2.0, np.float32))
    assert np.isnan(back_m[120, 0])
    assert back_m[120, 160] == 2.0
    assert np.isfinite(back_m).mean() == pytest.approx(
        (320 / 518.86 / math.tan(math.radians(55))) ** 2, rel=0.1
    )


def test_the_view_has_the_width_that_is_requested_and_the_trainings_aspect():
    view = training_view('outdoor', 608)
    assert (view.width, view.height) == (608, 176)
    assert view.fx_px == pytest.approx(721.54 / 2)


@pytest.mark.parametrize('size', [(1, 1), (1, 5), (5, 1)])
def test_images_of_one_row_or_column_are_warped_too(size):
    width, height = size
    warp = CanonicalWarp(CameraModel(Intrinsics.from_hfov(width, height, 1.0)), 'indoor')
    view = warp.image(np.full((height, width, 3), 90, np.uint8))
    assert view.shape == (warp.view.height, warp.view.width, 3)
    assert warp.depth(np.ones(view.shape[:2], np.float32)).shape == (height, width)
