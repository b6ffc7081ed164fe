"""Photographs as textures of rendered scenes."""

import zipfile

import cv2
import numpy as np
import pytest

pytest.importorskip('numba')

from zoedepth_ros.synthetic.photographs import SIDE_PX, TEXELS, photograph, pyramid, textures_in
from zoedepth_ros.synthetic.varied import varied_scene

PIXELS = 96 * 128
WHITE = (1.0, 1.0, 1.0)


def jpeg(image):
    return cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()


def checks(side_px=256, cell_px=32):
    """Return black and white squares, (side, side, 3)."""
    cells = np.indices((side_px, side_px)) // cell_px
    return np.repeat((cells.sum(0) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture
def folder(tmp_path):
    """Hold three photographs, one twice, an image that is too small and one of a single colour."""
    left_red = np.zeros((300, 200, 3), np.uint8)
    left_red[:, :100, 2] = 255  # BGR
    (tmp_path / 'a.jpg').write_bytes(jpeg(left_red))
    (tmp_path / 'b.jpg').write_bytes(jpeg(checks()))
    (tmp_path / 'small.jpg').write_bytes(jpeg(checks(64)))
    (tmp_path / 'plain.jpg').write_bytes(jpeg(np.full((256, 256, 3), 90, np.uint8)))
    (tmp_path / 'notes.txt').write_text('not an image')
    with zipfile.ZipFile(tmp_path / 'more.zip', 'w') as archive:
        archive.writestr('models/b.jpg', jpeg(checks()))
        archive.writestr('models/c.JPG', jpeg(checks(cell_px=64)))
    return tmp_path


def test_a_folder_gives_each_photograph_once_also_from_archives(folder):
    textures = textures_in(folder)
    assert textures.shape == (3, TEXELS, 3)
    largest = textures[0, : SIDE_PX**2].reshape(SIDE_PX, SIDE_PX, 3)
    np.testing.assert_allclose(largest[10, 20], (255, 0, 0), atol=3)  # red on the left
    np.testing.assert_allclose(largest[10, 240], (0, 0, 0), atol=3)


def test_a_folder_without_photographs_is_named(tmp_path):
    for folder in (tmp_path, tmp_path / 'none'):
        with pytest.raises(ValueError, match=f'.jpg files in {folder} .* got none'):
            textures_in(folder)


def test_a_photograph_is_seen_in_linear_light_and_mirrored_beyond_its_edge():
    image = np.zeros((256, 256, 3), np.uint8)
    image[:, 128:] = (51, 102, 255)  # blue, green, red
    texture = pyramid(image)[None]
    expected = np.array((1.0, (102 / 255) ** 2, (51 / 255) ** 2)) * (0.5, 1.0, 2.0)
    for u in (0.75, 1.25, -0.75, 2.75):
        colour = photograph(texture, 0, u, 0.3, 1 / 256, (0.5, 1.0, 2.0))
        np.testing.assert_allclose(colour, expected, atol=1e-6)
    for u in (0.25, 1.75, -0.25, 2.25):
        assert photograph(texture, 0, u, 0.3, 1 / 256, WHITE) == (0.0, 0.0, 0.0)


def test_details_finer_than_a_pixel_are_averaged():
    texture = pyramid(checks(cell_px=4))[None]
    values = [photograph(texture, 0, u, 0.4, 0.1, WHITE)[0] for u in np.linspace(0, 1, 50)]
    np.testing.assert_allclose(values, 0.25, atol=0.01)  # the mean of 0 and 255, squared


@pytest.mark.parametrize('domain', ['indoor', 'outdoor'])
def test_photographs_change_colours_but_no_depth(domain, folder):
    textures = textures_in(folder)
    changed = 0
    for seed in range(8):
        plain = varied_scene(domain, seed, PIXELS)
        dressed = varied_scene(domain, seed, PIXELS, textures)
        np.testing.assert_array_equal(plain.depth_m, dressed.depth_m)
        changed += not np.array_equal(plain.rgb, dressed.rgb)
    assert changed >= 2
