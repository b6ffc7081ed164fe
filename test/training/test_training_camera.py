"""Depth as the training camera would see it, and the way back."""

import math

import numpy as np
import pytest
import torch

from zoedepth_ros.geometry.intrinsics import Intrinsics
from zoedepth_ros.inference.preprocess import MetricPreprocessing
from zoedepth_ros.media.sample import Sample
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import Prediction
from zoedepth_ros.training.config import DomainConfig, StageConfig, TrainingConfig
from zoedepth_ros.training.distributed import Process
from zoedepth_ros.training.examples import depth_factor, validation_example
from zoedepth_ros.training.validation import validate

INDOOR = DomainConfig('indoor', 'folder', max_depth_m=10.0)
STAGE = StageConfig('metric', 'metric', 1, 1e-3, steps=1)


def wall(fx_px, depth_m=4.0, *, camera=True):
    inner = Intrinsics(fx_px, fx_px, 127.5, 95.5, 256, 192)
    rgb = np.full((192, 256, 3), 128, np.uint8)
    depth = np.full((192, 256), depth_m, np.float32)
    return Sample(rgb, depth, inner if camera else None, 'indoor', 'wall')


class ThreeMetres(torch.nn.Module):
    """Predicts three metres everywhere."""

    config = preset('ZoeD_tiny_N')

    def forward(self, image, head):
        depth = torch.full((1, 1, 192, 256), 3.0)
        return Prediction(depth, depth, depth, None)


def test_twice_the_focal_length_of_the_training_camera_halves_the_depth_to_learn():
    # tan(32.5 deg) = 0.637070: 65 degrees are 200.9199 px on 256 columns.
    one = validation_example(wall(401.8398), 0, INDOOR, MetricPreprocessing((192, 256)), 65.0)
    assert one.focal_factor.item() == pytest.approx(2.0, 1e-5)
    assert one.ground_truth_m.unique().tolist() == pytest.approx([2.0], 1e-5)


def test_range_is_a_matter_of_the_true_depth():
    # 12 m through a long lens would be 6 m in the training camera, yet is out of a room's range.
    one = validation_example(
        wall(401.8398, 12.0), 0, INDOOR, MetricPreprocessing((192, 256)), 65.0
    )
    assert not one.mask.any()


def test_without_a_training_camera_depth_stays_as_it_is():
    assert depth_factor(wall(401.8398), 0.0) == 1.0
    assert depth_factor(wall(401.8398, camera=False), 0.0) == 1.0


def test_an_image_without_a_camera_is_named():
    with pytest.raises(
        ValueError, match=r'wall: training_hfov_deg needs the camera .*write camera\.json'
    ):
        depth_factor(wall(1.0, camera=False), 65.0)


def test_validation_brings_depth_back_to_the_images_own_camera():
    source = [wall(267.89322)]  # 4/3 of the training's: 3 m there are 4 m here
    scores = validate(ThreeMetres(), [source], [INDOOR], STAGE, (192, 256), Process(), 65.0)
    assert scores['indoor_abs_rel'] == pytest.approx(0.0, abs=1e-5)
    as_it_is = validate(ThreeMetres(), [source], [INDOOR], STAGE, (192, 256), Process())
    assert as_it_is['indoor_abs_rel'] == pytest.approx(0.25, 1e-5)


@pytest.mark.parametrize(
    ('key', 'values'),
    [
        ('focal_exponent', (-0.1, 1.1, math.nan)),
        ('training_hfov_deg', (-1.0, 0.5, 180.0, math.nan)),
    ],
)
def test_a_training_camera_that_cannot_be_is_refused(key, values):
    for value in values:
        with pytest.raises(ValueError, match=key):
            TrainingConfig('ZoeD_tiny_NK', 'out', (INDOOR,), (STAGE,), **{key: value})
