"""Every encoding a camera may send, by hand-made pixels; damaged messages are refused by name."""

import array
import sys
import types

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image

from zoedepth_ros.ros.conversions import (
    ENCODINGS,
    ConversionError,
    best_converter,
    convert_with_cv_bridge,
    convert_with_opencv,
    rgb_from_compressed,
    rgb_from_image,
)

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture(params=['opencv', 'cv_bridge'])
def convert(request):
    if request.param == 'opencv':
        return convert_with_opencv
    pytest.importorskip('cv_bridge')
    if best_converter() is not convert_with_cv_bridge:
        pytest.skip('cv_bridge is installed and does not work')
    return convert_with_cv_bridge


def message(encoding, height, width, rows, *, step=None, big_endian=False):
    """Make an Image of rows of bytes, filled up to `step` with rubbish."""
    step = len(rows[0]) if step is None else step
    data = b''.join(row + b'\xa5' * (step - len(row)) for row in rows)
    msg = Image(height=height, width=width, step=step, encoding=encoding)
    msg.is_bigendian = big_endian
    msg.data = array.array('B', data)
    return msg


@pytest.mark.parametrize(
    ('encoding', 'pixel'),
    [
        ('rgb8', (10, 20, 30)),
        ('bgr8', (30, 20, 10)),
        ('8UC3', (30, 20, 10)),
        ('rgba8', (10, 20, 30, 77)),
        ('bgra8', (30, 20, 10, 77)),
        ('8UC4', (30, 20, 10, 77)),
    ],
)
def test_colours_come_out_as_red_green_blue_with_and_without_padding(convert, encoding, pixel):
    row = bytes(pixel) * 2 + bytes([0] * len(pixel))
    for step in (len(row), len(row) + 5):
        rgb = rgb_from_image(message(encoding, 2, 3, [row, row], step=step), convert)
        assert rgb.dtype == np.uint8
        assert rgb.tolist() == [[[10, 20, 30], [10, 20, 30], [0, 0, 0]]] * 2


@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_grey_becomes_three_equal_channels(convert, encoding):
    rgb = rgb_from_image(message(encoding, 1, 3, [bytes([0, 100, 255])], step=8), convert)
    assert rgb.tolist() == [[[0] * 3, [100] * 3, [255] * 3]]


@pytest.mark.parametrize('big_endian', [False, True])
@pytest.mark.parametrize('encoding', ['mono16', '16UC1'])
def test_sixteen_bit_grey_is_scaled_in_either_byte_order(convert, encoding, big_endian):
    order = 'big' if big_endian else 'little'
    row = b''.join(v.to_bytes(2, order) for v in (0, 0x1234, 65535))
    msg = message(encoding, 1, 3, [row], step=7, big_endian=big_endian)
    assert rgb_from_image(msg, convert)[0, :, 0].tolist() == [0, 18, 255]  # 4660 * 255 / 65535


@pytest.mark.parametrize(
    ('encoding', 'pixel'),
    [
        ('rgb16', (10, 20, 30)),
        ('bgr16', (30, 20, 10)),
        ('16UC3', (30, 20, 10)),
        ('rgba16', (10, 20, 30, 5)),
        ('bgra16', (30, 20, 10, 5)),
        ('16UC4', (30, 20, 10, 5)),
    ],
)
@pytest.mark.parametrize('big_endian', [False, True])
def test_sixteen_bit_colour_is_scaled_in_either_byte_order(convert, encoding, pixel, big_endian):
    # 257 v is exactly v in 8 bits; 3 more is not seen, unless the bytes are swapped
    row = b''.join((v * 257 + 3).to_bytes(2, 'big' if big_endian else 'little') for v in pixel)
    msg = message(encoding, 1, 1, [row], big_endian=big_endian)
    assert rgb_from_image(msg, convert).tolist() == [[[10, 20, 30]]]


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize(('letter', 'color'), [('r', RED), ('g', GREEN), ('b', BLUE)])
def test_a_bayer_mosaic_of_one_colour_is_that_colour(convert, pattern, bits, letter, color):
    """The letters of an encoding's name are the pixels of its upper left block, row by row."""
    block = np.array([[c == letter for c in pattern[:2]], [c == letter for c in pattern[2:]]])
    mosaic = np.tile(block, (4, 4)) * (255 if bits == 8 else 65535)
    rows = [row.tobytes() for row in mosaic.astype(np.uint8 if bits == 8 else '<u2')]
    rgb = rgb_from_image(message(f'bayer_{pattern}{bits}', 8, 8, rows), convert)
    assert rgb.shape == (8, 8, 3)
    assert rgb[2:6, 2:6].reshape(-1, 3).tolist() == [list(color)] * 16


@pytest.mark.parametrize('encoding', ['yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv'])
def test_yuv_422_follows_bt601(convert, encoding):
    y, u, v = 120, 90, 170
    pair = (y, u, y, v) if encoding in ('yuv422_yuy2', 'yuyv') else (u, y, v, y)
    rows = [bytes(pair) * 2] * 2
    rgb = rgb_from_image(message(encoding, 2, 4, rows, step=11), convert)
    base = 1.164 * (y - 16)
    expected = (base + 1.596 * (v - 128), base - 0.813 * (v - 128) - 0.391 * (u - 128))
    assert rgb.shape == (2, 4, 3)
    np.testing.assert_allclose(rgb[..., :2].reshape(-1, 2), [expected] * 8, atol=1.5)
    np.testing.assert_allclose(rgb[..., 2], base + 2.018 * (u - 128), atol=1.5)


@pytest.mark.parametrize(('encoding', 'pair'), [('nv12', (90, 170)), ('nv21', (170, 90))])
def test_planar_yuv_420_follows_bt601(convert, encoding, pair):
    rows = [bytes([120] * 4)] * 4 + [bytes(pair) * 2] * 2
    rgb = rgb_from_image(message(encoding, 4, 4, rows, step=6), convert)
    assert rgb.shape == (4, 4, 3)
    np.testing.assert_allclose(rgb[..., 0], 1.164 * 104 + 1.596 * 42, atol=1.5)
    np.testing.assert_allclose(rgb[..., 2], 1.164 * 104 - 2.018 * 38, atol=1.5)


def test_every_encoding_of_the_table_can_be_converted(convert):
    for name, encoding in ENCODINGS.items():
        row_bytes = 8 * encoding.channels * encoding.bits // 8
        rows = [bytes(row_bytes)] * (8 * encoding.rows_per_mille // 1000)
        rgb = rgb_from_image(message(name, 8, 8, rows), convert)
        assert (rgb.shape, rgb.dtype) == ((8, 8, 3), np.uint8), name


@pytest.mark.parametrize(
    ('change', 'reason', 'says'),
    [
        ({'encoding': '32FC1'}, 'unknown encoding', "'32FC1'.*rgb8"),
        ({'encoding': ''}, 'unknown encoding', "''"),
        ({'data': array.array('B', bytes(17))}, 'wrong data length', '17 bytes'),
        ({'data': array.array('B', bytes(19))}, 'wrong data length', '19 bytes'),
        ({'data': array.array('B')}, 'wrong data length', '0 bytes'),
        ({'step': 8}, 'wrong data length', 'step >= 9, |step >= 9 '),
        ({'step': 0}, 'wrong data length', 'step 0'),
        ({'height': 0}, 'zero size', '3 x 0'),
        ({'width': 0}, 'zero size', '0 x 2'),
        ({'height': 2**31, 'width': 2**31}, 'wrong data length', '2147483648'),
        ({'encoding': 'yuv422'}, 'cannot convert', 'even'),
        ({'encoding': 'bayer_rggb8'}, 'cannot convert', 'even'),
    ],
)
def test_a_message_that_is_no_picture_is_refused_by_name(convert, change, reason, says):
    msg = message('rgb8', 2, 3, [bytes(9), bytes(9)])
    for field, value in change.items():
        setattr(msg, field, value)
    with pytest.raises(ConversionError, match=says) as caught:
        rgb_from_image(msg, convert)
    assert caught.value.reason == reason


def compressed(data: bytes, name='jpeg'):
    return CompressedImage(format=name, data=array.array('B', data))


def encoded(suffix: str, rgb) -> bytes:
    return cv2.imencode(suffix, np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes()


def noise(height=32, width=48):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_a_png_comes_back_exactly():
    rgb = noise()
    np.testing.assert_array_equal(rgb_from_compressed(compressed(encoded('.png', rgb))), rgb)


def test_a_jpeg_comes_back_in_the_right_order_of_colours():
    rgb = np.full((32, 32, 3), (200, 100, 20), np.uint8)
    back = rgb_from_compressed(compressed(encoded('.jpg', rgb), 'rgb8; jpeg compressed bgr8'))
    np.testing.assert_allclose(back.astype(int), rgb, atol=3)


def test_a_jpeg_with_bytes_after_its_end_is_taken():
    data = encoded('.jpg', noise()) + bytes(8)
    assert rgb_from_compressed(compressed(data)).shape == (32, 48, 3)


def test_a_grey_jpeg_becomes_rgb():
    data = cv2.imencode('.jpg', np.full((8, 8), 90, np.uint8))[1].tobytes()
    assert rgb_from_compressed(compressed(data)).tolist() == [[[90] * 3] * 8] * 8


def test_the_orientation_tag_is_ignored_for_pixels_as_the_sensor_reads_them():
    jpeg = encoded('.jpg', noise(16, 48))
    tiff = b'II*\0\x08\0\0\0' + b'\x01\0' + b'\x12\x01\x03\0\x01\0\0\0\x06\0\0\0' + bytes(4)
    exif = b'Exif\0\0' + tiff
    tagged = jpeg[:2] + b'\xff\xe1' + (len(exif) + 2).to_bytes(2, 'big') + exif + jpeg[2:]
    turned = cv2.imdecode(np.frombuffer(tagged, np.uint8), cv2.IMREAD_COLOR)
    assert turned.shape == (48, 16, 3), 'the tag of this test is not read by OpenCV'
    assert rgb_from_compressed(compressed(tagged)).shape == (16, 48, 3)


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'\xff\xd8',
        b'rubbish' * 100,
        encoded('.jpg', noise())[:-200],
        encoded('.jpg', noise())[:40],
        encoded('.jpg', noise())[:-2],
        encoded('.png', noise())[:-200],
        encoded('.png', noise())[:1000] + b'\0\0\0\0' + encoded('.png', noise())[1004:],
    ],
    ids=[
        'empty',
        'start',
        'rubbish',
        'cut jpeg',
        'jpeg header',
        'no end',
        'cut png',
        'altered png',
    ],
)
def test_damaged_bytes_are_refused(data):
    with pytest.raises(ConversionError) as caught:
        rgb_from_compressed(compressed(data))
    assert caught.value.reason == 'damaged picture'


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_a_picture_cut_short_is_refused_where_opencv_fills_it_up(monkeypatch, suffix):
    """As older versions of OpenCV do, with grey."""
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: np.full((32, 48, 3), 128, np.uint8))
    whole = encoded(suffix, noise())
    assert rgb_from_compressed(compressed(whole)).shape == (32, 48, 3)
    with pytest.raises(ConversionError, match='breaks off'):
        rgb_from_compressed(compressed(whole[: len(whole) // 2]))


class Bridge(types.ModuleType):
    """Stand in for cv_bridge: what imgmsg_to_cv2 documents, for bgr8 and rgb8 only."""

    class CvBridgeError(TypeError):
        pass

    def __init__(self, broken: bool = False):
        super().__init__('cv_bridge')
        self.asked = []
        bridge = self

        class CvBridge:
            def imgmsg_to_cv2(self, msg, desired_encoding):
                if broken:
                    raise ImportError('numpy.core.multiarray failed to import')
                if msg.encoding not in ('bgr8', 'rgb8'):
                    raise Bridge.CvBridgeError(f'[{msg.encoding}] is not a color format')
                bridge.asked.append((msg.encoding, desired_encoding, msg.step, len(msg.data)))
                pixels = np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.width, 3)
                return pixels[..., ::-1] if msg.encoding == 'bgr8' else pixels

        self.CvBridge = CvBridge


@pytest.fixture
def unknown_best():
    best_converter.cache_clear()
    yield
    best_converter.cache_clear()


def test_cv_bridge_is_used_where_it_works(monkeypatch, unknown_best):
    bridge = Bridge()
    monkeypatch.setitem(sys.modules, 'cv_bridge', bridge)
    rgb = rgb_from_image(message('8UC3', 1, 2, [bytes([3, 2, 1] * 2)], step=10))
    assert rgb.tolist() == [[[1, 2, 3]] * 2]
    assert bridge.asked[-1] == ('bgr8', 'rgb8', 6, 6)
    assert best_converter() is convert_with_cv_bridge


def test_a_broken_cv_bridge_is_not_used(monkeypatch, unknown_best):
    monkeypatch.setitem(sys.modules, 'cv_bridge', Bridge(broken=True))
    rgb = rgb_from_image(message('bgr8', 1, 1, [bytes([3, 2, 1])]))
    assert rgb.tolist() == [[[1, 2, 3]]]
    assert best_converter() is convert_with_opencv


def test_what_cv_bridge_refuses_is_a_conversion_error(monkeypatch, unknown_best):
    monkeypatch.setitem(sys.modules, 'cv_bridge', Bridge())
    with pytest.raises(ConversionError, match='not a color format'):
        rgb_from_image(message('mono8', 1, 1, [b'a']))
