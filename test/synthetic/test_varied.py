"""The same worlds through cameras of many kinds."""

import math
from collections import Counter

import numpy as np
import pytest

pytest.importorskip('numba')

from zoedepth_ros.synthetic.dice import Dice
from zoedepth_ros.synthetic.varied import (
    ASPECT_RATIOS,
    CLOSE_SHARE,
    DIAGONAL_DEG,
    TABLE_SHARE,
    TRACK_SHARE,
    scene_kind,
    varied_scene,
)

PIXELS = 96 * 128


@pytest.mark.parametrize('domain', ['indoor', 'outdoor'])
def test_cameras_differ_in_shape_and_field_of_view_within_their_ranges(domain):
    shapes = set()
    for seed in range(24):
        sample = varied_scene(domain, seed, PIXELS)
        height, width = sample.depth_m.shape
        shapes.add((height, width))
        assert height * width == pytest.approx(PIXELS, rel=0.1)
        assert min(abs(width / height / ratio - 1) for ratio in ASPECT_RATIOS) < 0.03
        half = math.atan(0.5 * math.hypot(width, height) / sample.camera.fx_px)
        low, high = DIAGONAL_DEG
        assert low - 1 < math.degrees(2 * half) < high + 1
        assert np.isfinite(sample.depth_m).any()
    assert len(shapes) > 3


def test_a_scene_is_the_same_every_time():
    first, again = (varied_scene('indoor', 5, PIXELS) for _ in range(2))
    np.testing.assert_array_equal(first.rgb, again.rgb)
    np.testing.assert_array_equal(first.depth_m, again.depth_m)
    assert first.camera == again.camera


def test_most_rooms_are_seen_from_close_by_and_nothing_is_inside_the_camera():
    samples = [varied_scene('indoor', seed, PIXELS) for seed in range(40)]
    centers_m = [sample.depth_m[tuple(n // 2 for n in sample.depth_m.shape)] for sample in samples]
    # Tables are 0.45 to 1.9 m away, and small objects stand before what a camera looks at.
    assert sum(depth_m <= 1.9 for depth_m in centers_m) >= 20
    assert all(np.nanmin(sample.depth_m) > 0.02 for sample in samples)


def test_every_kind_of_scene_is_drawn_about_as_often_as_its_share_says():
    dice = [Dice(f'kind {seed}') for seed in range(1000)]
    inside = Counter(scene_kind('indoor', one) for one in dice)
    outside = Counter(scene_kind('outdoor', one) for one in dice)
    assert set(inside) == {'table', 'close', 'plain'}
    assert inside['table'] / 1000 == pytest.approx(TABLE_SHARE, abs=0.05)
    assert inside['close'] / 1000 == pytest.approx((1 - TABLE_SHARE) * CLOSE_SHARE, abs=0.05)
    assert set(outside) == {'track', 'plain'}
    assert outside['track'] / 1000 == pytest.approx(TRACK_SHARE, abs=0.05)
