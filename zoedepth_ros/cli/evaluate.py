"""`zoedepth evaluate --dataset NAME`: accuracy of a model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoedepth_ros.cli.arguments import add_network_options, refuse_idle, steps_per_m, whole
from zoedepth_ros.cli.reporting import (
    image_file,
    progress,
    warn_of_weights,
    write_json,
    write_text,
)
from zoedepth_ros.files import check_folder, check_writable
from zoedepth_ros.weights.known_weights import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zoedepth_ros.datasets.dataset import DepthDataset
    from zoedepth_ros.evaluation.report import EvaluationReport, ModelCard
    from zoedepth_ros.evaluation.synthetic_scenes import ScenesReport
    from zoedepth_ros.evaluation.worst import WorstImages
    from zoedepth_ros.inference.result import DepthPredictor

AUTO = 'auto'
HELP = (
    'evaluate a model on a data set with the protocol of the ZoeDepth paper, or on rendered scenes'
)

SYNTHETIC_MODEL = 'ZoeD_S_NK'
"""The model in this package, trained on rendered scenes."""
SCENES = 'synthetic'
DEFAULT_PRECISION = 'fp32'
DEFAULT_SCENES = 200
DEFAULT_OUT = 'out/evaluate'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_data_arguments(
        parser,
        'Data set: nyu, kitti, sunrgbd, ibims, diode_indoor, diode_outdoor, hypersim_test, '
        'vkitti2, ddad, diml_indoor, diml_outdoor, folder, or synthetic (rendered scenes).',
        scenes=DEFAULT_SCENES,
        seed=0,
    )
    add = parser.add_argument
    add(
        '--head',
        choices=('auto', 'indoor', 'outdoor'),
        help='Head that predicts depth; auto uses the head that the router selects (default: '
        'auto).',
    )
    add(
        '--no-flip',
        action='store_true',
        help='Do not average depth with the depth of the mirror image. This option halves the '
        'time.',
    )
    add(
        '--focal-correction',
        default='auto',
        choices=('auto', 'off'),
        help='auto corrects depth for the focal length if the camera and the training camera are '
        'known, as the node does with focal_correction auto; off does not (default: '
        '%(default)s).',
    )
    add('--json', metavar='FILE', help='JSON file that the scores are written to.')
    add('--csv', metavar='FILE', help='CSV file that the scores of each image are written to.')
    add(
        '--uncertainty-plot',
        metavar='FILE',
        help='PNG or JPG file for two plots of the uncertainty: the share of errors within an '
        'interval (coverage), and the error without the most uncertain pixels (sparsification).',
    )
    add(
        '--worst',
        metavar='N',
        type=whole(0),
        help='Draw the N images with the largest mean relative error of depth (default: none).',
    )
    add(
        '--out',
        metavar='DIR',
        help=f'Folder that --worst writes its images to (default: {DEFAULT_OUT}).',
    )


def add_data_arguments(
    parser: argparse.ArgumentParser, names: str, *, scenes: int, seed: int
) -> None:
    """Add the arguments that choose data set and network.

    names: help of the data sets.  scenes, seed: defaults of rendered scenes, for the help.
    """
    add = parser.add_argument
    add(
        '--dataset',
        metavar='NAME',
        required=True,
        help=names,
    )
    add('--root', metavar='DIR', help='Folder of the data set.')
    add(
        '--split-list',
        metavar='FILE',
        help='List of the images to use: the official list of NYU or KITTI, or test.txt of '
        'vKITTI2.',
    )
    add(
        '--domain',
        choices=('indoor', 'outdoor'),
        help='Domain of all images in the data set `folder`. Only pixels with a measured depth of '
        'less than 10 m (indoor) or 80 m (outdoor) count.',
    )
    add(
        '--steps-per-m',
        type=steps_per_m,
        metavar='N',
        help='Values per metre in the depth PNGs of the data set `folder` (default: 1000).',
    )
    add(
        '--samples',
        metavar='N',
        type=whole(1),
        help='Number of images, starting with the first; for synthetic the number of scenes, half '
        f'of them rooms, half streets (default: all images; for synthetic {scenes} scenes).',
    )
    help_of_seed = f'Seed of the rendered scenes (default: {seed}).'
    add('--seed', metavar='S', type=whole(0), help=help_of_seed)
    add('--skip-damaged', action='store_true', help='Skip missing and damaged files.')
    add_network_options(
        parser,
        model=f'{DEFAULT_MODEL}; for rendered data {SYNTHETIC_MODEL}',
        precision=DEFAULT_PRECISION,
        only_given=True,
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate, print a table and write the files."""
    from zoedepth_ros.evaluation.evaluate import evaluate
    from zoedepth_ros.evaluation.synthetic_scenes import evaluate_scenes
    from zoedepth_ros.evaluation.worst import WorstImages

    _check(args)
    dataset = None if args.dataset == SCENES else open_data(args)
    predictor = open_network(args, args.head or AUTO)
    if args.uncertainty_plot:
        require_uncertainty(predictor)
    worst = WorstImages(args.worst or 0, predictor.weights_warning)
    how: dict[str, Any] = {
        'head': args.head or AUTO,
        'flip': not args.no_flip,
        'focal_correction': args.focal_correction,
        'observe': worst,
        'watch': progress,
    }
    found: EvaluationReport | ScenesReport
    if dataset is None:
        n_samples = args.samples or DEFAULT_SCENES
        found = evaluate_scenes(predictor, seed=args.seed or 0, n_samples=n_samples, **how)
        reports = found.reports
    else:
        found = evaluate(predictor, dataset, limit=args.samples, **how)
        reports = {f'{found.card.model}, measured': found}
    _print_report(args, found, reports)
    _write_files(args, found, next(iter(reports.values())).card, worst)
    return 0


def check_data(args: argparse.Namespace) -> None:
    """Raise ValueError for an unknown data set or options that do not apply to it."""
    from zoedepth_ros.datasets.registry import DATASETS, with_option

    name = args.dataset
    if name not in (*DATASETS, SCENES):
        expected = ', '.join((*DATASETS, SCENES))
        raise ValueError(f'unknown data set {name!r}: expected one of {expected}')
    if name in DATASETS and not args.root:
        raise ValueError(f'--dataset {name} needs --root, the folder of the data set')
    used_by = {
        ('root', 'skip_damaged'): tuple(DATASETS),
        ('split_list',): with_option('split_list'),
        ('domain', 'steps_per_m'): ('folder',),
        ('seed',): (SCENES,),
    }
    for options, names in used_by.items():
        if name not in names:
            supported = 'data sets on disk' if names == tuple(DATASETS) else ', '.join(names)
            refuse_idle(
                args, options, f'has no effect on the data set {name}, only on {supported}'
            )


def _check(args: argparse.Namespace) -> None:
    """Raise ValueError for contradictory arguments, before anything is loaded."""
    check_data(args)
    if not args.worst:
        refuse_idle(args, ['out'], 'needs --worst')
    for file in filter(None, (args.json, args.csv)):
        check_writable(Path(file).expanduser())
    if args.uncertainty_plot:
        image_file('--uncertainty-plot', args.uncertainty_plot)
    if args.worst:
        check_folder(_out(args))


def open_data(args: argparse.Namespace) -> DepthDataset:
    """Open the data set on disk that the arguments name."""
    from zoedepth_ros.datasets.registry import DatasetOptions, open_dataset

    options = DatasetOptions(
        root=args.root,
        split_list=args.split_list,
        skip_damaged=args.skip_damaged,
        domain=args.domain or '',
        **({'steps_per_m': args.steps_per_m} if args.steps_per_m else {}),
    )
    return open_dataset(args.dataset, options)


def _print_report(
    args: argparse.Namespace,
    found: EvaluationReport | ScenesReport,
    reports: Mapping[str, EvaluationReport],
) -> None:
    """Print model, data and tables; reports: title of the row -> report."""
    from zoedepth_ros.evaluation.published import published_for
    from zoedepth_ros.evaluation.report import as_table, uncertainty_table

    first = next(iter(reports.values()))
    card = first.card
    flip = 'no flip' if args.no_flip else 'averaged with the mirrored image'
    print(f'model    {card.model} on {card.device}, {card.precision}, head {first.head}, {flip}')
    print(f'weights  {card.weights}')
    warn_of_weights(card.weights_warning)
    if args.dataset == SCENES:
        counts = ', '.join(f'{len(r.images)} {domain}' for domain, r in reports.items())
        print(f'data     rendered scenes of seed {args.seed or 0}: {counts}')
    else:
        _print_data(first)
    if found.router_accuracy is not None:
        print(f'router   selects the correct head in {found.router_accuracy:.1%} of the images')
    if card.training_hfov_deg:
        camera = f'the training camera (field of view {card.training_hfov_deg:g} degrees)'
        if first.focal_correction == 'off':
            print(f'camera   depth not corrected for {camera}')
        else:
            print(f'camera   depth corrected from {camera} to the camera of each image')
    rows = {}
    for title, report in reports.items():
        rows[title] = report.metrics
        if report.without_camera:
            rows[f'{title}, without focal correction'] = report.metrics_without_camera
    print(as_table(rows, published_for(args.dataset)))
    if found.uncertainty:
        print(f'\n{uncertainty_table(found.uncertainty, card.calibrated_heads)}')


def _write_files(
    args: argparse.Namespace,
    found: EvaluationReport | ScenesReport,
    card: ModelCard,
    worst: WorstImages,
) -> None:
    from zoedepth_ros.evaluation.report import as_csv
    from zoedepth_ros.evaluation.uncertainty_plot import draw_uncertainty
    from zoedepth_ros.media.files import write_image

    if args.uncertainty_plot:
        path = Path(args.uncertainty_plot).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        note = f'{card.model}; {card.weights_warning}' if card.weights_warning else card.model
        write_image(path, draw_uncertainty(found.uncertainty, note))
        print(f'-> {path}')
    if args.json:
        write_json(args.json, found.as_dict())
    if args.csv:
        write_text(args.csv, as_csv(found.images))
    if args.worst:
        for path in worst.save(_out(args)):
            print(f'-> {path}')


def require_uncertainty(predictor: DepthPredictor) -> None:
    """Raise ValueError for a network without uncertainty."""
    from zoedepth_ros.inference.result import convention_of

    if not convention_of(predictor).has_uncertainty:
        raise ValueError(f'{predictor.model_name} gives no uncertainty to plot or to calibrate')


def _out(args: argparse.Namespace) -> Path:
    return Path(args.out or DEFAULT_OUT).expanduser()


def open_network(args: argparse.Namespace, head: str = AUTO) -> DepthPredictor:
    """Open the network that the arguments name; head: one that it must have."""
    from zoedepth_ros.build import open_predictor
    from zoedepth_ros.inference.result import check_head
    from zoedepth_ros.inference.runtimes.exported import TORCH, backend_of

    model = args.model or (SYNTHETIC_MODEL if args.dataset == SCENES else DEFAULT_MODEL)
    in_torch = backend_of(args.weights or '') == TORCH
    default, precision = (DEFAULT_PRECISION if in_torch else AUTO), args.precision
    predictor = open_predictor(model, args.weights, args.device or AUTO, precision or default)
    check_head(head, predictor.heads)
    return predictor


def _print_data(report: EvaluationReport) -> None:
    protocol = report.protocol
    print(
        f'data     {report.dataset}: {len(report.images)} images, '
        f'{protocol.min_depth_m:g} to {protocol.max_depth_m:g} m, crop {protocol.crop}'
    )
    if protocol.n_published and protocol.n_published != len(report.images):
        print(f'         the published scores are of {protocol.n_published} images')
    if report.without_ground_truth:
        count = len(report.without_ground_truth)
        print(f'         left out: {count} images without ground truth in the scored range')
    if report.skipped:
        print(f'         left out: {len(report.skipped)} images that cannot be read:')
        for problem in report.skipped:
            print(f'           {problem}')
