"""The camera on the command line: a calibration file, or an angle in degrees."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from zoedepth_ros.geometry.field_of_view import NARROWEST_DEG, WIDEST_DEG
from zoedepth_ros.geometry.rectification import AUTO, CHOICES

if TYPE_CHECKING:
    from zoedepth_ros.geometry.intrinsics import CameraModel

CameraOf: TypeAlias = 'Callable[[tuple[int, ...]], CameraModel | None]'


def field_of_view_deg(text: str) -> float:
    """Read a horizontal field of view [degrees]; refuses what no lens has, above all radians."""
    expected = f'expected degrees, {NARROWEST_DEG:g} to {WIDEST_DEG:g}, got {text}'
    try:
        degrees = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(expected) from None
    if 0.0 < degrees < min(math.pi, NARROWEST_DEG):
        hint = f'radians? {text} rad are {math.degrees(degrees):.1f} degrees'
        raise argparse.ArgumentTypeError(f'{expected} ({hint})')
    if not NARROWEST_DEG <= degrees <= WIDEST_DEG:
        raise argparse.ArgumentTypeError(expected)
    return degrees


def add_camera_options(parser: argparse.ArgumentParser, hfov_help: str) -> None:
    """Declare --hfov and --calibration, of which one may be given, and --rectified."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument('--hfov', type=field_of_view_deg, metavar='DEG', help=hfov_help)
    either.add_argument(
        '--calibration',
        metavar='FILE[:CAMERA]',
        help='instead of --hfov: calibration of the camera, a file of ROS, Kalibr, OpenCV, '
        'RealSense or OAK; CAMERA is one of several in it',
    )
    parser.add_argument(
        '--rectified', choices=CHOICES, help="as the node's parameter camera.rectified (auto)"
    )


def camera_of(args: argparse.Namespace) -> CameraOf:
    """Give what makes the camera of images of a shape (H, W, …), by --calibration or --hfov.

    It gives None without either, and raises CameraError where the calibration is for another
    shape or of no camera; what is doubtful about it goes to stderr.  Raises CameraError for a
    calibration that cannot be read.
    """
    from zoedepth_ros.geometry.calibration_file import read_chosen_calibration
    from zoedepth_ros.geometry.intrinsics import assumed_camera

    calibration = read_chosen_calibration(args.calibration) if args.calibration else None
    rectified = args.rectified or AUTO
    if calibration is not None:
        print(f'{args.calibration}: {calibration.rectification(rectified).text}', file=sys.stderr)

    @cache
    def camera(height: int, width: int) -> CameraModel | None:
        if calibration is None:
            return assumed_camera((height, width), math.radians(args.hfov or 0.0))
        made = calibration.camera(height, width, rectified)
        for text in calibration.warnings(made, rectified):
            print(f'note     {args.calibration}: {text}', file=sys.stderr)
        return made

    return lambda shape: camera(*shape[:2])
