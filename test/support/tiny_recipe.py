"""A training run of a tiny network on a handful of images, for tests."""

import json

import cv2
import numpy as np
import yaml

from zoedepth_ros.training.config import TrainingConfig
from zoedepth_ros.training.config_file import settings

SIZE = (64, 96)


def write_folder(root, seed, near_m, far_m):
    """Write a plain folder of ramps: the brighter, the nearer."""
    rng = np.random.default_rng(seed)
    for part in ('rgb', 'depth'):
        (root / part).mkdir(parents=True)
    for index in range(8):
        low, high = np.sort(rng.uniform(near_m, far_m, 2))
        depth_m = np.linspace(low, high, SIZE[1], dtype=np.float32) * np.ones((SIZE[0], 1))
        rgb = np.repeat((255 * near_m / depth_m)[..., None], 3, axis=2)
        rgb = rgb + rng.integers(0, 20, rgb.shape)
        cv2.imwrite(str(root / 'rgb' / f'{index}.png'), rgb.clip(0, 255).astype(np.uint8))
        np.save(root / 'depth' / f'{index}.npy', depth_m.astype(np.float32))


def recipe(folder, **changes):
    """Return plain settings of a two-stage run on two folders below `folder`."""
    for name, seed, near_m, far_m in (('indoor', 1, 0.5, 8.0), ('outdoor', 2, 2.0, 60.0)):
        if not (folder / name).is_dir():
            write_folder(folder / name, seed, near_m, far_m)
    domains = [
        {
            'domain': name,
            'dataset': 'folder',
            'root': str(folder / name),
            'max_depth_m': far_m,
            'initial_bins_m': [0.5, far_m],
            'validation_images': 2,
        }
        for name, far_m in (('indoor', 10.0), ('outdoor', 80.0))
    ]
    shared = {'batch_size': 4, 'learning_rate': 2e-3, 'clip_norm': 1.0}
    shared['divisors'] = {'encoder': 1, 'positions': 1, 'decoder': 1, 'heads': 1}
    stages = [
        {'name': 'relative', 'loss': 'relative', 'steps': 6, 'validate_every': 1, **shared},
        {
            'name': 'metric',
            'loss': 'metric',
            'steps': 10,
            'validate_every': 1,
            'average_decay': 0.9,
            'matrix_rate': 2e-3,
            'router_weight': 1,
            'router_dropout': 0,
            **shared,
        },
    ]
    return {
        'model': 'ZoeD_tiny_NK',
        'output': str(folder / 'out'),
        'seed': 5,
        'checkpoint_every': 4,
        'domains': domains,
        'stages': stages,
        **changes,
    }


def configured(folder, **changes):
    """Return the TrainingConfig of such settings."""
    return settings(TrainingConfig, recipe(folder, **changes), 'test')


def write_cameras(folder):
    """Write the camera of all images of both folders, with a field of view of 62 degrees."""
    camera = {'fx_px': 80, 'fy_px': 80, 'cx_px': 47.5, 'cy_px': 31.5, 'width': 96, 'height': 64}
    for domain in ('indoor', 'outdoor'):
        (folder / domain / 'camera.json').write_text(json.dumps(camera))


def write_recipe(folder, **changes):
    """Write such settings to a file and return its path."""
    path = folder / 'recipe.yaml'
    path.write_text(yaml.safe_dump(recipe(folder, **changes)))
    return path


def losses(folder, stage):
    """Return the loss of every step of a stage."""
    rows = (folder / f'{stage}_losses.csv').read_text().splitlines()
    column = rows[0].split(',').index('loss')
    return [float(row.split(',')[column]) for row in rows[1:]]
