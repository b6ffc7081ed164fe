"""The predictor with tiny random networks, against transformers' processing and by symmetry."""

import numpy as np
import pytest
import torch
from lively import assert_same, lively_model
from lively import lively_predictor as tiny

from zoedepth_ros.inference import devices
from zoedepth_ros.inference.devices import choose_device, choose_precision
from zoedepth_ros.inference.predictor import TorchPredictor
from zoedepth_ros.inference.preprocess import make_preprocessing
from zoedepth_ros.inference.result import DeviceLost, InferenceError
from zoedepth_ros.inference.runtimes.cuda_graphs import CudaGraphs
from zoedepth_ros.inference.runtimes.optimize import optimize
from zoedepth_ros.model.zoedepth import Prediction

CPU = torch.device('cpu')


def random_rgb(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return an image with smooth structure."""
    small = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    rows = np.linspace(0, 6, height).astype(int)
    columns = np.linspace(0, 8, width).astype(int)
    return np.ascontiguousarray(small[rows][:, columns])


@pytest.mark.parametrize('size', [(101, 67), (64, 96), (1, 1), (2, 3), (3, 200), (5, 4)])
@pytest.mark.parametrize('way', ['metric', 'official'])
def test_all_maps_have_the_images_size_and_are_finite_and_positive(way, size):
    result = tiny(way=way)(random_rgb(*size))
    for values in (result.depth_m, result.uncertainty_m, result.relative_depth):
        assert values.shape == size
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert values.min() >= 0
    assert result.depth_m.min() >= 1e-3


def test_the_way_to_the_network_is_measured_and_the_cpu_has_no_memory_of_its_own():
    predictor = tiny()
    assert np.isnan(predictor.preprocess_ms)
    predictor(random_rgb(120, 160))
    assert 0.0 < predictor.preprocess_ms < 1000.0
    assert np.isnan(predictor.device_memory_mb)


def test_a_device_that_fails_inside_the_network_is_named():
    predictor = tiny()

    def fail(*_):
        raise RuntimeError('CUDA error: an illegal memory access was encountered')

    predictor._network.encode = fail
    with pytest.raises(DeviceLost, match='cpu: CUDA error: an illegal'):
        predictor(random_rgb(48, 64))


def test_what_the_bicubic_way_back_undershoots_becomes_a_millimetre(monkeypatch):
    predictor = tiny(name='ZoeD_tiny_N', way='official')
    height, width = predictor.network_size(200, 300)
    step_m = torch.full((1, 1, height, width), 0.01)
    step_m[..., width // 2 :] = 10.0
    prediction = Prediction(step_m, step_m, step_m, None)
    monkeypatch.setattr(predictor._network, 'decode', lambda features, head: prediction)
    result = predictor(random_rgb(200, 300))
    undershot = result.depth_m < 0.0099
    assert undershot.any()
    assert result.depth_m.min() == np.float32(1e-3)
    assert 10.1 < result.depth_m.max() < 11.5  # and the overshoot is left as it is
    assert result.uncertainty_m.min() == result.relative_depth.min() == 0.0


@pytest.mark.parametrize('way', ['metric', 'official'])
def test_a_mirrored_image_has_a_mirrored_depth_with_flip_augmentation_only(way):
    rgb = random_rgb(80, 120)
    flip, plain = tiny(way=way, flip=True), tiny(way=way)
    there, back = flip(rgb, 'indoor').depth_m, flip(rgb[:, ::-1], 'indoor').depth_m
    np.testing.assert_allclose(back[:, ::-1], there, rtol=1e-4)
    alone, mirrored = plain(rgb, 'indoor').depth_m, plain(rgb[:, ::-1], 'indoor').depth_m
    np.testing.assert_allclose(there, 0.5 * (alone + mirrored[:, ::-1]), rtol=1e-4)
    assert np.abs(mirrored[:, ::-1] / alone - 1).max() > 0.1


def test_auto_takes_the_head_the_router_prefers():
    rgb = random_rgb(64, 96)
    for favourite, other in (('indoor', 'outdoor'), ('outdoor', 'indoor')):
        predictor = tiny(bias=[2.0, 0.0] if favourite == 'indoor' else [0.0, 2.0])
        result = predictor(rgb)
        assert result.head == favourite
        share = 1 / (1 + np.exp(-2.0))
        assert result.router_probabilities == pytest.approx({favourite: share, other: 1 - share})
        np.testing.assert_array_equal(result.depth_m, predictor(rgb, favourite).depth_m)
        assert not np.array_equal(result.depth_m, predictor(rgb, other).depth_m)


def test_a_given_head_is_used_and_the_router_is_run_only_when_wanted():
    predictor = tiny(bias=[0.0, 9.0])
    rgb = random_rgb(64, 96)
    requested = predictor(rgb, 'indoor')
    assert requested.head == 'indoor'
    assert requested.router_probabilities['outdoor'] > 0.99
    assert predictor(rgb, 'indoor', route=False).router_probabilities == {}
    assert predictor(rgb, 'auto', route=False).head == 'outdoor'  # auto cannot do without


def test_one_router_output_on_the_image_itself_holds_for_its_mirror_image_too(monkeypatch):
    predictor = tiny(flip=True)
    router_outputs = iter([torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])])
    monkeypatch.setattr(predictor._network, 'route', lambda features: next(router_outputs))
    rgb = random_rgb(64, 96)
    assert predictor(rgb).head == 'outdoor'
    assert next(router_outputs) is not None  # the second one was not taken


@pytest.mark.parametrize(('name', 'head'), [('ZoeD_tiny_N', 'indoor'), ('ZoeD_tiny_K', 'outdoor')])
def test_a_single_head_is_used_without_a_router(name, head):
    result = tiny(name=name)(random_rgb(64, 96))
    assert (result.head, result.router_probabilities) == (head, {})


def test_wrong_images_are_refused_saying_what_came():
    predictor = tiny()
    wrong = {
        r'uint8 \(64, 96\)': np.zeros((64, 96), np.uint8),
        r'uint8 \(64, 96, 4\)': np.zeros((64, 96, 4), np.uint8),
        r'float32 \(64, 96, 3\)': np.zeros((64, 96, 3), np.float32),
        r'uint8 \(0, 96, 3\)': np.zeros((0, 96, 3), np.uint8),
        r'uint8 \(1, 64, 96, 3\)': np.zeros((1, 64, 96, 3), np.uint8),
        'list': [[[0, 0, 0]]],
    }
    for message, rgb in wrong.items():
        with pytest.raises(ValueError, match=f'expected an image as uint8.*got {message}'):
            predictor(rgb)


def test_an_unknown_head_is_refused_listing_the_choices():
    with pytest.raises(ValueError, match=r"'outdoor'.*auto, indoor$"):
        tiny(name='ZoeD_tiny_N')(random_rgb(64, 96), 'outdoor')


def test_values_that_are_not_finite_are_an_error_and_never_a_result():
    predictor = tiny()
    predictor._network.network.bottleneck.weight.data[0] = torch.nan
    with pytest.raises(InferenceError, match=r'ZoeD_tiny_NK in fp32 on cpu.*not finite'):
        predictor(random_rgb(64, 96), 'indoor')


def test_results_do_not_depend_on_what_was_seen_before_even_at_another_size():
    predictor = tiny(way='official')
    first = predictor(random_rgb(101, 67), 'indoor').depth_m
    assert predictor.network_size(50, 200) != predictor.network_size(101, 67)
    predictor(random_rgb(50, 200), 'indoor')
    np.testing.assert_array_equal(predictor(random_rgb(101, 67), 'indoor').depth_m, first)
    np.testing.assert_array_equal(tiny(way='official')(random_rgb(101, 67), 'indoor').depth_m,
                                  first)  # fmt: skip


def test_results_own_their_memory_and_later_calls_leave_them_alone():
    predictor = tiny()
    first = predictor(random_rgb(64, 96), 'indoor')  # the network's size: nothing to resize
    kept = first.depth_m.copy()
    predictor(random_rgb(64, 96, seed=5), 'indoor')
    np.testing.assert_array_equal(first.depth_m, kept)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize('optimization', ['off', 'auto', 'compile'])
@pytest.mark.parametrize(('precision', 'bound'), [('fp32', 1e-3), ('fp16', 0.02)])
def test_a_gpu_stays_near_the_cpu(precision, bound, optimization):
    way = make_preprocessing('official', (64, 96), 32)
    cuda = torch.device('cuda:0')
    network = optimize(lively_model('ZoeD_tiny_NK'), precision, cuda, optimization)
    graphs = CudaGraphs(cuda) if optimization != 'off' else None
    there = TorchPredictor(network, way, device=cuda, precision=precision, graphs=graphs)
    for seed, head in enumerate(('indoor', 'outdoor', 'indoor', 'auto')):
        rgb = random_rgb(101, 67, seed)
        here = tiny(way='official')(rgb, head)
        result = there(rgb, head)
        assert result.head == here.head
        assert np.abs(result.depth_m / here.depth_m - 1).mean() < bound
    assert there.device == 'cuda:0'
    assert there.optimization_note == ''


def test_warming_up_makes_the_constants_of_the_size_and_runs_every_head(monkeypatch):
    predictor = tiny()
    sizes, heads = [], []
    model = predictor._network
    prepare, decode = model.prepare, model.decode
    monkeypatch.setattr(model, 'prepare', lambda *size: sizes.append(size) or prepare(*size))
    monkeypatch.setattr(model, 'decode', lambda f, head: heads.append(head) or decode(f, head))
    predictor.warm_up(480, 640)
    assert sizes == [(64, 96)]
    assert heads == ['indoor', 'outdoor']
    predictor(random_rgb(480, 640))
    assert sizes == [(64, 96)]


def test_network_resolution_is_the_resized_prediction_before_the_way_back():
    rgb = random_rgb(101, 67)
    predictor = tiny(name='ZoeD_tiny_K', way='official', flip=True)
    result = predictor.predict_network_resolution(rgb)
    assert result.depth_m.shape == (64, 96)
    way = make_preprocessing('metric', (64, 96), 32)
    pixels = torch.from_numpy(rgb).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        expected = predictor._network.network(way.to_network(pixels), 'outdoor')
    np.testing.assert_allclose(result.depth_m, expected.depth_m[0, 0].numpy(), rtol=1e-5)
    again = predictor.predict_network_resolution(rgb.astype(np.float32) / 255)
    np.testing.assert_allclose(again.depth_m, result.depth_m, rtol=1e-5)
    with pytest.raises(ValueError, match='uint8 or float32'):
        predictor.predict_network_resolution(rgb.astype(np.float64))


def test_auto_chooses_a_device_and_a_precision_that_are_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert choose_device('auto') == CPU
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    assert choose_device('auto') == torch.device('cuda:0')
    assert choose_device('cuda:1') == torch.device('cuda:1')
    assert choose_precision('auto', torch.device('cuda:0')) == 'fp16'
    with pytest.raises(ValueError, match="'cuda:2' does not exist: torch finds 2"):
        choose_device('cuda:2')


@pytest.mark.parametrize(('reason', 'expected'), [('', 'bf16'), ('no instructions', 'fp32')])
def test_auto_takes_bf16_on_a_processor_that_has_instructions_for_it(
    monkeypatch, reason, expected
):
    monkeypatch.setattr(devices, 'bf16_emulated', lambda: reason)
    assert choose_precision('auto', CPU) == expected
    assert choose_precision('bf16', CPU) == 'bf16'  # a configured precision is used


@pytest.mark.parametrize('name', ['gpu', 'cuda:', 'cuda:x', 'cpu:0', ''])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(ValueError, match='expected auto, cpu, cuda or cuda:N'):
        choose_device(name)


def test_impossible_precisions_are_refused():
    with pytest.raises(ValueError, match=r"'int8'.*fp32, bf16, fp16"):
        choose_precision('int8', CPU)
    with pytest.raises(ValueError, match='fp16 needs a CUDA device'):
        choose_precision('fp16', CPU)


def test_images_together_give_what_each_gives_alone_whatever_size_head_and_question():
    predictor = tiny()
    images = [random_rgb(40 + 7 * i, 60 + 5 * i, seed=i) for i in range(4)]
    heads, routes = ['indoor', 'auto', 'outdoor', 'indoor'], [False, False, True, True]
    together = predictor.predict_batch(images, heads, routes=routes)
    requested = zip(images, heads, routes, strict=True)
    for ours, (rgb, head, route) in zip(together, requested, strict=True):
        assert_same(ours, predictor(rgb, head, route=route), 1e-3, 1e-4, 1e-5)
    assert [bool(r.router_probabilities) for r in together] == [False, True, True, True]


@pytest.mark.parametrize(('way', 'flip', 'runs'), [('metric', False, 1), ('official', False, 2),
                                                   ('metric', True, 4)])  # fmt: skip
def test_images_of_one_network_size_share_one_run(monkeypatch, way, flip, runs):
    predictor = tiny(way=way, flip=flip)
    images = [random_rgb(64, 96), random_rgb(96, 64)]
    done, encode = [], predictor._forward.encode
    monkeypatch.setattr(
        predictor._forward, 'encode', lambda image: (done.append(1), encode(image))[1]
    )
    results = predictor.predict_batch(images, ['indoor'] * 2, routes=[True] * 2)
    assert len(done) == runs
    for ours, rgb in zip(results, images, strict=True):
        assert_same(ours, predictor(rgb, 'indoor'), 1e-3, 1e-4, 1e-5)


def test_single_heads_and_wrong_images_in_a_batch():
    predictor = tiny(name='ZoeD_tiny_N')
    rgb = random_rgb(64, 96)
    results = predictor.predict_batch([rgb, rgb], ['auto', 'indoor'], routes=[True, False])
    assert [(r.head, r.router_probabilities) for r in results] == [('indoor', {})] * 2
    with pytest.raises(ValueError, match='float64'):
        predictor.predict_batch([rgb, rgb / 255], ['auto'] * 2, routes=[True] * 2)
