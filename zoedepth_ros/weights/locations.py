"""Locations of weights on this machine, and manual download instructions; no network access."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from zoedepth_ros.folders import cache_folder, user_cache_folder
from zoedepth_ros.weights.known_weights import (
    HuggingFaceFile,
    ModelSource,
    embedded_path,
    model_source,
)


def cached(name: str) -> Path | None:
    """Return the file of these weights if it is on this machine, else None."""
    model = model_source(name)
    return embedded_path(name) or next((p for p in _places(model) if p.is_file()), None)


def manual_instructions(model: ModelSource) -> str:
    """Return instructions for downloading these weights manually."""
    folder = cache_folder()
    lines = ['Manually: download on any machine, then copy to this one']
    if model.github:
        lines.append(f'  {model.github.url}\n    -> {folder / model.github.filename}')
    if model.hugging_face:
        lines.append(f'  {_hub_url(model.hugging_face)}\n    -> {folder / model.name}.safetensors')
    lines.append(
        'or store the file anywhere and set its path: --weights PATH (command line), '
        'weights:=PATH (launch file), parameter weights (node).'
    )
    return '\n'.join(lines)


def _places(model: ModelSource) -> Iterator[Path]:
    """Yield every possible path of these weights."""
    folder = cache_folder()
    if model.hugging_face:
        yield folder / f'{model.name}.safetensors'
        if path := _in_hub_cache(model.hugging_face):
            yield path
    if model.github:
        yield folder / model.github.filename
        # The location of torch.hub, which the authors' code uses.
        torch_home = os.environ.get('TORCH_HOME') or user_cache_folder() / 'torch'
        yield Path(torch_home).expanduser() / 'hub' / 'checkpoints' / model.github.filename


def hub_cache() -> Path | None:
    """Return the cache folder for the hub library; None for its default, which HF_HOME sets."""
    return cache_folder() / 'huggingface' if os.environ.get('ZOEDEPTH_HOME') else None


def _in_hub_cache(file: HuggingFaceFile) -> Path | None:
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    path = try_to_load_from_cache(file.repo_id, file.filename, cache_dir=hub_cache())
    return Path(path) if isinstance(path, str) else None


def _hub_url(file: HuggingFaceFile) -> str:
    endpoint = os.environ.get('HF_ENDPOINT') or 'https://huggingface.co'
    return f'{endpoint}/{file.repo_id}/resolve/main/{file.filename}'
