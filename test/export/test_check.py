"""How a deviation is measured, and what is reported without the options."""

import importlib.util
import math

import numpy as np
import pytest

from zoedepth_ros.cli.main import main
from zoedepth_ros.export import options
from zoedepth_ros.export.check import CheckReport, DeviationError, deviation
from zoedepth_ros.inference.check_images import export_images
from zoedepth_ros.inference.runtimes.agreement import DriftError, agreement, check_reference
from zoedepth_ros.inference.runtimes.exported import to_network


def test_a_deviation_is_the_largest_difference_over_the_mean_size():
    expected = np.float32([[-1.0, 3.0]])  # mean size 2
    assert deviation('x', np.float32([[-1.0, 3.5]]), expected)[0] == pytest.approx(0.25)
    assert deviation('x', np.float32([[-1.1, 3.5]]), expected)[0] == pytest.approx(0.25)
    assert (deviation('x', expected, expected) == 0.0).all()


def test_one_value_in_a_thousand_may_differ_more():
    expected, found = np.ones((2, 2000), np.float32), np.ones((2, 2000), np.float32)
    found[0, :3] = 2.0
    assert deviation('x', found, expected).tolist() == [1.0, 0.0]


def test_nothing_hides_behind_a_map_of_zeros():
    zeros = np.zeros((1, 4), np.float32)
    assert (deviation('x', zeros, zeros) == 0.0).all()
    assert deviation('x', np.float32([[0, 0, 0, 1e-9]]), zeros)[0] == math.inf


def test_a_value_that_is_not_finite_shows():
    expected = np.ones((1, 2), np.float32)
    value = deviation('x', np.float32([[1.0, math.nan]]), expected)[0]
    assert math.isnan(value)
    assert math.isnan(CheckReport({'a': 0.0, 'b': value, 'c': 1.0}).worst)


def test_another_shape_is_an_error_even_if_it_would_broadcast():
    with pytest.raises(DeviationError, match=r'\(1, 1\), expected \(1, 2\)'):
        deviation('x', np.ones((1, 1), np.float32), np.ones((1, 2), np.float32))


def test_the_images_differ_and_span_what_a_network_sees():
    inputs = [to_network(rgb, (32, 64)) for rgb in export_images().values()]
    for image in inputs:
        assert image.shape == (1, 3, 32, 64)
        assert -1.0 <= image.min() < -0.6
        assert 0.5 < image.max() <= 1.0
    assert not np.array_equal(inputs[0], inputs[1])
    again = [to_network(rgb, (32, 64)) for rgb in export_images().values()]
    np.testing.assert_array_equal(inputs, again)


def test_the_agreement_is_the_mean_difference_and_the_correlation():
    expected = np.float32([[1.0, 2.0], [3.0, 4.0]])
    found = agreement(expected * np.float32(1.02), expected)
    assert found.mean_difference == pytest.approx(0.02)
    assert found.correlation == pytest.approx(1.0)
    assert not found.holds()
    assert agreement(expected * np.float32(1.009), expected).holds()
    turned = agreement(expected[::-1], expected)
    assert turned.correlation == pytest.approx(-0.6)
    flat = np.full((2, 2), 5.0, np.float32)
    assert agreement(flat + np.float32(1e-4), flat).holds()  # rounding of a constant
    assert not agreement(flat, expected).holds()
    assert not agreement(expected * np.float32(math.nan), expected).holds()


def test_the_check_at_the_start_allows_for_the_rounding_of_bf16():
    stored = np.linspace(1.0, 3.0, 64)  # one value for each block of an image of 8 x 8
    depth = (stored * 1.015).astype(np.float32).reshape(1, 1, 8, 8)
    check_reference({'depth_m': depth}, {'depth_m': stored}, 'file', 'bf16')
    for precision in ('fp32', 'fp16'):
        with pytest.raises(
            DriftError,
            match=r'difference 1\.50%.*allowed are .* up to 1% and a correlation from 0\.999\)',
        ):
            check_reference({'depth_m': depth}, {'depth_m': stored}, 'file', precision)
    for wrong in (1.02 * depth, depth.T, np.full_like(depth, np.nan)):
        with pytest.raises(
            DriftError, match=r'allowed are .* up to 2% and a correlation from 0\.995'
        ):
            check_reference({'depth_m': wrong}, {'depth_m': stored}, 'file', 'bf16')


def test_a_missing_library_is_named_with_the_extra_that_has_it(tmp_path, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        options, 'find_spec', lambda name: None if name.startswith('onnx') else found(name)
    )
    assert main(['export', 'onnx', '--out', str(tmp_path / 'x.onnx')]) == 2
    reported = capsys.readouterr().err
    assert 'onnx and onnxscript and onnxruntime' in reported
    assert 'zoedepth_ros[onnx]' in reported
