"""Files that other programs open: checked with other readers than our own."""

import math
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps, features

from zoedepth_ros.media.files import (
    ImageFileError,
    read_depth_png,
    read_image,
    read_stored_image,
    write_depth_png,
    write_image,
    write_ply,
)
from zoedepth_ros.media.image_header import hfov_rad


def parse_ply(data: bytes):
    """Read a binary PLY by hand, without numpy's help for the layout."""
    head, body = data.split(b'end_header\n', 1)
    lines = head.decode('ascii').splitlines()
    assert lines[0] == 'ply'
    assert lines[1] == 'format binary_little_endian 1.0'
    count = int(next(line.split()[2] for line in lines if line.startswith('element vertex')))
    properties = [tuple(line.split()[1:]) for line in lines if line.startswith('property')]
    layout = '<' + ''.join({'float': 'f', 'uchar': 'B'}[kind] for kind, _ in properties)
    assert len(body) == count * struct.calcsize(layout)
    return [name for _, name in properties], list(struct.iter_unpack(layout, body))


def test_depth_is_written_in_millimetres(tmp_path):
    depth_m = np.array([[0.001, 1.0, 1.2344, 1.2346, 65.535]], np.float32)
    assert write_depth_png(tmp_path / 'd.png', depth_m) == 0
    mm = cv2.imread(str(tmp_path / 'd.png'), cv2.IMREAD_UNCHANGED)
    assert mm.dtype == np.uint16
    assert mm.tolist() == [[1, 1000, 1234, 1235, 65535]]


def test_depth_that_16_bits_do_not_hold_is_zero_and_counted(tmp_path):
    depth_m = np.array([[65.54, 80.0, 131.072, np.inf, np.nan, -3.0, 2.0]], np.float32)
    assert write_depth_png(tmp_path / 'd.png', depth_m) == 3
    mm = cv2.imread(str(tmp_path / 'd.png'), cv2.IMREAD_UNCHANGED)
    assert mm.tolist() == [[0, 0, 0, 0, 0, 0, 2000]]


def test_depth_comes_back_with_unknown_as_nan(tmp_path):
    depth_m = np.array([[0.5, np.nan, 3.25]], np.float32)
    write_depth_png(tmp_path / 'd.png', depth_m)
    np.testing.assert_allclose(read_depth_png(tmp_path / 'd.png'), depth_m, atol=5e-4)


def test_an_eight_bit_image_is_not_read_as_depth(tmp_path):
    write_image(tmp_path / 'p.png', np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ImageFileError, match='16-bit'):
        read_depth_png(tmp_path / 'p.png')


def test_a_cloud_with_colours_is_read_by_a_parser_written_by_hand(tmp_path):
    points = np.array([[1.5, -2.0, 3.0], [0.25, 0.5, 0.75]], np.float32)
    rgb = np.array([[255, 128, 0], [1, 2, 3]], np.uint8)
    assert write_ply(tmp_path / 'c.ply', points, rgb) == 2
    names, rows = parse_ply((tmp_path / 'c.ply').read_bytes())
    assert names == ['x', 'y', 'z', 'red', 'green', 'blue']
    assert rows == [(1.5, -2.0, 3.0, 255, 128, 0), (0.25, 0.5, 0.75, 1, 2, 3)]


def test_a_cloud_without_colours_has_only_coordinates(tmp_path):
    write_ply(tmp_path / 'c.ply', np.array([[1.0, 2.0, 3.0]], np.float32))
    assert parse_ply((tmp_path / 'c.ply').read_bytes()) == (['x', 'y', 'z'], [(1.0, 2.0, 3.0)])


def test_points_that_are_not_finite_are_left_out_with_their_colours(tmp_path):
    points = np.ones((2, 2, 3), np.float32)
    points[0, 0] = np.nan
    points[1, 1, 2] = np.inf
    rgb = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert write_ply(tmp_path / 'c.ply', points, rgb) == 2
    _, rows = parse_ply((tmp_path / 'c.ply').read_bytes())
    assert [row[3:] for row in rows] == [(3, 4, 5), (6, 7, 8)]


def test_an_empty_cloud_is_a_valid_file(tmp_path):
    write_ply(tmp_path / 'c.ply', np.empty((0, 3), np.float32), np.empty((0, 3), np.uint8))
    assert parse_ply((tmp_path / 'c.ply').read_bytes())[1] == []


TWO = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ('words', 'arguments'),
    [
        ('expected points', (np.ones((6, 4), np.float32),)),
        ('one colour .uint8. for each of 2 points', (TWO, np.ones((3, 3), np.uint8))),
        ('one colour .uint8. for each of 2 points', (TWO, np.ones((2, 3)))),
        ('expected std_m of 2 points', (TWO, None, np.ones(3, np.float32))),
    ],
)
def test_a_cloud_of_other_arrays_is_refused(tmp_path, words, arguments):
    with pytest.raises(ValueError, match=words):
        write_ply(tmp_path / 'c.ply', *arguments)


def test_depth_is_not_written_with_8_bits(tmp_path):
    with pytest.raises(OSError, match=r'd\.jpg: expected .*\.png'):
        write_depth_png(tmp_path / 'd.jpg', np.ones((2, 3), np.float32))


def test_an_image_is_read_red_first(tmp_path):
    write_image(tmp_path / 'p.png', np.full((2, 3, 3), (10, 20, 200), np.uint8))
    rgb = read_image(tmp_path / 'p.png')
    assert rgb.shape == (2, 3, 3)
    assert rgb.dtype == np.uint8
    assert rgb[0, 0].tolist() == [200, 20, 10]


@pytest.mark.parametrize('stored', ['grey', 'alpha', 'deep'])
def test_every_kind_of_image_becomes_three_bytes_a_pixel(tmp_path, stored):
    image = {
        'grey': np.full((4, 4), 100, np.uint8),
        'alpha': np.full((4, 4, 4), 100, np.uint8),
        'deep': np.full((4, 4, 3), 100 * 257, np.uint16),
    }[stored]
    cv2.imwrite(str(tmp_path / 'p.png'), image)
    rgb = read_image(tmp_path / 'p.png')
    assert rgb.shape == (4, 4, 3)
    assert rgb[0, 0].tolist() == [100, 100, 100]


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('value', range(1, 9))
def test_an_image_held_any_way_comes_upright_as_pillow_says(tmp_path, suffix, order, value):
    rgb = np.zeros((16, 32, 3), np.uint8)
    rgb[:8, :16] = 255  # one bright corner tells all eight apart, with the shape
    rgb[:8, 16:] = 120
    path = tmp_path / f'p{suffix}'
    exif = Image.Exif()
    exif.endian, exif[0x0100], exif[0x0112] = order, 32, value  # after the tag ImageWidth
    Image.fromarray(rgb).save(path, exif=exif, quality=100)
    assert {'<': b'II*\0', '>': b'MM\0*'}[order] in path.read_bytes()
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert('RGB')).astype(int)
    read = read_stored_image(path)
    assert read.orientation == value
    assert read.rgb.shape == expected.shape
    assert np.abs(read.rgb.astype(int) - expected).max() < 10


@pytest.mark.skipif(not features.check('avif'), reason='needs a Pillow that writes AVIF')
@pytest.mark.parametrize('value', range(1, 9))
def test_a_rotated_avif_comes_upright_as_pillow_says(tmp_path, value):
    rgb = np.zeros((32, 64, 3), np.uint8)
    rgb[:16, :32], rgb[:16, 32:] = 255, 120
    exif = Image.Exif()
    exif[0x0112] = value
    Image.fromarray(rgb).save(tmp_path / 'p.avif', exif=exif, quality=100)
    if cv2.imread(str(tmp_path / 'p.avif')) is None:
        pytest.skip('this OpenCV does not read AVIF')
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / 'p.avif'))).astype(int)
    read = read_image(tmp_path / 'p.avif').astype(int)
    assert read.shape == expected.shape
    assert np.abs(read - expected).max() < 10


@pytest.mark.parametrize(
    ('what', 'tags'),
    [
        ('separate planes', {258: (3, 3 * (16,)), 277: (3, (3,)), 284: (3, (2,))}),
        ('rotated', {258: (3, (8,)), 274: (3, (6,)), 277: (3, (1,)), 322: (3, (16,))}),
    ],
)
def test_a_tiff_file_that_opencv_reads_wrongly_is_refused(tmp_path, what, tags):
    head = struct.pack('<2sHIH', b'II', 42, 8, len(tags))
    entries, values = b'', b''
    for tag, (kind, numbers) in tags.items():
        packed = struct.pack(f'<{len(numbers)}H', *numbers)
        if len(packed) > 4:
            at = len(head) + 12 * len(tags) + 4
            packed, values = struct.pack('<I', at), packed
        entries += struct.pack('<HHI4s', tag, kind, len(numbers), packed)
    (tmp_path / 'p.tif').write_bytes(head + entries + bytes(4) + values)
    with pytest.raises(ImageFileError, match=what):
        read_image(tmp_path / 'p.tif')


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.webp'])
@pytest.mark.parametrize(
    ('turned', 'width_mm'),  # of 43.267 mm across, 4 to 3: 34.613 mm and 25.960 mm
    [(1, 34.613), (6, 25.960)],
)
def test_the_field_of_view_is_that_of_the_focal_length_as_pillow_writes_it(
    tmp_path, suffix, turned, width_mm
):
    exif = Image.Exif()
    exif[0x0112] = turned
    exif[0x8769] = {0xA405: 26}  # get_ifd() of a new Exif keeps nothing in Pillow 9.0 (Humble)
    path = tmp_path / f'p{suffix}'
    Image.new('RGB', (40, 30)).save(path, exif=exif)
    expected_rad = 2 * math.atan(width_mm / 2 / 26)
    assert read_stored_image(path).hfov_rad == pytest.approx(expected_rad, rel=1e-4)


def test_a_tiff_file_has_the_field_of_view_of_its_exif():
    exif = Image.Exif()
    exif[0x8769] = {0xA405: 26}
    tiff = exif.tobytes().removeprefix(b'Exif\0\0')
    assert hfov_rad(tiff, 40, 30) == pytest.approx(2 * math.atan(34.613 / 2 / 26), rel=1e-4)


@pytest.mark.parametrize('cut_at', range(8, 60, 3))
def test_a_damaged_exif_has_no_field_of_view(cut_at):
    exif = Image.Exif()
    exif[0x8769] = {0xA405: 26}
    block = exif.tobytes()[:cut_at]
    data = b'\xff\xd8\xff\xe1' + struct.pack('>H', len(block) + 2) + block
    assert hfov_rad(data, 40, 30) in (0.0, pytest.approx(2 * math.atan(34.613 / 52), rel=1e-4))


def test_an_image_without_exif_is_upright(tmp_path):
    write_image(tmp_path / 'p.jpg', np.zeros((8, 8, 3), np.uint8))
    read = read_stored_image(tmp_path / 'p.jpg')
    assert (read.orientation, read.hfov_rad) == (1, 0.0)


@pytest.mark.parametrize('content', [b'', b'hello', b'\xff\xd8\xff\xe1\x00', b'\x89PNG\r\n\x1a\n'])
def test_what_is_no_image_is_refused_by_name(tmp_path, content):
    (tmp_path / 'strange.jpg').write_bytes(content)
    with pytest.raises(ImageFileError, match=r'strange\.jpg'):
        read_image(tmp_path / 'strange.jpg')


def test_a_missing_image_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        read_image(tmp_path / 'nowhere.png')


def test_a_folder_that_is_missing_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match='nowhere'):
        write_depth_png(tmp_path / 'nowhere' / 'd.png', np.ones((2, 2), np.float32))


def test_depth_in_metres_is_no_image(tmp_path):
    cv2.imwrite(str(tmp_path / 'depth.tiff'), np.full((8, 8), 2.5, np.float32))
    with pytest.raises(ImageFileError, match=r'depth\.tiff: the values of the image are float32'):
        read_image(tmp_path / 'depth.tiff')


def netpbm(kind, values, white):
    """Write a PGM, PPM or PAM file."""
    height, width = values.shape[:2]
    if kind == 'P7':
        head = (
            f'WIDTH {width}\nHEIGHT {height}\nDEPTH 1\nMAXVAL {white}\nTUPLTYPE GRAYSCALE\nENDHDR'
        )
    else:
        head = f'# MAXVAL 7\n{width} {height}\n# 12 34 56\n{white}'
    if kind in ('P2', 'P3'):
        data = ' '.join(map(str, values.ravel())).encode() + b'\n'
    else:
        data = values.astype('>u2' if white > 255 else 'u1').tobytes()
    return f'{kind}\n{head}\n'.encode() + data


@pytest.mark.parametrize('white', [2, 15, 100, 254, 255, 256, 300, 1000, 4095, 40_000])
@pytest.mark.parametrize('kind', ['P2', 'P3', 'P5', 'P6', 'P7'])
def test_the_value_of_white_in_the_header_of_a_netpbm_file_counts(tmp_path, kind, white):
    """Half of the file's range is half of white, also where no value is near white."""
    values = np.linspace(0, 0.6 * white, 40).round().astype(int).reshape(4, 10)
    if kind in ('P3', 'P6'):
        values = np.stack([values] * 3, axis=-1)
    (tmp_path / 'p.pnm').write_bytes(netpbm(kind, values, white))
    read = read_stored_image(tmp_path / 'p.pnm')
    exact = 255.0 * values / white
    exact = exact if exact.ndim == 3 else exact[..., None]
    np.testing.assert_allclose(read.rgb, np.broadcast_to(exact, (4, 10, 3)), atol=1.0)
    is_said = any(f'white has the value {white}, ' in text for text in read.notes)
    assert is_said == (white > 255 or (white < 255 and kind not in ('P2', 'P3')))


def test_a_pam_file_of_zeros_and_ones_is_refused_as_opencv_reads_eight_in_a_byte(tmp_path):
    (tmp_path / 'p.pam').write_bytes(netpbm('P7', np.eye(8, dtype=int), 1))
    with pytest.raises(ImageFileError, match=r'p\.pam: the image is a PAM file with MAXVAL 1'):
        read_image(tmp_path / 'p.pam')


def test_configured_bits_count_more_than_the_header_of_a_netpbm_file(tmp_path):
    values = np.full((4, 10), 512)
    (tmp_path / 'p.pgm').write_bytes(netpbm('P5', values, 4095))
    assert (read_stored_image(tmp_path / 'p.pgm', bits=10).rgb == 128).all()
    assert (read_stored_image(tmp_path / 'p.pgm').rgb == 32).all()


@pytest.mark.parametrize('name', ['p.unknown', 'p'])
def test_a_format_that_is_not_written_is_named(tmp_path, name):
    with pytest.raises(OSError, match=f'{name}: OpenCV cannot write uint8'):
        write_image(tmp_path / name, np.zeros((2, 2, 3), np.uint8))


def test_a_depth_image_of_impossible_size_is_refused_by_name(tmp_path):
    write_depth_png(tmp_path / 'd.png', np.ones((2, 2), np.float32))
    data = bytearray((tmp_path / 'd.png').read_bytes())
    data[16:24] = struct.pack('>II', 200_000, 200_000)  # IHDR: width, height
    data[29:33] = struct.pack('>I', zlib.crc32(data[12:29]))
    (tmp_path / 'd.png').write_bytes(data)
    with pytest.raises(ImageFileError, match='d.png: OpenCV cannot read the image'):
        read_depth_png(tmp_path / 'd.png')
