"""Choose the execution mode of a network on a CPU by measuring one transformer block in each.

Which is fastest depends on the processor: with AVX-512 the products of oneDNN take half the time
of MKL's, on some processors with AVX2 they take longer.  Most of the arithmetic is in the blocks.
The choice is kept in a file, so that equal settings give equal numbers from then on.  CPU time is
compared, because the time of other programs would be part of the elapsed time.
"""

from __future__ import annotations

import copy
import logging
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zoedepth_ros.files import json_text, parse_json, read_text, write_file
from zoedepth_ros.inference.processor import cpuinfo, instruction_sets
from zoedepth_ros.model.backbones.beit import BeitFeatures
from zoedepth_ros.model.fused.attention import (
    Attention,
    ExplicitAttention,
    GroupedAttention,
    HeadwiseAttention,
    SdpaAttention,
)
from zoedepth_ros.model.fused.beit import FusedBlock
from zoedepth_ros.model.fused.layers import Layers, PackedLayers, TorchLayers
from zoedepth_ros.model.zoedepth import ZoeDepth

BUDGET_S = 6.0
"""No block is started after this time [s]."""

FILE = 'execution_modes.json'
_ROUNDS = 7  # after a first one that does not count
_FEWEST_ROUNDS = 3  # for a choice
_WORTHWHILE = 2e9  # products of a block; below, all modes take about as long
_MARGIN = 0.97  # of the default's time, to choose another mode
_VARIABLES = ('ONEDNN_MAX_CPU_ISA', 'DNNL_MAX_CPU_ISA', 'ATEN_CPU_CAPABILITY')
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CpuMode:
    """How linear layers and attention are computed."""

    name: str
    """Name in the file and in the log."""

    layers: Layers
    """Creates the linear layers and convolutions."""

    attention: Attention
    """Computes the attention of the blocks."""


def cpu_modes(dtype: torch.dtype) -> tuple[CpuMode, ...]:
    """Return the modes of a data type; the first is used where nothing is measured."""
    own: Attention = HeadwiseAttention() if dtype == torch.float32 else GroupedAttention()
    usual = SdpaAttention() if dtype == torch.float32 else ExplicitAttention()
    modes = (
        CpuMode('packed', PackedLayers(), own),
        CpuMode('packed, usual attention', PackedLayers(), usual),
        CpuMode('fused', TorchLayers(), usual),
        CpuMode('fused, own attention', TorchLayers(), own),
    )
    return modes[2:3] if PackedLayers.missing(dtype) else modes


def choose_mode(
    model: ZoeDepth, precision: str, dtype: torch.dtype, size: tuple[int, int], folder: Path | None
) -> CpuMode:
    """Return the fastest mode for images of a size [px], as measured now or earlier.

    folder: of the file with earlier measurements; None measures nothing.
    """
    modes = {mode.name: mode for mode in cpu_modes(dtype)}
    default, *others = modes.values()
    if folder is None or not others or not _is_worthwhile(model, size):
        return default
    key, path = _key(model.config.name, precision, size), folder / FILE
    kept = _read(path).get(key, {})
    if kept.get('mode') in modes:
        return modes[kept['mode']]
    times_ms = block_times_ms(model, dtype, size, tuple(modes.values()))
    if not times_ms:
        _logger.info(
            f'execution mode {default.name!r}: other programs left too little time to measure, '
            'so the next start tries again'
        )
        return default
    fastest = min(times_ms, key=lambda name: times_ms[name])
    if times_ms[fastest] > _MARGIN * times_ms[default.name]:
        fastest = default.name
    _logger.info(
        f'execution mode {fastest!r}, measured once for this processor and size: '
        + ', '.join(f'{name} {ms:.1f} ms' for name, ms in times_ms.items())
        + f' of CPU time a block; kept in {path}'
    )
    entry = {'mode': fastest, 'block_cpu_ms': times_ms, 'date': date.today().isoformat()}
    # Another process may have measured at the same time: the first one counts.
    kept = _keep(path, key, entry)
    return modes.get(kept['mode'], modes[fastest])


def block_times_ms(
    model: ZoeDepth, dtype: torch.dtype, size: tuple[int, int], modes: tuple[CpuMode, ...]
) -> dict[str, float]:
    """Return the least CPU time of one block in each mode [ms], measured in turn.

    {} if BUDGET_S ends before each mode had its share.
    """
    backbone = model.backbone
    assert isinstance(backbone, BeitFeatures)
    tokens = _tokens(backbone, size)
    random = torch.Generator().manual_seed(0)
    x = torch.rand(1, tokens, backbone.config.embed_dim, generator=random).to(dtype)
    bias = torch.rand(backbone.config.num_heads, tokens, tokens, generator=random).to(dtype)
    start_s = time.perf_counter()
    times_s: dict[str, list[float]] = {}
    with torch.inference_mode():
        blocks = [
            (mode, _block(backbone.blocks[0], dtype, mode), mode.attention.prepared(bias))
            for mode in modes
        ]
        for number in range(1 + _ROUNDS):
            for mode, block, prepared in blocks:
                if time.perf_counter() - start_s > BUDGET_S:
                    break
                began_s = time.process_time()
                block(x, prepared)
                if number:  # the first one prepares the products
                    times_s.setdefault(mode.name, []).append(time.process_time() - began_s)
    enough = all(len(times_s.get(mode.name, ())) >= _FEWEST_ROUNDS for mode in modes)
    return {name: 1e3 * min(values) for name, values in times_s.items()} if enough else {}


def _block(reference: nn.Module, dtype: torch.dtype, mode: CpuMode) -> FusedBlock:
    return FusedBlock(copy.deepcopy(reference), dtype, mode.layers, mode.attention)


def _tokens(backbone: BeitFeatures, size: tuple[int, int]) -> int:
    side = backbone.config.patch_size
    return 1 + (size[0] // side) * (size[1] // side)


def _is_worthwhile(model: ZoeDepth, size: tuple[int, int]) -> bool:
    backbone = model.backbone
    if not isinstance(backbone, BeitFeatures):
        return False
    return 12 * _tokens(backbone, size) * backbone.config.embed_dim**2 > _WORTHWHILE


def _key(model: str, precision: str, size: tuple[int, int]) -> str:
    """Name everything that a choice depends on."""
    names = cpuinfo()
    processor = names.get('model name') or platform.machine()
    family = '/'.join(names.get(name, '') for name in ('cpu family', 'model', 'CPU part'))
    sets = ' '.join(sorted(instruction_sets()))
    variables = ' '.join(f'{name}={os.environ[name]}' for name in _VARIABLES if name in os.environ)
    threads = f'{torch.get_num_threads()} threads'
    shape = f'{size[1]}x{size[0]}'
    parts = (model, precision, shape, threads, f'torch {torch.__version__}', processor, family)
    return '; '.join(filter(None, (*parts, variables, sets)))


def _read(path: Path) -> Mapping[str, Any]:
    """Return earlier measurements; {} without a file and for one that cannot be read."""
    try:
        found = parse_json(read_text(path))
    except (OSError, ValueError):
        return {}
    valid = isinstance(found, dict) and all(isinstance(entry, dict) for entry in found.values())
    return found if valid else {}


def _keep(path: Path, key: str, entry: dict[str, Any]) -> Mapping[str, Any]:
    """Add a measurement to the file, unless it has one; return that of the file."""
    earlier = _read(path)
    if 'mode' in earlier.get(key, {}):
        return earlier[key]  # type: ignore[no-any-return]
    try:
        write_file(path, json_text({**earlier, key: entry}), make_folder=True)
    except OSError as error:
        _logger.info(f'the measured execution mode is not kept: {error}')
    return entry
