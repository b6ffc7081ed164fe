"""Coverage, sparsification and the fit of the uncertainty, on errors of known distribution."""

import numpy as np
import pytest
from constant_network import ConstantNetwork
from listed_samples import ListedSamples, flat_sample

from zoedepth_ros.evaluation.evaluate import evaluate
from zoedepth_ros.evaluation.uncertainty import compute_score, mean_score
from zoedepth_ros.evaluation.uncertainty_fit import fit, fit_map
from zoedepth_ros.evaluation.uncertainty_plot import draw_uncertainty
from zoedepth_ros.inference.uncertainty import UncertaintyMap


def test_normal_errors_with_their_own_standard_deviation_are_covered_as_often_as_they_should_be():
    random = np.random.default_rng(1)
    std_m = random.uniform(0.1, 3.0, 200_000)
    score = compute_score(np.abs(std_m * random.normal(size=200_000)), std_m)
    np.testing.assert_allclose(score.intervals, (0.68, 0.95, 0.6827, 0.95), atol=0.005)
    np.testing.assert_allclose(score.coverage, np.arange(1, 100) / 100, atol=0.01)


def test_coverage_counts_errors_of_at_most_the_width():
    # in standard deviations 0.5, 0.99, 1.9 and 2.0; normal widths are 0.994 and 1.960
    errors_m, std_m = np.array([0.5, 1.98, 1.9, 4.0]), np.array([1.0, 2.0, 1.0, 2.0])
    assert compute_score(errors_m, std_m).intervals.tolist() == [0.5, 0.75, 0.5, 0.75]
    others = compute_score(errors_m, std_m, (0.6, 2.0))
    assert others.intervals.tolist() == [0.25, 1.0, 0.5, 0.75]


def test_an_error_of_nothing_is_covered_by_a_deviation_of_nothing_and_no_other_is():
    score = compute_score(np.array([0.0, 0.1]), np.zeros(2))
    assert set(score.coverage) == {0.5}


def test_the_sparsification_error_is_the_area_above_the_best_order():
    """Errors 1, 2, 3, 4: mean 2.5; without the largest one 2, two 1.5, three 1."""
    error_m = np.array([4.0, 1.0, 3.0, 2.0])
    best = compute_score(error_m, error_m)
    assert best.ause == 0.0
    # 13 shares below 0.25 keep all (0 alone) or four; ceil(4 (1 - share)) of 50 shares:
    # share 0 to 0.24 keep 4, 0.26 to 0.48 keep 3 (0.25 itself is no share), 0.50 to 0.74 keep 2
    kept = [13 * [4], 12 * [3], 13 * [2], 12 * [1]]
    means = {4: 1.0, 3: 2.0 / 2.5, 2: 1.5 / 2.5, 1: 1.0 / 2.5}
    expected = [means[n] for part in kept for n in part]
    np.testing.assert_allclose(best.oracle, expected)
    assert best.ause_random == pytest.approx(1.0 - np.mean(expected))
    worst = compute_score(error_m, 5.0 - error_m)
    reverse = {4: 1.0, 3: 3.0 / 2.5, 2: 3.5 / 2.5, 1: 4.0 / 2.5}
    gap = np.mean([reverse[n] - means[n] for part in kept for n in part])
    assert worst.ause == pytest.approx(gap)


def test_the_mean_over_images_does_not_depend_on_their_numbers_of_pixels():
    small = compute_score(np.zeros(1), np.ones(1))
    large = compute_score(np.full(99, 9.0), np.ones(99))
    assert mean_score([small, large]).intervals.tolist() == 4 * [0.5]


def normal_errors(std_of, draw='normal'):
    random = np.random.default_rng(2)
    depth_m = random.uniform(0.5, 8.0, 100_000)
    relative = random.uniform(0.3, 1.5, 100_000)
    errors = getattr(random, draw)(size=100_000)
    return depth_m, depth_m * relative, np.abs(std_of(depth_m, relative) * errors)


@pytest.mark.parametrize('exponents', [(1.0, 1.0), (1.3, -0.6), (0.5, 0.0)])
def test_the_fit_finds_the_map_that_made_the_errors(exponents):
    data = normal_errors(lambda d, s: 0.2 * d ** exponents[0] * s ** exponents[1])
    fitted = fit(*data)
    assert fitted.factor == pytest.approx(0.2, rel=0.02)
    assert (fitted.depth_exponent, fitted.spread_exponent) == pytest.approx(exponents, abs=0.02)
    assert (fitted.width_68, fitted.width_95) == pytest.approx((0.994, 1.96), abs=0.02)
    assert (fitted.least_spread, fitted.most_spread) == pytest.approx((0.312, 1.488), abs=0.005)


def test_where_errors_are_not_normal_the_two_coverages_are_off_by_the_same_share_of_their_goal():
    data = normal_errors(lambda d, s: 0.2 * d, 'laplace')
    ratio = data[2] / fit(*data).std_m(*data[:2])
    over, under = np.mean(ratio <= 1.0) - 0.6827, 0.95 - np.mean(ratio <= 1.96)
    assert over / 0.03 == pytest.approx(under / 0.02, abs=0.01)
    # 1 - exp(-k) within k: k = 1.295 std gives 0.7261 (+ 1.45 x 0.03) and 0.9210 (- 1.45 x 0.02)
    assert over == pytest.approx(0.0435, abs=0.003)
    fitted = fit(*data)  # 68 % within k = 1.139, 95 % within 2.996
    assert fitted.width_68 == pytest.approx(1.139 / 1.295, rel=0.01)
    assert fitted.width_95 == pytest.approx(2.996 / 1.295, rel=0.02)


def test_the_fit_needs_errors():
    with pytest.raises(ValueError, match='equals the ground truth in all pixels'):
        fit(np.ones(9), np.ones(9), np.zeros(9))


def test_a_spread_that_never_changes_is_left_out():
    depth_m, _, error_m = normal_errors(lambda d, s: 0.2 * d)
    fitted = fit(depth_m, 0.5 * depth_m, error_m)
    std_m = fitted.std_m(depth_m, 0.5 * depth_m)
    np.testing.assert_allclose(std_m, 0.2 * depth_m, rtol=0.05)


def noisy(image, head):
    """2 m with an error of 10 %, by the row."""
    return 2.0 * (1.0 + 0.1 * np.random.default_rng(3).normal(size=(4, 6)))


def test_errors_are_those_of_the_head_before_the_correction_for_the_camera():
    """Trained through 90 degrees (f / H 2 / 3), seen through f / H 2: true depth is 3 times 2."""
    data = ListedSamples([flat_sample('a', 6.0, focal_px=8.0)])
    network = ConstantNetwork(noisy, training_hfov_rad=np.pi / 2, spread=0.5)
    plain = ConstantNetwork(noisy, spread=0.5)
    corrected = fit_map(network, data, 'indoor')
    expected = fit_map(plain, ListedSamples([flat_sample('a', 2.0)]), 'indoor')
    assert corrected.map.factor == pytest.approx(expected.map.factor, rel=1e-4)
    assert corrected.n_images == 1
    assert set(network.requested_heads) == {'indoor'}


def test_an_evaluation_reports_the_uncertainty_of_each_head_that_was_used():
    samples = [
        flat_sample('a', 2.1),
        flat_sample('b', 2.1),
        flat_sample('c', 2.1, domain='outdoor', blue=255),
    ]
    network = ConstantNetwork(lambda image, head: np.full((4, 6), 2.0), spread=0.03)
    network.uncertainty_maps = {'indoor': UncertaintyMap(2.0)}  # 0.12 m instead of 0.06 m
    report = evaluate(network, ListedSamples(samples))
    assert {h: tuple(s.intervals[:2]) for h, s in report.uncertainty.items()} == {
        'indoor': (1.0, 1.0),
        'outdoor': (0.0, 1.0),  # 0.1 m are 1.67 times 0.06 m
    }
    found = report.as_dict()
    assert found['calibrated_heads'] == ('indoor',)
    assert found['uncertainty']['outdoor']['within_1_std'] == 0.0
    assert found['uncertainty']['outdoor']['interval_95'] == 1.0


def test_deviations_grow_with_the_correction_for_the_camera():
    data = ListedSamples([flat_sample('a', 6.5, focal_px=8.0)])  # predicted 6 m
    for spread, covered in ((0.1, 1.0), (0.05, 0.0)):  # 3 times 0.2 m, 3 times 0.1 m
        network = ConstantNetwork(
            lambda image, head: np.full((4, 6), 2.0), training_hfov_rad=np.pi / 2, spread=spread
        )
        found = evaluate(network, data).uncertainty['indoor']
        assert found.intervals[0] == covered, spread


def test_the_drawing_has_two_charts_for_each_head():
    score = compute_score(np.arange(1.0, 9.0), np.arange(1.0, 9.0))
    one, two = draw_uncertainty({'indoor': score}), draw_uncertainty(dict.fromkeys('ab', score))
    assert two.shape == (2 * one.shape[0], one.shape[1], 3)
    assert one.shape[1] == 2 * one.shape[0]
