"""`zoedepth download NAME`: bring weights here before they are needed."""

from __future__ import annotations

import argparse

from zoedepth_ros.files import check_folder

NAME = 'download'
HELP = 'download weights now, for a robot that will have no network later'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('names', metavar='NAME', nargs='+', help='a name of `zoedepth models`')
    parser.add_argument(
        '--source',
        choices=('huggingface', 'github'),
        help='where from (default: Hugging Face first, then GitHub)',
    )
    parser.add_argument(
        '--cache-dir',
        metavar='DIR',
        help='keep the files here instead of $ZOEDEPTH_HOME or the usual caches',
    )


def run(args: argparse.Namespace) -> int:
    """Fetch every name and say where it lies."""
    from zoedepth_ros.cli.models import size_text
    from zoedepth_ros.weights.checksum import sha256_of
    from zoedepth_ros.weights.fetch import fetch
    from zoedepth_ros.weights.places import weights_folder
    from zoedepth_ros.weights.registry import model_source

    for name in args.names:  # a wrong name is said before the first gigabyte
        model_source(name)
    if args.cache_dir:
        check_folder(weights_folder(args.cache_dir))
    for name in args.names:
        path = fetch(name, cache_dir=args.cache_dir, source=args.source)
        print(f'{name}: {path}')
        with path.open('rb') as file:
            print(f'  {size_text(path.stat().st_size)}, sha256 {sha256_of(file)}')
    if args.cache_dir:
        print(f'To use it: export ZOEDEPTH_HOME={args.cache_dir}, or --weights with the path.')
    return 0
