"""The way in and the way back, against numpy, OpenCV and the published size rule."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from zoedepth_ros.inference.preprocess import (
    MetricPreprocessing,
    OfficialPreprocessing,
    fit,
    from_pixels,
    make_preprocessing,
    padding,
    to_tensor,
)
from zoedepth_ros.model.presets import PRESETS

N, K = (384, 512), (384, 768)

# image, padding of a side, network size: N and NK padded, N and NK not, K padded, K not.
# What isl-org/ZoeDepth d87f17b computes with MiDaS 4545977.
CAMERAS = {
    'VGA': ((480, 640), (46, 53), (384, 512), (384, 512), (576, 768), (384, 512)),
    'QVGA': ((240, 320), (32, 37), (384, 512), (384, 512), (384, 512), (384, 512)),
    '848x480': ((480, 848), (46, 61), (384, 640), (384, 672), (448, 768), (448, 768)),
    '640x360': ((360, 640), (40, 53), (384, 640), (384, 672), (448, 768), (384, 672)),
    '720p': ((720, 1280), (56, 75), (384, 672), (384, 672), (448, 768), (448, 768)),
    '1080p': ((1080, 1920), (69, 92), (384, 672), (384, 672), (448, 768), (448, 768)),
    '1280x960': ((960, 1280), (65, 75), (384, 512), (384, 512), (576, 768), (576, 768)),
    'KITTI': ((375, 1242), (41, 74), (384, 1152), (384, 1280), (384, 1152), (384, 1280)),
    'KITTI crop': ((352, 1216), (39, 73), (384, 1216), (384, 1312), (384, 1216), (384, 1312)),
    'square': ((512, 512), (48, 48), (512, 512), (512, 512), (768, 768), (384, 384)),
    'portrait': ((640, 480), (53, 46), (672, 512), (672, 512), (992, 768), (384, 288)),
}


@pytest.mark.parametrize('camera', CAMERAS)
def test_the_network_sizes_of_common_cameras_are_the_originals(camera):
    size, pad, n_padded, n_plain, k_padded, k_plain = CAMERAS[camera]
    assert padding(*size) == pad
    assert OfficialPreprocessing(N, 32).network_size(*size) == n_padded
    assert OfficialPreprocessing(K, 32).network_size(*size) == k_padded
    assert fit(size, N, 32) == n_plain
    assert fit(size, K, 32) == k_plain
    assert MetricPreprocessing(K).network_size(*size) == K


def test_half_a_multiple_rounds_to_the_even_number():
    assert fit((384, 528), N, 32) == (384, 512)  # 528 / 32 = 16.5 -> 16
    assert fit((384, 560), N, 32) == (384, 576)  # 560 / 32 = 17.5 -> 18


def test_a_sliver_keeps_one_multiple():
    assert fit((4000, 10), N, 32) == (384, 32)
    assert fit((10, 4000), N, 32)[0] == 32


def random_rgb(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def corners_on_corners(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (H, W) bilinearly by two one-dimensional interpolations."""
    rows = np.linspace(0, values.shape[0] - 1, height)
    columns = np.linspace(0, values.shape[1] - 1, width)
    tall = np.stack([np.interp(rows, np.arange(values.shape[0]), c) for c in values.T], axis=1)
    return np.stack([np.interp(columns, np.arange(values.shape[1]), r) for r in tall])


def as_tensor(rgb: np.ndarray) -> torch.Tensor:
    return to_tensor(rgb, torch.device('cpu'))


@pytest.mark.parametrize('size', [(101, 67), (20, 30), (64, 96)])
def test_metric_resizes_with_align_corners_and_maps_0_to_255_to_minus_1_to_1(size):
    rgb = random_rgb(*size)
    image = MetricPreprocessing((64, 96)).to_network(as_tensor(rgb))
    assert image.shape == (1, 3, 64, 96)
    for channel in range(3):
        expected = corners_on_corners(rgb[..., channel] / 127.5 - 1.0, 64, 96)
        np.testing.assert_allclose(image[0, channel].numpy(), expected, atol=2e-5)


@pytest.mark.parametrize('size', [(480, 640), (101, 67), (20, 30), (300, 50)])
def test_antialiasing_is_that_of_pillow_both_ways(size):
    way = MetricPreprocessing((64, 96), antialias=True)
    rgb = random_rgb(*size)
    image = way.to_network(as_tensor(rgb))
    back = way.to_image_size(image, *size)
    for channel in range(3):
        values = Image.fromarray((rgb[..., channel] / 127.5 - 1.0).astype(np.float32))
        small = values.resize((96, 64), Image.Resampling.BILINEAR)
        np.testing.assert_allclose(image[0, channel].numpy(), small, atol=1e-4)
        large = small.resize(size[::-1], Image.Resampling.BILINEAR)
        np.testing.assert_allclose(back[0, channel].numpy(), large, atol=1e-4)


def test_only_the_embedded_network_antialiases():
    assert [name for name, config in PRESETS.items() if config.antialias] == ['ZoeD_S_NK']


def test_official_mirrors_the_edges_outwards_before_it_resizes():
    rgb = random_rgb(50, 72)
    rows, columns = 15, 18  # floor(3 sqrt(25)), floor(3 sqrt(36))
    image = OfficialPreprocessing((64, 96), 32).to_network(as_tensor(rgb))
    padded = np.pad(rgb, ((rows, rows), (columns, columns), (0, 0)), mode='reflect')
    expected = corners_on_corners(padded[..., 1] / 127.5 - 1.0, *image.shape[-2:])
    np.testing.assert_allclose(image[0, 1].numpy(), expected, atol=2e-5)


def test_metric_way_back_is_bilinear_corners_on_corners():
    maps = np.random.default_rng(1).random((32, 64)).astype(np.float32)
    back = MetricPreprocessing((32, 64)).to_image_size(torch.from_numpy(maps)[None, None], 101, 67)
    np.testing.assert_allclose(back[0, 0].numpy(), corners_on_corners(maps, 101, 67), atol=1e-5)


def test_official_way_back_is_bicubic_to_the_padded_size_and_cuts_the_padding_off():
    maps = np.random.default_rng(1).random((64, 96)).astype(np.float32)
    back = OfficialPreprocessing((64, 96), 32).to_image_size(torch.from_numpy(maps)[None, None],
                                                          50, 72)  # fmt: skip
    padded = cv2.resize(maps, (72 + 36, 50 + 30), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(back[0, 0].numpy(), padded[15:65, 18:90], atol=2e-5)


def test_an_unknown_preprocessing_is_refused():
    with pytest.raises(ValueError, match="'pretty': expected one of"):
        make_preprocessing('pretty', (64, 96), 32)


@pytest.fixture
def every_warning():
    torch.set_warn_always(True)  # else torch warns of read-only memory once per process
    yield
    torch.set_warn_always(False)


@pytest.mark.usefixtures('every_warning')
def test_mirrored_read_only_and_sliced_images_are_read_as_they_look(recwarn):
    rgb = random_rgb(20, 30)
    frozen = rgb.copy()
    frozen.setflags(write=False)
    for view in (rgb[:, ::-1], rgb[::2, ::3], frozen, rgb[..., ::-1]):
        expected = view.astype(np.float64).transpose(2, 0, 1) / 255
        np.testing.assert_allclose(as_tensor(view)[0].numpy(), expected, atol=1e-7)
    assert not recwarn.list


def test_images_and_batches_of_any_type_have_the_layout_of_transformers():
    # oneDNN's AVX2 convolutions round differently in another layout.
    pixels = torch.from_numpy(random_rgb(6, 8))
    for image in (pixels, pixels[None], pixels / 255, (pixels / 255)[None]):
        assert from_pixels(image).stride() == (3 * 6 * 8, 6 * 8, 8, 1)
