"""Several cameras through one network, without DDS."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from fake_predictor import FakePredictor
from processor_bench import Bench
from ros_harness import rgb_image
from waiting import wait_until

from zoedepth_ros.inference.result import NotFinite, OutOfMemory
from zoedepth_ros.ros import inference_thread
from zoedepth_ros.ros.image_processor import FAILED, ReceivedImage
from zoedepth_ros.ros.parameters.camera_settings import CameraSettings
from zoedepth_ros.ros.parameters.node_settings import settings_from


class Choosy(FakePredictor):
    """Fail on black images, and on any with `fail_all`."""

    fail_all = None

    def _predict(self, rgb, head, route):
        if self.fail_all is not None:
            raise self.fail_all
        if not rgb.any():
            raise NotFinite('a black image')
        return super()._predict(rgb, head, route)


@pytest.fixture
def rig():
    """Three cameras whose processors share one network."""
    predictor = Choosy(depth=lambda rgb, head: np.full(rgb.shape[:2], 0.1 * rgb[0, 0, 0]))
    benches = [Bench(predictor) for _ in range(3)]

    def look(*values):
        frames = []
        for bench, value in zip(benches, values, strict=True):
            bench.now_s += 1.0
            msg = bench.message(rgb_image(value=value))
            frames.append((bench.processor, ReceivedImage(msg, bench.now_s, 0.0)))
        benches[0].network.work(frames)
        return [len(bench.sent()) for bench in benches]

    look.predictor, look.benches = predictor, benches
    return look


def test_images_that_wait_together_are_one_run_and_each_gets_its_own_depth(rig):
    assert rig(10, 20, 30) == [1, 1, 1]
    assert rig.predictor.batches == [3]
    seen = [np.frombuffer(bench.sent()[0].data, np.float32)[0] for bench in rig.benches]
    assert seen == pytest.approx([1.0, 2.0, 3.0])
    assert [bench.statistics.mean('batch') for bench in rig.benches] == [3.0] * 3


def test_a_slow_network_on_a_cpu_is_better_off_without_batches(rig, monkeypatch):
    network, now_s, takes_s = rig.benches[0].network, [0.0], [0.2]
    monkeypatch.setattr(inference_thread, 'time', SimpleNamespace(monotonic=lambda: now_s[0]))
    predict = rig.predictor.predict_batch

    def predict_batch(*args, **options):
        now_s[0] += takes_s[0]
        return predict(*args, **options)

    rig.predictor.predict_batch = predict_batch
    assert not network.prefers_batches  # nobody knows yet
    rig(10, 20, 30)
    assert network.prefers_batches  # 67 ms for an image
    takes_s[0] = 0.35
    rig(10, 20, 30)
    assert not network.prefers_batches
    rig.predictor.device = 'cuda:0'
    assert network.prefers_batches


def test_one_image_that_spoils_a_batch_is_found_and_its_camera_goes_alone_until_it_is_well(rig):
    assert rig(10, 0, 30) == [1, 0, 1]
    assert rig.predictor.batches == [3, 1, 1, 1]
    assert [bench.drops for bench in rig.benches] == [{}, {FAILED: 1}, {}]
    rig.predictor.batches.clear()
    assert rig(10, 0, 30) == [2, 0, 2]
    assert rig.predictor.batches == [2, 1]
    assert rig(10, 20, 30) == [3, 1, 3]
    rig.predictor.batches.clear()
    assert rig(10, 20, 30) == [4, 2, 4]
    assert rig.predictor.batches == [3]


def test_a_full_device_is_nobodys_fault_and_the_images_are_given_up(rig):
    rig.predictor.fail_all = OutOfMemory('out of memory')
    assert rig(10, 20, 30) == [0, 0, 0]
    assert rig.predictor.batches == [3]
    assert [bench.drops for bench in rig.benches] == [{FAILED: 1}] * 3


def test_a_camera_that_cannot_be_published_stops_nobody(rig):
    def broken(topic, msg):
        raise RuntimeError('gone')

    rig.benches[0].publishers.send = broken
    assert rig(10, 20, 30) == [0, 1, 1]
    assert FAILED in rig.benches[0].drops


def test_images_that_nobody_wants_take_no_part(rig):
    rig.benches[1].publishers._subscribed = frozenset()
    assert rig(10, 20, 30) == [1, 0, 1]
    assert rig.predictor.batches == [2]


def test_depth_and_points_of_each_camera_come_from_the_same_settings_whatever_the_storm(rig):
    names = [f'c{i}' for i in range(len(rig.benches))]
    fresh = {'cameras': names, 'cloud.rate': 0.0, 'router.rate': 0.0}
    common = CameraSettings(settings_from(fresh))
    sets = [
        common.changed({'depth.scale': 1.0, 'cloud.decimation': 4, 'c1.depth.scale': 3.0}),
        common.changed(
            {
                'depth.scale': 2.0,
                'depth.encoding': '16UC1',
                'cloud.decimation': 2,
                'c1.cloud.decimation': 8,
            }
        ),
    ]
    present = [sets[0]]
    for bench, name in zip(rig.benches, names, strict=True):
        bench.processor._settings = lambda name=name: present[0].of(name)
    stop, swaps = threading.Event(), [0]

    def storm():
        while not stop.is_set():
            present[0] = sets[swaps[0] % 2]
            swaps[0] += 1

    def both_were_met():
        return all(
            len({cloud.width for cloud in b.sent('depth/points')}) == 2 for b in rig.benches
        )

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        wait_until(lambda: rig(10, 10, 10) and swaps[0] > 300 and both_were_met(), period_s=0.0)
    finally:
        stop.set()
        thread.join()
    common_sets = {('32FC1', 1, 16), ('16UC1', 2, 32)}
    own_sets = {('32FC1', 3, 16), ('16UC1', 2, 8)}
    for bench, own in zip(rig.benches, (common_sets, own_sets, common_sets), strict=True):
        seen = set()
        for depth, cloud in zip(bench.sent(), bench.sent('depth/points'), strict=True):
            assert depth.header.stamp == cloud.header.stamp
            unit = {'32FC1': np.float32(1.0), '16UC1': np.uint16(1000)}[depth.encoding]
            metres = np.frombuffer(depth.data, unit.dtype)[0] / unit
            assert metres == np.frombuffer(cloud.data, np.float32)[2]
            seen.add((depth.encoding, round(float(metres)), cloud.width))
        assert seen == own
