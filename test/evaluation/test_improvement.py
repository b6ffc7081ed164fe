import pytest

from zoedepth_ros.evaluation.improvement import (
    mean_over_datasets,
    mean_over_metrics,
    relative_improvement,
)

OURS = {'a': {'abs_rel': 0.09, 'delta1': 0.9}, 'b': {'abs_rel': 0.3}, 'only_ours': {'rmse': 1.0}}
THEIRS = {'a': {'abs_rel': 0.1, 'delta1': 0.8, 'rmse': 2.0}, 'b': {'abs_rel': 0.2}}


def test_less_error_is_an_improvement():
    assert relative_improvement('abs_rel', 0.09, 0.1) == pytest.approx(0.1)
    assert relative_improvement('rmse', 3.0, 2.0) == pytest.approx(-0.5)


def test_more_pixels_within_a_threshold_are_an_improvement():
    assert relative_improvement('delta1', 0.9, 0.8) == pytest.approx(0.125)


def test_the_mean_over_data_sets_takes_those_both_have():
    # (0.1 - 0.09) / 0.1 = 0.1 and (0.2 - 0.3) / 0.2 = -0.5
    assert mean_over_datasets('abs_rel', OURS, THEIRS) == pytest.approx(-0.2)


def test_the_mean_over_metrics_takes_those_both_have():
    assert mean_over_metrics(OURS['a'], THEIRS['a']) == pytest.approx((0.1 + 0.125) / 2)


def test_a_comparison_of_nothing_is_refused():
    with pytest.raises(ValueError, match='share no data set with silog'):
        mean_over_datasets('silog', OURS, THEIRS)
    with pytest.raises(ValueError, match='share no metric'):
        mean_over_metrics({'rmse': 1.0}, {'silog': 1.0})
    with pytest.raises(ValueError, match="no metric 'delta4'"):
        relative_improvement('delta4', 1, 1)
    with pytest.raises(ValueError, match='undefined'):
        relative_improvement('abs_rel', 1, 0)
