"""The scale of a still scene does not flicker, and nothing is late."""

import math

import numpy as np
import pytest

from zoedepth_ros.pipeline.flicker_filter import FlickerFilter

RANDOM = np.random.default_rng(2)
RGB = RANDOM.integers(0, 255, (120, 160, 3), dtype=np.uint8)
DEPTH_M = RANDOM.uniform(1.0, 5.0, (120, 160)).astype(np.float32)


def play(flicker_filter, scales, *, move=False, heads=None):
    """Show one image per scale, 10 a second; give what comes out, as scales."""
    out = []
    for i, scale in enumerate(scales):
        rgb = np.roll(RGB, 7 * i, axis=1) if move else RGB
        head = heads[i] if heads else 'indoor'
        depth_m = DEPTH_M * np.float32(scale)
        out.append(scale * flicker_filter.factor(depth_m, rgb, head, 0.1 * i))
    return np.array(out)


def test_the_flicker_of_a_still_scene_shrinks_fivefold():
    fluctuation = np.exp(0.05 * np.random.default_rng(4).normal(size=200))
    out = play(FlickerFilter(), fluctuation)
    before, after = np.std(np.log(fluctuation[50:])), np.std(np.log(out[50:]))
    assert after < before / 5


def test_the_first_image_goes_through_as_it_is():
    assert FlickerFilter().factor(DEPTH_M, RGB, 'indoor', 5.0) == 1.0


def test_a_moving_camera_is_left_alone():
    scales = np.linspace(1.0, 2.0, 30)  # the robot backs off: the depth truly grows
    np.testing.assert_allclose(play(FlickerFilter(), scales, move=True), scales)


def test_a_lasting_change_of_a_still_scene_gets_through():
    out = play(FlickerFilter(), [1.0] * 20 + [1.2] * 200)
    assert out[20] == pytest.approx(1.0, abs=0.01)
    assert out[-1] == pytest.approx(1.2, rel=0.005)


def test_a_thing_that_moves_in_a_still_scene_does_not_drag_the_scale():
    flicker_filter = FlickerFilter()
    flicker_filter.factor(DEPTH_M, RGB, 'indoor', 0.0)
    rgb, depth_m = RGB.copy(), DEPTH_M.copy()
    rgb[:, :60], depth_m[:, :60] = 0, 0.5  # somebody steps in
    assert flicker_filter.factor(depth_m, rgb, 'indoor', 0.1) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize('move', [False, True])
def test_a_new_head_takes_over_without_a_step(move):
    heads = ['indoor'] * 10 + ['outdoor'] * 120
    scales = [1.0] * 10 + [1.4] * 120  # the other head measures 40 % farther
    flicker_filter = FlickerFilter()
    flicker_filter.handover_s = 2.0
    out = play(flicker_filter, scales, heads=heads, move=move)
    steps = np.abs(np.diff(np.log(out)))
    assert steps[9] < 0.05
    assert steps.max() < 0.05
    assert out[-1] == pytest.approx(1.4, rel=0.01)


def test_without_a_handover_a_new_head_speaks_for_itself_at_once():
    flicker_filter = FlickerFilter()
    out = play(flicker_filter, [1.0] * 5 + [1.4], heads=['indoor'] * 5 + ['outdoor'], move=True)
    assert out[-1] == pytest.approx(1.4)


@pytest.mark.parametrize('now_s', [-5.0, 100.0])
def test_a_clock_that_jumps_forgets_the_past(now_s):
    flicker_filter = FlickerFilter()
    play(flicker_filter, [1.0] * 5)
    assert flicker_filter.factor(DEPTH_M * np.float32(1.3), RGB, 'indoor', now_s) == 1.0


def test_no_correction_is_larger_than_its_limit():
    out = play(FlickerFilter(), [1.0, 3.0])
    assert out[1] == pytest.approx(3.0 * math.exp(-0.5), rel=0.01)


def test_maps_full_of_unknown_pixels_are_survived():
    flicker_filter = FlickerFilter()
    unknown = np.full((120, 160), np.nan, np.float32)
    factors = [flicker_filter.factor(d, RGB, 'indoor', 0.1 * i) for i, d in
               enumerate((DEPTH_M, unknown, DEPTH_M))]  # fmt: skip
    np.testing.assert_allclose(factors, 1.0)
