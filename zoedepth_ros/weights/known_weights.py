"""The known weights, their sources and purposes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

Kind = Literal['released', 'initial', 'embedded']

DEFAULT_MODEL = 'ZoeD_M12_NK'
"""The model of the node and of commands that are not given one."""

EMBEDDED_FOLDER = Path(__file__).parent / 'embedded'
"""Folder of the weights that are installed with the package."""

_ZOEDEPTH_RELEASE = 'https://github.com/isl-org/ZoeDepth/releases/download/v1.0/'
_MIDAS_RELEASE = 'https://github.com/isl-org/MiDaS/releases/download/v3_1/'


@dataclass(frozen=True, slots=True)
class HuggingFaceFile:
    """One file of a repository on the Hugging Face hub."""

    repo_id: str
    """Owner and name of the repository, e.g. 'Intel/zoedepth-nyu'."""
    filename: str
    """Path of the file inside the repository."""
    about_bytes: int
    """Approximate size, from the number of parameters [bytes]."""


@dataclass(frozen=True, slots=True)
class GithubAsset:
    """One asset of a GitHub release."""

    url: str
    """Address of the asset."""
    about_bytes: int
    """Approximate size, from the number of parameters [bytes]."""

    @property
    def filename(self) -> str:
        """Return the last part of the address."""
        return self.url.rsplit('/', 1)[-1]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """One set of weights and its sources."""

    name: str
    """Name on the command line; for metric models also the name of the preset."""
    kind: Kind
    """'released' by the authors, 'initial' weights for training, or 'embedded' in the package."""
    heads: tuple[str, ...]
    """Heads of the network, a subset of ('indoor', 'outdoor'); () for relative depth only."""
    parameters: int | None
    """Number of parameters; None if unknown."""
    purpose: str
    """One line about its use."""
    hugging_face: HuggingFaceFile | None = None
    """File on the Hugging Face hub, the first choice."""
    github: GithubAsset | None = None
    """File on GitHub, the second choice."""


def _released(
    name: str, repo: str, heads: tuple[str, ...], parameters: int, sizes: tuple[int, int],
    purpose: str,
) -> ModelSource:  # fmt: skip
    hub = HuggingFaceFile(f'Intel/{repo}', 'model.safetensors', sizes[0])
    github = GithubAsset(f'{_ZOEDEPTH_RELEASE}{name}.pt', sizes[1])
    return ModelSource(name, 'released', heads, parameters, purpose, hub, github)


def _midas(name: str, parameters: int, about_bytes: int, presets: str) -> ModelSource:
    purpose = f'MiDaS v3.1, relative depth: initial weights for training {presets}'
    github = GithubAsset(f'{_MIDAS_RELEASE}{name}.pt', about_bytes)
    return ModelSource(name, 'initial', (), parameters, purpose, github=github)


# About sizes: float32 tensors of section "state dict" of the paper's code; the GitHub files also
# carry an int64 table per BEiT block (24 of 577 x 577: 64 MB; 24 of 1025 x 1025: 202 MB) or masks
# of the Swin's windows; the Hugging Face files lack those and a dead head.
_MODELS = (
    _released(
        'ZoeD_M12_NK', 'zoedepth-nyu-kitti', ('indoor', 'outdoor'), 346_100_000,
        (1_380_000_000, 1_448_000_000), 'indoor and outdoor: a router selects the head',
    ),
    _released(
        'ZoeD_M12_N', 'zoedepth-nyu', ('indoor',), 344_820_000, (1_375_000_000, 1_443_000_000),
        'indoor scenes up to about 10 m (trained on NYU Depth v2)',
    ),
    _released(
        'ZoeD_M12_K', 'zoedepth-kitti', ('outdoor',), 344_820_000, (1_375_000_000, 1_443_000_000),
        'road scenes from a car, up to 80 m (trained on KITTI)',
    ),
    ModelSource(
        name='ZoeD_S_NK',
        kind='embedded',
        heads=('indoor', 'outdoor'),
        parameters=None,
        purpose='no download, for first trials; trained on synthetic scenes',
    ),
    _midas('dpt_beit_large_384', 344_000_000, 1_405_000_000, 'ZoeD_M12_*'),
    _midas('dpt_beit_large_512', 345_000_000, 1_581_000_000, 'ZoeD_BeitL512_*'),
    _midas('dpt_beit_base_384', 112_000_000, 478_000_000, 'ZoeD_B12_*'),
    _midas('dpt_swin2_large_384', 213_000_000, 880_000_000, 'ZoeD_Swin2L_*'),
    _midas('dpt_swin2_base_384', 102_000_000, 436_000_000, 'ZoeD_Swin2B_*'),
    _midas('dpt_swin2_tiny_256', 42_000_000, 172_000_000, 'ZoeD_Swin2T_*'),
)  # fmt: skip

MODELS: Mapping[str, ModelSource] = MappingProxyType({model.name: model for model in _MODELS})
"""Every set of weights this package knows, by name, the default first."""


def model_source(name: str) -> ModelSource:
    """Return the entry of this name.  Raises ValueError for an unknown name."""
    if name not in MODELS:
        there = [known for known, model in MODELS.items() if model.kind != 'embedded']
        raise ValueError(
            f'no weights are published for a model {name!r}, only for {", ".join(there)}; for '
            "every other model give a file of your own or 'random' as weights"
        )
    return MODELS[name]


def embedded_path(name: str) -> Path | None:
    """Return the file of a model that is installed with the package, or None."""
    path = EMBEDDED_FOLDER / f'{name}.safetensors'
    return path if name in MODELS and path.is_file() else None
