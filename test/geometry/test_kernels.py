"""The compiled passes give the bits of the NumPy ones."""

import math

import numpy as np
import pytest

from zoedepth_ros.geometry import kernels
from zoedepth_ros.geometry.filters import (
    decimate,
    depth_for_points,
    flying_pixels,
    raise_to,
    write_depth,
)
from zoedepth_ros.geometry.points import pack_points

pytestmark = pytest.mark.skipif(kernels.library() is None, reason='built without CMake')

SIZES = [(1, 1), (2, 5), (3, 40), (40, 3), (133, 71), (240, 320), (97, 640)]
STEPS = [(1, 1), (4, 4), (4, 1), (1, 3)]


@pytest.fixture
def both(monkeypatch):
    """Return what computes something in C and in NumPy."""

    def compute(function):
        compiled = np.array(function())
        with monkeypatch.context() as without:
            without.setattr(kernels, 'library', lambda: None)
            return compiled, np.array(function())

    return compute


def depth(size, seed=0):
    """Steps, slopes, noise, and pixels of every kind that is no depth."""
    random = np.random.default_rng(seed)
    depth_m = np.cumprod(random.lognormal(0.0, 0.01, size), axis=1) * random.lognormal(
        0, 0.1, size
    )
    depth_m[random.random(size) < 0.003] *= 3.0
    for value in (math.nan, math.inf, -math.inf, -1.0, 0.05):
        depth_m[random.random(size) < 0.001] = value
    return depth_m.astype(np.float32)


@pytest.mark.parametrize('steps', STEPS)
@pytest.mark.parametrize('network_width', [128, 512])
@pytest.mark.parametrize('size', SIZES)
def test_flying_pixels_are_those_of_numpy(both, size, network_width, steps):
    depth_m = depth(size)
    compiled, expected = both(
        lambda: flying_pixels(depth_m, network_width=network_width, strides=steps)
    )
    np.testing.assert_array_equal(compiled, expected)
    if min(size) > 50:
        assert 0.02 < expected.mean() < 0.98


@pytest.mark.parametrize('edge', [False, True])
@pytest.mark.parametrize('steps', STEPS)
@pytest.mark.parametrize('size', SIZES)
def test_depth_for_points_is_that_of_numpy(both, size, steps, edge):
    depth_m = depth(size)
    compiled, expected = both(
        lambda: depth_for_points(depth_m, min_m=0.1, edges=edge, steps=steps)
    )
    np.testing.assert_array_equal(compiled, expected)


@pytest.mark.parametrize('max_m', [0.0, 1.5])
@pytest.mark.parametrize('size', SIZES)
def test_the_depth_image_is_that_of_numpy(both, size, max_m):
    depth_m, pixels = depth(size), np.empty(size, np.float32)

    def written():
        write_depth(depth_m, pixels, min_m=0.1, max_m=max_m)
        return pixels

    compiled, expected = both(written)
    np.testing.assert_array_equal(compiled, expected)


@pytest.mark.parametrize('limit_m', [math.inf, 1.5])
@pytest.mark.parametrize('colors', ['as it is', 'decimated', 'mirrored', 'blue first', 'none'])
@pytest.mark.parametrize('size', SIZES)
def test_points_are_those_of_numpy(both, size, colors, limit_m):
    random = np.random.default_rng(1)
    whole = random.integers(0, 256, (size[0] * 4, size[1] * 4, 3), np.uint8)
    rgb = {
        'as it is': np.ascontiguousarray(whole[: size[0], : size[1]]),
        'decimated': decimate(whole, 4),
        'mirrored': whole[: size[0], : size[1]][::-1, ::-1],
        'blue first': whole[: size[0], : size[1], ::-1],
        'none': None,
    }[colors]
    rays = random.normal(0.0, 0.5, (*size, 2)).astype(np.float32)
    rays[0, 0] = math.nan  # outside the lens
    depth_m, out = depth(size), np.empty((*size, 4), np.float32)

    def packed():
        out[...] = -1.0
        pack_points(depth_m, rays, rgb, out, limit_m=limit_m)
        return out

    compiled, expected = both(packed)
    np.testing.assert_array_equal(compiled[..., :3], expected[..., :3])
    np.testing.assert_array_equal(
        compiled.view(np.uint32)[..., 3], expected.view(np.uint32)[..., 3]
    )


@pytest.mark.parametrize('size', SIZES)
def test_the_least_value_is_that_of_numpy(both, size):
    values = np.random.default_rng(2).normal(size=size).astype(np.float32)

    def raised():
        copy = values.copy()
        raise_to(copy, 1e-3)
        return copy

    compiled, expected = both(raised)
    np.testing.assert_array_equal(compiled, expected)
    np.testing.assert_array_equal(expected, np.maximum(values, np.float32(1e-3)))


def test_arrays_of_another_layout_are_left_to_numpy(both):
    depth_m = depth((240, 640))[:, ::2]
    assert not depth_m.flags.c_contiguous
    compiled, expected = both(lambda: flying_pixels(depth_m))
    np.testing.assert_array_equal(compiled, expected)
    np.testing.assert_array_equal(expected, flying_pixels(depth_m.copy()))
