"""Malformed messages: every one is refused with a reason or understood, and nothing breaks.

ZOEDEPTH_FUZZ_CASES=100000 fuzzes that often instead of a little.
"""

import array

import cv2
import numpy as np
import pytest
from camera_keeper import CameraKeeper
from fuzzing import some
from hypothesis import given
from hypothesis import strategies as st
from processor_bench import Bench
from ros_harness import camera_info_message, rgb_image
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from zoedepth_ros.messages.camera import CameraUnknown
from zoedepth_ros.messages.images import ConversionError, ImageReader
from zoedepth_ros.ros.parameters.node_settings import settings_from

# name -> bytes per pixel, fewest rows and columns that have colours; from sensor_msgs'
# image_encodings.hpp
LAYOUTS = {
    'rgb8': (3, 1), 'bgr8': (3, 1), 'rgba8': (4, 1), 'bgra8': (4, 1), 'mono8': (1, 1),
    'mono16': (2, 1), 'rgb16': (6, 1), 'bgra16': (8, 1), '8UC3': (3, 1), 'bayer_rggb8': (1, 3),
    'bayer_gbrg16': (2, 3), 'uyvy': (2, 2), 'yuv422_yuy2': (2, 2), 'nv12': (1, 1),
}  # fmt: skip
DEPTH = ('16UC1', '32FC1')
UINT32 = st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1))
BYTES = st.integers(0, 255)


def rows_of(encoding, height):
    """Give the rows in memory; nv12: half as many, rounded up, follow with colours."""
    return height + (height + 1) // 2 if encoding == 'nv12' else height


@st.composite
def images(draw):
    """Give a good Image with up to two of its fields replaced by anything."""
    encoding = draw(st.sampled_from(sorted(LAYOUTS)))
    pixel_bytes, _least = LAYOUTS[encoding]
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    step = width * pixel_bytes + draw(st.sampled_from([0, 0, 1, 7]))
    fields = {'height': height, 'width': width, 'step': step, 'encoding': encoding}
    wrong = draw(st.sets(st.sampled_from([*fields, 'data']), max_size=2))
    count = step * rows_of(encoding, height)
    if 'data' in wrong:
        count = draw(st.integers(0, 2 * count + 8))
    for name in sorted(wrong - {'data'}):
        strange = st.one_of(st.text(max_size=12), st.sampled_from([*sorted(LAYOUTS), *DEPTH]))
        fields[name] = draw(strange if name == 'encoding' else UINT32)
    msg = Image(**fields, is_bigendian=draw(st.integers(0, 255)))
    msg.data = array.array('B', bytes([draw(BYTES)]) * count)
    return msg


def is_whole(msg):
    """Tell by the rules of sensor_msgs/Image whether a message is an image."""
    if msg.encoding not in LAYOUTS or not msg.height or not msg.width:
        return False
    pixel_bytes, least = LAYOUTS[msg.encoding]
    if min(msg.height, msg.width) < least:
        return False
    columns = msg.width + msg.width % 2 if msg.encoding == 'nv12' else msg.width
    fits = msg.step >= columns * pixel_bytes
    return fits and len(msg.data) == msg.step * rows_of(msg.encoding, msg.height)


def outcome(function, given_):
    """Give what a function returns, or the reason why it refused; any other error passes."""
    try:
        return function(given_), None
    except (ConversionError, CameraUnknown) as error:
        return None, error


@some(300, 0.4)
@given(images())
def test_an_image_is_an_image_of_its_size_or_refused_with_a_reason(msg):
    rgb, error = outcome(ImageReader().rgb, msg)
    if error is not None:
        assert not is_whole(msg)
        assert error.reason
        assert str(error)
    else:
        assert (rgb.shape, rgb.dtype) == ((msg.height, msg.width, 3), np.uint8)
        if msg.encoding in LAYOUTS:
            assert is_whole(msg)


def encoded(suffix):
    return cv2.imencode(suffix, rgb_image(24, 32))[1].tobytes()


WHOLE = [encoded('.jpg'), encoded('.png'), encoded('.bmp'), encoded('.webp'), b'', b'GIF89a']


@st.composite
def compressed_images(draw):
    """Give the bytes of an image, altered, cut, doubled or spliced."""
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(['set', 'cut', 'insert', 'splice']))
        if kind == 'set':
            data[at : at + 1] = bytes([draw(BYTES)])
        elif kind == 'cut':
            del data[at : at + draw(st.integers(1, 50))]
        elif kind == 'insert':
            data[at:at] = draw(st.binary(max_size=8))
        else:
            data[at:] = draw(st.sampled_from(WHOLE))[at:]
    return CompressedImage(
        format=draw(st.sampled_from(['jpeg', 'png', '', 'rgb8; jpeg compressed bgr8'])),
        data=array.array('B', bytes(data)),
    )


@some(300, 0.3)
@given(compressed_images())
def test_a_compressed_image_is_an_image_or_refused_with_a_reason(msg):
    rgb, error = outcome(ImageReader().rgb, msg)
    if error is not None:
        assert error.reason in ('damaged image', 'unsupported format')
    else:
        assert rgb.dtype == np.uint8
        assert rgb.ndim == 3
        assert min(rgb.shape) > 0


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp'])
def test_an_image_that_claims_to_be_huge_is_refused_before_it_is_unpacked(suffix):
    data = bytearray(encoded(suffix))
    huge = (60000).to_bytes(4, 'big')
    if suffix == '.png':
        data[16:24] = huge * 2
    elif suffix == '.bmp':
        huge = (10000).to_bytes(4, 'little')
        data[18:26] = huge * 2
    else:
        at = data.index(b'\xff\xc0') + 5  # start of frame, length, bits
        data[at : at + 4] = huge[2:] * 2
    with pytest.raises(ConversionError, match=r'(\d0000) x \1 px: at most'):
        ImageReader().rgb(CompressedImage(format='x', data=array.array('B', bytes(data))))


NUMBER = st.one_of(
    st.floats(),
    st.floats(1.0, 1000.0),
    st.sampled_from([0.0, -1.0, 1e-300, 1e300, float('nan'), float('inf')]),
)
MODELS = ['plumb_bob', 'rational_polynomial', 'equidistant', 'fisheye', '', 'none', 'thin_prism']


@st.composite
def camera_infos(draw):
    """Give a good CameraInfo with up to three fields replaced by anything."""
    msg = camera_info_message(24, 32)
    anything = {
        'height': UINT32,
        'width': UINT32,
        'distortion_model': st.one_of(st.sampled_from(MODELS), st.text(max_size=8)),
        'd': st.lists(NUMBER, max_size=15),
        'k': st.lists(NUMBER, min_size=9, max_size=9),
        'r': st.lists(NUMBER, min_size=9, max_size=9),
        'p': st.lists(NUMBER, min_size=12, max_size=12),
        'binning_x': UINT32,
        'binning_y': UINT32,
        'roi': st.builds(
            RegionOfInterest, x_offset=UINT32, y_offset=UINT32, height=UINT32, width=UINT32
        ),
    }
    for name in sorted(draw(st.sets(st.sampled_from(sorted(anything)), max_size=3))):
        setattr(msg, name, draw(anything[name]))
    for matrix in ('k', 'p'):  # one number wrong is likelier than all
        if draw(st.booleans()):
            values = list(getattr(msg, matrix))
            values[draw(st.integers(0, len(values) - 1))] = draw(NUMBER)
            setattr(msg, matrix, values)
    return msg


@some(300, 0.28)
@given(camera_infos(), st.sampled_from(['rectified', 'raw']))
def test_a_camera_info_makes_a_camera_or_is_refused_with_a_reason(msg, rectified):
    keeper = CameraKeeper('')
    keeper.set_info(msg)
    settings = settings_from({'camera.rectified': rectified})
    camera, error = outcome(lambda size: keeper.camera(*size, settings), (24, 32))
    if error is not None:
        assert error.reason
        return
    made = camera.model.intrinsics
    assert np.isfinite([made.fx_px, made.fy_px, made.cx_px, made.cy_px]).all()
    assert min(made.fx_px, made.fy_px) > 0.0
    assert camera.rays(4).shape == (6, 8, 2)
    assert not np.isinf(camera.rays(4)).any()
    reported = camera.info(Header())
    assert isinstance(reported, CameraInfo)


@some(100, 0.02)
@given(st.one_of(images(), compressed_images()), camera_infos())
def test_whatever_comes_in_is_published_or_counted(msg, info):
    """A camera without one usable ray, or one pixel alone, may fail; the node counts that."""
    bench = Bench(**{'scan.enabled': True})
    bench.camera.set_info(info)
    msg.header.stamp = bench.message().header.stamp
    try:
        bench.process(msg)
    except ValueError:
        bench.statistics.note_drop('inference failed')
    refused = sum(count for reason, count in bench.drops.items() if 'camera' not in reason)
    assert len(bench.sent()) + refused >= 1
