from __future__ import annotations

import math

import pytest
import torch
from tiny_models import BINS

from zoedepth_ros.model.bins import (
    ConditionalLogBinomial,
    NormedCenters,
    SoftplusCenters,
    attract,
    log_choose,
    moments,
)
from zoedepth_ros.model.config import BinsConfig


def pixel(*values: float) -> torch.Tensor:
    """Return values as the channels of one pixel (1, n, 1, 1)."""
    return torch.tensor(values).view(1, -1, 1, 1)


def test_softplus_centers_are_metres_as_they_are() -> None:
    centers = SoftplusCenters().seeds(pixel(0.0, 5.0, -3.0))
    expected = [math.log(2.0), math.log1p(math.exp(5.0)), math.log1p(math.exp(-3.0))]
    assert SoftplusCenters().to_metres(centers).flatten().tolist() == pytest.approx(expected)


def test_normed_seeds_are_centres_of_neighbouring_intervals() -> None:
    centers = NormedCenters((1.0, 5.0))
    # Widths 1.001, 0.001 and 2.998 of 4: the second was negative.
    seeds = centers.seeds(pixel(1.0, -7.0, 2.997))
    expected = [0.5005 / 4, (1.001 + 0.0005) / 4, (1.002 + 1.499) / 4]
    assert seeds.flatten().tolist() == pytest.approx(expected)
    metres = [1.0 + 4.0 * x for x in expected]
    assert centers.to_metres(seeds).flatten().tolist() == pytest.approx(metres)


def test_normed_centers_never_leave_the_range() -> None:
    metres = NormedCenters((1.0, 5.0)).to_metres(pixel(-0.2, 0.25, 1.3))
    assert metres.flatten().tolist() == [1.0, 2.0, 5.0]


def test_normed_attractors_may_lie_beyond_the_range() -> None:
    points = NormedCenters((1.0, 5.0)).attractors(pixel(3.0, -1.0))
    assert points.flatten().tolist() == pytest.approx([3.001, 0.001])


def test_centers_move_by_the_mean_of_the_attractions() -> None:
    moved = attract(pixel(1.0, 2.0), pixel(1.1, 2.0), strength=300.0)

    def pull(distance: float) -> float:
        return distance / (1.0 + 300.0 * distance**2)

    expected = [1.0 + (pull(0.1) + pull(1.0)) / 2, 2.0 + (pull(-0.9) + pull(0.0)) / 2]
    assert moved.flatten().tolist() == pytest.approx(expected)


def test_attraction_keeps_increasing_centers_increasing() -> None:
    generator = torch.Generator().manual_seed(0)
    centers = torch.rand(64, 64, 4, 4, generator=generator).sort(dim=1).values
    points = torch.rand(64, 4, 4, 4, generator=generator)
    assert (attract(centers, points, 300.0).diff(dim=1) >= 0).all()


def test_binomial_coefficients_are_stirlings_without_the_root() -> None:
    # n = 4: n ln n - k ln k - (n - k) ln (n - k); the true ln 6 is 1.79.
    one = 4 * math.log(4) - 3 * math.log(3)
    two = 4 * math.log(4) - 4 * math.log(2)
    assert log_choose(5).flatten().tolist() == pytest.approx([0, one, two, one, 0], abs=1e-5)


def distribution(n_bins: int) -> ConditionalLogBinomial:
    return ConditionalLogBinomial(relative_features=4, config=BinsConfig(n_bins=n_bins))


def by_hand(p: float, q: float, temperature: float, n_bins: int) -> list[float]:
    """Return the softmax of log-binomial logits over the temperature, in double precision."""
    last = n_bins - 1
    logits = []
    for k in range(n_bins):
        choose = sum(
            sign * x * math.log(x) if x else 0.0
            for sign, x in ((1, last), (-1, k), (-1, last - k))
        )
        logits.append((choose + k * math.log(p) + (last - k) * math.log(q)) / temperature)
    total = sum(math.exp(x) for x in logits)
    return [math.exp(x) / total for x in logits]


@pytest.mark.parametrize(('p', 'temperature'), [(0.3, 1.0), (0.8, 5.0), (0.5, 0.3)])
def test_probabilities_are_binomial_with_a_temperature(p: float, temperature: float) -> None:
    ours = distribution(7).log_binomial(pixel(p), pixel(temperature))
    expected = by_hand(p, 1.0 - p, temperature, 7)
    assert ours.flatten().tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ('p', 'clamped_p', 'clamped_q'), [(1.0, 1.0, 1e-4), (0.0, 1e-4, 1.0), (5e-5, 1e-4, 0.99995)]
)
def test_p_and_its_complement_are_clamped_each_by_itself(
    p: float, clamped_p: float, clamped_q: float
) -> None:
    ours = distribution(7).log_binomial(pixel(p), pixel(1.0))
    expected = by_hand(clamped_p, clamped_q, 1.0, 7)
    assert ours.flatten().tolist() == pytest.approx(expected, rel=2e-5)


def test_epsilon_keeps_probability_and_temperature_apart_from_zero_over_zero() -> None:
    binomial = distribution(7)
    with torch.no_grad():
        for parameter in binomial.parameters():
            parameter.zero_()
        # All four outputs are softplus(-12) = 6.1e-6 but for the first and the third, 2e-4.
        binomial.output.bias.copy_(torch.tensor([-8.517, -12.0, -8.517, -12.0]))
        pixels, embedding = torch.zeros(1, 5, 2, 2), torch.zeros(1, 128, 1, 1)
        ours = binomial(pixels, embedding)[0, :, 0, 0].tolist()
    share = (2e-4 + 1e-4) / (2e-4 + 1e-4 + 6.144e-6 + 1e-4)
    temperature = 0.0212 + (50.0 - 0.0212) * share
    assert ours == pytest.approx(by_hand(share, 1.0 - share, temperature, 7), rel=1e-3)


def test_embeddings_enter_as_if_enlarged_before_the_mlp() -> None:
    binomial = ConditionalLogBinomial(relative_features=8, config=BINS)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(2, 9, 12, 16, generator=generator)
    embedding = torch.randn(2, 16, 6, 8, generator=generator)
    large = torch.nn.functional.interpolate(
        embedding, (12, 16), mode='bilinear', align_corners=True
    )
    with torch.no_grad():
        torch.testing.assert_close(binomial(pixels, embedding), binomial(pixels, large))


def test_depth_and_uncertainty_are_mean_and_standard_deviation() -> None:
    mean, deviation = moments(pixel(0.25, 0.75), pixel(2.0, 6.0))
    assert mean.item() == pytest.approx(5.0)
    assert deviation.item() == pytest.approx(math.sqrt(0.25 * 9.0 + 0.75 * 1.0))


def test_a_small_uncertainty_far_away_is_not_lost_to_rounding() -> None:
    mean, deviation = moments(pixel(0.5, 0.5), pixel(80.0, 80.25) / 100.0 + 79.0)
    assert mean.item() == pytest.approx(79.80125)
    assert deviation.item() == pytest.approx(0.00125, rel=0.01)


def test_a_certain_pixel_has_a_finite_gradient() -> None:
    centers = pixel(3.0, 3.0).requires_grad_()
    _, deviation = moments(pixel(0.5, 0.5), centers)
    deviation.sum().backward()
    assert deviation.item() < 1e-5
    assert torch.isfinite(centers.grad).all()  # type: ignore[arg-type]
