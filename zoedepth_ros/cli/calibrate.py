"""`zoedepth calibrate IMAGE…`: the scale of your camera, from one thing you know."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from zoedepth_ros.cli.arguments import (
    add_network_options,
    angle_deg,
    box_px,
    camera_height_m,
    distance_m,
    refuse_idle,
)
from zoedepth_ros.cli.camera_options import add_calibration_option, camera_of, require_shapes
from zoedepth_ros.cli.reporting import warn_of_weights
from zoedepth_ros.cli.settings import add_settings, settings_of
from zoedepth_ros.files import check_writable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoedepth_ros.geometry.intrinsics import CameraModel
    from zoedepth_ros.inference.result import DepthPredictor
    from zoedepth_ros.pipeline.ground_segmentation import Contradiction
    from zoedepth_ros.pipeline.scale_file import ScaleState
    from zoedepth_ros.pipeline.sequence import ImageOutputs
    from zoedepth_ros.pipeline.settings import PipelineSettings

HELP = 'find the scale of depth from a known distance or the height of the camera above the floor'

NO_EFFECT = (
    *('depth.rate', 'depth.min', 'depth.encoding', 'scale', 'cloud', 'scan'),
    *('obstacles', 'cliffs'),
    *('filter.edge', 'filter.temporal', 'filter.flicker'),
    *('router.rate', 'router.smoothing', 'router.hysteresis', 'router.min_dwell'),
    *('router.handover', 'camera.height', 'camera.pitch', 'camera.roll'),
    'camera.pitch_tolerance',
)
"""Parameters, or groups of them, that the scale of one image does not depend on, and the camera's
position, which has options of its own here."""

LEAST_CONFIDENCE = 0.3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add('images', metavar='IMAGE', nargs='+', help='Image, or folder of images.')
    known = parser.add_mutually_exclusive_group(required=True)
    known.add_argument(
        '--distance',
        type=distance_m,
        metavar='M',
        help='True distance of the target in --box, along the optical axis [m].',
    )
    known.add_argument(
        '--camera-height',
        type=camera_height_m,
        metavar='M',
        help='True height of the camera above the floor [m]. The floor must be in view.',
    )
    add(
        '--box',
        type=box_px,
        metavar='L,T,R,B',
        help='Left, top, right and bottom of the target in the image [px] (default: the middle '
        'tenth of width and height).',
    )
    add_calibration_option(parser)
    add(
        '--pitch',
        type=angle_deg('--pitch', -89.0, 89.0),
        metavar='DEG',
        help='Angle of the optical axis above the horizon [degrees] (default: the angle is '
        'estimated, up to 20 degrees above or below the horizon).',
    )
    add(
        '--roll',
        type=angle_deg('--roll', -180.0, 180.0),
        metavar='DEG',
        help='Clockwise rotation of the camera, as seen from behind the camera [degrees] '
        '(default: the rotation is estimated, or 0 with --pitch).',
    )
    add(
        '--out',
        metavar='FILE',
        default='scale.yaml',
        help='Scale file to write (default: %(default)s).',
    )
    add(
        '--camera',
        default='',
        metavar='NAME',
        help='Name of the camera, which is written into the scale file as a note for the reader.',
    )
    add_network_options(parser)
    add_settings(parser, besides=NO_EFFECT)


def run(args: argparse.Namespace) -> int:
    """Measure every image, combine the ratios into one scale per head and write the file."""
    from dataclasses import replace

    import numpy as np

    from zoedepth_ros.build import open_predictor
    from zoedepth_ros.cli.image_paths import find_images, require_readable
    from zoedepth_ros.inference.result import check_head
    from zoedepth_ros.media.files import read_stored_image
    from zoedepth_ros.pipeline.ground_segmentation import Contradiction
    from zoedepth_ros.pipeline.outputs import DEPTH
    from zoedepth_ros.pipeline.scale_file import load_scales, save_scales
    from zoedepth_ros.pipeline.sequence import SequencePredictor

    settings = replace(  # without a scale: that is what is measured
        settings_of(args),
        depth_min_m=0.0,
        depth_scale=1.0,
        scale_file='',
        scale_source='off',
        scale_shape='factor',
    )
    _check(args, settings)
    paths = find_images(args.images)
    require_readable(paths)
    out = Path(args.out).expanduser()
    check_writable(out)
    cameras = camera_of(args, settings)
    if args.calibration:
        require_shapes(paths, cameras)
    older = load_scales(out, None) if out.exists() else {}
    predictor = open_predictor(args.model, args.weights, args.device, args.precision)
    check_head(settings.router_mode, predictor.heads)
    _check_camera(predictor, args, settings)
    ratios: dict[str, list[NDArray[np.float64]]] = {}
    direction = Contradiction()
    for path in paths:
        stored = read_stored_image(path, settings.camera_bits)
        for text in stored.notes:
            print(f'{path}: {text}')
        camera, shape = cameras(stored.rgb.shape), stored.rgb.shape[:2]
        result = SequencePredictor(predictor, settings)(stored.rgb, camera, 0.0, [DEPTH])
        found = _ratios(result, predictor.network_size(*shape)[1], args, camera, direction)
        ratios.setdefault(result.head, []).append(found)
        missing = 'no floor' if args.distance is None else 'no depth of the target'
        text = (
            f'scale {np.median(found):.3f}'
            if found.size
            else f'{missing} was found within {result.range_m:.3g} m, the range of this head'
        )
        print(f'{path}: {result.head}, {text}', flush=True)
    if found_tilt := direction.finding(_expected_up(args)):
        print(f'WARNING  {found_tilt}: check --pitch and --roll')
    # Another head's scale in an older file stays.
    save_scales(out, {**older, **_combined(ratios, args)}, camera=args.camera)
    print(f'-> {out}; for the node: scale.file:={out.resolve()}')
    warn_of_weights(predictor.weights_warning)
    return 0


def _check(args: argparse.Namespace, settings: PipelineSettings) -> None:
    corrected = settings.focal_correction in ('scale', 'warp')
    is_known = settings.camera_hfov_rad or args.calibration
    if not is_known and (args.camera_height is not None or corrected):
        raise ValueError(
            '--camera-height, --focal-correction scale and --focal-correction warp need the field '
            'of view of the camera: give --hfov or --calibration'
        )
    if args.distance is None:
        refuse_idle(args, ['box'], 'needs --distance')
    else:
        refuse_idle(args, ['pitch', 'roll'], 'needs --camera-height')
    if not args.calibration:
        refuse_idle(args, ['camera.rectified'], 'needs --calibration')
    if settings.focal_correction == 'off':
        refuse_idle(args, ['camera.training_hfov'], 'needs a --focal-correction other than off')


def _check_camera(
    predictor: DepthPredictor, args: argparse.Namespace, settings: PipelineSettings
) -> None:
    """Raise ValueError where the node's focal correction needs a camera that is not given."""
    hfov_rad = settings.camera_training_hfov_rad or predictor.training_hfov_rad
    is_known = settings.camera_hfov_rad or args.calibration
    if not is_known and settings.focal_correction == 'auto' and hfov_rad > 0.0:
        raise ValueError(
            'with these weights the node corrects depth for the focal length, so the scale '
            'depends on the field of view of the camera: give --hfov or --calibration'
        )


def _ratios(
    result: ImageOutputs,
    network_width: int,
    args: argparse.Namespace,
    camera: CameraModel | None,
    direction: Contradiction,
) -> NDArray[np.float64]:
    """Return true over measured, (n,): pixels of the target, or one per image for the floor."""
    import numpy as np

    from zoedepth_ros.geometry.filters import flying_pixels, mask_beyond
    from zoedepth_ros.geometry.ground import fit_ground
    from zoedepth_ros.geometry.points import depth_to_points
    from zoedepth_ros.geometry.rays import rays
    from zoedepth_ros.geometry.scale import ratios_in_box, scale_from_height

    assert result.depth_m is not None
    depth_m = mask_beyond(result.depth_m, result.range_m)
    height, width = depth_m.shape
    if args.distance is not None:
        box = args.box or (width * 9 // 20, height * 9 // 20, width * 11 // 20, height * 11 // 20)
        return ratios_in_box(args.distance, box, depth_m).astype(np.float64)
    assert camera is not None
    is_edge = flying_pixels(depth_m, network_width=network_width)
    points_m = depth_to_points(np.where(is_edge, np.float32(np.nan), depth_m), rays(camera))
    up = _expected_up(args)
    if args.pitch is None:
        fit = fit_ground(points_m, up=up)
    else:
        fit = fit_ground(points_m, up=up, tolerance_rad=0.0)
    direction.take(fit, up)
    found = scale_from_height(fit.trusted, args.camera_height)
    if found is None or found.confidence < LEAST_CONFIDENCE:
        return np.empty(0)
    return np.array([found.scale])


def _expected_up(args: argparse.Namespace) -> tuple[float, float, float]:
    from zoedepth_ros.geometry.ground import up_from_angles

    return up_from_angles(math.radians(args.pitch or 0.0), math.radians(args.roll or 0.0))


def _combined(
    ratios: dict[str, list[NDArray[np.float64]]], args: argparse.Namespace
) -> dict[str, ScaleState]:
    """Combine the ratios of all images into one scale per head."""
    import numpy as np

    from zoedepth_ros.geometry.scale import HIGHEST_SCALE, LOWEST_SCALE, is_unusual, robust_scale
    from zoedepth_ros.pipeline.scale_file import CONVERGED, ScaleState

    by_height = args.distance is None
    known, option = ('the floor', '--camera-height') if by_height else ('the target', '--distance')
    states = {}
    # a floor is thousands of points behind one ratio, and five images of it are plenty
    weight = 10.0 if by_height else 1.0
    for head, several in ratios.items():
        found = robust_scale(np.concatenate(several), weight=weight)
        if found is None:
            continue
        states[head] = ScaleState(found.scale, found.scale, found.confidence, CONVERGED)
        print(
            f'{head}: scale {found.scale:.3f}, confidence {found.confidence:.0%}, spread of the '
            f'measurements {found.spread:.1%}'
        )
        if is_unusual(found.scale, by_height=by_height):
            table = ', and check that the floor is in view and not a table' if by_height else ''
            advice = f'check that {option} is in metres{table}'
            print(f'WARNING  {head}: a scale of {found.scale:.3g} is unusual: {advice}')
    if not states:
        raise ValueError(
            f'no image gives a scale from {LOWEST_SCALE:g} to {HIGHEST_SCALE:g} for {known}: '
            f'nothing is written (is {option} in metres?)'
        )
    return states
