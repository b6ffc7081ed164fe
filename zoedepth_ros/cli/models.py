"""`zoedepth models`: the models, their weights, and which are on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoedepth_ros.weights.known_weights import MODELS, ModelSource

HELP = 'list the models, the sizes of their weights, and which are on this machine'

_COLUMNS = ('NAME', 'HEADS', 'PARAMETERS', 'DOWNLOAD', 'LOCAL', 'PURPOSE')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no arguments."""


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from zoedepth_ros.folders import cache_folder
    from zoedepth_ros.model.presets import PRESETS
    from zoedepth_ros.weights.locations import cached

    local = {name: cached(name) for name in MODELS}
    rows = [
        _row(model, local[name])
        for name, model in MODELS.items()
        if model.kind != 'embedded' or local[name]  # an embedded one cannot be downloaded
    ]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    for row in (_COLUMNS, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print('  '.join(cells).rstrip())
    print()
    for name, path in local.items():
        if path:
            print(f'{name} is {path}')
    print(f'Downloads are stored in {cache_folder()} (set by ZOEDEPTH_HOME)')
    print('and in the cache of Hugging Face (set by HF_HOME). All weights: MIT licence.')
    others = ', '.join(name for name in PRESETS if name not in MODELS)
    print(f'Models without published weights (use --weights FILE or random): {others}')
    return 0


def size_text(size_bytes: float) -> str:
    """Format a size in powers of ten."""
    for unit in ('B', 'kB', 'MB', 'GB'):
        if size_bytes < 1000 or unit == 'GB':
            break
        size_bytes /= 1000
    return f'{size_bytes:.3g} {unit}'


def _row(model: ModelSource, path: Path | None) -> tuple[str, ...]:
    source = model.hugging_face or model.github
    if model.kind == 'embedded':
        download = 'none'
    else:
        download = f'{source.about_bytes / 1e9:.2f} GB' if source else '-'
    parameters = f'{model.parameters / 1e6:.1f} M' if model.parameters else '-'
    heads = ', '.join(model.heads) or 'relative only'
    return model.name, heads, parameters, download, 'yes' if path else 'no', model.purpose
