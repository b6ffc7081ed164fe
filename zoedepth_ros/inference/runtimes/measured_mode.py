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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import torch

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
from zoedepth_ros.model.fused.layers import Linear, PackedLinear
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

    linear: type[Linear]
    """Class of the linear layers."""

    attention: Attention
    """Computes the attention of the blocks."""


def cpu_modes(dtype: torch.dtype) -> tuple[CpuMode, ...]:
    """Return the modes of a data type; the first is used where nothing is measured."""
    own: Attention = HeadwiseAttention() if dtype == torch.float32 else GroupedAttention()
    usual = SdpaAttention() if dtype == torch.float32 else ExplicitAttention()
    modes = (
        CpuMode('packed', PackedLinear, own),
        CpuMode('packed, usual attention', PackedLinear, usual),
        CpuMode('fused', Linear, usual),
        CpuMode('fused, own attention', Linear, own),
    )
    return modes[2:3] if PackedLinear.missing(dtype) else modes


def choose_mode(
    model: ZoeDepth,
    precision: str,
    dtype: torch.dtype,
    size: tuple[int, int],
    folder: Path | None,
    *,
    may_measure: bool = True,
) -> CpuMode:
    """Return the fastest mode for images of a size [px], as measured now or earlier.

    folder: of the file with earlier measurements; None measures nothing.  may_measure: False uses
    earlier measurements only.
    """
    modes = {mode.name: mode for mode in cpu_modes(dtype)}
    default, *others = modes.values()
    if folder is None or not others or not _is_worthwhile(model, size):
        return default
    key = measurement_key(model.config.name, precision, size)
    name = kept_mode(folder, key, tuple(modes))
    if not name and may_measure:
        times_ms = block_times_ms(model, dtype, size, tuple(modes.values()))
        name = fastest(folder, key, default.name, times_ms, 'block')
    return modes[name or default.name]


def kept_mode(folder: Path, key: str, names: Sequence[str]) -> str:
    """Return the mode that was measured earlier; '' if none of these was."""
    name = _read(folder / FILE).get(key, {}).get('mode')
    return name if name in names else ''


def fastest(folder: Path, key: str, default: str, times_ms: dict[str, float], what: str) -> str:
    """Return the fastest mode, and keep it in the folder.

    times_ms: CPU time by mode; {} if there was too little time to measure.  what: was measured,
    for the log.
    """
    path = folder / FILE
    if not times_ms:
        _logger.info(
            f'execution mode {default!r} is used without a measurement, because measuring took '
            'too long (do other programs use the processor?); the next start measures again'
        )
        return default
    name = min(times_ms, key=lambda each: times_ms[each])
    if times_ms[name] > _MARGIN * times_ms[default]:
        name = default
    _logger.info(
        f'execution mode {name!r} is used on this processor for this input size; CPU time per '
        f'{what}: '
        + ', '.join(f'{each} {ms:.1f} ms' for each, ms in times_ms.items())
        + f'; stored in {path}'
    )
    # Another process may have measured at the same time: the first one counts.
    if kept := kept_mode(folder, key, tuple(times_ms)):
        return kept
    entry = {'mode': name, f'{what}_cpu_ms': times_ms, 'date': date.today().isoformat()}
    try:
        write_file(path, json_text({**_read(path), key: entry}), make_folder=True)
    except OSError as error:
        _logger.info(
            'the measured execution mode cannot be stored, so the next start measures again: '
            f'{error}'
        )
    return name


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
    with torch.inference_mode():
        blocks = [
            (
                mode,
                FusedBlock(copy.deepcopy(backbone.blocks[0]), dtype, mode.linear, mode.attention),
                mode.attention.prepared(bias),
            )
            for mode in modes
        ]
        return cpu_times_ms({m.name: partial(block, x, bias) for m, block, bias in blocks})


def cpu_times_ms(runs: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Return the least CPU time of each run [ms], measured in turn.

    {} if BUDGET_S ends before each had its share.
    """
    start_s = time.perf_counter()
    times_s: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(1 + _ROUNDS):
        for name, run in runs.items():
            if time.perf_counter() - start_s > BUDGET_S:
                break
            began_s = time.process_time()
            run()
            if number:  # the first one prepares the products
                times_s[name].append(time.process_time() - began_s)
    enough = all(len(values) >= _FEWEST_ROUNDS for values in times_s.values())
    return {name: 1e3 * min(values) for name, values in times_s.items()} if enough else {}


def _tokens(backbone: BeitFeatures, size: tuple[int, int]) -> int:
    side = backbone.config.patch_size
    return 1 + (size[0] // side) * (size[1] // side)


def _is_worthwhile(model: ZoeDepth, size: tuple[int, int]) -> bool:
    backbone = model.backbone
    if not isinstance(backbone, BeitFeatures):
        return False
    return 12 * _tokens(backbone, size) * backbone.config.embed_dim**2 > _WORTHWHILE


def measurement_key(model: str, precision: str, size: tuple[int, int]) -> str:
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
