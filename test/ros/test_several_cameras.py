"""Over DDS, from another process: several cameras of one node, one network."""

import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import ListParameters, SetParameters
from rclpy.parameter import Parameter
from ros_harness import wait_until
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from several_cameras import BRIGHTNESS, Cameras
from std_srvs.srv import SetBool
from zoedepth_ros.msg import Status

NAMES = list(BRIGHTNESS)


@pytest.fixture
def cameras(peer):
    made = []

    def start_cameras(*args, **options):
        made.append(Cameras(peer, *args, **options))
        return made[-1]

    yield start_cameras
    for one in made:
        one.close()


def subscribe(peer, kind, topic, names=NAMES):
    return {name: peer.subscribe(kind, f'/{name}/{topic}') for name in names}


def rates_hz(inboxes, seconds):
    for inbox in inboxes.values():
        inbox.clear()
    time.sleep(seconds)
    return {name: len(inbox) / seconds for name, inbox in inboxes.items()}


@pytest.mark.parametrize(('limit', 'together_hz'), [(4, 20.0), (2, 10.0), (1, 5.0)])
def test_a_batch_serves_all_cameras_for_the_price_of_one_and_all_get_the_same(
    peer, start, cameras, limit, together_hz
):
    """A network of 200 ms for a batch of any size: five batches a second, shared by four."""
    start({'cameras': NAMES, 'batch.limit': limit, 'device': 'cpu'}, delay_s=0.2)
    depth = subscribe(peer, Image, 'depth/image')
    status = peer.subscribe(Status, '/zoedepth/front/status')
    cameras(12.0)
    wait_until(lambda: all(depth.values()) and status, 20.0)
    measured = rates_hz(depth, 6.0)
    total_hz = sum(measured.values())
    assert 0.7 * together_hz < total_hz < 1.1 * together_hz, measured
    assert min(measured.values()) > 0.7 * max(measured.values()), measured
    assert 0.7 * limit < status.last.batch_size <= limit


def test_every_camera_has_its_own_topics_intrinsics_frame_and_state(peer, start, cameras):
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
    cameras(10.0)
    every = [depth, clouds, infos]
    wait_until(lambda: all(all(inboxes.values()) for inboxes in every), 20.0)
    assert 'active: pictures from /front/image, /left/image, /right/image, /rear/image' in node.log
    for name in NAMES:
        assert depth[name].last.header.frame_id == f'{name}_optical'
        assert clouds[name].last.header.frame_id == f'{name}_optical'
        assert infos[name].last.k[0] == 40.0 + BRIGHTNESS[name]

    def heads():
        return [inbox.last.head for inbox in statuses.values() if inbox]

    wait_until(lambda: heads() == ['indoor', 'indoor', 'indoor', 'outdoor'])
    assert [inbox.last.camera for inbox in statuses.values()] == NAMES
    wait_until(lambda: diagnostics)
    told = diagnostics.last.status
    assert [one.name for one in told] == [f'/zoedepth: {name} depth' for name in NAMES]
    names = dict(peer.node.get_topic_names_and_types())
    assert '/zoedepth/status' not in names
    assert '/depth/image' not in names


def test_a_dead_camera_slows_nobody_and_is_the_only_one_that_is_reported(peer, start, cameras):
    start(
        {'cameras': NAMES, 'device': 'cpu', 'diagnostics.warn_silence': 0.5},
        delay_s=0.02,
        trained_on='',
    )
    depth = subscribe(peer, Image, 'depth/image')
    statuses = {name: peer.subscribe(Status, f'/zoedepth/{name}/status') for name in NAMES}
    diagnostics = peer.subscribe(DiagnosticArray, '/diagnostics')
    alive = NAMES[1:]
    cameras(8.0, names=alive)
    wait_until(lambda: all(depth[name] for name in alive), 20.0)
    measured = rates_hz({name: depth[name] for name in alive}, 4.0)
    assert all(rate == pytest.approx(8.0, rel=0.25) for rate in measured.values()), measured
    assert not depth['front']
    wait_until(lambda: statuses['front'].last.state == Status.STATE_NO_INPUT)
    assert {statuses[name].last.state for name in alive} == {Status.STATE_WORKING}
    levels = [one.level for one in diagnostics.last.status]
    assert levels == [b'\x01', b'\x00', b'\x00', b'\x00']


def test_a_camera_whose_pictures_make_the_network_fail_spoils_no_batch_but_once(
    peer, start, cameras
):
    """The fake network fails on black pictures, alone or among others."""
    start({'cameras': NAMES, 'batch.limit': 4, 'device': 'cpu'}, delay_s=0.05)
    depth = subscribe(peer, Image, 'depth/image')
    status = peer.subscribe(Status, '/zoedepth/left/status')
    cameras(5.0, values={'left': 0})
    others = [name for name in NAMES if name != 'left']
    wait_until(lambda: all(depth[name] for name in others), 20.0)
    measured = rates_hz({name: depth[name] for name in others}, 4.0)
    assert all(rate == pytest.approx(5.0, rel=0.25) for rate in measured.values()), measured
    assert not depth['left']
    wait_until(lambda: status and {d.reason for d in status.last.drops} >= {'inference failed'})


def test_a_camera_may_have_parameters_of_its_own_at_start_and_while_it_runs(peer, start, cameras):
    given = {'cameras': NAMES, 'cloud.rate': 0.0, 'depth.scale': 2.0, 'device': 'cpu'}
    start({**given, 'left.depth.scale': 3.0, 'left.router.mode': 'outdoor'})
    depth = subscribe(peer, Image, 'depth/image')
    status = peer.subscribe(Status, '/zoedepth/left/status')
    cameras(10.0)

    def metres():
        for inbox in depth.values():
            inbox.clear()
        wait_until(lambda: all(depth.values()))
        return [float(np.frombuffer(i.last.data, np.float32)[0]) for i in depth.values()]

    wait_until(lambda: all(depth.values()), 20.0)
    assert metres() == [4.0, 6.0, 4.0, 4.0]
    wait_until(lambda: status and status.last.head == 'outdoor')
    assert peer.set_parameters(front__depth__scale=1.0, depth__scale=2.5) == ['', '']
    time.sleep(0.2)
    assert metres() == [2.0, 6.0, 5.0, 5.0]
    reasons = peer.set_parameters(
        front__depth__scale=2, front__model='x', front__image_transport='compressed', no__such=1.0
    )
    for reason, says in zip(
        reasons, ('write 2.0', 'same for all', 'deactivate it first', 'no parameter'), strict=True
    ):
        assert says in reason
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
    time.sleep(0.2)
    assert metres() == [2.0, 5.0, 5.0, 5.0]


def test_a_camera_can_be_switched_off_alone_or_all_together(peer, start, cameras):
    start({'cameras': NAMES, 'device': 'cpu'})
    depth = subscribe(peer, Image, 'depth/image')
    cameras(10.0)
    wait_until(lambda: all(depth.values()), 20.0)

    def who_goes_on():
        time.sleep(0.3)
        measured = rates_hz(depth, 1.0)
        return {name for name, rate in measured.items() if rate > 0.0}

    off, on = SetBool.Request(data=False), SetBool.Request(data=True)
    assert peer.call(SetBool, '/zoedepth/left/enable', off).success
    assert who_goes_on() == {'front', 'right', 'rear'}
    assert peer.call(SetBool, '/zoedepth/enable', off).success
    assert who_goes_on() == set()
    assert peer.call(SetBool, '/zoedepth/enable', on).success
    assert who_goes_on() == set(NAMES)


def test_names_that_cannot_be_stop_the_start(start):
    wrong = {
        'letters, digits': ['front', 'a b'],
        'twice': ['front', 'front'],
        'called as parameters and topics are: cloud': ['cloud'],
        'router.mode': ['front'],
    }
    nodes = {says: start({'cameras': names, 'front.router.mode': 'mars'})
             for says, names in wrong.items()}  # fmt: skip
    for says, node in nodes.items():
        assert node.wait(60.0) == 1
        assert says in node.log
