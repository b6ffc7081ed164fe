"""`zoedepth compare SCORES… --over SCORES…`: relative improvement, as in the paper."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoedepth_ros.cli.reporting import write_json
from zoedepth_ros.files import check_writable

NAME = 'compare'
HELP = 'relative improvement of scores over other or published scores'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    source = 'JSON files of `zoedepth evaluate`, one per data set, or the name of a released model'
    add('target', metavar='SCORES', nargs='+', help=source)
    add('--over', metavar='SCORES', nargs='+', required=True, help=source)
    add('--json', metavar='FILE', help='write the improvements')


def run(args: argparse.Namespace) -> int:
    """Print a table in per cent; the target is better above 0."""
    from zoedepth_ros.evaluation.relative_improvement import compare, read_scores

    if args.json:
        check_writable(Path(args.json).expanduser())
    found = compare(read_scores(args.target), read_scores(args.over))
    print(found.as_table())
    if args.json:
        write_json(args.json, found.as_dict())
    return 0
