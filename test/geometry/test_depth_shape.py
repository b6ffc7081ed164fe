"""Points of known depth correct the shape of predicted depth, with outliers among them."""

import numpy as np
import pytest

from zoedepth_ros.geometry.depth_shape import DepthShape, fit_shape
from zoedepth_ros.geometry.scale import NO_PAIRS, DepthPairs, robust_scale

HEIGHT, WIDTH = 60, 80
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]


def rooms(seed: int) -> np.ndarray:
    """Return true depth: a floor, a slanted wall and a box."""
    rng = np.random.default_rng(seed)
    floor_m = 1.2 * 70 / np.maximum(ROWS - 25, 1e-3) + 0 * COLUMNS
    depth_m = np.minimum(floor_m, rng.uniform(4, 9) + rng.uniform(-0.03, 0.03) * COLUMNS)
    left, top = rng.integers(5, 50), rng.integers(15, 40)
    depth_m[top : top + 15, left : left + 20] = rng.uniform(1.0, 2.0)
    return depth_m.astype(np.float32)


def bent(true_m: np.ndarray) -> np.ndarray:
    """Return what a network gives that squeezes depth: near too far, far too near."""
    return (1.7 * true_m**0.7).astype(np.float32)


def tilted(true_m: np.ndarray) -> np.ndarray:
    """Return depth that is too small on the left, too large on the right and below."""
    field = 0.25 * (2 * COLUMNS / WIDTH - 1) + 0.15 * (2 * ROWS / HEIGHT - 1) ** 2
    return (0.6 * true_m * np.exp(field)).astype(np.float32)


def points(true_m, network_m, count=100, wrong=0.3, seed=0, where=None) -> DepthPairs:
    """Return depth at random pixels with 1 % noise; some are anything in the depths' range."""
    rng = np.random.default_rng(seed)
    rows, columns = np.nonzero(np.ones_like(true_m, bool) if where is None else where)
    chosen = rng.choice(len(rows), count, replace=False)
    rows, columns = rows[chosen], columns[chosen]
    found_m = true_m[rows, columns] * np.exp(0.01 * rng.standard_normal(count))
    is_wrong = rng.random(count) < wrong
    found_m[is_wrong] = rng.uniform(true_m.min(), true_m.max(), is_wrong.sum())
    return DepthPairs(found_m, network_m[rows, columns], np.column_stack((columns, rows)))


def error(depth_m, true_m) -> float:
    return float(np.mean(np.abs(depth_m - true_m) / true_m))


@pytest.mark.parametrize('network', [bent, tilted])
@pytest.mark.parametrize('count', [100, 400])
@pytest.mark.parametrize('seed', range(3))
def test_with_three_outliers_in_ten_the_error_is_less_than_half_of_that_of_one_factor(
    network, count, seed
):
    true_m = rooms(seed)
    network_m = network(true_m)
    pairs = points(true_m, network_m, count, seed=seed)
    factor_m = network_m * robust_scale(pairs.ratios).scale
    shape = fit_shape(pairs, HEIGHT, WIDTH)
    corrected_m = network_m * shape.factors(network_m)
    assert error(corrected_m, true_m) < 0.5 * error(factor_m, true_m)


def wavy(true_m: np.ndarray) -> np.ndarray:
    """Return depth whose error changes its sign six times over the image."""
    field = 0.2 * np.sin(6 * np.pi * COLUMNS / WIDTH) * np.cos(3 * np.pi * ROWS / HEIGHT)
    return (true_m * np.exp(field)).astype(np.float32)


def test_three_hundred_points_leave_less_error_than_a_hundred_of_them():
    left = np.empty((5, 2))
    for seed in range(5):
        true_m = rooms(seed)
        network_m = wavy(true_m)
        many = points(true_m, network_m, 300, wrong=0.2, seed=seed)
        few = DepthPairs(many.true_m[:100], many.measured_m[:100], many.pixels[:100])
        for column, pairs in enumerate((many, few)):
            corrected_m = network_m * fit_shape(pairs, HEIGHT, WIDTH).factors(network_m)
            left[seed, column] = error(corrected_m, true_m)
    of_many, of_few = left.mean(axis=0)
    assert of_many < 0.7 * of_few


def test_outliers_all_to_one_side_are_tolerated():
    true_m = rooms(1)
    network_m = bent(true_m)
    pairs = points(true_m, network_m, wrong=0.0)
    pairs.true_m[:30] *= 2.5
    factor_m = network_m * robust_scale(pairs.ratios).scale
    corrected_m = network_m * fit_shape(pairs, HEIGHT, WIDTH).factors(network_m)
    assert error(corrected_m, true_m) < 0.5 * error(factor_m, true_m)


@pytest.mark.parametrize('times', [0.2, 5.0])
@pytest.mark.parametrize('seed', range(4))
def test_twenty_outliers_side_by_side_are_tolerated(times, seed):
    true_m = rooms(seed)
    network_m = tilted(true_m)
    pairs = points(true_m, network_m, wrong=0.0, seed=seed)
    in_corner = np.argsort(np.hypot(*pairs.pixels.T))[:20]
    pairs.true_m[in_corner] *= times
    factor_m = network_m * robust_scale(pairs.ratios).scale
    corrected_m = network_m * fit_shape(pairs, HEIGHT, WIDTH).factors(network_m)
    assert error(corrected_m, true_m) < 0.5 * error(factor_m, true_m)


def test_corrected_depth_grows_with_predicted_depth_whatever_the_points_say():
    rng = np.random.default_rng(3)
    network_m = rng.uniform(3.0, 6.0, (HEIGHT, WIDTH)).astype(np.float32)
    reversed_m = 4.5 - 0.3 * (network_m - 4.5)
    shape = fit_shape(points(reversed_m, network_m, wrong=0.0), HEIGHT, WIDTH)
    levels = np.geomspace(0.05, 200.0, 400).astype(np.float32)
    whole = np.stack([x * shape.factors(np.full((7, 9), x, np.float32)) for x in levels])
    assert (np.diff(whole, axis=0) > 0.0).all()


CORNER = (ROWS < HEIGHT // 2) & (COLUMNS < WIDTH // 2)


@pytest.mark.parametrize(
    ('count', 'where'), [(29, None), (100, CORNER)], ids=['too few', 'in one corner']
)
def test_too_few_points_and_points_in_a_corner_give_no_shape(count, where):
    true_m = rooms(0)
    assert fit_shape(points(true_m, bent(true_m), count, where=where), HEIGHT, WIDTH) is None


def test_points_at_one_depth_and_no_points_give_no_shape():
    wall_m = np.full((HEIGHT, WIDTH), 3.0, np.float32)
    network_m = wall_m * (1.0 + 0.002 * COLUMNS).astype(np.float32)
    assert fit_shape(points(wall_m, network_m, wrong=0.0), HEIGHT, WIDTH) is None
    assert fit_shape(NO_PAIRS, HEIGHT, WIDTH) is None
    hopeless = points(wall_m, np.full_like(wall_m, np.nan))
    assert fit_shape(hopeless, HEIGHT, WIDTH) is None


def test_a_network_that_is_wrong_by_one_factor_keeps_its_shape():
    for seed in range(5):
        true_m = rooms(seed)
        shape = fit_shape(points(true_m, 0.7 * true_m, wrong=0.2, seed=seed), HEIGHT, WIDTH)
        assert np.abs(np.log(0.7 * shape.factors(0.7 * true_m))).mean() < 0.02


def test_unknown_depth_has_the_factor_one():
    shape = DepthShape(np.full((46, 13, 17), 0.5, np.float32))
    unknown = np.array([[np.nan, np.inf], [-np.inf, 2.0]], np.float32)
    np.testing.assert_allclose(shape.factors(unknown), [[1, 1], [1, np.exp(0.5)]], rtol=1e-6)


def test_points_of_which_half_contradict_the_other_half_show_no_shape():
    rng = np.random.default_rng(0)
    network_m, pixels = np.linspace(2.0, 4.0, 40), rng.uniform(0, HEIGHT, (40, 2))
    true_m = network_m * np.tile((0.3, 3.0), 20)
    assert fit_shape(DepthPairs(true_m, network_m, pixels), HEIGHT, WIDTH) is None
