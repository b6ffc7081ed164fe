"""Expected values are computed by hand from the formulas of the paper."""

import math
from dataclasses import asdict

import numpy as np
import pytest

from zoedepth_ros.evaluation.metrics import METRICS, Metrics, compute_metrics, mean_metrics

GROUND_TRUTH_M = np.array([1.0, 2.0, 4.0, 8.0])
PREDICTION_M = np.array([1.0, 1.0, 5.5, 8.0])
# ratios 1, 2, 1.375, 1; errors 0, 1, -1.5, 0; logs 0, -ln 2, ln 1.375, 0


def test_the_deltas_count_pixels_below_powers_of_a_quarter_more():
    metrics = compute_metrics(GROUND_TRUTH_M, PREDICTION_M)
    assert metrics.delta1 == 0.5  # 1.375 and 2 are not below 1.25
    assert metrics.delta2 == 0.75  # 1.375 < 1.5625
    assert metrics.delta3 == 0.75  # 2 > 1.953125


def test_each_delta_has_its_own_threshold():
    ratios = np.array([1.2, 1.3, 1.6, 2.0])  # 1.25, 1.5625 and 1.953125 lie between them
    metrics = compute_metrics(np.ones(4), ratios)
    assert (metrics.delta1, metrics.delta2, metrics.delta3) == (0.25, 0.5, 0.75)
    metrics = compute_metrics(ratios, np.ones(4))
    assert (metrics.delta1, metrics.delta2, metrics.delta3) == (0.25, 0.5, 0.75)


def test_the_relative_and_metric_errors_are_means_over_pixels():
    metrics = compute_metrics(GROUND_TRUTH_M, PREDICTION_M)
    assert metrics.abs_rel == pytest.approx((1 / 2 + 1.5 / 4) / 4)
    assert metrics.sq_rel == pytest.approx((1 / 2 + 2.25 / 4) / 4)
    assert metrics.rmse == pytest.approx(math.sqrt((1 + 2.25) / 4))


def test_the_logarithmic_errors_use_natural_logarithms_but_for_log_10():
    metrics = compute_metrics(GROUND_TRUTH_M, PREDICTION_M)
    down, up = 0.6931471805599453, 0.3184537311185346  # ln 2, ln 1.375
    squares, mean = (down**2 + up**2) / 4, (up - down) / 4
    assert metrics.rmse_log == pytest.approx(math.sqrt(squares))
    assert metrics.log_10 == pytest.approx((0.3010299956639812 + 0.1383026981662814) / 4)
    assert metrics.silog == pytest.approx(100 * math.sqrt(squares - mean**2))


def test_a_wrong_scale_alone_has_no_silog():
    metrics = compute_metrics(GROUND_TRUTH_M, GROUND_TRUTH_M * 1.1)
    assert metrics.silog == pytest.approx(0.0, abs=1e-9)
    assert metrics.abs_rel == pytest.approx(0.1)


def test_a_perfect_prediction_scores_one_and_zeros():
    perfect = asdict(compute_metrics(GROUND_TRUTH_M, GROUND_TRUTH_M))
    assert perfect == {name: 1.0 if name.startswith('delta') else 0.0 for name in METRICS}


def test_the_thresholds_are_strict_in_the_precision_of_the_depth():
    """1.25 times a float32 is rounded; in float64 half of the ratios would fall below 1.25."""
    ground_truth_m = np.linspace(0.1, 80, 1001, dtype=np.float32)
    ratio = (ground_truth_m * np.float32(1.25)) / ground_truth_m
    expected = np.mean(ratio < np.float32(1.25))
    assert compute_metrics(ground_truth_m, ground_truth_m * np.float32(1.25)).delta1 == expected
    exact = np.float32([1.0, 2.0, 4.0])
    assert compute_metrics(exact, exact * np.float32(1.25)).delta1 == 0.0


def test_sums_over_many_float32_pixels_do_not_lose_digits():
    ground_truth_m = np.full(1_000_000, 3.0, np.float32)
    prediction_m = np.full(1_000_000, 3.3, np.float32)
    expected = (float(np.float32(3.3)) - 3.0) / 3.0
    assert compute_metrics(ground_truth_m, prediction_m).abs_rel == pytest.approx(
        expected, rel=1e-12
    )


def test_a_prediction_of_zero_makes_the_logarithmic_scores_infinite_like_the_paper():
    metrics = compute_metrics(np.array([1.0, 2.0]), np.array([0.0, 2.0]))
    assert metrics.rmse_log == math.inf
    assert metrics.abs_rel == 0.5
    assert metrics.delta3 == 0.5


def test_the_mean_is_over_images_not_over_pixels():
    one = compute_metrics(np.array([1.0]), np.array([1.5]))
    many = compute_metrics(np.ones(99), np.ones(99))
    mean = mean_metrics([one, many])
    assert mean.abs_rel == 0.25
    assert mean.delta1 == 0.5
    assert isinstance(mean, Metrics)
