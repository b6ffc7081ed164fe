"""From camera_info to rays and to the CameraInfo of the depth image; mistaken camera_info."""

import math
import threading

import numpy as np
import pytest
from camera_keeper import CameraKeeper
from diagnostic_msgs.msg import DiagnosticArray
from fake_predictor import FakePredictor
from processor_bench import Bench
from ros_harness import camera_info_message, wait_until
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, RegionOfInterest
from std_msgs.msg import Header
from zoedepth_ros.msg import Status

from zoedepth_ros.inference.result import Convention
from zoedepth_ros.messages.camera import OTHER_STAMP, CameraTracker, CameraUnknown
from zoedepth_ros.ros.parameters.node_settings import NodeSettings, settings_from


def keeper(msg=None, topic='/camera/image_raw'):
    made = CameraKeeper(topic)
    if msg is not None:
        made.set_info(msg)
    return made


def test_nothing_is_computed_twice_until_something_changes():
    kept = keeper(camera_info_message())
    first = kept.camera(48, 64, NodeSettings())
    kept.set_info(camera_info_message())  # the next message is equal
    assert kept.camera(48, 64, NodeSettings()) is first
    assert first.rays(4) is first.rays(4)
    kept.set_info(camera_info_message(fx=51.0))
    assert kept.camera(48, 64, NodeSettings()) is not first


def test_camera_info_passes_through_with_the_header_of_the_rgb_image():
    msg = camera_info_message(d=[0.1, 0.01, 0.0, 0.0, 0.0])
    camera = keeper(msg).camera(48, 64, NodeSettings())
    info = camera.info(Header(frame_id='f'))
    assert info.header.frame_id == 'f'
    assert (info.height, info.width) == (48, 64)
    assert list(info.k) == list(msg.k)
    assert list(info.d) == list(msg.d)
    assert list(info.p) == list(msg.p)


def test_an_image_of_half_the_size_gets_half_the_intrinsics():
    msg = camera_info_message(96, 128, fx=100.0, fy=104.0)
    msg.p[3] = -10.0  # a stereo baseline of 0.1 m
    camera = keeper(msg).camera(48, 64, NodeSettings())
    info = camera.info(Header())
    assert (info.height, info.width) == (48, 64)
    # pixel centres: 63.5 + 0.5 = 64 from the left edge, of 128; 32 of 64
    np.testing.assert_allclose(info.k, [50, 0, 31.5, 0, 52, 23.5, 0, 0, 1])
    np.testing.assert_allclose(info.p, [50, 0, 31.5, -5.0, 0, 52, 23.5, 0, 0, 0, 1, 0])
    np.testing.assert_allclose(camera.rays()[0, 0], [-31.5 / 50, -23.5 / 52], rtol=1e-6)


def test_binning_and_region_of_interest_that_fit_the_image_stay_as_they_are():
    roi = RegionOfInterest(x_offset=20, y_offset=10, width=128, height=96)
    msg = camera_info_message(200, 300, binning_x=2, binning_y=2, roi=roi)
    info = keeper(msg).camera(48, 64, NodeSettings()).info(Header())
    assert (info.height, info.width, info.binning_x, info.roi.x_offset) == (200, 300, 2, 20)


@pytest.mark.parametrize('bad', [math.nan, math.inf, -50.0])
def test_impossible_focal_lengths_are_refused(bad):
    msg = camera_info_message()
    msg.k[0] = bad
    with pytest.raises(CameraUnknown):
        keeper(msg).camera(48, 64, NodeSettings())


@pytest.mark.parametrize(
    ('msg', 'reason', 'text'),
    [
        (None, 'no camera_info', 'no camera_info'),
        (camera_info_message(k=[0.0] * 9), 'uncalibrated camera', 'uncalibrated'),
        (camera_info_message(48, 100), 'unusable camera_info', r'64 x 48.*100 x 48'),
    ],
)
def test_what_is_no_camera_is_named_with_the_reason(msg, reason, text):
    with pytest.raises(CameraUnknown, match=text) as caught:
        keeper(msg).camera(48, 64, NodeSettings())
    assert caught.value.reason == reason


def test_a_field_of_view_stands_in_for_a_missing_calibration_only():
    guess = settings_from({'camera.hfov': math.pi / 2})
    camera = keeper().camera(48, 64, guess)
    assert camera.model.intrinsics.fx_px == pytest.approx(32.0)
    assert list(camera.info(Header()).k)[:3] == pytest.approx([32.0, 0.0, 31.5])
    msg = camera_info_message()
    msg.k = [0.0] * 9
    assert keeper(msg).camera(48, 64, guess).model.intrinsics.fx_px == pytest.approx(32.0)
    real = keeper(camera_info_message()).camera(48, 64, guess)
    assert real.model.intrinsics.fx_px == 50.0


def test_a_rectified_topic_takes_p_and_a_raw_one_k():
    msg = camera_info_message(d=[0.1, 0.0, 0.0, 0.0, 0.0])
    msg.p[0] = 40.0
    focal = {
        (topic, value): keeper(msg, topic)
        .camera(48, 64, settings_from({'camera.rectified': value}))
        .model.intrinsics.fx_px
        for topic in ('/cam/image_raw', '/cam/color/rect/image')
        for value in ('auto', 'rectified', 'raw')
    }
    raw, rect = '/cam/image_raw', '/cam/color/rect/image'
    assert focal[raw, 'auto'] == focal[raw, 'raw'] == focal[rect, 'raw'] == 50.0
    assert focal[rect, 'auto'] == focal[rect, 'rectified'] == focal[raw, 'rectified'] == 40.0


IDENTITY = {'k': [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]}
SPACE = {'scan.enabled': True, 'scan.frame_id': 'level'}


def test_with_k_of_identity_there_is_depth_and_neither_points_nor_scan_and_the_node_reports_why():
    bench = Bench(**SPACE)
    bench.camera.set_info(camera_info_message(**IDENTITY))
    bench.process()
    assert len(bench.sent('depth/image')) == 1
    assert not bench.sent('depth/points')
    assert not bench.sent('scan')
    assert not bench.sent('depth/camera_info')
    (notice,) = bench.processor.notices
    assert 'camera_info cannot be used: K is impossible: fx = 1 px' in notice
    assert 'camera.hfov' in notice
    assert bench.warnings == [notice]
    assert bench.drops == {'unusable camera_info': 1}


def test_the_reason_is_that_there_is_no_depth_where_the_depth_of_a_network_needs_the_camera():
    predictor = FakePredictor()
    predictor.convention = Convention(is_canonical=True)
    bench = Bench(predictor)
    bench.camera.set_info(camera_info_message(**IDENTITY))
    bench.process()
    assert not bench.sent('depth/image')
    (notice,) = bench.processor.notices
    assert 'fx = 1 px' in notice
    assert notice.endswith(
        ': there is no depth, because depth needs the camera intrinsics; camera.hfov sets an '
        'approximate field of view'
    )
    assert bench.drops == {'unusable camera_info': 1}


def test_every_new_reason_is_logged_once_and_the_present_one_is_the_notice():
    bench = Bench(**SPACE)
    nan = camera_info_message(fx=float('nan'))
    for msg in (camera_info_message(**IDENTITY), nan, nan, camera_info_message(48, 100)):
        bench.camera.set_info(msg)
        bench.process()
        bench.now_s += 1.0
        bench.process()
        bench.now_s += 1.0
    words = ('K is impossible', 'K must be finite', '100 x 48')
    assert len(bench.warnings) == 3
    for word, text in zip(words, bench.warnings, strict=True):
        assert word in text
    assert bench.processor.notices == (bench.warnings[-1],)
    bench.camera.set_info(camera_info_message())
    bench.process()
    assert bench.processor.notices == ()
    assert len(bench.sent('depth/points')) == 1


def test_a_doubtful_camera_info_is_used_and_noticed():
    bench = Bench(**SPACE)
    msg = camera_info_message()
    msg.k[2] = msg.p[2] = 12.0  # of 64 columns
    bench.camera.set_info(msg)
    for _ in range(2):
        bench.process()
        bench.now_s += 1.0
    assert len(bench.sent('depth/points')) == 2
    (notice,) = bench.processor.notices
    assert 'cx = 12 px' in notice
    assert bench.warnings == [notice]


def test_an_image_has_the_camera_info_of_its_stamp_whatever_came_since():
    """Two cameras that alternate, a zoom, a switch of the resolution: 1 m aside per x/z of 1."""
    bench = Bench(FakePredictor(1.0), **SPACE, **{'cloud.decimation': 1})
    images, focal_px = [], (50.0, 70.0, 50.0, 90.0)
    for fx in focal_px:
        msg = camera_info_message(fx=fx, fy=fx)
        msg.header.stamp = bench.clock.now().to_msg()
        bench.camera.set_info(msg)
        images.append(bench.message())
        bench.now_s += 0.1
    for image in images:
        bench.process(image)
    of_corner = [np.frombuffer(msg.data, np.float32)[0] for msg in bench.sent('depth/points')]
    assert of_corner == pytest.approx([-31.5 / fx for fx in focal_px])
    bench.process()  # none has this stamp yet, so the newest is used
    assert np.frombuffer(bench.sent('depth/points')[-1].data, np.float32)[0] == of_corner[-1]


def test_a_camera_info_of_another_frame_is_used_and_noticed():
    bench = Bench(**SPACE)
    msg = camera_info_message()
    for frame_id, noticed in (('right_optical', True), ('/camera_optical', False), ('', False)):
        msg.header.frame_id = frame_id
        bench.camera.set_info(msg)
        bench.process()
        bench.now_s += 1.0
        words = "camera_info is 'right_optical' and that of the images 'camera_optical'"
        assert [words in text for text in bench.processor.notices] == [True] * noticed
    assert len(bench.sent('depth/points')) == 3


def test_a_field_of_view_stands_in_for_a_camera_info_of_no_camera_and_both_are_noticed():
    bench = Bench(**SPACE, **{'camera.hfov': 1.0})
    bench.camera.set_info(camera_info_message(**IDENTITY))
    bench.process()
    assert len(bench.sent('depth/points')) == 1
    first, second = bench.processor.notices
    assert 'K is impossible' in first
    assert 'camera.hfov 1 rad is used' in second


@pytest.mark.parametrize('topics', [{'depth/image'}, {'depth/image', 'domain'}])
def test_a_camera_info_of_no_camera_is_noticed_by_those_who_want_no_points_too(topics):
    bench = Bench(subscribed=frozenset(topics))
    bench.camera.set_info(camera_info_message(**IDENTITY))
    bench.process()
    assert len(bench.sent('depth/image')) == 1
    assert len(bench.processor.notices) == len(bench.warnings) == 1
    assert bench.drops == {}


def test_over_dds_the_reason_is_in_status_diagnostics_and_log(peer, start):
    node = start({'cloud.rate': 0.0})
    depth = peer.subscribe(Image, '/depth/image')
    cloud = peer.subscribe(PointCloud2, '/depth/points')
    status = peer.subscribe(Status, '/zoedepth/status')
    diagnostics = peer.subscribe(DiagnosticArray, '/diagnostics')
    peer.info_for = lambda image: camera_info_message(**IDENTITY)
    words = 'K is impossible: fx = 1 px'
    peer.send_until(lambda: depth and status and any(words in n for n in status.last.notices))

    def in_diagnostics():
        (found,) = peer.fresh(diagnostics).status
        return found.level == b'\x01' and any(words in pair.value for pair in found.values)

    wait_until(in_diagnostics)
    wait_until(lambda: words in node.log)
    assert not cloud
    off_center = camera_info_message()
    off_center.k[2] = off_center.p[2] = 12.0
    peer.info_for = lambda image: off_center
    words = 'cx = 12 px'
    peer.send_until(lambda: cloud and any(words in n for n in status.last.notices))
    wait_until(lambda: words in node.log)


def stamped_info(msg, fx):
    info = camera_info_message(fx=fx, fy=fx)
    info.header.stamp = msg.header.stamp
    return info


def corners(bench):
    return [np.frombuffer(msg.data, np.float32)[0] for msg in bench.sent('depth/points')]


def test_while_camera_info_changes_an_image_waits_for_its_own(monkeypatch):
    """Two cameras that alternate, each camera_info after its image."""
    bench = Bench(FakePredictor(1.0), **{'cloud.decimation': 1})
    late, lacks = [], CameraTracker.lacks

    def waiting(tracker, header, wait_s):
        assert wait_s > 0.0
        for info in late:
            threading.Timer(0.05, tracker.set_info, [info]).start()
        return lacks(tracker, header, 60.0)

    monkeypatch.setattr(CameraTracker, 'lacks', waiting)
    focal_px = (50.0, 70.0, 50.0, 90.0)
    for number, fx in enumerate(focal_px):
        image = bench.message()
        late[:] = [stamped_info(image, fx)]
        if number < 2:  # before it is known that camera_info changes and has the images' stamps
            bench.camera.set_info(late.pop())
        bench.process(image)
        bench.now_s += 0.1
    assert corners(bench) == pytest.approx([-31.5 / fx for fx in focal_px])
    assert bench.processor.notices == ()
    late.clear()
    monkeypatch.setattr(CameraTracker, 'lacks', lambda tracker, header, _: lacks(tracker, header))
    bench.process()
    assert corners(bench)[4:] == pytest.approx([-31.5 / 90.0])
    assert bench.processor.notices == (OTHER_STAMP,)
    assert bench.warnings == [OTHER_STAMP]


def test_an_image_whose_camera_info_differs_and_comes_while_it_is_processed_is_dropped():
    bench = Bench(FakePredictor(1.0), **{'cloud.decimation': 1})
    bench.predictor.depth = lambda rgb, head: [bench.camera.set_info(arriving), 1.0][1]
    arriving = stamped_info(bench.message(), 60.0)
    bench.process()
    assert (corners(bench), bench.drops) == ([], {'camera_info came late': 1})
    (warning,) = bench.warnings
    assert 'the camera_info of an image arrived only while the image was processed' in warning
    for _ in range(3):  # the same one, after each image
        bench.now_s += 0.1
        arriving = stamped_info(bench.message(), 60.0)
        bench.process()
    assert corners(bench) == pytest.approx([-31.5 / 60.0] * 3)
    assert bench.drops == {'camera_info came late': 1}


def test_no_image_waits_while_camera_info_is_constant_or_has_stamps_of_its_own():
    tracker = CameraTracker('', CameraInfo)
    image = Image()
    for number in range(3):
        image.header.stamp.sec = number
        assert not tracker.lacks(image.header)  # constant, after each image
        tracker.set_info(stamped_info(image, 50.0))
    image.header.stamp.sec = 3
    tracker.set_info(stamped_info(image, 60.0))
    image.header.stamp.sec = 4
    assert tracker.lacks(image.header)
    other = CameraTracker('', CameraInfo)
    for fx in (50.0, 60.0):
        image.header.stamp.sec += 1
        other.set_info(stamped_info(image, fx))
    image.header.stamp.nanosec = 1
    assert not other.lacks(image.header)  # a calibration done twice, latched
