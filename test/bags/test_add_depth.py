import math
import os
import subprocess
import sys
import textwrap
from collections import Counter
from dataclasses import replace
from pathlib import Path

import bags
import numpy as np
import pytest
from fake_predictor import FakePredictor, plane
from mcap.reader import make_reader
from mcap.writer import Writer
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader

from zoedepth_ros.bags.add_depth import add_depth
from zoedepth_ros.bags.cdr import DOMAIN, decode, definition
from zoedepth_ros.bags.errors import Damage, RecordingError
from zoedepth_ros.bags.mcap_writer import partial_path
from zoedepth_ros.bags.recording import open_recording
from zoedepth_ros.inference.result import ContextLost, InferenceError


def by_red(rgb, head):
    """Tell the image's number as its depth: number 0 is 1 m away, number 1 2 m, …"""
    return np.full(rgb.shape[:2], 1.0 + round(float(np.median(rgb[..., 0])) / 10), np.float32)


def convert(source, target, predictor=None, **options):
    return add_depth(bags.plan(source, target, **options), predictor or FakePredictor(by_red))


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_everything_is_copied_byte_for_byte_and_depth_is_added(tmp_path, storage):
    messages = bags.drive(4)
    source = bags.write_bag(tmp_path / 'in', messages, storage)
    report = convert(source, tmp_path / 'out.mcap')
    written = bags.read_mcap(tmp_path / 'out.mcap')
    new = {'/depth/image', '/depth/camera_info', '/depth/points'}
    assert Counter(m for m in written if m.topic not in new) == Counter(messages)
    assert Counter(m.topic for m in written if m.topic in new) == dict.fromkeys(new, 4)
    assert (report.images, report.depths, report.clouds, report.no_points) == (4, 4, 4, '')


def test_depth_has_its_images_header_and_log_time(tmp_path):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(3))
    convert(source, tmp_path / 'out.mcap')
    written = bags.read_mcap(tmp_path / 'out.mcap')
    times = {t: [m.time_ns for m in written if m.topic == t] for t in (bags.IMAGE, '/depth/image')}
    assert times['/depth/image'] == times[bags.IMAGE]
    for number, depth in enumerate(bags.messages_of(tmp_path / 'out.mcap', '/depth/image')):
        assert (depth.header.frame_id, depth.header.stamp.nanosec) == (
            'camera_optical',
            number * 10**8,
        )
        assert (depth.encoding, depth.height, depth.width, depth.step) == ('32FC1', 48, 64, 256)
        np.testing.assert_array_equal(depth.data.view('<f4'), np.full(48 * 64, number + 1.0))


def test_other_programs_read_topics_types_and_qos(tmp_path):
    source = bags.write_bag(tmp_path / 'in', bags.drive(2))
    folder = tmp_path / 'out'
    folder.mkdir()
    convert(source, folder / 'out.mcap')
    (folder / 'metadata.yaml').write_text(
        (source / 'metadata.yaml').read_text().replace('in.mcap', 'out.mcap')
    )
    from rosbags.rosbag2.reader import McapReader

    reader = McapReader(folder / 'out.mcap')
    reader.open()
    topics = {connection.topic: connection for connection in reader.connections}
    assert topics[bags.IMAGE].ext.offered_qos_profiles == [bags.QOS]
    qos = topics['/depth/image'].ext.offered_qos_profiles[0]
    assert (qos.history.name, qos.depth, qos.reliability.name) == ('KEEP_LAST', 5, 'RELIABLE')
    assert 'uint8[] data' in topics['/depth/points'].msgdef.data
    reader.close()
    with Reader(source) as theirs:
        assert theirs.message_count == 6


def test_of_images_and_their_compressed_copy_the_images_are_taken(tmp_path):
    depth = bags.compressed(bags.rgb_image(0), 10**18, '/range/image/compressedDepth')
    copies = [bags.compressed(bags.rgb_image(n), 10**18 + n * 10**8) for n in range(3)]
    source = bags.write_mcap(tmp_path / 'in.mcap', [*bags.drive(3), *copies, depth])
    assert bags.plan(source, tmp_path / 'out.mcap').inputs.image == bags.IMAGE


@pytest.mark.parametrize('kind', [np.float32, np.uint16])
def test_of_images_and_depth_the_images_are_taken(tmp_path, kind):
    ranged = bags.depth(np.zeros(bags.SIZE, kind), 10**18, '/range/image')
    source = bags.write_mcap(tmp_path / 'in.mcap', [ranged, *bags.drive(3)])
    assert bags.plan(source, tmp_path / 'out.mcap').inputs.image == bags.IMAGE
    broken = replace(ranged, topic='/broken/image', data=b'\0\1\0\0')
    source = bags.write_mcap(tmp_path / 'broken.mcap', [broken, ranged, *bags.drive(3)])
    with pytest.raises(RecordingError, match='choose one with --image; .*/broken/image'):
        bags.plan(source, tmp_path / 'out.mcap')


@pytest.mark.parametrize(
    ('topics', 'encoding'),
    [
        (['/range/image'], '16UC1'),
        (['/range/image'], '32FC1'),
        (['/left/range', '/right/range'], '16UC1'),
    ],
)
def test_a_recording_of_depth_alone_is_refused_by_name(tmp_path, topics, encoding):
    values = np.ones(bags.SIZE, np.uint16 if encoding == '16UC1' else np.float32)
    messages = [bags.depth(values, 10**18, topic) for topic in topics]
    source = bags.write_mcap(tmp_path / 'depth.mcap', messages)
    for options in ({}, {'image': topics[0]}):
        with pytest.raises(
            RecordingError, match=rf'^{topics[0]} contains depth \({encoding}\), expected'
        ):
            bags.plan(source, tmp_path / 'out.mcap', **options)
    source = bags.write_mcap(tmp_path / 'both.mcap', [*bags.drive(1), *messages])
    with pytest.raises(RecordingError, match=f'^{topics[0]} contains depth'):
        bags.plan(source, tmp_path / 'out.mcap', image=topics[0])


def test_a_recording_of_compressed_depth_alone_is_refused_by_name(tmp_path):
    depth = bags.compressed(bags.rgb_image(0), 10**18, '/range/image/compressedDepth')
    source = bags.write_mcap(tmp_path / 'depth.mcap', [depth])
    with pytest.raises(RecordingError, match='^/range/image/compressedDepth contains depth'):
        bags.plan(source, tmp_path / 'out.mcap')


def test_a_field_of_view_stands_in_for_a_missing_calibration(tmp_path):
    source = bags.write_mcap(tmp_path / 'in.mcap', [bags.image(bags.rgb_image(0), 10**18)])
    convert(source, tmp_path / 'out.mcap', camera_hfov_rad=np.pi / 2)
    (info,) = bags.messages_of(tmp_path / 'out.mcap', '/depth/camera_info')
    assert info.k[0] == pytest.approx(32.0)  # half of 64 px at 45 degrees
    assert info.header.frame_id == 'camera_optical'


def test_camera_info_of_another_size_is_scaled(tmp_path):
    messages = [bags.camera_info(10**18, size=(96, 128)), bags.image(bags.rgb_image(0), 10**18)]
    source = bags.write_mcap(tmp_path / 'in.mcap', messages)
    convert(source, tmp_path / 'out.mcap')
    (info,) = bags.messages_of(tmp_path / 'out.mcap', '/depth/camera_info')
    assert (info.height, info.width, info.k[0], info.p[0]) == (48, 64, 25.0, 25.0)
    assert info.k[2] == pytest.approx(31.5)


def test_images_before_the_first_camera_info_have_points_too(tmp_path):
    late = bags.camera_info(10**18 + 10**9)
    source = bags.write_mcap(tmp_path / 'in.mcap', [bags.image(bags.rgb_image(0), 10**18), late])
    assert convert(source, tmp_path / 'out.mcap').clouds == 1


def test_the_rate_is_kept_and_the_rest_only_copied(tmp_path):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(10))  # 10 Hz
    report = convert(source, tmp_path / 'out.mcap', depth_rate_hz=5.0, cloud_rate_hz=5.0)
    assert (report.images, report.depths) == (10, 5)
    assert report.skipped == {
        'not used, because depth.rate and cloud.rate limit the rate of outputs': 5
    }


def test_a_broken_image_is_counted_and_the_others_get_depth(tmp_path):
    messages = bags.drive(3)
    index = [m.topic for m in messages].index(bags.IMAGE)
    broken = messages[index]
    messages[index] = bags.Written(
        broken.topic, broken.type_name, broken.time_ns, broken.data[:200]
    )
    source = bags.write_mcap(tmp_path / 'in.mcap', messages)
    report = convert(source, tmp_path / 'out.mcap')
    assert (report.depths, sum(report.skipped.values())) == (2, 1)
    assert Counter(messages) <= Counter(bags.read_mcap(tmp_path / 'out.mcap'))


@pytest.mark.parametrize('is_first', [True, False])
@pytest.mark.parametrize('topic', [bags.IMAGE, bags.INFO])
def test_messages_of_another_type_on_a_topic_are_reported(tmp_path, topic, is_first):
    text = bags.text('of another type', 10**18 - 10**6, topic)
    written = [text, *bags.drive(2)] if is_first else [*bags.drive(2), text]
    path = bags.write_with_mcap(tmp_path / 'in.mcap', written)
    report = convert(path, tmp_path / 'out.mcap')
    assert (report.depths, report.clouds) == (2, 2)
    if topic == bags.IMAGE:
        assert report.skipped == {'unreadable message': 1}
        assert report.examples == {
            'unreadable message': 'expected an image, got a message of type std_msgs/msg/String'
        }
    else:
        assert not report.skipped
        assert report.damage == ['/camera/camera_info: some messages cannot be read']


def test_a_lost_cuda_context_ends_the_work_instead_of_skipping_the_rest(tmp_path):
    def depth(rgb, head):
        if rgb[0, 0, 0] == 10:
            raise ContextLost('cuda:0: CUDA error: unspecified launch failure')
        return plane(*rgb.shape[:2])

    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(3))
    with pytest.raises(ContextLost):
        convert(source, tmp_path / 'out.mcap', FakePredictor(depth))
    assert not (tmp_path / 'out.mcap').exists()


def test_the_router_output_is_added_on_request(tmp_path):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(2))
    convert(source, tmp_path / 'out.mcap', domain=True, router_mode='outdoor', router_rate_hz=0.0)
    domains = [
        decode(message.data, DOMAIN)
        for message in bags.read_mcap(tmp_path / 'out.mcap')
        if (message.topic, message.type_name) == ('/domain', 'zoedepth_ros/msg/Domain')
    ]
    assert [(d.head, d.forced, d.header.stamp.nanosec) for d in domains] == [
        ('outdoor', True, 0),
        ('outdoor', True, 10**8),
    ]
    assert domains[0].indoor_probability == pytest.approx(0.9)


def test_the_domain_message_is_the_nodes():
    text = (Path(__file__).parents[2] / 'msg' / 'Domain.msg').read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith('#')]
    expected = [*(line.replace('"', '') for line in lines), '=' * 80]
    assert definition(DOMAIN)[0].splitlines()[: len(expected)] == expected


def test_two_topics_of_images_are_listed(tmp_path):
    other = bags.image(bags.rgb_image(1), 10**18, '/rear/image_raw')
    source = bags.write_mcap(tmp_path / 'in.mcap', [*bags.drive(2), other])
    with pytest.raises(
        RecordingError, match=r'choose one with --image.*/camera/image_raw.*2 messages.*/rear/im'
    ):
        convert(source, tmp_path / 'out.mcap')
    report = convert(source, tmp_path / 'out.mcap', image='/rear/image_raw')
    assert report.depths == 1


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'image': bags.CHATTER}, r'/chatter \(std_msgs/msg/String\) is not an image topic'),
        ({'camera_info': '/nowhere'}, '/nowhere is not a camera_info topic'),
        ({'depth_topic': bags.IMAGE}, 'already contains /camera/image_raw, /camera/camera_info'),
        ({'depth_topic': '/depth'}, 'at least two parts, namespace and name'),
    ],
)
def test_wrong_topics_are_refused_before_any_work(tmp_path, options, message):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(1))
    with pytest.raises(RecordingError, match=message):
        convert(source, tmp_path / 'out.mcap', **options)
    assert not list(tmp_path.glob('out*'))


def test_nothing_is_overwritten_unasked(tmp_path):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(1))
    with pytest.raises(RecordingError, match='is the input recording itself'):
        convert(source, source)
    (tmp_path / 'out.mcap').write_bytes(b'precious')
    with pytest.raises(RecordingError, match='exists; --overwrite'):
        convert(source, tmp_path / 'out.mcap')
    assert (tmp_path / 'out.mcap').read_bytes() == b'precious'


@pytest.mark.parametrize('share', [0.0, 0.1, 0.35, 0.5, 0.77, 0.999, 1.0])
def test_wherever_the_file_was_cut_the_result_is_the_same(tmp_path, share):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(3))
    convert(source, tmp_path / 'whole.mcap', compression='zstd')
    whole = (tmp_path / 'whole.mcap').read_bytes()
    (tmp_path / 'out.mcap.partial').write_bytes(whole[: int(share * len(whole))])
    convert(source, tmp_path / 'out.mcap', compression='zstd')
    assert (tmp_path / 'out.mcap').read_bytes() == whole


def test_an_image_that_failed_before_does_not_get_the_next_ones_depth(tmp_path):
    def depth(rgb, head):
        if rgb[0, 0, 0] == 0:
            raise InferenceError('NaN')
        return by_red(rgb, head)

    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(3))
    convert(source, tmp_path / 'whole.mcap', FakePredictor(depth))
    whole = (tmp_path / 'whole.mcap').read_bytes()
    (tmp_path / 'out.mcap.partial').write_bytes(whole)
    report = convert(source, tmp_path / 'out.mcap', FakePredictor(depth))
    assert (report.depths, report.reused, report.skipped) == (2, 2, {'inference failed': 1})
    assert (tmp_path / 'out.mcap').read_bytes() == whole


def test_times_of_publishing_and_numbers_are_the_images(tmp_path):
    image = bags.image(bags.rgb_image(0), 10**18)
    with (tmp_path / 'in.mcap').open('wb') as file:
        writer = Writer(file)
        writer.start('ros2')
        channel = writer.register_channel(
            bags.IMAGE, 'cdr', writer.register_schema(image.type_name, 'ros2msg', b'')
        )
        writer.add_message(channel, 30, image.data, 20, 7)
        writer.finish()
    convert(tmp_path / 'in.mcap', tmp_path / 'out.mcap')
    with (tmp_path / 'out.mcap').open('rb') as file:
        ((_, _, depth),) = make_reader(file).iter_messages(topics='/depth/image')
    assert (depth.log_time, depth.publish_time, depth.sequence) == (30, 20, 7)


@pytest.mark.parametrize(
    ('version', 'words'), [(8, 'reliability: 1'), (9, 'reliability: reliable')]
)
def test_qos_is_written_as_the_recording_writes_it(tmp_path, version, words):
    source = bags.write_bag(tmp_path / 'in', bags.drive(1), version=version)
    convert(source, tmp_path / 'out.mcap')
    damage = Damage(recover=False)
    summary = open_recording(tmp_path / 'out.mcap', damage).summary(damage)
    (depth,) = (channel for channel in summary.channels if channel.topic == '/depth/image')
    assert words in depth.qos


def test_a_killed_process_leaves_work_that_is_finished(tmp_path):
    source = bags.write_mcap(
        tmp_path / 'in.mcap',
        [bags.image(bags.rgb_image(n, (300, 400)), 10**18 + n * 10**8) for n in range(8)],
    )
    script = f"""
        import os, signal
        from pathlib import Path
        from fake_predictor import FakePredictor
        from zoedepth_ros.bags.add_depth import add_depth
        from zoedepth_ros.bags.plan import DepthOptions, Job, make_plan
        count = 0
        def on_image():
            global count
            count += 1
            if count == 6:
                os.kill(os.getpid(), signal.SIGKILL)
        source, target = Path({str(source)!r}), Path({str(tmp_path)!r}) / "out.mcap"
        plan = make_plan(Job(source, target, DepthOptions()))
        add_depth(plan, FakePredictor(2.0), on_image)
    """
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1] / 'support'), *sys.path]))
    done = subprocess.run(
        [sys.executable, '-c', textwrap.dedent(script)],
        env={**os.environ, 'PYTHONPATH': path},
        timeout=240,
        check=False,
    )
    assert done.returncode == -9
    again = FakePredictor(2.0)
    report = convert(source, tmp_path / 'out.mcap', again)
    assert report.reused >= 2
    assert again.calls == 8 - report.reused
    assert len(bags.messages_of(tmp_path / 'out.mcap', '/depth/image')) == 8


def test_the_recording_states_where_its_depth_comes_from(tmp_path):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(1))
    report = convert(source, tmp_path / 'out.mcap')
    with (tmp_path / 'out.mcap').open('rb') as file:
        about = {m.name: m.metadata for m in make_reader(file).iter_metadata()}['zoedepth_ros']
    assert about['model'] == 'fake'
    assert about['weights_warning'] == report.warning == 'a fake: not depth'


HALF = np.pi / 2  # f / W = 0.5; the recorded camera has 50 px at 64 px


def depths_of(path):
    return [float(m.data.view('<f4')[0]) for m in bags.messages_of(path, '/depth/image')]


def test_without_a_camera_depth_stays_the_training_cameras_and_that_is_reported(tmp_path):
    source = bags.write_mcap(tmp_path / 'in.mcap', [bags.image(bags.rgb_image(0), 10**18)])
    predictor = FakePredictor(2.0, training_hfov_rad=HALF)
    report = convert(source, tmp_path / 'auto.mcap', predictor)
    assert (report.uncorrected, depths_of(tmp_path / 'auto.mcap')) == (1, [2.0])
    report = convert(source, tmp_path / 'scale.mcap', predictor, focal_correction='scale')
    assert report.skipped == {
        'the depth of this network needs camera intrinsics, which are unknown for the image': 1
    }
    assert depths_of(tmp_path / 'scale.mcap') == []


def frames_in(path):
    """Return the transforms that a recording holds, as (stamp, parent, child, axis in child)."""
    found = []
    for message in bags.messages_of(path, '/tf'):
        (stamped,) = message.transforms
        q, at = stamped.transform.rotation, stamped.transform.translation
        assert (at.x, at.y, at.z) == (0.0, 0.0, 0.0)
        axis = 2 * (q.x * q.z - q.y * q.w), 2 * (q.y * q.z + q.x * q.w), 1 - 2 * (q.x**2 + q.y**2)
        stamp = stamped.header.stamp
        found.append((stamp, stamped.header.frame_id, stamped.child_frame_id, axis))
    return found


def test_every_scan_comes_with_the_transform_of_its_level_frame(tmp_path):
    source = bags.write_mcap(tmp_path / 'in.mcap', bags.drive(3))
    pitch_rad = math.radians(-20.0)
    convert(source, tmp_path / 'out.mcap', scan_enabled=True, camera_pitch_rad=pitch_rad)
    scans = bags.messages_of(tmp_path / 'out.mcap', '/scan')
    frames = frames_in(tmp_path / 'out.mcap')
    assert len(scans) == len(frames) == 3
    for scan, (stamp, parent, child, axis) in zip(scans, frames, strict=True):
        assert (stamp, parent) == (scan.header.stamp, 'camera_optical')
        assert child == scan.header.frame_id == 'camera_optical_scan'
        np.testing.assert_allclose(axis, (math.cos(pitch_rad), 0, math.sin(pitch_rad)), atol=1e-9)


def test_recorded_transforms_stay_as_they_are_when_stopped_work_is_resumed(tmp_path):
    """Some of them at the very times of the images."""
    kind = bags.STORE.types['tf2_msgs/msg/TFMessage']
    messages = []
    for message in bags.drive(6):
        messages.append(message)
        if message.topic == bags.IMAGE:
            messages += [bags.serialized('/tf', message.time_ns, kind([])) for _ in range(2)]
    source = bags.write_mcap(tmp_path / 'in.mcap', messages)
    convert(source, tmp_path / 'whole.mcap', scan_enabled=True)
    with AnyReader([tmp_path / 'whole.mcap'], default_typestore=bags.STORE) as reader:
        read = [
            reader.deserialize(d, c.msgtype) for c, _, d in reader.messages() if c.topic == '/tf'
        ]
    assert [len(message.transforms) for message in read].count(0) == 12
    assert [len(message.transforms) for message in read].count(1) == 6
    whole = (tmp_path / 'whole.mcap').read_bytes()
    target = tmp_path / 'out.mcap'
    for share in (0.3, 0.5, 0.9):
        partial_path(target).write_bytes(whole[: int(share * len(whole))])
        assert convert(source, target, scan_enabled=True).depths == 6
        assert target.read_bytes() == whole
        target.unlink()


def test_the_scan_of_a_second_camera_is_resumed_beside_that_of_the_first(tmp_path):
    rear = [bags.image(bags.rgb_image(n), 10**18 + n * 10**8, '/rear/image') for n in range(4)]
    messages = sorted([*bags.drive(4), *rear], key=lambda message: message.time_ns)
    source = bags.write_mcap(tmp_path / 'in.mcap', messages)
    options = {'scan_enabled': True, 'camera_hfov_rad': 1.2}
    convert(source, tmp_path / 'first.mcap', image=bags.IMAGE, **options)
    options |= {'image': '/rear/image', 'depth_topic': '/rear/depth/image'}
    convert(tmp_path / 'first.mcap', tmp_path / 'whole.mcap', **options)
    whole = (tmp_path / 'whole.mcap').read_bytes()
    partial_path(tmp_path / 'out.mcap').write_bytes(whole)
    report = convert(tmp_path / 'first.mcap', tmp_path / 'out.mcap', **options)
    assert (report.depths, report.reused) == (4, 4)
    assert (tmp_path / 'out.mcap').read_bytes() == whole


def test_a_scan_of_images_without_a_frame_has_no_transform_and_that_is_reported(tmp_path):
    rgb = bags.rgb_image(1)
    kind = bags.STORE.types['sensor_msgs/msg/Image']
    message = kind(bags.header(10**18, ''), *rgb.shape[:2], 'rgb8', 0, 3 * 64, rgb.reshape(-1))
    image = bags.serialized(bags.IMAGE, 10**18 + 5, message)
    source = bags.write_mcap(tmp_path / 'in.mcap', [bags.camera_info(10**18), image])
    report = convert(source, tmp_path / 'out.mcap', scan_enabled=True)
    assert report.omitted == {'transform of the scan': 1}
    assert 'frame_id' in report.examples['transform of the scan']
    assert bags.messages_of(tmp_path / 'out.mcap', '/scan')[0].header.frame_id == 'camera_scan'
    assert not frames_in(tmp_path / 'out.mcap')
