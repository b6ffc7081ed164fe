import json
import signal
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from cloud_messages import cloud_message, depth_message
from ros_harness import Peer, wait_until

pytest.importorskip('rclpy')

from builtin_interfaces.msg import Time
from rclpy.parameter import Parameter
from ros_tool import ToolProcess, has_recorded, recorded_counts, settled_counts
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from zoedepth_ros.msg import Domain, Status

from zoedepth_ros.demo import stream_recorder as recorder
from zoedepth_ros.media.color import EDGE
from zoedepth_ros.ros.spin import Finished


@pytest.fixture
def record(ros, tmp_path):
    started = []

    def start(**parameters):
        started.append(ToolProcess('demo.stream_recorder', output=str(tmp_path), **parameters))
        return started[-1]

    yield start
    for tool in started:
        tool.stop()
        assert 'Traceback' not in tool.log, tool.log


DEPTH_M = np.tile(np.linspace(1.0, 5.0, 64, dtype=np.float32), (48, 1))


def publish_outputs(peer: Peer) -> None:
    """Publish one image and what a node makes of it, all with one stamp."""
    header = peer.send()
    peer.publish('/depth/image', depth_message(header, DEPTH_M))
    peer.publish('/depth/uncertainty', depth_message(header, DEPTH_M / 4))
    rgb, rays = np.full((48, 64, 3), 90, np.uint8), np.ones((48, 64, 2), np.float32)
    cloud_msg = cloud_message(header, DEPTH_M, rays, rgb)
    peer.publish('/depth/points', cloud_msg)
    peer.publish('/depth/points/cliffs', cloud_msg)
    probabilities = {'indoor_probability': 0.75, 'outdoor_probability': 0.25}
    peer.publish('/domain', Domain(header=header, head='indoor', **probabilities))


def status(peer: Peer) -> Status:
    return Status(
        header=Header(stamp=peer.now()),
        state=Status.STATE_WORKING,
        model='fake',
        weights='none',
        weights_warning='a fake: not depth',
        device='cpu',
        precision='fp32',
    )


def test_a_recording_writes_a_report_an_image_and_points(record, peer, tmp_path):
    tool = record(duration=1000.0, debug=True)
    others = ('image', 'domain', 'depth/uncertainty', 'depth/points/cliffs', 'zoedepth/status')

    def has_enough():
        publish_outputs(peer)
        peer.publish('/zoedepth/status', status(peer))
        return min(recorded_counts(tool)) > 5 and has_recorded(tool, *others)

    wait_until(has_enough, lambda: tool.log, period_s=0.25)
    settled_counts(tool)
    publish_outputs(peer)  # of a whole set: by now the recorder has discovered all topics
    settled_counts(tool)
    assert tool.stop() == 0
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['result'] == 'depth and points were received'
    assert report['warning'] == 'a fake: not depth'
    assert (report['node']['model'], report['node']['device']) == ('fake', 'cpu')
    depth, points = report['topics']['depth/image'], report['topics']['depth/points']
    assert depth['messages'] > 5
    assert (depth['encoding'], depth['width'], depth['height']) == ('32FC1', 64, 48)
    assert points['encoding'] == 'x@0, y@4, z@8, rgb@12'
    assert points['frame_id'] == 'camera_optical'
    assert 0.0 < depth['latency_ms']['median'] <= depth['latency_ms']['p95']
    assert {entry['head'] for entry in report['head_per_second']} == {'indoor'}
    assert b'element vertex 3072\n' in (tmp_path / 'points.ply').read_bytes()
    assert (tmp_path / 'demo.png').stat().st_size > 10_000
    image = cv2.imread(str(tmp_path / 'demo.png'))
    assert (image == (110, 215, 250)).all(axis=2).sum() > 480 * 600  # 25 % of uncertainty
    assert (image == EDGE).all(axis=2).sum() > 500  # edges of the floor


def test_a_frame_that_is_cut_off_at_the_end_does_not_replace_a_complete_one(
    ros, tmp_path, monkeypatch
):
    now_s = [50.0]
    monkeypatch.setattr(recorder, 'time', SimpleNamespace(monotonic=lambda: now_s[0]))
    node = recorder.StreamRecorder(parameter_overrides=[Parameter('output', value=str(tmp_path))])
    rgb, rays = np.full((48, 64, 3), 90, np.uint8), np.ones((48, 64, 2), np.float32)
    for second in (1, 2):
        header = Header(stamp=Time(sec=second), frame_id='camera_optical')
        cloud_msg = cloud_message(header, DEPTH_M, rays, rgb)
        image = Image(header=header, height=48, width=64, encoding='rgb8', step=192)
        image.data = rgb.tobytes()
        node._on_message('image', image)
        node._on_message('depth/image', depth_message(header, second * DEPTH_M))
        node._on_message('depth/points', cloud_msg)
        if second == 1:
            node._on_message('depth/uncertainty', depth_message(header, DEPTH_M / 4))
            node._on_message('depth/points/cliffs', cloud_msg)
        now_s[0] += 1.0
    node.write()
    (frame,) = node._scenes.frames
    assert np.array_equal(frame.depth_m, DEPTH_M)
    assert len(frame.edges_m) == DEPTH_M.size
    node.destroy_node()


def test_a_recording_ends_after_its_duration_and_succeeds_if_depth_and_points_arrived(
    ros, tmp_path, monkeypatch
):
    now_s = [50.0]
    monkeypatch.setattr(recorder, 'time', SimpleNamespace(monotonic=lambda: now_s[0]))
    monkeypatch.setattr(recorder.StreamRecorder, 'write', lambda self: None)
    given = {'output': str(tmp_path), 'duration': 4.0, 'timeout': 20.0}
    overrides = [Parameter(name, value=value) for name, value in given.items()]
    node = recorder.StreamRecorder(parameter_overrides=overrides)

    def exit_code():
        try:
            node._finish_when_due()
        except Finished as finished:
            return finished.exit_code
        return None

    now_s[0] += 19.9
    assert exit_code() is None  # without depth it waits as long as `timeout`
    node._on_message('depth/image', Image(encoding='32FC1', height=1, width=1))
    now_s[0] += 3.9
    assert exit_code() is None
    now_s[0] += 0.2
    assert exit_code() == 1
    node.statistics['depth/points'].count = 1
    assert exit_code() == 0
    node.destroy_node()


def test_without_points_the_recording_fails_with_a_reason(record, peer, tmp_path):
    tool = record(duration=0.5)

    def has_ended():
        peer.publish('/depth/image', depth_message(Header(stamp=peer.now()), DEPTH_M))
        return tool.process.poll() is not None

    wait_until(has_ended, lambda: tool.log, period_s=0.1)
    assert tool.wait() == 1
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['result'] == 'missing: depth/points'
    assert 'depth/image' in report['topics']
    assert 'depth/points' not in report['topics']
    assert 'cannot be trusted' in report['warning']  # no status either


MOMENTS = ('rclpy', 'zoedepth_ros.bags.live', 'a.mcap.partial')
"""What the recorder imports and opens from its start until it waits for depth."""


@pytest.mark.parametrize('moment', [*MOMENTS, 'waiting for depth'])
def test_a_recorder_that_is_stopped_during_its_start_leaves_no_file(ros, tmp_path, moment):
    tool = ToolProcess('demo.stream_recorder', moments=MOMENTS, output=str(tmp_path), bag='a.mcap')
    tool.wait_for_log(moment)
    code = tool.stop(signal.SIGINT)
    assert code in ((0,) if moment == 'waiting for depth' else (0, -signal.SIGINT)), tool.log
    assert 'Traceback' not in tool.log
    assert not list(tmp_path.rglob('a.mcap*')), tool.log


def test_without_depth_the_recording_gives_up(record, tmp_path):
    assert record(timeout=0.5).wait() == 1
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['result'] == 'missing: depth/image, depth/points'


def test_a_parameter_of_another_type_is_one_line_and_exit_code_1(record):
    tool = record(duration=20)
    assert tool.wait() == 1
    assert len(tool.lines) == 1
    assert 'duration' in tool.log


@pytest.fixture
def subscribe_as(monkeypatch):
    """Return a function that makes the callback of a distribution, and its calls."""

    def subscribe(subscription):
        monkeypatch.setattr(recorder, 'Subscription', subscription)
        made, taken = [], []
        node = SimpleNamespace(create_subscription=lambda *args, raw: made.append((args[2], raw)))
        recorder.subscribe_raw(node, object, 'image', lambda *all_: taken.append(all_), None)
        ((callback, raw),) = made
        assert raw
        return callback, taken

    return subscribe


def test_the_times_are_those_of_the_middleware(subscribe_as):
    callback, taken = subscribe_as(SimpleNamespace(CallbackType=object))
    callback(b'a', {'source_timestamp': 5, 'received_timestamp': 7})
    callback(b'b', {'source_timestamp': 0, 'received_timestamp': 9})
    assert taken == [(b'a', 7, 5), (b'b', 9, 9)]


def test_on_humble_both_times_are_now(subscribe_as):
    callback, taken = subscribe_as(SimpleNamespace())
    before_ns = time.time_ns()
    callback(b'a')
    ((data, received_ns, published_ns),) = taken
    assert data == b'a'
    assert before_ns <= received_ns == published_ns <= time.time_ns()
