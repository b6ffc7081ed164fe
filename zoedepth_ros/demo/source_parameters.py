"""Every parameter of the image source: default, range, description."""

from __future__ import annotations

from functools import partial

from zoedepth_ros.demo.sources.open_source import PHOTOGRAPHS
from zoedepth_ros.pipeline.parameter import Parameter
from zoedepth_ros.synthetic.trajectory import PLANS

_MAX_SIDE_PX, _MAX_DURATION_S = 8192, 3600.0
_fixed = partial(Parameter, changeable='start')

PARAMETERS: tuple[Parameter, ...] = (
    _fixed(
        'source',
        PHOTOGRAPHS,
        'Source of the images: the number of a webcam, a video, a folder, an image or a list '
        "of images. 'photographs' shows the photographs of scikit-image and scikit-learn. "
        "'trajectory' renders the view of a moving camera and publishes its exact depth on "
        "ground_truth/depth and indoor or outdoor on ground_truth/domain. ['trajectory', "
        "'photographs'] shows the trajectory, then the photographs.",
    ),
    Parameter('rate', 10.0, 'Rate of the published images [Hz].', limits=(0.1, 200.0)),
    _fixed(
        'dwell',
        5.0,
        'Time [s] for which each still image is published again and again. 0.0 publishes each '
        'still image once.',
        limits=(0.0, _MAX_DURATION_S),
    ),
    _fixed('loop', True, 'Start the source again when it has ended.'),
    _fixed(
        'width',
        0,
        'Width of the published images [px]. 0 keeps the width of the source or, if height is '
        'set, the aspect ratio of the source. If width and height are set, the image is cropped '
        'around its centre. The width of a rendered trajectory is trajectory.width.',
        limits=(0, _MAX_SIDE_PX),
    ),
    _fixed(
        'height',
        0,
        'Height of the published images [px]. 0 keeps the height of the source or, if width is '
        'set, the aspect ratio of the source.',
        limits=(0, _MAX_SIDE_PX),
    ),
    _fixed(
        'wait_for_subscribers',
        0,
        'Number of subscribers that the image topics must have before the source starts. 0 '
        'starts at once.',
        limits=(0, 100),
    ),
    _fixed(
        'trajectory.kind',
        'door',
        "Path of the rendered camera. 'room' circles in a room, 'street' follows a street, "
        "'door' leaves a house and comes back, 'step' goes to the edge of a platform.",
        choices=tuple(PLANS),
    ),
    _fixed(
        'trajectory.seed',
        0,
        'Seed of the rendered scene; equal seeds give equal images.',
        limits=(0, 2**31 - 1),
    ),
    _fixed(
        'trajectory.duration',
        0.0,
        'Largest duration of the trajectory [s]. For a short duration the camera moves faster '
        'than at walking speed, except near doors. 0.0 sets no limit: the camera moves at '
        'walking speed.',
        limits=(0.0, _MAX_DURATION_S),
    ),
    _fixed(
        'trajectory.width',
        320,
        'Width of the images of a rendered trajectory [px]. The height is three quarters of '
        'the width.',
        limits=(32, 1920),
    ),
    _fixed(
        'frame_id', 'camera_optical_frame', 'TF frame of the images: x right, y down, z forward.'
    ),
    _fixed(
        'camera_info_file',
        '',
        'Calibration file of ROS, Kalibr, OpenCV, RealSense or OAK. FILE:CAMERA selects one '
        'camera of a file with several cameras. An empty text uses hfov instead of a '
        'calibration file.',
    ),
    _fixed(
        'hfov',
        1.0472,
        'Horizontal field of view of the published images [rad], used if camera_info_file is '
        'empty. 0.0 publishes no camera_info.',
        limits=(0.0, 3.12),
    ),
)
