"""The panel shows what it is given, where it belongs."""

import numpy as np
import pytest

from zoedepth_ros.media.color import EDGE, depth_to_bgr
from zoedepth_ros.media.panel import draw_depth_with_scale, draw_panel, draw_warning
from zoedepth_ros.media.side_view import draw_side_view

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def pixels_of(image, rgb):
    """Give the (rows, columns) of a colour in a blue-green-red image."""
    return np.nonzero((image == np.array(rgb[::-1], np.uint8)).all(axis=2))


def side(points, colors, height=300, width=400):
    return draw_side_view(
        np.array(points, np.float32),
        np.array(colors, np.uint8),
        height=height,
        width=width,
        text_px=12.0,
    )


def test_convention_far_is_right_and_up_is_up_in_the_side_view():
    # y points down in a camera, so the second point is the higher one
    view = side([(0, 1, 2), (0, -1, 2), (0, 1, 4)], [RED, GREEN, BLUE])
    (low_row, low_column), (high_row, high_column), (far_row, far_column) = (
        (rows.mean(), columns.mean())
        for rows, columns in (pixels_of(view, c) for c in (RED, GREEN, BLUE))
    )
    assert high_row < low_row
    assert high_column == low_column
    assert far_column > low_column
    assert far_row == low_row


def test_edges_of_missing_floor_are_drawn_above_all_points():
    points, colors = np.array([(0, 0, 2), (1, 0, 3)], np.float32), np.zeros((2, 3), np.uint8)
    plain, view = (
        draw_side_view(points, colors, height=300, width=400, text_px=12.0, edges=edges)
        for edges in (None, points[1:])
    )
    rows, columns = pixels_of(view, EDGE[::-1])
    marked = (plain != view).any(axis=2)
    assert marked[rows, columns].all()
    assert columns.mean() == pytest.approx(np.nonzero(marked)[1].mean(), abs=1)
    assert (plain[rows, columns] == 0).all(axis=1).any()  # where the point is


def test_the_side_view_has_one_scale_for_both_directions():
    view = side([(0, 0, 2), (0, -1, 2), (0, 0, 3)], [RED, GREEN, BLUE])
    at = [
        (rows.mean(), columns.mean())
        for rows, columns in (pixels_of(view, c) for c in (RED, GREEN, BLUE))
    ]
    up_px = at[0][0] - at[1][0]
    forward_px = at[2][1] - at[0][1]
    assert up_px > 20
    assert up_px == pytest.approx(forward_px, abs=1)


def test_convention_the_view_is_from_the_right_so_larger_x_hides_smaller():
    for points, colors in (
        ([(1, 0, 2), (-1, 0, 2)], [RED, GREEN]),
        ([(-1, 0, 2), (1, 0, 2)], [GREEN, RED]),
    ):
        view = side(points, colors)
        assert pixels_of(view, RED)[0].size > 0
        assert pixels_of(view, GREEN)[0].size == 0


def test_points_that_are_not_finite_are_not_drawn():
    view = side([(0, 0, 2), (0, np.nan, 2), (0, 0, np.inf)], [RED, GREEN, BLUE])
    assert pixels_of(view, RED)[0].size > 0
    assert pixels_of(view, GREEN)[0].size == pixels_of(view, BLUE)[0].size == 0


def test_a_single_far_point_does_not_shrink_the_rest():
    points = [(0, 0, 1 + i / 1000) for i in range(999)] + [(0, 0, 1e6)]
    view = side(points, [RED] * 999 + [GREEN])
    columns = pixels_of(view, RED)[1]
    assert columns.max() - columns.min() > 100
    assert pixels_of(view, GREEN)[0].size == 0


def test_an_empty_cloud_can_be_drawn():
    view = side(np.full((3, 3, 3), np.nan), np.zeros((3, 3, 3)))
    assert view.shape == (300, 400, 3)


def scene(height=60, width=80, depth_size=(60, 80)):
    rgb = np.full((height, width, 3), (200, 50, 0), np.uint8)
    depth_m = np.linspace(1, 5, depth_size[0] * depth_size[1], dtype=np.float32)
    points = np.random.default_rng(1).uniform(1, 2, (height, width, 3)).astype(np.float32)
    return rgb, depth_m.reshape(depth_size), points, rgb


def test_a_panel_holds_the_image_the_depth_and_the_cloud_from_left_to_right():
    rgb, depth_m, points, _ = scene()
    cloud_rgb = np.full_like(rgb, (7, 211, 99))
    panel = draw_panel(rgb, depth_m, points, cloud_rgb, view_height=240, near_m=1, far_m=5)
    image = pixels_of(panel, (200, 50, 0))[1]
    cloud = pixels_of(panel, (7, 211, 99))[1]
    near_bgr = depth_to_bgr(np.ones((1, 1), np.float32), 1, 5)[0, 0]
    depth = np.nonzero((panel == near_bgr).all(axis=2))[1]
    assert image.size >= 240 * 320
    assert image.max() < depth.min() < depth.max() < cloud.min()


def test_uncertainty_is_shown_as_a_share_of_depth_between_depth_and_cloud():
    rgb, depth_m, points, _ = scene()
    cloud_rgb = np.full_like(rgb, (7, 211, 99))
    uncertainty_m = 0.25 * depth_m
    uncertainty_m[:, :40] = 9.0 * depth_m[:, :40]
    panel = draw_panel(
        rgb, depth_m, points, cloud_rgb, uncertainty_m=uncertainty_m, view_height=240
    )
    # Red is 50 % and more, yellow 25 %.
    red, yellow = pixels_of(panel, (205, 40, 45))[1], pixels_of(panel, (250, 215, 110))[1]
    assert min(red.size, yellow.size) >= 240 * 160
    assert red.min() > pixels_of(panel, (200, 50, 0))[1].max()
    assert yellow.max() < pixels_of(panel, (7, 211, 99))[1].min()


def test_depth_of_another_size_than_the_image_is_shown_at_the_same_height():
    panel = draw_panel(*scene(depth_size=(30, 40)), view_height=240)
    same = draw_panel(*scene(), view_height=240)
    assert panel.shape == same.shape


def test_without_a_warning_nothing_lies_across_the_panel():
    plain = draw_panel(*scene(), view_height=240)
    warned = draw_panel(*scene(), view_height=240, warning='random weights: not depth')
    changed = (plain != warned).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert columns.min() == 0
    assert columns.max() == panel_width(plain)
    assert abs(rows.mean() - plain.shape[0] / 2) < 5
    assert changed[int(rows.mean())].mean() > 0.9


def panel_width(panel):
    return panel.shape[1] - 1


@pytest.mark.parametrize('size', [(60, 200), (100, 1000), (400, 160)])
def test_a_long_warning_stays_inside_the_image(size):
    image = np.zeros((*size, 3), np.uint8)
    drawn = draw_warning(image, 'trained on rendered scenes only: try it out, do not rely on it')
    assert drawn.shape == image.shape
    assert not image.any(), 'the image handed in must stay as it is'
    letters = (drawn > 200).all(axis=2).any(axis=0)
    assert not letters[:1].any()
    assert not letters[-1:].any()


def test_depth_with_its_scale_keeps_every_pixel_of_the_depth():
    depth_m = np.linspace(1, 5, 1200, dtype=np.float32).reshape(30, 40)
    drawn = draw_depth_with_scale(depth_m, near_m=1, far_m=5)
    assert (drawn[:30, :40] == depth_to_bgr(depth_m, 1, 5)).all()
    assert drawn.shape[1] > 40


@pytest.mark.parametrize('size', [(4, 4), (480, 100), (33, 1200)])
def test_images_of_any_shape_make_a_panel(size):
    panel = draw_panel(*scene(*size, depth_size=size))
    assert panel.dtype == np.uint8
    assert panel.shape[0] > 480
