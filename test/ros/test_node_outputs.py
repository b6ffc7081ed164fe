"""Over DDS, from another process: every output of one image."""

import array
import functools
import math

import cv2
import numpy as np
import pytest
from ros_harness import camera_info_message, image_message, rgb_image, wait_until
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2
from zoedepth_ros.msg import Domain

EVERYTHING = {
    '/depth/image': Image,
    '/depth/camera_info': CameraInfo,
    '/depth/points': PointCloud2,
    '/depth/uncertainty': Image,
    '/depth/color': Image,
    '/scan': LaserScan,
    '/domain': Domain,
}
FX, FY, CX, CY = 50.0, 52.0, 31.5, 23.5
# A floor-like plane through the whole view: 0.1 x + 0.3 y + 1 z = 2 m
PLANE = (0.1, 0.3, 1.0, 2.0)


def listen(peer, topics=EVERYTHING):
    return {topic: peer.subscribe(kind, topic) for topic, kind in topics.items()}


def pixels(msg, dtype):
    return np.frombuffer(msg.data, dtype).reshape(msg.height, msg.width)


def test_every_output_carries_the_header_of_its_image(peer, start):
    start({'scan.enabled': True, 'cloud.rate': 0.0, 'router.rate': 0.0})
    inboxes = listen(peer)
    peer.send_until(lambda: all(inboxes.values()))
    peer.exchange(*inboxes.values())
    for frame_id in ('left_optical', 'right_optical', ''):
        for inbox in inboxes.values():
            inbox.clear()
        make = functools.partial(image_message, rgb_image(), frame_id=frame_id)
        sent = peer.send(lambda p, make=make: make(stamp=p.now()))
        peer.exchange(*inboxes.values(), header=sent)
        for topic, inbox in inboxes.items():
            headers = [(msg.header.stamp, msg.header.frame_id) for msg in inbox.messages]
            level = f'{frame_id or "camera"}_scan'  # a scan is never in the optical frame
            assert headers == [(sent.stamp, level if topic == '/scan' else frame_id)], topic
    assert inboxes['/depth/camera_info'].last.k[0] == FX
    assert inboxes['/depth/color'].last.encoding == 'bgr8'
    uncertainty = inboxes['/depth/uncertainty'].last
    assert uncertainty.encoding == '32FC1'
    np.testing.assert_allclose(pixels(uncertainty, np.float32), 0.1)


def test_a_known_plane_comes_out_as_depth_and_as_points_on_that_plane(peer, start):
    start({'cloud.rate': 0.0, 'cloud.decimation': 1}, plane=PLANE, camera=(FX, FY, CX, CY))
    depth, cloud = listen(peer, {'/depth/image': Image, '/depth/points': PointCloud2}).values()
    peer.send_until(lambda: depth and cloud)
    rgb = rgb_image()
    v, u = np.mgrid[:48, :64]
    nx, ny, nz, d = PLANE
    expected = d / (nx * (u - CX) / FX + ny * (v - CY) / FY + nz)
    assert depth.last.encoding == '32FC1'
    np.testing.assert_allclose(pixels(depth.last, np.float32), expected, rtol=1e-6)
    msg = cloud.last
    assert (msg.height, msg.width, msg.point_step, msg.row_step) == (48, 64, 16, 1024)
    assert len(msg.data) == 48 * 1024
    fields = np.frombuffer(msg.data, np.float32).reshape(48, 64, 4)
    xyz = fields[..., :3].astype(float)
    np.testing.assert_allclose(xyz @ (nx, ny, nz), d, atol=1e-4)
    np.testing.assert_allclose(xyz[..., 0] / xyz[..., 2], (u - CX) / FX, atol=1e-5)
    np.testing.assert_allclose(xyz[..., 1] / xyz[..., 2], (v - CY) / FY, atol=1e-5)
    packed = fields[..., 3].copy().view(np.uint32)
    assert packed[3, 5] == int.from_bytes(rgb[3, 5].tobytes(), 'big')


def test_millimetres_and_limits_change_while_it_runs(peer, start):
    start(depth=3.0, uncertainty_m=0.5)
    depth = peer.subscribe(Image, '/depth/image')
    peer.send_until(lambda: depth)

    def depth_after(**settings):
        assert peer.set_parameters(**settings) == [''] * len(settings)
        (msg,) = peer.exchange(depth)
        dtype = {'32FC1': np.float32, '16UC1': np.uint16}[msg.encoding]
        values = np.unique(pixels(msg, dtype))
        assert len(values) == 1
        return msg.encoding, float(values[0])

    assert depth_after() == ('32FC1', 3.0)
    assert depth_after(depth__encoding='16UC1') == ('16UC1', 3000.0)
    assert depth_after(depth__scale=1.5) == ('16UC1', 4500.0)
    assert depth_after(depth__max=4.0) == ('16UC1', 0.0)
    assert depth_after(depth__encoding='32FC1') == ('32FC1', math.inf)
    assert depth_after(depth__max=0.0, depth__min=5.0) == ('32FC1', -math.inf)
    assert depth_after(depth__min=0.1) == ('32FC1', 4.5)
    assert math.isnan(depth_after(filter__max_uncertainty=0.2)[1])
    depth_after(filter__max_uncertainty=0.0, depth__scale=1.0, focal_correction='scale')
    # fy 52 px at 48 rows against 519.47 px at 480 rows
    factor = (52.0 / 48.0) / (519.47 / 480.0)
    assert depth_after()[1] == pytest.approx(3.0 * factor, rel=1e-5)


def test_compressed_images_are_taken_from_the_sibling_topic(peer, start):
    start(
        {'image_transport': 'compressed', 'cloud.rate': 0.0},
        remap={'image': '/cam/image_raw'},
    )
    depth = peer.subscribe(Image, '/depth/image')
    cloud = peer.subscribe(PointCloud2, '/depth/points')
    jpeg = cv2.imencode('.jpg', rgb_image())[1].tobytes()
    msg = CompressedImage(format='jpeg', data=array.array('B', jpeg))

    def answered():
        peer.publish('/cam/camera_info', camera_info_message())
        msg.header.stamp, msg.header.frame_id = peer.now(), 'cam'
        peer.publish('/cam/image_raw/compressed', msg)
        return depth and cloud

    wait_until(answered, period_s=0.1)
    assert (depth.last.height, depth.last.width) == (48, 64)
    assert depth.last.header.frame_id == 'cam'


def test_a_namespace_moves_every_name_and_remapping_finds_camera_info(peer, start):
    start(namespace='/robot', remap={'image': '/cam/image_rect', 'camera_info': '/elsewhere'})
    peer.target = '/robot/zoedepth'
    depth = peer.subscribe(Image, '/robot/depth/image')
    points = peer.subscribe(PointCloud2, '/robot/depth/points')

    def answered():
        peer.publish('/elsewhere', camera_info_message())
        peer.publish('/cam/image_rect', image_message(rgb_image(), peer.now()))
        return depth and points

    wait_until(answered, period_s=0.1)
    assert peer.state() == 'active'


def test_the_router_chooses_the_head_and_reports_it(peer, start):
    start(
        {'router.rate': 0.0, 'router.smoothing': 0.0, 'router.min_dwell': 0.0},
        bright_is_outdoor=True,
        depth_by_head={'indoor': 2.0, 'outdoor': 20.0},
    )
    depth = peer.subscribe(Image, '/depth/image')
    domain = peer.subscribe(Domain, '/domain')

    def look(value):
        make = functools.partial(image_message, rgb_image(value=value))
        seen, reported = peer.exchange(depth, domain, make=lambda p: make(p.now()))
        return float(pixels(seen, np.float32)[0, 0]), reported

    peer.send_until(
        lambda: depth and domain, lambda p: image_message(rgb_image(value=20), p.now())
    )
    metres, reported = look(20)
    assert (metres, reported.head, reported.forced) == (2.0, 'indoor', False)
    assert reported.indoor_probability == pytest.approx(0.9)
    since = reported.last_switch
    _, reported = look(240)  # the router sees it in this image, the head follows with the next
    metres, reported = look(240)
    assert (metres, reported.head) == (20.0, 'outdoor')
    assert reported.outdoor_probability == pytest.approx(0.9)
    assert (reported.last_switch.sec, reported.last_switch.nanosec) > (since.sec, since.nanosec)
    assert peer.set_parameters(router__mode='indoor') == ['']
    metres, reported = look(240)
    assert (metres, reported.head, reported.forced) == (2.0, 'indoor', True)


def test_a_model_with_one_head_refuses_the_other(peer, start):
    node = start(heads=['indoor'])
    node.wait_for_log('active')
    (reason,) = peer.set_parameters(router__mode='outdoor')
    assert 'expected auto or a head of ZoeD_M12_NK: indoor' in reason
    domain = peer.subscribe(Domain, '/domain')
    peer.send_until(lambda: domain)
    assert (domain.last.head, domain.last.forced) == ('indoor', True)
    assert math.isnan(domain.last.outdoor_probability)
