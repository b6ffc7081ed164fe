"""Settings that change all the time: every picture is made of one set of them."""

import itertools
import threading
import time

import numpy as np
from fake_predictor import FakePredictor
from processor_bench import Bench
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from ros_harness import wait_until
from sensor_msgs.msg import Image, PointCloud2
from zoedepth_ros.msg import Status


def metres(msg):
    """Give the depth of a constant depth image."""
    kind, unit = (np.float32, 1.0) if msg.encoding == '32FC1' else (np.uint16, 1e-3)
    values = np.unique(np.frombuffer(msg.data, kind))
    assert len(values) == 1
    return float(values[0]) * unit


def cloud_metres(msg):
    values = np.unique(np.frombuffer(msg.data, np.float32).reshape(-1, 4)[:, 2])
    assert len(values) == 1
    return float(values[0])


def test_depth_and_points_of_one_picture_are_made_of_the_same_settings():
    """Two sets that differ in everything, swapped as fast as a thread can."""
    bench = Bench(FakePredictor(2.0))
    sets = [
        {'depth.scale': 1.0, 'depth.encoding': '32FC1', 'cloud.decimation': 4},
        {'depth.scale': 2.0, 'depth.encoding': '16UC1', 'cloud.decimation': 2},
    ]
    stop, swaps = threading.Event(), itertools.count()

    def storm():
        while not stop.is_set():
            bench.set(sets[next(swaps) % 2])

    thread = threading.Thread(target=storm)
    thread.start()
    for i in range(300):
        bench.now_s = 1000.0 + i
        bench.process()
    stop.set()
    thread.join()
    assert next(swaps) > 1000
    seen = set()
    for depth, cloud in zip(bench.sent(), bench.sent('depth/points'), strict=True):
        assert depth.header.stamp == cloud.header.stamp
        seen.add((depth.encoding, metres(depth), cloud_metres(cloud), cloud.width))
    assert seen == {('32FC1', 2.0, 2.0, 16), ('16UC1', 4.0, 4.0, 32)}


def test_a_thousand_changes_a_second_stop_neither_the_stream_nor_the_node(peer, start):
    node = start({'cloud.rate': 0.0, 'device': 'cpu'}, delay_s=0.01)
    depth = peer.subscribe(Image, '/depth/image')
    cloud = peer.subscribe(PointCloud2, '/depth/points')
    status = peer.subscribe(Status, '/zoedepth/status')
    peer.start_camera(15.0)
    wait_until(lambda: depth and cloud)
    client = peer.node.create_client(SetParameters, '/zoedepth/set_parameters')
    assert client.wait_for_service(10.0)
    answers, changes = [], 0
    depth.clear(), cloud.clear()
    start_s = time.monotonic()
    for round_ in range(30):  # 10 requests of 100 changes each, every second
        values = [float(1 + (round_ + i) % 2) for i in range(100)]
        request = SetParameters.Request(
            parameters=[Parameter('depth.scale', value=v).to_parameter_msg() for v in values]
        )
        answers.append(client.call_async(request))
        changes += len(values)
        time.sleep(max(0.0, start_s + 0.1 * (round_ + 1) - time.monotonic()))
    took_s = time.monotonic() - start_s
    wait_until(lambda: all(answer.done() for answer in answers))
    peer.node.destroy_client(client)
    assert all(r.successful for answer in answers for r in answer.result().results)
    assert changes / took_s > 900
    assert len(depth) > 0.7 * 15.0 * took_s
    by_stamp = {(m.header.stamp.sec, m.header.stamp.nanosec): metres(m) for m in depth.messages}
    pairs = [
        (by_stamp[stamp], cloud_metres(m))
        for m in cloud.messages
        if (stamp := (m.header.stamp.sec, m.header.stamp.nanosec)) in by_stamp
    ]
    assert len(pairs) > 0.5 * len(depth)
    assert all(in_image == in_cloud for in_image, in_cloud in pairs)
    assert set(by_stamp.values()) <= {2.0, 4.0}
    assert status.last.state == 'working'
    assert node.process.poll() is None
