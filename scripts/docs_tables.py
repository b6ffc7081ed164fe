"""Measure and print the tables of docs/camera_scale.md and docs/obstacles.md.

Rendered scenes and camera trajectories that are not used for training; some minutes on two cores.

    python scripts/docs_tables.py
    python scripts/docs_tables.py --only cameras --weights mine.safetensors
    python scripts/docs_tables.py --photos FOLDER
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoedepth_ros.build import build_predictor
from zoedepth_ros.evaluation import cliff_scores, filter_scores
from zoedepth_ros.evaluation.other_cameras import (
    METHODS,
    RULES,
    ZOOM_AXES,
    aspect_table,
    table,
    zoom_exponents,
)
from zoedepth_ros.evaluation.synthetic_scenes import HELD_OUT_SEED
from zoedepth_ros.inference.result import DepthPredictor
from zoedepth_ros.media.files import read_image
from zoedepth_ros.media.sample import DOMAINS
from zoedepth_ros.synthetic.scene import random_view, render_sample
from zoedepth_ros.terminal import print_anything

PARTS = ('cameras', 'aspects', 'zoom', 'flicker', 'edges', 'temporal', 'cliffs')
BLURS = (((384, 512), 1.0), ((384, 512), 1.5), ((192, 256), 0.8), ((192, 256), 1.3))
NOISE = 0.02
FIRST_SEED = 5000  # of the scenes; no test uses these


def main(arguments: list[str] | None = None) -> int:
    args = parse(arguments)
    predictor = build_predictor(args.model, args.weights, device=args.device, precision='fp32')
    print(f'{predictor.model_name}, weights {predictor.weights_origin}')
    hfov_deg = math.degrees(predictor.training_hfov_rad)
    print(f'training camera: {hfov_deg:g} degrees' if hfov_deg else 'training camera: unknown')
    if args.photos:
        for line in zoom_rows(predictor, photos(predictor, args.photos)):
            print(line, flush=True)
        return 0
    for part in args.only or PARTS:
        print(f'\n## {part}\n')
        for line in LINES[part](predictor, args.scenes):
            print(line, flush=True)
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--model', default='ZoeD_S_NK')
    parser.add_argument('--weights', metavar='FILE')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--only', nargs='+', choices=PARTS, help='(all)')
    parser.add_argument('--photos', metavar='FOLDER', type=Path, help='only zoom, of its images')
    parser.add_argument('--scenes', type=int, default=24, help='per domain (%(default)s)')
    return parser.parse_args(arguments)


def cameras(predictor: DepthPredictor, scenes: int) -> Iterator[str]:
    """Give the error at other focal lengths, without and with each correction."""
    yield row('domain', 'focal length x', 'none', '`scale`', '`warp`', *METHODS[3:])
    yield row(*['---'] * (2 + len(METHODS)))
    calibration = max(1, scenes * 2 // 3)
    for domain in DOMAINS:
        errors = table(predictor, domain, scenes=scenes, calibration_scenes=calibration)
        for ratio, by_method in errors.items():
            best = min(by_method.values())
            cells = (bold(by_method[m], best) for m in METHODS)
            yield row(domain, f'{ratio:g}', *cells)


def aspects(predictor: DepthPredictor, scenes: int) -> Iterator[str]:
    """Give the error at other aspect ratios, by each rule of the focal factor."""
    yield row('domain', 'width : height', *RULES)
    yield row(*['---'] * (2 + len(RULES)))
    for domain in DOMAINS:
        for aspect, errors in aspect_table(predictor, domain, scenes=scenes).items():
            best = min(errors.values())
            yield row(domain, aspect, *(bold(errors[rule], best) for rule in RULES))


def zoom(predictor: DepthPredictor, scenes: int) -> Iterator[str]:
    """Give the power with which depth decreases as the middle of an image is enlarged."""
    views = (
        random_view(domain, HELD_OUT_SEED + FIRST_SEED + seed)
        for domain in DOMAINS
        for seed in range(scenes)
    )
    return zoom_rows(
        predictor, ((view.domain, render_sample(view, 384, 512, '').rgb) for view in views)
    )


def photos(predictor: DepthPredictor, folder: Path) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield the head that the router chooses, and the image, of all images in a folder."""
    for path in sorted(folder.iterdir()):
        rgb = read_image(path)
        yield predictor(rgb).head, rgb


def zoom_rows(
    predictor: DepthPredictor, images: Iterable[tuple[str, NDArray[np.uint8]]]
) -> Iterator[str]:
    found: dict[str, list[dict[str, float]]] = {domain: [] for domain in DOMAINS}
    for head, rgb in images:
        found[head].append(zoom_exponents(predictor, head, rgb))
    yield row('head', 'images', *(f'{axes} enlarged' for axes in ZOOM_AXES))
    yield row(*['---'] * (2 + len(ZOOM_AXES)))
    for head, exponents in found.items():
        if exponents:
            means = (np.mean([image[axes] for image in exponents]) for axes in ZOOM_AXES)
            yield row(head, f'{len(exponents)}', *(f'{mean:.2f}' for mean in means))


def flicker(predictor: DepthPredictor, scenes: int) -> Iterator[str]:
    """Give the flicker of the scale on static scenes."""
    yield row('domain', 'flicker', 'with `filter.flicker`')
    yield row(*['---'] * 3)
    seeds = range(FIRST_SEED, FIRST_SEED + max(1, scenes // 3))
    for domain in DOMAINS:
        shares = filter_scores.scale_flicker(predictor, domain, seeds, 20, NOISE)
        yield row(domain, *(f'{share:.2%}' for share in shares))


def edges(predictor: DepthPredictor, scenes: int) -> Iterator[str]:
    """Give the shares that the edge filter removes and keeps; no network is used."""
    del predictor
    yield row(
        'network size, blur',
        'flying pixels removed, indoor / outdoor',
        'correct points kept, indoor / outdoor',
    )
    yield row(*['---'] * 3)
    seeds = range(FIRST_SEED, FIRST_SEED + max(1, scenes // 2))
    for network, sigma_px in BLURS:
        found = [
            filter_scores.edge_filter_counts(domain, network, sigma_px, seeds)
            for domain in DOMAINS
        ]
        removed = ' / '.join(f'{t.removed_fraction:.1%}' for t in found)
        kept = ' / '.join(f'{t.kept_fraction:.1%}' for t in found)
        yield row(f'{network[0]}x{network[1]}, {sigma_px} px', removed, kept)


def temporal(predictor: DepthPredictor, scenes: int) -> Iterator[str]:
    """Give the shares that filters remove on trajectories, of false surfaces and of errors."""
    yield row('trajectory', 'depth', 'filter', 'wrong removed', 'correct kept')
    yield row(*['---'] * 5)
    images = max(3, 5 * scenes // 2)
    for kind in ('room', 'street'):
        counts = filter_scores.temporal_filter_counts(kind, FIRST_SEED, images)
        yield shares(kind, 'false surfaces in one image', 'temporal', counts)
        counts_by_filter = filter_scores.network_filter_counts(predictor, kind, FIRST_SEED, images)
        for name, counts in counts_by_filter.items():
            yield shares(kind, predictor.model_name, name, counts)


def cliffs(predictor: DepthPredictor, scenes: int) -> Iterator[str]:
    """Give edges found and false ones, with exact depth and 1 % of noise, and with the network."""
    images = max(10, 1000 * scenes // 24)
    yield row(
        'noise of 1 %', 'drops found', 'false clusters, level', 'false images, ramp of 5 deg'
    )
    yield row(*['---'] * 4)
    for noise in cliff_scores.NOISES:
        of = cliff_scores.exact_score(noise, images, FIRST_SEED)
        found = f'{of["found"] / of["images"]:.1%} of {of["images"]}'
        yield row(noise.__name__, found, f'{of["false_level"]}', f'{of["false_ramp"]}')
    yield ''
    yield row('trajectory', 'images', 'with an edge by exact depth', 'found', 'images with false')
    yield row(*['---'] * 5)
    seeds = range(FIRST_SEED, FIRST_SEED + max(1, scenes // 6))
    for kind in ('step', 'street', 'room'):
        by = cliff_scores.network_score(predictor, kind, seeds, images=60)
        yield row(kind, *(str(by[n]) for n in ('images', 'with_edge', 'found', 'false')))


LINES = {
    'cameras': cameras,
    'aspects': aspects,
    'zoom': zoom,
    'flicker': flicker,
    'edges': edges,
    'temporal': temporal,
    'cliffs': cliffs,
}


def shares(kind: str, what: str, name: str, counts: filter_scores.FilterCounts) -> str:
    return row(kind, what, name, f'{counts.removed_fraction:.1%}', f'{counts.kept_fraction:.1%}')


def bold(value: float, best: float) -> str:
    text = f'{value:.3f}'
    return f'**{text}**' if text == f'{best:.3f}' else text


def row(*cells: str) -> str:
    return f'| {" | ".join(cells)} |'


if __name__ == '__main__':
    print_anything()
    sys.exit(main())
