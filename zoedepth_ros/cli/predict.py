"""`zoedepth predict IMAGE…`: depth of images and videos, as files."""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from zoedepth_ros.cli.arguments import add_network_options, rate_hz, refuse_idle
from zoedepth_ros.cli.camera_options import (
    CameraOf,
    add_calibration_option,
    camera_of,
    wrong_shapes,
)
from zoedepth_ros.cli.exit_codes import DONE, FAILED
from zoedepth_ros.cli.reporting import warn_of_weights
from zoedepth_ros.cli.settings import add_settings, check_scale_file, settings_of
from zoedepth_ros.errors import explained
from zoedepth_ros.files import WriteError, check_folder
from zoedepth_ros.geometry.field_of_view import ASSUMED_DEG
from zoedepth_ros.pipeline.settings import PipelineSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoedepth_ros.inference.result import DepthPredictor
    from zoedepth_ros.media.files import StoredImage
    from zoedepth_ros.pipeline.sequence import ImageOutputs

HELP = (
    'write the depth of images (PNG [mm], NumPy array, colours, point cloud) and videos (PNG, '
    'colours)'
)

DEFAULTS = PipelineSettings(cloud_decimation=1)
"""Those of the node, but every pixel becomes a point."""

NO_EFFECT = (
    *('depth.rate', 'cloud.rate', 'depth.encoding', 'cloud.organized'),
    *('scan', 'obstacles', 'cliffs'),
)
"""Parameters, or groups of them, of outputs that this command does not have."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add('images', metavar='IMAGE', nargs='+', help='Image, folder of images, or video.')
    add(
        '--out',
        metavar='DIR',
        default='out/predict',
        help='Folder that the results are written to (default: %(default)s).',
    )
    add_network_options(parser)
    add(
        '--preprocessing',
        default='metric',
        choices=('metric', 'official'),
        help='metric resizes the image and keeps the metric scale of depth; official pads the '
        'image as the demo of the ZoeDepth authors does, which changes the scale (default: '
        '%(default)s).',
    )
    add(
        '--flip',
        action='store_true',
        help='Average the depth with the depth of the mirror image. This option doubles the '
        'computing time.',
    )
    add_calibration_option(parser)
    add(
        '--rate',
        type=rate_hz,
        metavar='HZ',
        help='Largest number of frames of a video that are used per second (default: all).',
    )
    add_settings(parser, DEFAULTS, besides=NO_EFFECT)


def run(args: argparse.Namespace) -> int:
    """Predict every image; one that cannot be read is reported and the others continue."""
    from dataclasses import replace

    from zoedepth_ros.cli.image_paths import find_images, output_names, unreadable
    from zoedepth_ros.cli.videos import is_video
    from zoedepth_ros.geometry.intrinsics import CameraError
    from zoedepth_ros.inference.result import ContextLost, InferenceError, check_head
    from zoedepth_ros.media.files import ImageFileError

    paths = find_images(args.images)
    targets = dict(zip(paths, output_names(paths), strict=True))
    usable = _usable(paths, unreadable(paths))
    _refuse_idle(args, [is_video(path) for path in usable])
    settings = replace(settings_of(args, DEFAULTS), cloud_organized=True)
    check_scale_file(settings)
    out = Path(args.out).expanduser()
    _refuse_overwriting(paths, [out / name for name in targets.values()])
    check_folder(out)
    cameras = camera_of(args, settings)
    if args.calibration:
        usable = _usable(usable, wrong_shapes(usable, cameras))
    predictor = _predictor(args)
    check_head(settings.router_mode, predictor.heads)
    out.mkdir(parents=True, exist_ok=True)
    _print_model(predictor, settings, args)
    failures = len(paths) - len(usable)
    for number, path in enumerate(usable, 1):
        print(f'[{number}/{len(usable)}] {path}', flush=True)
        try:
            if is_video(path):
                _video(path, out / targets[path], predictor, settings, cameras, args.rate or 0.0)
            else:
                _image(path, out / targets[path], predictor, settings, cameras)
            continue
        except (WriteError, ContextLost):  # the next one would fail too
            raise
        except (InferenceError, CameraError) as error:
            _print_error(f'{path}: {error}')
        except (ImageFileError, OSError) as error:
            _print_error(explained(error))
        failures += 1
    warn_of_weights(predictor.weights_warning)
    if failures:
        _print_error(f'{failures} of {len(paths)} inputs failed')
    return FAILED if failures else DONE


def _usable(paths: list[Path], problems: dict[Path, str]) -> list[Path]:
    """Return the paths without a problem, print the others; ValueError if none is left."""
    reasons = [f'{path}: {reason}' for path, reason in problems.items()]
    if len(reasons) == len(paths):
        raise ValueError('; '.join(reasons))
    for reason in reasons:
        _print_error(reason)
    return [path for path in paths if path not in problems]


def _refuse_idle(args: argparse.Namespace, are_videos: list[bool]) -> None:
    """Raise ValueError for an option that has no effect on these inputs."""
    if not any(are_videos):
        refuse_idle(args, ['rate'], 'has an effect on videos only')
    if not args.calibration:
        refuse_idle(args, ['camera.rectified'], 'needs --calibration')
    if all(are_videos):
        clouds = ('filter.edge', 'cloud.decimation', 'cloud.color', 'cloud.max_range')
        refuse_idle(args, clouds, 'has an effect on images only: a video gets no cloud')
        refuse_idle(args, ['camera.bits'], 'has an effect on images only')


def _image(
    path: Path,
    target: Path,
    predictor: DepthPredictor,
    settings: PipelineSettings,
    cameras: CameraOf,
) -> None:
    """Predict one image; raises ImageFileError and OSError if it cannot be read."""
    from zoedepth_ros.geometry.intrinsics import assumed_camera
    from zoedepth_ros.pipeline.sequence import SequencePredictor

    stored = _read(path, settings.camera_bits)
    start_s = time.perf_counter()
    shape = stored.rgb.shape
    camera = cameras(shape) or assumed_camera(shape, stored.hfov_rad)
    alone = SequencePredictor(predictor, settings, cloud_hfov_rad=_assumed_hfov_rad(predictor))
    found = alone(stored.rgb, camera, 0.0)
    _describe(found, time.perf_counter() - start_s)
    _write(target, found, settings, predictor.weights_warning)


def _video(
    path: Path,
    target: Path,
    predictor: DepthPredictor,
    settings: PipelineSettings,
    cameras: CameraOf,
    rate_hz: float,
) -> None:
    """Predict one video; raises ImageFileError and OSError if it cannot be read."""
    from zoedepth_ros.cli.videos import predict_video
    from zoedepth_ros.media.files import ImageFileError
    from zoedepth_ros.pipeline.sequence import SequencePredictor

    path.open('rb').close()  # OpenCV gives no reason
    try:
        sequence = SequencePredictor(predictor, settings)
        predict_video(path, target, sequence, cameras, rate_hz, predictor.weights_warning)
    except ValueError as error:
        raise ImageFileError(str(error)) from None


def _predictor(args: argparse.Namespace) -> DepthPredictor:
    """Build the predictor; an error about fetching weights lists alternatives."""
    from zoedepth_ros.build import open_predictor
    from zoedepth_ros.weights.fetch import FetchError
    from zoedepth_ros.weights.known_weights import MODELS, embedded_path

    try:
        return open_predictor(
            args.model,
            args.weights,
            args.device,
            args.precision,
            args.preprocessing,
            flip_augmentation=args.flip,
        )
    except FetchError as error:
        embedded = [name for name in MODELS if embedded_path(name)]
        instead = ''.join(f'  --model {name}  (in this package)\n' for name in embedded)
        raise FetchError(
            f'{error}\nThese options need no download:\n{instead}  --model ZoeD_tiny_NK '
            '--weights random  (for tests only: it gives no real depth)'
        ) from None


def _print_model(
    predictor: DepthPredictor, settings: PipelineSettings, args: argparse.Namespace
) -> None:
    from zoedepth_ros.inference.result import convention_of

    print(f'model    {predictor.model_name} on {predictor.device}, {predictor.precision}')
    print(f'weights  {predictor.weights_origin}')
    warn_of_weights(predictor.weights_warning)
    if args.calibration:
        print(f'camera   {args.calibration}')
    elif convention_of(predictor).needs_camera:
        if not settings.camera_hfov_rad:
            print(
                'camera   the network needs the field of view, which is read from the EXIF data '
                'of each image; --hfov sets another one'
            )
    elif not settings.camera_hfov_rad:
        is_corrected = predictor.training_hfov_rad and settings.focal_correction != 'off'
        for_what = 'depth and cloud' if is_corrected else 'the cloud'
        hfov_deg = math.degrees(_assumed_hfov_rad(predictor))
        print(
            f'camera   a field of view of {hfov_deg:g} degrees is assumed for {for_what} of '
            'images without a focal length in EXIF; set the field of view of your camera with '
            '--hfov or --calibration'
        )


def _read(path: Path, bits: int) -> StoredImage:
    """Read an image and print its size and what EXIF contains."""
    from zoedepth_ros.media.files import read_stored_image
    from zoedepth_ros.media.image_header import MEANING, UPRIGHT

    stored = read_stored_image(path, bits)
    height, width = stored.rgb.shape[:2]
    turned = '' if stored.orientation == UPRIGHT else f', EXIF: {MEANING[stored.orientation]}'
    hfov_deg = math.degrees(stored.hfov_rad)
    by_exif = f', EXIF: field of view {hfov_deg:.0f} degrees' if stored.hfov_rad else ''
    print(f'    {width} x {height} px{turned}{by_exif}')
    for text in stored.notes:
        print(f'    {text}')
    return stored


def _describe(found: ImageOutputs, elapsed_s: float) -> None:
    assert found.depth_m is not None
    shares = ', '.join(f'{head} {p:.1%}' for head, p in (found.router_probabilities or {}).items())
    router = f' (router: {shares})' if shares else ''
    print(f'    {_range_text(found.depth_m)}; head {found.head}{router}; {elapsed_s:.2f} s')
    for text in found.notices:
        print(f'    {text}')


def _range_text(depth_m: NDArray[np.float32]) -> str:
    """Return smallest, largest and median depth, or why no pixel has depth."""
    import numpy as np

    known_m = depth_m[np.isfinite(depth_m)]
    if known_m.size:
        return f'{known_m.min():.2f} to {known_m.max():.2f} m, median {np.median(known_m):.2f} m'
    return (
        f'no depth: {np.mean(depth_m == -np.inf):.0%} of the pixels are nearer than --depth-min, '
        f'{np.mean(depth_m == np.inf):.0%} are sky or farther than --depth-max, '
        f'{np.mean(np.isnan(depth_m)):.0%} are unknown'
    )


def _write(target: Path, found: ImageOutputs, settings: PipelineSettings, warning: str) -> None:
    """Write the four files of one image."""
    from zoedepth_ros.geometry.points import unpack_rgb
    from zoedepth_ros.media.files import write_depth_png, write_image, write_npy, write_ply
    from zoedepth_ros.media.panel import draw_depth_with_scale

    assert found.depth_m is not None
    assert found.points is not None
    png, npy, color, ply = _files(target)
    too_far = write_depth_png(png, found.depth_m)
    write_npy(npy, found.depth_m)
    write_image(color, draw_depth_with_scale(found.depth_m, warning=warning))
    rgb = unpack_rgb(found.points) if settings.cloud_color else None
    std_m = found.points[..., 4] if settings.cloud_uncertainty else None
    count = write_ply(ply, found.points[..., :3], rgb, std_m)
    if too_far:
        print(
            f'    {too_far} pixels beyond 65.535 m are 0 in the 16-bit PNG; the .npy file has '
            'the depth of these pixels'
        )
    dropped = found.points.shape[0] * found.points.shape[1] - count
    left_out = (
        f', {dropped} pixels without a point (no depth, at an edge, or too far)' if dropped else ''
    )
    print(f'    {count} points{left_out}')
    print(f'    -> {png}, {npy.name}, {color.name}, {ply.name}')


def _assumed_hfov_rad(predictor: DepthPredictor) -> float:
    """Return the default field of view of a cloud: the training camera's, or ZoeDepth's."""
    return predictor.training_hfov_rad or math.radians(ASSUMED_DEG)


def _files(target: Path) -> list[Path]:
    endings = ('_depth.png', '_depth.npy', '_color.png', '.ply')
    return [target.with_name(target.name + ending) for ending in endings]


def _refuse_overwriting(paths: list[Path], targets: list[Path]) -> None:
    """Raise ValueError when a result would replace one of the images."""
    inputs = {path.resolve() for path in paths}
    for target in targets:
        for file in (*_files(target), target.with_name(f'{target.name}_color.mp4')):
            if file.resolve() in inputs:
                raise ValueError(
                    f'the result {file} would replace one of the input images: choose another '
                    'folder for --out'
                )


def _print_error(text: str) -> None:
    sys.stdout.flush()
    print(f'zoedepth: error: {text}', file=sys.stderr)
