"""`zoedepth benchmark network|node|size|all`: speed on this machine."""

from __future__ import annotations

import argparse
import datetime
import shlex
import sys
from functools import partial
from pathlib import Path

from zoedepth_ros.benchmark.benchmark_report import Section, as_dict, as_text
from zoedepth_ros.benchmark.machine import this_machine
from zoedepth_ros.benchmark.parts import (
    ALL,
    AUTO,
    PARTS,
    RUNTIMES_ONLY,
    RUNTIMES_TOO,
    BenchmarkOptions,
    measure,
)
from zoedepth_ros.benchmark.timing import NO_LIMIT, Budget
from zoedepth_ros.cli.arguments import add_device_options, quantity, whole
from zoedepth_ros.cli.reporting import write_json
from zoedepth_ros.files import check_writable

HELP = 'measure the speed of the network and the node on this machine, compared with baselines'

EVERYTHING = 'all'
_MINUTES = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add(
        'part',
        choices=(*PARTS, EVERYTHING),
        help='What is measured. network: the network, compared with transformers (with --runtimes '
        'also with ONNX Runtime and OpenVINO); node: the node without the network, compared '
        'with a simple depth node; size: time and memory for several image and batch sizes; '
        f'all: {" and ".join(ALL)}, with the most important baselines.',
    )
    add('--model', default='', help='Name of the model, as listed by `zoedepth models` '
        '(default: ZoeD_M12_NK; for size ZoeD_S_NK).')  # fmt: skip
    add(
        '--weights',
        default=AUTO,
        metavar='FILE',
        help="Weights file of the model. 'random' makes random weights, scaled so that an error "
        "in any part of the network is visible in the depth. 'auto' uses the weights in this "
        'package, or else random weights (default: %(default)s).',
    )
    add_device_options(parser)
    add(
        '--optimization',
        default=AUTO,
        choices=('auto', 'packed', 'off', 'compile'),
        help="Execution mode of the network: a value of the node's parameter `optimization` "
        '(default: auto).',
    )
    add(
        '--rounds',
        type=whole(0),
        default=0,
        metavar='N',
        help='Largest number of times that each implementation is measured; 0 uses the default of '
        'the part (default: 0).',
    )
    add(
        '--minutes',
        type=quantity(0.0, 1440.0, 'minutes', {'seconds': 1.0 / 60.0}),
        default=_MINUTES,
        metavar='N',
        help='Time limit of the command [min]; 0 sets no limit. On a slow machine the command '
        'omits rounds and baselines to keep the limit (default: %(default)g).',
    )
    add(
        '--runtimes',
        nargs='?',
        const=RUNTIMES_TOO,
        default='',
        choices=(RUNTIMES_TOO, RUNTIMES_ONLY),
        help="For the part network: 'too' (also the meaning of the option without a value) adds "
        "ONNX Runtime and OpenVINO, if they are installed; 'only' compares this package with "
        'these runtimes alone. The command first exports the network to the temporary '
        'folder; ZoeD_M12_NK takes 2.3 GB of disk space, 8 GB of memory and two minutes on '
        'two cores.',
    )
    add('--json', metavar='FILE', help='JSON file that all results are written to.')


def run(args: argparse.Namespace) -> int:
    """Measure, print the report, and write the JSON file."""
    if args.json:
        check_writable(Path(args.json).expanduser())
    budget = Budget(60.0 * args.minutes if args.minutes else NO_LIMIT)
    everything = args.part == EVERYTHING
    if args.runtimes and args.part != 'network':
        raise ValueError(
            f'--runtimes applies only to `zoedepth benchmark network`, not to {args.part}'
        )
    options = BenchmarkOptions(
        model=args.model,
        weights=args.weights,
        device=args.device,
        precision=args.precision,
        optimization=args.optimization,
        rounds=args.rounds,
        short=everything,
        runtimes=args.runtimes,
        budget=budget,
        log=partial(_log, budget),
    )
    machine = this_machine()
    parts = ALL if everything else (args.part,)
    # The last part first: the first one uses all remaining time.
    sections = [_measured(part, options) for part in reversed(parts)][::-1]
    date = datetime.date.today().isoformat()
    print(as_text(date, machine, sections))
    if args.json:
        write_json(args.json, as_dict(_command(args), date, machine, sections, budget.spent_s))
    return 0


def _command(args: argparse.Namespace) -> str:
    """Return the command line without the paths of files."""
    words = ['zoedepth', 'benchmark', args.part]
    for name in ('model', 'device', 'precision', 'optimization', 'rounds', 'runtimes'):
        value = getattr(args, name)
        if value not in ('', AUTO, 0):
            words += [f'--{name}', str(value)]
    if args.minutes != _MINUTES:
        words += ['--minutes', f'{args.minutes:g}']
    return shlex.join(words)


def _measured(part: str, options: BenchmarkOptions) -> Section:
    """Run a part; if other parts run too, a missing library is reported instead of raised."""
    if not options.short:
        return measure(part, options)
    try:
        return measure(part, options)
    except ModuleNotFoundError as error:
        if (error.name or '').startswith('zoedepth_ros.') and error.name != 'zoedepth_ros.msg':
            raise
        return Section(part, {}, missing=(f'{part}: {error}',))


def _log(budget: Budget, text: str) -> None:
    minutes, seconds = divmod(int(budget.spent_s), 60)
    print(f'{minutes}:{seconds:02}  {text}', file=sys.stderr, flush=True)
