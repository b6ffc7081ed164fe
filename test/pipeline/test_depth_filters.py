"""Limits and filters of depth before it becomes an image or points."""

import math

import numpy as np
import pytest

from zoedepth_ros.geometry.canonical import focal_factor
from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.geometry.workspace import Workspace
from zoedepth_ros.pipeline.depth_filters import depth_for_points, without_uncertain
from zoedepth_ros.pipeline.request import FrameContext
from zoedepth_ros.pipeline.settings import PipelineSettings, settings_from


def camera(focal_px, width, height):
    return Intrinsics(focal_px, focal_px, width / 2, height / 2, width, height)


def test_the_training_cameras_need_no_correction():
    assert focal_factor(camera(519.47, 640, 480), 'indoor') == pytest.approx(1.0, abs=1e-4)
    assert focal_factor(camera(721.54, 1216, 352), 'outdoor') == pytest.approx(1.0, abs=1e-4)


def test_twice_the_focal_length_is_twice_the_distance_whatever_the_resolution():
    assert focal_factor(camera(2 * 519.47, 640, 480), 'indoor') == pytest.approx(2.0)
    assert focal_factor(camera(4 * 519.47, 1280, 960), 'indoor') == pytest.approx(2.0)


def test_uncertain_depth_becomes_unknown_when_asked():
    depth_m = np.array([[1.0, 2.0]], np.float32)
    uncertainty_m = np.array([[0.1, 0.5]], np.float32)
    assert without_uncertain(depth_m, uncertainty_m, PipelineSettings()) is depth_m
    result = without_uncertain(
        depth_m, uncertainty_m, settings_from({'filter.max_uncertainty': 0.2})
    )
    assert result[0, 0] == 1.0
    assert np.isnan(result[0, 1])


def known(depth_m, **settings):
    values = {name.replace('__', '.'): value for name, value in settings.items()}
    return np.isfinite(depth_for_points(np.array(depth_m, np.float32), settings_from(values)))


def test_too_near_is_minus_infinite_and_no_limit_makes_anything_infinite():
    row = np.array([[-1.0, 0.0, 0.05, 1.0, 50.0, np.nan, np.inf]], np.float32)
    limits = {'filter.edge': False, 'depth.max': 3.0, 'cloud.max_range': 2.0}
    out_m = depth_for_points(row, settings_from(limits))[0]
    np.testing.assert_array_equal(out_m, [np.nan, np.nan, -np.inf, 1.0, 50.0, np.nan, np.inf])


def test_the_limit_of_the_cloud_is_not_one_of_what_is_measured():
    def limits(factor=1.0, **values):
        """Give both, of the indoor head, which was trained up to 10 m."""
        context = FrameContext(
            rgb=None, depth_m=None, head='indoor', factor=factor, sky=None, on_device=None,
            camera=None, settings=settings_from(values), now_s=0.0, network_width=512,
        )  # fmt: skip
        return context.measured_to_m, context.shown_to_m

    near = {'depth.max': 8.0, 'cloud.max_range': 5.0}
    assert limits(**near) == (8.0, 5.0)
    assert limits(0.4, **near) == (4.0, 4.0)
    assert limits() == (10.0, 10.0)


def test_points_between_an_object_and_its_background_are_left_out():
    depth_m = np.full((32, 64), 1.0, np.float32)
    depth_m[:, 32:] = 5.0
    depth_m[:, 31:33] = 3.0
    assert not known(depth_m)[:, 31:33].any()
    assert known(depth_m, filter__edge=False).all()
    assert known(depth_m)[:, :24].all()


def test_the_edges_of_a_small_network_are_looked_for_wider():
    row = np.interp(np.arange(640), [300, 322], [1.8, 2.4])  # 0.6 m in 22 columns
    depth_m = np.tile(row.astype(np.float32), (32, 1))
    settings = settings_from({})
    assert np.isfinite(depth_for_points(depth_m, settings, 512)).all()
    assert np.isnan(depth_for_points(depth_m, settings, 128))[:, 305:317].all()


@pytest.mark.parametrize('steps', [(4, 4), (4, 1)])
def test_decimated_before_filtering_is_as_decimated_after(steps):
    depth_m = np.tile(np.interp(np.arange(640), [300, 306], [1.0, 3.0]), (32, 1))
    depth_m = depth_m.astype(np.float32)
    depth_m[3:9, 100:160], depth_m[20:, 500:] = np.nan, 0.05
    settings = settings_from({})
    whole_m = depth_for_points(depth_m, settings)
    assert {math.isnan(v) for v in (whole_m.min(), whole_m[0, 0])} == {True, False}
    few_m = depth_for_points(depth_m, settings, steps=steps)
    expected_m = whole_m[steps[0] // 2 :: steps[0], steps[1] // 2 :: steps[1]]
    np.testing.assert_array_equal(few_m, expected_m)


def test_kept_memory_changes_neither_result_nor_input():
    scratch, settings = Workspace(), settings_from({'filter.max_uncertainty': 0.2})
    for value in (1.0, 2.0):
        depth_m = np.full((8, 12), value, np.float32)
        unsure_m = np.full((8, 12), 0.1, np.float32)
        unsure_m[2:4] = 0.5
        out_m = depth_for_points(
            without_uncertain(depth_m, unsure_m, settings, scratch),
            settings_from({'filter.edge': False}),
            workspace=scratch,
        )
        assert np.isnan(out_m[2:4]).all()
        assert (out_m[4:] == value).all()
        assert (depth_m == value).all()
