"""Other runtimes, which compute the network from an exported file; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from zoedepth_ros.benchmark.baselines import Rival
from zoedepth_ros.benchmark.sides import Side, Size
from zoedepth_ros.model.backbones.config import BeitConfig
from zoedepth_ros.model.config import ModelConfig

RUNTIMES = ('onnxruntime', 'openvino')
"""As kinds of sides; their names begin those of the rivals."""

_SAME = 0.03  # ratios of a few turns in turn do not tell less apart
_SLACK = 1.05


def runtimes(ours: Side, file: str, half: str, *, on_gpu: bool) -> list[Rival]:
    """List the runtimes that our side, whose device is known, is to be compared with.

    file: of the exported network.  half: the half precision to measure; '' for none.
    """
    plain = replace(ours, weights=file, precision='fp32', optimization='auto')
    rounded = ' (its products rounded to TF32)' if on_gpu else ''
    found = [
        Rival(
            'onnxruntime',
            f'ONNX Runtime, fp32{rounded}',
            replace(plain, kind='onnxruntime'),
            'speedup_over_onnxruntime',
        ),
        Rival(
            'openvino_half',
            f'OpenVINO, {half}',
            replace(plain, kind='openvino', precision=half),
            'speedup_over_openvino_half',
        ),
        Rival(
            'openvino',
            'OpenVINO, fp32',
            replace(plain, kind='openvino'),
            'speedup_over_openvino',
        ),
    ]
    return [rival for rival in found if rival.side.precision]


def file_bytes(config: ModelConfig, size: Size, weights_bytes: int) -> int:
    """Estimate how big an exported file gets: weights, and BEiT's position bias of a size."""
    backbone = config.backbone
    bias_bytes = 0
    if isinstance(backbone, BeitConfig):
        tokens = 1 + size[0] * size[1] // backbone.patch_size**2
        bias_bytes = 4 * backbone.depth * backbone.num_heads * tokens**2
    return round(_SLACK * (weights_bytes + bias_bytes))


def runtime_words(
    longer: Mapping[str, float], titles: Mapping[str, str], precision: str
) -> list[str]:
    """Say how long the runtimes take beside ours; [] where none was measured.

    longer: rival -> how many times longer than ours it takes.  titles: rival -> what it is.
    precision: of ours.
    """
    found = [name for name in longer if name.partition('_')[0] in RUNTIMES]
    if not found:
        return []
    told = [
        f'{titles[name]}: {_beside(longer[name], precision)}{_in_fp32(name, longer)}.'
        for name in found
    ]
    return [
        'The other runtimes take the same weights from a file that `zoedepth export` writes (one '
        "head, one size), on as many threads, with the node's own way in and back around them.",
        ' '.join(told),
    ]


def _in_fp32(name: str, longer: Mapping[str, float]) -> str:
    """Compare what computes in float32 with ours in float32, where that is not ours anyway."""
    if name.endswith('_half') or 'ours_fp32' not in longer:
        return ''
    return f', {_beside(longer[name] / longer["ours_fp32"], "fp32")}'


def _beside(longer: float, precision: str) -> str:
    verdict = 'as fast'
    if abs(longer - 1.0) > _SAME:
        verdict = 'slower' if longer > 1.0 else 'faster'
    return f'{longer:.2f} times as long as ours in {precision} ({verdict})'
