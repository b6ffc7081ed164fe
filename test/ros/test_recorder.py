import json
import signal
import time

import numpy as np
import pytest
from ros_harness import Peer, wait_until

pytest.importorskip('rclpy')

from ros_tool import ToolProcess
from std_msgs.msg import Header
from zoedepth_ros.msg import Domain, Status

from zoedepth_ros.ros.messages import CloudWriter, ImageWriter, write_depth


@pytest.fixture
def record(ros, tmp_path):
    started = []

    def start(**parameters):
        started.append(ToolProcess('recorder', output=str(tmp_path), **parameters))
        return started[-1]

    yield start
    for tool in started:
        tool.stop()
        assert 'Traceback' not in tool.log, tool.log


def publish_outputs(peer: Peer, *, cloud: bool = True) -> None:
    """Publish one picture and what a node makes of it, all of one stamp."""
    header = peer.send()
    depth_m = np.tile(np.linspace(1.0, 5.0, 64, dtype=np.float32), (48, 1))
    writer = ImageWriter('32FC1')
    write_depth(writer, depth_m, min_m=0.1, max_m=0.0)
    peer.publish('/depth/image', writer.message(header))
    if cloud:
        rgb, rays = np.full((48, 64, 3), 90, np.uint8), np.ones((48, 64, 2), np.float32)
        cloud_msg = CloudWriter(color=True).organized(header, depth_m, rays, rgb)
        peer.publish('/depth/points', cloud_msg)
    verdict = {'indoor_probability': 0.75, 'outdoor_probability': 0.25}
    peer.publish('/domain', Domain(header=header, head='indoor', **verdict))


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


def test_a_recording_leaves_numbers_a_picture_and_points(record, peer, tmp_path):
    tool = record(duration=1.5)
    wait_until(lambda: (peer.publish('/zoedepth/status', status(peer)), tool.lines)[1], 20.0)
    while tool.process.poll() is None:
        try:
            publish_outputs(peer)
            peer.publish('/zoedepth/status', status(peer))
        except AssertionError:  # the recorder has just ended
            break
    assert tool.wait() == 0
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['verdict'] == 'depth and points arrived'
    assert report['warning'] == 'a fake: not depth'
    assert (report['node']['model'], report['node']['device']) == ('fake', 'cpu')
    depth, points = report['topics']['depth/image'], report['topics']['depth/points']
    assert depth['messages'] > 5
    assert (depth['encoding'], depth['width'], depth['height']) == ('32FC1', 64, 48)
    assert points['encoding'] == 'x@0, y@4, z@8, rgb@12'
    assert points['frame_id'] == 'camera_optical'
    assert 0.0 < depth['latency_ms']['median'] <= depth['latency_ms']['p95'] < 2000.0
    assert {entry['head'] for entry in report['head_per_second']} == {'indoor'}
    assert b'element vertex 3072\n' in (tmp_path / 'points.ply').read_bytes()
    assert (tmp_path / 'demo.png').stat().st_size > 10_000


def test_without_points_the_recording_fails_and_says_so(record, peer, tmp_path):
    tool = record(duration=0.5)
    while tool.process.poll() is None:
        try:
            publish_outputs(peer, cloud=False)
        except AssertionError:
            break
    assert tool.wait() == 1
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['verdict'] == 'missing: depth/points'
    assert 'depth/image' in report['topics']
    assert 'depth/points' not in report['topics']
    assert 'not to be trusted' in report['warning']  # no status came either


def test_stopped_while_it_starts_it_leaves_no_file(ros, tmp_path):
    delays_s = np.arange(0.3, 2.1, 0.15)  # importing, being made, waiting
    tools = [ToolProcess('recorder', output=str(tmp_path / str(i)), bag='a.mcap')
             for i in range(len(delays_s))]  # fmt: skip
    started_s = time.monotonic()
    for delay_s, tool in zip(delays_s, tools, strict=True):
        time.sleep(max(0.0, started_s + delay_s - time.monotonic()))
        tool.process.send_signal(signal.SIGINT)
    assert 0 in [tool.wait() for tool in tools]
    assert not list(tmp_path.rglob('a.mcap*')), [tool.log for tool in tools]


def test_without_depth_the_recording_gives_up(record, tmp_path):
    assert record(timeout=0.5).wait() == 1
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['verdict'] == 'missing: depth/image, depth/points'
