"""`zoedepth compare OURS.json… --over THEIRS`: relative improvement, as in the paper."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from zoedepth_ros.files import check_writable, write_file

NAME = 'compare'
HELP = 'relative improvement of evaluated scores over others, or over the published ones'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    source = 'JSON files of `zoedepth evaluate`, one a data set, or the name of a released model'
    add('target', metavar='SCORES', nargs='+', help=source)
    add('--over', metavar='SCORES', nargs='+', required=True, help=source)
    add('--json', metavar='FILE', help='write the improvements')


def run(args: argparse.Namespace) -> int:
    """Compare and print a table in per cent; above 0 the target is better."""
    from zoedepth_ros.evaluation.comparison import compare, read_scores

    if args.json:
        check_writable(Path(args.json).expanduser())
    found = compare(read_scores(args.target), read_scores(args.over))
    print(found.as_table())
    if args.json:
        path = Path(args.json).expanduser()
        text = json.dumps(found.as_dict(), indent=2, allow_nan=False) + '\n'
        write_file(path, text, make_folder=True)
        print(f'-> {path}')
    return 0
