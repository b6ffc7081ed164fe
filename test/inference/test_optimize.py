"""The forms of the network: which is chosen, and what happens when one of them fails."""

import functools
import logging

import numpy as np
import pytest
import torch
from lively import lively_model

from zoedepth_ros.inference.runtimes import optimize as module
from zoedepth_ros.inference.runtimes.optimize import check_optimization, optimize
from zoedepth_ros.model.fused.layers import PackedLinear

CPU = torch.device('cpu')
IMAGE = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
NOT_PACKED = PackedLinear.missing(torch.float32)


def depth_m(network, head='indoor'):
    with torch.inference_mode():
        features = network.encode(IMAGE, network.prepare(64, 96))
        return network.decode(features, head).depth_m.numpy()


@pytest.fixture(scope='module')
def expected_m():
    return {head: depth_m(lively_model('ZoeD_tiny_NK'), head) for head in ('indoor', 'outdoor')}


def optimized(optimization, precision='fp32'):
    return optimize(lively_model('ZoeD_tiny_NK'), precision, CPU, optimization)


def test_off_runs_the_network_as_it_was_trained(expected_m):
    network = optimized('off')
    assert (network.mode, network.note) == ('reference', '')
    np.testing.assert_array_equal(depth_m(network), expected_m['indoor'])


@pytest.mark.skipif(bool(NOT_PACKED), reason=f'packed weights: {NOT_PACKED}')
def test_auto_on_a_cpu_packs_the_weights(expected_m):
    network = optimized('auto')
    assert (network.mode, network.note) == ('packed', '')
    np.testing.assert_allclose(depth_m(network), expected_m['indoor'], rtol=1e-4)


def test_where_weights_cannot_be_packed_ordinary_operators_run_and_that_is_reported(
    monkeypatch, caplog, expected_m
):
    monkeypatch.setattr(PackedLinear, 'missing', staticmethod(lambda dtype: 'no oneDNN here'))
    with caplog.at_level(logging.WARNING):
        network = optimized('auto')
    assert network.mode == 'fused'
    assert 'no oneDNN here' in network.note
    assert network.note in caplog.text
    np.testing.assert_allclose(depth_m(network), expected_m['indoor'], rtol=1e-4)


@pytest.mark.parametrize('optimization', ['auto', 'packed', 'off', 'compile'])
def test_bf16_on_a_processor_without_it_runs_and_warns_that_it_is_slow(
    monkeypatch, caplog, expected_m, optimization
):
    monkeypatch.setattr(torch, 'compile', lambda function, **settings: function)
    monkeypatch.setattr(module, 'bf16_emulated', lambda: 'no instructions')
    monkeypatch.setattr(PackedLinear, 'missing', staticmethod(lambda dtype: 'refused'))
    with caplog.at_level(logging.WARNING):
        network = optimized(optimization, 'bf16')
    assert (
        'bf16 is emulated on this processor, and fp32 and auto are many times faster: no '
        in caplog.text
    )
    assert network.note in caplog.text
    deviation = np.abs(depth_m(network) / expected_m['indoor'] - 1).mean()
    assert 0 < deviation < 0.05
    caplog.clear()
    assert optimized('off', 'fp32').note == caplog.text == ''


def test_a_torch_without_onednn_reports_it(monkeypatch):
    monkeypatch.setattr(torch._C, '_has_mkldnn', False)
    assert 'without oneDNN' in PackedLinear.missing(torch.float32)


def test_compile_traces_every_head_whole_and_computes_the_same(monkeypatch, expected_m):
    """By dynamo alone: what it hands to a backend is run as it is."""
    calls = []

    def compiled(function, **settings):
        calls.append(settings['options'])
        return real(function, dynamic=settings['dynamic'], backend='eager', fullgraph=True)

    real = torch.compile
    monkeypatch.setattr(torch, 'compile', compiled)
    network = optimized('compile')
    for head in ('indoor', 'outdoor'):
        np.testing.assert_allclose(depth_m(network, head), expected_m[head], rtol=1e-4, atol=2e-6)
    assert (network.mode, network.note) == ('compiled', '')
    assert calls == [{'freezing': True}] * 2


def refused(function, error, **settings):
    def call(*arguments):
        raise error

    return call


def test_a_compiler_that_fails_is_given_up_for_good_with_a_warning(
    monkeypatch, caplog, expected_m
):
    error = RuntimeError('no C++ compiler\nand a long story')
    monkeypatch.setattr(torch, 'compile', functools.partial(refused, error=error))
    network = optimized('compile')
    assert network.mode == 'compiled'
    with caplog.at_level(logging.WARNING):
        found_m = depth_m(network)
    np.testing.assert_allclose(found_m, expected_m['indoor'], rtol=1e-4)
    assert network.mode == 'fused'
    assert network.note.endswith('runs uncompiled: no C++ compiler')
    assert network.note in caplog.text
    caplog.clear()
    depth_m(network, 'outdoor')
    assert caplog.text == ''


def test_a_full_device_is_no_failure_of_the_compiler(monkeypatch):
    error = RuntimeError('CUDA out of memory')
    monkeypatch.setattr(torch, 'compile', functools.partial(refused, error=error))
    network = optimized('compile')
    with pytest.raises(RuntimeError, match='out of memory'):
        depth_m(network)
    assert network.mode == 'compiled'


def test_compiled_code_is_kept_where_it_is_configured_to_be_unless_the_user_chose(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(torch, 'compile', lambda function, **settings: function)
    monkeypatch.delenv('TORCHINDUCTOR_CACHE_DIR', raising=False)
    optimize(lively_model('ZoeD_tiny_N'), 'fp32', CPU, 'compile', tmp_path)
    assert module.os.environ['TORCHINDUCTOR_CACHE_DIR'] == str(tmp_path)
    optimize(lively_model('ZoeD_tiny_N'), 'fp32', CPU, 'compile', tmp_path / 'other')
    assert module.os.environ['TORCHINDUCTOR_CACHE_DIR'] == str(tmp_path)


def test_an_unknown_optimization_is_refused_listing_the_choices():
    check_optimization('auto')
    with pytest.raises(ValueError, match=r"'fast': expected one of auto, packed, off, compile"):
        check_optimization('fast')
