"""The host side of CUDA without a GPU: captures, errors of the device, memory, float32 policy."""

import gc
import logging
import weakref

import numpy as np
import pytest
import torch
from fake_cuda import FakeCuda
from fake_device import FakeGraphs, FakeLink, cloud_request
from lively import images, lively_model
from lively import lively_predictor as predictor

from zoedepth_ros.inference import pinned_memory
from zoedepth_ros.inference.device_cloud import DeviceClouds
from zoedepth_ros.inference.devices import (
    choose_precision,
    float32_policy,
    named_failures,
    retried_without_cudnn_attention,
    short_reason,
)
from zoedepth_ros.inference.result import ContextLost, DeviceLost
from zoedepth_ros.inference.runtimes import cuda_graphs
from zoedepth_ros.inference.runtimes.cuda_graphs import CudaGraphs
from zoedepth_ros.inference.runtimes.optimize import optimize
from zoedepth_ros.inference.runtimes.pause import Pause

CPU, CUDA = torch.device('cpu'), torch.device('cuda:0')
FULL = 'CUDA out of memory. Tried to allocate 24.00 MiB. GPU 0 has a total capacity of 7.81 GiB '
FULL += 'of which 10.00 MiB is free. Of the allocated memory 141.80 MiB is allocated by PyTorch'


@pytest.fixture
def cuda(monkeypatch):
    monkeypatch.setattr(CudaGraphs, '_streams', {})
    monkeypatch.setattr(pinned_memory, '_UNUSED', {})
    fake = FakeCuda()
    fake.install(monkeypatch)
    return fake


# Errors


class Buffer:
    """Something that is in use when an error is raised."""


@pytest.mark.parametrize('kind', [RuntimeError, ValueError])
def test_any_error_in_a_broken_context_is_a_lost_context_and_nothing_in_use_is_freed(cuda, kind):
    freed = []

    def fail():
        buffer = Buffer()
        weakref.finalize(buffer, freed.append, True)
        raise kind('gone')

    with pytest.raises(kind), named_failures(CUDA):
        fail()
    gc.collect()
    assert freed == [True]
    cuda.broken = True
    with pytest.raises(ContextLost, match=r'^cuda:0: gone$'), named_failures(CUDA):
        fail()
    gc.collect()
    assert freed == [True]


def test_errors_in_a_working_context_are_no_lost_context(cuda):
    with pytest.raises(DeviceLost) as caught, named_failures(CUDA):
        raise RuntimeError('CUDA error: no kernel image is available for execution on the device')
    assert not isinstance(caught.value, ContextLost)
    with pytest.raises(KeyError), named_failures(CUDA):
        raise KeyError('a bug')
    cuda.broken, cuda.reserved = True, 0  # a device that could not be used from the beginning
    with pytest.raises(DeviceLost) as caught, named_failures(CUDA):
        raise RuntimeError('CUDA error: CUDA-capable device(s) is/are busy or unavailable')
    assert not isinstance(caught.value, ContextLost)


def test_reasons_are_one_line_without_the_advice_of_torch():
    assert short_reason(RuntimeError(FULL)) == FULL.split('. Of the')[0]
    assert short_reason(RuntimeError('')) == 'RuntimeError'
    assert len(short_reason(RuntimeError('x' * 1000))) == 200


def test_a_failing_attention_of_cudnn_is_disabled_and_the_run_repeated(monkeypatch, caplog):
    allowed = [True]
    monkeypatch.setattr(torch.backends.cuda, 'cudnn_sdp_enabled', lambda: allowed[-1])
    monkeypatch.setattr(
        torch.backends.cuda, 'enable_cudnn_sdp', lambda enabled: allowed.append(enabled)
    )

    def attend():
        if allowed[-1]:
            raise RuntimeError('cuDNN Frontend error: No execution plans support the graph.')
        return 7

    with caplog.at_level(logging.WARNING):
        assert retried_without_cudnn_attention(attend) == 7
    assert 'No execution plans' in caplog.text
    graphs = FakeGraphs()
    graphs.fail_with = RuntimeError('cuDNN Frontend error: No execution plans support the graph.')
    allowed.append(True)
    captured = predictor(graphs)
    monkeypatch.setattr(
        torch.backends.cuda, 'enable_cudnn_sdp', lambda enabled: setattr(graphs, 'fail_with', None)
    )
    captured(images(1)[0], 'indoor')
    assert graphs.captured == 1
    assert captured.optimization_note == ''


def test_bf16_is_refused_on_a_gpu_without_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: (7, 5))
    with pytest.raises(ValueError, match=r'bf16 needs .* 8\.0, cuda:0 has 7\.5: use fp16 or fp32'):
        choose_precision('bf16', CUDA)
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: (8, 7))
    assert choose_precision('bf16', CUDA) == 'bf16'


# Arithmetic


@pytest.mark.parametrize(('precision', 'convolutions'), [('fp32', False), ('fp16', True)])
def test_fp32_on_a_gpu_means_no_tf32(precision, convolutions):
    products, convolve = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolve.allow_tf32
    with float32_policy(CUDA, precision):
        assert (products.allow_tf32, convolve.allow_tf32) == (False, convolutions)
    assert (products.allow_tf32, convolve.allow_tf32) == before
    with float32_policy(CPU, precision):
        assert (products.allow_tf32, convolve.allow_tf32) == before


# Pinned memory


@pytest.mark.parametrize('dtype', [torch.bool, torch.uint8, torch.int32, torch.float32])
@pytest.mark.parametrize('shape', [(), (0, 4), (3, 5), (2, 3, 4)])
def test_pinned_memory_has_the_asked_shape_and_type(cuda, shape, dtype):
    values = torch.ones(shape, dtype=dtype)
    buffer = CudaGraphs(CUDA).pinned(values)
    buffer.copy_(values)
    assert buffer.dtype == dtype
    assert torch.equal(buffer, values)


def test_pinned_memory_is_reused_when_no_tensor_or_array_refers_to_it_and_never_freed(cuda):
    link, like = CudaGraphs(CUDA), torch.zeros(5, 4)
    for n_rows in range(4, 9):  # each up to 128 bytes
        link.pinned(like[:1].expand(n_rows, 4)).fill_(n_rows)
    assert cuda.pinned_sizes == [64, 128]
    rows = link.pinned(like).fill_(1.0).numpy().view(np.int32)[1:].view(np.float32)
    assert len(cuda.pinned_sizes) == 2
    other = link.pinned(like).fill_(2.0)
    assert len(cuda.pinned_sizes) == 3
    assert (rows == 1.0).all()
    del rows, other
    gc.collect()
    both = link.pinned(like), link.pinned(like)
    assert both[0].data_ptr() != both[1].data_ptr()
    del both
    pinned_memory._UNUSED.clear()  # as at the exit of the interpreter
    gc.collect()
    assert (len(cuda.pinned_sizes), cuda.freed_sizes) == (3, [])


def test_a_predictor_whose_idle_context_broke_is_dropped_without_freeing_pinned_memory(cuda):
    """Otherwise torch ends the process, for example when ~/recover replaces the predictor."""
    graphs = CudaGraphs(CUDA)
    one = predictor(graphs, clouds=DeviceClouds(graphs, CPU))
    result = one(images(1)[0], 'indoor')
    cloud = result.pack_cloud(cloud_request(result.depth_m.shape))
    assert len(cuda.pinned_sizes) >= 3
    cuda.broken = True
    del one, result, cloud
    gc.collect()
    assert cuda.freed_sizes == []


# Captures


def test_captures_of_a_device_share_one_stream_and_those_of_a_network_one_pool(cuda):
    first, second = CudaGraphs(CUDA), CudaGraphs(CUDA)
    one, two = (first.capture(lambda x: x, torch.ones(1)) for _ in range(2))
    other = second.capture(lambda x: x, torch.ones(1))
    assert len(cuda.streams) == 1
    assert {stream for _, stream in cuda.captured} == set(cuda.streams)
    pools = [pool for pool, _ in cuda.captured]
    assert pools[0] is None
    assert pools[1] is one[0].__self__.pool()
    assert pools[2] is None  # two networks may replay at the same time
    assert set(cuda.devices) == {CUDA}
    del one, two, other
    gc.collect()
    first.capture(lambda x: x, torch.ones(1))
    assert cuda.captured[-1][0] is None  # torch refuses the pool of graphs that are all freed


def test_a_failed_capture_leaves_the_current_stream_as_it_was(cuda):
    before, calls = cuda.current, []

    def fail(image):
        calls.append(image)
        if len(calls) > 3:  # after the warm-ups
            raise RuntimeError('CUDA error: operation not permitted when stream is capturing')

    with pytest.raises(RuntimeError, match='not permitted'):
        CudaGraphs(CUDA).capture(fail, torch.ones(1))
    assert cuda.current is before


def test_images_of_two_network_sizes_in_turn_never_use_constants_of_the_other():
    graphs, replayed = FakeGraphs(), []
    captured, launched = predictor(graphs, way='official'), predictor(way='official')
    capture = graphs.capture

    def reading_constants(compute, image):
        replay, output = capture(compute, image)
        constants = captured._forward.prepared  # a graph reads these, whatever comes later

        def checked():
            assert captured._forward.prepared is constants
            replayed.append(constants)
            replay()

        return checked, output

    graphs.capture = reading_constants
    wide, narrow = images(1, 40, 100)[0], images(1, 70, 40)[0]
    assert launched.network_size(40, 100) != launched.network_size(70, 40)
    for rgb in (wide, narrow) * 40:
        np.testing.assert_array_equal(
            captured(rgb, 'indoor').depth_m, launched(rgb, 'indoor').depth_m
        )
    assert graphs.captured <= 4  # rather launched than captured for each image
    for _ in range(40):
        captured(narrow, 'indoor')
    before = len(replayed)
    captured(narrow, 'indoor')
    assert len(replayed) == before + 1
    assert captured.optimization_note == ''


def test_the_captures_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(cuda_graphs, 'MAX_CAPTURES', 2)
    graphs = FakeGraphs()
    captured = predictor(graphs)
    for height, number in ((1, 1), (2, 2), (1, 2), (3, 3), (1, 3), (2, 4)):
        captured(images(1, height, 2)[0], 'indoor')
        assert graphs.captured == number


def test_images_of_one_size_and_head_are_replayed_together_others_one_by_one():
    graphs = FakeGraphs()
    captured, launched = predictor(graphs, bias=[3.0, 0.0]), predictor(bias=[3.0, 0.0])
    rgbs = list(images(3))

    def batch(one, rgbs, heads):
        return one.predict_batch(rgbs, heads, routes=[True, False, True])

    def agree(rgbs, heads):
        for ours, theirs in zip(
            batch(captured, rgbs, heads), batch(launched, rgbs, heads), strict=True
        ):
            np.testing.assert_allclose(ours.depth_m, theirs.depth_m, rtol=1e-3)
            assert ours.head == theirs.head
            assert ours.router_probabilities == pytest.approx(theirs.router_probabilities)

    agree(rgbs, ['indoor'] * 3)
    agree(rgbs, ['indoor'] * 3)
    assert (graphs.captured, graphs.replayed, graphs.finished) == (1, 2, 2)
    agree(rgbs, ['indoor', 'outdoor', 'indoor'])
    assert (graphs.captured, graphs.replayed) == (3, 5)
    agree([*rgbs[:2], *images(1, 70, 40)], ['outdoor'] * 3)
    assert (graphs.captured, graphs.replayed) == (4, 8)
    agree(rgbs, ['auto', 'indoor', 'indoor'])
    assert (graphs.captured, graphs.replayed) == (4, 11)


def test_a_batch_that_cannot_be_captured_is_replayed_one_by_one():
    graphs = FakeGraphs()
    captured = predictor(graphs)
    captured.warm_up(48, 64)
    graphs.fail_with = RuntimeError(FULL)
    rgbs = list(images(2))
    for _ in range(3):
        captured.predict_batch(rgbs, ['indoor'] * 2, routes=[True] * 2)
    assert graphs.replayed == 2 + 6
    assert 'no CUDA graph for batches' in captured.optimization_note


def test_a_failed_capture_is_tried_again_later_and_reported_once(caplog):
    graphs = FakeGraphs()
    graphs.fail_with = RuntimeError('CUDA error: operation not permitted when stream is capturing')
    captured, rgb = predictor(graphs), images(1)[0]
    with caplog.at_level(logging.WARNING):
        for _ in range(40):
            found = captured(rgb, 'indoor')
    np.testing.assert_array_equal(found.depth_m, predictor()(rgb, 'indoor').depth_m)
    reported = (
        'no CUDA graph for single images, so the network runs more slowly: CUDA error: operation '
        'not'
    )
    assert reported in captured.optimization_note
    assert sum(reported in record.message for record in caplog.records) == 1
    assert captured.optimization == 'reference'
    graphs.fail_with = None
    for _ in range(64):
        captured(rgb, 'indoor')
    assert graphs.captured == 1
    assert captured.optimization_note == ''
    assert captured.optimization == 'reference, captured'


def test_a_pause_gets_longer_with_every_failure_in_a_row():
    pause, due = Pause(), []
    for image in range(300):
        if pause.is_over():
            due.append(image)
            assert pause.fail('full') is (len(due) == 1)
    assert due == [0, 32, 96, 224]
    pause.succeed()
    assert pause.reason == ''
    assert pause.fail('again')


def test_too_little_memory_for_a_capture_frees_the_others_first():
    graphs = FakeGraphs()
    captured = predictor(graphs)
    captured(images(1)[0], 'indoor')
    capture = graphs.capture
    room = [False]

    def full_once(compute, image):
        if not room[0]:
            room[0] = True
            raise torch.cuda.OutOfMemoryError(FULL)
        return capture(compute, image)

    graphs.capture = full_once
    captured(images(1, 70, 40)[0], 'indoor')
    assert captured.optimization_note == ''
    assert len(captured._captured._captures) == 1


# Several cameras on a compiled network


def test_a_compiled_network_runs_batches_one_by_one(monkeypatch):
    sizes = []

    def compiled(function, **settings):
        def run(*args):
            sizes.append(len(args[0][0]) if isinstance(args[0], tuple) else len(args[0]))
            return function(*args)

        return run

    monkeypatch.setattr(torch, 'compile', compiled)
    one = predictor(optimization='compile')
    found = one.predict_batch(list(images(3)), ['indoor', 'outdoor', 'auto'], routes=[True] * 3)
    assert len(found) == 3
    assert set(sizes) == {1}


# Memory


def test_weights_are_converted_before_they_move_to_the_device(monkeypatch):
    moved = []
    to = torch.nn.Module.to

    def spy(self, *args, **kwargs):
        if args[:1] == (torch.device('meta'),):
            moved.append({name: x.dtype for name, x in self.named_parameters()})
        return to(self, *args, **kwargs)

    monkeypatch.setattr(torch.nn.Module, 'to', spy)
    for optimization in ('auto', 'off'):
        network = optimize(
            lively_model('ZoeD_tiny_NK'), 'fp16', torch.device('meta'), optimization
        )
        backbone = {x for name, x in moved.pop().items() if name.startswith('backbone.blocks')}
        assert backbone == {torch.float16}
        assert moved == []
        tensors = [*network.network.parameters(), *network.network.buffers()]
        assert {x.device.type for x in tensors} == {'meta'}
        if optimization == 'auto':  # also what is neither: it fails if a tensor stayed behind
            features = network.encode(torch.empty(1, 3, 64, 96, device='meta'))
            network.decode(features, 'indoor')


def test_too_little_memory_for_the_cloud_costs_the_cloud_and_not_the_network(monkeypatch, caplog):
    one, rgb = predictor(clouds=DeviceClouds(FakeLink(), CPU)), images(1)[0]
    with monkeypatch.context() as full, caplog.at_level(logging.WARNING):
        clamp = torch.Tensor.clamp

        def no_room(self, *args, **kwargs):
            if self.ndim == 2:  # a map that is kept for the cloud
                raise torch.cuda.OutOfMemoryError(FULL)
            return clamp(self, *args, **kwargs)

        full.setattr(torch.Tensor, 'clamp', no_room)
        results = [one(rgb, 'indoor') for _ in range(3)]
    assert [result.pack_cloud for result in results] == [None] * 3
    reported = 'clouds are computed on the CPU for a while: CUDA out of memory. Tried to allocate'
    assert reported in one.optimization_note
    assert 'Of the allocated' not in one.optimization_note
    assert sum(reported in record.message for record in caplog.records) == 1
    for _ in range(32):
        result = one(rgb, 'indoor')
    assert result.pack_cloud(cloud_request(result.depth_m.shape)) is not None
    assert one.optimization_note == ''


def test_a_context_that_breaks_while_a_cloud_is_packed_is_no_matter_for_the_cpu(cuda, monkeypatch):
    one = predictor(clouds=DeviceClouds(FakeLink(), CPU))
    result = one(images(1)[0], 'indoor')
    clouds = one._clouds

    def fail():
        raise RuntimeError('CUDA error: an illegal memory access was encountered')

    monkeypatch.setattr(clouds._link, 'finish', fail)
    clouds.device = CUDA
    monkeypatch.setattr(clouds, 'upload', torch.from_numpy)
    cuda.broken = True
    with pytest.raises(ContextLost):
        result.pack_cloud(cloud_request(result.depth_m.shape))
