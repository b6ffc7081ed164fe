import numpy as np
import pytest

from zoedepth_ros.evaluation.protocol import (
    PROTOCOLS,
    EvaluationProtocol,
    crop_mask,
    resize_prediction,
)


def _bounds(mask):
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    assert mask.sum() == rows.size * columns.size  # a full rectangle
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def _protocol(**changes):
    settings = {'name': 'a', 'crop': 'none', 'min_depth_m': 1e-3, 'max_depth_m': 10.0}
    return EvaluationProtocol(**{**settings, **changes})


def test_the_eigen_crop_is_the_one_of_nyu():
    assert _bounds(crop_mask('eigen', 480, 640)) == (45, 471, 41, 601)


def test_the_eigen_crop_stays_where_it_is_on_larger_images():
    assert _bounds(crop_mask('eigen', 768, 1024)) == (45, 471, 41, 601)
    assert _bounds(crop_mask('eigen', 427, 561)) == (45, 427, 41, 561)


def test_the_garg_crop_is_shares_of_the_size_cut_off_to_whole_pixels():
    # 0.40810811 * 352 = 143.65; 0.99189189 * 352 = 349.15; 0.03594771 * 1216 = 43.71;
    # 0.96405229 * 1216 = 1172.29
    assert _bounds(crop_mask('garg', 352, 1216)) == (143, 349, 43, 1172)
    # 0.40810811 * 1216 = 496.26; 1206.14; 0.03594771 * 1936 = 69.59; 1866.41
    assert _bounds(crop_mask('garg', 1216, 1936)) == (496, 1206, 69, 1866)


def test_no_crop_keeps_all():
    assert crop_mask('none', 3, 4).all()


@pytest.mark.parametrize(
    ('name', 'crop', 'near_m', 'far_m'),
    [
        ('nyu', 'eigen', 1e-3, 10),
        ('kitti', 'garg', 1e-3, 80),
        ('sunrgbd', 'eigen', 0, 8),
        ('ibims', 'eigen', 0, 10),
        ('diode_indoor', 'eigen', 1e-3, 10),
        ('hypersim_test', 'eigen', 1e-3, 80),
        ('vkitti2', 'garg', 1e-3, 80),
        ('ddad', 'garg', 1e-3, 80),
        ('diml_outdoor', 'garg', 2, 80),
        ('diode_outdoor', 'garg', 1e-3, 80),
        ('diml_indoor', 'eigen', 0, 10),
    ],
)
def test_protocols_are_those_of_the_papers_code(name, crop, near_m, far_m):
    protocol = PROTOCOLS[name]
    assert (protocol.crop, protocol.min_depth_m, protocol.max_depth_m) == (crop, near_m, far_m)


def test_both_ends_of_the_range_are_outside():
    ground_truth_m = np.float32([[np.nan, 0.0, 2.0, 2.001, 79.9, 80.0]])
    protocol = _protocol(min_depth_m=2.0, max_depth_m=80.0)
    assert protocol.valid(ground_truth_m).tolist() == [[False, False, False, True, True, False]]


def test_predictions_are_clamped_infinity_to_far_and_nan_to_near():
    prediction_m = np.float32([-1.0, 0.0, 5.0, 11.0, np.inf, -np.inf, np.nan])
    clamped = _protocol(min_depth_m=0.5).clamp(prediction_m)
    assert clamped.tolist() == [0.5, 0.5, 5.0, 10.0, 10.0, 0.5, 0.5]


def test_convention_predictions_are_resized_corner_to_corner():
    resized = resize_prediction(np.float32([[1.0, 3.0], [5.0, 7.0]]), 3, 5)
    expected = [[1, 1.5, 2, 2.5, 3], [3, 3.5, 4, 4.5, 5], [5, 5.5, 6, 6.5, 7]]
    np.testing.assert_allclose(resized, expected, rtol=1e-6)


def test_a_score_resizes_then_clamps_then_masks():
    ground_truth_m = np.float32([[np.nan, 2.0, 4.0], [20.0, np.nan, 8.0]])
    prediction_m = np.float32([[1.0, 3.0], [0.0, 90.0]])
    # on 2 x 3: 1, 2, 3 / 0, 45, 90 -> counted are 2 by 2, 4 by 3, 8 by 90 lowered to 10
    metrics = _protocol().score(prediction_m, ground_truth_m)
    assert metrics is not None
    assert metrics.abs_rel == pytest.approx((0 + 1 / 4 + 2 / 8) / 3)


def test_an_image_without_a_valid_pixel_has_no_score():
    assert _protocol().score(np.ones((2, 2), np.float32), np.full((2, 2), np.nan)) is None
