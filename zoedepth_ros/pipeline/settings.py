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
    return f'must be 0.0, or {NARROWEST_RAD:.3f} to {WIDEST_RAD:.3f} rad ({degrees})'


def _why_no_bits(value: int) -> str | None:
    return None if value == 0 or value >= LEAST_BITS else f'must be 0, or {LEAST_BITS} or more'


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """Hold one consistent set of settings; each field is a parameter of the node.

    Raises ValueError for values that contradict each other.
    """

    # ---- depth -----------------------------------------------------------------------------
    depth_rate_hz: float = parameter(
        'depth.rate',
        0.0,
        'Largest rate of depth/image, depth/camera_info, depth/uncertainty, depth/color and scan '
        '[Hz]. 0.0 publishes a message for every camera image.',
        limits=(0.0, MAX_RATE_HZ),
    )
    depth_encoding: str = parameter(
        'depth.encoding',
        '32FC1',
        'Encoding of depth/image. 32FC1 is depth in metres. 16UC1 is depth in millimetres, and 0 '
        'where there is no depth, or depth above 65.535 m.',
        choices=('32FC1', '16UC1'),
    )
    depth_min_m: float = parameter(
        'depth.min',
        0.1,
        'Smallest valid depth [m]. Pixels with less depth are -Inf in depth/image (0 with '
        "depth.encoding '16UC1') and give no points.",
        limits=(0.0, MAX_RANGE_M),
    )
    depth_max_m: float = parameter(
        'depth.max',
        0.0,
        'Largest valid depth [m]. Pixels with more depth are +Inf in depth/image (0 with '
        "depth.encoding '16UC1') and give no points. 0.0 sets no limit; clouds then end at the "
        'largest depth in the training data of the head.',
        limits=(0.0, MAX_RANGE_M),
    )
    depth_scale: float = parameter(
        'depth.scale',
        1.0,
        'Fixed factor that all depth is multiplied by, in addition to the scale of scale.file or '
        'scale.source.',
        limits=(0.01, 100.0),
    )
    # ---- scale -----------------------------------------------------------------------------
    scale_file: str = parameter(
        'scale.file',
        '',
        'File with the scale of depth for each head, written by `zoedepth calibrate` or the '
        'service ~/save_scale. An empty text uses no file.',
        changeable='start',
    )
    scale_source: str = parameter(
        'scale.source',
        'off',
        "Reference from which the node estimates the scale of depth while it runs. 'off' "
        "estimates no scale. 'height' compares the height of the camera above the fitted ground "
        "plane with camera.height. 'scan', 'points' and 'range' compare depth with the distances "
        'that a sensor publishes on the topic reference/scan, reference/points or '
        "reference/range. 'motion' triangulates image corners with the poses of the moving camera "
        'in TF.',
        choices=('off', 'height', 'scan', 'points', 'range', 'motion'),
        changeable='inactive',
    )
    scale_odometry_frame: str = parameter(
        'scale.odometry_frame',
        'odom',
        'TF frame, such as odom, in which the pose of the camera does not jump. It is used by '
        "scale.source 'motion' and by scale.shape 'curve'. 'motion' triangulates image corners "
        "with the camera poses in this frame. 'curve' uses the poses to transform the points of "
        'reference/scan or reference/points of the last second to the newest image.',
        changeable='inactive',
    )
    scale_max_rate: float = parameter(
        'scale.max_rate',
        0.1,
        'Largest relative change per second [1/s] of the scale applied to depth: 0.1 allows 10 '
        '% per second. The applied scale follows the estimate of scale.source at most at this '
        'rate.',
        limits=(0.001, 1.0),
    )
    scale_shape: str = parameter(
        'scale.shape',
        'factor',
        "Form of the correction that the node estimates with scale.source. 'factor' "
        "multiplies all depth by one factor. 'curve' also corrects depth by a smooth function "
        'of image position and depth. The node fits this function to 30 or more points of known '
        "depth that are spread over the image and differ in depth. 'curve' needs scale.source "
        "'scan', 'points' or 'motion'.",
        choices=('factor', 'curve'),
    )
    focal_correction: str = parameter(
        'focal_correction',
        'auto',
        'How depth is corrected when the focal length of the camera differs from that of the '
        "training camera, the camera of the network's training images. 'scale' multiplies depth "
        'by the ratio of fy / image height of the camera to fy / image height of the training '
        "camera; focal_exponent in the weights file reduces ratios above 1.4. 'warp' resamples "
        "the image to the view of the training camera. 'auto' is 'scale' if both cameras are "
        'known: the camera from camera_info or camera.hfov, and the training camera from the '
        "weights file or camera.training_hfov. Otherwise 'auto' is 'off'.",
        choices=('auto', 'off', 'scale', 'warp'),
    )
    # ---- filters ---------------------------------------------------------------------------
    filter_edge: bool = parameter(
        'filter.edge',
        True,
        'Remove flying pixels, which are points between an object and its background, from '
        'clouds and scan. depth/image keeps these pixels.',
    )
    filter_max_uncertainty_m: float = parameter(
        'filter.max_uncertainty',
        0.0,
        'Largest standard deviation of valid depth [m]. Pixels with a larger standard '
        'deviation are NaN in depth/image and give no points. 0.0 disables the filter.',
        limits=(0.0, MAX_RANGE_M),
    )
    filter_temporal: bool = parameter(
        'filter.temporal',
        False,
        'Keep a point in clouds and scan only if the previous image that was used for the cloud '
        'or scan has about the same depth (within 15 %) near the same pixel. The filter removes '
        'nothing if that image is more than 0.5 s older, for example with a cloud.rate below 2 '
        'Hz.',
    )
    filter_sky: bool = parameter(
        'filter.sky',
        True,
        'Set pixels of the sky to +Inf in depth/image. Pixels are sky if they are at least 25 m '
        'away, above the horizon, smooth and connected to the upper edge of the image. The filter '
        'works while the outdoor head is in use and the camera is known (camera_info or '
        'camera.hfov), or with a network that outputs the sky.',
    )
    filter_flicker: bool = parameter(
        'filter.flicker',
        False,
        'Remove flicker from depth: keep the scale of depth constant from image to image while '
        'the camera and the scene stand still. The filter adds no delay.',
    )
    # ---- clouds ----------------------------------------------------------------------------
    cloud_rate_hz: float = parameter(
        'cloud.rate',
        10.0,
        'Largest rate of the topic depth/points and of all topics depth/points/* [Hz]. 0.0 '
        'publishes a cloud for every camera image.',
        limits=(0.0, MAX_RATE_HZ),
    )
    cloud_decimation: int = parameter(
        'cloud.decimation',
        4,
        'Number n: clouds are computed from every n-th row and every n-th column of the depth '
        'image. 1 uses all pixels.',
        limits=(1, 64),
    )
    cloud_color: bool = parameter(
        'cloud.color',
        True,
        'Give each point of depth/points the colour of its pixel, in the field rgb.',
    )
    cloud_organized: bool = parameter(
        'cloud.organized',
        True,
        'Publish depth/points as an organized cloud: rows and columns of the image, and NaN '
        'for pixels without a point. false publishes valid points only, in one row.',
    )
    cloud_max_range_m: float = parameter(
        'cloud.max_range',
        0.0,
        'Largest depth [m] of the points in depth/points; the clouds depth/points/* keep '
        'points with more depth. 0.0 sets no limit.',
        limits=(0.0, MAX_RANGE_M),
    )
    cloud_uncertainty: bool = parameter(
        'cloud.uncertainty',
        False,
        'Give each point of depth/points, depth/points/ground and depth/points/obstacles the '
        'standard deviation of its depth [m], in the field std.',
    )
    # ---- ground and obstacles --------------------------------------------------------------
    obstacles_min_height_m: float = parameter(
        'obstacles.min_height',
        0.10,
        'Points up to this height [m] above or below the ground plane belong to '
        'depth/points/ground; obstacles.ground_slope increases this limit with distance. Higher '
        'points belong to depth/points/obstacles, up to obstacles.max_height.',
        limits=(0.0, 10.0),
    )
    obstacles_ground_slope: float = parameter(
        'obstacles.ground_slope',
        0.03,
        'Allowance for sloping ground and errors of depth [m/m]: the height up to which points '
        'belong to the ground increases by this value for each metre of horizontal distance from '
        'the camera. A point up to obstacles.max_height is an obstacle if it is higher than '
        'obstacles.min_height + obstacles.ground_slope x its horizontal distance.',
        limits=(0.0, 1.0),
    )
    obstacles_max_height_m: float = parameter(
        'obstacles.max_height',
        1.8,
        'Largest height of obstacles above the ground plane [m]. Higher points are not in '
        'depth/points/obstacles.',
        limits=(0.01, 100.0),
    )
    obstacles_max_range_m: float = parameter(
        'obstacles.max_range',
        5.0,
        'Largest horizontal distance [m] from the camera of the points in depth/points/ground '
        'and depth/points/obstacles, and of the ends of the rays in depth/points/clearing.',
        limits=(0.1, MAX_RANGE_M),
    )
    obstacles_clearing_margin_m: float = parameter(
        'obstacles.clearing_margin',
        0.15,
        'A ray of depth/points/clearing that comes within this distance [m] of an obstacle ends '
        'there; use the height of a voxel of the costmap. With 0.0 depth/points/clearing has '
        'only the rays that meet neither ground nor obstacle within obstacles.max_range.',
        limits=(0.0, 1.0),
    )
    # ---- cliffs ----------------------------------------------------------------------------
    cliffs_min_drop_m: float = parameter(
        'cliffs.min_drop',
        0.06,
        'Smallest drop [m] at an edge of the floor. Edges with a smaller drop are not in '
        'depth/points/cliffs.',
        limits=(0.01, 2.0),
    )
    cliffs_min_width_m: float = parameter(
        'cliffs.min_width',
        0.2,
        'Smallest length of a floor edge [m]. Shorter edges are not in depth/points/cliffs.',
        limits=(0.0, 10.0),
    )
    cliffs_max_range_m: float = parameter(
        'cliffs.max_range',
        3.0,
        'Largest horizontal distance [m] between the camera and an edge in '
        'depth/points/cliffs. A camera finds edges up to a distance of about 8 times its '
        'height above the floor.',
        limits=(0.1, MAX_RANGE_M),
    )
    cliffs_max_slope: float = parameter(
        'cliffs.max_slope',
        0.1,
        'Largest slope [m/m] of a floor that descends without a drop, such as a ramp. Floor '
        'up to this slope gives no points in depth/points/cliffs.',
        limits=(0.0, 1.0),
    )
    cliffs_images: int = parameter(
        'cliffs.images',
        2,
        'Number n: an edge is published in depth/points/cliffs if the newest image shows it '
        'and at least n - 1 of the n images before the newest show it too; only images of the '
        'last second count. 1 publishes an edge at once.',
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
        "Pixels from which the topic scan is computed. 'rows' uses a band of image rows "
        "around the optical axis. 'height' uses points whose height above the ground plane is "
        'between obstacles.min_height and obstacles.max_height, and allows a pitched camera.',
        choices=('rows', 'height'),
    )
    scan_rows: int = parameter(
        'scan.rows',
        10,
        'Number of image rows [px], centred on the optical axis, from which the topic scan is '
        "computed with scan.mode 'rows'.",
        limits=(1, MAX_SIDE_PX),
    )
    scan_range_max_m: float = parameter(
        'scan.range_max',
        10.0,
        'Largest range in the topic scan [m]. A beam that meets nothing up to this range is '
        '+Inf, and a beam along which depth is not known up to this range is NaN.',
        limits=(0.1, MAX_RANGE_M),
    )
    # ---- router ----------------------------------------------------------------------------
    router_mode: str = parameter(
        'router.mode',
        'auto',
        "Head of the depth network that predicts depth. 'auto' uses the head that the network "
        "selects for the scene. 'indoor' and 'outdoor' always use the head of that name.",
        choices=('auto', 'indoor', 'outdoor'),
    )
    router_rate_hz: float = parameter(
        'router.rate',
        2.0,
        'Largest rate [Hz] at which images are classified as indoor or outdoor and the topic '
        'domain is published. 0.0 classifies every image.',
        limits=(0.0, MAX_RATE_HZ),
    )
    router_smoothing: float = parameter(
        'router.smoothing',
        0.5,
        'Weight, 0 to 0.99, of the earlier images in the running mean of the indoor and outdoor '
        'probabilities. The newest image has the remaining weight; 0.0 uses the newest image '
        'alone.',
        limits=(0.0, 0.99),
    )
    router_hysteresis: float = parameter(
        'router.hysteresis',
        0.15,
        'Margin, 0 to 0.99, for a switch of the head. The node switches to the other head only '
        'if the probability of the other head exceeds that of the head in use by more than this '
        'margin.',
        limits=(0.0, 0.99),
    )
    router_min_dwell_s: float = parameter(
        'router.min_dwell',
        1.0,
        'Shortest time [s] between two switches of the head.',
        limits=(0.0, 3600.0),
    )
    router_handover_s: float = parameter(
        'router.handover',
        0.0,
        'Time constant [s] of the change of scale after a switch of the head: depth moves '
        'gradually from the scale of the previous head to that of the new head. 0.0 changes the '
        'scale at once.',
        limits=(0.0, 60.0),
    )
    # ---- camera ----------------------------------------------------------------------------
    camera_hfov_rad: float = parameter(
        'camera.hfov',
        0.0,
        'Horizontal field of view of the camera [rad], used while there is no usable '
        'camera_info. With 0.0, clouds and the scan are published only with a usable camera_info.',
        limits=(0.0, 3.0),
        check=_why_no_field_of_view,
    )
    camera_height_m: float = parameter(
        'camera.height',
        0.0,
        'Height of the camera above the ground [m]. The height defines the ground plane while no '
        'ground is visible, excludes planes at another height, such as tables, and is the '
        "reference for scale.source 'height'. 0.0 means unknown.",
        limits=(0.0, 100.0),
    )
    camera_base_frame: str = parameter(
        'camera.base_frame',
        '',
        'TF frame whose z axis points up, such as base_link. The node reads the pitch and '
        'roll of the camera from the transform between this frame and the camera. An empty '
        'text uses camera.pitch and camera.roll.',
        changeable='inactive',
    )
    camera_pitch_rad: float = parameter(
        'camera.pitch',
        0.0,
        'Angle of the optical axis above the horizon [rad], negative for a camera that looks '
        'down. The angle is used if camera.base_frame is empty or TF has no transform between '
        'that frame and the camera.',
        limits=(-1.5, 1.5),
    )
    camera_roll_rad: float = parameter(
        'camera.roll',
        0.0,
        'Clockwise rotation of the camera about its optical axis [rad], as seen from behind the '
        'camera. The angle is used if camera.base_frame is empty or TF has no transform between '
        'that frame and the camera.',
        limits=(-3.2, 3.2),
    )
    camera_pitch_tolerance_rad: float = parameter(
        'camera.pitch_tolerance',
        0.35,
        'Largest angle [rad] between the ground plane fitted in depth and the ground plane '
        'expected from TF or from camera.pitch and camera.roll. A fitted plane with a larger '
        'angle is rejected. With 0.0 the direction of the plane is not fitted: it comes from TF '
        'or the parameters, and only the height is fitted.',
        limits=(0.0, 1.5),
    )
    camera_training_hfov_rad: float = parameter(
        'camera.training_hfov',
        0.0,
        "Horizontal field of view [rad] of the training camera, the camera of the network's "
        'training images, for images with the aspect ratio 4:3. It is used by focal_correction. '
        '0.0 uses the value in the weights file or in the contract of a network from outside '
        'this package. Weights of ZoeDepth without a value use the camera of NYU Depth v2 for the '
        'indoor head and the camera of KITTI for the outdoor head.',
        limits=(0.0, 3.0),
        check=_why_no_field_of_view,
    )
    camera_rectified: str = parameter(
        'camera.rectified',
        'auto',
        "Whether images are rectified. 'rectified' uses the matrix P of camera_info, 'raw' uses "
        "K and D. 'auto' is 'rectified' if D is 0 and P equals K, and 'raw' if D and P are 0. "
        "In all other cases 'auto' follows the name of the image topic: 'rectified' if the name "
        "contains a word such as rect, as in image_rect, else 'raw'.",
        choices=CHOICES,
    )
    camera_bits: int = parameter(
        'camera.bits',
        0,
        'Number of significant bits per value [bits], 8 to 16, in 16-bit images such as '
        'mono16, bayer_rggb16 and 16-bit PNG. 0 uses the smallest of 8, 10, 12, 14 and 16 '
        'bits that can hold the largest value received so far.',
        limits=(0, MOST_BITS),
        check=_why_no_bits,
    )

    def __post_init__(self) -> None:
        if 0.0 < self.depth_max_m <= self.depth_min_m:
            raise ValueError(
                'depth.max must be 0.0 (no limit) or more than depth.min: got depth.max '
                f'{self.depth_max_m} m and depth.min {self.depth_min_m} m'
            )
        if self.scale_shape == 'curve' and self.scale_source not in POINT_SOURCES:
            raise ValueError(
                f"scale.shape 'curve' needs scale.source {' or '.join(POINT_SOURCES)}, got "
                f'scale.source {self.scale_source}'
            )
        if self.obstacles_max_height_m <= self.obstacles_min_height_m:
            raise ValueError(
                'obstacles.max_height must be more than obstacles.min_height: got max_height '
                f'{self.obstacles_max_height_m} m and min_height {self.obstacles_min_height_m} m'
            )


def settings_from(
    values: Mapping[str, Value], base: PipelineSettings | None = None
) -> PipelineSettings:
    """Return settings with these values, by name of the parameter; others as in `base`.

    Raises ValueError naming the parameter, what was expected and what came.
    """
    return with_values(PipelineSettings() if base is None else base, values)
