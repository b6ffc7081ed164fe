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
        'Source of the images: the number of a webcam, a video, a folder, an image or a list of '
        "images. 'photographs' shows the photographs of scikit-image and scikit-learn. "
        "'trajectory' renders a camera trajectory and publishes ground_truth/depth and "
        "ground_truth/domain. ['trajectory', 'photographs'] shows both.",
        dynamic_typing=True,
    ),
    'rate': _parameter(10.0, 'Rate of the images [Hz].', 0.1, 200.0, read_only=False),
    'dwell': _parameter(
        5.0,
        'Time for which each still image is repeated [s]. 0.0 publishes it once.',
        0.0,
        _MAX_DURATION_S,
    ),
    'loop': _parameter(True, 'Start the source again when it ends.'),
    'width': _parameter(
        0,
        'Width of the published images [px]. 0 keeps the width of the source, or its aspect ratio '
        'if height is set. If width and height are set, the image is cropped around its centre. '
        'A trajectory uses trajectory.width instead.',
        0,
        _MAX_SIDE_PX,
    ),
    'height': _parameter(
        0,
        'Height of the published images [px]. 0 keeps the height of the source, or its aspect '
        'ratio if width is set.',
        0,
        _MAX_SIDE_PX,
    ),
    'wait_for_subscribers': _parameter(
        0,
        'Number of subscribers of the image topics at which the source starts. 0 starts at once.',
        0,
        100,
    ),
    'trajectory.kind': _parameter(
        'door',
        "Rendered trajectory. 'room' circles in a room, 'street' follows a street, 'door' leaves "
        "a house and comes back, 'step' goes to the edge of a platform.",
        choices=tuple(PLANS),
    ),
    'trajectory.seed': _parameter(
        0, 'Seed of the rendered world; equal seeds give equal images.', 0, 2**31 - 1
    ),
    'trajectory.duration': _parameter(
        0.0,
        'Largest duration of the trajectory [s]. The camera moves faster to keep it, but not near '
        'doors. 0.0 moves the camera at walking speed.',
        0.0,
        _MAX_DURATION_S,
    ),
    'trajectory.width': _parameter(
        320, 'Width of the images of a trajectory [px]. Their aspect ratio is 4:3.', 32, 1920
    ),
    'frame_id': _parameter(
        'camera_optical_frame', 'TF frame of the images: x right, y down, z forward.'
    ),
    'camera_info_file': _parameter(
        '',
        'Calibration file of ROS, Kalibr, OpenCV, RealSense or OAK. FILE:CAMERA selects one of '
        'several cameras. Empty uses hfov.',
    ),
    'hfov': _parameter(
        1.0472,
        'Horizontal field of view of the published images, used if camera_info_file is empty '
        '[rad]. 0.0 publishes no camera_info.',
        0.0,
        3.12,
    ),
}
"""Name -> default and descriptor."""
