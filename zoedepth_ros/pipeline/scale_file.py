"""The scale of a head, and the YAML file that keeps it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from zoedepth_ros.errors import quoted
from zoedepth_ros.files import parse_yaml, read_text, replacing
from zoedepth_ros.geometry.scale import HIGHEST_SCALE, LOWEST_SCALE

FORMAT = 'zoedepth scale 1'
KEYS = {'format', 'camera', 'heads'}
_HEAD = re.compile('[a-z][a-z0-9_]{0,63}')
HEAD_KEYS = {'scale', 'confidence'}

UNKNOWN, CONVERGING, CONVERGED = 'unknown', 'converging', 'converged'


@dataclass(frozen=True, slots=True)
class ScaleState:
    """The present scale of one head."""

    scale: float = 1.0
    """Factor on depth to apply now."""

    target: float = 1.0
    """Scale by the estimates so far, which `scale` approaches."""

    confidence: float = 0.0
    """How well the target is supported, 0 to 1."""

    phase: str = UNKNOWN
    """'unknown' (no evidence yet), 'converging' or 'converged'."""


class ScaleFileError(ValueError):
    """A file of scales cannot be used, for the reason in the message."""


def save_scales(path: Path, states: Mapping[str, ScaleState], *, camera: str = '') -> None:
    """Write the target scale of every head, replacing an old file at once.

    camera: a name for the user, to tell the files of several cameras apart.
    """
    heads = {
        head: {'scale': round(state.target, 5), 'confidence': round(state.confidence, 3)}
        for head, state in states.items()
    }
    text = yaml.safe_dump({'format': FORMAT, 'camera': camera, 'heads': heads}, sort_keys=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding='utf-8')


def load_scales(path: Path, heads: Collection[str] | None = ()) -> dict[str, ScaleState]:
    """Read the scale of every head in a file.

    heads: names besides indoor and outdoor, as of a contract; None for any.

    Raises ScaleFileError naming the file, what was expected and what came; OSError when it cannot
    be read.
    """
    try:
        content = parse_yaml(read_text(path))
    except ValueError as error:
        raise ScaleFileError(f'{path}: the file is not YAML: {error}') from None
    if not isinstance(content, dict) or content.get('format') != FORMAT:
        raise ScaleFileError(f'{path}: expected the line "format: {FORMAT}"')
    if set(content) - KEYS or not isinstance(content.get('heads'), dict):
        raise ScaleFileError(
            f'{path}: expected the keys {sorted(KEYS)}, got {quoted(list(content))}'
        )
    known = None if heads is None else {'indoor', 'outdoor', *heads}
    for head in content['heads']:
        if not _HEAD.fullmatch(str(head)) or (known is not None and head not in known):
            named = ', '.join(sorted(known or {'indoor', 'outdoor'}))
            raise ScaleFileError(f'{path}: expected the heads {named}, got {quoted(head)}')
    return {str(head): _state(path, str(head), entry) for head, entry in content['heads'].items()}


def _state(path: Path, head: str, entry: Any) -> ScaleState:
    if not isinstance(entry, dict) or set(entry) != HEAD_KEYS:
        raise ScaleFileError(
            f'{path}: {head}: expected the keys {sorted(HEAD_KEYS)}, got {quoted(entry)}'
        )
    limits = {'scale': (LOWEST_SCALE, HIGHEST_SCALE), 'confidence': (0.0, 1.0)}
    for name, (low, high) in limits.items():
        value = entry[name]
        if type(value) not in (int, float) or not low <= value <= high:  # NaN is not
            raise ScaleFileError(
                f'{path}: {head}.{name} must be {low} to {high}, got {quoted(value)}'
            )
    scale, confidence = float(entry['scale']), float(entry['confidence'])
    return ScaleState(scale, scale, confidence, CONVERGED)
