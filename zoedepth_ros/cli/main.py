"""The command `zoedepth`: finds the subcommand, runs it, turns errors into one clear message."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, cast

from zoedepth_ros.cli.exit_codes import FAILED, INTERRUPTED, MEANINGS, REFUSED
from zoedepth_ros.errors import explained
from zoedepth_ros.files import WriteError
from zoedepth_ros.inference.threads import thread_environment
from zoedepth_ros.terminal import print_anything

COMMANDS = (
    *('predict', 'models', 'download', 'calibrate', 'evaluate', 'compare', 'train', 'scenes'),
    *('bag', 'view', 'export', 'benchmark'),
)
"""Modules of this room that are subcommands, in the order of the help."""


class Command(Protocol):
    """What every subcommand's module has; importing it must be fast: no torch, no OpenCV."""

    NAME: str
    """What people type."""
    HELP: str
    """One line for `zoedepth --help`."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it and return the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code, one of `exit_codes`."""
    print_anything()
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parser(arguments).parse_args(arguments)
    os.environ.update(thread_environment(os.environ))  # before anything imports torch
    try:
        with _progress_shown():
            code = int(args.run(args))
        sys.stdout.flush()  # so that a reader that has gone is noticed here
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `zoedepth models | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except ModuleNotFoundError as error:
        if (error.name or '').startswith('zoedepth_ros'):
            raise
        return _complain(f'{error}: this command needs it (pip install {error.name})', REFUSED)
    except WriteError as error:  # while it worked: before, it is an OSError of another kind
        return _complain(str(error), FAILED)
    except (ValueError, OSError) as error:
        return _complain(explained(error), REFUSED)


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser; with a subcommand given, only that one's module is imported."""
    parser = argparse.ArgumentParser(
        prog='zoedepth',
        description='Metric depth from one ordinary picture, with ZoeDepth.',
        epilog='zoedepth COMMAND --help says more. The ROS 2 node is '
        '`ros2 launch zoedepth_ros depth.launch.py`. Exit codes: '
        + '; '.join(f'{code}: {meaning}' for code, meaning in MEANINGS.items())
        + '.',
    )
    parser.add_argument('--version', action=_Version, nargs=0, help='print the version and leave')
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)
    wanted = [name for name in COMMANDS if name in arguments[:1]]
    for name in wanted or COMMANDS:
        command = cast(Command, importlib.import_module(f'zoedepth_ros.cli.{name}'))
        subparser = commands.add_parser(command.NAME, help=command.HELP, description=command.HELP)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


class _Version(argparse.Action):
    """Look the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from zoedepth_ros.cli.version import version

        print(f'zoedepth {version()}')
        parser.exit()


@contextmanager
def _progress_shown() -> Iterator[None]:
    """Print what this package logs, and nothing of other libraries, until the block ends."""
    logger, handler = logging.getLogger('zoedepth_ros'), logging.StreamHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def _complain(text: str, code: int) -> int:
    print(f'zoedepth: error: {text}', file=sys.stderr)
    return code


if __name__ == '__main__':
    sys.exit(main())
