"""Which network runs, where, and for which cameras."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zoedepth_ros.pipeline.parameter import MAX_SIDE_PX, parameter

_DEVICES = "must be 'auto', 'cpu', 'cuda' or 'cuda:N'"
_CAMERA_NAME = re.compile('[a-zA-Z][a-zA-Z0-9_]*')


def check_network_side(value: int) -> str | None:
    """Give the reason why a side is none that the network can have."""
    return None if value % 32 == 0 else 'must be 0 or a multiple of 32 px'


def check_device(value: str) -> str | None:
    """Give the reason why a text names no device."""
    kind, _, index = value.partition(':')
    right = kind in ('auto', 'cpu', 'cuda') and (':' not in value or kind == 'cuda')
    return None if right and (':' not in value or index.isdigit()) else _DEVICES


def check_cameras(names: tuple[str, ...]) -> str | None:
    """Give the reason why these cannot be the names of cameras."""
    if not all(_CAMERA_NAME.fullmatch(name) for name in names):
        return 'must be names of letters, digits and _, a letter first'
    return 'must not name a camera twice' if len(set(names)) < len(names) else None


@dataclass(frozen=True)
class NetworkSettings:
    """What runs, and for which cameras; the same for all of them."""

    __slots__ = ()
    autostart: bool = parameter(
        'autostart',
        True,
        'Configure and activate by itself; false leaves that to a lifecycle manager.',
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
        'So many pictures of different cameras that wait together go through the network at '
        'once; 0 is as many as there are cameras, but 1 on a CPU that takes more than 0.1 s for '
        'a picture.',
        low=0,
        high=64,
        shared=True,
    )
    model: str = parameter(
        'model',
        'ZoeD_M12_NK',
        'Which network: a name that `zoedepth models` lists.',
        changeable='inactive',
        shared=True,
    )
    weights: str = parameter(
        'weights',
        '',
        "Weight file; empty fetches the released weights once, 'random' is for trials only.",
        changeable='inactive',
        shared=True,
    )
    backend: str = parameter(
        'backend',
        'torch',
        'What runs the network: torch, or onnxruntime, openvino (CPU) or tensorrt with a file of '
        '`zoedepth export` as weights.',
        choices=('torch', 'onnxruntime', 'openvino', 'tensorrt'),
        changeable='inactive',
        shared=True,
    )
    device: str = parameter(
        'device',
        'auto',
        "Where the network runs: 'auto', 'cpu', 'cuda' or 'cuda:N'.",
        changeable='inactive',
        shared=True,
        check=check_device,
    )
    precision: str = parameter(
        'precision',
        'auto',
        'Arithmetic of the network; auto takes what the device does best.',
        choices=('auto', 'fp32', 'bf16', 'fp16'),
        changeable='inactive',
        shared=True,
    )
    optimization: str = parameter(
        'optimization',
        'auto',
        'Form of the network: auto the fastest that is ready in seconds, compile lets torch '
        'compile it (minutes at the first start; pays on a GPU), off as it was trained.',
        choices=('auto', 'off', 'compile'),
        changeable='inactive',
        shared=True,
    )
    network_width: int = parameter(
        'network.width',
        0,
        "Width the network sees [px], a multiple of 32; 0 takes the model's own.",
        low=0,
        high=MAX_SIDE_PX,
        changeable='inactive',
        shared=True,
        check=check_network_side,
    )
    network_height: int = parameter(
        'network.height',
        0,
        "Height the network sees [px], a multiple of 32; 0 takes the model's own.",
        low=0,
        high=MAX_SIDE_PX,
        changeable='inactive',
        shared=True,
        check=check_network_side,
    )
    flip_augmentation: bool = parameter(
        'flip_augmentation',
        False,
        'Average with the depth of the mirrored picture: a little better, twice the time.',
        changeable='inactive',
        shared=True,
    )
    pad_input: bool = parameter(
        'pad_input',
        False,
        'Pad and keep the aspect ratio as the original `infer` does; changes the metric result.',
        changeable='inactive',
        shared=True,
    )
