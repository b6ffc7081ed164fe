"""`zoedepth download NAME`: download weights before they are needed."""

from __future__ import annotations

import argparse

from zoedepth_ros.files import check_folder

NAME = 'download'
HELP = 'download weights in advance, for a robot without internet'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('names', metavar='NAME', nargs='+', help='a name of `zoedepth models`')
    parser.add_argument(
        '--source',
        choices=('huggingface', 'github'),
        help='source of the weights (default: Hugging Face, then GitHub)',
    )
    parser.add_argument(
        '--cache-dir',
        metavar='DIR',
        help='store the files in this folder instead of $ZOEDEPTH_HOME or the default caches',
    )


def run(args: argparse.Namespace) -> int:
    """Download every model and print its path and checksum."""
    from zoedepth_ros.cli.models import size_text
    from zoedepth_ros.files import sha256_of
    from zoedepth_ros.weights.fetch import fetch
    from zoedepth_ros.weights.known_weights import model_source
    from zoedepth_ros.weights.locations import weights_folder

    for name in args.names:  # a wrong name is reported before the first download
        model_source(name)
    if args.cache_dir:
        check_folder(weights_folder(args.cache_dir))
    for name in args.names:
        path = fetch(name, cache_dir=args.cache_dir, source=args.source)
        print(f'{name}: {path}')
        with path.open('rb') as file:
            print(f'  {size_text(path.stat().st_size)}, sha256 {sha256_of(file)}')
    if args.cache_dir:
        print(f'To use these files: export ZOEDEPTH_HOME={args.cache_dir}, or --weights PATH.')
    return 0
