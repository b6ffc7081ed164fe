"""Every parameter of the node, in one table: name, default, limits, description.

The table is the frozen dataclass itself, so that a default and a description exist once; one
instance is one consistent set of settings, swapped as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

Value = bool | int | float | str
Changeable = Literal['always', 'inactive', 'start']

_MAX_RATE_HZ = 1000.0
_MAX_RANGE_M = 1000.0
_MAX_SIDE_PX = 4096


@dataclass(frozen=True, slots=True)
class Parameter:
    """Describe one ROS parameter."""

    name: str
    """Name in ROS, for example 'depth.rate'."""

    default: Value
    """Value when nobody gives one; its type is the parameter's type."""

    description: str
    """What it does, with the unit."""

    low: float | None = None
    """Smallest value allowed."""

    high: float | None = None
    """Largest value allowed."""

    choices: tuple[str, ...] = ()
    """The only values allowed; empty when free."""

    changeable: Changeable = 'always'
    """'always' (from the next frame on), 'inactive' (not while active) or 'start' (at start)."""

    check: Callable[[Any], str | None] | None = None
    """Give the reason why a value is wrong, or None; for what low, high and choices cannot say."""


def _parameter(name: str, default: Value, description: str, **limits: Any) -> Any:
    spec = Parameter(name, default, description, **limits)
    return field(default=default, metadata={'parameter': spec})


def _check_network_side(value: int) -> str | None:
    return None if value % 32 == 0 else 'must be 0 or a multiple of 32 px'


def _check_device(value: str) -> str | None:
    kind, _, index = value.partition(':')
    right = kind in ('auto', 'cpu', 'cuda') and (':' not in value or kind == 'cuda')
    return None if right and (':' not in value or index.isdigit()) else _DEVICES


_DEVICES = "must be 'auto', 'cpu', 'cuda' or 'cuda:N'"


@dataclass(frozen=True, slots=True)
class PredictorSettings:
    """Hold what the predictor is made from."""

    model: str
    """Preset, for example 'ZoeD_M12_NK'."""

    weights: str
    """'' for the released weights, a path, or 'random'."""

    backend: str
    """'torch', or a runtime for an exported file: 'onnxruntime', 'tensorrt'."""

    device: str
    """'auto', 'cpu', 'cuda' or 'cuda:N'."""

    precision: str
    """'auto', 'fp32', 'bf16' or 'fp16'."""

    network_height: int
    """Height the network sees [px]; 0 for the model's own."""

    network_width: int
    """Width the network sees [px]; 0 for the model's own."""

    flip_augmentation: bool
    """Whether to average with the mirrored picture."""

    pad_input: bool
    """Whether to prepare pictures as the original `infer` does (padding, aspect kept)."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Hold one consistent set of the node's parameters; each field names its ROS parameter."""

    autostart: bool = _parameter(
        'autostart',
        True,
        'Configure and activate by itself; false leaves that to a lifecycle manager.',
        changeable='start',
    )
    model: str = _parameter(
        'model',
        'ZoeD_M12_NK',
        'Which network: a name that `zoedepth models` lists.',
        changeable='inactive',
    )
    weights: str = _parameter(
        'weights',
        '',
        "Weight file; empty fetches the released weights once, 'random' is for trials only.",
        changeable='inactive',
    )
    backend: str = _parameter(
        'backend',
        'torch',
        'What runs the network: torch, or onnxruntime or tensorrt with a file of '
        '`zoedepth export` as weights.',
        choices=('torch', 'onnxruntime', 'tensorrt'),
        changeable='inactive',
    )
    device: str = _parameter(
        'device',
        'auto',
        "Where the network runs: 'auto', 'cpu', 'cuda' or 'cuda:N'.",
        changeable='inactive',
        check=_check_device,
    )
    precision: str = _parameter(
        'precision',
        'auto',
        'Arithmetic of the network; auto takes what the device does best.',
        choices=('auto', 'fp32', 'bf16', 'fp16'),
        changeable='inactive',
    )
    network_width: int = _parameter(
        'network.width',
        0,
        "Width the network sees [px], a multiple of 32; 0 takes the model's own.",
        low=0,
        high=_MAX_SIDE_PX,
        changeable='inactive',
        check=_check_network_side,
    )
    network_height: int = _parameter(
        'network.height',
        0,
        "Height the network sees [px], a multiple of 32; 0 takes the model's own.",
        low=0,
        high=_MAX_SIDE_PX,
        changeable='inactive',
        check=_check_network_side,
    )
    flip_augmentation: bool = _parameter(
        'flip_augmentation',
        False,
        'Average with the depth of the mirrored picture: a little better, twice the time.',
        changeable='inactive',
    )
    pad_input: bool = _parameter(
        'pad_input',
        False,
        'Pad and keep the aspect ratio as the original `infer` does; changes the metric result.',
        changeable='inactive',
    )
    image_transport: str = _parameter(
        'image_transport',
        'raw',
        "Take pictures from the image topic ('raw') or its /compressed sibling.",
        choices=('raw', 'compressed'),
        changeable='inactive',
    )
    depth_rate_hz: float = _parameter(
        'depth.rate',
        0.0,
        'Depth images per second [Hz]; 0.0 follows the camera.',
        low=0.0,
        high=_MAX_RATE_HZ,
    )
    depth_encoding: str = _parameter(
        'depth.encoding',
        '32FC1',
        'Encoding of depth/image: 32FC1 is metres, 16UC1 millimetres with 0 for invalid.',
        choices=('32FC1', '16UC1'),
    )
    depth_min_m: float = _parameter(
        'depth.min', 0.1, 'Nearer is -Inf in depth/image [m].', low=0.0, high=_MAX_RANGE_M
    )
    depth_max_m: float = _parameter(
        'depth.max',
        0.0,
        "Farther is +Inf in depth/image [m]; 0.0 leaves the head's own range.",
        low=0.0,
        high=_MAX_RANGE_M,
    )
    depth_scale: float = _parameter(
        'depth.scale', 1.0, 'Factor on every depth, from a calibration.', low=0.01, high=100.0
    )
    depth_steady: bool = _parameter(
        'depth.steady',
        False,
        'Hold the scale of a scene that stands still; adds no delay.',
    )
    scale_file: str = _parameter(
        'scale.file',
        '',
        'File of scales per head, as `zoedepth calibrate` and ~/save_scale write it; empty: none.',
        changeable='start',
    )
    scale_source: str = _parameter(
        'scale.source',
        'off',
        'Find the scale while running: height compares the floor with camera.height, scan, points '
        'and range compare with reference/scan, reference/points and reference/range.',
        choices=('off', 'height', 'scan', 'points', 'range'),
        changeable='inactive',
    )
    scale_max_rate: float = _parameter(
        'scale.max_rate',
        0.05,
        'Fastest change of the scale, as a share of it per second [1/s].',
        low=0.001,
        high=1.0,
    )
    focal_correction: str = _parameter(
        'focal_correction',
        'auto',
        "'scale' multiplies depth by this camera's focal length over the training's; 'warp' shows "
        "the network the picture that the training camera would have taken; 'auto' scales where "
        'the weights name their training camera and the camera is known.',
        choices=('auto', 'off', 'scale', 'warp'),
    )
    cloud_rate_hz: float = _parameter(
        'cloud.rate',
        10.0,
        'Clouds per second [Hz]; 0.0 follows the camera.',
        low=0.0,
        high=_MAX_RATE_HZ,
    )
    cloud_decimation: int = _parameter(
        'cloud.decimation', 4, 'Every n-th pixel in both directions is a point.', low=1, high=64
    )
    cloud_color: bool = _parameter('cloud.color', True, 'Give every point its colour.')
    cloud_organized: bool = _parameter(
        'cloud.organized',
        True,
        'Keep rows and columns, NaN where unknown; false leaves those points out.',
    )
    cloud_max_range_m: float = _parameter(
        'cloud.max_range',
        0.0,
        'Leave out points farther along z [m]; 0.0 is no limit.',
        low=0.0,
        high=_MAX_RANGE_M,
    )
    filter_edge: bool = _parameter(
        'filter.edge',
        True,
        'Leave points between an object and its background out of cloud and scan.',
    )
    filter_max_uncertainty_m: float = _parameter(
        'filter.max_uncertainty',
        0.0,
        'Depth with a larger standard deviation is unknown [m]; 0.0 is off.',
        low=0.0,
        high=_MAX_RANGE_M,
    )
    filter_temporal: bool = _parameter(
        'filter.temporal',
        False,
        'Hold a point back for one picture unless the picture before had one at about its depth.',
    )
    filter_sky: bool = _parameter(
        'filter.sky',
        True,
        'Make the sky +Inf outdoors: far, above the horizon, smooth, joined to the upper edge.',
    )
    obstacles_ground_m: float = _parameter(
        'obstacles.ground_height',
        0.10,
        'Lower than this above the floor is ground, not an obstacle [m].',
        low=0.0,
        high=10.0,
    )
    obstacles_slope: float = _parameter(
        'obstacles.ground_slope',
        0.03,
        'Height by which the ground may rise or measure wrong, per distance [m/m].',
        low=0.0,
        high=1.0,
    )
    obstacles_top_m: float = _parameter(
        'obstacles.top',
        1.8,
        'Higher than this above the floor nothing is in the way [m].',
        low=0.01,
        high=100.0,
    )
    obstacles_range_m: float = _parameter(
        'obstacles.range',
        5.0,
        'Trusted range: no obstacle and no ground farther, and free rays end there [m].',
        low=0.1,
        high=_MAX_RANGE_M,
    )
    scan_enabled: bool = _parameter('scan.enabled', False, 'Publish `scan` from a band of rows.')
    scan_mode: str = _parameter(
        'scan.mode',
        'rows',
        "'rows' takes a band of rows; 'height' what stands between obstacles.ground_height and "
        'obstacles.top, whatever the pitch.',
        choices=('rows', 'height'),
    )
    scan_rows: int = _parameter(
        'scan.rows',
        10,
        'Height of the band of rows around the optical axis that makes the scan [px].',
        low=1,
        high=_MAX_SIDE_PX,
    )
    scan_frame_id: str = _parameter(
        'scan.frame_id',
        '',
        "Frame of the scan, x forward and z up; empty takes the picture's (optical) frame.",
    )
    scan_range_max_m: float = _parameter(
        'scan.range_max', 10.0, 'Farther is +Inf in the scan [m].', low=0.1, high=_MAX_RANGE_M
    )
    router_mode: str = _parameter(
        'router.mode',
        'auto',
        'Which head measures: auto asks the router, a name forces that head.',
        choices=('auto', 'indoor', 'outdoor'),
    )
    router_rate_hz: float = _parameter(
        'router.rate',
        2.0,
        'How often the router is asked and `domain` published [Hz]; 0.0 is with every frame.',
        low=0.0,
        high=_MAX_RATE_HZ,
    )
    router_smoothing: float = _parameter(
        'router.smoothing',
        0.5,
        "Weight of the past in the running mean of the router's probabilities, 0 to 0.99.",
        low=0.0,
        high=0.99,
    )
    router_hysteresis: float = _parameter(
        'router.hysteresis',
        0.15,
        'How much more probable the other head must be before it takes over, 0 to 0.99.',
        low=0.0,
        high=0.99,
    )
    router_min_dwell_s: float = _parameter(
        'router.min_dwell', 1.0, 'A head stays at least this long [s].', low=0.0, high=3600.0
    )
    router_handover_s: float = _parameter(
        'router.handover',
        0.0,
        "Time constant with which a new head's own scale takes over [s]; 0.0 is at once.",
        low=0.0,
        high=60.0,
    )
    max_frame_age_s: float = _parameter(
        'max_frame_age',
        0.5,
        'Pictures older than this, or as far ahead of the clock, are dropped and counted [s, '
        "node's clock]; 0.0 takes any.",
        low=0.0,
        high=3600.0,
    )
    camera_hfov_rad: float = _parameter(
        'camera.hfov',
        0.0,
        'Horizontal field of view to assume without camera_info [rad]; 0.0 waits for it.',
        low=0.0,
        high=3.0,
    )
    camera_height_m: float = _parameter(
        'camera.height',
        0.0,
        'Height of the camera above the floor [m]; 0.0 is unknown.',
        low=0.0,
        high=100.0,
    )
    camera_base_frame: str = _parameter(
        'camera.base_frame',
        '',
        'Frame whose z axis is up, such as base_link: TF tells the pitch and roll of the camera; '
        'empty: camera.pitch does.',
        changeable='inactive',
    )
    camera_pitch_rad: float = _parameter(
        'camera.pitch',
        0.0,
        'Angle of the optical axis above the horizon, where TF does not tell it [rad].',
        low=-1.5,
        high=1.5,
    )
    camera_pitch_tolerance_rad: float = _parameter(
        'camera.pitch_tolerance',
        0.35,
        'How far pitch and roll may be from that [rad]; 0.0 trusts it and finds the height alone.',
        low=0.0,
        high=1.5,
    )
    camera_training_hfov_rad: float = _parameter(
        'camera.training_hfov',
        0.0,
        'Field of view of the camera that the weights learnt through [rad]; 0.0 is what they say, '
        "else NYU's and KITTI's.",
        low=0.0,
        high=3.0,
    )
    camera_rectified: str = _parameter(
        'camera.rectified',
        'auto',
        "Whether pictures are rectified (P) or raw (K with D); auto: 'rect' in the topic's name.",
        choices=('auto', 'rectified', 'raw'),
    )
    warn_silence_s: float = _parameter(
        'diagnostics.warn_silence',
        2.0,
        'Without pictures for this long the state is starved, a WARN [s].',
        low=0.1,
        high=3600.0,
    )
    error_silence_s: float = _parameter(
        'diagnostics.error_silence',
        10.0,
        'Without pictures for this long is an ERROR [s]; 0.0 is never.',
        low=0.0,
        high=3600.0,
    )
    warn_age_s: float = _parameter(
        'diagnostics.warn_age',
        0.0,
        '95th percentile of the age of published depth that is a WARN [s]; 0.0 is never.',
        low=0.0,
        high=3600.0,
    )
    error_age_s: float = _parameter(
        'diagnostics.error_age',
        0.0,
        '95th percentile of the age of published depth that is an ERROR [s]; 0.0 is never.',
        low=0.0,
        high=3600.0,
    )
    warn_rate_hz: float = _parameter(
        'diagnostics.warn_rate',
        0.0,
        'Fewer depth images than this, while somebody listens, are a WARN [Hz]; 0.0 is never.',
        low=0.0,
        high=_MAX_RATE_HZ,
    )
    error_rate_hz: float = _parameter(
        'diagnostics.error_rate',
        0.0,
        'Fewer depth images than this, while somebody listens, are an ERROR [Hz]; 0.0 is never.',
        low=0.0,
        high=_MAX_RATE_HZ,
    )
    warn_drops: float = _parameter(
        'diagnostics.warn_drops',
        0.0,
        'A larger share of pictures dropped for a fault in the last second is a WARN, 0 to 1.',
        low=0.0,
        high=1.0,
    )
    error_drops: float = _parameter(
        'diagnostics.error_drops',
        0.9,
        'A larger share of pictures dropped for a fault in the last second is an ERROR, 0 to 1.',
        low=0.0,
        high=1.0,
    )
    warn_memory_mb: float = _parameter(
        'diagnostics.warn_memory',
        0.0,
        'More memory of the process than this is a WARN [MB]; 0.0 is never.',
        low=0.0,
        high=1e6,
    )

    def __post_init__(self) -> None:
        if 0.0 < self.depth_max_m <= self.depth_min_m:
            raise ValueError(
                f'depth.max must be 0.0 or more than depth.min: got {self.depth_max_m} m '
                f'with depth.min {self.depth_min_m} m'
            )
        if self.obstacles_top_m <= self.obstacles_ground_m:
            raise ValueError(
                f'obstacles.top must be more than obstacles.ground_height: got '
                f'{self.obstacles_top_m} m with {self.obstacles_ground_m} m'
            )

    @property
    def predictor(self) -> PredictorSettings:
        """What the predictor is made from."""
        return PredictorSettings(**{f.name: getattr(self, f.name) for f in _PREDICTOR_FIELDS})


_PREDICTOR_FIELDS = fields(PredictorSettings)
_FIELD_BY_NAME = {f.metadata['parameter'].name: f.name for f in fields(NodeSettings)}
TABLE: Mapping[str, Parameter] = {
    f.metadata['parameter'].name: f.metadata['parameter'] for f in fields(NodeSettings)
}


def settings_from(values: Mapping[str, Value], base: NodeSettings | None = None) -> NodeSettings:
    """Put values, by ROS name, into settings; the rest stays as in `base`.

    Raises ValueError naming the parameter, what was expected and what came.
    """
    for name, value in values.items():
        reason = why_wrong(TABLE[name], value)
        if reason is not None:
            raise ValueError(reason)
    changes: dict[str, Any] = {_FIELD_BY_NAME[name]: value for name, value in values.items()}
    return replace(NodeSettings() if base is None else base, **changes)


_ROS_NAMES = {bool: 'bool', int: 'integer', float: 'double', str: 'string'}


def why_wrong(spec: Parameter, value: Value) -> str | None:
    """Give the reason why a value does not fit a parameter, or None when it does."""
    expected = type(spec.default)
    if type(value) is not expected:
        hint = f': write {float(value)}' if expected is float and type(value) is int else ''
        return f'{spec.name} must be a {_ROS_NAMES[expected]}, got {value!r}{hint}'
    if isinstance(value, float) and not math.isfinite(value):
        return f'{spec.name} must be a finite number, got {value}'
    if isinstance(value, str) and '\0' in value:
        return f'{spec.name} must be text without a zero byte, got {value!r}'
    if spec.choices and value not in spec.choices:
        return f'{spec.name} must be one of {", ".join(spec.choices)}, got {value!r}'
    if spec.low is not None and not isinstance(value, str) and value < spec.low:
        return f'{spec.name} must be at least {spec.low}, got {value}'
    if spec.high is not None and not isinstance(value, str) and value > spec.high:
        return f'{spec.name} must be at most {spec.high}, got {value}'
    reason = spec.check(value) if spec.check is not None else None
    return None if reason is None else f'{spec.name} {reason}, got {value!r}'


def why_fixed(changes: Mapping[str, Value], settings: NodeSettings, *, active: bool) -> str | None:
    """Give the reason why these changes cannot be made now, or None when they can."""
    for name, value in changes.items():
        spec, now = TABLE[name], getattr(settings, _FIELD_BY_NAME[name])
        if value == now or spec.changeable == 'always':
            continue
        if spec.changeable == 'start':
            return f'{name} is read at start only: set it in the launch or parameter file'
        if active:
            return f'{name} is fixed while the node is active: deactivate it first'
    return None
