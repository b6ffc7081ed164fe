"""`zoedepth benchmark network|node|size|all`: how fast it is on this machine."""

from __future__ import annotations

import argparse
import datetime
import shlex
import sys
from functools import partial
from pathlib import Path

from zoedepth_ros.benchmark.budget import NO_LIMIT, Budget
from zoedepth_ros.benchmark.facts import find_facts
from zoedepth_ros.benchmark.parts import (
    ALL,
    AUTO,
    PARTS,
    RUNTIMES_ONLY,
    RUNTIMES_TOO,
    Settings,
    measure,
)
from zoedepth_ros.benchmark.report import Report, Section
from zoedepth_ros.cli.quantities import at_least, quantity
from zoedepth_ros.cli.results import write_json
from zoedepth_ros.files import check_writable

NAME = 'benchmark'
HELP = 'measure how fast the network and the node are here, beside what one would take instead'

EVERYTHING = 'all'
_MINUTES = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add(
        'part',
        choices=(*PARTS, EVERYTHING),
        help='network: beside transformers, and other runtimes; node: everything around the '
        'network; size: time and '
        f'memory against picture size and batch; all: {" and ".join(ALL)}, beside the most '
        'important baselines',
    )
    add('--model', default='', help='a name of `zoedepth models` (default: ZoeD_M12_NK; size: '
        'ZoeD_S_NK)')  # fmt: skip
    add('--weights', default='random', metavar='FILE', help="the model's weights, 'random' for "
        "well-conditioned random ones, '' for the released ones (%(default)s)")  # fmt: skip
    add('--device', default=AUTO, help='auto, cpu, cuda or cuda:N (%(default)s)')
    add('--precision', default=AUTO, choices=('auto', 'fp32', 'bf16', 'fp16'), help='(auto)')
    add('--optimization', default=AUTO, choices=('auto', 'off', 'compile'), help='(auto)')
    add(
        '--rounds',
        type=at_least(0),
        default=0,
        metavar='N',
        help='how often every side runs at most',
    )
    add(
        '--minutes',
        type=quantity(0.0, 1440.0, 'minutes', {'seconds': 1.0 / 60.0}),
        default=_MINUTES,
        metavar='N',
        help='time for everything, 0 for no limit; on a slow machine rounds and baselines are '
        'left out (%(default)g)',
    )
    add(
        '--runtimes',
        nargs='?',
        const=RUNTIMES_TOO,
        default='',
        choices=(RUNTIMES_TOO, RUNTIMES_ONLY),
        help='network: beside ONNX Runtime and OpenVINO too, where they are installed, or beside '
        'them only; first exports the network into the temporary folder: ZoeD_M12_NK is 2.3 GB, '
        'needs 8 GB of memory and takes two minutes on two cores',
    )
    add('--json', metavar='FILE', help='write everything that was found')


def run(args: argparse.Namespace) -> int:
    """Measure, print tables and what they mean, write what was asked for."""
    if args.json:
        check_writable(Path(args.json).expanduser())
    budget = Budget(60.0 * args.minutes if args.minutes else NO_LIMIT)
    everything = args.part == EVERYTHING
    if args.runtimes and args.part != 'network':
        raise ValueError(f'--runtimes is of the part network, not of {args.part}')
    settings = Settings(
        model=args.model,
        weights=args.weights,
        device=args.device,
        precision=args.precision,
        optimization=args.optimization,
        rounds=args.rounds,
        short=everything,
        runtimes=args.runtimes,
        budget=budget,
        tell=partial(_tell, budget),
    )
    facts = find_facts()
    parts = ALL if everything else (args.part,)
    # The last part first: the first takes as much time as is left.
    sections = [_measured(part, settings) for part in reversed(parts)][::-1]
    report = Report(
        command=_command(args),
        date=datetime.date.today().isoformat(),
        facts=facts,
        sections=tuple(sections),
        duration_s=budget.spent_s,
    )
    print(report.as_text())
    if args.json:
        write_json(args.json, report.as_dict())
    return 0


def _command(args: argparse.Namespace) -> str:
    """Say what was asked for, but for the files it was written to and whose weights."""
    told = ['zoedepth', NAME, args.part]
    for name in ('model', 'device', 'precision', 'optimization', 'rounds', 'runtimes'):
        value = getattr(args, name)
        if value not in ('', AUTO, 0):
            told += [f'--{name}', str(value)]
    if args.minutes != _MINUTES:
        told += ['--minutes', f'{args.minutes:g}']
    return shlex.join(told)


def _measured(part: str, settings: Settings) -> Section:
    """Run a part; when a library is missing and others still run, say so instead of ending."""
    if not settings.short:
        return measure(part, settings)
    try:
        return measure(part, settings)
    except ModuleNotFoundError as error:
        if (error.name or '').startswith('zoedepth_ros.') and error.name != 'zoedepth_ros.msg':
            raise
        return Section(part, {}, missing=(f'{part}: {error}',))


def _tell(budget: Budget, text: str) -> None:
    minutes, seconds = divmod(int(budget.spent_s), 60)
    print(f'{minutes}:{seconds:02}  {text}', file=sys.stderr, flush=True)
