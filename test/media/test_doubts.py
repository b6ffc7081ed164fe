"""What is no image of a scene, or is read wrongly, is recognised by its values and its name."""

import numpy as np
import pytest

from zoedepth_ros.media.doubts import doubts_by_name, doubts_by_values

SIZE = 120, 160
RNG = np.random.default_rng(0)
Y, X = np.mgrid[: SIZE[0], : SIZE[1]]
SCENE = np.clip(120 + 70 * np.sin(X / 20) + 50 * np.cos(Y / 15) + RNG.normal(0, 9, SIZE), 0, 255)
"""Grey values of 8 bits that change from pixel to pixel, as in an image."""


def of_bits(bits, share=1.0):
    return np.round(SCENE * share * ((1 << bits) - 1) / 255).astype(np.uint16)


def mosaic(red, green, blue):
    seen = SCENE.copy()
    seen[::2, ::2] *= red
    seen[::2, 1::2] *= green
    seen[1::2, ::2] *= green
    seen[1::2, 1::2] *= blue
    return seen


def with_hot_pixel(values):
    values = values.copy()
    values[3, 3] = 65535
    return values


def doubts_about(pixels, name, bits, **values):
    by_name = () if bits else doubts_by_name(name)
    return (*by_name, *doubts_by_values(pixels, bits=bits, **values))


GREY8, LABELS = SCENE.astype(np.uint8), (SCENE // 32).astype(np.uint8)
RAW = mosaic(0.5, 1.0, 0.6)
WALL = np.where(SCENE < 60, 0, 2000).astype(np.uint16)  # 2 m, with pixels that are not known
COLOR = np.dstack([GREY8] * 3)


@pytest.mark.parametrize(
    ('pixels', 'name', 'bits', 'white', 'text'),
    [
        (RAW.astype(np.uint8), '/cam/image_raw', 0, 255, 'like a Bayer mosaic'),
        ((RAW * 16).astype(np.uint16), '/cam/image_raw', 0, 4095, 'like a Bayer mosaic'),
        (of_bits(10).byteswap(), '/cam/image_raw', 0, 65535, 'whose bytes are swapped'),
        (of_bits(12).byteswap(), '/cam/image_raw', 12, 65535, 'whose bytes are swapped'),
        (of_bits(14).byteswap(), '/cam/image_raw', 0, 65535, 'whose bytes are swapped'),
        (with_hot_pixel(of_bits(12)), '/cam/image_raw', 0, 65535, 'below 4096, white is 65535'),
        (of_bits(12, 0.05), '/cam/image_raw', 0, 4095, 'nearly black'),
        (WALL, '/cam/image_raw', 0, 4095, 'look like depth'),
        (GREY8, '/cam/depth/image_raw', 0, 255, 'is usual for depth or labels'),
        (COLOR, '/cam/depth/image_rect_raw', 0, 255, 'is usual for depth or labels'),
        (COLOR, '/depth/color', 0, 255, 'is usual for depth or labels'),
        (LABELS, '/cam/segmentation/image', 0, 255, 'is usual for depth or labels'),
        (GREY8, 'zed/confidence/confidence_map', 0, 255, 'is usual for depth or labels'),
    ],
)
def test_what_is_doubtful_is_reported(pixels, name, bits, white, text):
    (doubt,) = doubts_about(pixels, name, is_grey=pixels.ndim == 2, bits=bits, white=white)
    assert text in doubt


@pytest.mark.parametrize(
    ('pixels', 'name', 'bits', 'white'),
    [
        *((of_bits(bits), '/cam/image_raw', 0, (1 << bits) - 1) for bits in (8, 10, 12, 14, 16)),
        *((of_bits(bits) << (16 - bits), '/cam/image_raw', 0, 65535) for bits in (8, 10, 12, 14)),
        (of_bits(12, 0.05), '/cam/image_raw', 12, 4095),
        (np.zeros(SIZE, np.uint16), '/cam/image_raw', 0, 255),
        (np.full(SIZE, 0x101, np.uint16), '/cam/image_raw', 0, 1023),
        (GREY8, '/cam/image_raw', 0, 255),
        (np.repeat(GREY8[::2], 2, axis=0), '/cam/image_raw', 0, 255),
        ((SCENE * ([[0.5], [1.0]] * 60)).astype(np.uint8), '/cam/image_raw', 0, 255),  # interlaced
        (RNG.integers(0, 256, (64, 64)).astype(np.uint8), '/cam/image_raw', 0, 255),
        (np.maximum(SCENE - 60, 0).astype(np.uint16) << 8, '/cam/image_raw', 0, 65535),
        ((np.maximum(SCENE - 60, 0) * 4).astype(np.uint16) << 6, '/cam/image_raw', 0, 65535),
        (COLOR, '/depth_camera/image_raw', 0, 255),
        (COLOR, '/depth_bot/front/image_raw', 0, 255),
        (GREY8, '/cam/depth/image_raw', 8, 255),
    ],
)
def test_an_image_is_not_doubted(pixels, name, bits, white):
    assert doubts_about(pixels, name, is_grey=pixels.ndim == 2, bits=bits, white=white) == ()


def test_a_mosaic_that_is_named_is_not_doubted():
    pixels = RAW.astype(np.uint8)
    assert doubts_about(pixels, '/cam/image_raw', is_grey=False, bits=0, white=255) == ()
