"""Compressed outputs, read by a decoder written from image_transport's formula."""

import struct

import cv2
import numpy as np
import pytest
from fake_predictor import FakePredictor
from processor_bench import Bench
from ros_harness import rgb_image
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from zoedepth_ros.messages.compressed import compressed_depth
from zoedepth_ros.ros.publishers import make

SIZE = (48, 64)
DEPTH, COLOR = 'depth/image/compressedDepth', 'depth/color/compressed'
NAN, INF = np.nan, np.inf


def decoded(msg):
    """Read what compressed_depth_image_transport reads: depth [m], and (A, B) of its header."""
    encoding, _, form = msg.format.partition('; ')
    assert form == 'compressedDepth png'
    data = msg.data.tobytes()
    kind, a, b = struct.unpack('<iff', data[:12])
    assert kind == 0
    image = cv2.imdecode(np.frombuffer(data[12:], np.uint8), cv2.IMREAD_UNCHANGED)
    assert (image.dtype, image.ndim) == (np.uint16, 2)
    values = image.astype(np.float64)
    with np.errstate(divide='ignore'):
        depth_m = a / (values - b) if encoding == '32FC1' else values / 1000.0
    return np.where(image == 0, NAN, depth_m), (a, b)


def encoded(row, **options):
    options = {'max_m': 100.0, 'quantization': 100.0, 'png_level': 3, **options}
    return compressed_depth(make, Header(), np.array([row]), **options)


@pytest.fixture(scope='module')
def depth_m():
    far = np.geomspace(0.2, 90.0, SIZE[0] * SIZE[1]).astype(np.float32).reshape(SIZE)
    far[0, :4] = (NAN, INF, 0.05, 120.0)
    return far


def bench_for(depth_m, *topics, **parameters):
    parameters = {'filter.sky': False, **parameters}
    bench = Bench(FakePredictor(depth_m), subscribed=frozenset(topics), **parameters)
    bench.process(bench.message(rgb_image(*SIZE)))
    return bench


def test_depth_comes_back_within_one_step_of_the_quantisation(ros):
    depth_m = np.geomspace(0.16, 99.0, 4001).astype(np.float32)
    back_m, (a, b) = decoded(encoded(depth_m))
    assert a == 100.0 * 101.0
    assert b == pytest.approx(1.0 - a / 100.0)
    error_m = back_m[0] - depth_m
    step_m = depth_m.astype(float) ** 2 / a  # the derivative of A / (v - B)
    assert np.all(error_m > -2e-4 * depth_m)  # rounded down, so farther; float32 beside it
    assert np.all(error_m < 1.02 * step_m + 2e-4 * depth_m)


def test_what_is_not_known_is_zero_and_comes_back_as_nan(ros):
    row = [NAN, INF, -INF, 0.0, -1.0, 100.0, 250.0, 0.15, 1e-9, 2.0]
    back_m, _ = decoded(encoded(np.array(row, np.float32)))
    assert np.isnan(back_m[0, :9]).all()
    assert back_m[0, 9] == pytest.approx(2.0, abs=1e-3)


def test_the_bytes_are_those_of_the_formula(ros):
    data = encoded(np.array([1.0, 2.0, 50.0], np.float32), max_m=10.0).data.tobytes()
    # 100 * 101 = 10100; 1 - 10100 / 10 = -1009; 10100 / 1 - 1009 = 9091; 5050 - 1009 = 4041
    assert data[:12] == struct.pack('<iff', 0, 10100.0, -1009.0)
    assert data[12:20] == b'\x89PNG\r\n\x1a\n'
    image = cv2.imdecode(np.frombuffer(data[12:], np.uint8), cv2.IMREAD_UNCHANGED)
    assert image.tolist() == [[9091, 4041, 0]]


def test_millimetres_are_kept_as_they_are_and_too_far_is_zero(ros):
    msg = encoded(np.array([0, 1, 1234, 9999, 10000, 10001, 65535], np.uint16), max_m=10.0)
    assert msg.format == '16UC1; compressedDepth png'
    image = cv2.imdecode(np.frombuffer(msg.data.tobytes()[12:], np.uint8), cv2.IMREAD_UNCHANGED)
    assert image.tolist() == [[0, 1, 1234, 9999, 10000, 0, 0]]
    whole = encoded(np.array([65535, 14464, 14465], np.uint16), max_m=80.0)  # 80,000 mod 65,536
    assert decoded(whole)[0].tolist() == [[65.535, 14.464, 14.465]]


@pytest.mark.parametrize('encoding', ['32FC1', '16UC1'])
def test_a_compressed_depth_image_is_the_depth_image_with_its_stamp_and_frame(
    ros, depth_m, encoding
):
    bench = bench_for(depth_m, 'depth/image', DEPTH, **{'depth.encoding': encoding})
    (image,), (msg,) = bench.sent('depth/image'), bench.sent(DEPTH)
    assert (msg.header.stamp, msg.header.frame_id) == (image.header.stamp, image.header.frame_id)
    assert msg.format == f'{encoding}; compressedDepth png'
    dtype, unit_m = (np.float32, 1.0) if encoding == '32FC1' else (np.uint16, 0.001)
    plain_m = unit_m * np.frombuffer(image.data, dtype).reshape(SIZE).astype(float)
    back_m, (a, _) = decoded(msg)
    known = np.isfinite(plain_m) & (plain_m > 0.0) & (plain_m < 100.0)
    assert np.array_equal(np.isfinite(back_m), known)
    assert known.sum() >= SIZE[0] * SIZE[1] // 2
    tolerance_m = 1.02 * plain_m[known] ** 2 / a + 1e-3 if encoding == '32FC1' else 1e-9
    assert np.all(np.abs(back_m[known] - plain_m[known]) <= tolerance_m)


def test_depth_is_compressed_also_when_nobody_wants_the_plain_image(ros, depth_m):
    bench = bench_for(depth_m, DEPTH)
    assert {topic for topic, sent in bench.publishers.sent.items() if sent} == {DEPTH}
    assert bench.statistics._times_s['depth']
    assert bench.statistics.published == 1
    both = bench_for(depth_m, 'depth/image', DEPTH)
    assert both.sent(DEPTH)[0].data == bench.sent(DEPTH)[0].data
    assert len(both.statistics._times_s['depth']) == 1


def test_without_a_subscriber_nothing_is_compressed(ros, depth_m, monkeypatch):
    monkeypatch.setattr(cv2, 'imencode', None)
    bench = bench_for(depth_m, 'depth/image', 'depth/color')
    assert len(bench.sent('depth/image')) == len(bench.sent('depth/color')) == 1
    assert bench.drops == {}


def test_the_parameters_reach_the_encoder(ros, depth_m):
    name = 'depth.image.compressedDepth'
    default = bench_for(depth_m, DEPTH).sent(DEPTH)[0]
    plain = bench_for(depth_m, DEPTH, **{f'{name}.png_level': 0}).sent(DEPTH)[0]
    assert len(plain.data) > 2 * SIZE[0] * SIZE[1] > len(default.data)
    assert np.array_equal(decoded(plain)[0], decoded(default)[0], equal_nan=True)
    near = bench_for(depth_m, DEPTH, **{f'{name}.depth_max': 5.0}).sent(DEPTH)[0]
    assert 4.9 < np.nanmax(decoded(near)[0]) <= 5.0
    coarse = bench_for(depth_m, DEPTH, **{f'{name}.depth_quantization': 9.0}).sent(DEPTH)[0]
    assert decoded(coarse)[1][0] == 90.0


def test_colours_come_as_the_jpeg_that_image_transport_sends(ros, depth_m):
    bench = bench_for(depth_m, 'depth/color', COLOR)
    (image,), (msg,) = bench.sent('depth/color'), bench.sent(COLOR)
    assert msg.format == 'bgr8; jpeg compressed bgr8'
    assert (msg.header.stamp, msg.header.frame_id) == (image.header.stamp, image.header.frame_id)
    jpeg = np.frombuffer(msg.data, np.uint8)
    bgr = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    plain = np.frombuffer(image.data, np.uint8).reshape(bgr.shape)
    assert np.abs(bgr[8:].astype(int) - plain[8:]).mean() < 8.0
    small = bench_for(depth_m, COLOR, **{'depth.color.compressed.jpeg_quality': 20})
    assert len(small.sent(COLOR)[0].data) < len(jpeg)
    assert not small.sent('depth/color')


def test_a_subscriber_of_the_node_gets_compressed_depth_and_colours(peer, start):
    start({'device': 'cpu'})
    depth, color = (
        peer.subscribe(CompressedImage, f'/{DEPTH}'),
        peer.subscribe(CompressedImage, f'/{COLOR}'),
    )
    peer.send_until(lambda: depth and color)
    back_m, _ = decoded(depth.last)
    assert np.isfinite(back_m).any()
    assert not peer.node.count_subscribers('/depth/image')
    plain = peer.subscribe(Image, '/depth/image')
    peer.send_until(lambda: plain)
    values_m = np.frombuffer(plain.last.data, np.float32).reshape(plain.last.height, -1)
    assert np.nanmax(np.abs(back_m - values_m) / values_m) < 0.01


def test_compressed_topics_stay_beside_a_remapped_image(ros):
    from rclpy.lifecycle import LifecycleNode

    from zoedepth_ros.ros.publishers import Publishers

    arguments = ['--ros-args', '-r', 'front/depth/image:=/cam/depth', '-r', '__ns:=/robot']
    node = LifecycleNode('remapped', cli_args=arguments)
    try:
        names = {each.topic_name for each in Publishers(node, 'front/').publishers}
    finally:
        node.destroy_node()
    assert '/cam/depth/compressedDepth' in names
    assert '/robot/front/depth/color/compressed' in names
