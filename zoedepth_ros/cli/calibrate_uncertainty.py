"""`zoedepth calibrate uncertainty --dataset NAME`: true standard deviations for weights."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zoedepth_ros.cli.arguments import refuse_idle
from zoedepth_ros.cli.evaluate import (
    SCENES,
    SYNTHETIC_MODEL,
    add_data_arguments,
    check_data,
    open_data,
    open_network,
    require_uncertainty,
)
from zoedepth_ros.cli.reporting import progress
from zoedepth_ros.files import check_writable, json_text, parse_json
from zoedepth_ros.weights.known_weights import DEFAULT_MODEL

if TYPE_CHECKING:
    from zoedepth_ros.evaluation.evaluate import EvaluationData
    from zoedepth_ros.evaluation.uncertainty_fit import FittedMap
    from zoedepth_ros.inference.result import DepthPredictor

HELP = 'fit the standard deviation of depth to a data set, for each head of a network'

DEFAULT_SCENES = 2000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_data_arguments(
        parser,
        'Name of the data set; `zoedepth evaluate --help` lists the names.',
        scenes=DEFAULT_SCENES,
        seed=19000,
    )
    add = parser.add_argument
    add(
        '--out',
        metavar='FILE',
        help='Calibration file to write (default: the path of the weights file with the suffix '
        '.uncertainty.yaml).',
    )
    add(
        '--into-weights',
        action='store_true',
        help='Write the calibration into the metadata of the weights, a safetensors file.',
    )


def run(args: argparse.Namespace) -> int:
    """Fit every head that the data set has images for, and write the file."""
    from zoedepth_ros.build import RANDOM
    from zoedepth_ros.evaluation.uncertainty_fit import fit_map, fitted_content
    from zoedepth_ros.inference.uncertainty import KEY, file_beside, read_content, write_maps
    from zoedepth_ros.weights.fetch import fetch
    from zoedepth_ros.weights.load import set_metadata
    from zoedepth_ros.weights.read import read_checkpoint

    check_data(args)
    if args.into_weights:
        refuse_idle(args, ['out'], 'has no effect with --into-weights')
    if args.weights == RANDOM:
        raise ValueError(
            '--weights random gives no real depth, so its standard deviation cannot be fitted: '
            'give a weights file'
        )
    model = args.model or (SYNTHETIC_MODEL if args.dataset == SCENES else DEFAULT_MODEL)
    weights = Path(args.weights).expanduser() if args.weights else fetch(model)
    if args.into_weights and weights.suffix != '.safetensors':
        raise ValueError(f'--into-weights needs a safetensors file, got {weights}')
    out = Path(args.out).expanduser() if args.out else file_beside(weights)
    check_writable(weights if args.into_weights else out)
    older = read_content(out) if out.exists() and out.stat().st_size else {}
    args.model, args.weights = model, str(weights)
    predictor = open_network(args)
    require_uncertainty(predictor)
    found = {}
    for head, dataset, limit in _data(args, predictor):
        found[head] = fit_map(predictor, dataset, head, limit=limit, watch=progress)
        _describe(head, found[head])
    if args.into_weights:
        kept = parse_json(read_checkpoint(weights).metadata.get(KEY, '{}'))
        set_metadata(weights, {KEY: json_text(fitted_content(found, kept))})
        print(f'-> {weights}, metadata {KEY}')
        if older:
            print(f'WARNING  {out} has precedence over the metadata: remove this file')
        return 0
    write_maps(out, fitted_content(found, older))
    print(f'-> {out}')
    return 0


def _data(
    args: argparse.Namespace, predictor: DepthPredictor
) -> list[tuple[str, EvaluationData, int]]:
    """Return head, images and their number for each head with images."""
    from zoedepth_ros.evaluation.synthetic_scenes import CALIBRATION_SEED, SyntheticScenes
    from zoedepth_ros.media.sample import DOMAINS

    if args.dataset == SCENES:
        if set(predictor.heads) - set(DOMAINS):
            raise ValueError(
                f'rendered scenes calibrate the heads {", ".join(DOMAINS)}, but '
                f'{predictor.model_name} has {", ".join(predictor.heads)}: give another --dataset'
            )
        n_scenes = (args.samples or DEFAULT_SCENES) // len(predictor.heads) or 1
        seed = CALIBRATION_SEED if args.seed is None else args.seed
        return [
            (head, SyntheticScenes(domain=head, seed=seed, n_scenes=n_scenes), n_scenes)
            for head in predictor.heads
        ]
    dataset = open_data(args)
    own = dataset.domain if dataset.domain in predictor.heads else predictor.heads[0]
    return [(own, dataset, min(args.samples or len(dataset), len(dataset)))]


def _describe(head: str, found: FittedMap) -> None:
    fitted = found.map
    print(
        f'{head}: std = {fitted.factor:.3g} depth^{fitted.depth_exponent:.2f} '
        f's^{fitted.spread_exponent:.2f} with s = spread of the bins / depth, limited to the '
        f'range {fitted.least_spread:.2g} to {fitted.most_spread:.2g}\n    {found.n_images} '
        f'images of {found.dataset}: {found.within_1_std:.1%} of the errors are within 1 std, '
        f'{found.within_1_96_std:.1%} within 1.96 std; 68 % are within {fitted.width_68:.2f} '
        f'std, 95 % within {fitted.width_95:.2f} std'
    )
