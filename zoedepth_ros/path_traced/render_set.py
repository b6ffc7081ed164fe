"""Render many images to a folder, with several processes, and go on where a run ended."""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from zoedepth_ros.files import json_text, write_file
from zoedepth_ros.media.files import write_image, write_npy
from zoedepth_ros.media.sample import Sample
from zoedepth_ros.path_traced import renderer
from zoedepth_ros.path_traced.assets import SPLITS, Assets
from zoedepth_ros.path_traced.camera import choose_view
from zoedepth_ros.path_traced.draws import Draws
from zoedepth_ros.path_traced.exposure import exposed, is_well_exposed
from zoedepth_ros.path_traced.places import random_scene

ATTEMPTS = 20
"""Random scenes per image, until one has a free camera and enough light."""
COLLECT_EVERY = 4
"""Images between two collections of garbage; without it compiled code is not found again."""


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """Folders of models (.sh3f) and HDRIs (.exr), the split, and samples per pixel."""

    out: Path
    models: Path
    skies: Path
    split: str = 'train'
    samples: int = 4
    variant: str | None = None
    """Of Mitsuba; None: see `renderer.choose_variant`."""

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f'split must be {" or ".join(SPLITS)}, got {self.split!r}')
        if self.samples < 1:
            raise ValueError(f'samples must be 1 or more, got {self.samples}')


def render_image(
    settings: RenderSettings, assets: Assets, number: int, kind: str | None = None
) -> Sample:
    """Render the image with a number, of a kind of places.KINDS or of a random one.

    Its name is its number and its kind.  Raises RuntimeError if no random scene is usable.
    """
    for attempt in range(ATTEMPTS):
        draws = Draws(SPLITS.index(settings.split), number, attempt)
        image = _attempt(settings, assets, draws, number, kind)
        if image is not None:
            return image
    raise RuntimeError(f'image {number}: none of {ATTEMPTS} random scenes is usable')


def _attempt(
    settings: RenderSettings, assets: Assets, draws: Draws, number: int, kind: str | None
) -> Sample | None:
    scene, kind, rule = random_scene(draws, assets, kind)
    loaded = renderer.load(scene)
    view = choose_view(scene, rule, draws, lambda view: renderer.depth_of(loaded, view))
    if view is None:
        return None
    seed = draws.whole(0, 2**31 - 1)
    radiance = renderer.radiance_of(loaded, view, settings.samples, seed)
    if not np.isfinite(radiance).all() or np.median(radiance.mean(-1)) < 1e-5:
        return None
    rgb = exposed(radiance, draws)
    if not is_well_exposed(rgb):
        return None
    depth_m = renderer.depth_of(loaded, view)
    return Sample(rgb, depth_m, view.intrinsics, 'indoor', f'{number:06d}_{kind}')


def missing_images(out: Path, count: int) -> list[int]:
    """Return the numbers below `count` of which a folder has no image."""
    done = {path.name.partition('_')[0] for path in (out / 'rgb').glob('*.png')}
    return [number for number in range(count) if f'{number:06d}' not in done]


def render_set(settings: RenderSettings, count: int, processes: int = 1) -> Iterator[str]:
    """Render the missing ones of `count` images; yield the name of each.

    Writes `rgb/<name>.png`, `depth/<name>.npy` (float32, metres, NaN unknown) and
    `camera/<name>.json` (fx_px, fy_px, cx_px, cy_px, width, height), the image last.
    Raises ValueError for folders without models or HDRIs, and WriteError.
    """
    missing = missing_images(settings.out, count)
    if not missing:
        return
    context = multiprocessing.get_context('spawn')
    pool = ProcessPoolExecutor(min(processes, len(missing)), context, _start)
    try:
        yield from pool.map(partial(_render_and_write, settings), missing)
    except BaseException:  # a second interrupt ends the pool, and its processes would wait for it
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start() -> None:
    """Prepare a process of the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the pool
    atexit.register(os._exit, 0)  # Mitsuba's threads can hang at the end of a process


def _render_and_write(settings: RenderSettings, number: int) -> str:
    image = render_image(settings, load_assets(settings), number)
    if number % COLLECT_EVERY == 0:
        gc.collect()
    write_rendered(settings.out, image)
    return image.name


@cache
def load_assets(settings: RenderSettings) -> Assets:
    """Select the variant of Mitsuba and read the assets.  Raises ValueError for missing ones."""
    renderer.choose_variant(settings.variant)
    skies = renderer.read_skies(settings.skies)
    renderer.use_one_thread()
    return Assets(settings.models, skies, settings.split)


def write_rendered(out: Path, image: Sample) -> None:
    """Write the three files of an image, each completely or not at all."""
    name, camera = image.name, image.camera
    assert camera is not None
    for folder in ('rgb', 'depth', 'camera'):
        (out / folder).mkdir(parents=True, exist_ok=True)
    write_npy(out / 'depth' / f'{name}.npy', image.depth_m)
    write_file(out / 'camera' / f'{name}.json', json_text(asdict(camera)))
    # An interrupted write leaves a file that must not be in the folder of the images.
    write_image(out / f'{name}.png', image.rgb[..., ::-1])
    (out / f'{name}.png').replace(out / 'rgb' / f'{name}.png')
