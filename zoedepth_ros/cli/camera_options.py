"""Command-line options of the camera: a calibration file, or a field of view in degrees."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from zoedepth_ros.geometry.intrinsics import CameraModel
    from zoedepth_ros.pipeline.settings import PipelineSettings

CameraOf: TypeAlias = 'Callable[[tuple[int, ...]], CameraModel | None]'


def add_calibration_option(parser: argparse.ArgumentParser) -> None:
    """Declare --calibration."""
    parser.add_argument(
        '--calibration',
        metavar='FILE[:CAMERA]',
        help='Calibration file of the camera, used instead of --hfov: a file of ROS, Kalibr, '
        'OpenCV, RealSense or OAK. CAMERA selects one of several cameras in the file.',
    )


def camera_of(args: argparse.Namespace, settings: PipelineSettings) -> CameraOf:
    """Return a function from the shape (H, W, …) of an image to its camera.

    The function returns None without --calibration and --hfov, prints warnings about a calibration
    to stderr, and raises CameraError for another shape or an invalid camera.  Raises CameraError
    for a calibration that cannot be read or used.
    """
    from zoedepth_ros.geometry.calibration_file import read_chosen_calibration
    from zoedepth_ros.geometry.intrinsics import (
        CameraError,
        assumed_camera,
        camera_from_calibration,
    )
    from zoedepth_ros.geometry.plausibility import calibration_warnings
    from zoedepth_ros.geometry.rectification import choose_rectification

    if args.calibration and getattr(args, 'camera.hfov') is not None:
        raise ValueError('--hfov is not allowed with --calibration, which has the field of view')
    calibration = read_chosen_calibration(args.calibration) if args.calibration else None
    if calibration is not None:
        reading = choose_rectification(
            settings.camera_rectified, '', k=calibration.k, d=calibration.d, p=calibration.p
        )
        calibration = replace(calibration, rectified=reading.rectified)
        try:
            size = {'height': calibration.height, 'width': calibration.width}
            camera_from_calibration(calibration, **size)
        except CameraError as error:
            raise CameraError(f'{args.calibration}: {error}') from None
        print(f'{args.calibration}: {reading.text}', file=sys.stderr)

    @cache
    def camera(height: int, width: int) -> CameraModel | None:
        if calibration is None:
            return assumed_camera((height, width), settings.camera_hfov_rad)
        try:
            made = camera_from_calibration(calibration, height=height, width=width)
        except CameraError as error:
            raise CameraError(f'{error} ({args.calibration})') from None
        for text in calibration_warnings(made, calibration):
            print(f'note     {args.calibration}: {text}', file=sys.stderr)
        return made

    return lambda shape: camera(*shape[:2])


def wrong_shapes(paths: Iterable[Path], cameras: CameraOf) -> dict[Path, str]:
    """Return the images and videos for which `cameras` raises CameraError -> why.

    Those whose shape cannot be read are left out: working on them reports why.
    """
    from zoedepth_ros.cli.videos import is_video
    from zoedepth_ros.geometry.intrinsics import CameraError
    from zoedepth_ros.media.files import image_shape
    from zoedepth_ros.media.video import video_shape

    found = {}
    for path in paths:
        shape = video_shape(path) if is_video(path) else image_shape(path)
        try:
            if shape is not None:
                cameras(shape)
        except CameraError as error:
            found[path] = str(error)
    return found


def require_shapes(paths: Iterable[Path], cameras: CameraOf) -> None:
    """Raise ValueError naming every image whose shape does not fit."""
    if found := wrong_shapes(paths, cameras):
        raise ValueError('; '.join(f'{path}: {reason}' for path, reason in found.items()))
