"""Recorded runs, on the CPU: the graphs are replaced by something that computes again."""

import threading

import numpy as np
import pytest
import torch
from fake_device import FakeGraphs
from lively import assert_same, images
from lively import lively_predictor as predictor

from zoedepth_ros.inference.result import DeviceLost, NotFinite

CPU = torch.device('cpu')


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize(
    ('name', 'way'), [('ZoeD_tiny_NK', 'official'), ('ZoeD_tiny_K', 'metric')]
)
def test_recorded_runs_give_what_single_steps_give(name, way, flip):
    recorded = predictor(FakeGraphs(), name, way, flip)
    stepwise = predictor(None, name, way, flip)
    for rgb in (*images(2), *images(1, 70, 40)):
        for head in ('auto', *recorded.heads):
            assert_same(recorded(rgb, head), stepwise(rgb, head))
    assert recorded(rgb, recorded.heads[0], route=False).router_probabilities == {}
    assert recorded.optimization == 'reference, captured'


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('graphs', [None, FakeGraphs()])
def test_depth_alone_is_that_of_all_maps_and_the_others_are_unknown(graphs, flip):
    one, rgbs = predictor(graphs, flip=flip), list(images(3))

    def results(depth_only):
        heads, routes = ['indoor', 'outdoor', 'outdoor'], [True, False, True]
        yield one(rgbs[0], 'indoor', depth_only=depth_only)
        yield from one.predict_batch(rgbs, heads, routes=routes, depth_only=depth_only)
        yield from one.predict_batch(rgbs, heads[:1] * 3, routes=routes, depth_only=depth_only)

    for alone, full in zip(results(True), results(False), strict=True):
        np.testing.assert_array_equal(alone.depth_m, full.depth_m)
        assert (alone.head, alone.router_probabilities) == (full.head, full.router_probabilities)
        assert np.isnan(alone.uncertainty_m).all()
        assert np.isnan(alone.relative_depth).all()
        assert alone.uncertainty_m.shape == alone.relative_depth.shape == full.depth_m.shape


def test_every_head_and_size_is_recorded_once_and_delivery_is_the_only_wait():
    graphs = FakeGraphs()
    recorded = predictor(graphs)
    recorded.warm_up(48, 64)
    assert graphs.captured == 2
    for rgb in images(3):
        recorded(rgb, 'indoor')
        recorded(rgb, 'outdoor')
    assert (graphs.captured, graphs.replayed, graphs.finished) == (2, 8, 8)
    recorded(images(1, 32, 32)[0], 'indoor')
    assert graphs.captured == 3


def test_the_last_router_output_steers_the_next_image_and_a_change_runs_again():
    graphs = FakeGraphs()
    recorded = predictor(graphs, bias=[0.0, 3.0])
    rgb = images(1)[0]
    assert recorded(rgb).head == 'outdoor'
    assert graphs.replayed == 2  # the first guess was the other head
    assert recorded(rgb).head == 'outdoor'
    assert graphs.replayed == 3
    assert recorded(rgb, 'indoor').head == 'indoor'
    assert recorded(rgb).head == 'outdoor'
    assert graphs.replayed == 5


def test_results_are_the_callers_to_keep():
    recorded = predictor(FakeGraphs())
    first, second = images(2)
    kept = recorded(first, 'indoor')
    before = kept.depth_m.copy()
    recorded(second, 'indoor')
    np.testing.assert_array_equal(kept.depth_m, before)


def test_constants_that_moved_are_recorded_anew():
    graphs = FakeGraphs()
    recorded = predictor(graphs, way='official')
    rgb = images(1, 40, 100)[0]
    before = recorded(rgb, 'indoor').depth_m
    recorded.predict_network_resolution(rgb, 'indoor')  # another size inside the network
    assert graphs.captured == 1
    for _ in range(40):  # later: sizes in turn are launched (test_cuda_host.py)
        np.testing.assert_array_equal(recorded(rgb, 'indoor').depth_m, before)
    assert graphs.captured == 2


def test_a_failure_while_playing_is_no_failure_of_recording():
    def replay():
        raise RuntimeError('CUDA error: an illegal memory access was encountered')

    graphs = FakeGraphs()
    graphs.capture = lambda compute, image: (replay, compute(image))
    with pytest.raises(DeviceLost, match='illegal memory'):
        predictor(graphs)(images(1)[0], 'indoor')


def test_values_that_are_not_finite_are_an_error_in_recorded_runs_too():
    recorded = predictor(FakeGraphs())
    recorded._network.network.bottleneck.weight.data[0] = torch.nan
    with pytest.raises(NotFinite):
        recorded(images(1)[0])


@pytest.mark.parametrize('graphs', [None, FakeGraphs()])
def test_images_may_come_from_another_thread_than_the_warming_up(graphs):
    one = predictor(graphs)
    rgb = images(1)[0]
    one.warm_up(48, 64)
    found = []
    thread = threading.Thread(target=lambda: found.append(one(rgb, 'indoor')))
    thread.start()
    thread.join()
    assert_same(found[0], one(rgb, 'indoor'))
