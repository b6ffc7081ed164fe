"""Materials of surfaces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zoedepth_ros.path_traced.assets import Assets
from zoedepth_ros.path_traced.draws import RGB, Draws
from zoedepth_ros.path_traced.models import Model, ModelPart, Texture

METAL_WORDS = ('metal', 'chrom', 'steel', 'inox', 'alu', 'silver', 'gold', 'brass')
WHITE: RGB = (1.0, 1.0, 1.0)

DIFFUSE, PLASTIC, METAL, GLASS = 'diffuse', 'plastic', 'metal', 'glass'


@dataclass(frozen=True, eq=False, slots=True)
class Material:
    """kind: DIFFUSE, PLASTIC, METAL or GLASS.

    colour: reflectance in linear light, replaced by a texture times its tint.
    roughness: 0 to 1, without effect on DIFFUSE and GLASS.
    """

    kind: str
    colour: RGB = WHITE
    roughness: float = 0.5
    texture: Texture | None = None
    tint: RGB = WHITE


def random_material(
    draws: Draws,
    assets: Assets,
    looks: Sequence[str] = ('plain', 'plain', 'textured', 'textured', 'metal'),
) -> Material:
    """Return a material of one of the looks: plain, textured, label, metal or glass."""
    look = draws.pick(looks)
    if look == 'metal':
        grey = draws.between(0.45, 0.9)
        tinted = [0.4 * c + 0.5 for c in draws.colour(0.5, 0.9)]
        colour = tinted if draws.coin(0.3) else [grey] * 3
        return Material(METAL, rgb(colour), draws.between(0.08, 0.45))
    if look == 'glass':
        return Material(GLASS, rgb(draws.uniform(0.7, 1.0, 3)) if draws.coin(0.4) else WHITE)
    kind = PLASTIC if draws.coin(0.6) else DIFFUSE
    plain = Material(kind, draws.colour(), draws.between(0.04, 0.5))
    if look == 'label':
        return replace(plain, texture=draws.pick(assets.labels))
    if look == 'textured':
        low, high, channels = (0.6, 1.25, 3) if draws.coin() else (0.7, 1.2, 1)
        red, green, blue = np.broadcast_to(draws.uniform(low, high, channels), 3).tolist()
        return replace(plain, texture=draws.pick(assets.textures), tint=(red, green, blue))
    return plain


def surface_material(draws: Draws, assets: Assets) -> Material:
    """Return a material of a floor or a table top."""
    looks = ('textured', 'textured', 'textured', 'plain', 'plain')
    material = random_material(draws, assets, looks)
    if material.texture is not None and draws.coin(0.8):
        return replace(material, texture=draws.pick(assets.even_textures))
    return material


def model_materials(
    model: Model, draws: Draws, recoloured: float = 0.0
) -> list[tuple[ModelPart, Material]]:
    """Return the parts of a model with their materials, without the glass of furniture.

    recoloured: share of the plain parts that get a random colour.
    """
    shows_glass = draws.coin()
    pairs = []
    for part in model.parts:
        material = _model_material(part, draws, recoloured)
        if part.opacity < 0.5:
            if model.entry.largest_m > 0.45:
                continue
            if shows_glass:
                material = Material(GLASS, rgb(0.3 * np.array(part.diffuse) + 0.7))
        pairs.append((part, material))
    return pairs


def _model_material(part: ModelPart, draws: Draws, recoloured: float) -> Material:
    kind = PLASTIC if part.specular > 0.1 or draws.coin(0.4) else DIFFUSE
    roughness = min(max(1.2 / math.sqrt(max(part.shininess, 2.0)), 0.05), 0.5)
    diffuse = np.clip(part.diffuse, 0.02, 0.9)
    if part.texture is not None:
        return Material(kind, WHITE, roughness, part.texture)
    if any(word in part.material for word in METAL_WORDS):
        return Material(METAL, rgb(np.maximum(diffuse, 0.4)), draws.between(0.1, 0.4))
    if recoloured and draws.coin(recoloured):
        return Material(kind, draws.colour(), roughness)
    return Material(kind, rgb(np.clip(diffuse**1.5, 0.02, 0.85)), roughness)


def rgb(values: Sequence[float] | np.ndarray) -> RGB:
    """Return three numbers from 0 to 1."""
    red, green, blue = (min(max(float(value), 0.0), 1.0) for value in values)
    return red, green, blue
