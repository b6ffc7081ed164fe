"""Scales kept in a small YAML file, checked when they are read."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from zoedepth_ros.geometry.scale import HIGHEST_SCALE, LOWEST_SCALE
from zoedepth_ros.geometry.scale_tracker import STEADY, ScaleState

FORMAT = 'zoedepth scale 1'
KEYS = {'format', 'camera', 'heads'}
HEAD_KEYS = {'scale', 'confidence'}


class ScaleFileError(ValueError):
    """Say what is wrong with a file of scales."""


def save_scales(path: Path, states: Mapping[str, ScaleState], *, camera: str = '') -> None:
    """Write the target scale of every head; all or nothing, as the old file is replaced at once.

    camera: a name for people, so that a file is not taken for another camera's.
    """
    heads = {
        head: {'scale': round(state.target, 5), 'confidence': round(state.confidence, 3)}
        for head, state in states.items()
    }
    text = yaml.safe_dump({'format': FORMAT, 'camera': camera, 'heads': heads}, sort_keys=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f'{path.name}.{os.getpid()}.part')
    unfinished.write_text(text, encoding='utf-8')
    unfinished.replace(path)


def load_scales(path: Path) -> dict[str, ScaleState]:
    """Read the scale of every head in a file.

    Raises ScaleFileError naming the file, what was expected and what came; OSError when it cannot
    be read.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScaleFileError(f'{path}: not YAML: {error}') from None
    if not isinstance(content, dict) or content.get('format') != FORMAT:
        raise ScaleFileError(f'{path}: expected the line "format: {FORMAT}"')
    if set(content) - KEYS or not isinstance(content.get('heads'), dict):
        raise ScaleFileError(f'{path}: expected {sorted(KEYS)}, got {sorted(map(str, content))}')
    return {str(head): _state(path, str(head), entry) for head, entry in content['heads'].items()}


def _state(path: Path, head: str, entry: Any) -> ScaleState:
    if head not in ('indoor', 'outdoor'):
        raise ScaleFileError(f'{path}: expected the heads indoor and outdoor, got {head!r}')
    if not isinstance(entry, dict) or set(entry) != HEAD_KEYS:
        raise ScaleFileError(f'{path}: {head}: expected {sorted(HEAD_KEYS)}, got {entry!r}')
    scale = _number(path, f'{head}.scale', entry['scale'], LOWEST_SCALE, HIGHEST_SCALE)
    confidence = _number(path, f'{head}.confidence', entry['confidence'], 0.0, 1.0)
    return ScaleState(scale, scale, confidence, STEADY)


def _number(path: Path, name: str, value: Any, low: float, high: float) -> float:
    right = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not right or not math.isfinite(value) or not low <= value <= high:
        raise ScaleFileError(f'{path}: {name} must be {low} to {high}, got {value!r}')
    return float(value)
