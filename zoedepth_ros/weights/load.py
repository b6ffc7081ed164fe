"""Load weights into a network, strictly, and save them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import torch
from safetensors.torch import save_file
from torch import Tensor

from zoedepth_ros.files import parse_json, replacing
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.model.zoedepth import ZoeDepth
from zoedepth_ros.weights.convert import from_hugging_face, from_midas, from_official, variant_of
from zoedepth_ros.weights.errors import WeightsError, listing
from zoedepth_ros.weights.read import CONFIG_KEY, FORMAT, FORMAT_KEY, Checkpoint, read_checkpoint

_RELATIVE_PARTS = ('backbone.', 'decoder.', 'relative_head.')
_OFFICIAL_CORE = 'core.core.'
_MIDAS_PARTS = ('pretrained.', 'scratch.', 'core.core.pretrained.', 'core.core.scratch.')
_MAY_DIFFER = ('name', 'image_size')  # settings that may differ between a file and a network


def load_weights(model: ZoeDepth, path: str | Path) -> Checkpoint:
    """Load all parameters from a file of any known format; return its content.

    Raises WeightsError for a file that is damaged or does not fit the network.
    """
    checkpoint = read_checkpoint(path)
    with _named(checkpoint.path):
        _refuse_mismatch(model.config, checkpoint)
        if checkpoint.variant.architecture == 'relative':
            raise WeightsError(
                'the file contains only the weights of relative depth, which serve as initial '
                'weights for training: expected the weights of the metric heads too'
            )
        state_dict = checkpoint.state_dict
        if checkpoint.format == 'official':
            state_dict = from_official(state_dict, model.config)
        elif checkpoint.format == 'hugging_face':
            state_dict = from_hugging_face(state_dict, model.config)
        _copy(state_dict, model, expected=set(model.state_dict()))
    return checkpoint


def load_relative_weights(model: ZoeDepth, path: str | Path) -> Checkpoint:
    """Load backbone, decoder and relative head only, as initial weights for training.

    Accepts files of MiDaS v3.1, of the official code and our own.  Raises WeightsError as
    `load_weights`.
    """
    checkpoint = read_checkpoint(path)
    expected = {name for name in model.state_dict() if name.startswith(_RELATIVE_PARTS)}
    with _named(checkpoint.path):
        if not checkpoint.variant.fits_backbone(model.config.backbone):
            _refuse(checkpoint, model.config)
        if checkpoint.format == 'own':
            state_dict = _starting_with(_RELATIVE_PARTS, checkpoint.state_dict)
        elif checkpoint.format == 'hugging_face':
            raise WeightsError(
                'expected a file of MiDaS, of the ZoeDepth authors or of this package, got one of '
                'Hugging Face'
            )
        else:
            midas = _starting_with(_MIDAS_PARTS, checkpoint.state_dict)
            midas = {name.removeprefix(_OFFICIAL_CORE): x for name, x in midas.items()}
            state_dict = from_midas(midas, model.config)
        _copy(state_dict, model, expected=expected)
    return checkpoint


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Put the file in front of the message of a WeightsError."""
    try:
        yield
    except WeightsError as error:
        raise WeightsError(f'{path}: {error}') from error


def save_weights(
    model: ZoeDepth,
    path: str | Path,
    metadata: Mapping[str, str] | None = None,
    *,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a safetensors file with the settings of the network, atomically.

    metadata: further metadata, such as 'trained_on'.  dtype: data type of the file; that of the
    parameters by default.  Raises ValueError for metadata with reserved keys.
    """
    path = Path(path)
    state_dict = {
        name: tensor.detach().to('cpu', dtype).contiguous()
        for name, tensor in model.state_dict().items()
    }
    own = {FORMAT_KEY: FORMAT, CONFIG_KEY: json.dumps(model.config.to_dict())}
    if metadata and (taken := own.keys() & metadata.keys()):
        raise ValueError(
            f'the metadata must not contain the reserved keys {", ".join(sorted(taken))}'
        )
    with replacing(path) as unfinished:
        save_file(state_dict, unfinished, metadata={**(metadata or {}), **own})


def set_metadata(path: Path, values: Mapping[str, str]) -> None:
    """Add metadata to a safetensors file; its tensors keep their bytes.

    Raises WeightsError for another format, OSError.
    """
    content = path.read_bytes()
    try:
        end = 8 + int.from_bytes(content[:8], 'little')
        header = parse_json(content[8:end].decode())
        header['__metadata__'] = {**header.get('__metadata__', {}), **values}
    except (ValueError, AttributeError, TypeError):
        raise WeightsError(
            f'{path}: expected a safetensors file, because other files have no metadata'
        ) from None
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with replacing(path) as unfinished:
        unfinished.write_bytes(len(text).to_bytes(8, 'little') + text + content[end:])


def _refuse_mismatch(config: ModelConfig, checkpoint: Checkpoint) -> None:
    """Raise WeightsError if the file is for another network."""
    theirs = checkpoint.config
    if theirs is not None:
        names = [f.name for f in dataclasses.fields(config) if f.name not in _MAY_DIFFER]
        differ = [name for name in names if getattr(theirs, name) != getattr(config, name)]
        if differ:
            raise WeightsError(
                f'the file is for {theirs.name}, but the network is {config.name}: the two '
                f'differ in {", ".join(differ)}'
            )
    elif not checkpoint.variant.fits(config):
        _refuse(checkpoint, config)


def _refuse(checkpoint: Checkpoint, config: ModelConfig) -> NoReturn:
    ours = variant_of(config, checkpoint.format)
    raise WeightsError(
        f'the file is for {checkpoint.variant}, expected weights for {config.name} ({ours})'
    )


def _copy(state_dict: Mapping[str, Tensor], model: ZoeDepth, expected: Set[str]) -> None:
    """Copy exactly the expected tensors.  Raises WeightsError before any change."""
    parameters = model.state_dict()
    ours = {name: x for name, x in state_dict.items() if name in expected}
    wrong = [
        f'{name} is {tuple(x.shape)} instead of {tuple(parameters[name].shape)}'
        for name, x in ours.items()
        if x.shape != parameters[name].shape
    ]
    whole = [f'{name} is {x.dtype}' for name, x in ours.items() if not x.is_floating_point()]
    problems = [
        listing(what, names)
        for what, names in (
            ('missing', expected - state_dict.keys()),
            ('not expected', state_dict.keys() - expected),
            ('of the wrong shape', wrong),
            ('not of a floating-point type', whole),
        )
        if names
    ]
    if problems:
        raise WeightsError(
            f'the tensors in the file do not fit {model.config.name}: ' + '; '.join(problems)
        )
    model.load_state_dict(dict(state_dict), strict=len(expected) == len(parameters))


def _starting_with(prefixes: tuple[str, ...], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: x for name, x in tensors.items() if name.startswith(prefixes)}
