import numpy as np
import pytest

from zoedepth_ros.datasets.picture_size import PictureSize, resize_picture


def _row(*levels):
    return np.repeat(np.array(levels, np.uint8)[None, :, None], 3, axis=2)


def test_an_untouched_picture_only_becomes_fractions():
    image = resize_picture(_row(0, 51, 255), PictureSize())
    np.testing.assert_allclose(image[0, :, 0], [0.0, 0.2, 1.0], atol=1e-7)
    assert image.dtype == np.float32


def test_convention_halving_averages_neighbours_without_a_wider_filter():
    """Half-pixel centres: out pixel i looks at 4 i + 1.5, between two pixels of four."""
    image = resize_picture(_row(0, 10, 20, 99, 0, 30, 50, 99), PictureSize(height=1, width=2))
    np.testing.assert_allclose(image[0, :, 1] * 255, [15.0, 40.0], atol=1e-4)


def test_convention_enlarging_keeps_the_edges_and_never_rounds():
    image = resize_picture(_row(0, 1), PictureSize(height=1, width=4))
    np.testing.assert_allclose(image[0, :, 2] * 255, [0.0, 0.25, 0.75, 1.0], atol=1e-5)


@pytest.mark.parametrize('wrong', [{'height': 3}, {'height': 3, 'width': 4, 'short_side': 2}])
def test_a_rule_that_contradicts_itself_is_refused(wrong):
    with pytest.raises(ValueError, match='short_side alone'):
        PictureSize(**wrong)
