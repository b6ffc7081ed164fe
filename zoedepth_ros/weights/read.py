"""Read weights files; only tensors are unpickled."""

from __future__ import annotations

import os
import pickle
import re
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import safe_open
from torch import Tensor

from zoedepth_ros.errors import in_one_line, quoted, shortened
from zoedepth_ros.files import SETTINGS_BYTES, parse_json, sha256_of
from zoedepth_ros.model.config import ModelConfig
from zoedepth_ros.weights.convert import Format, Variant, detect_variant
from zoedepth_ros.weights.errors import WeightsError, listing

FORMAT_KEY, FORMAT = 'format', 'zoedepth_ros'
CONFIG_KEY = 'config'

_POINTER = b'version https://'  # of Git LFS
_TORCH_MAGIC = (b'PK', b'\x80')  # a zip archive, or a pickle as torch wrote before 1.6

_WRAPPERS = ('model', 'state_dict', 'model_state_dict', 'network', 'net', 'weights', 'params')
_PREFIXES = ('module.', 'model.', '_orig_mod.', 'network.', 'net.')
_MOST_WRAPPED = 3

_EXPORTED: Mapping[str, tuple[str, ...]] = {
    '.onnx': ('onnxruntime', 'openvino'),
    '.engine': ('tensorrt',),
    '.plan': ('tensorrt',),
}
"""Suffix of an exported file -> backends of the node that load it."""

_FORMAT_NAMES: Mapping[Format, str] = {
    'official': 'official .pt',
    'hugging_face': 'Hugging Face safetensors',
    'midas': 'MiDaS .pt',
    'own': 'safetensors',
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The content of a weights file."""

    path: Path
    """The file."""
    state_dict: Mapping[str, Tensor]
    """Tensors by the keys of the file."""
    variant: Variant
    """Format and network of the state dict."""
    config: ModelConfig | None
    """Settings of the network; None in released files."""
    metadata: Mapping[str, str]
    """Further metadata, such as 'trained_on'; empty in released files."""
    sha256: str
    """Checksum of the file, hexadecimal."""

    @property
    def format(self) -> Format:
        """Origin of the keys."""
        return self.variant.format

    @property
    def origin(self) -> str:
        """Path, format and first digits of the checksum, for status messages."""
        return f'{self.path} ({_FORMAT_NAMES[self.format]}, sha256 {self.sha256[:8]}…)'


def check_file(path: Path) -> None:
    """Raise WeightsError for an impossible path, a missing, special or exported file."""
    backends = _EXPORTED.get(path.suffix.lower())
    if backends:
        raise WeightsError(
            f'{path} is an exported network, which the node reads with '
            f'{" or ".join(f"backend:={name}" for name in backends)} (docs/onnx.md); expected '
            'weights: a .safetensors or .pt file'
        )
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise WeightsError(f'{path}: cannot be read: {_refusal(error)}') from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # reading a pipe may block
        raise WeightsError(f'{path} is not a regular file')


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a file of any known format.  Raises WeightsError that names the file and the reason."""
    path = Path(path)
    check_file(path)
    try:
        with path.open('rb') as file:
            before = _version(file)
            head = file.read(16)
            file.seek(0)
            digest = sha256_of(file)
        if not head:
            raise WeightsError('the file is empty')
        if head[8:9] == b'{':
            state_dict, metadata = _read_safetensors(path)
        elif head.startswith(_TORCH_MAGIC):
            state_dict, metadata = _read_torch(path), {}
        elif head.startswith(_POINTER):
            raise WeightsError(
                'the file is a Git LFS pointer, not the weights: run `git lfs pull` in its '
                'repository'
            )
        else:
            raise WeightsError(f'the file is not a weights file, because it begins with {head!r}')
        config = _read_config(metadata)
        variant = detect_variant({name: tuple(x.shape) for name, x in state_dict.items()})
        with path.open('rb') as file:
            if _version(file) != before:
                raise WeightsError('the file was changed while it was read')
    except WeightsError as error:
        raise WeightsError(f'{path}: {shortened(str(error), 2000)}') from error
    except OSError as error:
        raise WeightsError(f'{path}: cannot be read: {_refusal(error)}') from error
    facts = {k: v for k, v in metadata.items() if k not in (FORMAT_KEY, CONFIG_KEY)}
    return Checkpoint(path, state_dict, variant, config, facts, digest)


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework='pt') as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    except Exception as error:  # SafetensorError, but also what Python makes of its numbers
        raise WeightsError(f'the safetensors file is damaged: {_first_sentence(error)}') from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    _refuse_packed(path)
    try:
        content = torch.load(
            path, map_location='cpu', weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except pickle.UnpicklingError as error:
        # The message of torch advises to disable the protection.
        culprit = re.search(r'GLOBAL (\S+)', str(error))
        found = f': {culprit[1]}' if culprit else ''
        raise WeightsError(
            f'the file is not loaded, because it contains objects other than tensors{found}'
        ) from error
    except Exception as error:  # a damaged pickle may raise anything
        raise WeightsError(f'the checkpoint is damaged: {_first_sentence(error)}') from error
    return _without_prefixes(_unwrapped(content))


def _unwrapped(content: Any) -> dict[str, Tensor]:
    """Find the state dict in a training checkpoint with epoch, optimizer and so on."""
    if isinstance(content, dict) and {'optimizers', 'inherited'} <= content.keys():
        raise WeightsError(
            'the file is a checkpoint of `zoedepth train`, without averaged weights and training '
            'camera: use a .safetensors file of the same folder'
        )
    found = content
    for _ in range(_MOST_WRAPPED):
        if not isinstance(found, dict):
            break
        if found and all(isinstance(k, str) and isinstance(x, Tensor) for k, x in found.items()):
            return found
        found = next((found[k] for k in _WRAPPERS if isinstance(found.get(k), dict)), None)
    content_text = (
        listing('keys', [str(k) for k in content])
        if isinstance(content, dict)
        else quoted(content)
    )
    raise WeightsError(
        'the file has no state dict: expected keys with tensors, directly or below '
        f'{", ".join(_WRAPPERS)}, got {content_text}'
    )


def _without_prefixes(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Remove the key prefixes of module wrappers, such as DataParallel."""
    for prefix in _PREFIXES * 2:
        if all(name.startswith(prefix) for name in state_dict):
            state_dict = {name.removeprefix(prefix): x for name, x in state_dict.items()}
    return state_dict


def _refuse_packed(path: Path) -> None:
    """Raise WeightsError for a compressed archive; torch writes uncompressed ones."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except Exception as error:  # a damaged archive may raise anything
        raise WeightsError(f'the checkpoint is damaged: {_first_sentence(error)}') from error
    packed = [part for part in parts if part.compress_type != zipfile.ZIP_STORED]
    size = sum(part.file_size for part in parts)
    if packed or size > path.stat().st_size:
        raise WeightsError(
            f'the file expands from {path.stat().st_size:,} to {size:,} bytes: expected an '
            'archive without compression, as torch.save writes it'
        )


def _read_config(metadata: Mapping[str, str]) -> ModelConfig | None:
    if metadata.get(FORMAT_KEY) != FORMAT:
        return None
    try:
        text = metadata[CONFIG_KEY]
        if len(text) > SETTINGS_BYTES:
            raise ValueError(f'expected at most {SETTINGS_BYTES:,} characters, got {len(text):,}')
        return ModelConfig.from_dict(parse_json(text))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(
            f'the settings of the network cannot be read: {in_one_line(error)}'
        ) from error


def _version(file: BinaryIO) -> tuple[int, ...]:
    """Return values that change when the file is written or replaced."""
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _refusal(error: OSError | ValueError) -> str:
    return getattr(error, 'strerror', None) or str(error)


def _first_sentence(error: Exception) -> str:
    text = shortened(str(error)) or type(error).__name__
    return text.splitlines()[0].split('. ')[0]
