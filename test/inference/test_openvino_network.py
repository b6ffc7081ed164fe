"""Which runtime is chosen for a small network, and that both give the same; nothing is timed."""

import logging
import shutil
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_openvino import need_openvino
from lively import images, lively_model

from zoedepth_ros.build import build_predictor
from zoedepth_ros.inference.result import InferenceError
from zoedepth_ros.inference.runtimes import openvino_network as module
from zoedepth_ros.inference.runtimes.openvino_network import with_openvino
from zoedepth_ros.inference.runtimes.optimize import optimize
from zoedepth_ros.weights.load import save_weights

SIZE = (64, 96)
IMAGE = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(scope='module')
def converted(tmp_path_factory):
    """Return a cache folder with the network of `built`."""
    need_openvino()
    folder, model = tmp_path_factory.mktemp('converted'), lively_model('ZoeD_tiny_NK')
    assert module._session(model, 'fp32', SIZE, folder / 'openvino', may_convert=True)
    return folder


@pytest.fixture
def folder(converted, tmp_path):
    return Path(shutil.copytree(converted, tmp_path / 'cache'))


@pytest.fixture
def measured(monkeypatch):
    """Return the times that are measured from now on, and the sizes they were measured for."""
    times_ms, sizes = {'torch': 10.0, 'openvino': 5.0}, []

    def measure(networks, size):
        assert list(networks) == ['torch', 'openvino']
        sizes.append(size)
        return dict(times_ms)

    monkeypatch.setattr(module, 'image_times_ms', measure)
    return times_ms, sizes


def built(folder, seed=2, may_measure=True, size=SIZE):
    """Return the network of lively weights as it is chosen."""
    model = lively_model('ZoeD_tiny_NK', seed)
    return with_openvino(
        model,
        lambda: optimize(model, 'fp32', torch.device('cpu'), 'packed'),
        'fp32',
        size,
        folder,
        may_measure=may_measure,
    )


@torch.inference_mode()
def outputs(network, head, image=IMAGE):
    features = network.encode(image, network.prepare(*image.shape[2:]))
    return [network.route(features), *network.decode(features, head)[:3]]


def assert_same_as_reference(network, seed=2, image=IMAGE):
    reference = optimize(lively_model('ZoeD_tiny_NK', seed), 'fp32', torch.device('cpu'), 'off')
    for head in ('indoor', 'outdoor'):
        for found, expected in zip(
            outputs(network, head, image), outputs(reference, head, image), strict=True
        ):
            assert_close(found.numpy(), expected.numpy())


def assert_close(found, expected):
    """Compare means, because single pixels of random weights follow the rounding."""
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() <= 2e-3 * np.abs(expected).mean()


def warned(caplog):
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_faster_runtime_is_chosen_once_and_kept_and_gives_the_same(measured, folder):
    times_ms, sizes = measured
    network = built(folder)
    assert network.mode == 'openvino'
    assert_same_as_reference(network)
    times_ms['openvino'] = 20.0
    assert built(folder).mode == 'openvino'
    assert sizes == [SIZE]


@pytest.mark.parametrize('openvino_ms', [9.9, 20.0])
def test_torch_stays_where_it_is_as_fast(measured, folder, monkeypatch, openvino_ms):
    measured[0]['openvino'] = openvino_ms
    assert built(folder).mode == 'packed'
    monkeypatch.setattr(module, 'open_session', lambda *_: pytest.fail('opened'))
    assert built(folder).mode == 'packed'


def test_while_images_arrive_nothing_is_measured_or_converted(measured, folder, monkeypatch):
    monkeypatch.setattr(module, '_convert', lambda *_: pytest.fail('converted'))
    assert built(folder / 'empty', may_measure=False).mode == 'packed'
    assert built(folder, may_measure=False).mode == 'packed'
    assert measured[1] == []
    assert built(folder).mode == 'openvino'
    assert built(folder, may_measure=False).mode == 'openvino'
    assert built(folder, seed=3, may_measure=False).mode == 'packed'


def test_other_weights_are_converted_anew(measured, folder):
    built(folder)
    network = built(folder, seed=3)
    assert (network.mode, len(measured[1])) == ('openvino', 1)
    assert_same_as_reference(network, seed=3)
    assert len(list((folder / 'openvino').iterdir())) == 2  # .xml and .bin


def test_other_sizes_and_batches_run_in_torch(measured, folder):
    network = built(folder)
    network._session.run = lambda *_: pytest.fail('OpenVINO ran')
    assert_same_as_reference(network, image=IMAGE.transpose(2, 3).contiguous())
    assert_same_as_reference(network, image=torch.cat([IMAGE, -IMAGE]))


@pytest.mark.parametrize('part', ['_request', '_heads'])
def test_torch_takes_over_when_openvino_fails(measured, folder, monkeypatch, part):
    network = built(folder)
    session, infer = network._session, network._session.infer

    def failing(request, inputs=None):
        if (request is session._request) == (part == '_request'):
            raise InferenceError('OpenVINO on cpu: broken')
        return infer(request, inputs)

    monkeypatch.setattr(session, 'infer', failing)
    assert_same_as_reference(network)
    assert network.mode == 'packed'
    assert network.note == 'OpenVINO failed, so the network runs in torch: OpenVINO on cpu: broken'


def test_without_openvino_torch_runs_and_nothing_is_reported(
    measured, tmp_path, monkeypatch, caplog
):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module, 'version', missing)
    assert built(tmp_path).mode == 'packed'
    assert warned(caplog) == list(tmp_path.iterdir()) == []


def test_a_damaged_openvino_is_reported_on_one_line(measured, tmp_path, monkeypatch, caplog):
    def damaged():
        raise OSError('libopenvino.so: cannot open\nshared object file')

    monkeypatch.setattr(module, 'version', lambda name: '1.0')
    monkeypatch.setattr(module, 'import_openvino', damaged)
    assert_same_as_reference(built(tmp_path))
    [record] = warned(caplog)
    assert record.getMessage() == (
        'the network runs in torch, not in OpenVINO: libopenvino.so: cannot open'
    )


def test_another_depth_than_that_of_torch_is_refused(measured, folder, monkeypatch, caplog):
    own = module.expected_blocks
    monkeypatch.setattr(
        module, 'expected_blocks', lambda about: {n: 1.02 * x for n, x in own(about).items()}
    )
    assert built(folder).mode == 'packed'
    assert 'computes a depth that differs' in warned(caplog)[0].getMessage()
    assert measured[1] == []


@pytest.mark.parametrize('part', ['.xml', '.bin'])
def test_a_damaged_file_is_reported_and_written_anew(measured, folder, caplog, part):
    built(folder)
    [path] = (folder / 'openvino').glob(f'*{part}')
    path.write_bytes(path.read_bytes()[:100])
    assert built(folder, may_measure=False).mode == 'packed'
    assert str(path.with_suffix('.xml')) in warned(caplog)[0].getMessage()
    network = built(folder)
    assert network.mode == 'openvino'
    assert_same_as_reference(network)
    caplog.clear()
    assert built(folder, may_measure=False).mode == 'openvino'
    assert warned(caplog) == []


def test_a_network_of_one_head_and_a_large_one_run_in_torch(measured, tmp_path, monkeypatch):
    monkeypatch.setattr(module, 'version', lambda name: '1.0')
    assert module._key(lively_model('ZoeD_tiny_NK'), 'fp32', SIZE)
    assert not module._key(lively_model('ZoeD_tiny_N'), 'fp32', SIZE)
    monkeypatch.setattr(module, 'LARGEST', 1000)
    assert not module._key(lively_model('ZoeD_tiny_NK'), 'fp32', SIZE)


def test_a_predictor_is_the_same_in_both(measured, folder, monkeypatch):
    """The predictor is built twice from one file, in OpenVINO and in torch."""
    weights = folder / 'weights.safetensors'
    save_weights(lively_model('ZoeD_tiny_NK'), weights)
    monkeypatch.setenv('ZOEDEPTH_HOME', str(folder))
    options = {'device': 'cpu', 'precision': 'fp32', 'flip_augmentation': True}
    in_torch = build_predictor('ZoeD_tiny_NK', weights, **options)
    assert measured[1] == []  # ZOEDEPTH_MEASURE=0 by conftest.py
    monkeypatch.delenv('ZOEDEPTH_MEASURE')
    for others in ({'optimization': 'packed'}, {'preprocessing': 'official'}):
        assert build_predictor('ZoeD_tiny_NK', weights, **others, **options).optimization
    assert measured[1] == []
    found = build_predictor('ZoeD_tiny_NK', weights, **options)
    assert (found.optimization, measured[1]) == ('openvino', [SIZE])
    rgb = images(2)
    for head, route in (('auto', True), ('indoor', False), ('outdoor', True)):
        ours, theirs = (each(rgb[0], head, route=route) for each in (found, in_torch))
        assert ours.head == theirs.head
        assert ours.router_probabilities == pytest.approx(theirs.router_probabilities, abs=1e-4)
        for name in ('depth_m', 'uncertainty_m', 'relative_depth'):
            assert_close(getattr(ours, name), getattr(theirs, name))
    heads, routes = ['auto', 'outdoor'], [True, False]
    for ours, theirs in zip(
        *(each.predict_batch(list(rgb), heads, routes=routes) for each in (found, in_torch)),
        strict=True,
    ):
        assert_close(ours.depth_m, theirs.depth_m)


def test_times_are_of_both_networks():
    network = optimize(lively_model('ZoeD_tiny_NK'), 'fp32', torch.device('cpu'), 'packed')
    times_ms = module.image_times_ms({'a': network, 'b': network}, SIZE)
    assert times_ms == {} or (list(times_ms) == ['a', 'b'] and min(times_ms.values()) > 0.0)
