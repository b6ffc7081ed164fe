"""What filters remove and keep is counted as by hand; a fake network predicts known depth."""

import math

import numpy as np
import pytest
from fake_predictor import FakePredictor

from zoedepth_ros.evaluation import filter_scores
from zoedepth_ros.evaluation.filter_scores import (
    FilterCounts,
    network_filter_counts,
    scale_flicker,
    temporal_filter_counts,
)
from zoedepth_ros.evaluation.synthetic_scenes import HELD_OUT_SEED
from zoedepth_ros.synthetic.trajectory import CameraTrajectory

pytest.importorskip('numba')


def mask(*where):
    return np.isin(np.arange(8), where)


def test_shares_are_of_what_is_wrong_and_of_what_is_right():
    counts = FilterCounts()
    counts.add(mask(0, 1, 4), wrong=mask(0, 1, 2), right=mask(4, 5, 6, 7))
    counts.add(mask(), wrong=mask(0), right=mask(1, 2, 3, 4))
    assert counts.removed_fraction == pytest.approx(2 / 4)
    assert counts.kept_fraction == pytest.approx(7 / 8)
    assert math.isnan(FilterCounts().removed_fraction)
    assert math.isnan(FilterCounts().kept_fraction)


@pytest.mark.parametrize('kind', ['room', 'street'])
def test_what_is_imagined_for_one_image_is_mostly_held_back(kind):
    counts = temporal_filter_counts(kind, 1, 6)
    assert counts.wrong > 500
    assert counts.removed_fraction > 0.75
    assert counts.kept_fraction > 0.95


def test_a_networks_error_of_one_image_goes_and_one_that_stays_stays(monkeypatch):
    walk = CameraTrajectory('room', HELD_OUT_SEED + 1)
    ground_truth = {walk[n].sample.rgb.tobytes(): (n, walk[n].sample.depth_m) for n in range(5)}

    def network_depth(rgb, head):
        number, depth_m = ground_truth[rgb.tobytes()]
        reported_m = 0.5 * np.nan_to_num(depth_m, nan=80.0)  # a wrong scale is no error here
        reported_m[:40, :40] *= 0.6  # always
        if number == 3:
            reported_m[100:140, 100:140] *= 0.6
        return reported_m

    predictor = FakePredictor(network_depth)
    found = network_filter_counts(predictor, 'room', 1, 5)
    assert set(found) == {'edge', 'temporal', 'both'}
    assert predictor.requested_heads == ['indoor'] * 5
    # 4 images of 40 x 40 that stay, one of 40 x 40 that goes
    assert found['temporal'].wrong == pytest.approx(5 * 1600, rel=0.05)
    assert found['temporal'].removed_fraction == pytest.approx(0.2, abs=0.05)
    assert found['both'].removed >= max(found['temporal'].removed, found['edge'].removed)
    monkeypatch.setattr(filter_scores, 'WRONG_BY', 0.5)
    assert network_filter_counts(predictor, 'room', 1, 5)['temporal'].wrong == 0


def test_the_flicker_is_the_standard_deviation_of_log_median_depth():
    factors = np.exp(0.1 * np.where(np.arange(12) % 2, 1.0, -1.0))
    calls = iter(np.tile(factors, 2))
    predictor = FakePredictor(lambda rgb, head: np.full(rgb.shape[:2], 2.0 * next(calls)))
    before, after = scale_flicker(predictor, 'indoor', [1, 2], 12, 0.01)
    assert before == pytest.approx(0.1, rel=1e-3)
    assert after < 0.05
