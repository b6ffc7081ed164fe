"""`zoedepth train`: train or fine-tune a network with a recipe."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from zoedepth_ros.cli.arguments import DEVICE
from zoedepth_ros.cli.reporting import progress
from zoedepth_ros.files import check_folder

if TYPE_CHECKING:
    from zoedepth_ros.training.config import TrainingConfig

HELP = 'train or fine-tune a network with a recipe (config/*.yaml); run again to resume'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        'config', metavar='CONFIG.yaml', help='Recipe: a YAML file that describes the training.'
    )
    parser.add_argument(
        '--output', metavar='DIR', help='Output folder (default: the output folder in the recipe).'
    )
    parser.add_argument(
        '--weights', metavar='FILE', help='Initial weights (default: the weights in the recipe).'
    )
    parser.add_argument(
        '--restart',
        action='store_true',
        help='Start from the beginning even if the output folder contains an earlier run.',
    )
    parser.add_argument(
        '--embed',
        metavar='DIR',
        help='After the training evaluate the best weights on rendered scenes and write them to '
        'this folder as float16, the format of the weights in this package.',
    )
    parser.add_argument('--device', default='auto', help=DEVICE)


def run(args: argparse.Namespace) -> int:
    """Train, under torchrun as one of several processes."""
    from zoedepth_ros.inference.devices import named_failures
    from zoedepth_ros.training import distributed
    from zoedepth_ros.training.checkpoint import FILE_NAME
    from zoedepth_ros.training.config_file import read_config
    from zoedepth_ros.training.loop import Progress
    from zoedepth_ros.training.run import train, weights_path
    from zoedepth_ros.weights.read import check_file

    config = _overridden(read_config(args.config), args)
    resumes = (config.folder / FILE_NAME).is_file() and not args.restart
    if config.weights and not resumes:
        check_file(weights_path(config.weights))
    check_folder(config.folder)
    if args.embed:
        check_folder(Path(args.embed).expanduser())
    process = distributed.join(args.device)
    try:
        with named_failures(process.device):
            best = train(
                config,
                process,
                restart=args.restart,
                progress=Progress(shown=True),
                metadata={'recipe': str(args.config)},
            )
    finally:
        distributed.leave()
    if process.leads:
        print(f'best weights: {best}')
        if args.embed:
            _embed(config.model, best, args)
    return 0


def _embed(model: str, best: Path, args: argparse.Namespace) -> None:
    from zoedepth_ros.training.embed import embed, scores

    folder = Path(args.embed).expanduser()
    path, report = embed(model, best, Path(args.config), folder=folder, watch=progress)
    print(f'{path}: {scores(report)["held_out"]}')


def _overridden(config: TrainingConfig, args: argparse.Namespace) -> TrainingConfig:
    given = {'output': args.output, 'weights': args.weights}
    return dataclasses.replace(config, **{k: v for k, v in given.items() if v is not None})
