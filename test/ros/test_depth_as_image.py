"""Depth in place of an image is refused or reported by the node and by every command alike."""

import array

import bags
import cv2
import numpy as np
import pytest
from fake_predictor import FakePredictor
from processor_bench import Bench
from sensor_msgs.msg import CompressedImage, Image

from zoedepth_ros.cli.main import main
from zoedepth_ros.media.doubts import names_depth
from zoedepth_ros.viewing.moments import recording_frames

DEEP = np.tile(np.linspace(0, 1023, 64).round(), (48, 1)).astype('<u2')
DEPTH = np.where(DEEP < 200, 0, 3 * DEEP).astype('<u2')  # millimetres, 0 where unknown
PNG = {id(pixels): cv2.imencode('.png', pixels)[1].tobytes() for pixels in (DEEP, DEPTH)}


@pytest.mark.parametrize(
    ('name', 'is_depth'),
    [
        ('/camera/depth/image_raw', True),
        ('/camera/aligned_depth_to_color/image_raw', True),
        ('/depth_registered/image', True),
        ('/ouster/range_image', True),
        ('/camera/depth/image_raw/compressed', True),
        ('depth/0001.png', True),
        ('room/frame-000.depth.png', True),
        ('/camera/infra1/image_rect_raw', False),
        ('/depth_camera/ir/image_raw', False),
        ('/depthai/image_raw', False),
        ('/ouster/signal_image', False),
        ('/deep/image', False),
        ('/depth_camera/image_raw', False),
        ('/camera_depth/image_raw', True),
        ('/azure/depth_to_rgb/image_raw', True),
        ('/azure/rgb_to_depth/image_raw', False),
        ('/depth/color', True),
        ('/depth/color/compressed', True),
        ('/camera/depth/color/image_raw', False),
        ('/tof/distance/image', True),
    ],
)
def test_names_of_depth(name, is_depth):
    assert names_depth(name) is is_depth


def sent(bench, topic, kind, pixels):
    """Give the messages of depth and the reasons of drops of the node."""
    if kind == 'Image':
        msg = Image(height=48, width=64, encoding='mono16', step=128)
        msg.data = array.array('B', pixels.tobytes())
    else:
        msg = CompressedImage(format='mono16; png compressed ')
        msg.data = array.array('B', PNG[id(pixels)])
    msg.header.stamp.sec = 1000
    bench.camera.image_topic = topic
    bench.processor.follow(bench.camera)
    bench.process(msg)
    return bench.sent('depth/image'), list(bench.drops)


def recorded(path, topic, kind, pixels):
    header = bags.header(1000 * 10**9)
    if kind == 'Image':
        fields, data = (header, 48, 64, 'mono16', 0, 128), pixels.reshape(-1).view(np.uint8)
    else:
        fields = header, 'mono16; png compressed '
        data = np.frombuffer(PNG[id(pixels)], np.uint8)
    message = bags.STORE.types[f'sensor_msgs/msg/{kind}'](*fields, data)
    return bags.write_mcap(path, [bags.serialized(topic, 1000 * 10**9, message)])


@pytest.fixture
def predictor(use):
    return use(FakePredictor(2.0))


@pytest.mark.parametrize('kind', ['Image', 'CompressedImage'])
@pytest.mark.parametrize('topic', ['/camera/depth/image_raw', '/range_image'])
@pytest.mark.parametrize('bits', [0, 10])
def test_mono16_on_a_topic_of_depth_is_refused_unless_its_bits_are_set(
    tmp_path, capsys, predictor, kind, topic, bits
):
    bench = Bench(predictor, **{'camera.bits': bits})
    depth, drops = sent(bench, topic, kind, DEEP)
    assert (len(depth), drops) == ((1, []) if bits else (0, ['depth, not an image']))
    source = recorded(tmp_path / 'in.mcap', topic, kind, DEEP)
    options = ['--bits', str(bits)] if bits else []
    code = main(['bag', str(source), str(tmp_path / 'out.mcap'), '--image', topic, *options])
    reported = capsys.readouterr()
    assert code == (0 if bits else 1)
    assert (
        'depth' in reported.out + reported.err and topic in reported.out + reported.err
    ) or bits
    notes = []
    try:
        shown = len(list(recording_frames(source, bits=bits, note=notes.append)))
    except ValueError as error:
        shown, notes = 0, [str(error)]
    assert shown == (1 if bits else 0)
    assert bits or 'depth' in notes[0]


@pytest.mark.parametrize('name', ['depth/0001.png', 'frame_depth.png'])
def test_files_of_depth_are_refused_unless_their_bits_are_set(tmp_path, capsys, predictor, name):
    file = tmp_path / 'set' / name
    file.parent.mkdir(parents=True)
    file.write_bytes(PNG[id(DEEP)])
    out, scale = str(tmp_path / 'out'), str(tmp_path / 'scale.yaml')
    predict = ['predict', str(file), '--out', out]
    calibrate = ['calibrate', str(file), '--distance', '2', '--out', scale]
    for command in (predict, calibrate):
        assert main(command) != 0
        assert (
            f'{file}: an image of 16 bits and one channel is treated as depth because of the name'
            in capsys.readouterr().err
        )
        assert main([*command, '--bits', '10']) == 0


@pytest.mark.parametrize('kind', ['Image', 'CompressedImage'])
def test_values_like_those_of_depth_are_reported_everywhere(tmp_path, capsys, predictor, kind):
    text = 'look like depth'
    bench = Bench(predictor)
    depth, drops = sent(bench, '/camera/image_raw', kind, DEPTH)
    assert (len(depth), drops) == (1, [])
    assert any(text in notice for notice in bench.processor.notices)
    assert any(text in warning for warning in bench.warnings)
    source = recorded(tmp_path / 'in.mcap', '/camera/image_raw', kind, DEPTH)
    assert main(['bag', str(source), str(tmp_path / 'out.mcap')]) == 0
    out = capsys.readouterr().out
    assert text in out
    assert '12 significant bits' in out
    notes = []
    assert len(list(recording_frames(source, note=notes.append))) == 1
    assert any(text in note for note in notes)
    file = tmp_path / 'image.png'
    file.write_bytes(PNG[id(DEPTH)])
    assert main(['predict', str(file), '--out', str(tmp_path / 'out')]) == 0
    assert text in capsys.readouterr().out


def test_an_image_of_16_bits_is_not_taken_for_depth():
    shades = np.random.default_rng(0).gamma(2.0, 300.0, (48, 64))
    dark = np.clip(shades - 200.0, 0, 65535).astype('<u2')  # a black level that clips
    scaled = (dark >> 4 << 8).astype('<u2')  # 8 bits in the upper byte
    for pixels in (dark, scaled):
        PNG[id(pixels)] = b''
        bench = Bench()
        assert len(sent(bench, '/camera/image_raw', 'Image', pixels)[0]) == 1
        assert not any('depth' in notice for notice in bench.processor.notices)


def test_depth_in_grey_on_a_topic_of_depth_is_reported(tmp_path, capsys, predictor):
    bench = Bench(predictor)
    bench.camera.image_topic = topic = '/camera/depth/image_raw'
    bench.processor.follow(bench.camera)
    msg = Image(height=4, width=4, encoding='mono8', step=4, data=array.array('B', bytes(16)))
    msg.header.stamp.sec = 1000
    bench.process(msg)
    assert any('is usual for depth' in notice for notice in bench.processor.notices)
    fields = bags.header(10**12), 4, 4, 'mono8', 0, 4, np.zeros(16, np.uint8)
    message = bags.STORE.types['sensor_msgs/msg/Image'](*fields)
    written = [bags.serialized(topic, 10**12, message)]
    source = bags.write_mcap(tmp_path / 'in.mcap', written)
    assert main(['bag', str(source), str(tmp_path / 'out.mcap')]) == 0
    assert 'is usual for depth' in capsys.readouterr().out
