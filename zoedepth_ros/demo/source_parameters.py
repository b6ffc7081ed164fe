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
        'Source of the images: the number of a webcam, a video, a folder, an image or a list '
        "of images. 'photographs' shows the photographs of scikit-image and scikit-learn. "
        "'trajectory' renders the view of a moving camera and publishes its exact depth on "
        "ground_truth/depth and indoor or outdoor on ground_truth/domain. ['trajectory', "
        "'photographs'] shows the trajectory, then the photographs.",
        dynamic_typing=True,
    ),
    'rate': _parameter(10.0, 'Rate of the published images [Hz].', 0.1, 200.0, read_only=False),
    'dwell': _parameter(
        5.0,
        'Time [s] for which each still image is published again and again. 0.0 publishes each '
        'still image once.',
        0.0,
        _MAX_DURATION_S,
    ),
    'loop': _parameter(True, 'Start the source again when it has ended.'),
    'width': _parameter(
        0,
        'Width of the published images [px]. 0 keeps the width of the source or, if height is '
        'set, its aspect ratio. If width and height are set, the image is cropped around its '
        'centre. The width of a rendered trajectory is trajectory.width.',
        0,
        _MAX_SIDE_PX,
    ),
    'height': _parameter(
        0,
        'Height of the published images [px]. 0 keeps the height of the source or, if width '
        'is set, its aspect ratio.',
        0,
        _MAX_SIDE_PX,
    ),
    'wait_for_subscribers': _parameter(
        0,
        'Number of subscribers that the image topics must have before the source starts. 0 '
        'starts at once.',
        0,
        100,
    ),
    'trajectory.kind': _parameter(
        'door',
        "Path of the rendered camera. 'room' circles in a room, 'street' follows a street, "
        "'door' leaves a house and comes back, 'step' goes to the edge of a platform.",
        choices=tuple(PLANS),
    ),
    'trajectory.seed': _parameter(
        0, 'Seed of the rendered scene; equal seeds give equal images.', 0, 2**31 - 1
    ),
    'trajectory.duration': _parameter(
        0.0,
        'Largest duration of the trajectory [s]. For a short duration the camera moves faster '
        'than at walking speed, except near doors. 0.0 sets no limit: the camera moves at '
        'walking speed.',
        0.0,
        _MAX_DURATION_S,
    ),
    'trajectory.width': _parameter(
        320,
        'Width of the images of a rendered trajectory [px]. The height is three quarters of '
        'the width.',
        32,
        1920,
    ),
    'frame_id': _parameter(
        'camera_optical_frame', 'TF frame of the images: x right, y down, z forward.'
    ),
    'camera_info_file': _parameter(
        '',
        'Calibration file of ROS, Kalibr, OpenCV, RealSense or OAK. FILE:CAMERA selects one '
        'camera of a file with several cameras. An empty text uses hfov instead of a '
        'calibration file.',
    ),
    'hfov': _parameter(
        1.0472,
        'Horizontal field of view of the published images [rad], used if camera_info_file is '
        'empty. 0.0 publishes no camera_info.',
        0.0,
        3.12,
    ),
}
"""Name -> default and descriptor."""
