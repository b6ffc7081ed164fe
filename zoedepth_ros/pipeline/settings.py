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
        'Rate of depth/image, depth/uncertainty, depth/color and scan [Hz]. 0.0 publishes one '
        'for every camera image.',
        limits=(0.0, MAX_RATE_HZ),
    )
    depth_encoding: str = parameter(
        'depth.encoding',
        '32FC1',
        'Encoding of depth/image. 32FC1 is metres; 16UC1 is millimetres, with 0 for pixels '
        'without a depth.',
        choices=('32FC1', '16UC1'),
    )
    depth_min_m: float = parameter(
        'depth.min',
        0.1,
        'Depth below this value [m] is -Inf in depth/image (0 with 16UC1) and gives no point.',
        limits=(0.0, MAX_RANGE_M),
    )
    depth_max_m: float = parameter(
        'depth.max',
        0.0,
        'Depth above this value [m] is +Inf in depth/image (0 with 16UC1); 0.0 keeps all '
        'depth. Points, obstacles and clearing rays end at this value, or at the largest '
        "depth of the head's training data if that is smaller.",
        limits=(0.0, MAX_RANGE_M),
    )
    depth_scale: float = parameter(
        'depth.scale',
        1.0,
        'Factor that all depth is multiplied by, for example one that `zoedepth calibrate` '
        'measured. The scale that is estimated with scale.source is a second factor.',
        limits=(0.01, 100.0),
    )
    # ---- scale -----------------------------------------------------------------------------
    scale_file: str = parameter(
        'scale.file',
        '',
        'File with the scale of each head, written by `zoedepth calibrate` and by the service '
        '~/save_scale. Empty uses no file.',
        changeable='start',
    )
    scale_source: str = parameter(
        'scale.source',
        'off',
        "Reference for estimating the scale of depth while the node runs. 'off' estimates none. "
        "'height' compares the height of the camera above the ground plane with camera.height. "
        "'scan', 'points' and 'range' compare depth with the topics reference/scan, "
        "reference/points and reference/range. 'motion' triangulates image corners from the "
        'poses of the moving camera in TF.',
        choices=('off', 'height', 'scan', 'points', 'range', 'motion'),
        changeable='inactive',
    )
    scale_odometry_frame: str = parameter(
        'scale.odometry_frame',
        'odom',
        'TF frame, such as odom, in which the pose of the camera never jumps. scale.source '
        'motion reads the poses of the camera in this frame, and scale.shape curve transforms '
        'the points of the last second with it.',
        changeable='inactive',
    )
    scale_max_rate: float = parameter(
        'scale.max_rate',
        0.1,
        'Largest change of the estimated scale per second, as a share of the scale [1/s].',
        limits=(0.001, 1.0),
    )
    scale_shape: str = parameter(
        'scale.shape',
        'factor',
        "Form of the correction that is estimated with scale.source. 'factor' multiplies all "
        "depth by one factor. 'curve' fits a smooth correction over image position and depth "
        'to the measured points of each image that has 30 or more of them, spread over the '
        'image; it needs scale.source scan, points or motion.',
        choices=('factor', 'curve'),
    )
    focal_correction: str = parameter(
        'focal_correction',
        'auto',
        "How depth is corrected for the camera's focal length. 'scale' multiplies depth by the "
        "focal length relative to that of the training camera; 'warp' resamples the image to the "
        "view of the training camera. 'auto' is 'scale' if the weights name their training "
        "camera and camera_info is known, else 'off'.",
        choices=('auto', 'off', 'scale', 'warp'),
    )
    # ---- filters ---------------------------------------------------------------------------
    filter_edge: bool = parameter(
        'filter.edge',
        True,
        'Remove flying pixels from clouds and scan: points between an object and its background. '
        'depth/image keeps them.',
    )
    filter_max_uncertainty_m: float = parameter(
        'filter.max_uncertainty',
        0.0,
        'Depth whose standard deviation is larger than this value [m] is NaN in depth/image '
        'and gives no point. 0.0 disables the filter.',
        limits=(0.0, MAX_RANGE_M),
    )
    filter_temporal: bool = parameter(
        'filter.temporal',
        False,
        'Remove points of clouds and scan whose depth the previous image does not confirm.',
    )
    filter_sky: bool = parameter(
        'filter.sky',
        True,
        'Set the sky to +Inf in depth/image: pixels that are far, above the horizon, smooth and '
        'connected to the upper edge of the image. The filter works with the outdoor head, or '
        'with a network that outputs the sky.',
    )
    filter_flicker: bool = parameter(
        'filter.flicker',
        False,
        'Keep the scale of depth constant from image to image while the camera and the scene '
        'stand still. The filter adds no delay.',
    )
    # ---- clouds ----------------------------------------------------------------------------
    cloud_rate_hz: float = parameter(
        'cloud.rate',
        10.0,
        'Rate of depth/points, obstacles, ground, clearing and cliffs [Hz]. 0.0 publishes one '
        'cloud for every camera image.',
        limits=(0.0, MAX_RATE_HZ),
    )
    cloud_decimation: int = parameter(
        'cloud.decimation',
        4,
        'Clouds use every n-th row and every n-th column of the depth image. 1 uses all pixels.',
        limits=(1, 64),
    )
    cloud_color: bool = parameter(
        'cloud.color',
        True,
        'Add the field rgb, the colour of the pixel, to the points of depth/points.',
    )
    cloud_organized: bool = parameter(
        'cloud.organized',
        True,
        'Publish depth/points with the rows and columns of the image, and NaN for pixels without '
        'a point. false publishes one row that has only valid points.',
    )
    cloud_max_range_m: float = parameter(
        'cloud.max_range',
        0.0,
        'Points with a larger depth than this value [m] are removed from depth/points, and '
        'from no other cloud. 0.0 sets no limit.',
        limits=(0.0, MAX_RANGE_M),
    )
    cloud_uncertainty: bool = parameter(
        'cloud.uncertainty',
        False,
        'Add the field std, the standard deviation of depth [m], to the points of depth/points, '
        'depth/points/ground and depth/points/obstacles.',
    )
    # ---- ground and obstacles --------------------------------------------------------------
    obstacles_min_height_m: float = parameter(
        'obstacles.min_height',
        0.10,
        'Points up to this height [m] above the ground plane belong to depth/points/ground; '
        'higher points are obstacles.',
        limits=(0.0, 10.0),
    )
    obstacles_ground_slope: float = parameter(
        'obstacles.ground_slope',
        0.03,
        'Additional height of points that are still ground for each metre of their distance '
        '[m/m], which allows for slopes and errors of depth. The limit is '
        'obstacles.min_height + obstacles.ground_slope x distance.',
        limits=(0.0, 1.0),
    )
    obstacles_max_height_m: float = parameter(
        'obstacles.max_height',
        1.8,
        'Points higher than this value [m] above the ground plane are not in '
        'depth/points/obstacles.',
        limits=(0.01, 100.0),
    )
    obstacles_max_range_m: float = parameter(
        'obstacles.max_range',
        5.0,
        'Largest horizontal distance [m] of points in depth/points/ground and '
        'depth/points/obstacles; the rays of depth/points/clearing end there.',
        limits=(0.1, MAX_RANGE_M),
    )
    obstacles_clearing_margin_m: float = parameter(
        'obstacles.clearing_margin',
        0.15,
        'Distance [m] to the nearest obstacle at which a ray of depth/points/clearing ends; '
        'set it to the height of a costmap voxel. 0.0 publishes only rays that meet nothing '
        'up to obstacles.max_range, at full length.',
        limits=(0.0, 1.0),
    )
    # ---- cliffs ----------------------------------------------------------------------------
    cliffs_min_drop_m: float = parameter(
        'cliffs.min_drop',
        0.06,
        'Smallest height difference [m] between the floor and what lies behind its edge. '
        'Smaller drops give no points in depth/points/cliffs.',
        limits=(0.01, 2.0),
    )
    cliffs_min_width_m: float = parameter(
        'cliffs.min_width',
        0.2,
        'Smallest length [m] of an edge, measured along the edge. Shorter edges give no '
        'points in depth/points/cliffs.',
        limits=(0.0, 10.0),
    )
    cliffs_max_range_m: float = parameter(
        'cliffs.max_range',
        3.0,
        'Largest horizontal distance [m] between the camera and an edge in '
        'depth/points/cliffs. A camera finds edges up to about 8 times its height above the '
        'floor.',
        limits=(0.1, MAX_RANGE_M),
    )
    cliffs_max_slope: float = parameter(
        'cliffs.max_slope',
        0.1,
        'Slope [m/m] up to which a floor that descends gives no points in depth/points/cliffs.',
        limits=(0.0, 1.0),
    )
    cliffs_images: int = parameter(
        'cliffs.images',
        2,
        'How often an edge must be seen: it is published in depth/points/cliffs when the '
        'newest image and n - 1 of the n images before it show it, where n is this number. 1 '
        'publishes an edge at once.',
        limits=(1, 10),
    )
    # ---- scan ------------------------------------------------------------------------------
    scan_enabled: bool = parameter(
        'scan.enabled',
        False,
        'Publish the topic scan, a 2D laser scan that is computed from depth.',
    )
    scan_mode: str = parameter(
        'scan.mode',
        'rows',
        "Pixels that scan is computed from. 'rows' uses a band of image rows around the optical "
        "axis. 'height' uses the points between obstacles.min_height and obstacles.max_height "
        'above the ground plane, also when the camera is pitched.',
        choices=('rows', 'height'),
    )
    scan_rows: int = parameter(
        'scan.rows',
        10,
        'Number of image rows around the optical axis [px] that scan is computed from with '
        'scan.mode rows.',
        limits=(1, MAX_SIDE_PX),
    )
    scan_range_max_m: float = parameter(
        'scan.range_max',
        10.0,
        'Largest range in scan [m]. A beam is +Inf if it meets nothing up to this range, and NaN '
        'if depth is not known that far.',
        limits=(0.1, MAX_RANGE_M),
    )
    # ---- router ----------------------------------------------------------------------------
    router_mode: str = parameter(
        'router.mode',
        'auto',
        "Head that predicts depth. 'auto' uses the head that the router selects; 'indoor' and "
        "'outdoor' always use that head.",
        choices=('auto', 'indoor', 'outdoor'),
    )
    router_rate_hz: float = parameter(
        'router.rate',
        2.0,
        'Rate at which the router classifies images and the topic domain is published [Hz]. 0.0 '
        'does both for every image.',
        limits=(0.0, MAX_RATE_HZ),
    )
    router_smoothing: float = parameter(
        'router.smoothing',
        0.5,
        "Weight of the previous mean in the running mean of the router's probabilities, 0 to "
        '0.99. 0.0 uses the newest output alone.',
        limits=(0.0, 0.99),
    )
    router_hysteresis: float = parameter(
        'router.hysteresis',
        0.15,
        'Difference in probability by which the other head must lead before the node switches to '
        'it, 0 to 0.99.',
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
        'Time constant [s] with which depth changes from the scale of the previous head to '
        'that of the new head after a switch. 0.0 changes at once.',
        limits=(0.0, 60.0),
    )
    # ---- camera ----------------------------------------------------------------------------
    camera_hfov_rad: float = parameter(
        'camera.hfov',
        0.0,
        'Horizontal field of view of the camera [rad], used while no camera_info arrives. 0.0'
        ' assumes none: clouds and scan are published only with camera_info.',
        limits=(0.0, 3.0),
        check=_why_no_field_of_view,
    )
    camera_height_m: float = parameter(
        'camera.height',
        0.0,
        'Height of the camera above the ground [m]. It replaces the ground plane where none is '
        'visible, and is the reference of scale.source height. 0.0 means unknown.',
        limits=(0.0, 100.0),
    )
    camera_base_frame: str = parameter(
        'camera.base_frame',
        '',
        'TF frame whose z axis points up, such as base_link: the pitch and roll of the camera '
        'are read from TF relative to it. Empty uses camera.pitch and camera.roll.',
        changeable='inactive',
    )
    camera_pitch_rad: float = parameter(
        'camera.pitch',
        0.0,
        'Angle of the optical axis above the horizon [rad], used without camera.base_frame or'
        ' its transform. A camera that looks down has a negative pitch.',
        limits=(-1.5, 1.5),
    )
    camera_roll_rad: float = parameter(
        'camera.roll',
        0.0,
        'Clockwise rotation of the camera about its optical axis [rad], as seen from behind '
        'the camera, used without camera.base_frame or its transform.',
        limits=(-3.2, 3.2),
    )
    camera_pitch_tolerance_rad: float = parameter(
        'camera.pitch_tolerance',
        0.35,
        'Largest angle [rad] between the fitted ground plane and the direction that '
        'camera.pitch and camera.roll, or TF, give. A plane with a larger angle is rejected. '
        '0.0 takes the direction from the parameters or TF and fits only the height.',
        limits=(0.0, 1.5),
    )
    camera_training_hfov_rad: float = parameter(
        'camera.training_hfov',
        0.0,
        'Horizontal field of view of the training camera [rad], for focal_correction. 0.0 '
        'uses the value in the weights or, without one, the cameras of NYU Depth v2 (indoors)'
        ' and KITTI (outdoors).',
        limits=(0.0, 3.0),
        check=_why_no_field_of_view,
    )
    camera_rectified: str = parameter(
        'camera.rectified',
        'auto',
        "Which calibration in camera_info belongs to the images: 'rectified' uses P, 'raw' uses "
        "K and D. 'auto' decides by the values (D is 0, P equals K) and by the name of the image "
        'topic, such as image_rect or image_raw.',
        choices=CHOICES,
    )
    camera_bits: int = parameter(
        'camera.bits',
        0,
        'Number of significant bits [bits], 8 to 16, in images of 16 bits, such as mono16, '
        'bayer_rggb16 and 16-bit PNG. 0 uses the smallest of 8, 10, 12, 14 and 16 that holds '
        'the largest pixel value received so far.',
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
