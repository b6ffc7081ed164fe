"""`zoedepth download NAME`: download weights before they are needed."""

from __future__ import annotations

import argparse

HELP = 'download weights in advance, for a robot without internet'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        'names', metavar='NAME', nargs='+', help='Name of a model, as listed by `zoedepth models`.'
    )


def run(args: argparse.Namespace) -> int:
    """Download every model and print its path and checksum."""
    from zoedepth_ros.cli.models import size_text
    from zoedepth_ros.files import sha256_of
    from zoedepth_ros.weights.fetch import fetch
    from zoedepth_ros.weights.known_weights import model_source

    for name in args.names:  # a wrong name is reported before the first download
        model_source(name)
    for name in args.names:
        path = fetch(name)
        print(f'{name}: {path}')
        with path.open('rb') as file:
            print(f'  {size_text(path.stat().st_size)}, sha256 {sha256_of(file)}')
    return 0
