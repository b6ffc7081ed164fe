"""`zoedepth compare SCORES… --over SCORES…`: relative improvement, as in the paper."""

from __future__ import annotations

import argparse

HELP = 'compute the relative improvement of scores over other or published scores'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    source = (
        'JSON files of `zoedepth evaluate`, one per data set, or the name of a released model.'
    )
    parser.add_argument('target', metavar='SCORES', nargs='+', help=f'Scores to compare: {source}')
    parser.add_argument(
        '--over', metavar='SCORES', nargs='+', required=True, help=f'Reference scores: {source}'
    )


def run(args: argparse.Namespace) -> int:
    """Print a table in per cent; the target is better above 0."""
    from zoedepth_ros.evaluation.published import improvement_table, read_scores

    print(improvement_table(read_scores(args.target), read_scores(args.over)))
    return 0
