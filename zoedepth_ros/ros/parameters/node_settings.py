"""Every parameter of the node: those of one camera's images, and the node's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from zoedepth_ros.inference.fallback import PredictorSettings
from zoedepth_ros.pipeline.parameter import (
    MAX_RANGE_M,
    MAX_RATE_HZ,
    MAX_SIDE_PX,
    Parameter,
    Value,
    field_names,
    parameter,
    table_of,
    with_values,
)
from zoedepth_ros.pipeline.settings import PipelineSettings
from zoedepth_ros.weights.known_weights import DEFAULT_MODEL

_DEVICES = "must be 'auto', 'cpu', 'cuda' or 'cuda:N'"
_CAMERA_NAME = re.compile('[a-zA-Z][a-zA-Z0-9_]*')


def check_network_side(value: int) -> str | None:
    """Return why the network cannot have an input of this side, or None."""
    return None if value % 32 == 0 else 'must be 0 or a multiple of 32 px'


def check_device(value: str) -> str | None:
    """Return why a text names no device, or None."""
    kind, _, index = value.partition(':')
    right = kind in ('auto', 'cpu', 'cuda') and (':' not in value or kind == 'cuda')
    return None if right and (':' not in value or index.isdigit()) else _DEVICES


def check_cameras(names: tuple[str, ...]) -> str | None:
    """Return why these cannot be the names of cameras, or None."""
    if not all(_CAMERA_NAME.fullmatch(name) for name in names):
        return 'must be names of letters, digits and _, a letter first'
    return 'must not name a camera twice' if len(set(names)) < len(names) else None


@dataclass(frozen=True, slots=True)
class NodeSettings(PipelineSettings):
    """Hold one consistent set of the node's parameters; each field names its ROS parameter."""

    # ---- node and network ------------------------------------------------------------------
    autostart: bool = parameter(
        'autostart',
        True,
        'Configure and activate at start; false leaves that to a lifecycle manager.',
        changeable='start',
        shared=True,
    )
    cameras: tuple[str, ...] = parameter(
        'cameras',
        (),
        'Names of several cameras that share the network; each has its topics below its name '
        '(front/image, front/depth/image) and may have parameters of its own (front.depth.rate). '
        'Empty: one camera without a name.',
        changeable='start',
        check=check_cameras,
        shared=True,
    )
    batch_limit: int = parameter(
        'batch.limit',
        0,
        'Largest number of images of different cameras in one run of the network; 0 is the number '
        'of cameras, or 1 on a CPU that takes more than 0.1 s per image.',
        limits=(0, 64),
        shared=True,
    )
    model: str = parameter(
        'model',
        DEFAULT_MODEL,
        'Model: a name in the list of `zoedepth models`; not used for a file of another network.',
        changeable='inactive',
        shared=True,
    )
    weights: str = parameter(
        'weights',
        '',
        'Weights file, or a file of another network (.onnx, .engine); empty downloads the '
        "released weights once, 'random' is for tests only.",
        changeable='inactive',
        shared=True,
    )
    backend: str = parameter(
        'backend',
        'auto',
        'Runtime of the network: torch; or onnxruntime, openvino (CPU) or tensorrt with a file of '
        '`zoedepth export`, or of another network with its contract, as weights; auto is '
        'onnxruntime for .onnx, tensorrt for .engine and .plan, and otherwise torch.',
        choices=('auto', 'torch', 'onnxruntime', 'openvino', 'tensorrt'),
        changeable='inactive',
        shared=True,
    )
    device: str = parameter(
        'device',
        'auto',
        "Device of the network: 'auto', 'cpu', 'cuda' or 'cuda:N'.",
        changeable='inactive',
        shared=True,
        check=check_device,
    )
    precision: str = parameter(
        'precision',
        'auto',
        'Numeric precision of the network; auto uses the fastest that the device supports well.',
        choices=('auto', 'fp32', 'bf16', 'fp16'),
        changeable='inactive',
        shared=True,
    )
    optimization: str = parameter(
        'optimization',
        'auto',
        'Execution mode of the network: auto uses the fastest that is ready in seconds; on a CPU '
        'it is measured once for a processor, model and size and kept in the cache folder, for '
        'the smallest networks beside OpenVINO if it is installed. packed does not measure, '
        'compile compiles the network with torch (minutes at the first start; faster on a GPU), '
        'off runs the reference implementation.',
        choices=('auto', 'packed', 'off', 'compile'),
        changeable='inactive',
        shared=True,
    )
    network_width: int = parameter(
        'network.width',
        0,
        "Width of the network's input [px], a multiple of 32; 0 uses the model's own.",
        limits=(0, MAX_SIDE_PX),
        changeable='inactive',
        shared=True,
        check=check_network_side,
    )
    network_height: int = parameter(
        'network.height',
        0,
        "Height of the network's input [px], a multiple of 32; 0 uses the model's own.",
        limits=(0, MAX_SIDE_PX),
        changeable='inactive',
        shared=True,
        check=check_network_side,
    )
    flip_augmentation: bool = parameter(
        'flip_augmentation',
        False,
        'Average with the depth of the mirrored image: slightly more accurate, twice the time.',
        changeable='inactive',
        shared=True,
    )
    pad_input: bool = parameter(
        'pad_input',
        False,
        'Pad images and keep their aspect ratio as the original `infer` does; changes the metric '
        'result.',
        changeable='inactive',
        shared=True,
    )
    # ---- messages --------------------------------------------------------------------------
    image_transport: str = parameter(
        'image_transport',
        'raw',
        "Transport of the images: 'raw' subscribes to the image topic, 'compressed' to its "
        '/compressed sibling.',
        choices=('raw', 'compressed'),
        changeable='inactive',
    )
    max_image_age_s: float = parameter(
        'max_image_age',
        0.5,
        "Images older than this, or as far ahead of the node's clock, are dropped and counted "
        '[s]; 0.0 accepts any.',
        limits=(0.0, 3600.0),
    )
    compressed_depth_max_m: float = parameter(
        'depth.image.compressedDepth.depth_max',
        100.0,
        'Depth above this value is invalid in depth/image/compressedDepth [m].',
        limits=(1.0, MAX_RANGE_M),
    )
    compressed_depth_quantization: float = parameter(
        'depth.image.compressedDepth.depth_quantization',
        100.0,
        'Depth at which the resolution of 32FC1 in depth/image/compressedDepth is 1 m [m]; at '
        'half of it the resolution is 0.25 m.',
        limits=(1.0, 150.0),
    )
    compressed_depth_png_level: int = parameter(
        'depth.image.compressedDepth.png_level',
        3,
        'PNG level of depth/image/compressedDepth: 0 does not compress, 1 is fast, 9 is small and '
        'very slow.',
        limits=(0, 9),
    )
    color_jpeg_quality: int = parameter(
        'depth.color.compressed.jpeg_quality',
        95,
        'JPEG quality of depth/color/compressed, 1 to 100.',
        limits=(1, 100),
    )
    scan_frame_id: str = parameter(
        'scan.frame_id',
        '',
        'Level frame of the scan, x forward and z up, whose transform others publish; empty uses '
        '<optical frame>_scan at the camera, whose transform the node publishes.',
    )

    warn_no_input_s: float = parameter(
        'diagnostics.warn_no_input',
        2.0,
        'Time without images, while an output has a subscriber, after which the state is '
        'STATE_NO_INPUT, the level WARN, and the log names the cause [s].',
        limits=(0.1, 3600.0),
    )
    error_no_input_s: float = parameter(
        'diagnostics.error_no_input',
        10.0,
        'Time without images, while an output has a subscriber, after which the level is ERROR '
        '[s]; 0.0 disables this limit.',
        limits=(0.0, 3600.0),
    )
    warn_age_s: float = parameter(
        'diagnostics.warn_age',
        0.0,
        '95th percentile of the age of published depth above which the level is WARN [s]; '
        '0.0 disables this limit.',
        limits=(0.0, 3600.0),
    )
    error_age_s: float = parameter(
        'diagnostics.error_age',
        0.0,
        '95th percentile of the age of published depth above which the level is ERROR [s]; '
        '0.0 disables this limit.',
        limits=(0.0, 3600.0),
    )
    warn_rate_hz: float = parameter(
        'diagnostics.warn_rate',
        0.0,
        'Rate of depth images, while they have a subscriber, below which the level is WARN [Hz]; '
        '0.0 disables this limit.',
        limits=(0.0, MAX_RATE_HZ),
    )
    error_rate_hz: float = parameter(
        'diagnostics.error_rate',
        0.0,
        'Rate of depth images, while they have a subscriber, below which the level is ERROR [Hz]; '
        '0.0 disables this limit.',
        limits=(0.0, MAX_RATE_HZ),
    )
    warn_drops: float = parameter(
        'diagnostics.warn_drops',
        0.0,
        'The level of /diagnostics is WARN if a larger share of the images of the last second '
        'was dropped, without those that a newer image replaced, 0 to 1.',
        limits=(0.0, 1.0),
    )
    error_drops: float = parameter(
        'diagnostics.error_drops',
        0.9,
        'The level of /diagnostics is ERROR if a larger share of the images of the last second '
        'was dropped, without those that a newer image replaced, 0 to 1.',
        limits=(0.0, 1.0),
    )
    warn_memory_mb: float = parameter(
        'diagnostics.warn_memory',
        0.0,
        'Memory of the process above which the level is WARN [MB]; 0.0 disables this limit.',
        limits=(0.0, 1e6),
        shared=True,
    )
    warn_shared_memory_mb: float = parameter(
        'diagnostics.warn_shared_memory',
        4.0,
        'Free space in /dev/shm, through which Fast DDS passes images, below which the level is '
        'WARN [MB]; 0.0 disables this limit.',
        limits=(0.0, 1e6),
        shared=True,
    )

    def __post_init__(self) -> None:
        PipelineSettings.__post_init__(self)
        taken = sorted(set(self.cameras) & TAKEN_NAMES)
        if taken:
            raise ValueError(f'cameras must not have the name of a parameter or topic: {taken[0]}')

    @property
    def predictor(self) -> PredictorSettings:
        """What the predictor is built from."""
        return PredictorSettings(**{f.name: getattr(self, f.name) for f in _PREDICTOR_FIELDS})


_PREDICTOR_FIELDS = [f for f in fields(PredictorSettings) if f.name != 'may_measure']
_FIELD_NAMES = field_names(NodeSettings)
TABLE: Mapping[str, Parameter] = table_of(NodeSettings)
TAKEN_NAMES = {name.partition('.')[0] for name in TABLE} | {'image', 'domain', 'reference'}
"""Names that no camera can have: its parameters and topics begin with its name."""


def settings_from(values: Mapping[str, Value], base: NodeSettings | None = None) -> NodeSettings:
    """Return settings with these values, by ROS name; others as in `base`.

    Raises ValueError naming the parameter, what was expected and what came.
    """
    return with_values(NodeSettings() if base is None else base, values)


def why_fixed(before: NodeSettings, after: NodeSettings, *, active: bool) -> str | None:
    """Return why settings cannot change in this way now, or None."""
    for name, spec in TABLE.items():
        field_name = _FIELD_NAMES[name]
        same = getattr(before, field_name) == getattr(after, field_name)
        if same or spec.changeable == 'always':
            continue
        if spec.changeable == 'start':
            return f'{name} is read at start only: set it in the launch or parameter file'
        if active:
            return f'{name} is fixed while the node is active: deactivate it first'
    return None
