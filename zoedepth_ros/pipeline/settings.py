"""The settings of one camera's images; ROS parameters and command-line options come from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zoedepth_ros.geometry.field_of_view import (
    NARROWEST_DEG,
    NARROWEST_RAD,
    WIDEST_DEG,
    WIDEST_RAD,
)
from zoedepth_ros.geometry.rectification import CHOICES
from zoedepth_ros.media.brightness import LEAST_BITS, MOST_BITS
from zoedepth_ros.pipeline.parameter import (
    MAX_RANGE_M,
    MAX_RATE_HZ,
    MAX_SIDE_PX,
    Value,
    parameter,
    with_values,
)

POINT_SOURCES = ('scan', 'points', 'motion')
"""Values of scale.source that give many points at a time."""


def _why_no_field_of_view(value: float) -> str | None:
    if value == 0.0 or NARROWEST_RAD <= value <= WIDEST_RAD:
        return None
    degrees = f'{NARROWEST_DEG:g} to {WIDEST_DEG:g} degrees'
    return f'expected 0.0, or {NARROWEST_RAD:.3f} to {WIDEST_RAD:.3f} rad ({degrees})'


def _why_no_bits(value: int) -> str | None:
    return None if value == 0 or value >= LEAST_BITS else f'expected 0, or {LEAST_BITS} or more'


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """Hold one consistent set of settings; each field is a parameter of the node.

    Raises ValueError for values that contradict each other.
    """

    # ---- depth -----------------------------------------------------------------------------
    depth_rate_hz: float = parameter(
        'depth.rate',
        0.0,
        'Rate of depth images [Hz]; 0.0 publishes one for every camera image.',
        limits=(0.0, MAX_RATE_HZ),
    )
    depth_encoding: str = parameter(
        'depth.encoding',
        '32FC1',
        'Encoding of depth/image: 32FC1 is metres, 16UC1 millimetres with 0 for invalid.',
        choices=('32FC1', '16UC1'),
    )
    depth_min_m: float = parameter(
        'depth.min',
        0.1,
        'Depth below this value is published as -Inf [m].',
        limits=(0.0, MAX_RANGE_M),
    )
    depth_max_m: float = parameter(
        'depth.max',
        0.0,
        'Depth above this value is published as +Inf, gives no point, marks no obstacle and '
        "clears nothing [m]; 0.0 uses the head's own range.",
        limits=(0.0, MAX_RANGE_M),
    )
    depth_scale: float = parameter(
        'depth.scale',
        1.0,
        'Factor on all depth, for example from `zoedepth calibrate`; besides `scale.source`.',
        limits=(0.01, 100.0),
    )
    # ---- scale -----------------------------------------------------------------------------
    scale_file: str = parameter(
        'scale.file',
        '',
        'File with the scale of each head, written by `zoedepth calibrate` and ~/save_scale; '
        'empty uses none.',
        changeable='start',
    )
    scale_source: str = parameter(
        'scale.source',
        'off',
        'Reference for estimating the scale at run time: height compares the ground plane with '
        'camera.height; scan, points and range compare depth with reference/scan, '
        'reference/points and reference/range; motion compares it with corners that are '
        'triangulated while the camera moves, by its poses in TF.',
        choices=('off', 'height', 'scan', 'points', 'range', 'motion'),
        changeable='inactive',
    )
    scale_odometry_frame: str = parameter(
        'scale.odometry_frame',
        'odom',
        'Frame in which the pose of the camera is looked up for scale.source motion, and in which '
        'scale.shape curve uses points of the last second again: one in which the pose never '
        'jumps.',
        changeable='inactive',
    )
    scale_max_rate: float = parameter(
        'scale.max_rate',
        0.1,
        'Largest relative change of the scale per second [1/s].',
        limits=(0.001, 1.0),
    )
    scale_shape: str = parameter(
        'scale.shape',
        'factor',
        "What the reference corrects: 'factor' is one factor on all depth, which follows slowly; "
        "'curve' is fitted to the points of each image, a smooth field over image and depth in "
        'which depth grows with predicted depth, where there are at least 30 points that are '
        "spread over the image and over depth. 'curve' needs scale.source scan, points or motion.",
        choices=('factor', 'curve'),
    )
    focal_correction: str = parameter(
        'focal_correction',
        'auto',
        "How depth is corrected for the camera's focal length: 'scale' multiplies it by the focal "
        "length relative to the training camera's; 'warp' resamples the image as the training "
        "camera would have taken it; 'auto' is 'scale' where the weights name their training "
        "camera and the image's camera is known, else 'off'.",
        choices=('auto', 'off', 'scale', 'warp'),
    )
    # ---- filters ---------------------------------------------------------------------------
    filter_edge: bool = parameter(
        'filter.edge',
        True,
        'Remove flying pixels, points between an object and its background, from clouds and scan.',
    )
    filter_max_uncertainty_m: float = parameter(
        'filter.max_uncertainty',
        0.0,
        'Depth with a larger standard deviation is NaN [m]; 0.0 disables the filter.',
        limits=(0.0, MAX_RANGE_M),
    )
    filter_temporal: bool = parameter(
        'filter.temporal',
        False,
        'Drop points of clouds and scan that the previous image does not confirm.',
    )
    filter_sky: bool = parameter(
        'filter.sky',
        True,
        'Set the sky to +Inf with the outdoor head: pixels that are far, above the horizon, '
        'smooth and connected to the upper edge of the image.',
    )
    filter_flicker: bool = parameter(
        'filter.flicker',
        False,
        'Keep the scale of depth constant while the scene does not move; adds no delay.',
    )
    # ---- clouds ----------------------------------------------------------------------------
    cloud_rate_hz: float = parameter(
        'cloud.rate',
        10.0,
        'Rate of point clouds [Hz]; 0.0 publishes one for every camera image.',
        limits=(0.0, MAX_RATE_HZ),
    )
    cloud_decimation: int = parameter(
        'cloud.decimation',
        4,
        'Stride of the pixels, in rows and columns, that become points of clouds.',
        limits=(1, 64),
    )
    cloud_color: bool = parameter(
        'cloud.color', True, 'Add the field rgb, the colour of the pixel, to `depth/points`.'
    )
    cloud_organized: bool = parameter(
        'cloud.organized',
        True,
        'Keep the rows and columns of the image, with NaN for unknown points; false publishes '
        'valid points only.',
    )
    cloud_max_range_m: float = parameter(
        'cloud.max_range',
        0.0,
        'Points with a larger depth are removed from depth/points only [m]; 0.0 sets no limit.',
        limits=(0.0, MAX_RANGE_M),
    )
    cloud_uncertainty: bool = parameter(
        'cloud.uncertainty',
        False,
        'Add the field std, the standard deviation of depth [m], to the points of depth/points, '
        'ground and obstacles.',
    )
    # ---- ground and obstacles --------------------------------------------------------------
    obstacles_min_height_m: float = parameter(
        'obstacles.min_height',
        0.10,
        'Points at most this high above the ground plane are ground, not obstacles [m].',
        limits=(0.0, 10.0),
    )
    obstacles_ground_slope: float = parameter(
        'obstacles.ground_slope',
        0.03,
        'Points up to obstacles.min_height plus this times their distance are ground, for slopes '
        'and measurement errors [m/m].',
        limits=(0.0, 1.0),
    )
    obstacles_max_height_m: float = parameter(
        'obstacles.max_height',
        1.8,
        'Points higher than this above the ground plane are not obstacles [m].',
        limits=(0.01, 100.0),
    )
    obstacles_max_range_m: float = parameter(
        'obstacles.max_range',
        5.0,
        'Largest distance of obstacles and ground; free rays end there [m].',
        limits=(0.1, MAX_RANGE_M),
    )
    obstacles_clearing_margin_m: float = parameter(
        'obstacles.clearing_margin',
        0.15,
        'Rays of `depth/points/clearing` end where they come this near to an obstacle of the same '
        'image: the height of a voxel of the costmap [m]. The topic then has all rays, also those '
        'to the ground and to obstacles. With 0 it has only rays on which nothing was seen up '
        'to obstacles.max_range, at full length.',
        limits=(0.0, 1.0),
    )
    # ---- cliffs ----------------------------------------------------------------------------
    cliffs_min_drop_m: float = parameter(
        'cliffs.min_drop',
        0.06,
        'Smallest drop behind an edge of the floor that gives points in depth/points/cliffs [m].',
        limits=(0.01, 2.0),
    )
    cliffs_min_width_m: float = parameter(
        'cliffs.min_width',
        0.2,
        'Edges that are shorter, measured along the edge, give no points [m].',
        limits=(0.0, 10.0),
    )
    cliffs_max_range_m: float = parameter(
        'cliffs.max_range',
        3.0,
        'Largest horizontal distance of an edge [m]; a low camera sees edges up to about 8 times '
        'its height.',
        limits=(0.1, MAX_RANGE_M),
    )
    cliffs_max_slope: float = parameter(
        'cliffs.max_slope',
        0.1,
        'Floor that descends with this slope or less is not a cliff [m/m].',
        limits=(0.0, 1.0),
    )
    cliffs_images: int = parameter(
        'cliffs.images',
        2,
        'How many of the last n + 1 images, the newest among them, must show an edge; 1 needs no '
        'second image.',
        limits=(1, 10),
    )
    # ---- scan ------------------------------------------------------------------------------
    scan_enabled: bool = parameter('scan.enabled', False, 'Publish `scan`, a 2D laser scan.')
    scan_mode: str = parameter(
        'scan.mode',
        'rows',
        "Pixels of the scan: 'rows' uses a band of image rows; 'height' uses what lies between "
        'obstacles.min_height and obstacles.max_height, for a camera at any pitch.',
        choices=('rows', 'height'),
    )
    scan_rows: int = parameter(
        'scan.rows',
        10,
        'Height of the band of rows around the optical axis that makes the scan [px].',
        limits=(1, MAX_SIDE_PX),
    )
    scan_range_max_m: float = parameter(
        'scan.range_max',
        10.0,
        'Range of the scan [m]: a beam is +Inf if nothing is within it, and NaN if depth is not '
        'known that far, because of the view, depth.max or the range of the head.',
        limits=(0.1, MAX_RANGE_M),
    )
    # ---- router ----------------------------------------------------------------------------
    router_mode: str = parameter(
        'router.mode',
        'auto',
        'Head that measures depth: auto follows the router, a name always uses that head.',
        choices=('auto', 'indoor', 'outdoor'),
    )
    router_rate_hz: float = parameter(
        'router.rate',
        2.0,
        'Rate at which the router runs and `domain` is published [Hz]; 0.0 is for every image.',
        limits=(0.0, MAX_RATE_HZ),
    )
    router_smoothing: float = parameter(
        'router.smoothing',
        0.5,
        "Weight of the past in the running mean of the router's probabilities, 0 to 0.99.",
        limits=(0.0, 0.99),
    )
    router_hysteresis: float = parameter(
        'router.hysteresis',
        0.15,
        'Lead in probability that the other head needs before it takes over, 0 to 0.99.',
        limits=(0.0, 0.99),
    )
    router_min_dwell_s: float = parameter(
        'router.min_dwell',
        1.0,
        'Shortest time between two switches of the head [s].',
        limits=(0.0, 3600.0),
    )
    router_handover_s: float = parameter(
        'router.handover',
        0.0,
        'Time constant of the change to the scale of a new head [s]; 0.0 changes at once.',
        limits=(0.0, 60.0),
    )
    # ---- camera ----------------------------------------------------------------------------
    camera_hfov_rad: float = parameter(
        'camera.hfov',
        0.0,
        'Horizontal field of view to assume without camera_info [rad]; 0.0 assumes none, so that '
        'nothing but depth is published before camera_info arrives.',
        limits=(0.0, 3.0),
        check=_why_no_field_of_view,
    )
    camera_height_m: float = parameter(
        'camera.height',
        0.0,
        'Height of the camera above the ground [m]; 0.0 is unknown.',
        limits=(0.0, 100.0),
    )
    camera_base_frame: str = parameter(
        'camera.base_frame',
        '',
        'Frame whose z axis points up, such as base_link: pitch and roll of the camera come from '
        'TF; empty uses camera.pitch and camera.roll.',
        changeable='inactive',
    )
    camera_pitch_rad: float = parameter(
        'camera.pitch',
        0.0,
        'Angle of the optical axis above the horizon, used without TF [rad].',
        limits=(-1.5, 1.5),
    )
    camera_roll_rad: float = parameter(
        'camera.roll',
        0.0,
        'Clockwise rotation of the camera about its optical axis, seen from behind, used without '
        'TF [rad].',
        limits=(-3.2, 3.2),
    )
    camera_pitch_tolerance_rad: float = parameter(
        'camera.pitch_tolerance',
        0.35,
        'Largest deviation of the ground plane from the expected pitch and roll [rad]; a plane '
        'beyond it is rejected. 0.0 trusts the expected angles and fits the height only.',
        limits=(0.0, 1.5),
    )
    camera_training_hfov_rad: float = parameter(
        'camera.training_hfov',
        0.0,
        'Horizontal field of view of the training camera [rad]; 0.0 uses the value in the '
        "weights, or else NYU's and KITTI's cameras.",
        limits=(0.0, 3.0),
        check=_why_no_field_of_view,
    )
    camera_rectified: str = parameter(
        'camera.rectified',
        'auto',
        'Whether images are rectified (use P) or raw (use K and D); auto decides by camera_info '
        "(D 0, P equal to K) and words in the name of the image topic ('image_rect', "
        "'rect/image', 'image_raw').",
        choices=CHOICES,
    )
    camera_bits: int = parameter(
        'camera.bits',
        0,
        'Significant bits of 16-bit images (mono16, bayer_rggb16, 16-bit PNG), 8 to 16 [bits]; 0 '
        'uses the fewest of 8, 10, 12, 14 and 16 that hold the largest value so far.',
        limits=(0, MOST_BITS),
        check=_why_no_bits,
    )

    def __post_init__(self) -> None:
        if 0.0 < self.depth_max_m <= self.depth_min_m:
            raise ValueError(
                f'depth.max must be 0.0 or more than depth.min: got {self.depth_max_m} m '
                f'with depth.min {self.depth_min_m} m'
            )
        if self.scale_shape == 'curve' and self.scale_source not in POINT_SOURCES:
            raise ValueError(
                f'scale.shape curve needs scale.source {" or ".join(POINT_SOURCES)}, got '
                f'{self.scale_source}'
            )
        if self.obstacles_max_height_m <= self.obstacles_min_height_m:
            raise ValueError(
                f'obstacles.max_height must be more than obstacles.min_height: got '
                f'{self.obstacles_max_height_m} m with {self.obstacles_min_height_m} m'
            )


def settings_from(
    values: Mapping[str, Value], base: PipelineSettings | None = None
) -> PipelineSettings:
    """Return settings with these values, by name of the parameter; others as in `base`.

    Raises ValueError naming the parameter, what was expected and what came.
    """
    return with_values(PipelineSettings() if base is None else base, values)
