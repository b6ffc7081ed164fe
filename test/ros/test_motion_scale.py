"""scale.source motion in the node and in `bag`: poses by TF, equal numbers, what is missing."""

import math
from functools import cache
from types import SimpleNamespace

import bags
import numpy as np
import pytest
import textured_room as room
from fake_predictor import FakePredictor
from processor_bench import Bench
from ros_harness import camera_info_message
from std_msgs.msg import Header

from zoedepth_ros.bags.add_depth import add_depth
from zoedepth_ros.bags.errors import RecordingError
from zoedepth_ros.bags.plan import DepthOptions, Job, make_plan
from zoedepth_ros.geometry.camera import Camera
from zoedepth_ros.geometry.intrinsics import CameraModel, Intrinsics
from zoedepth_ros.pipeline.settings import settings_from
from zoedepth_ros.ros.transforms import Transforms

SIZE = HEIGHT, WIDTH = 120, 160
FOCAL_PX = 120.0
CAMERA = Camera(
    CameraModel(Intrinsics(FOCAL_PX, FOCAL_PX, (WIDTH - 1) / 2, (HEIGHT - 1) / 2, WIDTH, HEIGHT))
)
IMAGES = 30
SETTINGS = {'scale.source': 'motion', 'scale.max_rate': 0.2, 'cloud.rate': 0.0}
TOO_FAR = 1.25
"""Factor by which the network is wrong."""


def time_ns(number):
    return 10**12 + number * 2 * 10**8


def half_angle(number):
    return 0.5 * (0.3 - 0.01 * number)


def pose(number):
    """Return the pose of a camera that drives on a bend, x forward; yaw only."""
    along_m = 0.1 * number
    return room.rotation(2.0 * half_angle(number)), np.array((2.0 + along_m, 2.5, 1.2))


def optical_to_odom(number):
    """Return translation and quaternion x, y, z, w of `pose`: yaw times that of optical frames."""
    s, c = math.sin(half_angle(number)), math.cos(half_angle(number))
    x, y, z, w = -0.5, 0.5, -0.5, 0.5
    return pose(number)[1], (c * x - s * y, c * y + s * x, c * z + s * w, c * w - s * z)


@cache
def rendered(number):
    return room.render(CAMERA.rays(), *pose(number))


def predictor():
    depths = {rendered(n)[0].tobytes(): TOO_FAR * rendered(n)[1] for n in range(IMAGES)}
    return FakePredictor(lambda rgb, head: depths[rgb.tobytes()], heads=('indoor',))


def transform(number):
    at, turn = optical_to_odom(number)
    axes = zip('xyzw', turn, strict=True)
    return SimpleNamespace(
        translation=SimpleNamespace(**dict(zip('xyz', at, strict=True))),
        rotation=SimpleNamespace(**dict(axes)),
    )


class Buffer:
    """Know the poses up to `newest`, as tf2_ros.Buffer does."""

    newest = IMAGES

    def lookup_transform(self, target, source, time):
        number = round((time.nanoseconds - time_ns(0)) / 2e8)
        if (target, source) != ('odom', 'camera_optical') or number > self.newest:
            raise LookupError('extrapolation into the future')
        return SimpleNamespace(header=Header(), transform=transform(number))


def through_the_node(late=0, buffer=None, **values):
    bench = Bench(predictor(), subscribed=frozenset({'depth/image'}), **{**SETTINGS, **values})
    bench.camera.set_info(camera_info_message(*SIZE, FOCAL_PX, FOCAL_PX))
    buffer = Buffer() if buffer is None else buffer
    bench.processor.follow(bench.camera, None, Transforms(buffer))
    for number in range(IMAGES):
        buffer.newest = number - late
        bench.now_s = (time_ns(number) + 5) * 1e-9
        rgb = rendered(number)[0]
        msg = bench.message(rgb, stamp_s=time_ns(number) * 1e-9)
        msg.header.frame_id = 'camera_optical'
        bench.process(msg)
    return bench


def depths(messages):
    return [np.frombuffer(bytes(m.data), np.float32).reshape(SIZE) for m in messages]


def test_the_quaternions_of_this_test_are_its_poses():
    from zoedepth_ros.ros.transforms import rotation_matrix

    _, turn = optical_to_odom(7)
    np.testing.assert_allclose(rotation_matrix(*turn), pose(7)[0], atol=1e-9)


@pytest.mark.parametrize('late', [0, 1], ids=['in time', 'an image late'])
def test_the_node_corrects_the_scale_by_its_motion(late):
    bench = through_the_node(late)
    ratio = np.median(depths(bench.sent())[-1] / rendered(IMAGES - 1)[1])
    assert ratio == pytest.approx(1.0, abs=0.03)
    assert 'corners triangulated' in bench.processor.pipeline.scale.note
    assert not any('transform' in notice for notice in bench.processor.notices)


def test_without_transforms_the_node_reports_it_and_keeps_the_scale():
    bench = through_the_node(**{'scale.odometry_frame': 'wheels'})
    assert any('needs the transform from wheels' in notice for notice in bench.processor.notices)
    np.testing.assert_allclose(depths(bench.sent())[-1], TOO_FAR * rendered(IMAGES - 1)[1])


def recording(path, *, with_tf=True):
    types, messages = bags.STORE.types, []
    for number in range(IMAGES):
        at_ns = time_ns(number)
        messages.append(bags.camera_info(at_ns, focal_px=FOCAL_PX, size=SIZE))
        messages.append(bags.image(rendered(number)[0], at_ns))
        if with_tf:  # recorded after the image of its time
            at, turn = optical_to_odom(number)
            moved = types['geometry_msgs/msg/Transform'](
                types['geometry_msgs/msg/Vector3'](*map(float, at)),
                types['geometry_msgs/msg/Quaternion'](*turn),
            )
            stamped = types['geometry_msgs/msg/TransformStamped'](
                bags.header(at_ns, 'odom'), 'camera_optical', moved
            )
            tf = types['tf2_msgs/msg/TFMessage']([stamped])
            messages.append(bags.serialized('/tf', at_ns + 10**7, tf))
    return bags.write_mcap(path, messages)


def options(**values):
    return DepthOptions(settings=settings_from({**SETTINGS, **values}), added=frozenset())


def test_a_recording_with_tf_gets_the_depth_of_the_node(tmp_path):
    source = recording(tmp_path / 'in.mcap')
    report = add_depth(make_plan(Job(source, tmp_path / 'out.mcap', options())), predictor())
    recorded = depths(bags.messages_of(tmp_path / 'out.mcap', '/depth/image'))
    for ours, nodes in zip(recorded, depths(through_the_node().sent()), strict=True):
        np.testing.assert_array_equal(ours, nodes)
    assert 'scale' not in report.assumptions


def test_a_recording_without_tf_is_refused_and_a_wrong_frame_is_reported(tmp_path):
    without = recording(tmp_path / 'without.mcap', with_tf=False)
    with pytest.raises(RecordingError, match=r'scale.source motion .* no topic /tf'):
        make_plan(Job(without, tmp_path / 'out.mcap', options()))
    source = recording(tmp_path / 'in.mcap')
    wrong = options(**{'scale.odometry_frame': 'wheels'})
    report = add_depth(make_plan(Job(source, tmp_path / 'out.mcap', wrong)), predictor())
    assert 'needs the transform from wheels' in report.assumptions['scale']
