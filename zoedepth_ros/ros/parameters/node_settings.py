"""Every parameter of the node: those of one camera's images, and the node's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from zoedepth_ros.inference.fallback import PredictorSettings
from zoedepth_ros.inference.result import cuda_index
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
    try:
        cuda_index(value)
    except ValueError:
        return _DEVICES
    return None


def check_cameras(names: tuple[str, ...]) -> str | None:
    """Return why these cannot be the names of cameras, or None."""
    if not all(_CAMERA_NAME.fullmatch(name) for name in names):
        return 'must be names that begin with a letter and contain only letters, digits and _'
    return 'must not contain a name twice' if len(set(names)) < len(names) else None


@dataclass(frozen=True, slots=True)
class NodeSettings(PipelineSettings):
    """Hold one consistent set of the node's parameters; each field names its ROS parameter."""

    # ---- node and network ------------------------------------------------------------------
    autostart: bool = parameter(
        'autostart',
        True,
        'Configure and activate the node at start. With false a lifecycle manager has to '
        'configure and activate the node.',
        changeable='start',
        shared=True,
    )
    cameras: tuple[str, ...] = parameter(
        'cameras',
        (),
        'Names of the cameras whose images this node processes with one depth network. Topics '
        'and parameters of a camera begin with its name, such as front/image, front/depth/image '
        'and front.depth.rate. An empty list means one camera without a name.',
        changeable='start',
        check=check_cameras,
        shared=True,
    )
    batch_limit: int = parameter(
        'batch.limit',
        0,
        'Largest number of images, each of a different camera, that the depth network '
        'processes at once. 0 sets the limit to the number of cameras, or to 1 on a CPU that '
        'takes more than 0.1 s per image.',
        limits=(0, 64),
        shared=True,
    )
    model: str = parameter(
        'model',
        DEFAULT_MODEL,
        'Name of the depth network, as listed by `zoedepth models`. The name has no effect if '
        'the parameter weights is a file of a network from outside this package.',
        changeable='inactive',
        shared=True,
    )
    weights: str = parameter(
        'weights',
        '',
        'File with the weights of the model, or an exported network (.onnx, .engine or .plan '
        'file). An empty text uses the weights in this package for ZoeD_S_NK, and downloads the '
        "released weights once for other models. 'random' is for tests only and gives no real "
        'depth.',
        changeable='inactive',
        shared=True,
    )
    backend: str = parameter(
        'backend',
        'auto',
        "Library that runs the depth network. 'auto' is onnxruntime for .onnx files, tensorrt "
        "for .engine and .plan files, and torch for all other weights. With 'onnxruntime', "
        "'openvino' (CPU) and 'tensorrt' the parameter weights must be an exported network: a "
        'file of `zoedepth export`, or a file of a network from outside this package with a '
        'description as in docs/other_networks.md.',
        choices=('auto', 'torch', 'onnxruntime', 'openvino', 'tensorrt'),
        changeable='inactive',
        shared=True,
    )
    device: str = parameter(
        'device',
        'auto',
        "Device that runs the depth network: 'cpu', 'cuda' or 'cuda:N'. 'auto' is the first "
        'CUDA device, or the CPU if no CUDA device can be used.',
        changeable='inactive',
        shared=True,
        check=check_device,
    )
    precision: str = parameter(
        'precision',
        'auto',
        "Floating-point type in which the depth network computes. 'auto' is fp16 on a GPU, "
        'bf16 on a CPU with bf16 instructions, and fp32 on any other CPU.',
        choices=('auto', 'fp32', 'bf16', 'fp16'),
        changeable='inactive',
        shared=True,
    )
    optimization: str = parameter(
        'optimization',
        'auto',
        "Execution mode of the depth network. 'auto' uses the fastest mode that is ready within "
        'seconds; on a CPU the first start measures the modes (for small networks also OpenVINO, '
        'if installed) and keeps the result in the cache folder (~/.cache/zoedepth or '
        "$ZOEDEPTH_HOME). 'packed' measures nothing: on a CPU it always uses torch in its default "
        "mode; on a GPU it is the same as 'auto'. 'compile' uses torch.compile, which takes a "
        "minute or more at the start. 'off' runs the slower implementation without "
        'optimizations.',
        choices=('auto', 'packed', 'off', 'compile'),
        changeable='inactive',
        shared=True,
    )
    network_width: int = parameter(
        'network.width',
        0,
        "Width of the depth network's input [px], a multiple of 32. 0 uses the model's own width.",
        limits=(0, MAX_SIDE_PX),
        changeable='inactive',
        shared=True,
        check=check_network_side,
    )
    network_height: int = parameter(
        'network.height',
        0,
        "Height of the depth network's input [px], a multiple of 32. 0 uses the model's own "
        'height.',
        limits=(0, MAX_SIDE_PX),
        changeable='inactive',
        shared=True,
        check=check_network_side,
    )
    flip_augmentation: bool = parameter(
        'flip_augmentation',
        False,
        'Average the depth of each image with the depth of its mirror image. Averaging makes '
        'depth slightly more accurate and doubles the time of the depth network.',
        changeable='inactive',
        shared=True,
    )
    pad_input: bool = parameter(
        'pad_input',
        False,
        'Extend each image by its mirrored borders and keep its aspect ratio, as the function '
        '`infer` of the ZoeDepth authors does. This padding changes the metric scale of depth: '
        'leave it off unless you compare with `infer`.',
        changeable='inactive',
        shared=True,
    )
    # ---- messages --------------------------------------------------------------------------
    image_transport: str = parameter(
        'image_transport',
        'raw',
        "Transport of the camera images. 'raw' subscribes to the topic image, 'compressed' to "
        'the topic image/compressed.',
        choices=('raw', 'compressed'),
        changeable='inactive',
    )
    max_image_age_s: float = parameter(
        'max_image_age',
        0.5,
        'Largest difference [s], in either direction, between the stamp of an image and the '
        "node's clock. Images with a larger difference are dropped, and ~/status counts them. 0.0 "
        'accepts any stamp.',
        limits=(0.0, 3600.0),
    )
    compressed_depth_max_m: float = parameter(
        'depth.image.compressedDepth.depth_max',
        100.0,
        'Largest depth [m] in depth/image/compressedDepth; pixels with more depth are 0 there, '
        'which means unknown.',
        limits=(1.0, MAX_RANGE_M),
    )
    compressed_depth_quantization: float = parameter(
        'depth.image.compressedDepth.depth_quantization',
        100.0,
        'Depth [m] at which adjacent 16-bit values in depth/image/compressedDepth are 1 m '
        "apart (only with depth.encoding '32FC1'). At half this depth adjacent values are "
        '0.25 m apart.',
        limits=(1.0, 150.0),
    )
    compressed_depth_png_level: int = parameter(
        'depth.image.compressedDepth.png_level',
        3,
        'PNG compression level of depth/image/compressedDepth. 0 does not compress, 1 is '
        'fast, and 9 gives the smallest message but is very slow.',
        limits=(0, 9),
    )
    color_jpeg_quality: int = parameter(
        'depth.color.compressed.jpeg_quality',
        95,
        'JPEG quality of depth/color/compressed, from 1 (smallest message) to 100 (best image).',
        limits=(1, 100),
    )
    scan_frame_id: str = parameter(
        'scan.frame_id',
        '',
        'TF frame of the topic scan. The x axis (forward) and the y axis (left) must be level, '
        'and the z axis points up. Another node must publish the transform of this frame. An '
        'empty text uses the frame <optical frame>_scan at the camera, whose transform the depth '
        'node publishes.',
    )

    warn_no_input_s: float = parameter(
        'diagnostics.warn_no_input',
        2.0,
        'Time [s] without images, while an output has a subscriber, after which ~/status '
        'reports STATE_NO_INPUT, /diagnostics reports WARN and the log names the cause.',
        limits=(0.1, 3600.0),
    )
    error_no_input_s: float = parameter(
        'diagnostics.error_no_input',
        10.0,
        'Time [s] without images, while an output has a subscriber, after which /diagnostics '
        'reports ERROR. 0.0 disables this limit.',
        limits=(0.0, 3600.0),
    )
    warn_age_s: float = parameter(
        'diagnostics.warn_age',
        0.0,
        'Largest age of depth when it is published [s], measured from the stamp of its image. '
        '/diagnostics reports WARN if the 95th percentile of this age is larger. 0.0 disables '
        'this limit.',
        limits=(0.0, 3600.0),
    )
    error_age_s: float = parameter(
        'diagnostics.error_age',
        0.0,
        'Largest age of depth when it is published [s], measured from the stamp of its image. '
        '/diagnostics reports ERROR if the 95th percentile of this age is larger. 0.0 disables '
        'this limit.',
        limits=(0.0, 3600.0),
    )
    warn_rate_hz: float = parameter(
        'diagnostics.warn_rate',
        0.0,
        'Smallest rate [Hz] of depth/image, depth/uncertainty, depth/color and scan or, if only '
        'clouds have subscribers, of the clouds. /diagnostics reports WARN below this rate. 0.0 '
        'disables this limit.',
        limits=(0.0, MAX_RATE_HZ),
    )
    error_rate_hz: float = parameter(
        'diagnostics.error_rate',
        0.0,
        'Smallest rate [Hz] of depth/image, depth/uncertainty, depth/color and scan or, if only '
        'clouds have subscribers, of the clouds. /diagnostics reports ERROR below this rate. 0.0 '
        'disables this limit.',
        limits=(0.0, MAX_RATE_HZ),
    )
    warn_drops: float = parameter(
        'diagnostics.warn_drops',
        0.0,
        "Largest share, 0 to 1, of the last second's images that may be dropped or lack an "
        'output, for example because they are damaged or too old, or because camera_info is '
        'missing. Images that were replaced by a newer image do not count. /diagnostics '
        'reports WARN above this share: with 0.0 for a single dropped image, with 1.0 never.',
        limits=(0.0, 1.0),
    )
    error_drops: float = parameter(
        'diagnostics.error_drops',
        0.9,
        "Largest share, 0 to 1, of the last second's images that may be dropped or lack an "
        'output, for example because they are damaged or too old, or because camera_info is '
        'missing. Images that were replaced by a newer image do not count. /diagnostics '
        'reports ERROR above this share: with 0.0 for a single dropped image, with 1.0 never.',
        limits=(0.0, 1.0),
    )
    warn_memory_mb: float = parameter(
        'diagnostics.warn_memory',
        0.0,
        "Largest resident memory of the node's process [MB]. /diagnostics reports WARN above "
        'this value. 0.0 disables this limit.',
        limits=(0.0, 1e6),
        shared=True,
    )
    warn_shared_memory_mb: float = parameter(
        'diagnostics.warn_shared_memory',
        4.0,
        'Smallest free space [MB] in /dev/shm, through which Fast DDS passes images between '
        'processes. /diagnostics reports WARN below this value. 0.0 disables this limit.',
        limits=(0.0, 1e6),
        shared=True,
    )

    def __post_init__(self) -> None:
        PipelineSettings.__post_init__(self)
        taken = sorted(set(self.cameras) & TAKEN_NAMES)
        if taken:
            raise ValueError(
                'cameras must not contain the name of a parameter or topic of the node, got '
                f'{taken[0]}'
            )

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
            return (
                f'{name} is read only at the start of the node: set the parameter in the launch '
                'file or parameter file'
            )
        if active:
            return f'{name} cannot be changed while the node is active: deactivate the node first'
    return None
