"""Every parameter of the source node: default, range, description."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

from zoedepth_ros.demo.sources.open_source import KINDS_OF_WALK, PHOTOGRAPHS

ENCODINGS = ('rgb8', 'bgr8', 'mono8')
TRANSPORTS = ('raw', 'compressed', 'both')
_MAX_RATE_HZ = 200.0

PARAMETERS: dict[str, tuple[Any, ParameterDescriptor]] = {
    'source': (
        PHOTOGRAPHS,
        ParameterDescriptor(
            description='Number of a webcam, a video, a folder, a picture, a list of pictures, '
            "'photographs' for those that come with scikit-image and scikit-learn, 'walk' for a "
            "drawn walk with truth/depth and truth/domain, or ['walk', 'photographs'].",
            dynamic_typing=True,
            read_only=True,
        ),
    ),
    'rate': (
        10.0,
        ParameterDescriptor(
            description='Pictures per second [Hz].',
            floating_point_range=[FloatingPointRange(from_value=0.1, to_value=_MAX_RATE_HZ)],
        ),
    ),
    'dwell': (
        5.0,
        ParameterDescriptor(
            description='How long one still picture is shown [s]; 0.0 is for one message.',
            floating_point_range=[FloatingPointRange(from_value=0.0, to_value=3600.0)],
            read_only=True,
        ),
    ),
    'loop': (
        True,
        ParameterDescriptor(description='Start again at the end.', read_only=True),
    ),
    'width': (
        0,
        ParameterDescriptor(
            description="Width of what is published [px]; 0 is the picture's own or follows "
            'the height. With both given the middle is cut out. A walk has walk.width.',
            integer_range=[IntegerRange(from_value=0, to_value=8192, step=1)],
            read_only=True,
        ),
    ),
    'height': (
        0,
        ParameterDescriptor(
            description="Height of what is published [px]; 0 is the picture's own or follows "
            'the width.',
            integer_range=[IntegerRange(from_value=0, to_value=8192, step=1)],
            read_only=True,
        ),
    ),
    'wait_for_subscribers': (
        0,
        ParameterDescriptor(
            description='Begin once the pictures have this many subscribers.',
            integer_range=[IntegerRange(from_value=0, to_value=100, step=1)],
            read_only=True,
        ),
    ),
    'walk.kind': (
        'door',
        ParameterDescriptor(
            description='Which walk is drawn: door goes from a house into the street and back.',
            additional_constraints=f'One of {", ".join(KINDS_OF_WALK)}.',
            read_only=True,
        ),
    ),
    'walk.seed': (
        0,
        ParameterDescriptor(
            description='Which house, which street; the same number draws the same walk.',
            integer_range=[IntegerRange(from_value=0, to_value=2**31 - 1, step=1)],
            read_only=True,
        ),
    ),
    'walk.duration': (
        0.0,
        ParameterDescriptor(
            description='How long the walk may take [s]: it is hurried away from the doors; 0.0 '
            'is a walking pace all the way.',
            floating_point_range=[FloatingPointRange(from_value=0.0, to_value=3600.0)],
            read_only=True,
        ),
    ),
    'walk.width': (
        320,
        ParameterDescriptor(
            description='Width of the pictures of a walk, which are 4:3 [px].',
            integer_range=[IntegerRange(from_value=32, to_value=1920, step=1)],
            read_only=True,
        ),
    ),
    'frame_id': (
        'camera_optical_frame',
        ParameterDescriptor(
            description='Frame of the pictures: x right, y down, z forward.', read_only=True
        ),
    ),
    'encoding': (
        'rgb8',
        ParameterDescriptor(
            description='Encoding of the raw pictures.',
            additional_constraints=f'One of {", ".join(ENCODINGS)}.',
            read_only=True,
        ),
    ),
    'image_transport': (
        'raw',
        ParameterDescriptor(
            description='Publish image, image/compressed (JPEG), or both.',
            additional_constraints=f'One of {", ".join(TRANSPORTS)}.',
            read_only=True,
        ),
    ),
    'jpeg_quality': (
        90,
        ParameterDescriptor(
            description='Quality of compressed pictures, 1 to 100.',
            integer_range=[IntegerRange(from_value=1, to_value=100, step=1)],
            read_only=True,
        ),
    ),
    'camera_info_file': (
        '',
        ParameterDescriptor(
            description='Calibration file of ROS, Kalibr, OpenCV, RealSense or OAK; '
            'FILE:CAMERA of one with several cameras; empty takes hfov.',
            read_only=True,
        ),
    ),
    'hfov': (
        1.0472,
        ParameterDescriptor(
            description='Horizontal field of view of the images as they are published [rad], '
            'when there is no calibration; 0.0 publishes no camera_info.',
            floating_point_range=[FloatingPointRange(from_value=0.0, to_value=3.12)],
            read_only=True,
        ),
    ),
}
"""Name -> default and descriptor."""
