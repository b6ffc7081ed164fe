"""What a sample refuses."""

from __future__ import annotations

import numpy as np
import pytest

from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.media.sample import Sample

RGB = np.zeros((4, 6, 3), np.uint8)
DEPTH_M = np.ones((4, 6), np.float32)
CAMERA = Intrinsics(5.0, 5.0, 2.5, 1.5, 6, 4)


def test_a_good_sample_keeps_what_it_is_given() -> None:
    sample = Sample(RGB, DEPTH_M, CAMERA, 'indoor', 'one')
    assert sample.rgb is RGB
    assert Sample(RGB, DEPTH_M, None, 'outdoor', 'two').camera is None


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'rgb': RGB.astype(np.float32)}, 'uint8.*float32'),
        ({'rgb': RGB[..., 0]}, r'\(H, W, 3\)'),
        ({'rgb': RGB[:0]}, 'rgb'),
        ({'depth_m': DEPTH_M.astype(np.float64)}, 'float32.*float64'),
        ({'depth_m': DEPTH_M[:, :5]}, r'\(4, 6\).*\(4, 5\)'),
        ({'domain': 'space'}, 'space'),
        ({'camera': Intrinsics(5.0, 5.0, 1.5, 2.5, 4, 6)}, r'camera.*\(6, 4\)'),
    ],
)
def test_a_bad_sample_is_refused_by_name(change: dict, words: str) -> None:
    parts = {'rgb': RGB, 'depth_m': DEPTH_M, 'camera': CAMERA, 'domain': 'indoor', 'name': 'odd'}
    with pytest.raises(ValueError, match=f"'odd'.*{words}"):
        Sample(**{**parts, **change})
