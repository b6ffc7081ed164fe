import numpy as np
import pytest

from zoedepth_ros.training.config import AugmentationConfig
from zoedepth_ros.training.examples import (
    IDENTITY_TABLE,
    augmented,
    camera_effects,
    color_table,
    rotated,
)

STILL = AugmentationConfig(flip_probability=0.0, color_probability=0.0, rotation_deg=0.0)


def sample():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return rgb, rng.uniform(1, 9, (6, 8)).astype(np.float32)


def test_without_variation_only_the_scale_of_colours_changes():
    rgb, depth_m = sample()
    image, same_m = augmented(rgb, depth_m, np.random.default_rng(0), STILL, (0.75, 1.25))
    assert image == pytest.approx(rgb / 255.0)
    assert np.array_equal(same_m, depth_m)


def test_image_and_depth_are_mirrored_together():
    rgb, depth_m = sample()
    always = AugmentationConfig(flip_probability=1.0, color_probability=0.0, rotation_deg=0.0)
    image, turned_m = augmented(rgb, depth_m, np.random.default_rng(0), always, (1.0, 1.0))
    assert image == pytest.approx(rgb[:, ::-1] / 255.0)
    assert np.array_equal(turned_m, depth_m[:, ::-1])


def test_convention_a_quarter_turn_is_counter_clockwise_about_the_centre():
    rgb = np.zeros((5, 5, 3), np.uint8)
    depth_m = np.full((5, 5), 2.0, np.float32)
    rgb[0, 2], depth_m[0, 2] = 255, 7.0
    turned, turned_m = rotated(rgb, depth_m, 90.0)
    assert turned[2, 0, 0] == 255
    assert turned_m[2, 0] == 7.0


def test_what_a_rotation_brings_in_has_no_depth():
    rgb, depth_m = sample()
    _, turned_m = rotated(rgb, depth_m, 30.0)
    assert np.isnan(turned_m[0, 0])
    known = turned_m[np.isfinite(turned_m)]
    assert np.isin(known, depth_m).all(), 'depth is never mixed'


def test_colours_follow_gamma_then_factors_and_stay_in_range():
    fixed = AugmentationConfig(gamma=(1.1, 1.1), color=(0.9, 0.9))
    table = color_table(np.random.default_rng(0), fixed, (1.2, 1.2))
    assert table[128] == pytest.approx([(128 / 255) ** 1.1 * 1.2 * 0.9] * 3)
    assert table[255] == pytest.approx([1.0] * 3), 'clipped'
    assert IDENTITY_TABLE[51] == pytest.approx([0.2] * 3)


def test_brightness_is_drawn_from_the_domains_range_and_colour_by_channel():
    rng = np.random.default_rng(0)
    no_gamma = AugmentationConfig(gamma=(1.0, 1.0))
    factors = np.array(
        [color_table(rng, no_gamma, (0.75, 1.25))[100] / IDENTITY_TABLE[100] for _ in range(400)]
    )
    assert 0.675 <= factors.min() < 0.72
    assert 1.3 < factors.max() <= 1.375
    assert (factors.std(axis=1) > 0.005).mean() > 0.9


def photograph(image, seed=0, **ranges):
    return camera_effects(image, np.random.default_rng(seed), AugmentationConfig(**ranges))


def halves():
    """Dark red above, bright blue below."""
    image = np.zeros((32, 48, 3), np.float32)
    image[:16, :, 0], image[16:, :, 2] = 0.2, 0.8
    return image


def test_by_default_photographs_stay_as_they_are():
    assert np.array_equal(photograph(halves()), halves())


def test_without_saturation_an_image_is_its_luma_of_bt_601():
    grey = photograph(halves(), saturation=(0.0, 0.0))
    assert grey[0, 0] == pytest.approx([0.299 * 0.2] * 3)
    assert grey[-1, 0] == pytest.approx([0.114 * 0.8] * 3)


def test_contrast_is_about_the_mean():
    mean = halves().mean()
    flat = photograph(halves(), contrast=(0.5, 0.5))
    assert flat == pytest.approx(mean + 0.5 * (halves() - mean), abs=1e-6)


def test_a_vignette_takes_its_share_in_the_corners_and_nothing_in_the_middle():
    dark = photograph(np.full((33, 49, 3), 0.5, np.float32), vignette=(0.4, 0.4))
    assert dark[0, 0] == pytest.approx([0.3] * 3)
    assert dark[16, 24] == pytest.approx([0.5] * 3)


def test_blur_noise_and_compression_change_an_image_within_its_range():
    image = halves()
    blurred = photograph(image, blur_px=(1.0, 1.0))
    assert 0.0 < blurred[15, 24, 2] < 0.8
    noisy = photograph(np.full((64, 64, 3), 0.5, np.float32), noise=(0.05, 0.05))
    assert noisy.std() == pytest.approx(0.05, rel=0.1)
    packed = photograph(image, jpeg_quality=(10.0, 10.0))
    assert packed.shape == image.shape
    assert 0.0 < np.abs(packed - image).max() < 0.5
