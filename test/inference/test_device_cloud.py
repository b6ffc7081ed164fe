"""What a predictor leaves on its device; test/ros compares it with the clouds of the CPU."""

import weakref

import numpy as np
import pytest
import torch
from fake_device import FakeGraphs, FakeLink, cloud_request
from lively import images, lively_model
from lively import lively_predictor as predictor

from zoedepth_ros.build import build_predictor
from zoedepth_ros.geometry import filters
from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.inference import device_cloud
from zoedepth_ros.inference.device_cloud import DeviceClouds
from zoedepth_ros.inference.predictor import TorchPredictor
from zoedepth_ros.inference.preprocess import make_preprocessing
from zoedepth_ros.inference.runtimes.cuda_graphs import CudaGraphs
from zoedepth_ros.inference.runtimes.optimize import optimize
from zoedepth_ros.pipeline.camera_pipeline import CameraPipeline
from zoedepth_ros.pipeline.request import predict
from zoedepth_ros.pipeline.settings import settings_from

CPU = torch.device('cpu')


@pytest.mark.parametrize('graphs', [None, FakeGraphs()])
@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('way', ['metric', 'official'])
def test_what_stays_on_the_device_is_what_was_delivered_and_survives_the_next_run(
    graphs, way, flip
):
    one = predictor(graphs, way=way, flip=flip, clouds=DeviceClouds(FakeLink(), CPU))
    rgbs = images(2, 41, 64)
    results = [one(rgb, 'indoor') for rgb in rgbs]
    for rgb, result in zip(rgbs, results, strict=True):
        assert_packs_its_own(result, rgb)
    for rgb, result in zip(rgbs, one.predict_batch(rgbs, ['indoor', 'outdoor'],
                                                   routes=[True] * 2), strict=True):  # fmt: skip
        assert_packs_its_own(result, rgb)


def test_pinned_memory_is_released_only_after_the_device_has_finished():
    """Released memory is reused, and copies of the device are asynchronous."""
    link, buffers, kept = FakeLink(), [], []
    pinned, finish = link.pinned, link.finish

    def remembered(like):
        buffer = pinned(like)
        buffers.append(weakref.ref(buffer))
        return buffer

    def counted():
        kept.append(sum(buffer() is not None for buffer in buffers))
        finish()

    link.pinned, link.finish = remembered, counted
    rgb = images(1, 41, 64)[0]
    result = predictor(clouds=DeviceClouds(link, CPU))(rgb, 'indoor')
    assert_packs_its_own(result, rgb)
    assert kept == [3]  # rays, a mask and the cloud
    assert [buffer() for buffer in buffers] == [None] * 3


def assert_packs_its_own(result, rgb):
    ys, xs = np.mgrid[: rgb.shape[0], : rgb.shape[1]].astype(np.float32)
    rays = np.stack((xs, ys), axis=-1)
    limit_m = float(np.median(result.uncertainty_m))
    unsure = ~(result.uncertainty_m <= np.float32(limit_m))
    assert 0 < unsure.sum() < unsure.size
    cloud = result.pack_cloud(cloud_request(rays, color=True, unknown=unsure))
    depth_m = np.where(unsure, np.float32(np.nan), result.depth_m)
    xyz = np.concatenate((rays * depth_m[..., None], depth_m[..., None]), axis=-1)
    np.testing.assert_array_equal(cloud[..., :3], xyz)
    colors = rgb.astype(np.uint32) @ np.array((65536, 256, 1), np.uint32)
    np.testing.assert_array_equal(cloud.view(np.uint32)[..., 3], colors)


@pytest.mark.parametrize('step', [1, 2, 5])
@pytest.mark.parametrize('network_width', [128, 512])
@pytest.mark.parametrize('size', [(240, 320), (133, 71), (3, 40), (40, 3)])
def test_edges_are_those_of_the_cpu_in_any_mess(size, network_width, step):
    random = np.random.default_rng(step)
    steps_m = random.lognormal(0.0, 0.1, size).astype(np.float32)
    depth_m = np.cumprod(np.clip(steps_m, 0.9, 1.1), axis=1) * steps_m
    expected = filters.flying_pixels(depth_m, network_width=network_width, strides=(step, step))
    marks = device_cloud.flying_pixels(
        torch.from_numpy(depth_m), network_width=network_width, stride=step
    )
    np.testing.assert_array_equal(marks.numpy(), expected)
    assert 0.05 < expected.mean() < 0.95


def test_depth_that_was_bicubic_below_zero_is_positive_on_the_device_too():
    one = predictor(clouds=DeviceClouds(FakeLink(), CPU))
    maps = torch.tensor([-1.0, 2.0, -0.5, 0.3, -1.0, 1.0]).reshape(3, 1, 2)
    image = torch.zeros(1, 3, 1, 2)
    result = one._result(image, maps[0], 'indoor', {}, maps.clone().numpy())
    np.testing.assert_array_equal(result.depth_m, result.pack_cloud.args[1].numpy())
    assert result.depth_m[0, 0] == np.float32(1e-3)
    assert result.uncertainty_m[0, 0] == 0.0


def test_without_a_device_nothing_is_offered():
    assert predictor()(images(1)[0]).pack_cloud is None
    built = build_predictor('ZoeD_tiny_NK', 'random', 'cpu', 'fp32')
    assert built(images(1)[0]).pack_cloud is None


def test_depth_that_is_warped_is_no_longer_that_of_the_device():
    one = predictor(clouds=DeviceClouds(FakeLink(), CPU))
    camera, rgb = Camera(CameraModel(Intrinsics.from_hfov(64, 48, 1.5))), images(1)[0]
    for correction, is_kept in (('off', True), ('scale', True), ('warp', False)):
        settings = settings_from({'focal_correction': correction, 'router.mode': 'indoor'})
        pipeline = CameraPipeline(one, settings)
        request = pipeline.prepare(rgb, camera, 0.0, {'depth/points'})
        result = request.in_own_camera(predict(one, request))
        assert (result.pack_cloud is not None) is is_kept, correction


def test_a_device_that_fails_while_packing_reports_it_once_and_the_cpu_packs(caplog):
    one = predictor(clouds=DeviceClouds(FakeLink(), CPU))
    result = one(images(1)[0], 'indoor')
    assert one.optimization_note == ''

    def fail():
        raise RuntimeError('CUDA error: an illegal memory access was encountered')

    one._clouds._link.finish = fail
    assert result.pack_cloud(cloud_request(result.depth_m.shape)) is None
    assert one(images(1)[0], 'indoor').pack_cloud is None
    reported = (
        'clouds are computed on the CPU for a while: cpu: CUDA error: an illegal memory access'
    )
    assert reported in one.optimization_note
    assert [record.levelname for record in caplog.records if reported in record.message] == [
        'WARNING'
    ]


def test_the_rays_of_cameras_are_kept_while_the_cameras_are():
    link = FakeLink()
    clouds = DeviceClouds(link, CPU)
    first, second = (np.full((2, 3, 2), value, np.float32) for value in (1, 2))
    for _ in range(3):
        assert (clouds.planes(first) == 1).all()
        assert (clouds.planes(second) == 2).all()
    assert len(link.pinned_shapes) == 2
    del first
    third = np.full((2, 3, 2), 3, np.float32)
    assert (clouds.planes(third) == 3).all()
    assert len(clouds._planes) == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize('recorded', [False, True])
def test_a_gpu_packs_the_cloud_of_the_depth_it_delivers(recorded):
    cuda = torch.device('cuda:0')
    graphs, network = CudaGraphs(cuda), lively_model('ZoeD_tiny_NK')
    config = network.config
    one = TorchPredictor(
        optimize(network, 'fp16', cuda, 'auto'),
        make_preprocessing('metric', config.image_size, config.size_multiple),
        device=cuda, precision='fp16', graphs=graphs if recorded else None,
        clouds=DeviceClouds(graphs, cuda),
    )  # fmt: skip
    rgbs = images(3, 120, 160)
    for rgb, result in [(rgb, one(rgb, 'indoor')) for rgb in rgbs]:
        assert_packs_its_own(result, rgb)
