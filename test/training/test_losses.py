import math
from functools import partial

import numpy as np
import pytest
import torch

from zoedepth_ros.training.losses import (
    LARGEST_RATIO,
    abs_rel,
    gradient_term,
    log_error,
    normalised,
    router_loss,
    scale_and_shift_invariant,
    si_log,
    trimmed_mean,
)


def image(*rows):
    return torch.tensor([[list(map(float, row)) for row in rows]])[:, None]


def known(ground_truth):
    return torch.isfinite(ground_truth) & (ground_truth > 0)


def test_si_log_equals_a_case_computed_by_hand():
    ground_truth = image([1, 1], [1, 1])
    depth = image([math.e, 1], [1, math.e**3])
    # g = 1, 0, 0, 3: mean 1, unbiased variance 2 -> 10 sqrt(2 + 0.15)
    assert si_log(depth, ground_truth, known(ground_truth)).item() == pytest.approx(
        10 * math.sqrt(2.15), 1e-6
    )


def test_si_log_of_a_common_factor_is_its_logarithm_alone():
    ground_truth = image([1, 2, 3], [4, 5, 6])
    expected = 10 * math.sqrt(0.15) * math.log(1.5)
    assert si_log(1.5 * ground_truth, ground_truth, known(ground_truth)).item() == pytest.approx(
        expected, 1e-5
    )


def test_si_log_does_not_see_what_the_mask_hides():
    ground_truth, depth = image([1, 2], [3, 4]), image([2, 2], [2, 2])
    mask = image([1, 1], [1, 0]).bool()
    spoilt = depth.clone()
    spoilt[0, 0, 1, 1] = 1e6
    assert torch.equal(si_log(depth, ground_truth, mask), si_log(spoilt, ground_truth, mask))


def test_si_log_gradient_equals_finite_differences():
    rng = np.random.default_rng(0)
    ground_truth = torch.from_numpy(rng.uniform(1, 5, (1, 1, 2, 3)))
    log_depth = rng.normal(size=6) * 0.3 + 1.0

    def value(log_depth):
        g = log_depth - np.log(ground_truth.numpy().ravel())
        return 10 * np.sqrt(g.var(ddof=1) + 0.15 * g.mean() ** 2)

    depth = torch.from_numpy(np.exp(log_depth)).reshape(1, 1, 2, 3).requires_grad_()
    si_log(depth, ground_truth, known(ground_truth)).backward()
    for i in range(6):
        nudge = np.eye(6)[i] * 1e-5
        slope = (value(log_depth + nudge) - value(log_depth - nudge)) / 2e-5
        gradient = depth.grad.ravel()[i] * depth.detach().ravel()[i]
        assert gradient.item() == pytest.approx(slope, rel=1e-4, abs=1e-4)


def test_si_log_brings_a_smaller_prediction_to_the_truths_size_corner_on_corner():
    ground_truth = torch.ones(1, 1, 1, 3)
    depth = torch.tensor([1.0, math.e**2]).view(1, 1, 1, 2)
    middle = math.log((1 + math.e**2) / 2)
    g = np.array([0.0, middle, 2.0])
    expected = 10 * math.sqrt(g.var(ddof=1) + 0.15 * g.mean() ** 2)
    assert si_log(depth, ground_truth, ground_truth > 0).item() == pytest.approx(expected, 1e-5)


def test_si_log_of_an_image_without_ground_truth_is_zero_and_has_a_gradient():
    depth = torch.ones(1, 1, 2, 2, requires_grad=True)
    loss = si_log(depth, torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(depth.grad, torch.zeros(1, 1, 2, 2))


def test_si_log_is_computed_in_float32():
    ground_truth = torch.full((1, 1, 4, 4), 3.0)
    depth = (ground_truth + torch.arange(16.0).view(1, 1, 4, 4) * 1e-3).to(torch.bfloat16)
    expected = si_log(depth.float(), ground_truth, ground_truth > 0)
    assert torch.equal(si_log(depth, ground_truth, ground_truth > 0), expected)


def test_router_loss_is_the_cross_entropy_of_the_domain():
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]])
    expected = -(math.log(3 / 4) + math.log(1 / 2)) / 2
    assert router_loss(logits, 1).item() == pytest.approx(expected, 1e-6)


def test_values_are_normalised_by_median_and_mean_distance_from_it():
    values = torch.tensor([[[1.0, 2.0, 3.0, 10.0, 99.0]]])
    mask = torch.tensor([[[True, True, True, True, False]]])
    # The lower median is 2, the distances 1, 0, 1 and 8: their mean is 2.5.
    expected = torch.tensor([[[-0.4, 0.0, 0.4, 3.2, 0.0]]])
    assert torch.allclose(normalised(values, mask), expected)


def test_the_largest_fifth_of_residuals_is_left_out():
    residual = torch.tensor([[[5.0, 1.0, 2.0, 100.0, 3.0, 7.0]]])
    mask = torch.tensor([[[True, True, True, True, True, False]]])
    # 0.8 of five known residuals: the smallest four, 1 + 2 + 3 + 5, over five.
    assert trimmed_mean(residual, mask, 0.2).item() == pytest.approx(11 / 5)
    assert trimmed_mean(residual, mask, 0.0).item() == pytest.approx(111 / 5)


def test_the_gradient_term_adds_differences_at_every_scale():
    residual = torch.tensor([[[0.0, 1.0, 4.0], [0.0, 1.0, 4.0], [2.0, 3.0, 6.0]]])
    mask = torch.ones(1, 3, 3, dtype=torch.bool)
    # Full: across 3 rows of 1 + 3, down 3 columns of 0 + 2, nine pixels.
    # Half: [[0, 4], [2, 6]]: across 4 + 4, down 2 + 2, four pixels.
    assert gradient_term(residual, mask, 2).item() == pytest.approx(18 / 9 + 12 / 4)
    mask[0, 0, 1] = False
    # Gone: two differences across in row 0 (1 and 3) and one down (0); eight pixels are left.
    assert gradient_term(residual, mask, 1).item() == pytest.approx(14 / 8)


relative_loss = partial(scale_and_shift_invariant, trim=0.2, gradient_weight=0.5)


def test_relative_loss_is_blind_to_scale_and_shift():
    rng = np.random.default_rng(1)
    ground_truth = torch.from_numpy(rng.uniform(1, 9, (2, 1, 8, 8)).astype(np.float32))
    mask = torch.from_numpy(rng.random((2, 1, 8, 8)) < 0.9)
    assert relative_loss(7.0 / ground_truth + 3.0, ground_truth, mask).item() < 1e-5
    guess = torch.from_numpy(rng.random((2, 1, 8, 8)).astype(np.float32))
    loss = relative_loss(guess, ground_truth, mask)
    moved = relative_loss(4.0 * guess + 1.0, ground_truth, mask)
    assert loss.item() > 0.5
    assert moved.item() == pytest.approx(loss.item(), rel=1e-4)


def test_relative_loss_leaves_out_images_without_ground_truth():
    rng = np.random.default_rng(2)
    ground_truth = torch.from_numpy(rng.uniform(1, 9, (2, 1, 8, 8)).astype(np.float32))
    guess = torch.from_numpy(rng.random((2, 1, 8, 8)).astype(np.float32))
    mask = torch.ones(2, 1, 8, 8, dtype=torch.bool)
    alone = relative_loss(guess[:1], ground_truth[:1], mask[:1])
    mask[1] = False
    assert relative_loss(guess, ground_truth, mask).item() == pytest.approx(alone.item())


def test_relative_loss_of_a_flat_prediction_is_finite():
    ground_truth = torch.rand(1, 1, 8, 8) + 1.0
    flat = torch.zeros(1, 1, 8, 8, requires_grad=True)
    loss = relative_loss(flat, ground_truth, ground_truth > 0)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(flat.grad).all()


def test_log_error_is_the_mean_distance_of_logarithms_inside_the_mask():
    ground_truth = image([1, 1], [1, 1])
    depth = image([math.e, 1], [math.exp(-2), 100])
    mask = image([1, 1], [1, 0]).bool()
    assert log_error(depth, ground_truth, mask).item() == pytest.approx(3 / 3, 1e-5)
    assert log_error(depth, ground_truth, torch.zeros_like(mask)).item() == 0.0


def test_abs_rel_is_the_mean_relative_distance_inside_the_mask():
    ground_truth = image([2, 4], [1, 1])
    depth = image([3, 1], [1, 100])
    mask = image([1, 1], [1, 0]).bool()
    assert abs_rel(depth, ground_truth, mask).item() == pytest.approx((0.5 + 0.75) / 3, 1e-5)
    assert abs_rel(depth, ground_truth, torch.zeros_like(mask)).item() == 0.0


def test_abs_rel_increases_with_the_logarithm_above_the_largest_ratio():
    ratio = torch.tensor([[[[0.999 * LARGEST_RATIO, 3 * LARGEST_RATIO, 1e30]]]])
    log_ratio = ratio.log().requires_grad_()
    total = 3 * abs_rel(log_ratio.exp(), torch.ones_like(ratio), ratio > 0)
    total.backward()
    expected = [0.999 * LARGEST_RATIO, LARGEST_RATIO, LARGEST_RATIO]
    assert log_ratio.grad.flatten().tolist() == pytest.approx(expected, 1e-4)
    beyond = LARGEST_RATIO * (math.log(3) + math.log(1e30 / LARGEST_RATIO))
    assert total.item() == pytest.approx(2.999 * LARGEST_RATIO - 3 + beyond, 1e-4)
