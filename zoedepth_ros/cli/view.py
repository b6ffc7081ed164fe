"""`zoedepth view SOURCE`: image, depth, uncertainty, cloud and router in Rerun."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from zoedepth_ros.cli.arguments import add_network_options, rate_hz, refuse_idle, whole
from zoedepth_ros.cli.camera_options import (
    CameraOf,
    add_calibration_option,
    camera_of,
    require_shapes,
)
from zoedepth_ros.cli.exit_codes import DONE, FAILED
from zoedepth_ros.cli.reporting import progress
from zoedepth_ros.cli.settings import add_settings, check_scale_file, settings_of
from zoedepth_ros.errors import printable
from zoedepth_ros.files import IMAGE_SUFFIXES, check_writable
from zoedepth_ros.geometry.field_of_view import ASSUMED_DEG
from zoedepth_ros.pipeline.parameter import table_of
from zoedepth_ros.pipeline.settings import PipelineSettings
from zoedepth_ros.weights.known_weights import DEFAULT_MODEL

if TYPE_CHECKING:
    from zoedepth_ros.inference.result import DepthPredictor
    from zoedepth_ros.viewing.frame import ViewFrame

HELP = 'show depth in 3D with Rerun: of images, a video, a webcam, a recording or a live topic'

OF_RECORDED_DEPTH = frozenset(
    {
        *('camera.hfov', 'camera.rectified', 'camera.bits', 'depth.min', 'filter.edge'),
        *('cloud.decimation', 'cloud.color', 'cloud.max_range'),
    }
)
"""Parameters that have an effect on recorded depth: on its points, image and camera."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add(
        'sources',
        metavar='SOURCE',
        nargs='+',
        help='Images, a folder of images, a video, the number of a webcam, a recording, or a '
        'live /topic.',
    )
    add(
        '--save',
        metavar='FILE.rrd',
        help='Write a file that `rerun FILE.rrd` shows, instead of opening a viewer.',
    )
    add_network_options(parser, only_given=True)
    add(
        '--image',
        metavar='TOPIC',
        help='Topic of the images of a recording (default: the only image topic).',
    )
    add(
        '--camera-info',
        metavar='TOPIC',
        help='Topic of the calibration, recorded or live (default: camera_info in the namespace '
        'of the images).',
    )
    add(
        '--depth-topic',
        metavar='TOPIC',
        help='Topic of the recorded depth (default: /depth/image).',
    )
    add(
        '--predict',
        action='store_true',
        help='Predict depth from the images even if the recording contains depth.',
    )
    add(
        '--recover',
        action='store_true',
        help='Show the readable messages of a damaged recording.',
    )
    add_calibration_option(parser)
    add(
        '--rate',
        type=rate_hz,
        metavar='HZ',
        help='Largest number of frames of a video that are used per second (default: all).',
    )
    add(
        '--frames',
        type=whole(0),
        default=0,
        metavar='N',
        help='Number of images to show; 0 shows all (default: 0).',
    )
    add_settings(
        parser,
        besides=('depth.rate', 'cloud.rate', 'depth.encoding', 'scan', 'obstacles', 'cliffs'),
    )


def run(args: argparse.Namespace) -> int:
    """Show everything."""
    from zoedepth_ros.viewing.rerun_log import RerunLog, require_rerun, run_log
    from zoedepth_ros.viewing.viewer import require_screen

    require_rerun()
    if args.save:
        check_writable(Path(args.save).expanduser())
    else:
        require_screen()
    settings = settings_of(args)
    check_scale_file(settings)
    cameras = camera_of(args, settings)
    frames = _frames(args, settings, cameras)
    if args.calibration:
        frames = _with_camera(frames, cameras)
    first = next(frames, None)
    if first is None:
        raise ValueError(f'{" ".join(args.sources)}: there is no image and no recorded depth')
    predictor = _Predictor(args, settings)
    if first.depth_m is None and first.rgb is not None:
        predictor.build()
    log = RerunLog(
        about=predictor.about(),
        hfov_rad=predictor.hfov_rad(),
        settings=settings,
        max_points=_max_points(args, settings),
    )
    try:
        if args.save:
            log.save(Path(args.save).expanduser())
        else:
            log.spawn()
        shown = progress(chain([first], frames), None, 'frames')
        count = run_log(shown, log, predictor, args.frames)
        log.flush()
        print(f'{count} images with depth' + (f' -> {args.save}' if args.save else ''))
    finally:
        log.close()
    return DONE if count else FAILED


def _max_points(args: argparse.Namespace, settings: PipelineSettings) -> int:
    """Return the number of points that are shown at most; 0 for all."""
    from zoedepth_ros.viewing.rerun_log import MAX_POINTS

    is_given = getattr(args, 'cloud.decimation') is not None
    by_file = settings.cloud_decimation != PipelineSettings().cloud_decimation
    return 0 if is_given or by_file else MAX_POINTS


def _with_camera(frames: Iterator[ViewFrame], cameras: CameraOf) -> Iterator[ViewFrame]:
    """Return frames that come without a camera the one of --calibration."""
    for frame in frames:
        image = frame.depth_m if frame.rgb is None else frame.rgb
        if frame.camera is None and image is not None:
            frame = replace(frame, camera=cameras(image.shape))
        yield frame


def _frames(
    args: argparse.Namespace, settings: PipelineSettings, cameras: CameraOf
) -> Iterator[ViewFrame]:
    """Find out what the sources are."""
    from zoedepth_ros.cli.image_paths import find_images, require_readable
    from zoedepth_ros.viewing import moments

    name = args.sources[0]
    path = Path(name).expanduser()
    is_one = len(args.sources) == 1
    if is_one and _is_recording(path):
        refuse_idle(args, ['rate'], 'has an effect on videos only')
        require_readable([path])
        if args.predict:
            refuse_idle(
                args,
                ['depth_topic'],
                'has no effect with --predict, which reads no recorded depth',
            )
        return moments.recording_frames(
            path,
            image=args.image or '',
            camera_info=args.camera_info or '',
            depth_topic='' if args.predict else args.depth_topic or moments.DEFAULT_DEPTH_TOPIC,
            recover=args.recover,
            rectified=settings.camera_rectified,
            bits=settings.camera_bits,
            note=_note,
            begin=lambda topic: _check_recorded(args, topic),
        )
    refuse_idle(
        args, ('image', 'depth_topic', 'predict', 'recover'), 'has an effect on recordings only'
    )
    if is_one and name.startswith('/') and not path.exists():
        refuse_idle(args, ['rate'], 'has an effect on videos only')
        return _live_frames(args, settings)
    refuse_idle(args, ['camera_info'], 'has an effect on recordings and topics only')
    if not args.calibration:
        refuse_idle(
            args,
            ['camera.rectified'],
            'has an effect only with --calibration, recordings or topics',
        )
    if is_one and path.is_file() and path.suffix.lower() not in IMAGE_SUFFIXES:
        refuse_idle(args, ['camera.bits'], 'has an effect on images only')
        require_readable([path])
        return moments.video_frames(path, args.rate or 0.0)
    refuse_idle(args, ['rate'], 'has an effect on videos only')
    if is_one and ((name.isdigit() and not path.exists()) or path.is_char_device()):
        refuse_idle(args, ['camera.bits'], 'has an effect on images only')
        return moments.webcam_frames(int(name) if name.isdigit() else name)
    paths = find_images(args.sources)
    require_readable(paths)
    if args.calibration:
        require_shapes(paths, cameras)
    by_exif = not (args.calibration or settings.camera_hfov_rad)
    return moments.image_frames(paths, bits=settings.camera_bits, note=_note, by_exif=by_exif)


def _check_recorded(args: argparse.Namespace, topic: str) -> None:
    """Raise ValueError for options that do not fit a recording.

    topic: of its depth; '' if it has none.
    """
    if not topic:
        refuse_idle(args, ['depth_topic'], 'gives a topic that has no messages in this recording')
        return
    names = set(table_of(PipelineSettings)) - OF_RECORDED_DEPTH
    given = [name for name in sorted(names) if hasattr(args, name)]
    refuse_idle(
        args,
        ('model', 'weights', 'device', 'precision', *given),
        f'has no effect on the recorded depth ({topic}); --predict predicts depth anew',
    )


def _live_frames(args: argparse.Namespace, settings: PipelineSettings) -> Iterator[ViewFrame]:
    try:
        from zoedepth_ros.viewing.live_images import live_images
    except ModuleNotFoundError as error:
        raise ValueError(
            f'{args.sources[0]}: there is no such file, and a topic needs ROS 2 ({error})'
        ) from None
    return live_images(
        args.sources[0],
        args.camera_info or '',
        rectified=settings.camera_rectified,
        bits=settings.camera_bits,
        note=_note,
    )


@cache
def _note(text: str) -> None:
    """Print once how a source is read."""
    print(text, file=sys.stderr, flush=True)


def _is_recording(path: Path) -> bool:
    endings = ('.mcap', '.db3', '.mcap.zstd', '.db3.zstd')
    if not path.is_dir():
        return path.name.endswith((*endings, '.bag'))
    files = list(path.iterdir())
    has_images = any(file.suffix.lower() in IMAGE_SUFFIXES for file in files)
    return not has_images and any(file.name.endswith(endings) for file in files)


class _Predictor:
    """Add depth to a frame; the model is built when the first frame needs it."""

    def __init__(self, args: argparse.Namespace, settings: PipelineSettings) -> None:
        self._args, self._settings = args, settings
        self._predictor: DepthPredictor | None = None
        self._add: Callable[[ViewFrame], ViewFrame] | None = None

    def build(self) -> None:
        """Build the model."""
        from zoedepth_ros.build import open_predictor
        from zoedepth_ros.inference.result import check_head
        from zoedepth_ros.viewing.frame import adder

        args = self._args
        self._predictor = open_predictor(
            args.model or DEFAULT_MODEL,
            args.weights,
            args.device or 'auto',
            args.precision or 'auto',
        )
        check_head(self._settings.router_mode, self._predictor.heads)
        self._add = adder(
            self._predictor, self._settings, cloud_hfov_rad=self.hfov_rad(), note=_note
        )

    def hfov_rad(self) -> float:
        """Return the field of view to assume where calibration is missing [rad]."""
        learnt_rad = self._predictor.training_hfov_rad if self._predictor else 0.0
        default_rad = learnt_rad or math.radians(ASSUMED_DEG)
        return self._settings.camera_hfov_rad or default_rad

    def about(self) -> str:
        """Return what is shown, in Markdown."""
        from zoedepth_ros.viewing.frame import model_text

        source = printable(f'**Source** {" ".join(self._args.sources)}\n\n')
        predictor = self._predictor
        if predictor is None:
            return f'{source}Depth as it was recorded.'
        model = f'{predictor.model_name} on {predictor.device}, {predictor.precision}'
        return source + model_text(model, predictor.weights_origin, predictor.weights_warning)

    def __call__(self, frame: ViewFrame) -> ViewFrame:
        if self._add is None:
            self.build()
        assert self._add is not None
        return self._add(frame)
