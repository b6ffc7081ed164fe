"""Over DDS, from another process: several cameras of one node, one network."""

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import ListParameters, SetParameters
from rclpy.parameter import Parameter
from ros_harness import stamp_ns, wait_until
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from several_cameras import BRIGHTNESS, Cameras
from std_srvs.srv import SetBool
from zoedepth_ros.msg import Status

NAMES = list(BRIGHTNESS)


def subscribe(peer, kind, topic):
    return {name: peer.subscribe(kind, f'/{name}/{topic}') for name in NAMES}


def subscribe_statuses(peer):
    return {name: peer.subscribe(Status, f'/zoedepth/{name}/status') for name in NAMES}


@pytest.mark.parametrize(('limit', 'batches'), [(4, [4]), (2, [2, 2]), (1, [1, 1, 1, 1])])
def test_images_that_wait_go_through_the_network_together_and_all_cameras_get_the_same(
    peer, start, hold, limit, batches
):
    """The network works on one image while one of each camera comes; then it takes them all."""
    hold.unlink()
    node = start({'cameras': NAMES, 'batch.limit': limit, 'device': 'cpu'}, hold=str(hold))
    depth = subscribe(peer, Image, 'depth/image')
    statuses = subscribe_statuses(peer)
    cameras = Cameras(peer)
    cameras.send_until(lambda: all(depth.values()))
    cameras.exchange(depth)
    hold.touch()
    before = node.log.count('network: ')
    held = cameras.send(['front'])['front']
    node.wait_for_log('network: ', before + 1)
    received = {name: peer.fresh(inbox).received for name, inbox in statuses.items()}
    sent = cameras.send()
    wait_until(lambda: all(i.last.received > received[name] for name, i in statuses.items()))
    published = {name: len(inbox) for name, inbox in depth.items()}
    hold.unlink()
    peer.exchange(depth['front'], header=held)
    for name, header in sent.items():
        peer.exchange(depth[name], header=header)
    node.wait_for_log('network: ', before + 1 + len(batches))
    runs = [int(text.split()[1]) for text in node.lines if text.startswith('network: ')]
    assert runs[before:] == [1, *batches]
    came = {name: len(inbox) - published[name] for name, inbox in depth.items()}
    assert came == {'front': 2, 'left': 1, 'right': 1, 'rear': 1}


def test_every_camera_has_its_own_topics_intrinsics_frame_and_state(peer, start):
    node = start({'cameras': NAMES, 'cloud.rate': 0.0, 'device': 'cpu'}, bright_is_outdoor=True)
    depth, clouds = (
        subscribe(peer, Image, 'depth/image'),
        subscribe(peer, PointCloud2, 'depth/points'),
    )
    infos, statuses = (
        subscribe(peer, CameraInfo, 'depth/camera_info'),
        {name: peer.subscribe(Status, f'/zoedepth/{name}/status') for name in NAMES},
    )
    diagnostics = peer.subscribe(DiagnosticArray, '/diagnostics')
    cameras, every = Cameras(peer), (depth, clouds, infos)
    cameras.send_until(lambda: all(all(inboxes.values()) for inboxes in every))
    node.wait_for_log(
        'the node is active; image topics: /front/image, /left/image, /right/image, /rear/image'
    )
    for name in NAMES:
        assert depth[name].last.header.frame_id == f'{name}_optical'
        assert clouds[name].last.header.frame_id == f'{name}_optical'
        assert infos[name].last.k[0] == 40.0 + BRIGHTNESS[name]

    def heads():
        return [inbox.last.head for inbox in statuses.values() if inbox]

    cameras.send_until(lambda: heads() == ['indoor', 'indoor', 'indoor', 'outdoor'])
    assert [inbox.last.camera for inbox in statuses.values()] == NAMES
    wait_until(lambda: diagnostics)
    reported = diagnostics.last.status
    assert [one.name for one in reported] == [f'/zoedepth: {name} depth' for name in NAMES]
    names = dict(peer.node.get_topic_names_and_types())
    assert '/zoedepth/status' not in names
    assert '/depth/image' not in names


def test_a_dead_camera_holds_nobody_back_and_is_the_only_one_that_is_reported(peer, start):
    one = {'front.diagnostics.warn_no_input': 0.5}
    start({'cameras': NAMES, 'device': 'cpu', **one}, weights_warning='')
    depth = subscribe(peer, Image, 'depth/image')
    statuses = subscribe_statuses(peer)
    diagnostics = peer.subscribe(DiagnosticArray, '/diagnostics')
    alive = NAMES[1:]
    cameras = Cameras(peer, names=alive)
    cameras.send_until(lambda: all(depth[name] for name in alive))
    for _ in range(20):
        cameras.exchange(depth)
    assert not depth['front']
    wait_until(lambda: peer.fresh(statuses['front']).state == Status.STATE_NO_INPUT)
    assert {peer.fresh(statuses[name]).state for name in alive} == {Status.STATE_WORKING}
    levels = [one.level for one in peer.fresh(diagnostics).status]
    assert levels == [b'\x01', b'\x00', b'\x00', b'\x00']


def test_a_camera_whose_images_make_the_network_fail_holds_nobody_back(peer, start):
    """The fake network fails on black images, alone or among others."""
    start({'cameras': NAMES, 'batch.limit': 4, 'device': 'cpu'})
    depth = subscribe(peer, Image, 'depth/image')
    status = peer.subscribe(Status, '/zoedepth/left/status')
    cameras = Cameras(peer, values={'left': 0})
    others = [name for name in NAMES if name != 'left']
    cameras.send_until(lambda: all(depth[name] for name in others))
    for _ in range(20):
        sent = cameras.send()
        for name in others:
            peer.exchange(depth[name], header=sent[name])
    assert not depth['left']
    wait_until(lambda: status and {d.reason for d in status.last.drops} >= {'inference failed'})


def test_a_camera_may_have_parameters_of_its_own_at_start_and_while_it_runs(peer, start):
    given = {'cameras': NAMES, 'cloud.rate': 0.0, 'depth.scale': 2.0, 'device': 'cpu'}
    start({**given, 'left.depth.scale': 3.0, 'left.router.mode': 'outdoor'})
    depth = subscribe(peer, Image, 'depth/image')
    status = peer.subscribe(Status, '/zoedepth/left/status')
    cameras = Cameras(peer)

    def metres():
        (found,) = cameras.exchange(depth)
        return [float(np.frombuffer(found[name].data, np.float32)[0]) for name in NAMES]

    cameras.send_until(lambda: all(depth.values()))
    assert metres() == [4.0, 6.0, 4.0, 4.0]
    wait_until(lambda: status and status.last.head == 'outdoor')
    assert peer.set_parameters(front__depth__scale=1.0, depth__scale=2.5) == ['', '']
    assert metres() == [2.0, 6.0, 5.0, 5.0]
    reasons = peer.set_parameters(
        front__depth__scale=2, front__model='x', front__image_transport='compressed', no__such=1.0
    )
    for reason, words in zip(
        reasons,
        ('write 2.0', 'one value for all', 'deactivate the node first', 'not a parameter'),
        strict=True,
    ):
        assert words in reason
    request = ListParameters.Request(prefixes=['front', 'left', 'right'])
    answer = peer.call(ListParameters, '/zoedepth/list_parameters', request)
    assert sorted(answer.result.names) == [
        'front.depth.scale', 'left.depth.scale', 'left.router.mode',
    ]  # fmt: skip
    assert peer.get_parameter('cameras') == NAMES
    taken_away = Parameter('left.depth.scale').to_parameter_msg()
    request = SetParameters.Request(parameters=[taken_away])
    (result,) = peer.call(SetParameters, '/zoedepth/set_parameters', request).results
    assert result.successful, result.reason
    assert metres() == [2.0, 5.0, 5.0, 5.0]


def test_a_camera_can_be_switched_off_alone_or_all_together(peer, start):
    start({'cameras': NAMES, 'device': 'cpu'})
    depth = subscribe(peer, Image, 'depth/image')
    statuses = subscribe_statuses(peer)
    cameras = Cameras(peer)
    cameras.send_until(lambda: all(depth.values()))
    cameras.exchange(depth)

    def expect(going_on):
        sent = cameras.send()
        for name in going_on:
            peer.exchange(depth[name], header=sent[name])
        states = {name: peer.fresh(inbox).state for name, inbox in statuses.items()}
        came = {name for name in NAMES if depth[name].of(stamp_ns(sent[name]))}
        assert came == set(going_on)
        assert {name for name, state in states.items() if state != Status.STATE_DISABLED} == came

    off, on = SetBool.Request(data=False), SetBool.Request(data=True)
    assert peer.call(SetBool, '/zoedepth/left/enable', off).success
    expect({'front', 'right', 'rear'})
    assert peer.call(SetBool, '/zoedepth/enable', off).success
    expect(set())
    assert peer.call(SetBool, '/zoedepth/enable', on).success
    expect(set(NAMES))


def test_names_that_cannot_be_stop_the_start(start):
    wrong = {
        'letters, digits': ['front', 'a b'],
        'twice': ['front', 'front'],
        'contain the name of a parameter or topic of the node, got cloud': ['cloud'],
        'router.mode': ['front'],
    }
    nodes = {words: start({'cameras': names, 'front.router.mode': 'mars'})
             for words, names in wrong.items()}  # fmt: skip
    for words, node in nodes.items():
        assert node.wait() == 1
        assert words in node.log
