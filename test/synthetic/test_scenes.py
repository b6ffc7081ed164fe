"""Single scenes: they repeat, keep their ranges, and know what they do not know."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip('numba')

from zoedepth_ros.synthetic.scene import random_view, render_scene
from zoedepth_ros.synthetic.world import World

SIZE = (48, 64)


def closed(world: World) -> bool:
    """Tell whether a world is a room without a street around it."""
    return world.air.haze_per_m == 0.0


def assert_well_exposed(rgb: np.ndarray) -> None:
    """Assert that an image is neither black nor white nor of one colour."""
    assert 45 < rgb.mean() < 215
    assert rgb.std() > 6


@pytest.mark.parametrize('domain', ['indoor', 'outdoor'])
def test_a_seed_gives_the_same_scene_every_time(domain: str) -> None:
    one, two = render_scene(domain, 7, *SIZE), render_scene(domain, 7, *SIZE)
    np.testing.assert_array_equal(one.rgb, two.rgb)
    np.testing.assert_array_equal(one.depth_m, two.depth_m)
    assert one.camera == two.camera


@pytest.mark.parametrize('domain', ['indoor', 'outdoor'])
def test_seeds_and_domains_give_different_scenes(domain: str) -> None:
    images = [render_scene(domain, seed, *SIZE).rgb for seed in range(6)]
    for k, one in enumerate(images):
        for other in images[k + 1 :]:
            assert np.abs(one.astype(int) - other).mean() > 5


@pytest.mark.parametrize('domain', ['indoor', 'outdoor'])
def test_the_size_of_the_image_does_not_change_the_scene(domain: str) -> None:
    small, large = render_scene(domain, 3, 49, 65), render_scene(domain, 3, 147, 195)
    # Pixel centres of the small image are those of every third of the large one.
    np.testing.assert_allclose(small.depth_m, large.depth_m[1::3, 1::3], rtol=1e-5)


def test_rooms_are_well_exposed_and_known_everywhere_within_ten_metres() -> None:
    for seed in range(40):
        view = random_view('indoor', seed)
        sample = render_scene('indoor', seed, *SIZE)
        assert sample.domain == 'indoor'
        if closed(view.world):
            assert np.isfinite(sample.depth_m).all(), seed
            assert sample.depth_m.min() > 0.1, seed
            assert sample.depth_m.max() <= 10.0, seed
        assert_well_exposed(sample.rgb)


def test_streets_are_well_exposed_and_known_within_eighty_metres_but_for_the_sky() -> None:
    sky = []
    for seed in range(40):
        sample = render_scene('outdoor', seed, *SIZE)
        known = np.isfinite(sample.depth_m)
        assert sample.domain == 'outdoor'
        assert sample.depth_m[known].max() <= 80.0, seed
        assert sample.depth_m[known].min() > 0.3, seed
        assert known.mean() > 0.2, seed
        sky.append(1.0 - known.mean())
        assert_well_exposed(sample.rgb)
    assert 0.1 < np.mean(sky) < 0.6


def test_cameras_keep_to_their_promised_ranges() -> None:
    hfovs, heights = [], []
    for domain, pitch_deg in (('indoor', 20.0), ('outdoor', 15.0)):
        for seed in range(60):
            view = random_view(domain, seed)
            hfovs.append(math.degrees(view.hfov_rad))
            heights.append(view.pose.z_m)
            assert abs(math.degrees(view.pose.pitch_rad)) <= pitch_deg
            assert abs(math.degrees(view.pose.roll_rad)) <= 5.0
    assert min(hfovs) >= 50.0
    assert max(hfovs) <= 90.0
    assert np.mean([55 <= hfov <= 75 for hfov in hfovs]) > 0.7
    assert min(heights) >= 0.3
    assert max(heights) <= 2.3


def test_an_unknown_domain_is_named() -> None:
    with pytest.raises(ValueError, match='underwater'):
        render_scene('underwater', 0)
