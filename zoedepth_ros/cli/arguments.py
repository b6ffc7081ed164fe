"""Types of command-line arguments: numbers with a unit and a range; options without effect."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Mapping

from zoedepth_ros.geometry.field_of_view import NARROWEST_DEG, WIDEST_DEG
from zoedepth_ros.weights.known_weights import DEFAULT_MODEL

SHORT = {
    'camera.hfov': '--hfov',
    'camera.bits': '--bits',
    'camera.rectified': '--rectified',
    'camera.pitch': '--pitch',
    'camera.roll': '--roll',
    'camera.training_hfov': '--training-hfov',
    'router.mode': '--head',
}
"""Parameter -> its option, where that is not the parameter's name with dashes."""

PRECISIONS = ('auto', 'fp32', 'bf16', 'fp16')
DEVICE = 'Device that runs the network: auto, cpu, cuda or cuda:N (default: auto).'
"""Help of --device."""


def add_network_options(
    parser: argparse.ArgumentParser,
    *,
    model: str = DEFAULT_MODEL,
    precision: str = 'auto',
    only_given: bool = False,
) -> None:
    """Declare --model, --weights, --device and --precision.

    model, precision: defaults, for the help.  only_given: None instead of them where an option is
    not given.
    """
    add_weights_options(parser, model, only_given=only_given)
    add_device_options(parser, precision, only_given=only_given)


def add_weights_options(
    parser: argparse.ArgumentParser, model: str = DEFAULT_MODEL, *, only_given: bool
) -> None:
    """Declare --model and --weights; arguments as of `add_network_options`."""
    add = parser.add_argument
    add(
        '--model',
        default=None if only_given else model,
        help=f'Name of the model, as listed by `zoedepth models` (default: {model}).',
    )
    add(
        '--weights',
        metavar='FILE',
        help="Weights file of the model, or 'random' for tests without real depth (default: the "
        'weights in this package, or else the released weights, downloaded once).',
    )


def add_device_options(
    parser: argparse.ArgumentParser, precision: str = 'auto', *, only_given: bool = False
) -> None:
    """Declare --device and --precision; arguments as of `add_network_options`."""
    parser.add_argument('--device', default=None if only_given else 'auto', help=DEVICE)
    parser.add_argument(
        '--precision',
        default=None if only_given else precision,
        choices=PRECISIONS,
        help=f'Floating-point type of the network (default: {precision}).',
    )


def quantity(
    low: float, high: float, unit: str, mistaken: Mapping[str, float] | None = None
) -> Callable[[str], float]:
    """Return a parser of a number with a unit between two limits.

    mistaken: another unit -> its size in `unit`; the error names a unit in which the number would
    be valid.
    """
    expected = f'expected {low:.4g} to {high:.4g} {unit}'

    def read(text: str) -> float:
        value = number(text)
        if low <= value <= high:
            return value
        hints = (
            f'; {text} {other} are {value * factor:.3g} {unit}'
            for other, factor in (mistaken or {}).items()
            if low <= value * factor <= high
        )
        raise argparse.ArgumentTypeError(f'{expected}, got {text}{next(hints, "")}')

    return read


def whole(low: int, high: int | None = None, unit: str = '') -> Callable[[str], int]:
    """Return a parser of an integer of `low` or more, and of at most `high` if it is given."""
    limits = f'{low} or more' if high is None else f'{low} to {high}'
    expected = f'expected an integer of {limits} {unit}'.rstrip()

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low or (high is not None and value > high):
            raise argparse.ArgumentTypeError(f'{expected}, got {text}')
        return value

    return read


def positive(text: str) -> float:
    """Parse a finite number above 0."""
    value = number(text)
    if not (math.isfinite(value) and value > 0.0):
        raise argparse.ArgumentTypeError(f'expected a number above 0, got {text}')
    return value


def number(text: str) -> float:
    """Parse a number; NaN for anything else."""
    try:
        return float(text)
    except ValueError:
        return math.nan


_SMALL_METRES = {'centimetres': 0.01, 'millimetres': 0.001}
distance_m = quantity(0.1, 100.0, 'metres', _SMALL_METRES)
camera_height_m = quantity(0.02, 100.0, 'metres', _SMALL_METRES)
rate_hz = quantity(0.0, 1000.0, 'Hz')
steps_per_m = quantity(1.0, 1e6, 'steps per metre')
field_of_view_deg = quantity(NARROWEST_DEG, WIDEST_DEG, 'degrees', {'radians': math.degrees(1.0)})
image_side_px = whole(16, 8192, 'pixels')


def angle_deg(option: str, low: float, high: float) -> Callable[[str], float]:
    """Return a parser of an angle [degrees], which prints a note if that may be in radians."""
    parse = quantity(low, high, 'degrees')

    def read(text: str) -> float:
        degrees = parse(text)
        if not degrees.is_integer() and abs(degrees) <= math.pi / 2:
            converted = f'{degrees:g} rad would be {math.degrees(degrees):.1f} degrees'
            print(f'{option} {degrees:g} is interpreted as degrees; {converted}', file=sys.stderr)
        return degrees

    return read


def box_px(text: str) -> tuple[int, int, int, int]:
    """Parse left, top, right and bottom of a box [px]."""
    numbers = [number(part) for part in text.split(',')]
    if len(numbers) == 4 and all(value.is_integer() for value in numbers):
        left, top, right, bottom = map(int, numbers)
        if 0 <= left < right and 0 <= top < bottom:
            return left, top, right, bottom
    raise argparse.ArgumentTypeError(
        'expected left,top,right,bottom as integers [px] with 0 <= left < right and '
        f'0 <= top < bottom, got {text}'
    )


def refuse_idle(args: argparse.Namespace, names: Iterable[str], reason: str) -> None:
    """Raise ValueError for a given option that has no effect.

    names: attributes whose value is None or False if the option is not given; parameters of the
    node by their names.
    reason: continues the message after the option, such as 'is for videos'.
    """
    for name in names:
        value = getattr(args, name)
        if value is not None and (value is not False or '.' in name):
            option = SHORT.get(name, f'--{name.replace("_", "-").replace(".", "-")}')
            raise ValueError(f'{option} {reason}')
