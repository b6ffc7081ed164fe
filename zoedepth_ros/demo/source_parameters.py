"""Every parameter of the image source: default, range, description."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

from zoedepth_ros.demo.sources.open_source import PHOTOGRAPHS
from zoedepth_ros.synthetic.trajectory import PLANS

_MAX_SIDE_PX, _MAX_DURATION_S = 8192, 3600.0

Parameter = tuple[Any, ParameterDescriptor]
"""Default and descriptor."""


def _parameter(
    default: Any,
    description: str,
    low: float = 0,
    high: float = 0,
    *,
    choices: tuple[str, ...] = (),
    **options: bool,
) -> Parameter:
    """Declare a parameter; its range low..high counts if the default is a number."""
    descriptor = ParameterDescriptor(description=description, **{'read_only': True, **options})
    if choices:
        descriptor.additional_constraints = f'One of {", ".join(choices)}.'
    if isinstance(default, float):
        limits = FloatingPointRange(from_value=float(low), to_value=float(high))
        descriptor.floating_point_range = [limits]
    elif isinstance(default, int) and not isinstance(default, bool):
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return default, descriptor


PARAMETERS: dict[str, Parameter] = {
    'source': _parameter(
        PHOTOGRAPHS,
        "Number of a webcam, a video, a folder, an image, a list of images, 'photographs' for "
        "those that scikit-image and scikit-learn contain, 'trajectory' for a rendered camera "
        "trajectory with ground_truth/depth and ground_truth/domain, or ['trajectory', "
        "'photographs'].",
        dynamic_typing=True,
    ),
    'rate': _parameter(10.0, 'Images per second [Hz].', 0.1, 200.0, read_only=False),
    'dwell': _parameter(
        5.0, 'Time for each still image [s]; 0.0 publishes it once.', 0.0, _MAX_DURATION_S
    ),
    'loop': _parameter(True, 'Start again at the end.'),
    'width': _parameter(
        0,
        'Width of the published images [px]; 0 keeps the width of the source, or the aspect ratio '
        'if the height is set. If both are set, the centre is cropped. A trajectory uses '
        'trajectory.width instead.',
        0,
        _MAX_SIDE_PX,
    ),
    'height': _parameter(
        0,
        'Height of the published images [px]; 0 keeps the height of the source, or the aspect '
        'ratio if the width is set.',
        0,
        _MAX_SIDE_PX,
    ),
    'wait_for_subscribers': _parameter(
        0, 'Start when the image topics have this number of subscribers.', 0, 100
    ),
    'trajectory.kind': _parameter(
        'door',
        'Rendered trajectory: room circles in a room, street follows a street, door leaves a '
        'house and comes back, step goes to the edge of a platform.',
        choices=tuple(PLANS),
    ),
    'trajectory.seed': _parameter(
        0, 'Seed of the rendered world; equal seeds give equal images.', 0, 2**31 - 1
    ),
    'trajectory.duration': _parameter(
        0.0,
        'Maximum duration of the trajectory [s]: the camera moves faster away from the doors; '
        '0.0 is walking speed.',
        0.0,
        _MAX_DURATION_S,
    ),
    'trajectory.width': _parameter(
        320, 'Width of the images of a trajectory, which are 4:3 [px].', 32, 1920
    ),
    'frame_id': _parameter(
        'camera_optical_frame', 'Frame of the images: x right, y down, z forward.'
    ),
    'camera_info_file': _parameter(
        '',
        'Calibration file of ROS, Kalibr, OpenCV, RealSense or OAK; FILE:CAMERA selects one of '
        'several cameras; empty: hfov is used.',
    ),
    'hfov': _parameter(
        1.0472,
        'Horizontal field of view of the published images without calibration [rad]; 0.0 '
        'publishes no camera_info.',
        0.0,
        3.12,
    ),
}
"""Name -> default and descriptor."""
