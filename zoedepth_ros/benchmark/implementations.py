"""What is measured, as plain values: implementations of the network; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]
"""(height, width) [px]."""

CAMERA_SIZE: Size = (480, 640)
"""Size of a camera image, for implementations that include the preprocessing."""

RUNTIMES = ('onnxruntime', 'openvino')
"""Kinds of implementations that run an exported file."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """One way to compute depth from an image."""

    kind: Literal['ours', 'transformers', 'onnxruntime', 'openvino']
    """This package, transformers, or the runtime of a file that this package exported."""
    model: str
    """A preset."""
    weights: str
    """Weight file of this package; runtimes: the exported file."""
    device: str = 'auto'
    """'auto', 'cpu', 'cuda' or 'cuda:N'."""
    precision: str = 'fp32'
    """'fp32', 'bf16' or 'fp16'; 'ours' also 'auto'."""
    optimization: str = 'auto'
    """'ours': as for build_predictor."""
    attention: Literal['sdpa', 'eager'] = 'sdpa'
    """transformers: attention of the backbone; 'sdpa' is its default."""
    official_protocol: bool = False
    """transformers: pad, average with the mirrored image, as the original code."""
    network_size: Size | None = None
    """'ours': size inside the network [px]; None for that of the model."""
    tf32: bool = False
    """transformers: allow TF32 in float32 products on GPUs."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """An implementation that is measured in turn with the node's own."""

    name: str
    """Its key among the variants in the JSON."""
    title: str
    """Its name in the table."""
    implementation: Implementation
    own_environment: bool = False
    """Whether it runs without the node's settings of allocator and threads."""
    from_camera: bool = False
    """Whether both start from an image of CAMERA_SIZE instead of the network's size."""


IN_SHORT = ('transformers', 'ours_fp32', 'transformers_half')
"""The most important baselines, which are measured first and in a short benchmark."""


def baselines(ours: Implementation, half: str, *, short: bool, on_gpu: bool) -> list[Baseline]:
    """Return the baselines of our implementation, whose precision is known.

    half: the half precision to measure, 'bf16' or 'fp16'; '' for none.
    """
    other = 'fp32' if ours.precision != 'fp32' else half
    sdpa = replace(ours, kind='transformers', precision='fp32', optimization='auto')
    eager = replace(sdpa, attention='eager')
    own = ', in its own environment'
    rows = [
        ('ours', f'ours, {other}', replace(ours, precision=other)),
        ('ours_plain', f'ours, {ours.precision}, optimization off',
         replace(ours, optimization='off')),
        ('ours_compiled', f'ours, {ours.precision}, compiled',
         replace(ours, optimization='compile')),
        ('transformers', 'transformers, fp32, SDPA (its default)', sdpa),
        ('transformers_own_environment', f'transformers, fp32, SDPA{own}', sdpa),
        ('transformers_tf32', 'transformers, fp32 rounded to TF32, SDPA',
         replace(sdpa, tf32=True)),
        ('transformers_eager', 'transformers, fp32, eager', eager),
        ('transformers_eager_own_environment', f'transformers, fp32, eager{own}', eager),
        ('transformers_half', f'transformers, {half}, SDPA', replace(sdpa, precision=half)),
        ('transformers_half_eager', f'transformers, {half}, eager',
         replace(eager, precision=half)),
        ('official', 'official protocol: two padded passes, fp32, eager',
         replace(eager, official_protocol=True)),
    ]  # fmt: skip
    found = [
        Baseline(
            f'ours_{other}' if name == 'ours' else name,
            title,
            implementation,
            own_environment=name.endswith('own_environment'),
            from_camera=implementation.official_protocol,
        )
        for name, title, implementation in rows
        if implementation.precision
        and (on_gpu or name not in ('ours_compiled', 'transformers_tf32'))
        and not (name == 'ours_compiled' and ours.optimization == 'compile')
    ]
    return [x for x in found if not short or x.name in (*IN_SHORT, f'ours_{other}')]


def runtime_baselines(
    ours: Implementation, file: str, half: str, *, on_gpu: bool
) -> list[Baseline]:
    """Return the runtimes to compare with our implementation, whose device is known.

    file: of the exported network.  half: the half precision to measure; '' for none.
    """
    plain = replace(ours, weights=file, precision='fp32', optimization='auto')
    openvino = replace(plain, kind='openvino')
    tf32 = ' (matrix products rounded to TF32)' if on_gpu else ''
    found = [
        Baseline('onnxruntime', f'ONNX Runtime, fp32{tf32}', replace(plain, kind='onnxruntime')),
        Baseline('openvino_half', f'OpenVINO, {half}', replace(openvino, precision=half)),
        Baseline('openvino', 'OpenVINO, fp32', openvino),
    ]
    return [x for x in found if x.implementation.precision]


@cache
def sample_images(size: Size, count: int = 3) -> list[NDArray[np.uint8]]:
    """Return images (H, W, 3) of smooth patches with noise; equal calls give equal images."""
    random = np.random.default_rng(0)
    images = []
    for _ in range(count):
        coarse = random.uniform(0, 255, (7, 7, 3))
        smooth = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR)
        noise = random.uniform(-20, 20, smooth.shape)
        images.append(np.clip(smooth + noise, 0, 255).astype(np.uint8))
    return images
