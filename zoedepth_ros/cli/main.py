"""The command `zoedepth`: runs a subcommand and reports errors in one line."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from zoedepth_ros.cli.exit_codes import FAILED, INTERRUPTED, MEANINGS, REFUSED
from zoedepth_ros.environment import thread_environment
from zoedepth_ros.errors import EXIT_CONTEXT_LOST, explained
from zoedepth_ros.files import WriteError
from zoedepth_ros.terminal import print_anything

COMMANDS = (
    *('predict', 'models', 'download', 'calibrate', 'calibrate uncertainty', 'evaluate'),
    *('compare', 'train', 'bag', 'view', 'export', 'check', 'benchmark'),
)
"""Subcommands, in the order of the help.

Each has a module, which imports neither torch, NumPy nor OpenCV, with HELP, one line of `zoedepth
--help`, `add_arguments(parser)`, and `run(args)`, which returns the exit code.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code, one of `exit_codes`."""
    print_anything()
    arguments = with_command_joined(sys.argv[1:] if argv is None else argv)
    if any(re.fullmatch(r'(--[\w-]+=)?', text) for text in arguments):  # as of an unset variable
        given = shlex.join(['zoedepth', *arguments])
        text = f'an argument is empty (is a shell variable not set?): {given}'
        return _report_error(text, REFUSED)
    args = _parser(arguments).parse_args(arguments)
    os.environ.update(thread_environment(os.environ))  # before anything imports torch
    try:
        with _logging():
            code = int(args.run(args))
        sys.stdout.flush()  # a closed pipe raises here
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # as in `zoedepth models | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except ModuleNotFoundError as error:
        if (error.name or '').startswith('zoedepth_ros'):
            raise
        return _report_error(
            f'{error}: the command needs this package (pip install {error.name})', REFUSED
        )
    except WriteError as error:  # during the work; before it, other OSErrors are raised
        return _report_error(str(error), FAILED)
    except (ValueError, OSError) as error:
        return _report_error(explained(error), REFUSED)
    except RuntimeError as error:
        if 'home directory' in str(error):  # of Path.expanduser
            paths = ', '.join(text for text in arguments if '~' in text)
            return _report_error(f'there is no home folder for ~ in {paths}', REFUSED)
        from zoedepth_ros.inference.result import ContextLost, InferenceError

        if not isinstance(error, InferenceError):
            raise
        if isinstance(error, ContextLost):
            remedy = 'only a new process can use the GPU again; run the command again'
            return _report_error(f'{error}: {remedy}', EXIT_CONTEXT_LOST)
        return _report_error(str(error), FAILED)


def with_command_joined(arguments: Sequence[str]) -> list[str]:
    """Return arguments in which a subcommand of two words is one argument."""
    first = ' '.join(arguments[:2])
    return [first, *arguments[2:]] if first in COMMANDS else list(arguments)


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser; only the module of the given subcommand is imported."""
    parser = argparse.ArgumentParser(
        prog='zoedepth',
        description='Predict metric depth from single images with ZoeDepth.',
        epilog='zoedepth COMMAND --help describes a command. The ROS 2 node is started by '
        '`ros2 launch zoedepth_ros depth.launch.py`. Exit codes: '
        + '; '.join(f'{code}: {meaning}' for code, meaning in MEANINGS.items())
        + '.',
    )
    parser.add_argument('--version', action=_Version, nargs=0, help='print the version and exit')
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)
    wanted = [name for name in COMMANDS if name in arguments[:1]]
    for name in wanted or COMMANDS:
        command = importlib.import_module(f'zoedepth_ros.cli.{name.replace(" ", "_")}')
        subparser = commands.add_parser(name, help=command.HELP, description=command.HELP)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


class _Version(argparse.Action):
    """Print the version and exit."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f'zoedepth {version()}')
        parser.exit()


def version() -> str:
    """Return the version of package.xml or of the installed package, 'unknown' without both."""
    manifest = Path(__file__).parents[2] / 'package.xml'  # in a source tree
    if manifest.is_file():
        found = re.search(r'<version>\s*([^<\s]+)', manifest.read_text(encoding='utf-8'))
        if found:
            return found[1]
    try:
        return metadata.version('zoedepth_ros')
    except metadata.PackageNotFoundError:
        return 'unknown'


@contextmanager
def _logging() -> Iterator[None]:
    """Print the log of this package, but not of other libraries, during the block."""
    logger, handler = logging.getLogger('zoedepth_ros'), logging.StreamHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def _report_error(text: str, code: int) -> int:
    print(f'zoedepth: error: {text}', file=sys.stderr)
    return code


if __name__ == '__main__':
    sys.exit(main())
