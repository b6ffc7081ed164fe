"""JPEG files that decoders accept although a part is missing: told by their markers."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from zoedepth_ros.media.files import ImageFileError, read_image
from zoedepth_ros.media.jpeg import jpeg_end, jpeg_fault
from zoedepth_ros.messages.images import ConversionError, ImageReader

SCENE = cv2.GaussianBlur(
    np.random.default_rng(0).integers(0, 256, (93, 150, 3), np.uint8), (0, 0), 1
)
END, SCAN = b'\xff\xd9', b'\xff\xda'


def by_opencv(*options, scene=SCENE):
    return cv2.imencode('.jpg', scene, options)[1].tobytes()


def by_pillow(scene=SCENE, **options):
    file = io.BytesIO()
    Image.fromarray(scene).save(file, 'JPEG', **options)
    return file.getvalue()


RESTARTS = by_opencv(cv2.IMWRITE_JPEG_RST_INTERVAL, 4)
OPTIMIZED = by_opencv(cv2.IMWRITE_JPEG_OPTIMIZE, 1)
PROGRESSIVE = by_opencv(cv2.IMWRITE_JPEG_PROGRESSIVE, 1)


def marker_at(data, number):
    """Find where the restart marker of a number is, the first of all that are equal modulo 8."""
    return data.index(bytes([0xFF, 0xD0 + number]), data.index(SCAN))


def scan_at(data, number):
    at = -1
    for _ in range(number + 1):
        at = data.index(SCAN, at + 1)
    return at


@pytest.mark.parametrize('grey', [False, True], ids=['colour', 'grey'])
@pytest.mark.parametrize('subsampling', [0, 1, 2], ids=['444', '422', '420'])
@pytest.mark.parametrize(
    'options',
    [
        {},
        {'progressive': True},
        {'optimize': True},
        {'restart_marker_blocks': 1},
        {'restart_marker_rows': 1},
        {'progressive': True, 'restart_marker_blocks': 3},
        {'exif': b'Exif\0\0' + END + bytes(9)},
    ],
    ids=str,
)
def test_whole_files_of_every_form_have_no_fault(options, subsampling, grey):
    if grey:
        data = by_pillow(SCENE[..., 0].copy(), **options)
    else:
        data = by_pillow(subsampling=subsampling, **options)
    for rest in (b'', bytes(100), END, data):
        assert jpeg_fault(data + rest) == ''
        assert jpeg_end(data + rest) == len(data) - 2


@pytest.mark.parametrize('options', [{}, {'optimize': True}, {'quality': 1}, {'quality': 100}])
@pytest.mark.parametrize('value', [0, 1, 77, 128, 255])
def test_flat_areas_which_may_be_coded_as_zeros_are_no_fault(options, value):
    flat = np.full((480, 640, 3), value, np.uint8)
    half = flat.copy()
    half[:93, :150] = SCENE
    stripes = flat.copy()
    stripes[:, ::2] = 255 - value
    for image in (flat, half, stripes):
        assert jpeg_fault(by_pillow(image, **options)) == ''
        assert jpeg_fault(by_pillow(image[..., 0].copy(), **options)) == ''


def test_fill_bytes_and_what_decoders_skip_between_segments_are_no_fault():
    data = by_opencv()
    at = data.index(b'\xff\xdb')
    filled = data[:at] + b'\xff\xff\xff' + data[at:]
    np.testing.assert_array_equal(
        ImageReader().rgb(message(filled)), ImageReader().rgb(message(data))
    )
    ended = data[:-2] + b'\0\0\xff' + END  # 'extraneous bytes before marker', of many webcams
    np.testing.assert_array_equal(
        ImageReader().rgb(message(ended)), ImageReader().rgb(message(data))
    )


def message(data):
    class Compressed:
        format = 'jpeg'

    Compressed.data = data
    return Compressed


def without(data, begin, end):
    return data[:begin] + data[end:]


LATER = marker_at(RESTARTS, 3)
DAMAGED = {
    'the last scan of a progressive file is missing': (
        PROGRESSIVE[: PROGRESSIVE.rindex(SCAN)] + END, 'its last scans are missing',
    ),
    'half of a progressive file, closed': (
        PROGRESSIVE[: len(PROGRESSIVE) // 2] + END, 'its last scans are missing',
    ),
    'only the first scan': (
        PROGRESSIVE[: scan_at(PROGRESSIVE, 1)] + END, 'its last scans are missing',
    ),
    'a restart interval is lost': (
        without(RESTARTS, marker_at(RESTARTS, 2), LATER), 'restart markers are missing or out',
    ),
    'eight restart intervals are lost': (
        without(RESTARTS, LATER, RESTARTS.index(b'\xff\xd3', LATER + 1)),
        'restart markers instead',
    ),
    'cut at a restart marker, closed': (RESTARTS[:LATER] + END, 'restart markers instead'),
    'a restart marker is overwritten': (
        RESTARTS[:LATER] + b'\0\0' + RESTARTS[LATER + 2 :], 'restart markers are missing or out',
    ),
    'a marker in the compressed data': (
        by_opencv()[:-300] + b'\xff\xc1' + by_opencv()[-298:], 'a marker FF C1',
    ),
    'a packet of zeros in the middle': (
        by_opencv()[:2000] + bytes(64) + by_opencv()[2064:], 'zeros in the compressed data',
    ),
    'a packet of zeros, tables of its own': (
        OPTIMIZED[:2000] + bytes(64) + OPTIMIZED[2064:],
        'zeros in the compressed data',
    ),
    'a restart marker where there are none': (
        by_opencv()[:-300] + b'\xff\xd0' + by_opencv()[-298:], 'without a restart interval',
    ),
}  # fmt: skip


@pytest.mark.parametrize('name', DAMAGED)
def test_a_jpeg_whose_markers_contradict_it_is_refused_as_message_and_as_file(tmp_path, name):
    data, words = DAMAGED[name]
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None
    with pytest.raises(ConversionError, match=words) as caught:
        ImageReader().rgb(message(data))
    assert caught.value.reason == 'damaged image'
    (tmp_path / 'p.jpg').write_bytes(data)
    with pytest.raises(ImageFileError, match=words):
        read_image(tmp_path / 'p.jpg')


@pytest.mark.parametrize('data', [RESTARTS, PROGRESSIVE], ids=['restarts', 'progressive'])
def test_a_file_cut_or_overwritten_anywhere_is_looked_at_without_an_error(data):
    rng = np.random.default_rng(0)
    for at in rng.integers(2, len(data), 300):
        assert jpeg_fault(data[:at])
        overwritten = bytearray(data)
        overwritten[at] = rng.integers(256)
        jpeg_fault(bytes(overwritten))
