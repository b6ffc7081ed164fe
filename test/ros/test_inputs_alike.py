"""The node and the commands read the same camera_info and the same images in the same way."""

import array
from dataclasses import replace

import bags
import cv2
import numpy as np
import pytest
from camera_keeper import CameraKeeper
from fake_predictor import FakePredictor
from processor_bench import Bench
from ros_harness import camera_info_message
from sensor_msgs.msg import CompressedImage, Image
from videos import write_mkv

from zoedepth_ros.bags.add_depth import add_depth
from zoedepth_ros.bags.plan import DepthOptions, Job, make_plan
from zoedepth_ros.cli import view
from zoedepth_ros.cli.main import main
from zoedepth_ros.messages.camera import CameraUnknown
from zoedepth_ros.ros.parameters.node_settings import settings_from
from zoedepth_ros.viewing.moments import recording_frames

K_PX, P_PX = 50.0, 55.0


@pytest.mark.parametrize('choice', ['auto', 'rectified', 'raw'])
@pytest.mark.parametrize(
    ('topic', 'says_rectified'),
    [
        ('/cam/color/rect/image', True),
        ('/cam/image_rect_color', True),
        ('/cam/direct/image', False),
        ('/cam/image_raw', False),
    ],
)
def test_node_and_viewer_take_the_same_projection(tmp_path, topic, says_rectified, choice):
    info = f'{topic.rpartition("/")[0]}/camera_info'
    messages = [
        bags.camera_info(10**18, focal_px=K_PX, rectified_focal_px=P_PX, topic=info),
        bags.image(bags.rgb_image(0), 10**18, topic),
    ]
    source = bags.write_mcap(tmp_path / 'in.mcap', messages)
    notes = []
    (frame,) = recording_frames(source, rectified=choice, note=notes.append)
    msg = camera_info_message(fx=K_PX, fy=K_PX)
    msg.p[0] = msg.p[5] = P_PX
    keeper = CameraKeeper(topic)
    keeper.set_info(msg)
    camera = keeper.camera(48, 64, settings_from({'camera.rectified': choice}))
    takes_p = choice == 'rectified' or (choice == 'auto' and says_rectified)
    for model in (frame.camera, camera.model):
        expected = P_PX if takes_p else K_PX
        np.testing.assert_array_equal(
            model.intrinsics.matrix(), [[expected, 0, 31.5], [0, expected, 23.5], [0, 0, 1]]
        )
    assert notes == [camera.reading.text]


def brightness(rgb, head):
    """Make depth of what the network sees: metres are tenths of the brightness, plus 1."""
    return 1.0 + rgb.mean(axis=-1, dtype=np.float32) / 10.0


SHADES = np.tile(np.linspace(0, 255, 64).round(), (48, 1)).astype(np.uint8)
DEEP = np.round(SHADES / 255.0 * 1023.0).astype(np.uint16)  # a sensor of 10 bits
PNG, JPEG = (cv2.imencode(suffix, SHADES)[1].tobytes() for suffix in ('.png', '.jpg'))
DEEP_PNG = cv2.imencode('.png', DEEP)[1].tobytes()
WEBP, BMP, TIFF, DEEP_TIFF = (
    cv2.imencode(suffix, pixels)[1].tobytes()
    for suffix, pixels in (
        ('.webp', SHADES), ('.bmp', SHADES), ('.tiff', SHADES), ('.tiff', DEEP)
    )
)  # fmt: skip
RAW = {'mono8': SHADES, 'mono16': DEEP.astype('<u2'), '16UC1': DEEP.astype('<u2')}
COMPRESSED = {
    'jpeg': JPEG + bytes(100_000),
    'png': PNG,
    'mono16; png compressed ': DEEP_PNG,
    'webp': WEBP,
    'bmp': BMP,
    'mono8; tiff compressed ': TIFF,
    'mono16; tiff compressed ': DEEP_TIFF,
    'cut.webp': WEBP[: len(WEBP) // 2],
    'cut.bmp': BMP[:-64],
    'cut.tiff': TIFF[: len(TIFF) // 2],
    'values.tiff': cv2.imencode('.tiff', SHADES.astype(np.float32))[1].tobytes(),
    'h264': b'\0\0\0\x01\x67' + bytes(300),
}
ODD = [('Image', name) for name in RAW] + [('CompressedImage', name) for name in COMPRESSED]


def by_node(kind, name, stamp_s):
    """Give the depth, or the reason of the drop, of the node's frame processor."""
    bench = Bench(FakePredictor(brightness), **{'depth.min': 0.0})
    if kind == 'Image':
        pixels = RAW[name]
        msg = Image(height=48, width=64, encoding=name, step=64 * pixels.itemsize)
        msg.data = array.array('B', pixels.tobytes())
    else:
        msg = CompressedImage(format=name, data=array.array('B', COMPRESSED[name]))
    msg.header.stamp.sec = stamp_s
    bench.process(msg)
    if bench.drops:
        (reason,) = bench.drops
        return reason
    (depth,) = bench.sent('depth/image')
    return np.frombuffer(depth.data, np.float32).reshape(48, 64)


def recorded(kind, name, stamp_s):
    types, header = bags.STORE.types, bags.header(stamp_s * 10**9)
    if kind == 'Image':
        pixels = RAW[name]
        fields = (header, 48, 64, name, 0, 64 * pixels.itemsize)
        data = pixels.reshape(-1).view(np.uint8)
    else:
        fields, data = (header, name), np.frombuffer(COMPRESSED[name], np.uint8)
    message = types[f'sensor_msgs/msg/{kind}'](*fields, data)
    return bags.serialized(bags.IMAGE, stamp_s * 10**9, message)


@pytest.mark.parametrize(('kind', 'name'), ODD)
def test_node_bag_and_view_make_the_same_of_the_same_image(tmp_path, use, capsys, kind, name):
    use(FakePredictor(brightness))
    node = by_node(kind, name, 1000)
    source = bags.write_mcap(tmp_path / 'in.mcap', [recorded(kind, name, 1000)])
    out, notes = tmp_path / 'out.mcap', []
    code = main(['bag', str(source), str(out)])
    reported = capsys.readouterr()
    try:
        shown = list(recording_frames(source, note=notes.append))
    except ValueError as error:
        shown, notes = [], [str(error)]
    if isinstance(node, str):
        assert (code, shown) == (1, [])
        reason = 'contains depth (16UC1)' if name == '16UC1' else node
        assert reason in reported.out + reported.err
        assert any(word in notes[0] for word in (reason, 'not supported'))
        return
    assert code == 0
    (depth,) = bags.messages_of(out, '/depth/image')
    np.testing.assert_array_equal(depth.data.view('<f4').reshape(48, 64), node)
    np.testing.assert_array_equal(brightness(shown[0].rgb, ''), node)
    exact = 1.0 + SHADES / 10.0
    np.testing.assert_allclose(node, exact, atol=0.1 if 'jpeg' not in name else 0.5)


@pytest.mark.parametrize('name', COMPRESSED)
def test_predict_and_calibrate_read_the_file_that_the_node_reads(tmp_path, use, capsys, name):
    use(FakePredictor(brightness, heads=('indoor',)))
    file = tmp_path / 'image'
    file.write_bytes(COMPRESSED[name])
    code = main(['predict', str(file), '--out', str(tmp_path / 'out')])
    node = by_node('CompressedImage', name, 1000)
    assert code == isinstance(node, str)
    if code:
        return
    np.testing.assert_array_equal(np.load(tmp_path / 'out' / 'image_depth.npy'), node)
    box = ['--box', '10,0,14,48', '--distance', '5']
    scale = tmp_path / 'scale.yaml'
    assert main(['calibrate', str(file), *box, '--out', str(scale)]) == 0
    factor = np.median(5.0 / node[:, 10:14])
    assert f'scale {factor:.3f}' in capsys.readouterr().out


MISTAKEN = {
    'identity': (1.0, 50.0, 'K is impossible'),
    'half of the image': (25.0, 50.0, 'belong to different cameras'),
    'nearly everything in view': (5.0, 5.0, 'unusual field of view'),
}


@pytest.mark.parametrize('name', MISTAKEN)
def test_node_viewer_and_bag_say_the_same_about_a_mistaken_camera_info(tmp_path, name):
    k_px, p_px, words = MISTAKEN[name]
    info = bags.camera_info(10**18, focal_px=k_px, rectified_focal_px=p_px)
    source = bags.write_mcap(tmp_path / 'in.mcap', [info, bags.image(bags.rgb_image(0), 10**18)])
    msg = camera_info_message(fx=k_px, fy=k_px)
    msg.p[0] = msg.p[5] = p_px
    keeper = CameraKeeper(bags.IMAGE)
    keeper.set_info(msg)
    try:
        of_node = keeper.camera(48, 64, settings_from({})).remarks
    except CameraUnknown as error:
        of_node = (str(error),)
    notes = []
    (frame,) = recording_frames(source, note=notes.append)
    report = add_depth(
        make_plan(Job(source, tmp_path / 'out.mcap', DepthOptions())), FakePredictor(2.0)
    )
    assert words in ' '.join(of_node)
    assert tuple(notes) == of_node
    assert (*report.assumptions.values(), *filter(None, [report.no_points])) == of_node
    assert (frame.camera is None) == (report.clouds == 0) == (name == 'identity')


REFLECTION = [-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]


def test_node_bag_view_predict_and_calibrate_report_a_rectification_that_is_no_rotation(
    tmp_path, use, capsys
):
    use(FakePredictor(2.0, heads=('indoor',)))
    words = 'R is not a rotation, got [[-1.0, 0.0, 0.0]'
    bench = Bench()
    bench.camera.set_info(camera_info_message(r=REFLECTION))
    bench.process()
    (notice,) = bench.processor.notices
    assert words in notice
    assert bench.warnings == [notice]
    plain = bags.camera_info(10**18)
    info = bags.STORE.deserialize_cdr(plain.data, plain.type_name)
    mirrored = replace(info, r=np.array(REFLECTION))
    messages = [
        bags.serialized(bags.INFO, 10**18, mirrored),
        bags.image(bags.rgb_image(0), 10**18),
    ]
    source, notes = bags.write_mcap(tmp_path / 'in.mcap', messages), []
    list(recording_frames(source, note=notes.append))
    assert notice in notes
    assert main(['bag', str(source), str(tmp_path / 'out.mcap')]) == 0
    assert words in ''.join(capsys.readouterr())
    (tmp_path / 'image.png').write_bytes(PNG)
    (tmp_path / 'camera.yaml').write_text(
        'image_width: 64\nimage_height: 48\n'
        'camera_matrix: {data: [50, 0, 31.5, 0, 50, 23.5, 0, 0, 1]}\n'
        f'rectification_matrix: {{data: {REFLECTION}}}\n'
    )
    given = [str(tmp_path / 'image.png'), '--calibration', str(tmp_path / 'camera.yaml')]
    assert main(['predict', *given, '--out', str(tmp_path / 'out')]) == 0
    assert words in ''.join(capsys.readouterr())
    scale = ['--box', '10,0,14,48', '--distance', '5', '--out', str(tmp_path / 'scale.yaml')]
    assert main(['calibrate', *given, *scale]) == 0
    assert words in ''.join(capsys.readouterr())


def test_images_larger_than_the_profiles_shared_memory_are_warned_of(tmp_path, monkeypatch):
    profile = tmp_path / 'small.xml'
    profile.write_text('<segment_size>2000</segment_size>')
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', str(profile))
    monkeypatch.delenv('RMW_IMPLEMENTATION', raising=False)
    bench = Bench()
    bench.process()
    bench.process()
    (warning,) = [text for text in bench.warnings if 'do not fit' in text]  # logged once
    assert warning in bench.processor.notices


FLOOR = np.full((48, 64), 30.0, np.float32)
FLOOR[30:] = (50.0 / (np.arange(30, 48) - 23.5))[:, None]
"""A floor 1 m below a camera of 50 px, and something far away."""

DOUBTFUL = {
    'the least depth is beyond the range of the head': (
        {'depth.min': '50'},
        'depth.min is 50 m, but the head indoor measures up to 10 m',
    ),
    'points end before they begin': (
        {'depth.min': '2', 'cloud.max_range': '1.5'},
        'no points: depth.min is 2 m, but cloud.max_range is 1.5 m',
    ),
    'the floor gives an unusual scale': (
        {'scale.source': 'height', 'camera.height': '3'},
        'the scale from camera.height is 3.0',
    ),
    'a scale in per cent': ({'depth.scale': '98'}, 'depth.scale is 98, which is unusual'),
    'a scale by an unknown height': (
        {'scale.source': 'height'},
        "scale.source 'height' estimates no scale, because camera.height is 0",
    ),
}


@pytest.mark.parametrize('name', DOUBTFUL)
def test_what_is_doubtful_about_depth_is_reported_by_all(tmp_path, use, capsys, name):
    pytest.importorskip('rerun')
    given, text = DOUBTFUL[name]
    predictor = use(FakePredictor(FLOOR, heads=('indoor',)))
    settings = {key: value if '.source' in key else float(value) for key, value in given.items()}
    bench = Bench(predictor, **settings)
    bench.camera.set_info(camera_info_message(fx=50.0, fy=50.0))
    bench.process()
    assert any(text in notice for notice in bench.processor.notices)

    image, video = tmp_path / 'image.png', tmp_path / 'video.mkv'
    image.write_bytes(PNG)
    write_mkv(video, (0, 100))
    messages = [bags.camera_info(10**18, focal_px=50.0), bags.image(bags.rgb_image(0), 10**18)]
    source, out = bags.write_mcap(tmp_path / 'in.mcap', messages), str(tmp_path / 'out')
    options = [part for key, value in given.items()
               for part in ('--' + key.replace('.', '-').replace('_', '-'), value)]  # fmt: skip
    hfov = ['--hfov', str(np.degrees(2.0 * np.arctan(32.0 / 50.0)))]
    commands = [
        ['bag', str(source), str(tmp_path / 'out.mcap')],
        ['predict', str(image), '--out', out, *hfov],
        ['predict', str(video), '--out', out, *hfov],
        ['view', str(source), '--predict', '--save', str(tmp_path / 'a.rrd')],
        ['view', str(video), '--save', str(tmp_path / 'a.rrd'), *hfov],
    ]
    for command in commands:
        if 'cloud.max_range' in given and str(video) in command and 'predict' in command:
            continue  # a video gets no cloud
        view._note.cache_clear()  # reports everything once per process
        main([*command, *options])
        reported = capsys.readouterr()
        assert (reported.out + reported.err).count(text) == 1, command
        main([*command, *(['--overwrite'] if 'bag' in command else [])])
        reported = capsys.readouterr()
        assert text not in reported.out + reported.err


@pytest.mark.parametrize(
    ('name', 'value', 'text'),
    [
        ('camera.roll', 3.0, 'camera.roll is 3 rad, 172 degrees: 3 degrees would be 0.0524 rad'),
        ('camera.roll', -2.0, 'camera.roll is -2 rad, -115 degrees'),
        ('camera.roll', 2.5, '143 degrees: 2.5 degrees would be 0.0436 rad'),
        ('camera.roll', 0.7, '40 degrees'),
        (
            'camera.pitch',
            -1.0,
            'camera.pitch is -1 rad, -57 degrees: -1 degrees would be -0.0175 rad',
        ),
        ('camera.pitch_tolerance', 1.0, 'camera.pitch_tolerance is 1 rad, 57 degrees'),
    ],
)
def test_an_angle_that_was_likely_meant_in_degrees_is_reported(name, value, text):
    """It turns a scan of rows: with a roll of 3 rad the left is on the right."""
    bench = Bench(subscribed=frozenset({'scan'}), **{'scan.enabled': True, name: value})
    bench.process()
    assert any(text in notice for notice in bench.processor.notices)
    bench.set({name: 0.0})
    bench.process()
    assert not any('degrees would be' in notice for notice in bench.processor.notices)


@pytest.mark.parametrize(
    ('name', 'value'),
    [('camera.roll', 1.5708), ('camera.roll', 3.1416), ('camera.roll', -0.35),
     ('camera.pitch', -0.785), ('camera.pitch_tolerance', 0.35)],
)  # fmt: skip
def test_an_angle_of_a_real_mount_raises_no_doubt(name, value):
    bench = Bench(subscribed=frozenset({'scan'}), **{'scan.enabled': True, name: value})
    bench.process()
    assert not any('degrees would be' in notice for notice in bench.processor.notices)
