"""Clouds packed where the depth is, compared with those of the CPU, to the last bit.

The device is the CPU here, in torch's operators.
"""

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_device import FakeLink
from fake_predictor import FakePredictor
from processor_bench import Bench
from ros_harness import camera_info_message, rgb_image

from zoedepth_ros.inference.device_cloud import DeviceClouds
from zoedepth_ros.inference.preprocess import to_tensor
from zoedepth_ros.ros.image_processor import ReceivedImage
from zoedepth_ros.synthetic.scene import render_scene

CPU = torch.device('cpu')
CLOUD, DEPTH = frozenset({'depth/points'}), 'depth/image'


class DevicePredictor(FakePredictor):
    """Leave the maps on a device that is the CPU."""

    def __init__(self, *args, unsure_m=None, offers=True, **more) -> None:
        super().__init__(*args, **more)
        self.link, self.requests = FakeLink(), []
        self.clouds = DeviceClouds(self.link, CPU)
        self.unsure_m, self.offers = unsure_m, offers

    def _predict(self, rgb, head, route):
        result = super()._predict(rgb, head, route)
        if self.unsure_m is not None:
            result = replace(result, uncertainty_m=self.unsure_m)
        if not self.offers:
            return result
        depth_m = torch.from_numpy(result.depth_m)
        pack_cloud = self.clouds.keep(to_tensor(rgb, CPU), depth_m, min_depth_m=0.0)

        def counted(request):
            self.requests.append(request)
            return pack_cloud(request)

        return replace(result, pack_cloud=counted)


def rough_depth(height, width, seed=3):
    """Return a rendered room's depth with every kind of value of a depth map."""
    random = np.random.default_rng(seed)
    if min(height, width) >= 32:
        depth_m = np.nan_to_num(render_scene('indoor', 5, height, width).depth_m, nan=9.0)
    else:
        depth_m = random.uniform(0.5, 12.0, (height, width)).astype(np.float32)
    for value in (np.nan, np.inf, 0.05, 11.0):
        depth_m[random.random((height, width)) < 0.02] = value
    unsure_m = random.uniform(0.0, 0.5, (height, width)).astype(np.float32)
    unsure_m[random.random((height, width)) < 0.02] = np.nan
    return depth_m, unsure_m


def clouds_of(size, *, offers, frames=1, heads=('indoor',), subscribed=CLOUD, depth=None,
              lens=None, **parameters):  # fmt: skip
    """Give the clouds of a processor, and the predictor.  lens: fields of camera_info."""
    depth_m, unsure_m = rough_depth(*size)
    predictor = DevicePredictor(
        depth_m if depth is None else depth, unsure_m=unsure_m, offers=offers, heads=heads
    )
    bench = Bench(
        predictor, subscribed, **{k.replace('__', '.'): v for k, v in parameters.items()}
    )
    pinhole = {'fx': 0.8 * size[1], 'fy': 0.8 * size[1]}
    bench.camera.set_info(camera_info_message(*size, **(lens or pinhole)))
    for number in range(frames):
        rgb = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
        bench.process(bench.message(rgb))
        bench.now_s += 0.1
    assert bench.drops == {}
    return bench.sent('depth/points'), predictor


def assert_same_cloud(ours, theirs):
    for name in ('height', 'width', 'row_step', 'point_step', 'is_dense', 'is_bigendian'):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert [f.name for f in ours.fields] == [f.name for f in theirs.fields]
    numbers = [np.frombuffer(msg.data, np.float32).reshape(-1, 4) for msg in (ours, theirs)]
    unknown = [np.isnan(each) for each in numbers]
    np.testing.assert_array_equal(*unknown)
    bits = [np.where(nan, 0, n.view(np.uint32)) for n, nan in zip(numbers, unknown, strict=True)]
    np.testing.assert_array_equal(*bits)  # a NaN is a NaN, whatever its bits


def assert_same(size, **parameters):
    theirs, none = clouds_of(size, offers=False, **parameters)
    ours, predictor = clouds_of(size, offers=True, **parameters)
    assert none.requests == []
    assert len(predictor.requests) == len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert_same_cloud(one, other)
    return ours[-1]


@pytest.mark.parametrize('organized', [True, False])
@pytest.mark.parametrize('color', [True, False])
@pytest.mark.parametrize('step', [1, 2, 3, 4, 5])
def test_every_form_of_a_cloud_is_the_cpus(ros, step, color, organized):
    msg = assert_same(
        (61, 83), cloud__decimation=step, cloud__color=color, cloud__organized=organized,
        depth__scale=1.37, filter__max_uncertainty=0.6,
    )  # fmt: skip
    z_m = np.frombuffer(msg.data, np.float32).reshape(-1, 4)[:, 2]
    assert 50 < np.isfinite(z_m).sum() < 61 * 83 / step**2
    assert np.isfinite(z_m).all() == (not organized)


@pytest.mark.parametrize('organized', [True, False])
def test_a_pixel_outside_the_lens_has_no_coordinate_here_or_there(ros, organized):
    fisheye = {
        'fx': 16.0,
        'fy': 16.0,
        'distortion_model': 'equidistant',
        'd': [0.01, 0.0, 0.0, 0.0],
    }
    msg = assert_same(
        (61, 83), lens=fisheye, cloud__organized=organized, cloud__decimation=1,
        camera__rectified='raw', filter__edge=False,
    )  # fmt: skip
    known = np.isfinite(np.frombuffer(msg.data, np.float32).reshape(-1, 4)[:, :3])
    assert 1000 < known[:, 2].sum() < 0.7 * 61 * 83
    assert (known.all(axis=1) == known.any(axis=1)).all()
    assert known.all() == (not organized)


@pytest.mark.parametrize(
    'parameters',
    [
        {'filter__edge': False},
        {'filter__edge': True},
        {'filter__max_uncertainty': 0.2},
        {'cloud__max_range': 4.1},
        {'depth__max': 3.3, 'depth__min': 1.7},
        {'depth__scale': 0.3},
        {'focal_correction': 'scale'},
    ],
)
def test_every_setting_does_on_the_device_what_it_does_on_the_cpu(ros, parameters):
    assert_same((61, 83), cloud__decimation=2, **parameters)


@pytest.mark.parametrize('size', [(1, 1), (1, 9), (9, 1), (2, 7), (3, 3), (5, 4), (33, 32)])
@pytest.mark.parametrize('organized', [True, False])
def test_small_images_too(ros, size, organized):
    assert_same(size, cloud__decimation=1, cloud__organized=organized)
    msg = assert_same(size, cloud__decimation=5, cloud__organized=organized)
    if min(size) < 3:  # the third row and column would be the first to be kept
        assert len(msg.data) == 0


@pytest.mark.parametrize('seed', [1, 4])
def test_an_edge_is_an_edge_at_the_device(ros, seed):
    depth_m = np.nan_to_num(render_scene('indoor', seed, 120, 160).depth_m, nan=9.0)
    sizes = [
        assert_same((120, 160), depth=depth_m, cloud__organized=False, cloud__decimation=1,
                    filter__edge=edge).width
        for edge in (False, True)
    ]  # fmt: skip
    assert sizes[0] - sizes[1] > 100


def test_a_sky_is_infinitely_far_there_too(ros):
    depth_m = np.tile(np.linspace(90.0, 2.0, 96, dtype=np.float32)[:, None], (1, 128))
    depth_m[:48], depth_m[40:70, 60:80] = 79.9, 12.0
    clouds = [
        assert_same((96, 128), depth=depth_m, heads=('outdoor',), filter__sky=sky,
                    cloud__organized=False, cloud__decimation=1, frames=2)
        for sky in (True, False)
    ]  # fmt: skip
    assert clouds[0].width < clouds[1].width - 1000


def test_points_that_were_not_there_before_are_held_back_there_too(ros):
    left = np.arange(83) < 40
    near_m = itertools.cycle((2.0, 4.0))
    changing = {'depth': lambda rgb, head: np.where(left, next(near_m), 6.0), 'frames': 2,
                'filter__edge': False, 'cloud__organized': False}  # fmt: skip
    held = [
        assert_same((61, 83), cloud__decimation=2, filter__temporal=temporal, **changing).width
        for temporal in (True, False)
    ]
    assert 0 < held[0] < 0.6 * held[1]


def test_a_small_network_has_wide_edges_there_too(ros):
    assert_same((32, 640), cloud__decimation=1)


def test_nothing_that_is_known_is_no_points(ros):
    msg = assert_same((24, 32), depth=0.01, cloud__organized=False)
    assert (msg.height, msg.width) == (1, 0)


def test_rays_are_sent_once_a_camera_and_every_cloud_is_waited_for_once(ros):
    _, predictor = clouds_of((60, 80), offers=True, frames=3, cloud__decimation=4)
    assert predictor.link.pinned_shapes == [(15, 20, 2)] + [(15, 20, 4)] * 3
    assert predictor.link.finished == 3


def test_the_depth_image_comes_as_ever_and_first(ros):
    bench = Bench(DevicePredictor(2.0), CLOUD | {DEPTH})
    order = []
    send = bench.publishers.send
    bench.publishers.send = lambda topic, msg: (order.append(topic), send(topic, msg))
    bench.process()
    assert order == [DEPTH, 'depth/points']
    assert (np.frombuffer(bench.sent()[0].data, np.float32) == 2.0).all()


@pytest.mark.parametrize(
    'parameters',
    [
        {'scan.enabled': True, 'scan.mode': 'height', 'camera.height': 1.0},
        {'scale.source': 'height', 'camera.height': 1.0},
        {'focal_correction': 'warp'},
    ],
)
def test_where_the_points_are_on_the_cpu_already_or_seen_otherwise_the_cpu_packs(ros, parameters):
    bench = Bench(DevicePredictor(2.0), CLOUD | {'scan'}, **parameters)
    bench.process()
    assert len(bench.sent('depth/points')) == 1
    assert bench.predictor.requests == []


def test_a_device_that_fails_leaves_the_cloud_to_the_cpu(ros):
    def fail():
        raise RuntimeError('cuda:0: gone')

    bench = Bench(DevicePredictor(2.0), CLOUD)
    bench.predictor.link.finish = fail
    bench.process(bench.message(rgb_image(48, 64)))
    assert 'cuda:0: gone' in bench.predictor.clouds.failure
    assert len(bench.sent('depth/points')) == 1
    assert bench.drops == {}
    assert len(bench.predictor.requests) == 1


def test_cameras_that_share_a_run_keep_their_own_depth_and_colour(ros):
    predictor = DevicePredictor(lambda rgb, head: float(rgb[0, 0, 0]))
    benches = [Bench(predictor, CLOUD, **{'depth.scale': scale}) for scale in (1.0, 3.0)]
    frames = [
        ReceivedImage(
            bench.message(np.full((24, 32, 3), value, np.uint8)), bench.now_s, time.monotonic()
        )
        for bench, value in zip(benches, (2, 3), strict=True)
    ]
    processors = [bench.processor for bench in benches]
    benches[0].network.work(list(zip(processors, frames, strict=True)))
    assert (predictor.batches, len(predictor.requests)) == ([2], 2)
    for bench, z_m, gray in zip(benches, (2.0, 9.0), (0x020202, 0x030303), strict=True):
        data = bench.sent('depth/points')[0].data
        assert (np.frombuffer(data, np.float32).reshape(-1, 4)[:, 2] == z_m).all()
        assert (np.frombuffer(data, np.uint32).reshape(-1, 4)[:, 3] == gray).all()
