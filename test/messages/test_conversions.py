"""Every encoding a camera may send, by hand-made pixels; damaged messages are refused by name."""

import array
import struct
import sys
import types

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image

from zoedepth_ros.media.files import ImageFileError, read_image, read_stored_image
from zoedepth_ros.messages.images import (
    DEPTH_ENCODINGS,
    ENCODINGS,
    ConversionError,
    ImageReader,
    best_converter,
    convert_with_cv_bridge,
    convert_with_opencv,
)

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def rgb_of(msg, convert=None, bits=0):
    return ImageReader(convert=convert).rgb(msg, bits)


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
        rgb = rgb_of(message(encoding, 2, 3, [row, row], step=step), convert)
        assert rgb.dtype == np.uint8
        assert rgb.tolist() == [[[10, 20, 30], [10, 20, 30], [0, 0, 0]]] * 2


@pytest.mark.parametrize(
    ('encoding', 'width', 'step', 'text'),
    [
        ('mono8', 640, 1280, 'rows of 640 px mono8 have 2 times the bytes'),  # mono16 or yuv422
        ('mono8', 640, 1920, 'have 3 times'),  # rgb8
        ('bayer_rggb8', 320, 640, 'have 2 times'),  # bayer_rggb16
        ('mono8', 640, 640, ''),
        ('mono8', 640, 1024, ''),  # padded
        ('mono8', 128, 512, ''),  # as GPUs pad
        ('rgb8', 640, 2048, ''),
        ('nv12', 640, 640, ''),
    ],
)
def test_rows_with_the_bytes_of_another_encoding_are_reported(encoding, width, step, text):
    reader, rows = ImageReader(), 6 if encoding == 'nv12' else 4
    row = bytes(range(100, 116)) * (width * (3 if encoding == 'rgb8' else 1) // 16)
    msg = message(encoding, 4, width, [row] * rows, step=step)
    assert reader.rgb(msg).shape == (4, width, 3)
    found = [doubt for doubt in reader.doubts if 'the bytes that they need' in doubt]
    assert [text in doubt for doubt in found] == [True] * bool(text)


@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_grey_becomes_three_equal_channels(convert, encoding):
    rgb = rgb_of(message(encoding, 1, 3, [bytes([0, 100, 255])], step=8), convert)
    assert rgb.tolist() == [[[0] * 3, [100] * 3, [255] * 3]]


@pytest.mark.parametrize('big_endian', [False, True])
def test_sixteen_bit_grey_is_scaled_in_either_byte_order(convert, big_endian):
    order = 'big' if big_endian else 'little'
    row = b''.join(v.to_bytes(2, order) for v in (0, 0x1234, 65535))
    msg = message('mono16', 1, 3, [row], step=7, big_endian=big_endian)
    assert rgb_of(msg, convert)[0, :, 0].tolist() == [0, 18, 255]  # 4660 * 255 / 65535


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
    assert rgb_of(msg, convert, bits=16).tolist() == [[[10, 20, 30]]]


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize(('letter', 'color'), [('r', RED), ('g', GREEN), ('b', BLUE)])
def test_a_bayer_mosaic_of_one_colour_is_that_colour(convert, pattern, bits, letter, color):
    """The letters of an encoding's name are the pixels of its upper left block, row by row."""
    block = np.array([[c == letter for c in pattern[:2]], [c == letter for c in pattern[2:]]])
    mosaic = np.tile(block, (4, 4)) * (255 if bits == 8 else 65535)
    rows = [row.tobytes() for row in mosaic.astype(np.uint8 if bits == 8 else '<u2')]
    rgb = rgb_of(message(f'bayer_{pattern}{bits}', 8, 8, rows), convert)
    assert rgb.shape == (8, 8, 3)
    assert rgb[2:6, 2:6].reshape(-1, 3).tolist() == [list(color)] * 16


@pytest.mark.parametrize('encoding', ['yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv'])
def test_yuv_422_follows_bt601(convert, encoding):
    y, u, v = 120, 90, 170
    pair = (y, u, y, v) if encoding in ('yuv422_yuy2', 'yuyv') else (u, y, v, y)
    rows = [bytes(pair) * 2] * 2
    rgb = rgb_of(message(encoding, 2, 4, rows, step=11), convert)
    base = 1.164 * (y - 16)
    expected = (base + 1.596 * (v - 128), base - 0.813 * (v - 128) - 0.391 * (u - 128))
    assert rgb.shape == (2, 4, 3)
    np.testing.assert_allclose(rgb[..., :2].reshape(-1, 2), [expected] * 8, atol=1.5)
    np.testing.assert_allclose(rgb[..., 2], base + 2.018 * (u - 128), atol=1.5)


def test_every_encoding_of_the_table_can_be_converted(convert):
    for name, encoding in ENCODINGS.items():
        row_bytes = 8 * encoding.channels * encoding.bits // 8
        rows = [bytes(row_bytes)] * (12 if encoding.is_420 else 8)
        rgb = rgb_of(message(name, 8, 8, rows), convert)
        assert (rgb.shape, rgb.dtype) == ((8, 8, 3), np.uint8), name


@pytest.mark.parametrize(
    ('change', 'reason', 'words'),
    [
        ({'encoding': '32FC4'}, 'unknown encoding', "'32FC4'.*rgb8"),
        ({'encoding': ''}, 'unknown encoding', "''"),
        ({'data': array.array('B', bytes(17))}, 'wrong data length', '17 bytes'),
        ({'data': array.array('B', bytes(19))}, 'wrong data length', '19 bytes'),
        ({'data': array.array('B')}, 'wrong data length', '0 bytes'),
        ({'step': 8}, 'wrong data length', 'step >= 9, |step >= 9 '),
        ({'step': 0}, 'wrong data length', 'step 0'),
        ({'height': 0}, 'zero size', '3 x 0'),
        ({'width': 0}, 'zero size', '0 x 2'),
        ({'height': 2**31, 'width': 2**31}, 'wrong data length', '2147483648'),
        ({'encoding': 'bayer_rggb8'}, 'cannot convert', 'at least 3 x 3 px, got 3 x 2'),
        ({'encoding': 'nv12'}, 'wrong data length', 'step x 3'),
    ],
)
def test_a_message_that_is_no_image_is_refused_by_name(convert, change, reason, words):
    msg = message('rgb8', 2, 3, [bytes(9), bytes(9)])
    for field, value in change.items():
        setattr(msg, field, value)
    with pytest.raises(ConversionError, match=words) as caught:
        rgb_of(msg, convert)
    assert caught.value.reason == reason


def compressed(data: bytes, name='jpeg'):
    return CompressedImage(format=name, data=array.array('B', data))


def encoded(suffix: str, rgb) -> bytes:
    return cv2.imencode(suffix, np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes()


def noise(height=32, width=48):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_a_png_comes_back_exactly():
    rgb = noise()
    np.testing.assert_array_equal(rgb_of(compressed(encoded('.png', rgb))), rgb)


def test_a_jpeg_comes_back_in_the_right_order_of_colours():
    rgb = np.full((32, 32, 3), (200, 100, 20), np.uint8)
    back = rgb_of(compressed(encoded('.jpg', rgb), 'rgb8; jpeg compressed bgr8'))
    np.testing.assert_allclose(back.astype(int), rgb, atol=3)


@pytest.mark.parametrize('count', [1, 8, 62, 63, 64, 4096, 10**6])
@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_the_rest_of_a_drivers_buffer_after_the_end_does_not_matter(tmp_path, suffix, count):
    whole = encoded(suffix, noise())
    data = whole + bytes(count)
    expected = rgb_of(compressed(whole))
    np.testing.assert_array_equal(rgb_of(compressed(data)), expected)
    (tmp_path / f'p{suffix}').write_bytes(data)
    np.testing.assert_array_equal(read_image(tmp_path / f'p{suffix}'), expected)


JPEG = encoded('.jpg', noise(160, 240))
HALF = len(JPEG) // 2


PNG = encoded('.png', noise())


@pytest.mark.parametrize(
    ('data', 'words'),
    [
        (JPEG[:HALF] + bytes(len(JPEG)), 'it has no end marker'),
        (PNG[: len(PNG) // 2] + bytes(len(PNG)), 'it has no end marker'),
        (JPEG[:HALF] + b'\xff\xd9', 'its last rows are missing'),
        (JPEG[:-3000] + b'\xff\xd9', 'its last rows are missing'),
        (JPEG[:HALF] + JPEG[-3000:], 'its last rows are missing'),
    ],
    ids=['cut jpeg', 'cut png', 'cut and closed', 'cut late and closed', 'end of an older image'],
)
def test_an_incomplete_image_is_refused_as_message_and_as_file(tmp_path, data, words):
    if words != 'it has no end marker':
        whole = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert (whole[-8:, -8:] == 128).all(), 'OpenCV does not fill up in grey'
    with pytest.raises(ConversionError, match=words):
        rgb_of(compressed(data))
    (tmp_path / 'p.jpg').write_bytes(data)
    with pytest.raises(ImageFileError, match=rf'p\.jpg: the image.* {words}'):
        read_image(tmp_path / 'p.jpg')


def test_a_jpeg_that_is_grey_at_its_end_is_whole():
    rgb = noise()
    rgb[16:] = 128
    for image in (rgb, np.full_like(rgb, 128)):
        back = rgb_of(compressed(encoded('.jpg', image)))
        assert (back[-8:] == 128).all()


def test_a_grey_jpeg_becomes_rgb():
    data = cv2.imencode('.jpg', np.full((8, 8), 90, np.uint8))[1].tobytes()
    assert rgb_of(compressed(data)).tolist() == [[[90] * 3] * 8] * 8


def test_the_orientation_tag_is_ignored_for_pixels_as_the_sensor_reads_them():
    jpeg = encoded('.jpg', noise(16, 48))
    tiff = b'II*\0\x08\0\0\0' + b'\x01\0' + b'\x12\x01\x03\0\x01\0\0\0\x06\0\0\0' + bytes(4)
    exif = b'Exif\0\0' + tiff
    tagged = jpeg[:2] + b'\xff\xe1' + (len(exif) + 2).to_bytes(2, 'big') + exif + jpeg[2:]
    turned = cv2.imdecode(np.frombuffer(tagged, np.uint8), cv2.IMREAD_COLOR)
    assert turned.shape == (48, 16, 3), 'the tag of this test is not read by OpenCV'
    assert rgb_of(compressed(tagged)).shape == (16, 48, 3)


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'\xff\xd8',
        b'rubbish' * 100,
        encoded('.jpg', noise())[:-200],
        encoded('.jpg', noise())[:40],
        encoded('.jpg', noise())[:-2],
        PNG[:-200],
        PNG[:1000] + b'\0\0\0\0' + PNG[1004:],
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
        rgb_of(compressed(data))
    assert caught.value.reason == 'damaged image'


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_an_image_cut_short_is_refused_where_opencv_fills_it_up(monkeypatch, suffix):
    """As older versions of OpenCV do, with grey."""
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: np.full((32, 48, 3), 128, np.uint8))
    whole = encoded(suffix, noise())
    assert rgb_of(compressed(whole)).shape == (32, 48, 3)
    with pytest.raises(ConversionError, match='is cut off: it has no end marker'):
        rgb_of(compressed(whole[: len(whole) // 2]))


def bayer(rgb, pattern):
    """Take the mosaic out of an image: the colour that each pixel of the pattern sees."""
    mosaic = np.zeros(rgb.shape[:2], rgb.dtype)
    for at, letter in enumerate(pattern):
        row, column = divmod(at, 2)
        mosaic[row::2, column::2] = rgb[row::2, column::2, 'rgb'.index(letter)]
    return mosaic


FLAT = (200, 100, 20)


@pytest.mark.parametrize('size', [(9, 12), (8, 11), (9, 11), (3, 3)])
@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_a_bayer_mosaic_may_have_odd_sides(convert, pattern, bits, size):
    kind = np.uint8 if bits == 8 else np.uint16
    rgb = np.full((*size, 3), FLAT, kind) * kind(1 if bits == 8 else 257)
    mosaic = bayer(rgb, pattern).astype('<u2' if bits == 16 else np.uint8)
    msg = message(f'bayer_{pattern}{bits}', *size, [row.tobytes() for row in mosaic])
    back = rgb_of(msg, convert, bits=16)
    assert back.shape == (*size, 3)
    assert back.reshape(-1, 3).tolist() == [list(FLAT)] * (size[0] * size[1])


@pytest.mark.parametrize('size', [(3, 4), (4, 5), (3, 5), (2, 3), (5, 2)])
@pytest.mark.parametrize('encoding', ['uyvy', 'yuyv'])
def test_yuv_422_may_have_odd_sides(convert, encoding, size):
    height, width = size
    rng = np.random.default_rng(1)
    luma = rng.integers(60, 180, size)
    u, v = (rng.integers(90, 160, (height, (width + 1) // 2)) for _ in range(2))
    # The last of an odd number of pixels has its u, and the v of the pair before it.
    if width % 2:
        v[:, -1] = v[:, -2]
    rows = []
    for row in range(height):
        pairs = [(luma[row, x], (u, v)[x % 2][row, x // 2]) for x in range(width)]
        if encoding == 'uyvy':
            pairs = [(color, light) for light, color in pairs]
        rows.append(bytes(int(number) for pair in pairs for number in pair))
    rgb = rgb_of(message(encoding, *size, rows), convert).astype(float)
    base = 1.164 * (luma - 16.0)
    u, v = (np.repeat(plane, 2, axis=1)[:, :width] - 128.0 for plane in (u, v))
    expected = np.stack(
        [base + 1.596 * v, base - 0.813 * v - 0.391 * u, base + 2.018 * u], axis=-1
    )
    np.testing.assert_allclose(rgb, np.clip(expected, 0, 255), atol=2)


@pytest.mark.parametrize('size', [(4, 4), (5, 4), (4, 5), (5, 5), (1, 1)])
@pytest.mark.parametrize(('encoding', 'pair'), [('nv12', (90, 170)), ('nv21', (170, 90))])
def test_planar_yuv_420_follows_bt601_and_may_have_odd_sides(convert, encoding, pair, size):
    height, width = size
    columns = width + width % 2
    rows = [bytes([120] * width)] * height
    rows += [bytes(pair) * (columns // 2)] * ((height + 1) // 2)
    for step in (columns, columns + 2):
        rgb = rgb_of(message(encoding, *size, rows, step=step), convert)
        assert rgb.shape == (*size, 3)
        np.testing.assert_allclose(rgb[..., 0], 1.164 * 104 + 1.596 * 42, atol=1.5)
        np.testing.assert_allclose(rgb[..., 2], 1.164 * 104 - 2.018 * 38, atol=1.5)


@pytest.mark.parametrize('encoding', DEPTH_ENCODINGS)
def test_depth_is_no_image(encoding):
    size = {'1': 2, '3': 4, '6': 8}[encoding[0]]
    msg = message(encoding, 2, 3, [bytes(3 * size)] * 2)
    with pytest.raises(ConversionError, match=f'{encoding} is depth, not an image') as caught:
        rgb_of(msg)
    assert caught.value.reason == 'depth, not an image'


@pytest.mark.parametrize(
    'form',
    [
        *('16UC1; compressedDepth png', '32FC1; compressedDepth png', 'compresseddepth'),
        *('16UC1; png compressed ', '16uc1; png'),
    ],
)
def test_compressed_depth_is_no_image(form):
    data = cv2.imencode('.png', np.full((8, 8), 2000, np.uint16))[1].tobytes()
    with pytest.raises(ConversionError, match='is depth, not an image'):
        rgb_of(compressed(data, form))


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize(
    'form', ['bayer_{}; png compressed ', 'bayer_{0}; png compressed bayer_{0}']
)
def test_a_mosaic_in_a_png_gets_its_colours_by_the_format(pattern, bits, form):
    kind = np.uint8 if bits == 8 else np.uint16
    rgb = np.full((9, 12, 3), FLAT, kind) * kind(1 if bits == 8 else 257)
    data = cv2.imencode('.png', bayer(rgb, pattern))[1].tobytes()
    back = rgb_of(compressed(data, form.format(f'{pattern}{bits}')), bits=16)
    assert back.reshape(-1, 3).tolist() == [list(FLAT)] * 108


@pytest.mark.parametrize(
    'form',
    [
        'bayer_rggb8; jpeg compressed ',
        'bayer_rggb8; jpeg compressed bayer_rggb8',
        'BAYER_RGGB8; JPEG compressed',
        'jpeg; bayer_rggb8',
    ],
)
def test_a_mosaic_in_a_jpeg_gets_its_colours_by_the_format(form):
    mosaic = bayer(np.full((32, 32, 3), FLAT, np.uint8), 'rggb')
    data = cv2.imencode('.jpg', mosaic, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    back = rgb_of(compressed(data, form))
    np.testing.assert_allclose(back.astype(int), np.full(back.shape, FLAT), atol=6)


def test_a_mosaic_that_was_coloured_before_it_was_compressed_stays_as_it_is():
    rgb = noise()
    msg = compressed(encoded('.png', rgb), 'bayer_rggb8; png compressed bgr8')
    np.testing.assert_array_equal(rgb_of(msg), rgb)


@pytest.mark.parametrize('form', ['bayer_rggb8; png compressed ', 'bayer_rgbw8; png compressed '])
def test_a_mosaic_that_is_none_is_refused(form):
    pixels = noise() if 'rggb' in form else noise()[..., 0]
    with pytest.raises(ConversionError, match=form.strip()):
        rgb_of(compressed(cv2.imencode('.png', pixels)[1].tobytes(), form))


@pytest.mark.parametrize(
    ('form', 'data', 'words'),
    [
        ('jxl', b'\xff\x0a' + bytes(300), 'JPEG XL'),
        ('h264', b'\0\0\0\x01\x67' + bytes(300), 'H.264'),
        ('h264', b'\x02' + bytes(300), 'h264'),
        ('hevc', b'\x40\x01' + bytes(300), 'hevc'),
        ('av1', b'\x12\0' + bytes(300), 'av1'),
        ('jpeg', b'\0\0\0\x01\x67' + bytes(300), 'H.264'),
    ],
)
def test_a_format_that_is_not_supported_is_not_called_damaged(form, data, words):
    with pytest.raises(
        ConversionError, match=f'{words}.*not supported: configure .* jpeg'
    ) as caught:
        rgb_of(compressed(data, form))
    assert caught.value.reason == 'unsupported format'


def of_bits(bits, height=8, width=9):
    """Give an image of a sensor of so many bits, whose 8-bit copy is known."""
    shades = np.linspace(0, 255, height * width).round().reshape(height, width)
    values = np.round(shades * ((1 << bits) - 1) / 255).astype(np.uint16)
    return values, shades.astype(np.uint8)


@pytest.mark.parametrize('bits', [8, 10, 12, 14, 16])
def test_fewer_bits_than_sixteen_are_found_everywhere_by_the_largest_value(tmp_path, bits):
    values, shades = of_bits(bits)
    grey = message('mono16', 8, 9, [row.astype('<u2').tobytes() for row in values])
    alpha = np.dstack([values] * 3 + [np.full_like(values, 65535)])
    color = message('rgba16', 8, 9, [row.astype('<u2').tobytes() for row in alpha])
    data = cv2.imencode('.png', values)[1].tobytes()
    (tmp_path / 'p.png').write_bytes(data)
    stored = read_stored_image(tmp_path / 'p.png')
    readers = [ImageReader() for _ in range(3)]
    messages = (grey, color, compressed(data, 'mono16; png compressed '))
    images = [reader.rgb(msg) for reader, msg in zip(readers, messages, strict=True)]
    for rgb in (*images, stored.rgb):
        np.testing.assert_allclose(rgb.astype(int), np.dstack([shades] * 3), atol=1)
    for text in (stored.notes[0], *(reader.bits.text for reader in readers)):
        assert f'{bits} significant bits' in text


@pytest.mark.parametrize('bits', [10, 12])
def test_a_mosaic_of_fewer_bits_than_sixteen_has_its_brightness(bits):
    rgb = np.full((8, 8, 3), (1.0, 0.5, 0.25)) * ((1 << bits) - 1)
    mosaic = bayer(rgb.round().astype(np.uint16), 'grbg').astype('<u2')
    msg = message('bayer_grbg16', 8, 8, [row.tobytes() for row in mosaic])
    np.testing.assert_allclose(rgb_of(msg)[4, 4].astype(int), (255, 128, 64), atol=1)


def test_the_bits_of_a_camera_never_become_fewer():
    def grey(value):
        return message('mono16', 1, 1, [value.to_bytes(2, 'little')])

    reader = ImageReader()
    assert 'bits' not in reader.bits.text
    assert reader.rgb(grey(1000))[0, 0, 0] == round(255 * 1000 / 1023)
    assert reader.rgb(grey(4095))[0, 0, 0] == 255
    assert reader.rgb(grey(1000))[0, 0, 0] == round(255 * 1000 / 4095)
    assert '12 significant bits: the largest value' in reader.bits.text


def test_configured_bits_are_taken_and_what_exceeds_them_is_reported():
    msg = message('mono16', 1, 2, [b'\xff\x03\x00\x02'])  # 1023, 512
    reader = ImageReader()
    assert reader.rgb(msg, bits=12)[0, :, 0].tolist() == [64, 32]  # 255 x 1023 / 4095, …
    assert reader.bits.text.endswith('12 significant bits: as configured')
    assert reader.rgb(msg, bits=9)[0, :, 0].tolist() == [255, 255]
    assert 'larger values' in reader.bits.text


class Bridge(types.ModuleType):
    """Stand in for cv_bridge: what imgmsg_to_cv2 documents, for bgr8 and rgb8 only."""

    class CvBridgeError(TypeError):
        pass

    def __init__(self, broken: bool = False):
        super().__init__('cv_bridge')
        self.requested = []
        bridge = self

        class CvBridge:
            def imgmsg_to_cv2(self, msg, desired_encoding):
                if broken:
                    raise ImportError('numpy.core.multiarray failed to import')
                if msg.encoding not in ('bgr8', 'rgb8'):
                    raise Bridge.CvBridgeError(f'[{msg.encoding}] is not a color format')
                bridge.requested.append((msg.encoding, desired_encoding, msg.step, len(msg.data)))
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
    rgb = rgb_of(message('8UC3', 1, 2, [bytes([3, 2, 1] * 2)], step=10))
    assert rgb.tolist() == [[[1, 2, 3]] * 2]
    assert bridge.requested[-1] == ('bgr8', 'rgb8', 6, 6)
    assert best_converter() is convert_with_cv_bridge


def test_a_broken_cv_bridge_is_not_used(monkeypatch, unknown_best):
    monkeypatch.setitem(sys.modules, 'cv_bridge', Bridge(broken=True))
    rgb = rgb_of(message('bgr8', 1, 1, [bytes([3, 2, 1])]))
    assert rgb.tolist() == [[[1, 2, 3]]]
    assert best_converter() is convert_with_opencv


def test_what_cv_bridge_refuses_is_a_conversion_error(monkeypatch, unknown_best):
    monkeypatch.setitem(sys.modules, 'cv_bridge', Bridge())
    with pytest.raises(ConversionError, match='not a color format'):
        rgb_of(message('mono8', 1, 1, [b'a']))


@pytest.mark.parametrize('side', [9_000, 20_000])
def test_an_image_of_too_many_pixels_is_refused_by_its_header(side):
    header = struct.pack('<2sIIIIiiHHIIiiII', b'BM', 0, 0, 54, 40, side, side, 1, 24, *[0] * 6)
    with pytest.raises(ConversionError, match='at most 64000000 px in all are allowed'):
        rgb_of(compressed(header, 'bmp'))
