"""What scenes are made of: models, textures, labels and photographs of surroundings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoedepth_ros.path_traced.draws import Draws
from zoedepth_ros.path_traced.labels import label
from zoedepth_ros.path_traced.models import (
    Entry,
    Model,
    Texture,
    catalogue,
    photographs,
    read_model,
)

SPLITS = ('train', 'val')
LABELS = 360
"""Number of labels."""
HELD_OUT_SKIES = ('city', 'workshop', 'sunset')
"""HDRIs of the validation images."""
UNUSED_SKY = 'night'
LEAST_CONTRAST = 5.0
"""Standard deviation of grey that a texture must have."""
EVEN = (4.0, 14.0)
"""Textures of large surfaces: the least deviation, and the largest of an image of 6 x 6 px."""
UNSUITABLE = frozenset({
    'Contemporary living room', 'Chimney', 'Furnace', 'Shower door', 'Shower stall',
    'Window blind', 'Shipping container', 'Street light', 'Park light', 'Classic lamppost',
    'Street lamp', 'Iron railing', 'Fence', 'Horse', 'Truck', 'City bus', 'Mezzanine bed',
    'Curtain', 'Shower curtain', 'Pool table', 'Screen',
})  # fmt: skip
"""Names of models that hide too much, or belong outdoors."""

Sky = NDArray[np.float32]
"""Radiance in all directions, an equirectangular map (H, W, 3)."""


def is_held_out(name: str) -> bool:
    """Tell whether an asset is only in validation images: every ninth is."""
    return int(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(), 16) % 9 == 0


class Assets:
    """The assets of a split.

    Small models, textures, labels and HDRIs occur only in training or only in validation;
    furniture and vehicles occur in both.  Raises ValueError if a kind is missing.
    """

    def __init__(self, models: Path, skies: Mapping[str, Sky], split: str) -> None:
        def in_split(name: str) -> bool:
            return is_held_out(name) == (split == 'val')

        entries = catalogue(models)
        small = [e for e in entries if _is_small(e) and in_split(e.key)]
        fittings = [e for e in small if any(w in e.name for w in ('plug', 'switch', 'socket'))]
        self.small = [e for e in small if e not in fittings] * 4 + fittings
        self.vehicles = [e for e in entries if e.category == 'Vehicles' and e.largest_m > 1.5]
        self.furniture = [e for e in entries if _is_furniture(e)]
        contents = [
            texture
            for content, texture in photographs(models)
            if in_split(hashlib.md5(content, usedforsecurity=False).hexdigest()[:16])
        ]
        self.textures = [t for t in contents if _contrast(t) > LEAST_CONTRAST]
        self.even_textures = [t for t in contents if _is_even(t)]
        self.labels = [label(k) for k in range(LABELS) if in_split(f'l{k:03d}')]
        self.skies = [
            sky
            for name, sky in sorted(skies.items())
            if name != UNUSED_SKY and (name in HELD_OUT_SKIES) == (split == 'val')
        ]
        for kind, items in vars(self).items():
            if not items and kind != 'vehicles':
                raise ValueError(
                    f'{kind.replace("_", " ")}: {models} and the folder of HDRIs contain none '
                    f'for the split {split!r}; about every ninth belongs to the split for '
                    'validation'
                )

    def small_model(self, draws: Draws) -> Model:
        """Return a household object."""
        return self._usable(self.small, 40_000, draws)

    def vehicle(self, draws: Draws) -> Model:
        """Return a vehicle."""
        return self._usable(self.vehicles, 25_000, draws)

    def piece_of_furniture(self, draws: Draws) -> Model:
        """Return a piece of furniture."""
        return self._usable(self.furniture, 22_000, draws)

    @staticmethod
    def _usable(
        entries: Sequence[Entry],
        most_faces: int,
        draws: Draws,
    ) -> Model:
        for _ in range(1000):
            model = read_model(draws.pick(entries))
            if model is not None and model.face_count < most_faces:
                return model
        raise ValueError(f'models: none of {len(entries)} models has 1 to {most_faces - 1} faces')


def _is_small(entry: Entry) -> bool:
    limit_m = 0.3 if entry.category == 'Lights' else 0.42
    return entry.largest_m <= limit_m and entry.name not in UNSUITABLE


def _is_furniture(entry: Entry) -> bool:
    return (
        0.45 < entry.largest_m < 2.7
        and entry.size_m[2] > 0.15
        and entry.category not in ('Vehicles', 'Exterior')
        and entry.name not in UNSUITABLE
    )


def _contrast(texture: NDArray) -> float:
    return float(texture.mean(axis=2).std())


def _is_even(texture: Texture) -> bool:
    coarse = Image.fromarray(texture).resize((6, 6), Image.Resampling.BOX)
    least, most = EVEN
    return _contrast(texture) > least and _contrast(np.asarray(coarse, float)) < most
