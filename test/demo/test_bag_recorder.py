"""The recorder's bag, read by independent readers: rosbags and mcap."""

import itertools
import json
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

pytest.importorskip('rclpy')

import bags
from builtin_interfaces.msg import Time
from cloud_messages import cloud_message, depth_message
from mcap.reader import make_reader
from rclpy.serialization import deserialize_message
from ros_harness import Peer, image_message, rgb_image, wait_until
from ros_tool import ToolProcess, has_recorded, recorded_counts, settled_counts
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from std_msgs.msg import Header
from zoedepth_ros.msg import Domain, Status

from zoedepth_ros.bags import errors
from zoedepth_ros.demo.bag_recorder import BagRecorder
from zoedepth_ros.viewing.moments import recording_frames

MESSAGES = Path(__file__).parents[2] / 'msg'
WHOLE = 24
"""Images of which everything arrives: the recorder has discovered all topics before."""


def stamp_ns(msg):
    return msg.header.stamp.sec * 10**9 + msg.header.stamp.nanosec


class Sender:
    """Publish what a node publishes, and keep every message by its stamp."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.sent: dict[str, dict[int, object]] = {}
        self.start_s = peer.now().sec - 1000

    def publish(self, topic, msg):
        self.keep(topic, msg)
        self.peer.publish(topic, msg)

    def keep(self, topic, msg):
        self.sent.setdefault(topic, {})[stamp_ns(msg)] = msg

    def publish_set(self, number: int) -> None:
        """Publish everything of one image, stamped 0.1 s after the previous one."""
        peer = self.peer
        stamp = Time(sec=self.start_s + number // 10, nanosec=number % 10 * 10**8)
        header = peer.send(lambda peer: self._image(stamp))
        depth_m = np.tile(np.linspace(1.0 + number, 5.0, 64, dtype=np.float32), (48, 1))
        for topic in ('/depth/image', '/ground_truth/depth'):
            self.publish(topic, depth_message(header, depth_m))
        rgb, rays = np.full((48, 64, 3), 90, np.uint8), np.ones((48, 64, 2), np.float32)
        cloud = cloud_message(header, depth_m, rays, rgb)
        self.publish('/depth/points', cloud)
        probabilities = {'indoor_probability': 0.75, 'outdoor_probability': 0.25}
        self.publish('/domain', Domain(header=header, head='indoor', **probabilities))
        true = {'indoor_probability': 0.0, 'outdoor_probability': 1.0}
        self.publish('/ground_truth/domain', Domain(header=header, head='outdoor', **true))

    def _image(self, stamp):
        msg = image_message(rgb_image(), stamp)
        self.keep('/image', msg)
        return msg

    def publish_status(self) -> None:
        text = {'model': 'fake', 'weights': 'none', 'weights_warning': 'a fake', 'device': 'cpu'}
        header = Header(stamp=self.peer.now())
        self.publish('/zoedepth/status', Status(header=header, state=Status.STATE_WORKING, **text))


class Recorded(NamedTuple):
    folder: Path
    sent: dict[str, dict[int, object]]  # topic -> stamp -> message
    start_ns: int
    end_ns: int


@pytest.fixture(scope='module')
def recorded(ros, the_peer, tmp_path_factory):
    folder = tmp_path_factory.mktemp('recorded')
    sender = Sender(the_peer)
    start_ns = time.time_ns()
    tool = ToolProcess(
        'demo.stream_recorder', output=str(folder), bag='demo.mcap', duration=1000.0, debug=True
    )
    numbers = itertools.count()

    def has_begun():
        sender.publish_status()
        sender.publish_set(next(numbers))
        topics = (topic.removeprefix('/') for topic in sender.sent)
        return has_recorded(tool, 'camera_info', 'zoedepth/status', *topics)

    wait_until(has_begun, lambda: tool.log, period_s=0.5)
    for _ in range(3):  # no more at once than its queues hold
        expected = tuple(count + WHOLE // 3 for count in settled_counts(tool))
        for _ in range(WHOLE // 3):
            sender.publish_set(next(numbers))
        sender.publish_status()
        wait_until(lambda expected=expected: recorded_counts(tool) == expected, lambda: tool.log)
    settled_counts(tool)
    assert tool.stop() == 0, tool.log
    assert 'Traceback' not in tool.log
    the_peer.forget()
    return Recorded(folder, sender.sent, start_ns, time.time_ns())


def test_the_bag_holds_every_message_of_the_report(recorded):
    folder = recorded.folder
    report = json.loads((folder / 'report.json').read_text())
    with (folder / 'demo.mcap').open('rb') as file:
        reader = make_reader(file, validate_crcs=True)
        counts = Counter(c.topic for _, c, _ in reader.iter_messages())
        assert reader.get_header().profile == 'ros2'
        assert {index.compression for index in reader.get_summary().chunk_indexes} == {'zstd'}
    arrived = {topic: facts['messages'] for topic, facts in report['topics'].items()}
    recording = report['recording']
    assert {f'/{topic}': count for topic, count in recording['messages'].items()} == counts
    assert recording['file'] == 'demo.mcap'
    whole = {'image', 'camera_info', 'depth/image', 'depth/points', 'domain', 'zoedepth/status'}
    assert {topic: recording['messages'][topic] for topic in whole} == {
        t: arrived[t] for t in whole
    }
    # One per second only, of ten.
    assert arrived['ground_truth/depth'] >= WHOLE
    assert (
        2
        <= recording['messages']['ground_truth/depth']
        <= 1 + len(recorded.sent['/ground_truth/depth']) // 10
    )


def test_rosbags_finds_the_messages_that_were_published_with_their_types_and_qos(recorded):
    folder, sent = recorded.folder, recorded.sent
    store = get_typestore(Stores.ROS2_JAZZY)
    for path in MESSAGES.glob('*.msg'):
        store.register(get_types_from_msg(path.read_text(), f'zoedepth_ros/msg/{path.stem}'))
    # From the definitions in the file alone.
    with AnyReader([folder / 'demo.mcap']) as reader:
        seen = set()
        for connection, time_ns, data in reader.messages():
            if connection.topic not in sent:
                continue
            seen.add(connection.topic)
            msg = reader.deserialize(data, connection.msgtype)
            original = sent[connection.topic][stamp_ns(msg)]
            assert recorded.start_ns <= time_ns <= recorded.end_ns
            assert deserialize_message(data, type(original)) == original
            expected = store.deserialize_cdr(data, connection.msgtype)
            assert repr(msg) == repr(expected)
            if connection.topic == '/depth/image':
                assert bytes(msg.data) == bytes(original.data)
                assert (msg.encoding, msg.width, msg.step) == ('32FC1', 64, 256)
            elif connection.topic == '/domain':
                assert (msg.head, msg.indoor_probability) == ('indoor', 0.75)
        assert seen == set(sent)
        for connection in reader.connections:
            (qos,) = connection.ext.offered_qos_profiles
            assert qos.reliability == QosReliability.RELIABLE
            assert qos.durability == QosDurability.VOLATILE
    with (folder / 'demo.mcap').open('rb') as file:
        summary = make_reader(file).get_summary()
    for channel in summary.channels.values():
        type_hash = store.hash_rihs01(summary.schemas[channel.schema_id].name)
        assert channel.metadata['topic_type_hash'] in (type_hash, '')  # '' on Humble


def test_messages_were_published_before_they_were_recorded(recorded):
    folder = recorded.folder
    with (folder / 'demo.mcap').open('rb') as file:
        messages = [m for _, _, m in make_reader(file).iter_messages(log_time_order=False)]
    times_ns = [(recorded.start_ns, m.publish_time, m.log_time, recorded.end_ns) for m in messages]
    assert all(list(times) == sorted(times) for times in times_ns)
    assert len({m.publish_time for m in messages}) > len(messages) // 2


def test_the_bag_is_shown_with_its_own_depth_and_model(recorded):
    folder = recorded.folder
    frames = list(recording_frames(folder / 'demo.mcap'))
    with_depth = [frame for frame in frames if frame.depth_m is not None]
    assert len(with_depth) >= WHOLE
    assert all(f.rgb is not None and f.camera is not None for f in with_depth[-WHOLE:])
    abouts = [frame.about for frame in frames if frame.about]
    assert abouts == ['# A FAKE\n\n**Model** fake\n\n**Weights** none']
    # Not the true domain, which has the same type.
    assert {frame.head for frame in frames} | {''} == {'', 'indoor'}


def test_depth_can_be_added_to_the_bag_once_more(recorded, tmp_path):
    from fake_predictor import FakePredictor

    from zoedepth_ros.bags.add_depth import add_depth
    from zoedepth_ros.bags.plan import DepthOptions, Job, make_plan

    options = DepthOptions(image='/image', depth_topic='/again/depth/image')
    plan = make_plan(Job(recorded.folder / 'demo.mcap', tmp_path / 'out.mcap', options))
    report = add_depth(plan, FakePredictor(2.0))
    assert report.depths == report.images > 5
    assert len(bags.read_mcap(tmp_path / 'out.mcap')) > report.depths


def test_without_the_library_there_is_no_bag_and_the_reason_is_reported(
    ros, tmp_path, monkeypatch
):
    monkeypatch.setattr(errors, 'find_spec', lambda name: None)
    bag = BagRecorder(None, tmp_path / 'demo.mcap', 20.0)
    bag.add_model(Status(model='fake'))
    bag.add('image', Status, 0, b'', 0, 0)
    recording = bag.finish()
    assert recording['file'] == ''
    assert 'pip install mcap rosbags' in recording['error']
    assert list(tmp_path.iterdir()) == []
